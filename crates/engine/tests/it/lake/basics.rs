//! Appending, importing, reopening.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::UInt64Type;
use burgeon_engine::lake::{BulkSummary, Lake, LakeError, LakeOptions};

use super::{TABLE, batch, commits, content, open, options, row, rows, sorted, versioned, versions};

#[tokio::test(flavor = "multi_thread")]
async fn appended_rows_are_seen_at_once_and_after_reopening() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(200);
    let lake = open(dir.path()).await;
    let done = lake.append(TABLE, batch(&all[..150])).await.expect("append");
    assert_eq!((done.taken, done.replaced, done.unchanged), (150, 0, 0));
    assert_eq!(content(&lake).await, sorted(all[..150].to_vec()));
    lake.append(TABLE, batch(&all[150..])).await.expect("append");
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()));
    lake.flush().await.expect("flush");
    assert_eq!(content(&lake).await, sorted(all.clone()));
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert_eq!(lake.rows_total(TABLE).expect("count"), 200);
    lake.compact().await.expect("compact");
    assert_eq!(content(&lake).await, sorted(all.clone()));
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_again_change_nothing() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(100);
    let lake = open(dir.path()).await;
    lake.append(TABLE, batch(&all)).await.expect("append");
    let before = versions(&lake);
    let again = lake.append(TABLE, batch(&all)).await.expect("append");
    assert_eq!((again.taken, again.replaced, again.unchanged), (0, 0, 100));
    lake.compact().await.expect("compact");
    let again = lake.append(TABLE, batch(&all)).await.expect("append");
    assert_eq!((again.taken, again.replaced, again.unchanged), (0, 0, 100));
    assert_eq!(versions(&lake), before, "neither repetition nor compaction changes content");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_row_changes_one_bucket() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(100);
    let lake = open(dir.path()).await;
    lake.append(TABLE, batch(&all)).await.expect("append");
    lake.compact().await.expect("compact");
    let before = versions(&lake);
    let mut changed = all[7].clone();
    changed.amount = -1;
    let done = lake.append(TABLE, batch(&[changed.clone()])).await.expect("append");
    assert_eq!((done.taken, done.replaced, done.unchanged), (0, 1, 0));
    let after = versions(&lake);
    let bucket = lake.bucket_of(TABLE, &changed.customer);
    for at in 0..before.len() {
        assert_eq!(before[at] != after[at], at == bucket, "bucket {at}");
    }
    let mut expected = all.clone();
    expected[7] = changed;
    assert_eq!(content(&lake).await, sorted(expected));
    assert_eq!(lake.rows_total(TABLE).expect("count"), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_corrected_source_no_longer_has_is_counted_or_removed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(400);
    let lake = open(dir.path()).await;
    let import = |rows: Vec<super::Row>, source: &'static str, remove: Option<bool>| {
        let lake = lake.clone();
        async move {
            let mut writer = lake.bulk(TABLE).expect("bulk");
            writer.write(&super::from_source(&rows, source)).expect("write");
            if let Some(remove) = remove {
                writer.watch(source, remove);
            }
            writer.finish().await.expect("finish")
        }
    };
    // Two files, a few rows of the first by the API, some flushed and some not.
    import(all[..300].to_vec(), "file:a", None).await;
    import(all[300..].to_vec(), "file:b", None).await;
    lake.flush().await.expect("flush");
    lake.append(TABLE, super::from_source(&all[300..305], "api")).await.expect("append");
    // The corrected file: 20 rows are gone, one has another amount, one is new.
    let mut corrected = all[20..300].to_vec();
    corrected[0].amount += 1;
    corrected.push(row("c-new", "s", 7, 70));
    let told = import(corrected.clone(), "file:a", Some(false)).await;
    assert_eq!((told.taken, told.replaced, told.missing, told.removed), (1, 1, 20, 0));
    let mut stays = all.clone();
    stays[20].amount += 1;
    stays.push(row("c-new", "s", 7, 70));
    assert_eq!(content(&lake).await, sorted(stays));
    let before = versions(&lake);
    let done = import(corrected.clone(), "file:a", Some(true)).await;
    assert_eq!((done.taken, done.replaced, done.missing, done.removed), (0, 0, 0, 20));
    let gone: std::collections::HashSet<usize> =
        all[..20].iter().map(|row| lake.bucket_of(TABLE, &row.customer)).collect();
    for (at, (old, new)) in before.iter().zip(versions(&lake)).enumerate() {
        assert_eq!(*old != new, gone.contains(&at), "bucket {at}");
    }
    let mut left = corrected.clone();
    left.extend_from_slice(&all[300..]);
    assert_eq!(content(&lake).await, sorted(left.clone()));
    // Once more: nothing. And after reopening the removed rows do not come back.
    let again = import(corrected, "file:a", Some(true)).await;
    assert_eq!((again.taken, again.replaced, again.missing, again.removed), (0, 0, 0, 0));
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(left));
    // An empty correction removes all of its own, and only these.
    let mut writer = lake.bulk(TABLE).expect("bulk");
    writer.watch("file:a", true);
    let emptied = writer.finish().await.expect("finish");
    assert_eq!(emptied.removed, 281);
    assert_eq!(content(&lake).await, sorted(all[300..].to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_import_again_makes_no_new_version_and_a_corrected_one_corrects() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(500);
    let lake = open(dir.path()).await;
    let import = |rows: Vec<super::Row>| {
        let lake = lake.clone();
        async move {
            let writer = lake.bulk(TABLE).expect("bulk");
            for part in rows.chunks(64) {
                writer.write(&batch(part)).expect("write");
            }
            writer.finish().await.expect("finish")
        }
    };
    assert_eq!(
        import(all.clone()).await,
        BulkSummary { taken: 500, replaced: 0, unchanged: 0, ..BulkSummary::default() }
    );
    let (before, log) = (versions(&lake), commits(dir.path(), TABLE));
    assert_eq!(
        import(all.clone()).await,
        BulkSummary { taken: 0, replaced: 0, unchanged: 500, ..BulkSummary::default() }
    );
    assert_eq!((versions(&lake), commits(dir.path(), TABLE)), (before.clone(), log));

    let mut corrected = all.clone();
    corrected[3].amount += 1000;
    corrected.push(row("cus_new", "sub_new", 5, 5));
    assert_eq!(
        import(corrected.clone()).await,
        BulkSummary { taken: 1, replaced: 1, unchanged: 499, ..BulkSummary::default() }
    );
    assert_eq!(content(&lake).await, sorted(corrected.clone()));
    // A few rows beside a large table: no base is rewritten.
    assert_eq!(
        import(vec![row("cus_new", "sub_new", 5, 6)]).await,
        BulkSummary { replaced: 1, ..Default::default() }
    );
    let last = corrected.len() - 1;
    corrected[last].amount = 6;
    assert_eq!(content(&lake).await, sorted(corrected.clone()));
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(corrected));
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_spill_and_still_say_the_same() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(3000);
    let small = LakeOptions { bulk_memory: 100_000, ..options() };
    let lake = Lake::open(dir.path(), small).await.expect("open");
    let writer = lake.bulk(TABLE).expect("bulk");
    for (at, part) in all.chunks(100).enumerate().collect::<Vec<_>>().into_iter().rev() {
        writer.write_numbered(&batch(part), at as u64 * 100).expect("write");
    }
    assert!(dir.path().join("spill").read_dir().expect("spilled").count() > 0);
    assert_eq!(writer.finish().await.expect("finish").taken, 3000);
    assert_eq!(content(&lake).await, sorted(all));
    assert_eq!(dir.path().join("spill").read_dir().expect("spill").count(), 0, "spilled rows are removed");
    let findings = lake.check().await;
    assert!(findings.is_empty(), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_are_gone_and_may_come_back() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(40);
    let lake = open(dir.path()).await;
    lake.append(TABLE, batch(&all)).await.expect("append");
    lake.compact().await.expect("compact");
    let gone = lake.append(TABLE, versioned(&[(all[0].clone(), None, true)])).await.expect("append");
    assert_eq!(gone.replaced, 1);
    assert_eq!(content(&lake).await, sorted(all[1..].to_vec()));
    assert_eq!(lake.rows_total(TABLE).expect("count"), 39);
    lake.compact().await.expect("compact");
    assert_eq!(content(&lake).await, sorted(all[1..].to_vec()));
    let back = lake.append(TABLE, batch(&all[..1])).await.expect("append");
    assert_eq!(back.taken, 1);
    assert_eq!(content(&lake).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn lookup_finds_the_present_row() {
    let dir = tempfile::tempdir().expect("tempdir");
    let all = rows(60);
    let lake = open(dir.path()).await;
    lake.append(TABLE, batch(&all)).await.expect("append");
    for compacted in [false, true] {
        if compacted {
            lake.compact().await.expect("compact");
        }
        let mine = lake.entity(TABLE, &all[5].customer).expect("entity");
        let key = mine[0].column_by_name("_key").expect("key").as_primitive::<UInt64Type>().value(0);
        let found = lake.lookup(TABLE, &all[5].customer, key).expect("lookup").expect("there");
        assert_eq!(super::decode(&found), super::decode(&mine[0].slice(0, 1)));
        assert!(lake.lookup(TABLE, "nobody", key).expect("lookup").is_none());
        // Several at once are what each of them is, in whatever order and how often they are named.
        let names: Vec<&str> = all[..30].iter().rev().map(|row| row.customer.as_str()).collect();
        let mut each = names.clone();
        each.sort_unstable();
        each.dedup();
        let each = each.iter().flat_map(|name| lake.entity(TABLE, name).expect("entity"));
        let each = each.flat_map(|rows| super::decode(&rows)).collect();
        let wanted: Vec<&str> = names.into_iter().chain(["nobody"]).collect();
        let found = lake.entities(TABLE, &wanted).expect("entities");
        let found: Vec<_> = found.iter().flat_map(super::decode).collect();
        assert_eq!(sorted(found), sorted(each));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appenders_do_not_lose_each_other() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let mut changes = lake.subscribe();
    let all = rows(320);
    let tasks: Vec<_> = all
        .chunks(10)
        .map(|part| {
            let (lake, part) = (lake.clone(), part.to_vec());
            tokio::spawn(async move {
                for row in part {
                    assert_eq!(lake.append(TABLE, batch(&[row])).await.expect("append").taken, 1);
                }
            })
        })
        .collect();
    // Flushes and compactions meanwhile.
    for _ in 0..3 {
        lake.flush().await.expect("flush");
        lake.compact().await.expect("compact");
    }
    for task in tasks {
        task.await.expect("task");
    }
    assert_eq!(content(&lake).await, sorted(all.clone()));
    assert_eq!(changes.recv().await.expect("change").table, TABLE);
    drop(lake);
    assert_eq!(content(&open(dir.path()).await).await, sorted(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_lake_on_the_directory_is_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let second = Lake::open(dir.path(), options()).await;
    assert!(matches!(second, Err(LakeError::Busy { .. })), "{second:?}");
    drop(lake);
    open(dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let wrong: ArrayRef = Arc::new(StringViewArray::from_iter_values(["x"]));
    let batch = RecordBatch::try_from_iter([("colour", wrong)]).expect("batch");
    let error = lake.append(TABLE, batch).await.expect_err("does not fit").to_string();
    assert!(error.contains("colour") && error.contains(TABLE), "{error}");
    assert!(matches!(lake.provider("nothing"), Err(LakeError::UnknownTable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_customers_are_shown_under_the_surviving_one() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let all = rows(80);
    lake.append(TABLE, batch(&all)).await.expect("append");
    lake.compact().await.expect("compact");
    let text = |values: [&str; 2]| Arc::new(StringViewArray::from_iter_values(values)) as ArrayRef;
    let merge = |into: [&str; 2]| {
        let at = TimestampMicrosecondArray::from_iter_values([1, 1]).with_timezone("UTC");
        RecordBatch::try_from_iter([
            ("from_customer_id", text(["cus_0001", "cus_0002"])),
            ("into_customer_id", text(into)),
            ("at", Arc::new(at) as ArrayRef),
        ])
        .expect("batch")
    };
    lake.append("customer_merges", merge(["cus_0002", "cus_0003"])).await.expect("merge");
    let merged = || {
        all.iter().cloned().map(|mut row| {
            if ["cus_0001", "cus_0002"].contains(&row.customer.as_str()) {
                row.customer = "cus_0003".into();
            }
            row
        })
    };
    assert_eq!(content(&lake).await, sorted(merged().collect()));
    // Rows that arrive for a merged customer change the bucket where they are shown.
    let bucket = lake.bucket_of(TABLE, "cus_0003");
    let before = lake.bucket_version(TABLE, bucket);
    lake.append(TABLE, batch(&[row("cus_0001", "late", 3, 3)])).await.expect("append");
    assert_ne!(lake.bucket_version(TABLE, bucket), before);
    assert_eq!(content(&lake).await, sorted(merged().chain([row("cus_0003", "late", 3, 3)]).collect()));
    drop(lake);
    let lake = open(dir.path()).await;
    assert_eq!(content(&lake).await, sorted(merged().chain([row("cus_0003", "late", 3, 3)]).collect()));
    lake.append("customer_merges", merge(["cus_0001", "cus_0002"])).await.expect("undo");
    assert_eq!(
        content(&lake).await,
        sorted(all.into_iter().chain([row("cus_0001", "late", 3, 3)]).collect())
    );
}
