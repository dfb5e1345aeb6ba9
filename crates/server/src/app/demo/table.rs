//! Rows of a record table on their way into Arrow batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch, StringViewBuilder,
    TimestampMicrosecondBuilder, UInt64Builder,
};

use arrow::datatypes::{DataType, Field, Schema};
use burgeon_core::records::{
    ColumnType, KeyHasher, KeyPart, Storage, Table, arrow_schema, content_schema, system,
};

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Text or JSON.
    Text(&'a str),
    /// A whole number, an amount in minor units, or an instant in µs UTC.
    Int(i64),
    /// Days since 1970.
    Date(i32),
    /// A decimal with ten decimals, as its digits.
    Decimal(i128),
    /// Yes or no.
    Bool(bool),
    /// No value.
    Null,
}

impl Cell<'_> {
    /// An instant or no value.
    pub(super) fn maybe(at: Option<i64>) -> Cell<'static> {
        at.map_or(Cell::Null, Cell::Int)
    }

    /// Text, or no value where it is empty.
    pub(super) fn text(text: &str) -> Cell<'_> {
        if text.is_empty() { Cell::Null } else { Cell::Text(text) }
    }
}

enum Builder {
    Text(StringViewBuilder),
    Int(Int64Builder),
    Time(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Decimal(Decimal128Builder),
    Bool(BooleanBuilder),
}

impl Builder {
    fn new(ty: ColumnType) -> Builder {
        match ty {
            ColumnType::Text | ColumnType::Json => Builder::Text(StringViewBuilder::new()),
            ColumnType::Int | ColumnType::Minor => Builder::Int(Int64Builder::new()),
            ColumnType::Timestamp => Builder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            ColumnType::Date => Builder::Date(Date32Builder::new()),
            ColumnType::Decimal10 => {
                Builder::Decimal(Decimal128Builder::new().with_data_type(ty.data_type()))
            }
            ColumnType::Bool => Builder::Bool(BooleanBuilder::new()),
        }
    }

    /// A value of another type than the column's is a mistake in this folder; it becomes null and a test
    /// over required columns tells.
    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Builder::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Builder::Text(builder), _) => builder.append_null(),
            (Builder::Int(builder), Cell::Int(value)) => builder.append_value(value),
            (Builder::Int(builder), _) => builder.append_null(),
            (Builder::Time(builder), Cell::Int(value)) => builder.append_value(value),
            (Builder::Time(builder), _) => builder.append_null(),
            (Builder::Date(builder), Cell::Date(value)) => builder.append_value(value),
            (Builder::Date(builder), _) => builder.append_null(),
            (Builder::Decimal(builder), Cell::Decimal(value)) => builder.append_value(value),
            (Builder::Decimal(builder), _) => builder.append_null(),
            (Builder::Bool(builder), Cell::Bool(value)) => builder.append_value(value),
            (Builder::Bool(builder), _) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Int(builder) => Arc::new(builder.finish()),
            Builder::Time(builder) => Arc::new(builder.finish()),
            Builder::Date(builder) => Arc::new(builder.finish()),
            Builder::Decimal(builder) => Arc::new(builder.finish()),
            Builder::Bool(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Gathers the rows of one table.
pub(super) struct Rows {
    pub(super) table: &'static Table,
    columns: Vec<Builder>,
    source: StringViewBuilder,
    nothing: [StringViewBuilder; 2],
    key: UInt64Builder,
    seq: Int64Builder,
    deleted: BooleanBuilder,
    key_columns: Vec<usize>,
    hasher: KeyHasher,
    next_seq: i64,
    rows: usize,
}

impl Rows {
    /// No rows yet; the first one gets the version `seq`.
    pub(super) fn new(table: &'static Table, seq: i64) -> Rows {
        Rows {
            table,
            columns: table.columns.iter().map(|column| Builder::new(column.ty)).collect(),
            source: StringViewBuilder::new(),
            nothing: [StringViewBuilder::new(), StringViewBuilder::new()],
            key: UInt64Builder::new(),
            seq: Int64Builder::new(),
            deleted: BooleanBuilder::new(),
            key_columns: table.key_indices().collect(),
            hasher: KeyHasher::default(),
            next_seq: seq,
            rows: 0,
        }
    }

    /// The number of rows gathered.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Adds a row: a cell for each of the table's own columns.
    pub(super) fn push(&mut self, cells: &[Cell<'_>]) {
        debug_assert_eq!(cells.len(), self.columns.len(), "{}", self.table.name);
        for (builder, cell) in self.columns.iter_mut().zip(cells) {
            builder.push(*cell);
        }
        self.source.append_value("demo");
        self.rows += 1;
        // Events happen once: they have no versions.
        if self.table.storage == Storage::Events {
            return;
        }
        let parts = self.key_columns.iter().map(|&index| match cells[index] {
            Cell::Text(text) => KeyPart::Text(text),
            Cell::Int(value) => KeyPart::Int(value),
            Cell::Date(days) => KeyPart::Int(i64::from(days)),
            _ => KeyPart::Null,
        });
        self.key.append_value(self.hasher.hash(parts));
        self.nothing.iter_mut().for_each(StringViewBuilder::append_null);
        self.seq.append_value(self.next_seq);
        self.deleted.append_value(false);
        self.next_seq += 1;
    }

    /// The rows as a batch; `None` when there are none. The next rows begin another batch.
    pub(super) fn take(&mut self) -> Option<RecordBatch> {
        if self.rows == 0 {
            return None;
        }
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Builder::finish).collect();
        arrays.push(Arc::new(self.source.finish()));
        // The builders come from the same list of columns as the schema.
        if self.table.storage == Storage::Events {
            let mut fields = content_schema(self.table).fields().to_vec();
            fields.push(Arc::new(Field::new(system::SOURCE, DataType::Utf8View, false)));
            return RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok();
        }
        arrays.extend(self.nothing.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        arrays.push(Arc::new(self.key.finish()));
        arrays.push(Arc::new(self.seq.finish()));
        arrays.push(Arc::new(self.deleted.finish()));
        RecordBatch::try_new(arrow_schema(self.table), arrays).ok()
    }
}
