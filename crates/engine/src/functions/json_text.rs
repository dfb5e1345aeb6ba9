//! `json_text(json, key)`: the value of a key of a JSON object as text.

use std::sync::Arc;

use arrow::array::{Array, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_string_view_array;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `json_text(json, key)`: text unquoted, numbers and booleans as written, null and missing keys as null, objects
/// and arrays as JSON. Text that is not a JSON object gives null.
pub fn udf() -> ScalarUDF {
    ScalarUDF::new_from_impl(JsonText {
        signature: Signature::exact(vec![DataType::Utf8View, DataType::Utf8View], Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonText {
    signature: Signature,
}

impl ScalarUDFImpl for JsonText {
    fn name(&self) -> &str {
        "json_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let json = cast(&arrays[0], &DataType::Utf8View)?;
        let keys = cast(&arrays[1], &DataType::Utf8View)?;
        let (json, keys) = (as_string_view_array(&json)?, as_string_view_array(&keys)?);
        let mut out = StringViewBuilder::with_capacity(json.len()).with_deduplicate_strings();
        for row in 0..json.len() {
            let value = (json.is_valid(row) && keys.is_valid(row))
                .then(|| value_of(json.value(row), keys.value(row)))
                .flatten();
            out.append_option(value);
        }
        let out: StringViewArray = out.finish();
        Ok(ColumnarValue::Array(Arc::new(out)))
    }
}

/// The value of `key` in a JSON object, as text; the last one when the key is there twice.
pub fn value_of(json: &str, key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    match value.as_object()?.get(key)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::value_of;

    #[test]
    fn values_as_text() {
        let json = r#"{"industry":"EdTech","seats":12,"ratio":0.5,"vip":true,"none":null,"list":[1]}"#;
        assert_eq!(value_of(json, "industry").as_deref(), Some("EdTech"));
        assert_eq!(value_of(json, "seats").as_deref(), Some("12"));
        assert_eq!(value_of(json, "ratio").as_deref(), Some("0.5"));
        assert_eq!(value_of(json, "vip").as_deref(), Some("true"));
        assert_eq!(value_of(json, "none"), None);
        assert_eq!(value_of(json, "list").as_deref(), Some("[1]"));
        assert_eq!(value_of(json, "missing"), None);
        assert_eq!(value_of("not json", "industry"), None);
        assert_eq!(value_of("[1]", "industry"), None);
    }
}
