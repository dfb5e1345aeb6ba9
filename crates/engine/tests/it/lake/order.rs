//! The order of arrival does not matter, nor what happens between arrivals.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Row, TABLE, content, open, row, sorted, versioned};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(Row, i64, bool)>),
    Bulk(Vec<(Row, i64, bool)>),
    Flush,
    Compact,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = (0..6u8, 0..4u8, 0..3i64, any::<bool>(), 0..12u8);
    let rows = prop::collection::vec(one, 1..25);
    let step = (0..8u8, rows);
    prop::collection::vec(step, 1..12).prop_map(|steps| {
        // Every row gets its own version, dealt out so that arrival and version disagree.
        let mut count = 0i64;
        let mut dealt = |rows: Vec<(u8, u8, i64, bool, u8)>| {
            rows.into_iter()
                .map(|(customer, subscription, at, _, fate)| {
                    count += 1;
                    let version = (count * 7919) % 10_007;
                    let amount = if fate < 3 { 1 } else { version };
                    (
                        row(&format!("cus_{customer}"), &format!("sub_{subscription}"), at, amount),
                        version,
                        false,
                    )
                })
                .collect()
        };
        steps
            .into_iter()
            .map(|(kind, rows)| match kind {
                0..=2 => Step::Append(dealt(rows)),
                3..=4 => Step::Bulk(dealt(rows)),
                5 => Step::Flush,
                6 => Step::Compact,
                _ => Step::Reopen,
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn arrival_order_does_not_matter(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().expect("runtime");
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("tempdir");
            let mut lake = open(dir.path()).await;
            let mut model: BTreeMap<(String, String, i64), (i64, i64)> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Append(rows) => {
                        note(&mut model, &rows);
                        lake.append(TABLE, versioned(&own(&rows))).await.expect("append");
                    }
                    Step::Bulk(rows) => {
                        note(&mut model, &rows);
                        let writer = lake.bulk(TABLE).expect("bulk");
                        for part in rows.chunks(7) {
                            writer.write(&versioned(&own(part))).expect("write");
                        }
                        let done = writer.finish().await.expect("finish");
                        assert_eq!(done.taken + done.replaced + done.unchanged, rows.len() as u64);
                    }
                    Step::Flush => lake.flush().await.expect("flush"),
                    Step::Compact => lake.compact().await.expect("compact"),
                    Step::Reopen => {
                        drop(lake);
                        lake = open(dir.path()).await;
                    }
                }
                let expected = model.iter().map(|((customer, subscription, at), (_, amount))| {
                    row(customer, subscription, *at, *amount)
                });
                assert_eq!(content(&lake).await, sorted(expected.collect()));
                assert_eq!(lake.rows_total(TABLE).expect("count"), model.len() as u64);
            }
        });
    }
}

fn own(rows: &[(Row, i64, bool)]) -> Vec<(Row, Option<i64>, bool)> {
    rows.iter().map(|(row, version, deleted)| (row.clone(), Some(*version), *deleted)).collect()
}

fn note(model: &mut BTreeMap<(String, String, i64), (i64, i64)>, rows: &[(Row, i64, bool)]) {
    for (row, version, _) in rows {
        let key = (row.customer.clone(), row.subscription.clone(), row.at);
        let entry = model.entry(key).or_insert((*version, row.amount));
        if *version >= entry.0 {
            *entry = (*version, row.amount);
        }
    }
}
