//! The lake from outside: durability, idempotence, order, faults.

mod basics;
mod faults;
mod order;
mod raw;
mod scans;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use burgeon_engine::lake::{Lake, LakeOptions};
use burgeon_testkit::clock;
use datafusion::prelude::{SessionConfig, SessionContext};

/// The table most tests write to.
pub const TABLE: &str = "subscription_changes";

/// One row of a test: enough to identify a change and to see which version of it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub customer: String,
    pub subscription: String,
    pub at: i64,
    pub amount: i64,
}

pub fn row(customer: &str, subscription: &str, at: i64, amount: i64) -> Row {
    Row { customer: customer.into(), subscription: subscription.into(), at, amount }
}

/// `n` rows spread over customers, with times that do not arrive in order.
pub fn rows(n: i64) -> Vec<Row> {
    (0..n)
        .map(|i| row(&format!("cus_{:04}", i * 7 % (n / 4 + 1)), &format!("sub_{i}"), (i * 7919) % 1000, i))
        .collect()
}

pub fn batch(rows: &[Row]) -> RecordBatch {
    versioned(&rows.iter().map(|row| (row.clone(), None, false)).collect::<Vec<_>>())
}

/// Rows that say where they came from.
pub fn from_source(rows: &[Row], source: &str) -> RecordBatch {
    let plain = batch(rows);
    let mut columns: Vec<(String, ArrayRef, bool)> = plain
        .schema()
        .fields()
        .iter()
        .zip(plain.columns())
        .map(|(field, column)| (field.name().clone(), Arc::clone(column), true))
        .collect();
    let source = StringViewArray::from_iter_values(rows.iter().map(|_| source));
    columns.push(("_source".into(), Arc::new(source), true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

/// Rows with their own version and deletions.
pub fn versioned(rows: &[(Row, Option<i64>, bool)]) -> RecordBatch {
    let text = |f: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(|(row, ..)| f(row))))
    };
    let at =
        TimestampMicrosecondArray::from_iter_values(rows.iter().map(|(row, ..)| row.at)).with_timezone("UTC");
    let amount: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|(row, ..)| row.amount)));
    let seq: ArrayRef = Arc::new(Int64Array::from_iter(rows.iter().map(|(_, seq, _)| *seq)));
    let deleted: ArrayRef =
        Arc::new(BooleanArray::from_iter(rows.iter().map(|(.., deleted)| Some(*deleted))));
    RecordBatch::try_from_iter_with_nullable([
        ("effective_at", Arc::new(at) as ArrayRef, true),
        ("customer_id", text(&|row| row.customer.clone()), true),
        ("subscription_id", text(&|row| row.subscription.clone()), true),
        ("status", text(&|_| "active".into()), true),
        ("currency", text(&|_| "EUR".into()), true),
        ("amount_minor", amount, true),
        ("_seq", seq, true),
        ("_deleted", deleted, true),
    ])
    .expect("columns of one length")
}

pub fn options() -> LakeOptions {
    LakeOptions { buckets: 4, threads: 2, ..LakeOptions::new(Arc::new(clock("2026-01-01T00:00:00Z"))) }
}

pub async fn open(dir: &Path) -> Lake {
    Lake::open(dir, options()).await.expect("the lake opens")
}

/// A session that would split and shuffle if it were allowed to.
pub fn session(lake: &Lake) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(4).with_batch_size(100);
    let context = SessionContext::new_with_config(config);
    for table in lake.tables() {
        context.register_table(table, lake.provider(table).expect("known table")).expect("registers");
    }
    context
}

pub fn decode(batch: &RecordBatch) -> Vec<Row> {
    let text = |name: &str| batch.column_by_name(name).expect("column").as_string_view();
    let at = batch.column_by_name("effective_at").expect("column").as_primitive::<TimestampMicrosecondType>();
    let amount = batch.column_by_name("amount_minor").expect("column").as_primitive::<Int64Type>();
    (0..batch.num_rows())
        .map(|i| {
            row(text("customer_id").value(i), text("subscription_id").value(i), at.value(i), amount.value(i))
        })
        .collect()
}

/// All rows as a query sees them, partition by partition.
pub async fn partitions(lake: &Lake) -> Vec<Vec<Row>> {
    let context = session(lake);
    let frame = context.table(TABLE).await.expect("table");
    let parts = frame.collect_partitioned().await.expect("scan");
    parts.iter().map(|part| part.iter().flat_map(decode).collect()).collect()
}

/// All rows, sorted; checks on the way that every partition is in order and has its customers alone.
pub async fn content(lake: &Lake) -> Vec<Row> {
    let mut owner: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for (at, part) in partitions(lake).await.into_iter().enumerate() {
        for pair in part.windows(2) {
            let order = (&pair[0].customer, pair[0].at).cmp(&(&pair[1].customer, pair[1].at));
            assert!(order.is_le(), "partition {at} is out of order: {pair:?}");
        }
        for row in &part {
            assert_eq!(*owner.entry(row.customer.clone()).or_insert(at), at, "{} is split", row.customer);
        }
        all.extend(part);
    }
    all.sort();
    all
}

pub fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

/// Number of commits of a table.
pub fn commits(dir: &Path, table: &str) -> usize {
    std::fs::read_dir(dir.join("lake").join(table).join("_delta_log")).map_or(0, |entries| {
        entries.flatten().filter(|entry| entry.path().extension().is_some_and(|ext| ext == "json")).count()
    })
}

/// Content versions of all buckets.
pub fn versions(lake: &Lake) -> Vec<u64> {
    (0..lake.buckets(TABLE)).map(|bucket| lake.bucket_version(TABLE, bucket)).collect()
}
