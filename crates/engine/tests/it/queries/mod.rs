//! Facts, requests, the cache, rows and SQL against plain computations.

mod facts;
mod oracle;
mod requests;
mod rows_and_sql;
mod slices;
mod source;
mod standing;

use std::sync::Arc;

use burgeon_core::currency::Currency;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::{FixedClock, Grain, Period, Zone};
use burgeon_engine::{Engine, EngineOptions, FactFile};
use burgeon_metrics::base::{BaseMeasure, BaseRequest, Money, MoneyUnit, Span};
use serde_json::{Value, json};

use source::Records;

/// The facts of the product.
pub fn fact_files() -> Vec<FactFile> {
    [
        ("mrr_movements", include_str!("../../../../../definitions/facts/mrr_movements.sql")),
        ("churns", include_str!("../../../../../definitions/facts/churns.sql")),
        ("renewals", include_str!("../../../../../definitions/facts/renewals.sql")),
        ("cash", include_str!("../../../../../definitions/facts/cash.sql")),
        ("recognised_revenue", include_str!("../../../../../definitions/facts/recognised_revenue.sql")),
        ("usage_revenue", include_str!("../../../../../definitions/facts/usage_revenue.sql")),
        ("costs", include_str!("../../../../../definitions/facts/costs.sql")),
        ("acquisitions", include_str!("../../../../../definitions/facts/acquisitions.sql")),
    ]
    .into_iter()
    .map(|(name, text)| FactFile::parse(name, text).unwrap())
    .collect()
}

/// An engine over `records` at `now`.
pub async fn engine_at(records: &Arc<Records>, now: &str) -> Engine {
    let clock = Arc::new(FixedClock(now.parse().unwrap()));
    let mut options =
        EngineOptions::new(Zone::utc(), Currency::USD, RevenueRules::default(), clock, fact_files());
    options.parallel = 2;
    Engine::new(Arc::clone(records) as _, options).await.unwrap()
}

/// One change of a subscription.
pub fn change(customer: &str, subscription: &str, at: &str, status: &str, amount: i64, plan: &str) -> Value {
    change_in(customer, subscription, at, status, amount, plan, "USD", "month")
}

#[allow(clippy::too_many_arguments)]
pub fn change_in(
    customer: &str,
    subscription: &str,
    at: &str,
    status: &str,
    amount: i64,
    plan: &str,
    currency: &str,
    interval: &str,
) -> Value {
    json!({
        "customer_id": customer, "subscription_id": subscription, "effective_at": at, "status": status,
        "amount_minor": amount, "currency": currency, "interval": interval, "plan": plan,
    })
}

/// The months of a year from January on, as spans, with everything before them when `opening`.
pub fn months(count: usize, opening: bool) -> Vec<Span> {
    let zone = Zone::utc();
    let from = jiff::civil::date(2025, 1, 1);
    let to = from + jiff::Span::new().months(i64::try_from(count).unwrap());
    let mut spans: Vec<Span> = Period::range(from, to, Grain::Month, zone.week_start())
        .iter()
        .map(|p| zone.bounds(p))
        .map(|(start, end)| Span { start, end })
        .collect();
    if opening {
        spans.insert(0, Span { start: i64::MIN, end: spans[0].start });
    }
    spans
}

/// A request on movements that nothing restricts.
pub fn request(measure: BaseMeasure, spans: Vec<Span>) -> BaseRequest {
    BaseRequest {
        fact: "mrr_movements".into(),
        time: "at".into(),
        entity: Some("customer_id".into()),
        measure,
        filter: Some("NOT scheduled".into()),
        filters: vec![],
        by: vec![],
        spans,
        cut_off: i64::MAX,
        money: Some(Money::Native { unit: MoneyUnit::Parts, display: Currency::USD }),
    }
}
