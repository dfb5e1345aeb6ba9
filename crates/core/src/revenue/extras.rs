//! What changes recurring revenue beside the changes of subscriptions, where a rule says so: coupons for a single
//! invoice, and metered usage.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::customer::{Counted, NOTHING, Text};
use super::{AmountRule, RevenueRules};
use crate::currency::Currency;
use crate::exact::Exact;
use crate::time::Zone;

/// Months over which usage is averaged.
pub(super) const MEAN_MONTHS: u32 = 3;

/// A coupon for a single invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coupon<'a> {
    /// The subscription that it lowers; empty: the customer's first one that is paid for from then on.
    pub subscription_id: &'a str,
    /// From when it holds, µs UTC.
    pub from: i64,
    /// Until when, µs UTC; `None`: for one term of the subscription.
    pub until: Option<i64>,
    /// Share of the price in per cent, times 10^10.
    pub percent: Option<i128>,
    /// Amount off for one term, minor units; counts where there is no share.
    pub amount_minor: i64,
    /// Currency of the amount; it lowers only prices in it. `None`: the currency of the subscription.
    pub currency: Option<Currency>,
    /// `_key` of the record, so that a movement leads back to it.
    pub key: u64,
}

/// A billed line of metered usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageLine<'a> {
    /// The subscription that it is billed on; empty when unknown.
    pub subscription_id: &'a str,
    /// When it was billed, µs UTC; its month counts.
    pub at: i64,
    /// What was billed, minor units.
    pub amount_minor: i64,
    /// Currency of the amount.
    pub currency: Currency,
    /// The plan; empty when unknown.
    pub plan: &'a str,
    /// `_key` of the record.
    pub key: u64,
}

/// What coupons and lines of usage share, with texts in the customer's buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub subscription: Text,
    pub plan: Text,
    pub key: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HeldCoupon {
    pub held: Held,
    pub from: i64,
    pub until: Option<i64>,
    percent: Option<i128>,
    amount_minor: i64,
    currency: Option<Currency>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HeldLine {
    held: Held,
    at: i64,
    amount_minor: i64,
    currency: Currency,
}

/// The coupons and the usage of one customer.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub coupons: Vec<HeldCoupon>,
    pub usage: Vec<HeldLine>,
    /// Coupon and subscription of what holds now.
    active: Vec<(u32, u32)>,
}

impl Extras {
    pub fn is_empty(&self) -> bool {
        self.coupons.is_empty() && self.usage.is_empty()
    }

    pub fn clear(&mut self) {
        self.coupons.clear();
        self.usage.clear();
        self.active.clear();
    }

    pub fn take_coupon(&mut self, held: Held, coupon: &Coupon<'_>) {
        let &Coupon { from, until, percent, amount_minor, currency, .. } = coupon;
        self.coupons.push(HeldCoupon { held, from, until, percent, amount_minor, currency });
    }

    pub fn take_usage(&mut self, held: Held, line: &UsageLine<'_>) {
        let &UsageLine { at, amount_minor, currency, .. } = line;
        self.usage.push(HeldLine { held, at, amount_minor, currency });
    }

    pub fn set_active(&mut self, coupon: u32, subscription: u32, active: bool) {
        self.active.retain(|one| *one != (coupon, subscription));
        if active {
            self.active.push((coupon, subscription));
        }
    }

    /// Takes the coupons that hold now off what a subscription counts, one after the other in the order in which they
    /// were given.
    pub fn lower(&self, subscription: u32, counted: &mut Counted, rules: &RevenueRules) {
        if counted.amount == 0 {
            return;
        }
        let mut net = counted.list - counted.discount;
        for (number, coupon) in self.coupons.iter().enumerate() {
            if !self.active.contains(&(number as u32, subscription)) {
                continue;
            }
            net -= coupon.off(net, counted);
        }
        if net <= 0 {
            *counted = NOTHING;
            return;
        }
        counted.discount = counted.list - net;
        if rules.amount == AmountRule::Net || counted.list <= 0 {
            counted.amount = net;
        }
    }

    /// The usage by subscription and currency, in the order of first mention.
    pub fn series<'t>(&self, zone: &Zone, read: impl Fn(Text) -> &'t str) -> Vec<Series> {
        let mut all: Vec<Series> = Vec::new();
        for line in &self.usage {
            let at = all.iter().position(|series| {
                series.currency == line.currency && read(series.subscription) == read(line.held.subscription)
            });
            let at = at.unwrap_or_else(|| {
                let (subscription, currency) = (line.held.subscription, line.currency);
                all.push(Series { subscription, currency, months: BTreeMap::new() });
                all.len() - 1
            });
            let day = zone.date_of(line.at);
            let month = i32::from(day.year()) * 12 + i32::from(day.month()) - 1;
            let sum = all[at].months.entry(month).or_insert(Month { sum_minor: 0, last: *line });
            sum.sum_minor = sum.sum_minor.saturating_add(line.amount_minor);
            if (line.at, line.held.key) >= (sum.last.at, sum.last.held.key) {
                sum.last = *line;
            }
        }
        all
    }
}

impl HeldCoupon {
    /// What the coupon takes off a price of `net` parts a month: at least nothing, at most all of it.
    fn off(&self, net: i128, counted: &Counted) -> i128 {
        let off = match self.percent {
            Some(percent) => {
                let whole = 100 * 10_i128.pow(10);
                match net.checked_mul(percent) {
                    Some(product) => (product * 2 + whole) / (2 * whole),
                    // A price of more than 10^20 a month.
                    None => rounded(net, percent, whole).unwrap_or(net),
                }
            }
            None if self.currency.is_none_or(|currency| currency == counted.currency) => {
                counted.term.monthly_parts(self.amount_minor)
            }
            None => 0,
        };
        off.clamp(0, net)
    }
}

fn rounded(net: i128, percent: i128, whole: i128) -> Option<i128> {
    let off = &Exact::from(net) * &Exact::ratio(percent, whole)?;
    off.to_fixed(0).parse().ok()
}

/// What a month's usage came to.
#[derive(Debug, Clone, Copy)]
struct Month {
    sum_minor: i64,
    /// The last line of the month.
    last: HeldLine,
}

/// The usage of one subscription in one currency by month (years × 12 + month − 1).
#[derive(Debug)]
pub(super) struct Series {
    pub subscription: Text,
    pub currency: Currency,
    months: BTreeMap<i32, Month>,
}

/// From an instant on, the usage of the months before sums up to this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub at: i64,
    pub sum_minor: i64,
    pub plan: Text,
    pub key: u64,
}

impl Series {
    /// The sums of three months, at the beginnings of all months that have or had usage in them.
    pub fn steps(&self, zone: &Zone) -> Vec<Step> {
        let span = MEAN_MONTHS as i32;
        let mut steps: Vec<Step> = Vec::new();
        let starts: BTreeSet<i32> =
            self.months.keys().flat_map(|month| month + 1..=month + span + 1).collect();
        for start in starts {
            let window = self.months.range(start - span..start);
            let sum_minor = window.fold(0_i64, |sum, (_, month)| sum.saturating_add(month.sum_minor));
            let last = self.months.range(..start).next_back().map(|(_, month)| month.last);
            let (Some(last), Some(day)) = (last, first_day(start)) else { continue };
            let Held { plan, key, .. } = last.held;
            steps.push(Step { at: zone.start_of(day), sum_minor, plan, key });
        }
        steps
    }
}

fn first_day(month: i32) -> Option<Date> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()
}
