//! Person numbers of a block.

use std::ops::Range;

/// Ascending numbers. Most blocks have one after the other without a gap and keep only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Numbers {
    Run { first: u32, len: usize },
    List(Vec<u32>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Run { first: 0, len: 0 }
    }
}

impl Numbers {
    /// The numbers of a list; `None` when they do not ascend.
    pub fn of(list: Vec<u32>) -> Option<Self> {
        if !list.is_sorted_by(|a, b| a < b) {
            return None;
        }
        Some(match (list.first(), list.last()) {
            (Some(first), Some(last)) if (last - first) as usize + 1 == list.len() => {
                Self::Run { first: *first, len: list.len() }
            }
            (None, _) => Self::default(),
            _ => Self::List(list),
        })
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Run { len, .. } => *len,
            Self::List(list) => list.len(),
        }
    }

    /// Bytes in memory beside itself.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Run { .. } => 0,
            Self::List(list) => 4 * list.capacity(),
        }
    }

    /// The number at a position.
    pub fn get(&self, at: usize) -> Option<u32> {
        match self {
            Self::Run { first, len } => (at < *len).then(|| first + at as u32),
            Self::List(list) => list.get(at).copied(),
        }
    }

    /// Appends the numbers at some positions; positions that are not there are passed over.
    pub fn append(&self, at: Range<usize>, to: &mut Vec<u32>) {
        match self {
            Self::Run { first, len } => to.extend((at.start..at.end.min(*len)).map(|at| first + at as u32)),
            Self::List(list) => to.extend_from_slice(list.get(at).unwrap_or_default()),
        }
    }

    /// How many are below a number.
    pub fn below(&self, number: u64) -> usize {
        match self {
            Self::Run { first, len } => number.saturating_sub(u64::from(*first)).min(*len as u64) as usize,
            Self::List(list) => list.partition_point(|one| u64::from(*one) < number),
        }
    }

    /// The position of a number.
    pub fn position(&self, number: u32) -> Option<usize> {
        let at = self.below(u64::from(number));
        (self.get(at) == Some(number)).then_some(at)
    }

    /// As [`Numbers::below`] where at least `from` are, and fast when not many more.
    pub fn below_from(&self, from: usize, number: u32) -> usize {
        match self {
            Self::Run { .. } => self.below(u64::from(number)),
            Self::List(list) => gallop(list, from, |one| *one < number),
        }
    }
}

/// First position from `from` on that is not `below`, where all that are come first; fast when it is near.
pub(crate) fn gallop<T>(list: &[T], from: usize, below: impl Fn(&T) -> bool) -> usize {
    let (mut at, mut step) = (from, 1);
    while list.get(at + step - 1).is_some_and(&below) {
        at += step;
        step *= 2;
    }
    at + list[at..list.len().min(at + step)].partition_point(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_the_list(
            first in prop_oneof![Just(0u32), 0u32..50, Just(u32::MAX - 40)],
            gaps in prop::collection::vec(prop_oneof![9 => Just(1u32), 1 => 1u32..3], 0..20),
            asked in prop_oneof![0u32..80, u32::MAX - 60..=u32::MAX], from in 0usize..25, to in 0usize..25,
        ) {
            let mut list = vec![first];
            list.extend(gaps.iter().scan(first, |last, gap| { *last += gap; Some(*last) }));
            for list in [Vec::new(), list] {
                let numbers = Numbers::of(list.clone()).unwrap();
                prop_assert_eq!(numbers.len(), list.len());
                prop_assert_eq!(numbers.get(from), list.get(from).copied());
                let below = list.partition_point(|one| *one < asked);
                prop_assert_eq!(numbers.below(u64::from(asked)), below);
                prop_assert_eq!(numbers.below_from(from.min(below), asked), below);
                prop_assert_eq!(numbers.below(1 << 32), list.len());
                prop_assert_eq!(numbers.position(asked), list.iter().position(|one| *one == asked));
                if from <= to && to <= list.len() {
                    let mut some = vec![7];
                    numbers.append(from..to, &mut some);
                    prop_assert_eq!(&some[1..], &list[from..to]);
                }
            }
        }
    }

    #[test]
    fn what_does_not_ascend_is_refused() {
        assert_eq!(Numbers::of(vec![1, 1]), None);
        assert_eq!(Numbers::of(vec![2, 1]), None);
        assert_eq!(Numbers::of(vec![4, 5, 6]), Some(Numbers::Run { first: 4, len: 3 }));
        assert_eq!(Numbers::of(vec![4, 6]), Some(Numbers::List(vec![4, 6])));
    }
}
