//! The demo company: Fieldnote, a made-up maker of a tool for teams, drawn from a seed.
//!
//! Three years up to the given instant: sign-ups that grow and follow the seasons, trials of which some
//! fail, four plans by month and year in four currencies, seats, discounts that end, pauses, failed
//! payments, a price change 18 months ago and a bad release 8 months ago, both of which show in the
//! figures. Nothing here reads a clock or ambient chance: the same options give the same bytes.
//!
//! [`Demo`] is an iterator of Arrow batches, table by table mixed, in the stored schema of
//! [`burgeon_core::records`]. Each customer is drawn from the seed and its number alone, so that memory
//! does not grow with the number of customers. [`Live`] goes on where the demo ends.

mod company;
mod dice;
pub mod events;
mod life;
mod live;
mod names;
mod records;
mod table;
#[cfg(test)]
mod tests;
mod world;

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use jiff::Timestamp;

use burgeon_core::records::{Table, table};

use life::{History, SEAT_CHANGES};
use records::Texts;
use table::Rows;
use world::World;

pub use live::Live;

/// Rows of a batch, about.
const BATCH_ROWS: usize = 16_384;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemoOptions {
    /// Accounts that ever signed up; about six in ten become customers. At least 1.
    pub customers: u64,
    /// Where all chance comes from.
    pub seed: u64,
    /// The end of the history. Cancellations that have been asked for may lie after it.
    pub now: Timestamp,
    /// Years of history, 1 to 20.
    pub years: u32,
    /// Rows of `subscription_changes` for each account on average, by more changes of seats; `None` for
    /// what is natural (about 4). For benchmarks.
    pub changes_per_customer: Option<f64>,
}

impl DemoOptions {
    /// 20,000 accounts over three years up to `now`.
    pub fn new(seed: u64, now: Timestamp) -> DemoOptions {
        DemoOptions { customers: 20_000, seed, now, years: 3, changes_per_customer: None }
    }

    /// How often in a month the number of seats changes, so that `changes_per_customer` comes out. The
    /// natural number and its slope are measured on a small sample of the same company.
    fn seat_changes(&self, world: &World) -> f64 {
        let Some(wanted) = self.changes_per_customer else { return SEAT_CHANGES };
        let sample = 400;
        let mut history = History::default();
        let mut mean = |rate: f64| {
            let total: usize = (0..sample)
                .map(|number| {
                    history.draw(world, self.seed ^ 0x5eed, number, sample, rate);
                    history.changes.len()
                })
                .sum();
            total as f64 / sample as f64
        };
        let (mut rate, step) = (SEAT_CHANGES, 1.0);
        // Two steps along the secant are near enough: the number grows almost straight with the rate.
        for _ in 0..2 {
            let (here, there) = (mean(rate), mean(rate + step));
            rate = (rate + (wanted - here) * step / (there - here).max(0.01)).max(0.0);
        }
        rate
    }
}

/// The tables that the demo company has rows in.
pub const TABLES: [&str; 13] = [
    "plans",
    "fx_rates",
    "costs",
    "releases",
    "customers",
    "subscription_changes",
    "cancellations",
    "discounts",
    "invoices",
    "invoice_lines",
    "payments",
    "refunds",
    "credit_notes",
];

/// The demo company's records: batches of about sixteen thousand rows, each with its table. Rows of a
/// table come by customer.
pub struct Demo {
    options: DemoOptions,
    world: World,
    seat_changes: f64,
    rows: Vec<Rows>,
    ready: VecDeque<(&'static Table, RecordBatch)>,
    history: History,
    texts: Texts,
    next: u64,
    begun: bool,
}

impl Demo {
    /// All records of the company.
    pub fn new(options: DemoOptions) -> Demo {
        Demo::only(options, &TABLES)
    }

    /// The records of some of its [`TABLES`], the same as in the whole; other names are ignored.
    pub fn only(options: DemoOptions, tables: &[&str]) -> Demo {
        let world = World::new(&options);
        let known = TABLES.iter().filter(|name| tables.contains(name)).filter_map(|name| table(name));
        Demo {
            seat_changes: options.seat_changes(&world),
            options,
            world,
            rows: known.map(|table| Rows::new(table, 1)).collect(),
            ready: VecDeque::new(),
            history: History::default(),
            texts: Texts::default(),
            next: 0,
            begun: false,
        }
    }

    /// The share of the accounts that are drawn already, 0 to 1, for a progress bar.
    pub fn progress(&self) -> f64 {
        self.next as f64 / self.options.customers.max(1) as f64
    }

    /// Moves what has gathered to the ready batches: tables with a full batch, or all.
    fn gather(&mut self, all: bool) {
        for rows in &mut self.rows {
            if all || rows.len() >= BATCH_ROWS {
                let table = rows.table;
                self.ready.extend(rows.take().map(|batch| (table, batch)));
            }
        }
    }
}

impl Iterator for Demo {
    type Item = (&'static Table, RecordBatch);

    fn next(&mut self) -> Option<Self::Item> {
        let customers = self.options.customers.max(1);
        if !self.begun {
            self.begun = true;
            for rows in &mut self.rows {
                company::write(&self.world, self.options.seed, customers, rows);
            }
            self.gather(true);
        }
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            if self.next >= customers {
                self.gather(true);
                return self.ready.pop_front();
            }
            self.history.draw(&self.world, self.options.seed, self.next, customers, self.seat_changes);
            records::write(&self.world, &self.history, &mut self.rows, &mut self.texts);
            self.next += 1;
            self.gather(false);
        }
    }
}
