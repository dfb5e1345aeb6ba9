//! Physical operators of Burgeon and what they read from.

mod lake_source;
pub mod movements;
pub mod rates;
mod scan;
mod source;

pub use movements::MovementsExec;
pub use rates::RateBook;
pub use scan::{RecordScanExec, RecordTable};
pub use source::RecordSource;
