//! Buckets large enough to be computed in slices: what is stored and repeated, and that it shows in no figure.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use burgeon_core::currency::Currency;
use burgeon_core::records;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::{FixedClock, Zone};
use burgeon_engine::lake::{Lake, LakeOptions};
use burgeon_engine::{Engine, EngineOptions};
use burgeon_metrics::base::{BaseRequest, Dimension};
use burgeon_testkit::clock;
use serde_json::{Value, json};

use super::requests::{balance, plan, requests};
use super::{change, fact_files, months, oracle, request, source};

const NOW: &str = "2026-01-01T00:00:00Z";
/// With [`CHANGES`] each: two buckets of some 6,600 rows, more than the fewest rows of three row groups.
const CUSTOMERS: usize = 146;
const CHANGES: usize = 90;

async fn engine(lake: &Lake) -> Engine {
    let now = Arc::new(FixedClock(NOW.parse().unwrap()));
    let rules = RevenueRules::default();
    let options = EngineOptions::new(Zone::utc(), Currency::USD, rules, now, fact_files());
    Engine::new(Arc::new(lake.clone()), options).await.unwrap()
}

/// Appends rows; those that have `_deleted` are taken back.
async fn put(lake: &Lake, name: &str, rows: &[Value]) {
    let table = records::table(name).unwrap();
    let keyed = rows.iter().cloned().map(|mut row| {
        row["_key"] = json!(0); // the lake makes its own
        row
    });
    let batch = source::batch(table, &keyed.collect::<Vec<_>>());
    let mut columns: Vec<(String, ArrayRef, bool)> = (table.columns.iter().zip(batch.columns()))
        .map(|(column, array)| (column.name.to_owned(), Arc::clone(array), true))
        .collect();
    let deleted = BooleanArray::from_iter(rows.iter().map(|row| Some(row["_deleted"] == true)));
    columns.push(("_deleted".into(), Arc::new(deleted), true));
    lake.append(name, RecordBatch::try_from_iter_with_nullable(columns).unwrap()).await.unwrap();
}

fn name(customer: usize) -> String {
    format!("cus_{customer:05}")
}

/// Changes of each customer every four days of 2025: up, down, away and back.
fn ledger() -> Vec<Value> {
    let one = |customer: usize, step: usize| {
        let at = jiff::civil::date(2025, 1, 1) + jiff::Span::new().days((step * 4 + customer % 4) as i64);
        let status = if (customer + step) % 5 == 4 { "canceled" } else { "active" };
        let amount = 1000 + (customer * 31 + step * 977) as i64 % 9000;
        let plan = ["Pro", "Team", "Max"][(customer + step / 3) % 3];
        change(&name(customer), "s", &at.to_string(), status, amount, plan)
    };
    (0..CUSTOMERS).flat_map(|customer| (0..CHANGES).map(move |step| one(customer, step))).collect()
}

/// Questions over the fold, and over the fold joined with customers.
fn all() -> Vec<BaseRequest> {
    let mut all = requests();
    let mut joined = request(balance(), months(12, true));
    joined.by = vec![plan(), Dimension::Customer { column: "country".into() }];
    all.push(joined);
    all
}

/// The answers of an engine with stored results are those of an engine that has none.
async fn check(lake: &Lake, kept: &Engine, what: &str) {
    let asked = all();
    let answers = kept.run_all(&asked).await.unwrap();
    let fresh = engine(lake).await.run_all(&asked).await.unwrap();
    for ((request, answer), fresh) in asked.iter().zip(&answers).zip(&fresh) {
        assert_eq!(oracle::of(answer), oracle::of(fresh), "{what}: {request:?}");
    }
}

/// The answers are those of a plain computation over all rows.
async fn check_against_oracle(kept: &Engine) {
    let rows = oracle::movements(kept).await;
    assert!(!rows.is_empty());
    let answers = kept.run_all(&requests()).await.unwrap();
    for (request, answer) in requests().iter().zip(&answers) {
        assert_eq!(oracle::of(answer), super::requests::expected(&rows, request), "{request:?}");
    }
}

#[tokio::test]
async fn a_change_repeats_one_slice_and_equals_from_scratch() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions { buckets: 2, threads: 2, ..LakeOptions::new(Arc::new(clock(NOW))) };
    let lake = Lake::open(dir.path(), options).await.unwrap();
    let customers: Vec<Value> = (0..CUSTOMERS)
        .map(|i| {
            let country = if i % 2 == 0 { "DE" } else { "FR" };
            json!({"customer_id": name(i), "country": country, "created_at": "2024-12-01"})
        })
        .collect();
    put(&lake, "customers", &customers).await;
    put(&lake, "subscription_changes", &ledger()).await;
    let kept = engine(&lake).await;
    check(&lake, &kept, "rows in memory").await;
    lake.compact().await.unwrap();
    check(&lake, &kept, "rows in files").await;
    check_against_oracle(&kept).await;

    // One question, so that the numbers can be told: partitions and slices that are computed.
    let mut one = request(balance(), months(12, true));
    one.by = vec![plan()];
    let one = [one];
    let kept = engine(&lake).await;
    kept.run_all(&one).await.unwrap();
    let cold = kept.cache_stats();
    assert!(cold.misses >= 2 * (1 + 3), "two buckets of at least three slices: {cold:?}");
    kept.run_all(&one).await.unwrap();
    let warm = kept.cache_stats();
    assert_eq!((warm.misses, warm.hits), (cold.misses, cold.hits + 2));
    put(&lake, "subscription_changes", &[change(&name(70), "new", "2025-05-20", "active", 77, "Team")]).await;
    kept.run_all(&one).await.unwrap();
    let after = kept.cache_stats();
    assert_eq!(after.misses, warm.misses + 2, "a bucket, and one slice of it");
    assert_eq!(
        after.hits - warm.hits,
        1 + (cold.misses - 2) / 2 - 1,
        "the other bucket, and the other slices"
    );

    // The first and the last customer of each slice among them, new customers at both ends, rows taken back, customers
    // who become one; flushed and compacted in between.
    let mut state = 7_usize;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for round in 0..14 {
        let number = random(CUSTOMERS);
        let customer = match round % 6 {
            0 => "a_new_one".to_owned(),
            1 => "zz_new_one".to_owned(),
            _ => name(number),
        };
        let at = format!("2025-{:02}-{:02}", 1 + random(12), 1 + random(28));
        let status = if random(4) == 0 { "canceled" } else { "active" };
        let mut row = change(&customer, "s", &at, status, 1 + random(9000) as i64, "Max");
        if round % 4 == 3 {
            let first = format!("2025-01-{:02}", 1 + number % 4);
            row = change(&name(number), "s", &first, "active", 1, "Pro");
            row["_deleted"] = json!(true);
        }
        put(&lake, "subscription_changes", &[row]).await;
        if round == 4 {
            let merge = json!({"from_customer_id": name(13), "into_customer_id": name(131)});
            put(&lake, "customer_merges", &[merge]).await;
        }
        match round {
            5 => lake.flush().await.unwrap(),
            9 => lake.compact().await.unwrap(),
            _ => {}
        }
        check(&lake, &kept, &format!("round {round}")).await;
    }
    check_against_oracle(&kept).await;
}
