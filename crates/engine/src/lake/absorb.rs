//! Taking a small batch of rows into a table's state: what is new, what replaces, what changes nothing.

use std::collections::{HashMap, HashSet};

use arrow::array::RecordBatch;

use super::error::Result;
use super::layout::{Id, Layout};
use super::rows::{self, At};
use super::state::{Bucket, TableState, Versions};

/// What a batch does to a table.
#[derive(Debug, Default)]
pub(crate) struct Absorbed {
    /// Rows to store, per bucket, with their identities.
    pub keep: Vec<(usize, Vec<(usize, Id)>)>,
    /// Buckets whose content changes.
    pub changed: HashSet<usize>,
    pub taken: u64,
    pub replaced: u64,
    pub unchanged: u64,
}

impl Absorbed {
    /// The rows to store as one batch.
    pub fn rows(&self, layout: &Layout, batch: &RecordBatch) -> Result<RecordBatch> {
        let order: Vec<At> =
            self.keep.iter().flat_map(|(_, rows)| rows.iter().map(|(row, _)| (0, *row))).collect();
        rows::gather_one(layout, std::slice::from_ref(batch), &order)
    }
}

/// Finds out what a full batch does to a table. `numbered` says that the lake gave the versions.
pub(crate) fn absorb(state: &TableState, batch: &RecordBatch, numbered: bool) -> Result<Absorbed> {
    let layout = &state.layout;
    let seqs = layout.seqs(batch).values();
    let mut out = Absorbed::default();
    // The winner of each key within the batch.
    let mut winners: HashMap<Id, usize> = HashMap::new();
    for (row, id) in layout.ids(batch).into_iter().enumerate() {
        match winners.entry(id) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(row);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                out.unchanged += 1;
                if seqs[row] >= seqs[*entry.get()] {
                    entry.insert(row);
                }
            }
        }
    }
    let mut buckets: Vec<Vec<(usize, Id)>> = vec![Vec::new(); layout.buckets];
    for (id, row) in winners {
        let bucket = if layout.entity.is_some() { layout.bucket_of_hash(id.entity) } else { 0 };
        buckets[bucket].push((row, id));
    }
    for (at, mut rows) in buckets.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        rows.sort_unstable();
        let keep = absorb_bucket(layout, &state.buckets[at], batch, &rows, numbered, at, &mut out)?;
        if !keep.is_empty() {
            out.keep.push((at, keep));
        }
    }
    Ok(out)
}

fn absorb_bucket(
    layout: &Layout,
    bucket: &Bucket,
    batch: &RecordBatch,
    rows: &[(usize, Id)],
    numbered: bool,
    at: usize,
    out: &mut Absorbed,
) -> Result<Vec<(usize, Id)>> {
    let seqs = layout.seqs(batch).values();
    let deleted = layout.deleted(batch);
    let wanted: HashSet<Id> =
        rows.iter().map(|(_, id)| *id).filter(|id| !bucket.overlay.index.contains_key(id)).collect();
    let (base, found) = match &bucket.base {
        Some(base) if !wanted.is_empty() => {
            let names = layout.entities(batch);
            let mut entities: Vec<&str> = match names {
                Some(names) => rows
                    .iter()
                    .filter(|(_, id)| wanted.contains(id))
                    .map(|(row, _)| names.value(*row))
                    .collect(),
                None => Vec::new(),
            };
            entities.sort_unstable();
            entities.dedup();
            base.find(layout, &wanted, &entities)?
        }
        _ => (None, HashMap::new()),
    };
    let mut sources: Vec<RecordBatch> = bucket.overlay.chunks.clone();
    let base_source = sources.len();
    sources.extend(base);
    let new_source = sources.len();
    sources.push(batch.clone());
    let mut keep = Vec::new();
    let mut pairs: Vec<(At, usize, Id)> = Vec::new();
    for (row, id) in rows {
        let old: Option<At> = match bucket.overlay.index.get(id) {
            Some(slot) => Some((slot.chunk as usize, slot.row as usize)),
            None => found.get(id).map(|row| (base_source, *row)),
        };
        let Some(old) = old else {
            if !deleted.value(*row) {
                out.taken += 1;
                out.changed.insert(at);
                keep.push((*row, *id));
            } else {
                out.unchanged += 1;
                if !numbered {
                    keep.push((*row, *id)); // an older version of the row may still arrive
                }
            }
            continue;
        };
        let old_seq = layout.seqs(&sources[old.0]).value(old.1);
        let was_gone = layout.deleted(&sources[old.0]).value(old.1);
        if seqs[*row] < old_seq {
            out.unchanged += 1;
        } else if was_gone && deleted.value(*row) {
            out.unchanged += 1;
            if !numbered && seqs[*row] > old_seq {
                keep.push((*row, *id));
            }
        } else if was_gone || deleted.value(*row) {
            if was_gone {
                out.taken += 1
            } else {
                out.replaced += 1
            }
            out.changed.insert(at);
            keep.push((*row, *id));
        } else {
            pairs.push((old, *row, *id));
        }
    }
    if !pairs.is_empty() {
        let old: Vec<At> = pairs.iter().map(|(old, _, _)| *old).collect();
        let new: Vec<At> = pairs.iter().map(|(_, row, _)| (new_source, *row)).collect();
        let same = rows::same_content(layout, &sources, &old, &new)?;
        for (i, (old, row, id)) in pairs.into_iter().enumerate() {
            if !same.value(i) {
                out.replaced += 1;
                out.changed.insert(at);
                keep.push((row, id));
            } else {
                out.unchanged += 1;
                if !numbered && seqs[row] > layout.seqs(&sources[old.0]).value(old.1) {
                    keep.push((row, id)); // the same content, but a higher version to hold against later arrivals
                }
            }
        }
    }
    keep.sort_unstable();
    Ok(keep)
}

/// Puts the rows to store into the state. `position` is their place in the intake log, 0 when a file holds them.
pub(crate) fn apply(
    state: &mut TableState,
    batch: &RecordBatch,
    absorbed: &Absorbed,
    position: u64,
    versions: &Versions,
) -> Result<()> {
    let layout = state.layout.clone();
    let mut changed = Vec::with_capacity(absorbed.keep.len());
    for (at, rows) in &absorbed.keep {
        let order: Vec<At> = rows.iter().map(|(row, _)| (0, *row)).collect();
        let chunk = rows::gather_one(&layout, std::slice::from_ref(batch), &order)?;
        let ids: Vec<Id> = rows.iter().map(|(_, id)| *id).collect();
        let old = &state.buckets[*at];
        let mut overlay = old.overlay.clone();
        overlay.push(&layout, chunk, &ids, position)?;
        let content = absorbed.changed.contains(at);
        let version = if content { versions.next() } else { old.version };
        let names = layout.entities(batch);
        let entities = rows.iter().filter_map(|(row, _)| Some(names?.value(*row)));
        changed.push((*at, old.grown(version, overlay, entities), content));
    }
    state.replace(changed, versions);
    state.position = state.position.max(position);
    Ok(())
}
