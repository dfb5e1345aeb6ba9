//! Hand checks of the book's chapter on revenue.

use std::collections::BTreeSet;

use super::*;
use crate::PARTS;
use crate::currency::Currency;

pub(super) const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A movement that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) customer: String,
    pub(super) at: i64,
    pub(super) subscription: String,
    pub(super) class: Class,
    pub(super) currency: Currency,
    pub(super) amount: i128,
    pub(super) list: i128,
    pub(super) discount: i128,
    pub(super) plan: String,
    pub(super) term: Term,
    pub(super) reason: String,
    pub(super) scheduled: bool,
    pub(super) transfer: bool,
    pub(super) id: u64,
    pub(super) first_paid_at: i64,
    pub(super) key: u64,
    pub(super) quantity: i64,
}

#[derive(Default)]
struct Rows(Vec<Row>);

impl Sink for Rows {
    fn movement(&mut self, row: &Movement<'_>) {
        self.0.push(Row {
            customer: row.customer_id.to_owned(),
            at: row.at,
            subscription: row.subscription_id.to_owned(),
            class: row.class,
            currency: row.currency,
            amount: row.amount_parts,
            list: row.list_parts,
            discount: row.discount_parts,
            plan: row.plan.to_owned(),
            term: row.term,
            reason: row.reason.to_owned(),
            scheduled: row.scheduled,
            transfer: row.is_transfer,
            id: row.movement_id,
            first_paid_at: row.first_paid_at,
            key: row.change_key,
            quantity: row.quantity,
        });
    }
}

pub(super) fn fold_with(rules: RevenueRules, now: i64, changes: &[Change<'_>]) -> Vec<Row> {
    let mut rows = Rows::default();
    let mut fold = Fold::new(&rules, now);
    for change in changes {
        fold.push(change, &mut rows).unwrap();
    }
    fold.finish(&mut rows);
    rows.0
}

pub(super) fn fold(changes: &[Change<'_>]) -> Vec<Row> {
    fold_with(RevenueRules::default(), i64::MAX, changes)
}

/// `class amount` of each row, in minor units.
fn brief(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("{} {}", row.class.as_str(), row.amount / PARTS)).collect()
}

fn usd(subscription: &'static str, at: i64, status: Status, amount: i64) -> Change<'static> {
    Change::new("c", subscription, at, status, amount, Currency::USD, Term::MONTH)
}

use Status::{Active, Canceled, Free, PastDue, Paused, Trialing, Uncollectible, Unpaid};

#[test]
fn three_monthly_one_bigger_one_yearly_is_580() {
    let mut changes = vec![];
    for customer in ["a", "b", "c"] {
        changes.push(Change { customer_id: customer, ..usd("s", 0, Active, 10_000) });
    }
    changes.push(Change { customer_id: "d", ..usd("s", 0, Active, 20_000) });
    changes.push(Change { customer_id: "e", term: Term::YEAR, ..usd("s", 0, Active, 96_000) });
    let rows = fold(&changes);
    assert_eq!(rows.iter().map(|row| row.amount).sum::<i128>(), 58_000 * PARTS);
    assert!(rows.iter().all(|row| row.class == Class::New));
}

#[test]
fn gone_and_back_is_never_expansion() {
    let changes = [usd("s", 0, Active, 5_000), usd("s", DAY, Active, 0), usd("s", 2 * DAY, Active, 5_000)];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000", "reactivation 5000"]);
    assert_eq!(rows[1].reason, "to_free");
    assert!(rows.iter().all(|row| row.first_paid_at == 0));
}

#[test]
fn month_to_year_at_the_same_price_is_no_movement() {
    let changes =
        [usd("s", 0, Active, 10_000), Change { term: Term::YEAR, ..usd("s", DAY, Active, 120_000) }];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 10000", "expansion -10000", "expansion 10000"]);
    assert!(rows[1].transfer && rows[2].transfer);
    assert_eq!((rows[1].term, rows[2].term), (Term::MONTH, Term::YEAR));
    assert_eq!(rows[1].id, rows[2].id);
    assert_eq!(rows[1..].iter().map(|row| row.quantity).sum::<i64>(), 0);
}

#[test]
fn eleven_of_a_hundred_cancel_one_of_whom_joined() {
    // 100 at the start; ten of them leave and one who joined within the month: ten lost of a hundred.
    let names: Vec<String> = (0..101).map(|n| format!("c{n:03}")).collect();
    let mut changes = vec![];
    for (n, name) in names.iter().enumerate() {
        let start = if n == 100 { 10 * DAY } else { -DAY };
        changes.push(Change { customer_id: name, ..usd("s", start, Active, 1_000) });
        if n < 10 || n == 100 {
            changes.push(Change { customer_id: name, ..usd("s", 20 * DAY, Canceled, 0) });
        }
    }
    let rows = fold(&changes);
    let at_start: BTreeSet<&str> =
        rows.iter().filter(|row| row.at < 0).map(|row| row.customer.as_str()).collect();
    let lost =
        rows.iter().filter(|row| row.class == Class::Churn && at_start.contains(row.customer.as_str()));
    assert_eq!((at_start.len(), lost.count()), (100, 10));
    assert_eq!(rows.iter().filter(|row| row.class == Class::Churn).count(), 11);
}

#[test]
fn gross_twenty_net_ten_percent() {
    let changes = [
        Change { customer_id: "a", ..usd("s", 0, Active, 1_000) },
        Change { customer_id: "a", ..usd("s", DAY, Canceled, 0) },
        Change { customer_id: "b", ..usd("s", 0, Active, 5_000) },
        Change { customer_id: "b", ..usd("s", DAY, Active, 4_000) },
        Change { customer_id: "c", ..usd("s", 0, Active, 4_000) },
        Change { customer_id: "c", ..usd("s", DAY, Active, 5_000) },
    ];
    let rows = fold(&changes);
    let sum = |class| rows.iter().filter(|r| r.class == class).map(|r| r.amount / PARTS).sum::<i128>();
    assert_eq!(sum(Class::New), 10_000);
    assert_eq!((sum(Class::Churn), sum(Class::Contraction), sum(Class::Expansion)), (-1_000, -1_000, 1_000));
}

#[test]
fn first_of_two_is_contraction_the_last_is_churn() {
    let changes = [
        usd("s1", 0, Active, 3_000),
        usd("s2", DAY, Active, 2_000),
        usd("s1", 2 * DAY, Canceled, 0),
        usd("s2", 3 * DAY, Canceled, 0),
    ];
    assert_eq!(brief(&fold(&changes)), ["new 3000", "expansion 2000", "contraction -3000", "churn -2000"]);
}

#[test]
fn euros_are_classified_in_euros() {
    // The rate never touches the fold: one movement, and the fx part is the metric's.
    let rows = fold(&[Change { currency: Currency::EUR, ..usd("s", 0, Active, 10_000) }]);
    assert_eq!(brief(&rows), ["new 10000"]);
    assert_eq!(rows[0].currency, Currency::EUR);
}

#[test]
fn a_switch_of_currency_is_neither_churn_nor_new() {
    let changes =
        [usd("s", 0, Active, 10_000), Change { currency: Currency::EUR, ..usd("s", DAY, Active, 9_000) }];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 10000", "contraction -10000", "expansion 9000"]);
    assert_eq!((rows[1].currency, rows[2].currency), (Currency::USD, Currency::EUR));
    assert!(!rows[1].transfer);
}

#[test]
fn two_currencies_are_lost_only_together() {
    let euro = |at, status, amount| Change { currency: Currency::EUR, ..usd("e", at, status, amount) };
    let changes = [
        usd("d", 0, Active, 1_000),
        euro(0, Active, 2_000),
        usd("d", DAY, Canceled, 0),
        euro(2 * DAY, Canceled, 0),
        euro(3 * DAY, Active, 2_000),
    ];
    let expected = ["new 1000", "new 2000", "contraction -1000", "churn -2000", "reactivation 2000"];
    assert_eq!(brief(&fold(&changes)), expected);
}

#[test]
fn a_plan_move_is_one_class_on_both_plans() {
    let plan = |plan, at, amount| Change { plan, ..usd("s", at, Active, amount) };
    let rows = fold(&[plan("Team", 0, 5_000), plan("Pro", DAY, 8_000), plan("Pro", 2 * DAY, 8_500)]);
    assert_eq!(brief(&rows), ["new 5000", "expansion -5000", "expansion 8000", "expansion 500"]);
    let plans: Vec<&str> = rows.iter().map(|row| row.plan.as_str()).collect();
    assert_eq!(plans, ["Team", "Team", "Pro", "Pro"]);
    assert!(rows.iter().all(|row| !row.transfer));
}

#[test]
fn a_plan_move_by_another_subscription_is_netted() {
    let changes = [
        usd("old", 0, Active, 5_000),
        usd("old", DAY, Canceled, 0),
        usd("new", DAY + 20 * MINUTE, Active, 8_000),
    ];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 5000", "expansion -5000", "expansion 8000"]);
    assert!(rows[1..].iter().all(|row| row.at == DAY + 20 * MINUTE));
    let strict = RevenueRules { netting_window_minutes: 0, ..RevenueRules::default() };
    let rows = fold_with(strict, i64::MAX, &changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000", "reactivation 8000"]);
}

#[test]
fn the_window_is_sixty_minutes_both_ends_included() {
    let off_and_on =
        |gap| [usd("s", 0, Active, 1_000), usd("s", DAY, Canceled, 0), usd("s", DAY + gap, Active, 1_000)];
    assert_eq!(brief(&fold(&off_and_on(HOUR))), ["new 1000"]);
    assert_eq!(fold(&off_and_on(HOUR + 1)).len(), 3);
    // Came and went within the window: never a customer; the later start is new.
    let changes = [usd("s", 0, Active, 1_000), usd("s", MINUTE, Canceled, 0), usd("s", DAY, Active, 1_000)];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 1000"]);
    assert_eq!(rows[0].first_paid_at, DAY);
}

#[test]
fn what_changes_nothing_opens_no_window() {
    // A trial at noon, conversion 50 minutes later, cancellation another 50 minutes later: two changes of
    // one window counted from the conversion, so nothing at all; from the trial it would be two movements.
    let changes = [
        usd("s", 0, Trialing, 1_000),
        usd("s", 50 * MINUTE, Active, 1_000),
        usd("s", 100 * MINUTE, Canceled, 0),
    ];
    assert!(fold(&changes).is_empty());
    // A change of nothing does not move the time of a movement.
    let changes = [usd("s", 0, Active, 1_000), usd("s", MINUTE, Active, 1_000)];
    assert_eq!(fold(&changes)[0].at, 0);
}

#[test]
fn the_last_row_of_an_instant_holds() {
    let changes = [usd("s", 0, Active, 1_000), Change { key: 7, ..usd("s", 0, Active, 2_000) }];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 2000"]);
    assert_eq!(rows[0].key, 7);
}

#[test]
fn trials_and_free_plans_do_not_count() {
    let changes =
        [usd("s", 0, Trialing, 5_000), usd("s", 14 * DAY, Active, 5_000), usd("s", 30 * DAY, Free, 0)];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000"]);
    assert_eq!((rows[0].at, rows[1].reason.as_str()), (14 * DAY, "to_free"));
}

#[test]
fn pauses_by_both_rules() {
    let changes = [usd("s", 0, Active, 5_000), usd("s", DAY, Paused, 0), usd("s", 9 * DAY, Active, 6_000)];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000", "reactivation 6000"]);
    assert_eq!(rows[1].reason, "pause");
    let keep = RevenueRules { pause: PauseRule::Keep, ..RevenueRules::default() };
    assert_eq!(brief(&fold_with(keep, i64::MAX, &changes)), ["new 5000", "expansion 1000"]);
}

#[test]
fn involuntary_losses_are_labelled() {
    for end in [Unpaid, Uncollectible, Canceled] {
        let changes = [
            usd("s", 0, Active, 5_000),
            usd("s", DAY, PastDue, 5_000),
            Change { reason: "x", ..usd("s", 20 * DAY, end, 0) },
        ];
        let rows = fold(&changes);
        assert_eq!(brief(&rows), ["new 5000", "churn -5000"]);
        assert_eq!((rows[1].at, rows[1].reason.as_str()), (20 * DAY, "involuntary"));
    }
    let changes = [usd("s", 0, Active, 5_000), Change { reason: "price", ..usd("s", DAY, Canceled, 0) }];
    assert_eq!(fold(&changes)[1].reason, "price");
}

#[test]
fn past_due_lapses_after_n_days() {
    let rules = RevenueRules { past_due_churn_days: Some(10), ..RevenueRules::default() };
    let changes = [
        usd("s", 0, Active, 5_000),
        Change { key: 1, ..usd("s", DAY, PastDue, 5_000) },
        Change { key: 2, ..usd("s", 5 * DAY, PastDue, 5_000) },
        usd("s", 30 * DAY, Active, 5_000),
    ];
    let rows = fold_with(rules, 100 * DAY, &changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000", "reactivation 5000"]);
    assert_eq!((rows[1].at, rows[1].reason.as_str(), rows[1].key), (11 * DAY, "involuntary", 1));
    // Paid in time, and: not yet lapsed at `now`.
    let paid = [changes[0], changes[1], usd("s", 11 * DAY, Active, 5_000)];
    assert_eq!(brief(&fold_with(rules, 100 * DAY, &paid)), ["new 5000"]);
    assert_eq!(brief(&fold_with(rules, 10 * DAY, &changes[..2])), ["new 5000"]);
}

#[test]
fn churn_at_the_end_of_service_or_on_request() {
    let asked = 3 * DAY;
    let end = |at| Change { canceled_at: Some(asked), reason: "price", ..usd("s", at, Canceled, 0) };
    let changes = [usd("s", 0, Active, 5_000), usd("s", 5 * DAY, Active, 6_000), end(30 * DAY)];
    assert_eq!(brief(&fold(&changes)), ["new 5000", "expansion 1000", "churn -6000"]);
    let request = RevenueRules { churn_date: ChurnDateRule::Request, ..RevenueRules::default() };
    let rows = fold_with(request, 10 * DAY, &changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000"]);
    assert_eq!((rows[1].at, rows[1].reason.as_str(), rows[1].scheduled), (asked, "price", false));
    // The same told by an active row when it was asked for.
    let told = Change { canceled_at: Some(asked), ..usd("s", asked, Active, 5_000) };
    let rows = fold_with(request, 10 * DAY, &[changes[0], told, end(30 * DAY)]);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000"]);
    // A return after the end counts again.
    let rows = fold_with(request, i64::MAX, &[changes[0], end(30 * DAY), usd("s", 40 * DAY, Active, 1_000)]);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000", "reactivation 1000"]);
}

#[test]
fn scheduled_rows_are_flagged_and_never_netted_with_the_present() {
    let changes =
        [usd("s", 0, Active, 5_000), usd("s", DAY, Active, 6_000), usd("s", DAY + MINUTE, Canceled, 0)];
    let rows = fold_with(RevenueRules::default(), DAY, &changes);
    assert_eq!(brief(&rows), ["new 5000", "expansion 1000", "churn -6000"]);
    assert_eq!(rows.iter().map(|row| row.scheduled).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn a_long_gap_makes_a_returner_new_by_setting() {
    let changes = [usd("s", 0, Active, 5_000), usd("s", DAY, Canceled, 0), usd("s", 91 * DAY, Active, 5_000)];
    let gap = |days| RevenueRules { reactivation_gap_days: Some(days), ..RevenueRules::default() };
    let rows = fold_with(gap(89), i64::MAX, &changes);
    assert_eq!(brief(&rows), ["new 5000", "churn -5000", "new 5000"]);
    assert_eq!(rows[2].first_paid_at, 0, "cohorts are never reassigned");
    assert_eq!(fold_with(gap(90), i64::MAX, &changes)[2].class, Class::Reactivation);
}

#[test]
fn discounts_in_net_and_list() {
    let discounted = Change { list_amount_minor: 10_000, ..usd("s", 0, Active, 8_000) };
    let changes = [discounted, usd("s", 90 * DAY, Active, 10_000)];
    let rows = fold(&changes);
    assert_eq!(brief(&rows), ["new 8000", "expansion 2000"]);
    let parts = |row: &Row| (row.list / PARTS, row.discount / PARTS);
    assert_eq!((parts(&rows[0]), parts(&rows[1])), ((10_000, 2_000), (0, -2_000)));
    let list = RevenueRules { amount: AmountRule::List, ..RevenueRules::default() };
    let rows = fold_with(list, i64::MAX, &changes);
    assert_eq!(rows.iter().map(|row| row.amount / PARTS).collect::<Vec<_>>(), [10_000, 0]);
    assert!(rows[1].transfer);
}

#[test]
fn rows_out_of_order_are_refused() {
    let mut fold = Fold::new(&RevenueRules::default(), 0);
    let mut rows = Rows::default();
    fold.push(&usd("s", 5, Active, 1), &mut rows).unwrap();
    let error = fold.push(&usd("s", 4, Active, 1), &mut rows).unwrap_err();
    assert!(error.to_string().contains("sort by customer_id"), "{error}");
}

#[test]
fn many_subscriptions_of_one_customer() {
    let ids: Vec<String> = (0..1000).map(|n| format!("s{n}")).collect();
    let mut changes = vec![];
    for (day, status) in [(0, Active), (1, Canceled)] {
        for (n, id) in ids.iter().enumerate() {
            changes.push(Change {
                subscription_id: id,
                ..usd("", (day * 2000 + n as i64) * 2 * HOUR, status, if status == Active { 100 } else { 0 })
            });
        }
    }
    let rows = fold(&changes);
    assert_eq!(rows.len(), 2000);
    assert_eq!(rows.iter().filter(|row| row.class == Class::Churn).count(), 1);
    assert_eq!(rows.iter().map(|row| row.amount).sum::<i128>(), 0);
}
