//! Runs: Parquet files of events sorted by (number of the identifier, time, arrival).
//!
//! A run holds what arrived between two log positions; in the order of their positions, runs say in which order events
//! of one time arrived. A large run is several files, each with a range of numbers.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::batch::{self, CUSTOMER, Columns, POSITION, WHO};
use crate::lake::files::{DataFile, FileRows};
use crate::lake::{LakeError, Result};

/// Rows of a row group: the unit of pruning.
pub(crate) const GROUP_ROWS: usize = 65_536;
/// Rows of a page, the least that a search for a person decodes of a column.
const PAGE_ROWS: usize = 4_096;

/// One file of a run. Its footer is read once, when first needed.
#[derive(Debug)]
pub(crate) struct Run {
    pub file: Arc<DataFile>,
    /// The first log position that the run has rows of.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// Its place among the files of the same run.
    pub part: u32,
    /// Whether the customers that its rows name are known.
    pub looked_at: AtomicBool,
    meta: OnceLock<Meta>,
}

#[derive(Debug)]
struct Meta {
    arrow: ArrowReaderMetadata,
    /// Position of each stored column in the file.
    columns: Vec<Option<usize>>,
    groups: Vec<Group>,
    rows: usize,
}

/// What is known of a row group without reading it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub rows: usize,
    pub who: (i32, i32),
    pub at: (i64, i64),
    /// Whether some of its rows may name a customer.
    pub names_customers: bool,
}

impl Run {
    /// The name of a new file.
    pub fn name(first: u64, last: u64, part: u32, stamp: u64) -> String {
        format!("run/r-{first:016x}-{last:016x}-{part:04x}-{stamp:016x}.parquet")
    }

    /// The run of a file, by its name; `None` when it is no name of a run.
    pub fn of(file: Arc<DataFile>) -> Option<Self> {
        let stem = file.name.strip_prefix("run/r-")?.strip_suffix(".parquet")?;
        let mut parts = stem.split('-').map(|part| u64::from_str_radix(part, 16).ok());
        let (first, last, part) = (parts.next()??, parts.next()??, parts.next()??);
        let looked_at = AtomicBool::new(false);
        Some(Self { first, last, part: part as u32, looked_at, file, meta: OnceLock::new() })
    }

    fn meta(&self, columns: &Columns) -> Result<&Meta> {
        if let Some(meta) = self.meta.get() {
            return Ok(meta);
        }
        let meta = self.load(columns)?;
        Ok(self.meta.get_or_init(|| meta))
    }

    fn damaged(&self, error: impl std::fmt::Display) -> LakeError {
        LakeError::reading(&self.file.path, error)
    }

    fn load(&self, columns: &Columns) -> Result<Meta> {
        let file = File::open(&self.file.path).map_err(|error| self.damaged(error))?;
        let options = || {
            ArrowReaderOptions::new()
                .with_skip_arrow_metadata(true)
                .with_page_index_policy(PageIndexPolicy::Optional)
        };
        let plain = ArrowReaderMetadata::load(&file, options()).map_err(|error| self.damaged(error))?;
        let fields: Vec<Field> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| match columns.stored.field_with_name(field.name()) {
                Ok(stored) => field.as_ref().clone().with_data_type(stored.data_type().clone()),
                Err(_) => field.as_ref().clone(),
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let arrow = ArrowReaderMetadata::try_new(
            Arc::clone(plain.metadata()),
            options().with_schema(Arc::clone(&schema)),
        )
        .map_err(|error| self.damaged(error))?;
        let places: Vec<Option<usize>> =
            columns.stored.fields().iter().map(|field| schema.index_of(field.name()).ok()).collect();
        let bounds = |group: usize, name: &str| {
            let at = schema.index_of(name).ok()?;
            let statistics = arrow.metadata().row_group(group).column(at).statistics()?;
            Some((statistics.min_bytes_opt()?.to_vec(), statistics.max_bytes_opt()?.to_vec()))
        };
        let customers = schema.index_of(CUSTOMER).ok();
        let groups = (0..arrow.metadata().num_row_groups())
            .map(|group| {
                let who = bounds(group, WHO).and_then(|(min, max)| Some((int(&min)?, int(&max)?)));
                let at = bounds(group, "at").and_then(|(min, max)| Some((long(&min)?, long(&max)?)));
                let metadata = arrow.metadata().row_group(group);
                let rows = metadata.num_rows() as usize;
                let nulls = |at: usize| metadata.column(at).statistics()?.null_count_opt();
                Group {
                    rows,
                    who: who.unwrap_or((i32::MIN, i32::MAX)),
                    at: at.unwrap_or((i64::MIN, i64::MAX)),
                    names_customers: customers
                        .is_some_and(|at| nulls(at).is_none_or(|nulls| nulls < rows as u64)),
                }
            })
            .collect();
        let rows = arrow.metadata().file_metadata().num_rows() as usize;
        Ok(Meta { arrow, columns: places, groups, rows })
    }

    /// The file's own column types that differ from the table's, in words.
    pub fn misfits(&self, columns: &Columns) -> Result<Vec<String>> {
        let meta = self.meta(columns)?;
        Ok(columns
            .stored
            .fields()
            .iter()
            .zip(&meta.columns)
            .filter_map(|(field, at)| {
                let found = meta.arrow.schema().field((*at)?);
                (found.data_type() != field.data_type()).then(|| {
                    format!("{} is {} instead of {}", field.name(), found.data_type(), field.data_type())
                })
            })
            .collect())
    }

    /// Number of rows.
    pub fn rows(&self, columns: &Columns) -> Result<usize> {
        Ok(self.meta(columns)?.rows)
    }

    /// Bounds of the row groups.
    pub fn groups(&self, columns: &Columns) -> Result<&[Group]> {
        Ok(&self.meta(columns)?.groups)
    }

    /// Decodes stored columns of some row groups (`None`: all).
    pub fn read(
        &self,
        columns: &Columns,
        wanted: &[usize],
        groups: Option<Vec<usize>>,
        selection: Option<RowSelection>,
        batch: usize,
    ) -> Result<FileRows> {
        let meta = self.meta(columns)?;
        let mut roots: Vec<usize> = wanted.iter().filter_map(|at| meta.columns[*at]).collect();
        roots.sort_unstable();
        roots.dedup();
        let places = wanted
            .iter()
            .map(|at| meta.columns[*at].and_then(|column| roots.binary_search(&column).ok()))
            .collect();
        let file = File::open(&self.file.path).map_err(|error| self.damaged(error))?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, meta.arrow.clone())
            .with_projection(ProjectionMask::roots(meta.arrow.parquet_schema(), roots))
            .with_batch_size(batch);
        if let Some(groups) = groups {
            builder = builder.with_row_groups(groups);
        }
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let reader = builder.build().map_err(|error| self.damaged(error))?;
        let schema = Arc::new(columns.stored.project(wanted)?);
        Ok(FileRows { reader, schema, places, path: self.file.path.clone() })
    }

    /// The rows of some numbers (sorted), as stored columns `wanted`.
    pub fn find(&self, columns: &Columns, wanted: &[usize], who: &[i32]) -> Result<Vec<RecordBatch>> {
        let all: Vec<usize> = (0..self.groups(columns)?.len()).collect();
        self.find_in(columns, wanted, who, &all)
    }

    /// As [`Run::find`], in some row groups.
    pub fn find_in(
        &self,
        columns: &Columns,
        wanted: &[usize],
        who: &[i32],
        groups: &[usize],
    ) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::new();
        for number in groups {
            let group = self.groups(columns)?[*number];
            let spans = self.spans(columns, *number, &group, who)?;
            if spans.is_empty() {
                continue;
            }
            let selection = RowSelection::from_consecutive_ranges(spans.into_iter(), group.rows);
            for batch in self.read(columns, wanted, Some(vec![*number]), Some(selection), 8192)? {
                out.push(batch?);
            }
        }
        Ok(out)
    }

    /// Which rows of a row group are of some numbers (sorted).
    fn spans(
        &self,
        columns: &Columns,
        number: usize,
        group: &Group,
        who: &[i32],
    ) -> Result<Vec<Range<usize>>> {
        let from = who.partition_point(|one| *one < group.who.0);
        let who: Vec<i32> = who[from..].iter().take_while(|one| **one <= group.who.1).copied().collect();
        let mut spans: Vec<Range<usize>> = Vec::new();
        if who.is_empty() {
            return Ok(spans);
        }
        let mut first = 0;
        for batch in self.read(columns, &[columns.at(WHO)], Some(vec![number]), None, GROUP_ROWS)? {
            let batch = batch?;
            let values = batch::numbers(&batch)?.values().to_vec();
            for one in &who {
                let start = values.partition_point(|value| value < one);
                let end = start + values[start..].partition_point(|value| value <= one);
                match spans.last_mut() {
                    _ if start == end => {}
                    Some(last) if last.end == first + start => last.end = first + end,
                    _ => spans.push(first + start..first + end),
                }
            }
            first += values.len();
        }
        Ok(spans)
    }
}

fn int(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.try_into().ok()?))
}

fn long(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

/// Brings rows in the order of a run: by number, time, position, and as they come.
pub(crate) fn sort(rows: &RecordBatch) -> Result<RecordBatch> {
    let who = batch::numbers(rows)?.values();
    let at = batch::times(rows)?.values();
    let position = batch::positions(rows)?.values();
    let keys = || who.iter().zip(at).zip(position).map(|((who, at), position)| (*who, *at, *position));
    if keys().is_sorted() {
        return Ok(rows.clone());
    }
    // Keys lie side by side, so that comparing them waits for no memory elsewhere; the last part keeps the order of arrival.
    let mut order: Vec<_> = keys().zip(0u32..).collect();
    order.sort_unstable();
    let order: Vec<u32> = order.into_iter().map(|(_, row)| row).collect();
    Ok(arrow::compute::take_record_batch(rows, &UInt32Array::from(order))?)
}

/// Gives the rows of batches in the order of a run, as [`sort`] has them, in pieces of whole persons with about `most` rows: what
/// is in memory beside the batches is little.
pub(crate) fn sorted(
    columns: &Columns,
    batches: &[&RecordBatch],
    most: usize,
    mut give: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let mut order = Vec::with_capacity(batches.iter().map(|batch| batch.num_rows()).sum());
    for (number, batch) in (0u32..).zip(batches) {
        let (who, at) = (batch::numbers(batch)?.values(), batch::times(batch)?.values());
        let position = batch::positions(batch)?.values();
        let keys = who.iter().zip(at).zip(position).zip(0u32..);
        order.extend(keys.map(|(((who, at), position), row)| (*who, *at, *position, number, row)));
    }
    order.sort_unstable();
    let batches = columns.aligned(batches)?;
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let mut rest = order.as_slice();
    while let Some((last, ..)) = rest.get(most.min(rest.len()).wrapping_sub(1)) {
        let (piece, after) = rest.split_at(rest.partition_point(|(who, ..)| who <= last));
        rest = after;
        let spots: Vec<(usize, usize)> =
            piece.iter().map(|(.., batch, row)| (*batch as usize, *row as usize)).collect();
        give(&interleave_record_batch(&batches, &spots)?)?;
    }
    Ok(())
}

/// Writes a run's file, durable at [`Writer::finish`]; a writer that is dropped removes its file.
pub(crate) struct Writer {
    writer: Option<ArrowWriter<BufWriter<File>>>,
    schema: SchemaRef,
    dir: PathBuf,
    name: String,
    path: PathBuf,
    rows: usize,
    /// Nulls of each type that was needed, as many as were.
    nulls: Vec<ArrayRef>,
}

impl Writer {
    /// A new file of the table in `dir`.
    pub fn new(dir: &Path, name: String, columns: &Columns) -> Result<Self> {
        let path = dir.join(&name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| LakeError::io(parent, error))?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| LakeError::io(&path, error))?;
        let options = ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
        let buffered = BufWriter::with_capacity(1 << 20, file);
        let writer = ArrowWriter::try_new_with_options(buffered, Arc::clone(&columns.stored), options)
            .map_err(|error| LakeError::writing(&path, &error))?;
        let schema = Arc::clone(&columns.stored);
        Ok(Self { writer: Some(writer), schema, dir: dir.into(), name, path, rows: 0, nulls: Vec::new() })
    }

    /// Rows written so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds rows that follow those before.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = self.align(batch)?;
        self.rows += batch.num_rows();
        match &mut self.writer {
            Some(writer) => writer.write(&batch).map_err(|error| LakeError::writing(&self.path, &error)),
            None => Err(LakeError::Closed),
        }
    }

    /// All columns of the file; those that the batch has not are null, and many batches share these nulls.
    fn align(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            columns.push(match batch.column_by_name(field.name()) {
                Some(column) => Arc::clone(column),
                None => {
                    let nulls = self.nulls.iter().position(|nulls| nulls.data_type() == field.data_type());
                    let at = nulls.unwrap_or(self.nulls.len());
                    if at == self.nulls.len() {
                        self.nulls.push(new_null_array(field.data_type(), rows));
                    } else if self.nulls[at].len() < rows {
                        self.nulls[at] = new_null_array(field.data_type(), rows);
                    }
                    self.nulls[at].slice(0, rows)
                }
            });
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Ends the file and makes it durable.
    pub fn finish(mut self) -> Result<(DataFile, usize)> {
        let writer = self.writer.take().ok_or(LakeError::Closed)?;
        let result = Self::end(writer, &self.path);
        if result.is_err() {
            std::fs::remove_file(&self.path).ok();
        }
        let size = result?;
        Ok((DataFile::new(&self.dir, std::mem::take(&mut self.name), size), self.rows))
    }

    fn end(writer: ArrowWriter<BufWriter<File>>, path: &Path) -> Result<i64> {
        let buffered = writer.into_inner().map_err(|error| LakeError::writing(path, &error))?;
        let file = buffered.into_inner().map_err(|error| LakeError::io(path, error.into_error()))?;
        file.sync_all().map_err(|error| LakeError::io(path, error))?;
        Ok(file.metadata().map_err(|error| LakeError::io(path, error))?.len() as i64)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.writer.is_some() {
            std::fs::remove_file(&self.path).ok();
        }
    }
}

/// How runs are written: LZ4, numbers and times as differences, dictionaries where values repeat.
fn properties() -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_created_by("burgeon".into());
    for name in [WHO, "at", CUSTOMER] {
        builder = builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
    }
    for name in [WHO, POSITION, "at", "received_at"] {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in ["event_id", "distinct_id", "properties", "_origin"] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, Int64Array, StringViewArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;

    /// Rows of one batch: number, time, position; the text of a row says where it stood.
    fn batch(number: usize, rows: &[(i32, i64, i64)], with_path: bool) -> RecordBatch {
        let utc = burgeon_core::records::ColumnType::Timestamp.data_type();
        let texts = (0..rows.len()).map(|row| Some(format!("row {row} of batch {number}")));
        let at = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1));
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("event_id", Arc::new(StringViewArray::from_iter(texts.clone()))),
            ("at", Arc::new(at.with_data_type(utc))),
            (WHO, Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0)))),
            (POSITION, Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)))),
        ];
        if with_path {
            columns.insert(2, ("path", Arc::new(StringViewArray::from_iter(texts))));
        }
        RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .unwrap()
    }

    proptest! {
        #[test]
        fn pieces_are_the_sorted_rows(
            given in prop::collection::vec(
                (prop::collection::vec((0i32..6, 0i64..4, 0i64..3), 0..20), any::<bool>()),
                1..6,
            ),
            most in 1usize..12,
        ) {
            let columns = Columns::new().unwrap();
            let batches: Vec<RecordBatch> =
                given.iter().enumerate().map(|(number, (rows, path))| batch(number, rows, *path)).collect();
            let batches: Vec<&RecordBatch> = batches.iter().collect();
            let mut pieces = Vec::new();
            sorted(&columns, &batches, most, |piece| { pieces.push(piece.clone()); Ok(()) }).unwrap();
            let whole = sort(&columns.concat(&batches).unwrap()).unwrap();
            let together: Vec<&RecordBatch> = pieces.iter().collect();
            if whole.num_rows() == 0 {
                prop_assert!(pieces.is_empty());
            } else {
                prop_assert_eq!(&columns.concat(&together).unwrap(), &whole);
            }
            let who = |piece: &RecordBatch| batch::numbers(piece).unwrap().values().to_vec();
            for pair in pieces.windows(2) {
                prop_assert!(who(&pair[0]).last() < who(&pair[1]).first());
            }
            for piece in &pieces {
                // A piece goes on only for the sake of its last person.
                let who = who(piece);
                let last = who.iter().filter(|one| who.last() == Some(*one)).count();
                prop_assert!(!who.is_empty() && who.len() - last < most);
            }
        }
    }
}
