//! Whatever is done in whatever order: the store says what a plain list of events and links says.

use std::collections::{BTreeMap, BTreeSet};

use burgeon_core::behaviour::identity::{Graph, Link, LinkKind};
use burgeon_engine::events::Question;
use burgeon_engine::lake::{Lake, LakeOptions, Severity};
use proptest::prelude::*;

use super::{Event, batch, cells, content, count, count_step, event, links, open, options, sorted};

/// Identifiers of the tests; the first letters sort otherwise than they are numbered.
const NAMES: [&str; 7] = ["m", "b", "z", "a", "y", "c", "x"];

#[derive(Debug, Clone)]
enum Step {
    /// Events by (number of the identifier, time, number of the event): the last says which are sent twice.
    Append(Vec<(usize, i64, u32)>),
    Import(Vec<(usize, i64, u32)>),
    Link(usize, usize, bool, i64),
    Unlink(usize, usize),
    Remove(usize),
    Flush,
    Maintain,
    Compact,
    Reopen,
    /// Lose the hot columns while closed.
    Rebuild,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rows = || prop::collection::vec((0..NAMES.len(), 0..50i64, 0..60u32), 1..12);
    let step = prop_oneof![
        6 => rows().prop_map(Step::Append),
        2 => rows().prop_map(Step::Import),
        4 => (0..NAMES.len(), 0..NAMES.len(), any::<bool>(), 0..20i64)
            .prop_map(|(from, to, alias, at)| Step::Link(from, to, alias, at)),
        2 => (0..NAMES.len(), 0..NAMES.len()).prop_map(|(from, to)| Step::Unlink(from, to)),
        1 => (0..NAMES.len()).prop_map(Step::Remove),
        2 => Just(Step::Flush),
        2 => Just(Step::Maintain),
        1 => Just(Step::Compact),
        2 => Just(Step::Reopen),
        1 => Just(Step::Rebuild),
    ];
    prop::collection::vec(step, 1..14)
}

/// The plain store.
#[derive(Debug, Default)]
struct Plain {
    events: BTreeMap<(String, String), Event>,
    links: BTreeMap<(usize, usize), (bool, i64)>,
}

impl Plain {
    fn graph(&self) -> Graph {
        let links = self.links.iter().map(|((from, to), (alias, at))| Link {
            from: *from as u32,
            to: *to as u32,
            kind: if *alias { LinkKind::Alias } else { LinkKind::Identify },
            at: *at,
        });
        Graph::load(&NAMES[..], links.collect::<Vec<_>>())
    }

    fn person(graph: &Graph, name: &str) -> String {
        let number = NAMES.iter().position(|other| *other == name).expect("one of them");
        NAMES[graph.main(number as u32) as usize].to_owned()
    }
}

fn rows(list: &[(usize, i64, u32)]) -> Vec<Event> {
    list.iter()
        .map(|(who, at, id)| {
            let name = ["page_view", "signup"][(*id % 2) as usize];
            let mut one = event(&format!("e{id}"), name, NAMES[*who], *at);
            one.path = (id % 3 != 0).then(|| format!("/{}", id % 4));
            one
        })
        .collect()
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("tempdir");
    let eager = || LakeOptions { flush_events: 5, ..options() };
    let mut lake = Lake::open(dir.path(), eager()).await.expect("open");
    let mut plain = Plain::default();
    for step in steps {
        match step {
            Step::Append(ref list) | Step::Import(ref list) => {
                let sent = rows(list);
                let before = plain.events.len();
                for one in &sent {
                    plain.events.entry((one.who.clone(), one.id.clone())).or_insert_with(|| one.clone());
                }
                let new = (plain.events.len() - before) as u64;
                let taken = match step {
                    Step::Append(_) => lake.append("events", batch(&sent)).await.expect("append").taken,
                    _ => {
                        let import = lake.events().bulk().expect("bulk");
                        import.write(&batch(&sent)).expect("write");
                        import.finish().await.expect("finish").taken
                    }
                };
                assert_eq!(taken, new);
            }
            Step::Link(from, to, alias, at) => {
                let kind = if alias { "alias" } else { "identify" };
                let row = links(&[(NAMES[from], NAMES[to], kind, at, false)]);
                lake.append("identity_links", row).await.expect("link");
                // It counts from the first time; an alias of oneself says nothing.
                let said = plain.links.get(&(from, to)).filter(|(alias, _)| !*alias || from != to);
                if said.is_none_or(|(_, before)| at < *before) {
                    plain.links.insert((from, to), (alias, at));
                }
            }
            Step::Unlink(from, to) => {
                let row = links(&[(NAMES[from], NAMES[to], "identify", 0, true)]);
                lake.append("identity_links", row).await.expect("unlink");
                plain.links.remove(&(from, to));
            }
            Step::Remove(who) => {
                super::removal::delete(&lake, NAMES[who]).await;
                let gone: BTreeSet<u32> = plain.graph().members(who as u32).into_iter().collect();
                plain.events.retain(|(name, _), _| {
                    let number = NAMES.iter().position(|other| other == name).expect("one of them");
                    !gone.contains(&(number as u32))
                });
                plain
                    .links
                    .retain(|(from, to), _| !gone.contains(&(*from as u32)) && !gone.contains(&(*to as u32)));
            }
            Step::Flush => lake.flush().await.expect("flush"),
            Step::Maintain => lake.maintain().await.expect("maintain"),
            Step::Compact => lake.compact().await.expect("compact"),
            Step::Reopen | Step::Rebuild => {
                drop(lake);
                if matches!(step, Step::Rebuild) {
                    std::fs::remove_dir_all(dir.path().join("hot")).expect("hot columns");
                }
                lake = Lake::open(dir.path(), eager()).await.expect("open");
            }
        }
        same(&lake, &plain).await;
    }
    drop(lake);
    let lake = open(dir.path()).await;
    same(&lake, &plain).await;
    let findings = lake.check().await;
    assert!(findings.iter().all(|finding| finding.severity == Severity::Notice), "{findings:?}");
}

async fn same(lake: &Lake, plain: &Plain) {
    let all: Vec<Event> = plain.events.values().cloned().collect();
    assert_eq!(content(lake).await, sorted(all.clone()));
    let graph = plain.graph();
    let shown = cells(lake, "SELECT DISTINCT person_id FROM events ORDER BY person_id").await;
    let shown: Vec<String> = shown.into_iter().filter_map(|row| row[0].clone()).collect();
    let of = |wanted: &dyn Fn(&Event) -> bool| -> BTreeSet<String> {
        all.iter().filter(|one| wanted(one)).map(|one| Plain::person(&graph, &one.who)).collect()
    };
    assert_eq!(shown, of(&|_| true).into_iter().collect::<Vec<_>>());
    assert_eq!(count(lake, Question::default()).await.persons as usize, shown.len());
    let signups = of(&|one| one.event == "signup" && one.path.as_deref() == Some("/1"));
    assert_eq!(count_step(lake, "signup[path=/1]").await.persons as usize, signups.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_store_says_what_a_plain_list_says(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        runtime.block_on(run(steps));
    }
}
