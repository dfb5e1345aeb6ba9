//! Imports: in bounded memory, there all at once, once.

use burgeon_engine::lake::{BulkSummary, Lake, LakeError, LakeOptions};

use super::{Event, batch, cells, content, count_step, event, events, files, links, open, options, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_there_at_the_end_and_once() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(500);
    let lake = open(dir.path()).await;
    lake.append("events", batch(&all[..30])).await.expect("append");
    lake.compact().await.expect("compact");
    lake.append("events", batch(&all[30..60])).await.expect("append");
    let import = lake.events().bulk().expect("bulk");
    for part in all.chunks(64) {
        import.write(&batch(part)).expect("write");
    }
    import.write(&batch(&all[400..410])).expect("write");
    assert_eq!(content(&lake).await, sorted(all[..60].to_vec()));
    let done = import.finish().await.expect("finish");
    assert_eq!(done, BulkSummary { taken: 440, unchanged: 70, ..Default::default() });
    assert_eq!(content(&lake).await, sorted(all.clone()));
    let before = (lake.versions()["events"], super::files(dir.path()).len());
    let again = lake.events().bulk().expect("bulk");
    again.write(&batch(&all)).expect("write");
    assert_eq!(again.finish().await.expect("finish"), BulkSummary { unchanged: 500, ..Default::default() });
    assert_eq!((lake.versions()["events"], files(dir.path()).len()), before);
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all));
    assert!(lake.check().await.is_empty(), "{:?}", lake.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_spill_and_still_say_the_same() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(6000);
    let small = LakeOptions { bulk_memory: 400_000, ..options() };
    let lake = Lake::open(dir.path(), small).await.expect("open");
    lake.append("identity_links", links(&[("p004", "p003", "identify", 1, false)])).await.expect("link");
    let import = lake.events().bulk().expect("bulk");
    for part in all.chunks(100).collect::<Vec<_>>().into_iter().rev() {
        import.write(&batch(part)).expect("write");
    }
    assert_eq!(import.finish().await.expect("finish").taken, 6000);
    assert_eq!(content(&lake).await, sorted(all.clone()));
    let left = dir.path().join("spill").read_dir().map_or(0, |entries| entries.count());
    assert_eq!(left, 0, "spilled rows are removed");
    let signups = all.iter().filter(|one| one.event == "signup").count() as u64;
    assert_eq!(count_step(&lake, "signup").await.rows, signups);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_file_say_their_lines() {
    let dir = tempfile::tempdir().expect("tempdir");
    let small = LakeOptions { bulk_memory: 2_000, ..options() };
    let lake = Lake::open(dir.path(), small).await.expect("open");
    let import = lake.events().bulk_of("file:seen.jsonl", "0123456789abcdef").expect("bulk");
    let all = events(40);
    for (part, first) in all.chunks(10).zip((1u64..).step_by(20)) {
        let lines: Vec<u64> = (first..first + 10).collect();
        import.write_lines(&batch(part), &lines).expect("write");
        let error = import.write_lines(&batch(part), &lines[1..]).expect_err("a row without a line");
        assert!(error.to_string().contains("10 rows come from 9 lines"), "{error}");
    }
    let error = import.write_lines(&batch(&all[..1]), &[1 << 32]).expect_err("too long a file");
    assert!(error.to_string().contains("cut it in two"), "{error}");
    assert_eq!(import.finish().await.expect("finish").taken, 40);
    let found = cells(&lake, "SELECT event_id, _source, _origin FROM events ORDER BY event_id").await;
    let mut expected: Vec<Vec<Option<String>>> = (0u64..)
        .zip(&all)
        .map(|(row, event)| {
            let origin = format!("0123456789abcdef:{}", row / 10 * 20 + row % 10 + 1);
            vec![Some(event.id.clone()), Some("file:seen.jsonl".into()), Some(origin)]
        })
        .collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_import_leaves_nothing() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let import = lake.events().bulk().expect("bulk");
    import.write(&batch(&events(100))).expect("write");
    drop(import);
    assert!(content(&lake).await.is_empty());
    assert!(files(dir.path()).is_empty());
    let import = lake.events().bulk().expect("bulk");
    assert_eq!(import.finish().await.expect("finish"), BulkSummary::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_before_the_end() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let import = lake.events().bulk().expect("bulk");
    let error = import.write(&batch(&[event("1", "x", "", 1)])).expect_err("nobody");
    assert!(matches!(error, LakeError::Rows { .. }) && error.to_string().contains("distinct_id"), "{error}");
    import.write(&batch(&[event("1", "x", "p", 1)])).expect("write");
    assert_eq!(import.finish().await.expect("finish").taken, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn intake_goes_on_beside_an_import() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(4000);
    let lake = open(dir.path()).await;
    // The same events come by both ways.
    let import = lake.events().bulk().expect("bulk");
    let appending = {
        let (lake, all) = (lake.clone(), all.clone());
        tokio::spawn(async move {
            let mut taken = 0;
            for part in all[2000..].chunks(50) {
                taken += lake.append("events", batch(part)).await.expect("append").taken;
            }
            taken
        })
    };
    for part in all[..3000].chunks(200) {
        import.write(&batch(part)).expect("write");
        tokio::task::yield_now().await;
    }
    let imported = import.finish().await.expect("finish").taken;
    let appended = appending.await.expect("task");
    assert_eq!(imported + appended, 4000);
    assert_eq!(content(&lake).await, sorted(all.clone()));
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(all));
}

/// Events with a plan, and a text of their own.
fn with_plans(from: i64, n: i64) -> Vec<Event> {
    let mut all = events(from + n).split_off(from as usize);
    for (at, one) in all.iter_mut().enumerate() {
        let plan = ["free", "pro", "team"][at % 3];
        one.properties = Some(format!(r#"{{"plan":"{plan}","order":"{}"}}"#, one.id));
    }
    all
}

async fn of_plan(lake: &Lake, plan: &str) -> u64 {
    count_step(lake, &format!("page_view[plan={plan}]")).await.rows
}

fn expected(all: &[Event], plan: &str) -> u64 {
    let value = format!(r#""plan":"{plan}""#);
    let meets = |one: &&Event| {
        one.event == "page_view" && one.properties.as_ref().is_some_and(|json| json.contains(&value))
    };
    all.iter().filter(meets).count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_of_few_values_are_hot_before_anybody_asks() {
    let hot = |lake: &Lake| {
        let mut names = lake.events().snapshot().dimensions();
        names.retain(|name| ["plan", "order"].contains(&name.as_str()));
        names
    };
    let dir = tempfile::tempdir().expect("tempdir");
    let all = with_plans(0, 3000);
    let lake = open(dir.path()).await;
    let import = lake.events().bulk().expect("bulk");
    for part in all[..2000].chunks(700) {
        import.write(&batch(part)).expect("write");
    }
    import.finish().await.expect("finish");
    assert_eq!(hot(&lake), ["plan"]);
    for plan in ["free", "pro"] {
        assert_eq!(of_plan(&lake, plan).await, expected(&all[..2000], plan));
    }
    // So it is with rows that arrive one after the other.
    let dir = tempfile::tempdir().expect("tempdir");
    let small = LakeOptions { flush_events: 600, ..options() };
    let lake = Lake::open(dir.path(), small.clone()).await.expect("opens");
    let (few, many) = all.split_at(400);
    for part in few.chunks(100) {
        lake.append("events", batch(part)).await.expect("append");
    }
    assert!(hot(&lake).is_empty(), "a hundred rows say nothing");
    for part in many.chunks(650) {
        lake.append("events", batch(part)).await.expect("append");
        assert_eq!(hot(&lake), ["plan"]);
    }
    assert_eq!(of_plan(&lake, "free").await, expected(&all, "free"));
    lake.maintain().await.expect("maintain");
    assert_eq!(hot(&lake), ["plan"]);
    assert_eq!(of_plan(&lake, "pro").await, expected(&all, "pro"));
    // Read ahead or not, answers are the same.
    for (at, part) in with_plans(3000, 400).chunks(100).enumerate() {
        lake.append("events", batch(part)).await.expect("append");
        if at % 2 == 0 {
            lake.events().warm().await.expect("warm");
        }
    }
    let more = [all, with_plans(3000, 400)].concat();
    assert_eq!(of_plan(&lake, "team").await, expected(&more, "team"));
    drop(lake);
    let lake = Lake::open(dir.path(), small).await.expect("opens");
    assert_eq!(of_plan(&lake, "team").await, expected(&more, "team"));
}
