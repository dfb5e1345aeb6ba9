//! Many small numbers, counted exactly: the durations behind a median, the persons behind a figure.

use super::Partial;
use crate::exact::Exact;

/// So few numbers are sorted rather than counted.
const FEW: usize = 8192;

/// A multiset of numbers that can be added to and taken from. It keeps what was put in and what was taken out and
/// settles both when it is read.
#[derive(Debug, Clone, Default)]
pub struct Bag {
    put: Vec<u32>,
    taken: Vec<u32>,
}

impl Bag {
    /// Puts a number in.
    pub fn push(&mut self, number: u32) {
        self.put.push(number);
    }

    /// How many numbers there are, each as often as it was put in.
    pub fn len(&self) -> usize {
        self.put.len().saturating_sub(self.taken.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, ascending.
    pub fn sorted(&self) -> Vec<u32> {
        let mut put = self.put.clone();
        put.sort_unstable();
        if self.taken.is_empty() {
            return put;
        }
        let mut taken = self.taken.clone();
        taken.sort_unstable();
        let mut next = taken.into_iter().peekable();
        put.retain(|number| {
            while next.next_if(|taken| taken < number).is_some() {}
            next.next_if_eq(number).is_none()
        });
        put
    }

    /// The middle number; the mean of both where the middle falls between two. `None` when there are none.
    pub fn median(&self) -> Option<Exact> {
        let (n, middle) = (self.len(), self.len() / 2);
        if n == 0 {
            return None;
        }
        let (lower, upper) = if n < FEW {
            let numbers = self.sorted();
            (numbers[(n - 1) / 2], numbers[middle])
        } else {
            (self.nth((n - 1) / 2), self.nth(middle))
        };
        Exact::ratio(u64::from(lower) + u64::from(upper), 2)
    }

    /// The number at a place in ascending order, found without sorting: by its upper half, then by its lower.
    fn nth(&self, place: usize) -> u32 {
        let counted = |half: &dyn Fn(u32) -> Option<u16>, before: i64| {
            let mut counts = vec![0i32; 1 << 16];
            self.put.iter().filter_map(|n| half(*n)).for_each(|at| counts[usize::from(at)] += 1);
            self.taken.iter().filter_map(|n| half(*n)).for_each(|at| counts[usize::from(at)] -= 1);
            let mut below = before;
            let found = counts.iter().position(|count| {
                below += i64::from(*count);
                below > place as i64
            });
            let at = found.unwrap_or(counts.len() - 1);
            (at as u32, below - i64::from(counts[at]))
        };
        let (upper, before) = counted(&|n| Some((n >> 16) as u16), 0);
        let (lower, _) = counted(&|n| (n >> 16 == upper).then_some(n as u16), before);
        upper << 16 | lower
    }
}

impl PartialEq for Bag {
    fn eq(&self, other: &Bag) -> bool {
        self.len() == other.len() && self.sorted() == other.sorted()
    }
}

impl Eq for Bag {}

impl Partial for Bag {
    fn merge(&mut self, other: &Bag) {
        self.put.extend_from_slice(&other.put);
        self.taken.extend_from_slice(&other.taken);
    }

    fn subtract(&mut self, other: &Bag) {
        self.put.extend_from_slice(&other.taken);
        self.taken.extend_from_slice(&other.put);
    }

    fn bytes(&self) -> usize {
        size_of::<Bag>() + 4 * (self.put.capacity() + self.taken.capacity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bag(numbers: &[u32]) -> Bag {
        Bag { put: numbers.to_vec(), taken: Vec::new() }
    }

    #[test]
    fn medians() {
        assert_eq!(bag(&[]).median(), None);
        assert_eq!(bag(&[7]).median(), Some(Exact::from(7i64)));
        assert_eq!(bag(&[9, 2, 4]).median(), Some(Exact::from(4i64)));
        assert_eq!(bag(&[9, 2, 4, 5]).median(), Exact::ratio(9, 2));
        assert_eq!(bag(&[u32::MAX, u32::MAX]).median(), Some(Exact::from(i64::from(u32::MAX))));
    }

    proptest! {
        #[test]
        fn places_are_found_without_sorting(
            kept in prop::collection::vec(prop_oneof![0u32..3, any::<u32>()], 1..40),
            gone in prop::collection::vec(prop_oneof![0u32..3, any::<u32>()], 0..40),
        ) {
            let mut bag = bag(&gone);
            bag.merge(&self::bag(&kept));
            bag.subtract(&self::bag(&gone));
            let found: Vec<u32> = (0..kept.len()).map(|place| bag.nth(place)).collect();
            prop_assert_eq!(found, bag.sorted());
        }

        #[test]
        fn what_is_taken_out_was_never_there(
            kept in prop::collection::vec(0u32..6, 0..12), gone in prop::collection::vec(0u32..6, 0..12),
        ) {
            let mut total = bag(&gone);
            total.merge(&bag(&kept));
            prop_assert_eq!(total.len(), kept.len() + gone.len());
            total.subtract(&bag(&gone));
            let mut plain = kept.clone();
            plain.sort();
            prop_assert_eq!(total.sorted(), plain.clone());
            prop_assert_eq!(&total, &bag(&kept));
            prop_assert_eq!(total.median(), bag(&plain).median());
            // Taking out before putting in comes to the same.
            let mut early = Bag::default();
            early.subtract(&bag(&gone));
            early.merge(&bag(&kept));
            early.merge(&bag(&gone));
            prop_assert_eq!(early.sorted(), plain);
        }
    }
}
