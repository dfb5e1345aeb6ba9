//! Properties that many events bring with few different values become hot before anybody asks for them, while the store is
//! small enough for that to cost nothing: the first question by plan or by country should not have to wait.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, RecordBatch};
use serde_json::{Map, Value};

use super::{ask, batch};
use crate::lake::{Result, Shared};

/// Rows that are looked at.
const LOOKED_AT: usize = 4096;
/// Fewer rows say nothing.
pub(crate) const SAMPLE: usize = 500;
/// A property stands in at least one row of so many.
const SELDOM: usize = 20;
/// A property with more different values among the rows that are looked at is left until somebody asks for it …
const VALUES: usize = 64;
/// … and one with longer values is a text, not a kind.
const LENGTH: usize = 64;
/// So many properties become hot unasked.
const MOST: usize = 8;
/// A store with more rows is not read through for it.
const STORED: u64 = 1_000_000;

/// Makes hot what many rows of a sample bring. The caller holds the lock for upkeep.
pub(crate) fn settle(shared: &Shared, sample: &RecordBatch) -> Result<()> {
    let events = &shared.events;
    let hot = events.hot_properties();
    let free = MOST.saturating_sub(hot.len());
    if free == 0 || sample.num_rows() < SAMPLE || events.hot.stats().rows > STORED {
        return Ok(());
    }
    let own = |name: &String| events.columns.table.column(name).is_some() || hot.contains(name);
    let found = usual(sample).into_iter().filter(|name| !own(name));
    found.take(free).try_for_each(|name| ask::fill(shared, &name))
}

/// Names of the properties that stand in many rows with few different values, the most frequent first.
fn usual(sample: &RecordBatch) -> Vec<String> {
    let Some(json) = sample.column_by_name("properties").and_then(|column| batch::as_texts(column)) else {
        return Vec::new();
    };
    let rows = sample.num_rows().min(LOOKED_AT);
    let mut seen: HashMap<String, Seen> = HashMap::new();
    for row in (0..rows).filter(|row| json.is_valid(*row)) {
        let Ok(members) = serde_json::from_str::<Map<String, Value>>(json.value(row)) else { continue };
        for (name, value) in members {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                Value::Array(_) | Value::Object(_) => "x".repeat(LENGTH + 1),
            };
            let seen = seen.entry(name).or_default();
            seen.rows += 1;
            seen.long |= text.len() > LENGTH;
            if seen.values.len() <= VALUES && !text.is_empty() {
                seen.values.insert(text);
            }
        }
    }
    let fits = |seen: &Seen| seen.rows * SELDOM >= rows && seen.values.len() <= VALUES && !seen.long;
    let mut found: Vec<(String, usize)> =
        seen.into_iter().filter(|(_, seen)| fits(seen)).map(|(name, seen)| (name, seen.rows)).collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.into_iter().map(|(name, _)| name).collect()
}

#[derive(Debug, Default)]
struct Seen {
    rows: usize,
    values: HashSet<String>,
    long: bool,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringViewArray};

    use super::*;

    #[test]
    fn kinds_are_found_and_texts_are_not() {
        let rows = (0..1000).map(|row| {
            let seldom = if row % 50 == 0 { r#","seldom":1"# } else { "" };
            let often = if row % 10 == 0 { r#","often":true"# } else { "" };
            Some(format!(
                r#"{{"plan":"p{}","order":{row},"note":"{}","tags":["a"],"gone":null{often}{seldom}}}"#,
                row % 3,
                "n".repeat(80)
            ))
        });
        let column: ArrayRef = Arc::new(StringViewArray::from_iter(rows));
        let batch = RecordBatch::try_from_iter([("properties", column)]).unwrap();
        assert_eq!(usual(&batch), ["plan", "often"]);
    }
}
