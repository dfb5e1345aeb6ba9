//! `period_start(at, grain)`: the first date of the period that holds an instant.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, Date32Builder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use burgeon_core::time::{Grain, Period, Zone, date_of_epoch_days, epoch_days};
use datafusion::common::cast::{as_date32_array, as_timestamp_microsecond_array};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `period_start(at, grain)` for timestamps and dates; `grain` is the text day, week, month, quarter or year. The zone
/// and the first day of the week are the workspace's. Gives a date.
pub fn udf(zone: Zone) -> ScalarUDF {
    ScalarUDF::new_from_impl(PeriodStart { zone, signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq)]
struct PeriodStart {
    zone: Zone,
    signature: Signature,
}

impl Hash for PeriodStart {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.zone.name().hash(state);
    }
}

/// Finds periods of instants quickly when neighbours lie near each other: it remembers the last period.
#[derive(Debug)]
pub struct PeriodFinder<'a> {
    zone: &'a Zone,
    grain: Grain,
    /// Boundaries seen so far, ascending: (start µs, end µs, period).
    known: Vec<(i64, i64, Period)>,
    last: usize,
}

impl<'a> PeriodFinder<'a> {
    /// A finder of periods of `grain` in `zone`.
    pub fn new(zone: &'a Zone, grain: Grain) -> Self {
        Self { zone, grain, known: vec![], last: 0 }
    }

    /// The period that holds the instant `at` (µs UTC).
    pub fn find(&mut self, at: i64) -> Period {
        if let Some(&(start, end, period)) = self.known.get(self.last)
            && start <= at
            && at < end
        {
            return period;
        }
        let index = self.known.partition_point(|&(_, end, _)| end <= at);
        if let Some(&(start, end, period)) = self.known.get(index)
            && start <= at
            && at < end
        {
            self.last = index;
            return period;
        }
        let period = Period::containing(self.zone.date_of(at), self.grain, self.zone.week_start());
        let (start, end) = self.zone.bounds(&period);
        if start <= at && at < end {
            self.known.insert(index, (start, end, period));
            self.last = index;
        }
        period
    }
}

impl ScalarUDFImpl for PeriodStart {
    fn name(&self) -> &str {
        "period_start"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ColumnarValue::Scalar(
            ScalarValue::Utf8(Some(grain))
            | ScalarValue::Utf8View(Some(grain))
            | ScalarValue::LargeUtf8(Some(grain)),
        ) = &args.args[1]
        else {
            return exec_err!("the second argument of period_start is a grain, such as 'month'");
        };
        let grain: Grain = grain.parse().map_err(|e| DataFusionError::External(Box::new(e)))?;
        let input = args.args[0].to_array(args.number_rows)?;
        let mut out = Date32Builder::with_capacity(input.len());
        if input.data_type() == &DataType::Date32 {
            for day in as_date32_array(&input)? {
                out.append_option(day.map(|day| {
                    let date = date_of_epoch_days(day);
                    epoch_days(Period::containing(date, grain, self.zone.week_start()).start)
                }));
            }
        } else {
            let at = cast(&input, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
            let mut finder = PeriodFinder::new(&self.zone, grain);
            for at in as_timestamp_microsecond_array(&at)? {
                out.append_option(at.map(|at| epoch_days(finder.find(at).start)));
            }
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, date};

    #[test]
    fn the_finder_agrees_with_the_calendar() {
        let zone = Zone::new("America/Sao_Paulo", Weekday::Sunday).unwrap();
        for grain in Grain::ALL {
            let mut finder = PeriodFinder::new(&zone, grain);
            let mut at = zone.start_of(date(2017, 11, 1));
            for step in 0..3000_i64 {
                at += 3_600_000_000 * 7 * if step % 5 == 0 { -20 } else { 9 };
                let plain = Period::containing(zone.date_of(at), grain, Weekday::Sunday);
                assert_eq!(finder.find(at), plain);
            }
        }
    }
}
