//! Properties of the fold against a plain replay of the rows.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{MINUTE, Row, fold, fold_with};
use super::*;
use crate::currency::Currency;

use Status::{Active, PastDue};

/// The plain oracle: what counts of a subscription at an instant, by looking at its rows only. Valid for the
/// rules without requests and lapses.
fn counted_at<'a>(
    changes: &[Change<'a>],
    customer: &str,
    subscription: &str,
    at: i64,
) -> Option<(Change<'a>, i128)> {
    let row = changes
        .iter()
        .rfind(|c| c.customer_id == customer && c.subscription_id == subscription && c.at <= at)?;
    let pays = matches!(row.status, Active | PastDue) && row.amount_minor > 0;
    pays.then(|| (*row, row.term.monthly_parts(row.amount_minor)))
}

type Balances = BTreeMap<(String, Currency, String, Term, String), (i128, i128, i64)>;

fn oracle(changes: &[Change<'_>], at: i64) -> Balances {
    let mut balances = Balances::new();
    let pairs: BTreeSet<(&str, &str)> = changes.iter().map(|c| (c.customer_id, c.subscription_id)).collect();
    for (customer, subscription) in pairs {
        if let Some((row, parts)) = counted_at(changes, customer, subscription, at) {
            let key =
                (customer.to_owned(), row.currency, row.plan.to_owned(), row.term, subscription.to_owned());
            let entry = balances.entry(key).or_default();
            entry.0 += parts;
            entry.1 += row.term.monthly_parts(row.list_amount_minor);
            entry.2 += row.quantity;
        }
    }
    balances
}

fn balances(rows: &[Row], at: i64) -> Balances {
    let mut balances = Balances::new();
    for row in rows.iter().filter(|row| row.at <= at) {
        let key = (row.customer.clone(), row.currency, row.plan.clone(), row.term, row.subscription.clone());
        let entry = balances.entry(key).or_default();
        entry.0 += row.amount;
        entry.1 += row.list;
        entry.2 += row.quantity;
        assert_eq!(row.discount, row.list - row.amount);
    }
    balances.retain(|_, sums| *sums != (0, 0, 0));
    balances
}

const NAMES: [&str; 3] = ["a", "b", "c"];
const PLANS: [&str; 3] = ["Team", "Pro", ""];

prop_compose! {
    fn change()(
        customer in 0usize..3, subscription in 0usize..3, at in 0i64..40, status in 0usize..10,
        amount in prop_oneof![Just(0i64), 1i64..5, Just(1200)], off in 0i64..3,
        currency in 0usize..2, interval in 0usize..6, count in 1u32..4, quantity in 1i64..3, plan in 0usize..3,
        canceled in prop_oneof![3 => Just(None), 1 => (0i64..40).prop_map(Some)],
    ) -> Change<'static> {
        // Half the statuses are active, so that something happens.
        let status = if at % 2 == 0 { Active } else { Status::ALL[status] };
        Change {
            customer_id: NAMES[customer], subscription_id: NAMES[subscription], at: at * 20 * MINUTE, status,
            amount_minor: amount, list_amount_minor: amount + off,
            currency: [Currency::USD, Currency::JPY][currency],
            term: Term::new(Interval::ALL[interval], count), quantity, plan: PLANS[plan], reason: "",
            canceled_at: canceled.map(|at| at * 20 * MINUTE), key: 0,
        }
    }
}

fn sorted(mut changes: Vec<Change<'static>>) -> Vec<Change<'static>> {
    changes.sort_by_key(|change| (change.customer_id, change.at));
    for (index, change) in changes.iter_mut().enumerate() {
        change.key = index as u64;
    }
    changes
}

/// What must hold whatever the rules: classes follow from the customer's balances.
fn check_classes(rows: &[Row]) {
    let mut held: BTreeMap<(&str, Currency), i128> = BTreeMap::new();
    let mut payers: BTreeSet<&str> = BTreeSet::new();
    let mut index = 0;
    while index < rows.len() {
        let (id, customer) = (rows[index].id, rows[index].customer.as_str());
        let group: Vec<&Row> =
            rows[index..].iter().take_while(|row| row.id == id && row.customer == customer).collect();
        index += group.len();
        let paying =
            |held: &BTreeMap<(&str, Currency), i128>| held.iter().any(|((c, _), a)| *c == customer && *a > 0);
        let before = paying(&held);
        let mut change: BTreeMap<Currency, i128> = BTreeMap::new();
        for row in &group {
            *change.entry(row.currency).or_default() += row.amount;
            *held.entry((customer, row.currency)).or_default() += row.amount;
        }
        let after = paying(&held);
        assert!(before || after, "a movement of nothing");
        for row in &group {
            let change = change[&row.currency];
            let expected = match (before, after) {
                (false, _) if payers.contains(customer) => Class::Reactivation,
                (false, _) => Class::New,
                (_, false) => Class::Churn,
                _ if change < 0 => Class::Contraction,
                _ => Class::Expansion,
            };
            assert_eq!((row.class, row.transfer, row.at), (expected, change == 0, group[0].at));
        }
        payers.insert(customer);
    }
}

/// What the subscriptions come to under their coupons at an instant, by looking at rows only.
fn extras_at(changes: &[Change<'_>], coupons: &[Coupon<'_>], at: i64) -> i128 {
    let names: Vec<&str> = {
        let mut seen = vec![];
        changes.iter().for_each(|c| {
            if !seen.contains(&c.subscription_id) {
                seen.push(c.subscription_id)
            }
        });
        seen
    };
    // Each coupon's subscription, and when it really begins: at its start or at the first payment after it.
    let begins = |coupon: &Coupon<'_>| {
        let instants =
            std::iter::once(coupon.from).chain(changes.iter().map(|c| c.at).filter(|at| *at > coupon.from));
        let mut instants: Vec<i64> = instants.collect();
        instants.sort_unstable();
        instants.into_iter().find_map(|at| {
            let paid = |name: &&str| counted_at(changes, "a", name, at).is_some();
            let able = |name: &&&str| coupon.subscription_id.is_empty() || coupon.subscription_id == **name;
            names.iter().filter(able).find(|name| paid(name)).map(|name| (*name, at))
        })
    };
    let held: Vec<_> = coupons.iter().map(|coupon| (coupon, begins(coupon))).collect();
    let mut sum = 0;
    for name in names {
        let Some((row, mut parts)) = counted_at(changes, "a", name, at) else { continue };
        for (coupon, begins) in &held {
            let Some((of, from)) = begins else { continue };
            if *of != name || at < *from || at >= coupon.until.unwrap() {
                continue;
            }
            let off = match coupon.percent {
                Some(percent) => {
                    let (top, bottom) = (parts * (percent / 10_i128.pow(10)), 100);
                    (2 * top + bottom) / (2 * bottom)
                }
                None if row.currency == Currency::USD => row.term.monthly_parts(coupon.amount_minor),
                None => 0,
            };
            parts -= off.min(parts);
        }
        sum += parts;
    }
    sum
}

/// What usage comes to at an instant: the mean from the last beginning of a month on, if what it hangs on has lived
/// from then on without a break.
fn usage_at(changes: &[Change<'_>], usage: &[UsageLine<'_>], at: i64) -> i128 {
    let zone = crate::time::Zone::utc();
    let first_of = |day: jiff::civil::Date| day.first_of_month();
    let month = first_of(zone.date_of(at));
    let start = zone.start_of(month);
    let back = |n: i32| zone.start_of(first_of(month.saturating_sub(jiff::Span::new().months(n))));
    let all: BTreeSet<&str> = changes.iter().map(|c| c.subscription_id).collect();
    let live_at = |name: &str, at: i64, whole: bool| {
        // At the very beginning of a month its own rows come after the step.
        let seen = |c: &&Change<'_>| c.subscription_id == name && if whole { c.at <= at } else { c.at < at };
        let row = changes.iter().rfind(seen);
        row.is_some_and(|row| matches!(row.status, Active | PastDue | Status::Free))
    };
    let mut names: Vec<&str> = vec![];
    usage.iter().for_each(|line| {
        if !names.contains(&line.subscription_id) {
            names.push(line.subscription_id)
        }
    });
    let mut sum = 0;
    for name in names {
        let gates: Vec<&str> = if all.contains(name) { vec![name] } else { all.iter().copied().collect() };
        let any = |at, whole| gates.is_empty() || gates.iter().any(|gate| live_at(gate, at, whole));
        let mut instants = changes.iter().map(|c| c.at).filter(|t| *t >= start && *t <= at);
        // Every row counts, also the first of two at one instant.
        let unbroken = any(start, false) && instants.all(|t| broken_free(changes, &gates, t));
        if !unbroken {
            continue;
        }
        let lines = usage.iter().filter(|l| l.subscription_id == name && l.at >= back(3) && l.at < start);
        let total: i64 = lines.map(|line| line.amount_minor).sum();
        if total > 0 {
            sum += i128::from(total) * crate::PARTS / 3;
        }
    }
    sum
}

/// Whether at no row of an instant all gates were closed.
fn broken_free(changes: &[Change<'_>], gates: &[&str], at: i64) -> bool {
    if gates.is_empty() {
        return true;
    }
    let last = |upto: usize, gate: &str| {
        let row = changes[..upto].iter().rev().find(|c| c.subscription_id == gate);
        row.is_some_and(|row| matches!(row.status, Active | PastDue | Status::Free))
    };
    (0..changes.len()).filter(|n| changes[*n].at == at).all(|n| gates.iter().any(|gate| last(n + 1, gate)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn movements_add_up_to_the_plain_replay_at_every_instant(changes in prop::collection::vec(change(), 0..40)) {
        let changes = sorted(changes);
        let strict = RevenueRules { netting_window_minutes: 0, ..RevenueRules::default() };
        let rows = fold_with(strict, 20 * 20 * MINUTE, &changes);
        for at in (0..41).map(|n| n * 20 * MINUTE) {
            prop_assert_eq!(balances(&rows, at), oracle(&changes, at));
        }
        check_classes(&rows);
        prop_assert!(rows.iter().all(|row| row.scheduled == (row.at > 20 * 20 * MINUTE)));
    }

    #[test]
    fn the_window_moves_time_but_no_money(changes in prop::collection::vec(change(), 0..40)) {
        let changes = sorted(changes);
        let rows = fold(&changes);
        prop_assert_eq!(balances(&rows, i64::MAX), oracle(&changes, i64::MAX));
        check_classes(&rows);
        prop_assert!(rows.is_sorted_by_key(|row| (row.customer.clone(), row.at)));
        // What is said at an instant was true within the hour before it.
        for row in &rows {
            prop_assert!(changes.iter().any(|c| c.customer_id == row.customer && c.at == row.at));
            prop_assert!(row.first_paid_at <= row.at);
        }
    }

    #[test]
    fn all_rules_keep_the_books(
        changes in prop::collection::vec(change(), 0..40),
        keep in any::<bool>(), list in any::<bool>(), request in any::<bool>(),
        lapse in prop::option::of(Just(0u32)), window in prop_oneof![Just(0u32), Just(60)],
    ) {
        let changes = sorted(changes);
        let rules = RevenueRules {
            amount: if list { AmountRule::List } else { AmountRule::Net },
            pause: if keep { PauseRule::Keep } else { PauseRule::Churn },
            churn_date: if request { ChurnDateRule::Request } else { ChurnDateRule::PeriodEnd },
            past_due_churn_days: lapse,
            netting_window_minutes: window,
            reactivation_gap_days: None,
            ..RevenueRules::default()
        };
        let rows = fold_with(rules, 20 * 20 * MINUTE, &changes);
        check_classes(&rows);
        // No segment is ever below zero.
        let mut held: BTreeMap<_, i128> = BTreeMap::new();
        let mut previous = None;
        for row in &rows {
            if previous != Some((row.customer.clone(), row.id)) {
                prop_assert!(held.values().all(|amount| *amount >= 0));
                previous = Some((row.customer.clone(), row.id));
            }
            let key = (row.customer.clone(), row.subscription.clone(), row.currency, row.plan.clone(), row.term);
            *held.entry(key).or_default() += row.amount;
        }
        prop_assert!(held.values().all(|amount| *amount >= 0));
    }

    #[test]
    fn coupons_and_usage_add_up_to_a_plain_replay(
        changes in prop::collection::vec(change(), 0..20),
        coupons in prop::collection::vec((0usize..4, 0i64..40, 0i64..60, 0u8..3), 0..4),
        usage in prop::collection::vec((0usize..4, 0i64..300, -5i64..50), 0..12),
    ) {
        // One customer, days in place of quarters of an hour, so that months pass.
        let day = 24 * 60 * MINUTE;
        let mut changes = sorted(changes);
        for change in &mut changes {
            *change = Change { customer_id: "a", at: change.at / (20 * MINUTE) * 7 * day, ..*change };
        }
        changes.sort_by_key(|change| change.at);
        let name = |n: usize| ["a", "b", "c", ""][n];
        let coupons: Vec<Coupon<'_>> = coupons
            .iter()
            .map(|(subscription, from, length, kind)| Coupon {
                subscription_id: name(*subscription),
                from: from * 7 * day,
                until: Some((from * 7 + length) * day),
                percent: (*kind > 0).then(|| i128::from(*kind) * 40 * 10_i128.pow(10)),
                amount_minor: 2,
                currency: Some(Currency::USD),
                key: 7,
            })
            .collect();
        let usage: Vec<UsageLine<'_>> = usage
            .iter()
            .map(|(subscription, at, amount)| UsageLine {
                subscription_id: name(*subscription), at: at * day, amount_minor: *amount,
                currency: Currency::USD, plan: "", key: 8,
            })
            .collect();
        let rules = RevenueRules {
            one_time_coupons: true, usage_in_mrr: true, netting_window_minutes: 0, ..RevenueRules::default()
        };
        let now = 320 * day;
        let rows = super::tests::fold_all(rules, now, &coupons, &usage, &changes);
        check_classes(&rows);
        let mut days: Vec<i64> = (0..330).map(|n| n * day).collect();
        days.retain(|at| *at <= now);
        for at in days {
            let held: i128 = rows.iter().filter(|row| row.at <= at).map(|row| row.amount).sum();
            let plain = extras_at(&changes, &coupons, at) + usage_at(&changes, &usage, at);
            prop_assert_eq!(held, plain, "on day {}", at / day);
        }
    }

    #[test]
    fn order_of_arrival_does_not_matter(changes in prop::collection::vec(change(), 0..30), seed in any::<u64>()) {
        // One row for each (customer, subscription, instant), so that order is given by time alone.
        let mut unique: BTreeMap<(&str, &str, i64), Change<'static>> = BTreeMap::new();
        for change in changes {
            unique.insert((change.customer_id, change.subscription_id, change.at), change);
        }
        let mut shuffled: Vec<Change<'static>> = unique.values().copied().collect();
        let straight = fold(&in_order(shuffled.clone()));
        shuffled.sort_by_key(|c| (c.at as u64 ^ c.subscription_id.len() as u64).wrapping_mul(seed | 1));
        let mut other = fold(&in_order(shuffled));
        let mut straight = straight;
        straight.sort();
        other.sort();
        prop_assert_eq!(straight, other);
    }
}

fn in_order(mut changes: Vec<Change<'static>>) -> Vec<Change<'static>> {
    changes.sort_by_key(|change| (change.customer_id, change.at));
    changes
}
