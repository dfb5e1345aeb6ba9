//! Imports: any number of rows in any order, in bounded memory, one atomic Delta commit at the end.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use parking_lot::Mutex;

use super::absorb::{absorb, apply};
use super::delta::Change;
use super::error::{LakeError, Result};
use super::fold::{self, Job};
use super::layout::Layout;
use super::maintain::{blocking, write_overlay};
use super::rows::{self, At};
use super::{Changed, FaultPoint, Lake, TableShared, first_seq};

/// Log positions that an import takes: versions for 2^36 rows.
const POSITIONS: u64 = 1 << 16;
/// An import with at most this many rows that is small beside its table goes to an overlay file.
const SMALL: usize = 200_000;

/// What an import did. The three counts add up to the rows written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BulkSummary {
    /// Rows of keys that were not there.
    pub taken: u64,
    /// Rows that changed the row of their key.
    pub replaced: u64,
    /// Rows that made no difference: the same content was there already, or a later row of the import has their key.
    pub unchanged: u64,
}

/// An import into one table. Nothing is visible before [`BulkWriter::finish`]; a dropped writer leaves nothing.
/// Several threads may write at once.
#[derive(Debug)]
pub struct BulkWriter {
    lake: Lake,
    table: Arc<TableShared>,
    stamp: u64,
    next_row: AtomicI64,
    own_versions: AtomicBool,
    buffer: Mutex<Buffer>,
    spilling: Mutex<Vec<PathBuf>>,
    dir: PathBuf,
}

/// Rows in memory with the bucket of each.
#[derive(Debug, Default)]
struct Buffer {
    batches: Vec<RecordBatch>,
    buckets: Vec<Vec<u16>>,
    bytes: usize,
    rows: usize,
}

impl BulkWriter {
    pub(super) fn new(lake: Lake, table: Arc<TableShared>) -> Result<Self> {
        let shared = &lake.0.shared;
        let stamp = shared.log.reserve(POSITIONS)?;
        let dir = shared.dir.join("spill").join(format!("{stamp:016x}"));
        Ok(Self {
            table,
            stamp,
            next_row: AtomicI64::new(0),
            own_versions: AtomicBool::new(false),
            buffer: Mutex::default(),
            spilling: Mutex::default(),
            dir,
            lake,
        })
    }

    /// Adds rows; of two rows with one key the one written later wins. Columns as in [`Lake::append`]. May block while
    /// rows are spilled to disk.
    ///
    /// # Errors
    /// [`LakeError::Rows`] when the batch does not fit the table, [`LakeError::DiskFull`] while spilling.
    pub fn write(&self, batch: &RecordBatch) -> Result<()> {
        let first = self.next_row.fetch_add(batch.num_rows() as i64, Ordering::Relaxed);
        self.add(batch, first)
    }

    /// Adds rows whose first is row number `first_row` of the source, counted from 0: of two rows with one key the one
    /// with the higher number wins, in whatever order batches arrive.
    pub fn write_numbered(&self, batch: &RecordBatch, first_row: u64) -> Result<()> {
        self.add(batch, first_row as i64)
    }

    fn add(&self, batch: &RecordBatch, first_row: i64) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let layout = &self.table.layout;
        let (rows, own) = layout.complete(batch, first_seq(self.stamp) + first_row)?;
        if own {
            self.own_versions.store(true, Ordering::Relaxed);
        }
        let buckets: Vec<u16> = match layout.entities(&rows) {
            Some(entities) => {
                (0..rows.num_rows()).map(|row| layout.bucket(entities.value(row)) as u16).collect()
            }
            None => vec![0; rows.num_rows()],
        };
        let full = {
            let mut buffer = self.buffer.lock();
            buffer.bytes += rows.get_array_memory_size();
            buffer.rows += rows.num_rows();
            buffer.batches.push(rows);
            buffer.buckets.push(buckets);
            let full = buffer.bytes > self.lake.0.shared.options.bulk_memory / 2;
            full.then(|| std::mem::take(&mut *buffer))
        };
        match full {
            Some(buffer) => self.spill(&buffer),
            None => Ok(()),
        }
    }

    /// Writes rows to disk, one IPC batch for each bucket. Only one thread at a time, which bounds the memory.
    fn spill(&self, buffer: &Buffer) -> Result<()> {
        let mut files = self.spilling.lock();
        let layout = &self.table.layout;
        std::fs::create_dir_all(&self.dir).map_err(|error| LakeError::io(&self.dir, error))?;
        let path = self.dir.join(format!("{:04}.arrow", files.len()));
        let file = File::create_new(&path).map_err(|error| LakeError::io(&path, error))?;
        let fail = |error: arrow::error::ArrowError| LakeError::writing(&path, &error);
        let mut writer =
            FileWriter::try_new(BufWriter::with_capacity(1 << 20, file), &layout.schema).map_err(fail)?;
        for order in buffer.orders(layout.buckets) {
            let rows = rows::gather_one(layout, &buffer.batches, &order)?;
            writer.write(&compact(&rows)?).map_err(fail)?;
        }
        writer.finish().map_err(fail)?;
        files.push(path);
        Ok(())
    }

    /// Ends the import: dedupes against what the table holds, writes it and commits it atomically. When nothing
    /// changed there is no new version of the table.
    ///
    /// # Errors
    /// On any error the table is as it was.
    pub async fn finish(self) -> Result<BulkSummary> {
        let buffer = std::mem::take(&mut *self.buffer.lock());
        let segments = std::mem::take(&mut *self.spilling.lock());
        let numbered = !self.own_versions.load(Ordering::Relaxed);
        let table = Arc::clone(&self.table);
        let shared = Arc::clone(&self.lake.0.shared);
        let mut delta = table.delta.lock().await;
        let snapshot = table.state();
        let mut base = 0;
        for bucket in &snapshot.buckets {
            base += bucket.base.as_ref().map_or(Ok(0), |base| base.rows(&table.layout))?;
        }
        let small = segments.is_empty() && buffer.rows <= SMALL && buffer.rows <= base / 20;
        let stamp = shared.log.reserve(1)?;
        let mut summary = BulkSummary::default();
        let changed;
        if small {
            changed =
                self.finish_small(&mut delta, &snapshot, &buffer, numbered, stamp, &mut summary).await?;
        } else {
            let (job_table, job_state) = (Arc::clone(&table), Arc::clone(&snapshot));
            let threads = shared.options.threads;
            let done = blocking(move || {
                let orders = buffer.orders(job_table.layout.buckets);
                let job = Job {
                    table: &job_table,
                    state: &job_state,
                    runs: &|bucket| read_runs(&job_table.layout, &segments, &buffer, &orders, bucket),
                    numbered,
                    stamp,
                    threads,
                };
                fold::fold(&job, false)
            })
            .await?;
            for one in &done {
                summary.taken += one.taken;
                summary.replaced += one.replaced;
                summary.unchanged += one.unchanged;
            }
            changed = done.iter().any(|one| one.changed);
            if done.iter().any(|one| one.rewritten) {
                fold::commit(&shared, &table, &mut delta, &snapshot, done, true).await?;
            }
        }
        if changed {
            shared.announce(Changed { table: table.layout.name(), position: self.stamp });
        }
        Ok(summary)
    }

    /// A few rows beside a large table: an overlay file instead of new bases.
    async fn finish_small(
        &self,
        delta: &mut super::DeltaLog,
        snapshot: &super::TableState,
        buffer: &Buffer,
        numbered: bool,
        stamp: u64,
        summary: &mut BulkSummary,
    ) -> Result<bool> {
        let shared = &self.lake.0.shared;
        let layout = &self.table.layout;
        let order: Vec<At> = buffer.orders(1).into_iter().flatten().collect();
        if order.is_empty() {
            return Ok(false);
        }
        let rows = rows::gather_one(layout, &buffer.batches, &order)?;
        let absorbed = absorb(snapshot, &rows, numbered)?;
        (summary.taken, summary.replaced, summary.unchanged) =
            (absorbed.taken, absorbed.replaced, absorbed.unchanged);
        if absorbed.keep.is_empty() {
            return Ok(false);
        }
        let kept = absorbed.rows(layout, &rows)?;
        let (file, count) = write_overlay(&self.table, std::slice::from_ref(&kept), stamp)?;
        let file = Arc::new(file);
        shared.fault(FaultPoint::FilesWritten)?;
        let change = Change {
            add: vec![(Arc::clone(&file), count)],
            now_ms: shared.options.clock.now().as_millisecond(),
            content: true,
            ..Change::default()
        };
        delta.commit(change).await?;
        shared.fault(FaultPoint::Committed)?;
        let _apply = shared.apply.lock();
        let mut state = self.table.state().as_ref().clone();
        let absorbed = absorb(&state, &kept, numbered)?; // rows may have arrived meanwhile
        apply(&mut state, &kept, &absorbed, 0, &shared.versions)?;
        state.overlays.push(file);
        self.table.publish(state);
        if layout.name() == super::MERGES {
            shared.refresh_merges()?;
        }
        if layout.name() == crate::events::identity::LINKS {
            crate::events::identity::reload(shared)?;
        }
        Ok(!absorbed.changed.is_empty())
    }
}

impl Drop for BulkWriter {
    fn drop(&mut self) {
        if self.dir.exists() {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}

impl Buffer {
    /// Places of the rows of each bucket; with one bucket, of all rows.
    fn orders(&self, buckets: usize) -> Vec<Vec<At>> {
        let mut orders: Vec<Vec<At>> = vec![Vec::with_capacity(self.rows / buckets + 16); buckets];
        for (source, of) in self.buckets.iter().enumerate() {
            for (row, bucket) in of.iter().enumerate() {
                orders[if buckets == 1 { 0 } else { usize::from(*bucket) }].push((source, row));
            }
        }
        orders
    }
}

/// The new rows of a bucket, from the disk and from memory.
fn read_runs(
    layout: &Layout,
    segments: &[PathBuf],
    buffer: &Buffer,
    orders: &[Vec<At>],
    bucket: usize,
) -> Result<Vec<RecordBatch>> {
    let mut runs = Vec::with_capacity(segments.len() + 1);
    for path in segments {
        let fail = |error: arrow::error::ArrowError| LakeError::reading(path, error);
        let file = File::open(path).map_err(|error| LakeError::io(path, error))?;
        let mut reader = FileReader::try_new(BufReader::new(file), None).map_err(fail)?;
        reader.set_index(bucket).map_err(fail)?;
        if let Some(rows) = reader.next() {
            runs.push(rows.map_err(fail)?);
        }
    }
    if !orders[bucket].is_empty() {
        runs.push(rows::gather_one(layout, &buffer.batches, &orders[bucket])?);
    }
    Ok(runs)
}

/// The batch with text buffers that hold only its own rows.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()) as ArrayRef,
            _ => Arc::clone(column),
        })
        .collect();
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
