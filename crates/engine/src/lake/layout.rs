//! How the rows of one record table lie in the lake: schema, buckets, identity and order.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringViewArray, UInt64Array,
    new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType, UInt64Type,
};
use burgeon_core::records::{self, ColumnType, KeyHasher, KeyPart, Table, system};
use twox_hash::XxHash3_64;

use super::error::{LakeError, Result};

/// Identity of a row: hash of its entity and its `_key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id {
    pub entity: u64,
    pub key: u64,
}

/// The hash of an entity's name, which decides its bucket.
pub(crate) fn entity_hash(entity: &str) -> u64 {
    XxHash3_64::oneshot(entity.as_bytes())
}

/// Schema, buckets and order of one table.
#[derive(Debug)]
pub(crate) struct Layout {
    pub table: &'static Table,
    /// What queries see: the table's columns and the system columns; entity and time are not null.
    pub schema: SchemaRef,
    /// What Parquet files hold: the same columns, all nullable, `_key` as signed bits (Delta knows no unsigned).
    pub stored: SchemaRef,
    pub buckets: usize,
    pub entity: Option<usize>,
    pub time: Option<usize>,
    pub key: usize,
    pub seq: usize,
    pub deleted: usize,
    pub source: usize,
    /// Number of the table's own columns, which come first.
    pub own: usize,
    /// Rows of a merged customer are shown under the surviving one.
    pub merges: Merging,
}

/// What a merge of customers does to the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merging {
    /// Nothing: the table is not about customers.
    None,
    /// The rows are shown under the surviving customer.
    Move,
    /// The rows of the merged customer are not shown (the customer's own record).
    Hide,
}

impl Layout {
    pub fn new(table: &'static Table, buckets: usize) -> Self {
        let entity = table.entity.and_then(|name| table.index_of(name));
        let time = table.time.and_then(|name| table.index_of(name));
        let full = records::arrow_schema(table);
        let fields: Vec<Field> = full
            .fields()
            .iter()
            .enumerate()
            .map(|(i, field)| {
                let strict = Some(i) == entity || Some(i) == time || !field.is_nullable();
                field.as_ref().clone().with_nullable(!strict)
            })
            .collect();
        let stored: Vec<Field> = fields
            .iter()
            .map(|field| {
                let ty = match field.data_type() {
                    DataType::UInt64 => DataType::Int64,
                    other => other.clone(),
                };
                Field::new(field.name(), ty, true)
            })
            .collect();
        let own = table.columns.len();
        let at = |name: &str| own + system::ALL.iter().position(|other| *other == name).unwrap_or_default();
        let merges = match (table.name, table.entity) {
            ("customers", _) => Merging::Hide,
            (_, Some("customer_id")) => Merging::Move,
            _ => Merging::None,
        };
        Self {
            table,
            schema: Arc::new(Schema::new(fields)),
            stored: Arc::new(Schema::new(stored)),
            buckets: if entity.is_some() { buckets } else { 1 },
            entity,
            time,
            key: at(system::KEY),
            seq: at(system::SEQ),
            deleted: at(system::DELETED),
            source: at(system::SOURCE),
            own,
            merges,
        }
    }

    pub fn name(&self) -> &'static str {
        self.table.name
    }

    /// The bucket of an entity.
    pub fn bucket(&self, entity: &str) -> usize {
        self.bucket_of_hash(entity_hash(entity))
    }

    pub fn bucket_of_hash(&self, hash: u64) -> usize {
        (hash % self.buckets as u64) as usize
    }

    pub fn entities<'a>(&self, batch: &'a RecordBatch) -> Option<&'a StringViewArray> {
        self.entity.map(|at| batch.column(at).as_string_view())
    }

    pub fn keys<'a>(&self, batch: &'a RecordBatch) -> &'a UInt64Array {
        batch.column(self.key).as_primitive::<UInt64Type>()
    }

    pub fn seqs<'a>(&self, batch: &'a RecordBatch) -> &'a Int64Array {
        batch.column(self.seq).as_primitive::<Int64Type>()
    }

    /// `_source` of the rows of some batches.
    pub fn sources<'a>(&self, batches: &'a [RecordBatch]) -> Vec<&'a StringViewArray> {
        batches.iter().map(|batch| batch.column(self.source).as_string_view()).collect()
    }

    pub fn deleted<'a>(&self, batch: &'a RecordBatch) -> &'a BooleanArray {
        batch.column(self.deleted).as_boolean()
    }

    /// Time of each row, µs or days; 0 for tables without one.
    pub fn times(&self, batch: &RecordBatch) -> Times {
        match self.time {
            None => Times::None,
            Some(at) => Times::of(batch.column(at)),
        }
    }

    /// Identity of every row of a full batch.
    pub fn ids(&self, batch: &RecordBatch) -> Vec<Id> {
        let keys = self.keys(batch).values();
        match self.entities(batch) {
            None => keys.iter().map(|key| Id { entity: 0, key: *key }).collect(),
            Some(entities) => keys
                .iter()
                .enumerate()
                .map(|(i, key)| Id { entity: entity_hash(entities.value(i)), key: *key })
                .collect(),
        }
    }

    /// A batch of any column order made into a full batch: missing columns are filled, types cast, keys computed.
    /// `_seq` is taken from the batch where it has one, else it is `first_seq` plus the row's number. Says
    /// whether the batch brought its own `_seq`.
    pub fn complete(&self, batch: &RecordBatch, first_seq: i64) -> Result<(RecordBatch, bool)> {
        for field in batch.schema_ref().fields() {
            if self.schema.index_of(field.name()).is_err() {
                return Err(self.misfit(format!("column \"{}\" is not part of the table", field.name())));
            }
        }
        let rows = batch.num_rows();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in &self.schema.fields()[..self.own + 3] {
            let column = match batch.column_by_name(field.name()) {
                Some(column) => self.typed(column, field)?,
                None if field.is_nullable() => new_null_array(field.data_type(), rows),
                None if field.name() == system::SOURCE => constant("unknown", rows),
                None => return Err(self.misfit(format!("column \"{}\" is missing", field.name()))),
            };
            if !field.is_nullable() && column.null_count() > 0 {
                let row = (0..rows).find(|row| column.is_null(*row)).unwrap_or_default();
                return Err(
                    self.misfit(format!("column \"{}\" is empty in row {row} of the batch", field.name()))
                );
            }
            columns.push(column);
        }
        let given = |name: &str| match batch.column_by_name(name) {
            Some(column) if column.null_count() < rows => Some(column),
            _ => None,
        };
        let key = match given(system::KEY) {
            Some(column) if column.null_count() == 0 => self.typed(column, self.schema.field(self.key))?,
            _ => self.hash_keys(&columns, rows)?,
        };
        let own_seq = given(system::SEQ);
        let numbered = || Int64Array::from_iter_values((0..rows as i64).map(|row| first_seq + row));
        let seq: ArrayRef = match own_seq {
            None => Arc::new(numbered()),
            Some(column) => {
                let column = self.typed(column, self.schema.field(self.seq))?;
                let values = column.as_primitive::<Int64Type>();
                if values.null_count() == 0 {
                    column
                } else {
                    Arc::new(Int64Array::from_iter_values(
                        values.iter().enumerate().map(|(row, seq)| seq.unwrap_or(first_seq + row as i64)),
                    ))
                }
            }
        };
        let deleted: ArrayRef = match given(system::DELETED) {
            None => Arc::new(BooleanArray::from(vec![false; rows])),
            Some(column) => Arc::new(
                column
                    .as_boolean()
                    .iter()
                    .map(|deleted| Some(deleted.unwrap_or(false)))
                    .collect::<BooleanArray>(),
            ),
        };
        columns.extend([key, seq, deleted]);
        Ok((RecordBatch::try_new(Arc::clone(&self.schema), columns)?, own_seq.is_some()))
    }

    /// The batch with new versions: `first_seq` plus the row's number.
    pub fn number(&self, batch: &RecordBatch, first_seq: i64) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        let rows = batch.num_rows() as i64;
        columns[self.seq] = Arc::new(Int64Array::from_iter_values((0..rows).map(|row| first_seq + row)));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn typed(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast(column, field.data_type())
            .map_err(|error| self.misfit(format!("column \"{}\": {error}", field.name())))
    }

    fn misfit(&self, what: String) -> LakeError {
        LakeError::Rows { table: self.name().into(), what }
    }

    fn hash_keys(&self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let parts: Vec<KeyColumn<'_>> = self
            .table
            .key_indices()
            .map(|at| KeyColumn::of(&columns[at], self.table.columns[at].ty))
            .collect::<Option<_>>()
            .ok_or_else(|| LakeError::Internal(format!("a key column of {} has no key type", self.name())))?;
        let mut hasher = KeyHasher::default();
        Ok(Arc::new(UInt64Array::from_iter_values(
            (0..rows).map(|row| hasher.hash(parts.iter().map(|part| part.at(row)))),
        )))
    }
}

/// A view column that repeats one value.
fn constant(value: &str, rows: usize) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(value, rows)))
}

enum KeyColumn<'a> {
    Text(&'a StringViewArray),
    Int(&'a Int64Array),
    Time(&'a arrow::array::TimestampMicrosecondArray),
    Date(&'a arrow::array::Date32Array),
}

impl<'a> KeyColumn<'a> {
    fn of(column: &'a ArrayRef, ty: ColumnType) -> Option<Self> {
        match ty {
            ColumnType::Text | ColumnType::Json => Some(Self::Text(column.as_string_view())),
            ColumnType::Int | ColumnType::Minor => Some(Self::Int(column.as_primitive())),
            ColumnType::Timestamp => Some(Self::Time(column.as_primitive())),
            ColumnType::Date => Some(Self::Date(column.as_primitive())),
            ColumnType::Decimal10 | ColumnType::Bool => None,
        }
    }

    fn at(&self, row: usize) -> KeyPart<'a> {
        match self {
            Self::Text(a) if a.is_valid(row) => KeyPart::Text(a.value(row)),
            Self::Int(a) if a.is_valid(row) => KeyPart::Int(a.value(row)),
            Self::Time(a) if a.is_valid(row) => KeyPart::Int(a.value(row)),
            Self::Date(a) if a.is_valid(row) => KeyPart::Int(i64::from(a.value(row))),
            _ => KeyPart::Null,
        }
    }
}

/// The times of a batch as plain integers, µs or days.
pub(crate) enum Times {
    None,
    Micros(arrow::array::TimestampMicrosecondArray),
    Days(arrow::array::Date32Array),
}

impl Times {
    pub fn of(column: &ArrayRef) -> Self {
        match column.data_type() {
            DataType::Date32 => Times::Days(column.as_primitive::<Date32Type>().clone()),
            DataType::Timestamp(..) => {
                Times::Micros(column.as_primitive::<TimestampMicrosecondType>().clone())
            }
            _ => Times::None,
        }
    }

    #[inline]
    pub fn at(&self, row: usize) -> i64 {
        match self {
            Times::None => 0,
            Times::Micros(a) => a.value(row),
            Times::Days(a) => i64::from(a.value(row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_never_move() {
        // Stored files are named by bucket: a change here orphans every lake.
        let layout = Layout::new(records::table("customers").expect("exists"), 32);
        assert_eq!(layout.bucket("cus_1"), (XxHash3_64::oneshot(b"cus_1") % 32) as usize);
        assert_eq!(layout.buckets, 32);
        assert_eq!(Layout::new(records::table("fx_rates").expect("exists"), 32).buckets, 1);
    }
}
