//! Breakdowns and filters by dimensions of events, attributes of persons and of customers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use burgeon_core::behaviour::step::Step;
use burgeon_core::behaviour::usage::Usage;
use burgeon_core::currency::Currency;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::Zone;
use burgeon_engine::events::Question;
use burgeon_engine::lake::Lake;
use burgeon_engine::plan::groups::GroupBy;
use burgeon_engine::plan::sql::SqlLimits;
use burgeon_engine::{Engine, EngineOptions};
use burgeon_testkit::clock;

use super::{batch, cells, event, open, owners};
use crate::queries::fact_files;

async fn engine(lake: &Lake) -> Engine {
    let clock = Arc::new(clock("2026-01-01T00:00:00Z"));
    let options =
        EngineOptions::new(Zone::utc(), Currency::USD, RevenueRules::default(), clock, fact_files());
    Engine::new(Arc::new(lake.clone()), options).await.expect("engine")
}

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

async fn fill(lake: &Lake) {
    let all: Vec<_> = (0..60)
        .map(|i| {
            let mut one = event(&format!("e{i}"), "click", &format!("u{}", i % 6), 1000 + i);
            one.path = (i % 10 != 0).then(|| format!("/{}", i % 5));
            one
        })
        .collect();
    lake.append("events", batch(&all)).await.expect("append");
    // u0, u1 → a; u2 → b; u3 → c; the others have no customer.
    let people = [("u0", "a"), ("u1", "a"), ("u2", "b"), ("u3", "c")];
    let people: Vec<_> = people.iter().map(|(id, customer)| (*id, None, Some(*customer))).collect();
    lake.append("persons", owners("distinct_id", &people)).await.expect("persons");
    let traits = RecordBatch::try_from_iter([
        ("distinct_id", text(&["u4", "u5"])),
        ("traits", text(&["{\"role\":\"admin\"}", "{\"role\":\"guest\"}"])),
    ]);
    lake.append("persons", traits.expect("batch")).await.expect("persons");
    let customers = RecordBatch::try_from_iter([
        ("customer_id", text(&["a", "b", "c"])),
        ("country", text(&["DE", "FR", "DE"])),
        ("attributes", text(&["{\"industry\":\"retail\"}", "{}", "{\"industry\":\"energy\"}"])),
    ]);
    lake.append("customers", customers.expect("batch")).await.expect("customers");
    // a pays 30 a month from 2024-02 on, b 1,000 a year on two plans from 2024-03 on, c nothing any more.
    let day = 86_400_000_000i64;
    let at = [19_754, 19_783, 19_783, 19_754, 19_900].map(|days| days * day);
    let changes = RecordBatch::try_from_iter([
        ("customer_id", text(&["a", "b", "b", "c", "c"])),
        ("subscription_id", text(&["s1", "s2", "s3", "s4", "s4"])),
        (
            "effective_at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC")) as ArrayRef,
        ),
        ("status", text(&["active", "active", "active", "active", "canceled"])),
        ("amount_minor", Arc::new(Int64Array::from(vec![3_000, 90_000, 10_000, 5_000, 5_000])) as ArrayRef),
        ("currency", text(&["USD"; 5])),
        ("interval", text(&["month", "year", "month", "month", "month"])),
        ("plan", text(&["basic", "pro", "extra", "basic", "basic"])),
    ]);
    lake.append("subscription_changes", changes.expect("batch")).await.expect("changes");
}

/// Persons of each group.
async fn persons_by(engine: &Engine, by: &str, most: usize) -> BTreeMap<String, i64> {
    let groups = engine.event_groups(&GroupBy::parse(by), most).await.expect("groups");
    let usage = Usage::between(0, i64::MAX, groups.texts.len() as u32);
    let question = Question {
        conditions: vec![vec![Step::parse("click").expect("a step")]],
        by: groups.by,
        ..Question::default()
    };
    let sum = engine.events().expect("a store").ask(question, usage.clone()).await.expect("an answer");
    let name = |at: usize| match (&groups.texts[at], groups.other) {
        (Some(text), _) => text.clone(),
        (None, Some(other)) if other as usize == at => "(other)".into(),
        _ => "(none)".into(),
    };
    (0..groups.texts.len())
        .map(|at| (name(at), usage.persons(&sum, at as u32, 0)))
        .filter(|(_, persons)| *persons > 0)
        .collect()
}

fn map(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs.iter().map(|(name, persons)| ((*name).to_owned(), *persons)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_break_down_by_events_persons_and_customers() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    fill(&lake).await;
    let engine = engine(&lake).await;
    assert_eq!(persons_by(&engine, "", 9).await, map(&[("(none)", 6)]));
    assert_eq!(persons_by(&engine, "customer", 9).await, map(&[("a", 2), ("b", 1), ("c", 1), ("(none)", 2)]));
    assert_eq!(persons_by(&engine, "customer.country", 9).await, map(&[("DE", 3), ("FR", 1), ("(none)", 2)]));
    assert_eq!(
        persons_by(&engine, "customer.industry", 9).await,
        map(&[("retail", 2), ("energy", 1), ("(none)", 3)])
    );
    assert_eq!(
        persons_by(&engine, "person.role", 9).await,
        map(&[("admin", 1), ("guest", 1), ("(none)", 4)])
    );
    // The larger amount decides: 100 a month beats 900 a year. Who left has no plan now.
    assert_eq!(persons_by(&engine, "plan", 9).await, map(&[("basic", 2), ("extra", 1), ("(none)", 3)]));
    assert_eq!(
        persons_by(&engine, "mrr_band", 9).await,
        map(&[("under 50", 2), ("50 to 200", 1), ("(none)", 3)])
    );
    assert_eq!(persons_by(&engine, "cohort", 9).await, map(&[("2024-02", 3), ("2024-03", 1), ("(none)", 2)]));
    // The two largest, and the rest together.
    assert_eq!(persons_by(&engine, "customer", 1).await, map(&[("a", 2), ("(other)", 2), ("(none)", 2)]));
    let paths = persons_by(&engine, "path", 9).await;
    assert_eq!(paths.values().filter(|persons| **persons > 0).count(), 6, "{paths:?}");
    let few = persons_by(&engine, "path", 2).await;
    assert_eq!(few.len(), 4, "{few:?}");
    assert_eq!(few["(none)"], paths["(none)"]);
    for (path, persons) in few.iter().filter(|(path, _)| path.starts_with('/')) {
        assert_eq!(paths[path], *persons);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_stay_the_same_object_while_values_do() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    fill(&lake).await;
    let engine = engine(&lake).await;
    let codes = || async {
        let groups = engine.event_groups(&GroupBy::parse("plan"), 9).await.expect("groups");
        match groups.by {
            burgeon_engine::events::Breakdown::PersonCodes(codes) => codes,
            other => panic!("{other:?}"),
        }
    };
    let before = codes().await;
    lake.append("events", batch(&[event("new", "click", "somebody", 1)])).await.expect("append");
    assert!(Arc::ptr_eq(&before, &codes().await));
    lake.append("persons", owners("distinct_id", &[("u5", None, Some("b"))])).await.expect("persons");
    assert!(!Arc::ptr_eq(&before, &codes().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_on_customers_choose_persons() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    fill(&lake).await;
    let engine = engine(&lake).await;
    for (by, values, negated, persons) in [
        ("customer.country", vec![Some("DE".to_owned())], false, 3),
        ("customer.country", vec![Some("DE".to_owned())], true, 3),
        ("plan", vec![None], false, 3),
        ("person.role", vec![Some("admin".to_owned()), None], false, 5),
    ] {
        let chosen = engine.persons_with(&GroupBy::parse(by), &values, negated).await.expect("bits");
        let question = Question { persons: Some(chosen), ..Question::default() };
        assert_eq!(super::count(&lake, question).await.persons, persons, "{by} {values:?} {negated}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_has_the_table_of_events_and_its_cache_follows() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let engine = engine(&lake).await;
    let count = || async {
        let sql = "SELECT event, count(*), count(DISTINCT person_id) FROM events GROUP BY event";
        let result = engine.sql(sql, SqlLimits::default()).await.expect("runs");
        result.batches.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    assert_eq!(count().await, 0);
    fill(&lake).await;
    let sums = || async {
        let sql = "SELECT count(*) AS n, sum(length(path)) AS s FROM events";
        let result = engine.sql(sql, SqlLimits::default()).await.expect("runs");
        format!("{:?}", result.batches)
    };
    let first = sums().await;
    for step in 0..3 {
        // Rows lie elsewhere, the answer is the same; kept partial answers must not be mixed.
        match step {
            0 => lake.flush().await.expect("flush"),
            1 => lake.compact().await.expect("compact"),
            _ => engine.clear_cache(),
        }
        assert_eq!(sums().await, first, "{step}");
    }
    lake.append("events", batch(&[event("more", "click", "u1", 5)])).await.expect("append");
    assert_ne!(sums().await, first);
    let joined = "SELECT c.country, count(*) FROM events e JOIN customers c ON e.customer_id = c.customer_id \
                  GROUP BY c.country ORDER BY 1";
    assert_eq!(
        cells(&lake, joined).await,
        [[Some("DE".to_owned()), Some("31".to_owned())], [Some("FR".to_owned()), Some("10".to_owned())]]
    );
}
