//! `term_ends(anchor, interval, interval_count, after, until)`: when paid terms end, and `monthly_parts(amount_minor,
//! interval, interval_count)`: what a price comes to by the month.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, Decimal128Builder, ListBuilder, StringViewArray, TimestampMicrosecondBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, TimeUnit};
use burgeon_core::revenue::{Interval, Term};
use burgeon_core::time::Zone;
use datafusion::common::Result;
use datafusion::common::cast::{as_int64_array, as_string_view_array};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use jiff::{Span, Timestamp, ToSpan};

use super::span_index::instants;

/// Terms that are still to come are listed up to so many years after the last known change.
const HORIZON_YEARS: i32 = 3;
/// No list is longer than this.
const MOST_TERMS: i32 = 400;

/// `term_ends(anchor, interval, interval_count, after, until)`: the instants anchor + n terms (calendar arithmetic in the
/// workspace's zone) that lie after `after` and not after `until`; without `until` up to three years after `after`. Terms
/// of a month or less have no renewals and give an empty list.
pub fn udf(zone: Zone) -> ScalarUDF {
    ScalarUDF::new_from_impl(TermEnds { zone, signature: Signature::any(5, Volatility::Immutable) })
}

/// `monthly_parts(amount_minor, interval, interval_count)`: parts a month, as the revenue fold counts them.
pub fn monthly_parts() -> ScalarUDF {
    ScalarUDF::new_from_impl(MonthlyParts { signature: Signature::any(3, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq)]
struct TermEnds {
    zone: Zone,
    signature: Signature,
}

impl Hash for TermEnds {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.zone.name().hash(state);
    }
}

fn item() -> FieldRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Field::new_list_field(instant, true))
}

/// The length of `n` terms; `None` for terms of a month or less.
fn span_of(term: Term, n: i32) -> Option<Span> {
    let count = i32::try_from(term.count.max(1)).ok()?;
    let months = match term.interval {
        Interval::Month if count > 1 => count,
        Interval::Quarter => count.checked_mul(3)?,
        Interval::HalfYear => count.checked_mul(6)?,
        Interval::Year => count.checked_mul(12)?,
        Interval::Week if count > 4 => return Span::new().try_weeks(i64::from(count) * i64::from(n)).ok(),
        Interval::Day if count > 31 => return Span::new().try_days(i64::from(count) * i64::from(n)).ok(),
        _ => return None,
    };
    Span::new().try_months(i64::from(months) * i64::from(n)).ok()
}

/// The ends of terms in (after, until].
fn ends(zone: &Zone, anchor: i64, term: Term, after: i64, until: Option<i64>) -> Vec<i64> {
    let Ok(start) = Timestamp::from_microsecond(anchor) else { return vec![] };
    let start = start.to_zoned(zone.tz().clone());
    let last = until.or_else(|| {
        let after = Timestamp::from_microsecond(after).ok()?.to_zoned(zone.tz().clone());
        Some(after.checked_add(HORIZON_YEARS.years()).ok()?.timestamp().as_microsecond())
    });
    let Some(last) = last else { return vec![] };
    (1..=MOST_TERMS)
        .map_while(|n| start.checked_add(span_of(term, n)?).ok())
        .map(|end| end.timestamp().as_microsecond())
        .take_while(|end| *end <= last)
        .filter(|end| *end > after)
        .collect()
}

fn term_of(intervals: &StringViewArray, counts: &arrow::array::Int64Array, row: usize) -> Option<Term> {
    let interval = intervals.is_valid(row).then(|| Interval::parse(intervals.value(row))).flatten()?;
    let count = if counts.is_valid(row) { counts.value(row) } else { 1 };
    Some(Term::new(interval, u32::try_from(count).unwrap_or(1)))
}

impl ScalarUDFImpl for TermEnds {
    fn name(&self) -> &str {
        "term_ends"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let time = |i: usize| -> Result<arrow::array::TimestampMicrosecondArray> {
            let array = instants(&arrays[i], &self.zone)?;
            Ok(datafusion::common::cast::as_timestamp_microsecond_array(&array)?.clone())
        };
        let (anchor, after, until) = (time(0)?, time(3)?, time(4)?);
        let intervals = cast(&arrays[1], &DataType::Utf8View)?;
        let intervals = as_string_view_array(&intervals)?;
        let counts = cast(&arrays[2], &DataType::Int64)?;
        let counts = as_int64_array(&counts)?;
        let values = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let mut out = ListBuilder::new(values).with_field(item());
        for row in 0..anchor.len() {
            if anchor.is_valid(row)
                && after.is_valid(row)
                && let Some(term) = term_of(intervals, counts, row)
            {
                let until = until.is_valid(row).then(|| until.value(row));
                for end in ends(&self.zone, anchor.value(row), term, after.value(row), until) {
                    out.values().append_value(end);
                }
            }
            out.append(true);
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MonthlyParts {
    signature: Signature,
}

impl ScalarUDFImpl for MonthlyParts {
    fn name(&self) -> &str {
        "monthly_parts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let amounts = cast(&arrays[0], &DataType::Int64)?;
        let amounts = as_int64_array(&amounts)?;
        let intervals = cast(&arrays[1], &DataType::Utf8View)?;
        let intervals = as_string_view_array(&intervals)?;
        let counts = cast(&arrays[2], &DataType::Int64)?;
        let counts = as_int64_array(&counts)?;
        let mut out = Decimal128Builder::with_capacity(amounts.len());
        for row in 0..amounts.len() {
            let term = term_of(intervals, counts, row);
            let amount = amounts.is_valid(row).then(|| amounts.value(row));
            out.append_option(term.zip(amount).map(|(term, amount)| term.monthly_parts(amount)));
        }
        let out = out.finish().with_precision_and_scale(DECIMAL128_MAX_PRECISION, 0)?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn ends_of_terms_follow_the_calendar() {
        let zone = Zone::utc();
        let at = |y, m, d| zone.start_of(date(y, m, d));
        let quarter = Term::new(Interval::Quarter, 1);
        let found = ends(&zone, at(2025, 11, 30), quarter, at(2025, 11, 30), Some(at(2026, 8, 30)));
        assert_eq!(found, [at(2026, 2, 28), at(2026, 5, 30), at(2026, 8, 30)]);
        assert!(ends(&zone, at(2025, 1, 1), Term::MONTH, at(2025, 1, 1), None).is_empty());
        assert_eq!(ends(&zone, at(2025, 1, 1), Term::YEAR, at(2025, 1, 1), None).len(), 3);
    }
}
