//! The columns of an event: what clients give, what the log and the memory keep, what files hold, what SQL shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{
    DataType, Field, FieldRef, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use burgeon_core::records::{self, Table, system};
use burgeon_events::event_key;

use super::properties::Properties;
use crate::lake::{LakeError, Result};

/// The table's name.
pub(crate) const TABLE: &str = "events";
/// The number of the identifier that a row came under; rows of a file are sorted by it. `Int32`.
pub(crate) const WHO: &str = "_who";
/// The place of a row in the order of arrival: the log position that it was taken at. `Int64`.
pub(crate) const POSITION: &str = "_position";
/// The customer that an event names; in SQL, where it names none, that of the person. `Utf8View`.
pub(crate) const CUSTOMER: &str = "customer_id";
/// The person of a row, in SQL only. `Utf8View`.
pub(crate) const PERSON: &str = "person_id";

/// The columns of events in their forms.
#[derive(Debug)]
pub(crate) struct Columns {
    pub table: &'static Table,
    /// What clients may give: the table's columns, `_source`, `_origin`.
    given: SchemaRef,
    /// What files hold: the given ones, [`WHO`], [`POSITION`]; all nullable.
    pub stored: SchemaRef,
    /// What SQL shows: the table's columns, [`PERSON`], `_source`, `_origin`, [`POSITION`].
    pub shown: SchemaRef,
}

/// A batch that fits the table: only columns that hold something, in the order of [`Columns::stored`].
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    pub rows: RecordBatch,
    /// Hash of each row's `event_id`.
    pub ids: Vec<u64>,
    /// Values of properties that are hot.
    pub properties: Properties,
}

impl Columns {
    pub fn new() -> Result<Self> {
        let table = records::table(TABLE)
            .ok_or_else(|| LakeError::Internal("there is no table of events".to_owned()))?;
        let own: Vec<FieldRef> = records::content_schema(table).fields().iter().cloned().collect();
        let text = |name: &str, nullable| Arc::new(Field::new(name, DataType::Utf8View, nullable));
        let system = [text(system::SOURCE, true), text(system::ORIGIN, true)];
        let given: Vec<FieldRef> = own.iter().cloned().chain(system.iter().cloned()).collect();
        let mut stored = given.clone();
        stored.push(Arc::new(Field::new(WHO, DataType::Int32, true)));
        stored.push(Arc::new(Field::new(POSITION, DataType::Int64, true)));
        let mut shown: Vec<FieldRef> = own
            .iter()
            .zip(table.columns)
            .map(|(field, column)| Arc::new(field.as_ref().clone().with_nullable(!column.required)))
            .collect();
        shown.push(text(PERSON, false));
        shown.extend(system);
        shown.push(Arc::new(Field::new(POSITION, DataType::Int64, false)));
        Ok(Self {
            table,
            given: Arc::new(Schema::new(given)),
            stored: Arc::new(Schema::new(stored)),
            shown: Arc::new(Schema::new(shown)),
        })
    }

    /// Where a stored column stands.
    pub fn at(&self, name: &str) -> usize {
        self.stored.index_of(name).unwrap_or_default()
    }

    /// Brings a batch of any column order into the table's form. `hot` are the properties that are hot.
    pub fn fit(&self, batch: &RecordBatch, hot: &Arc<[String]>) -> Result<Fitted> {
        self.fit_with(batch, hot, tidy)
    }

    /// As [`Columns::fit`], for rows that are not kept as they are: their buffers may hold more than them.
    pub fn fit_lent(&self, batch: &RecordBatch, hot: &Arc<[String]>) -> Result<Fitted> {
        self.fit_with(batch, hot, Arc::clone)
    }

    fn fit_with(
        &self,
        batch: &RecordBatch,
        hot: &Arc<[String]>,
        tidy: impl Fn(&ArrayRef) -> ArrayRef,
    ) -> Result<Fitted> {
        let misfit = |what: String| LakeError::Rows { table: TABLE.into(), what };
        for field in batch.schema_ref().fields() {
            // What the ledger keeps beside its columns is not kept of events.
            let kept =
                system::ALL.contains(&field.name().as_str()) || self.given.index_of(field.name()).is_ok();
            if !kept {
                return Err(misfit(format!("column \"{}\" is not part of the table", field.name())));
            }
        }
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (at, field) in self.given.fields().iter().enumerate() {
            let required = self.table.columns.get(at).is_some_and(|column| column.required);
            let Some(column) = batch.column_by_name(field.name()) else {
                if required {
                    return Err(misfit(format!("column \"{}\" is missing", field.name())));
                }
                continue;
            };
            if required {
                let texts = column.as_string_view_opt();
                let empty = |row: &usize| {
                    column.is_null(*row) || texts.is_some_and(|texts| texts.value(*row).is_empty())
                };
                // The low half of a view begins with the length; only where something is missing is looked for the row.
                let missing = column.null_count() > 0
                    || texts.is_some_and(|texts| texts.views().iter().any(|view| *view as u32 == 0));
                if let Some(row) = missing.then(|| (0..batch.num_rows()).find(empty)).flatten() {
                    return Err(misfit(format!(
                        "column \"{}\" is empty in row {row} of the batch",
                        field.name()
                    )));
                }
            } else if column.null_count() == column.len() {
                continue;
            }
            let column = match column.data_type() == field.data_type() {
                true => tidy(column),
                false => cast(column, field.data_type())
                    .map_err(|error| misfit(format!("column \"{}\": {error}", field.name())))?,
            };
            fields.push(Arc::clone(field));
            columns.push(column);
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        self.fitted(rows, hot)
    }

    /// Rows that fit already, with what is derived from them.
    pub fn fitted(&self, rows: RecordBatch, hot: &Arc<[String]>) -> Result<Fitted> {
        let ids = texts(&rows, "event_id")?.iter().flatten().map(event_key).collect();
        let properties = Properties::of(&rows, hot)?;
        Ok(Fitted { rows, ids, properties })
    }

    /// Only the rows for which `keep` says yes.
    pub fn filter(&self, fitted: &Fitted, keep: &[bool]) -> Result<Fitted> {
        let ids = fitted.ids.iter().zip(keep).filter(|(_, keep)| **keep).map(|(id, _)| *id).collect();
        let keep = BooleanArray::from(keep.to_vec());
        let rows = compact(&filter_record_batch(&fitted.rows, &keep)?)?;
        Ok(Fitted { rows, ids, properties: fitted.properties.filter(&keep)? })
    }

    /// Several batches as one, with the values of the properties `hot`.
    pub fn together(&self, parts: &[&Fitted], hot: &Arc<[String]>) -> Result<Fitted> {
        let rows: Vec<&RecordBatch> = parts.iter().map(|part| &part.rows).collect();
        let rows = self.concat(&rows)?;
        // A property may have become hot since some of the rows were looked at.
        if parts.iter().any(|part| part.properties.names != *hot) {
            return self.fitted(rows, hot);
        }
        let properties: Vec<&Properties> = parts.iter().map(|part| &part.properties).collect();
        let ids = parts.iter().flat_map(|part| &part.ids).copied().collect();
        Ok(Fitted { rows, ids, properties: Properties::concat(&properties)? })
    }

    /// Batches of different columns as one.
    pub fn concat(&self, batches: &[&RecordBatch]) -> Result<RecordBatch> {
        if let [one] = batches {
            return Ok((*one).clone());
        }
        let aligned = self.aligned(batches)?;
        let schema = aligned.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        Ok(arrow::compute::concat_batches(&schema, &aligned)?)
    }

    /// Batches of different columns, each with all that one of them has.
    pub fn aligned(&self, batches: &[&RecordBatch]) -> Result<Vec<RecordBatch>> {
        let mut used: BTreeMap<usize, &FieldRef> = BTreeMap::new();
        for batch in batches {
            for field in batch.schema_ref().fields() {
                let at = self.at(field.name());
                used.insert(at, &self.stored.fields()[at]);
            }
        }
        let schema = Arc::new(Schema::new(used.into_values().cloned().collect::<Vec<_>>()));
        batches.iter().map(|batch| align(batch, &schema)).collect()
    }

    /// A batch with all stored columns.
    pub fn whole(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        align(batch, &self.stored)
    }

    /// The batch with the numbers of its identifiers and its place in the order of arrival.
    pub fn numbered(&self, rows: &RecordBatch, who: &[u32], position: u64) -> Result<RecordBatch> {
        let positions = Int64Array::from(vec![position as i64; rows.num_rows()]);
        let mut fields: Vec<FieldRef> = rows.schema_ref().fields().iter().cloned().collect();
        let mut columns = rows.columns().to_vec();
        for name in [WHO, POSITION] {
            fields.push(Arc::clone(&self.stored.fields()[self.at(name)]));
        }
        columns.push(Arc::new(Int32Array::from_iter_values(who.iter().map(|number| *number as i32))));
        columns.push(Arc::new(positions));
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

/// The columns of `schema` out of a batch; those that it has not are null.
pub(crate) fn align(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), rows),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options)?)
}

/// A batch whose buffers hold little beside its own rows.
pub(crate) fn compact(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(tidy).collect();
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}

/// A column whose buffers hold little beside its own rows.
fn tidy(column: &ArrayRef) -> ArrayRef {
    let Some(texts) = column.as_string_view_opt() else {
        return Arc::clone(column);
    };
    let held: usize = texts.data_buffers().iter().map(|buffer| buffer.len()).sum();
    if held > 4096 && held > 2 * texts.total_buffer_bytes_used() {
        Arc::new(texts.gc())
    } else {
        Arc::clone(column)
    }
}

/// A column as texts, if it holds some.
pub(crate) fn as_texts(column: &ArrayRef) -> Option<&StringViewArray> {
    column.as_string_view_opt()
}

/// A text column of a batch.
pub(crate) fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringViewArray> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_string_view_opt())
        .ok_or_else(|| LakeError::Internal(format!("events have no text column {name}")))
}

/// The times of a batch, µs UTC.
pub(crate) fn times(batch: &RecordBatch) -> Result<&TimestampMicrosecondArray> {
    batch
        .column_by_name("at")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| LakeError::Internal("events have no time".to_owned()))
}

/// The numbers of the identifiers of a batch.
pub(crate) fn numbers(batch: &RecordBatch) -> Result<&Int32Array> {
    batch
        .column_by_name(WHO)
        .and_then(|column| column.as_primitive_opt::<Int32Type>())
        .ok_or_else(|| LakeError::Internal("events have no numbers".to_owned()))
}

/// The places of a batch's rows in the order of arrival.
pub(crate) fn positions(batch: &RecordBatch) -> Result<&Int64Array> {
    batch
        .column_by_name(POSITION)
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| LakeError::Internal("events have no positions".to_owned()))
}
