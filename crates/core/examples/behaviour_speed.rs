//! How long the kernels take for 20 million made-up rows of 2 million persons over 24 months, on one thread, in memory.
//!
//! Run with `cargo run --release -p burgeon-core --example behaviour_speed [million rows]`. Rows come in blocks of about a million, as they
//! are kept; each question is asked of all blocks and the sums added up. Printed is the best of some runs: the time of the processor, where the
//! system tells it, so that other work on the machine disturbs less.

use std::hint::black_box;
use std::time::Instant;

use burgeon_core::behaviour::active::Active;
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::funnel::{Funnel, Order, Times};
use burgeon_core::behaviour::lifecycle::Lifecycle;
use burgeon_core::behaviour::paths::{Direction, Paths};
use burgeon_core::behaviour::retention::Retention;
use burgeon_core::behaviour::rolling::Rolling;
use burgeon_core::behaviour::sessions::Sessions;
use burgeon_core::behaviour::stickiness::Stickiness;
use burgeon_core::behaviour::usage::Usage;
use burgeon_core::behaviour::{By, Kernel, Partial, Rows};
use burgeon_core::time::Zone;
use jiff::civil::{Weekday, date};

const DAY: i64 = 86_400_000_000;
const DAYS: i64 = 731;
const EVENTS: u64 = 40;
const CHANNELS: u64 = 12;
const PAGES: u64 = 2_000;

#[derive(Default)]
struct Block {
    persons: Vec<u32>,
    ends: Vec<u32>,
    at: Vec<i64>,
    class: Vec<u16>,
    channel: Vec<u32>,
    page: Vec<u32>,
}

impl Block {
    fn rows<'a>(&'a self, masks: &'a [u64], by: By<'a>) -> Rows<'a> {
        Rows { persons: &self.persons, ends: &self.ends, at: &self.at, class: &self.class, masks, by }
    }
}

/// A small generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn none(_: &Block) -> By<'_> {
    By::None
}

fn blocks(rows: usize, start: i64) -> Vec<Block> {
    let mut random = Random(7);
    let mut blocks = vec![Block::default()];
    let mut times: Vec<i64> = Vec::new();
    let persons = rows / 10;
    for person in 0..persons as u32 {
        if blocks.last().is_some_and(|block| block.at.len() >= 1_000_000) {
            blocks.push(Block::default());
        }
        let Some(block) = blocks.last_mut() else { return blocks };
        // Few come often: 1 to about 60 rows, 10 in the mean.
        let count = 1 + random.below(7) + if random.below(10) == 0 { random.below(120) } else { 0 };
        let joined = random.below(DAYS as u64) as i64;
        let channel = random.below(CHANNELS) as u32;
        times.clear();
        for _ in 0..count {
            let day = joined + (random.below((DAYS - joined) as u64) as i64).min(random.below(400) as i64);
            times.push(start + day * DAY + random.below(DAY as u64) as i64);
        }
        times.sort_unstable();
        for at in &times {
            block.at.push(*at);
            // The first events are the frequent ones.
            block.class.push(random.below(EVENTS).min(random.below(EVENTS)) as u16);
            block.channel.push(if random.below(4) == 0 { random.below(CHANNELS) as u32 } else { channel });
            block.page.push(random.below(PAGES).min(random.below(PAGES)) as u32);
        }
        block.persons.push(person);
        block.ends.push(block.at.len() as u32);
    }
    blocks
}

/// Seconds on a processor since the thread began; on the clock where the system does not tell.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn seconds(since: &mut Option<Instant>) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = told.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let clock = since.get_or_insert_with(Instant::now);
    ns.map_or_else(|| clock.elapsed().as_secs_f64(), |ns| ns as f64 / 1e9)
}

fn ask<K: Kernel>(
    name: &str,
    kernel: &K,
    blocks: &[Block],
    masks: &[u64],
    by: impl for<'a> Fn(&'a Block) -> By<'a>,
) -> K::Partial {
    let mut best = f64::MAX;
    let mut clock = None;
    let mut total = kernel.empty();
    for _ in 0..5 {
        let start = seconds(&mut clock);
        total = kernel.empty();
        for block in blocks {
            let mut partial = kernel.empty();
            kernel.add(&block.rows(masks, by(block)), &mut partial);
            total.merge(&partial);
        }
        best = best.min(seconds(&mut clock) - start);
        black_box(&total);
    }
    println!("{name:<52} {best:>8.3} s   {:>8} KB of sums", total.bytes() / 1024);
    total
}

fn main() {
    let millions: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20);
    let zone = Zone::new("Europe/Berlin", Weekday::Monday).unwrap_or(Zone::utc());
    let (first, last) = (date(2023, 1, 1), date(2024, 12, 31));
    let blocks = blocks(millions * 1_000_000, zone.start_of(first));
    let rows: usize = blocks.iter().map(|block| block.at.len()).sum();
    let persons: usize = blocks.iter().map(|block| block.persons.len()).sum();
    println!("{rows} rows of {persons} persons in {} blocks, one thread", blocks.len());

    let mut read = f64::MAX;
    let mut clock = None;
    for _ in 0..5 {
        let start = seconds(&mut clock);
        black_box(blocks.iter().flat_map(|block| &block.at).fold(0i64, |sum, at| sum.wrapping_add(*at)));
        read = read.min(seconds(&mut clock) - start);
    }
    println!("{:<52} {read:>8.3} s", "reading all times, for comparison");
    let days = Calendar::days(&zone, first, last);
    let months = Calendar::months(&zone, first, last);
    let weeks = Calendar::weeks(&zone, date(2024, 1, 1), date(2024, 12, 29));
    let all = vec![u64::MAX; EVENTS as usize];
    let half: Vec<u64> = (0..EVENTS).map(|event| event % 2).collect();
    let steps: Vec<u64> = (0..EVENTS).map(|event| if event < 10 { 1 << (event / 2) } else { 0 }).collect();

    let rolling = Rolling { windows: vec![7, 30], ..Rolling::distinct(days.clone()) };
    let sum = ask("rolling 7 and 30 days, 24 months", &rolling, &blocks, &all, none);
    let counts = rolling.counts(&sum);
    println!("    last day: {:?} {:?}", counts.of(0, 0).last(), counts.of(0, 1).last());
    ask("rolling 7 and 30 days, half of the events", &rolling, &blocks, &half, none);
    let by_channel = Rolling { groups: CHANNELS as u32, ..rolling };
    ask("rolling 7 and 30 days by channel of the event", &by_channel, &blocks, &all, |b| By::Row(&b.channel));
    ask("distinct persons a day", &Rolling::distinct(days.clone()), &blocks, &all, none);
    ask("distinct persons a month", &Rolling::distinct(months.clone()), &blocks, &all, none);
    let often =
        Rolling { active: Active { at_least: 3, within_us: None }, ..Rolling::distinct(months.clone()) };
    ask("distinct persons a month, at least three times", &often, &blocks, &all, none);

    let funnel = Funnel { groups: CHANNELS as u32, ..Funnel::new(5, 14 * DAY) };
    let sum =
        ask("funnel of 5 steps, 14 days, by channel", &funnel, &blocks, &steps, |b| By::Row(&b.channel));
    println!("    channel 0: {:?}", funnel.people(&sum, 0, 0));
    let timed = Funnel { times: Times::SinceFirst, ..funnel.clone() };
    ask("the same with times to convert", &timed, &blocks, &steps, |b| By::Row(&b.channel));
    ask("the same, not divided, no times", &Funnel::new(5, 14 * DAY), &blocks, &steps, none);
    for order in [Order::Strict, Order::Any] {
        let other = Funnel { order, ..funnel.clone() };
        ask(&format!("the same by channel, {order:?}"), &other, &blocks, &steps, |b| By::Row(&b.channel));
    }

    let both = vec![3; EVENTS as usize];
    let retention = Retention { calendar: weeks.clone(), recurring: false, or_after: false, groups: 1 };
    let sum = ask("retention, 52 weeks, first time, bounded", &retention, &blocks, &both, none);
    println!(
        "    week 1: {} then {:?}",
        retention.counts(&sum).size(0, 0),
        &retention.counts(&sum).people(0, 0)[..4]
    );
    let recurring = Retention { recurring: true, ..retention };
    ask("retention, 52 weeks, recurring", &recurring, &blocks, &both, none);

    ask(
        "lifecycle by week",
        &Lifecycle { calendar: weeks, active: Active::ONCE, groups: 1 },
        &blocks,
        &all,
        none,
    );
    ask("stickiness by month", &Stickiness::new(days, months.clone(), Active::ONCE, 1), &blocks, &all, none);
    ask("sessions by month", &Sessions::new(months), &blocks, &both, none);
    let (start, end) = (zone.start_of(date(2024, 12, 1)), zone.start_of(date(2024, 12, 31)));
    let usage = Usage::between(start, end, PAGES as u32);
    let sum = ask("pages by persons, 30 days", &usage, &blocks, &all, |b| By::Row(&b.page));
    println!("    first: {:?}", usage.top(&sum, 0, 3, false));
    let paths = Paths {
        direction: Direction::After,
        steps: 4,
        gap_us: DAY,
        span: Some((start, end)),
        groups: EVENTS as u32,
    };
    let anchored: Vec<u64> = (0..EVENTS).map(|event| if event == 1 { 3 } else { 2 }).collect();
    ask("paths of 4 after an event, 30 days", &paths, &blocks, &anchored, none);
}
