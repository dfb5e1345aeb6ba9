//! Exports of event collectors. Their rows are what the clients once sent, so they are read in the clients' own languages
//! (see [`crate::intake`]): events, and links between identifiers.

use std::borrow::Cow;
use std::sync::Arc;

use burgeon_core::json::{Kind as JsonKind, Scanner, mend_surrogates};
use burgeon_core::records::table;

use super::events::{cell, inside, member, quote};
use super::{Field, Kind, Lines, Mapper, Prepared, Shape};
use crate::error::Reject;
use crate::intake::Context;
use crate::intake::collect::{Collector, is_too_deep};
use crate::intake::mixpanel::Track;
use crate::intake::posthog::PostHog;
use crate::intake::segment::Segment;
use crate::intake::walk::Protocol;
use crate::plan::Plan;
use crate::table::{Output, TableBatch};
use crate::typed::{Typed, is_empty};

const NOTE: &str =
    "what is said of persons and groups (traits) is not read from this file; import it as persons";

fn text(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Kind::Text, &[], doc)
}

fn shape(
    name: &'static str,
    doc: &'static str,
    signature: &'static [&'static str],
    fields: Vec<Field>,
) -> Shape {
    Shape {
        name,
        doc,
        tables: vec!["events", "identity_links"],
        needs: fields
            .iter()
            .filter(|field| signature.contains(&field.name))
            .map(|field| vec![field.name])
            .collect(),
        fields,
        signature,
        rest: None,
        aliases: &[],
        note: NOTE,
        prepare: None,
        mapper: no_cells,
        lines: None,
    }
}

/// Segment's raw data: JSON lines of calls.
pub fn segment() -> Shape {
    let fields = vec![
        text("message_id", "Identifier of the call."),
        text("type", "track, page, screen, identify, group or alias."),
    ];
    let doc = "Segment's raw data: one call in each line, as JSON.";
    Shape {
        lines: Some(|plan| lines(plan, Language::Segment)),
        ..shape("segment_events", doc, &["message_id", "type"], fields)
    }
}

/// Segment's tables in a warehouse: `tracks`, a table of one event, `pages`, `screens`.
pub fn segment_tables() -> Shape {
    let fields = vec![
        text("id", "Identifier of the call."),
        text("anonymous_id", "Identifier that the client made up."),
        text("original_timestamp", "Time by the client's clock."),
        text("sent_at", "When it was sent, by the client's clock."),
        Field::new("user_id", Kind::Text, &[], "Identifier of a known user."),
        Field::new("timestamp", Kind::Text, &[], "When it happened."),
    ];
    let doc = "A table of Segment's warehouse: tracks, pages, screens or one event's own.";
    Shape {
        mapper: |plan, _| cells(plan, Language::Segment, segment_call),
        ..shape("segment_table", doc, &["id", "anonymous_id", "original_timestamp", "sent_at"], fields)
    }
}

/// PostHog's export of events.
pub fn posthog() -> Shape {
    let fields = vec![
        text("uuid", "Identifier of the event."),
        text("event", "Name of the event."),
        text("distinct_id", "Identifier of the person."),
        text("timestamp", "When it happened."),
    ];
    let doc = "PostHog's export of events, with its properties as JSON.";
    Shape {
        mapper: |plan, _| cells(plan, Language::PostHog, posthog_event),
        lines: Some(|plan| lines(plan, Language::PostHog)),
        ..shape("posthog_events", doc, &["uuid", "event", "distinct_id", "timestamp"], fields)
    }
}

/// Mixpanel's export of raw events.
pub fn mixpanel() -> Shape {
    let fields = vec![
        text("event", "Name of the event."),
        Field::new("properties_time", Kind::Text, &[], "When it happened, seconds since 1970."),
        Field::new("properties_distinct_id", Kind::Text, &[], "Identifier of the person."),
    ];
    let doc = "Mixpanel's export of raw events: one in each line, as JSON.";
    Shape {
        lines: Some(|plan| lines(plan, Language::Mixpanel)),
        ..shape("mixpanel_events", doc, &["event", "properties_time", "properties_distinct_id"], fields)
    }
}

/// A mapper for shapes that only JSON files have.
struct NoCells;

fn no_cells(_: &Arc<Plan>, _: &Prepared) -> Box<dyn Mapper> {
    Box::new(NoCells)
}

impl Mapper for NoCells {
    fn map(&mut self, typed: &mut Typed<'_>, _: &mut Output) {
        for row in 0..typed.rows() {
            typed.reject(
                row,
                "this export is read as JSON lines only; say as events and map its columns".to_owned(),
            );
        }
    }
}

/// Whose language a file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Segment,
    PostHog,
    Mixpanel,
}

/// Reads one call and takes it.
fn read_call(
    language: Language,
    collector: &mut Collector<'_>,
    text: &str,
    index: usize,
) -> Result<(), String> {
    match language {
        Language::Segment => take(&mut Segment::default(), collector, text, index),
        Language::PostHog => take(&mut PostHog::new(false), collector, text, index),
        Language::Mixpanel => take(&mut Track::default(), collector, text, index),
    }
}

fn take<'a>(
    protocol: &mut impl Protocol<'a>,
    collector: &mut Collector<'_>,
    text: &'a str,
    index: usize,
) -> Result<(), String> {
    let mut scanner = Scanner::new(text);
    if scanner.peek() != b'{' {
        return Err("is not a JSON object".to_owned());
    }
    // The line is checked as a whole before anything of it is taken.
    scanner.value().map_err(|fault| format!("is not JSON: {fault}"))?;
    if !scanner.is_done() {
        return Err("is not JSON: something follows the object".to_owned());
    }
    if is_too_deep(scanner.deepest) {
        return Err("is nested too deep".to_owned());
    }
    protocol.read(collector, &mut Scanner::new(text)).map_err(|fault| format!("is not JSON: {fault}"))?;
    protocol.take(collector, text, index)
}

/// Hands out what was collected. `lines` are those of the items.
fn hand_out(collector: Collector<'_>, lines: &[u64], out: &mut Output) {
    let collected = collector.finish_with_items();
    let line = |item: &usize| lines.get(*item).copied().unwrap_or_default();
    let batches = [
        ("events", collected.parsed.events, &collected.event_items),
        ("identity_links", collected.parsed.links, &collected.link_items),
    ];
    for (name, rows, items) in batches {
        if let (true, Some(table)) = (rows.num_rows() > 0, table(name)) {
            out.batches.push(TableBatch { table, rows, lines: items.iter().map(line).collect() });
        }
    }
}

struct ExportLines {
    plan: Arc<Plan>,
    language: Language,
}

fn lines(plan: &Arc<Plan>, language: Language) -> Box<dyn Lines> {
    Box::new(ExportLines { plan: plan.clone(), language })
}

impl Lines for ExportLines {
    fn map(&mut self, lines: &[(u64, &str)], out: &mut Output) {
        let context = Context { channels: self.plan.channels.as_deref(), ..Context::new(0) };
        let mut collector = Collector::for_file(context);
        for (number, line) in lines {
            let mut text = Cow::Borrowed(*line);
            mend_surrogates(&mut text);
            if self.language == Language::PostHog {
                unpack_properties(&mut text);
            }
            let index = collector.begin();
            if let Err(reason) = read_call(self.language, &mut collector, &text, index) {
                out.rejects.push(Reject::new(*number, reason, line.as_bytes()));
            }
        }
        let numbers: Vec<u64> = lines.iter().map(|(number, _)| *number).collect();
        hand_out(collector, &numbers, out);
    }
}

/// Some exports of PostHog write the properties as text of JSON; then they are put there as an object.
fn unpack_properties(text: &mut Cow<'_, str>) {
    let mut scanner = Scanner::new(text);
    let (mut out, mut found, mut first) = (String::new(), false, true);
    if scanner.open_object().is_err() {
        return;
    }
    while let Ok(Some(key)) = scanner.raw_key(&mut first) {
        let Ok(value) = scanner.value() else { return };
        out.push_str(if out.is_empty() { "{" } else { "," });
        out.push_str(key.text);
        out.push(':');
        match key.text {
            "\"properties\"" if value.kind == JsonKind::Object => return,
            "\"properties\"" => {
                let plain = value.plain();
                let Some(members) = inside(&plain) else { return };
                found = true;
                out.push('{');
                out.push_str(members);
                out.push('}');
            }
            _ => out.push_str(value.text),
        }
    }
    if found {
        out.push('}');
        *text = Cow::Owned(out);
    }
}

/// Writes one row as the call that it once was.
type Write = fn(&Typed<'_>, &[String], usize, &mut String);

struct ExportCells {
    plan: Arc<Plan>,
    language: Language,
    write: Write,
}

fn cells(plan: &Arc<Plan>, language: Language, write: Write) -> Box<dyn Mapper> {
    Box::new(ExportCells { plan: plan.clone(), language, write })
}

impl Mapper for ExportCells {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        let context = Context { channels: self.plan.channels.as_deref(), ..Context::new(0) };
        let mut collector = Collector::for_file(context);
        let mut text = String::new();
        for row in 0..typed.rows() {
            text.clear();
            (self.write)(typed, &self.plan.layout.header, row, &mut text);
            let index = collector.begin();
            if let Err(reason) = read_call(self.language, &mut collector, &text, index) {
                typed.reject(row, reason);
            }
        }
        hand_out(collector, &typed.chunk.lines, out);
    }
}

/// A row of PostHog's export as it was sent.
fn posthog_event(typed: &Typed<'_>, header: &[String], row: usize, out: &mut String) {
    let (mut top, mut properties) = (String::new(), String::new());
    for (column, name) in header.iter().enumerate() {
        let text = typed.chunk.cell(row, column);
        if is_empty(text) {
            continue;
        }
        match name.as_str() {
            "uuid" | "event" | "distinct_id" | "timestamp" => text_member(&mut top, name, text),
            "properties" => {
                if let Some(members) = inside(text).filter(|members| !members.is_empty()) {
                    let sign = if properties.is_empty() { "" } else { "," };
                    properties.push_str(sign);
                    properties.push_str(members);
                }
            }
            _ => {
                if let Some(name) = name.strip_prefix("properties.") {
                    cell_member(&mut properties, name, text);
                }
            }
        }
    }
    member(&mut top, "properties", &format!("{{{properties}}}"));
    *out = format!("{{{top}}}");
}

/// A row of a table of Segment's as it was sent.
fn segment_call(typed: &Typed<'_>, header: &[String], row: usize, out: &mut String) {
    let has = |wanted: &str| header.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let kind = match (has("event"), has("url") || has("path")) {
        (true, _) => "track",
        (false, true) => "page",
        (false, false) => "screen",
    };
    let mut top = String::new();
    let [mut page, mut campaign, mut context, mut properties] = [const { String::new() }; 4];
    text_member(&mut top, "type", kind);
    let mut named = false;
    for (column, name) in header.iter().enumerate() {
        let text = typed.chunk.cell(row, column);
        if is_empty(text) {
            continue;
        }
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "id" => text_member(&mut top, "messageId", text),
            "anonymous_id" => text_member(&mut top, "anonymousId", text),
            "user_id" => text_member(&mut top, "userId", text),
            "timestamp" => text_member(&mut top, "timestamp", text),
            "original_timestamp" => text_member(&mut top, "originalTimestamp", text),
            // The name as it was sent counts before that of the table.
            "event_text" => {
                text_member(&mut top, "event", text);
                named = true;
            }
            "event" if !named => text_member(&mut top, "event", text),
            "context_user_agent" => text_member(&mut context, "userAgent", text),
            "context_group_id" => text_member(&mut context, "groupId", text),
            "event" | "sent_at" | "received_at" | "uuid_ts" | "loaded_at" => {}
            other => match (other.strip_prefix("context_page_"), other.strip_prefix("context_campaign_")) {
                (Some(part), _) => text_member(&mut page, part, text),
                (_, Some(part)) => text_member(&mut campaign, part, text),
                _ if other.starts_with("context_") => {}
                _ => cell_member(&mut properties, &name, text),
            },
        }
    }
    member(&mut context, "page", &format!("{{{page}}}"));
    member(&mut context, "campaign", &format!("{{{campaign}}}"));
    member(&mut top, "context", &format!("{{{context}}}"));
    member(&mut top, "properties", &format!("{{{properties}}}"));
    *out = format!("{{{top}}}");
}

fn text_member(inside: &mut String, name: &str, text: &str) {
    let mut value = String::new();
    quote(&mut value, text);
    member(inside, name, &value);
}

fn cell_member(inside: &mut String, name: &str, text: &str) {
    let mut value = String::new();
    cell(&mut value, text);
    member(inside, name, &value);
}
