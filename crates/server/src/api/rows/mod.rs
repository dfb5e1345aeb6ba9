//! `/rows`.

pub mod list;
