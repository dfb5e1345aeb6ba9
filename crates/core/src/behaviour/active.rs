//! When a person counts as active.

use super::calendar::Calendar;
use super::{By, Rows};

/// How often something must happen until a person counts as active. The default is once.
///
/// Only rows that meet condition 0 are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Active {
    /// The number of rows that it takes; 0 is taken as 1.
    pub at_least: u32,
    /// The time within which they must lie, µs. The person is then active at the time of the row that makes the number
    /// full; the first and the last of the rows lie at most so long apart. Without it the rows are counted in
    /// each span (each window) by itself.
    pub within_us: Option<i64>,
}

impl Default for Active {
    fn default() -> Active {
        Active::ONCE
    }
}

impl Active {
    /// Active by a single row.
    pub const ONCE: Active = Active { at_least: 1, within_us: None };

    /// Whether a single row is enough, whatever else is said.
    pub(super) fn is_once(self) -> bool {
        self.at_least <= 1
    }

    /// The number of rows that it takes, at least 1.
    pub(super) fn needed(self) -> usize {
        self.at_least.max(1) as usize
    }

    /// Keeps of ascending times those at which the number is full; all of them when there is no limit of time.
    fn keep_full(self, times: &mut Vec<i64>) {
        let Some(within) = self.within_us.filter(|_| !self.is_once()) else { return };
        let within = within.max(0) as u64;
        let back = self.needed() - 1;
        let mut kept = 0;
        // The times that are compared lie at or behind the place that is written to, unless nothing was dropped yet;
        // so from the end.
        for row in (0..times.len()).rev() {
            let full = row >= back && times[row].wrapping_sub(times[row - back]) as u64 <= within;
            if full {
                kept += 1;
                let place = times.len() - kept;
                times[place] = times[row];
            }
        }
        times.drain(..times.len() - kept);
    }
}

/// The times of one person in one group.
pub(super) struct History<'a> {
    pub(super) person: u32,
    pub(super) group: u32,
    /// Ascending times of rows that meet condition 0, at which the person is active when a limit of time is set.
    pub(super) times: &'a [i64],
}

/// Calls `each` with every person's times in every group that they have rows in. Where the rows of a person fall into
/// groups, each group is a history of its own.
pub(super) fn each_history(rows: &Rows<'_>, active: Active, groups: u32, mut each: impl FnMut(History<'_>)) {
    let mut keyed: Vec<(u32, i64)> = Vec::new();
    let mut times: Vec<i64> = Vec::new();
    for (person, from, to) in rows.histories() {
        if let By::Row(_) = rows.by {
            keyed.clear();
            let met = rows.each(from, to).filter(|(_, _, mask)| mask & 1 != 0);
            keyed.extend(met.map(|(row, at, _)| (rows.group(person, row), at)));
            keyed.sort_unstable();
            for part in keyed.chunk_by(|a, b| a.0 == b.0) {
                times.clear();
                times.extend(part.iter().map(|(_, at)| *at));
                active.keep_full(&mut times);
                let group = part[0].0;
                if group < groups && !times.is_empty() {
                    each(History { person, group, times: &times });
                }
            }
        } else {
            let group = rows.group(person, from);
            if group >= groups {
                continue;
            }
            times.clear();
            times.extend(rows.each(from, to).filter(|(_, _, mask)| mask & 1 != 0).map(|(_, at, _)| at));
            active.keep_full(&mut times);
            if !times.is_empty() {
                each(History { person, group, times: &times });
            }
        }
    }
}

impl History<'_> {
    /// The spans in which the person is active, each once, ascending, and whether they were active before the first.
    ///
    /// Where rows are counted in each span by itself, what lies before the calendar is one span.
    pub(super) fn spans(&self, calendar: &Calendar, active: Active, out: &mut Vec<u32>) -> bool {
        out.clear();
        let needed = if active.within_us.is_some() { 1 } else { active.needed() };
        let (first, _) = calendar.range();
        let calendar = calendar.spans();
        let start = self.times.iter().take_while(|at| **at < first).count();
        let mut count = 0;
        let mut current = u32::MAX;
        for at in &self.times[start..] {
            let Some(span) = calendar.index(*at) else { break };
            if span as u32 != current {
                current = span as u32;
                count = 0;
            }
            count += 1;
            if count == needed {
                out.push(current);
            }
        }
        start >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_is_full_when_enough_rows_lie_close_before_it(
            mut times in prop::collection::vec(0i64..30, 0..20), at_least in 0u32..5, within in 0i64..12,
        ) {
            times.sort();
            let active = Active { at_least, within_us: Some(within) };
            let expected: Vec<i64> = (0..times.len()).filter(|row| {
                let until_here = &times[..=*row];
                until_here.iter().filter(|at| times[*row] - **at <= within).count() >= active.needed()
            }).map(|row| times[row]).collect();
            let mut kept = times.clone();
            active.keep_full(&mut kept);
            prop_assert_eq!(kept, expected);
        }
    }
}
