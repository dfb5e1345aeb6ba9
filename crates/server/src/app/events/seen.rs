//! What arrived: names of events, their properties, the newest ones.

use crate::app::cells::{Columns, instant};
use crate::app::sql::literal;
use crate::app::{Result, Workspace};
use arrow::array::RecordBatch;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Names whose properties are listed; those of rarer events are left out.
const WITH_PROPERTIES: usize = 200;

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
    /// How many people they are of.
    pub persons: u64,
    /// Time of the first, RFC 3339.
    pub first_at: String,
    /// Time of the last, RFC 3339.
    pub last_at: String,
    /// Names of the properties that newer events of this name carry.
    pub properties: Vec<String>,
    /// Meanings that take events of this name.
    pub meanings: Vec<String>,
}

/// Which of the newest events.
#[derive(Debug, Clone, Default)]
pub struct RecentRequest {
    /// Most events.
    pub limit: usize,
    /// Only those that arrived after the one that this cursor stands for.
    pub after: Option<i64>,
    /// Only of this name.
    pub event: Option<String>,
    /// Only of the person of this identifier.
    pub person: Option<String>,
}

/// The newest events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecentEvents {
    /// Newest arrival first.
    pub events: Vec<EventSeen>,
    /// Asked for as `after`, it gives what arrived since.
    pub cursor: String,
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
                customer_id: text("customer_id", row)?,
                channel: text("channel", row)?,
                path: text("path", row)?,
                source: text("source", row)?,
                country: text("country", row)?,
                device: text("device", row)?,
                properties: properties.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            })
        })
        .collect()
}

impl Workspace {
    /// The names of events that were seen, with what they carry and mean.
    pub async fn event_names(&self) -> Result<NameList> {
        let store = self.events();
        let mut names = Vec::new();
        for (place, seen) in store.names().into_iter().enumerate() {
            let properties =
                if place < WITH_PROPERTIES { store.properties(&seen.event).await? } else { Vec::new() };
            names.push(NameSeen {
                meanings: self.meanings_of(&seen.event),
                event: seen.event,
                count: seen.count,
                persons: seen.persons,
                first_at: instant(seen.first_at),
                last_at: instant(seen.last_at),
                properties,
            });
        }
        Ok(NameList { names })
    }

    /// The newest events, or those that arrived since.
    pub async fn recent_events(&self, request: &RecentRequest) -> Result<RecentEvents> {
        let rare = request.event.is_some() || request.person.is_some();
        let batches = if rare {
            vec![self.events_where(request).await?]
        } else {
            vec![vec![self.events().recent(request.limit).await?]]
        };
        let mut events = Vec::new();
        let mut newest = request.after;
        for batch in batches.iter().flatten() {
            let arrived = Columns(batch);
            let seen = events_of(batch)?;
            for (row, event) in seen.into_iter().enumerate() {
                let at = arrived.int("received_at", row)?;
                newest = newest.max(at);
                // An event without a time of arrival came from a file, and is told once.
                if request.after.is_none_or(|after| at.is_some_and(|at| at > after)) {
                    events.push(event);
                }
            }
        }
        events.truncate(request.limit);
        Ok(RecentEvents { events, cursor: newest.unwrap_or(0).to_string() })
    }

    /// The newest events of a name or person, by SQL.
    async fn events_where(&self, request: &RecentRequest) -> Result<Vec<RecordBatch>> {
        if let (Some(person), None) = (&request.person, &request.event) {
            return Ok(vec![self.events().history(person, None, request.limit).await?]);
        }
        let mut conditions = Vec::new();
        if let Some(event) = &request.event {
            conditions.push(format!("event = {}", literal(event)));
        }
        if let Some(person) = &request.person {
            let known = self.events().person(person).await?;
            let id = known.map_or_else(|| person.clone(), |known| known.person_id);
            conditions.push(format!("person_id = {}", literal(&id)));
        }
        let sql = format!(
            "SELECT * FROM events WHERE {} ORDER BY received_at DESC NULLS LAST, at DESC LIMIT {}",
            conditions.join(" AND "),
            request.limit
        );
        self.select(&sql).await
    }
}
