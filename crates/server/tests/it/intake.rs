//! Events of clients: keys, answers, what is stored, limits.

use crate::support::{Server, json as read};
use axum::body::Body;
use axum::http::{Method, Request, Response, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use burgeon_server::api::limits::Limits;
use burgeon_server::app::events::keys::NewKey;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A server with a write key.
async fn start(limits: Limits) -> (Server, String) {
    // With a token, so that nothing is let in for coming from this machine.
    let server = Server::with(Some("open-sesame"), limits).await;
    let key = key(&server, "site", &[]).await;
    (server, key)
}

async fn key(server: &Server, name: &str, domains: &[&str]) -> String {
    let domains = domains.iter().map(|text| (*text).to_owned()).collect();
    let random = [u8::try_from(name.len()).unwrap(); 16];
    server.workspace.keys().create(&NewKey { name: name.into(), domains }, &random, "test").await.unwrap().key
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

async fn post(server: &Server, path: &str, auth: Option<&str>, body: impl Into<Body>) -> Response<Body> {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "text/plain");
    if let Some(auth) = auth {
        request = request.header(header::AUTHORIZATION, auth);
    }
    server.send(request.body(body.into()).unwrap()).await
}

async fn sql(server: &Server, statement: &str) -> Vec<Vec<Value>> {
    server.workspace.sql(statement).await.unwrap().rows
}

fn track(id: &str, user: &str, event: &str) -> Value {
    json!({"type": "track", "messageId": id, "userId": user, "event": event, "timestamp": "2026-03-15T11:59:00Z",
        "properties": {"plan": "Pro"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_may_send_and_nothing_else() {
    let (server, _) = start(Limits::default()).await;
    let ask = |path: &str| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri(path)
            .header(header::ORIGIN, "https://shop.example")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,x-retry-count")
            .body(Body::empty())
            .unwrap()
    };
    for path in ["/v1/t", "/v1/batch/", "/e/", "/api/event", "/track", "/api/v1/events", "/array/wk_1/config"]
    {
        let answer = server.send(ask(path)).await;
        assert_eq!(answer.status(), 204, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example", "{path}");
        assert_eq!(answer.headers()["access-control-allow-headers"], "authorization,x-retry-count");
        assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    }
    for path in ["/api/v1/query", "/api/v1/keys", "/"] {
        let answer = server.send(ask(path)).await;
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}");
    }
    // A refusal can be read by the page as well.
    let request =
        Request::post("/v1/t").header(header::ORIGIN, "https://shop.example").body(Body::from("{}")).unwrap();
    let answer = server.send(request).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://shop.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_find_their_settings() {
    let (server, key) = start(Limits::default()).await;
    let get =
        |path: String| Request::get(path).header(header::HOST, "events.test").body(Body::empty()).unwrap();
    let (status, settings) = read(server.send(get(format!("/v1/projects/{key}/settings"))).await).await;
    assert_eq!(status, 200);
    assert_eq!(settings["integrations"]["Segment.io"]["apiHost"], "events.test/v1");
    let (status, config) = read(server.send(get(format!("/array/{key}/config"))).await).await;
    assert_eq!((status.as_u16(), &config["hasFeatureFlags"]), (200, &json!(false)));
    assert_eq!(config["supportedCompression"], json!(["gzip-js"]));
    let (status, script) = read(server.send(get(format!("/array/{key}/config.js"))).await).await;
    assert_eq!(status, 200);
    assert!(script.as_str().unwrap().contains("_POSTHOG_REMOTE_CONFIG"), "{script}");
    let (status, flags) = read(post(&server, "/flags/?v=2", None, r#"{"token":"x"}"#).await).await;
    assert_eq!((status.as_u16(), &flags["featureFlags"]), (200, &json!({})));
    let (status, _) = read(server.send(get("/v1/batch".to_owned())).await).await;
    assert_eq!(status, 404, "a batch is not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_keys_in_force_may_send() {
    let (server, key) = start(Limits::default()).await;
    let body = || track("m1", "u1", "Signed Up").to_string();
    for auth in [None, Some(basic("wk_made_up")), Some("Bearer open-sesame".to_owned())] {
        let (status, error) = read(post(&server, "/v1/track", auth.as_deref(), body()).await).await;
        assert_eq!(status, 401, "{auth:?}");
        assert!(error["error"]["mend"].as_str().unwrap().contains("burgeon keys create"), "{error}");
    }
    assert_eq!(post(&server, "/v1/track", Some(&basic(&key)), body()).await.status(), 200);
    let list = server.workspace.keys().list().await.unwrap();
    server.workspace.keys().revoke(&list.keys[0].key_id, "test").await.unwrap();
    assert_eq!(post(&server, "/v1/track", Some(&basic(&key)), body()).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_and_revoked_over_the_interface() {
    let server = Server::start().await;
    let (status, made) = server.post("/keys", json!({"name": "site", "domains": ["shop.example"]})).await;
    assert_eq!(status, 200, "{made}");
    assert!(made["key"].as_str().unwrap().starts_with("wk_"));
    let (_, second) = server.post("/keys", json!({"name": "app"})).await;
    assert_ne!(made["key"], second["key"]);
    let list = server.get("/keys").await;
    assert_eq!(list["keys"].as_array().unwrap().len(), 2);
    let path = format!("/api/v1/keys/{}", made["key_id"].as_str().unwrap());
    let (status, gone) = read(server.send(Request::delete(path).body(Body::empty()).unwrap()).await).await;
    assert_eq!(status, 200);
    assert!(!gone["revoked_at"].is_null());
    let (status, error) = server.post("/keys", json!({"name": ""})).await;
    assert_eq!((status.as_u16(), &error["error"]["param"]), (400, &json!("name")));
    let audit = server.workspace.state().audit_log(Some("write_key"), 10).await.unwrap();
    assert_eq!(audit.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_with_the_time_to_come_again() {
    // No room for a body: every one is refused, and nothing is lost, since nothing was acknowledged.
    let limits = Limits { intake_kib: Arc::new(Semaphore::new(1)), ..Limits::default() };
    let (server, key) = start(limits).await;
    let body = json!({"batch": [track(&"m".repeat(3000), "u1", "x")]}).to_string();
    let answer = post(&server, "/v1/batch", Some(&basic(&key)), body).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "1");
    // A small one still finds room.
    let small = json!({"batch": [track("m1", "u1", "x")]}).to_string();
    assert_eq!(post(&server, "/v1/batch", Some(&basic(&key)), small).await.status(), 200);

    // All places are taken for longer than a client waits.
    let limits = Limits {
        intake_places: Semaphore::new(0),
        intake_wait: std::time::Duration::ZERO,
        ..Limits::default()
    };
    let (server, key) = start(limits).await;
    let small = json!({"batch": [track("m1", "u1", "x")]}).to_string();
    let answer = post(&server, "/v1/batch", Some(&basic(&key)), small).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(sql(&server, "SELECT count(*) FROM events").await, [[json!(0)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hopeless_is_refused() {
    let (server, key) = start(Limits::default()).await;
    let (status, error) = read(post(&server, "/v1/batch", Some(&basic(&key)), "no json").await).await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (400, &json!("unreadable_body")));
    let huge = vec![b' '; (20 << 20) + 1];
    let (status, error) = read(post(&server, "/v1/batch", Some(&basic(&key)), huge).await).await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (413, &json!("body_too_large")));
}
