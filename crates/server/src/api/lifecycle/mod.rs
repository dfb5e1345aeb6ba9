//! `/lifecycle`.

pub mod get;
