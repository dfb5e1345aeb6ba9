//! What goes on on the site and in the product while somebody looks at the demo company.

use arrow::array::{AsArray, RecordBatch};
use burgeon_core::records::{Table, table};
use jiff::Timestamp;

use super::super::DemoOptions;
use super::super::dice::Dice;
use super::super::life::{History, Profile};
use super::super::table::Rows;
use super::super::world::{CHANNELS, COUNTRIES, World};
use super::account::Account;
use super::person::Person;
use super::site::{self, FEATURES, Origin, PAGES};
use super::visit::{self, Doing, Event};
use super::write::{self, Who, Writer};
use super::{SALT, TABLES};

const SECOND: i64 = 1_000_000;
/// Visits that go on at a time, at most.
const AT_ONCE: usize = 60;

/// Somebody who is there now.
struct Visit {
    person: Option<Person>,
    anonymous_id: String,
    customer_id: String,
    country: usize,
    device: usize,
    origin: Option<&'static Origin>,
    /// How many more things are done, and when the next one is.
    left: usize,
    next_at: i64,
}

/// New events of the demo company, a handful at a time: visitors who look at pages, people who work, and the sign-ups of the
/// customers whom [`super::super::Live`] brings.
///
/// As there, the state lives in memory only, and the batches of one call are to be appended in their order.
pub struct LiveEvents {
    options: DemoOptions,
    world: World,
    seat_changes: f64,
    dice: Dice,
    writer: Writer,
    history: History,
    account: Account,
    visits: Vec<Visit>,
    count: u64,
}

impl LiveEvents {
    /// Life after the company of these options, from the instant of its start on. The options must be those that the
    /// company was drawn with, so that the same people go on.
    pub fn new(options: DemoOptions, started: Timestamp) -> LiveEvents {
        let world = World::new(&options);
        let salt = options.seed ^ SALT ^ started.as_microsecond() as u64;
        LiveEvents {
            seat_changes: options.seat_changes(&world),
            dice: Dice::new(salt, u64::MAX),
            writer: Writer::new(salt, u64::MAX),
            options,
            world,
            history: History::default(),
            account: Account::default(),
            visits: Vec::new(),
            count: 0,
        }
    }

    /// What happened until `now` since the call before. `company` is what the company's own records say at the same moment:
    /// for each new customer there somebody signs up. Calls must not go back in time; a few seconds apart looks right.
    pub fn next(
        &mut self,
        now: Timestamp,
        company: &[(&'static Table, RecordBatch)],
    ) -> Vec<(&'static Table, RecordBatch)> {
        let at = now.as_microsecond();
        let first = at.saturating_add(self.count as i64);
        let mut rows: Vec<Rows> =
            TABLES.iter().filter_map(|name| table(name)).map(|table| Rows::new(table, first)).collect();
        for (_, batch) in company.iter().filter(|(table, _)| table.name == "customers") {
            for row in 0..batch.num_rows() {
                self.sign_up(at, batch, row, &mut rows);
            }
        }
        if self.visits.len() < AT_ONCE {
            for _ in 0..self.dice.times(1.2) {
                self.arrive(at);
            }
            if self.dice.chance(0.6) {
                self.begin_work(at);
            }
        }
        let mut going_on = std::mem::take(&mut self.visits);
        for visit in &mut going_on {
            // Who was away for long, as a browser that slept, goes on now.
            while visit.left > 0 && visit.next_at <= at {
                self.go_on(visit, &mut rows);
                visit.next_at = visit.next_at.max(at - 60 * SECOND);
            }
        }
        going_on.retain(|visit| visit.left > 0);
        self.visits = going_on;
        rows.iter_mut().filter_map(|rows| rows.take().map(|batch| (rows.table, batch))).collect()
    }

    /// A visitor of the site.
    fn arrive(&mut self, at: i64) {
        let dice = &mut self.dice;
        self.count += 1;
        let channel = visit::visitor_channel(&self.world, at, dice);
        self.visits.push(Visit {
            person: None,
            anonymous_id: format!("anon_n{at:x}{:x}", self.count),
            customer_id: String::new(),
            country: dice.weighted(COUNTRIES.iter().map(|country| country.1)),
            device: dice.weighted(site::DEVICES.iter().map(|device| device.3)),
            origin: Some(visit::origin(&self.world, at, channel, dice)),
            left: if dice.chance(0.45) { 1 } else { 2 + dice.times(2.0) },
            next_at: at - dice.between(0, 4 * SECOND),
        });
    }

    /// Somebody of an account that is open comes to work.
    fn begin_work(&mut self, at: i64) {
        let total = self.options.customers.max(1);
        for _ in 0..20 {
            let number = self.dice.between(0, total as i64 - 1) as u64;
            self.history.draw(&self.world, self.options.seed, number, total, self.seat_changes);
            self.account.draw(&self.world, self.options.seed ^ SALT, number, &self.history, 0.0);
            if !self.account.is_open(self.world.now) {
                continue;
            }
            let place = self.dice.between(0, self.account.people.len() as i64 - 1) as usize;
            let person = self.account.people[place].clone();
            if self
                .visits
                .iter()
                .any(|visit| visit.person.as_ref().is_some_and(|other| other.user_id == person.user_id))
            {
                continue;
            }
            self.visits.push(Visit {
                anonymous_id: person.anonymous_id.clone(),
                customer_id: self.history.profile.id.clone(),
                country: person.country,
                device: person.device,
                origin: None,
                left: 2 + self.dice.times(6.0),
                next_at: at - self.dice.between(0, 4 * SECOND),
                person: Some(person),
            });
            return;
        }
    }

    /// The owner of a new customer: the last steps of the visit, then the sign-up; after that the work begins.
    fn sign_up(&mut self, at: i64, customers: &RecordBatch, row: usize, rows: &mut [Rows]) {
        let text = |name: &str| {
            let column = customers.column_by_name(name).and_then(|column| column.as_string_view_opt());
            column.map_or("", |column| column.value(row))
        };
        let place = |found: Option<usize>| found.unwrap_or(0);
        let profile = Profile {
            id: text("customer_id").to_owned(),
            name: text("name").to_owned(),
            email: text("email").to_owned(),
            country: place(COUNTRIES.iter().position(|country| country.0 == text("country"))),
            channel: place(CHANNELS.iter().position(|channel| channel.0 == text("channel"))),
            created_at: at,
            ..Profile::default()
        };
        self.count += 1;
        let mut owner = Person::draw(&profile, 0, 0, at, None, &mut self.dice);
        let bare = profile.id.trim_start_matches("cus_");
        owner.user_id = format!("usr_{bare}_1");
        owner.anonymous_id = format!("anon_{bare}_1");
        let [persons, links, _] = &mut rows[..] else { return };
        write::person(&owner, &profile, [persons, links], &mut String::new());
        let mut visit = Visit {
            anonymous_id: owner.anonymous_id.clone(),
            customer_id: profile.id.clone(),
            country: owner.country,
            device: owner.device,
            origin: None,
            left: 1 + self.dice.times(5.0),
            next_at: at + 20 * SECOND,
            person: Some(owner),
        };
        let origin = visit::origin(&self.world, at, profile.channel, &mut self.dice);
        let steps = [
            (200, Doing::View { page: site::HOME, origin: Some(origin) }),
            (120, Doing::View { page: site::PRICING, origin: None }),
            (45, Doing::View { page: site::SIGN_UP, origin: None }),
            (0, Doing::SignUp { plan: 1, brought: None }),
        ];
        self.writer.begin(1);
        for (before, doing) in steps {
            let event = Event { at: at - before * SECOND, who: 0, anonymous: before > 0, doing };
            self.write(&event, &visit, rows);
        }
        visit.origin = None;
        self.visits.push(visit);
    }

    /// The next thing of a visit.
    fn go_on(&mut self, visit: &mut Visit, rows: &mut [Rows]) {
        let dice = &mut self.dice;
        let known = visit.person.is_some();
        let doing = if known {
            Doing::Use(dice.weighted(FEATURES[..site::SIGN_ON].iter().map(|feature| feature.weight)))
        } else {
            Doing::View { page: dice.weighted(PAGES.iter().map(|page| page.weight)), origin: visit.origin }
        };
        let event = Event { at: visit.next_at, who: 0, anonymous: !known, doing };
        visit.left -= 1;
        visit.next_at += SECOND * dice.between(4, if known { 70 } else { 50 });
        self.writer.begin(1);
        self.write(&event, visit, rows);
    }

    fn write(&mut self, event: &Event, visit: &Visit, rows: &mut [Rows]) {
        let who = Who {
            user_id: visit.person.as_ref().map_or("", |person| &person.user_id),
            anonymous_id: &visit.anonymous_id,
            customer_id: &visit.customer_id,
            country: visit.country,
            device: visit.device,
        };
        self.count += 1;
        if let Some(events) = rows.last_mut() {
            self.writer.event(event, who, self.count, 0, events);
        }
    }
}
