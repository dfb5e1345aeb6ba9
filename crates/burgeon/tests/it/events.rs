//! Events from the command line: keys, import, funnels, retention; and a server that is killed while it takes them.

use crate::support::{Chance, Place, Serving};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Three people: Ada goes all the way, Ben stops half-way, Cleo only looks.
const EVENTS: &str = "\
user_id,event,timestamp,acquisition_channel,kind
ada,visit,2026-01-05T10:00:00Z,email,
ada,signup,2026-01-05T10:10:00Z,email,
ada,report,2026-01-06T10:00:00Z,email,pdf
ada,report,2026-01-14T10:00:00Z,email,csv
ben,visit,2026-01-06T09:00:00Z,organic_search,
ben,signup,2026-01-07T09:00:00Z,organic_search,
cleo,visit,2026-01-13T09:00:00Z,email,
";

fn filled() -> Place {
    let place = Place::new();
    let file = place.write("events.csv", EVENTS);
    let map = "person=user_id,event=event,at=timestamp,channel=acquisition_channel";
    place.run(&["import", &file, "--as", "events", "--map", map]).ok();
    place
}

#[test]
fn a_file_of_events_becomes_a_funnel_and_a_table_of_retention() {
    let place = filled();
    assert_eq!(place.value("SELECT count(*) FROM events"), 7);
    assert_eq!(place.value("SELECT count(*) FROM events WHERE channel = 'email' AND person_id = 'ada'"), 4);
    // The same file again changes nothing.
    let file = place.path().join("events.csv");
    let map = "person=user_id,event=event,at=timestamp,channel=acquisition_channel";
    place.run(&["import", file.to_str().unwrap(), "--as", "events", "--map", map]).ok();
    assert_eq!(place.value("SELECT count(*) FROM events"), 7);

    let funnel = |words: &[&str]| {
        let words = [&["funnel", "visit", "signup", "report"], words, &["--format", "csv"]].concat();
        place.run(&words).ok()
    };
    // By hand: Ada signs up after 10 minutes, Ben after a day; the median of 600 and 86,400 s is 43,500.
    assert_eq!(
        funnel(&["--within", "7d"]),
        "step,people,conversion,median_seconds\nvisit,3,1.0000,\nsignup,2,0.6667,43500\nreport,1,0.3333,86400\n"
    );
    assert_eq!(
        funnel(&["--within", "1h"]),
        "step,people,conversion,median_seconds\nvisit,3,1.0000,\nsignup,1,0.3333,600\nreport,0,0.0000,\n"
    );
    assert_eq!(
        funnel(&["--within", "7d", "--by", "channel"]),
        "channel,step,people,conversion,median_seconds\n\
         email,visit,2,1.0000,\nemail,signup,1,0.5000,600\nemail,report,1,0.5000,86400\n\
         organic_search,visit,1,1.0000,\norganic_search,signup,1,1.0000,86400\norganic_search,report,0,0.0000,\n"
    );
    let pdf =
        place.run(&["funnel", "visit", "report[kind=pdf]", "--order", "strict", "--format", "csv"]).ok();
    assert!(pdf.contains("report[kind=pdf],0,"), "a sign-up lies between: {pdf}");
    let error = place.run(&["funnel", "visit", "--within", "soon"]).fails(2);
    assert!(error.contains("7d"), "{error}");

    let retention = [
        "retention",
        "--first",
        "visit",
        "--return",
        "report",
        "--grain",
        "week",
        "--to",
        "2026-01-18",
        "--format",
        "csv",
    ];
    assert_eq!(
        place.run(&retention).ok(),
        "cohort,size,period,people\n2026-W02,2,0,1\n2026-W02,2,1,1\n2026-W03,1,0,0\n"
    );
}

#[test]
fn keys_are_made_listed_and_revoked_beside_a_running_server() {
    let place = Place::new();
    let first = place.run(&["keys", "create", "website", "--domain", "Shop.example"]).ok();
    assert!(first.starts_with("wk_") && first.trim().len() == 35, "{first:?}");
    let server = place.serve();
    let second = place.run(&["keys", "create", "app"]).ok();
    let list = place.run(&["keys", "list", "--format", "csv"]).ok();
    assert!(
        list.contains(first.trim()) && list.contains(second.trim()) && list.contains("shop.example"),
        "{list}"
    );
    let body = json!({"events": [{"event_id": "1", "event": "x", "distinct_id": "u", "at": "2026-01-31T11:00:00Z"}]});
    let send = |key: &str| {
        let path = format!("/events?key={key}");
        Serving::try_request(&server.address, "POST", &path, Some(&body.to_string())).unwrap().0
    };
    assert_eq!(send(second.trim()), 200);
    place.run(&["keys", "revoke", second.trim()]).ok();
    // Another process revoked it: the server sees that within two seconds.
    let mut status = 200;
    for _ in 0..60 {
        status = send(second.trim());
        if status != 200 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(status, 401);
    assert!(place.run(&["keys", "revoke", "wk_nothing"]).fails(1).contains("no write key"));
}

#[test]
fn a_killed_server_has_every_acknowledged_event_once() {
    let place = Place::new();
    let key = place.run(&["keys", "create", "load"]).ok().trim().to_owned();
    let acknowledged: Mutex<BTreeSet<u64>> = Mutex::default();
    let sent = AtomicU64::new(0);
    let mut chance = Chance::new(11);
    for _ in 0..6 {
        let mut server = place.serve();
        let running = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while running.load(Ordering::Relaxed) {
                        let first = sent.fetch_add(10, Ordering::Relaxed);
                        let events: Vec<_> = (first..first + 10)
                            .map(|n| json!({"event_id": n.to_string(), "event": "tick", "distinct_id": format!("u{}", n % 37), "at": "2026-01-31T11:00:00Z"}))
                            .collect();
                        let body = json!({ "events": events }).to_string();
                        let path = format!("/events?key={key}");
                        // A client that hears nothing sends the same again, also to the server that comes after.
                        for _ in 0..2 {
                            let answer = Serving::try_request(&server.address, "POST", &path, Some(&body));
                            if answer.is_some_and(|(status, _)| status == 200) {
                                acknowledged.lock().unwrap().extend(first..first + 10);
                            }
                        }
                    }
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(300 + chance.below(700)));
            // Without a word, as the kernel or a power cut does it.
            kill(&server);
            running.store(false, Ordering::Relaxed);
        });
        server.kill();
    }
    let stored_rows = place.value("SELECT count(*) FROM events");
    assert_eq!(
        stored_rows,
        place.value("SELECT count(DISTINCT event_id) FROM events"),
        "an event is stored twice"
    );
    let mut stored = BTreeSet::new();
    // An answer has at most 10,000 rows.
    for first in (0..sent.load(Ordering::Relaxed)).step_by(10_000) {
        let sql = format!(
            "SELECT event_id FROM events WHERE CAST(event_id AS BIGINT) BETWEEN {first} AND {}",
            first + 9_999
        );
        let out = place.run(&["sql", &sql, "--format", "csv"]).ok();
        stored.extend(out.lines().skip(1).map(|id| id.parse::<u64>().unwrap()));
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// SIGKILL by the process's number, while others still hold the server.
fn kill(server: &Serving) {
    let done =
        std::process::Command::new("kill").args(["-KILL", &server.process().to_string()]).status().unwrap();
    assert!(done.success());
}
