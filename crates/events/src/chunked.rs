//! A long vector of numbers whose copies share what did not change.

use std::ops::Range;
use std::sync::Arc;

const BITS: usize = 16;
const CHUNK: usize = 1 << BITS;

/// A vector in chunks; a clone costs one pointer for each chunk, a write after it copies one chunk. A chunk whose values
/// are their own positions costs nothing once it is [settled](Self::settle): most identifiers are persons of their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunked {
    chunks: Vec<Chunk>,
    len: usize,
}

/// `None`: every value is its position in the whole vector.
type Chunk = Option<Arc<Vec<u32>>>;

impl Chunked {
    /// The same value `len` times.
    pub fn filled(value: u32, len: usize) -> Self {
        let sizes = (0..len).step_by(CHUNK).map(|from| CHUNK.min(len - from));
        Self { chunks: sizes.map(|size| Some(Arc::new(vec![value; size]))).collect(), len }
    }

    /// A number for each that this one has; what stays as it is is shared.
    pub fn map(&self, f: impl Fn(u32, u32) -> u32) -> Self {
        let chunk = |(at, chunk): (usize, &Chunk)| {
            let places = self.places(at);
            let values = values(places.clone(), chunk.as_ref());
            if places.clone().zip(values.clone()).all(|(place, value)| f(place, value) == value) {
                chunk.clone()
            } else {
                Some(Arc::new(places.zip(values).map(|(place, value)| f(place, value)).collect()))
            }
        };
        Self { chunks: self.chunks.iter().enumerate().map(chunk).collect(), len: self.len }
    }

    /// Gives back the memory of chunks whose values are their positions.
    pub fn settle(&mut self) {
        for at in 0..self.chunks.len() {
            let places = self.places(at);
            if self.chunks[at].as_ref().is_some_and(|list| list.iter().copied().eq(places)) {
                self.chunks[at] = None;
            }
        }
    }

    /// Positions up to the shorter end where two vectors differ.
    pub fn differences(&self, other: &Self, mut f: impl FnMut(u32)) {
        for (at, (ours, theirs)) in self.chunks.iter().zip(&other.chunks).enumerate() {
            let same = match (ours, theirs) {
                (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
                (None, None) => true,
                _ => false,
            };
            if !same {
                let places = self.places(at).start..self.places(at).end.min(other.places(at).end);
                let pairs =
                    values(places.clone(), ours.as_ref()).zip(values(places.clone(), theirs.as_ref()));
                places.zip(pairs).filter(|(_, (a, b))| a != b).for_each(|(place, _)| f(place));
            }
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes in memory beside itself.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().flatten().map(|list| 4 * list.capacity()).sum()
    }

    pub fn get(&self, at: u32) -> Option<u32> {
        match self.chunks.get(at as usize >> BITS)? {
            Some(list) => list.get(at as usize & (CHUNK - 1)).copied(),
            None => ((at as usize) < self.len).then_some(at),
        }
    }

    /// Sets a value; positions that are not there are passed over.
    pub fn set(&mut self, at: u32, value: u32) {
        if self.get(at).is_some_and(|old| old != value) {
            self.list(at as usize >> BITS)[at as usize & (CHUNK - 1)] = value;
        }
    }

    pub fn push(&mut self, value: u32) {
        if self.len & (CHUNK - 1) == 0 {
            self.chunks.push(Some(Arc::default()));
        }
        let last = self.chunks.len() - 1;
        self.list(last).push(value);
        self.len += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| values(self.places(at), chunk.as_ref()))
    }

    /// Positions of a chunk.
    fn places(&self, at: usize) -> Range<u32> {
        (at * CHUNK) as u32..((at + 1) * CHUNK).min(self.len) as u32
    }

    /// The values of a chunk, to be changed.
    fn list(&mut self, at: usize) -> &mut Vec<u32> {
        let places = self.places(at);
        Arc::make_mut(self.chunks[at].get_or_insert_with(|| Arc::new(places.collect())))
    }
}

/// The values at some positions from the first of a chunk on.
fn values(places: Range<u32>, list: Option<&Arc<Vec<u32>>>) -> impl Iterator<Item = u32> + Clone + '_ {
    let own = if list.is_none() { places } else { 0..0 };
    list.into_iter().flat_map(|list| list.iter().copied()).chain(own)
}

/// Person of each identifier, by number, at one moment; shares its memory with the store.
#[derive(Debug, Clone)]
pub struct Persons(pub(crate) Chunked);

impl Persons {
    /// How many identifiers have a number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The person of an identifier; later identifiers are persons of their own.
    #[must_use]
    pub fn of(&self, number: u32) -> u32 {
        self.0.get(number).unwrap_or(number)
    }

    /// The person of each identifier.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clone_keeps_its_values() {
        let mut all = Chunked::default();
        for i in 0..200_000u32 {
            all.push(i);
        }
        let old = all.clone();
        all.set(70_000, 1);
        all.push(5);
        assert_eq!((old.get(70_000), all.get(70_000)), (Some(70_000), Some(1)));
        assert_eq!((old.get(200_000), all.get(200_000)), (None, Some(5)));
        assert_eq!((old.len(), all.len()), (200_000, 200_001));
        let mut unlike = Vec::new();
        all.differences(&old, |at| unlike.push(at));
        assert_eq!(unlike, [70_000]);
        let filled = Chunked::filled(7, 200_000);
        assert_eq!((filled.len(), filled.get(199_999), filled.get(200_000)), (200_000, Some(7), None));
        assert!(filled.map(|at, value| at * value).iter().eq((0..200_000).map(|at| 7 * at)));
        let part = filled.map(|at, value| if at < 70_000 { 3 } else { value });
        assert!(part.iter().eq((0..200_000).map(|at| if at < 70_000 { 3 } else { 7 })));
        let shared =
            |a: &Chunk, b: &Chunk| a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        assert!(
            part.chunks.iter().zip(&filled.chunks).map(|(a, b)| shared(a, b)).eq([false, false, true, true])
        );
        assert!(old.iter().enumerate().all(|(i, v)| i as u32 == v));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Settled or not, it is the vector that it stands for.
        #[test]
        fn values_that_are_their_positions_are_values(
            len in 0..3 * CHUNK, changes in proptest::collection::vec((0..4 * CHUNK as u32, 0..9u32, any::<bool>()), 0..20),
        ) {
            let mut plain: Vec<u32> = (0..len as u32).collect();
            let mut all = Chunked::filled(u32::MAX, len).map(|at, _| at);
            for (at, value, back) in changes {
                all.settle();
                let before = (all.clone(), plain.clone());
                let value = if back { at } else { value };
                match plain.get_mut(at as usize) {
                    Some(old) => {
                        *old = value;
                        all.set(at, value);
                    }
                    None => {
                        plain.push(value);
                        all.push(value);
                        all.set(at, value);
                    }
                }
                let mut unlike = Vec::new();
                all.differences(&before.0, |at| unlike.push(at));
                let want = plain.iter().zip(&before.1).enumerate().filter(|(_, (a, b))| a != b);
                prop_assert!(unlike.into_iter().eq(want.map(|(at, _)| at as u32)));
                prop_assert!(before.0.iter().eq(before.1));
            }
            prop_assert_eq!((all.get(plain.len() as u32), all.len()), (None, plain.len()));
            prop_assert!((0..plain.len()).all(|at| all.get(at as u32) == Some(plain[at])));
            prop_assert!(all.iter().eq(plain));
        }
    }
}
