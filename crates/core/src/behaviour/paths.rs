//! Paths: what persons do after something, or before it, as counted sequences.

use std::collections::HashMap;

use super::members::Select;
use super::{By, Kernel, Partial, Rows};

/// Which way a path runs from its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the anchor on: what they did next.
    After,
    /// Up to the anchor: what led there. Sequences are still in order of time, the anchor last.
    Before,
}

/// The most nodes in a path.
pub const LONGEST: usize = 20;

/// The sequences of what persons do, from an anchor on or up to it.
///
/// # Rules
///
/// - Rows that meet condition 1 are the steps of paths; a row's *node* is its group where rows are divided by row (the event's name,
///   the page), else its class. Rows at the same time are taken in the order of their nodes.
/// - Steps further apart than [`Paths::gap_us`] belong to different sessions; a path lies in one session.
/// - Each session has at most one path: from its first step that also meets condition 0 (the anchor) on, or up to its last such step. An
///   anchor that fits every step makes paths from the beginning of sessions, or to their end.
/// - Steps with the same node one after the other count as one. Groups beyond [`Paths::groups`] are left out, as if the rows were not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Which way paths run.
    pub direction: Direction,
    /// How many nodes a path has at most, 1 to [`LONGEST`].
    pub steps: usize,
    /// The silence that is still within a session, µs; usually 30 minutes.
    pub gap_us: i64,
    /// Half-open instants within which the anchor must lie; all of time when not given.
    pub span: Option<(i64, i64)>,
    /// The number of nodes.
    pub groups: u32,
}

/// How often each sequence was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathSum(HashMap<Box<[u32]>, PathCount>);

/// How often one sequence was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathCount {
    /// Distinct persons.
    pub people: i64,
    /// Sessions.
    pub sessions: i64,
}

impl PathSum {
    /// The sequences with the most persons (of equal ones with the most sessions, then by their nodes), the most first.
    pub fn top(&self, most: usize) -> Vec<(&[u32], PathCount)> {
        let mut all: Vec<(&[u32], PathCount)> =
            self.0.iter().map(|(path, count)| (&**path, *count)).collect();
        all.sort_unstable_by(|a, b| {
            (b.1.people, b.1.sessions).cmp(&(a.1.people, a.1.sessions)).then_with(|| a.0.cmp(b.0))
        });
        all.truncate(most);
        all
    }

    /// The number of different sequences.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn change(&mut self, other: &PathSum, sign: i64) {
        for (path, count) in &other.0 {
            let sum = match self.0.get_mut(path) {
                Some(sum) => sum,
                None => self.0.entry(path.clone()).or_default(),
            };
            sum.people += sign * count.people;
            sum.sessions += sign * count.sessions;
            if *sum == PathCount::default() {
                self.0.remove(path);
            }
        }
    }
}

/// Working space for one person after the other.
#[derive(Default)]
struct Walk {
    /// Time, node and whether it is an anchor.
    steps: Vec<(i64, u32, bool)>,
    /// The nodes of a path.
    path: Vec<u32>,
}

impl Paths {
    /// Calls `each` with the path of each session of a person that has one.
    fn walk(
        &self,
        rows: &Rows<'_>,
        (person, from, to): (u32, usize, usize),
        space: &mut Walk,
        mut each: impl FnMut(&[u32]),
    ) {
        space.steps.clear();
        for (row, at, mask) in rows.each(from, to) {
            if mask & 2 == 0 {
                continue;
            }
            let node = match rows.by {
                By::Row(_) => rows.group(person, row),
                By::None | By::Person(_) => u32::from(rows.class[row]),
            };
            let in_span = self.span.is_none_or(|(start, end)| start <= at && at < end);
            if node < self.groups {
                space.steps.push((at, node, mask & 1 != 0 && in_span));
            }
        }
        if !space.steps.iter().any(|(_, _, anchor)| *anchor) {
            return;
        }
        // Mostly in order: only rows at the same time change places.
        space.steps.sort_by_key(|(at, node, _)| (*at, *node));
        let gap = self.gap_us.max(0) as u64;
        let limit = self.steps.clamp(1, LONGEST);
        for session in space.steps.chunk_by(|a, b| b.0.wrapping_sub(a.0) as u64 <= gap) {
            let path = &mut space.path;
            path.clear();
            let mut take = |node: u32| {
                if path.last() != Some(&node) {
                    path.push(node);
                }
                path.len() <= limit
            };
            let anchored = |step: &(i64, u32, bool)| step.2;
            match self.direction {
                Direction::After => {
                    let Some(anchor) = session.iter().position(anchored) else { continue };
                    let _ = session[anchor..].iter().all(|step| take(step.1));
                }
                Direction::Before => {
                    let Some(anchor) = session.iter().rposition(anchored) else { continue };
                    let _ = session[..=anchor].iter().rev().all(|step| take(step.1));
                }
            }
            path.truncate(limit);
            if self.direction == Direction::Before {
                path.reverse();
            }
            each(path);
        }
    }
}

impl Kernel for Paths {
    type Partial = PathSum;

    fn empty(&self) -> PathSum {
        PathSum::default()
    }

    fn add(&self, rows: &Rows<'_>, out: &mut PathSum) {
        let mut space = Walk::default();
        // Each path with the person who took it last, to count a person once for it.
        let mut taken: HashMap<Box<[u32]>, (PathCount, u32)> = HashMap::new();
        for history in rows.histories() {
            self.walk(rows, history, &mut space, |path| match taken.get_mut(path) {
                Some((count, last)) => {
                    count.sessions += 1;
                    count.people += i64::from(*last != history.0);
                    *last = history.0;
                }
                None => _ = taken.insert(path.into(), (PathCount { people: 1, sessions: 1 }, history.0)),
            });
        }
        let counts = taken.into_iter().map(|(path, (count, _))| (path, count)).collect();
        out.change(&PathSum(counts), 1);
    }
}

impl Partial for PathSum {
    fn merge(&mut self, other: &PathSum) {
        self.change(other, 1);
    }

    fn subtract(&mut self, other: &PathSum) {
        self.change(other, -1);
    }

    fn bytes(&self) -> usize {
        let nodes: usize = self.0.keys().map(|path| 4 * path.len()).sum();
        size_of::<PathSum>() + 48 * self.0.capacity() + nodes
    }
}

/// The persons who took one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPeople {
    /// The question.
    pub paths: Paths,
    /// The nodes with which the path begins ([`Direction::After`]) or ends ([`Direction::Before`]).
    pub nodes: Vec<u32>,
}

impl Select for PathPeople {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        let mut space = Walk::default();
        for history in rows.histories() {
            let mut found = false;
            self.paths.walk(rows, history, &mut space, |path| {
                found |= match self.paths.direction {
                    Direction::After => path.starts_with(&self.nodes),
                    Direction::Before => path.ends_with(&self.nodes),
                };
            });
            if found {
                chosen(history.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The plain oracle: the paths of a person, one for each session that has an anchor.
    fn plain(paths: &Paths, log: &Log, person: u32) -> Vec<Vec<u32>> {
        let node = |row: &Row| if log.division == Division::Row { row.group } else { u32::from(row.mask) };
        let mut rows = log.rows(person);
        rows.retain(|row| row.mask & 2 != 0 && node(row) < paths.groups);
        rows.sort_by_key(|row| (row.at, node(row)));
        let mut sessions: Vec<Vec<Row>> = Vec::new();
        for row in rows {
            match sessions.last_mut() {
                Some(session) if row.at - session[session.len() - 1].at <= paths.gap_us => session.push(row),
                _ => sessions.push(vec![row]),
            }
        }
        let mut found = Vec::new();
        for session in sessions {
            let anchors: Vec<usize> = (0..session.len())
                .filter(|index| {
                    let row = session[*index];
                    row.mask & 1 != 0 && paths.span.is_none_or(|(start, end)| start <= row.at && row.at < end)
                })
                .collect();
            let (Some(first), Some(last)) = (anchors.first(), anchors.last()) else { continue };
            let part = match paths.direction {
                Direction::After => &session[*first..],
                Direction::Before => &session[..=*last],
            };
            let mut nodes: Vec<u32> = part.iter().map(node).collect();
            nodes.dedup();
            let extra = nodes.len().saturating_sub(paths.steps);
            match paths.direction {
                Direction::After => nodes.truncate(paths.steps),
                Direction::Before => _ = nodes.drain(..extra),
            }
            found.push(nodes);
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn paths_are_those_of_the_plain_oracle(
            log in log(3), after in any::<bool>(), steps in 1usize..5, gap in 0i64..12,
            span in prop::option::of((0i64..40, 0i64..40)), groups in prop_oneof![Just(64u32), Just(GROUPS)],
        ) {
            let paths = Paths {
                direction: if after { Direction::After } else { Direction::Before },
                steps,
                gap_us: gap * HOUR,
                span: span.map(|(start, length)| (BASE + start * HOUR, BASE + (start + length) * HOUR)),
                groups,
            };
            let sum = laws(&paths, &log, |a, b| a == b);
            let mut expected: BTreeMap<Vec<u32>, (BTreeSet<u32>, i64)> = BTreeMap::new();
            for person in log.persons() {
                for path in plain(&paths, &log, person) {
                    let (people, sessions) = expected.entry(path).or_default();
                    people.insert(person);
                    *sessions += 1;
                }
            }
            let mut found: Vec<(Vec<u32>, i64, i64)> =
                sum.top(usize::MAX).into_iter().map(|(path, c)| (path.to_vec(), c.people, c.sessions)).collect();
            prop_assert!(found.is_sorted_by_key(|(path, people, sessions)| (-people, -sessions, path.clone())));
            found.sort();
            let plain: Vec<(Vec<u32>, i64, i64)> = expected.iter()
                .map(|(path, (people, sessions))| (path.clone(), people.len() as i64, *sessions)).collect();
            prop_assert_eq!(&found, &plain);
            for path in expected.keys() {
                let who = PathPeople { paths: paths.clone(), nodes: path.clone() };
                let listed = laws(&Members(who), &log, |a, b| a == b).sorted();
                let begin: BTreeSet<u32> = expected.iter()
                    .filter(|(other, _)| if after { other.starts_with(path) } else { other.ends_with(path) })
                    .flat_map(|(_, (people, _))| people.iter().copied()).collect();
                prop_assert_eq!(listed, begin.into_iter().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn after_and_before() {
        let row = |at: i64, node: u32, mask: u16| Row { person: 1, at, mask, group: node };
        let rows = vec![
            row(0, 5, 2),
            row(1, 6, 3),
            row(2, 6, 2),
            row(3, 7, 2),
            row(4, 6, 3),
            row(9, 8, 2),
            row(30, 6, 3),
        ];
        let log = Log { rows, division: Division::Row };
        let after = Paths { direction: Direction::After, steps: 3, gap_us: 10, span: None, groups: 10 };
        let sum = laws(&after, &log, |a, b| a == b);
        let one = PathCount { people: 1, sessions: 1 };
        assert_eq!(sum.top(9), [(&[6][..], one), (&[6, 7, 6][..], one)]);
        let before = Paths { direction: Direction::Before, steps: 4, ..after };
        let sum = laws(&before, &log, |a, b| a == b);
        assert_eq!(sum.top(9), [(&[5, 6, 7, 6][..], one), (&[6][..], one)]);
        assert_eq!((sum.top(1).len(), sum.len(), sum.is_empty()), (1, 2, false));
    }
}
