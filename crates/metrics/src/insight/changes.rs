//! Which of many metrics changed in a way that deserves a word, and the main cause of a change.
//!
//! A change is *unusual* by how far it lies from the metric's own earlier changes: the distance from their median
//! in units of 1.4826 × the median absolute deviation, which is the standard deviation of a normal distribution but
//! is not moved by the outliers themselves. (F. R. Hampel, "The influence curve and its role in robust estimation",
//! 1974.) Changes are ranked by unusualness × √(relative change), so that neither a wild but tiny figure nor a
//! large figure's daily course comes first.

use burgeon_core::exact::Exact;

use super::{Explanation, RowKind};
use crate::catalog::Catalog;
use crate::definition::{Better, Kind, Unit};
use crate::result::QueryResult;

/// A change that deserves a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: Unit,
    /// Whether the change is good news; `None` for metrics without a better direction.
    pub good: Option<bool>,
    /// Value in the last period but one.
    pub before: Exact,
    /// Value in the last period.
    pub after: Exact,
    /// after − before.
    pub change: Exact,
    /// change ÷ |before|; `None` where before is zero.
    pub change_ratio: Option<Exact>,
    /// Distance from the metric's earlier changes in robust standard deviations, at most 10; 3 and more is rare.
    pub unusual: f64,
    /// By what the list is sorted.
    pub rank: f64,
}

/// The main cause of a change along one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Dimension.
    pub dimension: String,
    /// Its value; `None` where the record has none.
    pub value: Option<String>,
    /// Its part of the change.
    pub change: Exact,
    /// Its part ÷ the change.
    pub share: Exact,
}

/// The least relative change that counts as real.
const LEAST: f64 = 0.002;
/// The largest unusualness that is told apart.
const MOST: f64 = 10.0;

/// Ranks the changes from the last period but one to the last period of an undivided query, by their own history in
/// the periods before (at least three changes; with fewer every change counts as one deviation).
pub fn what_changed(catalog: &Catalog, result: &QueryResult, limit: usize) -> Vec<Changed> {
    let mut found: Vec<Changed> = result
        .series
        .iter()
        .filter(|s| s.dimensions.is_empty())
        .filter_map(|s| {
            let n = s.values.len();
            let after = s.values.last()?.as_ref().ok()?;
            let before = s.values.get(n.checked_sub(2)?)?.as_ref().ok()?;
            let change = after - before;
            let past: Vec<Exact> = s.values[..n - 1]
                .windows(2)
                .filter_map(|w| Some(w[1].as_ref().ok()? - w[0].as_ref().ok()?))
                .collect();
            let size = (after.abs() + before.abs()) * Exact::from_decimal(5, 1);
            let relative = change.abs().checked_div(&size)?.to_f64(6)?;
            if relative < LEAST {
                return None;
            }
            let unusual = unusual(&change, past);
            let good = match catalog.metric(&s.metric)?.better {
                Better::Higher => Some(change.is_positive()),
                Better::Lower => Some(change.is_negative()),
                Better::Neutral => None,
            };
            Some(Changed {
                metric: s.metric.clone(),
                unit: s.unit,
                good,
                change_ratio: change.checked_div(&before.abs()),
                before: before.clone(),
                after: after.clone(),
                change,
                unusual,
                rank: unusual * relative.sqrt(),
            })
        })
        .collect();
    found.sort_by(|a, b| b.rank.total_cmp(&a.rank).then_with(|| a.metric.cmp(&b.metric)));
    let mut kept: Vec<Changed> = Vec::new();
    for changed in found {
        if kept.len() == limit {
            break;
        }
        if !kept.iter().any(|k| same_news(catalog, &k.metric, &changed.metric)) {
            kept.push(changed);
        }
    }
    kept
}

/// Whether one metric is only a multiple of the other (ARR and MRR), so that both say the same.
fn same_news(catalog: &Catalog, a: &str, b: &str) -> bool {
    let base = |name: &str| -> String {
        let mut name = name.to_owned();
        while let Some(Kind::Formula { expr, .. }) = catalog.metric(&name).map(|m| &m.kind) {
            match expr.metrics().as_slice() {
                [one] if catalog.additive_expr(expr, true) => name = (*one).to_owned(),
                _ => break,
            }
        }
        name
    };
    base(a) == base(b)
}

fn unusual(change: &Exact, mut past: Vec<Exact>) -> f64 {
    if past.len() < 3 {
        return 1.0;
    }
    let center = median(&mut past);
    let mut distances: Vec<Exact> = past.iter().map(|p| (p - &center).abs()).collect();
    let spread = median(&mut distances) * Exact::from_decimal(14_826, 4);
    let distance = (change - &center).abs();
    if distance.is_zero() {
        return 0.0;
    }
    let ratio = distance.checked_div(&spread).and_then(|r| r.to_f64(6));
    ratio.map_or(MOST, |r| r.min(MOST))
}

/// The middle value; the mean of both middle ones where there are two. Zero for none.
fn median(values: &mut [Exact]) -> Exact {
    values.sort();
    let n = values.len();
    match (n, n % 2) {
        (0, _) => Exact::zero(),
        (_, 1) => values[n / 2].clone(),
        _ => super::mean(&values[n / 2 - 1], &values[n / 2]),
    }
}

/// The value of a dimension that explains most of a change in its direction. Dimensions with a single value
/// explain nothing and are passed over.
pub fn cause(explanation: &Explanation) -> Option<Cause> {
    let change = explanation.change.as_ref().filter(|c| !c.is_zero())?;
    let mut best: Option<Cause> = None;
    for split in explanation.by.iter().filter(|s| s.sum.is_some()) {
        let rows: Vec<_> = split.rows.iter().filter(|r| r.kind == RowKind::Value).collect();
        if rows.len() < 2 {
            continue;
        }
        for row in rows {
            let Some(effect) = row.effect() else { continue };
            let Some(share) = effect.checked_div(change) else { continue };
            if share.is_positive() && best.as_ref().is_none_or(|b| share > b.share) {
                best = Some(Cause {
                    dimension: split.dimension.clone(),
                    value: row.value.clone(),
                    change: effect,
                    share,
                });
            }
        }
    }
    best
}
