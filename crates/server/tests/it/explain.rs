//! Explanations add up.

use crate::support::{CHANGES, Server};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn splits_and_parts_add_up_to_the_change() {
    let server = Server::start().await;
    server.imported("subs.csv", CHANGES, &[("table", "subscription_changes")]).await;
    let explained = server.get("/explain?metric=mrr&period=2026-02&by=plan").await;
    assert_eq!((&explained["before"], &explained["after"]), (&json!(150.0), &json!(210.0)), "{explained:#}");
    assert_eq!(explained["change"], json!(60.0));
    let split = &explained["by"][0];
    assert_eq!((&split["dimension"], &split["sum"]), (&json!("plan"), &json!(60.0)), "{explained:#}");

    let ratio = server.get("/explain?metric=arpa&period=2026-02&by=plan").await;
    let change = ratio["change"].as_f64().unwrap();
    let sum: f64 = ratio["by"][0]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["mix"].as_f64().unwrap() + row["rate"].as_f64().unwrap())
        .sum();
    assert!((sum - change).abs() < 0.02, "{ratio:#}");
    assert!(!ratio["tree"]["children"].as_array().unwrap().is_empty(), "{ratio:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_changes_have_a_cause() {
    let server = Server::start().await;
    server.imported("subs.csv", CHANGES, &[("table", "subscription_changes")]).await;
    let changes = server.get("/changes?grain=month").await;
    assert_eq!(changes["period"], "2026-02", "{changes:#}");
    let mrr = changes["changes"].as_array().unwrap().iter().find(|c| c["metric"] == "mrr").unwrap();
    assert_eq!(mrr["change"], json!(60.0), "{changes:#}");
    assert!(mrr["cause"].is_object(), "{changes:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_beside_a_cause_are_those_of_the_change() {
    let server = Server::start().await;
    let mut subs =
        "customer_id,subscription_id,effective_at,status,amount,currency,interval,plan\n".to_owned();
    let mut customers = "customer_id,country\n".to_owned();
    for n in 0..12 {
        let plan = if n < 8 { "Pro" } else { "Team" };
        subs += &format!("c{n},s{n},2025-1{}-05,active,100.00,USD,month,{plan}\n", n % 2);
        customers += &format!("c{n},{}\n", if n < 5 { "DE" } else { "US" });
    }
    // In February three of Pro leave and two others of Pro grow; one of Team grows and falls back.
    for n in 0..3 {
        subs += &format!("c{n},s{n},2026-02-1{n},canceled,0,USD,month,Pro\n");
    }
    // One of Team leaves too: a segment is a cause only where there are others.
    subs += "c10,s10,2026-02-12,canceled,0,USD,month,Team\n";
    subs += "c3,s3,2026-02-03,active,110.00,USD,month,Pro\nc4,s4,2026-02-03,active,110.00,USD,month,Pro\n";
    subs += "c9,s9,2026-02-03,active,150.00,USD,month,Team\nc9,s9,2026-02-20,active,100.00,USD,month,Team\n";
    server.imported("customers.csv", &customers, &[("table", "customers")]).await;
    server.imported("subs.csv", &subs, &[("table", "subscription_changes")]).await;
    let changes = server.get("/changes?grain=month&period=2026-02").await;
    let cause = |metric: &str| {
        let all = changes["changes"].as_array().unwrap();
        let found = all.iter().find(|change| change["metric"] == metric);
        found.unwrap_or_else(|| panic!("{metric}: {changes:#}"))["cause"].clone()
    };
    // Churn: the three who left, not all who moved.
    let churn = cause("churn_mrr");
    assert_eq!(churn["customers"], json!(3), "{churn:#}");
    // MRR: everyone of the segment whose amount there changed over the month.
    let mrr = cause("mrr");
    assert_eq!((&mrr["customers"], &mrr["value"]), (&json!(5), &json!("Pro")), "{mrr:#}");
}
