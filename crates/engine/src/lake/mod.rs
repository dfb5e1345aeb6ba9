//! The lake: where records are kept. Delta Lake tables on disk, an intake log before them, a state in memory over both.
//!
//! | module | what it holds |
//! |---|---|
//! | `layout` | schema, buckets, identity and order of a table's rows |
//! | `log` | the intake log: durable before the answer |
//! | `append` | the committer: many appends, one fsync |
//! | `absorb` | what a batch changes: taken, replaced, unchanged |
//! | `state` | the content of a table at one moment |
//! | `files`, `delta` | Parquet files; the Delta log that says which of them count |
//! | `rows`, `fold` | ordering and deduplicating a bucket; writing new base files |
//! | `bulk` | imports |
//! | `maintain` | flush, compaction, removal of old files |
//! | `view`, `scan`, `stream`, `prune` | reading: base files merged with what is newer |
//! | `check` | what is wrong, in words |
//! | `raw` | source files as they came |
//!
//! Rows of a table are spread over buckets by the hash of their entity. A bucket has at most one *base* file, sorted
//! by (entity, time, `_seq`), each key once. What is newer stands in overlay files and in the intake log, and in
//! memory; a reader merges it in, compaction folds it into new base files. Another reader of the Delta tables sees
//! base and overlay files side by side: there the row with the highest `_seq` of each (entity, `_key`) counts.
//!
//! Events are kept otherwise, see [`crate::events`]; they share the intake log and everything above it.

mod absorb;
pub(crate) mod append;
mod bulk;
pub(crate) mod check;
pub(crate) mod delta;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod fold;
mod layout;
pub(crate) mod log;
pub(crate) mod maintain;
mod open;
pub(crate) mod prune;
pub mod raw;
mod rows;
mod scan;
mod slice;
pub(crate) mod state;
mod stream;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use burgeon_core::time::Clock;
use datafusion::catalog::TableProvider;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{broadcast, oneshot};

pub use bulk::{BulkSummary, BulkWriter};
pub use check::{Finding, Severity};
pub use error::{LakeError, Result};
pub use scan::{LakeScanExec, LakeTable};
pub use slice::Slice;

use append::{Request, RowsRequest};
use delta::DeltaLog;
use files::DataFile;
use layout::{Id, Layout, Merging, entity_hash};
use log::IntakeLog;
use state::{MergeMap, TableState, Versions};

use crate::events::EventStore;
use crate::events::state::EventsShared;

/// The table of customer merges.
const MERGES: &str = "customer_merges";
/// Columns of events with a hot column, unless said otherwise.
const HOT_DIMENSIONS: [&str; 12] = [
    "channel",
    "source",
    "medium",
    "campaign",
    "referrer_host",
    "host",
    "path",
    "country",
    "device",
    "browser",
    "os",
    "customer_id",
];
/// A version given by the lake is a log position and, in its low bits, the row's number.
const SEQ_BITS: u32 = 20;

/// The version of the first row at a log position. Versions of the lake are above all that sources may give (2^62).
fn first_seq(position: u64) -> i64 {
    (1 << 62) + ((position as i64) << SEQ_BITS)
}

/// Steps after which a test can make the lake fail, as if the process had been killed there.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    /// Rows are in the intake log, nothing was answered.
    LogAppended,
    /// New Parquet files are written, the Delta log does not name them.
    FilesWritten,
    /// The Delta log names the new files, the intake log still has the rows.
    Committed,
    /// The hot columns have forgotten a person whose events are still in files.
    Removing,
    /// A property of events is hot for new rows only.
    Filling,
}

/// How a lake is run.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// Number of buckets of tables with an entity; counts only when the data directory is new.
    pub buckets: usize,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Threads for imports and compaction.
    pub threads: usize,
    /// Bytes of rows that an import holds in memory before it spills to disk.
    pub bulk_memory: usize,
    /// [`Lake::maintain`] flushes a table with more unflushed rows than this …
    pub flush_rows: usize,
    /// … or whose oldest unflushed row waits longer than this, in seconds.
    pub flush_seconds: i64,
    /// [`Lake::maintain`] compacts a table with more overlay rows than this (and more than a tenth of its base).
    pub compact_rows: usize,
    /// Replaced files are kept this long, in seconds, for other readers of the Delta tables.
    pub keep_seconds: i64,
    /// [`Lake::maintain`] flushes events when more of them are unflushed than this.
    pub flush_events: usize,
    /// Rows of events that may wait for the log before further ones are refused with [`LakeError::Pressure`].
    pub pending_events: usize,
    /// Columns and properties of events that have a hot column from the start; others get one when first asked for.
    pub hot_dimensions: Vec<String>,
    /// Events are kept this long after they happened, in seconds; for ever when `None`.
    pub keep_events_seconds: Option<i64>,
    #[doc(hidden)]
    pub fail_at: Option<FaultPoint>,
}

impl LakeOptions {
    /// The usual options with a clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            buckets: 32,
            clock,
            threads: std::thread::available_parallelism().map_or(2, |n| n.get()),
            bulk_memory: 256 << 20,
            flush_rows: 20_000,
            flush_seconds: 60,
            compact_rows: 100_000,
            keep_seconds: 600,
            flush_events: 250_000,
            pending_events: 500_000,
            hot_dimensions: HOT_DIMENSIONS.map(str::to_owned).to_vec(),
            keep_events_seconds: None,
            fail_at: None,
        }
    }
}

/// The answer to an append: the rows are durable and queries see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Position in the intake log of the table's newest row.
    pub position: u64,
    /// Rows of keys that were not there.
    pub taken: u64,
    /// Rows that changed the row of their key.
    pub replaced: u64,
    /// Rows that made no difference.
    pub unchanged: u64,
}

/// A table's content changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The table.
    pub table: &'static str,
    /// Position in the intake log of the change.
    pub position: u64,
}

/// The lake of a data directory. Cheap to clone; the directory is released when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Lake(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    requests: Mutex<Option<Sender<Request>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.requests.lock().take();
        if let Some(committer) = self.committer.lock().take() {
            committer.join().ok();
        }
    }
}

/// What all parts of an open lake share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub options: LakeOptions,
    pub log: IntakeLog,
    tables: BTreeMap<&'static str, Arc<TableShared>>,
    pub events: EventsShared,
    pub versions: Versions,
    /// Held while states are replaced, so that no change is lost.
    pub apply: Mutex<()>,
    changes: broadcast::Sender<Changed>,
    /// Replaced files with the time of their replacement, in seconds.
    pub replaced: Mutex<Vec<(Arc<DataFile>, i64)>>,
    /// When files that crashes left were last looked for, in seconds.
    vacuumed_at: Mutex<i64>,
}

/// One table of an open lake.
#[derive(Debug)]
pub(crate) struct TableShared {
    layout: Arc<Layout>,
    dir: PathBuf,
    state: RwLock<Arc<TableState>>,
    /// The Delta log; held for the whole of a flush, compaction or the end of an import.
    delta: tokio::sync::Mutex<DeltaLog>,
    /// When rows were last flushed, in seconds.
    flushed_at: Mutex<i64>,
    /// Why the table could not be opened.
    broken: Option<Finding>,
}

impl TableShared {
    pub fn state(&self) -> Arc<TableState> {
        Arc::clone(&self.state.read())
    }

    fn publish(&self, state: TableState) {
        *self.state.write() = Arc::new(state);
    }
}

impl Shared {
    pub fn table(&self, name: &str) -> Result<&Arc<TableShared>> {
        let table = self.tables.get(name).ok_or_else(|| LakeError::UnknownTable(name.into()))?;
        match &table.broken {
            None => Ok(table),
            Some(finding) => {
                Err(LakeError::Damaged { path: table.dir.display().to_string(), what: finding.what.clone() })
            }
        }
    }

    pub fn fault(&self, point: FaultPoint) -> Result<()> {
        if self.options.fail_at == Some(point) { Err(LakeError::Fault(point)) } else { Ok(()) }
    }

    pub fn announce(&self, change: Changed) {
        self.changes.send(change).ok(); // nobody listens: fine
    }

    pub fn seconds(&self) -> i64 {
        self.options.clock.now().as_second()
    }

    /// Reads the merges anew and shows all tables under them. The caller holds the apply lock.
    fn refresh_merges(&self) -> Result<()> {
        let Some(table) = self.tables.get(MERGES) else {
            return Ok(());
        };
        let merges = Arc::new(read_merges(&table.state())?);
        for table in self.tables.values().filter(|table| table.layout.merges != Merging::None) {
            let state = table.state();
            if state.merges != merges {
                table.publish(state.with_merges(Arc::clone(&merges), &self.versions));
            }
        }
        Ok(())
    }
}

fn read_merges(state: &TableState) -> Result<MergeMap> {
    use arrow::array::{Array, AsArray};
    let layout = &state.layout;
    let mut pairs = HashMap::new();
    for batch in fold::present(state, 0)? {
        let column =
            |name: &str| layout.table.index_of(name).map(|at| batch.column(at).as_string_view().clone());
        let (Some(from), Some(into)) = (column("from_customer_id"), column("into_customer_id")) else {
            continue;
        };
        for row in (0..batch.num_rows()).filter(|row| from.is_valid(*row) && into.is_valid(*row)) {
            pairs.insert(from.value(row).to_owned(), into.value(row).to_owned());
        }
    }
    Ok(MergeMap::new(&pairs))
}

impl Lake {
    /// Opens the lake of a data directory, creating what is missing: reads the Delta logs and replays the intake log.
    /// Must run on a multi-threaded Tokio runtime, like all async functions of the lake.
    ///
    /// A table whose files are damaged does not keep the others from being used: it answers every call with the
    /// error, and [`Lake::check`] tells what is wrong.
    ///
    /// # Errors
    /// [`LakeError::Busy`] when another process has the directory; [`LakeError::Log`] when the intake log is damaged.
    pub async fn open(dir: impl AsRef<Path>, options: LakeOptions) -> Result<Self> {
        let shared = open::open(dir.as_ref(), options).await?;
        let (sender, receiver) = channel();
        let worker = Arc::clone(&shared);
        let committer = std::thread::Builder::new()
            .name("burgeon-log".into())
            .spawn(move || append::run(&worker, &receiver))
            .map_err(|error| LakeError::io(dir.as_ref(), error))?;
        Ok(Self(Arc::new(Handle {
            shared,
            requests: Mutex::new(Some(sender)),
            committer: Mutex::new(Some(committer)),
        })))
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.0.shared.dir
    }

    /// The event store.
    pub fn events(&self) -> EventStore {
        EventStore::of(self)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Gives a request to the committer.
    pub(crate) fn send(&self, request: Request) -> Result<()> {
        let sender = self.0.requests.lock().clone().ok_or(LakeError::Closed)?;
        sender.send(request).map_err(|_| LakeError::Closed)
    }

    /// Appends rows to a table. At return they are on disk and queries see them; concurrent appends share one fsync.
    ///
    /// The batch's columns may stand in any order; missing optional and system columns are filled in. Rows that
    /// carry their own `_seq` (not null, below 2^62) compete by it: the highest wins in whatever order they arrive.
    /// Otherwise the lake numbers rows as they come, so that the newest wins, also over rows with a version of their
    /// source. A row with `_deleted` removes its key. Events go to [`EventStore::append`].
    ///
    /// # Errors
    /// [`LakeError::Rows`] when the batch does not fit; [`LakeError::DiskFull`] when nothing was taken for want of space.
    pub async fn append(&self, table: &str, batch: RecordBatch) -> Result<Appended> {
        if table == crate::events::TABLE {
            return self.events().append(batch).await;
        }
        let (batch, known) = match table {
            crate::events::identity::LINKS => crate::events::identity::news(&self.0.shared, &batch)?,
            _ => (batch, 0),
        };
        let table = Arc::clone(self.0.shared.table(table)?);
        let mut total =
            Appended { position: table.state().position, unchanged: known, ..Appended::default() };
        let most = 1usize << (SEQ_BITS - 1);
        let mut from = 0;
        while from < batch.num_rows() {
            let part = batch.slice(from, most.min(batch.num_rows() - from));
            from += part.num_rows();
            let (rows, own) = table.layout.complete(&part, 0)?;
            let (reply, answer) = oneshot::channel();
            let request = RowsRequest { table: Arc::clone(&table), rows, numbered: !own, reply };
            self.send(Request::Rows(request))?;
            let part = answer.await.map_err(|_| LakeError::Closed)??;
            total.position = part.position;
            total.taken += part.taken;
            total.replaced += part.replaced;
            total.unchanged += part.unchanged;
        }
        Ok(total)
    }

    /// Starts an import into a table.
    pub fn bulk(&self, table: &str) -> Result<BulkWriter> {
        BulkWriter::new(self.clone(), Arc::clone(self.0.shared.table(table)?))
    }

    /// The table for DataFusion; every scan sees the rows of its moment.
    pub fn provider(&self, table: &str) -> Result<Arc<dyn TableProvider>> {
        if table == crate::events::TABLE {
            return Ok(self.events().provider());
        }
        Ok(Arc::new(LakeTable::new(Arc::clone(self.0.shared.table(table)?))))
    }

    /// Names of all record tables.
    pub fn tables(&self) -> Vec<&'static str> {
        self.0.shared.tables.keys().copied().chain([crate::events::TABLE]).collect()
    }

    /// Content version of every table: changes exactly when a table's content changes. Not comparable across restarts.
    pub fn versions(&self) -> BTreeMap<&'static str, u64> {
        let ledger = self.0.shared.tables.iter().map(|(name, table)| (*name, table.state().version()));
        ledger.chain([(crate::events::TABLE, self.events().version())]).collect()
    }

    /// Number of buckets of a table, which is its number of scan partitions; 1 for tables without an entity.
    pub fn buckets(&self, table: &str) -> usize {
        if table == crate::events::TABLE {
            return self.events().partitions();
        }
        self.0.shared.tables.get(table).map_or(1, |table| table.layout.buckets)
    }

    /// Content version of one bucket: changes exactly when the bucket's content (as queries see it) changes. 0 for
    /// what does not exist.
    pub fn bucket_version(&self, table: &str, bucket: usize) -> u64 {
        if table == crate::events::TABLE {
            return self.events().layout();
        }
        let table = self.0.shared.tables.get(table);
        table
            .and_then(|table| table.state().buckets.get(bucket).map(|bucket| bucket.version))
            .unwrap_or_default()
    }

    /// The bucket of an entity.
    pub fn bucket_of(&self, table: &str, entity: &str) -> usize {
        self.0.shared.tables.get(table).map_or(0, |table| match table.layout.entity {
            Some(_) => table.layout.bucket(entity),
            None => 0,
        })
    }

    /// Every change of content from now on. A slow receiver misses old ones and is told so.
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.0.shared.changes.subscribe()
    }

    /// The present row of a key, as stored (one row, full schema); `None` when there is none. The entity may be a
    /// customer under whom the row is shown after a merge; it is ignored for tables without an entity. Reads files:
    /// call it where blocking is allowed.
    pub fn lookup(&self, table: &str, entity: &str, key: u64) -> Result<Option<RecordBatch>> {
        let table = self.0.shared.table(table)?;
        let state = table.state();
        let merged = state.merges.merged_into(entity);
        for entity in std::iter::once(entity).chain(merged) {
            if let Some(row) = find_one(&state, entity, key)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The present rows of one entity in stored order, rows of merged customers not included. Reads files.
    pub fn entity(&self, table: &str, entity: &str) -> Result<Vec<RecordBatch>> {
        self.entities(table, &[entity])
    }

    /// The present rows of some entities, none of them twice; those of one are in stored order. Reads files, each once.
    pub fn entities(&self, table: &str, entities: &[&str]) -> Result<Vec<RecordBatch>> {
        view::entity_rows(&self.0.shared.table(table)?.state(), entities)
    }

    /// The number of rows of a table. Reads files when rows are newer than the base files.
    pub fn rows_total(&self, table: &str) -> Result<u64> {
        if table == crate::events::TABLE {
            return self.events().rows_total();
        }
        let state = self.0.shared.table(table)?.state();
        let mut total = 0i64;
        for bucket in &state.buckets {
            total += maintain::bucket_rows(&state.layout, bucket)?;
        }
        Ok(total.max(0) as u64)
    }
}

fn find_one(state: &TableState, entity: &str, key: u64) -> Result<Option<RecordBatch>> {
    let layout = &state.layout;
    let (at, hash) = match layout.entity {
        Some(_) => (layout.bucket(entity), entity_hash(entity)),
        None => (0, 0),
    };
    let id = Id { entity: hash, key };
    let bucket = &state.buckets[at];
    let row = match bucket.overlay.index.get(&id) {
        Some(slot) => Some(bucket.overlay.chunks[slot.chunk as usize].slice(slot.row as usize, 1)),
        None => match &bucket.base {
            Some(base) => base.find(layout, &HashSet::from([id]), &[entity])?.0,
            None => None,
        },
    };
    Ok(row.filter(|row| !layout.deleted(row).value(0)))
}
