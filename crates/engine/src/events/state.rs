//! What the event store shares: the content at one moment, and what keeps it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use burgeon_events::HotStore;
use parking_lot::{Mutex, RwLock};

use super::EventStore;
use super::batch::{self, Columns};
use super::identity::Identity;
use super::people::PeopleCache;
use super::run::Run;
use crate::lake::append::Request;
use crate::lake::check::Finding;
use crate::lake::delta::DeltaLog;
use crate::lake::{LakeError, Result};

/// Rows in the tail that one batch should have at least: smaller ones are brought together.
const SMALL: usize = 4_096;
/// Small batches that are left as they are.
const MOST_SMALL: usize = 32;

/// Rows that are in the intake log and not in a run yet, with their numbers and positions.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub rows: RecordBatch,
    /// The newest log position among the rows.
    pub position: u64,
}

/// The content of the table at one moment. Readers keep the state that they started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventsState {
    /// Files on disk, in the order of arrival of their rows.
    pub runs: Vec<Arc<Run>>,
    /// Rows in memory, in the order of arrival.
    pub tail: Vec<Arc<Chunk>>,
    /// Log position up to which rows are in this state.
    pub position: u64,
    /// Log position up to which rows are in runs.
    pub flushed: u64,
    /// Changes exactly when the content changes.
    pub version: u64,
    /// Changes whenever rows lie elsewhere, so that a scan is cut otherwise.
    pub layout: u64,
}

impl EventsState {
    /// Rows that are only in the log and in memory.
    pub fn unflushed(&self) -> usize {
        self.tail.iter().map(|chunk| chunk.rows.num_rows()).sum()
    }

    /// All rows. Reads footers of files that were not read yet.
    pub fn rows(&self, columns: &Columns) -> Result<u64> {
        let mut rows = self.unflushed() as u64;
        for run in &self.runs {
            rows += run.rows(columns)? as u64;
        }
        Ok(rows)
    }

    /// Adds rows to the tail; small batches are brought together as they pile up.
    pub fn push(&mut self, columns: &Columns, rows: RecordBatch, position: u64) -> Result<()> {
        self.position = self.position.max(position);
        self.tail.push(Arc::new(Chunk { rows, position }));
        let small = self.tail.iter().rev().take_while(|chunk| chunk.rows.num_rows() < SMALL).count();
        if small > MOST_SMALL {
            let together = self.tail.split_off(self.tail.len() - small);
            let rows: Vec<&RecordBatch> = together.iter().map(|chunk| &chunk.rows).collect();
            self.tail.push(Arc::new(Chunk { rows: columns.concat(&rows)?, position }));
        }
        Ok(())
    }

    /// Drops the rows of the tail up to a log position.
    pub fn forget(&mut self, position: u64) -> Result<()> {
        let mut left = Vec::with_capacity(self.tail.len());
        for chunk in self.tail.drain(..).filter(|chunk| chunk.position > position) {
            let positions = batch::positions(&chunk.rows)?.values();
            if positions.iter().all(|at| *at as u64 > position) {
                left.push(chunk);
                continue;
            }
            // Brought together after the flush began.
            let keep = positions.iter().map(|at| Some(*at as u64 > position)).collect();
            let rows = arrow::compute::filter_record_batch(&chunk.rows, &keep)?;
            left.push(Arc::new(Chunk { rows, position: chunk.position }));
        }
        self.tail = left;
        self.flushed = self.flushed.max(position);
        Ok(())
    }

    /// Replaces files.
    pub fn replace(&mut self, old: &[Arc<Run>], new: impl IntoIterator<Item = Arc<Run>>) {
        self.runs.retain(|run| !old.iter().any(|old| Arc::ptr_eq(old, run)));
        self.runs.extend(new);
        self.order();
    }

    /// Puts files in their order of arrival.
    pub fn order(&mut self) {
        self.runs.sort_by_key(|run| (run.first, run.last, run.part));
    }
}

/// What all parts of an open event store share.
#[derive(Debug)]
pub(crate) struct EventsShared {
    pub columns: Columns,
    /// Directory of the Delta table.
    pub dir: PathBuf,
    pub state: RwLock<Arc<EventsState>>,
    /// Held while files are rewritten (merge, retention, removal): one at a time. Flushes go on.
    pub upkeep: tokio::sync::Mutex<()>,
    /// The Delta log; held for the whole of a flush and for the end of everything else. After `upkeep`, before the
    /// apply lock.
    pub delta: tokio::sync::Mutex<DeltaLog>,
    pub hot: HotStore,
    /// Which identifiers are one person.
    pub identity: Mutex<Identity>,
    /// Who is whose customer, made when first needed.
    pub people: Mutex<PeopleCache>,
    /// Hot dimensions that not all rows have their values in yet.
    pub unfilled: Mutex<BTreeSet<String>>,
    /// While it is closed, appends of events wait.
    pub gate: Gate,
    /// Rows given to intake and not answered.
    pub pending: AtomicUsize,
    /// Log position of the flush after which it was last looked what can become hot.
    pub settled: Mutex<Option<u64>>,
    /// Held by a flush that is due: another one has nothing to do meanwhile.
    pub flushing: tokio::sync::Mutex<()>,
    /// When rows were last flushed, in seconds.
    pub flushed_at: Mutex<i64>,
    /// When old rows were last looked for, in seconds.
    pub swept_at: Mutex<i64>,
    /// Why the table could not be opened.
    pub broken: Option<Finding>,
}

impl EventsShared {
    pub fn state(&self) -> Arc<EventsState> {
        Arc::clone(&self.state.read())
    }

    pub fn publish(&self, state: EventsState) {
        *self.state.write() = Arc::new(state);
    }

    /// Names of the columns that are hot.
    pub fn hot_columns(&self) -> Vec<String> {
        let mut names = self.hot.dimensions();
        names.retain(|name| self.columns.table.column(name).is_some());
        names
    }

    /// Names of the properties that are hot.
    pub fn hot_properties(&self) -> Arc<[String]> {
        let names = self.hot.dimensions();
        names.into_iter().filter(|name| self.columns.table.column(name).is_none()).collect()
    }

    /// Itself, unless it could not be opened.
    pub fn sound(&self) -> Result<&Self> {
        match &self.broken {
            None => Ok(self),
            Some(finding) => {
                Err(LakeError::Damaged { path: self.dir.display().to_string(), what: finding.what.clone() })
            }
        }
    }
}

/// Holds appends of events back while an import is compared with what is there.
#[derive(Debug, Default)]
pub(crate) struct Gate(AtomicBool);

impl Gate {
    /// Whether appends wait. The committer asks while it holds the apply lock.
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Closes the gate until what is given back is dropped; appends that are being written are waited for.
    pub fn close(store: &EventStore) -> Closed<'_> {
        let shared = store.shared();
        shared.events.gate.0.store(true, Ordering::SeqCst);
        drop(shared.apply.lock());
        Closed(store)
    }
}

/// A closed [`Gate`].
#[derive(Debug)]
pub(crate) struct Closed<'a>(&'a EventStore);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.shared().events.gate.0.store(false, Ordering::SeqCst);
        self.0.lake().send(Request::Wake).ok(); // a closed lake has nobody waiting
    }
}

/// Rows on their way through intake; given back when dropped.
#[derive(Debug)]
pub(crate) struct Pending<'a> {
    rows: usize,
    of: &'a AtomicUsize,
}

impl<'a> Pending<'a> {
    /// Counts rows in; `None` when more than `most` would wait. A single append is always let in.
    pub fn take(of: &'a AtomicUsize, rows: usize, most: usize) -> Option<Self> {
        let before = of.fetch_add(rows, Ordering::SeqCst);
        let pending = Self { rows, of };
        (before == 0 || before + rows <= most).then_some(pending)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.of.fetch_sub(self.rows, Ordering::SeqCst);
    }
}
