//! Usage: how often something happens and to how many persons, for each value of something: pages, countries, features, customers.

use super::calendar::Calendar;
use super::members::Select;
use super::{By, Kernel, Partial, Rows, minus, plus};

/// Rows and distinct persons by span and group. Rows count that meet condition 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Days, weeks, months, or one span.
    pub calendar: Calendar,
    /// The number of groups.
    pub groups: u32,
}

/// The sum behind [`Usage::rows`] and [`Usage::persons`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageSum {
    /// Rows and persons in turn.
    cells: Vec<i64>,
}

impl Usage {
    /// Usage over one span of time.
    pub fn between(start: i64, end: i64, groups: u32) -> Usage {
        Usage { calendar: Calendar::span(start, end), groups }
    }

    /// The number of rows; 0 for a group or span that was not asked for.
    pub fn rows(&self, sum: &UsageSum, group: u32, span: usize) -> i64 {
        self.cell(group, span).and_then(|cell| sum.cells.get(cell)).copied().unwrap_or(0)
    }

    /// The number of distinct persons with such a row; 0 for a group or span that was not asked for.
    pub fn persons(&self, sum: &UsageSum, group: u32, span: usize) -> i64 {
        self.cell(group, span).and_then(|cell| sum.cells.get(cell + 1)).copied().unwrap_or(0)
    }

    /// The groups with the most persons over a span, the most first (of equal ones the lower number): group, persons, rows. Group 0
    /// is left out when `known` is set.
    pub fn top(&self, sum: &UsageSum, span: usize, most: usize, known: bool) -> Vec<(u32, i64, i64)> {
        let groups = u32::from(known)..self.groups;
        let all = groups.map(|group| (group, self.persons(sum, group, span), self.rows(sum, group, span)));
        let mut all: Vec<(u32, i64, i64)> = all.filter(|(_, _, rows)| *rows > 0).collect();
        let order = |item: &(u32, i64, i64)| (std::cmp::Reverse(item.1), item.0);
        if most < all.len() {
            all.select_nth_unstable_by_key(most, order);
            all.truncate(most);
        }
        all.sort_unstable_by_key(order);
        all
    }

    fn cell(&self, group: u32, span: usize) -> Option<usize> {
        let spans = self.calendar.len();
        (group < self.groups && span < spans).then_some((group as usize * spans + span) * 2)
    }
}

impl Kernel for Usage {
    type Partial = UsageSum;

    fn empty(&self) -> UsageSum {
        UsageSum { cells: vec![0; self.groups as usize * self.calendar.len() * 2] }
    }

    fn add(&self, rows: &Rows<'_>, out: &mut UsageSum) {
        let spans = self.calendar.len();
        let calendar = self.calendar.spans();
        out.cells.resize(self.groups as usize * spans * 2, 0);
        // For each group the person and span that it was met with last; times ascend, so that is enough to count each once.
        let mut met = vec![u64::MAX; self.groups as usize];
        for (person, from, to) in rows.histories() {
            let of_person = if let By::Row(_) = rows.by { 0 } else { rows.group(person, from) };
            for (row, at, mask) in rows.each(from, to) {
                if mask & 1 == 0 {
                    continue;
                }
                let Some(span) = calendar.index(at) else { continue };
                let group = if let By::Row(groups) = rows.by {
                    groups.get(row).copied().unwrap_or(0)
                } else {
                    of_person
                };
                let Some(last) = met.get_mut(group as usize) else { continue };
                let cell = (group as usize * spans + span) * 2;
                let here = u64::from(person) << 32 | span as u64;
                out.cells[cell] += 1;
                out.cells[cell + 1] += i64::from(*last != here);
                *last = here;
            }
        }
    }
}

impl Partial for UsageSum {
    fn merge(&mut self, other: &UsageSum) {
        plus(&mut self.cells, &other.cells);
    }

    fn subtract(&mut self, other: &UsageSum) {
        minus(&mut self.cells, &other.cells);
    }

    fn bytes(&self) -> usize {
        size_of::<UsageSum>() + 8 * self.cells.capacity()
    }
}

/// The persons with a row of a group between two instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedBetween {
    /// The first instant, µs UTC.
    pub start: i64,
    /// The first instant after the end.
    pub end: i64,
    /// The group; any when not given.
    pub group: Option<u32>,
}

impl Select for UsedBetween {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        for (person, from, to) in rows.histories() {
            let counts = |row: usize| {
                (self.start..self.end).contains(&rows.at[row])
                    && rows.mask(row) & 1 != 0
                    && self.group.is_none_or(|group| rows.group(person, row) == group)
            };
            if (from..to).any(counts) {
                chosen(person);
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
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn counts_are_those_of_the_plain_oracle(log in log(2), calendar in calendar(), most in 0usize..4) {
            let usage = Usage { calendar, groups: GROUPS };
            let sum = laws(&usage, &log, |a, b| a == b);
            for span in 0..usage.calendar.len() {
                let mut plain = Vec::new();
                for group in 0..GROUPS {
                    let found: Vec<&Row> = log.rows.iter().filter(|row| row.mask & 1 != 0
                        && log.group(row) == group && usage.calendar.index(row.at) == Some(span)).collect();
                    let persons: BTreeSet<u32> = found.iter().map(|row| row.person).collect();
                    prop_assert_eq!(usage.rows(&sum, group, span), found.len() as i64);
                    prop_assert_eq!(usage.persons(&sum, group, span), persons.len() as i64);
                    let bounds = usage.calendar.bounds();
                    let who = UsedBetween { start: bounds[span], end: bounds[span + 1], group: Some(group) };
                    let listed = laws(&Members(who), &log, |a, b| a == b).sorted();
                    prop_assert_eq!(&listed, &persons.iter().copied().collect::<Vec<_>>());
                    if group > 0 && !found.is_empty() {
                        plain.push((group, persons.len() as i64, found.len() as i64));
                    }
                }
                plain.sort_by_key(|(group, persons, _)| (-persons, *group));
                plain.truncate(most);
                prop_assert_eq!(usage.top(&sum, span, most, true), plain);
            }
            prop_assert_eq!((usage.rows(&sum, GROUPS, 0), usage.persons(&sum, 0, usage.calendar.len())), (0, 0));
        }
    }
}
