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
    pub(super) cause: Cause,
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
            cause: row.cause,
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

pub(super) fn fold_all(
    rules: RevenueRules,
    now: i64,
    coupons: &[Coupon<'_>],
    usage: &[UsageLine<'_>],
    changes: &[Change<'_>],
) -> Vec<Row> {
    let mut rows = Rows::default();
    let mut fold = Fold::new(&rules, now);
    coupons.iter().for_each(|coupon| fold.coupon("a", coupon, &mut rows));
    usage.iter().for_each(|line| fold.usage("a", line, &mut rows));
    changes.iter().for_each(|change| fold.push(change, &mut rows).unwrap());
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

mod extras {
    //! Coupons for a single invoice, and usage.

    use super::*;
    use crate::exact::Exact;
    use crate::time::Zone;
    use jiff::civil::date;

    fn day(month: i8, day: i8) -> i64 {
        Zone::utc().start_of(date(2026, month, day))
    }

    fn percent(subscription_id: &'static str, from: i64, percent: i64) -> Coupon<'static> {
        let percent = Some(i128::from(percent) * 10_i128.pow(10));
        Coupon { subscription_id, from, until: None, percent, amount_minor: 0, currency: None, key: 99 }
    }

    fn line(subscription_id: &'static str, at: i64, amount_minor: i64) -> UsageLine<'static> {
        UsageLine { subscription_id, at, amount_minor, currency: Currency::USD, plan: "", key: at as u64 }
    }

    fn with(now: i64, coupons: &[Coupon<'_>], usage: &[UsageLine<'_>], changes: &[Change<'_>]) -> Vec<Row> {
        let rules = RevenueRules { one_time_coupons: true, usage_in_mrr: true, ..RevenueRules::default() };
        let mut rows = Rows::default();
        let mut fold = Fold::new(&rules, now).in_zone(&Zone::utc());
        for coupon in coupons {
            fold.coupon("c", coupon, &mut rows);
        }
        for line in usage {
            fold.usage("c", line, &mut rows);
        }
        for change in changes {
            fold.push(change, &mut rows).unwrap();
        }
        fold.finish(&mut rows);
        rows.0
    }

    /// `day class amount` in minor units.
    fn dated(rows: &[Row]) -> Vec<String> {
        let text = |row: &Row| {
            let day = Zone::utc().date_of(row.at);
            let amount = Exact::ratio(row.amount, PARTS).unwrap().to_decimal(2);
            format!("{day} {} {amount}", row.class.as_str())
        };
        rows.iter().map(text).collect()
    }

    #[test]
    fn without_their_rules_both_do_nothing() {
        let mut rows = Rows::default();
        let mut fold = Fold::new(&RevenueRules::default(), i64::MAX);
        fold.coupon("c", &percent("", 0, 50), &mut rows);
        fold.usage("c", &line("", 0, 500), &mut rows);
        fold.push(&usd("s", day(1, 5), Active, 10_000), &mut rows).unwrap();
        fold.finish(&mut rows);
        assert_eq!(dated(&rows.0), ["2026-01-05 new 10000"]);
    }

    #[test]
    fn a_coupon_lowers_one_term() {
        let changes = [usd("s", day(1, 5), Active, 10_000)];
        // Granted with the start: new at 80, back to 100 a month later.
        let rows = with(i64::MAX, &[percent("s", day(1, 5), 20)], &[], &changes);
        assert_eq!(dated(&rows), ["2026-01-05 new 8000", "2026-02-05 expansion 2000"]);
        assert_eq!(rows.iter().map(|row| row.discount / PARTS).collect::<Vec<_>>(), [2_000, -2_000]);
        assert_eq!((rows[1].cause, rows[1].key, rows[1].reason.as_str()), (Cause::Coupon, 99, "coupon"));
        // Granted later: contraction, then expansion. What is to come is scheduled.
        let rows = with(day(4, 1), &[percent("", day(3, 10), 25)], &[], &changes);
        let expected = ["2026-01-05 new 10000", "2026-03-10 contraction -2500", "2026-04-10 expansion 2500"];
        assert_eq!(dated(&rows), expected);
        assert_eq!(rows.iter().map(|row| row.scheduled).collect::<Vec<_>>(), [false, false, true]);
        // Granted before there is anything to pay: the first invoice.
        let rows = with(i64::MAX, &[percent("s", day(1, 1), 10)], &[], &changes);
        assert_eq!(dated(&rows), ["2026-01-05 new 9000", "2026-02-05 expansion 1000"]);
    }

    #[test]
    fn a_fixed_amount_is_off_one_term_in_its_currency() {
        let yearly = [Change { term: Term::YEAR, ..usd("s", day(1, 5), Active, 120_000) }];
        let fixed =
            |currency| Coupon { percent: None, amount_minor: 12_000, currency, ..percent("s", day(1, 5), 0) };
        let rows = with(i64::MAX, &[fixed(Some(Currency::USD))], &[], &yearly);
        assert_eq!(dated(&rows), ["2026-01-05 new 9000", "2027-01-05 expansion 1000"]);
        assert_eq!(
            dated(&with(i64::MAX, &[fixed(Some(Currency::EUR))], &[], &yearly)),
            ["2026-01-05 new 10000"]
        );
    }

    #[test]
    fn a_coupon_for_everything_is_free_for_a_term() {
        let rows =
            with(i64::MAX, &[percent("s", day(2, 5), 100)], &[], &[usd("s", day(1, 5), Active, 10_000)]);
        let expected = ["2026-01-05 new 10000", "2026-02-05 churn -10000", "2026-03-05 reactivation 10000"];
        assert_eq!(dated(&rows), expected);
        assert_eq!(rows[1].reason, "to_free");
    }

    #[test]
    fn two_coupons_come_off_one_after_the_other_and_changes_go_on_below() {
        let coupons = [percent("s", day(1, 5), 50), percent("s", day(1, 5), 50)];
        let changes = [usd("s", day(1, 5), Active, 10_000), usd("s", day(1, 20), Active, 20_000)];
        let rows = with(i64::MAX, &coupons, &[], &changes);
        let expected = ["2026-01-05 new 2500", "2026-01-20 expansion 2500", "2026-02-05 expansion 15000"];
        assert_eq!(dated(&rows), expected);
    }

    #[test]
    fn a_coupon_does_not_go_to_what_is_paid_for_within_an_instant() {
        // Two rows of one moment: the second one counts, so that the coupon of the customer goes to the other subscription.
        let changes = [
            usd("s", day(1, 5), Active, 10_000),
            usd("t", day(1, 5), Active, 20_000),
            usd("s", day(1, 5), Active, 0),
        ];
        let rows = with(i64::MAX, &[percent("", day(1, 1), 50)], &[], &changes);
        assert_eq!(dated(&rows), ["2026-01-05 new 10000", "2026-02-05 expansion 10000"]);
        assert!(rows.iter().all(|row| row.subscription == "t"));
    }

    #[test]
    fn usage_is_the_mean_of_three_months() {
        // 30, 60 and 90 in January to March beside 100 a month: 10, 30, 60, 50, 30, 0 from February on.
        let usage =
            [line("s", day(1, 20), 3_000), line("s", day(2, 20), 6_000), line("s", day(3, 20), 9_000)];
        let changes = [usd("s", day(1, 5), Active, 10_000)];
        let rows = with(day(12, 1), &[], &usage, &changes);
        let expected = [
            "2026-01-05 new 10000",
            "2026-02-01 expansion 1000",
            "2026-03-01 expansion 2000",
            "2026-04-01 expansion 3000",
            "2026-05-01 contraction -1000",
            "2026-06-01 contraction -2000",
            "2026-07-01 contraction -3000",
        ];
        assert_eq!(dated(&rows), expected);
        assert_eq!((rows[1].cause, rows[1].key), (Cause::Usage, day(1, 20) as u64));
        assert!(
            rows[1..].iter().all(|row| row.subscription == "s" && row.quantity == 0 && row.reason == "usage")
        );
        // A mean to come is no plan.
        assert_eq!(with(day(2, 28), &[], &usage, &changes).len(), 2);
    }

    #[test]
    fn usage_ends_with_its_subscription_and_returns_with_it() {
        let usage: Vec<UsageLine<'_>> = (1..8).map(|month| line("s", day(month, 20), 3_000)).collect();
        let changes = [
            usd("s", day(1, 5), Active, 10_000),
            Change { reason: "price", ..usd("s", day(5, 10), Canceled, 0) },
            usd("s", day(6, 10), Active, 10_000),
        ];
        let rows = with(day(7, 2), &[], &usage, &changes);
        let expected = [
            "2026-01-05 new 10000",
            "2026-02-01 expansion 1000",
            "2026-03-01 expansion 1000",
            "2026-04-01 expansion 1000",
            "2026-05-10 churn -10000",
            "2026-05-10 churn -3000",
            "2026-06-10 reactivation 10000",
            "2026-07-01 expansion 3000",
        ];
        assert_eq!(dated(&rows), expected);
        assert!(rows[4..6].iter().all(|row| row.reason == "price" && row.id == rows[4].id));
    }

    #[test]
    fn usage_without_a_subscription_is_a_customer_of_its_own() {
        let rows = with(day(12, 1), &[], &[line("", day(1, 20), 3_000)], &[]);
        assert_eq!(dated(&rows), ["2026-02-01 new 1000", "2026-05-01 churn -1000"]);
        assert!(rows.iter().all(|row| row.subscription == "usage"));
        // Credits beyond what was billed are nothing, not a debt.
        assert!(with(day(12, 1), &[], &[line("", day(1, 20), -3_000)], &[]).is_empty());
    }

    #[test]
    fn a_step_of_usage_draws_no_change_into_the_next_month() {
        let late = day(2, 1) - 10 * MINUTE;
        let changes = [usd("s", day(1, 5), Active, 10_000), usd("s", late, Active, 12_000)];
        let rows = with(day(3, 1), &[], &[line("s", day(1, 20), 3_000)], &changes);
        let expected = ["2026-01-05 new 10000", "2026-01-31 expansion 2000", "2026-02-01 expansion 1000"];
        assert_eq!(dated(&rows), expected);
    }
}
