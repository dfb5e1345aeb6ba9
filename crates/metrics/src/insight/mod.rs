//! Why a figure changed, and which changes deserve a word.
//!
//! Everything is exact arithmetic on figures that [`evaluate`](crate::evaluate) gives, so that the parts add up to
//! the change without a remainder. Ask with [`plan_explain`], give [`ExplainPlan::bases`] to the engine and its
//! answers to [`explain`]. [`what_changed`] ranks the changes of many metrics from one ordinary query.

mod changes;
pub mod lifetime;
mod sentence;
mod split;
mod tree;

use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::Period;

pub use changes::{Cause, Changed, cause, what_changed};
pub use sentence::Sentence;
pub use split::{RowKind, Split, SplitRow};
pub use tree::Node;

use crate::base::{BaseRequest, BaseSeries, RateSource};
use crate::catalog::Catalog;
use crate::definition::{Kind, Unit};
use crate::evaluate::{EvaluateError, Evaluator};
use crate::plan::{Plan, plan};
use crate::query::{Compare, Context, Groups, Query, QueryError, QueryFilter};

/// What to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainRequest {
    /// Metric.
    pub metric: String,
    /// The period whose figure is explained.
    pub period: Period,
    /// The period compared with, of the same grain; [`Period::previous`] as a rule.
    pub against: Period,
    /// Dimensions to split the change by, each on its own.
    pub by: Vec<String>,
    /// Conditions.
    pub filters: Vec<QueryFilter>,
    /// Display currency.
    pub currency: Currency,
}

/// A planned explanation: one plan for the whole and one for each dimension.
#[derive(Debug, Clone)]
pub struct ExplainPlan {
    request: ExplainRequest,
    whole: Plan,
    by: Vec<Plan>,
}

/// The change of a figure and its parts. Money is in major units.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Metric.
    pub metric: String,
    /// Unit of the metric.
    pub unit: Unit,
    /// Currency of money.
    pub currency: Currency,
    /// The period.
    pub period: Period,
    /// The period compared with.
    pub against: Period,
    /// Whether the period is over.
    pub complete: bool,
    /// Value before; `None` where there is none.
    pub before: Option<Exact>,
    /// Value after.
    pub after: Option<Exact>,
    /// after − before.
    pub change: Option<Exact>,
    /// change ÷ |before|; `None` where before is zero.
    pub change_ratio: Option<Exact>,
    /// The formula's parts and what each contributed.
    pub tree: Node,
    /// The change split by each dimension.
    pub by: Vec<Split>,
    /// What matters, as keys and figures to be put in words.
    pub sentences: Vec<Sentence>,
}

/// A figure rounded for JSON: money to its currency's decimals, everything else to six.
pub fn rounded(value: &Option<Exact>, unit: Unit, currency: Currency) -> Option<f64> {
    value.as_ref().and_then(|v| v.to_f64(crate::result::decimals(unit, currency)))
}

/// Plans an explanation.
///
/// # Errors
/// [`QueryError`] for an unknown metric or dimension, or periods of different grains.
pub fn plan_explain(
    catalog: &Catalog,
    request: &ExplainRequest,
    context: &Context,
) -> Result<ExplainPlan, QueryError> {
    if request.period.grain != request.against.grain {
        let message = format!(
            "{} and {} are of different length; compare a {} with a {}",
            request.period, request.against, request.period.grain, request.period.grain
        );
        return Err(QueryError::Value { param: "against", message });
    }
    let query = |metrics: Vec<String>, by: Vec<String>| Query {
        metrics,
        grain: request.period.grain,
        periods: vec![request.period],
        until: None,
        by,
        filters: request.filters.clone(),
        compare: Compare::Periods(vec![request.against]),
        currency: request.currency,
        groups: Groups::All,
    };
    catalog.get(&request.metric)?;
    let mut metrics = vec![request.metric.clone()];
    for leaf in catalog.leaves(&request.metric) {
        if let Some(revaluation) = movements_of(catalog, &leaf.name) {
            metrics.push(revaluation.to_owned());
        }
    }
    metrics.dedup();
    let whole = plan(catalog, &query(metrics, Vec::new()), context)?;
    let by = request
        .by
        .iter()
        .map(|d| plan(catalog, &query(vec![request.metric.clone()], vec![d.clone()]), context))
        .collect::<Result<_, _>>()?;
    Ok(ExplainPlan { request: request.clone(), whole, by })
}

/// The revaluation metric that says which flows a balance moves by.
fn movements_of<'a>(catalog: &'a Catalog, balance: &str) -> Option<&'a str> {
    let mut all = catalog.metrics();
    all.find(|m| matches!(&m.kind, Kind::Revaluation { of, .. } if of == balance)).map(|m| m.name.as_str())
}

impl ExplainPlan {
    /// What the engine has to run; [`explain`] takes the answers in this order.
    pub fn bases(&self) -> Vec<BaseRequest> {
        self.plans().flat_map(|p| p.bases.iter().cloned()).collect()
    }

    fn plans(&self) -> impl Iterator<Item = &Plan> {
        std::iter::once(&self.whole).chain(&self.by)
    }
}

/// Explains a change from the engine's answers.
///
/// # Errors
/// [`EvaluateError`] for a missing rate of exchange or answers that do not fit.
pub fn explain(
    plan: &ExplainPlan,
    answers: &[BaseSeries],
    rates: &dyn RateSource,
) -> Result<Explanation, EvaluateError> {
    let expected = plan.plans().map(|p| p.bases.len()).sum();
    if answers.len() != expected {
        return Err(EvaluateError::Answers { expected, got: answers.len() });
    }
    let request = &plan.request;
    let (own, mut rest) = answers.split_at(plan.whole.bases.len());
    let whole = Evaluator::new(&plan.whole, own, rates)?;
    let unit = plan.whole.catalog.metric(&request.metric).map_or(Unit::Count, |m| m.unit);
    let before = whole.metric(&request.metric, &request.against, Some(0)).ok();
    let after = whole.metric(&request.metric, &request.period, Some(0)).ok();
    let change = difference(&after, &before);
    let change_ratio = match (&change, &before) {
        (Some(change), Some(before)) => change.checked_div(&before.abs()),
        _ => None,
    };
    let tree = tree::tree(&whole, &request.metric, request.period, request.against);
    let mut by = Vec::new();
    for (dimension, plan) in request.by.iter().zip(&plan.by) {
        let (own, others) = rest.split_at(plan.bases.len());
        rest = others;
        let divided = Evaluator::new(plan, own, rates)?;
        by.push(split::split(&whole, &divided, request, dimension));
    }
    let mut explanation = Explanation {
        metric: request.metric.clone(),
        unit,
        currency: request.currency,
        period: request.period,
        against: request.against,
        complete: crate::evaluate::is_complete(&plan.whole, &request.period),
        before,
        after,
        change,
        change_ratio,
        tree,
        by,
        sentences: Vec::new(),
    };
    explanation.sentences = sentence::sentences(&explanation);
    Ok(explanation)
}

fn difference(after: &Option<Exact>, before: &Option<Exact>) -> Option<Exact> {
    Some(after.as_ref()? - before.as_ref()?)
}

/// Half of the sum.
fn mean(a: &Exact, b: &Exact) -> Exact {
    let half = Exact::from_decimal(5, 1);
    (a + b) * half
}
