//! What a reader merges into a bucket's base file: newer rows, and rows of merged customers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Bound, Range};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringViewArray};

use super::error::Result;
use super::layout::{Layout, Merging};
use super::rows;
use super::slice::Slice;
use super::state::{Bucket, TableState};

/// Which of an entity's base rows are not shown.
#[derive(Debug)]
pub(crate) enum Mask {
    /// None of them.
    All,
    /// Those with these keys.
    Keys(HashSet<u64>),
}

/// An entity whose rows in the base file are not simply passed on.
#[derive(Debug)]
pub(crate) struct Touched {
    pub entity: Box<str>,
    pub mask: Mask,
    /// Its rows in [`View::live`].
    pub live: Range<usize>,
}

/// What a reader merges into a bucket's base file.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Rows to show, of the full schema, in stored order. `None` when there are none.
    pub live: Option<RecordBatch>,
    /// Entities touched, sorted.
    pub touched: Vec<Touched>,
}

impl View {
    /// The touched entities that lie in a slice.
    pub fn within(&self, slice: &Slice) -> Range<usize> {
        let (from, to) = slice.range();
        let place = |bound: Bound<&str>, open: usize| match bound {
            Bound::Included(entity) | Bound::Excluded(entity) => {
                self.touched.partition_point(|touched| *touched.entity < *entity)
            }
            Bound::Unbounded => open,
        };
        place(from, 0)..place(to, self.touched.len())
    }

    /// The live rows of some touched entities.
    pub fn rows(&self, touched: &Range<usize>) -> Range<usize> {
        let mut rows =
            self.touched[touched.clone()].iter().map(|one| &one.live).filter(|live| !live.is_empty());
        let Some(first) = rows.next() else { return 0..0 };
        first.start..rows.next_back().unwrap_or(first).end
    }
}

/// The view of a bucket; made once per version of the bucket.
pub(crate) fn view(state: &TableState, at: usize) -> Result<Arc<View>> {
    let bucket = &state.buckets[at];
    let mut cached = bucket.view.lock();
    if let Some(view) = cached.as_ref() {
        return Ok(Arc::clone(view));
    }
    let view = Arc::new(make(state, at, bucket)?);
    *cached = Some(Arc::clone(&view));
    Ok(view)
}

fn make(state: &TableState, at: usize, bucket: &Bucket) -> Result<View> {
    let layout = &state.layout;
    let merging = layout.merges != Merging::None && !state.merges.into.is_empty();
    if bucket.overlay.is_empty() && !merging {
        return Ok(View::default());
    }
    let (newer, _) = bucket.overlay.select(layout, |_| true)?;
    let mut masks: BTreeMap<String, Mask> = BTreeMap::new();
    let entities = layout.entities(&newer);
    for (row, key) in layout.keys(&newer).values().iter().enumerate() {
        let entity = entities.map_or("", |entities| entities.value(row));
        if !masks.contains_key(entity) {
            masks.insert(entity.to_owned(), Mask::Keys(HashSet::new()));
        }
        if let Some(Mask::Keys(keys)) = masks.get_mut(entity) {
            keys.insert(*key);
        }
    }
    let mut sources = vec![newer];
    if merging {
        for from in state.merges.into.keys().filter(|from| layout.bucket(from) == at) {
            masks.insert(from.clone(), Mask::All);
        }
        sources[0] = without_merged(layout, &sources[0], &state.merges.into)?;
        if layout.merges == Merging::Move {
            for (from, into) in state.merges.into.iter().filter(|(_, into)| layout.bucket(into) == at) {
                sources.extend(moved(state, from, into)?);
            }
        }
    }
    let merged = rows::merge(layout, &sources, sources.len(), true, None)?;
    if merged.order.is_empty() {
        let touched =
            masks.into_iter().map(|(entity, mask)| Touched { entity: entity.into(), mask, live: 0..0 });
        return Ok(View { live: None, touched: touched.collect() });
    }
    let live = rows::gather_one(layout, &sources, &merged.order)?;
    let mut ranges = ranges(layout.entities(&live), live.num_rows());
    for entity in ranges.keys() {
        masks.entry(entity.clone()).or_insert_with(|| Mask::Keys(HashSet::new()));
    }
    let touched = masks.into_iter().map(|(entity, mask)| {
        let live = ranges.remove(&entity).unwrap_or(0..0);
        Touched { entity: entity.into(), mask, live }
    });
    Ok(View { touched: touched.collect(), live: Some(live) })
}

/// Rows whose entity is not merged away.
fn without_merged(
    layout: &Layout,
    batch: &RecordBatch,
    into: &HashMap<String, String>,
) -> Result<RecordBatch> {
    let Some(entities) = layout.entities(batch) else {
        return Ok(batch.clone());
    };
    let keep = (0..batch.num_rows()).map(|row| Some(!into.contains_key(entities.value(row)))).collect();
    Ok(arrow::compute::filter_record_batch(batch, &keep)?)
}

/// The rows of a merged customer, under the surviving one's name.
fn moved(state: &TableState, from: &str, into: &str) -> Result<Vec<RecordBatch>> {
    let layout = &state.layout;
    let rows = entity_rows(state, &[from])?;
    let Some(entity) = layout.entity else {
        return Ok(Vec::new());
    };
    rows.into_iter()
        .map(|batch| {
            let mut columns = batch.columns().to_vec();
            columns[entity] =
                Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(into, batch.num_rows())));
            Ok(RecordBatch::try_new(Arc::clone(&layout.schema), columns)?)
        })
        .collect()
}

/// The present rows of some entities, as stored; each entity's are in order.
pub(crate) fn entity_rows(state: &TableState, entities: &[&str]) -> Result<Vec<RecordBatch>> {
    let layout = &state.layout;
    let mut by_bucket: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for entity in entities {
        by_bucket.entry(layout.bucket(entity)).or_default().push(entity);
    }
    let mut found = Vec::new();
    for (at, mut wanted) in by_bucket {
        wanted.sort_unstable();
        wanted.dedup();
        let bucket = &state.buckets[at];
        let mut sources = match &bucket.base {
            Some(base) => base.find_entities(layout, &wanted)?,
            None => Vec::new(),
        };
        let hashes: HashSet<u64> = wanted.iter().map(|entity| super::layout::entity_hash(entity)).collect();
        let order: Vec<rows::At> = bucket
            .overlay
            .index
            .iter()
            .filter(|(id, _)| hashes.contains(&id.entity))
            .map(|(_, slot)| (slot.chunk as usize, slot.row as usize))
            .collect();
        if !order.is_empty() {
            sources.push(rows::gather_one(layout, &bucket.overlay.chunks, &order)?);
        }
        let merged = rows::merge(layout, &sources, sources.len(), true, None)?;
        if !merged.order.is_empty() {
            found.push(rows::gather_one(layout, &sources, &merged.order)?);
        }
    }
    Ok(found)
}

/// The row range of each entity in a sorted batch; everything under "" for tables without entities.
fn ranges(entities: Option<&StringViewArray>, rows: usize) -> HashMap<String, Range<usize>> {
    let Some(entities) = entities else {
        return HashMap::from([(String::new(), 0..rows)]);
    };
    let mut out = HashMap::new();
    let mut start = 0;
    while start < entities.len() {
        let entity = entities.value(start);
        let mut end = start + 1;
        while end < entities.len() && entities.value(end) == entity {
            end += 1;
        }
        out.insert(entity.to_owned(), start..end);
        start = end;
    }
    out
}
