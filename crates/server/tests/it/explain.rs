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
