//! The fold's interface: what goes in, what comes out, and the change of customer.

use twox_hash::XxHash3_64;

use super::customer::Customer;
use super::{Coupon, RevenueRules, Status, Term, UsageLine};
use crate::currency::Currency;
use crate::time::Zone;

/// One row of `subscription_changes`, borrowed from wherever it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The customer (after merges).
    pub customer_id: &'a str,
    /// The subscription.
    pub subscription_id: &'a str,
    /// From when the state holds, µs UTC.
    pub at: i64,
    /// The status from then on.
    pub status: Status,
    /// Net price of all units for one term, minor units.
    pub amount_minor: i64,
    /// The same before discount.
    pub list_amount_minor: i64,
    /// Currency of both.
    pub currency: Currency,
    /// The billing term.
    pub term: Term,
    /// Units sold.
    pub quantity: i64,
    /// The plan; empty when unknown.
    pub plan: &'a str,
    /// The source's reason; empty when unknown.
    pub reason: &'a str,
    /// When the cancellation was asked for, µs UTC.
    pub canceled_at: Option<i64>,
    /// `_key` of the row, so that a movement leads back to it.
    pub key: u64,
}

impl<'a> Change<'a> {
    /// A change of one unit at list price without plan, reason and key.
    pub fn new(
        customer_id: &'a str,
        subscription_id: &'a str,
        at: i64,
        status: Status,
        amount_minor: i64,
        currency: Currency,
        term: Term,
    ) -> Change<'a> {
        Change {
            customer_id,
            subscription_id,
            at,
            status,
            amount_minor,
            list_amount_minor: amount_minor,
            currency,
            term,
            quantity: 1,
            plan: "",
            reason: "",
            canceled_at: None,
            key: 0,
        }
    }
}

/// The class of a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The first revenue of a customer (or the first after the gap that makes a returner new).
    New,
    /// More revenue from a customer; also transfers, which sum to zero.
    Expansion,
    /// Less revenue from a customer who stays.
    Contraction,
    /// The end of all revenue of a customer.
    Churn,
    /// Revenue of a former customer again.
    Reactivation,
}

impl Class {
    /// All classes, in the order in which charts stack them.
    pub const ALL: [Class; 5] =
        [Class::New, Class::Expansion, Class::Reactivation, Class::Contraction, Class::Churn];

    /// The name in the fact: `new`, `expansion`, `contraction`, `churn`, `reactivation`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::New => "new",
            Class::Expansion => "expansion",
            Class::Contraction => "contraction",
            Class::Churn => "churn",
            Class::Reactivation => "reactivation",
        }
    }
}

/// Which kind of record caused a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A change of a subscription.
    Change,
    /// A coupon for a single invoice, where it begins or ends.
    Coupon,
    /// A line of metered usage: the last one of the mean, or the last one there was.
    Usage,
}

impl Cause {
    /// The record table that holds it.
    pub const fn table(self) -> &'static str {
        match self {
            Cause::Change => "subscription_changes",
            Cause::Coupon => "discounts",
            Cause::Usage => "invoice_lines",
        }
    }
}

/// One row of the fact `mrr_movements`, borrowed from the fold for the time of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement<'a> {
    /// The customer.
    pub customer_id: &'a str,
    /// The subscription whose segment changed.
    pub subscription_id: &'a str,
    /// When, µs UTC: the last effective change of the netted ones.
    pub at: i64,
    /// The class of the customer's change in this currency.
    pub class: Class,
    /// The currency of the three amounts.
    pub currency: Currency,
    /// Signed change of what counts, [parts](crate::PARTS) of the minor unit a month.
    pub amount_parts: i128,
    /// Signed change of the list price, parts a month.
    pub list_parts: i128,
    /// Signed change of list less net, parts a month.
    pub discount_parts: i128,
    /// The plan of the segment; empty when unknown.
    pub plan: &'a str,
    /// The billing term of the segment.
    pub term: Term,
    /// The label of a loss, else the change's own reason; empty when unknown.
    pub reason: &'a str,
    /// Whether the row lies after `now`.
    pub scheduled: bool,
    /// Whether the customer's total in this currency stays the same.
    pub is_transfer: bool,
    /// The same for all rows of one customer at one netted instant.
    pub movement_id: u64,
    /// When the customer's first revenue came, µs UTC; never reassigned.
    pub first_paid_at: i64,
    /// The key of the record that caused the row.
    pub change_key: u64,
    /// Which kind of record that is.
    pub cause: Cause,
    /// Signed change of the units sold.
    pub quantity: i64,
}

/// Where the fold writes its rows.
pub trait Sink {
    /// Takes one row. Rows come by customer and `at`.
    fn movement(&mut self, row: &Movement<'_>);
}

/// What can be wrong with the rows given to the fold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The rows are not sorted.
    #[error(
        "changes of customer \"{customer}\" are not in order of time: {at} µs follows {before} µs; sort by customer_id, effective_at, _seq"
    )]
    Order {
        /// The customer.
        customer: String,
        /// The time of the row that came too late.
        at: i64,
        /// The time of the row before it.
        before: i64,
    },
}

/// The streaming fold. See the [module](super).
#[derive(Debug)]
pub struct Fold {
    customer: Customer,
    started: bool,
    last_at: i64,
}

impl Fold {
    /// A fold under these rules; rows after `now` (µs UTC) are scheduled. Months and terms are those of UTC.
    pub fn new(rules: &RevenueRules, now: i64) -> Fold {
        Fold { customer: Customer::new(*rules, now), started: false, last_at: i64::MIN }
    }

    /// The same with the months and terms of a zone, which coupons and usage need.
    pub fn in_zone(mut self, zone: &Zone) -> Fold {
        self.customer.zone = zone.clone();
        self
    }

    /// The instants nearest to now among those that the fold came to by itself (ends of coupons, beginnings of months
    /// with usage), over all customers so far: the latest up to now and the earliest after it. While now passes neither
    /// of them, nor any row, the same rows give the same movements.
    pub fn nearest(&self) -> (i64, i64) {
        self.customer.nearest
    }

    /// Takes a coupon of the customer at hand or of the next one. Without its rule it does nothing.
    pub fn coupon<S: Sink>(&mut self, customer_id: &str, coupon: &Coupon<'_>, sink: &mut S) {
        if self.customer.rules.one_time_coupons {
            self.begin(customer_id, sink);
            self.customer.take_coupon(coupon);
        }
    }

    /// Takes a line of metered usage of the customer at hand or of the next one. Without its rule it does nothing.
    pub fn usage<S: Sink>(&mut self, customer_id: &str, line: &UsageLine<'_>, sink: &mut S) {
        if self.customer.rules.usage_in_mrr {
            self.begin(customer_id, sink);
            self.customer.take_usage(line);
        }
    }

    /// Makes `customer_id` the customer at hand. Says whether it was not.
    #[inline]
    fn begin<S: Sink>(&mut self, customer_id: &str, sink: &mut S) -> bool {
        if self.started && self.customer.id() == customer_id {
            return false;
        }
        self.finish(sink);
        let hash = XxHash3_64::oneshot(customer_id.as_bytes());
        self.customer.begin(customer_id, hash);
        self.started = true;
        self.last_at = i64::MIN;
        true
    }

    /// Takes the next change. When it belongs to another customer than the one before, the rows of the
    /// one before go to the sink first.
    ///
    /// # Errors
    /// [`FoldError::Order`] when the row lies before the customer's last one.
    #[inline]
    pub fn push<S: Sink>(&mut self, change: &Change<'_>, sink: &mut S) -> Result<(), FoldError> {
        if !self.begin(change.customer_id, sink) && change.at < self.last_at {
            return Err(FoldError::Order {
                customer: change.customer_id.to_owned(),
                at: change.at,
                before: self.last_at,
            });
        }
        self.last_at = change.at;
        self.customer.take(change);
        Ok(())
    }

    /// Writes the rows of the last customer. The fold can be used again afterwards.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) {
        if self.started {
            // Behind a pointer, so that the replay is compiled once, here, at this crate's optimisation.
            self.customer.replay(sink);
            self.started = false;
        }
    }
}
