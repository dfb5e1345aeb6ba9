//! What persons do: the pure part. Histories come as [`Rows`], a [`Kernel`] answers one question over them.
//!
//! A kernel's answer is a sum over persons, so that it can be computed per block of persons, kept, added up, and
//! corrected for the few persons who did something since: the old answer of these persons is taken away and
//! their new one added. Whatever order the rows arrived in, the answer is the same to the integer.

/// Histories of persons: ascending by person, within a person by time, at equal times in order of arrival.
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
    /// For each class the conditions of the question that its rows meet: bit `i` is condition (step) `i`.
    pub masks: &'a [u64],
    /// How rows are divided into groups.
    pub by: By<'a>,
}

/// The group of a row.
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
        self.persons.iter().zip(self.ends).map(move |(person, end)| {
            let from = std::mem::replace(&mut start, *end as usize);
            (*person, from, *end as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_are_cut_at_the_ends() {
        let rows = Rows {
            persons: &[2, 5],
            ends: &[1, 3],
            at: &[10, 20, 30],
            class: &[0, 0, 0],
            masks: &[1],
            by: By::None,
        };
        assert_eq!(rows.histories().collect::<Vec<_>>(), [(2, 0, 1), (5, 1, 3)]);
    }
}
