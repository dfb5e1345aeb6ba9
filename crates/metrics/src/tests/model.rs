//! Predicted lifetimes: the ages and losses behind a curve, counted plainly; choices between formulas.

use std::collections::{BTreeMap, BTreeSet};

use burgeon_core::exact::Exact;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::query::{engine, movements};
use super::*;
use crate::insight::lifetime::{Exposure, lifetime};
use crate::{Query, evaluate, plan};

type Change = (u8, u16, u8, bool, u32);

fn months(from: Date, to: Date) -> i32 {
    (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month()) - i32::from(from.month())
}

/// The exposures of a window, customer by customer: who had a balance on the first of each month, and still a month later.
fn plain(changes: &[Change], plan: Option<&str>, last: Date, window: i32) -> Vec<Exposure> {
    let rows = movements(changes);
    let zone = Zone::utc();
    let customers: BTreeSet<&str> = rows.iter().map(|row| row.columns["customer_id"].as_str()).collect();
    let mut ages: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    for customer in customers {
        let own = || rows.iter().filter(|row| row.columns["customer_id"] == customer);
        let first: i64 = own().next().unwrap().columns["first_paid_at"].parse().unwrap();
        let first = zone.date_of(first).first_of_month();
        let pays = |day: Date| {
            let counted = own().filter(|row| plan.is_none_or(|plan| row.columns["plan"] == plan));
            let until = counted.filter(|row| row.at < zone.start_of(day));
            until.map(|row| row.columns["amount_parts"].parse::<i128>().unwrap()).sum::<i128>() > 0
        };
        for n in 0..window {
            let month = last.saturating_sub(jiff::Span::new().months(n));
            let next = month.saturating_add(jiff::Span::new().months(1));
            if month > first {
                let age = ages.entry(months(first, month)).or_default();
                age.0 += i64::from(pays(month));
                age.1 += i64::from(pays(next));
            }
        }
    }
    let whole = |n: i64| u64::try_from(n.max(0)).unwrap();
    ages.into_iter()
        .map(|(age, (before, after))| Exposure {
            age: u32::try_from(age).unwrap(),
            at_risk: whole(before),
            lost: whole(before - after),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_curve_sees_the_losses_of_its_window(
        changes in prop::collection::vec((0u8..12, 0u16..500, 0u8..2, any::<bool>(), 0u32..3), 1..60),
        by_plan in any::<bool>(),
    ) {
        let engine = engine(&changes);
        let (catalog, context) = (catalog(), context("2026-06-15T12:00:00Z"));
        let by = if by_plan { " --by plan" } else { "" };
        let words = format!("predicted_lifetime --from 2026-03 --to 2026-06{by}");
        let query = Query::from_words(&crate::example::words(&words), &catalog, &context).unwrap();
        let planned = plan(&catalog, &query, &context).unwrap();
        let result = evaluate(&planned, &engine.run(&planned.bases), &engine).unwrap();
        for series in &result.series {
            let plan = series.dimensions.first().and_then(|(_, value)| value.as_deref());
            for (i, value) in series.values.iter().enumerate() {
                // June is not over on the 15th: its window has one month fewer.
                let (last, window) = match i {
                    3 => (date(2026, 5, 1), 23),
                    i => (date(2026, 3 + i as i8, 1), 24),
                };
                let expected = lifetime(&plain(&changes, plan, last, window), 60);
                match (value, expected) {
                    (Ok(found), Ok(expected)) => {
                        let found = found.to_f64(9).unwrap();
                        prop_assert!((found - expected.expected).abs() < 1e-6, "{found} {expected:?}");
                    }
                    (Err(found), Err(why)) => prop_assert_eq!(found.en(), why.to_string()),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}

#[test]
fn the_setting_chooses_the_formula_and_nothing_else_is_asked_for() {
    let mut context = context("2026-06-15T12:00:00Z");
    let bases = |context: &Context| {
        let catalog = catalog_under(&context.settings);
        let query =
            Query::from_words(&crate::example::words("ltv --at 2026-05-31"), &catalog, context).unwrap();
        let planned = plan(&catalog, &query, context).unwrap();
        planned.bases.iter().map(|base| base.fact.clone()).collect::<BTreeSet<_>>()
    };
    let only = |fact: &str| BTreeSet::from([fact.to_owned()]);
    assert_eq!(bases(&context), only("mrr_movements"));
    context.settings.set("ltv_formula", "orders").unwrap();
    assert_eq!(bases(&context), ["cash", "costs", "mrr_movements"].map(str::to_owned).into());
    context.settings.set("ltv_formula", "predicted").unwrap();
    assert_eq!(bases(&context), only("mrr_movements"));
    let catalog = catalog_under(&context.settings);
    assert_eq!(catalog.depends_on("ltv"), ["ltv_predicted"]);
    assert_eq!(catalog.settings("ltv"), ["gross_margin", "ltv_formula", "ltv_horizon_months"]);
    assert!(catalog.divisible("ltv", "country", &[]));
}

#[test]
fn a_lifetime_is_rounded_to_six_decimals() {
    // Ten join in January, one is gone in February: (1 − 0.9^60) ÷ 0.1.
    let mut changes: Vec<Change> = (0..10).map(|n| (n, 4, 0, false, 1000)).collect();
    changes.push((3, 40, 0, false, 0));
    let result = super::query::ask(&engine(&changes), "predicted_lifetime --from 2025-02 --to 2025-02");
    assert_eq!(result.series[0].values[0].as_ref().unwrap(), &"9.98203".parse::<Exact>().unwrap());
}
