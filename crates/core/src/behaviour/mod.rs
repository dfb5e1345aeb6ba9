//! What persons do: the pure part. Histories come as [`Rows`], a [`Kernel`] answers one question over them.
//!
//! A kernel's answer is a sum over persons, so that it can be computed per block of persons, kept, added up, and
//! corrected for the few persons who did something since: the old answer of these persons is taken away and
//! their new one added. Whatever order the rows arrived in, the answer is the same to the integer: where rows of
//! one person have the same time, no kernel looks at which of them came first.
//!
//! | question | module |
//! |---|---|
//! | how many persons in each day, week, month, or trailing window | [`rolling`] |
//! | how far do persons get in a series of steps, and how fast | [`funnel`] |
//! | who comes back | [`retention`], [`lifecycle`], [`stickiness`] |
//! | what do they do next | [`paths`] |
//! | visits | [`sessions`], [`visits`] |
//! | rows and persons for each value of something | [`usage`] |
//!
//! Beside the kernels stand the words in which questions are put ([`step`], [`meaning`], [`calendar`]) and the rules
//! that rows are made by ([`identity`], [`channel`]). [`members`] turns any of the questions into the list of
//! persons behind one of its figures.

pub mod active;
pub mod added;
pub mod bag;
pub mod calendar;
pub mod channel;
pub mod definition;
pub mod funnel;
pub mod identity;
pub mod lifecycle;
pub mod meaning;
pub mod members;
pub mod paths;
pub mod retention;
pub mod rolling;
pub mod sessions;
pub mod step;
pub mod stickiness;
pub mod usage;
pub mod visits;

#[cfg(test)]
pub(crate) mod testing;

/// Histories of persons: ascending by person, within a person by time, at equal times in any order.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Number of each person, strictly ascending.
    pub persons: &'a [u32],
    /// For each person the position after their last row; the first row is the end of the person before.
    pub ends: &'a [u32],
    /// Time of each row, µs UTC.
    pub at: &'a [i64],
    /// Class of each row, an index into [`Rows::masks`]. Most often the number of the event's name.
    pub class: &'a [u16],
    /// For each class the conditions of the question that its rows meet: bit `i` is condition (step) `i`. A class
    /// beyond the end meets none.
    pub masks: &'a [u64],
    /// How rows are divided into groups.
    pub by: By<'a>,
}

/// The group of a row. Group 0 is that of rows without a value. A kernel is told how many groups there are; rows of a
/// group beyond count nowhere.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// All rows are in group 0.
    None,
    /// The group of each row.
    Row(&'a [u32]),
    /// The group of each person, by the person's number; persons beyond the end are in group 0 (no value).
    Person(&'a [u32]),
}

/// One question over histories.
pub trait Kernel: Sync {
    /// The answer for some persons.
    type Partial: Partial;

    /// The answer for nobody.
    fn empty(&self) -> Self::Partial;

    /// Adds the answer for the persons of `rows` to `out`. No person is added twice.
    fn add(&self, rows: &Rows<'_>, out: &mut Self::Partial);
}

/// A sum over persons.
pub trait Partial: Clone + Send + Sync + 'static {
    /// Adds the answer for other persons.
    fn merge(&mut self, other: &Self);

    /// Takes away the answer of persons who are part of this sum.
    fn subtract(&mut self, other: &Self);

    /// Bytes in memory, roughly; decides what is kept.
    fn bytes(&self) -> usize;
}

impl<'a> Rows<'a> {
    /// The rows of each person: number, first row, position after the last.
    pub fn histories(&self) -> impl Iterator<Item = (u32, usize, usize)> + use<'a> {
        let mut start = 0;
        let rows = self.at.len().min(self.class.len());
        self.persons.iter().zip(self.ends).map(move |(person, end)| {
            let end = (*end as usize).min(rows);
            let from = std::mem::replace(&mut start, end);
            (*person, from.min(end), end)
        })
    }

    /// The conditions that a row meets; none for a row that does not exist.
    pub fn mask(&self, row: usize) -> u64 {
        let class = self.class.get(row).copied().unwrap_or(u16::MAX);
        self.masks.get(usize::from(class)).copied().unwrap_or(0)
    }

    /// The rows `from..to`: position, time and conditions met.
    #[inline]
    pub fn each(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, i64, u64)> + use<'a> {
        let masks = self.masks;
        let at = self.at.get(from..to).unwrap_or_default();
        let class = self.class.get(from..to).unwrap_or_default();
        at.iter().zip(class).enumerate().map(move |(index, (at, class))| {
            (from + index, *at, masks.get(usize::from(*class)).copied().unwrap_or(0))
        })
    }

    /// The group of a row of a person.
    pub fn group(&self, person: u32, row: usize) -> u32 {
        match self.by {
            By::None => 0,
            By::Row(groups) => groups.get(row).copied().unwrap_or(0),
            By::Person(groups) => groups.get(person as usize).copied().unwrap_or(0),
        }
    }

    /// The group of what happened at one instant: of the rows `from..to` of a person, all of one time, those that meet
    /// one of the conditions `bits`; the smallest group other than 0 (no value), so that the order of arrival does
    /// not matter.
    pub(crate) fn group_at(&self, person: u32, from: usize, to: usize, bits: u64) -> u32 {
        match self.by {
            By::Row(_) => (from..to)
                .filter(|row| self.mask(*row) & bits != 0)
                .map(|row| self.group(person, row))
                .min_by_key(|group| group.wrapping_sub(1))
                .unwrap_or(0),
            By::None | By::Person(_) => self.group(person, from),
        }
    }

    /// The first row of the instant of `row`, not before `from`.
    pub(crate) fn instant_start(&self, from: usize, row: usize) -> usize {
        let mut first = row;
        while first > from && self.at[first - 1] == self.at[row] {
            first -= 1;
        }
        first
    }

    /// The position after the last row of the instant of `row`, not after `to`.
    pub(crate) fn instant_end(&self, row: usize, to: usize) -> usize {
        let mut end = row + 1;
        while end < to && self.at[end] == self.at[row] {
            end += 1;
        }
        end
    }
}

/// `sums += parts`, position by position; a sum that is shorter grows.
pub(crate) fn plus(sums: &mut Vec<i64>, parts: &[i64]) {
    if sums.len() < parts.len() {
        sums.resize(parts.len(), 0);
    }
    for (sum, part) in sums.iter_mut().zip(parts) {
        *sum = sum.wrapping_add(*part);
    }
}

/// `sums −= parts`, position by position; a sum that is shorter grows.
pub(crate) fn minus(sums: &mut Vec<i64>, parts: &[i64]) {
    if sums.len() < parts.len() {
        sums.resize(parts.len(), 0);
    }
    for (sum, part) in sums.iter_mut().zip(parts) {
        *sum = sum.wrapping_sub(*part);
    }
}

#[cfg(test)]
mod tests {
    use super::active::Active;
    use super::calendar::Calendar;
    use super::*;
    use proptest::prelude::*;

    const ROWS: Rows<'static> = Rows {
        persons: &[2, 5],
        ends: &[1, 4],
        at: &[10, 20, 30, 30],
        class: &[0, 1, 1, 9],
        masks: &[1, 2],
        by: By::Row(&[1, 2, 0, 4]),
    };

    #[test]
    fn histories_are_cut_at_the_ends() {
        assert_eq!(ROWS.histories().collect::<Vec<_>>(), [(2, 0, 1), (5, 1, 4)]);
        // Ends that do not fit their rows are cut, not a panic.
        let broken = Rows { ends: &[3, 2], at: &[1, 2], ..ROWS };
        assert_eq!(broken.histories().collect::<Vec<_>>(), [(2, 0, 2), (5, 2, 2)]);
    }

    #[test]
    fn classes_and_groups() {
        assert_eq!(ROWS.each(1, 4).collect::<Vec<_>>(), [(1, 20, 2), (2, 30, 2), (3, 30, 0)]);
        assert_eq!(ROWS.each(1, 9).count(), 0, "rows that do not exist");
        assert_eq!((0..5).map(|row| ROWS.mask(row)).collect::<Vec<_>>(), [1, 2, 2, 0, 0]);
        assert_eq!(ROWS.group(5, 3), 4);
        assert_eq!(ROWS.group_at(5, 1, 4, 2), 2, "row 3 meets nothing, group 0 is the last choice");
        assert_eq!(ROWS.group_at(5, 2, 4, 2), 0);
        let by_person = Rows { by: By::Person(&[7, 7, 8]), ..ROWS };
        assert_eq!((by_person.group(2, 0), by_person.group(5, 1)), (8, 0));
        assert_eq!((ROWS.instant_start(1, 3), ROWS.instant_end(2, 4), ROWS.instant_end(1, 4)), (2, 4, 2));
    }

    fn add<K: Kernel>(kernel: &K, rows: &Rows<'_>) {
        kernel.add(rows, &mut kernel.empty());
    }

    proptest! {
        /// What breaks the promises of [`Rows`] gives wrong figures, never a panic.
        #[test]
        fn no_rows_panic(
            persons in prop::collection::vec(any::<u32>(), 0..5), ends in prop::collection::vec(0u32..12, 0..5),
            at in prop::collection::vec(prop_oneof![-5i64..20, any::<i64>()], 0..12),
            class in prop::collection::vec(0u16..9, 0..12), groups in prop::collection::vec(0u32..5, 0..12), by in 0usize..3,
            masks in prop::collection::vec(any::<u64>(), 0..8), steps in 0usize..70, order in 0usize..3, gap in any::<i64>(),
        ) {
            let by = [By::None, By::Row(&groups), By::Person(&groups)][by];
            let rows = Rows { persons: &persons, ends: &ends, at: &at, class: &class, masks: &masks, by };
            let calendar = Calendar::new(vec![-2, 0, 3, 3, 9, i64::MAX]);
            let active = Active { at_least: 2, within_us: Some(gap) };
            for active in [Active::ONCE, active, Active { within_us: None, ..active }] {
                let windows = vec![0, 1, 3, u32::MAX];
                add(&rolling::Rolling { calendar: calendar.clone(), windows, active, groups: 4 }, &rows);
                add(&lifecycle::Lifecycle { calendar: calendar.clone(), active, groups: 4 }, &rows);
                add(&stickiness::Stickiness::new(calendar.clone(), calendar.clone(), active, 4), &rows);
            }
            for flag in [false, true] {
                let calendar = calendar.clone();
                add(&retention::Retention { calendar, recurring: flag, or_after: steps > 2, groups: 4 }, &rows);
                let direction = if flag { paths::Direction::After } else { paths::Direction::Before };
                add(&paths::Paths { direction, steps, gap_us: gap, span: None, groups: 4 }, &rows);
                let order = [funnel::Order::Ordered, funnel::Order::Strict, funnel::Order::Any][order];
                let times = if flag { funnel::Times::SinceFirst } else { funnel::Times::None };
                add(&funnel::Funnel { order, times, groups: 4, ..funnel::Funnel::new(steps, gap) }, &rows);
            }
            add(&sessions::Sessions { gap_us: gap, groups: 4, ..sessions::Sessions::new(calendar.clone()) }, &rows);
            for which in [visits::Which::All, visits::Which::Returning(true)] {
                let calendar = calendar.clone();
                let conversion = Some((gap, gap));
                let visits = visits::Visits { calendar, gap_us: gap, cut_off: 9, which, conversion, groups: 4 };
                add(&visits, &rows);
            }
            add(&usage::Usage { calendar, groups: 4 }, &rows);
        }
    }
}
