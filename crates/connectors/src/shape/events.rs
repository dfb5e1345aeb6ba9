//! Files of events, one in each row. What no field reads becomes a property.

use std::sync::Arc;

use burgeon_core::json::{Kind as JsonKind, Scanner};
use burgeon_core::records::{ColumnType, KeyHasher, KeyPart};

use super::event_lines::event_lines;
use super::{Field, Kind, Mapper, Prepared, Shape, synonyms};
use crate::intake::visit::Visits;
use crate::intake::{EventRow, EventRows, TEXT_COLUMNS};
use crate::plan::Plan;
use crate::table::{Output, TableBatch};
use crate::typed::{Typed, is_empty};

/// The shape of files of events.
pub fn events() -> Shape {
    // The table is one of the fixed list.
    let columns = burgeon_core::records::table("events").map_or(&[][..], |table| table.columns);
    let fields = columns.iter().map(|column| {
        let kind = match column.ty {
            ColumnType::Timestamp => Kind::Time,
            ColumnType::Json => Kind::Json,
            _ if column.name.ends_with("_id") => Kind::Id,
            _ => Kind::Text,
        };
        Field::new(column.name, kind, &synonyms::of("events", column.name), column.doc)
    });
    Shape {
        name: "events",
        doc: "What people do: one row for each event. Columns that no field reads become properties.",
        tables: vec!["events"],
        fields: fields.collect(),
        // An event without identifier gets one from its place in the file and what it says.
        needs: vec![vec!["event"], vec!["distinct_id"], vec!["at"]],
        signature: &[],
        rest: Some("properties"),
        aliases: &[("person", "distinct_id")],
        note: "",
        prepare: None,
        mapper,
        lines: Some(event_lines),
    }
}

/// Adds an output of events.
pub(super) fn put(rows: &mut EventRows, lines: Vec<u64>, out: &mut Output) {
    if let (false, Some(table)) = (rows.is_empty(), burgeon_core::records::table("events")) {
        out.batches.push(TableBatch { table, rows: rows.take(), lines });
    }
}

/// The identifier of an event that has none: from what it says and its line, so that two equal rows are two events and
/// the same file gives the same events again.
pub(super) fn event_id(hasher: &mut KeyHasher, text: &str, line: u64, out: &mut String) {
    let hash = hasher.hash([KeyPart::Text(text), KeyPart::Int(line.cast_signed())]);
    out.clear();
    for shift in (0..16).rev() {
        out.push(char::from_digit((hash >> (shift * 4) & 15) as u32, 16).unwrap_or('0'));
    }
}

/// Adds a member to the inside of a JSON object.
pub(super) fn member(inside: &mut String, name: &str, value: &str) {
    if !inside.is_empty() {
        inside.push(',');
    }
    quote(inside, name);
    inside.push(':');
    inside.push_str(value);
}

/// Writes text as a JSON string.
pub(super) fn quote(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// Writes a cell as JSON: plain numbers and yes or no as such, all else as text.
pub(super) fn cell(out: &mut String, text: &str) {
    if matches!(text, "true" | "false") || is_plain_number(text) {
        out.push_str(text);
    } else {
        quote(out, text);
    }
}

/// Whether a text is written as a number would be written back: `5`, `-2.5`, but not `007`, `1.50`, `1e5` or what has more
/// digits than a float keeps.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "1"));
    let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 15
        && text != "-0"
        && all_digits(whole)
        && all_digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && !fraction.ends_with('0')
}

/// The inside of a JSON object; `None` when the text is none.
pub(super) fn inside(text: &str) -> Option<&str> {
    let mut scanner = Scanner::new(text);
    let value = scanner.value().ok()?;
    let sound = value.kind == JsonKind::Object
        && scanner.is_done()
        && !crate::intake::collect::is_too_deep(scanner.deepest);
    sound.then(|| value.text.get(1..value.text.len() - 1).unwrap_or_default().trim())
}

/// A code of two letters in capitals.
pub(super) fn country(text: &str) -> Option<String> {
    (text.len() == 2 && text.bytes().any(|b| b.is_ascii_lowercase())).then(|| text.to_ascii_uppercase())
}

struct Events {
    plan: Arc<Plan>,
    /// For each field its place among the texts of a row.
    places: Vec<Option<usize>>,
    at: usize,
    received_at: usize,
    properties: usize,
    rows: EventRows,
    hasher: KeyHasher,
}

fn mapper(plan: &Arc<Plan>, _: &Prepared) -> Box<dyn Mapper> {
    let field = |name| plan.shape.field(name).unwrap_or_default();
    Box::new(Events {
        places: plan.shape.fields.iter().map(|field| EventRow::place(field.name)).collect(),
        at: field("at"),
        received_at: field("received_at"),
        properties: field("properties"),
        plan: plan.clone(),
        rows: EventRows::new(),
        hasher: KeyHasher::default(),
    })
}

impl Mapper for Events {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        typed.check_needs(|_, _, _| false);
        if typed.has(self.properties) {
            for row in 0..typed.rows() {
                if typed.text(self.properties, row).is_some_and(|text| inside(text).is_none()) {
                    typed.reject(row, "properties: is not a JSON object".to_owned());
                }
            }
        }
        let mut visits = Visits::new(self.plan.channels.as_deref());
        let mut lines = Vec::new();
        let (mut properties, mut id) = (String::new(), String::new());
        let header = &self.plan.layout.header;
        for row in typed.good() {
            let row = row as usize;
            let Some(at) = typed.int(self.at, row) else { continue };
            properties.clear();
            if let Some(object) = typed.text(self.properties, row).and_then(inside) {
                properties.push_str(object);
            }
            for (column, name) in &self.plan.attributes {
                let text = typed.chunk.cell(row, *column);
                if !is_empty(text) {
                    let mut value = String::new();
                    cell(&mut value, text);
                    member(&mut properties, name, &value);
                }
            }
            if !properties.is_empty() {
                properties.insert(0, '{');
                properties.push('}');
            }
            let mut texts = [""; TEXT_COLUMNS];
            for (field, place) in self.places.iter().enumerate() {
                if let Some(place) = place
                    && field != self.properties
                    && let Some(text) = typed.text(field, row)
                {
                    texts[*place] = text;
                }
            }
            let line = typed.chunk.lines[row];
            let mut event = EventRow::of(texts, at, typed.int(self.received_at, row));
            let code = country(event.country);
            if let Some(code) = &code {
                event.country = code;
            }
            if event.event_id.is_empty() {
                let original = typed.chunk.original(row, header);
                event_id(&mut self.hasher, &String::from_utf8_lossy(&original), line, &mut id);
                event.event_id = &id;
            }
            event.properties = &properties;
            let place = visits.place(event.url, event.referrer);
            visits.fill(&mut event, &place);
            self.rows.push(&event);
            lines.push(line);
        }
        put(&mut self.rows, lines, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_json_that_reads_back_the_same() {
        for text in [
            "5",
            "-2.5",
            "0",
            "0.5",
            "true",
            "007",
            "1.50",
            "1e5",
            "-0",
            "-",
            ".5",
            "5.",
            "1234567890123456",
            "é\"\\\n",
        ] {
            let mut out = String::new();
            cell(&mut out, text);
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            let back = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(back, text);
        }
        assert!(is_plain_number("5") && !is_plain_number("007") && !is_plain_number("1.50"));
    }

    #[test]
    fn objects() {
        assert_eq!(inside(" {\"a\": 1 } "), Some("\"a\": 1"));
        assert_eq!(
            (inside("{}"), inside("[1]"), inside("{\"a\":1} x"), inside("")),
            (Some(""), None, None, None)
        );
        assert_eq!((country("de").as_deref(), country("DE"), country("Deu")), (Some("DE"), None, None));
    }
}
