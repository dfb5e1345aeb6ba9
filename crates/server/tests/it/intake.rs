//! Events of clients: keys, answers, what is stored, limits.

use crate::support::{Server, json as read};
use axum::body::{Body, HttpBody};
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
    let mut random = [0; 16];
    name.bytes().enumerate().for_each(|(at, byte)| random[at % 16] ^= byte);
    server.workspace.keys().create(&NewKey { name: name.into(), domains }, &random, "test").await.unwrap().key
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

async fn post(server: &Server, path: &str, auth: Option<&str>, body: impl Into<Body>) -> Response<Body> {
    let body = body.into();
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "text/plain");
    // As a connection would carry it; a body without a length takes room for the largest piece.
    if let Some(length) = body.size_hint().exact() {
        request = request.header(header::CONTENT_LENGTH, length);
    }
    if let Some(auth) = auth {
        request = request.header(header::AUTHORIZATION, auth);
    }
    server.send(request.body(body).unwrap()).await
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

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_stored_once_and_a_bad_item_does_not_spoil_it() {
    let (server, key) = start(Limits::default()).await;
    let batch = json!({"sentAt": "2026-03-15T12:00:00Z", "batch": [
        track("m1", "u1", "Signed Up"),
        {"type": "track", "messageId": "m2", "anonymousId": "a1", "userId": null, "event": "Looked", "timestamp": "2026-03-15T11:00:00Z"},
        {"type": "track", "messageId": "m3", "userId": "u1"},
        {"type": "identify", "messageId": "m4", "anonymousId": "a1", "userId": "u1", "traits": {"email": "ada@example.com", "plan": "free"}},
        {"type": "group", "messageId": "m5", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme"}},
        {"type": "alias", "messageId": "m6", "previousId": "old", "userId": "u1"},
    ]});
    for turn in 0..2 {
        let (status, answer) =
            read(post(&server, "/v1/batch", Some(&basic(&key)), batch.to_string()).await).await;
        assert_eq!((status.as_u16(), &answer), (200, &json!({"success": true, "status": 1})), "turn {turn}");
    }
    let rows = sql(
        &server,
        "SELECT event_id, event, distinct_id, person_id, customer_id FROM events WHERE event_id IN ('m1', 'm2') ORDER BY 1",
    )
    .await;
    assert_eq!(
        rows,
        [
            [json!("m1"), json!("Signed Up"), json!("u1"), json!("u1"), json!("acme")],
            [json!("m2"), json!("Looked"), json!("a1"), json!("u1"), json!("acme")],
        ]
    );
    let rejects = sql(&server, "SELECT source, \"table\", line FROM rejects").await;
    assert_eq!(rejects, [[json!("intake:site"), json!("events"), json!(3)]]);
    let person = sql(&server, "SELECT email, customer_id FROM persons WHERE distinct_id = 'u1'").await;
    assert_eq!(person, [[json!("ada@example.com"), json!("acme")]]);
    assert_eq!(
        sql(&server, "SELECT name FROM customers WHERE customer_id = 'acme'").await,
        [[json!("Acme")]]
    );

    // What is said later is laid over what is known.
    let more = json!({"type": "identify", "messageId": "m7", "userId": "u1", "traits": {"plan": "pro"}});
    assert_eq!(post(&server, "/v1/identify", Some(&basic(&key)), more.to_string()).await.status(), 200);
    let page = server.workspace.person("old", None).await.unwrap();
    assert_eq!(page.person.head.person_id, "u1");
    assert_eq!(page.person.traits["plan"], "pro");
    assert_eq!(page.person.traits["email"], "ada@example.com");
    let mut ids: Vec<&str> =
        page.person.identifiers.iter().map(|identifier| identifier.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a1", "old", "u1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_is_heard_and_answered() {
    let (server, key) = start(Limits::default()).await;
    let at = "2026-03-15T11:59:00Z";
    let posthog = json!({"api_key": key, "batch": [{"event": "ph", "distinct_id": "u2", "uuid": "01890000-0000-7000-8000-000000000001", "timestamp": at, "properties": {"n": 1}}]});
    let (status, answer) = read(post(&server, "/batch/", None, posthog.to_string()).await).await;
    assert_eq!((status.as_u16(), &answer["status"]), (200, &json!(1)), "{answer}");

    let v1 = json!({"created_at": at, "batch": [{"event": "ph1", "distinct_id": "u2", "uuid": "01890000-0000-7000-8000-000000000002", "timestamp": at, "properties": {}}]});
    let auth = format!("Bearer {key}");
    let (status, answer) =
        read(post(&server, "/i/v1/analytics/events", Some(&auth), v1.to_string()).await).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["results"]["01890000-0000-7000-8000-000000000002"]["result"], "ok", "{answer}");

    let page = json!({"n": "pageview", "u": "https://shop.example/a?utm_source=news", "d": "shop.example", "r": "https://www.google.com/"});
    let (status, answer) = read(post(&server, "/api/event", None, page.to_string()).await).await;
    assert_eq!((status.as_u16(), answer), (200, json!("ok")));

    let data = STANDARD.encode(json!({"event": "mx", "properties": {"token": key, "distinct_id": "u3", "time": 1773575940, "$insert_id": "i1"}}).to_string());
    let (status, answer) = read(post(&server, "/track?verbose=1", None, format!("data={data}")).await).await;
    assert_eq!((status.as_u16(), &answer["status"]), (200, &json!(1)), "{answer}");
    let request = Request::get(format!("/track/?data={}", data.replace('+', "%2B").replace('=', "%3D")))
        .body(Body::empty())
        .unwrap();
    let (status, answer) = read(server.send(request).await).await;
    assert_eq!((status.as_u16(), answer), (200, json!(1)));

    let own = json!({"events": [{"event_id": "o1", "event": "own", "distinct_id": "u4", "at": at}, {"event": "nobody"}]});
    let (status, answer) = read(post(&server, "/api/v1/events", Some(&auth), own.to_string()).await).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["index"]), (&json!(1), &json!(1)), "{answer}");

    let seen = sql(&server, "SELECT event, count(*) FROM events GROUP BY 1 ORDER BY 1").await;
    let names: Vec<&str> = seen.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(names, ["mx", "own", "page_view", "ph", "ph1"], "{seen:?}");
    assert!(seen.iter().all(|row| row[1] == json!(1)), "{seen:?}");
    let page = sql(&server, "SELECT host, path, source, channel FROM events WHERE event = 'page_view'").await;
    assert_eq!(page[0][..3], [json!("shop.example"), json!("/a"), json!("news")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_let_in_by_its_domain() {
    let (server, _) = start(Limits::default()).await;
    key(&server, "shop", &["shop.example"]).await;
    let page = |domain: &str| json!({"n": "pageview", "u": "https://x.example/", "d": domain}).to_string();
    assert_eq!(post(&server, "/api/event", None, page("www.shop.example")).await.status(), 200);
    assert_eq!(post(&server, "/api/event", None, page("other.example")).await.status(), 401);
    // One visitor of one day is one person, told apart by address and browser only.
    let visit = |address: &'static str| {
        Request::post("/api/event")
            .header("x-forwarded-for", address)
            .header(header::USER_AGENT, "Mozilla/5.0")
            .body(Body::from(page("shop.example")))
            .unwrap()
    };
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        assert_eq!(server.send(visit(address)).await.status(), 200);
    }
    let people = sql(&server, "SELECT count(DISTINCT person_id), count(*) FROM events").await;
    assert_eq!(people, [[json!(3), json!(4)]]);
    let kept = sql(&server, "SELECT count(*) FROM events WHERE properties LIKE '%192.0.2%'").await;
    assert_eq!(kept, [[json!(0)]], "addresses are not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_and_is_not_doubled() {
    let (server, key) = start(Limits::default()).await;
    let body = json!({"batch": [track("m1", "u1", "Signed Up")]}).to_string();
    assert_eq!(post(&server, "/v1/batch", Some(&basic(&key)), body.clone()).await.status(), 200);
    let folder = server.reopen().await;
    assert_eq!(post(&folder, "/v1/batch", Some(&basic(&key)), body).await.status(), 200);
    assert_eq!(sql(&folder, "SELECT count(*) FROM events").await, [[json!(1)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_bytes_are_refused_or_taken_and_never_a_fault() {
    let (server, key) = start(Limits::default()).await;
    let bearer = format!("Bearer {key}");
    let basic = basic(&key);
    let bodies: &[&[u8]] = &[
        b"",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03garbage",
        b"data=%7B%7D",
        b"data=!!!",
        b"{\"batch\":[null,1,\"x\",{},[]]}",
        b"{\"batch\":{}}",
        b"[{}]",
        b"{\"event\":\"\\ud800\"}",
        b"\xff\xfe\x00",
        b"{\"batch\":[{\"type\":\"track\",\"event\":1e999}]}",
        b"{\"n\":[],\"u\":{},\"d\":1}",
    ];
    let paths = [
        "/v1/batch",
        "/v1/track",
        "/v1/identify",
        "/v1/alias",
        "/v1/group",
        "/v1/page",
        "/batch",
        "/e",
        "/i/v0/e",
        "/capture",
        "/i/v1/analytics/events",
        "/api/event",
        "/track",
        "/engage",
        "/groups",
        "/import",
        "/api/v1/events",
        "/flags",
        "/v1/m",
    ];
    for path in paths {
        for body in bodies {
            for auth in [&bearer, &basic] {
                let answer = post(&server, path, Some(auth), body.to_vec()).await;
                let status = answer.status().as_u16();
                assert!(
                    [200, 400, 401, 413].contains(&status),
                    "{path} {:?}: {status}",
                    String::from_utf8_lossy(body)
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_refused_in_part_and_recovers() {
    // Room for a few bodies at a time, and many clients at once.
    let limits = Limits {
        intake_kib: Arc::new(Semaphore::new(24)),
        intake_places: Semaphore::new(2),
        intake_wait: std::time::Duration::from_millis(50),
        ..Limits::default()
    };
    let (server, key) = start(limits).await;
    let server = Arc::new(server);
    let send = |n: usize| {
        let (server, auth) = (server.clone(), basic(&key));
        tokio::spawn(async move {
            let long = "x".repeat(4_000);
            let batch = json!({"batch": [{"type": "track", "messageId": n.to_string(), "userId": "u", "event": "load",
                "timestamp": "2026-03-15T11:59:00Z", "properties": {"long": long}}]});
            let answer = post(&server, "/v1/batch", Some(&auth), batch.to_string()).await;
            (n, answer.status().as_u16(), answer.headers().contains_key("retry-after"))
        })
    };
    let mut refused = Vec::new();
    let mut waiting: Vec<usize> = (0..200).collect();
    // Clients come again until all are taken, as Retry-After asks them to.
    for _ in 0..500 {
        let sent: Vec<_> = waiting.drain(..).map(send).collect();
        for answer in sent {
            let (n, status, retry) = answer.await.unwrap();
            match status {
                200 => {}
                429 => {
                    assert!(retry, "a refusal says when to come again");
                    refused.push(n);
                    waiting.push(n);
                }
                other => panic!("{n}: {other}"),
            }
        }
        if waiting.is_empty() {
            break;
        }
    }
    assert!(waiting.is_empty(), "{} were never taken", waiting.len());
    assert!(!refused.is_empty(), "nothing was refused: the test proves nothing");
    assert_eq!(
        sql(&server, "SELECT count(*), count(DISTINCT event_id) FROM events").await,
        [[json!(200), json!(200)]]
    );
}
