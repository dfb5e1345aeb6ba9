use burgeon_core::exact::Exact;
use burgeon_core::time::Period;
use proptest::prelude::*;

use super::engine::Engine;
use super::query::{ask, changes, engine};
use super::*;
use crate::insight::*;

fn why(engine: &Engine, metric: &str, period: &str, against: &str, by: &[&str]) -> Explanation {
    let (catalog, context) = (catalog(), context("2026-06-15T12:00:00Z"));
    let request = ExplainRequest {
        metric: metric.to_owned(),
        period: Period::parse(period, &context.zone).unwrap(),
        against: Period::parse(against, &context.zone).unwrap(),
        by: by.iter().map(|d| (*d).to_owned()).collect(),
        filters: Vec::new(),
        currency: Currency::USD,
    };
    let plan = plan_explain(&catalog, &request, &context).unwrap();
    explain(&plan, &engine.run(&plan.bases()), engine).unwrap()
}

fn show(e: &Explanation) -> String {
    fn number(v: &Option<Exact>) -> String {
        v.as_ref().map_or("-".to_owned(), |v| v.to_decimal(4))
    }
    fn tree(node: &Node, depth: usize, text: &mut String) {
        let sign = if node.negative { "-" } else { "" };
        text.push_str(&format!(
            "{}{sign}{} {} -> {}: {} {}\n",
            "  ".repeat(depth),
            node.metric,
            number(&node.before),
            number(&node.after),
            number(&node.contribution),
            node.operator.unwrap_or("")
        ));
        node.children.iter().for_each(|c| tree(c, depth + 1, text));
    }
    let mut text = String::new();
    tree(&e.tree, 0, &mut text);
    for split in &e.by {
        text.push_str(&format!("by {} = {}\n", split.dimension, number(&split.sum)));
        for r in &split.rows {
            text.push_str(&format!(
                "  {:?} {} {} -> {}: mix {} rate {}\n",
                r.kind,
                r.value.as_deref().unwrap_or("-"),
                number(&r.before),
                number(&r.after),
                number(&r.mix),
                number(&r.rate)
            ));
        }
    }
    for s in &e.sentences {
        text.push_str(&format!("{} {}\n", s.kind, serde_json::to_string(&s.params).unwrap()));
    }
    text
}

/// Worked by hand: January 100 (a, US, p0) and 50 (b, DE, p1); in February a grows by 30, b leaves, c comes with
/// EUR 80 at 1.10 = 88.
fn small() -> Engine {
    engine(&[(0, 4, 0, false, 10_000), (1, 10, 1, false, 5_000), (0, 33, 0, false, 13_000), (1, 44, 1, false, 0), (2, 50, 1, true, 8_000)])
}

#[test]
fn a_balance_opens_into_its_movements() {
    insta::assert_snapshot!(show(&why(&small(), "mrr", "2025-02", "2025-01", &["country", "plan"])), @"");
}

#[test]
fn a_ratio_has_mix_and_rate() {
    insta::assert_snapshot!(show(&why(&small(), "arpa", "2025-02", "2025-01", &["country"])), @"");
}

#[test]
fn formulas_with_openings_and_settings() {
    insta::assert_snapshot!(show(&why(&small(), "gross_mrr_churn_rate", "2025-03", "2025-02", &["plan"])), @"");
    insta::assert_snapshot!(show(&why(&small(), "ltv", "2025-03", "2025-02", &["country"])), @"");
}

#[test]
fn the_largest_unusual_change_comes_first() {
    let mut all = Vec::new();
    for month in 0..14u16 {
        all.push((month as u8 + 10, month * 30 + 2, 0, false, 10_000 + u32::from(month % 3) * 100));
    }
    all.push((200, 392, 1, false, 900_000));
    let result = ask(&engine(&all), "mrr,arr,customers,new_mrr --from 2025-01 --to 2026-01");
    let found = what_changed(&catalog(), &result, 3);
    let names: Vec<&str> = found.iter().map(|c| c.metric.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(!(names.contains(&"mrr") && names.contains(&"arr")), "{names:?}");
    assert_eq!(names.last(), Some(&"customers"));
    assert_eq!(found[0].good, Some(true));
    let e = why(&engine(&all), "mrr", "2026-01", "2025-12", &["currency", "plan"]);
    let cause = cause(&e).unwrap();
    assert_eq!((cause.dimension.as_str(), cause.value.as_deref()), ("plan", Some("p1")));
}

/// The contributions of children add up to that of their parent, wherever all are known.
fn adds_up(node: &Node) -> Result<(), TestCaseError> {
    let parts: Option<Vec<&Exact>> = node.children.iter().map(|c| c.contribution.as_ref()).collect();
    if let (Some(parts), Some(whole), false) = (parts, &node.contribution, node.children.is_empty()) {
        prop_assert_eq!(&parts.into_iter().sum::<Exact>(), whole, "{}", &node.metric);
    }
    node.children.iter().try_for_each(adds_up)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn parts_and_splits_add_up_exactly(
        changes in changes(),
        metric in prop::sample::select(vec![
            "mrr", "arr", "customers", "arpa", "nrr", "grr", "nrr_period", "customer_churn_rate", "gross_mrr_churn_rate",
            "net_mrr_churn_rate", "quick_ratio", "ltv", "customer_lifetime", "new_mrr", "fx_mrr", "discount_mrr",
        ]),
        (period, against) in prop::sample::select(vec![("2025-05", "2025-04"), ("2026-05", "2025-05"), ("2026-Q1", "2025-Q4"), ("2025-03", "2025-06")]),
    ) {
        let engine = engine(&changes);
        let e = why(&engine, metric, period, against, &["plan", "country", "currency", "cohort"]);
        adds_up(&e.tree)?;
        prop_assert_eq!(e.tree.contribution.as_ref(), e.change.as_ref());
        for split in &e.by {
            if let Some(sum) = &split.sum {
                let effects: Exact = split.rows.iter().map(|r| r.effect().unwrap()).sum();
                prop_assert_eq!(&effects, sum);
                prop_assert_eq!(Some(sum), e.change.as_ref());
            }
            let overlap = split.rows.iter().any(|r| r.kind == RowKind::Overlap);
            // Countries part the customers, so nothing overlaps there.
            prop_assert!(!(overlap && split.dimension == "country"), "{} {:?}", metric, split);
        }
    }
}
