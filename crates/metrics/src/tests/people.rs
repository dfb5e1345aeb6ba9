//! Active users and conversions: which windows and figures are asked for, and how they come back.

use super::engine::{Engine, Row};
use super::query::ask_at;
use super::*;
use crate::base::{Among, BaseMeasure, Dimension, Standing};
use crate::query::QueryError;
use crate::{Query, plan};

/// (fact, person, customer, channel, moment).
fn engine(rows: &[(&'static str, &str, &str, &str, &str)]) -> Engine {
    let mut engine = Engine::default();
    for (fact, person, customer, channel, at) in rows {
        let at = at.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let mut columns: std::collections::BTreeMap<&'static str, String> =
            [("person_id", (*person).to_owned()), ("channel", (*channel).to_owned())].into();
        if !customer.is_empty() {
            columns.insert("customer_id", (*customer).to_owned());
        }
        engine.facts.entry(fact).or_default().push(Row { at, columns });
    }
    engine
}

fn some_activity() -> Engine {
    engine(&[
        ("activity", "ann", "", "email", "2026-01-02T10:00:00Z"),
        ("activity", "ann", "", "email", "2026-01-30T10:00:00Z"),
        ("activity", "bob", "acme", "direct", "2026-01-25T10:00:00Z"),
        ("activity", "cat", "acme", "direct", "2026-01-31T23:59:59Z"),
        ("activity", "cat", "acme", "email", "2026-02-01T00:00:00Z"),
    ])
}

#[test]
fn windows_end_with_the_period() {
    let csv = |words| ask_at(&some_activity(), "2026-03-01T00:00:00Z", words).to_csv();
    assert_eq!(
        csv("mau,wau,dau,active_users --from 2026-01 --to 2026-02"),
        "period,mau,wau,dau,active_users\n2026-01,3,3,1,3\n2026-02,2,0,0,1\n"
    );
    assert_eq!(
        csv("wau --from 2026-01-31 --to 2026-02-01 --grain day --by channel"),
        "period,channel,wau\n2026-01-31,direct,2\n2026-01-31,email,1\n2026-02-01,direct,1\n2026-02-01,email,2\n"
    );
    assert_eq!(csv("stickiness --from 2026-01 --to 2026-01"), "period,stickiness\n2026-01,0.333333\n");
    assert_eq!(csv("active_customers --from 2026-01 --to 2026-01"), "period,active_customers\n2026-01,1\n");
}

#[test]
fn a_range_is_one_period() {
    let ask = |words| ask_at(&some_activity(), "2026-03-01T00:00:00Z", words);
    let result =
        ask("active_users,stickiness --grain range --from 2026-01-15 --to 2026-02-01 --compare previous");
    assert_eq!(
        result.to_csv(),
        "period,active_users,active_users_previous,stickiness,stickiness_previous\n\
         2026-01-15..2026-02-01,3,1,0.333333,0\n",
        "cat is one person in both months; the eighteen days before begin on 28 December"
    );
    assert_eq!((result.grain, result.left_out), ("range", 0));
    let by = ask("active_users --grain range --from 2026-01-02 --to 2026-01-31 --by channel --top 1");
    assert_eq!(by.to_csv(), "period,channel,active_users\n2026-01-02..2026-01-31,direct,2\n");
    assert_eq!((by.left_out, by.totals.len()), (1, 0));
    let months = ask("active_users --from 2026-01 --to 2026-02 --by channel --top 5");
    assert_eq!(
        months.to_csv(),
        "period,channel,active_users\n2026-01,email,1\n2026-01,direct,2\n2026-02,email,1\n2026-02,direct,0\n",
        "the largest of the last period first"
    );
    assert_eq!(
        ask("active_users --grain range --at 2026-01").to_csv().lines().last(),
        Some("2026-01-01..2026-01-31,3")
    );
}

#[test]
fn a_period_that_is_not_over_ends_with_today() {
    let result = ask_at(&some_activity(), "2026-02-01T12:00:00Z", "dau,wau --from 2026-02 --to 2026-02");
    assert_eq!(result.to_csv(), "period,dau,wau\n2026-02,1,2\n");
}

#[test]
fn the_request_of_a_rolling_figure() {
    let words: Vec<String> = "mau --from 2026-01 --to 2026-02".split(' ').map(str::to_owned).collect();
    let context = context("2026-03-01T00:00:00Z");
    let catalog = catalog();
    let query = Query::from_words(&words, &catalog, &context).unwrap();
    let planned = plan(&catalog, &query, &context).unwrap();
    let [request] = planned.bases.as_slice() else { panic!("{:#?}", planned.bases) };
    assert_eq!(request.measure, BaseMeasure::ActiveEntities);
    assert_eq!(request.entity.as_deref(), Some("person_id"));
    let days: Vec<_> = request.spans.iter().map(|s| (s.end - s.start) / 86_400_000_000).collect();
    assert_eq!(days, [30, 30]);
    assert!(request.spans[1].start < request.spans[0].end, "windows overlap");
}

fn some_trials() -> Engine {
    engine(&[
        ("trials_started", "ann", "acme", "email", "2026-01-10T10:00:00Z"),
        ("trials_started", "bob", "bolt", "email", "2026-01-11T10:00:00Z"),
        ("trials_started", "cat", "", "direct", "2026-01-12T10:00:00Z"),
        ("trials_started", "dan", "dash", "direct", "2026-02-01T10:00:00Z"),
        ("acquisitions", "", "acme", "", "2026-03-11T09:59:59Z"),
        ("acquisitions", "", "bolt", "", "2026-03-12T10:00:00Z"),
        ("acquisitions", "", "dash", "", "2026-02-01T10:00:00Z"),
    ])
}

#[test]
fn conversions_are_dated_by_the_base() {
    let csv = |words| ask_at(&some_trials(), "2026-06-01T00:00:00Z", words).to_csv();
    assert_eq!(
        csv("trial_to_paid --from 2026-01 --to 2026-03"),
        "period,trial_to_paid\n2026-01,0.333333\n2026-02,1\n2026-03,\n"
    );
    assert_eq!(
        csv("trial_to_paid --from 2026-01 --to 2026-01 --by channel"),
        "period,channel,trial_to_paid\n2026-01,direct,0\n2026-01,email,0.5\n"
    );
}

#[test]
fn cohorts_that_may_still_grow_are_named() {
    let at = |now| ask_at(&some_trials(), now, "trial_to_paid --from 2026-01 --to 2026-02").warnings;
    assert_eq!(at("2026-06-01T00:00:00Z"), Vec::<String>::new());
    let text = "trial_to_paid of 2026-02 may still grow: 60 days to convert are not over for all";
    assert_eq!(at("2026-04-15T00:00:00Z"), [text]);
    let text = "trial_to_paid of 2026-01 to 2026-02 may still grow: 60 days to convert are not over for all";
    assert_eq!(at("2026-03-01T00:00:00Z"), [text]);
}

#[test]
fn persons_add_up_over_nothing_that_is_not_theirs() {
    let catalog = catalog();
    assert!(!catalog.additive_over("mau", "channel"));
    assert!(!catalog.additive_over("mau", "partner"), "a person may act for several customers");
    assert!(catalog.additive_over("events", "channel"));
    assert!(!catalog.additive_over("trial_to_paid", "channel"));
    assert!(catalog.divisible("mau", "partner", &[]) && catalog.divisible("mau", "country", &[]));
}

#[test]
fn wrong_pages_say_what_is_wrong() {
    let wrong = |fields: &str| {
        let page = format!("---\nname: x\n{fields}\nunit: count\n---\nText.\n");
        Catalog::new([("m/own/x.md".to_owned(), page)], [], facts()).unwrap_err()[0].to_string()
    };
    assert_eq!(
        wrong("type: active\nfact: cash\nentity: person"),
        "m/own/x.md:5: fact cash has no column person_id, so its persons cannot be counted"
    );
    assert_eq!(
        wrong("type: conversion\nfact: visits\nentity: person\ntarget: cash\nwindow: 3 days\ntake: rate"),
        "m/own/x.md:2: fact cash has no column \"person_id\""
    );
    assert_eq!(
        wrong("type: conversion\nfact: visits\nentity: person\ntarget: signup\nwindow: 3 days\ntake: rate"),
        "m/own/x.md:6: there is no fact \"signup\"; did you mean \"signups\"?"
    );
    assert_eq!(
        wrong(
            "type: conversion\nfact: visits\nentity: person\ntarget: signups\nwindow: 2 months\ntake: rate"
        ),
        "m/own/x.md:7: the window of a conversion is a number of days, such as 30 days"
    );
}

#[test]
fn properties_of_events_and_persons_are_asked_for_by_name() {
    let (catalog, mut context) = (catalog(), context("2026-03-01T00:00:00Z"));
    let ask = |words: &str, context: &crate::query::Context| {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let query = Query::from_words(&words, &catalog, context)?;
        plan(&catalog, &query, context).map(|plan| plan.bases[0].clone())
    };
    let error = |words: &str, context: &crate::query::Context| ask(words, context).unwrap_err();
    let asked = ask("page_views --by event.kind,event.path --where properties.kind=pdf", &context).unwrap();
    let kind = Dimension::Property { name: "event.kind".into() };
    let path = Dimension::Fact { column: "path".into(), of_entity: false };
    assert_eq!(asked.by, [kind.clone(), path]);
    assert_eq!((&asked.filters[0].dimension, kind.property()), (&kind, Some("kind")));
    assert!(!kind.of_entity() && !catalog.additive_over("page_viewers", "event.kind"));
    assert!(catalog.additive_over("page_views", "event.kind") && catalog.has_properties("bounce_rate"));
    // The customer's country is not that of the event.
    let asked =
        ask("page_views --by customer.country,country,customer.industry,customer.plan", &context).unwrap();
    let [of_customer, of_event, industry, plan_then] = &asked.by[..] else { panic!("{:?}", asked.by) };
    assert_eq!(*of_customer, Dimension::Customer { column: "country".into() });
    assert_eq!(*of_event, Dimension::Fact { column: "country".into(), of_entity: false });
    assert_eq!(*industry, Dimension::Attribute { key: "industry".into() });
    assert_eq!(*plan_then, Dimension::Standing { of: Standing::Plan });
    // What is no property: the whole of them, an empty name, a column that the fact has not, a fact without events.
    for wrong in
        ["events --by properties", "events --by event.", "events --by event.title", "mrr --by event.kind"]
    {
        assert!(matches!(error(wrong, &context), QueryError::Dimension { .. }), "{wrong}");
    }
    let text = error("events --by knid", &context).to_string();
    assert!(text.ends_with(", and event.NAME for any property of the event"), "{text}");
    assert!(!error("mrr --by knid", &context).to_string().contains("event.NAME"));

    // Persons are found by whoever knows them; a query cannot be planned without.
    let text = error("mrr --where did=signup", &context).to_string();
    assert_eq!(text, "mrr: the persons of the condition on did are not known");
    let filter = crate::query::QueryFilter::parse("did!=signup").unwrap();
    let who = Among { text: "did:signup".into(), persons: [5].into(), customers: ["acme".to_owned()].into() };
    context.among = vec![(filter, std::sync::Arc::new(who.clone()))];
    let asked = ask("mrr --where did!=signup", &context).unwrap();
    assert_eq!(
        (&asked.filters[0].dimension, asked.filters[0].negated),
        (&Dimension::Among { who: who.into() }, true)
    );
    let text = error("costs --where did!=signup", &context).to_string();
    assert!(text.starts_with("costs belongs to no person and no customer"), "{text}");
    assert!(matches!(error("mrr --by did", &context), QueryError::Dimension { .. }));
}
