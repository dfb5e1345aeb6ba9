//! Limits, dimensions that come later, long histories, and what a question must not ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::rolling::Rolling;
use burgeon_core::behaviour::step::Step;
use burgeon_events::{
    Breakdown, Filter, HotError, HotOptions, HotStore, NewRows, Question, Verdict, event_key,
};

fn options(dims: &[&str]) -> HotOptions {
    HotOptions {
        dimensions: dims.iter().map(|d| (*d).to_owned()).collect(),
        block_rows: 100,
        recent_rows: 1000,
        ..HotOptions::default()
    }
}

/// Rows of (identifier, event, key, instant), all with the same value in one dimension.
fn append(
    store: &HotStore,
    position: u64,
    rows: &[(&str, &str, u64, i64)],
    dim: (&str, Option<&str>),
) -> u64 {
    let who: Vec<&str> = rows.iter().map(|r| r.0).collect();
    let events: Vec<&str> = rows.iter().map(|r| r.1).collect();
    let ids: Vec<u64> = rows.iter().map(|r| r.2).collect();
    let at: Vec<i64> = rows.iter().map(|r| r.3).collect();
    let values = vec![dim.1; rows.len()];
    let rows = NewRows {
        position,
        distinct_ids: &who,
        events: &events,
        ids: &ids,
        at: &at,
        dims: &[(dim.0, &values)],
    };
    store.append(&rows).unwrap().taken
}

fn values(store: &HotStore, who: &str, dim: &str) -> Vec<Option<String>> {
    let now = store.snapshot();
    let at = now.dimensions().iter().position(|d| d == dim).unwrap();
    let rows = now.person_rows(now.person(who).unwrap()).unwrap();
    rows.into_iter().map(|row| row.dims[at].clone()).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_dimension_that_comes_later_is_filled_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), options(&["channel"])).unwrap();
    for i in 0..300u64 {
        let who = format!("u{}", i % 30);
        append(&store, i + 1, &[(&who, "view", i, i as i64)], ("channel", Some("mail")));
        if i == 200 {
            store.compact().unwrap();
        }
    }
    store.checkpoint().unwrap();
    // A new name in the options begins empty, with rows in the journal and in blocks.
    drop(store);
    let store = HotStore::open(dir.path(), options(&["channel", "plan"])).unwrap();
    assert_eq!((store.dimensions(), store.complete_through()), (vec!["channel".into(), "plan".into()], 300));
    assert_eq!(values(&store, "u7", "plan"), vec![None; 10]);
    append(&store, 301, &[("u7", "view", 1000, 1000)], ("plan", Some("pro")));
    assert_eq!(values(&store, "u7", "plan").last().unwrap(), &some("pro"));
    let ranges = std::sync::Mutex::new(Vec::new());
    let number = |i: u64| store.number(&format!("u{}", i % 30)).unwrap();
    let fill = |range: std::ops::Range<u32>, give: &mut dyn FnMut(u32, u64, &str)| {
        ranges.lock().unwrap().push(range.clone());
        for i in (0..300u64).filter(|i| i % 2 == 0 && range.contains(&number(*i))) {
            give(number(i), i, ["even", "x"][(i % 4 / 2) as usize]);
        }
        Ok(())
    };
    store.add_dimension("parity", &fill).unwrap();
    let mut ranges = ranges.into_inner().unwrap();
    ranges.sort_by_key(|range| range.start);
    assert_eq!((ranges[0].start, ranges.last().unwrap().end), (0, u32::MAX));
    assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
    append(&store, 302, &[("u8", "view", 1001, 1001)], ("parity", Some("late")));
    store.checkpoint().unwrap();
    for store in [store.clone(), HotStore::open(dir.path(), options(&["channel"])).unwrap()] {
        let mut expected: Vec<_> =
            (0..10).map(|i| some(["even", "x"][((i * 30 + 8) % 4 / 2) as usize])).collect();
        expected.push(some("late"));
        assert_eq!(values(&store, "u8", "parity"), expected);
        assert_eq!(values(&store, "u7", "parity"), vec![None; 11]);
        assert_eq!(values(&store, "u7", "plan")[9..], [None, some("pro")]);
        assert_eq!(values(&store, "u7", "channel")[0], some("mail"));
    }
}

#[test]
fn adding_a_dimension_survives_a_stop_anywhere() {
    for left in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        let fault = Arc::new(AtomicI64::new(i64::MAX));
        let with_fault = || HotOptions { fault: Some(fault.clone()), ..options(&["channel"]) };
        let store = HotStore::open(dir.path(), with_fault()).unwrap();
        append(&store, 1, &[("a", "view", 1, 1), ("b", "view", 2, 2)], ("channel", Some("mail")));
        store.compact().unwrap();
        append(&store, 2, &[("a", "view", 3, 3)], ("channel", Some("mail")));
        fault.store(left, Ordering::SeqCst);
        let done = store.add_dimension("plan", &|_, give| {
            give(0, 1, "pro");
            Ok(())
        });
        // What is appended after a failure must be right too, with or without the dimension.
        fault.store(i64::MAX, Ordering::SeqCst);
        append(&store, 3, &[("b", "view", 4, 4)], ("plan", Some("free")));
        store.checkpoint().unwrap();
        let again = HotStore::open(dir.path(), with_fault()).unwrap();
        for store in [store, again] {
            assert_eq!(values(&store, "a", "channel"), [some("mail"), some("mail")]);
            assert_eq!(store.complete_through(), 3);
            if done.is_ok() {
                assert_eq!(values(&store, "a", "plan"), [some("pro"), None]);
            }
            if store.dimensions().len() == 2 {
                assert_eq!(values(&store, "b", "plan"), [None, some("free")]);
            }
        }
    }
}

#[test]
fn too_many_values_are_said_and_do_not_grow() {
    let dir = tempfile::tempdir().unwrap();
    let few = || HotOptions { values: 3, ..options(&["path", "channel"]) };
    let store = HotStore::open(dir.path(), few()).unwrap();
    for i in 0..6u64 {
        append(&store, i + 1, &[("a", "view", i, 1)], ("path", Some(&format!("/{i}"))));
    }
    store.compact().unwrap();
    for store in [store.clone(), HotStore::open(dir.path(), few()).unwrap()] {
        let question = Question { by: Breakdown::Dimension("path".into()), ..Question::default() };
        let asked = store.snapshot().fold(&question, || (), |_, _| ());
        assert!(matches!(asked, Err(HotError::TooManyValues { limit: 3, .. })));
        assert_eq!(store.stats().values[0], ("path".into(), 3));
        let question = Question { by: Breakdown::Dimension("channel".into()), ..Question::default() };
        assert!(store.snapshot().fold(&question, || (), |_, _| ()).is_ok());
    }
}

#[test]
fn names_beyond_sixty_thousand_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), options(&[])).unwrap();
    let names: Vec<String> = (0..60_010).map(|i| format!("event {i}")).collect();
    let events: Vec<&str> = names.iter().map(String::as_str).chain(["event 5", "event 60005"]).collect();
    let n = events.len();
    let ids: Vec<u64> = (0..n as u64).collect();
    let rows = NewRows {
        position: 1,
        distinct_ids: &vec!["a"; n],
        events: &events,
        ids: &ids,
        at: &vec![0; n],
        dims: &[],
    };
    let verdicts = store.admit(&rows).unwrap();
    let refused: Vec<usize> = (0..n).filter(|i| verdicts[*i] == Verdict::TooManyNames).collect();
    assert_eq!(refused, (60_000..60_010).chain([60_011]).collect::<Vec<_>>());
    let done = store.append(&rows).unwrap();
    assert_eq!((done.taken, done.refused), (60_001, 11));
    let other = tempfile::tempdir().unwrap();
    let mut bulk = HotStore::open(other.path(), options(&[])).unwrap().bulk().unwrap();
    bulk.push(&rows).unwrap();
    let prepared = bulk.prepare().unwrap();
    let outcome = prepared.outcome();
    assert_eq!((outcome.appended.taken, outcome.appended.refused), (60_001, 11));
    assert!((0..n as u64).all(|i| outcome.is_dropped(i) == refused.contains(&(i as usize))));
}

#[test]
fn duplicates_are_found_in_long_histories() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), options(&[])).unwrap();
    // One person with many rows under two identifiers, so that the filter and the key's owner both matter.
    let key = |i: u64| event_key(&i.to_string());
    let rows: Vec<(&str, &str, u64, i64)> =
        (0..20_000).map(|i| (["a", "b"][(i % 2) as usize], "view", key(i), (i * 7 % 1000) as i64)).collect();
    assert_eq!(append(&store, 1, &rows, ("", None)), 20_000);
    let numbers = store.numbers(&["a", "b"]).unwrap();
    store.relink(&[numbers]).unwrap();
    store.compact().unwrap();
    assert_eq!((store.stats().blocks, store.stats().recent), (1, 0));
    assert_eq!(append(&store, 2, &rows[..5000], ("", None)), 0);
    let swapped: Vec<_> =
        rows[..1000].iter().map(|r| (if r.0 == "a" { "b" } else { "a" }, r.1, r.2, r.3)).collect();
    assert_eq!(append(&store, 3, &swapped, ("", None)), 1000);
    let fresh: Vec<_> = (20_000..25_000).map(|i| ("a", "view", key(i), 0)).collect();
    assert_eq!(append(&store, 4, &fresh, ("", None)), 5000);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), options(&["channel"])).unwrap();
    append(&store, 1, &[("a", "view", 1, 1)], ("channel", Some("mail")));
    let now = store.snapshot();
    let ask = |question: Question| {
        let kernel = Rolling::distinct(Calendar::new(vec![0, 10]));
        now.ask(&question, &kernel)
            .map(|sum| kernel.counts(&sum).of(0, 0).to_vec())
            .map_err(|e| e.to_string())
    };
    let step = |text: &str| vec![Step::parse(text).unwrap()];
    assert_eq!(ask(Question { conditions: vec![step("view")], ..Question::default() }), Ok(vec![1]));
    assert_eq!(
        ask(Question { conditions: vec![step("view[plan=pro]")], ..Question::default() }).unwrap_err(),
        "the property plan has no hot column; these have one: channel"
    );
    let filter = Filter { dimension: "plan".into(), values: vec![], negated: false };
    assert!(ask(Question { filters: vec![filter], ..Question::default() }).unwrap_err().contains("plan"));
    let many = Question { conditions: vec![step("view"); 65], ..Question::default() };
    assert!(ask(many).unwrap_err().contains("at most 64 conditions, this one has 65"));
    // 13 independent conditions can be met in more ways than there are classes for, but the rows meet them in one.
    let conditions = (0..13).map(|i| step(&format!("view[channel!=x{i}]"))).collect();
    assert_eq!(ask(Question { conditions, ..Question::default() }), Ok(vec![1]));
}

#[test]
fn damage_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), options(&["channel"])).unwrap();
    let rows: Vec<(&str, &str, u64, i64)> = (0..500).map(|i| ("a", "view", i, i as i64)).collect();
    append(&store, 1, &rows, ("channel", Some("mail")));
    store.compact().unwrap();
    assert_eq!(store.check(), Vec::<String>::new());
    drop(store);
    let block = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
    let block = block.into_iter().find(|p| p.extension().is_some_and(|e| e == "hot")).unwrap();
    let whole = std::fs::read(&block).unwrap();
    let damage = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&block, bytes).unwrap();
    };
    damage(whole.len() - 1);
    let store = HotStore::open(dir.path(), options(&["channel"])).unwrap();
    assert!(store.check()[0].contains("its column day:event is damaged"), "{:?}", store.check());
    damage(40);
    let error = HotStore::open(dir.path(), options(&["channel"])).unwrap_err().to_string();
    assert!(error.contains("its head is damaged; the hot columns can be rebuilt"), "{error}");
    for length in [0, 10, 30, whole.len() / 2] {
        std::fs::write(&block, &whole[..length]).unwrap();
        assert!(matches!(HotStore::open(dir.path(), options(&[])), Err(HotError::Damaged { .. })));
    }
    std::fs::remove_file(&block).unwrap();
    assert!(matches!(HotStore::open(dir.path(), options(&[])), Err(HotError::Io { .. })));
}

#[test]
fn a_store_that_is_closed_holds_no_files_and_rewritten_blocks_go() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let held = || -> Vec<String> {
        let open = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        open.filter(|path| path.starts_with(&root)).map(|path| path.display().to_string()).collect()
    };
    let store = HotStore::open(dir.path(), options(&["channel"])).unwrap();
    for i in 0..5u64 {
        let rows: Vec<(&str, &str, u64, i64)> =
            (0..200).map(|j| ("a", "view", i * 200 + j, j as i64)).collect();
        append(&store, i + 1, &rows, ("channel", Some("mail")));
        let now = store.snapshot();
        let kernel = Rolling::distinct(Calendar::new(vec![0, 100, 200]));
        let question = Question { conditions: vec![vec![Step::named("view")]], ..Question::default() };
        assert_eq!(kernel.counts(&now.ask(&question, &kernel).unwrap()).of(0, 0), [1, 1]);
        assert_eq!(now.names().unwrap()[0].rows, (i + 1) * 200);
        drop(now);
        store.compact().unwrap();
        assert!(held().iter().all(|path| !path.ends_with("(deleted)")), "{:?}", held());
    }
    assert!(!held().is_empty());
    drop(store);
    assert_eq!(held(), Vec::<String>::new());
}

#[test]
fn appends_questions_and_upkeep_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), HotOptions { recent_rows: 300, ..options(&["channel"]) }).unwrap();
    let rows = |from: u64| -> Vec<(String, u64)> {
        (from..from + 20).map(|i| (format!("u{}", i * 7919 % 97), i)).collect()
    };
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..200u64 {
                let rows = rows(i * 20);
                let rows: Vec<(&str, &str, u64, i64)> =
                    rows.iter().map(|(w, i)| (w.as_str(), "view", *i, *i as i64)).collect();
                assert_eq!(append(&store, i + 1, &rows, ("channel", Some("mail"))), 20);
                if i % 10 == 0 {
                    let members: Vec<u32> = (0..97).filter_map(|n| store.number(&format!("u{n}"))).collect();
                    let (a, b) = (members[i as usize / 10 % members.len()], members[0]);
                    store.relink(&[if a == b { vec![a] } else { vec![a, b] }]).unwrap();
                    store.relink(&[vec![a], vec![b]]).unwrap();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                store.maintain().unwrap();
                store.checkpoint().unwrap();
            }
        });
        let mut last = 0;
        while !done.load(Ordering::SeqCst) {
            let names = store.snapshot().names().unwrap();
            let rows = names.first().map_or(0, |name| name.rows);
            assert!(rows >= last && rows.is_multiple_of(20), "{rows} rows after {last}");
            last = rows;
        }
    });
    store.checkpoint().unwrap();
    for store in [store.clone(), HotStore::open(dir.path(), options(&["channel"])).unwrap()] {
        assert_eq!(store.check(), Vec::<String>::new());
        assert_eq!(store.stats().rows, 4000);
        let people = store
            .snapshot()
            .fold(&Question::default(), Vec::new, |people, rows| people.extend_from_slice(rows.persons));
        assert_eq!(people.unwrap().concat().len(), 97);
    }
}

#[test]
fn rows_that_went_to_another_block_and_belong_back_come_once() {
    let dir = tempfile::tempdir().unwrap();
    let open = || HotStore::open(dir.path(), HotOptions { recent_rows: 20, ..options(&[]) }).unwrap();
    let store = open();
    let rows = |who: u64, from: u64, n: u64| -> Vec<(String, u64)> {
        (from..from + n).map(|i| (format!("u{who}"), i)).collect()
    };
    let put = |store: &HotStore, rows: &[(String, u64)]| {
        let rows: Vec<(&str, &str, u64, i64)> =
            rows.iter().map(|(w, i)| (w.as_str(), "view", *i, *i as i64)).collect();
        append(store, 1, &rows, ("", None))
    };
    for who in 0..8 {
        put(&store, &rows(who, 0, 60));
    }
    store.compact().unwrap();
    assert!(store.stats().blocks >= 4);
    // u7 becomes u0; only the block of u0 is written anew, and the rows of u7 stay in theirs as left.
    store.relink(&[vec![0, 7]]).unwrap();
    put(&store, &rows(0, 100, 30));
    assert_eq!(store.maintain().unwrap().absorbed, 30);
    assert_eq!((store.stats().displaced, store.stats().rows), (0, 510));
    let seen = |store: &HotStore, who: &str| {
        let now = store.snapshot();
        let person = now.person(who).unwrap();
        let rows =
            now.fold_persons(&Question::default(), &[person], 0, |n, rows| *n += rows.at.len()).unwrap();
        assert_eq!(now.person_rows(person).unwrap().len(), rows);
        let all = now.fold(&Question::default(), || 0, |n, rows| *n += rows.at.len()).unwrap();
        assert_eq!(all.iter().sum::<usize>(), 510);
        rows
    };
    assert_eq!((seen(&store, "u0"), seen(&store, "u7")), (150, 150));
    // And is u7 again: the rows left behind are still not to be counted beside those that moved.
    store.relink(&[vec![0], vec![7]]).unwrap();
    store.checkpoint().unwrap();
    let again = open();
    again.relink_all([]).unwrap();
    for store in [&store, &again] {
        assert_eq!((seen(store, "u0"), seen(store, "u7")), (90, 60));
    }
    again.compact().unwrap();
    assert_eq!((seen(&again, "u0"), seen(&again, "u7"), again.stats().displaced), (90, 60, 0));
}

#[test]
fn rows_that_arrive_while_blocks_are_written_are_durable_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = HotStore::open(dir.path(), options(&["channel"])).unwrap();
    append(&store, 1, &[("a", "view", 1, 1), ("b", "view", 2, 2)], ("channel", Some("mail")));
    let mut bulk = store.bulk().unwrap();
    let rows = NewRows {
        position: 0,
        distinct_ids: &["a", "c", "a"],
        events: &["signup", "view", "view"],
        ids: &[10, 11, 1],
        at: &[5, 6, 7],
        dims: &[("channel", &[Some("search"), None, None])],
    };
    bulk.push(&rows).unwrap();
    let prepared = bulk.prepare().unwrap();
    append(&store, 2, &[("a", "view", 3, 3), ("d", "pay", 4, 4)], ("channel", Some("direct")));
    assert_eq!(store.stats().rows, 4);
    let outcome = prepared.commit(3).unwrap();
    assert_eq!((outcome.appended.taken, outcome.appended.duplicates), (2, 1));
    assert!(!outcome.is_dropped(0) && !outcome.is_dropped(1) && outcome.is_dropped(2));
    for store in [store.clone(), HotStore::open(dir.path(), options(&["channel"])).unwrap()] {
        assert_eq!((store.complete_through(), store.stats().rows), (3, 6));
        assert_eq!(values(&store, "a", "channel"), [some("mail"), some("direct"), some("search")]);
        assert_eq!(values(&store, "d", "channel"), [some("direct")]);
        assert_eq!(values(&store, "c", "channel"), [None]);
    }
}
