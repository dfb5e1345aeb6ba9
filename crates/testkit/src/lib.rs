//! For tests only: a clock that stands still and a ledger drawn from a seed with a plain computation of its revenue.
//!
//! The computation is an oracle: it shares no code with the product, keeps everything in maps, looks at one customer
//! and one day at a time, and is slow. Where the product and this crate differ, one of them is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use burgeon_core::time::FixedClock;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A clock that always says `text` (RFC 3339); 2026-01-01 when that cannot be read.
pub fn clock(text: &str) -> FixedClock {
    FixedClock(text.parse().unwrap_or(Timestamp::from_second(1_767_225_600).unwrap_or(Timestamp::UNIX_EPOCH)))
}

/// Subscription changes in one currency, each on a day of its own within its subscription.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Changes in order of customer, subscription and day.
    pub changes: Vec<Change>,
}

/// One after-image of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Customer, written `c000042`.
    pub customer: u32,
    /// Subscription of that customer, from 0, written `c000042-0`.
    pub subscription: u32,
    /// The day (UTC) at whose midnight it takes effect.
    pub date: Date,
    /// `active`, `trialing`, `paused` or `canceled`.
    pub status: &'static str,
    /// Price for one interval, minor units.
    pub amount_minor: i64,
    /// `month`, `quarter` or `year`; the amount divides by its months.
    pub interval: &'static str,
    /// Plan name.
    pub plan: &'static str,
}

impl Change {
    /// Recurring minor units a month while this image holds.
    pub fn monthly_minor(&self) -> i64 {
        let months = match self.interval {
            "year" => 12,
            "quarter" => 3,
            _ => 1,
        };
        if self.status == "active" { self.amount_minor / months } else { 0 }
    }
}

/// Revenue of one month as the oracle counts it, minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Month {
    /// `2019-03`.
    pub label: String,
    /// Closing MRR.
    pub mrr: i64,
    /// Customers with MRR at the end.
    pub customers: i64,
    /// First MRR of customers.
    pub new: i64,
    /// Growth of present customers.
    pub expansion: i64,
    /// Shrinking of present customers, positive.
    pub contraction: i64,
    /// MRR of customers that fell to nothing, positive.
    pub churn: i64,
    /// MRR of customers that came back.
    pub reactivation: i64,
}

impl Ledger {
    /// A ledger of `customers` customers whose first changes fall within `days` days from `first`; the same seed
    /// gives the same ledger.
    pub fn random(seed: u64, customers: u32, first: Date, days: i32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut changes = Vec::new();
        for customer in 0..customers {
            for subscription in 0..rng.random_range(1..=2u32) {
                let mut date = first.saturating_add(rng.random_range(0..days).days());
                for step in 0..rng.random_range(1..=6) {
                    let (interval, months) =
                        [("month", 1), ("quarter", 3), ("year", 12)][rng.random_range(0..3)];
                    let status = match rng.random_range(0..10) {
                        0 if step == 0 => "trialing",
                        0 => "paused",
                        1 | 2 if step > 0 => "canceled",
                        _ => "active",
                    };
                    changes.push(Change {
                        customer,
                        subscription,
                        date,
                        status,
                        amount_minor: rng.random_range(1..40) * 250 * months,
                        interval,
                        plan: ["Basic", "Pro", "Team"][rng.random_range(0..3)],
                    });
                    date = date.saturating_add(rng.random_range(1..120).days());
                }
            }
        }
        Self { changes }
    }

    /// The ledger as a `subscription_changes` file with a header, amounts in minor units of USD.
    pub fn csv(&self) -> String {
        let mut text = String::from(
            "customer_id,subscription_id,effective_at,status,amount_minor,currency,interval,plan\n",
        );
        for change in &self.changes {
            let Change { customer, subscription, date, status, amount_minor, interval, plan } = change;
            let _ = writeln!(
                text,
                "c{customer:06},c{customer:06}-{subscription},{date},{status},{amount_minor},USD,{interval},{plan}"
            );
        }
        text
    }

    /// The `count` months from the one that holds `first`, counted one customer and one day at a time.
    pub fn months(&self, first: Date, count: usize) -> Vec<Month> {
        let mut months: Vec<Month> = Vec::new();
        let mut start = first.first_of_month();
        for _ in 0..count {
            months.push(Month { label: start.strftime("%Y-%m").to_string(), ..Month::default() });
            start = start.saturating_add(1.month());
        }
        let mut by_customer: BTreeMap<u32, BTreeMap<Date, Vec<&Change>>> = BTreeMap::new();
        for change in &self.changes {
            by_customer.entry(change.customer).or_default().entry(change.date).or_default().push(change);
        }
        for days in by_customer.values() {
            let mut subscriptions: BTreeMap<u32, i64> = BTreeMap::new();
            let mut paid_before = false;
            for (date, changes) in days {
                let before: i64 = subscriptions.values().sum();
                for change in changes {
                    subscriptions.insert(change.subscription, change.monthly_minor());
                }
                let after: i64 = subscriptions.values().sum();
                let label = date.strftime("%Y-%m").to_string();
                for month in months.iter_mut().filter(|month| month.label >= label) {
                    month.mrr += after - before;
                    month.customers += i64::from(after > 0) - i64::from(before > 0);
                }
                if let Some(month) = months.iter_mut().find(|month| month.label == label) {
                    match (before > 0, after > 0) {
                        (false, true) if paid_before => month.reactivation += after,
                        (false, true) => month.new += after,
                        (true, false) => month.churn += before,
                        _ if after > before => month.expansion += after - before,
                        _ => month.contraction += before - after,
                    }
                }
                paid_before |= after > 0;
            }
        }
        months
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn change(
        subscription: u32,
        date: Date,
        status: &'static str,
        amount_minor: i64,
        interval: &'static str,
    ) -> Change {
        Change { customer: 1, subscription, date, status, amount_minor, interval, plan: "Pro" }
    }

    #[test]
    fn the_oracle_on_a_ledger_worked_out_by_hand() {
        // 30 and 20 a month; the first ends (contraction 30), then the second (churn 20), back with 1,200 a year.
        let ledger = Ledger {
            changes: vec![
                change(0, date(2026, 1, 5), "active", 3_000, "month"),
                change(1, date(2026, 1, 9), "active", 2_000, "month"),
                change(0, date(2026, 2, 5), "canceled", 3_000, "month"),
                change(1, date(2026, 2, 9), "canceled", 2_000, "month"),
                change(1, date(2026, 3, 1), "active", 120_000, "year"),
            ],
        };
        let months = ledger.months(date(2026, 1, 1), 3);
        let figures: Vec<_> = months
            .iter()
            .map(|m| (m.mrr, m.customers, m.new, m.expansion, m.contraction, m.churn, m.reactivation))
            .collect();
        assert_eq!(
            figures,
            [
                (5_000, 1, 3_000, 2_000, 0, 0, 0),
                (0, 0, 0, 0, 3_000, 2_000, 0),
                (10_000, 1, 0, 0, 0, 0, 10_000),
            ]
        );
    }

    #[test]
    fn a_seed_gives_one_ledger_and_its_movements_add_up() {
        let first = date(2019, 1, 1);
        let ledger = Ledger::random(7, 50, first, 300);
        assert_eq!(ledger.changes, Ledger::random(7, 50, first, 300).changes);
        assert_ne!(ledger.changes, Ledger::random(8, 50, first, 300).changes);
        let mut opening = 0;
        for month in ledger.months(first, 36) {
            let flows = month.new + month.expansion + month.reactivation - month.contraction - month.churn;
            assert_eq!(opening + flows, month.mrr, "{}", month.label);
            opening = month.mrr;
        }
    }
}
