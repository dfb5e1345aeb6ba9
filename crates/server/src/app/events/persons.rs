//! Persons: the list, one of them with their timeline, removal, and taking back a link.

use super::ask::{Scope, Words};
use super::people::PersonHead;
use super::seen::{EventSeen, events_of};
use crate::app::cells::{Columns, instant};
use crate::app::customers::{Customer, Happening};
use crate::app::sql::literal;
use crate::app::workspace::blocking;
use crate::app::{Error, Kind, Result, Workspace};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use burgeon_core::behaviour::step::{ANY_EVENT, Step};
use burgeon_core::behaviour::usage::UsedBetween;
use burgeon_core::records::{ColumnType, system};
use burgeon_engine::events::Person;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// Hits of a search that are looked at.
const MOST_HITS: usize = 2_000;
/// Entries of a timeline that are told at once.
const TIMELINE: usize = 150;

/// Persons, those last seen first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonsAnswer {
    /// A part of them.
    pub persons: Vec<PersonHead>,
    /// How many there are in all.
    pub total: usize,
    /// Asked for as `after`, it gives the next ones; none at the end.
    pub cursor: Option<String>,
}

/// One person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonPage {
    /// Who it is.
    pub person: PersonDetail,
    /// What happened, newest first.
    pub timeline: Vec<TimelineItem>,
    /// Asked for as `after`, it gives what was before; none at the end.
    pub cursor: Option<String>,
    /// Moment that this is of, RFC 3339.
    pub as_of: String,
}

/// Who it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonDetail {
    /// As in lists.
    #[serde(flatten)]
    pub head: PersonHead,
    /// All traits.
    #[schema(value_type = Object)]
    pub traits: Map<String, Value>,
    /// Every identifier, the main one first.
    pub identifiers: Vec<IdentifierInfo>,
    /// The customer that the person belongs to.
    pub customer: Option<Customer>,
}

/// An identifier of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IdentifierInfo {
    /// The identifier.
    pub id: String,
    /// main, identify or alias.
    pub kind: String,
    /// The identifier that it was linked to.
    pub to: Option<String>,
    /// When it was linked, RFC 3339.
    pub at: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimelineItem {
    /// The person did something.
    Event(EventSeen),
    /// Something of their customer.
    Record(Happening),
}

/// Which identifier is no longer the person's.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unlink {
    /// The identifier.
    pub identifier: String,
}

/// Nobody has this identifier.
pub(super) fn unknown(id: &str) -> Error {
    Error::not_found("unknown_person", format!("nobody has the identifier {id:?}"))
        .mend("`/api/v1/persons?search=` finds by part of the identifier, name or mail address")
        .param("id")
}

impl Workspace {
    /// Persons: all, of a segment, of a customer, or by part of identifier, name or mail address.
    pub async fn persons(&self, pairs: &[(String, String)]) -> Result<PersonsAnswer> {
        let words = Words(pairs);
        words.only(&["search", "segment", "customer", "where", "filter", "limit", "after"])?;
        let limit = words.number("limit", 50, 1, 1_000)?;
        let offset = words.number("after", 0, 0, usize::MAX)?;
        let scope = Scope::read(words, &self.zone())?;
        let mut numbers = match words.get("search") {
            Some(text) => self.find_persons(text).await?,
            None => {
                let asked = self.asked(vec![vec![Step::named(ANY_EVENT)]], &scope).await?;
                let ever = UsedBetween { start: i64::MIN, end: i64::MAX, group: None };
                self.members(&asked, ever).await?
            }
        };
        if let Some(customer) = words.get("customer") {
            let theirs: BTreeSet<u32> = self.persons_of_customer(customer).await?.into_iter().collect();
            numbers.retain(|number| theirs.contains(number));
        }
        let seen = self.last_seen(self.bits_of(&numbers)).await?;
        // Who was never seen to do anything stands last.
        let active: BTreeSet<u32> = seen.iter().map(|(_, person)| *person).collect();
        let silent = numbers.iter().filter(|number| !active.contains(number)).copied();
        let ordered: Vec<u32> = seen.iter().map(|(_, person)| *person).chain(silent).collect();
        let total = ordered.len();
        let page: Vec<u32> = ordered.into_iter().skip(offset).take(limit).collect();
        let next = offset + page.len();
        let persons = self.heads(page).await?;
        Ok(PersonsAnswer { persons, total, cursor: (next < total).then(|| next.to_string()) })
    }

    /// Numbers of persons by part of identifier, name or mail address; ascending.
    async fn find_persons(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = BTreeSet::from([text.to_owned()]);
        let part = literal(&text.to_lowercase());
        let sql = format!(
            "SELECT distinct_id FROM persons WHERE strpos(lower(distinct_id), {part}) > 0 \
             OR strpos(lower(coalesce(name, '')), {part}) > 0 OR strpos(lower(coalesce(email, '')), {part}) > 0 \
             LIMIT {MOST_HITS}"
        );
        for batch in &self.select(&sql).await? {
            for row in 0..batch.num_rows() {
                ids.extend(Columns(batch).text("distinct_id", row)?);
            }
        }
        let mut numbers = Vec::new();
        for id in ids {
            numbers.extend(self.events().person(&id).await?.map(|person| person.number));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Numbers of the persons who belong to a customer.
    async fn persons_of_customer(&self, customer: &str) -> Result<Vec<u32>> {
        let filter = burgeon_metrics::query::QueryFilter {
            dimension: "customer".to_owned(),
            negated: false,
            values: vec![customer.to_owned()],
        };
        let scope = Scope { filters: vec![filter], ..Scope::default() };
        let asked = self.asked(vec![vec![Step::named(ANY_EVENT)]], &scope).await?;
        self.members(&asked, UsedBetween { start: i64::MIN, end: i64::MAX, group: None }).await
    }

    async fn known_person(&self, id: &str) -> Result<Person> {
        self.events().person(id).await?.ok_or_else(|| unknown(id))
    }

    /// One person with what happened before a cursor.
    pub async fn person(&self, id: &str, after: Option<&str>) -> Result<PersonPage> {
        let before = after.map(str::parse::<i64>).transpose().map_err(|_| {
            Error::invalid("bad_cursor", "`after` is no cursor of an earlier answer").param("after")
        })?;
        let known = self.known_person(id).await?;
        let head = self.heads(vec![known.number]).await?.into_iter().next().ok_or_else(|| unknown(id))?;
        let customer = match &known.customer_id {
            None => None,
            // A customer that only events name has no record.
            Some(customer) => match self.customer(customer).await {
                Ok(detail) => Some(detail),
                Err(error) if error.kind == Kind::NotFound => None,
                Err(error) => return Err(error),
            },
        };
        let (timeline, cursor) = self.timeline_of(&known, before, customer.as_ref()).await?;
        let traits = self.traits_of(&known).await?;
        let identifiers = known.identifiers.iter().map(|identifier| IdentifierInfo {
            id: identifier.id.clone(),
            kind: identifier.kind.unwrap_or("main").to_owned(),
            to: identifier.to.clone(),
            at: identifier.at.map(instant),
        });
        Ok(PersonPage {
            person: PersonDetail {
                head,
                traits,
                identifiers: identifiers.collect(),
                customer: customer.map(|detail| detail.customer),
            },
            timeline,
            cursor,
            as_of: instant(self.now().as_microsecond()),
        })
    }

    /// Events of the person and records of their customer, newest first.
    async fn timeline_of(
        &self,
        person: &Person,
        before: Option<i64>,
        customer: Option<&crate::app::customers::CustomerDetail>,
    ) -> Result<(Vec<TimelineItem>, Option<String>)> {
        let batch = self.events().history(&person.person_id, before, TIMELINE + 1).await?;
        let mut items: Vec<(i64, TimelineItem)> = Vec::new();
        let columns = Columns(&batch);
        for (row, event) in events_of(&batch)?.into_iter().enumerate() {
            items.push((columns.int("at", row)?.unwrap_or(0), TimelineItem::Event(event)));
        }
        for happening in customer.iter().flat_map(|customer| &customer.timeline) {
            let at = happening.at.parse::<jiff::Timestamp>().map_or(0, |at| at.as_microsecond());
            if before.is_none_or(|before| at < before) {
                items.push((at, TimelineItem::Record(happening.clone())));
            }
        }
        items.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let mut cursor = None;
        if items.len() > TIMELINE {
            // What lies at the same instant is not torn apart, unless it is very much.
            let mut end = TIMELINE;
            while end < items.len() && end < 4 * TIMELINE && items[end].0 == items[end - 1].0 {
                end += 1;
            }
            if end < items.len() {
                cursor = Some(items[end - 1].0.to_string());
                items.truncate(end);
            }
        }
        Ok((items.into_iter().map(|(_, item)| item).collect(), cursor))
    }

    /// The traits of all identifiers, those of the main one first.
    async fn traits_of(&self, person: &Person) -> Result<Map<String, Value>> {
        let ids: Vec<String> = person.identifiers.iter().map(|identifier| identifier.id.clone()).collect();
        let lake = self.lake().clone();
        blocking(move || {
            let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
            let mut own = HashMap::new();
            for batch in &lake.entities("persons", &wanted)? {
                let columns = Columns(batch);
                for row in 0..batch.num_rows() {
                    let text = columns.text("traits", row)?.unwrap_or_default();
                    let traits: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
                    own.insert(columns.text("distinct_id", row)?.unwrap_or_default(), traits);
                }
            }
            let mut traits = Map::new();
            for (name, value) in ids.iter().filter_map(|id| own.remove(id)).flatten() {
                traits.entry(name).or_insert(value);
            }
            Ok(traits)
        })
        .await
    }

    /// Takes back what made an identifier one of the person's; history follows.
    pub async fn unlink(&self, id: &str, unlink: &Unlink, actor: &str) -> Result<PersonPage> {
        let person = self.known_person(id).await?;
        let mine: BTreeSet<&str> =
            person.identifiers.iter().map(|identifier| identifier.id.as_str()).collect();
        let wanted = unlink.identifier.as_str();
        let sql = format!(
            "SELECT from_id, to_id, kind, at FROM identity_links WHERE from_id = {0} OR to_id = {0}",
            literal(wanted)
        );
        let mut links = Vec::new();
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let text = |name: &str| Ok::<_, Error>(columns.text(name, row)?.unwrap_or_default());
                let link =
                    (text("from_id")?, text("to_id")?, text("kind")?, columns.int("at", row)?.unwrap_or(0));
                if mine.contains(link.0.as_str()) && mine.contains(link.1.as_str()) {
                    links.push(link);
                }
            }
        }
        if links.is_empty() {
            return Err(Error::not_found("no_link", format!("{wanted:?} is not linked to this person"))
                .param("identifier"));
        }
        self.lake().append("identity_links", taken_back(&links)?).await?;
        let detail = serde_json::json!({ "identifier": wanted, "links": links.len() });
        self.state().audit(actor, "unlink", id, &detail, self.now().as_microsecond()).await?;
        self.person(id, None).await
    }
}

/// Rows that remove links.
fn taken_back(links: &[(String, String, String, i64)]) -> Result<RecordBatch> {
    let text = |value: fn(&(String, String, String, i64)) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(links.iter().map(value)))
    };
    let at = TimestampMicrosecondArray::from_iter_values(links.iter().map(|link| link.3));
    let at = at.with_data_type(ColumnType::Timestamp.data_type());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("from_id", text(|link| &link.0)),
        ("to_id", text(|link| &link.1)),
        ("kind", text(|link| &link.2)),
        ("at", Arc::new(at)),
        (system::DELETED, Arc::new(BooleanArray::from(vec![true; links.len()]))),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, values)| {
            let ty = if *name == system::DELETED { DataType::Boolean } else { values.data_type().clone() };
            Field::new(*name, ty, true)
        })
        .collect();
    let arrays = columns.into_iter().map(|(_, values)| values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Error::internal(format!("links that are taken back: {error}")))
}
