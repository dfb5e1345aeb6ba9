//! Hot properties: values of some keys out of the JSON of `properties`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray, StringViewBuilder};
use arrow::compute::filter;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

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
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_map(Pick { names, found })?;
    reader.end()
}

struct Pick<'n, 'f, 'a> {
    names: &'n [String],
    found: &'f mut [Option<Cow<'a, str>>],
}

impl<'a> Visitor<'a> for Pick<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match self.names.iter().position(|name| *name == key) {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(at) => self.found[at] = map.next_value::<Scalar<'a>>()?.0,
            }
        }
        Ok(())
    }
}

/// Text, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Any value as text.
struct Scalar<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Option<Cow<'de, str>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Some(Cow::Owned(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(serde_json::Number::from_f64(value).map(|number| Cow::Owned(number.to_string())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, from: A) -> Result<Self::Value, A::Error> {
                let value: serde_json::Value =
                    serde::Deserialize::deserialize(serde::de::value::SeqAccessDeserializer::new(from))?;
                Ok(Some(Cow::Owned(value.to_string())))
            }

            fn visit_map<A: MapAccess<'de>>(self, from: A) -> Result<Self::Value, A::Error> {
                let value: serde_json::Value =
                    serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(from))?;
                Ok(Some(Cow::Owned(value.to_string())))
            }
        }
        from.deserialize_any(Any).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_picked_as_text() {
        let names = ["plan", "seats", "on", "tags", "gone"].map(str::to_owned);
        let json =
            r#"{"a":{"plan":"no"},"plan":"pro \"x\"","seats":12,"on":true,"tags":["a",1],"gone":null}"#;
        let mut found = vec![None; names.len()];
        pick(json, &names, &mut found).expect("an object");
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, [Some("pro \"x\""), Some("12"), Some("true"), Some("[\"a\",1]"), None]);
        assert!(pick("[1]", &names, &mut vec![None; names.len()]).is_err());
        assert!(pick("{\"plan\":1} x", &names, &mut vec![None; names.len()]).is_err());
    }
}
