//! `/dashboards`.

pub mod get;
pub mod list;
