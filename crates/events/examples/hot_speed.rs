//! How fast the hot columns are, without the rest of the program.
//!
//! `cargo run --release -p burgeon-events --example hot_speed [ROWS [PERSONS [FOLDER]]]` builds a store by bulk, opens
//! it in a fresh process, asks the questions of the benchmark cold (nothing kept, the system's file cache warm), again,
//! and once more after 10,000 new rows; then it measures appends, checkpoint and upkeep. Prints a table.

// Measuring is what this program is for.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use burgeon_core::behaviour::Kernel;
use burgeon_core::behaviour::active::Active;
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::funnel::Funnel;
use burgeon_core::behaviour::retention::Retention;
use burgeon_core::behaviour::rolling::Rolling;
use burgeon_core::behaviour::step::Step;
use burgeon_core::behaviour::visits::{Visits, Which};
use burgeon_events::{Breakdown, Filter, HotOptions, HotStore, NewRows, Question, Snapshot, event_key};

type Outcome<T> = Result<T, Box<dyn Error>>;

const DAY: i64 = 86_400_000_000;
const DAYS: i64 = 730;
/// 2024-01-01, a Monday.
const START: i64 = 1_704_067_200_000_000;
const CHANNELS: [&str; 8] = [
    "direct",
    "organic_search",
    "paid_search",
    "email",
    "referral",
    "affiliate",
    "organic_social",
    "paid_social",
];

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("build") => build(Path::new(&args[2]), args[3].parse()?, args[4].parse()?),
        Some("ask") => ask(Path::new(&args[2]), args[3].parse()?, args[4].parse()?),
        _ => {
            let rows = args.get(1).map_or(Ok(20_000_000), |n| n.parse::<u64>())?;
            let persons = args.get(2).map_or(Ok(2_000_000), |n| n.parse::<u64>())?;
            let folder = args.get(3).map_or_else(|| std::env::temp_dir().join("hot_speed"), PathBuf::from);
            let _ = std::fs::remove_dir_all(&folder);
            for part in ["build", "ask"] {
                let status = Command::new(std::env::current_exe()?)
                    .args([part, &folder.display().to_string(), &rows.to_string(), &persons.to_string()])
                    .status()?;
                if !status.success() {
                    return Err(format!("{part} failed").into());
                }
            }
            std::fs::remove_dir_all(&folder)?;
            Ok(())
        }
    }
}

fn options() -> HotOptions {
    let threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    HotOptions { dimensions: vec!["channel".into()], threads, ..HotOptions::default() }
}

/// A plain generator of numbers: the same rows in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * u128::from(n)) >> 64) as u64
    }
}

/// Rows as columns, refilled in place.
#[derive(Default)]
struct Rows {
    who: Vec<String>,
    event: Vec<String>,
    id: Vec<u64>,
    at: Vec<i64>,
    channel: Vec<&'static str>,
}

impl Rows {
    /// Rows `from..to` of `all`, spread evenly over the time with some disorder. An event's number is the smaller of
    /// two draws, so that some names are frequent and some rare.
    fn fill(&mut self, from: u64, to: u64, all: u64, persons: u64, numbers: &mut Numbers) {
        self.who.clear();
        self.event.clear();
        self.id.clear();
        self.at.clear();
        self.channel.clear();
        for row in from..to {
            self.who.push(format!("user-{}", numbers.below(persons)));
            let event = numbers.below(50).min(numbers.below(50));
            self.event.push(format!("event_{event:02}"));
            self.id.push(event_key(&row.to_string()));
            let seconds = (u128::from(row) * (DAYS as u128 * 86_400) / u128::from(all)) as i64;
            let late = numbers.below(3600) as i64;
            self.at.push(START + (seconds - late).max(0) * 1_000_000);
            self.channel.push(CHANNELS[numbers.below(8) as usize]);
        }
    }

    fn with<T>(&self, position: u64, f: impl FnOnce(&NewRows<'_>) -> T) -> T {
        let who: Vec<&str> = self.who.iter().map(String::as_str).collect();
        let events: Vec<&str> = self.event.iter().map(String::as_str).collect();
        let channels: Vec<Option<&str>> = self.channel.iter().map(|c| Some(*c)).collect();
        f(&NewRows {
            position,
            distinct_ids: &who,
            events: &events,
            ids: &self.id,
            at: &self.at,
            dims: &[("channel", &channels)],
        })
    }
}

fn build(folder: &Path, rows: u64, persons: u64) -> Outcome<()> {
    let store = HotStore::open(folder, options())?;
    let mut numbers = Numbers(88_172_645_463_325_252);
    let mut batch = Rows::default();
    let (mut push, mut push_cpu) = (0.0, 0.0);
    let mut bulk = store.bulk()?;
    for from in (0..rows).step_by(8192) {
        batch.fill(from, (from + 8192).min(rows), rows, persons, &mut numbers);
        let (before, cpu) = (Instant::now(), cpu_ms());
        batch.with(0, |rows| bulk.push(rows))?;
        push += before.elapsed().as_secs_f64();
        push_cpu += cpu_ms() - cpu;
    }
    println!("{:<44} {:>9.2} ms {push_cpu:>9.2} ms", "bulk, push", push * 1e3);
    let prepared = timed("bulk, sort and write", || Ok(bulk.prepare()?))?;
    prepared.commit(1)?;
    let stats = store.stats();
    let files = stats.file_bytes as f64;
    println!("rows {}, identifiers {}, blocks {}", stats.rows, stats.identifiers, stats.blocks);
    println!("files {:.0} MB, {:.1} bytes a row", files / 1e6, files / stats.rows as f64);
    println!("bulk: peak memory {} MB", peak());
    Ok(())
}

fn steps(texts: &[&str]) -> Outcome<Vec<Step>> {
    Ok(texts.iter().map(|text| Step::parse(text)).collect::<Result<_, _>>()?)
}

fn timed<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let (start, cpu) = (Instant::now(), cpu_ms());
    let done = work()?;
    let (wall, cpu) = (start.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu);
    println!("{what:<44} {wall:>9.2} ms {cpu:>9.2} ms");
    Ok(done)
}

/// Processor time of this thread: all of the work where `THREADS=1` is set.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

fn answer<K: Kernel + Debug>(
    when: &str,
    what: &str,
    now: &Snapshot,
    question: &Question,
    kernel: &K,
) -> Outcome<K::Partial> {
    timed(&format!("{what}, {when}"), || Ok(now.ask(question, kernel)?))
}

fn questions(when: &str, now: &Snapshot) -> Outcome<()> {
    let days = Calendar::new((0..=DAYS).map(|day| START + day * DAY).collect());
    let all = Question { conditions: vec![steps(&["*"])?], ..Question::default() };
    let rolling = Rolling { calendar: days, windows: vec![7, 30], active: Active::ONCE, groups: 1 };
    let sum = answer(when, "rolling 7 and 30 days", now, &all, &rolling)?;
    let counts = rolling.counts(&sum);
    let funnel = Funnel { groups: now.codes("channel")?, ..Funnel::new(5, 14 * DAY) };
    let names = ["event_00", "event_01", "event_02", "event_03", "event_04"];
    let question = Question {
        conditions: names.iter().map(|name| steps(&[name])).collect::<Outcome<_>>()?,
        by: Breakdown::Dimension("channel".into()),
        ..Question::default()
    };
    answer(when, "funnel of 5 steps by channel", now, &question, &funnel)?;
    let weeks = Calendar::new((0..=52).map(|week| START + week * 7 * DAY).collect());
    let question = Question { conditions: vec![steps(&["*"])?, steps(&["*"])?], ..Question::default() };
    let retention = Retention { calendar: weeks, recurring: false, or_after: false, groups: 1 };
    answer(when, "retention 52 × 52 weeks", now, &question, &retention)?;
    let question = Question {
        conditions: names
            .iter()
            .map(|name| steps(&[&format!("{name}[channel!=direct]")]))
            .collect::<Outcome<_>>()?,
        ..Question::default()
    };
    answer(when, "funnel with conditions", now, &question, &Funnel::new(5, 14 * DAY))?;
    // Of a month out of two years most rows are passed over.
    let month = (START + 670 * DAY, START + 700 * DAY);
    let filter = |dimension: &str, value: &str| Filter {
        dimension: dimension.into(),
        values: vec![Some(value.into())],
        negated: false,
    };
    let question = Question {
        conditions: vec![steps(&["event_00"])?],
        by: Breakdown::Dimension("channel".into()),
        filters: vec![filter("channel", "email")],
        span: Some(month),
        ..Question::default()
    };
    let groups = now.codes("channel")?;
    let by_channel = Rolling { groups, ..Rolling::distinct(Calendar::span(month.0, month.1)) };
    answer(when, "people of a month by channel", now, &question, &by_channel)?;
    let visits = Visits {
        calendar: Calendar::new((0..=24).map(|month| START + month * 30 * DAY).collect()),
        gap_us: 1_800_000_000,
        cut_off: i64::MAX,
        which: Which::All,
        conversion: None,
        groups,
    };
    let question = Question {
        conditions: vec![steps(&["*"])?, steps(&["event_00", "event_01"])?, steps(&["event_02"])?],
        by: Breakdown::Dimension("channel".into()),
        ..Question::default()
    };
    answer(when, "visits of 24 months by channel", now, &question, &visits)?;
    let person = now.person("user-77").unwrap_or_default();
    let rows = timed(&format!("events of one person, {when}"), || Ok(now.person_rows(person)?))?;
    println!(
        "  (30-day actives of the last day: {}, rows of the person: {})",
        counts.of(0, 1)[DAYS as usize - 1],
        rows.len()
    );
    Ok(())
}

fn ask(folder: &Path, rows: u64, persons: u64) -> Outcome<()> {
    let store = timed("open", || Ok(HotStore::open(folder, options())?))?;
    questions("cold", &store.snapshot())?;
    if std::env::var_os("COLD").is_some() {
        return Ok(());
    }
    questions("again", &store.snapshot())?;
    println!("peak memory of questions: {} MB", peak());
    let mut numbers = Numbers(1_442_695_040_888_963_407);
    let mut batch = Rows::default();
    let mut append = |from: u64, to: u64| -> Outcome<f64> {
        batch.fill(from, to, rows * 2, persons, &mut numbers);
        let start = Instant::now();
        batch.with(from, |rows| store.append(rows))?;
        Ok(start.elapsed().as_secs_f64())
    };
    let seconds = append(rows, rows + 10_000)?;
    println!("{:<44} {:>9.2} ms", "append 10,000 rows", seconds * 1e3);
    timed("checkpoint", || Ok(store.checkpoint()?))?;
    questions("10,000 rows later", &store.snapshot())?;
    questions("again", &store.snapshot())?;
    let mut seconds = 0.0;
    for batch in 0..100 {
        let from = rows + 10_000 + batch * 2000;
        seconds += append(from, from + 2000)?;
    }
    println!("{:<44} {:>9.0} rows/s", "appends in batches of 2,000", 200_000.0 / seconds);
    timed("checkpoint", || Ok(store.checkpoint()?))?;
    questions("200,000 rows later", &store.snapshot())?;
    let done = timed("maintain (what is due)", || Ok(store.maintain()?))?;
    println!("  ({} blocks, {} rows, {} MB written)", done.blocks, done.absorbed, done.bytes / 1_000_000);
    let done = timed("compact", || Ok(store.compact()?))?;
    println!("  ({} blocks, {} rows, {} MB written)", done.blocks, done.absorbed, done.bytes / 1_000_000);
    questions("after compaction", &store.snapshot())?;
    let stats = store.stats();
    println!("memory counted {} MB, peak {} MB", stats.memory_bytes / 1_000_000, peak());
    Ok(())
}

/// Highest resident memory of this process so far, in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
