//! `instant(date)`: the first instant of a date in the workspace's zone. For the planner only.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use burgeon_core::time::Zone;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::span_index::instants;

/// The function in `zone`; timestamps pass through.
pub fn udf(zone: Zone) -> ScalarUDF {
    ScalarUDF::new_from_impl(Instant { zone, signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq)]
struct Instant {
    zone: Zone,
    signature: Signature,
}

impl Hash for Instant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.zone.name().hash(state);
    }
}

impl ScalarUDFImpl for Instant {
    fn name(&self) -> &str {
        "instant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let input = args.args[0].to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(instants(&input, &self.zone)?)))
    }
}
