//! A long vector of numbers whose copies share what did not change.

use std::sync::Arc;

const BITS: usize = 16;
const CHUNK: usize = 1 << BITS;

/// A vector in chunks; a clone costs one pointer for each chunk, a write after it copies one chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunked {
    chunks: Vec<Arc<Vec<u32>>>,
    len: usize,
}

impl Chunked {
    /// The same value `len` times.
    pub fn filled(value: u32, len: usize) -> Self {
        let sizes = (0..len).step_by(CHUNK).map(|from| CHUNK.min(len - from));
        Self { chunks: sizes.map(|size| Arc::new(vec![value; size])).collect(), len }
    }

    /// A number for each that this one has; what stays as it is is shared.
    pub fn map(&self, f: impl Fn(u32, u32) -> u32) -> Self {
        let chunk = |(at, chunk): (usize, &Arc<Vec<u32>>)| {
            let numbers = chunk.iter().enumerate().map(|(i, value)| f((at * CHUNK + i) as u32, *value));
            if numbers.clone().eq(chunk.iter().copied()) {
                chunk.clone()
            } else {
                Arc::new(numbers.collect())
            }
        };
        Self { chunks: self.chunks.iter().enumerate().map(chunk).collect(), len: self.len }
    }

    /// Positions up to the shorter end where two vectors differ.
    pub fn differences(&self, other: &Self, mut f: impl FnMut(u32)) {
        for (at, (ours, theirs)) in self.chunks.iter().zip(&other.chunks).enumerate() {
            if !Arc::ptr_eq(ours, theirs) {
                let unlike = ours.iter().zip(theirs.iter()).enumerate().filter(|(_, (a, b))| a != b);
                unlike.for_each(|(i, _)| f((at * CHUNK + i) as u32));
            }
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, at: u32) -> Option<u32> {
        self.chunks.get(at as usize >> BITS)?.get(at as usize & (CHUNK - 1)).copied()
    }

    /// Sets a value; positions that are not there are passed over.
    pub fn set(&mut self, at: u32, value: u32) {
        if let Some(chunk) = self.chunks.get_mut(at as usize >> BITS)
            && chunk.get(at as usize & (CHUNK - 1)).is_some_and(|old| *old != value)
        {
            Arc::make_mut(chunk)[at as usize & (CHUNK - 1)] = value;
        }
    }

    pub fn push(&mut self, value: u32) {
        if self.len & (CHUNK - 1) == 0 {
            self.chunks.push(Arc::new(Vec::new()));
        }
        if let Some(last) = self.chunks.last_mut() {
            Arc::make_mut(last).push(value);
            self.len += 1;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().flat_map(|chunk| chunk.iter().copied())
    }
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
        let shared = part.chunks.iter().zip(&filled.chunks).map(|(a, b)| Arc::ptr_eq(a, b));
        assert!(shared.eq([false, false, true, true]));
        assert!(old.iter().enumerate().all(|(i, v)| i as u32 == v));
    }
}
