//! Hot columns: the histories of persons as narrow files beside the lake, kept by intake and rebuildable from it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`store`] | [`HotStore`]: taking rows in, identity, upkeep |
//! | [`rows`] | what goes in and what comes out: [`NewRows`], [`Verdict`], [`PersonRow`] |
//! | [`snapshot`] | [`Snapshot`]: one unchanging view, and running kernels over it |
//! | [`question`] | [`Question`]: conditions, breakdown, filters and span of a question |
//! | [`bulk`] | [`Bulk`]: many rows at once in bounded memory |
//! | [`error`] | what can go wrong |
//!
//! # Words
//!
//! An *identifier* is a text under which events come (`distinct_id`); each has a dense *number* in order of first
//! sight. A *person* is a set of identifiers that links hold together; its number is the lowest number among them.
//! So a new identifier that joins a known person takes over that person's number and no row moves.
//!
//! # Durability
//!
//! Nothing here is the truth: the intake log and the lake are. [`HotStore::append`] works in memory;
//! [`HotStore::checkpoint`] makes all of it durable and gives the log position up to which the files are complete.
//! After a crash the files are as of the last checkpoint (never in between), and whoever owns the log appends what
//! lies above [`HotStore::complete_through`] again. Rows that are there already are recognised by their identifier.

mod assemble;
mod block;
pub mod bulk;
mod cache;
mod chunked;
mod codes;
mod column;
mod days;
mod dictionary;
mod disk;
pub mod error;
mod manifest;
mod numbers;
mod overlay;
mod plan;
pub mod question;
mod recent;
pub mod rows;
mod scan;
pub mod snapshot;
pub mod store;
mod upkeep;
mod view;
mod warm;

pub use bulk::{Bulk, BulkOutcome, Coded, PARTITION, Prepared, Waiting};
pub use chunked::Persons;
pub use codes::{ReadTexts, Texts};
pub use error::{HotError, Result};
pub use question::{Breakdown, Filter, Question};
pub use recent::RowRef;
pub use rows::{Appended, NewRows, PersonRow, Verdict, event_key};
pub use snapshot::{NameSeen, Snapshot};
pub use store::{Admitted, Deleted, HotOptions, HotStore, Maintained, Stats};
pub use upkeep::Give;
pub use view::OVERFULL;
