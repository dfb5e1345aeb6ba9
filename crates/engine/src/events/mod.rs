//! The event store: where events of persons are kept. A part of the [lake](crate::lake): the same intake log, the same
//! group commit, the same announcements; `lake.events()` gives it.
//!
//! | module | what it holds |
//! |---|---|
//! | `batch` | the columns of an event, and what is kept of them in the log and in memory |
//! | `append` | intake: dedupe, numbers, the log, the tail |
//! | `state` | the content at one moment: runs on disk and the tail in memory |
//! | `run` | runs: Parquet files sorted by (person number, time, arrival) |
//! | `merge` | one sorted stream out of several runs, in bounded memory |
//! | `maintain` | flush, merge of runs, retention by age |
//! | `bulk` | imports |
//! | `delete` | removal of a person |
//! | `identity` | links and persons of the ledger, told to the hot store |
//! | `people` | the person and the customer of every number |
//! | `table` | the SQL table `events` |
//! | `ask` | questions to the hot store, breakdowns by attributes of persons and customers |
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

use arrow::array::RecordBatch;
use burgeon_core::behaviour::Kernel;
use burgeon_events::{Question, Snapshot};

use crate::lake::{Appended, Lake, Result};

/// The event store of a lake. Cheap to clone; keeps the lake open.
#[derive(Debug, Clone)]
pub struct EventStore(Lake);

/// One person, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's number in answers of kernels; stays the same until identities change.
    pub number: u32,
    /// The main identifier: the identified user's id when there is one, else the first identifier seen.
    pub person_id: String,
    /// Every identifier of the person, the main one first.
    pub identifiers: Vec<String>,
    /// The customer that the person belongs to, if known.
    pub customer_id: Option<String>,
    /// Time of the newest event, µs UTC; `None` for a person without events.
    pub last_at: Option<i64>,
}

/// What is known of one event name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventName {
    /// The name.
    pub event: String,
    /// Events seen.
    pub count: u64,
    /// Time of the first, µs UTC.
    pub first_at: i64,
    /// Time of the last, µs UTC.
    pub last_at: i64,
}

/// What was removed with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeletedPerson {
    /// Identifiers of the person.
    pub identifiers: u64,
    /// Events removed.
    pub events: u64,
    /// Entries of the intake log that were rewritten or dropped.
    pub log_entries: u64,
    /// Rows of `persons` and `identity_links` removed.
    pub records: u64,
    /// Files rewritten.
    pub files: u64,
}

impl EventStore {
    /// Appends events: columns of the table `events` in any order, missing optional ones are filled in, `_source`
    /// and `_origin` may be there. At return the rows are on disk and every question sees them; concurrent appends
    /// share one fsync. [`Appended::unchanged`] counts rows that were there already, [`Appended::replaced`] is 0.
    ///
    /// # Errors
    /// [`LakeError::Rows`](crate::lake::LakeError::Rows) when the batch does not fit or brings a 60,001st event name,
    /// [`LakeError::Pressure`](crate::lake::LakeError::Pressure) when too many rows wait (HTTP 429; nothing was taken),
    /// [`LakeError::DiskFull`](crate::lake::LakeError::DiskFull) when nothing was taken for want of space.
    pub async fn append(&self, batch: RecordBatch) -> Result<Appended>;

    /// Rows that were given to [`EventStore::append`] and are not answered yet.
    pub fn pending_rows(&self) -> usize;

    /// Starts an import. Nothing is visible before [`EventBulk::finish`]; then all of it is.
    pub fn bulk(&self) -> Result<EventBulk>;
    // EventBulk: write(&self, &RecordBatch) -> Result<()>; async finish(self) -> Result<BulkSummary>

    /// Rows in the table.
    pub fn rows_total(&self) -> u64;

    /// Oldest and newest time of an event, µs UTC; `None` when there are none.
    pub fn span(&self) -> Option<(i64, i64)>;

    /// The event names seen, most frequent first.
    pub fn names(&self) -> Vec<EventName>;

    /// The names of properties seen with the newest events of a name.
    pub async fn properties(&self, event: &str) -> Result<Vec<String>>;

    /// The hot columns at this moment.
    pub fn snapshot(&self) -> Snapshot;

    /// Answers one question. Properties that conditions, filters or the breakdown name and that are not hot yet are
    /// made hot first, which reads the events once.
    pub async fn ask<K: Kernel + Send + 'static>(&self, question: Question, kernel: K) -> Result<K::Partial>;

    /// The person of any of their identifiers.
    pub async fn person(&self, identifier: &str) -> Result<Option<Person>>;

    /// Persons by number, as answers of kernels name them; unknown numbers are left out.
    pub async fn people(&self, numbers: Vec<u32>) -> Result<Vec<Person>>;

    /// Events of a person, newest first, at most `limit`, before `before` (µs UTC). Columns as in SQL.
    pub async fn history(&self, identifier: &str, before: Option<i64>, limit: usize) -> Result<RecordBatch>;

    /// The events that arrived last, newest first, at most `limit`. Columns as in SQL.
    pub async fn recent(&self, limit: usize) -> Result<RecordBatch>;

    /// Removes a person by any of their identifiers, with all events, traits and links, from runs, hot columns, ledger
    /// and intake log. `None` when nobody has the identifier.
    pub async fn delete_person(&self, identifier: &str) -> Result<Option<DeletedPerson>>;
}

// On the engine (crate::plan): `Engine::events() -> Option<EventStore>`, and
// `Engine::event_groups(&GroupBy, most) -> Groups { by: Breakdown, texts: Vec<Option<String>> }` with
// `GroupBy::{None, Event(dimension), Person(attribute), Customer(attribute)}`: what a question is broken down by.
