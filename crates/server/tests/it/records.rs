//! Records are written, asked about, opened down to their source.

use crate::support::{CHANGES, Server};
use serde_json::json;

fn change(customer: &str, at: &str, amount: &str) -> serde_json::Value {
    json!({"customer_id": customer, "subscription_id": format!("{customer}1"), "effective_at": at,
        "status": "active", "amount": amount, "currency": "USD", "interval": "month", "plan": "Pro"})
}

#[tokio::test(flavor = "multi_thread")]
async fn written_records_are_seen_at_once_and_written_once() {
    let server = Server::start().await;
    let rows = json!([change("a", "2026-01-05", "100.00"), change("b", "2026-02-01", "20.50")]);
    let (status, written) = server.post("/records/subscription_changes", rows.clone()).await;
    assert_eq!(status, 200, "{written:#}");
    assert_eq!((&written["accepted"], &written["unchanged"]), (&json!(2), &json!(0)), "{written:#}");
    let (_, again) = server.post("/records/subscription_changes", json!({ "rows": rows })).await;
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &json!(2)), "{again:#}");

    let answer = server.get("/query?metrics=mrr,customers&from=2026-01&to=2026-03").await;
    let labels: Vec<_> = answer["periods"].as_array().unwrap().iter().map(|p| p["label"].clone()).collect();
    assert_eq!(labels, ["2026-01", "2026-02", "2026-03"]);
    assert_eq!(answer["series"][0]["values"], json!([100.0, 120.5, 120.5]), "{answer:#}");
    assert_eq!(answer["series"][1]["values"], json!([1.0, 2.0, 2.0]));
    assert_eq!(answer["periods"][2]["complete"], json!(false));
    assert_eq!(answer["data_through"], "2026-02-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_say_up_to_when_data_reach_whatever_came_last() {
    let server = Server::start().await;
    let through =
        async || server.get("/query?metrics=mrr&from=2026-03&to=2026-03").await["data_through"].clone();
    assert_eq!(through().await, json!(null));
    let view = |id: &str, at: &str| json!({"events": [{"event_id": id, "event": "page_view", "distinct_id": "ann", "at": at}]});
    for (path, row, wanted) in [
        (
            "/records/subscription_changes",
            json!([change("a", "2026-02-01", "20.50")]),
            "2026-02-01T00:00:00Z",
        ),
        ("/events", view("1", "2026-02-10T08:00:00Z"), "2026-02-10T08:00:00Z"),
        (
            "/records/subscription_changes",
            json!([change("b", "2026-01-05", "20.50")]),
            "2026-02-10T08:00:00Z",
        ),
        (
            "/records/cancellations",
            json!([{"cancellation_id": "1", "customer_id": "a", "at": "2026-02-20T00:00:00Z"}]),
            "2026-02-20T00:00:00Z",
        ),
        (
            "/records/subscription_changes",
            json!([change("c", "2026-03-01", "20.50")]),
            "2026-03-01T00:00:00Z",
        ),
        (
            "/records/subscription_changes",
            json!([change("d", "2027-03-01", "20.50")]),
            "2026-03-01T00:00:00Z",
        ),
        ("/events", view("2", "2026-03-02T08:00:00Z"), "2026-03-02T08:00:00Z"),
    ] {
        assert_eq!(server.post(path, row.clone()).await.0, 200);
        assert_eq!(through().await, wanted, "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_read_are_counted_and_kept() {
    let server = Server::start().await;
    let rows = json!([change("a", "2026-01-05", "100.00"), change("b", "yesterday", "20.50")]);
    let (status, written) = server.post("/records/subscription_changes", rows).await;
    assert_eq!(status, 200, "{written:#}");
    assert_eq!(written["accepted"], json!(1), "{written:#}");
    assert_eq!(written["rejected"][0]["row"], json!(2), "{written:#}");
    let rejects = server.get("/rejects").await;
    assert_eq!(rejects["total"], json!(1), "{rejects:#}");
    assert!(rejects["rejects"][0]["bytes"].as_str().unwrap().contains("yesterday"), "{rejects:#}");

    let (status, error) = server.post("/records/subscription_chages", json!([])).await;
    assert_eq!(status, 404);
    assert!(error["error"]["mend"].as_str().unwrap().contains("subscription_changes"), "{error:#}");
    let (status, _) = server.post("/records/subscription_changes", json!(7)).await;
    assert_eq!(status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_opens_down_to_its_line() {
    let server = Server::start().await;
    let done = server.imported("subs.csv", CHANGES, &[("table", "subscription_changes")]).await;
    assert_eq!(done["state"], "done", "{done:#}");
    let page = server.get("/rows?metric=expansion_mrr&period=2026-02").await;
    assert_eq!(page["total"], json!(1), "{page:#}");
    assert_eq!(page["sum"], json!(30.0));
    let record = &page["rows"][0]["record"];
    let path = format!(
        "/records/{}/{}/{}",
        record["table"].as_str().unwrap(),
        record["entity"].as_str().unwrap(),
        record["key"].as_str().unwrap()
    );
    let detail = server.get(&path).await;
    assert_eq!(detail["record"]["customer_id"], "a");
    assert_eq!(detail["source"]["file"], "subs.csv", "{detail:#}");
    assert_eq!(detail["source"]["line"], json!(4));
    assert!(detail["source"]["raw"].to_string().contains("130.00"), "{detail:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_and_one_of_them() {
    let server = Server::start().await;
    server.imported("subs.csv", CHANGES, &[("table", "subscription_changes")]).await;
    let page = server.get("/customers").await;
    assert_eq!(page["total"], json!(3), "{page:#}");
    assert_eq!(page["customers"][0]["customer_id"], "a");
    assert_eq!(page["customers"][0]["mrr"], json!(130.0));
    assert_eq!(page["customers"][2]["status"], "churned");
    let one = server.get("/customers/b").await;
    assert_eq!(one["mrr"][1]["amount"], json!(0.0), "{one:#}");
    let kinds: Vec<_> =
        one["timeline"].as_array().unwrap().iter().map(|h| h["title_key"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"movement.churn") && kinds.contains(&"movement.new"), "{kinds:?}");
    let (status, _) = server.try_get("/customers/nobody").await;
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_name_the_nearest_right_one() {
    let server = Server::start().await;
    let (status, error) = server.try_get("/query?metrics=mmr").await;
    assert_eq!(status, 400, "{error:#}");
    assert!(error.to_string().contains("mrr"), "{error:#}");
    let (status, error) = server.try_get("/query?metrics=mrr&grian=month").await;
    assert_eq!((status.as_u16(), &error["error"]["param"]), (400, &json!("grian")));
    let (status, error) = server.try_get("/metrics/mmr").await;
    assert_eq!(status, 404, "{error:#}");
    let (status, error) = server.try_get("/nothing").await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (404, &json!("no_such_path")));
    let (status, error) = server.try_get("/query?metrics=mrr&by=plam").await;
    assert_eq!(status, 400);
    assert!(error.to_string().contains("plan"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_recompute_history() {
    let server = Server::start().await;
    server.imported("subs.csv", CHANGES, &[("table", "subscription_changes")]).await;
    let before = server.get("/query?metrics=mrr&at=2026-02-28").await;
    let settings = server.get("/settings").await;
    assert!(settings["settings"].as_array().unwrap().len() > 5, "{settings:#}");
    let names: Vec<_> =
        settings["settings"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"timezone"), "{names:?}");
    server.workspace.set_setting("timezone", "Pacific/Auckland", "test").await.unwrap();
    let after = server.get("/query?metrics=mrr&at=2026-02-28").await;
    assert_eq!(after["timezone"], "Pacific/Auckland");
    assert_ne!(before["rule_version"], after["rule_version"]);
    let error = server.workspace.set_setting("timezone", "Mars", "test").await.unwrap_err();
    assert!(error.message.contains("Mars"), "{error}");
}
