//! Events in JSON lines, read as they stand: the short way for the format in which most events come.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use burgeon_core::records::KeyHasher;

use super::Lines;
use super::events::{country, event_id, inside, member, put};
use crate::error::Reject;
use crate::intake::collect::is_too_deep;
use crate::intake::json::{Fault, Kind, Raw, Scanner, mend_surrogates};
use crate::intake::visit::Visits;
use crate::intake::{EventRow, EventRows, TEXT_COLUMNS};
use crate::plan::{Bound, Plan};
use crate::table::Output;
use crate::typed::is_empty;
use crate::value::time::TimeReader;

/// Objects whose members are properties under their own names.
const PROPERTY_OBJECTS: [&str; 3] = ["properties", "event_properties", "props"];

/// The name of the property at a path: without the object that all properties lie in.
pub(crate) fn property_name(path: &str) -> &str {
    PROPERTY_OBJECTS.iter().find_map(|object| path.strip_prefix(object)?.strip_prefix('.')).unwrap_or(path)
}

/// What becomes of the value at a path.
#[derive(Debug, Clone, Copy)]
enum Slot {
    /// It is this text of the row.
    Text(usize),
    /// It is when the event happened.
    At,
    /// It is when the event arrived.
    ReceivedAt,
    /// Its members are properties.
    Properties,
    /// It is a property of another name: the place of that.
    Named(usize),
    /// Some path within it has a slot of its own.
    Within,
    /// It is a property of its own name.
    Rest,
}

struct EventLines {
    plan: Arc<Plan>,
    /// Slots of paths that have been met; keys of objects come in the same order line after line.
    met: Vec<(String, Slot)>,
    paths: HashMap<String, Slot>,
    within: HashSet<String>,
    renamed: Vec<String>,
    literals: Vec<(usize, String)>,
    at: Option<String>,
    at_reader: TimeReader,
    received_reader: TimeReader,
    /// What the columns of the three needed fields are called.
    names: [String; 3],
    rows: EventRows,
    hasher: KeyHasher,
    id: String,
    path: String,
}

/// Most different keys that are remembered.
const MET: usize = 4096;

/// A reader for one thread.
pub fn event_lines(plan: &Arc<Plan>) -> Box<dyn Lines> {
    let mut paths = HashMap::new();
    let mut within = HashSet::new();
    let (mut literals, mut renamed) = (Vec::new(), Vec::new());
    let mut at = None;
    let mut add = |path: &str, slot: Slot| {
        for (place, _) in path.match_indices('.') {
            within.insert(path[..place].to_owned());
        }
        paths.insert(path.to_owned(), slot);
    };
    let header = &plan.layout.header;
    let reader = |field: &str| {
        let binding = plan.binding(field);
        let utc = binding.is_some_and(|binding| binding.utc);
        let zone = if utc { burgeon_core::time::Zone::utc() } else { plan.zone.clone() };
        TimeReader::new(zone, binding.and_then(|binding| binding.order))
    };
    for (field, binding) in plan.shape.fields.iter().zip(&plan.bindings) {
        match (&binding.bound, EventRow::place(field.name)) {
            (Bound::Nothing, _) => {}
            (Bound::Column(column), place) => {
                let slot = match (field.name, place) {
                    ("properties", _) => Slot::Properties,
                    ("at", _) => Slot::At,
                    ("received_at", _) => Slot::ReceivedAt,
                    (_, Some(place)) => Slot::Text(place),
                    _ => continue,
                };
                add(&header[*column], slot);
            }
            (Bound::Literal(text), Some(place)) => literals.push((place, text.clone())),
            (Bound::Literal(text), None) if field.name == "at" => at = Some(text.clone()),
            (Bound::Literal(_), None) => {}
        }
    }
    for (column, name) in &plan.attributes {
        let path = &header[*column];
        if property_name(path) != name {
            add(path, Slot::Named(renamed.len()));
            renamed.push(name.clone());
        }
    }
    let name = |field: &str| match plan.binding(field).and_then(|binding| binding.column()) {
        Some(column) if header[column] != field => format!("{} ({field})", header[column]),
        _ => field.to_owned(),
    };
    Box::new(EventLines {
        met: Vec::new(),
        paths,
        within,
        renamed,
        literals,
        at,
        at_reader: reader("at"),
        received_reader: reader("received_at"),
        names: [name("event"), name("distinct_id"), name("at")],
        rows: EventRows::new(),
        hasher: KeyHasher::default(),
        id: String::new(),
        path: String::new(),
        plan: plan.clone(),
    })
}

/// One line in work.
struct Row<'a> {
    texts: [Cow<'a, str>; TEXT_COLUMNS],
    at: Option<Raw<'a>>,
    received_at: Option<Raw<'a>>,
    properties: String,
    /// Where the next key is expected among those that were met.
    next: usize,
    wrong: Option<String>,
}

impl Lines for EventLines {
    fn map(&mut self, lines: &[(u64, &str)], out: &mut Output) {
        let plan = self.plan.clone();
        let mut visits = Visits::new(plan.channels.as_deref());
        let mut taken = Vec::with_capacity(lines.len());
        let mut properties = String::new();
        for (number, line) in lines {
            let mut text = Cow::Borrowed(*line);
            mend_surrogates(&mut text);
            match self.line(&text, *number, &mut properties, &mut visits) {
                Ok(()) => taken.push(*number),
                Err(reason) => out.rejects.push(Reject::new(*number, reason, line.as_bytes())),
            }
        }
        put(&mut self.rows, taken, out);
    }
}

impl EventLines {
    fn line(
        &mut self,
        text: &str,
        number: u64,
        buffer: &mut String,
        visits: &mut Visits<'_>,
    ) -> Result<(), String> {
        buffer.clear();
        let mut row = Row {
            texts: [const { Cow::Borrowed("") }; TEXT_COLUMNS],
            at: None,
            received_at: None,
            properties: std::mem::take(buffer),
            next: 0,
            wrong: None,
        };
        let mut scanner = Scanner::new(text);
        if scanner.peek() != b'{' {
            return Err("is not a JSON object".to_owned());
        }
        let mut path = std::mem::take(&mut self.path);
        path.clear();
        let read = self.object(&mut scanner, &mut path, &mut row);
        self.path = path;
        let read = read.and_then(|()| match scanner.is_done() {
            true => Ok(()),
            false => Err(Fault { at: scanner.at(), what: "nothing should follow" }),
        });
        let taken = match read {
            Err(fault) => Err(format!("is not JSON: {fault}")),
            Ok(()) if is_too_deep(scanner.deepest) => Err("is nested too deep".to_owned()),
            Ok(()) => self.take(text, number, &mut row, visits),
        };
        *buffer = row.properties;
        taken
    }

    fn take(
        &mut self,
        text: &str,
        number: u64,
        row: &mut Row<'_>,
        visits: &mut Visits<'_>,
    ) -> Result<(), String> {
        if let Some(reason) = row.wrong.take() {
            return Err(reason);
        }
        let [event_name, person_name, at_name] = &self.names;
        let at = match (&row.at, &self.at) {
            (Some(raw), _) => {
                let text = raw.plain();
                match is_empty(&text) {
                    true => None,
                    false => Some(self.at_reader.instant(&text).map_err(|reason| {
                        format!("{}: {reason}", at_name.split(' ').next().unwrap_or_default())
                    })?),
                }
            }
            (None, Some(literal)) => self.at_reader.instant(literal).ok(),
            (None, None) => None,
        };
        let received_at = match &row.received_at {
            Some(raw) => match raw.plain() {
                text if is_empty(&text) => None,
                text => Some(
                    self.received_reader.instant(&text).map_err(|reason| format!("received_at: {reason}"))?,
                ),
            },
            None => None,
        };
        for (place, literal) in &self.literals {
            row.texts[*place] = Cow::Owned(literal.clone());
        }
        if !row.properties.is_empty() {
            row.properties.insert(0, '{');
            row.properties.push('}');
        }
        let texts = std::array::from_fn(|place| {
            let text: &str = &row.texts[place];
            if is_empty(text) { "" } else { text }
        });
        let mut event = EventRow::of(texts, at.unwrap_or_default(), received_at);
        event.properties = &row.properties;
        for (text, name) in [(event.event, event_name), (event.distinct_id, person_name)] {
            if text.is_empty() {
                return Err(format!("{name} is empty"));
            }
        }
        if at.is_none() {
            return Err(format!("{at_name} is empty"));
        }
        let code = country(event.country);
        if let Some(code) = &code {
            event.country = code;
        }
        if event.event_id.is_empty() {
            event_id(&mut self.hasher, text, number, &mut self.id);
            event.event_id = &self.id;
        }
        let place = visits.place(event.url, event.referrer);
        visits.fill(&mut event, &place);
        self.rows.push(&event);
        Ok(())
    }

    /// Reads the members of an object whose path ends in a point, or is empty.
    fn object<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        path: &mut String,
        row: &mut Row<'a>,
    ) -> Result<(), Fault> {
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.raw_key(&mut first)? {
            let length = path.len();
            let plain = key.plain();
            // At the top the key is the path.
            let inner = length > 0;
            if inner {
                path.push_str(&plain);
            }
            let name = if inner { path.as_str() } else { &*plain };
            let slot = match self.place(name, &mut row.next) {
                Some(place) => self.met[place].1,
                None => self.slot(name),
            };
            let within = matches!(slot, Slot::Within)
                || PROPERTY_OBJECTS.contains(&name) && !matches!(slot, Slot::Properties);
            if within && scanner.peek() == b'{' {
                if !inner {
                    path.push_str(&plain);
                }
                path.push('.');
                self.object(scanner, path, row)?;
            } else {
                let value = scanner.value()?;
                self.value(slot, name, &key, &value, row);
            }
            path.truncate(length);
        }
        Ok(())
    }

    fn value<'a>(&self, slot: Slot, path: &str, key: &Raw<'a>, value: &Raw<'a>, row: &mut Row<'a>) {
        match slot {
            Slot::Text(place) => row.texts[place] = value.name(),
            Slot::At => row.at = Some(*value),
            Slot::ReceivedAt => row.received_at = Some(*value),
            _ if value.kind == Kind::Null => {}
            Slot::Properties => match inside(&value.plain()) {
                Some("") => {}
                Some(members) => {
                    if !row.properties.is_empty() {
                        row.properties.push(',');
                    }
                    row.properties.push_str(members);
                }
                None => row.wrong = Some("properties: is not a JSON object".to_owned()),
            },
            Slot::Named(place) => member(&mut row.properties, &self.renamed[place], value.text),
            Slot::Within | Slot::Rest => {
                let name = property_name(path);
                if name.len() + 2 == key.text.len() {
                    // The key stands there as it is needed.
                    if !row.properties.is_empty() {
                        row.properties.push(',');
                    }
                    row.properties.push_str(key.text);
                    row.properties.push(':');
                    row.properties.push_str(value.text);
                } else {
                    member(&mut row.properties, name, value.text);
                }
            }
        }
    }

    /// Where a path is among those that were met; the one after the last is tried first.
    #[inline]
    fn place(&mut self, path: &str, next: &mut usize) -> Option<usize> {
        if self.met.get(*next).is_some_and(|(known, _)| known == path) {
            *next += 1;
            return Some(*next - 1);
        }
        if let Some(place) = self.met.iter().position(|(known, _)| known == path) {
            *next = place + 1;
            return Some(place);
        }
        if self.met.len() >= MET {
            return None;
        }
        let slot = self.slot(path);
        let place = (*next).min(self.met.len());
        self.met.insert(place, (path.to_owned(), slot));
        *next = place + 1;
        Some(place)
    }

    fn slot(&self, path: &str) -> Slot {
        match self.paths.get(path) {
            Some(slot) => *slot,
            None if self.within.contains(path) => Slot::Within,
            None => Slot::Rest,
        }
    }
}
