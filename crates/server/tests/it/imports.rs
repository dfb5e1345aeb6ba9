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

const HEAD: &str = "invoice_id,customer_id,issued_at,status,currency,total\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_corrected_file_lost_is_said_and_removed_on_demand() {
    let server = Server::start().await;
    let (head, table) = (HEAD, [("table", "invoices")]);
    let first =
        "i1,a,2026-01-05,paid,USD,10.00\ni2,a,2026-01-06,paid,USD,20.00\ni3,b,2026-01-07,paid,USD,30.00\n";
    let other = "i9,c,2026-01-09,paid,USD,90.00\n";
    server.imported("invoices.csv", &format!("{head}{first}"), &table).await;
    server.imported("other.csv", &format!("{head}{other}"), &table).await;
    // i1 vanished, i3 belongs to another customer.
    let corrected = format!("{head}i2,a,2026-01-06,paid,USD,20.00\ni3,d,2026-01-07,paid,USD,30.00\n");
    let told = server.imported("invoices.csv", &corrected, &table).await;
    assert_eq!((&told["taken"], &told["unchanged"]), (&json!(1), &json!(1)), "{told:#}");
    assert_eq!((&told["missing"], &told["removed"]), (&json!(2), &json!(0)), "{told:#}");
    let rows = || async { server.get("/workspace").await["tables"]["invoices"].clone() };
    assert_eq!(rows().await, json!(5));
    // A row that cannot be read may be one of them: nothing is removed.
    let broken = format!("{corrected}i1,a,someday,paid,USD,10.00\n");
    let replace = [("table", "invoices"), ("replace", "true")];
    let kept = server.imported("invoices.csv", &broken, &replace).await;
    assert_eq!((&kept["rejected"], &kept["missing"]), (&json!(1), &json!(2)), "{kept:#}");
    assert_eq!((rows().await, &kept["removed"]), (json!(5), &json!(0)));
    let done = server.imported("invoices.csv", &corrected, &replace).await;
    assert_eq!((&done["missing"], &done["removed"]), (&json!(0), &json!(2)), "{done:#}");
    assert_eq!(rows().await, json!(3), "the other file's row stays");
    // The ledger remembers.
    let list = server.get("/imports").await;
    let newest = &list["imports"][0];
    assert_eq!((&newest["file"], &newest["removed"]), (&json!("invoices.csv"), &json!(2)), "{list:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_start_is_no_second_subscription() {
    let server = Server::start().await;
    let table = [("table", "subscription_changes"), ("replace", "true")];
    let head = "customer_id,subscription_id,effective_at,status,amount,currency,interval\n";
    server.imported("subs.csv", &format!("{head}a,a1,2026-01-05,active,100.00,USD,month\n"), &table).await;
    let moved = format!("{head}a,a1,2026-02-05,active,100.00,USD,month\n");
    let done = server.imported("subs.csv", &moved, &table).await;
    assert_eq!((&done["taken"], &done["removed"]), (&json!(1), &json!(1)), "{done:#}");
    let answer = server.get("/query?metrics=new_mrr&from=2026-01&to=2026-02").await;
    assert_eq!(answer["series"][0]["values"], json!([0.0, 100.0]), "{answer:#}");
    // A shape of several tables: a table of which the file has nothing any more is looked at too.
    let charges = "id,customer_id,created,status,currency,amount,amount_refunded\n";
    let shape = [("table", "stripe_charges"), ("replace", "true")];
    let refunded = format!("{charges}ch_1,a,2026-01-05 10:00,paid,usd,100.00,40.00\n");
    server.imported("charges.csv", &refunded, &shape).await;
    assert_eq!(server.get("/workspace").await["tables"]["refunds"], json!(1));
    let done = server.imported("charges.csv", &refunded.replace("40.00", "0.00"), &shape).await;
    assert_eq!((&done["removed"], &done["unchanged"]), (&json!(1), &json!(1)), "{done:#}");
    assert_eq!(server.get("/workspace").await["tables"]["refunds"], json!(0));
}
