//! `/usage`.

pub mod get;
