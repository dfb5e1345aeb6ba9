//! Why a figure changed: its formula's parts, and the split by dimension that adds up to the change.

use super::releases::Release;
use super::{Error, Result, Workspace};
use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_metrics::definition::Unit;
use burgeon_metrics::insight::{self, ExplainPlan, ExplainRequest, Explanation, RowKind, rounded};
use burgeon_metrics::query::QueryFilter;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What to explain.
#[derive(Debug, Clone)]
pub struct Request {
    /// Metric.
    pub metric: String,
    /// Period, such as `2026-01`.
    pub period: String,
    /// Period to compare with; the one before when absent.
    pub against: Option<String>,
    /// Dimensions to split by; the metric's usual ones when empty.
    pub by: Vec<String>,
    /// Filters in the form of the address: `plan:Pro,Team`, `country!:US`.
    pub filters: Vec<String>,
    /// Display currency.
    pub currency: Option<String>,
}

/// The change of a figure, explained.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explained {
    /// Metric.
    pub metric: String,
    /// money, count, percent, ratio, months, years or days.
    pub unit: String,
    /// Display currency.
    pub currency: String,
    /// Period.
    pub period: String,
    /// Period compared with.
    pub against: String,
    /// Whether the period is over.
    pub complete: bool,
    /// Value before.
    pub before: Option<f64>,
    /// Value after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// change ÷ before; none where before is zero.
    pub change_ratio: Option<f64>,
    /// The formula's parts and what each contributed.
    pub tree: Node,
    /// Splits by dimension, each adding up to the change.
    pub by: Vec<Split>,
    /// The few sentences that matter, as keys and figures.
    pub sentences: Vec<Sentence>,
    /// Releases, campaigns and incidents in both periods.
    pub releases: Vec<Release>,
}

/// A part of a formula.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Node {
    /// Metric, or the text of a constant.
    pub metric: String,
    /// Name by language.
    pub label: BTreeMap<String, String>,
    /// Unit.
    pub unit: String,
    /// Value before.
    pub before: Option<f64>,
    /// Value after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// Its part of the whole change, in the unit of the whole; the parts of a node add up to the node's.
    pub contribution: Option<f64>,
    /// How the children make the value: `+`, `*` or `/`, or none for a leaf.
    pub operator: Option<String>,
    /// Within a sum: this part is subtracted.
    pub negative: bool,
    /// Parts.
    #[schema(no_recursion)]
    pub children: Vec<Node>,
}

/// A change split by one dimension.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Split {
    /// Dimension.
    pub dimension: String,
    /// Values, the largest effect first.
    pub rows: Vec<SplitRow>,
    /// Sum of mix and rate over the rows: the change.
    pub sum: Option<f64>,
}

/// One value of a dimension and its part of the change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SplitRow {
    /// value, other (all further values together), or overlap (what overlapping groups count twice).
    pub kind: String,
    /// Value; none where the record has none, and for rows that stand for no value.
    pub value: Option<String>,
    /// Figure before.
    pub before: Option<f64>,
    /// Figure after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// Part of the change because the value's share grew or shrank (ratios only, else 0).
    pub mix: Option<f64>,
    /// Part of the change because the value's own figure changed.
    pub rate: Option<f64>,
}

/// A sentence as a key and its figures; the page words it in the reader's language.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sentence {
    /// Key of the sentence.
    pub kind: String,
    /// Figures and names.
    #[schema(value_type = Object)]
    pub params: BTreeMap<String, serde_json::Value>,
}

/// Dimensions by which a change is split unless others are asked for.
const USUAL: &[&str] = &["plan", "reason", "channel", "country", "interval", "currency"];
/// How many of them.
const USUAL_MOST: usize = 3;

impl Workspace {
    /// Why a figure changed.
    pub async fn explain(&self, request: &Request) -> Result<Explained> {
        let explanation = self.explanation(request).await?;
        let zone = self.zone();
        let (first, last) = (explanation.against, explanation.period);
        let (start, end) = (first.start.min(last.start), first.end.max(last.end));
        let releases = self.releases_between(zone.start_of(start), zone.start_of(end)).await?.releases;
        Ok(shown(explanation, releases))
    }

    async fn explanation(&self, request: &Request) -> Result<Explanation> {
        let mut found = self.explanations(std::slice::from_ref(request)).await?;
        found.pop().ok_or_else(|| Error::internal("an explanation is missing"))
    }

    /// The exact explanations, in the order of the requests, for use cases that go on with them. What several of them need of
    /// the same rows is read once.
    pub(super) async fn explanations(&self, requests: &[Request]) -> Result<Vec<Explanation>> {
        let mut plans = Vec::with_capacity(requests.len());
        for request in requests {
            plans.push(self.explain_plan(request).await?);
        }
        let bases: Vec<_> = plans.iter().flat_map(|plan| plan.bases()).collect();
        let engine = self.engine();
        let answers = engine.run_all(&bases).await?;
        let rates = engine.rates().await?;
        let mut rest = answers.as_slice();
        plans
            .iter()
            .map(|plan| {
                let (answers, others) = rest.split_at(plan.bases().len());
                rest = others;
                Ok(insight::explain(plan, answers, &*rates)?)
            })
            .collect()
    }

    async fn explain_plan(&self, request: &Request) -> Result<ExplainPlan> {
        let catalog = self.catalog();
        let period = self.period(&request.period, "period")?;
        let against = match &request.against {
            Some(text) => self.period(text, "against")?,
            None => period.previous(),
        };
        let currency = match &request.currency {
            Some(code) => Currency::parse(code)
                .map_err(|error| Error::invalid("bad_value", error.to_string()).param("currency"))?,
            None => self.settings().currency,
        };
        let filters = request.filters.iter().map(|text| QueryFilter::parse(text));
        let filters = filters.collect::<std::result::Result<Vec<_>, _>>()?;
        let context = self.context_of(&filters).await?;
        let by = if request.by.is_empty() {
            let usual = USUAL.iter().filter(|one| catalog.divisible(&request.metric, one, &[]));
            usual.take(USUAL_MOST).map(|one| (*one).to_owned()).collect()
        } else {
            request.by.clone()
        };
        let asked = ExplainRequest { metric: request.metric.clone(), period, against, by, filters, currency };
        insight::plan_explain(&catalog, &asked, &context).map_err(|error| {
            let error = Error::from(error);
            // The parameter of a query is called differently here.
            if error.param.as_deref() == Some("metrics") { error.param("metric") } else { error }
        })
    }
}

fn shown(exact: Explanation, releases: Vec<Release>) -> Explained {
    let (unit, currency) = (exact.unit, exact.currency);
    let number = |value: &Option<Exact>| rounded(value, unit, currency);
    let row = |row: &insight::SplitRow| SplitRow {
        kind: match row.kind {
            RowKind::Value => "value",
            RowKind::Other => "other",
            RowKind::Overlap => "overlap",
        }
        .to_owned(),
        value: row.value.clone(),
        before: number(&row.before),
        after: number(&row.after),
        change: number(&row.change),
        mix: number(&row.mix),
        rate: number(&row.rate),
    };
    let by = exact.by.iter().map(|split| Split {
        dimension: split.dimension.clone(),
        rows: split.rows.iter().map(row).collect(),
        sum: number(&split.sum),
    });
    Explained {
        metric: exact.metric.clone(),
        unit: unit.as_str().to_owned(),
        currency: currency.code().to_owned(),
        period: exact.period.label(),
        against: exact.against.label(),
        complete: exact.complete,
        before: number(&exact.before),
        after: number(&exact.after),
        change: number(&exact.change),
        change_ratio: rounded(&exact.change_ratio, Unit::Ratio, currency),
        tree: node(&exact.tree, unit, currency),
        by: by.collect(),
        sentences: exact
            .sentences
            .iter()
            .map(|sentence| Sentence {
                kind: sentence.kind.to_owned(),
                params: sentence
                    .params
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
            })
            .collect(),
        releases,
    }
}

fn node(exact: &insight::Node, whole: Unit, currency: Currency) -> Node {
    let number = |value: &Option<Exact>| rounded(value, exact.unit, currency);
    Node {
        metric: exact.metric.clone(),
        label: exact.label.0.clone(),
        unit: exact.unit.as_str().to_owned(),
        before: number(&exact.before),
        after: number(&exact.after),
        change: number(&exact.change),
        contribution: rounded(&exact.contribution, whole, currency),
        operator: exact.operator.map(str::to_owned),
        negative: exact.negative,
        children: exact.children.iter().map(|child| node(child, whole, currency)).collect(),
    }
}
