//! The life of one customer: from sign-up over trial, payments, changes of seats and plans to the end, and
//! sometimes back. Drawn from the seed and the customer's number alone, so that any customer can be drawn
//! at any time, in any order.

use burgeon_core::revenue::Status;

use super::dice::Dice;
use super::names;
use super::world::{ADD_ON, CHANNELS, COUNTRIES, DAY, PLANS, SIZES, World};

/// Who the customer is.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    /// Places in the lists of [`super::world`].
    pub(super) country: usize,
    pub(super) channel: usize,
    pub(super) size: usize,
    pub(super) partner: &'static str,
    pub(super) industry: &'static str,
    pub(super) created_at: i64,
}

impl Profile {
    pub(super) fn currency(&self) -> usize {
        COUNTRIES[self.country].2
    }
}

/// What a subscription is at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) status: Status,
    pub(super) plan: usize,
    pub(super) yearly: bool,
    pub(super) seats: i64,
    /// Discount in per cent.
    pub(super) off: i64,
    /// Whether it pays the prices after the price change.
    pub(super) raised: bool,
}

/// A change of a subscription.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// 1 for the main subscription, 2 for the add-on.
    pub(super) subscription: u8,
    pub(super) at: i64,
    pub(super) state: State,
    pub(super) reason: &'static str,
    pub(super) canceled_at: Option<i64>,
    pub(super) trial_end: Option<i64>,
}

/// Why the customer left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cancellation {
    pub(super) at: i64,
    pub(super) reason: &'static str,
    pub(super) comment: &'static str,
}

/// A discount as granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Discount {
    pub(super) coupon: &'static str,
    pub(super) percent: i64,
    pub(super) starts_at: i64,
    pub(super) ends_at: i64,
}

/// A bill for one term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Invoice {
    pub(super) subscription: u8,
    pub(super) at: i64,
    pub(super) until: i64,
    pub(super) state: State,
    /// Whether the first attempt to collect failed.
    pub(super) failed: bool,
    /// When it was paid; `None` for one that never was.
    pub(super) paid_at: Option<i64>,
    /// Metered usage on it, minor units.
    pub(super) usage: i64,
    pub(super) refunded_at: Option<i64>,
    pub(super) credited: bool,
}

/// Everything that happened to one customer. Buffers are used again for the next.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    pub(super) profile: Profile,
    pub(super) changes: Vec<Change>,
    pub(super) cancellations: Vec<Cancellation>,
    pub(super) discounts: Vec<Discount>,
    pub(super) invoices: Vec<Invoice>,
    events: Vec<(i64, Event)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Recover,
    DiscountEnds,
    Seats,
    Upgrade,
    Downgrade,
    Pause,
    Leave,
}

/// How a stretch of paying ended.
enum End {
    /// It has not.
    Running,
    /// At this instant, in the past or scheduled.
    At(i64),
}

const COUPONS: [(&str, i64, i64); 3] = [("WELCOME20", 20, 3), ("STARTUP10", 10, 12), ("HALFOFF2", 50, 2)];

/// How often the number of seats changes in a month.
pub(super) const SEAT_CHANGES: f64 = 0.14;

impl History {
    /// Draws the customer of a number from 0 to `total` − 1. `seat_changes` is how often in a month the
    /// number of seats changes.
    pub(super) fn draw(&mut self, world: &World, seed: u64, number: u64, total: u64, seat_changes: f64) {
        self.changes.clear();
        self.cancellations.clear();
        self.discounts.clear();
        self.invoices.clear();
        let mut dice = Dice::new(seed, number + 1);
        let share = (number as f64 + dice.unit()) / total as f64;
        let created_at = world.sign_up_at(share);
        self.profile = profile(world, number, created_at, &mut dice);
        let size = &SIZES[self.profile.size];
        let plan = dice.weighted(size.4.iter().copied());
        let mut state = State {
            status: Status::Trialing,
            plan,
            yearly: dice.chance([0.12, 0.28, 0.48, 0.82][plan]),
            seats: dice.between(size.2, size.3),
            off: 0,
            raised: created_at >= world.price_change,
        };
        let mut start = created_at + dice.between(1, 90) * 60_000_000;
        if dice.chance(if plan == 3 { 0.35 } else { 0.80 }) {
            let trial_end = created_at + 14 * DAY;
            self.push(1, created_at, state, "trial_started", None, Some(trial_end));
            if trial_end > world.now {
                return;
            }
            let converts = if world.is_bad(trial_end) { 0.42 } else { 0.60 };
            if !dice.chance(converts / CHANNELS[self.profile.channel].3.sqrt()) {
                state.status = Status::Canceled;
                self.push(1, trial_end, state, "trial_ended", None, Some(trial_end));
                return;
            }
            start = trial_end;
        }
        if start > world.now {
            return;
        }
        let coupon = dice.chance(0.24).then(|| dice.one_of(&COUPONS));
        let mut coupon_ends = None;
        if let Some((coupon, percent, months)) = coupon.filter(|_| !state.yearly) {
            let ends_at = world.months_after(start, months);
            self.discounts.push(Discount { coupon, percent, starts_at: start, ends_at });
            state.off = percent;
            coupon_ends = Some(ends_at);
        }
        let first = start;
        let mut end = self.pay(world, &mut dice, start, &mut state, coupon_ends, seat_changes);
        for _ in 0..3 {
            let End::At(left) = end else { break };
            if left > world.now || !dice.chance(0.10) {
                break;
            }
            start = left + dice.between(20, 260) * DAY;
            if start > world.now {
                break;
            }
            state.off = 0;
            state.raised = start >= world.price_change;
            end = self.pay(world, &mut dice, start, &mut state, None, seat_changes);
        }
        if dice.chance(0.06) {
            self.add_on(world, &mut dice, first, &end);
        }
        self.changes.sort_by_key(|change| change.at);
        self.invoices.sort_by_key(|invoice| invoice.at);
    }

    /// One stretch of paying for the main subscription.
    fn pay(
        &mut self,
        world: &World,
        dice: &mut Dice,
        start: i64,
        state: &mut State,
        coupon_ends: Option<i64>,
        seat_changes: f64,
    ) -> End {
        let (mut anchor, mut month, mut term_start) = (start, 0, 0);
        let mut shock = 0;
        state.status = Status::Active;
        self.push(1, start, *state, "", None, None);
        loop {
            let begin = world.months_after(anchor, month);
            if begin > world.now {
                return End::Running;
            }
            let next = world.months_after(anchor, month + 1);
            self.events.clear();
            if !state.yearly || (month - term_start) % 12 == 0 {
                if !state.raised && month > 0 && begin > world.price_change + 60 * DAY {
                    state.raised = true;
                    shock = 4;
                    self.push(1, begin, *state, "price_change", None, None);
                }
                let until = if state.yearly { world.months_after(anchor, month + 12) } else { next };
                if month > 0 && dice.chance(0.022) {
                    state.status = Status::PastDue;
                    self.push(1, begin, *state, "payment_failed", None, None);
                    let saved = dice.chance(0.70);
                    let back = begin + dice.between(2, 13) * DAY + dice.between(0, DAY / 2);
                    self.bill(world, dice, 1, begin, until, *state, true, saved.then_some(back));
                    if !saved {
                        let lost = begin + 21 * DAY;
                        if lost > world.now {
                            return End::Running;
                        }
                        state.status = if dice.chance(0.8) { Status::Unpaid } else { Status::Uncollectible };
                        self.push(1, lost, *state, "payment_failed", None, None);
                        return End::At(lost);
                    }
                    self.events.push((back, Event::Recover));
                } else {
                    let paid_at = begin + dice.between(1, 20) * 1_000_000;
                    self.bill(world, dice, 1, begin, until, *state, false, Some(paid_at));
                }
            }
            self.plan_month(
                world,
                dice,
                state,
                begin,
                next,
                month - term_start,
                coupon_ends,
                shock,
                seat_changes,
            );
            self.events.sort();
            let mut place = 0;
            while let Some(&(at, event)) = self.events.get(place) {
                place += 1;
                if at > world.now {
                    return End::Running;
                }
                match event {
                    Event::Recover => {
                        state.status = Status::Active;
                        self.push(1, at, *state, "payment_recovered", None, None);
                    }
                    Event::DiscountEnds => {
                        state.off = 0;
                        self.push(1, at, *state, "discount_ended", None, None);
                    }
                    Event::Seats => {
                        let reason = change_seats(world, dice, state, at);
                        self.push(1, at, *state, reason, None, None);
                    }
                    Event::Upgrade => {
                        state.plan += 1;
                        self.push(1, at, *state, "upgrade", None, None);
                    }
                    Event::Downgrade => {
                        state.plan -= 1;
                        self.push(1, at, *state, "downgrade", None, None);
                    }
                    Event::Pause => {
                        state.status = Status::Paused;
                        self.push(1, at, *state, "pause", None, None);
                        let resumes = at + dice.between(28, 95) * DAY;
                        if resumes > world.now {
                            return End::Running;
                        }
                        if !dice.chance(0.8) {
                            state.status = Status::Canceled;
                            self.push(1, resumes, *state, "", None, None);
                            return End::At(resumes);
                        }
                        state.status = Status::Active;
                        self.push(1, resumes, *state, "resumed", None, None);
                        // A new series of months begins, with the bill of its first.
                        (anchor, month, term_start) = (resumes, -1, 0);
                        break;
                    }
                    Event::Leave => {
                        let why = reason_to_leave(world, dice, at, shock > 0);
                        if let Some(cancellation) = why {
                            self.cancellations.push(cancellation);
                        }
                        self.push(1, at, *state, "cancellation_requested", Some(at), None);
                        state.status = Status::Canceled;
                        self.push(1, next, *state, "", Some(at), None);
                        if let Some(invoice) = self.invoices.last_mut().filter(|_| dice.chance(0.03)) {
                            invoice.refunded_at = Some(at);
                        }
                        return End::At(next);
                    }
                }
            }
            shock = (shock - 1).max(0);
            month += 1;
            if !state.yearly && month > 2 && state.status == Status::Active && dice.chance(0.007) {
                let turn = world.months_after(anchor, month);
                if turn > world.now {
                    return End::Running;
                }
                (state.yearly, state.off, term_start) = (true, 0, month);
                self.push(1, turn, *state, "yearly_billing", None, None);
            }
        }
    }

    /// Draws what happens within a month.
    #[allow(clippy::too_many_arguments)]
    fn plan_month(
        &mut self,
        world: &World,
        dice: &mut Dice,
        state: &State,
        begin: i64,
        next: i64,
        month_of_term: i64,
        coupon_ends: Option<i64>,
        shock: i64,
        seat_changes: f64,
    ) {
        let length = next - begin;
        let within = |dice: &mut Dice| begin + (dice.unit() * length as f64) as i64;
        if let Some(ends) = coupon_ends.filter(|ends| (begin..next).contains(ends) && state.off > 0) {
            self.events.push((ends, Event::DiscountEnds));
        }
        for _ in 0..dice.times(seat_changes) {
            let at = within(dice);
            self.events.push((at, Event::Seats));
        }
        if state.plan < 3 && dice.chance(0.010) {
            let at = within(dice);
            self.events.push((at, Event::Upgrade));
        } else if state.plan > 0 && dice.chance(if shock > 0 { 0.022 } else { 0.003 }) {
            let at = within(dice);
            self.events.push((at, Event::Downgrade));
        }
        let age = (begin - self.profile.created_at) / DAY;
        let tenure = match age {
            0..=90 => 1.5,
            91..=365 => 1.0,
            366..=730 => 0.8,
            _ => 0.65,
        };
        let hazard = PLANS[state.plan].hazard
            * tenure
            * CHANNELS[self.profile.channel].3
            * if self.profile.size == 0 { 1.15 } else { 0.92 }
            * if shock > 0 { 1.7 } else { 1.0 };
        if state.yearly {
            // A year's customers decide at the end of the year; a few give notice in anger before.
            if month_of_term % 12 == 11 {
                let stays = 1.0 - (hazard * 0.62 * world.unrest(begin).sqrt()).min(0.2);
                if dice.chance(1.0 - stays.powi(12)) {
                    let at = within(dice);
                    self.events.push((at, Event::Leave));
                }
            }
        } else if dice.chance((hazard * world.unrest(begin + length / 2)).min(0.6)) {
            let at = within(dice);
            self.events.push((at, Event::Leave));
        } else if dice.chance(0.0035) {
            let at = within(dice);
            self.events.push((at, Event::Pause));
        }
    }

    /// The add-on beside the main subscription; it goes when the main one goes.
    fn add_on(&mut self, world: &World, dice: &mut Dice, first: i64, end: &End) {
        let start = world.months_after(first, dice.between(1, 9)) + dice.between(0, 20) * DAY;
        let until = match *end {
            End::Running => i64::MAX,
            End::At(at) => at,
        };
        if start >= until.min(world.now) {
            return;
        }
        let mut state = State {
            status: Status::Active,
            plan: ADD_ON,
            yearly: false,
            seats: dice.between(1, 3),
            off: 0,
            raised: start >= world.price_change,
        };
        self.push(2, start, state, "add_on", None, None);
        for month in 0.. {
            let begin = world.months_after(start, month);
            if begin > world.now || begin >= until {
                break;
            }
            if month > 0 && dice.chance(PLANS[ADD_ON].hazard) {
                state.status = Status::Canceled;
                self.push(2, begin, state, "", None, None);
                return;
            }
            let next = world.months_after(start, month + 1);
            self.bill(world, dice, 2, begin, next, state, false, Some(begin + 5_000_000));
        }
        if until != i64::MAX {
            state.status = Status::Canceled;
            self.push(2, until, state, "", None, None);
        }
    }

    /// Keeps a change. Two changes at one instant are one: the later state with the first one's reason.
    fn push(
        &mut self,
        subscription: u8,
        at: i64,
        state: State,
        reason: &'static str,
        canceled_at: Option<i64>,
        trial_end: Option<i64>,
    ) {
        let change = Change { subscription, at, state, reason, canceled_at, trial_end };
        match self.changes.last_mut() {
            Some(last) if last.at == at && last.subscription == subscription => {
                let first = if last.reason.is_empty() { reason } else { last.reason };
                *last = Change { reason: first, ..change };
            }
            _ => self.changes.push(change),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn bill(
        &mut self,
        world: &World,
        dice: &mut Dice,
        subscription: u8,
        at: i64,
        until: i64,
        state: State,
        failed: bool,
        paid_at: Option<i64>,
    ) {
        let metered = subscription == 1 && (2..4).contains(&state.plan) && self.profile.created_at % 3 == 0;
        let usage = if metered { state.seats * dice.between(20, 260) } else { 0 };
        let credited = dice.chance(0.003);
        let paid_at = paid_at.filter(|paid| *paid <= world.now);
        self.invoices.push(Invoice {
            subscription,
            at,
            until,
            state,
            failed,
            paid_at,
            usage,
            refunded_at: None,
            credited,
        });
    }
}

fn profile(world: &World, number: u64, created_at: i64, dice: &mut Dice) -> Profile {
    let progress = world.progress(created_at);
    let channel = dice.weighted(CHANNELS.iter().map(|c| c.1 + (c.2 - c.1) * progress));
    let name = names::company(dice);
    let email = names::email(&name, number, dice);
    let partner = if CHANNELS[channel].0 == "partner" { dice.one_of(&names::PARTNERS) } else { "" };
    let industry = names::INDUSTRIES[dice.weighted(names::INDUSTRIES.iter().map(|i| i.1))].0;
    Profile {
        id: format!("cus_{number:07}"),
        name,
        email,
        country: dice.weighted(COUNTRIES.iter().map(|c| c.1)),
        channel,
        size: dice.weighted(SIZES.iter().map(|s| s.1)),
        partner,
        industry,
        created_at,
    }
}

/// Changes the number of seats; returns the reason.
pub(super) fn change_seats(world: &World, dice: &mut Dice, state: &mut State, at: i64) -> &'static str {
    let fewer = if world.is_bad(at) { 0.55 } else { 0.26 };
    if state.seats > 1 && dice.chance(fewer) {
        state.seats -= (state.seats * dice.between(5, 20) / 100).max(1);
        "seats_removed"
    } else {
        state.seats += (state.seats * dice.between(4, 14) / 100).max(1);
        "seats_added"
    }
}

/// What somebody who leaves says; a quarter say nothing.
pub(super) fn reason_to_leave(world: &World, dice: &mut Dice, at: i64, shock: bool) -> Option<Cancellation> {
    if dice.chance(0.25) {
        return None;
    }
    let (reason, comment) = if world.is_bad(at) && dice.chance(0.66) {
        ("reliability", dice.one_of(&names::RELIABILITY))
    } else if shock && dice.chance(0.6) {
        ("price", dice.one_of(&names::PRICE_CHANGE))
    } else {
        let (reason, _, comments) = names::REASONS[dice.weighted(names::REASONS.iter().map(|r| r.1))];
        (reason, dice.one_of(&comments))
    };
    let comment = if dice.chance(0.55) { comment } else { "" };
    Some(Cancellation { at, reason, comment })
}
