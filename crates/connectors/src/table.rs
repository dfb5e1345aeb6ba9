//! Rows of record tables on their way out.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, StringViewArray,
    StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use burgeon_core::records::{ColumnType, Table, content_schema, system, table};

use crate::error::Reject;

/// Rows of one record table with the lines that they come from.
#[derive(Debug, Clone)]
pub struct TableBatch {
    /// The table.
    pub table: &'static Table,
    /// The rows, in the table's [`content_schema`].
    pub rows: RecordBatch,
    /// For each row the line of the file that it comes from; one line may give several rows.
    pub lines: Vec<u64>,
}

impl TableBatch {
    /// The rows with the system columns `_source` (say `file:subs.csv`) and `_origin` (`<file>:<line>`, where
    /// `file` is the first 16 hex digits of the file's SHA-256) behind the table's own columns.
    pub fn with_origin(&self, source: &str, file: &str) -> RecordBatch {
        use std::fmt::Write;
        let rows = self.rows.num_rows();
        let mut origins = StringViewBuilder::with_capacity(rows).with_fixed_block_size(64 << 10);
        let mut origin = String::with_capacity(file.len() + 21);
        let _ = write!(origin, "{file}:");
        let prefix = origin.len();
        let mut digits = itoa::Buffer::new();
        for line in &self.lines {
            origin.truncate(prefix);
            origin.push_str(digits.format(*line));
            origins.append_value(&origin);
        }
        let schema = self.rows.schema();
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(system::SOURCE, DataType::Utf8View, false)));
        fields.push(Arc::new(Field::new(system::ORIGIN, DataType::Utf8View, true)));
        let mut columns = self.rows.columns().to_vec();
        columns.push(Arc::new(repeated(source, rows)));
        columns.push(Arc::new(origins.finish()));
        // The lengths agree by construction; without rows there is nothing to lose.
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap_or_else(|_| self.rows.clone())
    }
}

/// A text for each of `rows` rows, in memory once.
pub(crate) fn repeated(text: &str, rows: usize) -> StringViewArray {
    let mut texts = StringViewBuilder::with_capacity(rows);
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let block = texts.append_block(text.as_bytes().to_vec().into());
    for _ in 0..rows {
        if texts.try_append_view(block, 0, length).is_err() {
            // Longer than a block may be, which no name of a source is.
            texts.append_value(text);
        }
    }
    texts.finish()
}

/// What comes of one chunk of the file.
#[derive(Debug, Default)]
pub struct Output {
    /// Rows by table; tables without rows are left out.
    pub batches: Vec<TableBatch>,
    /// Rows that could not be taken.
    pub rejects: Vec<Reject>,
    /// Rows of the file that were read: those taken and those rejected.
    pub rows_read: u64,
    /// Bytes of the file (decoded) that were read, for a progress bar.
    pub bytes_read: u64,
}

impl Output {
    /// Rows of the file that were taken.
    pub fn rows_taken(&self) -> u64 {
        self.rows_read - self.rejects.len() as u64
    }
}

/// One value on its way into a row.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// Text.
    Text(&'a str),
    /// A whole number, an amount in minor units, or an instant in µs UTC.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        value.map_or(Value::Null, Value::Text)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Value::Null, Value::Int)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

enum Builder {
    Text(StringViewBuilder),
    Int(Int64Builder),
    Time(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Bool(BooleanBuilder),
    Decimal(Decimal128Builder),
}

impl Builder {
    fn new(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text | ColumnType::Json => Builder::Text(StringViewBuilder::new()),
            ColumnType::Int | ColumnType::Minor => Builder::Int(Int64Builder::new()),
            ColumnType::Timestamp => Builder::Time(
                TimestampMicrosecondBuilder::new().with_data_type(ColumnType::Timestamp.data_type()),
            ),
            ColumnType::Date => Builder::Date(Date32Builder::new()),
            ColumnType::Bool => Builder::Bool(BooleanBuilder::new()),
            ColumnType::Decimal10 => {
                Builder::Decimal(Decimal128Builder::new().with_data_type(ColumnType::Decimal10.data_type()))
            }
        }
    }

    fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Builder::Text(b), Value::Text(text)) => b.append_value(text),
            (Builder::Text(b), _) => b.append_null(),
            (Builder::Int(b), Value::Int(value)) => b.append_value(value),
            (Builder::Int(b), _) => b.append_null(),
            (Builder::Time(b), Value::Int(value)) => b.append_value(value),
            (Builder::Time(b), _) => b.append_null(),
            (Builder::Date(b), Value::Int(value)) => b.append_option(i32::try_from(value).ok()),
            (Builder::Date(b), _) => b.append_null(),
            (Builder::Bool(b), Value::Bool(value)) => b.append_value(value),
            (Builder::Bool(b), _) => b.append_null(),
            (Builder::Decimal(b), Value::Int(value)) => b.append_value(i128::from(value)),
            (Builder::Decimal(b), _) => b.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(b) => Arc::new(b.finish()),
            Builder::Int(b) => Arc::new(b.finish()),
            Builder::Time(b) => Arc::new(b.finish()),
            Builder::Date(b) => Arc::new(b.finish()),
            Builder::Bool(b) => Arc::new(b.finish()),
            Builder::Decimal(b) => Arc::new(b.finish()),
        }
    }
}

/// Collects rows of one table, row by row, for shapes that give several rows for one.
pub struct TableRows {
    table: &'static Table,
    builders: Vec<Builder>,
    lines: Vec<u64>,
}

impl TableRows {
    /// An empty collection for a table; `None` when there is no such table.
    pub fn new(name: &str) -> Option<Self> {
        let table = table(name)?;
        let builders = table.columns.iter().map(|column| Builder::new(column.ty)).collect();
        Some(Self { table, builders, lines: Vec::new() })
    }

    /// Adds a row that comes from `line`. `values` are in the order of the table's columns; missing ones at the end are null.
    pub fn push(&mut self, line: u64, values: &[Value<'_>]) {
        for (index, builder) in self.builders.iter_mut().enumerate() {
            builder.push(values.get(index).copied().unwrap_or(Value::Null));
        }
        self.lines.push(line);
    }

    /// Hands the rows over and begins anew.
    pub fn take(&mut self) -> Option<TableBatch> {
        if self.lines.is_empty() {
            return None;
        }
        let rows = self.take_rows();
        Some(TableBatch { table: self.table, rows, lines: std::mem::take(&mut self.lines) })
    }

    /// Hands the rows over without their lines and begins anew; without rows an empty batch.
    pub fn take_rows(&mut self) -> RecordBatch {
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        let schema = content_schema(self.table);
        // The lengths and types agree by construction.
        RecordBatch::try_new(schema.clone(), columns).unwrap_or_else(|_| RecordBatch::new_empty(schema))
    }
}
