//! `/stickiness`.

pub mod get;
