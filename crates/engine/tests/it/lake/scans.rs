//! Scans: whole entities, declared order, pruning.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::{ExecutionPlanProperties, Partitioning, displayable};

use super::{TABLE, batch, content, open, partitions, row, rows, session};

/// One customer with more rows than a row group has: any split by bytes, row groups or batches would tear it apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_never_split() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let large: Vec<_> = (0..70_000).map(|i| row("cus_large", &format!("s{}", i % 3), i, i)).collect();
    let writer = lake.bulk(TABLE).expect("bulk");
    for part in large.chunks(20_000).rev() {
        writer.write(&batch(part)).expect("write");
    }
    writer.write(&batch(&rows(2_000))).expect("write");
    writer.finish().await.expect("finish");
    let parts = partitions(&lake).await;
    assert_eq!(parts.len(), 4, "one partition for each bucket, whatever the session wants");
    let with: Vec<&Vec<_>> =
        parts.iter().filter(|part| part.iter().any(|row| row.customer == "cus_large")).collect();
    assert_eq!(with.len(), 1);
    let times: Vec<i64> =
        with[0].iter().filter(|row| row.customer == "cus_large").map(|row| row.at).collect();
    assert_eq!(times, (0..70_000).collect::<Vec<_>>());
    // Newer rows in the middle of it, and one that replaces.
    lake.append(TABLE, batch(&[row("cus_large", "new", 30_000, 1), row("cus_large", "s0", 60_000, -5)]))
        .await
        .expect("append");
    let all = content(&lake).await;
    assert_eq!(all.len(), 70_000 + 2_000 + 1);
    assert!(
        all.contains(&row("cus_large", "s0", 60_000, -5))
            && !all.contains(&row("cus_large", "s0", 60_000, 60_000))
    );

    let context = session(&lake);
    let sql = format!("SELECT customer_id, count(*) n FROM {TABLE} GROUP BY customer_id");
    let plan = context.sql(&sql).await.expect("sql").create_physical_plan().await.expect("plan");
    let text = displayable(plan.as_ref()).indent(false).to_string();
    assert!(!text.contains("RepartitionExec") && !text.contains("SortExec"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_partitioning_are_declared() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    lake.append(TABLE, batch(&rows(50))).await.expect("append");
    let context = session(&lake);
    let plan = context.table(TABLE).await.expect("table").create_physical_plan().await.expect("plan");
    assert!(matches!(plan.output_partitioning(), Partitioning::Hash(exprs, 4) if exprs.len() == 1));
    let order = plan.output_ordering().expect("ordered").to_string();
    assert!(order.contains("customer_id") && order.contains("effective_at"), "{order}");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_prune_and_stay_right() {
    let dir = tempfile::tempdir().expect("tempdir");
    let lake = open(dir.path()).await;
    let all = rows(400);
    let writer = lake.bulk(TABLE).expect("bulk");
    writer.write(&batch(&all)).expect("write");
    writer.finish().await.expect("finish");
    lake.append(TABLE, batch(&[row("cus_0003", "x", 500, 1)])).await.expect("append");
    let context = session(&lake);
    let count = |sql: String| {
        let context = context.clone();
        async move {
            let batches = context.sql(&sql).await.expect("sql").collect().await.expect("collect");
            batches[0].column(0).as_primitive::<Int64Type>().value(0)
        }
    };
    let mine = all.iter().filter(|row| row.customer == "cus_0003").count() as i64 + 1;
    assert_eq!(count(format!("SELECT count(*) FROM {TABLE} WHERE customer_id = 'cus_0003'")).await, mine);
    let two =
        all.iter().filter(|row| ["cus_0003", "cus_0004"].contains(&row.customer.as_str())).count() as i64 + 1;
    assert_eq!(
        count(format!("SELECT count(*) FROM {TABLE} WHERE customer_id IN ('cus_0003','cus_0004')")).await,
        two
    );
    let late = all.iter().filter(|row| row.at >= 500).count() as i64 + 1;
    let sql = format!("SELECT count(*) FROM {TABLE} WHERE effective_at >= to_timestamp_micros(500)");
    assert_eq!(count(sql).await, late);
    assert_eq!(count(format!("SELECT count(*) FROM {TABLE}")).await, 401);
    assert_eq!(count(format!("SELECT sum(amount_minor) FROM {TABLE}")).await, (0..400).sum::<i64>() + 1);
    let limited = context.sql(&format!("SELECT * FROM {TABLE} LIMIT 3")).await.expect("sql").count().await;
    assert_eq!(limited.expect("count"), 3);
}
