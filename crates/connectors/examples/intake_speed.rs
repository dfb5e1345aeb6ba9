//! Items a second of processor time from request bodies to record batches, on one thread:
//! `cargo run --release -p burgeon-connectors --example intake_speed`.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::time::Instant;

use burgeon_connectors::intake::{Call, Context, Protocol, parse};

const NOW: i64 = 1_772_366_400_000_000;

fn track(n: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-03-01T11:{:02}:{:02}.250Z","userId":"user_{}","type":"track","event":"report_created","properties":{{"plan":"pro","seats":{},"path":"/app/reports/{}"}},"messageId":"node-next-{n}","context":{{"library":{{"name":"@segment/analytics-node","version":"3.1.0"}}}}}}"#,
        n / 60 % 60,
        n % 60,
        n * 7919 % 100_003,
        n % 40,
        n % 500,
    )
}

fn page(n: usize) -> String {
    format!(
        r#"{{"timestamp":"2026-03-01T11:59:{:02}.000Z","anonymousId":"a{}","type":"page","properties":{{"path":"/p{}","referrer":"https://www.google.com/","search":"","title":"Page","url":"https://www.example.com/p{}?utm_source=news&utm_medium=email"}},"context":{{"userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36","locale":"en-US","library":{{"name":"analytics.js"}}}},"messageId":"ajs-{n}"}}"#,
        n % 60,
        n * 7919 % 100_003,
        n % 500,
        n % 500,
    )
}

fn posthog(n: usize) -> String {
    format!(
        r#"{{"event":"report created","distinct_id":"user_{}","properties":{{"plan":"pro","seats":{},"$lib":"posthog-node","$lib_version":"5.70.0"}},"timestamp":"2026-03-01T11:59:{:02}.000Z","uuid":"0195-{n}"}}"#,
        n * 7919 % 100_003,
        n % 40,
        n % 60,
    )
}

fn own(n: usize) -> String {
    format!(
        r#"{{"event_id":"{n}","event":"report_created","user_id":"user_{}","at":"2026-03-01T11:59:{:02}Z","properties":{{"plan":"pro","seats":{}}}}}"#,
        n * 7919 % 100_003,
        n % 60,
        n % 40,
    )
}

/// Name, protocol, the list that holds the items, and one item.
type Shape = (&'static str, Protocol, &'static str, fn(usize) -> String);

fn main() {
    let context = Context { user_agent: "node", ..Context::new(NOW) };
    let shapes: [Shape; 4] = [
        ("Segment track", Protocol::SegmentBatch, "batch", track),
        ("Segment page", Protocol::SegmentBatch, "batch", page),
        ("PostHog", Protocol::PostHog, "batch", posthog),
        ("own", Protocol::Burgeon, "events", own),
    ];
    println!("{:<16} {:>6} {:>12} {:>10} {:>8}", "body", "items", "items/s", "ns/item", "MB/s");
    for (name, protocol, list, item) in shapes {
        for size in [100usize, 2000] {
            let bodies: Vec<String> = (0..20)
                .map(|body| {
                    let mut text = format!(r#"{{"sentAt":"2026-03-01T12:00:00Z","{list}":["#);
                    for n in 0..size {
                        let sign = if n == 0 { "" } else { "," };
                        let _ = write!(text, "{sign}{}", item(body * size + n));
                    }
                    text.push_str("]}");
                    text
                })
                .collect();
            let bytes: usize = bodies.iter().map(String::len).sum();
            let mut best = f64::MAX;
            for _ in 0..15 {
                let begin = Instant::now();
                let mut rows = 0;
                for body in &bodies {
                    let parsed = parse(protocol, body.as_bytes(), &context).expect("the body is sound");
                    rows += parsed.events.num_rows();
                }
                assert_eq!(rows, 20 * size);
                best = best.min(begin.elapsed().as_secs_f64());
            }
            let items = (20 * size) as f64;
            println!(
                "{name:<16} {size:>6} {:>12.0} {:>10.0} {:>8.0}",
                items / best,
                best / items * 1e9,
                bytes as f64 / best / 1e6
            );
        }
    }
    let single = page(1);
    let begin = Instant::now();
    for _ in 0..20_000 {
        let parsed = parse(Protocol::Segment(Call::Page), single.as_bytes(), &context).expect("it is sound");
        assert_eq!(parsed.events.num_rows(), 1);
    }
    println!("one page a body: {:.0} ns", begin.elapsed().as_secs_f64() / 20_000.0 * 1e9);
}
