//! `/releases`.

pub mod list;
