//! `span_index(at)`: which of the query's spans holds an instant. For the planner only.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Builder};
use arrow::datatypes::DataType;
use burgeon_core::time::{Zone, date_of_epoch_days};
use datafusion::common::cast::{as_date32_array, as_timestamp_microsecond_array};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// A function that gives the index `i` with `bounds[i] <= at < bounds[i + 1]`, null outside. `bounds` ascend (µs UTC).
pub fn udf(bounds: Arc<[i64]>) -> ScalarUDF {
    ScalarUDF::new_from_impl(SpanIndex { bounds, signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SpanIndex {
    bounds: Arc<[i64]>,
    signature: Signature,
}

/// The index of the span that holds `at`, tried first at `hint`; `None` outside all spans.
#[inline]
pub fn find(bounds: &[i64], at: i64, hint: usize) -> Option<usize> {
    if let (Some(&start), Some(&end)) = (bounds.get(hint), bounds.get(hint + 1))
        && start <= at
        && at < end
    {
        return Some(hint);
    }
    let after = bounds.partition_point(|&bound| bound <= at);
    (after > 0 && after < bounds.len()).then(|| after - 1)
}

impl ScalarUDFImpl for SpanIndex {
    fn name(&self) -> &str {
        "span_index"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let input = args.args[0].to_array(args.number_rows)?;
        let at = as_timestamp_microsecond_array(&input)?;
        let mut out = Int32Builder::with_capacity(at.len());
        let mut hint = 0;
        for at in at {
            let index = at.and_then(|at| find(&self.bounds, at, hint));
            hint = index.unwrap_or(hint);
            out.append_option(index.map(|i| i as i32));
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// A time column as timestamps in µs UTC: dates become the first instant of the day in `zone`.
pub fn instants(array: &ArrayRef, zone: &Zone) -> Result<ArrayRef> {
    use arrow::array::TimestampMicrosecondBuilder;
    match array.data_type() {
        DataType::Timestamp(_, _) => Ok(Arc::clone(array)),
        DataType::Date32 => {
            let mut out = TimestampMicrosecondBuilder::with_capacity(array.len()).with_timezone("UTC");
            for day in as_date32_array(array)? {
                out.append_option(day.map(|day| zone.start_of(date_of_epoch_days(day))));
            }
            Ok(Arc::new(out.finish()))
        }
        other => exec_err!("the time of a fact is a timestamp or a date, not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn spans_are_half_open() {
        let bounds = [i64::MIN, 10, 20, 30];
        assert_eq!(find(&bounds, i64::MIN, 0), Some(0));
        assert_eq!(find(&bounds, 9, 2), Some(0));
        assert_eq!(find(&bounds, 10, 0), Some(1));
        assert_eq!(find(&bounds, 29, 2), Some(2));
        assert_eq!(find(&bounds, 30, 2), None);
        assert_eq!(find(&[10, 20], 9, 0), None);
    }
}
