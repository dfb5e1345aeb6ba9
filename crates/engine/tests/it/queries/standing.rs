//! Dimensions of what the customer paid for at the moment of a row, against a walk through the changes themselves.

use std::collections::BTreeMap;

use burgeon_core::time::Grain;
use burgeon_metrics::base::{Aggregate, BaseMeasure, Dimension, Filter, Standing};
use serde_json::json;

use super::source::Records;
use super::{change_in, engine_at, months, request};

/// (day of 2025, customer, subscription, plan, interval, currency, a month in minor units; 0 ends it).
type Change = (i64, String, String, &'static str, &'static str, &'static str, i64);

fn moment(day: i64, hour: i64) -> i64 {
    1_735_689_600_000_000 + (day * 24 + hour) * 3_600_000_000
}

fn text(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at).unwrap().to_string()
}

/// Changes far enough apart to stand alone, all of different amounts.
fn some_changes() -> Vec<Change> {
    (0..60)
        .map(|i: i64| {
            let customer = format!("c{}", i * 31 % 7);
            let subscription = format!("{customer}-{}", i * 17 % 2);
            let plan = ["Basic", "Pro", "Team"][(i * 13 % 3) as usize];
            let interval = ["month", "year"][(i * 11 % 5 / 4) as usize];
            let currency = if i * 17 % 2 == 0 { "USD" } else { "EUR" };
            let monthly = if i * 7 % 4 == 3 { 0 } else { 900 + i * i * 41 };
            (3 * i, customer, subscription, plan, interval, currency, monthly)
        })
        .collect()
}

/// Plan, interval, band and cohort of a customer at a moment, at 1.5 dollars a euro.
fn held(changes: &[Change], customer: &str, at: i64) -> Vec<Option<String>> {
    let own: Vec<&Change> = changes.iter().filter(|c| c.1 == customer).collect();
    let mut live: BTreeMap<&str, &Change> = BTreeMap::new();
    let mut first = None;
    for one in &own {
        if one.6 > 0 && first.is_none() {
            first = Some(text(moment(one.0, 0))[..7].to_owned());
        }
        if moment(one.0, 0) <= at {
            live.insert(&one.2, one);
        }
    }
    live.retain(|_, one| one.6 > 0);
    let dollars = |one: &Change| if one.5 == "EUR" { one.6 * 3 / 2 } else { one.6 };
    // What is paid by the same plan, term and currency counts together.
    let mut segments: BTreeMap<(&str, &str, &str), i64> = BTreeMap::new();
    for one in live.values() {
        *segments.entry((one.3, one.4, one.5)).or_default() += dollars(one);
    }
    let largest = segments.iter().max_by_key(|(_, amount)| **amount).map(|(segment, _)| *segment);
    let sum: i64 = segments.values().sum();
    let band = match sum / 100 {
        _ if sum == 0 => None,
        0..50 => Some("under 50"),
        50..200 => Some("50 to 200"),
        200..1000 => Some("200 to 1000"),
        1000..5000 => Some("1000 to 5000"),
        _ => Some("5000 and more"),
    };
    vec![largest.map(|s| s.0.into()), largest.map(|s| s.1.into()), band.map(Into::into), first]
}

#[tokio::test]
async fn rows_have_what_held_at_their_moment() {
    let changes = some_changes();
    let records = Records::new(4);
    records.put("fx_rates", [json!({"date": "2024-12-01", "base": "EUR", "quote": "USD", "rate": 1.5})]);
    records.put(
        "subscription_changes",
        changes.iter().map(|(day, customer, subscription, plan, interval, currency, monthly)| {
            let status = if *monthly > 0 { "active" } else { "canceled" };
            let amount = if *interval == "year" { monthly * 12 } else { *monthly };
            let at = text(moment(*day, 0));
            change_in(customer, subscription, &at, status, amount, plan, currency, interval)
        }),
    );
    let payments: Vec<(String, i64)> =
        (0..700).map(|i: i64| (format!("c{}", i * 5 % 9), moment(i * 37 % 181, i % 24))).collect();
    records.put(
        "payments",
        payments.iter().enumerate().map(|(i, (customer, at))| {
            json!({"payment_id": format!("p{i}"), "customer_id": customer, "at": text(*at),
                "status": "succeeded", "currency": "USD", "amount_minor": 100})
        }),
    );
    let engine = engine_at(&records, "2026-06-01T00:00:00Z").await;
    let spans = months(6, false);
    let mut asked = request(BaseMeasure::Aggregate { function: Aggregate::Count, expr: None }, spans.clone());
    (asked.fact, asked.filter, asked.money) = ("cash".into(), None, None);
    asked.by = Standing::ALL.map(|of| Dimension::Standing { of }).to_vec();
    asked.by.push(Dimension::Cohort { grain: Grain::Month });
    let expected = |keep: &dyn Fn(&[Option<String>]) -> bool| {
        let mut out: BTreeMap<(usize, Vec<Option<String>>), i128> = BTreeMap::new();
        for (customer, at) in &payments {
            let span = spans.iter().position(|s| s.start <= *at && *at < s.end);
            let dims = held(&changes, customer, *at);
            if let Some(span) = span.filter(|_| keep(&dims)) {
                *out.entry((span, dims)).or_default() += 1;
            }
        }
        out
    };
    let got = |series: burgeon_metrics::base::BaseSeries| {
        let mut out: BTreeMap<(usize, Vec<Option<String>>), i128> = BTreeMap::new();
        for row in series.rows.into_iter().filter(|row| row.value != 0) {
            *out.entry((row.span, row.dims)).or_default() += row.value;
        }
        out
    };
    let all = expected(&|_| true);
    assert!(all.len() > 40, "there is little to see: {}", all.len());
    assert_eq!(got(engine.run(&asked).await.unwrap()), all);
    asked.filters = vec![Filter {
        dimension: Dimension::Standing { of: Standing::Plan },
        negated: false,
        values: vec!["Pro".into(), String::new()],
    }];
    let some = expected(&|dims| dims[0].as_deref().is_none_or(|plan| plan == "Pro"));
    assert!(some.len() < all.len());
    assert_eq!(got(engine.run(&asked).await.unwrap()), some);

    // Kept answers do not outlive the ledger that they come from.
    asked.filters.clear();
    let mut changed = changes.clone();
    changed.push((20, "c8".into(), "c8-0".into(), "Pro", "month", "USD", 12_345));
    records.put(
        "subscription_changes",
        [change_in("c8", "c8-0", &text(moment(20, 0)), "active", 12_345, "Pro", "USD", "month")],
    );
    let payer = payments.iter().filter(|(customer, at)| customer == "c8" && *at >= moment(20, 0)).count();
    assert!(payer > 0);
    let mut out: BTreeMap<(usize, Vec<Option<String>>), i128> = BTreeMap::new();
    for (customer, at) in &payments {
        if let Some(span) = spans.iter().position(|s| s.start <= *at && *at < s.end) {
            *out.entry((span, held(&changed, customer, *at))).or_default() += 1;
        }
    }
    assert_eq!(got(engine.run(&asked).await.unwrap()), out);
}
