//! `/funnel`.

pub mod get;
