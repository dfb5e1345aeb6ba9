//! `/workspace`.

pub mod get;
