//! Long and mixed work, and bodies that are nearly right: nothing is lost, nothing falls over, memory stays where it was.

use crate::support::Server;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use burgeon_server::api::limits::Limits;
use burgeon_server::app::events::keys::NewKey;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Events of a request.
const BATCH: u64 = 50;
/// How much the resident memory may grow from the second quarter of a soak to the last, beside what the rows themselves
/// need, in bytes.
const SLACK: u64 = 48 << 20;
/// Bytes that an event may need while it waits for its block: its row, its key, its share of the tail.
const EVENT_BYTES: u64 = 600;

async fn start(limits: Limits) -> (Server, String) {
    let server = Server::with(Some("open-sesame"), limits).await;
    let new = NewKey { name: "site".into(), domains: vec!["shop.example".into()] };
    let key = server.workspace.keys().create(&new, &[3; 16], "test").await.unwrap().key;
    (server, key)
}

async fn post(server: &Server, path: &str, key: &str, body: Vec<u8>) -> (u16, bool, Vec<u8>) {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::AUTHORIZATION, format!("Bearer {key}"));
    let answer = server.send(request.body(Body::from(body)).unwrap()).await;
    let (status, retry) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
    (status, retry, to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec())
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// The request number `n`: fifty events of five hundred persons.
fn batch(n: u64) -> Vec<u8> {
    let items: Vec<Value> = (n * BATCH..(n + 1) * BATCH)
        .map(|n| {
            let event = ["page_view", "signup", "project_created", "payment"][(n % 4) as usize];
            json!({"type": "track", "messageId": format!("m{n}"), "userId": format!("u{}", n % 500), "event": event,
                "timestamp": format!("2026-03-{:02}T10:{:02}:00Z", 1 + n % 14, n % 60),
                "properties": {"path": format!("/p{}", n % 40), "n": n}})
        })
        .collect();
    json!({ "batch": items }).to_string().into_bytes()
}

/// Intake, questions and upkeep at once for some time, with an overload in the third quarter.
async fn soak(seconds: u64) {
    let limits = Limits {
        intake_kib: Arc::new(Semaphore::new(256)),
        intake_places: Semaphore::new(4),
        intake_wait: Duration::from_millis(5),
        ..Limits::default()
    };
    let (server, key) = start(limits).await;
    let server = Arc::new(server);
    let (over, flood) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (next, refused, asked) =
        (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for client in 0..32 {
        let (server, key, over, flood) = (server.clone(), key.clone(), over.clone(), flood.clone());
        let (next, refused) = (next.clone(), refused.clone());
        tasks.push(tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                // Two clients at a measured pace; all of them at once, as fast as they can, in the overload.
                let full = flood.load(Ordering::SeqCst);
                if client >= 2 && !full {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                let body = batch(next.fetch_add(1, Ordering::SeqCst));
                loop {
                    let (status, retry, text) = post(&server, "/v1/batch", &key, body.clone()).await;
                    match status {
                        200 => break,
                        429 => {
                            assert!(retry, "a refusal says when to come again");
                            refused.fetch_add(1, Ordering::SeqCst);
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                        other => panic!("{other}: {}", String::from_utf8_lossy(&text)),
                    }
                }
                tokio::time::sleep(Duration::from_millis(if full { 10 } else { 40 })).await;
            }
        }));
    }
    let questions = [
        "/query?metrics=dau&grain=day&from=2026-03-01&to=2026-03-14",
        "/query?metrics=wau,mau&grain=day&from=2026-03-01&to=2026-03-14",
        "/funnel?step=page_view&step=signup&step=payment&within=7d",
        "/retention?first=*&return=*&grain=week&from=2026-03-01&to=2026-03-14",
        "/events/recent?person=u7&limit=20",
    ];
    for _ in 0..2 {
        let (server, over, asked) = (server.clone(), over.clone(), asked.clone());
        tasks.push(tokio::spawn(async move {
            for question in questions.iter().cycle() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let request = Request::get(format!("/api/v1{question}"))
                    .header(header::AUTHORIZATION, "Bearer open-sesame");
                let answer = server.send(request.body(Body::empty()).unwrap()).await;
                let status = answer.status().as_u16();
                let text = to_bytes(answer.into_body(), 8 << 20).await.unwrap();
                assert_eq!(status, 200, "{question}: {}", String::from_utf8_lossy(&text));
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }));
    }
    {
        let (server, over) = (server.clone(), over.clone());
        tasks.push(tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                server.workspace.lake().maintain().await.unwrap();
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }));
    }
    let mut quarters = [(0u64, 0u64); 4];
    let mut rows_at = [0u64; 4];
    let looks = seconds * 20;
    for look in 0..looks {
        let quarter = ((look * 4 / looks) as usize).min(3);
        flood.store(quarter == 2, Ordering::SeqCst);
        quarters[quarter].0 += resident_bytes();
        quarters[quarter].1 += 1;
        rows_at[quarter] = next.load(Ordering::SeqCst) * BATCH;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    over.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(refused.load(Ordering::SeqCst) > 0, "nothing was refused: the overload was none");
    assert!(asked.load(Ordering::SeqCst) > 10, "hardly anything was asked");
    // What was acknowledged is there, and once.
    let sent = next.load(Ordering::SeqCst) * BATCH;
    let counted =
        server.workspace.sql("SELECT count(*), count(DISTINCT event_id) FROM events").await.unwrap();
    assert_eq!(counted.rows, [[json!(sent), json!(sent)]]);
    let (status, _, _) = post(&server, "/v1/batch", &key, batch(1 << 40)).await;
    assert_eq!(status, 200, "after the overload there is room again");
    let [_, second, _, last] = quarters.map(|(sum, samples)| sum / samples.max(1));
    let allowed = SLACK + EVENT_BYTES * (rows_at[3] - rows_at[1]);
    assert!(
        last <= second + allowed,
        "resident memory went from {} to {} MiB over {} events; {} MiB more are allowed",
        second >> 20,
        last >> 20,
        rows_at[3] - rows_at[1],
        allowed >> 20
    );
}

/// Six seconds, or as many as are asked for: `BURGEON_SOAK_SECONDS=90 cargo nextest run -p burgeon-server -E 'test(soak)'`.
#[tokio::test(flavor = "multi_thread")]
async fn a_soak_holds_memory_and_recovers_from_overload() {
    let asked = std::env::var("BURGEON_SOAK_SECONDS").ok();
    soak(asked.and_then(|seconds| seconds.parse().ok()).unwrap_or(6)).await;
}

/// Right bodies of every protocol.
fn bodies() -> Vec<(&'static str, String)> {
    let at = "2026-03-15T11:59:00Z";
    let track = json!({"type": "track", "messageId": "a1", "userId": "u1", "anonymousId": "an1", "event": "Signed Up",
        "timestamp": at, "sentAt": at, "properties": {"plan": "Pro", "seats": 3, "tags": ["a", null]},
        "context": {"userAgent": "Mozilla/5.0", "page": {"url": "https://shop.example/a?utm_source=x", "referrer": ""},
            "campaign": {"source": "x"}, "traits": {"email": "a@b.example"}}});
    let identify = json!({"type": "identify", "userId": "u1", "anonymousId": "an1", "traits": {"email": "a@b.example", "age": 7}});
    let group = json!({"type": "group", "userId": "u1", "groupId": "g1", "traits": {"name": "Acme"}});
    let alias = json!({"type": "alias", "userId": "u1", "previousId": "an1"});
    let page = json!({"type": "page", "userId": "u1", "name": "Home", "properties": {"url": "https://shop.example/"}});
    let capture = json!({"api_key": "k", "event": "$pageview", "distinct_id": "d1", "uuid": "0190-1", "timestamp": at,
        "properties": {"$current_url": "https://shop.example/", "token": "k", "$set": {"email": "a@b.example"}}});
    let alone = json!({"event": "Played", "properties": {"token": "k", "distinct_id": "d1", "time": 1773575940, "$insert_id": "i1"}});
    let set = json!([{"$token": "k", "$distinct_id": "d1", "$set": {"name": "Ada", "n": 1.5}}]);
    vec![
        ("/v1/batch", json!({"batch": [track, identify, group, alias, page], "sentAt": at}).to_string()),
        ("/v1/track", track.to_string()),
        ("/v1/identify", identify.to_string()),
        ("/v1/group", group.to_string()),
        ("/v1/alias", alias.to_string()),
        ("/v1/page", page.to_string()),
        ("/v1/screen", page.to_string()),
        ("/batch", json!({"api_key": "k", "batch": [capture, capture], "sent_at": at}).to_string()),
        ("/e", capture.to_string()),
        ("/capture", capture.to_string()),
        ("/i/v0/e", json!([capture]).to_string()),
        ("/i/v1/analytics/events", json!({"events": [capture]}).to_string()),
        ("/api/event", json!({"n": "pageview", "u": "https://shop.example/a", "d": "shop.example", "r": null, "p": {"a": 1}}).to_string()),
        ("/track", json!([alone]).to_string()),
        ("/import", json!([alone, alone]).to_string()),
        ("/engage", set.to_string()),
        ("/groups", json!([{"$token": "k", "$group_key": "company", "$group_id": "g1", "$set": {"name": "Acme"}}]).to_string()),
        ("/api/v1/events", json!({"events": [{"event": "read", "distinct_id": "d1", "event_id": "e1", "at": at,
            "url": "https://shop.example/a", "properties": {"s": "t"}}]}).to_string()),
    ]
}

/// Numbers that look like chance and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end.max(1) as u64) as usize
    }

    /// Spoils a body in one to four places.
    fn spoil(&mut self, body: &[u8]) -> Vec<u8> {
        const PIECES: [&str; 24] = [
            "null",
            "{}",
            "[]",
            "\"\"",
            "0",
            "-1",
            "1e999",
            "-0.0e-1",
            "99999999999999999999",
            "true",
            "\\u0000",
            "\\ud800",
            "\"",
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\u{0}",
            "\u{feff}",
            "é😀",
            "2026-13-45T99:99:99Z",
        ];
        let mut body = body.to_vec();
        for _ in 0..=self.below(4) {
            let (at, length) = (self.below(body.len() + 1), 1 + self.below(12));
            let end = (at + length).min(body.len());
            match self.below(7) {
                0 => drop(body.drain(at..end)),
                1 => drop(body.splice(at..at, PIECES[self.below(PIECES.len())].bytes())),
                2 => drop(body.splice(at..end, PIECES[self.below(PIECES.len())].bytes())),
                3 => body[at..end].iter_mut().for_each(|byte| *byte ^= 1 << (length % 8)),
                4 => {
                    let piece = body[at..end].to_vec();
                    let to = self.below(body.len() + 1);
                    drop(body.splice(to..to, piece));
                }
                5 => body.truncate(at),
                _ => drop(body.splice(at..at, "x[\"{".repeat(200).bytes())),
            }
        }
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_nearly_right_are_taken_or_refused_and_never_a_fault() {
    let (server, key) = start(Limits::default()).await;
    let mut dice = Dice(2026);
    let (mut taken, mut refused) = (0, 0);
    for (path, body) in bodies() {
        let (status, _, text) = post(&server, path, &key, body.clone().into_bytes()).await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&text));
        for _ in 0..40 {
            let spoiled = dice.spoil(body.as_bytes());
            let (status, _, text) = post(&server, path, &key, spoiled.clone()).await;
            match status {
                200 => taken += 1,
                400 | 401 | 413 => refused += 1,
                other => panic!(
                    "{path} answered {other} to {:?}: {}",
                    String::from_utf8_lossy(&spoiled),
                    String::from_utf8_lossy(&text)
                ),
            }
        }
    }
    assert!(
        taken > 50 && refused > 50,
        "{taken} were taken and {refused} refused: the bodies are spoiled too much or too little"
    );
    // Whatever was taken can be read, the properties as JSON.
    let rows = server
        .workspace
        .sql("SELECT properties FROM events WHERE properties IS NOT NULL")
        .await
        .unwrap()
        .rows;
    for row in &rows {
        let text = row[0].as_str().unwrap();
        assert!(matches!(serde_json::from_str(text), Ok(Value::Object(_))), "{text}");
    }
    let findings = server.workspace.doctor().await.unwrap();
    assert!(findings.iter().all(|finding| !finding.severe), "{findings:?}");
}
