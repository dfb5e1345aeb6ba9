//! Parquet files of a table: writing them durably, reading parts of them.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, UInt64Array,
    new_null_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::error::{LakeError, Result};
use super::layout::{Id, Layout, entity_hash};

/// Rows decoded at once where whole files are read.
const READ_ROWS: usize = 32_768;
/// Row groups that a file is cut into: the unit of pruning, and of what is computed anew after a change.
const GROUPS: usize = 24;
/// Fewest and most rows of a row group; the most is exceeded only by a single entity.
const GROUP_ROWS: (usize, usize) = (2_048, 65_536);
/// Where even a single entity is cut: the writer holds a row group in memory.
const GROUP_LIMIT: usize = 4 * GROUP_ROWS.1;

/// Rows of a row group in a file of `rows` rows.
fn group_rows(rows: usize) -> usize {
    (rows / GROUPS).clamp(GROUP_ROWS.0, GROUP_ROWS.1)
}

/// A Parquet file of a table. Metadata is read once, when first needed.
#[derive(Debug)]
pub(crate) struct DataFile {
    /// Path inside the table's directory, as the Delta log names it.
    pub name: String,
    pub path: PathBuf,
    pub size: i64,
    meta: OnceLock<FileMeta>,
}

/// What is known of a file without decoding it.
#[derive(Debug)]
struct FileMeta {
    arrow: ArrowReaderMetadata,
    /// Position of each of the table's columns in the file.
    columns: Vec<Option<usize>>,
    groups: Vec<Group>,
    rows: usize,
}

/// Bounds of a row group, as far as the file says.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub rows: usize,
    pub entity: Option<(Vec<u8>, Vec<u8>)>,
    pub time: Option<(i64, i64)>,
}

impl DataFile {
    pub fn new(dir: &Path, name: String, size: i64) -> Self {
        let path = dir.join(&name);
        Self { name, path, size, meta: OnceLock::new() }
    }

    /// The bucket in a base file's name, `base/b07-….parquet`.
    pub fn bucket(&self) -> Option<usize> {
        self.name.strip_prefix("base/b")?.split('-').next()?.parse().ok()
    }

    fn meta(&self, layout: &Layout) -> Result<&FileMeta> {
        if let Some(meta) = self.meta.get() {
            return Ok(meta);
        }
        let meta = self.load(layout)?;
        Ok(self.meta.get_or_init(|| meta))
    }

    fn load(&self, layout: &Layout) -> Result<FileMeta> {
        let file = self.open()?;
        let damaged = |error: parquet::errors::ParquetError| LakeError::reading(&self.path, error);
        let plain =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_skip_arrow_metadata(true))
                .map_err(damaged)?;
        let fields: Vec<Field> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| match layout.stored.field_with_name(field.name()) {
                Ok(stored) => field.as_ref().clone().with_data_type(stored.data_type().clone()),
                Err(_) => field.as_ref().clone(),
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let options =
            ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_schema(Arc::clone(&schema));
        let arrow = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options).map_err(damaged)?;
        let columns: Vec<Option<usize>> =
            layout.stored.fields().iter().map(|field| schema.index_of(field.name()).ok()).collect();
        let bounds = |group: usize, at: Option<usize>| {
            let statistics = arrow.metadata().row_group(group).column(columns[at?]?).statistics()?;
            Some((statistics.min_bytes_opt()?.to_vec(), statistics.max_bytes_opt()?.to_vec()))
        };
        let groups = (0..arrow.metadata().num_row_groups())
            .map(|group| Group {
                rows: arrow.metadata().row_group(group).num_rows() as usize,
                entity: bounds(group, layout.entity),
                time: bounds(group, layout.time)
                    .and_then(|(min, max)| Some((integer(&min)?, integer(&max)?))),
            })
            .collect();
        let rows = arrow.metadata().file_metadata().num_rows() as usize;
        Ok(FileMeta { arrow, columns, groups, rows })
    }

    fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| LakeError::reading(&self.path, error))
    }

    /// Number of rows.
    pub fn rows(&self, layout: &Layout) -> Result<usize> {
        Ok(self.meta(layout)?.rows)
    }

    /// Bounds of the row groups.
    pub fn groups(&self, layout: &Layout) -> Result<&[Group]> {
        Ok(&self.meta(layout)?.groups)
    }

    /// The file's own column types that differ from the table's, in words.
    pub fn misfits(&self, layout: &Layout) -> Result<Vec<String>> {
        let meta = self.meta(layout)?;
        Ok(layout
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

    /// Decodes columns of the table (positions in its schema) from some row groups (`None`: all).
    pub fn read(
        &self,
        layout: &Layout,
        columns: &[usize],
        groups: Option<Vec<usize>>,
        selection: Option<RowSelection>,
        batch: usize,
    ) -> Result<FileRows> {
        let meta = self.meta(layout)?;
        let mut wanted: Vec<usize> = columns.iter().filter_map(|at| meta.columns[*at]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let places = columns
            .iter()
            .map(|at| meta.columns[*at].and_then(|column| wanted.binary_search(&column).ok()))
            .collect();
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.open()?, meta.arrow.clone())
                .with_projection(ProjectionMask::roots(meta.arrow.parquet_schema(), wanted))
                .with_batch_size(batch);
        if let Some(groups) = groups {
            builder = builder.with_row_groups(groups);
        }
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let reader = builder.build().map_err(|error| LakeError::reading(&self.path, error))?;
        let schema = Arc::new(layout.schema.project(columns)?);
        Ok(FileRows { reader, schema, places, path: self.path.clone() })
    }

    /// All rows with all columns.
    pub fn read_all(&self, layout: &Layout) -> Result<Vec<RecordBatch>> {
        let all: Vec<usize> = (0..layout.schema.fields().len()).collect();
        self.read(layout, &all, None, None, READ_ROWS)?.collect()
    }

    /// Finds rows by their identity; `entities` are the entities of `wanted`, sorted. Gives the rows found (all
    /// columns) and where each stands.
    pub fn find(
        &self,
        layout: &Layout,
        wanted: &HashSet<Id>,
        entities: &[&str],
    ) -> Result<(Option<RecordBatch>, HashMap<Id, usize>)> {
        let mut found = HashMap::new();
        let mut batches = Vec::new();
        let all: Vec<usize> = (0..layout.schema.fields().len()).collect();
        for (number, group) in self.groups(layout)?.iter().enumerate() {
            let hits = self.probe(layout, wanted, entities, number, group)?;
            if hits.is_empty() {
                continue;
            }
            let rows = hits.iter().map(|(row, _)| *row..*row + 1);
            let selection = RowSelection::from_consecutive_ranges(rows, group.rows);
            for (_, id) in hits {
                found.insert(id, found.len());
            }
            for batch in self.read(layout, &all, Some(vec![number]), Some(selection), 8192)? {
                batches.push(batch?);
            }
        }
        let rows = match batches.len() {
            0 => None,
            _ => Some(arrow::compute::concat_batches(&layout.schema, &batches)?),
        };
        Ok((rows, found))
    }

    /// The number of wanted rows that the file has.
    pub fn count(&self, layout: &Layout, wanted: &HashSet<Id>, entities: &[&str]) -> Result<usize> {
        let mut count = 0;
        for (number, group) in self.groups(layout)?.iter().enumerate() {
            count += self.probe(layout, wanted, entities, number, group)?.len();
        }
        Ok(count)
    }

    /// The wanted rows of a row group, by their row number in it.
    fn probe(
        &self,
        layout: &Layout,
        wanted: &HashSet<Id>,
        entities: &[&str],
        number: usize,
        group: &Group,
    ) -> Result<Vec<(usize, Id)>> {
        let mut hits = Vec::new();
        if !touches(group, entities) {
            return Ok(hits);
        }
        let columns: Vec<usize> = layout.entity.into_iter().chain([layout.key]).collect();
        let mut first = 0;
        for batch in self.read(layout, &columns, Some(vec![number]), None, 8192)? {
            let batch = batch?;
            let keys = batch.column(columns.len() - 1).as_primitive::<UInt64Type>();
            let names = layout.entity.map(|_| batch.column(0).as_string_view());
            let spans = match names {
                Some(names) => spans(names, entities),
                None => std::iter::once(0..batch.num_rows()).collect(),
            };
            for row in spans.into_iter().flatten() {
                let entity = names.map_or(0, |names| entity_hash(names.value(row)));
                let id = Id { entity, key: keys.value(row) };
                if wanted.contains(&id) {
                    hits.push((first + row, id));
                }
            }
            first += batch.num_rows();
        }
        Ok(hits)
    }

    /// All rows of some entities, sorted as in the file; `entities` must be sorted.
    pub fn find_entities(&self, layout: &Layout, entities: &[&str]) -> Result<Vec<RecordBatch>> {
        let Some(entity) = layout.entity else {
            return Ok(Vec::new());
        };
        let all: Vec<usize> = (0..layout.schema.fields().len()).collect();
        let mut out = Vec::new();
        for (number, group) in self.meta(layout)?.groups.iter().enumerate() {
            if !touches(group, entities) {
                continue;
            }
            for batch in self.read(layout, &all, Some(vec![number]), None, 8192)? {
                let batch = batch?;
                for span in spans(batch.column(entity).as_string_view(), entities) {
                    out.push(batch.slice(span.start, span.len()));
                }
            }
        }
        Ok(out)
    }
}

/// Whether a row group may hold one of the entities (sorted).
fn touches(group: &Group, entities: &[&str]) -> bool {
    match &group.entity {
        None => true,
        Some((min, max)) => {
            let next = entities.partition_point(|entity| entity.as_bytes() < min.as_slice());
            entities.get(next).is_some_and(|entity| entity.as_bytes() <= max.as_slice())
        }
    }
}

/// The row ranges of the given entities (sorted) in a sorted column.
fn spans(names: &StringViewArray, entities: &[&str]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    if names.is_empty() {
        return out;
    }
    let last = names.value(names.len() - 1);
    let first = entities.partition_point(|entity| *entity < names.value(0));
    let mut from = 0;
    for entity in &entities[first..] {
        if *entity > last {
            break;
        }
        let start = lower_bound(names, from, entity);
        let mut end = start;
        while end < names.len() && names.value(end) == *entity {
            end += 1;
        }
        if end > start {
            out.push(start..end);
        }
        from = end;
    }
    out
}

/// First row at or after `from` whose value is not below `entity`, in a sorted column.
pub(crate) fn lower_bound(names: &StringViewArray, from: usize, entity: &str) -> usize {
    let (mut low, mut high) = (from, names.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if names.value(middle) < entity { low = middle + 1 } else { high = middle }
    }
    low
}

fn integer(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        8 => Some(i64::from_le_bytes(bytes.try_into().ok()?)),
        4 => Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    }
}

/// Batches decoded from a file, in the table's types and the asked order of columns.
pub(crate) struct FileRows {
    pub reader: ParquetRecordBatchReader,
    /// Of the batches.
    pub schema: SchemaRef,
    /// Where the reader has each column; those that the file has not are null.
    pub places: Vec<Option<usize>>,
    pub path: PathBuf,
}

impl Iterator for FileRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(LakeError::reading(&self.path, error))),
        };
        let rows = batch.num_rows();
        let columns = self.places.iter().zip(self.schema.fields()).map(|(place, field)| match place {
            None => new_null_array(field.data_type(), rows),
            Some(at) if field.data_type() == &DataType::UInt64 => unsigned(batch.column(*at)),
            Some(at) => Arc::clone(batch.column(*at)),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Some(
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect(), &options)
                .map_err(|error| LakeError::reading(&self.path, error)),
        )
    }
}

fn unsigned(column: &ArrayRef) -> ArrayRef {
    let signed = column.as_primitive::<Int64Type>();
    Arc::new(UInt64Array::new(ScalarBuffer::from(signed.values().inner().clone()), signed.nulls().cloned()))
}

fn signed(column: &ArrayRef) -> ArrayRef {
    let unsigned = column.as_primitive::<UInt64Type>();
    Arc::new(Int64Array::new(
        ScalarBuffer::from(unsigned.values().inner().clone()),
        unsigned.nulls().cloned(),
    ))
}

/// How a table's files are written: LZ4, dictionaries only where values repeat, bounds only where reads prune.
fn properties(layout: &Layout) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(GROUP_LIMIT))
        .set_created_by("burgeon".into());
    let path = |at: usize| ColumnPath::from(layout.schema.field(at).name().as_str());
    for at in layout.entity.into_iter().chain(layout.time) {
        builder = builder.set_column_statistics_enabled(path(at), EnabledStatistics::Chunk);
    }
    let identifying = layout
        .table
        .key
        .last()
        .and_then(|name| layout.table.index_of(name))
        .filter(|at| layout.table.key.len() > 1 && Some(*at) != layout.entity);
    let unique = ["source_event", "attributes", "email", "bytes", "_origin", "_raw"]
        .iter()
        .filter_map(|name| layout.schema.index_of(name).ok());
    for at in unique.chain(identifying).chain(layout.time).chain([layout.key, layout.seq, layout.deleted]) {
        builder = builder.set_column_dictionary_enabled(path(at), false);
    }
    builder = builder.set_column_compression(path(layout.key), Compression::UNCOMPRESSED);
    builder.build()
}

/// Writes full batches, about `rows` rows in all, to a new file and makes it durable. A failed file is removed again.
pub(crate) fn write(
    dir: &Path,
    name: String,
    layout: &Layout,
    rows: usize,
    batches: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<Written> {
    let path = dir.join(&name);
    let result = write_to(&path, layout, group_rows(rows), batches);
    if result.is_err() {
        std::fs::remove_file(&path).ok();
    }
    let (rows, size) = result?;
    Ok(Written { file: DataFile::new(dir, name, size), rows })
}

/// A file that was written and is durable, but is not part of the table yet.
#[derive(Debug)]
pub(crate) struct Written {
    pub file: DataFile,
    pub rows: usize,
}

fn write_to(
    path: &Path,
    layout: &Layout,
    group: usize,
    batches: impl Iterator<Item = Result<RecordBatch>>,
) -> Result<(usize, i64)> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| LakeError::io(path, error))?;
    let options =
        ArrowWriterOptions::new().with_properties(properties(layout)).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(
        BufWriter::with_capacity(1 << 20, file),
        Arc::clone(&layout.stored),
        options,
    )
    .map_err(|error| LakeError::writing(path, &error))?;
    let mut rows = 0;
    let mut last: Option<String> = None;
    for batch in batches {
        let batch = batch?;
        rows += batch.num_rows();
        let names = layout.entities(&batch);
        let mut columns = batch.columns().to_vec();
        columns[layout.key] = signed(&columns[layout.key]);
        let stored = RecordBatch::try_new(Arc::clone(&layout.stored), columns)?;
        let mut from = 0;
        loop {
            let room = group.saturating_sub(writer.in_progress_rows());
            let cut = end_of_group(names, from + room, last.as_deref()).min(stored.num_rows());
            writer
                .write(&stored.slice(from, cut - from))
                .map_err(|error| LakeError::writing(path, &error))?;
            if cut == stored.num_rows() {
                break;
            }
            writer.flush().map_err(|error| LakeError::writing(path, &error))?;
            from = cut;
        }
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            last = Some(names.value(names.len() - 1).to_owned());
        }
    }
    let buffered = writer.into_inner().map_err(|error| LakeError::writing(path, &error))?;
    let file = buffered.into_inner().map_err(|error| LakeError::io(path, error.into_error()))?;
    file.sync_all().map_err(|error| LakeError::io(path, error))?;
    let size = file.metadata().map_err(|error| LakeError::io(path, error))?.len() as i64;
    Ok((rows, size))
}

/// The first row at or after `row` of a sorted column where a row group may end: no entity goes on there. `last` is the
/// entity before the column's first row.
fn end_of_group(names: Option<&StringViewArray>, row: usize, last: Option<&str>) -> usize {
    let Some(names) = names else { return row };
    let goes_on = |row: usize| match row.checked_sub(1) {
        Some(before) => names.value(before) == names.value(row),
        None => last == Some(names.value(row)),
    };
    (row..names.len()).find(|row| !goes_on(*row)).unwrap_or(row.max(names.len()))
}

/// Makes the names of new files in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| LakeError::io(path, error))
}
