//! Appending, flushing, merging, reopening, duplicates.

use burgeon_engine::events::{Breakdown, Filter, Question};
use burgeon_engine::lake::{FaultPoint, Lake, LakeError, LakeOptions};

use super::{Counted, batch, cells, content, count, count_step, event, events, files, open, options, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn appended_events_are_seen_at_once_and_after_reopening() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(200);
    let lake = open(dir.path()).await;
    assert!(content(&lake).await.is_empty());
    let done = lake.append("events", batch(&all[..150])).await.expect("append");
    assert_eq!((done.taken, done.replaced, done.unchanged), (150, 0, 0));
    assert_eq!(content(&lake).await, sorted(all[..150].to_vec()));
    lake.events().append(batch(&all[150..])).await.expect("append");
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()));
    lake.flush().await.expect("flush");
    assert_eq!(content(&lake).await, sorted(all.clone()));
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert_eq!(lake.rows_total("events").expect("count"), 200);
    lake.compact().await.expect("compact");
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert!(lake.check().await.is_empty(), "{:?}", lake.check().await);
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_events_again_change_nothing_also_after_a_restart() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(120);
    let lake = open(dir.path()).await;
    lake.append("events", batch(&all)).await.expect("append");
    let before = lake.versions()["events"];
    let again = lake.append("events", batch(&all)).await.expect("append");
    assert_eq!((again.taken, again.unchanged), (0, 120));
    assert_eq!(lake.versions()["events"], before);
    // Once in the log, once in a run, once in blocks; and twice in one batch.
    for step in 0..3 {
        match step {
            1 => lake.flush().await.expect("flush"),
            2 => lake.compact().await.expect("compact"),
            _ => {}
        }
        let again = lake.append("events", batch(&all)).await.expect("append");
        assert_eq!((again.taken, again.unchanged), (0, 120), "{step}");
    }
    drop(lake);
    for _ in 0..2 {
        let lake = open(dir.path()).await;
        let again = lake.append("events", batch(&all)).await.expect("append");
        assert_eq!((again.taken, again.unchanged), (0, 120));
        let new = event("new", "signup", "p001", 5);
        let twice = lake.append("events", batch(&[new.clone(), new])).await.expect("append");
        assert!(twice.taken <= 1 && twice.taken + twice.unchanged == 2, "{twice:?}");
    }
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await.len(), 121);
    // The same event of somebody else is another event.
    let other = lake.append("events", batch(&[event("new", "signup", "p002", 5)])).await.expect("append");
    assert_eq!(other.taken, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn appenders_do_not_lose_or_double_each_other() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let mut changes = lake.subscribe();
    let all = events(400);
    // Every event is sent by two clients at once.
    let tasks: Vec<_> = (0..2)
        .flat_map(|_| all.chunks(25))
        .map(|part| {
            let (lake, part) = (lake.clone(), part.to_vec());
            tokio::spawn(async move {
                let mut taken = 0;
                for one in part.chunks(3) {
                    taken += lake.append("events", batch(one)).await.expect("append").taken;
                }
                taken
            })
        })
        .collect();
    for _ in 0..4 {
        lake.flush().await.expect("flush");
        lake.compact().await.expect("compact");
    }
    let mut taken = 0;
    for task in tasks {
        taken += task.await.expect("task");
    }
    assert_eq!(taken, 400);
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert_eq!(changes.recv().await.expect("change").table, "events");
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_merged_as_they_pile_up() {
    let dir = tempfile::tempdir().expect("tempdir");
    let small = LakeOptions { flush_events: 0, ..options() };
    let lake = Lake::open(dir.path(), small).await.expect("open");
    let all = events(600);
    for part in all.chunks(20) {
        lake.append("events", batch(part)).await.expect("append");
        lake.maintain().await.expect("maintain");
    }
    lake.vacuum(std::time::Duration::ZERO).await.expect("vacuum");
    let runs = files(dir.path()).len();
    assert!(runs <= 9, "{runs} runs");
    assert_eq!(content(&lake).await, sorted(all.clone()));
    lake.compact().await.expect("compact");
    lake.vacuum(std::time::Duration::ZERO).await.expect("vacuum");
    assert_eq!(files(dir.path()).len(), 1);
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert!(lake.check().await.is_empty(), "{:?}", lake.check().await);
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_do_not_fit_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let good = batch(&[event("1", "signup", "p", 1)]);
    let error =
        lake.append("events", good.project(&[0, 1, 2]).expect("columns")).await.expect_err("no person");
    assert!(error.to_string().contains("distinct_id"), "{error}");
    let error = lake.append("events", batch(&[event("1", "", "p", 1)])).await.expect_err("no name");
    assert!(error.to_string().contains("\"event\" is empty in row 0"), "{error}");
    assert!(matches!(error, LakeError::Rows { .. }));
    assert!(content(&lake).await.is_empty());
    assert_eq!(lake.append("events", good).await.expect("append").taken, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_waiting_rows_are_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let narrow = LakeOptions { pending_events: 50, ..options() };
    let lake = Lake::open(dir.path(), narrow).await.expect("open");
    let all = events(2000);
    let tasks: Vec<_> = all
        .chunks(40)
        .map(|part| {
            let (lake, part) = (lake.clone(), part.to_vec());
            tokio::spawn(async move { (part.clone(), lake.append("events", batch(&part)).await) })
        })
        .collect();
    let (mut taken, mut refused) = (Vec::new(), 0);
    for task in tasks {
        match task.await.expect("task") {
            (part, Ok(done)) => {
                assert_eq!(done.taken, part.len() as u64);
                taken.extend(part);
            }
            (_, Err(LakeError::Pressure { retry_seconds, .. })) => {
                assert!(retry_seconds > 0);
                refused += 1;
            }
            (_, Err(error)) => panic!("{error}"),
        }
    }
    assert!(refused > 0 && !taken.is_empty(), "{refused} refused");
    assert_eq!(content(&lake).await, sorted(taken));
    assert_eq!(lake.events().pending_rows(), 0);
    // More than may wait, but nobody else does: let in.
    let rest = lake.append("events", batch(&all)).await.expect("append");
    assert_eq!((rest.taken, rest.unchanged), (40 * refused, 2000 - 40 * refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_see_events_wherever_they_lie() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(300);
    let lake = open(dir.path()).await;
    lake.append("events", batch(&all[..100])).await.expect("append");
    lake.compact().await.expect("compact");
    lake.append("events", batch(&all[100..200])).await.expect("append");
    lake.flush().await.expect("flush");
    lake.append("events", batch(&all[200..])).await.expect("append");
    let plain = |wanted: &dyn Fn(&super::Event) -> bool| {
        let met: Vec<_> = all.iter().filter(|one| wanted(one)).collect();
        let persons: std::collections::BTreeSet<_> = met.iter().map(|one| &one.who).collect();
        Counted { rows: met.len() as u64, persons: persons.len() as u64 }
    };
    assert_eq!(count_step(&lake, "signup").await, plain(&|one| one.event == "signup"));
    let path = |one: &super::Event| one.event == "page_view" && one.path.as_deref() == Some("/2");
    assert_eq!(count_step(&lake, "page_view[path=/2]").await, plain(&path));
    let filtered = Question {
        filters: vec![Filter {
            dimension: "path".into(),
            values: vec![Some("/0".into()), None],
            negated: false,
        }],
        by: Breakdown::None,
        span: Some((100, 700)),
        ..Question::default()
    };
    let wanted =
        |one: &super::Event| (100..700).contains(&one.at) && matches!(one.path.as_deref(), None | Some("/0"));
    assert_eq!(count(&lake, filtered).await, plain(&wanted));
    let (first, last) = lake.events().span().expect("span").expect("some");
    assert_eq!(
        (first, last),
        (all.iter().map(|e| e.at).min().unwrap(), all.iter().map(|e| e.at).max().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_what_filters_ask_for() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(300);
    let lake = open(dir.path()).await;
    for part in all.chunks(100) {
        lake.append("events", batch(part)).await.expect("append");
        lake.flush().await.expect("flush");
    }
    lake.append("events", batch(&[event("late", "signup", "p001", 1)])).await.expect("append");
    let got = cells(&lake, "SELECT event_id FROM events WHERE person_id = 'p001' ORDER BY event_id").await;
    let mut wanted: Vec<_> = all.iter().filter(|one| one.who == "p001").map(|one| one.id.clone()).collect();
    wanted.push("late".into());
    wanted.sort();
    assert_eq!(got.into_iter().map(|row| row[0].clone().unwrap()).collect::<Vec<_>>(), wanted);
    let got = cells(
        &lake,
        "SELECT count(*) FROM events WHERE at >= arrow_cast(100, 'Timestamp(Microsecond, Some(\"UTC\"))') \
         AND at < arrow_cast(200, 'Timestamp(Microsecond, Some(\"UTC\"))') AND event = 'click'",
    )
    .await;
    let wanted = all.iter().filter(|one| (100..200).contains(&one.at) && one.event == "click").count();
    assert_eq!(got[0][0].as_deref(), Some(wanted.to_string().as_str()));
    assert_eq!(cells(&lake, "SELECT event FROM events LIMIT 7").await.len(), 7);
    assert!(cells(&lake, "SELECT event FROM events WHERE distinct_id = 'nobody'").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_events_and_their_properties_are_found() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(50);
    let lake = open(dir.path()).await;
    for (at, one) in all.iter().enumerate() {
        lake.append("events", batch(std::slice::from_ref(one))).await.expect("append");
        if at == 30 {
            lake.flush().await.expect("flush");
        }
    }
    let recent = lake.events().recent(None, 25).await.expect("recent");
    let ids: Vec<String> = super::decode(&recent).into_iter().map(|one| one.id).collect();
    assert_eq!(ids, (25..50).rev().map(|i| format!("e{i}")).collect::<Vec<_>>());
    let signups = lake.events().recent(Some("signup"), 10).await.expect("recent");
    assert!(super::decode(&signups).iter().all(|one| one.event == "signup") && signups.num_rows() == 10);
    assert_eq!(lake.events().properties("page_view").await.expect("properties"), ["plan", "seats"]);
    let history = lake.events().history(&all[3].who, None, 100).await.expect("history");
    let mut mine: Vec<_> = all.iter().filter(|one| one.who == all[3].who).cloned().collect();
    mine.sort_by_key(|one| std::cmp::Reverse(one.at));
    assert_eq!(super::decode(&history), mine);
    let names = lake.events().names().expect("names");
    let pages = names.iter().find(|name| name.event == "page_view").expect("seen");
    assert_eq!(pages.rows, all.iter().filter(|one| one.event == "page_view").count() as u64);
}

/// Newest by the time of the event, wherever the rows lie and whenever they came.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_last_is_found_in_runs_and_in_memory() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut all = events(400);
    for (i, one) in all.iter_mut().enumerate() {
        one.at = (i as i64 * 7919 % 400) * 40_000_000_000; // eleven hours apart, in no order of arrival
    }
    let lake = open(dir.path()).await;
    lake.append("identity_links", super::links(&[("p004", "p003", "identify", 1, false)]))
        .await
        .expect("link");
    let check = async |arrived: usize| {
        for event in [None, Some("click"), Some("nothing")] {
            for (until, limit) in
                [(i64::MAX, 30), (300 * 40_000_000_000, 7), (5, 3), (0, 3), (i64::MAX, 1000)]
            {
                let fits =
                    |one: &&super::Event| one.at < until && event.is_none_or(|event| one.event == event);
                let mut expected: Vec<_> = all[..arrived].iter().filter(fits).cloned().collect();
                expected.sort_by_key(|one| std::cmp::Reverse(one.at));
                expected.truncate(limit);
                let latest = lake.events().latest(event, until, limit).await.expect("latest");
                assert_eq!(super::decode(&latest), expected, "{arrived} {event:?} {until} {limit}");
            }
        }
    };
    check(0).await;
    for (arrived, flushed) in [(150, true), (290, true), (400, false)] {
        let before = [0, 150, 290].into_iter().filter(|before| *before < arrived).max().unwrap_or(0);
        lake.append("events", batch(&all[before..arrived])).await.expect("append");
        if flushed {
            lake.flush().await.expect("flush");
        }
        check(arrived).await;
    }
    lake.compact().await.expect("compact");
    check(400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_become_hot_when_they_are_asked_for() {
    let all = events(300);
    let plain = |wanted: &str| {
        let met = |one: &&super::Event| {
            one.event == "page_view" && one.properties.as_deref().is_some_and(|json| json.contains(wanted))
        };
        all.iter().filter(met).count() as u64
    };
    // Once cut off in the middle.
    for cut in [false, true] {
        let dir = tempfile::tempdir().expect("tempdir");
        let lake = open(dir.path()).await;
        lake.append("identity_links", super::links(&[("p004", "p003", "identify", 1, false)]))
            .await
            .expect("link");
        lake.append("events", batch(&all[..100])).await.expect("append");
        lake.compact().await.expect("compact");
        lake.append("events", batch(&all[100..150])).await.expect("append");
        lake.flush().await.expect("flush");
        lake.append("events", batch(&all[150..200])).await.expect("append");
        drop(lake);
        if cut {
            let lake = super::failing(dir.path(), FaultPoint::Filling).await;
            let plan = burgeon_core::behaviour::step::Step::parse("page_view[plan=1]").expect("a step");
            let question = Question { conditions: vec![vec![plan]], ..Question::default() };
            assert!(lake.events().ask(question, super::Count { any: false }).await.is_err());
        }
        let lake = open(dir.path()).await;
        // An import that began before brings the property too.
        let import = lake.events().bulk().expect("bulk");
        import.write(&batch(&all[200..250])).expect("write");
        count_step(&lake, "page_view[plan=1]").await;
        import.finish().await.expect("finish");
        lake.append("events", batch(&all[250..])).await.expect("append");
        assert_eq!(count_step(&lake, "page_view[plan=1]").await.rows, plain("\"plan\":\"1\""), "{cut}");
        assert_eq!(count_step(&lake, "page_view[seats=4]").await.rows, plain("\"seats\":4"), "{cut}");
        assert_eq!(count_step(&lake, "*[title=x]").await.rows, 0);
        lake.compact().await.expect("compact");
        drop(lake);
        let lake = open(dir.path()).await;
        assert_eq!(count_step(&lake, "page_view[plan=1]").await.rows, plain("\"plan\":\"1\""), "{cut}");
    }
}
