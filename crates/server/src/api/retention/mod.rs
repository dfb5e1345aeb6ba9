//! `/retention`.

pub mod get;
