//! What arrived: names of events, their properties, the newest ones.

use crate::app::cells::{Columns, instant};
use crate::app::sql::literal;
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace};
use arrow::array::RecordBatch;
use burgeon_engine::lake::Lake;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use utoipa::ToSchema;

/// Newest events that are looked at for the properties that they carry.
const SAMPLE: usize = 20_000;
/// Names that are not among them and are looked for one by one; properties of others are not listed.
const LOOKUPS: usize = 20;
/// How far ahead of now the clock of a client may be until its events are told, µs.
pub(super) const AHEAD_US: i64 = 86_400_000_000;
/// How far back the newest events are told.
const MOST_BACK: usize = 10_000;
/// Events that may arrive between two pages of a list without a gap in it.
const MARGIN: usize = 1_000;

/// The names of events that were seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NameList {
    /// Most frequent first.
    pub names: Vec<NameSeen>,
}

/// The name of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NameSeen {
    /// Name.
    pub event: String,
    /// How many there are.
    pub count: u64,
    /// How many people they are of; customers for facts.
    pub persons: u64,
    /// Time of the first, RFC 3339.
    pub first_at: String,
    /// Time of the last, RFC 3339.
    pub last_at: String,
    /// Names of the properties that newer events of this name carry.
    pub properties: Vec<String>,
    /// Meanings that take events of this name.
    pub meanings: Vec<String>,
    /// event, or fact: something of the ledger that can be a step beside events.
    pub kind: String,
    /// Name for people, by language, of facts.
    pub label: Option<BTreeMap<String, String>>,
}

/// Which of the newest events.
#[derive(Debug, Clone, Default)]
pub struct RecentRequest {
    /// Most events.
    pub limit: usize,
    /// Cursor of an earlier answer.
    pub after: Option<String>,
    /// Only of this name.
    pub event: Option<String>,
    /// Only of the person of this identifier.
    pub person: Option<String>,
    /// Only of this customer.
    pub customer: Option<String>,
}

/// The newest events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecentEvents {
    /// Newest first, by the time of the event.
    pub events: Vec<EventSeen>,
    /// Asked for as `after`, it gives the ones before; none at the end.
    pub cursor: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventSeen {
    /// Identifier from the client.
    pub event_id: String,
    /// Name.
    pub event: String,
    /// When it happened, RFC 3339.
    pub at: String,
    /// When it arrived, RFC 3339.
    pub received_at: Option<String>,
    /// Identifier under which it came.
    pub distinct_id: String,
    /// Main identifier of the person.
    pub person_id: String,
    /// Their name, else their mail address, where events of several people are told.
    pub person_name: Option<String>,
    /// Customer that the event names or the person belongs to.
    pub customer_id: Option<String>,
    /// Channel of the visit.
    pub channel: Option<String>,
    /// Path of the page.
    pub path: Option<String>,
    /// Where the visit came from.
    pub source: Option<String>,
    /// ISO 3166 code.
    pub country: Option<String>,
    /// desktop, mobile or tablet.
    pub device: Option<String>,
    /// Session, where the client names one.
    pub session_id: Option<String>,
    /// All other properties.
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
}

/// Events of a batch with the columns of SQL, in its order.
pub(super) fn events_of(batch: &RecordBatch) -> Result<Vec<EventSeen>> {
    let columns = Columns(batch);
    let text = |name: &str, row: usize| columns.text(name, row);
    (0..batch.num_rows())
        .map(|row| {
            let distinct_id = text("distinct_id", row)?.unwrap_or_default();
            let properties = text("properties", row)?;
            Ok(EventSeen {
                event_id: text("event_id", row)?.unwrap_or_default(),
                event: text("event", row)?.unwrap_or_default(),
                at: columns.int("at", row)?.map(instant).unwrap_or_default(),
                received_at: columns.int("received_at", row)?.map(instant),
                person_id: text("person_id", row)?.unwrap_or_else(|| distinct_id.clone()),
                distinct_id,
                person_name: None,
                customer_id: text("customer_id", row)?,
                channel: text("channel", row)?,
                path: text("path", row)?,
                source: text("source", row)?,
                country: text("country", row)?,
                device: text("device", row)?,
                session_id: text("session_id", row)?,
                properties: properties.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            })
        })
        .collect()
}

/// Names of the properties of events, by the event's name.
fn properties_of(batch: &RecordBatch) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let columns = Columns(batch);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        let names = found.entry(columns.text("event", row)?.unwrap_or_default()).or_default();
        let properties = columns.text("properties", row)?.unwrap_or_default();
        if let Ok(object) = serde_json::from_str::<Map<String, Value>>(&properties) {
            names.extend(object.into_iter().map(|(name, _)| name));
        }
    }
    Ok(found)
}

/// What an identifier is called, where its record says so.
#[derive(Debug, Default)]
pub(super) struct Called {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
}

/// What some identifiers are called, all looked up at once. Blocking.
pub(super) fn called<'a>(lake: &Lake, ids: impl Iterator<Item = &'a str>) -> Result<HashMap<String, Called>> {
    let ids: Vec<&str> = ids.collect();
    let mut found = HashMap::with_capacity(ids.len());
    for batch in &lake.entities("persons", &ids)? {
        let columns = Columns(batch);
        let text =
            |name: &str, row: usize| Ok::<_, Error>(columns.text(name, row)?.filter(|text| !text.is_empty()));
        for row in 0..batch.num_rows() {
            let id = text("distinct_id", row)?.unwrap_or_default();
            found.insert(id, Called { name: text("name", row)?, email: text("email", row)? });
        }
    }
    Ok(found)
}

impl Workspace {
    /// The names of events that were seen, with what they carry and mean.
    pub async fn event_names(&self) -> Result<NameList> {
        let store = self.events();
        let mut all = store.names()?;
        all.sort_by(|left, right| right.rows.cmp(&left.rows).then_with(|| left.event.cmp(&right.event)));
        let sample = store.recent(None, SAMPLE).await?;
        let mut carried = blocking(move || properties_of(&sample)).await?;
        let mut lookups = LOOKUPS;
        let mut names = Vec::with_capacity(all.len());
        for seen in all {
            let properties = match carried.remove(&seen.event) {
                Some(properties) => properties.into_iter().collect(),
                // A name that did not come lately is looked for by itself.
                None if lookups > 0 => {
                    lookups -= 1;
                    store.properties(&seen.event).await?
                }
                None => Vec::new(),
            };
            names.push(NameSeen {
                meanings: self.meanings_of(&seen.event),
                event: seen.event,
                count: seen.rows,
                persons: seen.persons,
                first_at: instant(seen.first_at),
                last_at: instant(seen.last_at),
                properties,
                kind: "event".to_owned(),
                label: None,
            });
        }
        names.extend(self.facts_seen().await?.into_iter().map(|fact| NameSeen {
            event: fact.event,
            count: fact.count,
            persons: fact.customers,
            first_at: fact.first_at.map(instant).unwrap_or_default(),
            last_at: fact.last_at.map(instant).unwrap_or_default(),
            properties: fact.properties,
            meanings: Vec::new(),
            kind: "fact".to_owned(),
            label: Some(fact.label),
        }));
        Ok(NameList { names })
    }

    /// Puts names beside events.
    pub(super) async fn name_people(&self, events: &mut [EventSeen]) -> Result<()> {
        let ids: BTreeSet<String> = events
            .iter()
            .flat_map(|event| [&event.person_id, &event.distinct_id])
            .filter(|id| !id.is_empty())
            .cloned()
            .collect();
        let lake = self.lake().clone();
        let ids: Vec<String> = ids.into_iter().collect();
        let called = blocking(move || called(&lake, ids.iter().map(String::as_str))).await?;
        for event in events {
            let mut theirs =
                [&event.person_id, &event.distinct_id].into_iter().filter_map(|id| called.get(id));
            event.person_name =
                theirs.find_map(|called| called.name.clone().or_else(|| called.email.clone()));
        }
        Ok(())
    }

    /// The newest events by their own time, of all, of a name, of a person or of a customer.
    pub async fn recent_events(&self, request: &RecentRequest) -> Result<RecentEvents> {
        let (newest, skip) = match &request.after {
            None => (None, 0),
            Some(text) => {
                let parts =
                    text.split_once('.').and_then(|(at, skip)| Some((at.parse().ok()?, skip.parse().ok()?)));
                let (at, skip): (i64, usize) =
                    parts.filter(|(_, skip)| *skip <= MOST_BACK).ok_or_else(|| {
                        Error::invalid("bad_cursor", "`after` is no cursor of an earlier answer")
                            .param("after")
                    })?;
                (Some(at), skip)
            }
        };
        // Only what came since the first page needs room between.
        let margin = if newest.is_some() { MARGIN } else { 0 };
        let wanted = skip + request.limit + 1 + margin;
        let batches = match (&request.person, &request.customer) {
            (None, None) => {
                let until = self.now().as_microsecond().saturating_add(AHEAD_US);
                vec![self.events().latest(request.event.as_deref(), until, wanted).await?]
            }
            (Some(person), None) if request.event.is_none() => {
                vec![self.events().history(person, None, wanted).await?]
            }
            _ => self.events_where(request, wanted).await?,
        };
        let mut events = Vec::new();
        let mut first = newest;
        for batch in &batches {
            let columns = Columns(batch);
            for (row, event) in events_of(batch)?.into_iter().enumerate() {
                let at = columns.int("at", row)?;
                // What came after the first page does not push the others down.
                if newest.is_none_or(|newest| at.is_none_or(|at| at <= newest)) {
                    events.push(event);
                }
                first = first.or(at);
            }
        }
        let more = events.len() > skip + request.limit && skip + request.limit <= MOST_BACK;
        let cursor = more.then(|| format!("{}.{}", first.unwrap_or(i64::MAX), skip + request.limit));
        let mut events: Vec<EventSeen> = events.into_iter().skip(skip).take(request.limit).collect();
        if request.person.is_none() {
            self.name_people(&mut events).await?;
        }
        Ok(RecentEvents { events, cursor })
    }

    /// The newest events by several conditions, in SQL.
    async fn events_where(&self, request: &RecentRequest, limit: usize) -> Result<Vec<RecordBatch>> {
        let mut conditions = Vec::new();
        if let Some(event) = &request.event {
            conditions.push(format!("event = {}", literal(event)));
        }
        if let Some(person) = &request.person {
            let known = self.events().person(person).await?;
            let id = known.map_or_else(|| person.clone(), |known| known.person_id);
            conditions.push(format!("person_id = {}", literal(&id)));
        }
        if let Some(customer) = &request.customer {
            conditions.push(format!("customer_id = {}", literal(customer)));
        }
        let conditions = conditions.join(" AND ");
        self.select(&format!("SELECT * FROM events WHERE {conditions} ORDER BY at DESC LIMIT {limit}")).await
    }
}
