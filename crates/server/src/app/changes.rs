//! What changed: the few largest real changes of a period, each with its main cause.

use super::cells::Columns;
use super::explain::{Request, Split};
use super::query::{Answer, Series};
use super::sql::{instant_literal, literal};
use super::{Error, Result, Workspace};
use burgeon_core::time::{Grain, Period};
use serde::Serialize;
use utoipa::ToSchema;

/// How many changes are told.
const MOST: usize = 6;
/// Periods before the one that is looked at, from which one learns what is usual.
const HISTORY: i32 = 13;
/// A change is unusual when it is further from the median of the earlier ones than this many times their median distance.
const UNUSUAL: f64 = 4.0;
/// Metrics that are looked at, beside those of the pulse dashboard.
const CANDIDATES: &[&str] = &[
    "new_mrr",
    "expansion_mrr",
    "contraction_mrr",
    "churn_mrr",
    "reactivation_mrr",
];
/// Dimensions in which a cause is looked for.
const DIMENSIONS: &[&str] = &["reason", "plan", "channel", "country", "interval", "currency"];

/// The changes of a period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Changes {
    /// Period.
    pub period: String,
    /// Period compared with.
    pub against: String,
    /// Display currency.
    pub currency: String,
    /// The largest real changes first.
    pub changes: Vec<MetricChange>,
}

/// The change of one metric.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricChange {
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// Value before.
    pub before: Option<f64>,
    /// Value after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// change ÷ before; none where before is zero.
    pub change_ratio: Option<f64>,
    /// What contributed most.
    pub cause: Option<Cause>,
    /// Whether the change is larger than what the twelve periods before would lead one to expect.
    pub unusual: bool,
}

/// What contributed most to a change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Cause {
    /// Dimension, or `movement`.
    pub dimension: String,
    /// Its value.
    pub value: String,
    /// Its part of the change, in the unit of the metric.
    pub change: f64,
    /// How many customers took part, where it is known.
    pub customers: Option<u64>,
}

impl Workspace {
    /// The largest real changes between a period and the one before, each with its main cause.
    pub async fn changes(
        &self,
        grain: &str,
        period: Option<&str>,
        currency: Option<&str>,
    ) -> Result<Changes> {
        let grain: Grain = grain.parse().map_err(|error: burgeon_core::time::TimeError| {
            Error::invalid("bad_grain", error.to_string()).param("grain")
        })?;
        let zone = self.zone();
        let period = match period {
            Some(text) => self.period(text, "period")?,
            // The running period would be compared with a whole one.
            None => {
                let today = zone.date_of(self.now().as_microsecond());
                Period::containing(today, grain, zone.week_start()).previous()
            }
        };
        let against = period.previous();
        let answer = self.figures(&period, currency).await?;
        let mut found: Vec<(f64, MetricChange)> = Vec::new();
        for series in &answer.series {
            let Some((weight, change)) = change_of(series) else {
                continue;
            };
            found.push((weight, change));
        }
        found.sort_by(|left, right| {
            right
                .0
                .total_cmp(&left.0)
                .then_with(|| left.1.metric.cmp(&right.1.metric))
        });
        let mut changes: Vec<MetricChange> = found.into_iter().take(MOST).map(|(_, change)| change).collect();
        for change in &mut changes {
            change.cause = self.cause(change, &period, &against, currency).await?;
        }
        Ok(Changes {
            period: period.label(),
            against: against.label(),
            currency: answer.currency,
            changes,
        })
    }

    /// The candidates over the period and those before it.
    async fn figures(&self, period: &Period, currency: Option<&str>) -> Result<Answer> {
        let catalog = self.catalog();
        let definitions = self.definitions();
        let pulse = definitions.dashboards.get("pulse");
        let shown = pulse
            .iter()
            .flat_map(|page| &page.sections)
            .flat_map(|section| &section.items);
        let mut metrics: Vec<&str> = shown.flat_map(|item| &item.metrics).map(String::as_str).collect();
        metrics.extend(CANDIDATES);
        metrics.retain(|name| catalog.metric(name).is_some());
        let pairs = [
            ("metrics", metrics.join(",")),
            ("grain", period.grain.as_str().to_owned()),
            ("from", period.shift(-HISTORY).label()),
            ("to", period.label()),
            ("currency", currency.unwrap_or_default().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let query = self.parse_query(&pairs).await?;
        self.query(&query).await
    }

    /// The value of a dimension with the largest part of a change in its direction.
    async fn cause(
        &self,
        change: &MetricChange,
        period: &Period,
        against: &Period,
        currency: Option<&str>,
    ) -> Result<Option<Cause>> {
        let catalog = self.catalog();
        let by: Vec<String> = DIMENSIONS
            .iter()
            .filter(|dimension| catalog.divisible(&change.metric, dimension, &[]))
            .map(|dimension| (*dimension).to_owned())
            .collect();
        if by.is_empty() {
            return Ok(None);
        }
        let request = Request {
            metric: change.metric.clone(),
            period: period.label(),
            against: Some(against.label()),
            by,
            filters: Vec::new(),
            currency: currency.map(str::to_owned),
        };
        let explained = self.explain(&request).await?;
        let Some((split, value, part)) = main_cause(&explained.by, explained.change.unwrap_or(0.0)) else {
            return Ok(None);
        };
        let customers = self.customers_of(&split, &value, period).await?;
        Ok(Some(Cause {
            dimension: split,
            value,
            change: part,
            customers,
        }))
    }

    /// How many customers of a value moved in the period; none where the value is not one of the movements.
    async fn customers_of(&self, dimension: &str, value: &str, period: &Period) -> Result<Option<u64>> {
        let column = self
            .catalog()
            .fact("mrr_movements")
            .is_some_and(|fact| fact.column(dimension).is_some());
        if !column {
            return Ok(None);
        }
        let (start, end) = self.zone().bounds(period);
        let sql = format!(
            "SELECT count(DISTINCT customer_id) AS customers FROM mrr_movements \
             WHERE at >= {} AND at < {} AND NOT is_transfer AND \"{dimension}\" = {}",
            instant_literal(start),
            instant_literal(end),
            literal(value)
        );
        let batches = self.select(&sql).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
            return Ok(None);
        };
        let count = Columns(batch).int("customers", 0)?.unwrap_or(0).unsigned_abs();
        Ok((count > 0).then_some(count))
    }
}

/// The change from the last but one to the last value, and how much it weighs against what is usual.
fn change_of(series: &Series) -> Option<(f64, MetricChange)> {
    let values = &series.values;
    let (&after, rest) = values.split_last()?;
    let before = *rest.last()?;
    let (before, after) = (before?, after?);
    let change = after - before;
    if change == 0.0 {
        return None;
    }
    let steps: Vec<f64> = rest
        .windows(2)
        .filter_map(|pair| Some(pair[1]? - pair[0]?))
        .collect();
    let (usual, spread) = usual(&steps);
    let scale = before.abs().max(after.abs());
    let surprise = (change - usual).abs();
    let unusual = steps.len() >= 6 && surprise > UNUSUAL * spread && surprise > scale * 0.01;
    // Relative size makes metrics comparable; what is unusual goes first.
    let weight = change.abs() / scale + if unusual { 1.0 } else { 0.0 };
    let change = MetricChange {
        metric: series.metric.clone(),
        unit: series.unit.clone(),
        before: Some(before),
        after: Some(after),
        change: Some(round(change)),
        change_ratio: (before != 0.0).then(|| round(change / before.abs())),
        cause: None,
        unusual,
    };
    Some((weight, change))
}

/// Median of the steps and median distance from it.
fn usual(steps: &[f64]) -> (f64, f64) {
    let middle = median(steps.to_vec());
    (
        middle,
        median(steps.iter().map(|step| (step - middle).abs()).collect()),
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Takes the noise of binary fractions off a difference of rounded figures.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The dimension and value whose part of the change is the largest in its direction, among those with several values.
fn main_cause(splits: &[Split], change: f64) -> Option<(String, String, f64)> {
    let mut best: Option<(String, String, f64)> = None;
    for split in splits.iter().filter(|split| split.rows.len() > 1) {
        for row in &split.rows {
            let part = row.mix + row.rate;
            let Some(value) = row.value.as_ref().filter(|value| !value.is_empty()) else {
                continue;
            };
            if part * change > 0.0 && best.as_ref().is_none_or(|(_, _, known)| part.abs() > known.abs()) {
                best = Some((split.dimension.clone(), value.clone(), round(part)));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        Series {
            metric: "mrr".into(),
            unit: "money".into(),
            dimensions: Default::default(),
            other: false,
            values: values.iter().copied().map(Some).collect(),
            reasons: vec![None; values.len()],
            compare: None,
        }
    }

    #[test]
    fn a_jump_after_steady_steps_is_unusual() {
        let steady = [100.0, 101.0, 102.0, 103.5, 104.0, 105.0, 106.2, 107.0];
        let (_, change) = change_of(&series(&steady)).unwrap();
        assert!(!change.unusual);
        let jump = [100.0, 101.0, 102.0, 103.5, 104.0, 105.0, 106.2, 107.0, 90.0];
        let (_, change) = change_of(&series(&jump)).unwrap();
        assert!(change.unusual);
        assert_eq!(change.change, Some(-17.0));
        assert!(change_of(&series(&[5.0, 5.0])).is_none());
    }
}
