//! Partial aggregates kept per bucket, so that a query repeats only the buckets whose records changed.
//!
//! [`CachePartials`] is a physical optimizer rule: above each partial aggregate whose input reads, in partition *i*, only
//! bucket *i* of the record tables, it puts a [`CachedPartialExec`]. The key of a stored result is the fingerprint of
//! the plan below, with every expression, and the versions of exactly the buckets that the partition reads. Results
//! are bounded by bytes; the least recently used go first.
//!
//! Where buckets are large, what is computed is smaller: the partial aggregate of each [`Slice`] of a bucket, by the same
//! key with the versions of the slice. Those of one bucket are brought together into one, which is stored too: a change of
//! one customer repeats a slice of a bucket, whatever the number of customers.

mod deps;
mod fingerprint;
mod partial;
mod rule;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use parking_lot::Mutex;

pub use deps::{Dependency, Reads, reads};
pub use fingerprint::fingerprint;
pub use partial::CachedPartialExec;
pub use rule::CachePartials;

use crate::functions::cut_off::{Moments, Seen};
use crate::lake::Slice;

/// What identifies one stored partial result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The plan under the cache, expressions and settings included.
    pub plan: Arc<str>,
    /// The partition of the plan.
    pub partition: usize,
    /// The part of the partition; `None` is all of it.
    pub slice: Option<Arc<Slice>>,
    /// Table, bucket and version of all that the partition reads.
    pub reads: Vec<(Arc<str>, usize, u64)>,
}

#[derive(Debug)]
struct Entry {
    batches: Arc<Vec<RecordBatch>>,
    bytes: usize,
    used: u64,
    /// The rows nearest to the query's moments: the result holds while no moment passes one.
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Key, Entry>,
    by_use: BTreeMap<u64, Key>,
    bytes: usize,
    tick: u64,
    hits: u64,
    misses: u64,
}

/// Counts since the cache was made, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStats {
    /// Partitions answered from memory.
    pub hits: u64,
    /// Partitions computed.
    pub misses: u64,
    /// Bytes of the stored batches.
    pub bytes: usize,
    /// Number of stored results.
    pub entries: usize,
}

/// Stored partial aggregates, at most `limit` bytes of them.
#[derive(Debug)]
pub struct PartialCache {
    limit: usize,
    inner: Mutex<Inner>,
}

impl PartialCache {
    /// An empty cache of at most `limit` bytes; 0 stores nothing.
    pub fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default() }
    }

    /// The stored result of `key`, if it holds at these moments.
    pub fn get(&self, key: &Key, moments: &Moments) -> Option<Arc<Vec<RecordBatch>>> {
        self.get_seen(key, moments).map(|(batches, _)| batches)
    }

    /// The same, with what was seen around the moments while it was computed.
    pub fn get_seen(&self, key: &Key, moments: &Moments) -> Option<(Arc<Vec<RecordBatch>>, Arc<Seen>)> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        inner.tick += 1;
        let tick = inner.tick;
        match inner.entries.get_mut(key) {
            Some(entry)
                if entry.seen.now.holds(moments.now.saturating_add(1))
                    && entry.seen.cut_off.holds(moments.cut_off) =>
            {
                inner.hits += 1;
                inner.by_use.remove(&entry.used);
                entry.used = tick;
                inner.by_use.insert(tick, key.clone());
                Some((Arc::clone(&entry.batches), Arc::clone(&entry.seen)))
            }
            _ => {
                inner.misses += 1;
                None
            }
        }
    }

    /// Stores a result together with what was seen around the moments. One larger than the whole cache is not kept.
    pub fn put(&self, key: Key, batches: Arc<Vec<RecordBatch>>, seen: Arc<Seen>) {
        let bytes = batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>()
            + key.plan.len()
            + key.reads.len() * 40
            + 128;
        if bytes > self.limit {
            return;
        }
        let mut inner = self.inner.lock();
        inner.tick += 1;
        let tick = inner.tick;
        if let Some(old) = inner.entries.remove(&key) {
            inner.bytes -= old.bytes;
            inner.by_use.remove(&old.used);
        }
        while inner.bytes + bytes > self.limit {
            let Some((_, oldest)) = inner.by_use.pop_first() else { break };
            if let Some(old) = inner.entries.remove(&oldest) {
                inner.bytes -= old.bytes;
            }
        }
        inner.bytes += bytes;
        inner.by_use.insert(tick, key.clone());
        inner.entries.insert(key, Entry { batches, bytes, used: tick, seen });
    }

    /// Counts and sizes.
    pub fn stats(&self) -> CacheStats {
        let inner = self.inner.lock();
        CacheStats {
            hits: inner.hits,
            misses: inner.misses,
            bytes: inner.bytes,
            entries: inner.entries.len(),
        }
    }

    /// Forgets all stored results.
    pub fn clear(&self) {
        let mut inner = self.inner.lock();
        inner.entries.clear();
        inner.by_use.clear();
        inner.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;

    fn batch(rows: i64) -> Arc<Vec<RecordBatch>> {
        let column = Arc::new(Int64Array::from_iter_values(0..rows)) as _;
        Arc::new(vec![RecordBatch::try_from_iter([("n", column)]).unwrap()])
    }

    fn key(partition: usize) -> Key {
        Key { plan: "p".into(), partition, slice: None, reads: vec![("t".into(), partition, 1)] }
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let one = batch(100)[0].get_array_memory_size() + 1 + 40 + 128;
        let cache = PartialCache::new(2 * one);
        let always = Arc::new(Seen::default());
        let at = Moments { now: 0, cut_off: 0 };
        cache.put(key(0), batch(100), Arc::clone(&always));
        cache.put(key(1), batch(100), Arc::clone(&always));
        assert!(cache.get(&key(0), &at).is_some());
        cache.put(key(2), batch(100), Arc::clone(&always));
        assert!(cache.get(&key(0), &at).is_some());
        assert!(cache.get(&key(1), &at).is_none());
        assert!(cache.get(&key(2), &at).is_some());
        assert_eq!(cache.stats().bytes, 2 * one);
    }

    #[test]
    fn a_result_holds_until_a_moment_passes_a_row() {
        let cache = PartialCache::new(1 << 20);
        let seen = Seen::default();
        seen.now.note(10, 20);
        cache.put(key(0), batch(1), Arc::new(seen));
        let at = |now| Moments { now, cut_off: 0 };
        assert!(cache.get(&key(0), &at(9)).is_none());
        assert!(cache.get(&key(0), &at(10)).is_some());
        assert!(cache.get(&key(0), &at(19)).is_some());
        assert!(cache.get(&key(0), &at(20)).is_none());
    }
}
