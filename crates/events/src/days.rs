//! The rows of a block once more, by day: what happened in a month out of years is read without the rest.

use std::ops::Range;

use crate::column::Packed;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Days that a block's rows may be apart. Where a clock was years off, its block has no order by day.
const MOST: usize = 4096;
/// Days are worth more than the whole while they have one row in so many.
const FEW: usize = 3;

/// Where the rows of each day lie among the rows by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Days {
    /// The first day, counted from 1970-01-01 UTC.
    first: i64,
    /// Position after the last row of each day.
    pub ends: Vec<u32>,
}

impl Days {
    /// The days of rows and the positions of the rows by day, those of a day as they lie.
    pub fn of(at: &[i64]) -> Option<(Self, Vec<u32>)> {
        let first = at.iter().min()?.div_euclid(DAY);
        let days = usize::try_from(at.iter().max()?.div_euclid(DAY).checked_sub(first)?).ok()? + 1;
        if days > MOST {
            return None;
        }
        let day = |at: &i64| (at.div_euclid(DAY) - first) as usize;
        let mut ends = vec![0u32; days];
        at.iter().for_each(|at| ends[day(at)] += 1);
        let mut next = Vec::with_capacity(days);
        let mut rows = 0;
        for end in &mut ends {
            next.push(rows);
            rows += *end;
            *end = rows;
        }
        let mut order = vec![0u32; at.len()];
        for (row, at) in at.iter().enumerate() {
            let next = &mut next[day(at)];
            order[*next as usize] = row as u32;
            *next += 1;
        }
        Some((Self { first, ends }, order))
    }

    /// Days that were written.
    pub fn read(min_at: i64, ends: Vec<u32>) -> Self {
        Self { first: min_at.div_euclid(DAY), ends }
    }

    /// Times of day, µs, in the order of [`Days::of`].
    pub fn times(at: &[i64], order: &[u32]) -> Packed {
        let times: Vec<i64> = order.iter().map(|row| at[*row as usize].rem_euclid(DAY)).collect();
        Packed::instants(&times)
    }

    /// Whether these could be the days of a block with so many rows.
    pub fn fit(&self, rows: u64) -> bool {
        self.ends.is_sorted()
            && self.ends.len() <= MOST
            && self.ends.last().map(|end| u64::from(*end)) == Some(rows)
    }

    /// The days that a span of time touches, where they have few of all rows.
    pub fn few(&self, (start, end): (i64, i64)) -> Option<Range<usize>> {
        let place =
            |day: i64| usize::try_from(day.saturating_sub(self.first)).unwrap_or(0).min(self.ends.len());
        let from = place(start.div_euclid(DAY));
        let to = place(end.saturating_sub(1).div_euclid(DAY) + 1).max(from);
        let rows = self.rows(&(from..to)).len();
        (rows * FEW <= self.ends.last().map_or(0, |all| *all as usize)).then_some(from..to)
    }

    /// Positions of the rows of some days.
    pub fn rows(&self, days: &Range<usize>) -> Range<usize> {
        self.before(days.start)..self.before(days.end)
    }

    fn before(&self, day: usize) -> usize {
        day.checked_sub(1).map_or(0, |last| self.ends[last] as usize)
    }

    /// Makes instants of the times of day of all rows of some days.
    pub fn date(&self, days: Range<usize>, times: &mut [i64]) {
        let from = self.before(days.start);
        for day in days {
            let midnight = (self.first + day as i64) * DAY;
            times[self.before(day) - from..self.before(day + 1) - from]
                .iter_mut()
                .for_each(|at| *at += midnight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn days_hold_their_rows(
            at in prop::collection::vec(-20 * DAY..40 * DAY, 1..300),
            start in -30 * DAY..50 * DAY, length in 0i64..9 * DAY,
        ) {
            let (days, order) = Days::of(&at).unwrap();
            prop_assert!(days.fit(at.len() as u64));
            prop_assert!(order.is_sorted_by_key(|row| (at[*row as usize].div_euclid(DAY), *row)));
            let mut dated: Vec<i64> = order.iter().map(|row| at[*row as usize].rem_euclid(DAY)).collect();
            days.date(0..days.ends.len(), &mut dated);
            prop_assert_eq!(&dated, &order.iter().map(|row| at[*row as usize]).collect::<Vec<_>>());
            let span = start..start + length;
            let wanted = at.iter().filter(|at| span.contains(at)).count();
            if let Some(touched) = days.few((span.start, span.end)) {
                let rows = days.rows(&touched);
                prop_assert!(rows.len() * FEW <= at.len());
                prop_assert_eq!(dated[rows].iter().filter(|at| span.contains(at)).count(), wanted);
            } else {
                prop_assert!(wanted > 0 || length > 0);
            }
        }
    }

    #[test]
    fn a_clock_that_is_years_off_spoils_the_order() {
        assert!(Days::of(&[]).is_none());
        assert!(Days::of(&[0, MOST as i64 * DAY]).is_none());
        assert!(Days::of(&[i64::MIN, i64::MAX]).is_none());
        let (days, order) = Days::of(&[MOST as i64 * DAY - 1, 0]).unwrap();
        assert_eq!((days.ends.len(), order), (MOST, vec![1, 0]));
        assert_eq!(days.few((i64::MIN, i64::MAX)), None);
        assert_eq!(days.few((i64::MIN, 0)).map(|days| days.len()), Some(0));
        assert_eq!(days.few((i64::MAX, i64::MAX)).map(|days| days.len()), Some(0));
    }
}
