//! What happens beside the rows of a customer's subscriptions: requests, lapses, coupons for a single invoice, usage.

use super::super::{ChurnDateRule, RevenueRules, Status, Term};
use super::{Customer, DAY, Event, Gate, Kind, NEVER, NOTHING, Subscription, Text, counted, read};

impl Customer {
    /// Adds requests, lapses, coupons and usage where a rule asks for them, and restores the order of time.
    pub(super) fn add_derived_events(&mut self) {
        let rows = self.events.len();
        let on_request = self.rules.churn_date == ChurnDateRule::Request;
        let lapse = self.rules.past_due_churn_days.map(|days| i64::from(days) * DAY);
        if !on_request && lapse.is_none() && self.extras.is_empty() {
            return;
        }
        self.add_coupons(rows);
        self.add_usage();
        for row in 0..rows {
            let event = self.events[row];
            if on_request && event.canceled_at != NEVER && event.canceled_at < event.at {
                let kind = Kind::Request { row: row as u32 };
                self.events.push(Event { at: event.canceled_at, kind, ..event });
            }
            if let (Some(lapse), Status::PastDue) = (lapse, event.status) {
                let at = event.at.saturating_add(lapse);
                // A lapse to come is a fear, not a plan: it is not scheduled.
                if at <= self.now {
                    self.events.push(Event { at, kind: Kind::Lapse { since: event.at }, ..event });
                }
            }
        }
        if self.events.len() > rows {
            // `Request` points at rows by their number, so take their times before they move.
            for index in rows..self.events.len() {
                if let Kind::Request { row } = self.events[index].kind {
                    self.events[index].canceled_at = self.events[row as usize].at;
                }
            }
            self.events.sort_by_key(|event| (event.at, event.kind == Kind::Row));
        }
    }

    /// Adds the beginning and the end of each coupon: for the first subscription that it may lower and that is paid for
    /// at or after its start.
    fn add_coupons(&mut self, rows: usize) {
        for number in 0..self.extras.coupons.len() {
            let coupon = self.extras.coupons[number];
            let named = read(&self.texts, coupon.held.subscription);
            let mut found: Option<(i64, Event)> = None;
            for (at, subscription) in self.subscriptions.iter().enumerate() {
                if !named.is_empty() && read(&self.texts, subscription.id) != named {
                    continue;
                }
                let own = self.events[..rows].iter().filter(|event| event.subscription as usize == at);
                let from = first_paid(own, coupon.from, &self.rules);
                if let Some((begins, event)) = from
                    && found.is_none_or(|(earliest, _)| begins < earliest)
                {
                    found = Some((begins, event));
                }
            }
            let Some((begins, event)) = found else { continue };
            let ends = coupon.until.unwrap_or_else(|| event.term.end_from(begins, &self.zone));
            if ends <= begins {
                continue;
            }
            let reason = self.text("coupon", Text::default());
            for (at, begins) in [(begins, true), (ends, false)] {
                note(&mut self.nearest, at, self.now);
                let kind = Kind::Coupon { coupon: number as u32, begins };
                self.events.push(Event { at, kind, reason, key: coupon.held.key, ..event });
            }
        }
    }

    /// Adds a step of usage for every month that has usage in one of the three before.
    fn add_usage(&mut self) {
        if self.extras.usage.is_empty() {
            return;
        }
        let subscriptions = self.subscriptions.len();
        let reason = self.text("usage", Text::default());
        for series in self.extras.series(&self.zone, |text| read(&self.texts, text)) {
            let named = read(&self.texts, series.subscription);
            let known = self.subscriptions[..subscriptions]
                .iter()
                .position(|subscription| !named.is_empty() && read(&self.texts, subscription.id) == named);
            let gate = match known {
                Some(number) => Gate::One(number as u32),
                None if subscriptions > 0 => Gate::Any,
                None => Gate::Open,
            };
            let id = if named.is_empty() { reason } else { series.subscription };
            let number = self.subscriptions.len() as u32;
            self.subscriptions.push(Subscription::new(id, gate));
            for step in series.steps(&self.zone) {
                note(&mut self.nearest, step.at, self.now);
                if step.at > self.now {
                    break;
                }
                self.events.push(Event {
                    at: step.at,
                    subscription: number,
                    kind: Kind::Usage,
                    status: Status::Active,
                    amount_minor: step.sum_minor,
                    list_amount_minor: step.sum_minor,
                    currency: series.currency,
                    term: Term::MONTH,
                    quantity: 0,
                    plan: step.plan,
                    reason,
                    canceled_at: NEVER,
                    key: step.key,
                });
            }
        }
    }
}

fn note(nearest: &mut (i64, i64), at: i64, now: i64) {
    if at <= now {
        nearest.0 = nearest.0.max(at);
    } else {
        nearest.1 = nearest.1.min(at);
    }
}

/// The first instant from `from` on at which a subscription is paid for by its rows, with the row that says so. Of several rows
/// of one instant the last one counts.
fn first_paid<'a>(
    rows: impl Iterator<Item = &'a Event>,
    from: i64,
    rules: &RevenueRules,
) -> Option<(i64, Event)> {
    let mut before: Option<Event> = None;
    let mut rows = rows.peekable();
    while let Some(event) = rows.next() {
        if rows.peek().is_some_and(|next| next.at == event.at) {
            continue;
        }
        if event.at > from {
            if let Some(before) = before {
                return Some((from, before));
            }
            if counted(event, &NOTHING, rules).amount > 0 {
                return Some((event.at, *event));
            }
        } else {
            before = (counted(event, &NOTHING, rules).amount > 0).then_some(*event);
        }
    }
    before.map(|before| (from, before))
}
