//! Crashes and damage: what was acknowledged is there once, and errors say what is wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use burgeon_engine::lake::{FaultPoint, Lake, LakeError, LakeOptions, Severity};

use super::{TABLE, batch, content, open, options, rows, sorted};

async fn failing(dir: &Path, point: FaultPoint) -> Lake {
    Lake::open(dir, LakeOptions { fail_at: Some(point), ..options() }).await.expect("open")
}

fn files(dir: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("lake").join(TABLE).join(kind));
    entries.map_or(Vec::new(), |entries| entries.flatten().map(|entry| entry.path()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_is_exactly_once_wherever_it_is_cut() {
    for point in [FaultPoint::FilesWritten, FaultPoint::Committed] {
        let dir = tempfile::tempdir().expect("tempdir");
        let all = rows(120);
        let lake = failing(dir.path(), point).await;
        lake.append(TABLE, batch(&all)).await.expect("append");
        assert!(matches!(lake.flush().await, Err(LakeError::Fault(_))), "{point:?}");
        drop(lake);
        let lake = open(dir.path()).await;
        assert_eq!(content(&lake).await, sorted(all.clone()), "{point:?}");
        lake.flush().await.expect("flush");
        assert_eq!(content(&lake).await, sorted(all.clone()), "{point:?}");
        // Once in the Delta table too: the version that the crash cut off is an orphan, or the flush has nothing to do.
        lake.vacuum(Duration::ZERO).await.expect("vacuum");
        assert_eq!(files(dir.path(), "overlay").len(), 1, "{point:?}");
        assert_eq!(lake.rows_total(TABLE).expect("count"), 120);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_and_import_are_all_or_nothing() {
    for point in [FaultPoint::FilesWritten, FaultPoint::Committed] {
        let dir = tempfile::tempdir().expect("tempdir");
        let all = rows(120);
        let lake = open(dir.path()).await;
        lake.append(TABLE, batch(&all[..60])).await.expect("append");
        lake.compact().await.expect("compact");
        lake.append(TABLE, batch(&all[60..80])).await.expect("append");
        drop(lake);
        let lake = failing(dir.path(), point).await;
        assert!(lake.compact().await.is_err());
        drop(lake);
        let lake = open(dir.path()).await;
        assert_eq!(content(&lake).await, sorted(all[..80].to_vec()), "{point:?}");
        drop(lake);
        let lake = failing(dir.path(), point).await;
        let import = lake.bulk(TABLE).expect("bulk");
        import.write(&batch(&all)).expect("write");
        assert!(import.finish().await.is_err());
        drop(lake);
        let lake = open(dir.path()).await;
        let expected = if point == FaultPoint::Committed { all.clone() } else { all[..80].to_vec() };
        assert_eq!(content(&lake).await, sorted(expected), "{point:?}");
        let findings = lake.check().await;
        assert!(findings.iter().all(|finding| finding.severity == Severity::Notice), "{findings:?}");
        lake.vacuum(Duration::ZERO).await.expect("vacuum");
        assert!(lake.check().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_log_survives() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(20);
    let lake = failing(dir.path(), FaultPoint::LogAppended).await;
    assert!(lake.append(TABLE, batch(&all)).await.is_err(), "not acknowledged");
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()), "but not lost either, and whole");
    let again = lake.append(TABLE, batch(&all)).await.expect("append");
    assert_eq!(again.unchanged, 20, "so that a client that tries again changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_and_other_tables_go_on() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    lake.append(TABLE, batch(&rows(50))).await.expect("append");
    lake.compact().await.expect("compact");
    drop(lake);
    let victim = files(dir.path(), "base").into_iter().next().expect("a base file");
    let bytes = std::fs::read(&victim).expect("read");
    std::fs::write(&victim, &bytes[..bytes.len() / 2]).expect("write");
    let lake = open(dir.path()).await;
    let name = victim.file_name().expect("name").to_string_lossy().into_owned();
    let findings = lake.check().await;
    assert!(
        findings.iter().any(|finding| finding.severity == Severity::Error
            && finding.table.as_deref() == Some(TABLE)
            && finding.what.contains(&name)
            && !finding.mend.is_empty()),
        "{findings:?}"
    );
    assert!(matches!(lake.provider(TABLE), Err(LakeError::Damaged { .. })));
    assert!(lake.provider("invoices").is_ok());
    drop(lake);
    std::fs::write(&victim, &bytes).expect("restore");
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await.len(), 50);
    std::fs::remove_file(&victim).expect("remove");
    let findings = lake.check().await;
    assert!(findings.iter().any(|finding| finding.path == victim && finding.severity == Severity::Error));
}
