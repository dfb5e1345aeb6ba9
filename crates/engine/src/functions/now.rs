//! `now()`: the moment of the query by the workspace's clock, not the machine's.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `now()`, also `current_timestamp`: always `micros` (µs UTC).
pub fn udf(micros: i64) -> ScalarUDF {
    ScalarUDF::new_from_impl(Now { micros, signature: Signature::nullary(Volatility::Stable) })
        .with_aliases(["current_timestamp"])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    micros: i64,
    signature: Signature,
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        "now"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let now = ScalarValue::TimestampMicrosecond(Some(self.micros), Some("UTC".into()));
        Ok(ColumnarValue::Scalar(now))
    }
}
