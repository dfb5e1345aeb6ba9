//! What clients say of persons, laid over what is known of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use burgeon_core::records::{ColumnType, content_schema, table};
use serde_json::{Map, Value};

/// What one call says of a person. It names some traits and leaves the others as they are, so it must be laid over what
/// is known: [`PersonPatch::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonPatch {
    /// Identifier of the person.
    pub distinct_id: String,
    /// When it was said, µs UTC, corrected for the client's clock.
    pub at: i64,
    /// The account that the person belongs to, where the call names one.
    pub customer_id: Option<String>,
    /// Traits to set, as a JSON object; empty for none.
    pub set: String,
    /// Traits to set where there is none yet, as a JSON object; empty for none.
    pub set_once: String,
    /// Traits to take away.
    pub unset: Vec<String>,
}

/// A row of `persons`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonRow {
    /// Identifier of the person.
    pub distinct_id: String,
    /// Mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// The account that the person belongs to.
    pub customer_id: Option<String>,
    /// When something was last said of the person, µs UTC; `None` when nothing was.
    pub at: Option<i64>,
    /// All traits.
    pub traits: Map<String, Value>,
}

impl PersonPatch {
    /// Lays the change over what is known of the person. What was said later counts more, whatever the order of
    /// arrival: a patch that is older than the row only fills in what the row does not have.
    pub fn apply(&self, row: &mut PersonRow) {
        let late = row.at.is_some_and(|known| self.at < known);
        let mut keep = |text: &str, fill_only: bool| {
            for (name, value) in object(text) {
                if fill_only && row.traits.contains_key(&name) {
                    continue;
                }
                if value.is_null() {
                    row.traits.remove(&name);
                } else {
                    row.traits.insert(name, value);
                }
            }
        };
        keep(&self.set, late);
        keep(&self.set_once, true);
        if !late {
            for name in &self.unset {
                row.traits.remove(name);
            }
        }
        let said = self.customer_id.clone().or_else(|| {
            object(&self.set).get("company").and_then(|company| company.get("id")).and_then(text_of)
        });
        if said.is_some() && (!late || row.customer_id.is_none()) {
            row.customer_id = said;
        }
        row.email = trait_text(&row.traits, &["email", "$email"]);
        row.name = trait_text(&row.traits, &["name", "$name"]).or_else(|| {
            let part = |names: &[&str]| trait_text(&row.traits, names);
            let first = part(&["firstName", "first_name", "$first_name"]);
            let last = part(&["lastName", "last_name", "$last_name"]);
            match (first, last) {
                (Some(first), Some(last)) => Some(format!("{first} {last}")),
                (first, last) => first.or(last),
            }
        });
        row.at = row.at.max(Some(self.at));
    }
}

/// The object of a JSON text; empty when it is none.
fn object(text: &str) -> Map<String, Value> {
    if text.is_empty() { Map::new() } else { serde_json::from_str(text).unwrap_or_default() }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn trait_text(traits: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| traits.get(*name).and_then(text_of))
}

/// Rows in the content schema of `persons`.
pub fn person_rows(rows: &[PersonRow]) -> RecordBatch {
    let text = |each: &dyn Fn(&PersonRow) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(each).collect::<StringViewArray>())
    };
    let at = rows.iter().map(|row| row.at).collect::<TimestampMicrosecondArray>();
    // Unreachable: the table is one of the fixed list, and its columns are these.
    let Some(table) = table("persons") else {
        return RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty()));
    };
    let columns: Vec<ArrayRef> = table
        .columns
        .iter()
        .map(|column| match column.name {
            "distinct_id" => text(&|row| Some(row.distinct_id.clone())),
            "email" => text(&|row| row.email.clone()),
            "name" => text(&|row| row.name.clone()),
            "customer_id" => text(&|row| row.customer_id.clone()),
            "traits" => text(&|row| Some(Value::Object(row.traits.clone()).to_string())),
            "at" => Arc::new(at.clone().with_data_type(ColumnType::Timestamp.data_type())),
            _ => arrow::array::new_null_array(&column.ty.data_type(), rows.len()),
        })
        .collect();
    let schema = content_schema(table);
    RecordBatch::try_new(schema.clone(), columns).unwrap_or_else(|_| RecordBatch::new_empty(schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(at: i64, set: &str, set_once: &str, unset: &[&str]) -> PersonPatch {
        PersonPatch {
            distinct_id: "ada".to_owned(),
            at,
            customer_id: None,
            set: set.to_owned(),
            set_once: set_once.to_owned(),
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn later_words_count_more_in_any_order() {
        let early = patch(1, r#"{"plan":"free","email":"ada@old.test"}"#, r#"{"first_seen":"a"}"#, &[]);
        let late = patch(2, r#"{"plan":"pro"}"#, r#"{"first_seen":"b"}"#, &[]);
        let (mut one, mut other) = (PersonRow::default(), PersonRow::default());
        early.apply(&mut one);
        late.apply(&mut one);
        late.apply(&mut other);
        early.apply(&mut other);
        assert_eq!(one.traits["plan"], "pro");
        assert_eq!(other.traits["plan"], "pro");
        assert_eq!(one.email.as_deref(), Some("ada@old.test"));
        assert_eq!((one.email.clone(), one.at), (other.email.clone(), other.at));
        // What is set once stays as it was first heard.
        assert_eq!(one.traits["first_seen"], "a");
    }

    #[test]
    fn traits_go_away_and_names_are_put_together() {
        let mut row = PersonRow::default();
        patch(1, r#"{"firstName":"Ada","lastName":"Lovelace","age":36,"company":{"id":7}}"#, "", &[])
            .apply(&mut row);
        assert_eq!((row.name.as_deref(), row.customer_id.as_deref()), (Some("Ada Lovelace"), Some("7")));
        patch(2, r#"{"lastName":null}"#, "", &["age"]).apply(&mut row);
        assert_eq!((row.name.as_deref(), row.traits.contains_key("age")), (Some("Ada"), false));
        patch(3, "no json", "[1]", &[]).apply(&mut row);
        assert_eq!(row.name.as_deref(), Some("Ada"));
    }

    #[test]
    fn rows_have_the_schema_of_the_table() {
        let row = PersonRow { distinct_id: "ada".to_owned(), at: Some(5), ..PersonRow::default() };
        let batch = person_rows(&[row]);
        assert_eq!(batch.num_rows(), 1);
        assert_eq!(batch.schema(), content_schema(table("persons").unwrap()));
        assert_eq!(person_rows(&[]).num_rows(), 0);
    }
}
