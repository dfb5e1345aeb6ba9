//! Figures from the outside: import files, ask, compare with what was worked out by hand or by the oracle.

use burgeon_testkit::Ledger;
use jiff::civil::date;

use crate::support::Place;

const CHANGES: &str = "customer_id,subscription_id,effective_at,status,amount,currency,interval,plan
a,a1,2018-01-05,active,50.00,USD,month,Basic
b,b1,2018-01-09,active,1200.00,USD,year,Pro
a,a1,2018-02-10,active,100.00,USD,month,Pro
c,c1,2018-02-20,active,30.00,USD,month,Basic
b,b1,2018-03-09,canceled,1200.00,USD,year,Pro
";

#[test]
fn the_query_of_the_issue() {
    let place = Place::new();
    let file = place.write("subscriptions.csv", CHANGES);
    let out = place.run(&["import", &file, "--as", "subscription_changes", "--format", "csv"]).ok();
    assert_eq!(
        out,
        "file,read as,rows,taken,replaced,unchanged,rejected\nsubscriptions.csv,subscription_changes,5,5,0,0,0\n"
    );
    let query = ["query", "mrr,customers", "--grain", "month", "--from", "2018-01", "--to", "2018-03"];
    let by_plan = [&query[..], &["--by", "plan", "--format", "csv"]].concat();
    assert_eq!(
        place.run(&by_plan).ok(),
        "period,plan,mrr,customers\n\
         2018-01,Basic,50.00,1\n2018-01,Pro,100.00,1\n\
         2018-02,Basic,30.00,1\n2018-02,Pro,200.00,2\n\
         2018-03,Basic,30.00,1\n2018-03,Pro,100.00,1\n"
    );
    assert_eq!(
        place.run(&[&query[..], &["--format", "csv"]].concat()).ok(),
        "period,mrr,customers\n2018-01,150.00,2\n2018-02,230.00,3\n2018-03,130.00,2\n"
    );
    let only = ["query", "customers", "--at", "2018-02-15", "--where", "plan=Pro", "--format", "csv"];
    assert_eq!(place.run(&only).ok(), "period,customers\n2018-02,2\n");
    let table = place.run(&["query", "mrr", "--at", "2018-02-28"]).ok();
    assert_eq!(table, "period      mrr\n───────  ──────\n2018-02  230.00\n");
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["query", "mrr", "--at", "2018-02-28", "--format", "json"]).ok())
            .unwrap();
    assert_eq!(json["series"][0]["values"], serde_json::json!([230.0]));
}

#[test]
fn importing_twice_changes_nothing_and_a_corrected_file_corrects() {
    let place = Place::new();
    let file = place.write("subscriptions.csv", CHANGES);
    let import = ["import", file.as_str(), "--as", "subscription_changes", "--format", "csv"];
    place.run(&import).ok();
    let again = place.run(&import).ok();
    assert!(again.ends_with(",5,0,0,5,0\n"), "{again}");
    place.write("subscriptions.csv", CHANGES.replace("100.00", "110.00"));
    let corrected = place.run(&import).ok();
    assert!(corrected.ends_with(",5,0,1,4,0\n"), "{corrected}");
    let out = place.run(&["query", "mrr", "--at", "2018-02-28", "--format", "csv"]).ok();
    assert_eq!(out, "period,mrr\n2018-02,240.00\n");
    assert_eq!(place.value("SELECT count(*) FROM subscription_changes"), 5);
}

#[test]
fn rows_that_cannot_be_read_are_kept_and_told() {
    let place = Place::new();
    let bad = format!("{CHANGES}d,d1,not a date,active,10.00,USD,month,Basic\n");
    let file = place.write("subscriptions.csv", bad);
    let import = ["import", file.as_str(), "--as", "subscription_changes"];
    let preview = place.run(&[&import[..], &["--dry-run"]].concat()).ok();
    assert!(preview.contains("1 would be rejected") && preview.contains("line 7"), "{preview}");
    let err = place.run(&[&import[..], &["--strict"]].concat()).fails(4);
    assert!(err.contains("subscriptions.csv:7"), "{err}");
    assert_eq!(place.value("SELECT count(*) FROM subscription_changes"), 5);
    assert_eq!(place.value("SELECT count(*) FROM rejects WHERE line = 7"), 1);
}

#[test]
fn explain_and_rows_add_up() {
    let place = Place::new();
    let file = place.write("subscriptions.csv", CHANGES);
    place.run(&["import", &file, "--as", "subscription_changes"]).ok();
    let words = ["explain", "mrr", "--period", "2018-03", "--by", "plan", "--format", "json"];
    let explained: serde_json::Value = serde_json::from_str(&place.run(&words).ok()).unwrap();
    assert_eq!(explained["change"], -100.0);
    assert_eq!(explained["by"][0]["sum"], -100.0);
    let text = place.run(&["explain", "mrr", "--period", "2018-03", "--by", "plan"]).ok();
    assert!(text.contains("230.00 → 130.00"), "{text}");
    let rows = place.run(&["rows", "churn_mrr", "--period", "2018-03", "--format", "csv"]);
    let rows = if rows.code == Some(0) { rows.ok() } else { panic!("{}", rows.err) };
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.contains("subscription_changes/b/"), "{rows}");
}

#[test]
fn random_ledgers_give_the_figures_of_the_oracle() {
    for seed in 1..=3 {
        let first = date(2023, 1, 1);
        let ledger = Ledger::random(seed, 120, first, 400);
        let place = Place::new();
        let file = place.write("ledger.csv", ledger.csv());
        place.run(&["import", &file, "--as", "subscription_changes"]).ok();
        let metrics = "mrr,customers,new_mrr,expansion_mrr,contraction_mrr,churn_mrr,reactivation_mrr";
        let out =
            place.run(&["query", metrics, "--from", "2023-01", "--to", "2025-12", "--format", "csv"]).ok();
        let money = |minor: i64| format!("{}.{:02}", minor / 100, minor % 100);
        let mut expected = format!("period,{metrics}\n");
        for m in ledger.months(first, 36) {
            let flows = [m.new, m.expansion, m.contraction, m.churn, m.reactivation].map(money).join(",");
            expected.push_str(&format!("{},{},{},{flows}\n", m.label, money(m.mrr), m.customers));
        }
        assert_eq!(out, expected, "seed {seed}");
    }
}
