//! `/paths`.

pub mod get;
