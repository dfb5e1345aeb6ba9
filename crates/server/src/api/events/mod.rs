//! `/events`.

pub mod live;
pub mod names;
pub mod recent;
pub mod write;
