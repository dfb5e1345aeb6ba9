//! kill -9 at random points, many times: what was acknowledged is there once, what was not is there once or not at
//! all, and the next process carries on without help.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use burgeon_testkit::Ledger;
use jiff::civil::date;

use crate::support::{Chance, Place, Serving};

/// Starts the binary with `words` and kills it after `patience`; whether it had ended by itself.
fn killed_after(place: &Place, words: &[&str], patience: Duration) -> bool {
    let mut child = place.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(patience);
    let ended = child.try_wait().unwrap().is_some();
    let _ = child.kill();
    let _ = child.wait();
    ended
}

/// How long `words` take when nobody kills them.
#[allow(clippy::disallowed_methods)]
fn duration(place: &Place, words: &[&str]) -> Duration {
    let start = Instant::now();
    place.run(words).ok();
    start.elapsed()
}

#[test]
fn an_import_is_there_whole_or_not_at_all() {
    let first = date(2024, 1, 1);
    let ledger = Ledger::random(11, 400, first, 300);
    let rows = ledger.changes.len() as i64;
    let measured = Place::new();
    let file = measured.write("ledger.csv", ledger.csv());
    let words = ["import", file.as_str(), "--as", "subscription_changes"];
    let whole = duration(&measured, &words).as_micros() as u64;
    let mut chance = Chance::new(1);
    let (mut before, mut after) = (0, 0);
    for _ in 0..10 {
        let place = Place::new();
        killed_after(&place, &words, Duration::from_micros(chance.below(whole * 11 / 10)));
        if place.data().is_dir() {
            match place.value("SELECT count(*) FROM subscription_changes") {
                0 => before += 1,
                n => {
                    assert_eq!(n, rows, "a part of an import is visible");
                    after += 1;
                }
            }
        }
        place.run(&words).ok();
        assert_eq!(place.value("SELECT count(*) FROM subscription_changes"), rows);
        let keys = "SELECT count(DISTINCT customer_id || '/' || subscription_id || '/' || effective_at) \
                    FROM subscription_changes";
        assert_eq!(place.value(keys), rows);
        let out = place.run(&["query", "mrr", "--at", "2025-12-31", "--format", "csv"]).ok();
        let mrr = ledger.months(first, 24).last().unwrap().mrr;
        assert_eq!(out, format!("period,mrr\n2025-12,{}.{:02}\n", mrr / 100, mrr % 100));
        place.run(&["doctor"]).ok();
    }
    println!("killed before the commit {before} times, after it {after} times");
}

#[test]
fn what_the_intake_acknowledged_is_there_once() {
    let place = Place::new();
    let mut chance = Chance::new(2);
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let mut sent: BTreeSet<String> = BTreeSet::new();
    let mut number = 0;
    for round in 0..8 {
        let mut server = place.serve();
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(Mutex::new(Vec::new()));
        let writer = {
            let (stop, answered, address) = (stop.clone(), answered.clone(), server.address.clone());
            let start = number;
            std::thread::spawn(move || {
                let mut tried = Vec::new();
                let mut next = start;
                while !stop.load(Ordering::Relaxed) {
                    let ids: Vec<String> = (next..next + 7).map(|n| format!("k{n:06}")).collect();
                    next += 7;
                    let rows: Vec<String> = ids.iter().map(|id| row(id)).collect();
                    let body = format!("[{}]", rows.join(","));
                    tried.extend(ids.clone());
                    match Serving::try_request(&address, "POST", "/records/subscription_changes", Some(&body))
                    {
                        Some((200, answer)) => {
                            assert_eq!(answer["accepted"], 7, "{answer}");
                            answered.lock().unwrap().extend(ids);
                        }
                        Some((status, answer)) => panic!("{status}: {answer}"),
                        None => break,
                    }
                }
                (tried, next)
            })
        };
        std::thread::sleep(Duration::from_millis(30 + chance.below(700)));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        let (tried, next) = writer.join().unwrap();
        number = next;
        sent.extend(tried);
        acknowledged.extend(answered.lock().unwrap().drain(..));
        // Every second time the process that reads the log back (and flushes it when it closes) is killed too.
        if round % 2 == 1 {
            killed_after(&place, &["sql", "SELECT 1"], Duration::from_millis(chance.below(500)));
        }
        assert_records(&place, &acknowledged, &sent);
    }
    assert!(acknowledged.len() > 50, "only {} rows were acknowledged", acknowledged.len());
}

#[test]
fn flush_and_compaction_lose_and_double_nothing() {
    let place = Place::new();
    let mut chance = Chance::new(3);
    let mut acknowledged: BTreeSet<String> = BTreeSet::new();
    let base = Ledger::random(5, 60, date(2024, 1, 1), 200);
    let file = place.write("base.csv", base.csv());
    place.run(&["import", &file, "--as", "subscription_changes"]).ok();
    let patience = duration(&place, &["sql", "SELECT 1"]).as_micros() as u64;
    for round in 0..10 {
        let mut server = place.serve();
        let ids: Vec<String> = (0..20).map(|n| format!("k{round:03}{n:03}")).collect();
        let rows: Vec<String> = ids.iter().map(|id| row(id)).collect();
        let body = format!("[{}]", rows.join(","));
        let answer =
            Serving::try_request(&server.address, "POST", "/records/subscription_changes", Some(&body))
                .unwrap();
        assert_eq!(answer.0, 200, "{}", answer.1);
        acknowledged.extend(ids);
        server.kill();
        // Closing flushes the log into Delta files; killed somewhere between opening and the end of it.
        let late = patience / 2 + chance.below(patience * 7 / 10);
        killed_after(&place, &["sql", "SELECT 1"], Duration::from_micros(late));
        killed_after(&place, &["compact"], Duration::from_micros(late));
        let all = place.value("SELECT count(*) FROM subscription_changes WHERE customer_id LIKE 'c%'");
        assert_eq!(all, base.changes.len() as i64);
        assert_records(&place, &acknowledged, &acknowledged);
    }
    place.run(&["doctor"]).ok();
}

fn row(id: &str) -> String {
    format!(
        "{{\"customer_id\":\"{id}\",\"subscription_id\":\"s\",\"effective_at\":\"2025-06-01\",\
         \"status\":\"active\",\"amount\":\"10.00\",\"currency\":\"USD\",\"interval\":\"month\"}}"
    )
}

/// Every acknowledged customer is there, nobody is there twice, and nobody that was never sent.
#[track_caller]
fn assert_records(place: &Place, acknowledged: &BTreeSet<String>, sent: &BTreeSet<String>) {
    let out = place
        .run(&[
            "sql",
            "SELECT customer_id FROM subscription_changes WHERE customer_id LIKE 'k%'",
            "--format",
            "csv",
        ])
        .ok();
    let list: Vec<String> = out.lines().skip(1).map(str::to_owned).collect();
    let there: BTreeSet<String> = list.iter().cloned().collect();
    assert_eq!(list.len(), there.len(), "a record is there twice");
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let strange: Vec<_> = there.difference(sent).collect();
    assert!(strange.is_empty(), "never sent: {strange:?}");
}
