use std::sync::Arc;

use burgeon_core::PARTS;
use burgeon_core::currency::Currency;
use burgeon_core::time::Grain;
use burgeon_engine::Engine;
use burgeon_metrics::base::{
    Aggregate, BaseMeasure, BaseRequest, CohortTake, Dimension, Filter, Money, MoneyUnit, Span,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::oracle::{self, Row};
use super::source::Records;
use super::{change, change_in, engine_at, months, request};

const NOW: &str = "2026-06-01T00:00:00Z";

pub fn plan() -> Dimension {
    Dimension::Fact { column: "plan".into(), of_entity: false }
}

pub fn balance() -> BaseMeasure {
    BaseMeasure::Balance { expr: "amount_parts".into() }
}

fn positive() -> BaseMeasure {
    BaseMeasure::PositiveEntities { expr: "amount_parts".into() }
}

fn take(take: CohortTake) -> BaseMeasure {
    BaseMeasure::Cohort { expr: "amount_parts".into(), take }
}

fn without_money(mut request: BaseRequest) -> BaseRequest {
    request.money = None;
    request
}

fn sample() -> Arc<Records> {
    let records = Records::new(4);
    records.put(
        "subscription_changes",
        [
            change("a", "a1", "2025-01-10", "active", 5000, "Pro"),
            change("a", "a1", "2025-03-10", "active", 7000, "Team"),
            change("a", "a1", "2025-05-10", "canceled", 0, "Team"),
            change("b", "b1", "2025-01-12", "active", 2000, "Pro"),
            change("b", "b2", "2025-02-12", "active", 3000, "Team"),
            change("b", "b1", "2025-04-12", "canceled", 0, "Pro"),
            change("c", "c1", "2024-12-01", "active", 1000, "Pro"),
            change("c", "c1", "2025-02-01", "canceled", 0, "Pro"),
            change("c", "c1", "2025-04-01", "active", 1500, "Pro"),
        ],
    );
    records.put(
        "customers",
        [
            json!({"customer_id": "a", "country": "DE", "attributes": "{\"industry\":\"EdTech\"}"}),
            json!({"customer_id": "b", "country": "FR", "attributes": "{\"industry\":\"FinTech\"}"}),
        ],
    );
    records
}

#[tokio::test]
async fn balances_and_customers_by_plan() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let rows = oracle::movements(&engine).await;
    let mut sums = request(balance(), months(6, true));
    sums.by = vec![plan()];
    let mut customers = without_money(request(positive(), months(6, true)));
    customers.by = vec![plan()];
    let answers = engine.run_all(&[sums.clone(), customers.clone()]).await.unwrap();
    let by: oracle::By = |row| vec![row.plan.clone()];
    assert_eq!(oracle::of(&answers[0]), oracle::sums(&rows, &sums.spans, by));
    assert_eq!(oracle::of(&answers[1]), oracle::positive(&rows, &customers.spans, by));
    // By hand: customers at the end of January: a, b, c.
    let total = engine.run(&without_money(request(positive(), months(1, true)))).await.unwrap();
    assert_eq!(total.rows.iter().map(|r| r.value).sum::<i128>(), 3);
}

#[tokio::test]
async fn requests_over_the_same_rows_read_them_once() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let flow = |movement: &str| {
        let mut r = request(
            BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some("amount_parts".into()) },
            months(6, false),
        );
        r.filter = Some(format!("movement = '{movement}' and not scheduled"));
        r.money = Some(Money::Flow { unit: MoneyUnit::Parts, display: Currency::USD });
        r
    };
    let all = [flow("new"), flow("churn"), request(balance(), months(6, true))];
    engine.rates().await.unwrap();
    records.take_reads();
    let answers = engine.run_all(&all).await.unwrap();
    let reads = records.take_reads();
    assert_eq!(reads.values().sum::<usize>(), 4, "{reads:?}");
    let new: i128 = answers[0].rows.iter().map(|r| r.value).sum();
    assert_eq!(new, (5000 + 2000) * PARTS * 10_i128.pow(10));
    assert_eq!(answers[0].rows[0].scale, 10);
    let churn: i128 = answers[1].rows.iter().map(|r| r.value).sum();
    assert_eq!(churn, -(7000 + 1000) * PARTS * 10_i128.pow(10));
    // The opening span of the balance does not leak into the flows.
    assert!(answers[0].rows.iter().all(|r| r.span < 6));
}

#[tokio::test]
async fn distinct_ids_by_span() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    for (column, expected) in [("movement_id", 9), ("customer_id", 9)] {
        let measure =
            BaseMeasure::Aggregate { function: Aggregate::CountDistinct, expr: Some(column.into()) };
        let answer = engine.run(&without_money(request(measure, months(6, true)))).await.unwrap();
        assert_eq!(answer.rows.iter().map(|r| r.value).sum::<i128>(), expected, "{column}");
    }
}

#[tokio::test]
async fn dimensions_of_the_customer_and_filters() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let mut r = request(balance(), months(6, true));
    r.by = vec![
        Dimension::Customer { column: "country".into() },
        Dimension::Attribute { key: "industry".into() },
        Dimension::Cohort { grain: Grain::Month },
    ];
    let answer = engine.run(&r).await.unwrap();
    let mut dims: Vec<_> = answer.rows.iter().map(|row| row.dims.clone()).collect();
    dims.sort();
    dims.dedup();
    let some = |t: &str| Some(t.to_owned());
    assert_eq!(
        dims,
        [
            vec![None, None, some("2024-12")],
            vec![some("DE"), some("EdTech"), some("2025-01")],
            vec![some("FR"), some("FinTech"), some("2025-01")],
        ]
    );
    let by_country = |values: &[&str], negated| Filter {
        dimension: Dimension::Customer { column: "country".into() },
        negated,
        values: values.iter().map(|v| (*v).to_owned()).collect(),
    };
    for (filter, customers) in [
        (by_country(&["DE"], false), 1),
        (by_country(&["DE"], true), 2),
        (by_country(&[""], false), 1),
        (by_country(&[""], true), 2),
        (by_country(&["DE", ""], false), 2),
    ] {
        let mut r = without_money(request(positive(), months(1, true)));
        r.filters = vec![filter.clone()];
        let answer = engine.run(&r).await.unwrap();
        assert_eq!(answer.rows.iter().map(|row| row.value).sum::<i128>(), customers, "{filter:?}");
    }
    let mut r = without_money(request(positive(), months(1, true)));
    r.filters = vec![Filter {
        dimension: Dimension::Cohort { grain: Grain::Month },
        negated: false,
        values: vec!["2025-01".into()],
    }];
    assert_eq!(engine.run(&r).await.unwrap().rows.iter().map(|row| row.value).sum::<i128>(), 2);
}

#[tokio::test]
async fn who_moves_to_another_plan_is_kept() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let mut start = request(take(CohortTake::StartEntities), vec![months(3, false)[2]]);
    start.by = vec![plan()];
    let mut kept = start.clone();
    kept.measure = take(CohortTake::KeptEntities);
    let mut end = start.clone();
    end.measure = take(CohortTake::EndAmount);
    let answers = engine.run_all(&[start, kept, end]).await.unwrap();
    let some = |t: &str| vec![Some(t.to_owned())];
    let of = |i: usize, plan: &str| {
        answers[i].rows.iter().filter(|r| r.dims == some(plan)).map(|r| r.value).sum::<i128>()
    };
    // a on Pro moves to Team in March at 70.00; b has 20.00 on Pro and 30.00 on Team.
    assert_eq!((of(0, "Pro"), of(1, "Pro"), of(2, "Pro")), (2, 2, (7000 + 2000) * PARTS));
    assert_eq!((of(0, "Team"), of(1, "Team"), of(2, "Team")), (1, 1, 3000 * PARTS));
}

#[tokio::test]
async fn several_currencies_are_converted_before_they_are_compared() {
    let records = Records::new(4);
    records.put(
        "subscription_changes",
        [
            change_in("a", "a1", "2025-01-10", "active", 5000, "Pro", "USD", "month"),
            change_in("a", "a2", "2025-01-10", "active", 5000, "Pro", "EUR", "month"),
            change_in("a", "a1", "2025-02-10", "active", 16000, "Pro", "USD", "month"),
            change_in("a", "a2", "2025-02-10", "canceled", 0, "Pro", "EUR", "month"),
        ],
    );
    records.put("fx_rates", [json!({"date": "2025-01-01", "base": "EUR", "quote": "USD", "rate": 2.0})]);
    let engine = engine_at(&records, NOW).await;
    let span = vec![months(2, false)[1]];
    let capped = engine.run(&request(take(CohortTake::CappedAmount), span.clone())).await.unwrap();
    let row = &capped.rows[0];
    // 50 USD + 50 EUR = 150 USD at the start, 160 USD at the end
    assert_eq!((row.currency, row.scale, row.value), (None, 10, 15_000 * PARTS * 10_i128.pow(10)));
    let mut flow = request(
        BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some("amount_parts".into()) },
        months(1, false),
    );
    flow.money = Some(Money::Flow { unit: MoneyUnit::Parts, display: Currency::GBP });
    let error = engine.run(&flow).await.unwrap_err().to_string();
    assert!(
        error.contains("no exchange rate from EUR to GBP") || error.contains("from USD to GBP"),
        "{error}"
    );
    assert!(error.contains("2025-01-10"), "{error}");
}

#[tokio::test]
async fn the_cut_off_leaves_out_what_comes_later() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let march = months(3, false)[2];
    for (cut_off, value) in [("2025-03-10", 0), ("2025-03-11", 7000 - 5000)] {
        let mut r = request(balance(), vec![march]);
        r.cut_off = burgeon_core::time::Zone::utc().parse_instant(cut_off).unwrap();
        let answer = engine.run(&r).await.unwrap();
        assert_eq!(answer.rows.iter().map(|row| row.value).sum::<i128>(), value * PARTS, "{cut_off}");
    }
}

#[tokio::test]
async fn only_the_changed_bucket_is_read_again() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let mut r = request(balance(), months(6, true));
    r.by = vec![plan(), Dimension::Customer { column: "country".into() }];
    let mut cohort = request(take(CohortTake::EndAmount), months(6, false));
    cohort.by = vec![plan()];
    let all = [r, cohort];
    engine.run_all(&all).await.unwrap();
    records.take_reads();
    let warm = engine.run_all(&all).await.unwrap();
    assert_eq!(records.take_reads(), Default::default());
    records.put("subscription_changes", [change("b", "b2", "2025-05-20", "active", 9000, "Team")]);
    let changed = engine.run_all(&all).await.unwrap();
    let bucket = records.bucket_of("b");
    let reads = records.take_reads();
    assert!(!reads.is_empty() && reads.keys().all(|(_, b)| *b == bucket), "{reads:?}");
    assert_ne!(warm, changed);
    let fresh = engine_at(&records, NOW).await.run_all(&all).await.unwrap();
    for (a, b) in changed.iter().zip(&fresh) {
        assert_eq!(oracle::of(a), oracle::of(b));
    }
}

#[tokio::test]
async fn a_scheduled_row_becomes_effective_as_time_goes_by() {
    #[derive(Debug)]
    struct Turning(parking_lot::Mutex<jiff::Timestamp>);
    impl burgeon_core::time::Clock for Turning {
        fn now(&self) -> jiff::Timestamp {
            *self.0.lock()
        }
    }
    let records = sample();
    records.put("subscription_changes", [change("b", "b2", "2025-08-01", "canceled", 0, "Team")]);
    let clock = Arc::new(Turning(parking_lot::Mutex::new("2025-07-01T00:00:00Z".parse().unwrap())));
    let options = burgeon_engine::EngineOptions::new(
        burgeon_core::time::Zone::utc(),
        Currency::USD,
        Default::default(),
        Arc::clone(&clock) as _,
        super::fact_files(),
    );
    let engine = Engine::new(Arc::clone(&records) as _, options).await.unwrap();
    let total = async |cut_off: &str| {
        let mut r = request(balance(), months(12, true));
        r.cut_off = burgeon_core::time::Zone::utc().parse_instant(cut_off).unwrap();
        let answer = engine.run(&r).await.unwrap();
        answer.rows.iter().map(|row| row.value).sum::<i128>() / PARTS
    };
    assert_eq!(total("2025-07-02").await, 3000 + 1500);
    records.take_reads();
    *clock.0.lock() = "2025-07-20T00:00:00Z".parse().unwrap();
    assert_eq!(total("2025-07-21").await, 3000 + 1500);
    assert_eq!(records.take_reads(), Default::default(), "no row lies between: the stored result holds");
    *clock.0.lock() = "2025-08-02T00:00:00Z".parse().unwrap();
    assert_eq!(total("2025-08-03").await, 1500);
    let reads = records.take_reads();
    assert_eq!(reads.len(), 1, "only the bucket of b: {reads:?}");
}

#[tokio::test]
async fn movements_stream_without_sort_or_shuffle() {
    let records = sample();
    let engine = engine_at(&records, NOW).await;
    let mut r = request(balance(), months(2, true));
    r.by = vec![plan()];
    let mut customers = without_money(request(positive(), months(2, true)));
    customers.by = vec![plan()];
    let plans = engine.explain(&[r, customers]).await.unwrap();
    assert_eq!(plans.len(), 1);
    let partial: Vec<&str> = plans[0].lines().skip_while(|l| !l.contains("CachedPartialExec")).collect();
    let names: Vec<&str> = partial.iter().map(|l| l.trim().split(':').next().unwrap_or_default()).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
    CachedPartialExec
    AggregateExec
    FilterExec
    MovementsExec
    RecordScanExec
    ");
}

/// Some changes of a few customers on random days of 2025.
fn ledger() -> impl Strategy<Value = Vec<Value>> {
    let one = (0..6_u8, 0..2_u8, 0..360_u16, 0..4_u8, 1..5_i64, 0..3_u8);
    prop::collection::vec(one, 1..40).prop_map(|rows| {
        let mut seen = std::collections::BTreeSet::new();
        rows.into_iter()
            .filter(|(customer, subscription, day, ..)| seen.insert((*customer, *subscription, *day)))
            .map(|(customer, subscription, day, status, amount, plan)| {
                let at = jiff::civil::date(2025, 1, 1) + jiff::Span::new().days(i64::from(day));
                let status = ["active", "active", "canceled", "paused"][usize::from(status)];
                let plan = ["Pro", "Team", "Max"][usize::from(plan)];
                let customer = format!("customer-with-a-long-name-{customer}");
                change(&customer, &format!("s{subscription}"), &at.to_string(), status, amount * 1000, plan)
            })
            .collect()
    })
}

pub fn requests() -> Vec<BaseRequest> {
    let trailing: Vec<Span> =
        months(12, false).windows(3).map(|w| Span { start: w[0].start, end: w[2].end }).collect();
    let mut all =
        vec![request(balance(), months(12, true)), without_money(request(positive(), months(12, true)))];
    for figure in [
        CohortTake::StartAmount,
        CohortTake::EndAmount,
        CohortTake::CappedAmount,
        CohortTake::StartEntities,
        CohortTake::KeptEntities,
    ] {
        all.push(request(take(figure), trailing.clone()));
    }
    let by_plan: Vec<_> = all.iter().cloned().map(|r| BaseRequest { by: vec![plan()], ..r }).collect();
    all.extend(by_plan);
    all
}

pub fn expected(rows: &[Row], request: &BaseRequest) -> oracle::Answer {
    let by: oracle::By = if request.by.is_empty() { |_| vec![] } else { |row| vec![row.plan.clone()] };
    match &request.measure {
        BaseMeasure::Balance { .. } => oracle::sums(rows, &request.spans, by),
        BaseMeasure::PositiveEntities { .. } => oracle::positive(rows, &request.spans, by),
        BaseMeasure::Cohort { take, .. } => oracle::cohort(rows, &request.spans, by, *take),
        other => unreachable!("not among the requests: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every figure equals the plain computation, and after appends the engine with its stored results equals both.
    #[test]
    fn figures_equal_the_oracle_and_incremental_equals_from_scratch(
        first in ledger(),
        later in prop::collection::vec(ledger(), 1..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let records = Records::new(4);
            let engine = engine_at(&records, NOW).await;
            let all = requests();
            let mut known = std::collections::BTreeSet::new();
            for mut part in [vec![first], later].concat() {
                part.retain(|row| known.insert((row["customer_id"].to_string(), row["subscription_id"].to_string(), row["effective_at"].to_string())));
                records.put("subscription_changes", part);
                let rows = oracle::movements(&engine).await;
                let answers = engine.run_all(&all).await.unwrap();
                for (request, answer) in all.iter().zip(&answers) {
                    assert_eq!(oracle::of(answer), expected(&rows, request), "{request:?}");
                }
                let fresh = engine_at(&records, NOW).await.run_all(&all).await.unwrap();
                for (a, b) in answers.iter().zip(&fresh) {
                    assert_eq!(oracle::of(a), oracle::of(b));
                }
            }
        });
    }
}
