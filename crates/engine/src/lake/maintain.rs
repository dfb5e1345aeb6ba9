//! Background care: flushing the intake log to Delta, compaction, removing files that are no longer needed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::delta::Change;
use super::error::{LakeError, Result};
use super::fold::{self, Job};
use super::layout::Layout;
use super::state::Bucket;
use super::{FaultPoint, Lake, Shared, TableShared, files};

/// How often [`Lake::maintain`] looks for files that crashes left.
const VACUUM_SECONDS: i64 = 3600;
/// How old such a file must be.
const ORPHAN_SECONDS: u64 = 86_400;

impl Lake {
    /// Does what is due: flushes tables with many or old unflushed rows, compacts tables with large overlays, removes
    /// replaced files after [`LakeOptions::keep_seconds`](super::LakeOptions), and once an hour files that crashes left
    /// more than a day ago. The server calls it every few seconds.
    ///
    /// # Errors
    /// The first error; other tables are still taken care of.
    pub async fn maintain(&self) -> Result<()> {
        let shared = &self.0.shared;
        let mut failed = None;
        for table in shared.tables.values().filter(|table| table.broken.is_none()) {
            let state = table.state();
            let options = &shared.options;
            let unflushed = state.unflushed();
            let waited = shared.seconds() - *table.flushed_at.lock();
            let base: usize = state
                .buckets
                .iter()
                .filter_map(|bucket| bucket.base.as_ref()?.rows(&state.layout).ok())
                .sum();
            let result = if state.overlay_rows() > options.compact_rows.max(base / 10) {
                self.compact_table(table).await
            } else if unflushed > options.flush_rows || (unflushed > 0 && waited >= options.flush_seconds) {
                flush_table(shared, table).await
            } else {
                if unflushed == 0 {
                    *table.flushed_at.lock() = shared.seconds();
                }
                Ok(())
            };
            if let Err(error) = result {
                tracing::error!(table = table.layout.name(), %error, "flush or compaction failed");
                failed.get_or_insert(error);
            }
        }
        if let Err(error) = self.events().maintain().await {
            tracing::error!(table = crate::events::TABLE, %error, "upkeep of events failed");
            failed.get_or_insert(error);
        }
        self.remove_replaced(shared.options.keep_seconds);
        let now = shared.seconds();
        let due = now.saturating_sub(*shared.vacuumed_at.lock()) >= VACUUM_SECONDS;
        if due {
            *shared.vacuumed_at.lock() = now;
            if let Err(error) = self.vacuum(Duration::from_secs(ORPHAN_SECONDS)).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Writes all rows that are only in the intake log to the Delta tables, each exactly once whatever happens.
    pub async fn flush(&self) -> Result<()> {
        for table in self.0.shared.tables.values().filter(|table| table.broken.is_none()) {
            flush_table(&self.0.shared, table).await?;
        }
        self.events().flush().await
    }

    /// Folds all overlay rows into new base files: one Delta commit for each table that has any. All events become one
    /// run.
    pub async fn compact(&self) -> Result<()> {
        for table in self.0.shared.tables.values().filter(|table| table.broken.is_none()) {
            self.compact_table(table).await?;
        }
        self.events().compact().await
    }

    pub(crate) async fn compact_table(&self, table: &Arc<TableShared>) -> Result<()> {
        let shared = Arc::clone(&self.0.shared);
        let mut delta = table.delta.lock().await;
        let snapshot = table.state();
        if snapshot.overlay_rows() == 0 {
            return Ok(());
        }
        let stamp = shared.log.reserve(1)?;
        let (job_shared, job_table, job_state) =
            (Arc::clone(&shared), Arc::clone(table), Arc::clone(&snapshot));
        let done = blocking(move || {
            let job = Job {
                watch: None,
                table: &job_table,
                state: &job_state,
                runs: &|_| Ok(Vec::new()),
                numbered: true,
                stamp,
                threads: job_shared.options.threads,
            };
            fold::fold(&job, true)
        })
        .await?;
        fold::commit(&shared, table, &mut delta, &snapshot, done, false).await
    }

    /// Removes files that were replaced more than `after_seconds` ago and that no reader holds.
    pub(crate) fn remove_replaced(&self, after_seconds: i64) {
        let shared = &self.0.shared;
        let now = shared.seconds();
        shared.replaced.lock().retain(|(file, since)| {
            let due = now.saturating_sub(*since) >= after_seconds && Arc::strong_count(file) == 1;
            !due || (std::fs::remove_file(&file.path).is_err() && file.path.exists())
        });
    }

    /// Removes Parquet files that no Delta log names and that were last written more than `age` ago: left over by
    /// crashes, or replaced. Gives the number of files removed.
    pub async fn vacuum(&self, age: Duration) -> Result<usize> {
        let shared = &self.0.shared;
        let mut removed = 0;
        for table in shared.tables.values().filter(|table| table.broken.is_none()) {
            let _delta = table.delta.lock().await; // nothing is being written now
            removed += remove_old(shared, super::check::orphans(shared, table)?, age)?;
        }
        removed += self.events().vacuum(age).await?;
        self.remove_replaced(age.as_secs() as i64);
        Ok(removed)
    }
}

/// Removes files that were last written more than `age` ago; gives their number.
pub(crate) fn remove_old(shared: &Shared, paths: Vec<std::path::PathBuf>, age: Duration) -> Result<usize> {
    let mut removed = 0;
    for path in paths {
        let now = Duration::from_secs(shared.seconds().max(0) as u64);
        let written = std::fs::metadata(&path).and_then(|meta| meta.modified());
        let old = written.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        if old.is_none_or(|at| now.saturating_sub(at) >= age) {
            std::fs::remove_file(&path).map_err(|error| LakeError::io(&path, error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Writes a table's unflushed rows as an overlay file. The commit carries the log position up to which it goes; the
/// log forgets the rows only after that commit is on the disk.
async fn flush_table(shared: &Arc<Shared>, table: &Arc<TableShared>) -> Result<()> {
    let mut delta = table.delta.lock().await;
    let snapshot = table.state();
    if snapshot.position <= snapshot.flushed {
        return Ok(());
    }
    let position = snapshot.position;
    let stamp = shared.log.reserve(1)?;
    let (writer, state) = (Arc::clone(table), Arc::clone(&snapshot));
    let written = blocking(move || overlay_file(&writer, &state, stamp)).await?;
    shared.fault(FaultPoint::FilesWritten)?;
    let mut file = None;
    if let Some((data, rows)) = written {
        let data = Arc::new(data);
        let change = Change {
            add: vec![(Arc::clone(&data), rows)],
            flushed: Some(position),
            now_ms: shared.options.clock.now().as_millisecond(),
            content: true,
            ..Change::default()
        };
        delta.commit(change).await?;
        file = Some(data);
    }
    shared.fault(FaultPoint::Committed)?;
    {
        let _apply = shared.apply.lock();
        let mut state = table.state().as_ref().clone();
        state.overlays.extend(file);
        state.flushed = state.flushed.max(position);
        table.publish(state);
    }
    shared.log.truncate(table.layout.name(), position)?;
    *table.flushed_at.lock() = shared.seconds();
    Ok(())
}

/// Writes the unflushed rows of a state to a new overlay file; `None` when there are none.
fn overlay_file(
    table: &TableShared,
    state: &super::TableState,
    stamp: u64,
) -> Result<Option<(files::DataFile, usize)>> {
    let layout = &state.layout;
    let mut sources = Vec::new();
    for bucket in &state.buckets {
        let (batch, slots) = bucket.overlay.select(layout, |slot| slot.position > state.flushed)?;
        if !slots.is_empty() {
            sources.push(batch);
        }
    }
    if sources.is_empty() {
        return Ok(None);
    }
    write_overlay(table, &sources, stamp).map(Some)
}

/// Writes batches to a new overlay file.
pub(crate) fn write_overlay(
    table: &TableShared,
    batches: &[arrow::array::RecordBatch],
    stamp: u64,
) -> Result<(files::DataFile, usize)> {
    let layout = &table.layout;
    let dir = table.dir.join("overlay");
    std::fs::create_dir_all(&dir).map_err(|error| LakeError::io(&dir, error))?;
    let name = format!("overlay/o-{stamp:016x}.parquet");
    let total = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    let rows = batches.iter().map(|batch| Ok(batch.clone()));
    let written = files::write(&table.dir, name, layout, total, rows)?;
    files::sync_dir(&dir)?;
    Ok((written.file, written.rows))
}

/// The present number of rows of a bucket.
pub(crate) fn bucket_rows(layout: &Layout, bucket: &Bucket) -> Result<i64> {
    let base = match &bucket.base {
        Some(base) => base.rows(layout)? as i64,
        None => 0,
    };
    if bucket.overlay.is_empty() {
        return Ok(base);
    }
    let (newer, _) = bucket.overlay.select(layout, |_| true)?;
    let live = layout.deleted(&newer).false_count() as i64;
    let Some(file) = &bucket.base else { return Ok(live) };
    let wanted: HashSet<super::Id> = bucket.overlay.index.keys().copied().collect();
    let mut entities: Vec<&str> = match layout.entities(&newer) {
        Some(names) => (0..newer.num_rows()).map(|row| names.value(row)).collect(),
        None => Vec::new(),
    };
    entities.sort_unstable();
    entities.dedup();
    let superseded = file.count(layout, &wanted, &entities)? as i64;
    Ok(base + live - superseded)
}

/// Runs work that blocks, outside of the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(LakeError::Internal(format!("a background task failed: {error}"))),
    }
}
