//! The few statements that matter about a change, as keys and figures; the page puts them into words.
//!
//! | kind | params |
//! |---|---|
//! | `rose`, `fell`, `unchanged` | metric, unit, before, after, change, change_ratio, period, against, complete |
//! | `no_value` | metric, period, against, before, after |
//! | `part_up`, `part_down` | metric (the part), contribution, share |
//! | `segment` | dimension, value, contribution, share, effect (`mix` or `rate`) |
//! | `offset` | dimension, value, contribution: the largest effect against the change |

use std::collections::BTreeMap;

use burgeon_core::exact::Exact;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Explanation, RowKind, SplitRow, rounded};

/// A statement as a key and its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sentence {
    /// The key.
    pub kind: &'static str,
    /// Figures, rounded, and names.
    pub params: BTreeMap<&'static str, Value>,
}

pub(super) fn sentences(e: &Explanation) -> Vec<Sentence> {
    let number = |v: &Option<Exact>| json!(rounded(v, e.unit, e.currency));
    let mut params = BTreeMap::from([
        ("metric", json!(e.metric)),
        ("unit", json!(e.unit.as_str())),
        ("period", json!(e.period.label())),
        ("against", json!(e.against.label())),
        ("before", number(&e.before)),
        ("after", number(&e.after)),
        ("complete", json!(e.complete)),
    ]);
    let Some(change) = &e.change else { return vec![Sentence { kind: "no_value", params }] };
    params.insert("change", number(&e.change));
    params.insert("change_ratio", json!(e.change_ratio.as_ref().and_then(|r| r.to_f64(6))));
    let kind = match (change.is_positive(), change.is_zero()) {
        (_, true) => "unchanged",
        (true, _) => "rose",
        (false, _) => "fell",
    };
    let mut all = vec![Sentence { kind, params }];
    let share = |part: &Exact| part.checked_div(change).and_then(|s| s.to_f64(6));
    let mut parts: Vec<(&str, &Exact)> = e
        .tree
        .children
        .iter()
        .filter_map(|c| Some((c.metric.as_str(), c.contribution.as_ref()?)))
        .filter(|(_, c)| !c.is_zero())
        .collect();
    parts.sort_by_cached_key(|(_, c)| std::cmp::Reverse(c.abs()));
    for (metric, contribution) in parts.into_iter().take(3) {
        let kind = if contribution.is_positive() { "part_up" } else { "part_down" };
        let params = BTreeMap::from([
            ("metric", json!(metric)),
            ("contribution", number(&Some(contribution.clone()))),
            ("share", json!(share(contribution))),
        ]);
        all.push(Sentence { kind, params });
    }
    if change.is_zero() {
        return all;
    }
    let segment = |kind, dimension: &str, row: &SplitRow, effect: &Exact| {
        let by_mix = row.mix.as_ref().map(Exact::abs) > row.rate.as_ref().map(Exact::abs);
        let params = BTreeMap::from([
            ("dimension", json!(dimension)),
            ("value", json!(row.value)),
            ("contribution", number(&Some(effect.clone()))),
            ("share", json!(share(effect))),
            ("effect", json!(if by_mix { "mix" } else { "rate" })),
        ]);
        Sentence { kind, params }
    };
    for split in e.by.iter().filter(|s| s.sum.is_some()) {
        let rows: Vec<(&SplitRow, Exact)> = split
            .rows
            .iter()
            .filter(|r| r.kind == RowKind::Value)
            .filter_map(|r| Some((r, r.effect()?)))
            .collect();
        if rows.len() < 2 {
            continue;
        }
        let along = |with: bool| {
            let same = rows
                .iter()
                .filter(|(_, c)| !c.is_zero() && (c.is_positive() == change.is_positive()) == with);
            same.max_by(|a, b| a.1.abs().cmp(&b.1.abs()))
        };
        if let Some((row, effect)) = along(true) {
            all.push(segment("segment", &split.dimension, row, effect));
        }
        if let Some((row, effect)) = along(false) {
            all.push(segment("offset", &split.dimension, row, effect));
        }
    }
    all
}
