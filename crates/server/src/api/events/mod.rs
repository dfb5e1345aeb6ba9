//! `/events`.

pub mod write;
