//! Crashes and damage: what was acknowledged is there once, and errors say what is wrong.

use std::time::Duration;

use burgeon_engine::lake::Lake;
use burgeon_engine::lake::{FaultPoint, LakeError, LakeOptions, Severity};

use super::{batch, content, event, events, failing, files, links, open, options, persons, sorted};

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_is_exactly_once_wherever_it_is_cut() {
    for point in [FaultPoint::FilesWritten, FaultPoint::Committed] {
        let dir = tempfile::tempdir().expect("tempdir");
        let all = events(120);
        let lake = failing(dir.path(), point).await;
        lake.append("events", batch(&all)).await.expect("append");
        assert!(matches!(lake.flush().await, Err(LakeError::Fault(_))), "{point:?}");
        drop(lake);
        let lake = open(dir.path()).await;
        assert_eq!(content(&lake).await, sorted(all.clone()), "{point:?}");
        lake.flush().await.expect("flush");
        assert_eq!(content(&lake).await, sorted(all.clone()), "{point:?}");
        lake.vacuum(Duration::ZERO).await.expect("vacuum");
        assert_eq!(files(dir.path()).len(), 1, "{point:?}");
        let again = lake.append("events", batch(&all)).await.expect("append");
        assert_eq!(again.unchanged, 120);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_log_survives_and_is_not_taken_twice() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(20);
    let lake = failing(dir.path(), FaultPoint::LogAppended).await;
    assert!(lake.append("events", batch(&all)).await.is_err(), "not acknowledged");
    // The client tries again while the process lives: a second entry in the log.
    assert!(lake.append("events", batch(&all)).await.is_err(), "not acknowledged");
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()), "but not lost either, and once");
    let again = lake.append("events", batch(&all)).await.expect("append");
    assert_eq!(again.unchanged, 20);
    lake.flush().await.expect("flush");
    assert_eq!(content(&lake).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn merges_and_imports_are_all_or_nothing() {
    for point in [FaultPoint::FilesWritten, FaultPoint::Committed] {
        let dir = tempfile::tempdir().expect("tempdir");
        let all = events(120);
        let lake = open(dir.path()).await;
        for part in all[..60].chunks(30) {
            lake.append("events", batch(part)).await.expect("append");
            lake.flush().await.expect("flush");
        }
        drop(lake);
        let lake = failing(dir.path(), point).await;
        assert!(lake.compact().await.is_err());
        drop(lake);
        let lake = open(dir.path()).await;
        assert_eq!(content(&lake).await, sorted(all[..60].to_vec()), "{point:?}");
        drop(lake);
        let lake = failing(dir.path(), point).await;
        let import = lake.events().bulk().expect("bulk");
        import.write(&batch(&all)).expect("write");
        assert!(import.finish().await.is_err());
        drop(lake);
        let lake = open(dir.path()).await;
        let expected = if point == FaultPoint::Committed { all.clone() } else { all[..60].to_vec() };
        assert_eq!(content(&lake).await, sorted(expected), "{point:?}");
        let findings = lake.check().await;
        assert!(findings.iter().all(|finding| finding.severity == Severity::Notice), "{findings:?}");
        lake.vacuum(Duration::ZERO).await.expect("vacuum");
        assert!(lake.check().await.is_empty(), "{:?}", lake.check().await);
        let again = lake.append("events", batch(&all)).await.expect("append");
        assert_eq!(again.taken, if point == FaultPoint::Committed { 0 } else { 60 });
        assert_eq!(content(&lake).await, sorted(all));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_hot_columns_are_made_anew_from_the_lake() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(200);
    let lake = open(dir.path()).await;
    lake.append("identity_links", links(&[("p001", "u1", "identify", 1, false)])).await.expect("link");
    lake.append("events", batch(&all[..100])).await.expect("append");
    lake.compact().await.expect("compact");
    lake.append("events", batch(&all[100..150])).await.expect("append");
    lake.flush().await.expect("flush");
    lake.append("events", batch(&all[150..])).await.expect("append");
    let before = persons(&lake).await;
    drop(lake);
    std::fs::remove_dir_all(dir.path().join("hot")).expect("remove");
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert_eq!(persons(&lake).await, before);
    assert_eq!(lake.append("events", batch(&all)).await.expect("append").unchanged, 200);
    lake.append("events", batch(&[event("new", "signup", "u1", 1)])).await.expect("append");
    lake.compact().await.expect("compact");
    assert_eq!(content(&lake).await.len(), 201);
    assert!(lake.check().await.is_empty(), "{:?}", lake.check().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_hot_columns_are_made_anew() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = events(100);
    let lake = open(dir.path()).await;
    lake.append("events", batch(&all)).await.expect("append");
    lake.compact().await.expect("compact");
    drop(lake);
    let block = std::fs::read_dir(dir.path().join("hot"))
        .expect("hot")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| ext == "hot"))
        .expect("a block");
    let bytes = std::fs::read(&block).expect("read");
    std::fs::write(&block, &bytes[..bytes.len() / 2]).expect("write");
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_is_named_and_other_tables_go_on() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    lake.append("events", batch(&events(50))).await.expect("append");
    lake.compact().await.expect("compact");
    drop(lake);
    let victim = files(dir.path()).pop().expect("a run");
    let bytes = std::fs::read(&victim).expect("read");
    std::fs::write(&victim, &bytes[..bytes.len() / 2]).expect("write");
    let lake = open(dir.path()).await;
    let name = victim.file_name().expect("name").to_string_lossy().into_owned();
    let findings = lake.check().await;
    assert!(
        findings.iter().any(|finding| finding.severity == Severity::Error
            && finding.table.as_deref() == Some("events")
            && finding.what.contains(&name)
            && !finding.mend.is_empty()),
        "{findings:?}"
    );
    let error = lake.append("events", batch(&events(1))).await.expect_err("damaged");
    assert!(matches!(error, LakeError::Damaged { .. }), "{error}");
    lake.append("identity_links", links(&[("a", "b", "identify", 1, false)])).await.expect("others go on");
    drop(lake);
    std::fs::write(&victim, &bytes).expect("restore");
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await.len(), 50);
    std::fs::remove_file(&victim).expect("remove");
    let findings = lake.check().await;
    assert!(findings.iter().any(|finding| finding.path == victim && finding.severity == Severity::Error));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_go_after_their_time() {
    let dir = tempfile::tempdir().expect("tempdir");
    let day = 86_400_000_000i64;
    // 2026-01-01, the clock of the tests.
    let now = 1_767_225_600_000_000i64;
    let all: Vec<_> =
        (0..100).map(|i| event(&format!("e{i}"), "x", &format!("p{}", i % 7), now - i * day)).collect();
    let keeping = LakeOptions { keep_events_seconds: Some(30 * 86_400), flush_events: 0, ..options() };
    let lake = Lake::open(dir.path(), keeping).await.expect("open");
    for part in all.chunks(40) {
        lake.append("events", batch(part)).await.expect("append");
    }
    let before = lake.versions()["events"];
    lake.maintain().await.expect("maintain");
    assert_eq!(content(&lake).await, sorted(all[..31].to_vec()));
    assert_ne!(lake.versions()["events"], before);
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all[..31].to_vec()));
    assert!(lake.check().await.iter().all(|finding| finding.severity == Severity::Notice));
}
