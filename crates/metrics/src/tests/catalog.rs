use super::*;
use crate::definition::Metric;

#[test]
fn every_page_is_right() {
    let catalog = catalog();
    assert!(catalog.metrics().count() > 50);
    for metric in catalog.metrics() {
        assert!(!metric.summary().is_empty(), "{}", metric.name);
        assert!(!metric.examples.is_empty(), "{}", metric.name);
        assert!(!metric.formula_text().is_empty());
        for language in ["en", "ru", "zh"] {
            assert!(metric.label.0.contains_key(language), "{} {language}", metric.name);
        }
        let context = context("2026-12-31T00:00:00Z");
        for example in &metric.examples {
            let query = crate::Query::from_words(&example.query, &catalog, &context);
            let query = query.unwrap_or_else(|e| panic!("{}:{}: {e}", metric.file, example.line));
            let plan = crate::plan(&catalog, &query, &context).unwrap();
            assert!(!plan.bases.is_empty());
        }
    }
}

#[test]
fn additivity_follows_from_the_type() {
    let catalog = catalog();
    for (metric, dimension, additive) in [
        ("mrr", "plan", true),
        ("customers", "plan", false),
        ("customers", "country", true),
        ("customers", "industry", true),
        ("new_customers", "plan", false),
        ("new_customers", "country", true),
        ("arpa", "country", false),
        ("net_new_mrr", "plan", true),
        ("fx_mrr", "currency", true),
        ("nrr_end_mrr", "plan", true),
        ("customers_kept", "plan", false),
        ("arr", "plan", true),
        ("customer_lifetime", "country", false),
    ] {
        assert_eq!(catalog.additive_over(metric, dimension), additive, "{metric} over {dimension}");
    }
    assert!(catalog.is_additive("customers") && !catalog.is_additive("nrr"));
}

#[test]
fn lineage() {
    let catalog = catalog();
    assert_eq!(catalog.depends_on("arpa"), ["mrr", "customers"]);
    assert!(catalog.used_by("mrr").contains(&"arpa"));
    assert_eq!(catalog.records("cac"), ["records_of_costs", "subscription_changes"]);
    assert_eq!(catalog.settings("ltv_to_cac"), ["gross_margin", "ltv_formula", "ltv_window_months"]);
    let names: Vec<String> = catalog.dimensions("cac").iter().map(|d| d.name().to_owned()).collect();
    assert_eq!(names, ["currency", "channel"]);
}

fn page(front: &str) -> String {
    format!("---\n{front}\n---\nProse.\n")
}

fn error(front: &str) -> String {
    Catalog::new(pages(), [("own/metrics/mine/x.md".to_owned(), page(front))], facts())
        .map(|_| "no error".to_owned())
        .unwrap_or_else(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

const HEAD: &str = "name: x\nlabel: X\nunit: money\n";

#[test]
fn errors_name_file_line_and_mend() {
    let e = |rest: &str| error(&format!("{HEAD}{rest}"));
    insta::assert_snapshot!(e("type: simpel"), @r#"own/metrics/mine/x.md:5: unknown type "simpel"; did you mean "simple"?; there are simple, cumulative, cohort, active, conversion, ratio, formula, model, revaluation"#);
    insta::assert_snapshot!(e("type: ratio\nnumerator: mrr\ndenominater: customers"), @r#"own/metrics/mine/x.md:7: a metric of type ratio has no field "denominater"; did you mean "denominator"?; its fields are numerator, denominator, null_reason"#);
    insta::assert_snapshot!(e("type: ratio\nnumerator: mrr\ndenominator: custmers"), @r#"own/metrics/mine/x.md:7: there is no metric "custmers"; did you mean "customers"?"#);
    insta::assert_snapshot!(e("type: simple\nfact: mrr_movement\naggregate: sum\nmeasure: amount_parts"), @r#"own/metrics/mine/x.md:6: there is no fact "mrr_movement"; did you mean "mrr_movements"?"#);
    insta::assert_snapshot!(e("type: simple\nfact: mrr_movements\naggregate: sum\nmeasure: amount_part"), @r#"own/metrics/mine/x.md:8: fact mrr_movements has no column "amount_part"; did you mean "amount_parts"?"#);
    insta::assert_snapshot!(e("type: simple\nfact: mrr_movements\naggregate: sum\nmeasure: quantity"), @r#"own/metrics/mine/x.md:4: "quantity" is no money; use a column *_parts or *_minor, or another unit"#);
    insta::assert_snapshot!(e("type: simple\nfact: mrr_movements\naggregate: sum\nmeasure: amount_parts\nfilter: plan = 'a' andd"), @r#"own/metrics/mine/x.md:9: "plan = 'a' andd" is no SQL expression: unexpected "andd""#);
    insta::assert_snapshot!(e("type: formula\nformula: x + mrr"), @"own/metrics/mine/x.md:6: the metric is computed from itself: x → x; break the circle");
    insta::assert_snapshot!(e("type: formula\nformula: opening(new_mrr)"), @"own/metrics/mine/x.md:6: opening(new_mrr) has no meaning: new_mrr is no balance; use previous(new_mrr)");
    insta::assert_snapshot!(e("type: formula\nformula: mrr * setting(gros_margin)"), @r#"own/metrics/mine/x.md:6: there is no setting "gros_margin" with a number; did you mean "gross_margin"?"#);
    let choose = |arms: &str| e(&format!("type: formula\nformula: choose({arms})"));
    insta::assert_snapshot!(choose("ltv_fomula, churn, mrr"), @r#"own/metrics/mine/x.md:6: there is no setting "ltv_fomula" to choose by; did you mean "ltv_formula"?"#);
    insta::assert_snapshot!(choose("ltv_formula, chrn, mrr"), @r#"own/metrics/mine/x.md:6: ltv_formula is never "chrn"; did you mean "churn"?"#);
    insta::assert_snapshot!(choose("pause, churn, mrr"), @"own/metrics/mine/x.md:6: pause may be keep; say what holds then");
    insta::assert_snapshot!(e("type: model\nof: mrr\ntake: low"), @"own/metrics/mine/x.md:6: mrr has no cohorts to look at; name a metric of positive_entities over a fact with first_paid_at, such as customers");
    insta::assert_snapshot!(e("type: model\nof: customers\ntake: low"), @"own/metrics/mine/x.md:4: a model counts months, not money; write unit: months");
    insta::assert_snapshot!(e("type: model\nof: customers\ntake: low\nwindow: 90 days"), @"own/metrics/mine/x.md:8: a model looks at whole months, such as 24 months");
    insta::assert_snapshot!(e("type: model\nof: customers\ntake: low\ngrain: year"), @"own/metrics/mine/x.md:8: a model is always computed by month; leave the grain out");
    insta::assert_snapshot!(e("type: cohort\nfact: mrr_movements\nmeasure: amount_parts\nentity: deal\ntake: end_amount"), @"own/metrics/mine/x.md:8: the entity of fact mrr_movements is customer, not deal");
    insta::assert_snapshot!(e("type: cumulative\nfact: mrr_movements\naggregate: sum\nmeasure: amount_parts\nwindow: a year"), @r#"own/metrics/mine/x.md:9: "a year" is no window; write period or a length such as '12 months'"#);
    insta::assert_snapshot!(error("name: x\n  label: X"), @"own/metrics/mine/x.md:3: the front matter is no YAML: mapping values are not allowed in this context at line 2 column 8");
    insta::assert_snapshot!(error("name: X y\ntype: ratio\nunit: ratio"), @r#"own/metrics/mine/x.md:2: "X y" is no name; write lower-case letters, digits and _, a letter first"#);
}

#[test]
fn odd_pages_are_errors_not_panics() {
    for text in [
        "",
        "---",
        "---\n---",
        "---\n---\n",
        "---\na",
        "\u{feff}---\n[1]\n---\n",
        "---\n1: 2\n---",
        "---\r\nname: é\r\n---\r\n",
    ] {
        assert!(Metric::parse("x.md", text).is_err(), "{text:?}");
    }
    let unclosed =
        format!("{}\n## Example\n```query\nmrr\n", page(&format!("{HEAD}type: formula\nformula: mrr")));
    insta::assert_snapshot!(Metric::parse("a/x.md", &unclosed).unwrap_err(), @"a/x.md:11: the block is not closed; end it with a line of ```");
}

#[test]
fn a_circle_and_what_leans_on_it_are_left_out() {
    let own = |name: &str, formula: &str| {
        let front = format!("name: {name}\nlabel: X\nunit: money\ntype: formula\nformula: {formula}");
        (format!("own/{name}.md"), page(&front))
    };
    let (catalog, errors) = Catalog::load(
        pages(),
        [own("a", "b + mrr"), own("b", "a"), own("c", "opening(a) + mrr"), own("d", "mrr")],
        facts(),
    );
    assert!(catalog.metric("a").is_none() && catalog.metric("c").is_none() && catalog.metric("d").is_some());
    assert_eq!(errors.len(), 3);
    insta::assert_snapshot!(errors[0], @"own/a.md:6: the metric is computed from itself: a → b → a; break the circle");
}
