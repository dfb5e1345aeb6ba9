//! `/customers`.

pub mod get;
pub mod list;
