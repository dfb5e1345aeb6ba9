//! From a request of the metrics crate to a DataFusion plan and back.
//!
//! | module | what it plans |
//! |---|---|
//! | [`engine`] | the session: tables, facts, functions, rates, limits |
//! | [`frame`] | the rows of a fact, joined to the customer, filtered, with dimensions as columns |
//! | [`sums`] | sums, counts, balances and numbers of entities: one scan for all requests that share their rows |
//! | [`single`] | distinct counts, smallest and largest values |
//! | [`cohort`] | balances at the start and the end of a span |
//! | `hot` | which questions the hot columns of events answer |
//! | `visits` | figures over visits from the hot columns |
//! | [`groups`] | what questions about events are broken down by |
//! | [`standing`] | what customers paid for over time, for dimensions by plan, MRR band and cohort |
//! | [`people`] | the persons behind a number |
//! | [`rows`] | the rows behind a number |
//! | [`sql`] | read-only SQL of users |

pub mod actives;
pub mod cohort;
pub mod conversion;
pub mod engine;
pub mod error;
pub mod frame;
pub mod groups;
mod hot;
mod people;
pub mod rows;
pub mod single;
pub mod sql;
mod standing;
pub mod sums;
mod visits;
