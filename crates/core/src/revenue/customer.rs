//! One customer: the changes are gathered first and replayed when the customer is whole, because a
//! cancellation request and a lapse lie at other times than the rows that tell of them.

use std::collections::HashMap;

use super::{
    AmountRule, Change, ChurnDateRule, Class, Movement, PauseRule, RevenueRules, Sink, Status, Term,
};
use crate::currency::Currency;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 86_400_000_000;

/// Up to here subscriptions are looked up by comparing; beyond, by a hash table.
const FEW: usize = 16;

/// A text in the customer's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Text {
    start: u32,
    end: u32,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A row of the records.
    Row,
    /// The cancellation that row number `row` tells of was asked for; the subscription rests until that row.
    Request { row: u32 },
    /// The subscription has been past due since `since` for too long.
    Lapse { since: i64 },
}

/// One thing that happens to one subscription.
#[derive(Debug, Clone, Copy)]
struct Event {
    at: i64,
    subscription: u32,
    kind: Kind,
    status: Status,
    amount_minor: i64,
    list_amount_minor: i64,
    currency: Currency,
    term: Term,
    quantity: i64,
    plan: Text,
    reason: Text,
    canceled_at: i64,
    key: u64,
}

/// Marks "never" among instants.
const NEVER: i64 = i64::MIN;

/// What counts of a subscription at a moment; `amount` is 0 when nothing does.
#[derive(Debug, Clone, Copy)]
struct Counted {
    amount: i128,
    list: i128,
    discount: i128,
    quantity: i64,
    currency: Currency,
    term: Term,
    plan: Text,
}

const NOTHING: Counted = Counted {
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

#[derive(Debug, Clone)]
struct Subscription {
    id: Text,
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
    rules: RevenueRules,
    now: i64,
    id: String,
    hash: u64,
    texts: String,
    events: Vec<Event>,
    subscriptions: Vec<Subscription>,
    many: HashMap<Box<str>, u32>,
    touched: Vec<u32>,
    totals: Vec<Total>,
}

impl Customer {
    pub(super) fn new(rules: RevenueRules, now: i64) -> Customer {
        Customer {
            rules,
            now,
            id: String::new(),
            hash: 0,
            texts: String::new(),
            events: Vec::new(),
            subscriptions: Vec::new(),
            many: HashMap::new(),
            touched: Vec::new(),
            totals: Vec::new(),
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
        self.subscriptions.push(Subscription {
            id: text,
            status: None,
            past_due_since: NEVER,
            lapsed: false,
            rests_until: NEVER,
            now: NOTHING,
            before: NOTHING,
            label: Label::Own(Text::default()),
            key: 0,
            netted: 0,
        });
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
            };
            while let Some(event) = self.events.get(next) {
                if let Some(opened) = opened {
                    let apart = event.at.saturating_sub(opened) > window;
                    if apart || (event.at > self.now) != (opened > self.now) {
                        break;
                    }
                }
                next += 1;
                let subscription = &mut self.subscriptions[event.subscription as usize];
                if apply(subscription, event, netted, &mut context) {
                    opened.get_or_insert(event.at);
                    at = event.at;
                }
            }
            if opened.is_some() {
                self.write(at, paying_before, &mut payer, sink);
            }
        }
    }

    /// Adds requests and lapses where a rule asks for them, and restores the order of time.
    fn add_derived_events(&mut self) {
        let rows = self.events.len();
        let on_request = self.rules.churn_date == ChurnDateRule::Request;
        let lapse = self.rules.past_due_churn_days.map(|days| i64::from(days) * DAY);
        if !on_request && lapse.is_none() {
            return;
        }
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
}

/// Applies one event. Returns whether anything that counts changed.
#[inline]
fn apply(subscription: &mut Subscription, event: &Event, netted: u32, context: &mut Context<'_>) -> bool {
    let old = subscription.now;
    let from = subscription.status;
    let mut label = Label::Own(event.reason);
    let new = match event.kind {
        Kind::Request { .. } => {
            // `canceled_at` of the derived event holds the time of the row that told of the request.
            subscription.rests_until = subscription.rests_until.max(event.canceled_at);
            NOTHING
        }
        Kind::Lapse { since } => {
            if from != Some(Status::PastDue) || subscription.past_due_since != since {
                return false;
            }
            subscription.lapsed = true;
            label = Label::Involuntary;
            NOTHING
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
            if event.at < subscription.rests_until || asked || subscription.lapsed {
                NOTHING
            } else {
                counted(event, &old, context.rules)
            }
        }
    };
    let moved = old.amount != new.amount || (new.amount != 0 && differs(context.texts, &old, &new));
    if !moved {
        return false;
    }
    if subscription.netted != netted {
        subscription.netted = netted;
        subscription.before = old;
        context.touched.push(event.subscription);
    }
    context.payer.paying = context.payer.paying + u32::from(new.amount != 0) - u32::from(old.amount != 0);
    subscription.now = new;
    subscription.label = label;
    subscription.key = event.key;
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

/// How a loss through this row is called.
fn label_of(event: &Event, from: Option<Status>) -> Label {
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
fn read(texts: &str, text: Text) -> &str {
    texts.get(text.start as usize..text.end as usize).unwrap_or("")
}
