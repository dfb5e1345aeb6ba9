//! Writing new base files: what a bucket holds, merged with what is newer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use parking_lot::Mutex;

use super::Shared;
use super::error::{LakeError, Result};
use super::files::{self, DataFile, Written};
use super::rows::{self, Merged, Watch};
use super::state::{Bucket, TableState};
use super::{FaultPoint, TableShared};

/// Rows given to the Parquet writer at once.
const WRITE_ROWS: usize = 16_384;

/// What became of one bucket.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub bucket: usize,
    /// The new base file; `None` when nothing is left.
    pub file: Option<Arc<DataFile>>,
    pub rows: usize,
    /// Whether the base file is to be replaced.
    pub rewritten: bool,
    /// Whether the content changed.
    pub changed: bool,
    pub taken: u64,
    pub replaced: u64,
    pub unchanged: u64,
    pub missing: u64,
    pub removed: u64,
}

/// The present rows of a bucket, as stored.
pub(crate) fn present(state: &TableState, at: usize) -> Result<Vec<RecordBatch>> {
    let layout = &state.layout;
    let sources = existing(layout, &state.buckets[at])?;
    let merged = rows::merge(layout, &sources, sources.len(), true, None)?;
    rows::gather(layout, &sources, &merged.order, WRITE_ROWS).collect()
}

fn existing(layout: &super::Layout, bucket: &Bucket) -> Result<Vec<RecordBatch>> {
    let mut sources = match &bucket.base {
        Some(base) => base.read_all(layout)?,
        None => Vec::new(),
    };
    if !bucket.overlay.is_empty() {
        sources.push(bucket.overlay.select(layout, |_| true)?.0);
    }
    Ok(sources)
}

/// What to fold into the bases: new rows per bucket, and how new files are named.
pub(crate) struct Job<'a> {
    pub table: &'a TableShared,
    pub state: &'a TableState,
    /// New rows of a bucket.
    pub runs: &'a (dyn Fn(usize) -> Result<Vec<RecordBatch>> + Sync),
    /// Whether the lake gave the new rows' versions.
    pub numbered: bool,
    /// Number in the names of new files, never used before.
    pub stamp: u64,
    pub threads: usize,
    /// The source whose rows are compared with the new ones.
    pub watch: Option<&'a Watch>,
}

/// Folds the buckets of a table, several at a time. Buckets without a change of content keep their base file, unless
/// another bucket changes and they have overlay rows to fold in. Files of a failed fold are removed again.
pub(crate) fn fold(job: &Job<'_>, all_overlays: bool) -> Result<Vec<Folded>> {
    let base = job.table.dir.join("base");
    std::fs::create_dir_all(&base).map_err(|error| LakeError::io(&base, error))?;
    let everything: Vec<usize> = (0..job.state.buckets.len()).collect();
    let mut done = parallel(job, &everything, all_overlays)?;
    if !all_overlays && done.iter().any(|one| one.rewritten) {
        // The overlay files go with this commit: their rows must be in base files then.
        let left: Vec<usize> = done
            .iter()
            .filter(|one| !one.rewritten && !job.state.buckets[one.bucket].overlay.is_empty())
            .map(|one| one.bucket)
            .collect();
        match parallel(job, &left, true) {
            Ok(more) => {
                for mut one in more {
                    if let Some(old) = done.iter_mut().find(|old| old.bucket == one.bucket) {
                        (one.taken, one.replaced, one.unchanged) = (old.taken, old.replaced, old.unchanged);
                        (one.missing, one.removed) = (old.missing, old.removed);
                        *old = one;
                    }
                }
            }
            Err(error) => {
                discard(&done);
                return Err(error);
            }
        }
    }
    files::sync_dir(&base)?;
    Ok(done)
}

/// Removes the files of a fold that is not going to be committed.
pub(crate) fn discard(done: &[Folded]) {
    for file in done.iter().filter_map(|one| one.file.as_ref()) {
        std::fs::remove_file(&file.path).ok();
    }
}

fn parallel(job: &Job<'_>, buckets: &[usize], force: bool) -> Result<Vec<Folded>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(buckets.len()));
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..job.threads.clamp(1, buckets.len().max(1)) {
            scope.spawn(|| {
                while let Some(bucket) = buckets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if failed.lock().is_some() {
                        return;
                    }
                    match fold_bucket(job, *bucket, force) {
                        Ok(folded) => done.lock().push(folded),
                        Err(error) => {
                            failed.lock().get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    let mut done = done.into_inner();
    if let Some(error) = failed.into_inner() {
        discard(&done);
        return Err(error);
    }
    done.sort_by_key(|one| one.bucket);
    Ok(done)
}

fn fold_bucket(job: &Job<'_>, at: usize, force: bool) -> Result<Folded> {
    let layout = &job.state.layout;
    let bucket = &job.state.buckets[at];
    let runs = (job.runs)(at)?;
    let nothing = Folded { bucket: at, ..Folded::default() };
    let nothing_new = runs.iter().all(|run| run.num_rows() == 0) && job.watch.is_none();
    let to_fold = force && !bucket.overlay.is_empty();
    if nothing_new && !to_fold {
        return Ok(nothing);
    }
    let mut sources = existing(layout, bucket)?;
    let known = sources.len();
    sources.extend(runs);
    let merged = rows::merge(layout, &sources, known, job.numbered, job.watch)?;
    let counts = Folded {
        taken: merged.taken,
        replaced: merged.replaced,
        unchanged: merged.unchanged,
        missing: merged.missing,
        removed: merged.removed,
        ..nothing
    };
    if !merged.changed && !merged.raised && !to_fold {
        return Ok(counts);
    }
    let written = write(job, at, &sources, &merged)?;
    Ok(Folded {
        rewritten: true,
        changed: merged.changed,
        rows: written.as_ref().map_or(0, |written| written.rows),
        file: written.map(|written| Arc::new(written.file)),
        ..counts
    })
}

fn write(job: &Job<'_>, at: usize, sources: &[RecordBatch], merged: &Merged) -> Result<Option<Written>> {
    if merged.order.is_empty() {
        return Ok(None);
    }
    let layout = &job.state.layout;
    let name = format!("base/b{at:02}-{:016x}.parquet", job.stamp);
    let rows = rows::gather(layout, sources, &merged.order, WRITE_ROWS);
    files::write(&job.table.dir, name, layout, merged.order.len(), rows).map(Some)
}

/// Commits folded buckets: new bases in, old bases and all overlay files out; then shows the new state.
/// `recheck` drops rows that arrived meanwhile and are older than what the fold brought in.
pub(crate) async fn commit(
    shared: &Shared,
    table: &TableShared,
    delta: &mut super::DeltaLog,
    snapshot: &TableState,
    done: Vec<Folded>,
    recheck: bool,
) -> Result<()> {
    let layout = &snapshot.layout;
    let mut change = super::delta::Change {
        flushed: Some(snapshot.position),
        now_ms: shared.options.clock.now().as_millisecond(),
        content: done.iter().any(|one| one.changed),
        remove: snapshot.overlays.clone(),
        add: Vec::new(),
    };
    let content = change.content;
    for one in done.iter().filter(|one| one.rewritten) {
        change.remove.extend(snapshot.buckets[one.bucket].base.clone());
        change.add.extend(one.file.clone().map(|file| (file, one.rows)));
    }
    let removed = change.remove.clone();
    shared.fault(FaultPoint::FilesWritten)?;
    delta.commit(change).await?;
    shared.fault(FaultPoint::Committed)?;
    let position = snapshot.position;
    let mut rechecked = Vec::new();
    if recheck {
        rechecked = outdated(layout, &table.state(), &done, position)?;
    }
    {
        let _apply = shared.apply.lock();
        let mut state = table.state().as_ref().clone();
        let changed = state
            .buckets
            .iter()
            .enumerate()
            .map(|(at, bucket)| {
                let folded = done.iter().find(|one| one.bucket == at && one.rewritten);
                let drop = rechecked.iter().find(|(bucket, _)| *bucket == at).map(|(_, ids)| ids);
                let overlay = bucket.overlay.without(|id, slot| {
                    slot.position <= position || drop.is_some_and(|ids| ids.contains(id))
                });
                let content = folded.is_some_and(|one| one.changed);
                let version = if content { shared.versions.next() } else { bucket.version };
                let base = folded.map_or_else(|| bucket.base.clone(), |one| one.file.clone());
                (at, Bucket::new(version, base, overlay), content)
            })
            .collect();
        state.replace(changed, &shared.versions);
        state.overlays = Vec::new();
        state.flushed = state.flushed.max(position);
        table.publish(state);
        if layout.name() == super::MERGES {
            shared.refresh_merges()?;
        }
        if content && layout.name() == crate::events::identity::LINKS {
            crate::events::identity::reload(shared)?;
        }
    }
    shared.log.truncate(layout.name(), position)?;
    let now = shared.seconds();
    *table.flushed_at.lock() = now;
    shared.replaced.lock().extend(removed.into_iter().map(|file| (file, now)));
    Ok(())
}

type Outdated = Vec<(usize, std::collections::HashSet<super::Id>)>;

/// Rows that arrived while an import was written and whose versions are older than what it brought.
fn outdated(layout: &super::Layout, now: &TableState, done: &[Folded], position: u64) -> Result<Outdated> {
    let mut out = Vec::new();
    for one in done {
        let Some(base) = &one.file else { continue };
        let (rows, slots) =
            now.buckets[one.bucket].overlay.select(layout, |slot| slot.position > position)?;
        if slots.is_empty() {
            continue;
        }
        let wanted = slots.iter().map(|(id, _)| *id).collect();
        let mut entities: Vec<&str> = match layout.entities(&rows) {
            Some(names) => (0..rows.num_rows()).map(|row| names.value(row)).collect(),
            None => Vec::new(),
        };
        entities.sort_unstable();
        entities.dedup();
        let (Some(found), places) = base.find(layout, &wanted, &entities)? else {
            continue;
        };
        let ids = slots
            .iter()
            .filter(|(id, slot)| places.get(id).is_some_and(|row| layout.seqs(&found).value(*row) > slot.seq))
            .map(|(id, _)| *id)
            .collect();
        out.push((one.bucket, ids));
    }
    Ok(out)
}
