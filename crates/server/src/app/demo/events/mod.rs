//! What people do on the demo company's site and in its product, fitting its billing.
//!
//! Every account of the company has people: an owner who found the site by the channel that the account is booked under,
//! signed up at the account's very moment of creation, and invited colleagues as there are seats. They work on working
//! days while the account is open; use falls before somebody asks to leave, is low in trials that come to nothing, and
//! stops when the account closes. Automations appear with the release of version 3.0 and spread; exports fail in the weeks
//! of the bad release. Beside them many visitors look at the site and never come to be known.
//!
//! [`DemoEvents`] streams batches of `persons`, `identity_links` and `events`: people before their events, the accounts in
//! order of sign-up, each with all of its time, then the visitors. Memory does not grow with their number. [`LiveEvents`] goes
//! on where they end.

mod account;
mod live;
mod person;
mod site;
#[cfg(test)]
mod tests;
mod visit;
mod write;

use std::collections::VecDeque;

use arrow::array::RecordBatch;

use burgeon_core::records::{Table, table};

use super::dice::Dice;
use super::life::History;
use super::table::Rows;
use super::world::{COUNTRIES, DAY, World};
use super::{BATCH_ROWS, DemoOptions};
use account::Account;
use visit::Event;
use write::{Who, Writer};

pub use live::LiveEvents;

/// Events of the demo company for each account where nobody asks for another number: five million of 20,000 accounts.
pub const EVENTS_PER_ACCOUNT: u64 = 250;

/// The share of all events that people of accounts cause; the others come from visitors.
const BY_ACCOUNTS: f64 = 0.68;
/// Keeps the chance of events apart from that of the billing.
const SALT: u64 = 0x65_76_65_6e_74_73;
/// Numbers of events of one account or visitor.
const PER_SOURCE: u64 = 1 << 22;
/// Visitors are numbered from here.
const VISITORS: u64 = 1 << 40;

/// The tables that [`DemoEvents`] has rows of, in the order in which they must be written.
pub const TABLES: [&str; 3] = ["persons", "identity_links", "events"];

/// Batches of the company's people and events.
///
/// Rows of `persons` and `identity_links` are in the stored schema, like those of [`super::Demo`]; rows of `events` have the
/// table's own columns and `_source`.
pub struct DemoEvents {
    options: DemoOptions,
    world: World,
    seat_changes: f64,
    rate: f64,
    wanted: u64,
    writer: Writer,
    /// By the order of [`TABLES`].
    rows: Vec<Rows>,
    ready: VecDeque<(&'static Table, RecordBatch)>,
    history: History,
    account: Account,
    visits: Vec<Event>,
    text: String,
    next: u64,
    /// Whether the people of all accounts are wanted, and nothing of what they do.
    only_people: bool,
}

impl DemoEvents {
    /// The people of the company of these options alone, all of them, with their links. A store that knows them before
    /// their events come need not find out later who is who.
    pub fn people(options: DemoOptions) -> DemoEvents {
        let world = World::new(&options);
        // Who there is does not depend on how much they do.
        DemoEvents { only_people: true, ..DemoEvents::at_rate(options, world, 0, 0.0) }
    }

    /// The events of the company of these options, exactly `events` of them. With fewer than about fifteen for each account the
    /// last accounts have none.
    pub fn new(options: DemoOptions, events: u64) -> DemoEvents {
        let world = World::new(&options);
        let seat_changes = options.seat_changes(&world);
        let rate = natural_rate(&options, &world, seat_changes, events as f64 * BY_ACCOUNTS);
        DemoEvents::at_rate(options, world, events, rate)
    }

    fn at_rate(options: DemoOptions, world: World, events: u64, rate: f64) -> DemoEvents {
        DemoEvents {
            writer: Writer::new(options.seed, events),
            rows: TABLES.iter().filter_map(|name| table(name)).map(|table| Rows::new(table, 1)).collect(),
            seat_changes: options.seat_changes(&world),
            options,
            world,
            rate,
            wanted: events,
            ready: VecDeque::new(),
            history: History::default(),
            account: Account::default(),
            visits: Vec::new(),
            text: String::new(),
            next: 0,
            only_people: false,
        }
    }

    /// The share of the events that are drawn already, 0 to 1, for a progress bar.
    pub fn progress(&self) -> f64 {
        1.0 - self.writer.left as f64 / self.wanted.max(1) as f64
    }

    /// Moves what has gathered to the ready batches: people first, so that whoever does something is known.
    fn gather(&mut self) {
        for rows in &mut self.rows {
            let table = rows.table;
            self.ready.extend(rows.take().map(|batch| (table, batch)));
        }
    }

    fn write_account(&mut self, number: u64) {
        let total = self.options.customers.max(1);
        self.history.draw(&self.world, self.options.seed, number, total, self.seat_changes);
        self.account.draw(&self.world, self.options.seed ^ SALT, number, &self.history, self.rate);
        let [persons, links, events] = &mut self.rows[..] else { return };
        let profile = &self.history.profile;
        for person in &self.account.people {
            write::person(person, profile, [persons, links], &mut self.text);
        }
        self.writer.begin(self.account.people.len());
        for (place, event) in self.account.events.iter().enumerate() {
            let person = &self.account.people[event.who];
            let who = Who {
                user_id: &person.user_id,
                anonymous_id: &person.anonymous_id,
                customer_id: &profile.id,
                country: person.country,
                device: person.device,
            };
            self.writer.event(event, who, number * PER_SOURCE + place as u64, number, events);
        }
    }

    fn write_visitor(&mut self, number: u64) {
        let mut dice = Dice::new(self.options.seed ^ SALT, VISITORS + number);
        let share = dice.unit();
        let mut at = visit::visit_at(&self.world, share, &mut dice);
        let channel = visit::visitor_channel(&self.world, at, &mut dice);
        let device = dice.weighted(site::DEVICES.iter().map(|device| device.3));
        let country = dice.weighted(COUNTRIES.iter().map(|country| country.1));
        let mut origin = visit::origin(&self.world, at, channel, &mut dice);
        self.visits.clear();
        for _ in 0..3 {
            // Half look at one page only.
            let pages = if dice.chance(0.5) { 1 } else { 2 + dice.times(1.3) };
            let end = visit::visit(&mut self.visits, 0, true, origin, at, pages, &mut dice);
            if dice.chance(0.004) {
                self.visits.push(Event {
                    at: end,
                    who: 0,
                    anonymous: true,
                    doing: named("demo_requested", site::DEMO),
                });
            } else if dice.chance(0.006) {
                self.visits.push(Event {
                    at: end,
                    who: 0,
                    anonymous: true,
                    doing: named("contact_form_submitted", site::CONTACT),
                });
            }
            if !dice.chance(0.24) {
                break;
            }
            at = end + dice.between(1, 20) * DAY + dice.between(-DAY / 8, DAY / 8);
            if dice.chance(0.6) {
                origin = &site::ORIGINS[site::DIRECT][0];
            }
        }
        let id = format!("anon_v{number:08}");
        let who = Who { user_id: "", anonymous_id: &id, customer_id: "", country, device };
        self.writer.begin(1);
        let Some(events) = self.rows.last_mut() else { return };
        for (place, event) in self.visits.iter().filter(|event| event.at <= self.world.now).enumerate() {
            self.writer.event(event, who, (VISITORS + number) * PER_SOURCE + place as u64, 0, events);
        }
    }
}

fn named(event: &'static str, page: usize) -> visit::Doing {
    visit::Doing::Named { event, page }
}

impl Iterator for DemoEvents {
    type Item = (&'static Table, RecordBatch);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let accounts = self.options.customers.max(1);
            let done = if self.only_people { self.next >= accounts } else { self.writer.left == 0 };
            if done {
                self.gather();
                return self.ready.pop_front();
            }
            if self.next < accounts {
                self.write_account(self.next);
            } else {
                self.write_visitor(self.next - accounts);
            }
            self.next += 1;
            if self.rows.iter().any(|rows| rows.len() >= BATCH_ROWS) {
                self.gather();
            }
        }
    }
}

/// How much people must do so that all accounts together cause so many events. Measured on a sample of the accounts; the
/// number grows steadily with the rate, so that halving finds it.
fn natural_rate(options: &DemoOptions, world: &World, seat_changes: f64, wanted: f64) -> f64 {
    let total = options.customers.max(1);
    let sample = total.min(250);
    let (mut history, mut account) = (History::default(), Account::default());
    let mut count = |rate: f64| {
        let events: usize = (0..sample)
            .map(|place| {
                let number = place * total / sample;
                history.draw(world, options.seed, number, total, seat_changes);
                account.draw(world, options.seed ^ SALT, number, &history, rate);
                account.events.len()
            })
            .sum();
        events as f64 * total as f64 / sample as f64
    };
    let (mut low, mut high) = (1e-3_f64, 1e3_f64);
    for _ in 0..14 {
        let middle = (low * high).sqrt();
        if count(middle) < wanted { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}
