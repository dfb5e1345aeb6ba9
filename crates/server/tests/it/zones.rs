//! Days, weeks and months of a workspace whose clocks are put forward and back, against plain counting by hand-written
//! offsets: whole questions, as they are asked.

use crate::support::Server;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// A zone and its two switches of 2025: from each instant (seconds UTC) on, the offset holds.
struct Place {
    name: &'static str,
    offsets: [(i64, i64); 3],
    /// A span of local days around each switch: from, to, both included.
    around: [(&'static str, &'static str); 2],
}

/// Clocks go an hour forward on 9 March and back on 2 November, at two in the morning.
const NEW_YORK: Place = Place {
    name: "America/New_York",
    offsets: [(i64::MIN, -5 * HOUR), (1_741_503_600, -4 * HOUR), (1_762_063_200, -5 * HOUR)],
    around: [("2025-02-20", "2025-03-25"), ("2025-10-20", "2025-11-20")],
};
/// Clocks go half an hour back on 6 April and forward on 5 October, at two in the morning.
const LORD_HOWE: Place = Place {
    name: "Australia/Lord_Howe",
    offsets: [(i64::MIN, 11 * HOUR), (1_743_865_200, 10 * HOUR + 30 * MINUTE), (1_759_591_800, 11 * HOUR)],
    around: [("2025-03-20", "2025-04-20"), ("2025-09-20", "2025-10-20")],
};

impl Place {
    fn offset(&self, at: i64) -> i64 {
        self.offsets.iter().rev().find(|(from, _)| *from <= at).map_or(0, |(_, offset)| *offset)
    }

    /// Local days since 1970.
    fn day(&self, at: i64) -> i64 {
        (at + self.offset(at)).div_euclid(DAY)
    }
}

/// Days since 1970 of a date, by the civil calendar.
fn day_of(date: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| date[range].parse::<i64>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// The first day of the week (from Monday) or month of a day.
fn first_of(grain: &str, day: i64) -> i64 {
    match grain {
        "day" => day,
        "week" => day - (day + 3).rem_euclid(7),
        _ => (0..31).map(|back| day - back).find(|first| date_of(*first).ends_with("-01")).unwrap(),
    }
}

fn date_of(day: i64) -> String {
    // From the days themselves: each date of a few years is looked at.
    let near = 1970 + day / 366;
    for year in near..near + 3 {
        // From the last month, or the first of March would be found as a day in February.
        for month in (1..=12).rev() {
            for of_month in 1..=31 {
                let date = format!("{year:04}-{month:02}-{of_month:02}");
                if day_of(&date) == day {
                    return date;
                }
            }
        }
    }
    panic!("no date for day {day}")
}

fn days(from: &str, to: &str) -> Vec<i64> {
    (day_of(from)..=day_of(to)).collect()
}

/// First and last local day of the periods that lie in a span of days, as it is asked for.
fn periods(grain: &str, from: &str, to: &str) -> Vec<(i64, i64)> {
    let mut found: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for day in days(from, to) {
        let first = first_of(grain, day);
        let last = (first..).take_while(|day| first_of(grain, *day) == first).last().unwrap();
        found.insert(first, (first, last));
    }
    found.into_values().collect()
}

#[derive(Debug, Clone)]
struct One {
    who: String,
    event: &'static str,
    /// Seconds UTC; no two events of a person lie at the same one.
    at: i64,
    channel: &'static str,
    country: &'static str,
}

/// Around both switches: some thirty minutes apart over days, some at the seconds around local midnights and the switch itself.
fn events(place: &Place) -> Vec<One> {
    let mut taken = BTreeSet::new();
    let mut all = Vec::new();
    let mut dice: u64 = 20_250_309;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut add = |at: i64, roll: &mut dyn FnMut(u64) -> u64| {
        let number = roll(9);
        let mut at = at;
        while !taken.insert((number, at)) {
            at += 7;
        }
        all.push(One {
            who: format!("p{number}"),
            event: ["page_view", "page_view", "signup", "use"][roll(4) as usize],
            at,
            channel: ["email", "direct"][roll(2) as usize],
            country: ["DE", "US"][roll(2) as usize],
        });
    };
    for (switch, _) in &place.offsets[1..] {
        for step in -40..40_i64 {
            add(switch + step * 11 * HOUR + roll(HOUR as u64) as i64, &mut roll);
            add(switch + step * 25 * MINUTE, &mut roll);
        }
        // Local midnights of the days around, whatever the offset is there: a second before, on, and after.
        for day in -3..=3_i64 {
            let local = place.day(*switch) + day;
            for offset in place.offsets.map(|(_, offset)| offset) {
                for second in -1..=1 {
                    add(local * DAY - offset + second, &mut roll);
                }
            }
        }
        for second in -1..=1 {
            add(switch + second, &mut roll);
        }
    }
    all.sort_by(|left, right| (&left.who, left.at).cmp(&(&right.who, right.at)));
    all
}

async fn filled(place: &Place) -> (Server, Vec<One>) {
    let server = Server::with_settings(&[("timezone", place.name)]).await;
    let all = events(place);
    let rows: Vec<Value> = all
        .iter()
        .enumerate()
        .map(|(i, one)| {
            let at = jiff::Timestamp::from_second(one.at).unwrap().to_string();
            let mut row = json!({"event_id": i.to_string(), "event": one.event, "distinct_id": one.who, "at": at,
                                 "channel": one.channel, "country": one.country});
            if one.event == "page_view" {
                row["path"] = "/".into();
            }
            row
        })
        .collect();
    let (status, answer) = server.post("/events", json!({ "events": rows })).await;
    assert_eq!((status.as_u16(), &answer["accepted"]), (200, &json!(all.len())), "{answer}");
    (server, all)
}

/// Values by metric, dimensions and place; zeros and nothing are alike.
type Figures = BTreeMap<(String, String, usize), i64>;

fn figures(answer: &Value) -> Figures {
    let mut found = Figures::new();
    for one in answer["series"].as_array().unwrap_or_else(|| panic!("{answer:#}")) {
        for (place, value) in one["values"].as_array().unwrap().iter().enumerate() {
            let value = value.as_f64().unwrap_or(0.0);
            if value != 0.0 {
                let key = (one["metric"].as_str().unwrap().to_owned(), one["dimensions"].to_string(), place);
                found.insert(key, value as i64);
            }
        }
    }
    found
}

/// The dimensions of a row, as an answer writes them.
fn dims(by: &[&str], one: &One) -> String {
    let mut found = serde_json::Map::new();
    for name in by {
        let value = if *name == "channel" { one.channel } else { one.country };
        found.insert((*name).to_owned(), value.into());
    }
    Value::Object(found).to_string()
}

/// The first page view of each visit: pages of a person without a silence of more than half an hour.
fn visits(all: &[One]) -> Vec<One> {
    let mut found: Vec<One> = Vec::new();
    let mut last: Option<(&str, i64)> = None;
    for one in all.iter().filter(|one| one.event == "page_view") {
        if !last.is_some_and(|(who, at)| who == one.who && one.at - at <= 30 * MINUTE) {
            found.push(one.clone());
        }
        last = Some((&one.who, one.at));
    }
    found
}

/// What the metrics should be, by plain counting.
fn counted(place: &Place, all: &[One], by: &[&str], grain: &str, (from, to): (&str, &str)) -> Figures {
    let mut found = Figures::new();
    let opened = visits(all);
    for (at, (first, last)) in periods(grain, from, to).into_iter().enumerate() {
        let mut persons: BTreeMap<(&str, String), BTreeSet<&str>> = BTreeMap::new();
        for one in all {
            let day = place.day(one.at);
            let windows = [
                ("dau", last, last),
                ("wau", last - 6, last),
                ("mau", last - 29, last),
                ("active_users", first, last),
            ];
            for (metric, start, end) in windows {
                if (start..=end).contains(&day) {
                    persons.entry((metric, dims(by, one))).or_default().insert(&one.who);
                }
            }
            if (first..=last).contains(&day) {
                *found.entry(("events".into(), dims(by, one), at)).or_default() += 1;
            }
        }
        for one in opened.iter().filter(|one| (first..=last).contains(&place.day(one.at))) {
            *found.entry(("visits".into(), dims(by, one), at)).or_default() += 1;
        }
        for ((metric, dims), who) in persons {
            found.insert((metric.to_owned(), dims, at), who.len() as i64);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_cut_days_weeks_and_months_where_the_clocks_say() {
    for place in [NEW_YORK, LORD_HOWE] {
        let (server, all) = filled(&place).await;
        for (from, to) in place.around {
            for grain in ["day", "week", "month"] {
                // By nothing and by one column the hot columns answer, by two the rows are read.
                for by in [&[][..], &["channel"], &["channel", "country"]] {
                    let mut path = format!(
                        "/query?metrics=dau,wau,mau,active_users,events,visits&grain={grain}&from={from}&to={to}"
                    );
                    if !by.is_empty() {
                        path.push_str(&format!("&by={}", by.join(",")));
                    }
                    let expected = counted(&place, &all, by, grain, (from, to));
                    assert!(expected.len() > 5, "{path}");
                    assert_eq!(figures(&server.get(&path).await), expected, "{} {path}", place.name);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn funnels_begin_on_the_days_that_are_asked_for_and_take_hours_that_passed() {
    for place in [NEW_YORK, LORD_HOWE] {
        let (server, all) = filled(&place).await;
        for (switch, _) in &place.offsets[1..] {
            let day = place.day(*switch);
            for (first, last) in [(day, day), (day - 1, day), (day, day + 1), (day - 3, day + 3)] {
                for (within, seconds) in [("1d", DAY), ("23h", 23 * HOUR), ("2h", 2 * HOUR)] {
                    let mut reached = [BTreeSet::new(), BTreeSet::new()];
                    for one in all.iter().filter(|one| one.event == "page_view") {
                        if !(first..=last).contains(&place.day(one.at)) {
                            continue;
                        }
                        reached[0].insert(&one.who);
                        let goes_on = |next: &&One| {
                            next.who == one.who
                                && next.event == "signup"
                                && next.at > one.at
                                && next.at - one.at <= seconds
                        };
                        if all.iter().any(|next| goes_on(&next)) {
                            reached[1].insert(&one.who);
                        }
                    }
                    let path = format!(
                        "/funnel?step=page_view&step=signup&within={within}&from={}&to={}",
                        date_of(first),
                        date_of(last)
                    );
                    let answer = server.get(&path).await;
                    let people = json!(reached.map(|who| who.len()));
                    assert_eq!(answer["groups"][0]["people"], people, "{} {path}", place.name);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cohorts_are_of_local_days_weeks_and_months() {
    for place in [NEW_YORK, LORD_HOWE] {
        let (server, all) = filled(&place).await;
        for (from, to) in place.around {
            for grain in ["day", "week", "month"] {
                for kind in ["first", "recurring"] {
                    let spans = periods(grain, from, to);
                    let place_of = |at: i64| {
                        let day = place.day(at);
                        spans.iter().position(|(first, last)| (*first..=*last).contains(&day))
                    };
                    // By cohort: how many, and who came back in each period from its own on.
                    let mut expected: BTreeMap<usize, (i64, Vec<i64>)> = BTreeMap::new();
                    for history in all.chunk_by(|left, right| left.who == right.who) {
                        let mut begun: BTreeMap<usize, i64> = BTreeMap::new();
                        let views = history.iter().filter(|one| one.event == "page_view");
                        for one in views.take(if kind == "first" { 1 } else { usize::MAX }) {
                            if let Some(cohort) = place_of(one.at) {
                                begun.entry(cohort).or_insert(one.at);
                            }
                        }
                        for (cohort, since) in begun {
                            let row = expected.entry(cohort).or_insert((0, vec![0; spans.len() - cohort]));
                            row.0 += 1;
                            let back = history.iter().filter(|one| one.event == "use" && one.at >= since);
                            for period in back.filter_map(|one| place_of(one.at)).collect::<BTreeSet<_>>() {
                                row.1[period - cohort] += 1;
                            }
                        }
                    }
                    let path = format!(
                        "/retention?first=page_view&return=use&grain={grain}&kind={kind}&from={from}&to={to}"
                    );
                    let answer = server.get(&path).await;
                    let rows = answer["cohorts"].as_array().unwrap().iter();
                    let found: Vec<Value> = rows.map(|row| json!([row["size"], row["people"]])).collect();
                    let expected: Vec<Value> =
                        expected.into_values().map(|(size, people)| json!([size, people])).collect();
                    assert_eq!(found, expected, "{} {path}", place.name);
                }
            }
        }
    }
}
