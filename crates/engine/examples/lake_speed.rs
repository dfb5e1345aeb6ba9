//! Measures imports and scans of the lake: `cargo run --release --example lake_speed -- [customers] [changes each]`.
#![allow(clippy::disallowed_methods)] // it measures time

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use burgeon_core::time::FixedClock;
use burgeon_engine::lake::{Lake, LakeOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

const TABLE: &str = "subscription_changes";

fn batch(customers: i64, changes: i64, first: i64, rows: i64, shuffled: bool) -> RecordBatch {
    let total = customers * changes;
    // A step that shares no factor with the number of rows visits every row once.
    let place = |i: i64| {
        if shuffled { ((i as i128 * 7_368_787) % total as i128) as i64 } else { i }
    };
    let at: Vec<i64> = (first..first + rows).map(place).collect();
    let text = |f: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(at.iter().map(|i| f(*i))))
    };
    let pick = |values: &'static [&'static str], n: i64| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(
            at.iter().map(|i| values[((i / n) % values.len() as i64) as usize]),
        ))
    };
    let time = at
        .iter()
        .map(|i| 1_577_836_800_000_000 + (i % changes) * 13 * 86_400_000_000 + (i / changes) % 86_400);
    let time = TimestampMicrosecondArray::from_iter_values(time).with_timezone("UTC");
    let amount = Int64Array::from_iter_values(at.iter().map(|i| (i % 97) * 100));
    RecordBatch::try_from_iter([
        ("customer_id", text(&|i| format!("cus_{:09}", i / changes))),
        ("subscription_id", text(&|i| format!("sub_{:09}_{}", i / changes, i % changes / 8))),
        ("effective_at", Arc::new(time) as ArrayRef),
        ("status", pick(&["active", "active", "past_due", "canceled"], 1)),
        ("amount_minor", Arc::new(amount) as ArrayRef),
        ("currency", pick(&["EUR", "USD", "GBP", "JPY"], 12)),
        ("interval", pick(&["month", "year"], 3)),
        ("plan", pick(&["Starter", "Team", "Business", "Enterprise plan"], 5)),
        ("change_id", text(&|i| format!("chg_{i:012}"))),
        ("_source", pick(&["file:subscriptions.csv"], 1)),
        ("_origin", text(&|i| format!("0123456789abcdef:{i}"))),
    ])
    .expect("columns of one length")
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<i64>().expect("a number"));
    let (customers, changes) = (args.next().unwrap_or(250_000), args.next().unwrap_or(12));
    let total = customers * changes;
    let size = 16_384;
    for shuffled in [false, true] {
        let dir = tempfile::tempdir_in(".").expect("tempdir");
        let options = LakeOptions::new(Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)));
        let lake = Lake::open(dir.path(), options).await.expect("open");
        let batches: Vec<RecordBatch> = (0..total)
            .step_by(size)
            .map(|first| batch(customers, changes, first, (size as i64).min(total - first), shuffled))
            .collect();
        for round in ["first import", "same again"] {
            let start = Instant::now();
            let writer = lake.bulk(TABLE).expect("bulk");
            std::thread::scope(|scope| {
                for half in batches.chunks(batches.len().div_ceil(2)) {
                    let writer = &writer;
                    scope.spawn(move || half.iter().for_each(|batch| writer.write(batch).expect("write")));
                }
            });
            let written = start.elapsed();
            let summary = writer.finish().await.expect("finish");
            report(&format!("{round}, shuffled {shuffled}, write {written:.2?}, {summary:?}"), start, total);
        }
        for sql in [
            format!("SELECT count(*), sum(amount_minor) FROM {TABLE}"),
            format!("SELECT count(DISTINCT customer_id) FROM {TABLE}"),
        ] {
            scan(&lake, &sql, total).await;
        }
        let start = Instant::now();
        let one = batch(customers, changes, 77, 1, shuffled);
        lake.append(TABLE, one.clone()).await.expect("append");
        println!("append of a row that is there: {:.2?}", start.elapsed());
        let names = ["customer_id", "effective_at", "subscription_id"];
        let columns = names.map(|name| (name, Arc::clone(one.column_by_name(name).expect("column"))));
        let start = Instant::now();
        lake.append(TABLE, RecordBatch::try_from_iter(columns).expect("batch")).await.expect("append");
        println!("append of a new row: {:.2?}", start.elapsed());
        scan(&lake, &format!("SELECT count(*), sum(amount_minor) FROM {TABLE}"), total).await;
    }
}

async fn scan(lake: &Lake, sql: &str, total: i64) {
    let context = SessionContext::new_with_config(SessionConfig::new().with_batch_size(8192));
    context.register_table(TABLE, lake.provider(TABLE).expect("table")).expect("register");
    let start = Instant::now();
    context.sql(sql).await.expect("sql").collect().await.expect("collect");
    report(sql, start, total);
}

fn report(what: &str, start: Instant, total: i64) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.2} s, {:.2} million rows/s", total as f64 / seconds / 1e6);
}
