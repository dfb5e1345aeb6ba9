//! One customer: the changes are gathered first and replayed when the customer is whole, because a
//! cancellation request and a lapse lie at other times than the rows that tell of them.

mod derived;

use std::collections::HashMap;

use super::extras::{Extras, Held, MEAN_MONTHS};
use super::{
    AmountRule, Cause, Change, ChurnDateRule, Class, Coupon, Movement, PauseRule, RevenueRules, Sink, Status,
    Term, UsageLine,
};
use crate::currency::Currency;
use crate::time::Zone;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 86_400_000_000;

/// Up to here subscriptions are looked up by comparing; beyond, by a hash table.
const FEW: usize = 16;

/// A text in the customer's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Text {
    start: u32,
    end: u32,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A row of the records.
    Row,
    /// The cancellation that row number `row` tells of was asked for; the subscription rests until that row.
    Request { row: u32 },
    /// The subscription has been past due since `since` for too long.
    Lapse { since: i64 },
    /// Coupon number `coupon` begins, or ends, to lower the subscription.
    Coupon { coupon: u32, begins: bool },
    /// A month begins: the usage of the months before sums up to `amount_minor`.
    Usage,
}

/// One thing that happens to one subscription.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) subscription: u32,
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) amount_minor: i64,
    pub(super) list_amount_minor: i64,
    pub(super) currency: Currency,
    pub(super) term: Term,
    pub(super) quantity: i64,
    pub(super) plan: Text,
    pub(super) reason: Text,
    pub(super) canceled_at: i64,
    pub(super) key: u64,
}

/// Marks "never" among instants.
pub(super) const NEVER: i64 = i64::MIN;

/// What counts of a subscription at a moment; `amount` is 0 when nothing does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) amount: i128,
    pub(super) list: i128,
    pub(super) discount: i128,
    quantity: i64,
    pub(super) currency: Currency,
    pub(super) term: Term,
    plan: Text,
}

pub(super) const NOTHING: Counted = Counted {
    amount: 0,
    list: 0,
    discount: 0,
    quantity: 0,
    currency: Currency::USD,
    term: Term::MONTH,
    plan: Text { start: 0, end: 0 },
};

/// Why a row was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Own(Text),
    Involuntary,
    Pause,
    ToFree,
}

/// Whose life decides whether usage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// This is a subscription, not usage.
    None,
    /// The subscription of this number.
    One(u32),
    /// Any subscription of the customer.
    Any,
    /// Nothing: the customer has no subscriptions.
    Open,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) id: Text,
    /// Set for usage.
    pub(super) gate: Gate,
    /// Whether usage of the subscription counts now.
    live: bool,
    /// What counts before coupons; kept only where the customer has some.
    base: Counted,
    cause: Cause,
    status: Option<Status>,
    past_due_since: i64,
    /// Whether the present run of past due has gone on for too long.
    lapsed: bool,
    /// A cancellation was asked for; nothing counts before this instant.
    rests_until: i64,
    now: Counted,
    before: Counted,
    label: Label,
    key: u64,
    /// The netted change that `before` belongs to.
    netted: u32,
}

/// The totals of one currency before and after a netted change.
#[derive(Debug, Clone, Copy)]
struct Total {
    currency: Currency,
    change: i128,
}

#[derive(Debug)]
pub(super) struct Customer {
    pub(super) rules: RevenueRules,
    pub(super) zone: Zone,
    /// See [`Fold::nearest`](super::Fold::nearest).
    pub(super) nearest: (i64, i64),
    now: i64,
    id: String,
    hash: u64,
    texts: String,
    events: Vec<Event>,
    subscriptions: Vec<Subscription>,
    many: HashMap<Box<str>, u32>,
    touched: Vec<u32>,
    totals: Vec<Total>,
    extras: Extras,
}

impl Customer {
    pub(super) fn new(rules: RevenueRules, now: i64) -> Customer {
        Customer {
            rules,
            zone: Zone::utc(),
            nearest: (i64::MIN, i64::MAX),
            now,
            id: String::new(),
            hash: 0,
            texts: String::new(),
            events: Vec::new(),
            subscriptions: Vec::new(),
            many: HashMap::new(),
            touched: Vec::new(),
            totals: Vec::new(),
            extras: Extras::default(),
        }
    }

    #[inline]
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Empties the buffers for the next customer.
    pub(super) fn begin(&mut self, id: &str, hash: u64) {
        self.id.clear();
        self.id.push_str(id);
        self.hash = hash;
        self.texts.clear();
        self.events.clear();
        self.subscriptions.clear();
        if !self.many.is_empty() {
            self.many.clear();
        }
        self.extras.clear();
    }

    /// Keeps a coupon.
    pub(super) fn take_coupon(&mut self, coupon: &Coupon<'_>) {
        let subscription = self.text(coupon.subscription_id, Text::default());
        let held = Held { subscription, plan: Text::default(), key: coupon.key };
        self.extras.take_coupon(held, coupon);
    }

    /// Keeps a line of usage.
    pub(super) fn take_usage(&mut self, line: &UsageLine<'_>) {
        let subscription = self.text(line.subscription_id, Text::default());
        let plan = self.text(line.plan, Text::default());
        self.extras.take_usage(Held { subscription, plan, key: line.key }, line);
    }

    /// Keeps one row.
    #[inline]
    pub(super) fn take(&mut self, change: &Change<'_>) {
        let subscription = self.subscription(change.subscription_id);
        let last = self.events.last();
        let (last_plan, last_reason) =
            last.map_or((Text::default(), Text::default()), |e| (e.plan, e.reason));
        let event = Event {
            at: change.at,
            subscription,
            kind: Kind::Row,
            status: change.status,
            amount_minor: change.amount_minor,
            list_amount_minor: change.list_amount_minor,
            currency: change.currency,
            term: change.term,
            quantity: change.quantity,
            plan: self.text(change.plan, last_plan),
            reason: self.text(change.reason, last_reason),
            canceled_at: change.canceled_at.unwrap_or(NEVER),
            key: change.key,
        };
        self.events.push(event);
    }

    fn subscription(&mut self, id: &str) -> u32 {
        let count = self.subscriptions.len();
        if count <= FEW {
            // The last one is the likeliest.
            for index in (0..count).rev() {
                if read(&self.texts, self.subscriptions[index].id) == id {
                    return index as u32;
                }
            }
        } else if let Some(&index) = self.many.get(id) {
            return index;
        }
        let text = self.text(id, Text::default());
        self.subscriptions.push(Subscription::new(text, Gate::None));
        if count == FEW {
            for (index, subscription) in self.subscriptions.iter().enumerate() {
                self.many.insert(read(&self.texts, subscription.id).into(), index as u32);
            }
        } else if count > FEW {
            self.many.insert(id.into(), count as u32);
        }
        count as u32
    }

    /// Keeps a text, or takes the one at hand when it says the same.
    #[inline]
    fn text(&mut self, text: &str, at_hand: Text) -> Text {
        if text.is_empty() {
            return Text::default();
        }
        if read(&self.texts, at_hand) == text {
            return at_hand;
        }
        let start = self.texts.len() as u32;
        self.texts.push_str(text);
        Text { start, end: self.texts.len() as u32 }
    }

    /// Walks through all events in order of time and writes the rows.
    pub(super) fn replay(&mut self, sink: &mut dyn Sink) {
        self.add_derived_events();
        let with_usage = self.subscriptions.iter().any(|subscription| subscription.gate != Gate::None);
        let window = i64::from(self.rules.netting_window_minutes) * MINUTE;
        let mut payer = Payer { paying: 0, first_paid_at: NEVER, lost_at: NEVER };
        let mut netted = 0;
        let mut next = 0;
        while next < self.events.len() {
            netted += 1;
            self.touched.clear();
            let paying_before = payer.paying;
            // The window opens with the first event that changes anything.
            let (mut opened, mut at) = (None, 0);
            let mut context = Context {
                rules: &self.rules,
                texts: &self.texts,
                touched: &mut self.touched,
                payer: &mut payer,
                extras: &mut self.extras,
            };
            while let Some(event) = self.events.get(next) {
                if let Some(opened) = opened {
                    let apart = event.at.saturating_sub(opened) > window
                        || (event.kind == Kind::Usage
                            && event.at > opened
                            && is_step(&self.subscriptions, event));
                    if apart || (event.at > self.now) != (opened > self.now) {
                        break;
                    }
                }
                next += 1;
                let number = event.subscription as usize;
                let counts = usage_counts(&self.subscriptions, number);
                let subscription = &mut self.subscriptions[number];
                let from = subscription.status;
                let mut moved = apply(subscription, event, counts, netted, &mut context);
                if with_usage && subscription.gate == Gate::None && !subscription.live {
                    let label = label_of(event, from);
                    moved |= end_usage(&mut self.subscriptions, event, label, netted, &mut context);
                }
                if moved {
                    opened.get_or_insert(event.at);
                    at = event.at;
                }
            }
            if opened.is_some() {
                self.write(at, paying_before, &mut payer, sink);
            }
        }
    }

    /// Writes the rows of one netted change.
    fn write(&mut self, at: i64, paying_before: u32, payer: &mut Payer, sink: &mut dyn Sink) {
        self.totals.clear();
        for &index in &self.touched {
            let subscription = &self.subscriptions[index as usize];
            add_to_total(&mut self.totals, &subscription.before, -1);
            add_to_total(&mut self.totals, &subscription.now, 1);
        }
        let whole = match (paying_before, payer.paying) {
            (0, 0) => None,
            (0, _) if payer.first_paid_at == NEVER => Some(Class::New),
            (0, _) => {
                let gap = self.rules.reactivation_gap_days.map(|days| i64::from(days) * DAY);
                let long = gap.is_some_and(|gap| at.saturating_sub(payer.lost_at) > gap);
                Some(if long { Class::New } else { Class::Reactivation })
            }
            (_, 0) => Some(Class::Churn),
            _ => None,
        };
        if paying_before == 0 && payer.paying == 0 {
            // Came and went within the window: nothing happened.
            return;
        }
        if payer.first_paid_at == NEVER {
            payer.first_paid_at = at;
        }
        if whole == Some(Class::Churn) {
            payer.lost_at = at;
        }
        let shared = Shared {
            customer_id: &self.id,
            texts: &self.texts,
            at,
            scheduled: at > self.now,
            movement_id: mix(self.hash, at),
            first_paid_at: payer.first_paid_at,
        };
        for &index in &self.touched {
            let subscription = &self.subscriptions[index as usize];
            let (old, new) = (&subscription.before, &subscription.now);
            let same = old.amount != 0 && new.amount != 0 && same_segment(&self.texts, old, new);
            if same {
                if differs(&self.texts, old, new) {
                    shared.row(subscription, Some(old), Some(new), &self.totals, whole, sink);
                }
                continue;
            }
            if old.amount != 0 {
                shared.row(subscription, Some(old), None, &self.totals, whole, sink);
            }
            if new.amount != 0 {
                shared.row(subscription, None, Some(new), &self.totals, whole, sink);
            }
        }
    }
}

/// What applying an event needs beside the subscription.
struct Context<'a> {
    rules: &'a RevenueRules,
    texts: &'a str,
    touched: &'a mut Vec<u32>,
    payer: &'a mut Payer,
    extras: &'a mut Extras,
}

impl Subscription {
    fn new(id: Text, gate: Gate) -> Subscription {
        Subscription {
            id,
            gate,
            live: false,
            base: NOTHING,
            cause: Cause::Change,
            status: None,
            past_due_since: NEVER,
            lapsed: false,
            rests_until: NEVER,
            now: NOTHING,
            before: NOTHING,
            label: Label::Own(Text::default()),
            key: 0,
            netted: 0,
        }
    }
}

/// Whether usage counts now; of a subscription: that it is one.
#[inline]
fn usage_counts(subscriptions: &[Subscription], number: usize) -> bool {
    match subscriptions[number].gate {
        Gate::None | Gate::Open => true,
        Gate::One(number) => subscriptions[number as usize].live,
        Gate::Any => subscriptions.iter().any(|other| other.gate == Gate::None && other.live),
    }
}

/// Whether the beginning of a month changes what counts of a usage.
fn is_step(subscriptions: &[Subscription], event: &Event) -> bool {
    let number = event.subscription as usize;
    let new = if usage_counts(subscriptions, number) { mean_of(event) } else { NOTHING };
    subscriptions[number].now.amount != new.amount
}

/// Ends the usage that no longer counts after an event of a subscription. Returns whether there was any.
fn end_usage(
    subscriptions: &mut [Subscription],
    event: &Event,
    label: Label,
    netted: u32,
    context: &mut Context<'_>,
) -> bool {
    let mut moved = false;
    for number in 0..subscriptions.len() {
        let usage = &subscriptions[number];
        if usage.gate == Gate::None || usage.now.amount == 0 || usage_counts(subscriptions, number) {
            continue;
        }
        let cause = (label, event.key, Cause::Change);
        moved |= set(&mut subscriptions[number], number as u32, NOTHING, cause, netted, context);
    }
    moved
}

/// Applies one event. Returns whether anything that counts changed.
#[inline]
fn apply(
    subscription: &mut Subscription,
    event: &Event,
    usage_counts: bool,
    netted: u32,
    context: &mut Context<'_>,
) -> bool {
    let from = subscription.status;
    let mut label = Label::Own(event.reason);
    let mut cause = Cause::Change;
    let with_coupons = !context.extras.coupons.is_empty();
    let old = if with_coupons { subscription.base } else { subscription.now };
    let mut new = match event.kind {
        Kind::Request { .. } => {
            // `canceled_at` of the derived event holds the time of the row that told of the request.
            subscription.rests_until = subscription.rests_until.max(event.canceled_at);
            subscription.live = false;
            NOTHING
        }
        Kind::Lapse { since } => {
            if from != Some(Status::PastDue) || subscription.past_due_since != since {
                return false;
            }
            subscription.lapsed = true;
            subscription.live = false;
            label = Label::Involuntary;
            NOTHING
        }
        Kind::Coupon { coupon, begins } => {
            cause = Cause::Coupon;
            context.extras.set_active(coupon, event.subscription, begins);
            old
        }
        Kind::Usage => {
            cause = Cause::Usage;
            if usage_counts { mean_of(event) } else { NOTHING }
        }
        Kind::Row => {
            if event.status == Status::PastDue {
                if from != Some(Status::PastDue) {
                    subscription.past_due_since = event.at;
                    subscription.lapsed = false;
                }
            } else {
                subscription.lapsed = false;
            }
            subscription.status = Some(event.status);
            label = label_of(event, from);
            let asked = context.rules.churn_date == ChurnDateRule::Request
                && event.canceled_at != NEVER
                && event.canceled_at <= event.at;
            let over = event.at < subscription.rests_until || asked || subscription.lapsed;
            subscription.live = !over && is_live(event.status, context.rules);
            if over { NOTHING } else { counted(event, &old, context.rules) }
        }
    };
    if with_coupons {
        subscription.base = new;
        context.extras.lower(event.subscription, &mut new, context.rules);
        if cause == Cause::Coupon && new.amount == 0 {
            label = Label::ToFree;
        }
    }
    set(subscription, event.subscription, new, (label, event.key, cause), netted, context)
}

/// Gives a subscription what counts from now on. Returns whether anything changed.
#[inline]
fn set(
    subscription: &mut Subscription,
    number: u32,
    new: Counted,
    (label, key, cause): (Label, u64, Cause),
    netted: u32,
    context: &mut Context<'_>,
) -> bool {
    let old = subscription.now;
    let moved = old.amount != new.amount || (new.amount != 0 && differs(context.texts, &old, &new));
    if !moved {
        return false;
    }
    if subscription.netted != netted {
        subscription.netted = netted;
        subscription.before = old;
        context.touched.push(number);
    }
    context.payer.paying = context.payer.paying + u32::from(new.amount != 0) - u32::from(old.amount != 0);
    subscription.now = new;
    subscription.label = label;
    subscription.key = key;
    subscription.cause = cause;
    true
}

/// What is known of a customer as a payer.
struct Payer {
    /// Subscriptions that count.
    paying: u32,
    first_paid_at: i64,
    lost_at: i64,
}

/// What all rows of one netted change share.
struct Shared<'a> {
    customer_id: &'a str,
    texts: &'a str,
    at: i64,
    scheduled: bool,
    movement_id: u64,
    first_paid_at: i64,
}

impl Shared<'_> {
    /// Writes the change of one segment from `old` to `new`; one of both may be missing.
    fn row(
        &self,
        subscription: &Subscription,
        old: Option<&Counted>,
        new: Option<&Counted>,
        totals: &[Total],
        whole: Option<Class>,
        sink: &mut dyn Sink,
    ) {
        let (from, to) = (old.unwrap_or(&NOTHING), new.unwrap_or(&NOTHING));
        let segment = if new.is_some() { to } else { from };
        let currency = segment.currency;
        let change = totals.iter().find(|total| total.currency == currency).map_or(0, |total| total.change);
        let class = whole.unwrap_or(if change < 0 { Class::Contraction } else { Class::Expansion });
        let amount_parts = to.amount - from.amount;
        let reason = match subscription.label {
            Label::Own(text) => read(self.texts, text),
            Label::Involuntary => "involuntary",
            Label::Pause => "pause",
            Label::ToFree => "to_free",
        };
        sink.movement(&Movement {
            customer_id: self.customer_id,
            subscription_id: read(self.texts, subscription.id),
            at: self.at,
            class,
            currency,
            amount_parts,
            list_parts: to.list - from.list,
            discount_parts: to.discount - from.discount,
            plan: read(self.texts, segment.plan),
            term: segment.term,
            reason,
            scheduled: self.scheduled,
            is_transfer: change == 0,
            movement_id: self.movement_id,
            first_paid_at: self.first_paid_at,
            change_key: subscription.key,
            cause: subscription.cause,
            quantity: to.quantity.saturating_sub(from.quantity),
        });
    }
}

/// What counts of a row under the rules; `old` is what counted before it.
#[inline]
fn counted(event: &Event, old: &Counted, rules: &RevenueRules) -> Counted {
    let counts = match event.status {
        Status::Active | Status::PastDue => true,
        Status::Paused => rules.pause == PauseRule::Keep,
        _ => false,
    };
    if !counts {
        return NOTHING;
    }
    if event.amount_minor <= 0 {
        // Some sources tell a pause with an amount of 0: what is kept is what was paid before.
        return if event.status == Status::Paused { *old } else { NOTHING };
    }
    let net = event.term.monthly_parts(event.amount_minor);
    let list = if event.list_amount_minor == event.amount_minor {
        net
    } else {
        event.term.monthly_parts(event.list_amount_minor)
    };
    Counted {
        amount: if rules.amount == AmountRule::List && list > 0 { list } else { net },
        list,
        discount: list - net,
        quantity: event.quantity,
        currency: event.currency,
        term: event.term,
        plan: event.plan,
    }
}

/// What counts of usage: the mean of its months.
fn mean_of(event: &Event) -> Counted {
    if event.amount_minor <= 0 {
        return NOTHING;
    }
    let amount = Term::new(super::Interval::Month, MEAN_MONTHS).monthly_parts(event.amount_minor);
    Counted {
        amount,
        list: amount,
        discount: 0,
        quantity: 0,
        currency: event.currency,
        term: Term::MONTH,
        plan: event.plan,
    }
}

/// Whether usage of a subscription in this status counts. A free plan with metered extras is live.
#[inline]
fn is_live(status: Status, rules: &RevenueRules) -> bool {
    match status {
        Status::Active | Status::PastDue | Status::Free => true,
        Status::Paused => rules.pause == PauseRule::Keep,
        _ => false,
    }
}

/// How a loss through this row is called.
fn label_of(event: &Event, from: Option<Status>) -> Label {
    if let Kind::Lapse { .. } = event.kind {
        return Label::Involuntary;
    }
    match event.status {
        Status::Unpaid | Status::Uncollectible => Label::Involuntary,
        Status::Canceled if from == Some(Status::PastDue) => Label::Involuntary,
        Status::Paused => Label::Pause,
        Status::Free => Label::ToFree,
        Status::Active | Status::PastDue if event.amount_minor <= 0 => Label::ToFree,
        _ => Label::Own(event.reason),
    }
}

/// Whether two states that count differ in anything that a row tells.
fn differs(texts: &str, old: &Counted, new: &Counted) -> bool {
    old.amount != new.amount
        || old.list != new.list
        || old.discount != new.discount
        || old.quantity != new.quantity
        || !same_segment(texts, old, new)
}

fn same_segment(texts: &str, old: &Counted, new: &Counted) -> bool {
    old.currency == new.currency
        && old.term == new.term
        && (old.plan == new.plan || read(texts, old.plan) == read(texts, new.plan))
}

fn add_to_total(totals: &mut Vec<Total>, counted: &Counted, sign: i128) {
    if counted.amount == 0 {
        return;
    }
    let change = counted.amount * sign;
    match totals.iter_mut().find(|total| total.currency == counted.currency) {
        Some(total) => total.change += change,
        None => totals.push(Total { currency: counted.currency, change }),
    }
}

/// One number for a customer and an instant (the finisher of splitmix64).
fn mix(hash: u64, at: i64) -> u64 {
    let mut mixed = hash ^ (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[inline]
pub(super) fn read(texts: &str, text: Text) -> &str {
    texts.get(text.start as usize..text.end as usize).unwrap_or("")
}
