//! Imports: any number of events in any order, in bounded memory, there all at once at the end.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use burgeon_events::Prepared;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::EventStore;
use super::append::HotView;
use super::ask;
use super::batch::{self, Columns, Fitted, POSITION, TABLE};
use super::maintain::Parts;
use super::merge::{self, InMemory, Sorted};
use super::open::distrust;
use super::run::{self, Run};
use super::state::Gate;
use crate::lake::delta::Change;
use crate::lake::files::{DataFile, sync_dir};
use crate::lake::log;
use crate::lake::{BulkSummary, Changed, FaultPoint, LakeError, Result, Shared};

/// Batches that wait for the thread that takes them in.
const WAITING: usize = 2;
/// Rows of a piece on disk: every spilled part has one in memory while they are merged.
const PIECE_ROWS: usize = 4_096;

/// An import of events. Nothing is visible before [`EventBulk::finish`]; a dropped import leaves nothing but numbers of
/// identifiers. Several threads may write at once.
#[derive(Debug)]
pub struct EventBulk {
    store: EventStore,
    sender: Mutex<Option<SyncSender<Message>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    failed: Arc<Mutex<Option<LakeError>>>,
}

enum Message {
    Rows(Box<Fitted>),
    Finish(oneshot::Sender<Result<BulkSummary>>),
}

impl EventStore {
    /// Starts an import. Nothing is visible before [`EventBulk::finish`]; then all of it is.
    ///
    /// # Errors
    /// When the table is damaged or a thread cannot be started. Must be called on a Tokio runtime.
    pub fn bulk(&self) -> Result<EventBulk> {
        self.shared().events.sound()?;
        let stamp = self.shared().log.reserve(1)?;
        let (sender, receiver) = sync_channel(WAITING);
        let failed = Arc::new(Mutex::new(None));
        let (store, told, runtime) = (self.clone(), Arc::clone(&failed), Handle::current());
        let worker = std::thread::Builder::new()
            .name("burgeon-import".into())
            .spawn(move || {
                let finish = take_in(&store, &receiver, stamp, &runtime);
                if let Err(error) = finish {
                    *told.lock() = Some(error);
                }
            })
            .map_err(|error| LakeError::io(&self.shared().dir, error))?;
        Ok(EventBulk {
            store: self.clone(),
            sender: Mutex::new(Some(sender)),
            worker: Mutex::new(Some(worker)),
            failed,
        })
    }
}

impl EventBulk {
    /// Adds rows; columns as in [`EventStore::append`]. Of events with the same `distinct_id` and `event_id` the first
    /// counts. May block while rows are sorted and spilled to disk.
    ///
    /// # Errors
    /// [`LakeError::Rows`] when the batch does not fit, [`LakeError::DiskFull`] while spilling.
    pub fn write(&self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let events = &self.store.shared().events;
        let rows = events.columns.fit(batch, &events.hot_properties())?;
        let sender = self.sender.lock().clone().ok_or(LakeError::Closed)?;
        sender.send(Message::Rows(Box::new(rows))).map_err(|_| self.failure())
    }

    /// Ends the import: dedupes against itself and what is there, and commits it. Appends of events wait for the end
    /// of it. The counts add up to the rows written.
    ///
    /// # Errors
    /// On any error nothing of the import is there.
    pub async fn finish(self) -> Result<BulkSummary> {
        let (reply, answer) = oneshot::channel();
        let sender = self.sender.lock().take().ok_or(LakeError::Closed)?;
        sender.send(Message::Finish(reply)).map_err(|_| self.failure())?;
        drop(sender);
        answer.await.unwrap_or_else(|_| Err(self.failure()))
    }

    /// Why the thread ended early.
    fn failure(&self) -> LakeError {
        if let Some(worker) = self.worker.lock().take() {
            worker.join().ok();
        }
        self.failed.lock().take().unwrap_or(LakeError::Closed)
    }
}

impl Drop for EventBulk {
    fn drop(&mut self) {
        self.sender.lock().take();
        if let Some(worker) = self.worker.lock().take() {
            worker.join().ok();
        }
    }
}

/// The thread of an import.
fn take_in(store: &EventStore, receiver: &Receiver<Message>, stamp: u64, runtime: &Handle) -> Result<()> {
    let shared = store.shared();
    let events = &shared.events;
    let began = events.hot.dimensions();
    let mut bulk = events.hot.bulk()?;
    let mut spill = Spill::new(shared, stamp);
    let hot = events.hot_columns();
    let mut next = 0;
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Rows(rows) => {
                let view = HotView::of(&rows, &hot)?;
                let dims = view.dims();
                let who = bulk.push(&view.rows(0, &dims))?;
                spill.add(&events.columns, events.columns.counted(&rows.rows, &who, next)?)?;
                next += rows.ids.len() as u64;
            }
            Message::Finish(reply) => {
                let _upkeep = runtime.block_on(events.upkeep.lock());
                // What became hot since the beginning has no values of the import's rows.
                let mut late = events.hot.dimensions();
                late.retain(|name| !began.contains(name));
                let result = late.iter().try_for_each(|name| ask::note(shared, name)).and_then(|()| {
                    let _gate = Gate::close(store);
                    finish(store, bulk.prepare()?, spill, stamp, runtime)
                });
                let filled = late.iter().try_for_each(|name| ask::fill(shared, name));
                reply.send(result.and_then(|summary| filled.map(|()| summary))).ok();
                return Ok(());
            }
        }
    }
    Ok(()) // dropped: nothing is to be done
}

fn finish(
    store: &EventStore,
    prepared: Prepared,
    spill: Spill,
    stamp: u64,
    runtime: &Handle,
) -> Result<BulkSummary> {
    let shared = store.shared();
    let events = &shared.events;
    let appended = prepared.outcome().appended;
    if appended.refused > 0 {
        let what = format!(
            "{} rows bring more than {} different event names; put what varies into a property",
            appended.refused,
            burgeon_events::rows::EVENT_NAMES
        );
        return Err(LakeError::Rows { table: TABLE.into(), what });
    }
    let summary = BulkSummary { taken: appended.taken, replaced: 0, unchanged: appended.duplicates };
    if appended.taken == 0 {
        return Ok(summary);
    }
    // Numbers must be durable before a file carries them.
    events.hot.checkpoint()?;
    let mut parts = Parts::new(&events.dir, &events.columns, (stamp, stamp), stamp);
    let sources = spill.sources(&events.columns)?;
    let sources: Vec<&dyn Sorted> = sources.iter().map(AsRef::as_ref).collect();
    merge::merge(&events.columns, &sources, |rows| {
        let numbers = batch::positions(&rows)?;
        let outcome = prepared.outcome();
        let keep = numbers.values().iter().map(|number| Some(!outcome.is_dropped(*number as u64))).collect();
        let kept = arrow::compute::filter_record_batch(&rows, &keep)?;
        parts.write(&at_position(&kept, stamp)?)
    })?;
    let written = parts.finish()?;
    runtime.block_on(commit(store, prepared, written, stamp))?;
    Ok(summary)
}

/// Makes the files part of the table and the rows part of the hot columns. Appends are held back, so that the position
/// of the import is above that of every row there is.
async fn commit(
    store: &EventStore,
    prepared: Prepared,
    written: Vec<(Arc<Run>, usize)>,
    stamp: u64,
) -> Result<()> {
    let shared = store.shared();
    let events = &shared.events;
    let discard = |runs: &[(Arc<Run>, usize)]| {
        for (run, _) in runs {
            std::fs::remove_file(&run.file.path).ok();
        }
    };
    if let Err(error) = store.flush().await.and_then(|()| shared.fault(FaultPoint::FilesWritten)) {
        discard(&written);
        return Err(error);
    }
    let mut delta = events.delta.lock().await;
    let position = shared.log.reserve(1)?;
    let named = match rename(shared, &written, position, stamp) {
        Ok(named) => named,
        Err(error) => {
            discard(&written);
            return Err(error);
        }
    };
    let change = Change {
        add: named.iter().map(|(run, rows)| (Arc::clone(&run.file), *rows)).collect(),
        now_ms: shared.options.clock.now().as_millisecond(),
        content: true,
        ..Change::default()
    };
    delta.commit(change).await?;
    shared.fault(FaultPoint::Committed)?;
    let done = prepared.commit(position).map_err(LakeError::from);
    {
        let _apply = shared.apply.lock();
        let mut state = events.state().as_ref().clone();
        state.replace(&[], named.into_iter().map(|(run, _)| run));
        state.position = state.position.max(position);
        state.version = shared.versions.next();
        state.layout = state.version;
        events.publish(state);
    }
    if let Err(error) = done {
        distrust(shared, &error);
        return Err(error);
    }
    shared.announce(Changed { table: TABLE, position });
    Ok(())
}

/// Gives the files their place in the order of arrival.
fn rename(
    shared: &Shared,
    written: &[(Arc<Run>, usize)],
    position: u64,
    stamp: u64,
) -> Result<Vec<(Arc<Run>, usize)>> {
    let dir = &shared.events.dir;
    let mut named = Vec::with_capacity(written.len());
    for (run, rows) in written {
        let name = Run::name(position, position, run.part, stamp);
        let path = dir.join(&name);
        std::fs::rename(&run.file.path, &path).map_err(|error| LakeError::io(&path, error))?;
        let file = Arc::new(DataFile::new(dir, name, run.file.size));
        let run = Run::of(file);
        let run = run.ok_or_else(|| LakeError::Internal("a run's own name was not understood".into()))?;
        named.push((Arc::new(run), *rows));
    }
    sync_dir(&dir.join("run"))?;
    Ok(named)
}

/// The rows with one position for all.
fn at_position(rows: &RecordBatch, position: u64) -> Result<RecordBatch> {
    let mut columns = rows.columns().to_vec();
    let at = rows.schema_ref().index_of(POSITION)?;
    columns[at] = Arc::new(Int64Array::from(vec![position as i64; rows.num_rows()])) as ArrayRef;
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

/// Rows that wait for the end of the import: in memory, sorted and on disk when there are many.
#[derive(Debug)]
struct Spill {
    dir: PathBuf,
    most: usize,
    rows: Vec<RecordBatch>,
    bytes: usize,
    parts: Vec<Part>,
}

impl Spill {
    fn new(shared: &Shared, stamp: u64) -> Self {
        Self {
            dir: shared.dir.join("spill").join(format!("{stamp:016x}")),
            most: shared.options.bulk_memory / 2,
            rows: Vec::new(),
            bytes: 0,
            parts: Vec::new(),
        }
    }

    fn add(&mut self, columns: &Columns, rows: RecordBatch) -> Result<()> {
        self.bytes += rows.get_array_memory_size();
        self.rows.push(rows);
        if self.bytes > self.most {
            let rows = self.sorted(columns)?;
            std::fs::create_dir_all(&self.dir).map_err(|error| LakeError::io(&self.dir, error))?;
            let path = self.dir.join(format!("{:04}.arrow", self.parts.len()));
            self.parts.push(Part::write(path, &rows)?);
        }
        Ok(())
    }

    fn sorted(&mut self, columns: &Columns) -> Result<RecordBatch> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        let rows: Vec<&RecordBatch> = rows.iter().collect();
        run::sort(&columns.concat(&rows)?)
    }

    fn sources(mut self, columns: &Columns) -> Result<Vec<Box<dyn Sorted>>> {
        let last = if self.rows.is_empty() { None } else { Some(self.sorted(columns)?) };
        let parts = std::mem::take(&mut self.parts).into_iter().map(|part| Box::new(part) as Box<dyn Sorted>);
        Ok(parts.chain(last.map(|rows| Box::new(InMemory(rows)) as Box<dyn Sorted>)).collect())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if self.parts.is_empty() {
            std::fs::remove_dir(&self.dir).ok();
        }
    }
}

/// Sorted rows on disk.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: File,
    /// Place and length of each piece.
    pieces: Vec<(u64, usize)>,
}

impl Part {
    fn write(path: PathBuf, rows: &RecordBatch) -> Result<Self> {
        let fail = |error| LakeError::io(&path, error);
        let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(fail)?;
        let mut out = std::io::BufWriter::with_capacity(1 << 20, &file);
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while from < rows.num_rows() {
            let length = PIECE_ROWS.min(rows.num_rows() - from);
            let bytes = log::encode(&batch::compact(&rows.slice(from, length))?)?;
            out.write_all(&bytes).map_err(fail)?;
            pieces.push((at, bytes.len()));
            at += bytes.len() as u64;
            from += length;
        }
        out.flush().map_err(fail)?;
        drop(out);
        Ok(Self { path, file, pieces })
    }
}

impl Sorted for Part {
    fn pieces(&self) -> Result<usize> {
        Ok(self.pieces.len())
    }

    fn piece(&self, number: usize) -> Result<RecordBatch> {
        let (at, length) = self.pieces[number];
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| LakeError::io(&self.path, error))?;
        log::decode_one(&bytes, &self.path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
        if let Some(dir) = self.path.parent() {
            remove_if_empty(dir);
        }
    }
}

/// Removes a directory that has nothing in it.
fn remove_if_empty(dir: &Path) {
    std::fs::remove_dir(dir).ok();
}
