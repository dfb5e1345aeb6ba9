//! `major(parts, currency)`: parts as major units of their currency.

use std::sync::Arc;

use arrow::array::{Array, Decimal128Array, Decimal128Builder};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use burgeon_core::PARTS;
use burgeon_core::currency::Currency;
use datafusion::common::cast::{as_decimal128_array, as_string_view_array};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `major(parts, currency)`: Decimal128(38,6) of major units, rounded half away from zero. `parts` is a whole number of
/// 1/720720 of a minor unit or, as `convert` gives it, one with ten decimals. An unknown currency is an error.
pub fn udf() -> ScalarUDF {
    ScalarUDF::new_from_impl(Major { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Major {
    signature: Signature,
}

impl ScalarUDFImpl for Major {
    fn name(&self) -> &str {
        "major"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(DECIMAL128_MAX_PRECISION, 6))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (parts, scale) = whole_or_decimal(&arrays[0])?;
        let currencies = cast(&arrays[1], &DataType::Utf8View)?;
        let currencies = as_string_view_array(&currencies)?;
        let mut out = Decimal128Builder::with_capacity(parts.len());
        for row in 0..parts.len() {
            if parts.is_null(row) || currencies.is_null(row) {
                out.append_null();
                continue;
            }
            let code = currencies.value(row);
            let Some(currency) = Currency::from_code(code) else {
                return exec_err!(
                    "unknown currency \"{code}\" in major(); write an ISO 4217 code such as USD"
                );
            };
            out.append_value(to_major(parts.value(row), scale, currency));
        }
        let out: Decimal128Array = out.finish().with_precision_and_scale(DECIMAL128_MAX_PRECISION, 6)?;
        Ok(ColumnarValue::Array(Arc::new(out)))
    }
}

/// An integer or decimal column as unscaled 128-bit numbers with their scale.
pub(crate) fn whole_or_decimal(array: &arrow::array::ArrayRef) -> Result<(Decimal128Array, u32)> {
    match array.data_type() {
        DataType::Decimal128(_, scale) if *scale >= 0 => {
            Ok((as_decimal128_array(array)?.clone(), u32::from(scale.unsigned_abs())))
        }
        t if t.is_integer() || t.is_null() => {
            let wide = cast(array, &DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0))?;
            Ok((as_decimal128_array(&wide)?.clone(), 0))
        }
        other => Err(DataFusionError::Plan(format!(
            "an amount must be an integer or a decimal, not {other}; cast it to decimal(38,0)"
        ))),
    }
}

/// Parts with `scale` decimals as millionths of a major unit, half away from zero.
fn to_major(parts: i128, scale: u32, currency: Currency) -> i128 {
    let divisor = PARTS * i128::from(currency.scale());
    let unit = 10_i128.pow(scale);
    // whole part first, so that nothing overflows: parts = whole·divisor·unit + rest
    let full = divisor * unit;
    let (whole, rest) = (parts / full, parts % full);
    let doubled = rest.abs() * 2_000_000 + full;
    let fraction = doubled / (2 * full);
    whole * 1_000_000 + if rest < 0 { -fraction } else { fraction }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_720720_of_a_minor_unit() {
        assert_eq!(to_major(11_600 * PARTS, 0, Currency::USD), 116_000_000);
        assert_eq!(to_major(-11_600 * PARTS, 0, Currency::USD), -116_000_000);
        assert_eq!(to_major(980 * PARTS, 0, Currency::JPY), 980_000_000);
        assert_eq!(to_major(100 * PARTS / 3, 0, Currency::USD), 333_333);
        assert_eq!(to_major(PARTS * 10_i128.pow(10), 10, Currency::USD), 10_000);
    }
}
