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
    pub fn of(values: &[u32]) -> Self {
        let chunks = values.chunks(CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect();
        Self { chunks, len: values.len() }
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
        assert_eq!(Chunked::of(&(0..200_000).collect::<Vec<_>>()).iter().max(), Some(199_999));
        assert!(old.iter().enumerate().all(|(i, v)| i as u32 == v));
    }
}
