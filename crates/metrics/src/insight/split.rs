//! A change split by one dimension: for sums each value's own change, for ratios a mix and a rate effect.
//!
//! For a ratio `R = N/D` with groups `g`, weights `w = D_g/D` and rates `r = N_g/D_g`:
//! `mix_g = Δw·((r₀+r₁)/2 − (R₀+R₁)/2)` is what comes from the group's growing or shrinking share, measured against
//! the average, and `rate_g` is the rest of the group's change, which is `Δr·(w₀+w₁)/2`. Since the shares add up to
//! one, all effects together are exactly `ΔR`. A group that is empty on one side has no rate there; its rate of the
//! other side is taken for both, so that its coming or going is mix. Where groups overlap (one customer on two
//! plans) the difference stands in a row of its own.

use burgeon_core::exact::Exact;
use burgeon_core::time::Period;

use super::{ExplainRequest, difference, mean};
use crate::definition::{Kind, Metric};
use crate::evaluate::{Evaluator, Group};
use crate::formula::{Expr, Operator};
use crate::plan::fixed_grain;

/// A change split by one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Dimension.
    pub dimension: String,
    /// Rows, the largest effect first; the rest and the overlap last.
    pub rows: Vec<SplitRow>,
    /// Sum of mix and rate over the rows: exactly the change. `None` where the metric cannot be split, because it
    /// is neither a sum nor a ratio of sums; the rows then have no effects.
    pub sum: Option<Exact>,
}

/// What a row of a split stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// One value of the dimension.
    Value,
    /// All further values together.
    Other,
    /// What groups that overlap count twice.
    Overlap,
}

/// One value of a dimension and its part of the change.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitRow {
    /// What the row stands for.
    pub kind: RowKind,
    /// The value; `None` where the record has none, and for rows that stand for no value.
    pub value: Option<String>,
    /// Figure of the group before.
    pub before: Option<Exact>,
    /// Figure of the group after.
    pub after: Option<Exact>,
    /// after − before.
    pub change: Option<Exact>,
    /// Part of the whole change from the group's share growing or shrinking; zero for sums.
    pub mix: Option<Exact>,
    /// Part of the whole change from the group's own figure.
    pub rate: Option<Exact>,
}

impl SplitRow {
    /// mix + rate.
    pub fn effect(&self) -> Option<Exact> {
        Some(self.mix.as_ref()? + self.rate.as_ref()?)
    }
}

/// At most this many values stand in a split on their own.
const MAX_ROWS: usize = 50;

pub(super) fn split(
    whole: &Evaluator<'_>,
    divided: &Evaluator<'_>,
    request: &ExplainRequest,
    dimension: &str,
) -> Split {
    let catalog = &whole.plan.catalog;
    let Some(metric) = catalog.metric(&request.metric) else {
        return Split { dimension: dimension.to_owned(), rows: Vec::new(), sum: None };
    };
    let change = difference(
        &whole.metric(&metric.name, &request.period, Some(0)).ok(),
        &whole.metric(&metric.name, &request.against, Some(0)).ok(),
    );
    let mut rows: Vec<SplitRow> = (0..divided.groups.len())
        .map(|group| {
            let before = divided.metric(&metric.name, &request.against, Some(group)).ok();
            let after = divided.metric(&metric.name, &request.period, Some(group)).ok();
            SplitRow {
                kind: RowKind::Value,
                value: divided.groups[group].first().cloned().flatten(),
                change: difference(&after, &before),
                before,
                after,
                mix: None,
                rate: None,
            }
        })
        .collect();
    let fraction = fraction(catalog, metric)
        .filter(|(_, a, b)| catalog.additive_expr(a, true) && catalog.additive_expr(b, true));
    if catalog.is_additive(&metric.name) {
        for row in &mut rows {
            row.mix = Some(Exact::zero());
            // A group without a value on one side has nothing there.
            let value = |v: &Option<Exact>| v.clone().unwrap_or_default();
            row.rate = Some(value(&row.after) - value(&row.before));
        }
    } else if let (Some((owner, above, below)), Some(_)) = (fraction, &change) {
        let parts = Parts { whole, divided, owner, above, below };
        parts.effects(&mut rows, request);
    }
    let effects_known = !rows.is_empty() && rows.iter().all(|r| r.effect().is_some());
    rows.retain(|r| [&r.before, &r.after, &r.mix, &r.rate].into_iter().flatten().any(|v| !v.is_zero()));
    let sum = change.filter(|_| effects_known);
    if let Some(change) = &sum {
        let effects: Exact = rows.iter().filter_map(SplitRow::effect).sum();
        let rest = change - &effects;
        rows.sort_by_cached_key(|r| std::cmp::Reverse(r.effect().unwrap_or_default().abs()));
        shorten(&mut rows);
        if !rest.is_zero() {
            let zero = Some(Exact::zero());
            rows.push(SplitRow {
                kind: RowKind::Overlap,
                value: None,
                before: None,
                after: None,
                change: None,
                mix: zero,
                rate: Some(rest),
            });
        }
    } else {
        for row in &mut rows {
            (row.mix, row.rate) = (None, None);
        }
        rows.sort_by_cached_key(|r| std::cmp::Reverse(r.change.clone().unwrap_or_default().abs()));
        rows.truncate(MAX_ROWS);
    }
    Split { dimension: dimension.to_owned(), rows, sum }
}

/// Puts all rows beyond the limit together.
fn shorten(rows: &mut Vec<SplitRow>) {
    if rows.len() <= MAX_ROWS {
        return;
    }
    let rest = rows.split_off(MAX_ROWS - 1);
    let total = |f: fn(&SplitRow) -> &Option<Exact>| Some(rest.iter().filter_map(|r| f(r).as_ref()).sum());
    let row = SplitRow {
        kind: RowKind::Other,
        value: None,
        before: None,
        after: None,
        change: None,
        mix: total(|r| &r.mix),
        rate: total(|r| &r.rate),
    };
    rows.push(row);
}

/// A metric as one quotient: whose formula it is, what is above the line and what below.
fn fraction<'a>(catalog: &'a crate::Catalog, metric: &'a Metric) -> Option<(&'a Metric, Expr, Expr)> {
    match &metric.kind {
        Kind::Ratio { numerator, denominator } => {
            Some((metric, Expr::Metric(numerator.clone()), Expr::Metric(denominator.clone())))
        }
        Kind::Formula { expr: Expr::Binary(a, Operator::Divide, b), .. } if !b.is_constant() => {
            Some((metric, a.as_ref().clone(), b.as_ref().clone()))
        }
        Kind::Formula { expr: Expr::Metric(name), .. } if metric.grain.is_none() => {
            catalog.metric(name).and_then(|m| fraction(catalog, m))
        }
        _ => None,
    }
}

struct Parts<'a, 'b> {
    whole: &'a Evaluator<'b>,
    divided: &'a Evaluator<'b>,
    owner: &'a Metric,
    above: Expr,
    below: Expr,
}

impl Parts<'_, '_> {
    fn value(&self, evaluator: &Evaluator<'_>, expr: &Expr, period: Period, group: Group) -> Exact {
        let plan = evaluator.plan;
        let period = match self.owner.grain {
            Some(grain) if grain != period.grain => fixed_grain(period, grain, &plan.query, &plan.context),
            _ => period,
        };
        evaluator.expr(expr, self.owner, &period, group).unwrap_or_default()
    }

    fn effects(&self, rows: &mut [SplitRow], request: &ExplainRequest) {
        let total = |period| {
            let above = self.value(self.whole, &self.above, period, Some(0));
            let below = self.value(self.whole, &self.below, period, Some(0));
            above.checked_div(&below).map(|ratio| (ratio, below))
        };
        let (Some((ratio0, below0)), Some((ratio1, below1))) =
            (total(request.against), total(request.period))
        else {
            return;
        };
        let average = mean(&ratio0, &ratio1);
        for (group, row) in rows.iter_mut().enumerate() {
            let side = |period, below: &Exact| {
                let n = self.value(self.divided, &self.above, period, Some(group));
                let d = self.value(self.divided, &self.below, period, Some(group));
                let share = |x: &Exact| x.checked_div(below).unwrap_or_default();
                (share(&n), share(&d), n.checked_div(&d))
            };
            let (part0, weight0, rate0) = side(request.against, &below0);
            let (part1, weight1, rate1) = side(request.period, &below1);
            let own = match (rate0, rate1) {
                (Some(a), Some(b)) => mean(&a, &b),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => average.clone(),
            };
            let weight = weight1 - weight0;
            row.rate = Some(part1 - part0 - &weight * &own);
            row.mix = Some(weight * (own - &average));
        }
    }
}
