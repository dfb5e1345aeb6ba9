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
    engine(&[
        (0, 4, 0, false, 10_000),
        (1, 10, 1, false, 5_000),
        (0, 33, 0, false, 13_000),
        (1, 44, 1, false, 0),
        (2, 50, 1, true, 8_000),
    ])
}

#[test]
fn a_balance_opens_into_its_movements() {
    insta::assert_snapshot!(show(&why(&small(), "mrr", "2025-02", "2025-01", &["country", "plan"])), @r#"
    mrr 150 -> 218: 68 +
      new_mrr 150 -> 88: 88 
      expansion_mrr 0 -> 30: 30 
      reactivation_mrr 0 -> 0: 0 
      -contraction_mrr 0 -> 0: 0 
      -churn_mrr 0 -> 50: -50 
      fx_mrr 0 -> 0: 0 
    by country = 68
      Value US 100 -> 218: mix 0 rate 118
      Value DE 50 -> 0: mix 0 rate -50
    by plan = 68
      Value p1 50 -> 88: mix 0 rate 38
      Value p0 100 -> 130: mix 0 rate 30
    rose {"after":218.0,"against":"2025-01","before":150.0,"change":68.0,"change_ratio":0.453333,"complete":true,"metric":"mrr","period":"2025-02","unit":"money"}
    part_up {"contribution":88.0,"metric":"new_mrr","share":1.294118}
    part_down {"contribution":-50.0,"metric":"churn_mrr","share":-0.735294}
    part_up {"contribution":30.0,"metric":"expansion_mrr","share":0.441176}
    segment {"contribution":118.0,"dimension":"country","effect":"rate","share":1.735294,"value":"US"}
    offset {"contribution":-50.0,"dimension":"country","effect":"rate","share":-0.735294,"value":"DE"}
    segment {"contribution":38.0,"dimension":"plan","effect":"rate","share":0.558824,"value":"p1"}
    "#);
}

#[test]
fn a_ratio_has_mix_and_rate() {
    insta::assert_snapshot!(show(&why(&small(), "arpa", "2025-02", "2025-01", &["country"])), @r#"
    arpa 75 -> 109: 34 /
      mrr 150 -> 218: 34 +
        new_mrr 150 -> 88: 44 
        expansion_mrr 0 -> 30: 15 
        reactivation_mrr 0 -> 0: 0 
        -contraction_mrr 0 -> 0: 0 
        -churn_mrr 0 -> 50: -25 
        fx_mrr 0 -> 0: 0 
      customers 2 -> 2: 0 
    by country = 34
      Value DE 50 -> -: mix 21 rate 0
      Value US 100 -> 109: mix 6.25 rate 6.75
    rose {"after":109.0,"against":"2025-01","before":75.0,"change":34.0,"change_ratio":0.453333,"complete":true,"metric":"arpa","period":"2025-02","unit":"money"}
    part_up {"contribution":34.0,"metric":"mrr","share":1.0}
    segment {"contribution":21.0,"dimension":"country","effect":"mix","share":0.617647,"value":"DE"}
    "#);
}

#[test]
fn formulas_with_openings_and_settings() {
    insta::assert_snapshot!(show(&why(&small(), "gross_mrr_churn_rate", "2025-03", "2025-02", &["plan"])), @r#"
    gross_mrr_churn_rate 0.3333 -> 0: -0.3333 /
      churn_mrr + contraction_mrr 50 -> 0: -0.2813 +
        churn_mrr 50 -> 0: -0.2813 
        contraction_mrr 0 -> 0: 0 
      opening(mrr) 150 -> 218: -0.052 +
        new_mrr - -> 88: -0.0673 
        expansion_mrr - -> 30: -0.0229 
        reactivation_mrr - -> 0: 0 
        -contraction_mrr - -> 0: 0 
        -churn_mrr - -> 50: 0.0382 
        fx_mrr - -> 0: 0 
    by plan = -0.3333
      Value p1 1 -> 0: mix 0.0234 rate -0.3685
      Value p0 0 -> 0: mix 0.0117 rate 0
    fell {"after":0.0,"against":"2025-02","before":0.333333,"change":-0.333333,"change_ratio":-1.0,"complete":true,"metric":"gross_mrr_churn_rate","period":"2025-03","unit":"percent"}
    part_down {"contribution":-0.281346,"metric":"churn_mrr + contraction_mrr","share":0.844037}
    part_down {"contribution":-0.051988,"metric":"opening(mrr)","share":0.155963}
    segment {"contribution":-0.345056,"dimension":"plan","effect":"rate","share":1.035168,"value":"p1"}
    offset {"contribution":0.011723,"dimension":"plan","effect":"mix","share":-0.035168,"value":"p0"}
    "#);
    insta::assert_snapshot!(show(&why(&small(), "ltv", "2025-03", "2025-02", &["country"])), @r#"
    ltv 218 -> 428: 210 /
      arpa × gross_margin 109 -> 107: -6 *
        arpa 109 -> 107: -6 /
          mrr 218 -> 214: -6 +
            new_mrr 88 -> 0: 0 
            expansion_mrr 30 -> 0: 0 
            reactivation_mrr 0 -> 0: 0 
            -contraction_mrr 0 -> 0: 0 
            -churn_mrr 50 -> 0: 0 
            fx_mrr 0 -> -4: -6 
          customers 2 -> 2: 0 
        gross_margin 1 -> 1: 0 
      trailing_avg(customer_churn_rate, ltv_window_months) 0.5 -> 0.25: 216 
    by country = -
    rose {"after":428.0,"against":"2025-02","before":218.0,"change":210.0,"change_ratio":0.963303,"complete":true,"metric":"ltv","period":"2025-03","unit":"money"}
    part_up {"contribution":216.0,"metric":"trailing_avg(customer_churn_rate, ltv_window_months)","share":1.028571}
    part_down {"contribution":-6.0,"metric":"arpa × gross_margin","share":-0.028571}
    "#);
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
