//! Visits with at least one page view, as the fact `visits` has them: how many, what they come to, by whom, and who went on from
//! them to something.

use super::calendar::Calendar;
use super::{By, Kernel, Partial, Rows, minus, plus};

/// Visits by span and group.
///
/// # Rules
///
/// - Rows that meet condition 0 belong to visits; one is over when nothing of the kind follows for more than [`Visits::gap_us`].
/// - Rows that also meet condition 1 are page views. What has none is no visit.
/// - A visit belongs to the span in which it begins, and to the group of its first page view. Where several of them at one
///   moment are of different groups it is that of the smallest group other than 0, and [`VisitSum::ties`] counts the visit.
/// - A visit is bounced when it has one page view and beside it only rows that meet condition 2: leaving, being there.
/// - With [`Visits::conversion`], somebody goes on from a visit when a row that meets condition 3 follows its beginning in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visits {
    /// Spans that the answer is divided by.
    pub calendar: Calendar,
    /// The silence that is still within a visit, µs.
    pub gap_us: i64,
    /// Visits that begin, and rows of condition 3 that come, at or after this moment do not count, µs UTC.
    pub cut_off: i64,
    /// Which visits count.
    pub which: Which,
    /// How long after the beginning of a visit a row of condition 3 counts: from and to, µs.
    pub conversion: Option<(i64, i64)>,
    /// The number of groups; visits of groups beyond do not count.
    pub groups: u32,
}

/// Which visits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Bounced ones, or those that are not.
    Bounced(bool),
    /// Those of persons who had a visit before, or first ones.
    Returning(bool),
}

/// What visits come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VisitFigures {
    /// Visits.
    pub visits: i64,
    /// Page views in them.
    pub pages: i64,
    /// Whole seconds from the first to the last row of each, in all.
    pub seconds: i64,
    /// Persons with such a visit.
    pub persons: i64,
    /// Those of them who went on from one.
    pub converted: i64,
    /// How long that took them in all, µs: each from the earliest visit from which they went on.
    pub wait_us: i64,
}

/// The sum behind [`Visits::figures`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisitSum {
    cells: Vec<i64>,
    ties: i64,
}

impl VisitSum {
    /// Visits whose group is a matter of choice: their first page views, of one moment, are of different groups.
    pub fn ties(&self) -> i64 {
        self.ties
    }
}

/// A visit on its way.
struct Open {
    start: i64,
    last: i64,
    pages: i64,
    did: bool,
    /// Time and group of the first page view, and whether others of that moment are of other groups.
    first: Option<(i64, u32, bool)>,
}

/// Numbers that are held for each group and span.
pub const FIGURES: usize = 6;

impl Visits {
    /// The figures of a group and span; all zero for one that was not asked for.
    pub fn figures(&self, sum: &VisitSum, group: u32, span: usize) -> VisitFigures {
        if group >= self.groups || span >= self.calendar.len() {
            return VisitFigures::default();
        }
        let cell = self.cell(group, span);
        match sum.cells.get(cell..cell + FIGURES) {
            Some([visits, pages, seconds, persons, converted, wait_us]) => VisitFigures {
                visits: *visits,
                pages: *pages,
                seconds: *seconds,
                persons: *persons,
                converted: *converted,
                wait_us: *wait_us,
            },
            _ => VisitFigures::default(),
        }
    }

    fn cell(&self, group: u32, span: usize) -> usize {
        (group as usize * self.calendar.len() + span) * FIGURES
    }

    /// Calls `each` with the visits of the rows `from..to` of a person, in order of time, and whether there was one before.
    fn of(&self, rows: &Rows<'_>, person: u32, from: usize, to: usize, mut each: impl FnMut(&Open, bool)) {
        let gap = self.gap_us.max(0) as u64;
        let mut open: Option<Open> = None;
        let mut before = false;
        for (row, at, mask) in rows.each(from, to) {
            if mask & 1 == 0 {
                continue;
            }
            if let Some(done) = open.take_if(|visit| at.wrapping_sub(visit.last) as u64 > gap)
                && done.first.is_some()
            {
                each(&done, before);
                before = true;
            }
            let new = Open { start: at, last: at, pages: 0, did: false, first: None };
            let visit = open.get_or_insert(new);
            visit.last = at;
            if mask & 2 == 0 {
                visit.did |= mask & 4 == 0;
                continue;
            }
            visit.pages += 1;
            match &mut visit.first {
                None => visit.first = Some((at, rows.group(person, row), false)),
                Some((first, group, tie)) if *first == at => {
                    let other = rows.group(person, row);
                    *tie |= other != *group;
                    // Group 0 is no value, the last choice.
                    if other.wrapping_sub(1) < group.wrapping_sub(1) {
                        *group = other;
                    }
                }
                Some(_) => {}
            }
        }
        if let Some(done) = open
            && done.first.is_some()
        {
            each(&done, before);
        }
    }
}

impl Kernel for Visits {
    type Partial = VisitSum;

    fn empty(&self) -> VisitSum {
        VisitSum { cells: vec![0; self.cell(self.groups, 0)], ties: 0 }
    }

    fn add(&self, rows: &Rows<'_>, out: &mut VisitSum) {
        out.cells.resize(self.cell(self.groups, 0), 0);
        let calendar = self.calendar.spans();
        let by_row = matches!(rows.by, By::Row(_));
        // For each group the person and span that were met last, with and without going on; visits ascend in time, so that is
        // enough to count each person once.
        let mut met = vec![[u64::MAX; 2]; self.groups as usize];
        let mut targets: Vec<i64> = Vec::new();
        for (person, from, to) in rows.histories() {
            if self.conversion.is_some() {
                targets.clear();
                let counts = |(_, at, mask): &(usize, i64, u64)| mask & 8 != 0 && *at < self.cut_off;
                targets.extend(rows.each(from, to).filter(counts).map(|(_, at, _)| at));
            }
            self.of(rows, person, from, to, |visit, before| {
                let Some((_, group, tie)) = visit.first else { return };
                let bounced = visit.pages == 1 && !visit.did;
                let counts = match self.which {
                    Which::All => true,
                    Which::Bounced(wanted) => bounced == wanted,
                    Which::Returning(wanted) => before == wanted,
                };
                if !counts || visit.start >= self.cut_off {
                    return;
                }
                let Some(span) = calendar.index(visit.start) else { return };
                out.ties += i64::from(by_row && tie);
                if group >= self.groups {
                    return;
                }
                let cell = self.cell(group, span);
                let here = u64::from(person) << 32 | span as u64;
                let [seen, gone] = &mut met[group as usize];
                let wait = self.conversion.and_then(|(after, window)| {
                    let earliest = visit.start.saturating_add(after);
                    let next = targets.partition_point(|at| *at < earliest);
                    let wait = targets.get(next)?.saturating_sub(visit.start);
                    (wait < window && *gone != here).then_some(wait)
                });
                let figures = [
                    1,
                    visit.pages,
                    visit.last.wrapping_sub(visit.start) / 1_000_000,
                    i64::from(*seen != here),
                    i64::from(wait.is_some()),
                    wait.unwrap_or(0),
                ];
                *seen = here;
                if wait.is_some() {
                    *gone = here;
                }
                for (sum, figure) in out.cells[cell..cell + FIGURES].iter_mut().zip(figures) {
                    *sum = sum.wrapping_add(figure);
                }
            });
        }
    }
}

impl Partial for VisitSum {
    fn merge(&mut self, other: &VisitSum) {
        plus(&mut self.cells, &other.cells);
        self.ties = self.ties.wrapping_add(other.ties);
    }

    fn subtract(&mut self, other: &VisitSum) {
        minus(&mut self.cells, &other.cells);
        self.ties = self.ties.wrapping_sub(other.ties);
    }

    fn bytes(&self) -> usize {
        size_of::<VisitSum>() + 8 * self.cells.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Figures of a cell, its visitors, and those who did what is asked for after.
    type Expected = (VisitFigures, BTreeSet<u32>, BTreeMap<u32, i64>);

    fn which() -> impl Strategy<Value = Which> {
        let flag = any::<bool>();
        prop_oneof![Just(Which::All), flag.prop_map(Which::Bounced), flag.prop_map(Which::Returning)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn figures_are_those_of_the_plain_oracle(
            log in log(4), calendar in calendar(), gap in 0i64..8, which in which(), cut in 0i64..200,
            conversion in prop::option::of((0i64..20, 0i64..40)),
        ) {
            let visits = Visits {
                calendar, gap_us: gap * HOUR, cut_off: BASE + cut * HOUR, which, groups: GROUPS,
                conversion: conversion.map(|(after, window)| (after * HOUR, window * HOUR)),
            };
            let sum = laws(&visits, &log, |a, b| a == b);
            // The plain oracle: cuts the list of rows at each long silence.
            let mut expected: BTreeMap<(u32, usize), Expected> = BTreeMap::new();
            let mut ties = 0;
            for person in log.persons() {
                let all = log.rows(person);
                let rows: Vec<Row> = all.iter().filter(|row| row.mask & 1 != 0).copied().collect();
                let mut before = false;
                for part in rows.chunk_by(|a, b| b.at - a.at <= gap * HOUR) {
                    let views: Vec<&Row> = part.iter().filter(|row| row.mask & 2 != 0).collect();
                    let Some(first) = views.first() else { continue };
                    let came_before = std::mem::replace(&mut before, true);
                    let others = part.iter().any(|row| row.mask & 6 == 0);
                    let bounced = views.len() == 1 && !others;
                    let counts = match which {
                        Which::All => true,
                        Which::Bounced(wanted) => bounced == wanted,
                        Which::Returning(wanted) => came_before == wanted,
                    };
                    let start = part[0].at;
                    let Some(span) = visits.calendar.index(start) else { continue };
                    if !counts || start >= visits.cut_off {
                        continue;
                    }
                    let groups: BTreeSet<u32> =
                        views.iter().filter(|row| row.at == first.at).map(|row| log.group(row)).collect();
                    ties += i64::from(log.division == Division::Row && groups.len() > 1);
                    let group = groups.iter().copied().min_by_key(|group| (*group == 0, *group)).unwrap();
                    if group >= GROUPS {
                        continue;
                    }
                    let (figures, seen, gone) = expected.entry((group, span)).or_default();
                    figures.visits += 1;
                    figures.pages += views.len() as i64;
                    figures.seconds += (part[part.len() - 1].at - start) / 1_000_000;
                    seen.insert(person);
                    let follows = |row: &Row, after: i64, window: i64| {
                        row.mask & 8 != 0 && row.at < visits.cut_off
                            && row.at - start >= after && row.at - start < window
                    };
                    let wait = visits.conversion.and_then(|(after, window)| {
                        all.iter().filter(|row| follows(row, after, window)).map(|row| row.at - start).min()
                    });
                    if let Some(wait) = wait {
                        gone.entry(person).or_insert(wait);
                    }
                }
            }
            prop_assert_eq!(sum.ties(), ties);
            for group in 0..GROUPS {
                for span in 0..visits.calendar.len() {
                    let (mut figures, seen, gone) = expected.remove(&(group, span)).unwrap_or_default();
                    (figures.persons, figures.converted) = (seen.len() as i64, gone.len() as i64);
                    figures.wait_us = gone.values().sum();
                    prop_assert_eq!(visits.figures(&sum, group, span), figures);
                }
            }
            prop_assert_eq!(visits.figures(&sum, GROUPS, 0), VisitFigures::default());
        }
    }
}
