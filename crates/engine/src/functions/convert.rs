//! `convert(amount, currency, at)`: an amount in the display currency at the rate of a day.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, Decimal128Builder, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use burgeon_core::currency::Currency;
use datafusion::common::cast::{as_string_view_array, as_timestamp_microsecond_array};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::major::whole_or_decimal;
use super::span_index::instants;
use crate::exec::rates::{Curve, RateBook, Rates, div_round};

/// Decimals of converted amounts.
pub const SCALE: u32 = 10;

/// `convert(amount, currency, at)`: `amount` counts minor units, or parts of them, of `currency`; the result counts the
/// same of `display` as Decimal128(38,10). `at` is a timestamp or a date; the latest rate on or before its day in the
/// workspace's zone counts. A missing rate is an error which names the pair and the date.
pub fn udf(rates: Arc<RateBook>, display: Currency) -> ScalarUDF {
    ScalarUDF::new_from_impl(Convert { rates, display, signature: Signature::any(3, Volatility::Stable) })
}

#[derive(Debug)]
struct Convert {
    rates: Arc<RateBook>,
    display: Currency,
    signature: Signature,
}

impl PartialEq for Convert {
    fn eq(&self, other: &Self) -> bool {
        self.display == other.display && Arc::ptr_eq(&self.rates, &other.rates)
    }
}

impl Eq for Convert {}

impl Hash for Convert {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.display.hash(state);
    }
}

/// Converts from one currency; keeps its curve and the place of the last rate.
#[derive(Debug)]
pub struct Converter {
    from: Currency,
    display: Currency,
    curve: Arc<Curve>,
    hint: usize,
    /// Multiplier and divisor for the decimals of both currencies.
    up: i128,
    down: i128,
}

impl Converter {
    /// From `from` to `display`.
    pub fn new(rates: &Rates, from: Currency, display: Currency) -> Self {
        let (a, b) = (from.exponent(), display.exponent());
        Self {
            from,
            display,
            curve: rates.curve(from, display),
            hint: 0,
            up: 10_i128.pow(b.saturating_sub(a)),
            down: 10_i128.pow(a.saturating_sub(b)),
        }
    }

    /// `amount` at the rate of the day of `at` (µs UTC), with ten decimals.
    #[inline]
    pub fn convert(&mut self, amount: i128, at: i64, rates: &Rates) -> Result<i128> {
        let Some((hint, rate)) = self.curve.at(at, self.hint) else {
            return Err(DataFusionError::External(Box::new(rates.missing(self.from, self.display, at))));
        };
        self.hint = hint;
        let wide = amount.checked_mul(rate).and_then(|v| v.checked_mul(self.up));
        match wide {
            Some(wide) if self.down == 1 => Ok(wide),
            Some(wide) => Ok(div_round(wide, self.down)),
            None => exec_err!("{amount} {} is too large an amount to convert to {}", self.from, self.display),
        }
    }
}

impl ScalarUDFImpl for Convert {
    fn name(&self) -> &str {
        "convert"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, SCALE as i8))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (amounts, scale) = whole_or_decimal(&arrays[0])?;
        let currencies = cast(&arrays[1], &DataType::Utf8View)?;
        let currencies: &StringViewArray = as_string_view_array(&currencies)?;
        let rates = self.rates.current();
        let at = instants(&arrays[2], rates.zone())?;
        let at = as_timestamp_microsecond_array(&at)?;
        let divisor = 10_i128.pow(scale);
        let mut out = Decimal128Builder::with_capacity(amounts.len());
        let mut converters: Vec<(u128, Converter)> = vec![];
        let mut last = 0;
        for row in 0..amounts.len() {
            if amounts.is_null(row) || currencies.is_null(row) || at.is_null(row) {
                out.append_null();
                continue;
            }
            // Codes are three bytes, so the view holds the whole text.
            let view = currencies.views()[row];
            if converters.get(last).is_none_or(|(code, _)| *code != view) {
                last = match converters.iter().position(|(code, _)| *code == view) {
                    Some(index) => index,
                    None => {
                        let code = currencies.value(row);
                        let Some(from) = Currency::from_code(code) else {
                            return exec_err!(
                                "unknown currency \"{code}\" in convert(); write an ISO 4217 code such as USD"
                            );
                        };
                        converters.push((view, Converter::new(&rates, from, self.display)));
                        converters.len() - 1
                    }
                };
            }
            let value = converters[last].1.convert(amounts.value(row), at.value(row), &rates)?;
            out.append_value(if divisor == 1 { value } else { div_round(value, divisor) });
        }
        let out = out.finish().with_precision_and_scale(DECIMAL128_MAX_PRECISION, SCALE as i8)?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::rates::RateRow;
    use burgeon_core::time::Zone;

    #[test]
    fn decimals_of_both_currencies_count() {
        let row = |base, quote, rate| RateRow { day: 0, base, quote, rate };
        let rates = Rates::new(
            Zone::utc(),
            1,
            [
                row(Currency::USD, Currency::JPY, 1_500_000_000_000),
                row(Currency::EUR, Currency::USD, 11_000_000_000),
            ],
        );
        let convert = |amount, from, to| Converter::new(&rates, from, to).convert(amount, 5, &rates).unwrap();
        // 1.00 USD = 150 JPY, which has no decimals
        assert_eq!(convert(100, Currency::USD, Currency::JPY), 150 * 10_i128.pow(10));
        assert_eq!(convert(150, Currency::JPY, Currency::USD), 1_000_000_005_000); // 1/150 has ten decimals
        assert_eq!(convert(10_000, Currency::EUR, Currency::USD), 11_000 * 10_i128.pow(10));
        assert_eq!(convert(7, Currency::GBP, Currency::GBP), 7 * 10_i128.pow(10));
    }
}
