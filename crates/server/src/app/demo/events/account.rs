//! What the people of one account do: how they found the site, the trial, the daily work, and how it thins out before they
//! leave. Drawn from the seed, the account's number and its billing history alone.

use burgeon_core::revenue::Status;
use burgeon_core::time::{Zone, date_of_epoch_days};

use super::super::dice::Dice;
use super::super::life::History;
use super::super::world::{ADD_ON, DAY, World};
use super::person::{Device, Person};
use super::site::{self, FEATURES, PAGES};
use super::visit::{self, Doing, Event};

const HOUR: i64 = DAY / 24;
const MINUTE: i64 = HOUR / 60;

/// For how long before a farewell use falls, and to what share.
const FADING: i64 = 75 * DAY;
const FADED: f64 = 0.25;

/// A stretch of time in which the account may use the product.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    until: i64,
    trial: bool,
    plan: usize,
    /// When somebody asked to leave at the end of it, or when it just ended; `None` while it goes on.
    leaves: Option<i64>,
    /// Whether it leads to nothing: a trial that nobody pays for.
    fails: bool,
}

/// The people of an account and their events. Buffers are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) people: Vec<Person>,
    /// In order of time; of equal times in order of happening.
    pub(super) events: Vec<Event>,
    spans: Vec<Span>,
}

impl Account {
    /// Draws the account whose billing history is given. `rate` is how much its people do, 1 for what is natural at
    /// five million events.
    pub(super) fn draw(&mut self, world: &World, seed: u64, number: u64, history: &History, rate: f64) {
        self.people.clear();
        self.events.clear();
        let mut dice = Dice::new(seed, number + 1);
        self.find_spans(world, history);
        let first_plan = history.changes.first().map_or(0, |change| change.state.plan);
        let outbound = history.profile.channel == 5;
        let owner = Person::draw(&history.profile, number, 0, history.profile.created_at, None, &mut dice);
        self.people.push(owner);
        self.arrive(world, &mut dice, history, first_plan, outbound);
        self.invite(world, &mut dice, history);
        for who in (0..self.people.len()).filter(|_| rate > 0.0) {
            self.work(world, &mut dice, history, who, rate);
        }
        let people = &self.people;
        // What would fall before somebody was known, or after the end of the history, has not happened.
        self.events.retain(|event| {
            let known = event.at >= people[event.who].joined_at;
            event.at <= world.now && known != event.anonymous
        });
        self.events.sort_by_key(|event| event.at);
    }

    /// Whether the account drawn last is open at the end of its history.
    pub(super) fn is_open(&self, now: i64) -> bool {
        self.spans.last().is_some_and(|span| span.until >= now)
    }

    /// From the changes of the main subscription to the stretches in which the product is open.
    fn find_spans(&mut self, world: &World, history: &History) {
        self.spans.clear();
        let mut main = history.changes.iter().filter(|change| change.subscription == 1).peekable();
        let mut asked = None;
        while let Some(change) = main.next() {
            asked = change.canceled_at.or(asked);
            let open = matches!(change.state.status, Status::Trialing | Status::Active | Status::PastDue);
            if !open || change.at > world.now {
                continue;
            }
            let next = main.peek();
            let closes = next.filter(|next| {
                !matches!(next.state.status, Status::Trialing | Status::Active | Status::PastDue)
            });
            let until = next.map_or(world.now, |next| next.at.min(world.now));
            let trial = change.state.status == Status::Trialing;
            let fails = trial && closes.is_some();
            let leaves = closes.map(|next| next.canceled_at.or(asked).unwrap_or(next.at).min(next.at));
            if leaves.is_some() {
                asked = None;
            }
            match self.spans.last_mut() {
                // Mere changes of price or seats go on where the one before ended.
                Some(last)
                    if last.until == change.at
                        && last.leaves.is_none()
                        && last.trial == trial
                        && last.plan == change.state.plan =>
                {
                    (last.until, last.leaves, last.fails) = (until, leaves, fails);
                }
                _ => self.spans.push(Span {
                    from: change.at,
                    until,
                    trial,
                    plan: change.state.plan,
                    leaves,
                    fails,
                }),
            }
        }
        // A farewell is felt through the stretches before it, as long as the account was open without a break.
        for place in (1..self.spans.len()).rev() {
            let later = self.spans[place];
            let span = &mut self.spans[place - 1];
            if span.leaves.is_none() && later.from - span.until < DAY {
                span.leaves = later.leaves;
            }
        }
    }

    /// From the first visit to the sign-up, and what the owner does with the trial.
    fn arrive(&mut self, world: &World, dice: &mut Dice, history: &History, plan: usize, outbound: bool) {
        let profile = &history.profile;
        let signs_up = profile.created_at;
        let origin = visit::origin(world, signs_up, profile.channel, dice);
        // Visits before the day of the sign-up: the first by the channel, later ones mostly straight to the site.
        let earlier = dice.times(0.9);
        let mut at = signs_up - dice.between(1, 24) * DAY - dice.between(0, 5 * HOUR);
        for visit in 0..earlier {
            let origin = if visit == 0 { origin } else { &site::ORIGINS[site::DIRECT][0] };
            visit::visit(&mut self.events, 0, true, origin, at, 1 + dice.times(1.8), dice);
            if dice.chance(0.2) {
                let at = at + dice.between(3, 9) * MINUTE;
                self.push(at, 0, true, Doing::Named { event: "contact_form_submitted", page: site::CONTACT });
            }
            at += (signs_up - at) / 2;
        }
        if plan == 3 || (outbound && dice.chance(0.6)) {
            let at = signs_up - dice.between(2, 12) * DAY;
            let opened = if earlier == 0 { origin } else { &site::ORIGINS[site::DIRECT][0] };
            self.push(at, 0, true, Doing::View { page: site::DEMO, origin: Some(opened) });
            self.push(at + 2 * MINUTE, 0, true, Doing::Named { event: "demo_requested", page: site::DEMO });
        }
        // The visit that ends in the sign-up.
        let begin = signs_up - dice.between(6, 20) * MINUTE;
        let last =
            if self.events.is_empty() || dice.chance(0.4) { origin } else { &site::ORIGINS[site::DIRECT][0] };
        visit::visit(&mut self.events, 0, true, last, begin, 1 + dice.times(1.2), dice);
        self.events.retain(|event| event.at < signs_up - 3 * MINUTE);
        if self.events.is_empty() {
            self.push(signs_up - 4 * MINUTE, 0, true, Doing::View { page: site::HOME, origin: Some(origin) });
        }
        self.push(signs_up - 3 * MINUTE, 0, true, Doing::View { page: site::PRICING, origin: None });
        self.push(signs_up - 90_000_000, 0, true, Doing::View { page: site::SIGN_UP, origin: None });
        // One in three of those who come by a referral was sent by another customer.
        let brought = profile.channel == 3 && dice.chance(0.35);
        let sender = dice.unit();
        self.push(signs_up, 0, false, Doing::SignUp { plan, brought: brought.then_some(sender) });
        let trial = self.spans.first().is_some_and(|span| span.trial);
        let fails = self.spans.first().is_some_and(|span| span.fails);
        if trial {
            self.push(signs_up + 2_000_000, 0, false, Doing::Plan { event: "trial_started", plan });
        }
        if dice.chance(if fails { 0.42 } else { 0.91 }) {
            // Most find out what it is for within a day.
            let after = 10.0 + 900.0 * dice.unit().powi(3);
            self.push(
                signs_up + (after * MINUTE as f64) as i64,
                0,
                false,
                Doing::Plain("onboarding_completed"),
            );
        }
        let changes = history.changes.iter().filter(|change| change.subscription == 1);
        let mut paid = false;
        let mut before = None;
        for change in changes.filter(|change| change.at <= world.now) {
            let state = &change.state;
            if state.status == Status::Active && !paid {
                paid = true;
                self.push(change.at, 0, false, Doing::View { page: site::PRICING, origin: None });
                self.push(
                    change.at,
                    0,
                    false,
                    Doing::Plan { event: "subscription_started", plan: state.plan },
                );
            } else if before.is_some_and(|plan| plan < state.plan) && state.plan != ADD_ON {
                // Who takes a larger plan has looked at the prices before.
                let looked = change.at - dice.between(1, 60) * HOUR;
                self.push(looked, 0, false, Doing::View { page: site::PRICING, origin: None });
                self.push(change.at, 0, false, Doing::Plan { event: "plan_upgraded", plan: state.plan });
            }
            if change.reason == "cancellation_requested" {
                self.push(change.at, 0, false, Doing::Plain("cancellation_requested"));
            }
            before = Some(state.plan);
        }
    }

    /// Colleagues: most come in the first weeks, some when seats are added.
    fn invite(&mut self, world: &World, dice: &mut Dice, history: &History) {
        let seats = |change: &super::super::life::Change| {
            if change.subscription == 1 { change.state.seats } else { 0 }
        };
        let most = history.changes.iter().map(seats).max().unwrap_or(1);
        let fails = self.spans.first().is_some_and(|span| span.fails);
        let wanted = if fails { (most as f64).powf(0.25) } else { (most as f64).sqrt() }.round() as usize;
        let begin = history.profile.created_at;
        let mut growth =
            history.changes.iter().filter(|change| change.reason == "seats_added" && change.at <= world.now);
        for place in 1..wanted.max(1) {
            let late = (place > 2 && dice.chance(0.5)).then(|| growth.next()).flatten();
            let first_weeks = begin + (dice.unit().powi(3) * 45.0 * DAY as f64) as i64 + 2 * HOUR;
            let joins = late.map_or(first_weeks, |change| change.at + dice.between(1, 40) * HOUR);
            // Invited while the account is open, or not at all.
            let open = self.spans.iter().any(|span| (span.from..span.until).contains(&joins));
            if joins > world.now || !open {
                continue;
            }
            // The owner invites; in larger teams colleagues do too.
            let by = if self.people.len() > 2 && dice.chance(0.35) {
                dice.between(0, self.people.len() as i64 - 1) as usize
            } else {
                0
            };
            let by = if self.people[by].joined_at < joins - 50 * HOUR { by } else { 0 };
            let invited = joins - dice.between(3, 45 * 60) * MINUTE / 60;
            let invited = invited.max(self.people[by].joined_at + MINUTE).min(joins);
            let number = self.people.len();
            self.push(invited, by, false, Doing::Invite { guest: number });
            let person =
                Person::draw(&history.profile, self.people[0].account, number, joins, Some(by), dice);
            self.people.push(person);
            self.push(
                joins - MINUTE,
                number,
                true,
                Doing::View { page: site::JOIN, origin: Some(&site::ORIGINS[site::DIRECT][0]) },
            );
            self.push(joins, number, false, Doing::Accept { by });
        }
        // Some invitations lead to nothing.
        for _ in 0..dice.times(0.35 * (wanted as f64 - 1.0).max(0.0)) {
            let at = begin + (dice.unit().powi(2) * 60.0 * DAY as f64) as i64 + HOUR;
            if self.spans.iter().any(|span| (span.from..span.until).contains(&at)) {
                self.push(at, 0, false, Doing::Invite { guest: usize::MAX });
            }
        }
    }

    /// The daily use of one person.
    fn work(&mut self, world: &World, dice: &mut Dice, history: &History, who: usize, rate: f64) {
        let Person { joined_at, keen, .. } = self.people[who];
        let ahead = site::AHEAD[history.profile.country];
        let automations = world.months_after(world.start, 23);
        let insights = world.months_after(world.start, 14);
        let sign_on = world.months_after(world.start, 33);
        let adds_on = history.changes.iter().any(|change| change.subscription == 2);
        // More is done on more days, and more on each of them.
        let (often, much) = (rate.sqrt(), 1.55 * rate.sqrt());
        for place in 0..self.spans.len() {
            let span = self.spans[place];
            let from = span.from.max(joined_at);
            let (first, last) = (from.div_euclid(DAY), (span.until - 1).div_euclid(DAY));
            for day in first..=last {
                let middle = day * DAY + DAY / 2;
                let weekday = (day + 3).rem_euclid(7);
                let date = date_of_epoch_days(day as i32);
                let season = match (date.month(), date.day()) {
                    (8, _) => 0.85,
                    (12, 21..) => 0.35,
                    _ => 1.0,
                };
                let mut share = keen * season * if weekday >= 5 { 0.14 } else { 1.0 };
                share *= fading(&span, middle);
                if span.fails {
                    share *= 0.5;
                } else if middle - joined_at < 10 * DAY {
                    share *= 1.5;
                }
                if world.is_bad(middle) {
                    share *= 0.82;
                }
                if !dice.chance((share * often).min(0.93)) {
                    continue;
                }
                let begin = day * DAY + (8 - ahead) * HOUR + (dice.unit() * 8.5 * HOUR as f64) as i64;
                let mut at = begin;
                let more = (much - 1.0).max(0.0) * (0.5 + dice.unit());
                let count = 1 + dice.times(more).min(400);
                for _ in 0..count {
                    let weights = FEATURES.iter().enumerate().map(|(place, feature)| {
                        let share = match place {
                            site::COMMENT if self.people.len() < 2 => 0.0,
                            site::EDIT | site::EXPORT if world.is_bad(at) => 0.7,
                            site::REPORT if at < insights => 0.0,
                            site::REPORT => {
                                if adds_on {
                                    2.5
                                } else {
                                    0.7
                                }
                            }
                            // The release shows: nobody before it, then more and more, and more on larger plans.
                            site::AUTOMATION if at < automations => 0.0,
                            site::AUTOMATION => {
                                let months = (at - automations) as f64 / (30 * DAY) as f64;
                                (months / 4.0).min(1.0) * [0.25, 0.6, 1.2, 1.6][span.plan.min(3)]
                            }
                            site::SIGN_ON if at < sign_on || span.plan != 3 => 0.0,
                            _ => 1.0,
                        };
                        feature.weight * share
                    });
                    let feature = dice.weighted(weights);
                    if at >= from && at < span.until {
                        let fails = feature == site::EXPORT && world.is_bad(at) && dice.chance(0.45);
                        let doing = if fails { Doing::ExportFailed } else { Doing::Use(feature) };
                        self.push(at, who, false, doing);
                        if fails && dice.chance(0.4) {
                            self.push(
                                at + 2 * MINUTE,
                                who,
                                false,
                                Doing::View { page: site::DOCS_EXPORTS, origin: None },
                            );
                        }
                    }
                    at += 20_000_000 + (dice.unit().powi(2) * 25.0 * MINUTE as f64) as i64;
                }
                if dice.chance(0.012) {
                    let page =
                        site::DOCS.start + dice.weighted(PAGES[site::DOCS].iter().map(|page| page.weight));
                    if at < span.until {
                        self.push(at, who, false, Doing::View { page, origin: None });
                    }
                }
            }
        }
    }

    fn push(&mut self, at: i64, who: usize, anonymous: bool, doing: Doing) {
        self.events.push(Event { at, who, anonymous, doing });
    }
}

/// How much of the ordinary use is left at an instant of a stretch: it falls before somebody asks to leave, and is low from
/// then on.
fn fading(span: &Span, at: i64) -> f64 {
    match span.leaves {
        None => 1.0,
        Some(leaves) if at >= leaves => FADED * 0.8,
        Some(leaves) => FADED + (1.0 - FADED) * ((leaves - at) as f64 / FADING as f64).min(1.0),
    }
}

/// The month of an instant, for what depends on the season.
pub(super) fn month_of(at: i64) -> i8 {
    Zone::utc().date_of(at).month()
}

/// Draws the device of somebody who works in the product.
pub(super) fn office_device(dice: &mut Dice) -> Device {
    dice.weighted(site::DEVICES.iter().map(|device| device.4))
}
