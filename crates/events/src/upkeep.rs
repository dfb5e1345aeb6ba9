//! Rewriting blocks: recent rows and displaced identifiers move in, deleted and expired rows move out.
//!
//! New block files and a new journal are written beside the old ones; the manifest then switches to them in one step.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::assemble::Rewrite;
use crate::block::{Block, file_name};
use crate::error::Result;
use crate::manifest::{Manifest, journal_name};
use crate::recent::{KeyHasher, Recents, RowRef};
use crate::store::{Deleted, Files, HotStore, Maintained};
use crate::view::{NOWHERE, Range, View};

/// A block is rewritten when its recent rows are this part of it.
const DUE: usize = 32;
/// Fewer recent rows than a block has, divided by this, are left where they are.
const FEW: usize = 128;
/// More blocks than this are not made: each is an open file.
const BLOCKS: u64 = 400;

/// Takes the value of a row: number of its identifier, [`crate::event_key`], value.
pub type Give<'a> = &'a mut dyn FnMut(u32, u64, &str);

/// What a commit changes.
#[derive(Debug)]
pub(crate) struct Change {
    /// The ranges from now on.
    pub ranges: Vec<Range>,
    /// Recent rows below this position are in `remaining` or not recent any more.
    pub freeze: usize,
    pub remaining: Recents,
    /// Keys of those that are not.
    pub absorbed: Vec<(u32, u64)>,
    /// Where rows of identifiers lie from now on.
    pub placed: Vec<(u32, u32)>,
    /// Log position that the files are complete up to, beside what was appended.
    pub position: u64,
    /// Identifiers whose texts go.
    pub removing: Vec<u32>,
}

impl Change {
    pub fn nothing(view: &View) -> Self {
        Self {
            ranges: view.ranges.to_vec(),
            freeze: view.recents.len,
            remaining: view.recents.clone(),
            absorbed: Vec::new(),
            placed: Vec::new(),
            position: 0,
            removing: Vec::new(),
        }
    }

    /// The change after a rewriting: `made` are the new blocks by range.
    pub fn of(rewrite: &Rewrite<'_>, made: Vec<Vec<(u32, Arc<Block>)>>) -> Result<Self> {
        let view = rewrite.view;
        let mut change = Self::nothing(view);
        change.ranges.clear();
        let pulled = rewrite.pulled();
        for (at, (range, made)) in view.ranges.iter().zip(made).enumerate() {
            if !rewrite.chosen[at] {
                let mut left = range.left.to_vec();
                left.extend(
                    pulled.iter().filter(|(range, ..)| *range == at).map(|(_, who, from)| (*who, *from)),
                );
                left.sort_unstable();
                change.ranges.push(Range { left: Arc::new(left), ..range.clone() });
                continue;
            }
            if let Some(block) = &range.block {
                let members = block.members()?.into_iter();
                let gone = members.filter(|(who, person)| view.placed.get(*who) == Some(*person));
                change.placed.extend(gone.map(|(who, _)| (who, NOWHERE)));
            }
            let empty = made.is_empty();
            change.ranges.extend(made.into_iter().map(|(start, block)| Range {
                start,
                block: Some(block),
                left: Arc::default(),
            }));
            // The range before takes over the numbers of an empty one.
            if empty && change.ranges.is_empty() {
                change.ranges.push(Range { start: 0, block: None, left: Arc::default() });
            }
        }
        change.ranges[0].start = 0;
        let old: HashSet<u64> =
            view.ranges.iter().filter_map(|r| r.block.as_ref()).map(|b| b.number).collect();
        for range in &change.ranges {
            if let Some(block) = range.block.as_ref().filter(|block| !old.contains(&block.number)) {
                change.placed.extend(block.members()?);
            }
        }
        change.remaining = Recents::default();
        change.remaining.generation = view.recents.generation;
        let taken = |who: u32| rewrite.chosen[view.range_of(view.root(who))];
        let Change { remaining, absorbed, freeze, .. } = &mut change;
        view.recents.each(0, *freeze, |_, row| {
            let gone = (rewrite.drop)(row.who, row.at);
            if gone {
                rewrite.dropped.fetch_add(1, Ordering::Relaxed);
            }
            if gone || taken(row.who) {
                absorbed.push((row.who, row.id));
            } else {
                remaining.push(row);
            }
        });
        Ok(change)
    }
}

impl HotStore {
    /// Moves recent rows and displaced identifiers into blocks where that is due; cheap when nothing is. It ends with
    /// a checkpoint when it did something. One call at a time does the work, others wait.
    pub fn maintain(&self) -> Result<Maintained> {
        let _lease = self.lease();
        let view = self.view();
        let waiting = waiting(&view);
        let total: usize = waiting.iter().sum();
        let rows = |range: &Range| range.block.as_ref().map_or(0, |block| block.head.rows as usize);
        let due = |at: usize| {
            waiting[at] >= (rows(&view.ranges[at]) / DUE).max(self.core.options.block_rows / FEW).max(1)
        };
        let mut chosen: Vec<bool> = (0..waiting.len()).map(due).collect();
        let mut left =
            total - (0..waiting.len()).filter(|at| chosen[*at]).map(|at| waiting[at]).sum::<usize>();
        let limit = self.core.options.recent_rows;
        if left > limit {
            let mut fullest: Vec<usize> = (0..waiting.len()).filter(|at| !chosen[*at]).collect();
            fullest.sort_by_key(|at| std::cmp::Reverse(waiting[*at]));
            for at in fullest {
                if left <= limit / 2 {
                    break;
                }
                chosen[at] = true;
                left -= waiting[at];
            }
        }
        Ok(self.rewrite(&view, chosen, &|_, _| false, Vec::new(), 1)?.0)
    }

    /// As [`HotStore::maintain`], for everything that is not in its place.
    pub fn compact(&self) -> Result<Maintained> {
        let _lease = self.lease();
        let view = self.view();
        let stray = |range: &Range| !range.left.is_empty();
        let mut chosen: Vec<bool> = view.ranges.iter().map(stray).collect();
        waiting(&view).iter().zip(&mut chosen).for_each(|(waiting, chosen)| *chosen |= *waiting > 0);
        for who in &view.displaced {
            chosen[view.range_of(view.placed.get(*who).unwrap_or(*who))] = true;
        }
        Ok(self.rewrite(&view, chosen, &|_, _| false, Vec::new(), self.core.options.threads)?.0)
    }

    /// Removes persons: all rows of all their identifiers and the identifiers' texts, from memory and every file,
    /// durably. An identifier that comes again is a new one. Values of dimensions stay in their dictionaries.
    pub fn delete(&self, persons: &[u32]) -> Result<Deleted> {
        // Nothing of theirs may arrive between reading and switching.
        let _intake = self.core.intake.lock();
        let _lease = self.lease();
        let view = self.view();
        let persons: HashSet<u32> = persons.iter().copied().collect();
        let all = view.roots.iter().enumerate();
        let members: Vec<u32> =
            all.filter(|(_, root)| persons.contains(root)).map(|(who, _)| who as u32).collect();
        let mut chosen = vec![false; view.ranges.len()];
        for who in &members {
            chosen[view.range_of(view.root(*who))] = true;
            if let Some(place) = view.placed.get(*who).filter(|place| *place != NOWHERE) {
                chosen[view.range_of(place)] = true;
            }
        }
        for (at, range) in view.ranges.iter().enumerate() {
            chosen[at] |= range.left.iter().any(|(who, _)| members.binary_search(who).is_ok());
        }
        let gone: HashSet<u32> = members.iter().copied().collect();
        let identifiers = members.len() as u64;
        self.core.deletions.fetch_add(1, Ordering::SeqCst);
        let (_, rows) = self.rewrite(&view, chosen, &|who, _| gone.contains(&who), members, 1)?;
        Ok(Deleted { rows, identifiers })
    }

    /// Removes rows from before an instant (retention by age), durably.
    pub fn expire(&self, before: i64) -> Result<Deleted> {
        let _lease = self.lease();
        let view = self.view();
        let old = |range: &Range| range.block.as_ref().is_some_and(|block| block.head.min_at < before);
        let chosen = view.ranges.iter().map(old).collect();
        let (_, rows) = self.rewrite(&view, chosen, &|_, at| at < before, Vec::new(), 1)?;
        Ok(Deleted { rows, identifiers: 0 })
    }

    /// Adds a hot dimension. Rows appended from then on carry it. `fill` is called for ranges of person numbers, once for
    /// each and on several threads, and hands every row of these persons that has a value to the function that it gets:
    /// number of the identifier, [`crate::event_key`], value. Rows that it does not hand over keep what they were appended
    /// with, or have no value. Links must not change meanwhile, or rows of the persons that they touch are left without a
    /// value.
    pub fn add_dimension(
        &self,
        name: &str,
        fill: &(dyn Fn(std::ops::Range<u32>, Give<'_>) -> Result<()> + Sync),
    ) -> Result<()> {
        let _lease = self.lease();
        let at = self.register(name)?;
        self.checkpoint()?;
        let view = self.view();
        let rewrite = Rewrite::of(&view, vec![true; view.ranges.len()], &|_, _| false);
        let target = self.block_rows(&view, 0);
        let first = self.core.next.load(Ordering::SeqCst);
        let made = crate::bulk::parallel(self.core.options.threads, view.ranges.len(), |range| {
            let start = view.ranges[range].start;
            let next = view.ranges.get(range + 1).map(|next| next.start);
            let mut codes: HashMap<(u32, u64), u32, BuildHasherDefault<KeyHasher>> = HashMap::default();
            fill(start..next.unwrap_or(u32::MAX), &mut |who, id, value| {
                if !value.is_empty() {
                    codes.insert((who, id), view.dims[at].code(value));
                }
            })?;
            let mut rows = rewrite.cell(range, u64::from(start)..next.map_or(1 << 32, u64::from))?;
            for row in 0..rows.len() {
                if let Some(code) = codes.get(&(rows.who[row], rows.id[row])) {
                    rows.set(at, row, *code);
                }
            }
            rows.write(&self.core.disk, &self.core.next, start, target, &names(&view), false, |_| ())
        });
        let made = made.inspect_err(|_| self.discard_since(first))?;
        self.commit(Change::of(&rewrite, made)?)
    }

    /// Writes ranges anew; gives what was done and how many rows were dropped.
    fn rewrite(
        &self,
        view: &View,
        chosen: Vec<bool>,
        drop: &(dyn Fn(u32, i64) -> bool + Sync),
        removing: Vec<u32>,
        threads: usize,
    ) -> Result<(Maintained, u64)> {
        let mut recent = view.recents.chunks().flat_map(|chunk| chunk.who.iter().zip(&chunk.at));
        let drops = recent.any(|(who, at)| drop(*who, *at));
        if !chosen.contains(&true) && removing.is_empty() && !drops {
            return Ok((Maintained::default(), 0));
        }
        let rewrite = Rewrite::of(view, chosen, drop);
        let cells: Vec<usize> = (0..view.ranges.len()).filter(|at| rewrite.chosen[*at]).collect();
        let dims = names(view);
        let target = self.block_rows(view, 0);
        let first = self.core.next.load(Ordering::SeqCst);
        let made = crate::bulk::parallel(threads, cells.len(), |cell| {
            let range = cells[cell];
            let end = view.ranges.get(range + 1).map_or(1 << 32, |next| u64::from(next.start));
            let start = view.ranges[range].start;
            let rows = rewrite.cell(range, u64::from(start)..end)?;
            rows.write(&self.core.disk, &self.core.next, start, target, &dims, false, |_| ())
        });
        let made = made.inspect_err(|_| self.discard_since(first))?;
        let mut by_range = vec![Vec::new(); view.ranges.len()];
        let mut done = Maintained::default();
        for (range, blocks) in cells.iter().zip(made) {
            done.blocks += blocks.len() as u64;
            done.bytes += blocks.iter().map(|(_, block)| block.bytes).sum::<u64>();
            by_range[*range] = blocks;
        }
        let mut change = Change::of(&rewrite, by_range)?;
        change.removing = removing;
        done.absorbed = change.absorbed.len() as u64;
        let dropped = rewrite.dropped.load(Ordering::Relaxed);
        done.absorbed = done.absorbed.saturating_sub(dropped);
        self.commit(change)?;
        Ok((done, dropped))
    }

    /// Rows of a block from now on.
    pub(crate) fn block_rows(&self, view: &View, more: u64) -> usize {
        let rows: u64 =
            view.ranges.iter().filter_map(|r| r.block.as_ref()).map(|block| block.head.rows).sum();
        self.core.options.block_rows.max(((rows + more) / BLOCKS) as usize).max(1)
    }

    /// Makes a change durable and visible. Everything appended so far is durable with it. The caller holds the lease
    /// since before it took its view. When it fails, nothing has changed.
    pub(crate) fn commit(&self, change: Change) -> Result<()> {
        self.switch(&mut self.core.files.lock(), change)
    }

    /// As [`HotStore::commit`], with the files locked by the caller.
    pub(crate) fn switch(&self, files: &mut Files, change: Change) -> Result<()> {
        let core = &self.core;
        let number = core.next.fetch_add(1, Ordering::SeqCst);
        let name = journal_name(number);
        let journal = core.disk.create(&name)?;
        let (recents, mut manifest) = self.collect(files);
        let kept = change.remaining.len;
        let write = || {
            self.write_journal(&journal, number, &change.remaining, 0, 0, &manifest)?;
            self.write_journal(&journal, number, &recents, change.freeze, kept as u64, &manifest)?;
            self.sync_dictionaries()
        };
        if let Err(error) = write() {
            let old: HashSet<u64> = blocks(&core.state.lock().ranges).map(|block| block.number).collect();
            let fresh = blocks(&change.ranges).filter(|block| !old.contains(&block.number));
            fresh.for_each(|block| core.disk.remove(&file_name(block.number)));
            core.disk.remove(&name);
            return Err(error);
        }
        manifest.journal = number;
        manifest.journal_rows = (kept + recents.len - change.freeze) as u64;
        manifest.ranges = change.ranges.iter().map(Range::entry).collect();
        manifest.through = manifest.through.max(change.position);
        manifest.removing = change.removing.clone();
        // When this fails the new manifest may be there or not, so the files stay for either.
        manifest.save(&core.disk)?;
        core.through.store(manifest.through, Ordering::SeqCst);
        let old = std::mem::replace(&mut files.manifest, manifest);
        files.journal = journal;
        self.apply(change);
        let unused: HashSet<String> = files.manifest.files().into_iter().collect();
        old.files().iter().filter(|name| !unused.contains(*name)).for_each(|name| core.disk.remove(name));
        if !files.manifest.removing.is_empty() {
            core.identifiers.write().remove(&files.manifest.removing)?;
            let manifest = Manifest { removing: Vec::new(), ..files.manifest.clone() };
            manifest.save(&core.disk)?;
            files.manifest = manifest;
        }
        Ok(())
    }

    fn apply(&self, change: Change) {
        let mut state = self.core.state.lock();
        let state = &mut *state;
        let mut recents = change.remaining;
        let len = state.recents.len;
        state.recents.each(change.freeze, len, |_, row: RowRef<'_>| recents.push(row));
        recents.generation = state.recents.generation + 1;
        state.recents = recents;
        if change.absorbed.len() > state.recents.len {
            // Most rows went: those that are left are looked up in a smaller set.
            let keys = state.recents.chunks().flat_map(|chunk| chunk.who.iter().zip(&chunk.id));
            state.known = keys.map(|(who, id)| (*who, *id)).collect();
        } else {
            for key in &change.absorbed {
                state.known.remove(key);
            }
            if state.known.len() * 4 < state.known.capacity() {
                state.known.shrink_to_fit();
            }
        }
        state.ranges = Arc::new(change.ranges);
        for (who, place) in &change.placed {
            state.placed.set(*who, *place);
        }
        for (who, _) in &change.placed {
            state.settle(*who);
        }
        for who in &change.removing {
            state.roots.set(*who, *who);
            state.settle(*who);
        }
        state.placed.settle();
        state.roots.settle();
        state.position = state.position.max(change.position);
        state.changed();
        self.core.cache.keep(&blocks(&state.ranges).map(|block| block.number).collect());
    }

    /// Removes block files made under the present lease that no manifest names.
    pub(crate) fn discard_since(&self, first: u64) {
        let end = self.core.next.load(Ordering::SeqCst);
        (first..end).for_each(|number| self.core.disk.remove(&file_name(number)));
    }
}

/// Names of the dimensions of a view.
pub(crate) fn names(view: &View) -> Vec<String> {
    view.dims.iter().map(|dim| dim.name.clone()).collect()
}

fn blocks(ranges: &[Range]) -> impl Iterator<Item = &Arc<Block>> {
    ranges.iter().filter_map(|range| range.block.as_ref())
}

/// Rows that wait for each range: recent ones, and those of displaced identifiers (guessed).
fn waiting(view: &View) -> Vec<usize> {
    let mut waiting: Vec<usize> = view.recent_by_range().iter().map(Vec::len).collect();
    for who in &view.displaced {
        waiting[view.range_of(view.root(*who))] += 8;
    }
    waiting
}
