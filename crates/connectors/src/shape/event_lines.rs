//! Events in JSON lines, read as they stand: the short way for the format in which most events come.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use burgeon_core::json::{Fault, Kind, Raw, Scanner, mend_surrogates};
use burgeon_core::records::KeyHasher;

use super::Lines;
use super::events::{country, event_id, inside, put, quote};
use crate::error::Reject;
use crate::intake::collect::is_too_deep;
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
    /// Some path within it has a slot of its own; what is no object is a property of its own name.
    Within,
    /// It is a property of its own name.
    Rest,
}

/// What is known of a path that has been met.
#[derive(Debug)]
struct Known {
    path: String,
    /// How much of the path leads to the object that the key stands in.
    outer: usize,
    /// The key as nearly all programs write it, with its quotes and colon.
    key: String,
    slot: Slot,
    /// Whether an object at this path is gone into.
    opens: bool,
    /// The name of the property that the value would be, as a key.
    property: String,
}

struct EventLines {
    plan: Arc<Plan>,
    /// The paths that have been met; keys of objects come in the same order line after line.
    known: Vec<Known>,
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

/// Most different paths that are remembered.
const KNOWN: usize = 4096;

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
            (Bound::Literal(text), Some(place)) => {
                literals.push((place, if is_empty(text) { String::new() } else { text.clone() }));
            }
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
        known: Vec::new(),
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
    /// Empty where a text says that there is no value.
    texts: [&'a str; TEXT_COLUMNS],
    /// Texts that do not stand in the line as they are, with their places. They go before those that do.
    rewritten: Vec<(usize, String)>,
    at: Option<Raw<'a>>,
    received_at: Option<Raw<'a>>,
    /// The object of properties without its closing bracket; empty as long as there are none.
    properties: String,
    /// Where the next key is expected among the known paths.
    next: usize,
    wrong: Option<String>,
}

impl<'a> Row<'a> {
    fn new(mut properties: String) -> Self {
        properties.clear();
        Self {
            texts: [""; TEXT_COLUMNS],
            rewritten: Vec::new(),
            at: None,
            received_at: None,
            properties,
            next: 0,
            wrong: None,
        }
    }

    /// Takes the value at a path.
    #[inline]
    fn value(&mut self, known: &Known, value: &Raw<'a>) {
        match known.slot {
            Slot::Text(place) => self.text(place, value.name()),
            Slot::At => self.at = Some(*value),
            Slot::ReceivedAt => self.received_at = Some(*value),
            _ if value.kind == Kind::Null => {}
            Slot::Properties => match inside(&value.plain()) {
                Some("") => {}
                Some(members) => self.members(&[members]),
                None => self.wrong = Some("properties: is not a JSON object".to_owned()),
            },
            Slot::Named(_) | Slot::Within | Slot::Rest => self.members(&[&known.property, value.text]),
        }
    }

    /// Of several values of one column the last one counts.
    #[inline]
    fn text(&mut self, place: usize, text: Cow<'a, str>) {
        if !self.rewritten.is_empty() {
            self.rewritten.retain(|(other, _)| *other != place);
        }
        match text {
            Cow::Borrowed(text) if !is_empty(text) => self.texts[place] = text,
            Cow::Owned(text) if !is_empty(&text) => self.rewritten.push((place, text)),
            _ => self.texts[place] = "",
        }
    }

    /// Adds members to the properties, in pieces of their text.
    #[inline]
    fn members(&mut self, pieces: &[&str]) {
        self.properties.push(if self.properties.is_empty() { '{' } else { ',' });
        for piece in pieces {
            self.properties.push_str(piece);
        }
    }
}

impl Lines for EventLines {
    fn map(&mut self, lines: &[(u64, &str)], out: &mut Output) {
        let plan = self.plan.clone();
        let mut visits = Visits::new(plan.channels.as_deref());
        let mut taken = Vec::with_capacity(lines.len());
        let mut properties = String::new();
        for (number, line) in lines {
            match self.line(line, *number, &mut properties, &mut visits) {
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
        let mut scanner = Scanner::new(text);
        if scanner.peek() != b'{' {
            return Err("is not a JSON object".to_owned());
        }
        let mut row = Row::new(std::mem::take(buffer));
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
            // Only what has escapes can have halves of surrogate pairs. Mended it has none.
            Ok(()) => match scanner.escapes.then(|| mended(text)).flatten() {
                Some(mended) => self.line(&mended, number, &mut row.properties, visits),
                None => self.take(text, number, &mut row, visits),
            },
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
        if !row.properties.is_empty() {
            row.properties.push('}');
        }
        let mut texts = row.texts;
        for (place, text) in &row.rewritten {
            texts[*place] = text;
        }
        for (place, literal) in &self.literals {
            texts[*place] = literal;
        }
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
        let length = path.len();
        let mut first = true;
        while let Some(place) = self.key(scanner, &mut first, path, &mut row.next)? {
            let known = &self.known[place];
            if known.opens && scanner.peek() == b'{' {
                path.clear();
                path.push_str(&known.path);
                path.push('.');
                self.object(scanner, path, row)?;
                path.truncate(length);
            } else {
                let value = scanner.value()?;
                row.value(known, &value);
            }
        }
        Ok(())
    }

    /// Passes the next key of the object at a path and gives its place among the known paths; `None` at the object's end.
    #[inline]
    fn key(
        &mut self,
        scanner: &mut Scanner<'_>,
        first: &mut bool,
        path: &mut String,
        next: &mut usize,
    ) -> Result<Option<usize>, Fault> {
        if let Some(known) = self.known.get(*next)
            && known.outer == path.len()
            && (known.outer == 0 || known.path.starts_with(path.as_str()))
            && scanner.pass_key(&known.key, first)
        {
            *next += 1;
            return Ok(Some(*next - 1));
        }
        let Some(key) = scanner.raw_key(first)? else { return Ok(None) };
        let outer = path.len();
        path.push_str(&key.plain());
        let place = self.place(path, outer, next);
        path.truncate(outer);
        Ok(Some(place))
    }

    /// Where a path is among those that are known. The one after it is expected next.
    fn place(&mut self, path: &str, outer: usize, next: &mut usize) -> usize {
        if let Some(place) = self.known.iter().position(|known| known.path == path) {
            *next = place + 1;
            return place;
        }
        let known = self.meet(path, outer);
        if self.known.len() >= KNOWN {
            // Of a file whose keys are all different the last one makes room.
            self.known[KNOWN - 1] = known;
            return KNOWN - 1;
        }
        let place = (*next).min(self.known.len());
        self.known.insert(place, known);
        *next = place + 1;
        place
    }

    fn meet(&self, path: &str, outer: usize) -> Known {
        let slot = match self.paths.get(path) {
            Some(slot) => *slot,
            None if self.within.contains(path) => Slot::Within,
            None => Slot::Rest,
        };
        let key = |name: &str| {
            let mut key = String::new();
            quote(&mut key, name);
            key.push(':');
            key
        };
        Known {
            path: path.to_owned(),
            outer,
            key: key(path.get(outer..).unwrap_or_default()),
            slot,
            opens: matches!(slot, Slot::Within)
                || PROPERTY_OBJECTS.contains(&path) && !matches!(slot, Slot::Properties),
            property: key(match slot {
                Slot::Named(place) => &self.renamed[place],
                _ => property_name(path),
            }),
        }
    }
}

/// The text with its halves of surrogate pairs mended; `None` when it has none.
fn mended(text: &str) -> Option<String> {
    let mut text = Cow::Borrowed(text);
    mend_surrogates(&mut text);
    match text {
        Cow::Owned(mended) => Some(mended),
        Cow::Borrowed(_) => None,
    }
}
