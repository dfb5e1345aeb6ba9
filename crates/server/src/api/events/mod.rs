//! `/events`.

pub mod names;
pub mod recent;
pub mod write;
