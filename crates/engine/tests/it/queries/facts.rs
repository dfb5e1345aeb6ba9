use burgeon_engine::Engine;
use burgeon_engine::plan::sql::SqlLimits;
use datafusion::arrow::util::pretty::pretty_format_batches;
use serde_json::json;

use super::source::Records;
use super::{change, change_in, engine_at};

const NOW: &str = "2026-03-01T00:00:00Z";

/// The answer as lines of values between bars, without the frame.
pub async fn table(engine: &Engine, text: &str) -> String {
    let result = engine.sql(text, SqlLimits::default()).await.unwrap();
    let lines: Vec<String> = pretty_format_batches(&result.batches)
        .unwrap()
        .to_string()
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(","))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn movements_by_hand() {
    let records = Records::new(4);
    records.put(
        "subscription_changes",
        [
            change("a", "a1", "2026-01-01", "active", 5000, "Pro"),
            change("a", "a1", "2026-01-10", "canceled", 0, "Pro"),
            change("a", "a1", "2026-02-01", "active", 5000, "Pro"),
            change_in("b", "b1", "2026-01-05", "active", 96_000, "Max", "EUR", "year"),
            change_in("b", "b1", "2026-04-05", "canceled", 0, "Max", "EUR", "year"),
        ],
    );
    let engine = engine_at(&records, NOW).await;
    let text = "SELECT customer_id, period_start(at, 'month') AS month, movement, major(amount_parts, currency) AS mrr, \
                currency, \"interval\", scheduled FROM mrr_movements ORDER BY customer_id, at";
    insta::assert_snapshot!(table(&engine, text).await, @r"
    customer_id,month,movement,mrr,currency,interval,scheduled
    a,2026-01-01,new,50.000000,USD,month,false
    a,2026-01-01,churn,-50.000000,USD,month,false
    a,2026-02-01,reactivation,50.000000,USD,month,false
    b,2026-01-01,new,80.000000,EUR,year,false
    b,2026-04-01,churn,-80.000000,EUR,year,true
    ");
}

#[tokio::test]
async fn a_loss_takes_its_reason_from_the_nearest_cancellation() {
    let records = Records::new(4);
    let mut involuntary = change("d", "d1", "2026-02-08", "unpaid", 0, "Pro");
    involuntary["reason"] = json!("");
    records.put(
        "subscription_changes",
        [
            change("a", "a1", "2026-01-05", "active", 5000, "Pro"),
            change("b", "b1", "2026-01-05", "active", 3000, "Pro"),
            change("c", "c1", "2026-01-05", "active", 2000, "Pro"),
            change("d", "d1", "2026-01-05", "active", 9000, "Pro"),
            change("a", "a1", "2026-02-05", "canceled", 0, "Pro"),
            change("b", "b1", "2026-02-06", "canceled", 0, "Pro"),
            change("c", "c1", "2026-02-07", "canceled", 0, "Pro"),
            involuntary,
        ],
    );
    records.put(
        "cancellations",
        [
            json!({"cancellation_id": "1", "customer_id": "a", "at": "2026-02-04", "reason": "price"}),
            json!({"cancellation_id": "2", "customer_id": "a", "at": "2026-01-20", "reason": "other"}),
            json!({"cancellation_id": "3", "customer_id": "b", "at": "2026-02-06", "reason": "interface"}),
            json!({"cancellation_id": "4", "customer_id": "d", "at": "2026-02-06", "reason": "price"}),
        ],
    );
    let engine = engine_at(&records, NOW).await;
    let text =
        "SELECT customer_id, reason, major(amount_parts, currency) AS mrr FROM churns ORDER BY customer_id";
    insta::assert_snapshot!(table(&engine, text).await, @r"
    customer_id,reason,mrr
    a,price,-50.000000
    b,interface,-30.000000
    c,unknown,-20.000000
    d,involuntary,-90.000000
    ");
}

#[tokio::test]
async fn renewals_fall_due_at_the_end_of_each_term() {
    let records = Records::new(4);
    let year = |customer: &str, at: &str, status: &str, amount: i64| {
        change_in(customer, &format!("{customer}1"), at, status, amount, "Pro", "USD", "year")
    };
    records.put(
        "subscription_changes",
        [
            year("a", "2024-02-10", "active", 12_000),
            year("b", "2025-02-12", "active", 24_000),
            year("b", "2026-02-12", "canceled", 0),
            year("c", "2025-02-14", "active", 36_000),
            year("c", "2025-08-14", "active", 48_000),
            year("c", "2026-02-14", "active", 24_000),
            change("d", "d1", "2025-02-14", "active", 1000, "Pro"),
        ],
    );
    let engine = engine_at(&records, NOW).await;
    let text = "SELECT customer_id, due_at, renewed, major(due_parts, currency) AS due, \
                major(renewed_parts, currency) AS won FROM renewals WHERE due_at < '2026-03-01' \
                ORDER BY customer_id, due_at";
    insta::assert_snapshot!(table(&engine, text).await, @r"
    customer_id,due_at,renewed,due,won
    a,2025-02-10T00:00:00Z,true,10.000000,10.000000
    a,2026-02-10T00:00:00Z,true,10.000000,10.000000
    b,2026-02-12T00:00:00Z,false,20.000000,0.000000
    c,2026-02-14T00:00:00Z,true,40.000000,20.000000
    ");
}

#[tokio::test]
async fn revenue_is_earned_by_the_day() {
    let records = Records::new(4);
    let line = |id: &str, kind: &str, amount: i64, at: &str, from: Option<&str>, to: Option<&str>| {
        json!({"line_id": id, "invoice_id": "i", "customer_id": "a", "at": at, "kind": kind, "currency": "USD",
            "amount_minor": amount, "period_start": from, "period_end": to})
    };
    records.put(
        "invoice_lines",
        [
            line("1", "subscription", 36_500, "2026-01-01", Some("2026-01-01"), Some("2027-01-01")),
            line("2", "one_off", 50_000, "2026-02-03", None, None),
            line("3", "usage", 1250, "2026-02-05", None, None),
        ],
    );
    records.put(
        "credit_notes",
        [json!({"credit_note_id": "n", "customer_id": "a", "at": "2026-02-20", "currency": "USD", "amount_minor": 100})],
    );
    let engine = engine_at(&records, NOW).await;
    let text = "SELECT period_start(at, 'month') AS month, kind, major(sum(amount_parts), 'USD') AS revenue \
                FROM recognised_revenue WHERE at < '2026-03-01' GROUP BY 1, 2 ORDER BY 1, 2";
    insta::assert_snapshot!(table(&engine, text).await, @r"
    month,kind,revenue
    2026-01-01,subscription,31.000000
    2026-02-01,credit_note,-1.000000
    2026-02-01,one_off,500.000000
    2026-02-01,subscription,28.000000
    2026-02-01,usage,12.500000
    ");
    assert_eq!(table(&engine, "SELECT sum(amount_minor) AS n FROM usage_revenue").await, "n\n1250");
}

#[tokio::test]
async fn cash_and_costs() {
    let records = Records::new(4);
    let payment = |id: &str, status: &str, amount: i64| {
        json!({"payment_id": id, "customer_id": "a", "at": "2026-02-05", "status": status, "currency": "USD",
            "amount_minor": amount})
    };
    records.put("payments", [payment("1", "succeeded", 10_000), payment("2", "failed", 4000)]);
    records.put(
        "refunds",
        [json!({"refund_id": "r", "customer_id": "a", "at": "2026-02-20", "currency": "USD", "amount_minor": 2500})],
    );
    records.put(
        "costs",
        [json!({"cost_id": "1", "date": "2026-01-10", "kind": "marketing", "amount_minor": 150_000, "currency": "USD"})],
    );
    let engine = engine_at(&records, NOW).await;
    insta::assert_snapshot!(
        table(&engine, "SELECT kind, sum(amount_minor) AS amount FROM cash GROUP BY kind ORDER BY kind").await,
        @r"
    kind,amount
    payment,10000
    refund,-2500
    "
    );
    assert_eq!(
        table(&engine, "SELECT kind, amount_minor FROM costs").await,
        "kind,amount_minor\nmarketing,150000"
    );
    assert_eq!(table(&engine, "SELECT count(*) AS n FROM records.costs").await, "n\n1");
}

#[tokio::test]
async fn every_column_of_a_fact_is_known() {
    let engine = engine_at(&Records::new(4), NOW).await;
    let names: Vec<&str> = engine.facts().iter().map(|f| f.file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "mrr_movements",
            "churns",
            "renewals",
            "cash",
            "recognised_revenue",
            "usage_revenue",
            "costs",
            "acquisitions"
        ]
    );
    for fact in engine.facts() {
        assert!(!fact.file.doc.is_empty(), "{}", fact.file.name);
        assert!(fact.columns.iter().any(|c| c.name == fact.file.time));
    }
}
