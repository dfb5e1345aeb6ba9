//! `/persons`.

pub mod delete;
pub mod get;
pub mod list;
pub mod unlink;
