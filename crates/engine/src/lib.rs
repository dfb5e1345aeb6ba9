//! The engine: the lake where records are kept, and the only crate that speaks DataFusion and Delta Lake.
//!
//! | module | what it holds |
//! |---|---|
//! | [`lake`] | durable tables of records, read as ordered buckets |
//! | [`events`] | the store of events: a part of the lake with runs and hot columns |
//! | [`exec`] | operators: the scan with its versions, the streaming revenue fold; rates of exchange |
//! | [`functions`] | SQL functions and aggregates |
//! | [`facts`] | SQL files over records, registered as views |
//! | [`cache`] | partial aggregates by bucket and version |
//! | [`plan`] | requests of the metrics crate to plans; rows behind numbers; users' SQL |

pub mod cache;
pub mod events;
pub mod exec;
pub mod facts;
pub mod functions;
pub mod lake;
pub mod plan;

pub use facts::{FactFile, FactSchema};
pub use plan::engine::{Engine, EngineOptions};
pub use plan::error::EngineError;
