//! Imports: any number of events in any order, in bounded memory, there all at once at the end.

use std::sync::Arc;
use std::sync::Once;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use burgeon_events::Prepared;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::EventStore;
use super::append::HotView;
use super::ask;
use super::batch::{Fitted, TABLE};
use super::maintain::Parts;
use super::open::distrust;
use super::run::Run;
use super::spill::Spill;
use super::state::Gate;
use super::usual;
use crate::lake::delta::Change;
use crate::lake::files::{DataFile, sync_dir};
use crate::lake::{BulkSummary, Changed, FaultPoint, LakeError, Result, Shared};

/// Batches that wait for the thread that takes them in.
const WAITING: usize = 2;

/// An import of events. Nothing is visible before [`EventBulk::finish`]; a dropped import leaves nothing but numbers of
/// identifiers. Several threads may write at once.
#[derive(Debug)]
pub struct EventBulk {
    store: EventStore,
    sender: Mutex<Option<SyncSender<Message>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    failed: Arc<Mutex<Option<LakeError>>>,
    /// Done when it is settled which properties are hot.
    begun: Once,
}

enum Message {
    /// The first rows, before any are given; answered by being dropped.
    Begin(RecordBatch, SyncSender<()>),
    /// Rows, and the lines that they come from where the import knows its file.
    Rows(Box<Fitted>, Vec<u64>),
    Finish(oneshot::Sender<Result<BulkSummary>>),
}

impl EventStore {
    /// Starts an import. Nothing is visible before [`EventBulk::finish`]; then all of it is.
    ///
    /// # Errors
    /// When the table is damaged or a thread cannot be started. Must be called on a Tokio runtime.
    pub fn bulk(&self) -> Result<EventBulk> {
        self.begin(None)
    }

    /// As [`EventStore::bulk`], for rows of one file, which [`EventBulk::write_lines`] takes: `source` is what their
    /// `_source` says, `file` what stands before the line in their `_origin`.
    ///
    /// # Errors
    /// As [`EventStore::bulk`].
    pub fn bulk_of(&self, source: &str, file: &str) -> Result<EventBulk> {
        self.begin(Some((source.to_owned(), format!("{file}:"))))
    }

    fn begin(&self, origin: Option<(String, String)>) -> Result<EventBulk> {
        self.shared().events.sound()?;
        let stamp = self.shared().log.reserve(1)?;
        let (sender, receiver) = sync_channel(WAITING);
        let failed = Arc::new(Mutex::new(None));
        let (store, told, runtime) = (self.clone(), Arc::clone(&failed), Handle::current());
        let worker = std::thread::Builder::new()
            .name("burgeon-import".into())
            .spawn(move || {
                let finish = take_in(&store, &receiver, stamp, origin, &runtime);
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
            begun: Once::new(),
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
        self.give(batch, Vec::new())
    }

    /// As [`EventBulk::write`], for rows of the file that the import was begun for and the line of each.
    ///
    /// # Errors
    /// As [`EventBulk::write`]; when there is not one line for each row; from line 4,294,967,296 on.
    pub fn write_lines(&self, batch: &RecordBatch, lines: &[u64]) -> Result<()> {
        if lines.len() != batch.num_rows() {
            let what = format!("{} rows come from {} lines", batch.num_rows(), lines.len());
            return Err(LakeError::Rows { table: TABLE.into(), what });
        }
        if lines.last().is_some_and(|line| u32::try_from(*line).is_err()) {
            let what = format!("a file of events has at most {} lines; cut it in two", u32::MAX);
            return Err(LakeError::Rows { table: TABLE.into(), what });
        }
        self.give(batch, lines.to_vec())
    }

    fn give(&self, batch: &RecordBatch, lines: Vec<u64>) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let events = &self.store.shared().events;
        let sender = self.sender.lock().clone().ok_or(LakeError::Closed)?;
        self.begun.call_once(|| {
            let (answer, settled) = sync_channel(1);
            if sender.send(Message::Begin(batch.clone(), answer)).is_ok() {
                settled.recv().ok(); // a thread that failed is found out below
            }
        });
        let rows = events.columns.fit_lent(batch, &events.hot_properties())?;
        sender.send(Message::Rows(Box::new(rows), lines)).map_err(|_| self.failure())
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
fn take_in(
    store: &EventStore,
    receiver: &Receiver<Message>,
    stamp: u64,
    origin: Option<(String, String)>,
    runtime: &Handle,
) -> Result<()> {
    let shared = store.shared();
    let events = &shared.events;
    let mut messages = receiver.iter().peekable();
    if let Some(Message::Begin(sample, _)) = messages.peek() {
        let _upkeep = runtime.block_on(events.upkeep.lock());
        usual::settle(shared, sample)?;
    }
    let began = events.hot.dimensions();
    let mut bulk = events.hot.bulk()?;
    let dir = shared.dir.join("spill").join(format!("{stamp:016x}"));
    let mut spill = Spill::new(&events.columns, dir, shared.options.bulk_memory / 2, &bulk, origin)?;
    let hot = events.hot_columns();
    let mut next = 0;
    for message in messages {
        match message {
            Message::Begin(_, answer) => drop(answer),
            Message::Rows(rows, lines) => {
                let view = HotView::of(&rows, &hot)?;
                let dims = view.dims();
                let coded = bulk.code(&view.rows(0, &dims))?;
                spill.add(&rows, &lines, &coded, next)?;
                next += rows.ids.len() as u64;
            }
            Message::Finish(reply) => {
                let _upkeep = runtime.block_on(events.upkeep.lock());
                spill.settle()?;
                // What became hot since the beginning has no values of the import's rows.
                let mut late = events.hot.dimensions();
                late.retain(|name| !began.contains(name));
                let result = late.iter().try_for_each(|name| ask::note(shared, name)).and_then(|()| {
                    let _gate = Gate::close(store);
                    finish(store, bulk.prepare_from(&spill)?, spill, stamp, runtime)
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
    let summary = BulkSummary {
        missing: 0,
        removed: 0,
        taken: appended.taken,
        replaced: 0,
        unchanged: appended.duplicates,
    };
    if appended.taken == 0 {
        return Ok(summary);
    }
    // Numbers must be durable before a file carries them.
    events.hot.checkpoint()?;
    let outcome = prepared.outcome();
    let written = write(shared, spill, stamp, |number| !outcome.is_dropped(number))?;
    runtime.block_on(commit(store, prepared, written, stamp))?;
    Ok(summary)
}

/// Writes the rows that `keep` says yes to (by their number) as files; one thread sorts them, another one packs them.
fn write(
    shared: &Shared,
    spill: Spill,
    stamp: u64,
    keep: impl Fn(u64) -> bool,
) -> Result<Vec<(Arc<Run>, usize)>> {
    let events = &shared.events;
    let (sender, receiver) = sync_channel::<RecordBatch>(1);
    std::thread::scope(|scope| {
        let packing = scope.spawn(move || {
            let mut parts = Parts::new(&events.dir, &events.columns, (stamp, stamp), stamp);
            receiver.iter().try_for_each(|rows| parts.write(&rows))?;
            parts.finish()
        });
        let sorted =
            spill.each(&events.columns, stamp, keep, |rows| sender.send(rows).map_err(|_| LakeError::Closed));
        drop(sender);
        let packed = packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where packing ended early its reason counts, not that nobody took more rows.
        match (packed, sorted) {
            (Ok(written), Err(error)) => {
                discard(&written);
                Err(error)
            }
            (packed, _) => packed,
        }
    })
}

/// Removes files that are not part of the table.
fn discard(runs: &[(Arc<Run>, usize)]) {
    for (run, _) in runs {
        std::fs::remove_file(&run.file.path).ok();
    }
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
