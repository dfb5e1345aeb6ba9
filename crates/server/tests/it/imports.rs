//! Files by HTTP: looked at, imported, corrected, replayed.

use crate::support::{CHANGES, Server};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_and_writes_nothing() {
    let server = Server::start().await;
    let content = format!("{CHANGES}d,d1,someday,active,1,USD,month,Pro\n");
    let (status, preview) =
        server.import("subs.csv", &content, &[("dry_run", "true"), ("table", "subscription_changes")]).await;
    assert_eq!(status, 200, "{preview:#}");
    assert_eq!(preview["table"], "subscription_changes");
    let mapping = preview["mapping"].as_array().unwrap();
    assert!(
        mapping.iter().any(|m| m["field"] == "customer_id" && m["column"] == "customer_id"),
        "{preview:#}"
    );
    assert_eq!(preview["rejects"][0]["line"], json!(7), "{preview:#}");
    assert!(!preview["sample"].as_array().unwrap().is_empty());
    assert_eq!(server.get("/imports").await["imports"], json!([]));
    assert_eq!(server.get("/workspace").await["tables"]["subscription_changes"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_changes_nothing_and_a_corrected_one_corrects() {
    let server = Server::start().await;
    let fields = [("table", "subscription_changes")];
    let first = server.imported("subs.csv", CHANGES, &fields).await;
    assert_eq!((&first["rows_read"], &first["taken"]), (&json!(5), &json!(5)), "{first:#}");
    let again = server.imported("subs.csv", CHANGES, &fields).await;
    assert_eq!((&again["taken"], &again["unchanged"]), (&json!(0), &json!(5)), "{again:#}");
    let corrected = CHANGES.replace("80.00", "90.00");
    let third = server.imported("subs.csv", &corrected, &fields).await;
    assert_eq!((&third["replaced"], &third["unchanged"]), (&json!(1), &json!(4)), "{third:#}");
    let answer = server.get("/query?metrics=mrr&at=2026-02-28").await;
    assert_eq!(answer["series"][0]["values"], json!([220.0]));
    assert_eq!(server.get("/imports").await["imports"].as_array().unwrap().len(), 3);
    assert!(server.folder.path().join("raw").read_dir().unwrap().count() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_table_is_refused() {
    let server = Server::start().await;
    let (status, error) =
        server.import("x.csv", "a,b\n1,2\n", &[("dry_run", "true"), ("table", "customres")]).await;
    assert_eq!(status, 422, "{error:#}");
    let (status, error) = server.import("x.csv", CHANGES, &[("decimals", "comma")]).await;
    assert_eq!((status.as_u16(), &error["error"]["param"]), (400, &json!("decimals")), "{error:#}");
}
