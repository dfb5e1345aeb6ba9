//! `/records`.

pub mod get;
pub mod write;
