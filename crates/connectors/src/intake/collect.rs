//! What all protocols have in common: from the slots that a protocol filled to rows, links and rejects.

use std::borrow::Cow;
use std::collections::HashSet;

use burgeon_core::json::{Kind, Raw};
use burgeon_core::records::{KeyHasher, KeyPart};
use burgeon_core::time::Zone;

use super::agent::{Agent, agent, browser_name, is_browser, os_name};
use super::rows::{EventRow, EventRows};
use super::visit::Visits;
use super::{Answer, Context, GroupPatch, Parsed, PersonPatch, RejectedItem};
use crate::table::{TableRows, Value};
use crate::value::time::TimeReader;

/// A client's clock that is off by less is taken as right. It is nearly always the way through the network, and the
/// client's own time is the better one then.
const CLOCK_IS_RIGHT: i64 = 2_000_000;
/// Most bytes of an event's name and of an identifier.
const NAME_BYTES: usize = 256;
/// Most brackets open at once in an item. Other readers stop at 128.
const DEPTH: usize = 100;

/// What a protocol found in one item.
#[derive(Debug, Default, Clone)]
pub struct Item<'a> {
    /// Identifier of the item.
    pub event_id: Cow<'a, str>,
    /// Name of the event.
    pub event: Cow<'a, str>,
    /// Identifier of a known user.
    pub user: Cow<'a, str>,
    /// Identifier that the client made up.
    pub anonymous: Cow<'a, str>,
    /// Account.
    pub customer: Cow<'a, str>,
    /// Session.
    pub session: Cow<'a, str>,
    /// Address of the page.
    pub url: Cow<'a, str>,
    /// Path of the page, where there is no address.
    pub path: Cow<'a, str>,
    /// Title of the page.
    pub title: Cow<'a, str>,
    /// Address of the page before.
    pub referrer: Cow<'a, str>,
    /// Where the visit came from, where the address does not tell.
    pub source: Cow<'a, str>,
    /// As `source`.
    pub medium: Cow<'a, str>,
    /// As `source`.
    pub campaign: Cow<'a, str>,
    /// As `source`.
    pub content: Cow<'a, str>,
    /// As `source`.
    pub term: Cow<'a, str>,
    /// Channel as the client says.
    pub channel: Cow<'a, str>,
    /// Country as the client says.
    pub country: Cow<'a, str>,
    /// Kind of device as the client says.
    pub device: Cow<'a, str>,
    /// Browser as the client says.
    pub browser: Cow<'a, str>,
    /// System as the client says.
    pub os: Cow<'a, str>,
    /// The `User-Agent` that the client says; the request's counts where it says none.
    pub user_agent: Cow<'a, str>,
    /// When it happened by the client's clock.
    pub time: Option<Raw<'a>>,
    /// When it was sent by the client's clock.
    pub sent: Option<Raw<'a>>,
    /// How long before sending it happened, in milliseconds.
    pub age: Option<f64>,
}

/// A moment, and whether it is still to be corrected for the client's clock.
#[derive(Debug, Clone, Copy)]
pub struct When {
    at: i64,
    adjust: bool,
}

struct Link {
    from: String,
    to: String,
    kind: &'static str,
    when: When,
}

/// Collects what a body holds.
pub struct Collector<'c> {
    /// What is known of the request.
    pub context: Context<'c>,
    /// When the body was sent by the client's clock; may become known after the items.
    pub sent: Option<i64>,
    /// The properties of the item in work, as the inside of a JSON object.
    pub properties: String,
    head_key: Option<String>,
    key: Option<String>,
    items: usize,
    events: EventRows,
    adjust: Vec<bool>,
    persons: Vec<(PersonPatch, bool)>,
    groups: Vec<(GroupPatch, bool)>,
    links: Vec<Link>,
    linked: HashSet<u64>,
    rejects: Vec<RejectedItem>,
    answers: Vec<Answer>,
    reader: TimeReader,
    hasher: KeyHasher,
    agent: (String, Agent),
    browser: bool,
    visits: Visits<'c>,
    /// Whether the items come from a file: then times are as written, and an item without one is refused.
    import: bool,
    event_items: Vec<usize>,
    link_items: Vec<usize>,
}

/// What was collected, with the places of the items that rows come from.
pub struct Collected {
    /// All of it.
    pub parsed: Parsed,
    /// For each event its item.
    pub event_items: Vec<usize>,
    /// For each link its item.
    pub link_items: Vec<usize>,
}

impl<'c> Collector<'c> {
    /// Nothing yet.
    pub fn new(context: Context<'c>) -> Self {
        let mut reader = TimeReader::new(Zone::utc(), None);
        let sent = reader.instant(context.sent_at).ok();
        Self {
            context,
            sent,
            properties: String::new(),
            head_key: None,
            key: None,
            items: 0,
            events: EventRows::new(),
            adjust: Vec::new(),
            persons: Vec::new(),
            groups: Vec::new(),
            links: Vec::new(),
            linked: HashSet::new(),
            rejects: Vec::new(),
            answers: Vec::new(),
            reader,
            hasher: KeyHasher::default(),
            agent: Default::default(),
            browser: is_browser(context.user_agent),
            visits: Visits::new(context.channels),
            import: false,
            event_items: Vec::new(),
            link_items: Vec::new(),
        }
    }

    /// As [`Collector::new`], for the items of a file.
    pub fn for_file(context: Context<'c>) -> Self {
        Self { import: true, ..Self::new(context) }
    }

    /// Whether there is a channel of this name.
    pub fn is_channel(&self, name: &str) -> bool {
        self.visits.is_channel(name)
    }

    /// Counts an item.
    pub fn begin(&mut self) -> usize {
        self.properties.clear();
        self.items += 1;
        self.items - 1
    }

    /// Hands an item back.
    pub fn reject(&mut self, index: usize, reason: String, bytes: &str) {
        self.rejects.push(RejectedItem { index, table: "events", reason, bytes: bytes.as_bytes().to_vec() });
    }

    /// What the client is told of an item.
    pub fn answer(&mut self, id: &str, rejected: Option<String>) {
        self.answers.push(Answer { id: id.to_owned(), rejected });
    }

    /// Notes the write key that the envelope names; it counts before those of items.
    pub fn head_key(&mut self, key: &str) {
        if !key.is_empty() {
            self.head_key = Some(key.to_owned());
        }
    }

    /// Notes the write key that an item names, which must be the same for all.
    pub fn key(&mut self, key: &str) -> Result<(), String> {
        match &self.key {
            _ if key.is_empty() => Ok(()),
            None => {
                self.key = Some(key.to_owned());
                Ok(())
            }
            Some(known) if known == key => Ok(()),
            Some(_) => {
                Err("names another write key than the items before it; send one body for each key".to_owned())
            }
        }
    }

    /// Notes when the body was sent.
    pub fn sent(&mut self, value: &Raw<'_>) {
        // A time of sending that cannot be read only means that the clock is not corrected.
        if let Ok(Some(at)) = self.time(value) {
            self.sent = Some(at);
        }
    }

    /// A moment as clients write it; `None` where there is none. Moments before 1970 are what some clients write for none.
    pub fn time(&mut self, value: &Raw<'_>) -> Result<Option<i64>, String> {
        let at = match value.kind {
            Kind::Null => return Ok(None),
            Kind::Number => unix(value.text).ok_or_else(|| format!("{} is not a time", value.text))?,
            Kind::Text => {
                let text = value.plain();
                if text.is_empty() {
                    return Ok(None);
                }
                self.reader.instant(&text)?
            }
            _ => return Err("is not a time; write 2025-12-31T23:59:59Z".to_owned()),
        };
        Ok((at > 0).then_some(at))
    }

    /// When an item happened.
    pub fn when(&mut self, item: &Item<'_>) -> Result<When, String> {
        let sent = match &item.sent {
            Some(sent) => self.time(sent).ok().flatten(),
            None => None,
        };
        if let Some(time) = &item.time
            && let Some(at) = self.time(time).map_err(|reason| format!("timestamp: {reason}"))?
        {
            return Ok(match sent {
                Some(sent) if !self.import => When { at: at.saturating_add(self.skew(sent)), adjust: false },
                _ => When { at, adjust: !self.import },
            });
        }
        if self.import {
            return Err("has no time".to_owned());
        }
        let age = item.age.filter(|age| (0.0..=1e12).contains(age)).map_or(0, |age| (age * 1000.0) as i64);
        Ok(When { at: self.context.received_at - age, adjust: false })
    }

    /// What is to be added to the client's clock.
    fn skew(&self, sent: i64) -> i64 {
        let skew = self.context.received_at.saturating_sub(sent);
        if skew.abs() < CLOCK_IS_RIGHT { 0 } else { skew }
    }

    /// Adds a member to the properties as it stands in the text. `null` is no value.
    pub fn property(&mut self, key: &Raw<'_>, value: &Raw<'_>) {
        if value.kind == Kind::Null {
            return;
        }
        if !self.properties.is_empty() {
            self.properties.push(',');
        }
        self.properties.push_str(key.text);
        self.properties.push(':');
        self.properties.push_str(value.text);
    }

    /// Adds a member to the properties. Empty text is no value.
    pub fn text_property(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            let value = serde_json::Value::from(value).to_string();
            self.json_property(key, &value);
        }
    }

    /// Adds a member whose value is JSON to the properties.
    pub fn json_property(&mut self, key: &str, value: &str) {
        let sign = if self.properties.is_empty() { "" } else { "," };
        self.properties.push_str(sign);
        self.properties.push('"');
        self.properties.push_str(key);
        self.properties.push_str("\":");
        self.properties.push_str(value);
    }

    /// Takes an event. `raw` is the item's text; it stands in for the identifier where the client gives none.
    pub fn event(&mut self, item: &Item<'_>, raw: &str, index: usize) -> Result<(), String> {
        let when = self.when(item)?;
        if item.event.is_empty() {
            return Err("has no name of the event; send it as event".to_owned());
        }
        let (user, anonymous) = (identifier(&item.user), identifier(&item.anonymous));
        let distinct_id = if user.is_empty() { anonymous } else { user };
        if distinct_id.is_empty() {
            return Err(
                "has no identifier of a person, or one such as null or undefined; send a user's or an anonymous one"
                    .to_owned(),
            );
        }
        for (what, text) in
            [("event", &*item.event), ("identifier", distinct_id), ("event_id", &item.event_id)]
        {
            if text.len() > NAME_BYTES {
                return Err(format!("{what} is longer than {NAME_BYTES} bytes"));
            }
        }
        if !user.is_empty() && !anonymous.is_empty() {
            self.link(anonymous, user, "identify", when);
        }

        let generated;
        let event_id = if item.event_id.is_empty() {
            // The same item sent again has the same identifier, as long as it says when it happened.
            let mut parts = [KeyPart::Text(raw), KeyPart::Null, KeyPart::Null];
            if item.time.is_none() {
                parts[1] = KeyPart::Int(self.context.received_at);
                parts[2] = KeyPart::Int(index as i64);
            }
            generated = format!("{:016x}", self.hasher.hash(parts));
            &generated
        } else {
            &*item.event_id
        };

        let header = if item.user_agent.is_empty() && self.browser {
            self.context.user_agent
        } else {
            &item.user_agent
        };
        if !header.is_empty() && self.agent.0 != header {
            self.agent = (header.to_owned(), agent(header));
        }
        let country = country(&item.country).or_else(|| {
            let person = self.browser || is_app(self.context.user_agent);
            country(self.context.country).filter(|_| person)
        });
        if self.context.keep_address && !self.context.address.is_empty() && self.browser {
            self.text_property("ip", self.context.address);
        }
        if !self.properties.is_empty() {
            self.properties.insert(0, '{');
            self.properties.push('}');
        }

        let known = if header.is_empty() { NOBODY } else { &self.agent.1 };
        let place = self.visits.place(&item.url, &item.referrer);
        let mut row = EventRow {
            event_id,
            event: &item.event,
            distinct_id,
            at: when.at,
            received_at: (!self.import).then_some(self.context.received_at),
            customer_id: &item.customer,
            session_id: &item.session,
            url: &item.url,
            title: &item.title,
            referrer: &item.referrer,
            source: &item.source,
            medium: &item.medium,
            campaign: &item.campaign,
            content: &item.content,
            term: &item.term,
            channel: &item.channel,
            country: country.as_ref().map_or("", |code| code.as_str()),
            device: first(device_name(&item.device), known.device),
            browser: first(browser_name(&item.browser), &known.browser),
            os: first(os_name(&item.os), &known.os),
            properties: &self.properties,
            ..EventRow::default()
        };
        self.visits.fill(&mut row, &place);
        if row.path.is_empty() {
            row.path = &item.path;
        }
        self.events.push(&row);
        self.event_items.push(index);
        self.adjust.push(when.adjust);
        Ok(())
    }

    /// Notes that two identifiers are one person's. Identifiers that many people share link nobody.
    pub fn link(&mut self, from: &str, to: &str, kind: &'static str, when: When) {
        if from == to || !links(from) || !links(to) {
            return;
        }
        let key = self.hasher.hash([KeyPart::Text(from), KeyPart::Text(to)]);
        if self.linked.insert(key) {
            self.links.push(Link { from: from.to_owned(), to: to.to_owned(), kind, when });
            self.link_items.push(self.items.saturating_sub(1));
        }
    }

    /// Takes what is said of a person.
    pub fn person(&mut self, patch: PersonPatch, when: When) {
        self.persons.push((PersonPatch { at: when.at, ..patch }, when.adjust));
    }

    /// Takes what is said of a group.
    pub fn group(&mut self, patch: GroupPatch, when: When) {
        self.groups.push((GroupPatch { at: when.at, ..patch }, when.adjust));
    }

    /// All that was collected, with clocks corrected.
    pub fn finish(self) -> Parsed {
        self.finish_with_items().parsed
    }

    /// As [`Collector::finish`], with the items that rows come from.
    pub fn finish_with_items(mut self) -> Collected {
        let skew = self.sent.map_or(0, |sent| self.skew(sent));
        let now = if self.import { i64::MAX } else { self.context.received_at };
        let right = |at: i64, adjust: bool| (if adjust { at.saturating_add(skew) } else { at }).min(now);
        let adjust = &self.adjust;
        self.events.retime(|row, at| right(at, adjust.get(row).copied().unwrap_or_default()));
        let mut links = TableRows::new("identity_links");
        for link in &self.links {
            let at = right(link.when.at, link.when.adjust);
            let row = [
                Value::from(link.from.as_str()),
                Value::from(link.to.as_str()),
                Value::from(link.kind),
                Value::from(at),
            ];
            if let Some(rows) = &mut links {
                rows.push(0, &row);
            }
        }
        let links = links.map(|mut rows| rows.take_rows());
        let parsed = Parsed {
            key: self.head_key.or(self.key),
            items: self.items,
            events: self.events.take(),
            persons: self
                .persons
                .into_iter()
                .map(|(patch, adjust)| PersonPatch { at: right(patch.at, adjust), ..patch })
                .collect(),
            groups: self
                .groups
                .into_iter()
                .map(|(patch, adjust)| GroupPatch { at: right(patch.at, adjust), ..patch })
                .collect(),
            links: links.unwrap_or_else(|| EventRows::new().take()),
            rejects: self.rejects,
            answers: self.answers,
        };
        Collected { parsed, event_items: self.event_items, link_items: self.link_items }
    }
}

/// Whether an item is nested too deep to be read by others later.
pub fn is_too_deep(deepest: usize) -> bool {
    deepest > DEPTH
}

/// A request without a header.
const NOBODY: &Agent = &Agent { browser: String::new(), os: String::new(), device: "" };

fn first<'a>(said: &'a str, known: &'a str) -> &'a str {
    if said.is_empty() { known } else { said }
}

/// Unix time to µs, told apart by size: seconds, milliseconds, microseconds or nanoseconds.
pub fn unix(text: &str) -> Option<i64> {
    let micros = |value: f64| {
        Some(match value.abs() {
            size if size < 1e11 => value * 1e6,
            size if size < 1e14 => value * 1e3,
            size if size < 1e17 => value,
            size if size < 1e19 => value / 1e3,
            _ => return None,
        })
    };
    if let Ok(whole) = text.parse::<i64>() {
        return match whole.unsigned_abs() {
            size if size < 100_000_000_000 => Some(whole * 1_000_000),
            size if size < 100_000_000_000_000 => Some(whole * 1_000),
            size if size < 100_000_000_000_000_000 => Some(whole),
            _ => Some(whole / 1_000),
        };
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).and_then(micros).map(|at| at.round() as i64)
}

/// An identifier, empty for words that programs write where there is none.
fn identifier(text: &str) -> &str {
    match text {
        "null"
        | "undefined"
        | "None"
        | "none"
        | "nil"
        | "NaN"
        | "nan"
        | "[object Object]"
        | "NULL"
        | "00000000-0000-0000-0000-000000000000" => "",
        other => other,
    }
}

/// Whether an identifier may link two people. Some words are sent for thousands of people, who would become one.
fn links(text: &str) -> bool {
    const SHARED: [&str; 16] = [
        "anonymous",
        "guest",
        "distinct_id",
        "distinctid",
        "id",
        "not_authenticated",
        "email",
        "undefined",
        "true",
        "false",
        "null",
        "[object object]",
        "nan",
        "none",
        "0",
        "unknown",
    ];
    !identifier(text).is_empty()
        && text.len() <= NAME_BYTES
        && !SHARED.iter().any(|shared| shared.eq_ignore_ascii_case(text))
}

fn device_name(text: &str) -> &'static str {
    match text.to_ascii_lowercase().as_str() {
        "desktop" | "pc" => "desktop",
        "mobile" | "smartphone" | "phone" | "ios" | "android" => "mobile",
        "tablet" => "tablet",
        "bot" | "spider" | "crawler" => "bot",
        _ => "",
    }
}

/// Two capital letters.
struct CountryCode([u8; 2]);

impl CountryCode {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A code of two letters; what proxies write for an unknown country is none.
fn country(text: &str) -> Option<CountryCode> {
    let code: [u8; 2] = text.as_bytes().try_into().ok()?;
    let code = code.map(|b| b.to_ascii_uppercase());
    (code.iter().all(u8::is_ascii_uppercase) && &code != b"XX" && &code != b"ZZ").then_some(CountryCode(code))
}

/// Whether a request came from an app on a telephone, where the request's country is the person's.
fn is_app(user_agent: &str) -> bool {
    ["okhttp", "CFNetwork", "Dalvik", "Darwin"].iter().any(|word| user_agent.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times_of_all_units() {
        let at = Some(1_700_000_000_000_000);
        assert_eq!(unix("1700000000"), at);
        assert_eq!(unix("1700000000000"), at);
        assert_eq!(unix("1700000000000000"), at);
        assert_eq!(unix("1700000000000000000"), at);
        assert_eq!(unix("1700000000.25"), Some(1_700_000_000_250_000));
        assert_eq!(unix("1.7e9"), at);
        assert_eq!((unix("1e300"), unix("x"), unix("-5")), (None, None, Some(-5_000_000)));
        assert_eq!(unix("9223372036854775807"), Some(9_223_372_036_854_775));
    }

    #[test]
    fn words_for_nobody() {
        assert_eq!((identifier("undefined"), identifier("42"), identifier("0")), ("", "42", "0"));
        assert!(links("ada") && !links("Anonymous") && !links("0") && !links(""));
        assert!(country("de").is_some() && country("XX").is_none() && country("DEU").is_none());
        assert!(country("é").is_none());
    }
}
