//! RavenStack, a company's export that was made elsewhere (synthetic, by River @ Rivalytics): its accounts,
//! subscriptions and churn events are imported as they are, and the figures of every month are compared with a replay
//! of the same files day by day that shares nothing with the product.
//!
//! The files are not part of this repository. They are looked for in `data/ravenstack` of the folder that
//! `BURGEON_SHARED` names, or of `../shared` beside the checkout; without them the test says so and passes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use serde_json::Value;

use crate::support::Place;

const FIRST: Date = date(2023, 1, 1);
const LAST: Date = date(2024, 12, 31);
const SPAN: [&str; 6] = ["--from", "2023-01", "--to", "2024-12", "--format", "csv"];

/// What the product calls a span whose end is not after its start.
const BACKWARDS: &str = "the end is not after the start; a span ends before its end date";

struct Account {
    id: String,
    industry: String,
    flagged: bool,
    trial: bool,
}

struct Subscription {
    account: String,
    start: Date,
    end: Option<Date>,
    cents: i64,
    trial: bool,
    flag_of_change: bool,
}

impl Subscription {
    fn pays_on(&self, day: Date) -> bool {
        !self.trial && self.cents > 0 && self.start <= day && self.end.is_none_or(|end| day < end)
    }
}

struct Event {
    id: String,
    account: String,
    day: Date,
    reason: String,
}

struct Export {
    accounts: Vec<Account>,
    subscriptions: Vec<Subscription>,
    events: Vec<Event>,
    /// Lines of subscriptions whose end is not after their start.
    backwards: Vec<i64>,
}

/// The figures of one month.
#[derive(Default)]
struct Month {
    mrr: i64,
    customers: i64,
    new_customers: i64,
    reactivated: i64,
    churned: i64,
    /// new, expansion, contraction, churn, reactivation
    flows: [i64; 5],
    reasons: BTreeMap<String, i64>,
    /// Customers and MRR.
    cohorts: BTreeMap<String, (i64, i64)>,
    industries: BTreeMap<String, (i64, i64)>,
    flags: BTreeMap<String, (i64, i64)>,
}

/// How often the files contradict themselves, for the book.
#[derive(Default)]
struct Contradictions {
    events_that_explain: BTreeSet<String>,
    unexplained: usize,
    several_at_once: BTreeSet<String>,
}

fn folder() -> PathBuf {
    let shared = std::env::var_os("BURGEON_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    shared.join("data/ravenstack")
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn read(folder: &Path) -> Export {
    let accounts = rows(&folder.join("ravenstack_accounts.csv")).into_iter().map(|row| Account {
        id: row["account_id"].clone(),
        industry: row["industry"].clone(),
        flagged: row["churn_flag"] == "TRUE",
        trial: row["is_trial"] == "TRUE",
    });
    let events = rows(&folder.join("ravenstack_churn_events.csv")).into_iter().map(|row| Event {
        id: row["churn_event_id"].clone(),
        account: row["account_id"].clone(),
        day: row["churn_date"].parse().unwrap(),
        reason: row["reason_code"].clone(),
    });
    let mut export = Export {
        accounts: accounts.collect(),
        subscriptions: Vec::new(),
        events: events.collect(),
        backwards: Vec::new(),
    };
    let subscriptions = rows(&folder.join("ravenstack_subscriptions.csv"));
    let ids: BTreeSet<&String> = subscriptions.iter().map(|row| &row["subscription_id"]).collect();
    assert_eq!(ids.len(), subscriptions.len(), "one row is one subscription");
    for (line, row) in (2..).zip(&subscriptions) {
        let start = row["start_date"].parse().unwrap();
        let end = Some(&row["end_date"]).filter(|v| !v.is_empty()).map(|v| v.parse().unwrap());
        if end.is_some_and(|end: Date| end <= start) {
            export.backwards.push(line);
            continue;
        }
        export.subscriptions.push(Subscription {
            account: row["account_id"].clone(),
            start,
            end,
            cents: row["mrr_amount"].parse::<i64>().unwrap() * 100,
            trial: row["is_trial"] == "TRUE",
            flag_of_change: row["upgrade_flag"] == "TRUE" || row["downgrade_flag"] == "TRUE",
        });
    }
    export
}

/// Walks through every day and every account.
fn replay(export: &Export) -> (BTreeMap<String, Month>, Contradictions) {
    let mut months: BTreeMap<String, Month> = BTreeMap::new();
    let mut found = Contradictions::default();
    assert!(export.subscriptions.iter().all(|s| s.start >= FIRST));
    let mut by_account: BTreeMap<&str, Vec<&Subscription>> = BTreeMap::new();
    for subscription in &export.subscriptions {
        by_account.entry(&subscription.account).or_default().push(subscription);
    }
    for account in &export.accounts {
        let own = by_account.remove(account.id.as_str()).unwrap_or_default();
        let mut before = 0;
        let mut cohort: Option<String> = None;
        let mut day = FIRST;
        while day <= LAST {
            let paying: Vec<i64> = own.iter().filter(|s| s.pays_on(day)).map(|s| s.cents).collect();
            if paying.len() > 1 {
                found.several_at_once.insert(account.id.clone());
            }
            let now: i64 = paying.iter().sum();
            let label = day.strftime("%Y-%m").to_string();
            let month = months.entry(label.clone()).or_default();
            let change = (now - before).abs();
            match (before, now) {
                (0, 0) => {}
                (0, _) if cohort.is_none() => {
                    cohort = Some(label);
                    month.new_customers += 1;
                    month.flows[0] += change;
                }
                (0, _) => {
                    month.reactivated += 1;
                    month.flows[4] += change;
                }
                (_, 0) => {
                    month.churned += 1;
                    month.flows[3] += change;
                    let event = nearest(export, &account.id, day);
                    let reason = event.map_or("unknown", |event| &event.reason);
                    *month.reasons.entry(reason.to_owned()).or_default() += 1;
                    found.unexplained += usize::from(event.is_none());
                    found.events_that_explain.extend(event.map(|event| event.id.clone()));
                }
                _ if now > before => month.flows[1] += change,
                _ => month.flows[2] += change,
            }
            before = now;
            if day == day.last_of_month() && now > 0 {
                month.mrr += now;
                month.customers += 1;
                let flag = if account.flagged { "TRUE" } else { "FALSE" };
                for (sums, value) in [
                    (&mut month.cohorts, cohort.as_deref().unwrap()),
                    (&mut month.industries, account.industry.as_str()),
                    (&mut month.flags, flag),
                ] {
                    let sum = sums.entry(value.to_owned()).or_default();
                    *sum = (sum.0 + 1, sum.1 + now);
                }
            }
            day = day.tomorrow().unwrap();
        }
    }
    assert!(by_account.is_empty(), "every subscription has an account");
    (months, found)
}

/// The churn event of an account that is nearest to a day, at most 90 days away.
fn nearest<'a>(export: &'a Export, account: &str, day: Date) -> Option<&'a Event> {
    let distance = |event: &Event| (event.day - day).get_days().abs();
    let own = export.events.iter().filter(|event| event.account == account);
    own.filter(|event| distance(event) <= 90).min_by_key(|event| (distance(event), &event.id))
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The mapping that a dry run proposes, in the words of `--map`.
fn proposed(place: &Place, file: &str) -> Vec<String> {
    let out = place.run(&["import", file, "--dry-run", "--format", "json"]).ok();
    let preview: Value = serde_json::from_str(&out).unwrap();
    let fields = preview["mapping"].as_array().unwrap().iter();
    fields.map(|m| format!("{}={}", m["field"].as_str().unwrap(), m["column"].as_str().unwrap())).collect()
}

/// The rows of an answer that are not nothing: period and dimensions, then the values.
fn figures(out: &str, keys: usize) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut reader = csv::Reader::from_reader(out.as_bytes());
    let split = reader.records().map(|row| {
        let cells: Vec<String> = row.unwrap().iter().map(str::to_owned).collect();
        (cells[..keys].to_vec(), cells[keys..].to_vec())
    });
    split.filter(|(_, values)| values.iter().any(|v| v != "0" && v != "0.00")).collect()
}

/// Compares customers and MRR by a dimension.
#[track_caller]
fn compare(
    place: &Place,
    dimension: &str,
    months: &BTreeMap<String, Month>,
    of: fn(&Month) -> &BTreeMap<String, (i64, i64)>,
) -> usize {
    let out = place.run(&[&["query", "customers,mrr", "--by", dimension], &SPAN[..]].concat()).ok();
    let expected: BTreeMap<Vec<String>, Vec<String>> = months
        .iter()
        .flat_map(|(label, month)| {
            of(month).iter().map(move |(value, (customers, mrr))| {
                (vec![label.clone(), value.clone()], vec![customers.to_string(), money(*mrr)])
            })
        })
        .collect();
    assert_eq!(figures(&out, 2), expected, "by {dimension}");
    expected.len()
}

#[test]
fn a_company_made_elsewhere_gives_the_figures_of_a_replay_by_day() {
    let folder = folder();
    if !folder.join("ravenstack_subscriptions.csv").exists() {
        // Not `eprintln!`, which the test harness keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: the RavenStack test; there is no {} (name the folder around it in BURGEON_SHARED)",
            folder.display()
        );
        return;
    }
    let export = read(&folder);
    let place = Place::new();
    import(&place, &folder, &export);
    let (months, found) = replay(&export);
    assert_eq!(months.len(), 24);

    let metrics = "mrr,customers,new_customers,reactivated_customers,churned_customers,\
                   new_mrr,expansion_mrr,contraction_mrr,churn_mrr,reactivation_mrr";
    let out = place.run(&[&["query", metrics], &SPAN[..]].concat()).ok();
    let mut expected = format!("period,{metrics}\n");
    for (label, m) in &months {
        expected.push_str(&format!(
            "{label},{},{},{},{},{},{}\n",
            money(m.mrr),
            m.customers,
            m.new_customers,
            m.reactivated,
            m.churned,
            m.flows.map(money).join(",")
        ));
    }
    assert_eq!(out, expected);

    let out = place.run(&[&["query", "lost_customers", "--by", "reason"], &SPAN[..]].concat()).ok();
    let reasons: BTreeMap<Vec<String>, Vec<String>> = months
        .iter()
        .flat_map(|(label, month)| {
            let own = month.reasons.iter();
            own.map(move |(reason, n)| (vec![label.clone(), reason.clone()], vec![n.to_string()]))
        })
        .collect();
    assert_eq!(figures(&out, 2), reasons);

    assert!(compare(&place, "cohort", &months, |m| &m.cohorts) >= 24 * 23 / 2);
    compare(&place, "industry", &months, |m| &m.industries);
    compare(&place, "churn_flag", &months, |m| &m.flags);
    the_book_says_so(&export, &months, &found);
}

/// Imports the three files twice; the second time changes nothing.
fn import(place: &Place, folder: &Path, export: &Export) {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let accounts = file("ravenstack_accounts.csv");
    let subscriptions = file("ravenstack_subscriptions.csv");
    let events = file("ravenstack_churn_events.csv");
    assert_eq!(
        proposed(place, &accounts)[..5],
        [
            "customer_id=account_id",
            "name=account_name",
            "country=country",
            "channel=referral_source",
            "created_at=signup_date"
        ]
    );
    assert_eq!(
        proposed(place, &subscriptions),
        [
            "customer_id=account_id",
            "subscription_id=subscription_id",
            "plan=plan_tier",
            "start=start_date",
            "end=end_date",
            "amount_total=mrr_amount",
            "currency='USD'",
            "interval='month'",
            "quantity=seats",
            "is_trial=is_trial"
        ]
    );
    assert_eq!(
        proposed(place, &events),
        [
            "cancellation_id=churn_event_id",
            "customer_id=account_id",
            "at=churn_date",
            "reason=reason_code",
            "comment=feedback_text"
        ]
    );

    // What a person says on top: which table each file is, and that the amounts are dollars a month.
    let words: [&[&str]; 3] = [
        &["import", &accounts, "--as", "customers", "--format", "csv"],
        &[
            "import",
            &subscriptions,
            "--as",
            "subscription_periods",
            "--map",
            "amount_total=mrr_amount,currency='USD',interval='month',is_trial=is_trial",
            "--format",
            "csv",
        ],
        &["import", &events, "--as", "cancellations", "--format", "csv"],
    ];
    // A subscription is a record of its start, and one of its end where it has one.
    let ends = export.subscriptions.iter().filter(|s| s.end.is_some()).count();
    let refused = export.backwards.len();
    let rows = [export.accounts.len(), export.subscriptions.len() + refused, export.events.len()];
    let records = [rows[0], export.subscriptions.len() + ends, rows[2]];
    let rejected = [0, refused, 0];
    for again in [false, true] {
        for i in 0..3 {
            let out = place.run(words[i]).ok();
            let (taken, unchanged) = if again { (0, records[i]) } else { (records[i], 0) };
            let expected = format!(",{},{taken},0,{unchanged},{}\n", rows[i], rejected[i]);
            assert!(out.ends_with(&expected), "{out} not {expected}");
        }
        let kept = place.run(&["sql", "SELECT line, reason FROM rejects ORDER BY line", "--format", "csv"]);
        let told = export.backwards.iter().map(|line| format!("{line},{BACKWARDS}\n"));
        assert_eq!(kept.ok(), format!("line,reason\n{}", told.collect::<String>()));
        let stored = |table: &str| place.value(&format!("SELECT count(*) FROM {table}"));
        let tables = ["customers", "subscription_changes", "cancellations"];
        assert_eq!(tables.map(|t| usize::try_from(stored(t)).unwrap()), records);
    }
}

/// The page on contradictions gives the numbers of these files.
fn the_book_says_so(export: &Export, months: &BTreeMap<String, Month>, found: &Contradictions) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/contradictions.md");
    let page = std::fs::read_to_string(page).unwrap();
    let last = &months["2024-12"];
    let flagged = last.flags["TRUE"].0;
    let unflagged = export.accounts.iter().filter(|a| !a.flagged).count();
    let without_end = export.events.iter().filter(|event| {
        let mut own = export.subscriptions.iter().filter(|s| s.account == event.account);
        !own.any(|s| s.end == Some(event.day))
    });
    let churned: i64 = months.values().map(|m| m.churned).sum();
    let pays = |id: &str| export.subscriptions.iter().any(|s| s.account == id && s.pays_on(LAST));
    let of_trials = export.accounts.iter().filter(|a| a.trial && pays(&a.id)).count();
    let trials = export.subscriptions.iter().filter(|s| s.trial).count();
    let free = export.subscriptions.iter().filter(|s| !s.trial && s.cents == 0).count();
    let flags = export.subscriptions.iter().filter(|s| s.flag_of_change).count();
    let expected = [
        ("an account is flagged as churned", format!("{flagged} accounts at the end of 2024")),
        (
            "an account has no flag",
            format!("{} accounts at the end of 2024", unflagged as i64 - last.flags["FALSE"].0),
        ),
        (
            "a churn event without an end",
            format!(
                "{} of {} events; {} give a reason",
                without_end.count(),
                export.events.len(),
                found.events_that_explain.len()
            ),
        ),
        ("an end of a subscription without", format!("{} of {churned} churns", found.unexplained)),
        ("several subscriptions", format!("{} accounts", found.several_at_once.len())),
        ("a subscription is a trial", format!("{trials} subscriptions")),
        ("an account is flagged as a trial", format!("{of_trials} accounts at the end of 2024")),
        ("a subscription has a price of zero", format!("{free}")),
        ("an end that is not after", format!("{} rows", export.backwards.len())),
        ("an upgrade flag", format!("{flags} subscriptions")),
    ];
    let mut wrong = Vec::new();
    for (says, number) in expected {
        let row = page.lines().find(|line| line.starts_with(&format!("| {says}")));
        if !row.is_some_and(|row| row.ends_with(&format!("| {number} |"))) {
            wrong.push(format!("{says}: {number}; the page has {row:?}"));
        }
    }
    assert!(wrong.is_empty(), "docs/src/contradictions.md:\n{}", wrong.join("\n"));
}
