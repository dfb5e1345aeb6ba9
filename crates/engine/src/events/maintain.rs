//! Upkeep: flushing the tail into runs, merging runs as they pile up, retention by age.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::RecordBatch;

use super::EventStore;
use super::batch::{self, Columns};
use super::merge::{self, Sorted};
use super::run::{self, Run, Writer};
use super::state::{EventsShared, EventsState, Gate};
use super::usual;
use crate::lake::delta::{Change, DeltaLog};
use crate::lake::files::{self, DataFile};
use crate::lake::maintain::{blocking, remove_old};
use crate::lake::{FaultPoint, LakeError, Result, Shared, check};

/// Rows of one file of a run, roughly: what is rewritten when a person is removed.
const PART_ROWS: usize = 4_000_000;
/// Runs that may stand side by side before some are merged.
const MOST_RUNS: usize = 8;
/// Rows that are read of a run at a time when it is merged with others: what is in memory of each.
const MERGED_ROWS: usize = 8_192;
/// How often old rows are looked for.
const SWEEP_SECONDS: i64 = 3600;
/// Rows may be this much older than the retention period before files are rewritten for them, in seconds.
const SLACK_SECONDS: i64 = 86_400;

impl EventStore {
    /// Does what is due: flush, merges, retention, upkeep of the hot columns.
    pub(crate) async fn maintain(&self) -> Result<()> {
        let shared = self.shared();
        let events = &shared.events;
        if events.broken.is_some() {
            return Ok(());
        }
        let options = &shared.options;
        self.flush_due().await?;
        // First what lies in memory: a merge can take long.
        let upkeep = Arc::clone(shared);
        blocking(move || Ok(upkeep.events.hot.maintain()?)).await?;
        self.merge_some(false).await?;
        if let Some(keep) = options.keep_events_seconds
            && shared.seconds().saturating_sub(*events.swept_at.lock()) >= SWEEP_SECONDS
        {
            *events.swept_at.lock() = shared.seconds();
            let cut = (shared.seconds() - keep).saturating_mul(1_000_000);
            self.expire(cut, SLACK_SECONDS * 1_000_000).await?;
        }
        Ok(())
    }

    /// Flushes when many rows wait or some have waited for long; cheap when not, meant to be called a few times a second.
    ///
    /// # Errors
    /// As for [`Lake::maintain`](crate::lake::Lake::maintain).
    pub async fn flush_due(&self) -> Result<()> {
        let shared = self.shared();
        let (events, options) = (&shared.events, &shared.options);
        if events.broken.is_some() {
            return Ok(());
        }
        let Ok(_flushing) = events.flushing.try_lock() else { return Ok(()) };
        let unflushed = events.state().unflushed();
        if unflushed == 0 {
            *events.flushed_at.lock() = shared.seconds();
            return Ok(());
        }
        let largest =
            events.state().tail.iter().map(|chunk| &chunk.rows).max_by_key(|rows| rows.num_rows()).cloned();
        if let Some(sample) = largest {
            self.settle(&sample).await?;
        }
        let waited = shared.seconds() - *events.flushed_at.lock();
        if unflushed > options.flush_events || waited >= options.flush_seconds {
            self.flush().await?;
        }
        Ok(())
    }

    /// Makes hot what rows bring that arrived since the last flush: once after each, with the first rows that are enough to tell,
    /// so that few rows lack it. Not while files are being rewritten.
    pub(crate) async fn settle(&self, sample: &RecordBatch) -> Result<()> {
        if sample.num_rows() < usual::SAMPLE {
            return Ok(());
        }
        let shared = Arc::clone(self.shared());
        let (events, flushed) = (&self.shared().events, self.shared().events.state().flushed);
        if *events.settled.lock() == Some(flushed) {
            return Ok(());
        }
        let Ok(_upkeep) = events.upkeep.try_lock() else { return Ok(()) };
        if events.settled.lock().replace(flushed) == Some(flushed) {
            return Ok(());
        }
        let sample = sample.clone();
        blocking(move || usual::settle(&shared, &sample)).await
    }

    /// Writes the tail as a run, exactly once whatever happens.
    pub(crate) async fn flush(&self) -> Result<()> {
        let shared = self.shared();
        let events = &shared.events;
        if events.broken.is_some() {
            return Ok(());
        }
        let mut delta = events.delta.lock().await;
        let snapshot = events.state();
        if snapshot.tail.is_empty() {
            return Ok(());
        }
        let stamp = shared.log.reserve(1)?;
        let (work, state) = (Arc::clone(shared), Arc::clone(&snapshot));
        let written = blocking(move || write_tail(&work, &state, stamp)).await?;
        shared.fault(FaultPoint::FilesWritten)?;
        let change = Change {
            add: written.iter().map(|(run, rows)| (Arc::clone(&run.file), *rows)).collect(),
            flushed: Some(snapshot.position),
            now_ms: shared.options.clock.now().as_millisecond(),
            content: true,
            ..Change::default()
        };
        delta.commit(change).await?;
        shared.fault(FaultPoint::Committed)?;
        {
            let _apply = shared.apply.lock();
            let mut state = events.state().as_ref().clone();
            state.forget(snapshot.position)?;
            state.replace(&[], written.into_iter().map(|(run, _)| run));
            state.layout = shared.versions.next();
            events.publish(state);
        }
        shared.log.truncate(super::TABLE, snapshot.position)?;
        *events.flushed_at.lock() = shared.seconds();
        Ok(())
    }

    /// Makes one run of all rows and brings the hot columns in order.
    pub(crate) async fn compact(&self) -> Result<()> {
        if self.shared().events.broken.is_some() {
            return Ok(());
        }
        self.flush().await?;
        self.merge_some(true).await?;
        let shared = Arc::clone(self.shared());
        blocking(move || Ok(shared.events.hot.compact()?)).await?;
        Ok(())
    }

    /// Removes files that no version of the table names and that were last written more than `age` ago.
    pub(crate) async fn vacuum(&self, age: Duration) -> Result<usize> {
        let shared = self.shared();
        if shared.events.broken.is_some() {
            return Ok(0);
        }
        let _upkeep = shared.events.upkeep.lock().await;
        let _delta = shared.events.delta.lock().await; // nothing is being written now
        remove_old(shared, orphans(shared)?, age)
    }

    /// Merges runs: all of them, or as many of the newest as bring their number down.
    async fn merge_some(&self, all: bool) -> Result<()> {
        let shared = self.shared();
        let events = &shared.events;
        let _upkeep = events.upkeep.lock().await;
        let state = events.state();
        let from = match all {
            true => 0,
            false => match due(&events.columns, &state)? {
                Some(from) => from,
                None => return Ok(()),
            },
        };
        let old: Vec<Arc<Run>> = state.runs[from..].to_vec();
        if old.len() < 2 || (all && one_run(&old)) {
            return Ok(());
        }
        self.rewrite(old, None).await
    }

    /// Writes files anew, as one run, without the rows of some time and number. The caller holds the lock for upkeep.
    pub(crate) async fn rewrite(&self, old: Vec<Arc<Run>>, without: Option<Without>) -> Result<()> {
        let shared = self.shared();
        let events = &shared.events;
        let stamp = shared.log.reserve(1)?;
        let content = without.is_some();
        let (work, sources) = (Arc::clone(shared), old.clone());
        let new = blocking(move || write_anew(&work, &sources, stamp, without.as_ref())).await?;
        if old.iter().all(|run| run.looked_at.load(Ordering::Relaxed)) {
            new.iter().for_each(|(run, _)| run.looked_at.store(true, Ordering::Relaxed));
        }
        let mut delta = events.delta.lock().await;
        shared.fault(FaultPoint::FilesWritten)?;
        commit(shared, &mut delta, &old, &new, content).await?;
        shared.fault(FaultPoint::Committed)?;
        {
            let _apply = shared.apply.lock();
            let mut state = events.state().as_ref().clone();
            state.replace(&old, new.into_iter().map(|(run, _)| run));
            state.layout = shared.versions.next();
            if content {
                state.version = state.layout;
            }
            events.publish(state);
        }
        let now = shared.seconds();
        shared.replaced.lock().extend(old.iter().map(|run| (Arc::clone(&run.file), now)));
        Ok(())
    }

    /// Forgets which customers events name, since some were removed. The caller holds the lock for upkeep.
    pub(crate) async fn forget_customers(&self) -> Result<()> {
        let shared = Arc::clone(self.shared());
        // Whoever holds the lock may be reading files.
        blocking(move || {
            shared.events.people.lock().forget(&shared.events);
            Ok(())
        })
        .await
    }

    /// Removes events from before an instant, once some are older than that by `slack` (both µs).
    pub(crate) async fn expire(&self, before: i64, slack: i64) -> Result<()> {
        let shared = self.shared();
        let events = &shared.events;
        let _upkeep = events.upkeep.lock().await;
        let oldest = |run: &Run| -> Result<i64> {
            let groups = run.groups(&events.columns)?;
            Ok(groups.iter().map(|group| group.at.0).min().unwrap_or(i64::MAX))
        };
        let mut due = false;
        for run in &events.state().runs {
            due |= oldest(run)? < before.saturating_sub(slack);
        }
        if !due {
            return Ok(());
        }
        // First the hot columns: after a crash the files still have the rows, and the next round removes them. The
        // second time is short and sees to it that both forget the same rows.
        let expire = || {
            let work = Arc::clone(shared);
            blocking(move || Ok(work.events.hot.expire(before)?))
        };
        expire().await?;
        let mut old = Vec::new();
        {
            let _gate = Gate::close(self);
            self.flush().await?;
            expire().await?;
            for run in &events.state().runs {
                if oldest(run)? < before {
                    old.push(Arc::clone(run));
                }
            }
        }
        for run in old {
            self.rewrite(vec![run], Some(Without { before, who: Vec::new() })).await?;
        }
        self.forget_customers().await?;
        shared.announce(crate::lake::Changed { table: super::TABLE, position: events.state().position });
        Ok(())
    }
}

/// Rows to leave out of a rewritten file.
#[derive(Debug, Clone)]
pub(crate) struct Without {
    /// Those from before this instant, µs UTC.
    pub before: i64,
    /// Those of these numbers, sorted.
    pub who: Vec<i32>,
}

impl Without {
    fn filter(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let (who, at) = (batch::numbers(rows)?.values(), batch::times(rows)?.values());
        let keep = who
            .iter()
            .zip(at)
            .map(|(who, at)| Some(*at >= self.before && self.who.binary_search(who).is_err()))
            .collect();
        Ok(arrow::compute::filter_record_batch(rows, &keep)?)
    }
}

/// A change that puts new files in the place of old ones.
async fn commit(
    shared: &Shared,
    delta: &mut DeltaLog,
    old: &[Arc<Run>],
    new: &[(Arc<Run>, usize)],
    content: bool,
) -> Result<()> {
    let change = Change {
        add: new.iter().map(|(run, rows)| (Arc::clone(&run.file), *rows)).collect(),
        remove: old.iter().map(|run| Arc::clone(&run.file)).collect(),
        flushed: None,
        now_ms: shared.options.clock.now().as_millisecond(),
        content,
    };
    delta.commit(change).await.map(|_| ())
}

/// Files of runs by run.
fn by_run(files: &[Arc<Run>]) -> impl Iterator<Item = &[Arc<Run>]> {
    files.chunk_by(|a, b| (a.first, a.last) == (b.first, b.last))
}

fn one_run(files: &[Arc<Run>]) -> bool {
    by_run(files).count() <= 1
}

/// From which file on runs are to be merged: so many of the newest that the next older one is more than twice as large
/// as all of them together. `None` while there are few.
fn due(columns: &Columns, state: &EventsState) -> Result<Option<usize>> {
    let mut runs: Vec<(usize, usize)> = Vec::new(); // first file, rows
    let mut at = 0;
    for files in by_run(&state.runs) {
        let mut rows = 0;
        for file in files {
            rows += file.rows(columns)?;
        }
        runs.push((at, rows));
        at += files.len();
    }
    if runs.len() <= MOST_RUNS {
        return Ok(None);
    }
    let mut from = runs.len() - 1;
    let mut together = runs[from].1;
    while from > 0 && (runs.len() - from < MOST_RUNS / 2 || runs[from - 1].1 <= 2 * together) {
        from -= 1;
        together += runs[from].1;
    }
    Ok(Some(runs[from].0))
}

/// Writes the tail as a run. The numbers in it are durable before the file is.
pub(crate) fn write_tail(shared: &Shared, state: &EventsState, stamp: u64) -> Result<Vec<(Arc<Run>, usize)>> {
    let events = &shared.events;
    if state.tail.is_empty() {
        return Ok(Vec::new());
    }
    events.hot.checkpoint()?;
    let chunks: Vec<&RecordBatch> = state.tail.iter().map(|chunk| &chunk.rows).collect();
    let mut first = i64::MAX;
    for chunk in &chunks {
        first = batch::positions(chunk)?.values().iter().copied().fold(first, i64::min);
    }
    let mut parts = Parts::new(&events.dir, &events.columns, (first as u64, state.position), stamp);
    run::sorted(&events.columns, &chunks, run::GROUP_ROWS, |rows| parts.write(rows))?;
    parts.finish()
}

/// Writes files anew as one run.
fn write_anew(
    shared: &Shared,
    old: &[Arc<Run>],
    stamp: u64,
    without: Option<&Without>,
) -> Result<Vec<(Arc<Run>, usize)>> {
    let events: &EventsShared = &shared.events;
    let columns = &events.columns;
    let all: Vec<usize> = (0..columns.stored.fields().len()).collect();
    let read = |run: &Arc<Run>| -> Sorted<'_> {
        match run.read(columns, &all, None, None, MERGED_ROWS) {
            Ok(rows) => Box::new(rows),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    };
    let sources = by_run(old).map(|files| Box::new(files.iter().flat_map(read)) as Sorted<'_>).collect();
    let (Some(first), Some(last)) = (old.first(), old.last()) else {
        return Ok(Vec::new());
    };
    let mut parts = Parts::new(&events.dir, &events.columns, (first.first, last.last), stamp);
    if old.len() == 1 {
        // A file that is written anew by itself stays the same part of its run.
        parts.next = first.part;
        parts.most = usize::MAX;
    }
    merge::merge(columns, sources, |rows| match without {
        None => parts.write(&rows),
        Some(without) => parts.write(&without.filter(&rows)?),
    })?;
    parts.finish()
}

/// Writes one run as several files of whole persons.
pub(crate) struct Parts<'a> {
    dir: &'a Path,
    columns: &'a Columns,
    positions: (u64, u64),
    stamp: u64,
    next: u32,
    most: usize,
    writer: Option<Writer>,
    done: Vec<(DataFile, usize)>,
}

impl<'a> Parts<'a> {
    pub fn new(dir: &'a Path, columns: &'a Columns, positions: (u64, u64), stamp: u64) -> Self {
        Self { dir, columns, positions, stamp, next: 0, most: PART_ROWS, writer: None, done: Vec::new() }
    }

    /// Adds rows that follow those before; all rows of a number come in one batch.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let (first, last) = self.positions;
                let name = Run::name(first, last, self.next, self.stamp);
                self.next += 1;
                self.writer.insert(Writer::new(self.dir, name, self.columns)?)
            }
        };
        writer.write(rows)?;
        if writer.rows() >= self.most {
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            self.done.push(writer.finish()?);
        }
        Ok(())
    }

    /// Ends the last file and makes all of them durable.
    pub fn finish(mut self) -> Result<Vec<(Arc<Run>, usize)>> {
        self.end()?;
        if !self.done.is_empty() {
            files::sync_dir(&self.dir.join("run"))?;
        }
        let done = std::mem::take(&mut self.done);
        let runs = done.into_iter().map(|(file, rows)| {
            let run = Run::of(Arc::new(file));
            let run = run.ok_or_else(|| LakeError::Internal("a run's own name was not understood".into()))?;
            Ok((Arc::new(run), rows))
        });
        runs.collect()
    }
}

impl Drop for Parts<'_> {
    /// Files of a failed step are removed.
    fn drop(&mut self) {
        for (file, _) in &self.done {
            std::fs::remove_file(&file.path).ok();
        }
    }
}

/// Parquet files that no version of the table names.
pub(crate) fn orphans(shared: &Shared) -> Result<Vec<std::path::PathBuf>> {
    let events = &shared.events;
    let used = events.state().runs.iter().map(|run| run.file.path.clone()).collect();
    check::strangers(shared, &[events.dir.join("run")], used)
}
