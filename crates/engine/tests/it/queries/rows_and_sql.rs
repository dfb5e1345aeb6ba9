use std::time::Duration;

use arrow::array::AsArray;
use burgeon_engine::EngineError;
use burgeon_engine::plan::sql::SqlLimits;
use burgeon_metrics::base::{Aggregate, BaseMeasure};

use super::source::Records;
use super::{change, engine_at, months, request};

const NOW: &str = "2026-06-01T00:00:00Z";

#[tokio::test]
async fn rows_lead_back_to_their_records() {
    let records = Records::new(4);
    for i in 0..30 {
        let customer = format!("c{i:02}");
        let at = format!("2025-01-{:02}", 1 + i % 28);
        records.put("subscription_changes", [change(&customer, "s", &at, "active", 1000, "Pro")]);
    }
    let engine = engine_at(&records, NOW).await;
    let mut r = request(
        BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some("amount_parts".into()) },
        months(1, false),
    );
    r.filter = Some("movement = 'new' and not scheduled".into());
    let (first, second) = (engine.rows(&r, 20, 0).await.unwrap(), engine.rows(&r, 20, 20).await.unwrap());
    assert_eq!((first.total, first.rows.num_rows(), second.rows.num_rows()), (30, 20, 10));
    let customers = first.rows.column_by_name("customer_id").unwrap().as_string_view();
    let record = first.records[0].clone().unwrap();
    assert_eq!((record.table.as_str(), record.entity.as_str()), ("subscription_changes", customers.value(0)));
    let mut keys: Vec<u64> =
        first.records.iter().chain(&second.records).map(|r| r.clone().unwrap().key).collect();
    keys.sort_unstable();
    assert_eq!(keys, (1..=30).collect::<Vec<u64>>());
}

#[tokio::test]
async fn sql_only_reads() {
    let engine = engine_at(&Records::new(4), NOW).await;
    for text in [
        "CREATE TABLE t (a INT)",
        "DROP TABLE customers",
        "INSERT INTO customers VALUES ('a')",
        "DELETE FROM customers",
        "COPY customers TO '/tmp/x'",
        "SET datafusion.execution.batch_size = 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'",
        "EXPLAIN ANALYZE INSERT INTO customers VALUES ('a')",
    ] {
        let error = engine.sql(text, SqlLimits::default()).await.unwrap_err();
        assert!(matches!(error, EngineError::ReadOnly(_) | EngineError::Query(_)), "{text}: {error}");
    }
    let error = engine.sql("DROP TABLE customers", SqlLimits::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "only SELECT is allowed here, not DROP TABLE; records change by import or POST /api/v1/records"
    );
    let result = engine
        .sql("SELECT * FROM generate_series(1, 100000)", SqlLimits { rows: 10, ..SqlLimits::default() })
        .await
        .unwrap();
    assert!(result.truncated);
    assert_eq!(result.batches.iter().map(|b| b.num_rows()).sum::<usize>(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_is_stopped_when_it_takes_too_long() {
    let engine = engine_at(&Records::new(4), NOW).await;
    let text = "SELECT sum(value % 7) FROM generate_series(1, 1000000000000)";
    let limits = SqlLimits { time: Duration::from_millis(200), ..SqlLimits::default() };
    let error = engine.sql(text, limits).await.unwrap_err();
    assert!(matches!(error, EngineError::Timeout(_)), "{error}");
}
