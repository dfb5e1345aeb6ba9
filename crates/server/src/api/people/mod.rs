//! `/people`.

pub mod get;
