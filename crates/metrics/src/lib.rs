//! Metric definitions, queries and their results: pure, no I/O, no engine.
//!
//! | step | where | what comes out |
//! |---|---|---|
//! | a page is read | [`page`], [`formula`], [`example`] | [`definition::Metric`] |
//! | pages are checked together | [`catalog`] | [`catalog::Catalog`] |
//! | a question is read | [`query`] | [`query::Query`] |
//! | it is planned | [`plan`](mod@plan) | [`base::BaseRequest`]s for the engine |
//! | the engine's answers are put together | [`evaluate`](mod@evaluate) | [`result::QueryResult`] |
//! | a change is explained | [`insight`] | trees, splits, sentences |

pub mod base;
pub mod catalog;
mod curve;
pub mod definition;
pub mod evaluate;
pub mod example;
pub mod fact;
pub mod formula;
pub mod insight;
pub mod page;
pub mod plan;
pub mod query;
pub mod result;
mod sql;

pub use catalog::Catalog;
pub use definition::{BandLimit, Metric};
pub use evaluate::evaluate;
pub use plan::{Plan, plan};
pub use query::{Context, Query};
pub use result::QueryResult;

#[cfg(test)]
mod tests;
