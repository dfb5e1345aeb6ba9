//! Measures intake and imports of events: `cargo run --release -p burgeon-engine --example events_speed -- [events]
//! [persons]`.
#![allow(clippy::disallowed_methods)] // it measures time

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::usage::Usage;
use burgeon_core::time::FixedClock;
use burgeon_engine::events::Question;
use burgeon_engine::lake::{Lake, LakeOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

/// Events of two years, in the order of their time, of persons who come again and again.
fn batch(first: i64, rows: i64, total: i64, persons: i64) -> RecordBatch {
    let numbers: Vec<i64> = (first..first + rows).collect();
    let mix = |i: i64| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let text = |f: &dyn Fn(i64) -> Option<String>| -> ArrayRef {
        Arc::new(numbers.iter().map(|i| f(*i)).collect::<StringViewArray>())
    };
    let pick = |values: &'static [&'static str], n: u64| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(
            numbers.iter().map(|i| values[(mix(*i) / n % values.len() as u64) as usize]),
        ))
    };
    let step = 730 * 86_400_000_000 / total.max(1);
    let at = numbers.iter().map(|i| 1_704_067_200_000_000 + i * step);
    let at = TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC");
    RecordBatch::try_from_iter_with_nullable([
        ("event_id", text(&|i| Some(format!("{:016x}-{i:08x}", mix(i)))), true),
        ("event", pick(&["page_view", "page_view", "signup", "report_created", "invite_sent"], 1), true),
        ("distinct_id", text(&|i| Some(format!("user-{}", mix(i) % persons as u64))), true),
        ("at", Arc::new(at) as ArrayRef, true),
        ("path", text(&|i| Some(format!("/page/{}", mix(i) / 7 % 500))), true),
        ("channel", pick(&["organic_search", "paid_search", "direct", "email"], 11), true),
        ("country", pick(&["DE", "US", "GB", "FR", "IN", "BR"], 13), true),
        ("device", pick(&["desktop", "mobile"], 17), true),
        ("properties", text(&|i| Some(format!("{{\"plan\":\"p{}\",\"value\":{}}}", i % 4, i % 100))), true),
    ])
    .expect("columns of one length")
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<i64>().expect("a number"));
    let total = args.next().unwrap_or(2_000_000);
    let persons = args.next().unwrap_or(total / 10);
    let dir = tempfile::tempdir_in(".").expect("tempdir");
    let options = LakeOptions::new(Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)));
    let lake = Lake::open(dir.path(), options).await.expect("open");
    let size = 16_384;

    let (mut making, start) = (Duration::ZERO, Instant::now());
    let import = lake.events().bulk().expect("bulk");
    for first in (0..total).step_by(size) {
        let began = Instant::now();
        let rows = batch(first, (size as i64).min(total - first), total, persons);
        making += began.elapsed();
        import.write(&rows).expect("write");
    }
    let written = start.elapsed();
    let summary = import.finish().await.expect("finish");
    println!("import: write {written:.2?}, making the rows {making:.2?}, {summary:?}");
    report("import", start, total);
    println!("{}", memory());

    let import = lake.events().bulk().expect("bulk");
    let part = (total / 4).max(1);
    let start = Instant::now();
    for first in (0..part).step_by(size) {
        import.write(&batch(first, (size as i64).min(part - first), total, persons)).expect("write");
    }
    let again = import.finish().await.expect("finish");
    report(&format!("a quarter again, {again:?}"), start, part);

    for (rows, tasks) in [(1, 64), (100, 16), (1_000, 8)] {
        let start = Instant::now();
        let each = 2_000 * rows.min(10) / tasks;
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let lake = lake.clone();
                tokio::spawn(async move {
                    let mut longest = Duration::ZERO;
                    for at in 0..each {
                        let first = total + 10_000_000 * (rows * 100 + task) + at * rows;
                        let rows = batch(first, rows, total, persons);
                        let began = Instant::now();
                        lake.append("events", rows).await.expect("append");
                        longest = longest.max(began.elapsed());
                    }
                    longest
                })
            })
            .collect();
        let mut longest = Duration::ZERO;
        for task in running {
            longest = longest.max(task.await.expect("task"));
        }
        report(&format!("appends of {rows} by {tasks}, longest {longest:.2?}"), start, tasks * each * rows);
    }
    for what in ["flush", "compact"] {
        let start = Instant::now();
        match what {
            "flush" => lake.flush().await.expect("flush"),
            _ => lake.compact().await.expect("compact"),
        }
        println!("{what}: {:.2?}", start.elapsed());
    }
    let bounds = (0..=730).map(|day| 1_704_067_200_000_000 + day * 86_400_000_000).collect();
    let usage = Usage { calendar: Calendar::new(bounds), groups: 1 };
    for round in ["cold", "warm"] {
        let start = Instant::now();
        let any = burgeon_core::behaviour::step::Step::parse("*").expect("a step");
        let question = Question { conditions: vec![vec![any]], ..Question::default() };
        lake.events().ask(question, usage.clone()).await.expect("ask");
        println!("persons a day, {round}: {:.2?}", start.elapsed());
    }
    let context = SessionContext::new_with_config(SessionConfig::new().with_batch_size(8192));
    context.register_table("events", lake.provider("events").expect("table")).expect("register");
    for sql in [
        "SELECT count(*) FROM events",
        "SELECT path, count(DISTINCT person_id) FROM events GROUP BY path",
        "SELECT * FROM events WHERE person_id = 'user-77' ORDER BY at",
    ] {
        let start = Instant::now();
        context.sql(sql).await.expect("sql").collect().await.expect("collect");
        println!("{sql}: {:.2?}", start.elapsed());
    }
    println!("{}", memory());
    let start = Instant::now();
    let done = lake.events().delete_person("user-77").await.expect("delete");
    println!("removal of a person: {:.2?}, {done:?}", start.elapsed());
    drop(context);
    drop(lake);
    let start = Instant::now();
    let options = LakeOptions::new(Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)));
    let lake = Lake::open(dir.path(), options).await.expect("open");
    println!("opening: {:.2?}, {} rows", start.elapsed(), lake.rows_total("events").expect("rows"));
    println!("{:?}", lake.events().stats());
}

fn report(what: &str, start: Instant, total: i64) {
    let seconds = start.elapsed().as_secs_f64();
    let cpu = processor();
    println!(
        "{what}: {seconds:.2} s, {:.2} million rows/s (process so far: {cpu:.1} s of processor)",
        total as f64 / seconds / 1e6
    );
}

/// Processor time of this process, in seconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
        .collect::<Vec<_>>()
        .join(", ")
}
