//! `/changes`.

pub mod list;
