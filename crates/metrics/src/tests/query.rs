use burgeon_core::PARTS;
use proptest::prelude::*;

use super::engine::{Engine, Row};
use super::*;
use crate::result::QueryResult;
use crate::{Query, evaluate, plan};

/// One change of a customer's MRR: (customer, day from 2025-01-01, plan, currency, new amount in minor units).
type Change = (u8, u16, u8, bool, u32);

/// The revenue fold in its plainest form: one segment (customer, plan, currency) has an amount; each change sets it.
pub(crate) fn movements(changes: &[Change]) -> Vec<Row> {
    let mut changes = changes.to_vec();
    changes.sort_by_key(|c| c.1);
    let mut rows = Vec::new();
    let mut balances: std::collections::BTreeMap<(u8, u8, bool), i128> = Default::default();
    let mut first: std::collections::BTreeMap<u8, i64> = Default::default();
    for (n, (customer, day, plan, euro, amount)) in changes.into_iter().enumerate() {
        let at = 1_735_689_600_000_000 + i64::from(day) * 86_400_000_000 + 3_600_000_000;
        let total = |b: &std::collections::BTreeMap<(u8, u8, bool), i128>| -> i128 {
            b.iter().filter(|(k, _)| k.0 == customer).map(|(_, v)| *v).sum()
        };
        let before = total(&balances);
        let amount = i128::from(amount) * PARTS;
        let old = balances.insert((customer, plan, euro), amount).unwrap_or(0);
        let (after, delta) = (total(&balances), amount - old);
        if delta == 0 {
            continue;
        }
        let movement = match (before > 0, after > 0) {
            (false, true) if first.contains_key(&customer) => "reactivation",
            (false, true) => "new",
            (true, false) => "churn",
            _ if delta > 0 => "expansion",
            _ => "contraction",
        };
        let first_paid = *first.entry(customer).or_insert(at);
        rows.push(Row {
            at,
            columns: [
                ("customer_id", format!("c{customer}")),
                ("movement", movement.to_owned()),
                ("currency", if euro { "EUR" } else { "USD" }.to_owned()),
                ("amount_parts", delta.to_string()),
                ("plan", format!("p{plan}")),
                ("scheduled", "false".to_owned()),
                ("movement_id", n.to_string()),
                ("first_paid_at", first_paid.to_string()),
            ]
            .into(),
        });
    }
    rows
}

pub(crate) fn engine(changes: &[Change]) -> Engine {
    let date = jiff::civil::date;
    Engine {
        facts: [("mrr_movements", movements(changes))].into(),
        countries: (0..=u8::MAX)
            .map(|c| (format!("c{c}"), if c % 2 == 0 { "US" } else { "DE" }.to_owned()))
            .collect(),
        rates: vec![
            (Currency::EUR, date(2025, 1, 1), "1.1".parse().unwrap()),
            (Currency::EUR, date(2025, 3, 17), "1.05".parse().unwrap()),
            (Currency::EUR, date(2025, 9, 1), "1.237".parse().unwrap()),
        ],
    }
}

pub(crate) fn ask(engine: &Engine, words: &str) -> QueryResult {
    ask_at(engine, "2026-06-15T12:00:00Z", words)
}

pub(crate) fn ask_at(engine: &Engine, now: &str, words: &str) -> QueryResult {
    let (catalog, context) = (catalog(), context(now));
    let query = Query::from_words(&crate::example::words(words), &catalog, &context)
        .unwrap_or_else(|e| panic!("{e}"));
    let plan = plan(&catalog, &query, &context).unwrap();
    evaluate(&plan, &engine.run(&plan.bases), engine).unwrap()
}

fn small() -> Engine {
    engine(&[
        (0, 4, 0, false, 10_000),
        (1, 10, 1, false, 5_000),
        (0, 33, 0, false, 13_000),
        (1, 44, 1, false, 0),
        (2, 50, 1, true, 8_000),
        (1, 60, 1, false, 5_000),
    ])
}

#[test]
fn csv_of_balances_flows_and_ratios() {
    insta::assert_snapshot!(ask(&small(), "mrr,customers,new_mrr,churn_mrr,fx_mrr,arpa,customer_churn_rate --from 2025-01 --to 2025-04").to_csv(), @r#"
    period,mrr,customers,new_mrr,churn_mrr,fx_mrr,arpa,customer_churn_rate
    2025-01,150.00,2,150.00,0.00,0.00,75.00,
    2025-02,218.00,2,88.00,50.00,0.00,109.00,0.5
    2025-03,264.00,3,0.00,0.00,-4.00,88.00,0
    2025-04,264.00,3,0.00,0.00,0.00,88.00,0
    "#);
    insta::assert_snapshot!(ask(&small(), "mrr,customers --by plan,country --from 2025-02 --to 2025-03").to_csv(), @r#"
    period,plan,country,mrr,customers
    2025-02,p0,US,130.00,1
    2025-02,p1,DE,0.00,0
    2025-02,p1,US,88.00,1
    2025-03,p0,US,130.00,1
    2025-03,p1,DE,50.00,1
    2025-03,p1,US,84.00,1
    "#);
    insta::assert_snapshot!(ask(&small(), "mrr --by cohort --grain quarter --from 2025 --to 2025-Q2 --compare previous").to_csv(), @r#"
    period,cohort,mrr,mrr_previous
    2025-Q1,2025-Q1,264.00,0.00
    2025-Q2,2025-Q1,264.00,0.00
    "#);
    insta::assert_snapshot!(ask(&small(), "mrr,customers --at 2025-02-10").to_csv(), @r#"
    period,mrr,customers
    2025-02,180.00,2
    "#);
    insta::assert_snapshot!(ask(&small(), "mrr --where plan!=p1 --where country=US --from 2025-02 --to 2025-02 --currency EUR").to_csv(), @r#"
    period,mrr
    2025-02,118.18
    "#);
    insta::assert_snapshot!(ask(&small(), "ltv,customer_lifetime,nrr --from 2025 --to 2026 --grain year").to_csv(), @r#"
    period,ltv,customer_lifetime,nrr
    2025,,,
    2026,,,1
    "#);
}

#[test]
fn json_form() {
    let result = ask(&small(), "arpa,quick_ratio --from 2025-01 --to 2025-02 --by country");
    insta::assert_snapshot!(serde_json::to_string_pretty(&result.series[..3]).unwrap(), @r#"
    [
      {
        "metric": "arpa",
        "unit": "money",
        "dimensions": {
          "country": "DE"
        },
        "other": false,
        "values": [
          50.0,
          null
        ],
        "reasons": [
          null,
          {
            "en": "Customers is zero",
            "ru": "Клиенты = 0",
            "zh": "客户数为零"
          }
        ],
        "compare": null
      },
      {
        "metric": "arpa",
        "unit": "money",
        "dimensions": {
          "country": "US"
        },
        "other": false,
        "values": [
          100.0,
          109.0
        ],
        "reasons": [
          null,
          null
        ],
        "compare": null
      },
      {
        "metric": "quick_ratio",
        "unit": "ratio",
        "dimensions": {
          "country": "DE"
        },
        "other": false,
        "values": [
          null,
          0.0
        ],
        "reasons": [
          {
            "en": "nothing was lost in the period, so there is nothing to divide by",
            "ru": "в периоде ничего не потеряно, делить не на что",
            "zh": "该期间没有损失，无法相除"
          },
          null
        ],
        "compare": null
      }
    ]
    "#);
    let result = ask(&small(), "mrr --from 2026-05 --to 2026-06");
    assert_eq!(result.periods.iter().map(|p| p.complete).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn the_rest_is_other_only_where_it_adds_up() {
    let result = ask(&small(), "mrr,arpa --by plan,currency --from 2025-03 --to 2025-03 --limit 1");
    insta::assert_snapshot!(result.to_csv(), @r#"
    period,plan,currency,mrr,arpa
    2025-03,p0,USD,130.00,130.00
    2025-03,other,other,134.00,
    "#);
    assert_eq!(
        result.warnings,
        ["arpa does not add up over plan, currency, so the other 2 values are left out"]
    );
    assert_eq!(result.totals.len(), 1);
}

#[test]
fn errors_name_the_nearest() {
    let (catalog, context) = (catalog(), context("2026-06-15T12:00:00Z"));
    let error = |words: &str| {
        Query::from_words(&crate::example::words(words), &catalog, &context)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(error("mmr"), @r#"there is no metric "mmr"; did you mean "mrr"?"#);
    insta::assert_snapshot!(error("mrr --by contry"), @r#"mrr has no dimension "contry"; did you mean "country"?; it has customer_id, subscription_id, movement, currency, plan, interval, reason, scheduled, is_transfer, cohort, country, channel, partner, name, industry"#);
    insta::assert_snapshot!(error("cac --by plan"), @r#"cac has no dimension "plan"; it has currency, channel"#);
    insta::assert_snapshot!(error("mrr --grian month"), @r#"unknown parameter "grian"; did you mean "grain"?"#);
    insta::assert_snapshot!(error("mrr --grain mnth"), @r#"unknown grain "mnth"; write day, week, month, quarter or year; did you mean "month"?"#);
    insta::assert_snapshot!(error("mrr --from 2026-13"), @r#""2026-13" is not a period; write 2019, 2019-Q3, 2019-12, 2019-W07, 2019-12-05 or 2019-12-05..2020-01-31"#);
    insta::assert_snapshot!(error("mrr --top 0"), @r#""0" is no top; write a whole number from 1"#);
    insta::assert_snapshot!(error("mrr --top 3 --limit 3"), @"limit puts the rest together and top leaves it out; write one of them");
    insta::assert_snapshot!(error("mrr --from 2026-03 --to 2026-01"), @"the end 2026-01-31 lies before the beginning 2026-03-01; turn them round");
    insta::assert_snapshot!(error("mrr --from 1000 --to 3000 --grain day"), @"from 1000-01-01 to 3001-01-01 by day are over 4000 periods; ask for a shorter time or a longer grain");
    insta::assert_snapshot!(error("mrr --where plan"), @r#""plan" is no condition; write plan=Pro,Team or country!=US"#);
    insta::assert_snapshot!(error("mrr --compare last_year"), @r#"unknown comparison "last_year"; write previous, year_ago or none"#);
    insta::assert_snapshot!(error("mrr --by"), @r#"unknown parameter "--by"; it needs a value after it"#);
    insta::assert_snapshot!(error("--by plan"), @r#"no metric is named; write at least one, such as mrr"#);
    insta::assert_snapshot!(error("mrr --at 2026-01 --from 2025"), @r#"at stands in place of from and to; leave one of them out"#);
}

#[test]
fn a_missing_rate_is_an_error() {
    let mut engine = small();
    engine.rates.clear();
    let (catalog, context) = (catalog(), context("2026-06-15T12:00:00Z"));
    let query = Query::from_words(&["mrr".to_owned()], &catalog, &context).unwrap();
    let plan = plan(&catalog, &query, &context).unwrap();
    let error = evaluate(&plan, &engine.run(&plan.bases), &engine).unwrap_err();
    insta::assert_snapshot!(error, @"no exchange rate from EUR to USD on or before 2025-07-31; import one into fx_rates (columns date, base, quote, rate)");
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let amount = prop_oneof![1 => Just(0u32), 3 => 1u32..100_000];
    prop::collection::vec((0u8..6, 0u16..500, 0u8..3, any::<bool>(), amount), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// opening + new + expansion + reactivation − contraction − churn + fx = closing, for each group and period.
    #[test]
    fn movements_add_up(changes in changes(), by in prop::sample::select(vec!["", "--by plan", "--by country", "--by currency,plan", "--by cohort"])) {
        let engine = engine(&changes);
        let result = ask(&engine, &format!("mrr,net_new_mrr,fx_mrr --from 2025-01 --to 2026-05 {by}"));
        let n = result.series.len() / 3;
        for i in 0..n {
            let [mrr, net, fx] = [&result.series[i], &result.series[n + i], &result.series[2 * n + i]];
            let mut opening = burgeon_core::exact::Exact::zero();
            for p in 0..result.periods.len() {
                let cell = |s: &crate::result::Series| s.values[p].clone().unwrap();
                prop_assert_eq!(opening + cell(net) + cell(fx), cell(mrr));
                opening = cell(mrr);
            }
        }
    }

    /// Groups of an additive metric add up to the undivided figure.
    #[test]
    fn totals_are_the_undivided_figure(changes in changes(), by in prop::sample::select(vec!["plan", "country", "cohort", "plan,currency"])) {
        let engine = engine(&changes);
        let metrics = "mrr,customers,new_customers,nrr_start_mrr,nrr_end_mrr,grr_end_mrr,customers_kept,arr";
        let whole = ask(&engine, &format!("{metrics} --from 2025-06 --to 2026-05"));
        let divided = ask(&engine, &format!("{metrics} --from 2025-06 --to 2026-05 --by {by}"));
        for total in &divided.totals {
            let undivided = whole.series.iter().find(|s| s.metric == total.metric).unwrap();
            prop_assert_eq!(&total.values, &undivided.values, "{}", total.metric);
        }
    }

    /// Finer grains end on the same balance, and their flows add up to the coarser ones.
    #[test]
    fn grains_agree(changes in changes()) {
        let engine = engine(&changes);
        let days = ask(&engine, "mrr,customers,new_mrr --grain day --from 2025-10 --to 2025-12");
        let quarter = ask(&engine, "mrr,customers,new_mrr --grain quarter --from 2025-Q4 --to 2025-Q4");
        prop_assert_eq!(days.series[0].values.last(), quarter.series[0].values.last());
        prop_assert_eq!(days.series[1].values.last(), quarter.series[1].values.last());
        let flow: burgeon_core::exact::Exact = days.series[2].values.iter().map(|c| c.clone().unwrap()).sum();
        prop_assert_eq!(Ok(flow), quarter.series[2].values[0].clone());
        let compared = |words: &str| {
            let all = "mrr,customers,new_mrr,customer_churn_rate,arpa,net_new_mrr";
            ask(&engine, &format!("{all} {words} --compare year_ago")).series.into_iter().map(|s| (s.values, s.compare))
        };
        let quarter = compared("--grain quarter --from 2026-Q1 --to 2026-Q1");
        prop_assert!(quarter.eq(compared("--grain range --from 2026-01-01 --to 2026-03-31")));
    }

    #[test]
    fn words_never_panic(words in prop::collection::vec("[a-z0-9=:!,\\-\\\\é]{0,12}", 0..6)) {
        let (catalog, context) = (Catalog::default(), context("2026-06-15T12:00:00Z"));
        let _ = Query::from_words(&words, &catalog, &context);
        let _ = crate::query::QueryFilter::parse(&words.join("="));
    }

    #[test]
    fn shares_add_up(total in any::<i64>(), weights in prop::collection::vec(0i128..1_000_000_000_000_000_000_000, 1..8)) {
        let shares = crate::base::share_out(i128::from(total) << 40, &weights);
        let sum: i128 = shares.iter().sum();
        let any = weights.iter().any(|w| *w > 0);
        prop_assert_eq!(sum, if any { i128::from(total) << 40 } else { 0 });
    }
}
