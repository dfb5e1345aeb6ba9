//! The content of a table at one moment: base files and what is newer, per bucket. Immutable; readers keep the
//! state they started with.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use parking_lot::Mutex;

use super::error::Result;
use super::files::DataFile;
use super::layout::{Id, Layout, Merging};
use super::rows;
use super::slice::Slice;
use super::view::View;

/// Gives every change of content its own number, over all tables of a lake.
#[derive(Debug, Default)]
pub(crate) struct Versions(AtomicU64);

impl Versions {
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Where the newest row of a key lies in an overlay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub chunk: u32,
    pub row: u32,
    pub seq: i64,
    /// Position in the intake log; 0 for rows that are in the Delta table already.
    pub position: u64,
}

/// Rows of one bucket that are newer than its base file: the newest row of every key they touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    pub chunks: Vec<RecordBatch>,
    pub index: Arc<HashMap<Id, Slot>>,
}

impl Overlay {
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Adds rows; `ids` are theirs. Of two rows with one key the higher version wins, the later at a tie.
    pub fn push(&mut self, layout: &Layout, batch: RecordBatch, ids: &[Id], position: u64) -> Result<()> {
        let chunk = self.chunks.len() as u32;
        let seqs = layout.seqs(&batch).values().to_vec();
        let index = Arc::make_mut(&mut self.index);
        for (row, id) in ids.iter().enumerate() {
            let slot = Slot { chunk, row: row as u32, seq: seqs[row], position };
            let entry = index.entry(*id).or_insert(slot);
            if slot.seq >= entry.seq {
                *entry = slot;
            }
        }
        self.chunks.push(batch);
        if self.chunks.len() > 64 { self.consolidate(layout) } else { Ok(()) }
    }

    /// Brings the surviving rows into one chunk.
    fn consolidate(&mut self, layout: &Layout) -> Result<()> {
        let mut slots: Vec<(Id, Slot)> = self.index.iter().map(|(id, slot)| (*id, *slot)).collect();
        slots.sort_unstable_by_key(|(_, slot)| (slot.chunk, slot.row));
        let order: Vec<rows::At> =
            slots.iter().map(|(_, slot)| (slot.chunk as usize, slot.row as usize)).collect();
        let batch = rows::gather_one(layout, &self.chunks, &order)?;
        let index = slots
            .iter()
            .enumerate()
            .map(|(row, (id, slot))| (*id, Slot { chunk: 0, row: row as u32, ..*slot }));
        *self = Self { index: Arc::new(index.collect()), chunks: vec![batch] };
        Ok(())
    }

    /// The surviving rows of a kind as one batch, in arrival order, with their identities.
    pub fn select(
        &self,
        layout: &Layout,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Result<(RecordBatch, Vec<(Id, Slot)>)> {
        let mut slots: Vec<(Id, Slot)> =
            self.index.iter().filter(|(_, slot)| wanted(slot)).map(|(id, slot)| (*id, *slot)).collect();
        slots.sort_unstable_by_key(|(_, slot)| (slot.chunk, slot.row));
        let order: Vec<rows::At> =
            slots.iter().map(|(_, slot)| (slot.chunk as usize, slot.row as usize)).collect();
        Ok((rows::gather_one(layout, &self.chunks, &order)?, slots))
    }

    /// The overlay without the rows for which `drop` holds.
    pub fn without(&self, drop: impl Fn(&Id, &Slot) -> bool) -> Self {
        let index: HashMap<Id, Slot> =
            self.index.iter().filter(|(id, slot)| !drop(id, slot)).map(|(id, slot)| (*id, *slot)).collect();
        let chunks = if index.is_empty() { Vec::new() } else { self.chunks.clone() };
        Self { chunks, index: Arc::new(index) }
    }
}

/// One bucket of a table.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Changes exactly when the content changes.
    pub version: u64,
    /// The version since when all changes are known by their entities.
    since: u64,
    /// Version of the last change of each entity that changed since then.
    changed: Arc<BTreeMap<Box<str>, u64>>,
    pub base: Option<Arc<DataFile>>,
    pub overlay: Overlay,
    /// What readers merge into the base, made when first needed.
    pub view: Mutex<Option<Arc<View>>>,
}

impl Bucket {
    pub fn new(version: u64, base: Option<Arc<DataFile>>, overlay: Overlay) -> Arc<Self> {
        let changed = Arc::default();
        Arc::new(Self { version, since: version, changed, base, overlay, view: Mutex::new(None) })
    }

    /// The bucket with another overlay, where `entities` changed with `version` and nothing else did.
    pub fn grown<'a>(
        &self,
        version: u64,
        overlay: Overlay,
        entities: impl Iterator<Item = &'a str>,
    ) -> Arc<Self> {
        let mut changed = Arc::clone(&self.changed);
        if version != self.version {
            let changed = Arc::make_mut(&mut changed);
            for entity in entities {
                changed.insert(entity.into(), version);
            }
        }
        let (since, base) = (self.since, self.base.clone());
        Arc::new(Self { version, since, changed, base, overlay, view: Mutex::new(None) })
    }

    /// A number that is another one whenever the content of this part of the bucket has changed.
    pub fn slice_version(&self, slice: &Slice) -> u64 {
        let newest = self.changed.range::<str, _>(slice.range()).map(|(_, version)| *version).max();
        newest.unwrap_or_default().max(self.since)
    }
}

/// Which customers are shown under which.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct MergeMap {
    /// Merged customer → surviving customer, chains resolved.
    pub into: HashMap<String, String>,
}

impl MergeMap {
    /// From rows (from, into): a row that names itself undoes the merge; a circle is left unmerged.
    pub fn new(pairs: &HashMap<String, String>) -> Self {
        let mut into = HashMap::new();
        for from in pairs.keys() {
            let mut at = from;
            let mut steps = 0;
            while let Some(next) = pairs.get(at).filter(|next| *next != at) {
                at = next;
                steps += 1;
                if steps > pairs.len() {
                    break;
                }
            }
            if at != from && steps <= pairs.len() {
                into.insert(from.clone(), at.clone());
            }
        }
        Self { into }
    }

    /// The customers that are shown under `survivor`.
    pub fn merged_into<'a>(&'a self, survivor: &'a str) -> impl Iterator<Item = &'a str> {
        self.into.iter().filter(move |(_, into)| *into == survivor).map(|(from, _)| from.as_str())
    }
}

/// The content of a table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct TableState {
    pub layout: Arc<Layout>,
    pub buckets: Vec<Arc<Bucket>>,
    /// Overlay files of the Delta table; their rows are in the buckets' overlays.
    pub overlays: Vec<Arc<DataFile>>,
    pub merges: Arc<MergeMap>,
    /// Log position up to which rows are in this state.
    pub position: u64,
    /// Log position up to which rows are in the Delta table.
    pub flushed: u64,
}

impl TableState {
    pub fn empty(layout: Arc<Layout>, versions: &Versions) -> Self {
        let buckets =
            (0..layout.buckets).map(|_| Bucket::new(versions.next(), None, Overlay::default())).collect();
        Self { layout, buckets, overlays: Vec::new(), merges: Arc::default(), position: 0, flushed: 0 }
    }

    /// Version of the whole table: the newest of its buckets'.
    pub fn version(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.version).max().unwrap_or_default()
    }

    /// Rows in overlays, deleted ones included.
    pub fn overlay_rows(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.overlay.index.len()).sum()
    }

    /// Rows that are only in the log so far.
    pub fn unflushed(&self) -> usize {
        self.buckets
            .iter()
            .map(|bucket| bucket.overlay.index.values().filter(|slot| slot.position > self.flushed).count())
            .sum()
    }

    /// Replaces buckets; the buckets of surviving customers whose merged rows may have changed follow.
    pub fn replace(&mut self, changed: Vec<(usize, Arc<Bucket>, bool)>, versions: &Versions) {
        let mut dirty = vec![false; self.buckets.len()];
        for (at, bucket, content) in changed {
            dirty[at] |= content;
            self.buckets[at] = bucket;
        }
        if self.layout.merges == Merging::Move && dirty.contains(&true) {
            let targets: std::collections::BTreeSet<usize> = self
                .merges
                .into
                .iter()
                .filter(|(from, _)| dirty[self.layout.bucket(from)])
                .map(|(_, into)| self.layout.bucket(into))
                .collect();
            self.touch(targets, versions);
        }
    }

    /// Gives buckets a new version, so that what was derived from them is made anew.
    pub fn touch(&mut self, buckets: impl IntoIterator<Item = usize>, versions: &Versions) {
        for at in buckets {
            let old = &self.buckets[at];
            self.buckets[at] = Bucket::new(versions.next(), old.base.clone(), old.overlay.clone());
        }
    }

    /// The state under other merges; buckets whose rows are shown differently get new versions.
    pub fn with_merges(&self, merges: Arc<MergeMap>, versions: &Versions) -> Self {
        let mut state = self.clone();
        if self.layout.merges != Merging::None {
            let mut touched = std::collections::BTreeSet::new();
            for (a, b) in [(&self.merges, &merges), (&merges, &self.merges)] {
                for (from, into) in a.into.iter().filter(|(from, into)| b.into.get(*from) != Some(into)) {
                    touched.insert(self.layout.bucket(from));
                    touched.insert(self.layout.bucket(into));
                }
            }
            state.merges = merges;
            state.touch(touched, versions);
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_follow_chains_and_leave_circles() {
        let pairs = |list: &[(&str, &str)]| {
            MergeMap::new(&list.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect())
        };
        let map = pairs(&[("a", "b"), ("b", "c"), ("d", "d")]);
        assert_eq!(map.into.get("a").map(String::as_str), Some("c"));
        assert_eq!(map.into.get("b").map(String::as_str), Some("c"));
        assert!(!map.into.contains_key("d"));
        assert!(pairs(&[("x", "y"), ("y", "x")]).into.is_empty());
    }

    #[test]
    fn a_slice_changes_with_its_own_entities_only() {
        let cut = Slice::between(&["h".into(), "m".into()]);
        let versions = |bucket: &Bucket| cut.iter().map(|s| bucket.slice_version(s)).collect::<Vec<_>>();
        let bucket = Bucket::new(5, None, Overlay::default());
        assert_eq!(versions(&bucket), [5, 5, 5]);
        let bucket = bucket.grown(8, Overlay::default(), ["h", "ha"].into_iter());
        assert_eq!(versions(&bucket), [5, 8, 5]);
        let bucket = bucket.grown(9, Overlay::default(), ["m"].into_iter());
        assert_eq!(versions(&bucket), [5, 8, 9]);
        // A row that changes nothing keeps all versions.
        let bucket = bucket.grown(9, Overlay::default(), ["a"].into_iter());
        assert_eq!(versions(&bucket), [5, 8, 9]);
        // What cannot be told by entity changes all of it.
        assert_eq!(versions(&Bucket::new(bucket.version, None, Overlay::default())), [9, 9, 9]);
    }
}
