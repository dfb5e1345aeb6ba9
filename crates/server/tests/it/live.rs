//! A write is told to the open pages within a second.

use crate::support::Server;
use axum::body::Body;
use axum::http::Request;
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_write_becomes_an_event() {
    let server = Server::start().await;
    let response = server.send(Request::get("/api/v1/live").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    let hello = events.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&hello).starts_with("event: hello"), "{hello:?}");
    let row = json!([{"customer_id": "a", "subscription_id": "a1", "effective_at": "2026-01-05", "status": "active",
        "amount": "10", "currency": "USD", "interval": "month"}]);
    server.post("/records/subscription_changes", row).await;
    let event = tokio::time::timeout(Duration::from_secs(1), events.next()).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8_lossy(&event).into_owned();
    assert!(text.starts_with("event: change"), "{text}");
    assert!(text.contains("\"mrr\"") && text.contains("subscription_changes"), "{text}");
    assert!(!text.contains("\"costs\""), "costs do not depend on subscriptions: {text}");
}
