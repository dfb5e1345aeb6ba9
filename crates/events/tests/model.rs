//! The store against a plain list of rows: whatever is done in whatever order, and wherever writing stops, every
//! question has the answer of the list.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use burgeon_core::behaviour::step::Step;
use burgeon_core::behaviour::{By, Kernel, Partial, Rows};
use burgeon_events::question::EVENT;
use burgeon_events::{Breakdown, Filter, HotOptions, HotStore, NewRows, Question};
use proptest::prelude::*;

const WHO: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
const NAMES: [&str; 4] = ["view", "signup", "pay", "leave"];
const CHANNELS: [Option<&str>; 4] = [None, Some("direct"), Some("search"), Some("mail")];
const PATHS: [Option<&str>; 3] = [Some("/"), Some("/pricing"), None];

/// Questions that are asked.
const QUESTIONS: usize = 5;
/// Time between two instants of the test: some rows share a day, all of them lie in three weeks.
const STEP: i64 = 5 * 3_600_000_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    who: &'static str,
    event: &'static str,
    id: u64,
    at: i64,
    channel: Option<&'static str>,
    path: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<Row>),
    Bulk(Vec<Row>, bool),
    Link(usize, usize),
    Unlink(usize),
    Checkpoint,
    Maintain,
    Warm,
    Compact,
    Reopen,
    Delete(usize),
    Expire(i64),
    Ask(usize),
    /// The following writes up to this many succeed, then none until the store is opened again.
    Fail(i64),
}

/// Answers as a list: each person with their rows as (instant, mask, group).
type Histories = BTreeMap<u32, Vec<(i64, u64, u32)>>;

struct Model {
    store: HotStore,
    dir: tempfile::TempDir,
    fault: Arc<AtomicI64>,
    /// What the log holds: position and rows.
    log: Vec<(u64, Vec<Row>)>,
    links: BTreeSet<(&'static str, &'static str)>,
    /// Rows that must be there.
    rows: Vec<Row>,
    position: u64,
}

fn options(fault: &Arc<AtomicI64>) -> HotOptions {
    HotOptions {
        dimensions: vec!["channel".into(), "path".into()],
        block_rows: 8,
        recent_rows: 12,
        fault: Some(fault.clone()),
        ..HotOptions::default()
    }
}

fn open(dir: &Path, fault: &Arc<AtomicI64>) -> HotStore {
    fault.store(i64::MAX, Ordering::SeqCst);
    HotStore::open(dir, options(fault)).unwrap()
}

/// Calls `f` with the rows as columns.
fn columns<T>(rows: &[Row], position: u64, f: impl FnOnce(&NewRows<'_>) -> T) -> T {
    let distinct_ids: Vec<&str> = rows.iter().map(|r| r.who).collect();
    let events: Vec<&str> = rows.iter().map(|r| r.event).collect();
    let ids: Vec<u64> = rows.iter().map(|r| r.id).collect();
    let at: Vec<i64> = rows.iter().map(|r| r.at).collect();
    let channels: Vec<Option<&str>> = rows.iter().map(|r| r.channel).collect();
    let paths: Vec<Option<&str>> = rows.iter().map(|r| r.path).collect();
    f(&NewRows {
        position,
        distinct_ids: &distinct_ids,
        events: &events,
        ids: &ids,
        at: &at,
        dims: &[("path", &paths), ("unknown", &paths), ("channel", &channels)],
    })
}

impl Model {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fault = Arc::new(AtomicI64::new(i64::MAX));
        let store = open(dir.path(), &fault);
        Self { store, dir, fault, log: Vec::new(), links: BTreeSet::new(), rows: Vec::new(), position: 0 }
    }

    fn reopen(&mut self) {
        self.store = open(self.dir.path(), &self.fault);
        self.relink();
        let through = self.store.complete_through();
        assert!(through <= self.position);
        for (position, rows) in &self.log {
            if *position > through {
                columns(rows, *position, |rows| self.store.append(rows)).unwrap();
            }
        }
    }

    /// Identifiers of each person among all that have a number.
    fn groups(&self) -> Vec<Vec<u32>> {
        let mut group: BTreeMap<&str, usize> = WHO.iter().enumerate().map(|(i, who)| (*who, i)).collect();
        for (a, b) in &self.links {
            let (from, to) = (group[a], group[b]);
            group.values_mut().filter(|g| **g == from).for_each(|g| *g = to);
        }
        let mut groups: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (who, group) in group {
            if let Some(number) = self.store.number(who) {
                groups.entry(group).or_default().push(number);
            }
        }
        groups.into_values().collect()
    }

    fn relink(&self) {
        self.store.relink_all(self.groups()).unwrap();
    }

    fn take(&mut self, rows: &[Row]) -> Vec<bool> {
        let mut known: HashSet<(&str, u64)> = self.rows.iter().map(|r| (r.who, r.id)).collect();
        rows.iter()
            .map(|row| {
                let fresh = known.insert((row.who, row.id));
                if fresh {
                    self.rows.push(row.clone());
                }
                fresh
            })
            .collect()
    }

    /// Does one thing; a failure means a crash.
    fn act(&mut self, action: &Action) {
        let done = match action {
            Action::Append(rows) => {
                self.position += 1;
                let admitted = columns(rows, self.position, |rows| self.store.admitted(rows)).unwrap();
                self.log.push((self.position, rows.clone()));
                let fresh = self.take(rows);
                let verdicts: Vec<bool> =
                    admitted.verdicts().map(|v| v == burgeon_events::Verdict::Fresh).collect();
                assert_eq!(verdicts, fresh);
                let taken = fresh.iter().filter(|f| **f).count() as u64;
                if self.position.is_multiple_of(2) {
                    let kept: Vec<Row> = rows
                        .iter()
                        .zip(&fresh)
                        .filter(|(_, fresh)| **fresh)
                        .map(|(row, _)| row.clone())
                        .collect();
                    let append = |rows: &NewRows<'_>| self.store.append_admitted(rows, admitted);
                    let (done, numbers) = columns(&kept, self.position, append).unwrap();
                    assert_eq!(done.taken, taken);
                    let known = kept.iter().map(|row| self.store.number(row.who));
                    assert!(known.eq(numbers.into_iter().map(Some)));
                } else {
                    let done = columns(rows, self.position, |rows| self.store.append(rows)).unwrap();
                    assert_eq!(done.taken, taken);
                }
                self.store.relink(&self.groups()).unwrap();
                Ok(())
            }
            Action::Bulk(rows, commit) => self.bulk(rows, *commit),
            Action::Link(a, b) => {
                self.links.insert((WHO[*a], WHO[*b]));
                self.store.numbers(&[WHO[*a], WHO[*b]]).unwrap();
                self.store.relink(&self.groups()).unwrap();
                Ok(())
            }
            Action::Unlink(at) => {
                if let Some(link) = self.links.iter().nth(*at).copied() {
                    self.links.remove(&link);
                    self.store.relink(&self.groups()).unwrap();
                }
                Ok(())
            }
            Action::Checkpoint => self.store.checkpoint().map(|through| assert_eq!(through, self.position)),
            Action::Maintain => self.store.maintain().map(|_| ()),
            Action::Warm => self.store.warm(),
            Action::Compact => self.store.compact().map(|_| {
                let stats = self.store.stats();
                assert_eq!((stats.recent, stats.displaced), (0, 0));
                assert_eq!(stats.rows, self.rows.len() as u64);
            }),
            Action::Reopen => {
                self.reopen();
                Ok(())
            }
            Action::Delete(at) => self.delete(WHO[*at]),
            Action::Expire(before) => {
                // A failure leaves it open whether it happened, so the caller does it again.
                let done = self.store.expire(*before);
                let old = self.rows.len();
                self.rows.retain(|row| row.at >= *before);
                self.scrub();
                if let Ok(done) = &done {
                    assert_eq!(done.rows as usize, old - self.rows.len());
                } else {
                    self.store = open(self.dir.path(), &self.fault);
                    self.store.expire(*before).unwrap();
                }
                done.map(|_| ())
            }
            Action::Ask(which) => {
                self.compare(*which);
                Ok(())
            }
            Action::Fail(after) => {
                self.fault.store(*after, Ordering::SeqCst);
                Ok(())
            }
        };
        if let Err(error) = done {
            assert!(error.to_string().contains("the test lets"), "{error}");
            self.reopen();
            self.compare(0);
        }
    }

    /// The owner of the log drops from it what was deleted.
    fn scrub(&mut self) {
        let rows: HashSet<(&str, u64)> = self.rows.iter().map(|r| (r.who, r.id)).collect();
        for (_, logged) in &mut self.log {
            logged.retain(|row| rows.contains(&(row.who, row.id)));
        }
    }

    fn delete(&mut self, who: &'static str) -> burgeon_events::Result<()> {
        let Some(number) = self.store.number(who) else {
            return Ok(());
        };
        let person = self.store.person(number);
        let members = self.store.snapshot().members(person);
        let texts: Vec<String> =
            members.iter().map(|m| self.store.identifier(*m).unwrap().unwrap()).collect();
        let gone = |row: &Row| texts.iter().any(|text| text == row.who);
        let done = self.store.delete(&[person]);
        // Whether it happened or not is seen by the log position when it failed; the log loses the rows either way.
        self.links.retain(|(a, b)| !texts.iter().any(|text| text == a || text == b));
        let before = self.rows.len();
        self.rows.retain(|row| !gone(row));
        for (_, rows) in &mut self.log {
            rows.retain(|row| !gone(row));
        }
        match done {
            Ok(done) => {
                assert_eq!(done.rows as usize, before - self.rows.len());
                assert_eq!(done.identifiers as usize, texts.len());
                let files = std::fs::read(self.dir.path().join("identifiers.text")).unwrap();
                let kept = String::from_utf8_lossy(&files);
                assert!(texts.iter().all(|text| !kept.contains(text.as_str())));
                Ok(())
            }
            Err(error) => {
                // The caller tries again until it is done.
                self.store = open(self.dir.path(), &self.fault);
                self.relink();
                let numbers: Vec<u32> = texts.iter().filter_map(|text| self.store.number(text)).collect();
                let persons: Vec<u32> = numbers.iter().map(|n| self.store.person(*n)).collect();
                self.store.delete(&persons)?;
                Err(error)
            }
        }
    }

    fn bulk(&mut self, rows: &[Row], commit: bool) -> burgeon_events::Result<()> {
        let mut bulk = self.store.bulk()?;
        for rows in rows.chunks(3) {
            columns(rows, 0, |rows| bulk.push(rows))?;
        }
        self.store.relink(&self.groups())?;
        let prepared = bulk.prepare()?;
        if !commit {
            return Ok(());
        }
        self.position += 1;
        // The lake has the rows before the hot columns do.
        self.log.push((self.position, rows.to_vec()));
        let fresh = self.take(rows);
        let outcome = prepared.outcome().clone();
        let dropped: Vec<bool> = (0..rows.len()).map(|i| !outcome.is_dropped(i as u64)).collect();
        assert_eq!(dropped, fresh);
        assert_eq!(outcome.appended.duplicates, fresh.iter().filter(|f| !**f).count() as u64);
        prepared.commit(self.position).map(|_| ())
    }

    fn person(&self, who: &str) -> u32 {
        self.store.person(self.store.number(who).unwrap())
    }

    /// Asks one of some questions and compares with the list.
    fn compare(&self, which: usize) {
        let snapshot = self.store.snapshot();
        let (question, mask, group, wanted) = question(which, self);
        let mut expected = Histories::new();
        for row in self.rows.iter().filter(|row| wanted(row)) {
            let history = expected.entry(self.person(row.who)).or_default();
            history.push((row.at, mask(row), group(&snapshot, row)));
        }
        expected.values_mut().for_each(|rows| rows.sort_unstable());
        let found = snapshot.fold(&question, Vec::new, collect).unwrap();
        assert_eq!(histories(found.into_iter().flatten()), expected, "fold of question {which}");
        let everyone: Vec<u32> = (0..WHO.len() as u32 + 40).rev().collect();
        let found = snapshot.fold_persons(&question, &everyone, Vec::new(), collect).unwrap();
        assert_eq!(histories(found.into_iter()), expected, "fold_persons of question {which}");
        // Asked twice: from the blocks, then from what was kept.
        for _ in 0..2 {
            let sum = snapshot.ask(&question, &Digest { salt: which as u64 }).unwrap();
            assert_eq!(sum.0, digest(&expected, which as u64), "ask of question {which}");
        }
        for who in WHO.iter().filter(|who| self.store.number(who).is_some()) {
            let person = self.person(who);
            let mut rows: Vec<_> = self
                .rows
                .iter()
                .filter(|row| self.person(row.who) == person)
                .map(|r| {
                    let dims = vec![r.channel.map(str::to_owned), r.path.map(str::to_owned)];
                    (r.at, r.id, r.event.to_owned(), r.who.to_owned(), dims)
                })
                .collect();
            rows.sort_unstable();
            let mut found: Vec<_> = snapshot
                .person_rows(person)
                .unwrap()
                .into_iter()
                .map(|r| {
                    let who = self.store.identifier(r.who).unwrap().unwrap();
                    (r.at, r.id, r.event, who, r.dims)
                })
                .collect();
            found.sort_unstable();
            assert_eq!(found, rows, "rows of {who}");
        }
        let names: BTreeMap<String, (u64, u64, i64, i64)> = snapshot
            .names()
            .unwrap()
            .into_iter()
            .map(|n| (n.event, (n.rows, n.persons, n.first_at, n.last_at)))
            .collect();
        let mut expected: BTreeMap<String, (u64, BTreeSet<u32>, i64, i64)> = BTreeMap::new();
        for row in &self.rows {
            let name = expected.entry(row.event.into()).or_insert((0, BTreeSet::new(), i64::MAX, i64::MIN));
            name.0 += 1;
            name.1.insert(self.person(row.who));
            name.2 = name.2.min(row.at);
            name.3 = name.3.max(row.at);
        }
        let expected = expected.into_iter().map(|(n, (r, p, a, b))| (n, (r, p.len() as u64, a, b))).collect();
        assert_eq!(names, expected);
        let at = || self.rows.iter().map(|row| row.at);
        assert_eq!(snapshot.span(), at().min().zip(at().max()));
        assert_eq!(self.store.check(), Vec::<String>::new());
    }
}

type Group = fn(&burgeon_events::Snapshot, &Row) -> u32;

/// Questions, and what they mean for a row: mask, group, whether it is there.
#[allow(clippy::type_complexity)]
fn question(
    which: usize,
    model: &Model,
) -> (Question, fn(&Row) -> u64, Group, Box<dyn Fn(&Row) -> bool + '_>) {
    let steps = |texts: &[&str]| -> Vec<Step> { texts.iter().map(|t| Step::parse(t).unwrap()).collect() };
    let none: Group = |_, _| 0;
    match which {
        0 => (
            Question { conditions: vec![steps(&["*"]), steps(&["pay", "signup"])], ..Question::default() },
            |r| 1 | u64::from(r.event == "pay" || r.event == "signup") << 1,
            none,
            Box::new(|_| true),
        ),
        1 => (
            Question {
                conditions: vec![
                    steps(&["view[path=/pricing]"]),
                    steps(&["view"]),
                    steps(&["*[channel!=direct,path~/]", "pay"]),
                    steps(&["leave[path=]", "never"]),
                    steps(&["*[path=/never]"]),
                ],
                by: Breakdown::Dimension("channel".into()),
                ..Question::default()
            },
            |r| {
                let any = r.channel != Some("direct") && r.path.is_some();
                u64::from(r.event == "view" && r.path == Some("/pricing"))
                    | u64::from(r.event == "view") << 1
                    | u64::from(any || r.event == "pay") << 2
                    | u64::from(r.event == "leave" && r.path.is_none()) << 3
            },
            |s, r| r.channel.map_or(0, |text| s.code("channel", text).unwrap().unwrap()),
            Box::new(|_| true),
        ),
        2 => (
            Question {
                conditions: vec![steps(&["signup[channel~ar]"])],
                by: Breakdown::Dimension(EVENT.into()),
                filters: vec![
                    Filter {
                        dimension: "path".into(),
                        values: vec![Some("/".into()), None, Some("/x".into())],
                        negated: false,
                    },
                    Filter { dimension: EVENT.into(), values: vec![Some("leave".into())], negated: true },
                ],
                span: Some((20 * STEP, 70 * STEP)),
                ..Question::default()
            },
            |r| u64::from(r.event == "signup" && r.channel == Some("search")),
            |s, r| s.code(EVENT, r.event).unwrap().unwrap(),
            Box::new(|r| {
                r.path != Some("/pricing") && r.event != "leave" && (20 * STEP..70 * STEP).contains(&r.at)
            }),
        ),
        3 => (
            // Few of all days, the first and the last of them in part.
            Question {
                conditions: vec![steps(&["view", "pay[path=/]"])],
                by: Breakdown::Dimension("path".into()),
                filters: vec![Filter {
                    dimension: "channel".into(),
                    values: vec![Some("mail".into())],
                    negated: true,
                }],
                span: Some((32 * STEP, 41 * STEP + 1)),
                ..Question::default()
            },
            |r| u64::from(r.event == "view" || r.event == "pay" && r.path == Some("/")),
            |s, r| r.path.map_or(0, |text| s.code("path", text).unwrap().unwrap()),
            Box::new(|r| r.channel != Some("mail") && (32 * STEP..=41 * STEP).contains(&r.at)),
        ),
        _ => {
            // Persons with an even number, in groups by their number.
            let codes: Arc<[u32]> = (0..60).map(|n| n % 5).collect();
            let even: Arc<[u64]> = Arc::new([0x5555_5555_5555_5555]);
            let question = Question {
                by: Breakdown::PersonCodes(codes),
                persons: Some(even),
                span: Some((0, 1000 * STEP)),
                ..Question::default()
            };
            let wanted = |r: &Row| model.person(r.who).is_multiple_of(2) && (0..1000 * STEP).contains(&r.at);
            (question, |_| 0, |s, r| s.person(r.who).unwrap() % 5, Box::new(wanted))
        }
    }
}

fn group(rows: &Rows<'_>, person: u32, row: usize) -> u32 {
    match rows.by {
        By::None => 0,
        By::Row(groups) => groups[row],
        By::Person(groups) => groups.get(person as usize).copied().unwrap_or(0),
    }
}

#[allow(clippy::type_complexity)]
fn collect(out: &mut Vec<(u32, Vec<(i64, u64, u32)>)>, rows: &Rows<'_>) {
    assert!(rows.persons.is_sorted_by(|a, b| a < b));
    for (person, from, to) in rows.histories() {
        assert!(from < to && rows.at[from..to].is_sorted());
        let mask = |row: usize| rows.masks[usize::from(rows.class[row])];
        out.push((person, (from..to).map(|r| (rows.at[r], mask(r), group(rows, person, r))).collect()));
    }
}

fn histories(found: impl Iterator<Item = (u32, Vec<(i64, u64, u32)>)>) -> Histories {
    let mut out = Histories::new();
    for (person, mut rows) in found {
        rows.sort_unstable();
        assert!(out.insert(person, rows).is_none(), "{person} came twice");
    }
    out
}

/// A sum of hashes of whole histories: any difference shows.
#[derive(Debug)]
struct Digest {
    salt: u64,
}

#[derive(Debug, Clone, Default)]
struct Sum(u64);

impl Partial for Sum {
    fn merge(&mut self, other: &Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    fn subtract(&mut self, other: &Self) {
        self.0 = self.0.wrapping_sub(other.0);
    }

    fn bytes(&self) -> usize {
        8
    }
}

impl Kernel for Digest {
    type Partial = Sum;

    fn empty(&self) -> Sum {
        Sum(0)
    }

    fn add(&self, rows: &Rows<'_>, out: &mut Sum) {
        let mut found = Vec::new();
        collect(&mut found, rows);
        out.0 = out.0.wrapping_add(digest(&histories(found.into_iter()), self.salt));
    }
}

fn digest(histories: &Histories, salt: u64) -> u64 {
    let text = |h: (&u32, &Vec<(i64, u64, u32)>)| burgeon_events::event_key(&format!("{salt} {h:?}"));
    histories.iter().map(text).fold(0, u64::wrapping_add)
}

fn row() -> impl Strategy<Value = Row> {
    // Now and then a clock is decades off.
    let at = prop_oneof![40 => 0i64..100, 1 => Just(-100_000)].prop_map(|at| at * STEP);
    (0..WHO.len(), 0..NAMES.len(), 0u64..40, at, 0..CHANNELS.len(), 0..PATHS.len()).prop_map(
        |(who, event, id, at, channel, path)| Row {
            who: WHO[who],
            event: NAMES[event],
            id,
            at,
            channel: CHANNELS[channel],
            path: PATHS[path],
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let rows = || prop::collection::vec(row(), 1..12);
    prop_oneof![
        6 => rows().prop_map(Action::Append),
        2 => (rows(), prop::bool::weighted(0.8)).prop_map(|(rows, commit)| Action::Bulk(rows, commit)),
        3 => (0..WHO.len(), 0..WHO.len()).prop_map(|(a, b)| Action::Link(a, b)),
        2 => (0usize..6).prop_map(Action::Unlink),
        2 => Just(Action::Checkpoint),
        3 => Just(Action::Maintain),
        3 => Just(Action::Warm),
        2 => Just(Action::Compact),
        2 => Just(Action::Reopen),
        1 => (0..WHO.len()).prop_map(Action::Delete),
        1 => (0i64..40).prop_map(|before| Action::Expire(before * STEP)),
        4 => (0..QUESTIONS).prop_map(Action::Ask),
        2 => (0i64..40).prop_map(Action::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_the_list(actions in prop::collection::vec(action(), 1..40)) {
        let mut model = Model::new();
        for action in &actions {
            model.act(action);
        }
        for which in 0..QUESTIONS {
            model.compare(which);
        }
        model.act(&Action::Compact);
        model.act(&Action::Reopen);
        model.act(&Action::Compact);
        for which in 0..QUESTIONS {
            model.compare(which);
        }
    }
}
