//! Rows from elsewhere among the rows of persons: what customers did by the ledger, such as a first payment, beside what their
//! people did.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{By, Kernel, Rows};

/// Rows of persons that are not among the events: when, and which conditions of the question they meet.
#[derive(Clone)]
pub struct AddedRows {
    name: String,
    /// Ascending, as the rows are.
    persons: Vec<u32>,
    ends: Vec<u32>,
    at: Vec<i64>,
    bits: Vec<u64>,
}

impl fmt::Debug for AddedRows {
    /// The name alone: it stands for the rows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddedRows({:?})", self.name)
    }
}

impl AddedRows {
    /// Rows (person, time in µs UTC, conditions met), in any order. `name` must be another one for other rows: answers are
    /// kept under it.
    pub fn new(name: impl Into<String>, mut rows: Vec<(u32, i64, u64)>) -> AddedRows {
        rows.sort_unstable();
        let (mut persons, mut ends): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for (index, (person, ..)) in rows.iter().enumerate() {
            let end = index as u32 + 1;
            match (persons.last(), ends.last_mut()) {
                (Some(last), Some(old)) if last == person => *old = end,
                _ => {
                    persons.push(*person);
                    ends.push(end);
                }
            }
        }
        let at = rows.iter().map(|row| row.1).collect();
        let bits = rows.iter().map(|row| row.2).collect();
        AddedRows { name: name.into(), persons, ends, at, bits }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The rows of a person; `from` is where to look first, and is moved on.
    fn of(&self, person: u32, from: &mut usize) -> Range<usize> {
        while self.persons.get(*from).is_some_and(|known| *known < person) {
            *from += 1;
        }
        if self.persons.get(*from) != Some(&person) {
            return 0..0;
        }
        let start = from.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        start..self.ends[*from] as usize
    }

    /// Whether anybody of these persons has rows.
    fn touches(&self, persons: &[u32]) -> Option<usize> {
        let (first, last) = (persons.first()?, persons.last()?);
        let place = self.persons.partition_point(|person| person < first);
        self.persons.get(place).is_some_and(|person| person <= last).then_some(place)
    }
}

/// A question over the rows of persons and added ones.
///
/// An added row stands at its time among the others, in group 0 where rows are divided by row. Persons who have no other
/// rows are not seen.
#[derive(Debug, Clone)]
pub struct Added<K> {
    /// The question.
    pub kernel: K,
    /// The added rows.
    pub rows: Arc<AddedRows>,
}

impl<K: Kernel> Kernel for Added<K> {
    type Partial = K::Partial;

    fn empty(&self) -> K::Partial {
        self.kernel.empty()
    }

    fn add(&self, rows: &Rows<'_>, out: &mut K::Partial) {
        let Some(mut place) = self.rows.touches(rows.persons) else {
            return self.kernel.add(rows, out);
        };
        // A class beyond the masks meets no condition, so the added rows' classes stand behind all that occur.
        let highest = rows.class.iter().copied().max().map_or(0, |class| usize::from(class) + 1);
        let mut masks = rows.masks.to_vec();
        masks.resize(masks.len().max(highest), 0);
        let base = masks.len();
        let (mut ends, mut at, mut class, mut groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let row_groups = match rows.by {
            By::Row(groups) => Some(groups),
            By::None | By::Person(_) => None,
        };
        for (person, from, to) in rows.histories() {
            let mut added = self.rows.of(person, &mut place).peekable();
            for row in from..to {
                while let Some(index) = added.next_if(|index| self.rows.at[*index] < rows.at[row]) {
                    at.push(self.rows.at[index]);
                    class.push(class_of(&mut masks, base, self.rows.bits[index]));
                    groups.push(0);
                }
                at.push(rows.at[row]);
                class.push(rows.class[row]);
                groups.push(row_groups.and_then(|groups| groups.get(row).copied()).unwrap_or(0));
            }
            for index in added {
                at.push(self.rows.at[index]);
                class.push(class_of(&mut masks, base, self.rows.bits[index]));
                groups.push(0);
            }
            ends.push(at.len() as u32);
        }
        let by = if row_groups.is_some() { By::Row(&groups) } else { rows.by };
        let whole = Rows { persons: rows.persons, ends: &ends, at: &at, class: &class, masks: &masks, by };
        self.kernel.add(&whole, out);
    }
}

/// The class of added rows that meet these conditions.
fn class_of(masks: &mut Vec<u64>, base: usize, bits: u64) -> u16 {
    let known = masks[base..].iter().position(|mask| *mask == bits);
    let class = known.map_or(masks.len(), |known| base + known);
    if known.is_none() {
        masks.push(bits);
    }
    // Classes go up to 65,535, and conditions in use are few.
    u16::try_from(class).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::funnel::{Funnel, Order};
    use super::super::testing::{Division, Log, Row};
    use super::*;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = Vec<(Row, bool)>> {
        let row = (0u32..6, 0i64..40, 0u16..16, 0u32..3, any::<bool>());
        proptest::collection::vec(row, 0..60).prop_map(|rows| {
            let row = |(person, at, mask, group, added): (u32, i64, u16, u32, bool)| {
                let group = if added { 0 } else { group };
                (Row { person, at: at * 1_000_000, mask, group }, added)
            };
            rows.into_iter().map(row).collect()
        })
    }

    proptest! {
        /// Added rows give the same answer as the same rows among the events.
        #[test]
        fn they_count_as_if_they_had_been_there(
            rows in rows(),
            division in prop::sample::select(vec![Division::None, Division::Row, Division::Person]),
            order in prop::sample::select(vec![Order::Ordered, Order::Strict, Order::Any]),
        ) {
            let here = |row: &Row| rows.iter().any(|(other, added)| !added && other.person == row.person);
            let events: Vec<Row> = rows.iter().filter(|(_, added)| !added).map(|(row, _)| *row).collect();
            let added: Vec<Row> =
                rows.iter().filter(|(row, added)| *added && here(row)).map(|(row, _)| *row).collect();
            let all = events.iter().chain(&added).copied().collect();
            let kernel = Funnel { order, groups: 4, exclusions: 8, ..Funnel::new(3, 12_000_000) };
            let extra = added.iter().map(|row| (row.person, row.at, u64::from(row.mask))).collect();
            let with = Added { kernel: kernel.clone(), rows: Arc::new(AddedRows::new("test", extra)) };
            let (mut one, mut other) = (kernel.empty(), kernel.empty());
            Log { rows: all, division }.with_rows(|_| true, |rows| kernel.add(rows, &mut one));
            Log { rows: events, division }.with_rows(|_| true, |rows| with.add(rows, &mut other));
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn the_name_stands_for_the_rows() {
        let rows = AddedRows::new("v1", vec![(3, 5, 1), (1, 9, 1), (3, 2, 2)]);
        assert_eq!(format!("{rows:?}"), "AddedRows(\"v1\")");
        assert_eq!((rows.len(), rows.is_empty()), (3, false));
        assert_eq!(rows.of(3, &mut 0), 1..3);
        assert_eq!(rows.of(2, &mut 0), 0..0);
    }
}
