//! `spread_days(amount, from, to)`: an amount shared out over days, so that the shares add up exactly.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Builder, ListArray, StructArray, TimestampMicrosecondBuilder};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit};
use burgeon_core::PARTS;
use burgeon_core::time::{Zone, date_of_epoch_days, epoch_days};
use datafusion::common::Result;
use datafusion::common::cast::as_timestamp_microsecond_array;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::major::whole_or_decimal;
use super::span_index::instants;

/// A line cannot be spread over more days than this (about 40 years); longer ones count on their first day.
const MOST_DAYS: i32 = 15_000;

/// `spread_days(amount_minor, from, to)`: a list of (at, amount_parts), one for each day of the workspace's zone from the
/// day of `from` up to, without, the day of `to`. Each share is whole parts; day k gets what the first k days are due
/// together, rounded down, less what the days before got. Without days the whole amount falls on `from`.
pub fn udf(zone: Zone) -> ScalarUDF {
    ScalarUDF::new_from_impl(SpreadDays { zone, signature: Signature::any(3, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq)]
struct SpreadDays {
    zone: Zone,
    signature: Signature,
}

impl Hash for SpreadDays {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.zone.name().hash(state);
    }
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("amount_parts", DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0), false),
    ])
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(fields()), false))
}

/// Share `k` of `days` equal ones of `amount` parts.
fn share(amount: i128, k: i128, days: i128) -> i128 {
    (amount * (k + 1)).div_euclid(days) - (amount * k).div_euclid(days)
}

impl ScalarUDFImpl for SpreadDays {
    fn name(&self) -> &str {
        "spread_days"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (amounts, _) = whole_or_decimal(&arrays[0])?;
        let (from, to) = (instants(&arrays[1], &self.zone)?, instants(&arrays[2], &self.zone)?);
        let (from, to) = (as_timestamp_microsecond_array(&from)?, as_timestamp_microsecond_array(&to)?);
        let mut at = TimestampMicrosecondBuilder::new().with_timezone("UTC");
        let mut parts = Decimal128Builder::new();
        let mut lengths = Vec::with_capacity(amounts.len());
        let mut valid = Vec::with_capacity(amounts.len());
        for row in 0..amounts.len() {
            valid.push(amounts.is_valid(row) && from.is_valid(row));
            if !valid[row] {
                lengths.push(0);
                continue;
            }
            let total = amounts.value(row) * PARTS;
            let first = epoch_days(self.zone.date_of(from.value(row)));
            let days = if to.is_valid(row) {
                epoch_days(self.zone.date_of(to.value(row))).saturating_sub(first)
            } else {
                0
            };
            if !(1..=MOST_DAYS).contains(&days) {
                at.append_value(from.value(row));
                parts.append_value(total);
                lengths.push(1);
                continue;
            }
            for k in 0..days {
                at.append_value(self.zone.start_of(date_of_epoch_days(first + k)));
                parts.append_value(share(total, i128::from(k), i128::from(days)));
            }
            lengths.push(days as usize);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(at.finish()),
            Arc::new(parts.finish().with_precision_and_scale(DECIMAL128_MAX_PRECISION, 0)?),
        ];
        let rows = StructArray::new(fields(), columns, None);
        let list = ListArray::new(
            item(),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(rows),
            Some(NullBuffer::from(valid)),
        );
        Ok(ColumnarValue::Array(Arc::new(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up() {
        for (amount, days) in [(100, 31), (-100, 31), (7, 365), (0, 3), (1, 1)] {
            let shares: Vec<i128> = (0..days).map(|k| share(amount, k, days)).collect();
            assert_eq!(shares.iter().sum::<i128>(), amount);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
