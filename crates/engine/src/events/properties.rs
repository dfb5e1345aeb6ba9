//! Hot properties: values of some keys out of the JSON of `properties`.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray, StringViewBuilder};
use arrow::compute::filter;
use burgeon_core::json::{Fault, Kind, Raw, Scanner};

use super::batch::{self, TABLE};
use crate::lake::{LakeError, Result};

/// The values of some properties of a batch's rows.
#[derive(Debug, Clone)]
pub(crate) struct Properties {
    pub names: Arc<[String]>,
    /// One array for each name.
    pub values: Vec<StringViewArray>,
}

impl Properties {
    /// The values of `names` in the column `properties` of a batch.
    pub fn of(rows: &RecordBatch, names: &Arc<[String]>) -> Result<Self> {
        let mut builders: Vec<StringViewBuilder> =
            names.iter().map(|_| StringViewBuilder::with_capacity(rows.num_rows())).collect();
        let json = rows.column_by_name("properties").and_then(|column| batch::as_texts(column));
        let mut found: Vec<Option<Cow<'_, str>>> = vec![None; names.len()];
        // Rows that follow one another often say the same.
        let mut last = None;
        for row in 0..if names.is_empty() { 0 } else { rows.num_rows() } {
            let json = json.filter(|json| json.is_valid(row)).map(|json| json.value(row));
            if json != last {
                found.fill(None);
                if let Some(json) = json {
                    pick(json, names, &mut found).map_err(|error| LakeError::Rows {
                        table: TABLE.into(),
                        what: format!(
                            "column \"properties\" in row {row} of the batch is no JSON object: {error}"
                        ),
                    })?;
                }
                last = json;
            }
            for (builder, value) in builders.iter_mut().zip(&found) {
                builder.append_option(value.as_deref());
            }
        }
        let values = builders.iter_mut().map(StringViewBuilder::finish).collect();
        Ok(Self { names: Arc::clone(names), values })
    }

    /// The values of all rows of several batches; the names are those of the first, and the same for all.
    pub fn concat(parts: &[&Self]) -> Result<Self> {
        let names = parts.first().map_or_else(Arc::default, |first| Arc::clone(&first.names));
        let column = |at: usize| {
            let columns: Vec<&dyn Array> = parts.iter().map(|part| &part.values[at] as &dyn Array).collect();
            Ok(arrow::compute::concat(&columns)?.as_string_view().clone())
        };
        let values = (0..names.len()).map(column).collect::<Result<_>>()?;
        Ok(Self { names, values })
    }

    /// The values of the rows that are kept.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self> {
        let kept = |values: &StringViewArray| Ok(filter(values, keep)?.as_string_view().clone());
        let values = self.values.iter().map(kept).collect::<Result<_>>()?;
        Ok(Self { names: Arc::clone(&self.names), values })
    }
}

/// The values of `names` in a JSON object: texts as they are, numbers and yes or no as JSON writes them, lists and
/// objects as JSON. Null is no value. Of a key that stands twice the last counts.
pub(crate) fn pick<'a>(
    json: &'a str,
    names: &[String],
    found: &mut [Option<Cow<'a, str>>],
) -> Result<(), Fault> {
    let mut scanner = Scanner::new(json);
    scanner.object(|key, value| {
        let key = key.plain();
        if let Some(at) = names.iter().position(|name| *name == key) {
            found[at] = text(value);
        }
    })?;
    match scanner.is_done() {
        true => Ok(()),
        false => Err(Fault { at: scanner.at(), what: "nothing should follow" }),
    }
}

/// A value as text. One number has one text, however it is written.
fn text<'a>(value: &Raw<'a>) -> Option<Cow<'a, str>> {
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    match value.kind {
        Kind::Null => None,
        Kind::Text | Kind::Bool => Some(value.plain()),
        Kind::Number if value.text.bytes().all(plain) && value.text.len() < 19 && value.text != "-0" => {
            Some(value.plain())
        }
        Kind::Number | Kind::Array | Kind::Object => {
            let whole = serde_json::from_str::<serde_json::Value>(value.text);
            Some(whole.map_or_else(|_| value.plain(), |whole| Cow::Owned(whole.to_string())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_picked_as_text() {
        let names = ["plan", "seats", "on", "tags", "gone"].map(str::to_owned);
        let json =
            r#"{"a":{"plan":"no"},"plan":"pro \"x\"","seats":12,"on":true,"tags":[ "a",1],"gone":null}"#;
        let mut found = vec![None; names.len()];
        pick(json, &names, &mut found).expect("an object");
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, [Some("pro \"x\""), Some("12"), Some("true"), Some("[\"a\",1]"), None]);
        for (written, text) in [
            ("1.50", "1.5"),
            ("1e2", "100.0"),
            ("-0", "-0.0"),
            ("-7", "-7"),
            ("18446744073709551615", "18446744073709551615"),
            ("123456789012345678", "123456789012345678"),
        ] {
            let json = format!(r#"{{"plan":0,"pl\u0061n":{written}}}"#);
            let mut found = vec![None; names.len()];
            pick(&json, &names, &mut found).expect("an object");
            assert_eq!(found[0].as_deref(), Some(text), "{written}");
            // One number has one text, however it is written: that of serde_json.
            let value: serde_json::Value = serde_json::from_str(written).expect("a number");
            assert_eq!(value.to_string(), text);
        }
        assert!(pick("[1]", &names, &mut vec![None; names.len()]).is_err());
        assert!(pick("{\"plan\":1} x", &names, &mut vec![None; names.len()]).is_err());
    }
}
