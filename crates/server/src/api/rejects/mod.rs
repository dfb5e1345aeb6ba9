//! `/rejects`.

pub mod list;
pub mod replay;
