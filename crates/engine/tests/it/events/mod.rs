//! The event store from outside: durability, duplicates, identity, imports, removal, faults.

mod basics;
mod faults;
mod groups;
mod identity;
mod imports;
mod kill;
mod metrics;
mod model;
mod removal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::TimestampMicrosecondType;
use burgeon_core::behaviour::step::Step;
use burgeon_core::behaviour::{Kernel, Partial, Rows};
use burgeon_engine::events::Question;
use burgeon_engine::lake::{FaultPoint, Lake, LakeOptions};
use burgeon_testkit::clock;
use datafusion::prelude::{SessionConfig, SessionContext};

/// One event of a test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub id: String,
    pub event: String,
    pub who: String,
    pub at: i64,
    pub path: Option<String>,
    pub customer: Option<String>,
    pub properties: Option<String>,
}

pub fn event(id: &str, event: &str, who: &str, at: i64) -> Event {
    Event {
        id: id.into(),
        event: event.into(),
        who: who.into(),
        at,
        path: None,
        customer: None,
        properties: None,
    }
}

/// `n` events of a fifth as many persons, with times that do not arrive in order.
pub fn events(n: i64) -> Vec<Event> {
    (0..n)
        .map(|i| {
            let mut one = event(
                &format!("e{i}"),
                ["page_view", "signup", "click"][(i % 3) as usize],
                "",
                i * 7919 % 1000,
            );
            one.who = format!("p{:03}", i * 7 % (n / 5 + 1));
            one.path = (i % 2 == 0).then(|| format!("/{}", i % 5));
            one.properties = (i % 4 == 0).then(|| format!("{{\"plan\":\"{}\",\"seats\":{}}}", i % 3, i % 7));
            one
        })
        .collect()
}

pub fn batch(events: &[Event]) -> RecordBatch {
    let text = |f: &dyn Fn(&Event) -> Option<String>| -> ArrayRef {
        Arc::new(events.iter().map(f).collect::<StringViewArray>())
    };
    let at =
        TimestampMicrosecondArray::from_iter_values(events.iter().map(|one| one.at)).with_timezone("UTC");
    RecordBatch::try_from_iter_with_nullable([
        ("at", Arc::new(at) as ArrayRef, true),
        ("event_id", text(&|one| Some(one.id.clone())), true),
        ("event", text(&|one| Some(one.event.clone())), true),
        ("distinct_id", text(&|one| Some(one.who.clone())), true),
        ("path", text(&|one| one.path.clone()), true),
        ("customer_id", text(&|one| one.customer.clone()), true),
        ("properties", text(&|one| one.properties.clone()), true),
        ("_source", text(&|_| Some("test".into())), true),
    ])
    .expect("columns of one length")
}

pub fn options() -> LakeOptions {
    LakeOptions { buckets: 4, threads: 2, ..LakeOptions::new(Arc::new(clock("2026-01-01T00:00:00Z"))) }
}

pub async fn open(dir: &Path) -> Lake {
    Lake::open(dir, options()).await.expect("the lake opens")
}

pub async fn failing(dir: &Path, point: FaultPoint) -> Lake {
    Lake::open(dir, LakeOptions { fail_at: Some(point), ..options() }).await.expect("open")
}

pub fn session(lake: &Lake) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(4).with_batch_size(100);
    let context = SessionContext::new_with_config(config);
    for table in lake.tables() {
        context.register_table(table, lake.provider(table).expect("known table")).expect("registers");
    }
    context
}

pub async fn sql(lake: &Lake, text: &str) -> Vec<RecordBatch> {
    session(lake).sql(text).await.expect("plans").collect().await.expect("runs")
}

/// The texts of the columns of a statement.
pub async fn cells(lake: &Lake, text: &str) -> Vec<Vec<Option<String>>> {
    let mut out = Vec::new();
    for batch in sql(lake, text).await {
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .map(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8View).expect("text"))
            .collect();
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| {
                let texts = column.as_string_view();
                texts.is_valid(row).then(|| texts.value(row).to_owned())
            };
            out.push(columns.iter().map(value).collect());
        }
    }
    out
}

fn decode(batch: &RecordBatch) -> Vec<Event> {
    let text = |name: &str| batch.column_by_name(name).expect("column").as_string_view().clone();
    let at = batch.column_by_name("at").expect("column").as_primitive::<TimestampMicrosecondType>();
    let (ids, names, who) = (text("event_id"), text("event"), text("distinct_id"));
    let (path, customer, properties) = (text("path"), text("customer_id"), text("properties"));
    let value =
        |column: &StringViewArray, row: usize| column.is_valid(row).then(|| column.value(row).to_owned());
    (0..batch.num_rows())
        .map(|row| Event {
            id: ids.value(row).into(),
            event: names.value(row).into(),
            who: who.value(row).into(),
            at: at.value(row),
            path: value(&path, row),
            customer: value(&customer, row),
            properties: value(&properties, row),
        })
        .collect()
}

/// All events as SQL shows them, sorted; checks that the hot columns have as many.
pub async fn content(lake: &Lake) -> Vec<Event> {
    let all: Vec<Event> = sql(lake, "SELECT * FROM events").await.iter().flat_map(decode).collect();
    let counted = count(lake, Question::default()).await;
    assert_eq!(counted.rows as usize, all.len(), "the hot columns differ from the table");
    sorted(all)
}

pub fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort();
    events
}

/// Rows and persons that meet condition 0 (all where there is none).
#[derive(Debug)]
pub struct Count {
    pub any: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub rows: u64,
    pub persons: u64,
}

impl Kernel for Count {
    type Partial = Counted;

    fn empty(&self) -> Counted {
        Counted::default()
    }

    fn add(&self, rows: &Rows<'_>, out: &mut Counted) {
        for (_, from, to) in rows.histories() {
            let met = (from..to).filter(|row| self.any || rows.mask(*row) & 1 != 0).count() as u64;
            out.rows += met;
            out.persons += u64::from(met > 0);
        }
    }
}

impl Partial for Counted {
    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.persons += other.persons;
    }

    fn subtract(&mut self, other: &Self) {
        self.rows -= other.rows;
        self.persons -= other.persons;
    }

    fn bytes(&self) -> usize {
        16
    }
}

pub async fn count(lake: &Lake, question: Question) -> Counted {
    let any = question.conditions.is_empty();
    *lake.events().ask(question, Count { any }).await.expect("an answer")
}

/// Rows and persons of a step.
pub async fn count_step(lake: &Lake, step: &str) -> Counted {
    let step = Step::parse(step).expect("a step");
    count(lake, Question { conditions: vec![vec![step]], ..Question::default() }).await
}

/// From, to, kind, time and whether it is taken back.
type Link<'a> = (&'a str, &'a str, &'a str, i64, bool);

/// Rows of `identity_links`.
pub fn links(rows: &[Link<'_>]) -> RecordBatch {
    let text = |f: &dyn Fn(&Link<'_>) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(f)))
    };
    let at = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.3)).with_timezone("UTC");
    let deleted: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.4)).collect::<BooleanArray>());
    RecordBatch::try_from_iter([
        ("from_id", text(&|row| row.0.into())),
        ("to_id", text(&|row| row.1.into())),
        ("kind", text(&|row| row.2.into())),
        ("at", Arc::new(at) as ArrayRef),
        ("_deleted", deleted),
    ])
    .expect("columns of one length")
}

/// Rows of `persons` or `customers`: identifier, mail address, customer where the table has one.
pub fn owners(id: &str, rows: &[(&str, Option<&str>, Option<&str>)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.0)));
    let emails: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringViewArray>());
    let mut columns = vec![(id, ids, true), ("email", emails, true)];
    if id == "distinct_id" {
        let customers: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<StringViewArray>());
        columns.push(("customer_id", customers, true));
    }
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

/// The person of every event.
pub async fn persons(lake: &Lake) -> BTreeMap<String, String> {
    let rows = cells(lake, "SELECT event_id, person_id FROM events").await;
    rows.into_iter()
        .map(|row| (row[0].clone().expect("required"), row[1].clone().expect("required")))
        .collect()
}

/// The customer of every event that has one.
pub async fn customers(lake: &Lake) -> BTreeMap<String, String> {
    let rows = cells(lake, "SELECT event_id, customer_id FROM events WHERE customer_id IS NOT NULL").await;
    rows.into_iter()
        .map(|row| (row[0].clone().expect("required"), row[1].clone().expect("filtered")))
        .collect()
}

/// Files of runs.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("lake/events/run"));
    entries.map_or(Vec::new(), |entries| entries.flatten().map(|entry| entry.path()).collect())
}
