//! What changed: the few largest real changes of a period, each with its main cause.

use super::explain::Request;
use super::{Error, Result, Workspace};
use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::{Grain, Period, TimeError};
use burgeon_metrics::definition::{CumulativeAggregate, Kind, SimpleAggregate, Unit, Window};
use burgeon_metrics::insight::{self, Changed, rounded};
use burgeon_metrics::query::Query;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// How many changes are told.
const MOST: usize = 6;
/// Periods before the one that is looked at, from which one learns what is usual.
const HISTORY: i32 = 13;
/// A change this many robust standard deviations away from the metric's own course is unusual.
const UNUSUAL: f64 = 3.0;
/// Metrics that are looked at, beside those of the pulse dashboard.
const CANDIDATES: &[&str] = &["new_mrr", "expansion_mrr", "contraction_mrr", "churn_mrr", "reactivation_mrr"];
/// The dashboard of what people do, whose metrics are looked at where the hot columns answer them: what changed is asked with every
/// look at the pulse, and must not cost a pass over all events.
const PEOPLE: &str = "people";
/// Dimensions in which a cause is looked for in what people do: those that the hot columns have.
const OF_EVENTS: &[&str] = &["channel", "source", "country", "device"];
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
    /// Whether it is good news; none for metrics without a better direction.
    pub good: Option<bool>,
    /// What contributed most.
    pub cause: Option<Cause>,
    /// Whether the change is far from what the periods before would lead one to expect.
    pub unusual: bool,
}

/// What contributed most to a change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Cause {
    /// Dimension.
    pub dimension: String,
    /// Its value; none where the records have none.
    pub value: Option<String>,
    /// Its part of the change, in the unit of the metric.
    pub change: f64,
    /// How many customers the metric's own rows of this value name in the period; none for what is no sum of money.
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
        let grain: Grain = grain
            .parse()
            .map_err(|error: TimeError| Error::invalid("bad_grain", error.to_string()).param("grain"))?;
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
        let query = self.candidates(&period, currency).await?;
        let figures = self.compute(&query).await?;
        let mut changes = Vec::new();
        let found = insight::what_changed(&self.catalog(), &figures, MOST);
        let causes = self.causes(&found, &period, &against, currency).await?;
        for (changed, cause) in found.into_iter().zip(causes) {
            let number = |value: &Exact, unit| rounded(&Some(value.clone()), unit, figures.currency);
            changes.push(MetricChange {
                before: number(&changed.before, changed.unit),
                after: number(&changed.after, changed.unit),
                change: number(&changed.change, changed.unit),
                change_ratio: changed.change_ratio.as_ref().and_then(|ratio| number(ratio, Unit::Ratio)),
                unit: changed.unit.as_str().to_owned(),
                unusual: changed.unusual >= UNUSUAL,
                good: changed.good,
                metric: changed.metric,
                cause,
            });
        }
        Ok(Changes {
            period: period.label(),
            against: against.label(),
            currency: figures.currency.code().to_owned(),
            changes,
        })
    }

    /// The query of the candidates over the period and those before it.
    async fn candidates(&self, period: &Period, currency: Option<&str>) -> Result<Query> {
        let catalog = self.catalog();
        let definitions = self.definitions();
        let pulse = definitions.dashboards.get("pulse");
        let shown = pulse.iter().flat_map(|page| &page.sections).flat_map(|section| &section.items);
        let mut metrics: Vec<&str> = shown.flat_map(|item| &item.metrics).map(String::as_str).collect();
        metrics.extend(CANDIDATES);
        metrics.retain(|name| catalog.metric(name).is_some());
        // A mere multiple of another candidate (ARR of MRR) would tell the same news under a derived name.
        let known = metrics.clone();
        metrics.retain(|name| match catalog.depends_on(name).as_slice() {
            [one] => !(catalog.is_additive(name) && known.contains(one)),
            _ => true,
        });
        let people = self.quick_figures_of_people(period, currency).await?;
        metrics.extend(people.iter().map(String::as_str));
        self.course(&metrics, period, currency).await
    }

    /// The query of some metrics over a period and those before it, undivided.
    async fn course(&self, metrics: &[&str], period: &Period, currency: Option<&str>) -> Result<Query> {
        let pairs = [
            ("metrics", metrics.join(",")),
            ("grain", period.grain.as_str().to_owned()),
            ("from", period.shift(-HISTORY).label()),
            ("to", period.label()),
            ("currency", currency.unwrap_or_default().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let mut query = self.parse_query(&pairs).await?;
        query.by.clear();
        Ok(query)
    }

    /// The metrics of what people do that the hot columns answer, and that say something of the whole period: of a month the actives of
    /// its last day tell the weekday rather than the month.
    async fn quick_figures_of_people(&self, period: &Period, currency: Option<&str>) -> Result<Vec<String>> {
        let (catalog, context, engine) = (self.catalog(), self.context().await?, self.engine());
        let days = burgeon_core::time::days_between(period.start, period.end);
        let whole = |name: &str| {
            catalog.leaves(name).iter().all(|leaf| match &leaf.kind {
                // A month of 31 days is told by a window of 30.
                Kind::Active { window: Window::Days(window), .. } => *window + 3 >= days,
                _ => true,
            })
        };
        let definitions = self.definitions();
        let page = definitions.dashboards.get(PEOPLE);
        let shown = page.iter().flat_map(|page| &page.sections).flat_map(|section| &section.items);
        let mut quick = Vec::new();
        for name in shown.flat_map(|item| &item.metrics) {
            if quick.contains(name) || catalog.metric(name).is_none() || !whole(name) {
                continue;
            }
            let query = self.course(&[name], period, currency).await?;
            let bases = burgeon_metrics::plan(&catalog, &query, &context)?.bases;
            if bases.iter().map(|base| engine.is_hot(base)).all(|hot| matches!(hot, Ok(true))) {
                quick.push(name.clone());
            }
        }
        Ok(quick)
    }

    /// The value of a dimension with the largest part of each change in its direction. All are looked for at once: most are of
    /// the same rows, divided by the same dimensions.
    async fn causes(
        &self,
        changes: &[Changed],
        period: &Period,
        against: &Period,
        currency: Option<&str>,
    ) -> Result<Vec<Option<Cause>>> {
        let catalog = self.catalog();
        let (mut asked, mut requests) = (Vec::new(), Vec::new());
        for (at, changed) in changes.iter().enumerate() {
            let of_events = catalog.records(&changed.metric) == ["events"];
            let by: Vec<String> = if of_events { OF_EVENTS } else { DIMENSIONS }
                .iter()
                .filter(|dimension| catalog.divisible(&changed.metric, dimension, &[]))
                .map(|dimension| (*dimension).to_owned())
                .collect();
            if by.is_empty() {
                continue;
            }
            asked.push(at);
            requests.push(Request {
                metric: changed.metric.clone(),
                period: period.label(),
                against: Some(against.label()),
                by,
                filters: Vec::new(),
                currency: currency.map(str::to_owned),
            });
        }
        let mut causes: Vec<Option<Cause>> = changes.iter().map(|_| None).collect();
        for (at, explanation) in asked.into_iter().zip(self.explanations(&requests).await?) {
            let Some(cause) = insight::cause(&explanation) else { continue };
            let customers = match &cause.value {
                Some(value) => {
                    self.customers_of(&changes[at].metric, (&cause.dimension, value), period).await?
                }
                None => None,
            };
            let change = rounded(&Some(cause.change), explanation.unit, explanation.currency);
            causes[at] = Some(Cause {
                dimension: cause.dimension,
                value: cause.value,
                change: change.unwrap_or(0.0),
                customers,
            });
        }
        Ok(causes)
    }

    /// How many customers the metric's own rows of a value name in the period, leaving out those whose amounts there come
    /// to nothing. None for figures that are no sum of money over one fact of customers: a rate has no customers, and a
    /// number of customers tells it itself.
    async fn customers_of(
        &self,
        metric: &str,
        (dimension, value): (&str, &str),
        period: &Period,
    ) -> Result<Option<u64>> {
        let catalog = self.catalog();
        let sum = catalog.metric(metric).is_some_and(|metric| {
            matches!(
                metric.kind,
                Kind::Simple { aggregate: SimpleAggregate::Sum, .. }
                    | Kind::Cumulative { aggregate: CumulativeAggregate::Sum, window: None, .. }
            )
        });
        if !sum || !catalog.divisible(metric, "customer_id", &[]) {
            return Ok(None);
        }
        let condition = format!("{dimension}={}", value.replace('\\', "\\\\").replace(',', "\\,"));
        let pairs = [
            ("metrics", metric),
            ("grain", period.grain.as_str()),
            ("from", &period.label()),
            ("to", &period.label()),
            ("by", "customer_id"),
            ("where", &condition),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = self.parse_query(&pairs).await?;
        let mut bases = burgeon_metrics::plan(&catalog, &query, &self.context().await?)?.bases;
        let (Some(mut base), true) = (bases.pop(), bases.is_empty()) else { return Ok(None) };
        // Of a balance only what moved it in the period.
        base.spans = base.spans.split_off(base.spans.len().saturating_sub(1));
        let series = self.engine().run(&base).await?;
        let mut moved: BTreeMap<(Option<String>, Option<Currency>), i128> = BTreeMap::new();
        for row in series.rows {
            let customer = row.dims.into_iter().next().flatten();
            *moved.entry((customer, row.currency)).or_default() += row.value;
        }
        let customers: BTreeSet<Option<String>> =
            moved.into_iter().filter(|(_, sum)| *sum != 0).map(|((customer, _), _)| customer).collect();
        Ok((!customers.is_empty()).then_some(customers.len() as u64))
    }
}
