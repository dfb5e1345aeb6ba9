//! The event store: where events of persons are kept. A part of the [lake](crate::lake): the same intake log, the same
//! group commit, the same announcements; `lake.events()` gives it.
//!
//! | module | what it holds |
//! |---|---|
//! | `batch`, `properties` | the columns of an event; values out of the JSON of its properties |
//! | `append` | intake: dedupe, numbers, the log, the tail |
//! | `state` | the content at one moment: runs on disk and the tail in memory |
//! | `run` | runs: Parquet files sorted by (person number, time, arrival) |
//! | `merge` | one sorted stream out of several runs, in bounded memory |
//! | `maintain` | flush, merge of runs, retention by age |
//! | `bulk`, `spill` | imports |
//! | `delete` | removal of a person |
//! | `identity` | links of the ledger, told to the hot columns |
//! | `named`, `people` | the customers that events name; the person and the customer of every number |
//! | `table` | the SQL table `events` |
//! | `ask`, `usual` | questions to the hot columns; making properties hot when asked for, or before |
//! | `person` | one person, their history; what arrived last |
//! | `latest` | what happened last |
//! | `check` | what is wrong, in words |
//!
//! # How it hangs together
//!
//! [`Lake::append`]`("events", …)` and [`EventStore::append`] are the same thing. [`Lake::versions`] has the table
//! `events`, [`Lake::subscribe`] tells of its changes, [`Lake::flush`], [`Lake::compact`], [`Lake::maintain`],
//! [`Lake::vacuum`] and [`Lake::check`] take it along. Persons and links are ordinary rows of the ledger tables `persons`
//! and `identity_links` (`lake.append("identity_links", …)`); the event store follows them by itself: at the return of
//! such an append, questions see the new identities. A link is taken back by a row with `_deleted` of the same key.
//!
//! # What happens to a row
//!
//! An append is answered when its rows are in the intake log on disk. A row whose (`distinct_id`, `event_id`) is there
//! already is left out and counted, whether it came a second or a year ago. Then the rows go into the hot columns
//! (crate `burgeon-events`) and into the tail in memory, so that questions and SQL see them at once. A flush writes the
//! tail as one run, sorted, and commits it to the Delta table `lake/events` with the log position as the transaction, so
//! that a crash at any point neither loses nor doubles a row. Runs are merged as they pile up. The hot columns can be
//! made anew from the runs and the log at any time.

pub(crate) mod append;
mod ask;
mod batch;
mod bulk;
pub(crate) mod check;
mod delete;
pub(crate) mod identity;
mod latest;
mod maintain;
mod merge;
mod named;
pub(crate) mod open;
mod people;
mod person;
mod properties;
mod run;
mod spill;
pub(crate) mod state;
mod table;
mod usual;
mod visits;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;

pub use bulk::EventBulk;
pub use burgeon_events::{Breakdown, Filter, NameSeen, PersonRow, Question, Snapshot, Stats};
pub use delete::{DeletedPerson, Removal};
pub use person::{Identifier, Person};
pub use table::{EventsScanExec, EventsTable};

pub(crate) use batch::TABLE;
pub(crate) use table::Wanted;
pub(crate) use visits::{VisitsQuestion, VisitsScan, VisitsWork};

use crate::lake::{Lake, Result, Shared};

/// The event store of a lake. Cheap to clone; keeps the lake open.
#[derive(Debug, Clone)]
pub struct EventStore(Lake);

impl EventStore {
    pub(crate) fn of(lake: &Lake) -> Self {
        Self(lake.clone())
    }

    pub(crate) fn lake(&self) -> &Lake {
        &self.0
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.0.shared()
    }

    /// Rows in the table. Reads footers of files that were not read yet.
    pub fn rows_total(&self) -> Result<u64> {
        let events = self.shared().events.sound()?;
        events.state().rows(&events.columns)
    }

    /// Content version: another one whenever the rows or their persons or customers have changed.
    pub fn version(&self) -> u64 {
        let shared = self.shared();
        let tables = [people::PERSONS, "customers", "customer_merges"];
        let tables = tables.iter().filter_map(|name| Some(shared.table(name).ok()?.state().version()));
        tables.fold(shared.events.state().version, u64::max)
    }

    /// As [`EventStore::version`], but another one also when the same rows lie elsewhere: what was computed from one
    /// partition of a scan counts for this version only.
    pub(crate) fn layout(&self) -> u64 {
        self.version().max(self.shared().events.state().layout)
    }

    /// Number of partitions of a scan.
    pub fn partitions(&self) -> usize {
        self.shared().options.threads.max(1)
    }

    /// The SQL table.
    pub fn provider(&self) -> Arc<dyn TableProvider> {
        Arc::new(EventsTable::new(self.clone()))
    }

    /// The hot columns at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.shared().events.hot.snapshot()
    }

    /// Size of the hot columns.
    pub fn stats(&self) -> Stats {
        self.shared().events.hot.stats()
    }

    /// The event names that were seen, with counts, in order of first sight.
    pub fn names(&self) -> Result<Vec<NameSeen>> {
        Ok(self.snapshot().names()?)
    }

    /// Oldest and newest time of an event, µs UTC; `None` when there are none.
    pub fn span(&self) -> Result<Option<(i64, i64)>> {
        Ok(self.snapshot().span())
    }
}

/// The columns of the SQL table `events`.
pub(crate) fn schema() -> Result<SchemaRef> {
    Ok(batch::Columns::new()?.shown)
}
