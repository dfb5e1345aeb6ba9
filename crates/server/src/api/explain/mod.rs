//! `/explain`.

pub mod get;
