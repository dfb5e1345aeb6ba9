//! Metrics over events: the hot columns and SQL against plain counting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use burgeon_core::behaviour::meaning::Meanings;
use burgeon_core::currency::Currency;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::{FixedClock, Zone};
use burgeon_engine::{Engine, EngineOptions, FactFile};
use burgeon_metrics::base::{
    Aggregate, Among, BaseMeasure, BaseRequest, BaseSeries, ConversionTake, Dimension, Filter, Span, Target,
};

use super::*;

const DAY: i64 = 86_400_000_000;
const MEANINGS: &str = "[active]\nsteps = [\"*\"]\n[signup]\nsteps = [\"signup\", \"click[plan=1]\"]\n\
    [page_view]\nsteps = [\"page_view\"]\n\
    [often]\nsteps = [\"page_view\", \"click\"]\nat_least = 2\nwithin = \"1d\"\n\
    [much]\nsteps = [\"page_view\", \"click\"]\nat_least = 3\n";

/// A fact of the events of a meaning.
fn fact(name: &str, meaning: &str) -> FactFile {
    let condition = if meaning == "*" { "TRUE".to_owned() } else { format!("means('{meaning}')") };
    let text = format!(
        "-- Events.\n-- entity: person\n-- time: at\n-- records: events\n-- meaning: {meaning}\n\
         SELECT person_id, customer_id, at, event, event_id, path, properties FROM events WHERE {condition}"
    );
    FactFile::parse(name, &text).expect("a fact")
}

/// All events, without a word about what they mean: questions about it are read.
fn unknown() -> FactFile {
    let text = "-- Events.\n-- entity: person\n-- time: at\n-- records: events\n\
        SELECT person_id, customer_id, at, event, event_id, path, properties FROM events";
    FactFile::parse("unknown", text).expect("a fact")
}

async fn engine(lake: &Lake, now: i64) -> Engine {
    let now = jiff::Timestamp::from_microsecond(now).expect("in range");
    let mut facts: Vec<FactFile> =
        ["active", "signup", "often", "much"].map(|name| fact(&format!("of_{name}"), name)).into();
    facts.push(unknown());
    facts.push(fact("all", "*"));
    let visits = include_str!("../../../../../definitions/facts/visits.sql");
    facts.push(FactFile::parse("visits", visits).expect("a fact"));
    // The same without a word about where they come from: questions about it are read.
    facts
        .push(FactFile::parse("visits_read", &visits.replace("-- fold: visits_fold\n", "")).expect("a fact"));
    let clock = Arc::new(FixedClock(now));
    let rules = RevenueRules::default();
    let mut options = EngineOptions::new(Zone::utc(), Currency::USD, rules, clock, facts);
    options.macros.meanings = Meanings::parse(MEANINGS, "meanings.toml").expect("meanings");
    Engine::new(Arc::new(lake.clone()), options).await.expect("an engine")
}

fn column(name: &str) -> Dimension {
    Dimension::Fact { column: name.into(), of_entity: false }
}

fn property(key: &str) -> Dimension {
    Dimension::Property { name: format!("event.{key}") }
}

/// The value of a key in the properties of [`events`], which hold numbers and texts without a quote in them.
fn value(one: &Event, key: &str) -> Option<String> {
    let (_, rest) = one.properties.as_ref()?.split_once(&format!("\"{key}\":"))?;
    Some(rest.split([',', '}']).next()?.trim_matches('"').to_owned())
}

fn request(fact: &str, measure: BaseMeasure, spans: Vec<Span>) -> BaseRequest {
    BaseRequest {
        fact: fact.into(),
        time: "at".into(),
        entity: Some("person_id".into()),
        measure,
        filter: None,
        filters: vec![],
        by: vec![],
        spans,
        cut_off: i64::MAX,
        money: None,
    }
}

/// Windows of `length` days that end with each of some days.
fn windows(length: i64, days: std::ops::Range<i64>) -> Vec<Span> {
    days.map(|day| Span { start: (day + 1 - length) * DAY, end: (day + 1) * DAY }).collect()
}

fn shown(series: BaseSeries) -> BTreeMap<(usize, Vec<Option<String>>), i128> {
    let mut out = BTreeMap::new();
    for row in series.rows {
        *out.entry((row.span, row.dims)).or_default() += row.value;
    }
    out.retain(|_, value| *value != 0);
    out
}

/// Events of forty days: persons come back after hours or weeks, sometimes twice at the same moment.
fn forty_days() -> Vec<Event> {
    let mut all = events(600);
    for (i, one) in all.iter_mut().enumerate() {
        let i = i as i64;
        one.at = (i * 7919 % 40) * DAY + (i * 104_729 % 24) * 3_600_000_000;
        one.customer = (i % 5 < 2).then(|| format!("c{}", i % 4));
    }
    all
}

fn has(one: &Event, meaning: &str) -> bool {
    let plan =
        |value: &str| one.properties.as_ref().is_some_and(|p| p.contains(&format!("\"plan\":\"{value}\"")));
    match meaning {
        "active" => true,
        "signup" => one.event == "signup" || (one.event == "click" && plan("1")),
        _ => one.event == "page_view" || one.event == "click",
    }
}

/// Counted one person, group and span at a time.
fn plain(
    all: &[Event],
    meaning: &str,
    spans: &[Span],
    by: &dyn Fn(&Event) -> Vec<Option<String>>,
    keep: &dyn Fn(&Event) -> bool,
) -> BTreeMap<(usize, Vec<Option<String>>), i128> {
    let mut times: BTreeMap<(Vec<Option<String>>, &str), Vec<i64>> = BTreeMap::new();
    for one in all.iter().filter(|one| has(one, meaning) && keep(one)) {
        times.entry((by(one), &one.who)).or_default().push(one.at);
    }
    let mut out = BTreeMap::new();
    for ((group, _), mut times) in times {
        times.sort_unstable();
        for (i, span) in spans.iter().enumerate() {
            let inside = |at: i64| span.start <= at && at < span.end;
            let active = match meaning {
                "often" => times.windows(2).any(|pair| pair[1] - pair[0] <= DAY && inside(pair[1])),
                "much" => times.iter().filter(|at| inside(**at)).count() >= 3,
                _ => times.iter().any(|at| inside(*at)),
            };
            if active {
                *out.entry((i, group.clone())).or_default() += 1;
            }
        }
    }
    out
}

#[tokio::test]
async fn the_hot_columns_and_sql_count_the_same_persons() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let all = forty_days();
    lake.append("events", batch(&all[..400])).await.expect("appends");
    lake.flush().await.expect("flushes");
    lake.append("events", batch(&all[400..])).await.expect("appends");
    let engine = engine(&lake, 50 * DAY).await;
    let months = vec![Span { start: 0, end: 15 * DAY }, Span { start: 15 * DAY, end: 50 * DAY }];
    let path = |one: &Event| vec![one.path.clone()];
    let event = |one: &Event| vec![Some(one.event.clone())];
    let seats = |one: &Event| vec![value(one, "seats")];
    let several = |one: &Event| vec![one.path.clone(), Some(one.event.clone()), value(one, "plan")];
    let none = |_: &Event| vec![];
    for meaning in ["active", "signup", "often", "much"] {
        for spans in [windows(1, 0..41), windows(7, 3..45), windows(30, 10..12), months.clone()] {
            for (by, of) in [
                (vec![], &none as &dyn Fn(&Event) -> Vec<Option<String>>),
                (vec![column("path")], &path),
                (vec![column("event")], &event),
                (vec![property("seats")], &seats),
                (vec![column("path"), column("event"), property("plan")], &several),
            ] {
                for negated in [None, Some(false), Some(true)] {
                    let mut asked =
                        request(&format!("of_{meaning}"), BaseMeasure::ActiveEntities, spans.clone());
                    asked.by = by.clone();
                    asked.cut_off = 33 * DAY + 1;
                    asked.filters = negated
                        .map(|negated| Filter {
                            dimension: column("path"),
                            negated,
                            values: vec!["/2".into(), String::new()],
                        })
                        .into_iter()
                        .collect();
                    let keep = |one: &Event| {
                        let listed = one.path.is_none() || one.path.as_deref() == Some("/2");
                        one.at < asked.cut_off && negated.is_none_or(|negated| listed != negated)
                    };
                    let expected = plain(&all, meaning, &spans, of, &keep);
                    let what = format!("{meaning} {by:?} {negated:?} {:?}", spans.first());
                    let hot = engine.run_actives(&asked, true).await.expect("an answer");
                    assert_eq!(shown(hot.expect("the columns are hot")), expected, "hot: {what}");
                    let read = engine.run_actives(&asked, false).await.expect("an answer");
                    assert_eq!(shown(read.expect("always")), expected, "read: {what}");
                    assert_eq!(shown(engine.run(&asked).await.expect("an answer")), expected);
                    if by.is_empty() {
                        let people = engine.people_behind(&asked).await.expect("people");
                        let last = expected.get(&(spans.len() - 1, vec![])).copied().unwrap_or(0);
                        assert_eq!(people.len() as i128, last, "people: {what}");
                    }
                }
            }
        }
    }
}

/// Each way of asking against plain counting: hot columns and SQL, of persons, of rows, divided by a column or a property,
/// filtered by a property, among some persons.
#[tokio::test]
async fn properties_and_persons_found_before_divide_and_filter() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let mut all = forty_days();
    all[8].properties = Some("{\"plan\":\"\",\"seats\":null}".into()); // no value
    lake.append("events", batch(&all[..400])).await.expect("appends");
    lake.flush().await.expect("flushes");
    lake.append("events", batch(&all[400..])).await.expect("appends");
    let engine = engine(&lake, 50 * DAY).await;
    let plan = |one: &Event| value(one, "plan").filter(|plan| !plan.is_empty());
    // Every third person, by number.
    let store = lake.events();
    let mut bits = vec![0_u64; 4];
    let chosen: BTreeSet<&str> =
        all.iter().map(|one| one.who.as_str()).filter(|who| who.ends_with(['0', '3'])).collect();
    for who in &chosen {
        let person = store.snapshot().person(who).expect("known") as usize;
        bits[person / 64] |= 1 << (person % 64);
    }
    let who = Arc::new(Among { text: "did:it".into(), persons: bits.into(), customers: Arc::from([]) });
    let spans = vec![Span { start: 5 * DAY, end: 20 * DAY }, Span { start: 20 * DAY, end: 31 * DAY }];
    let path = |one: &Event| vec![one.path.clone()];
    let by_plan = |one: &Event| vec![plan(one)];
    let by_both = |one: &Event| vec![plan(one), one.path.clone()];
    let none = |_: &Event| vec![];
    let mut found = 0;
    for fact in ["all", "of_signup", "unknown"] {
        let meaning = if fact == "of_signup" { "signup" } else { "active" };
        for (by, of) in [
            (vec![], &none as &dyn Fn(&Event) -> Vec<Option<String>>),
            (vec![column("path")], &path),
            (vec![property("plan")], &by_plan),
            (vec![property("plan"), column("path")], &by_both),
        ] {
            for (values, negated) in [(vec!["1", "2"], false), (vec!["1"], true), (vec!["", "0"], false)] {
                for among in [None, Some(false), Some(true)] {
                    let mut asked = request(fact, BaseMeasure::ActiveEntities, spans.clone());
                    (asked.by, asked.cut_off) = (by.clone(), 30 * DAY + 1);
                    asked.filters.push(Filter {
                        dimension: property("plan"),
                        negated,
                        values: values.iter().map(|value| (*value).to_owned()).collect(),
                    });
                    asked.filters.extend(among.map(|negated| Filter {
                        dimension: Dimension::Among { who: who.clone() },
                        negated,
                        values: vec!["true".into()],
                    }));
                    let keep = |one: &Event| {
                        let listed = values.contains(&plan(one).as_deref().unwrap_or_default());
                        let chosen = among.is_none_or(|negated| chosen.contains(one.who.as_str()) != negated);
                        listed != negated && chosen && one.at < asked.cut_off
                    };
                    let what = format!("{fact} {by:?} {values:?} {negated} {among:?}");
                    let persons = plain(&all, meaning, &spans, of, &keep);
                    found += persons.len();
                    let hot = engine.run_actives(&asked, true).await.expect("an answer");
                    assert_eq!(hot.is_some(), fact != "unknown", "{what}");
                    assert_eq!(
                        shown(engine.run(&asked).await.expect("an answer")),
                        persons,
                        "persons: {what}"
                    );
                    let read = engine.run_actives(&asked, false).await.expect("an answer");
                    assert_eq!(shown(read.expect("always")), persons, "read: {what}");
                    // Rows, and the rows themselves.
                    asked.measure = BaseMeasure::Aggregate { function: Aggregate::Count, expr: None };
                    let mut rows: BTreeMap<_, i128> = BTreeMap::new();
                    for one in all.iter().filter(|one| has(one, meaning) && keep(one)) {
                        if let Some(span) = spans.iter().position(|s| s.start <= one.at && one.at < s.end) {
                            *rows.entry((span, of(one))).or_default() += 1;
                        }
                    }
                    assert_eq!(shown(engine.run(&asked).await.expect("an answer")), rows, "rows: {what}");
                    let behind = engine.rows(&asked, 1, 0).await.expect("rows").total;
                    assert_eq!(behind as i128, rows.values().sum::<i128>(), "rows behind: {what}");
                }
            }
        }
    }
    assert!(found > 100, "the plain counting found next to nothing");
}

#[tokio::test]
async fn customers_and_windows_of_any_length_are_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let all = forty_days();
    lake.append("events", batch(&all)).await.expect("appends");
    let engine = engine(&lake, 50 * DAY).await;
    let spans = vec![
        Span { start: 0, end: 10 * DAY },
        Span { start: 3 * DAY, end: 20 * DAY },
        Span { start: 3 * DAY, end: 33 * DAY },
    ];
    let mut asked = request("of_active", BaseMeasure::ActiveEntities, spans.clone());
    assert!(engine.run_actives(&asked, true).await.expect("plans").is_none(), "not of one length");
    let expected = plain(&all, "active", &spans, &|_| vec![], &|_| true);
    assert_eq!(shown(engine.run(&asked).await.expect("an answer")), expected);
    // Customers: a person's events that name none are those of the customer that the person's others name.
    asked.entity = Some("customer_id".into());
    let mut customers: BTreeMap<usize, BTreeSet<&String>> = BTreeMap::new();
    for one in &all {
        for (i, span) in spans.iter().enumerate() {
            if let Some(customer) = customer(&all, one)
                && span.start <= one.at
                && one.at < span.end
            {
                customers.entry(i).or_default().insert(customer);
            }
        }
    }
    let expected: BTreeMap<_, _> =
        customers.into_iter().map(|(i, all)| ((i, vec![]), all.len() as i128)).collect();
    assert_eq!(shown(engine.run(&asked).await.expect("an answer")), expected);
}

#[tokio::test]
async fn merged_persons_are_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let all = [event("1", "a", "anon", 1), event("2", "a", "ann", 2), event("3", "a", "bob", 3)];
    lake.append("events", batch(&all)).await.expect("appends");
    let engine = engine(&lake, 50 * DAY).await;
    let asked = request("of_active", BaseMeasure::ActiveEntities, windows(1, 0..1));
    let counted = |series: Option<BaseSeries>| shown(series.expect("an answer"))[&(0, vec![])];
    for (link, persons) in [(false, 3), (true, 2)] {
        if link {
            lake.append("identity_links", links(&[("anon", "ann", "identify", 5, false)]))
                .await
                .expect("links");
        }
        assert_eq!(counted(engine.run_actives(&asked, true).await.expect("hot")), persons);
        assert_eq!(counted(engine.run_actives(&asked, false).await.expect("read")), persons);
    }
}

/// The customer that an event names, else the newest event of the person that names one; of one time the later name.
fn customer<'a>(all: &'a [Event], one: &'a Event) -> Option<&'a String> {
    let others = all.iter().filter(|other| other.who == one.who && other.customer.is_some());
    one.customer.as_ref().or(others.max_by_key(|other| (other.at, &other.customer))?.customer.as_ref())
}

#[tokio::test]
async fn conversions_as_counted_by_hand_and_plainly() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let all = forty_days();
    lake.append("events", batch(&all)).await.expect("appends");
    let engine = engine(&lake, 50 * DAY).await;
    let spans = vec![Span { start: 0, end: 15 * DAY }, Span { start: 15 * DAY, end: 30 * DAY }];
    for (link, after, window) in
        [("person_id", 0, 3 * DAY), ("person_id", 2 * DAY, 9 * DAY), ("customer_id", 0, 2 * DAY)]
    {
        for by in [vec![], vec![column("path")]] {
            let ask = |take| {
                let target = Target { fact: "of_signup".into(), time: "at".into(), filter: None };
                let (link, after_us, window_us) = (link.into(), after, window);
                let measure = BaseMeasure::Conversion { target, link, after_us, window_us, take };
                let mut asked = request("of_active", measure, spans.clone());
                asked.filter = Some("event = 'page_view'".into());
                asked.by = by.clone();
                asked.cut_off = 25 * DAY;
                asked
            };
            let three = [ConversionTake::Base, ConversionTake::Converted, ConversionTake::Time].map(ask);
            let answers = engine.run_all(&three).await.expect("answers");
            // The earliest base row that was converted, and how long it took.
            let mut met: BTreeMap<_, Option<(i64, i64)>> = BTreeMap::new();
            for one in all.iter().filter(|one| one.event == "page_view" && one.at < 25 * DAY) {
                let Some(span) = spans.iter().position(|s| s.start <= one.at && one.at < s.end) else {
                    continue;
                };
                let group = by.iter().map(|_| one.path.clone()).collect::<Vec<_>>();
                let follows = all.iter().filter(|to| {
                    let linked = match link {
                        "person_id" => to.who == one.who,
                        _ => customer(&all, one).is_some_and(|mine| customer(&all, to) == Some(mine)),
                    };
                    linked
                        && has(to, "signup")
                        && to.at < 25 * DAY
                        && to.at >= one.at + after
                        && to.at < one.at + window
                });
                let wait = follows.map(|to| to.at - one.at).min();
                let known = met.entry((span, group, &one.who)).or_default();
                *known = known.iter().copied().chain(wait.map(|wait| (one.at, wait))).min();
            }
            let (mut base, mut converted, mut time) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            for ((span, group, _), yes) in met {
                *base.entry((span, group.clone())).or_insert(0) += 1;
                if let Some((_, wait)) = yes {
                    *converted.entry((span, group.clone())).or_insert(0) += 1;
                    *time.entry((span, group)).or_insert(0) += i128::from(wait);
                }
            }
            time.retain(|_, wait| *wait > 0);
            assert!(converted.values().sum::<i128>() > 0, "nothing to see");
            let mut answers = answers.into_iter();
            assert_eq!(shown(answers.next().expect("base")), base);
            assert_eq!(shown(answers.next().expect("converted")), converted);
            assert_eq!(shown(answers.next().expect("time")), time);
            // The people of the first span are those who are counted there.
            let mut converted_there = ask(ConversionTake::Converted);
            (converted_there.spans, converted_there.by) = (vec![spans[0]], vec![]);
            let counted = shown(engine.run(&converted_there).await.expect("an answer"));
            let people = engine.people_behind(&converted_there).await.expect("people");
            assert_eq!(people.len() as i128, counted.values().sum::<i128>());
        }
    }
}

/// What the hot columns say of visits is what the fold says, which a test beside holds against a plain walk.
#[tokio::test]
async fn visits_of_the_hot_columns_are_those_of_the_fold() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let mut all = events(900);
    for (i, one) in all.iter_mut().enumerate() {
        let n = i as i64;
        one.at = (n * 7919 % 9_001) * 601_000_000 + n; // no two at one moment
        one.event =
            ["page_view", "page_leave", "engagement", "click", "signup"][(n * 31 % 5) as usize].into();
        one.customer = (i % 5 < 2).then(|| format!("c{}", i % 4));
    }
    lake.append("events", batch(&all[..500])).await.expect("appends");
    lake.flush().await.expect("flushes");
    lake.append("events", batch(&all[500..])).await.expect("appends");
    let link: Vec<(String, String)> =
        (0..20).map(|k| (format!("p{k:03}"), format!("p{:03}", k + 90))).collect();
    let linked: Vec<(&str, &str, &str, i64, bool)> =
        link.iter().map(|(from, to)| (from.as_str(), to.as_str(), "identify", 5, false)).collect();
    lake.append("identity_links", links(&linked)).await.expect("links");
    let engine = engine(&lake, 70 * DAY).await;
    let persons = lake.events().snapshot().persons().len();
    let bits: Vec<u64> = vec![0x5555_3333_0f0f_1234; persons.div_ceil(64)];
    let who = Arc::new(Among { text: "did:it".into(), persons: bits.into(), customers: Arc::from([]) });
    let among = |negated| Filter {
        dimension: Dimension::Among { who: who.clone() },
        negated,
        values: vec!["true".into()],
    };
    let listed = |dimension: Dimension, values: &[&str], negated| Filter {
        dimension,
        negated,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let conversion = |take| BaseMeasure::Conversion {
        target: Target { fact: "of_signup".into(), time: "at".into(), filter: None },
        link: "person_id".into(),
        after_us: 0,
        window_us: 3 * DAY,
        take,
    };
    let sum = |expr: &str| BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some(expr.into()) };
    let measures = [
        BaseMeasure::Aggregate { function: Aggregate::Count, expr: None },
        BaseMeasure::Aggregate { function: Aggregate::Count, expr: Some("seconds".into()) },
        sum("pages"),
        sum("seconds"),
        BaseMeasure::ActiveEntities,
        conversion(ConversionTake::Base),
        conversion(ConversionTake::Converted),
        conversion(ConversionTake::Time),
    ];
    let spans = vec![Span { start: 4 * DAY, end: 20 * DAY }, Span { start: 20 * DAY, end: 50 * DAY }];
    let compared = |asked: BaseRequest| {
        let engine = &engine;
        async move {
            let read = BaseRequest { fact: "visits_read".into(), ..asked.clone() };
            let what = format!("{asked:?}");
            let answers = engine.run_all(&[asked, read]).await.expect("answers");
            let [hot, read] = <[BaseSeries; 2]>::try_from(answers).expect("two").map(shown);
            assert_eq!(hot, read, "{what}");
            hot.len()
        }
    };
    let mut seen = 0;
    for measure in &measures {
        for by in [
            vec![],
            vec![column("path")],
            vec![property("plan")],
            vec![column("path"), property("plan"), column("channel")],
        ] {
            for filter in [None, Some("bounced"), Some("NOT is_returning"), Some("path = '/2'")] {
                for filters in [
                    vec![],
                    vec![among(false), listed(column("path"), &["/2", "/0"], false)],
                    vec![among(true), listed(column("path"), &["/4", ""], true)],
                    vec![listed(property("plan"), &["", "1"], false)],
                ] {
                    let mut asked = request("visits", measure.clone(), spans.clone());
                    asked.cut_off = 40 * DAY;
                    (asked.by, asked.filter, asked.filters) =
                        (by.clone(), filter.map(str::to_owned), filters);
                    assert!(engine.is_hot(&asked).expect("a fact"), "{asked:?}");
                    seen += compared(asked).await;
                }
            }
        }
    }
    assert!(seen > 500, "there is next to nothing to see: {seen}");

    // What came since; then two page views of one person at one moment, of which the fold knows the first.
    let mut more =
        [event("m1", "page_view", "p050", 30 * DAY), event("m2", "page_view", "p050", 30 * DAY + 1)];
    for at in [30 * DAY + 1, 30 * DAY] {
        more[1].at = at;
        more[1].id = format!("m{at}");
        (more[0].path, more[1].path) = (Some("/b".into()), Some("/a".into()));
        lake.append("events", batch(&more)).await.expect("appends");
        for by in [vec![], vec![column("path")], vec![column("path"), column("channel")]] {
            let mut asked = request("visits", measures[0].clone(), spans.clone());
            asked.by = by;
            assert!(compared(asked).await > 0);
        }
    }
}

/// (person, began, path of the first page, pages, seconds, bounced, returning)
type Visit = (String, i64, Option<String>, i64, i64, bool, bool);

#[tokio::test]
async fn visits_are_those_of_a_walk_through_each_person() {
    let dir = tempfile::tempdir().expect("a folder");
    let lake = open(dir.path()).await;
    let mut all = events(1200);
    for (i, one) in all.iter_mut().enumerate() {
        let i = i as i64;
        one.at = (i * 7919 % 97) * 607_000_000; // 10 minutes and 7 seconds
        one.event = ["page_view", "page_leave", "engagement", "click"][(i * 31 % 4) as usize].into();
        // Identifiers of the runs lie apart, overlap, and lie everywhere.
        one.who = match i {
            0..400 => format!("p{:03}", i * 7 % 60),
            400..800 => format!("p{:03}", 40 + i * 7 % 80),
            _ => format!("p{:03}", i * 7 % 160),
        };
    }
    for (part, flushed) in [(0..400, true), (400..800, true), (800..1000, true), (1000..1200, false)] {
        lake.append("events", batch(&all[part])).await.expect("appends");
        if flushed {
            lake.flush().await.expect("flushes");
        }
    }
    // Every fifth person has a second identifier, from another run or the same.
    let second = |k: i64| k % 5 == 0 && k + 103 < 160;
    let names: Vec<(String, String)> =
        (0..160).filter(|k| second(*k)).map(|k| (format!("p{k:03}"), format!("p{:03}", k + 103))).collect();
    let linked: Vec<(&str, &str, &str, i64, bool)> =
        names.iter().map(|(from, to)| (from.as_str(), to.as_str(), "identify", 5, false)).collect();
    lake.append("identity_links", links(&linked)).await.expect("links");
    let person = |who: &str| {
        let link = names.iter().find(|(from, _)| from == who);
        link.map_or_else(|| who.to_owned(), |(_, to)| to.clone())
    };
    let engine = engine(&lake, 50 * DAY).await;
    let sql = "SELECT person_id, CAST(at AS BIGINT), path, pages, seconds, bounced, is_returning FROM visits";
    let limits = burgeon_engine::plan::sql::SqlLimits { rows: 100_000, ..Default::default() };
    let got = engine.sql(sql, limits).await.expect("visits");
    let mut seen: Vec<Visit> = Vec::new();
    for batch in &got.batches {
        let cell = |column: usize, row: usize| {
            let array = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8View)
                .expect("text");
            let texts = array.as_string_view();
            texts.is_valid(row).then(|| texts.value(row).to_owned())
        };
        for row in 0..batch.num_rows() {
            let number = |column| cell(column, row).and_then(|text| text.parse().ok()).expect("a number");
            let truth = |column| cell(column, row).as_deref() == Some("true");
            let person = cell(0, row).expect("a person");
            seen.push((person, number(1), cell(2, row), number(3), number(4), truth(5), truth(6)));
        }
    }
    seen.sort();

    // Of one time: by arrival, then by the identifier that was seen first.
    let arrival = |i: usize| if i < 800 { i / 400 } else { i / 200 };
    let mut sight: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, one) in all.iter().enumerate() {
        sight.entry(&one.who).or_insert(i);
    }
    let mut by_person: BTreeMap<String, Vec<(usize, &Event)>> = BTreeMap::new();
    for (i, one) in all.iter().enumerate().filter(|(_, one)| one.event != "click" || one.path.is_some()) {
        by_person.entry(person(&one.who)).or_default().push((i, one));
    }
    let mut expected: Vec<Visit> = Vec::new();
    for (person, mut rows) in by_person {
        rows.sort_by_key(|(i, one)| (one.at, arrival(*i), sight[one.who.as_str()], *i));
        let rows: Vec<&Event> = rows.into_iter().map(|(_, one)| one).collect();
        let mut before = false;
        for visit in rows.chunk_by(|a, b| b.at - a.at <= 1_800_000_000) {
            let views: Vec<_> = visit.iter().filter(|one| one.event == "page_view").collect();
            let Some(first) = views.first() else { continue };
            let clicks = visit.iter().filter(|one| one.event == "click").count();
            let seconds = (visit[visit.len() - 1].at - visit[0].at) / 1_000_000;
            let bounced = views.len() == 1 && clicks == 0;
            expected.push((
                person.clone(),
                visit[0].at,
                first.path.clone(),
                views.len() as i64,
                seconds,
                bounced,
                before,
            ));
            before = true;
        }
    }
    expected.sort();
    assert!(expected.len() > 50 && expected.iter().any(|visit| visit.5 && visit.6));
    assert_eq!(seen, expected);

    // One person's visits are found without reading the others'.
    let one = &names[3].1;
    let sql = format!("SELECT count(*) AS n FROM visits WHERE person_id = '{one}'");
    let got = engine.sql(&sql, limits).await.expect("a count");
    let counted = got.batches[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0);
    assert_eq!(counted as usize, expected.iter().filter(|visit| visit.0 == *one).count());
}
