//! From Arrow columns to the values of answers.

use super::{Error, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array,
    RecordBatch, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, UInt64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use burgeon_core::exact::Exact;
use burgeon_core::time::date_of_epoch_days;
use serde_json::Value;

/// An instant in µs UTC as RFC 3339; years out of range become the number itself.
pub fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.to_string())
}

/// The value of a cell as JSON: numbers that fit a double exactly as numbers, larger ones and decimals as text, instants
/// as RFC 3339, dates as `2026-01-31`.
pub fn json(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Int32 => Value::from(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => {
            let value = column.as_primitive::<Int64Type>().value(row);
            if value.unsigned_abs() <= 1 << 53 { Value::from(value) } else { Value::from(value.to_string()) }
        }
        DataType::Float64 => Value::from(column.as_primitive::<Float64Type>().value(row)),
        _ => Value::from(text(column, row).unwrap_or_default()),
    }
}

/// The value of a cell as text; `None` where there is none.
pub fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let column = column.as_any().downcast_ref::<TimestampMicrosecondArray>()?;
            instant(column.value(row))
        }
        DataType::Date32 => {
            let column = column.as_any().downcast_ref::<Date32Array>()?;
            date_of_epoch_days(column.value(row)).to_string()
        }
        DataType::Decimal128(_, scale) => {
            let column = column.as_any().downcast_ref::<Decimal128Array>()?;
            let scale = u32::try_from(*scale).unwrap_or(0);
            Exact::from_decimal(column.value(row), scale).to_decimal(scale)
        }
        _ => {
            let options = FormatOptions::default();
            ArrayFormatter::try_new(column.as_ref(), &options).ok()?.value(row).try_to_string().ok()?
        }
    })
}

/// A column of a batch by its name and type; its absence is a fault of the program.
pub struct Columns<'a>(pub &'a RecordBatch);

impl Columns<'_> {
    fn find(&self, name: &str) -> Result<&ArrayRef> {
        self.0
            .column_by_name(name)
            .ok_or_else(|| Error::internal(format!("the engine's answer lacks the column {name}")))
    }

    fn cast<A: Array + 'static>(&self, name: &str) -> Result<&A> {
        let column = self.find(name)?;
        column.as_any().downcast_ref::<A>().ok_or_else(|| {
            Error::internal(format!("the engine's column {name} has the type {}", column.data_type()))
        })
    }

    /// A text cell.
    pub fn text(&self, name: &str, row: usize) -> Result<Option<String>> {
        Ok(text(self.find(name)?, row))
    }

    /// A whole number; an instant in µs, a date in days and a count are ones.
    pub fn int(&self, name: &str, row: usize) -> Result<Option<i64>> {
        let column = self.find(name)?;
        if column.is_null(row) {
            return Ok(None);
        }
        Ok(Some(match column.data_type() {
            DataType::Int64 => self.cast::<Int64Array>(name)?.value(row),
            DataType::Int32 => i64::from(self.cast::<Int32Array>(name)?.value(row)),
            DataType::UInt64 => self.cast::<UInt64Array>(name)?.value(row) as i64,
            DataType::Timestamp(_, _) => self.cast::<TimestampMicrosecondArray>(name)?.value(row),
            DataType::Date32 => i64::from(self.cast::<Date32Array>(name)?.value(row)),
            DataType::Null => return Ok(None),
            other => {
                return Err(Error::internal(format!("the engine's column {name} has the type {other}")));
            }
        }))
    }

    /// A yes or no; no value is no.
    pub fn flag(&self, name: &str, row: usize) -> Result<bool> {
        let column = self.cast::<BooleanArray>(name)?;
        Ok(!column.is_null(row) && column.value(row))
    }

    /// A decimal with its scale.
    pub fn decimal(&self, name: &str, row: usize) -> Result<Option<(i128, u32)>> {
        let column = self.cast::<Decimal128Array>(name)?;
        let scale = match column.data_type() {
            DataType::Decimal128(_, scale) => u32::try_from(*scale).unwrap_or(0),
            _ => 0,
        };
        Ok((!column.is_null(row)).then(|| (column.value(row), scale)))
    }
}

/// The rows of batches as JSON arrays.
pub fn rows(batches: &[RecordBatch]) -> Vec<Vec<Value>> {
    let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| json(column, row)).collect());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn every_type_has_its_form() {
        let int: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), None, Some(i64::MAX)]));
        assert_eq!(json(&int, 0), 7);
        assert_eq!(json(&int, 1), Value::Null);
        assert_eq!(json(&int, 2), "9223372036854775807");
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC"));
        assert_eq!(json(&at, 0), "1970-01-01T00:00:00Z");
        let decimal: ArrayRef =
            Arc::new(Decimal128Array::from(vec![12_500]).with_precision_and_scale(30, 4).unwrap());
        assert_eq!(json(&decimal, 0), "1.25");
        let date: ArrayRef = Arc::new(Date32Array::from(vec![31]));
        assert_eq!(json(&date, 0), "1970-02-01");
    }
}
