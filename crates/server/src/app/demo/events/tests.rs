//! Events are the same for the same seed, as many as were asked for, and fit what the billing says.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use burgeon_core::records::{arrow_schema, content_schema, table};

use super::super::world::World;
use super::super::{Demo, Live};
use super::*;

fn options(customers: u64) -> DemoOptions {
    let now = "2026-03-15T12:00:00Z".parse().unwrap();
    DemoOptions { customers, ..DemoOptions::new(7, now) }
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<String> {
    let arrays = batches.iter().filter_map(|batch| batch.column_by_name(column));
    arrays
        .flat_map(|array| {
            array.as_string_view().iter().map(|text| text.unwrap_or("").to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

fn instants(batches: &[RecordBatch], column: &str) -> Vec<i64> {
    let arrays = batches.iter().filter_map(|batch| batch.column_by_name(column));
    arrays.flat_map(|array| array.as_primitive::<TimestampMicrosecondType>().values().to_vec()).collect()
}

/// An event, as far as tests look at it.
struct Row {
    event: String,
    who: String,
    at: i64,
    customer: String,
    channel: String,
    properties: String,
}

struct Drawn {
    persons: Vec<RecordBatch>,
    links: Vec<RecordBatch>,
    events: Vec<RecordBatch>,
    rows: Vec<Row>,
}

fn draw(options: DemoOptions, events: u64) -> Drawn {
    let mut tables: BTreeMap<&str, Vec<RecordBatch>> = BTreeMap::new();
    for (table, batch) in DemoEvents::new(options, events) {
        tables.entry(table.name).or_default().push(batch);
    }
    let mut take = |name: &str| tables.remove(name).unwrap_or_default();
    let (persons, links, events) = (take("persons"), take("identity_links"), take("events"));
    let columns =
        ["event", "distinct_id", "customer_id", "channel", "properties"].map(|name| texts(&events, name));
    let [names, who, customers, channels, properties] = columns;
    let rows =
        names.into_iter().zip(who).zip(instants(&events, "at")).zip(customers).zip(channels).zip(properties);
    let rows = rows.map(|(((((event, who), at), customer), channel), properties)| Row {
        event,
        who,
        at,
        customer,
        channel,
        properties,
    });
    Drawn { persons, links, rows: rows.collect(), events }
}

/// A column of one of the company's billing tables, by customer.
fn billing(options: DemoOptions, name: &str) -> Vec<RecordBatch> {
    Demo::only(options, &[name]).map(|(_, batch)| batch).collect()
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_seed_others() {
    let one: Vec<_> = DemoEvents::new(options(60), 9_000).collect();
    let again: Vec<_> = DemoEvents::new(options(60), 9_000).collect();
    assert_eq!(one.len(), again.len());
    assert!(one.iter().zip(&again).all(|(a, b)| a.0.name == b.0.name && a.1 == b.1));
    let other: Vec<_> = DemoEvents::new(DemoOptions { seed: 8, ..options(60) }, 9_000).collect();
    assert!(one.iter().zip(&other).any(|(a, b)| a.1 != b.1));
}

#[test]
fn there_are_as_many_as_were_asked_for_and_they_have_the_stored_shape() {
    for wanted in [0, 1, 700, 40_000, 250_000] {
        let drawn = draw(options(200), wanted);
        assert_eq!(drawn.rows.len() as u64, wanted);
        for batch in &drawn.events {
            let own = content_schema(table("events").unwrap());
            assert_eq!(batch.schema().fields()[..own.fields().len()], own.fields()[..]);
            assert_eq!(batch.schema().fields().last().unwrap().name(), "_source");
            for column in table("events").unwrap().columns.iter().filter(|column| column.required) {
                assert_eq!(batch.column_by_name(column.name).unwrap().null_count(), 0, "{}", column.name);
            }
            assert!(batch.num_rows() < 4 * BATCH_ROWS || wanted == 250_000);
        }
        for (name, batches) in [("persons", &drawn.persons), ("identity_links", &drawn.links)] {
            assert!(batches.iter().all(|batch| batch.schema() == arrow_schema(table(name).unwrap())));
        }
        let ids: HashSet<_> = texts(&drawn.events, "event_id").into_iter().collect();
        assert_eq!(ids.len() as u64, wanted, "no identifier stands twice");
        for text in texts(&drawn.events, "properties")
            .iter()
            .chain(&texts(&drawn.persons, "traits"))
            .filter(|t| !t.is_empty())
        {
            assert!(serde_json::from_str::<serde_json::Value>(text).unwrap().is_object(), "{text}");
        }
    }
}

#[test]
fn people_are_known_before_they_do_anything() {
    let mut known = HashSet::new();
    for (table, batch) in DemoEvents::new(options(300), 120_000) {
        let batch = [batch];
        match table.name {
            "persons" => known.extend(texts(&batch, "distinct_id")),
            "identity_links" => known.extend(texts(&batch, "from_id")),
            _ => {
                for who in texts(&batch, "distinct_id") {
                    assert!(known.contains(&who) || who.starts_with("anon_v"), "{who} is not known");
                }
            }
        }
    }
}

#[test]
fn people_alone_are_the_same_people() {
    let drawn = draw(options(300), 120_000);
    let mut alone: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (table, batch) in DemoEvents::people(options(300)) {
        let column = if table.name == "persons" { "email" } else { "from_id" };
        alone.entry(table.name).or_default().extend(texts(&[batch], column));
    }
    assert_eq!(alone["persons"], texts(&drawn.persons, "email"));
    assert_eq!(alone["identity_links"], texts(&drawn.links, "from_id"));
    assert_eq!(alone.len(), 2);
}

#[test]
fn who_is_unknown_before_is_a_user_after() {
    let drawn = draw(options(300), 120_000);
    let (from, to) = (texts(&drawn.links, "from_id"), texts(&drawn.links, "to_id"));
    let links: HashMap<_, _> = from.iter().zip(to.iter().zip(instants(&drawn.links, "at"))).collect();
    assert_eq!(links.len(), from.len(), "one browser belongs to one person");
    assert_eq!(to.iter().collect::<HashSet<_>>().len(), to.len(), "and a person comes from one browser");
    let joined: HashMap<_, _> = to.iter().zip(instants(&drawn.links, "at")).collect();
    for row in &drawn.rows {
        if let Some((_, at)) = links.get(&row.who) {
            assert!(row.at < *at, "{} goes on without a name", row.who);
        } else if let Some(at) = joined.get(&row.who) {
            assert!(row.at >= *at, "{} does {} before being known", row.who, row.event);
            assert!(!row.customer.is_empty());
        } else {
            assert!(row.who.starts_with("anon_v") && row.customer.is_empty());
        }
    }
}

#[test]
fn events_fit_the_billing() {
    let options = options(2_000);
    let drawn = draw(options, 700_000);
    let now = options.now.as_microsecond();
    assert!(drawn.rows.iter().all(|row| row.at <= now));
    // Every account signs up once, at its creation, by its owner.
    let customers = billing(options, "customers");
    let created: HashMap<_, _> =
        texts(&customers, "customer_id").into_iter().zip(instants(&customers, "created_at")).collect();
    let of = |event: &str| drawn.rows.iter().filter(move |row| row.event == event).collect::<Vec<_>>();
    let sign_ups = of("signup");
    assert_eq!(sign_ups.len(), created.len());
    for row in &sign_ups {
        assert_eq!(created[&row.customer], row.at, "{}", row.customer);
    }
    // Trials and first payments are those of the subscriptions.
    let changes = billing(options, "subscription_changes");
    let (ids, at) = (texts(&changes, "subscription_id"), instants(&changes, "effective_at"));
    let (who, status) = (texts(&changes, "customer_id"), texts(&changes, "status"));
    let mut trials = HashSet::new();
    let mut paid: HashMap<&str, i64> = HashMap::new();
    let mut open: HashMap<&str, Vec<(i64, bool)>> = HashMap::new();
    for row in (0..ids.len()).filter(|row| ids[*row].ends_with("_1")) {
        if status[row] == "trialing" {
            trials.insert(who[row].as_str());
        }
        if status[row] == "active" && at[row] <= now {
            paid.entry(&who[row]).or_insert(at[row]);
        }
        open.entry(&who[row])
            .or_default()
            .push((at[row], ["trialing", "active", "past_due"].contains(&status[row].as_str())));
    }
    assert_eq!(of("trial_started").iter().map(|row| row.customer.as_str()).collect::<HashSet<_>>(), trials);
    let started: HashMap<_, _> =
        of("subscription_started").iter().map(|row| (row.customer.as_str(), row.at)).collect();
    assert_eq!(started, paid);
    // Nobody works where the account is not open.
    let features: HashSet<_> = site::FEATURES.iter().map(|feature| feature.event).collect();
    for row in drawn.rows.iter().filter(|row| features.contains(row.event.as_str())) {
        let before = open[row.customer.as_str()].iter().rev().find(|(at, _)| *at <= row.at);
        assert!(before.is_some_and(|(_, open)| *open), "{} {} of {}", row.customer, row.event, row.who);
    }
    // Colleagues come when they were invited.
    let invited = of("invite_sent").into_iter().filter_map(|row| {
        let properties: serde_json::Value = serde_json::from_str(&row.properties).ok()?;
        Some((properties["invited"].as_str()?.to_owned(), row.at))
    });
    let invited: HashMap<String, i64> = invited.collect();
    let accepted = of("invite_accepted");
    assert!(accepted.len() > 1_000, "{}", accepted.len());
    for row in accepted {
        assert!(invited[&row.who] <= row.at, "{} came before the invitation", row.who);
    }
    // Some accounts were brought by a customer, which is what the meaning `invite_accepted` knows a sign-up by.
    let meanings = include_str!("../../../../../../definitions/meanings.toml");
    let meanings = burgeon_core::behaviour::meaning::Meanings::parse(meanings, "meanings.toml").unwrap();
    let brought = |row: &&Row| {
        let properties: serde_json::Value = serde_json::from_str(&row.properties).unwrap_or_default();
        let steps = &meanings.get("invite_accepted").unwrap().steps;
        steps.iter().any(|step| step.matches(&row.event, |name| properties[name].as_str()))
    };
    let share = sign_ups.iter().copied().filter(brought).count() as f64 / sign_ups.len() as f64;
    assert!((0.01..0.5).contains(&share), "{share} of the sign-ups were brought");
}

#[test]
fn use_falls_before_a_farewell() {
    let options = options(1_500);
    let drawn = draw(options, 500_000);
    let changes = billing(options, "subscription_changes");
    let (who, at, reason) =
        (texts(&changes, "customer_id"), instants(&changes, "effective_at"), texts(&changes, "reason"));
    let mut asked: HashMap<&str, i64> = HashMap::new();
    for row in (0..who.len()).filter(|row| reason[*row] == "cancellation_requested") {
        asked.entry(&who[row]).or_insert(at[row]);
    }
    let features: HashSet<_> = site::FEATURES.iter().map(|feature| feature.event).collect();
    let (mut early, mut late) = (0, 0);
    for row in drawn.rows.iter().filter(|row| features.contains(row.event.as_str())) {
        let Some(leaves) = asked.get(row.customer.as_str()) else { continue };
        match (leaves - row.at).div_euclid(DAY) {
            0..30 => late += 1,
            // Past the first weeks of a trial, when everybody does more.
            90..120 => early += 1,
            _ => {}
        }
    }
    assert!(early > 500, "{early}");
    assert!((late as f64) < 0.75 * f64::from(early), "{late} in the last 30 days, {early} in 30 days before");
}

#[test]
fn the_release_shows_and_exports_fail_when_they_should() {
    let options = options(2_000);
    let drawn = draw(options, 700_000);
    let world = World::new(&options);
    let automations = world.months_after(world.start, 23);
    let runs: Vec<i64> =
        drawn.rows.iter().filter(|row| row.event == "automation_run").map(|row| row.at).collect();
    assert!(runs.iter().all(|at| *at >= automations) && runs.len() > 500, "{}", runs.len());
    let months = |from: i64| {
        runs.iter().filter(|at| (from..from + 1).contains(&((**at - automations) / (30 * DAY)))).count()
    };
    assert!(months(5) > 2 * months(0), "{} {}", months(0), months(5));
    let failed: Vec<i64> =
        drawn.rows.iter().filter(|row| row.event == site::EXPORT_FAILED).map(|row| row.at).collect();
    assert!(failed.len() > 20 && failed.iter().all(|at| world.is_bad(*at)), "{}", failed.len());
}

#[test]
fn visitors_and_rates_are_believable() {
    let drawn = draw(options(2_000), 500_000);
    let people = |event: &str| {
        drawn
            .rows
            .iter()
            .filter(|row| row.event == event)
            .map(|row| row.who.as_str())
            .collect::<HashSet<_>>()
            .len()
    };
    let visitors: HashSet<_> = drawn
        .rows
        .iter()
        .filter(|row| row.event == "page_view" && row.who.starts_with("anon_"))
        .map(|row| row.who.as_str())
        .collect();
    let rate = people("signup") as f64 / visitors.len() as f64;
    println!(
        "{} visitors, sign-ups {rate:.3}, demos {}, reads {}, downloads {}",
        visitors.len(),
        people("demo_requested"),
        people("content_read"),
        people("download")
    );
    assert!((0.01..0.06).contains(&rate), "{rate}");
    assert!(people("demo_requested") > 100 && people("content_read") > 2_000 && people("download") > 50);
    let mut channels: BTreeMap<&str, usize> = BTreeMap::new();
    for row in drawn.rows.iter().filter(|row| row.event == "page_view" && !row.channel.is_empty()) {
        *channels.entry(&row.channel).or_default() += 1;
    }
    println!("{channels:?}");
    for channel in [
        "organic_search",
        "paid_search",
        "paid_social",
        "organic_social",
        "referral",
        "affiliate",
        "email",
        "direct",
        "ai_assistant",
    ] {
        assert!(channels.get(channel).is_some_and(|views| *views > 500), "{channel}: {channels:?}");
    }
    // The sign-up has the channel of its visit.
    assert!(drawn.rows.iter().filter(|row| row.event == "signup").all(|row| !row.channel.is_empty()));
    // People in the product: more of them as the company grows, most on working days.
    let mut months: BTreeMap<i64, HashSet<&str>> = BTreeMap::new();
    let mut weekend = [0_u32; 2];
    for row in drawn.rows.iter().filter(|row| row.who.starts_with("usr_")) {
        months.entry(row.at / (30 * DAY)).or_default().insert(&row.who);
        weekend[usize::from((row.at.div_euclid(DAY) + 3).rem_euclid(7) >= 5)] += 1;
    }
    let actives: Vec<usize> = months.values().map(HashSet::len).collect();
    let days: HashSet<(&str, i64)> = drawn
        .rows
        .iter()
        .filter(|row| row.who.starts_with("usr_"))
        .map(|row| (row.who.as_str(), row.at / DAY))
        .collect();
    let product = drawn.rows.iter().filter(|row| row.who.starts_with("usr_")).count();
    println!(
        "{actives:?} {weekend:?}; {} days of people, {product} events of theirs, {} people in all",
        days.len(),
        texts(&drawn.persons, "distinct_id").len()
    );
    assert!(actives[actives.len() - 3] > 4 * actives[3]);
    assert!(weekend[0] > 10 * weekend[1]);
}

#[test]
fn people_come_and_go_while_somebody_looks() {
    let options = options(400);
    let known: HashSet<String> = {
        let drawn = draw(options, 60_000);
        texts(&drawn.persons, "distinct_id").into_iter().collect()
    };
    let (mut company, mut again) = (Live::new(options, options.now), Live::new(options, options.now));
    let (mut live, mut twin) = (LiveEvents::new(options, options.now), LiveEvents::new(options, options.now));
    let (mut ids, mut names, mut new) = (HashSet::new(), HashMap::<String, u32>::new(), HashSet::new());
    let mut signed = 0;
    let mut last = options.now.as_microsecond();
    for second in (5..4_000).step_by(5) {
        let now = options.now + jiff::SignedDuration::from_secs(second);
        let records = company.next(now);
        let joined: usize =
            records.iter().filter(|(table, _)| table.name == "customers").map(|(_, b)| b.num_rows()).sum();
        signed += joined as u32;
        let batches = live.next(now, &records);
        assert_eq!(batches, twin.next(now, &again.next(now)), "life is drawn from the seed as well");
        for (table, batch) in batches {
            let batch = [batch];
            match table.name {
                "persons" => new.extend(texts(&batch, "distinct_id")),
                "events" => {
                    ids.extend(texts(&batch, "event_id"));
                    for name in texts(&batch, "event") {
                        *names.entry(name).or_default() += 1;
                    }
                    for (who, at) in texts(&batch, "distinct_id").into_iter().zip(instants(&batch, "at")) {
                        assert!(
                            at <= now.as_microsecond() && at > last - 300_000_000,
                            "{who} lives at another time"
                        );
                        assert!(
                            who.starts_with("anon_") || known.contains(&who) || new.contains(&who),
                            "{who}"
                        );
                    }
                }
                _ => {}
            }
        }
        last = now.as_microsecond();
    }
    let events: u32 = names.values().sum();
    assert_eq!(ids.len() as u32, events, "no identifier stands twice");
    // Less than one in two seconds would be too quiet to watch, more than four in a second too hasty.
    assert!((2_000..16_000).contains(&events), "{events} events in 4000 seconds");
    assert_eq!(names["signup"], signed);
    assert!(names["page_view"] > 500 && names["note_created"] > 100, "{names:?}");
}
