//! Many rows at once: spilled by ranges of identifier numbers, then sorted and written block by block, so that memory
//! does not grow with the number of rows.
//!
//! ```text
//! let mut bulk = store.bulk()?;
//! for rows in … { bulk.push(&rows)?; }
//! let prepared = bulk.prepare()?;       // block files are written, nothing shows yet
//! // commit to the lake without the rows that prepared.outcome() says were dropped
//! prepared.commit(position)?;           // atomic
//! ```
//!
//! Questions, appends and checkpoints go on meanwhile; other upkeep waits from `prepare` to `commit`. Rows appended
//! in that time are not compared with the bulk's: hold intake of the same events back for that moment. Give links
//! ([`HotStore::relink`]) before `prepare`, so that rows are written where they belong.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::assemble::Rewrite;
use crate::codes::{self, Columns};
use crate::error::{HotError, Result};
use crate::recent::{RowRef, pack, unpack};
use crate::rows::{Appended, EVENT_NAMES, NewRows};
use crate::store::{HotStore, Lease};
use crate::upkeep::{Change, names};
use crate::view::{Dim, View};

/// Identifier numbers of a partition.
const PARTITION: u32 = 1 << 15;
/// Bytes of a partition that wait in memory.
const BUFFER: usize = 128 << 10;
/// Bytes of new texts that wait in memory.
const TEXTS: u64 = 4 << 20;

/// Rows being gathered. Dropped without [`Bulk::prepare`] it leaves nothing but numbers of new identifiers.
#[derive(Debug)]
pub struct Bulk {
    store: HotStore,
    dims: Arc<Vec<Dim>>,
    spills: Spills,
    pushed: u64,
    refused: u64,
    dropped: Vec<u64>,
    deletions: u64,
}

/// Written, not yet part of the store. Dropped without [`Prepared::commit`] it leaves nothing.
#[derive(Debug)]
pub struct Prepared {
    store: HotStore,
    /// `None` when there is nothing to commit, or it was committed.
    change: Option<Change>,
    /// Block files from this number on are ours.
    first: u64,
    outcome: BulkOutcome,
    _lease: Lease,
}

/// What became of the rows of a bulk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BulkOutcome {
    /// How many were taken, were there already, or were refused.
    pub appended: Appended,
    /// Bit by order of pushing: set when the row was not taken.
    pub dropped: Vec<u64>,
}

impl BulkOutcome {
    /// Whether the row that was pushed as number `row` (from 0) was not taken.
    #[must_use]
    pub fn is_dropped(&self, row: u64) -> bool {
        self.dropped.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

/// Rows on disk by partition of identifier numbers, in order of pushing.
#[derive(Debug)]
struct Spills {
    store: HotStore,
    parts: BTreeMap<u32, Spill>,
    serial: u64,
}

#[derive(Debug, Default)]
struct Spill {
    name: String,
    file: Option<File>,
    written: u64,
    /// Bytes of each write: whole rows.
    writes: Vec<usize>,
    buffer: Vec<u8>,
    rows: u64,
}

impl Drop for Spills {
    fn drop(&mut self) {
        for spill in self.parts.values().filter(|spill| spill.file.is_some()) {
            self.store.core.disk.remove(&spill.name);
        }
    }
}

impl Spills {
    fn new(store: &HotStore) -> Self {
        let serial = store.core.next.fetch_add(1, Ordering::SeqCst);
        Self { store: store.clone(), parts: BTreeMap::new(), serial }
    }

    fn push(&mut self, part: u32, row: RowRef<'_>, ordinal: u64) -> Result<()> {
        let spill = self.parts.entry(part).or_default();
        pack(row, ordinal, &mut spill.buffer);
        spill.rows += 1;
        if spill.buffer.len() >= BUFFER {
            spill.flush(&self.store, self.serial, part)?;
        }
        Ok(())
    }

    /// Calls `f` with the rows of a partition and their ordinals, in order.
    fn each(&self, part: u32, dims: usize, mut f: impl FnMut(RowRef<'_>, u64)) -> Result<()> {
        let Some(spill) = self.parts.get(&part) else {
            return Ok(());
        };
        if let Some(file) = &spill.file {
            let path = self.store.core.disk.path(&spill.name);
            let (mut bytes, mut at) = (Vec::new(), 0);
            for length in &spill.writes {
                bytes.resize(*length, 0);
                std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, at)
                    .map_err(HotError::io(&path))?;
                at += *length as u64;
                if !unpack(&bytes, dims, &mut f) {
                    return Err(HotError::damaged(&path, "a row of it is cut off"));
                }
            }
        }
        unpack(&spill.buffer, dims, f);
        Ok(())
    }

    /// Rows of the partitions that some persons are in.
    fn rows_of(&self, persons: &std::ops::Range<u64>) -> usize {
        let mut parts = parts(persons);
        let (first, last) = (parts.next(), parts.last());
        let first = first.unwrap_or(0);
        let spills = self.parts.range(first..=last.unwrap_or(first));
        spills.map(|(_, spill)| spill.rows as usize).sum()
    }
}

impl Spill {
    fn flush(&mut self, store: &HotStore, serial: u64, part: u32) -> Result<()> {
        if self.name.is_empty() {
            self.name = format!("bulk-{serial}-{part}.spill");
        }
        if self.file.is_none() {
            self.file = Some(store.core.disk.create(&self.name)?);
        }
        if let Some(file) = &self.file {
            store.core.disk.write(&self.name, file, &self.buffer, self.written)?;
        }
        self.written += self.buffer.len() as u64;
        self.writes.push(self.buffer.len());
        self.buffer.clear();
        Ok(())
    }
}

/// A piece of the work: persons of one range of the view.
#[derive(Debug, Clone)]
struct Cell {
    range: usize,
    persons: std::ops::Range<u64>,
}

impl Bulk {
    pub(crate) fn new(store: HotStore) -> Result<Self> {
        let dims = store.core.state.lock().dims.clone();
        let spills = Spills::new(&store);
        let deletions = store.core.deletions.load(Ordering::SeqCst);
        Ok(Self { store, dims, spills, pushed: 0, refused: 0, dropped: Vec::new(), deletions })
    }

    /// Takes rows; `position` of the rows is not looked at. Gives the number of the identifier of each row, so that
    /// the caller need not look it up again.
    pub fn push(&mut self, rows: &NewRows<'_>) -> Result<Vec<u32>> {
        rows.check()?;
        let fits = self.store.fitting_names(rows.events);
        let core = self.store.core.clone();
        let numbers;
        let mut events = Vec::with_capacity(rows.len());
        {
            let mut state = core.state.lock();
            let mut identifiers = core.identifiers.write();
            numbers = codes::numbers(&mut identifiers, &mut state, rows.distinct_ids)?;
            state.changed();
            if identifiers.waiting() > TEXTS {
                identifiers.write()?;
            }
            let mut names = core.events.write();
            for (row, name) in rows.events.iter().enumerate() {
                let fits = fits.get(row).is_none_or(|fits| *fits);
                events.push(if fits { names.get_or_add(name, EVENT_NAMES as u32) } else { None });
            }
        }
        let columns = Columns::of(&self.dims, rows, |row| events[row].is_some());
        let mut codes = vec![0; self.dims.len()];
        for row in 0..rows.len() {
            let ordinal = self.pushed;
            self.pushed += 1;
            let Some(event) = events[row] else {
                self.refused += 1;
                mark(&mut self.dropped, ordinal);
                continue;
            };
            columns.row(row, &mut codes);
            let who = numbers[row];
            let row = RowRef { at: rows.at[row], event: event as u16, id: rows.ids[row], who, dims: &codes };
            self.spills.push(who / PARTITION, row, ordinal)?;
        }
        Ok(numbers)
    }

    /// Sorts and writes. Ends with the store as it was, plus files that nothing refers to.
    pub fn prepare(mut self) -> Result<Prepared> {
        let store = self.store.clone();
        let lease = store.lease();
        let view = store.view();
        self.by_person(&view)?;
        let cells = self.cells(&view);
        let mut chosen = vec![false; view.ranges.len()];
        cells.iter().for_each(|cell| chosen[cell.range] = true);
        let rewrite = Rewrite { view: &view, chosen, drop: &|_, _| false, dropped: AtomicU64::new(0) };
        let names = names(&view);
        let target = store.block_rows(&view, self.pushed);
        let dropped = Mutex::new(std::mem::take(&mut self.dropped));
        let deleted = self.deletions != store.core.deletions.load(Ordering::SeqCst);
        let gone = |who: u32| deleted && store.core.identifiers.read().is_removed(who);
        let removed = AtomicUsize::new(0);
        let duplicates = AtomicUsize::new(0);
        let first = store.core.next.load(Ordering::SeqCst);
        let made = parallel(store.core.options.threads, cells.len(), |at| {
            let cell = &cells[at];
            let mut rows = rewrite.cell(cell.range, cell.persons.clone())?;
            let old = rows.len();
            let expected = self.spills.rows_of(&cell.persons);
            rows.reserve(expected);
            let mut ordinals = Vec::with_capacity(expected);
            for part in parts(&cell.persons) {
                self.spills.each(part, self.dims.len(), |row, ordinal| {
                    let person = view.root(row.who);
                    if gone(row.who) {
                        // Somebody was deleted while their rows were on the way.
                        mark(&mut dropped.lock(), ordinal);
                        removed.fetch_add(1, Ordering::Relaxed);
                    } else if cell.persons.contains(&u64::from(person)) {
                        rows.push(person, row);
                        ordinals.push(ordinal);
                    }
                })?;
            }
            let start = cell.persons.start as u32;
            let core = &store.core;
            rows.write(&core.disk, &core.next, start, target, &names, true, |row| {
                if let Some(ordinal) = (row as usize).checked_sub(old) {
                    mark(&mut dropped.lock(), ordinals[ordinal]);
                    duplicates.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let made = made.inspect_err(|_| store.discard_since(first))?;
        let mut by_range = vec![Vec::new(); view.ranges.len()];
        for (cell, made) in cells.iter().zip(made) {
            by_range[cell.range].extend(made);
        }
        let (duplicates, refused) =
            (duplicates.into_inner() as u64, self.refused + removed.into_inner() as u64);
        let taken = self.pushed - duplicates - refused;
        let outcome =
            BulkOutcome { appended: Appended { taken, duplicates, refused }, dropped: dropped.into_inner() };
        let change = Change::of(&rewrite, by_range)?;
        Ok(Prepared { store, change: Some(change), first, outcome, _lease: lease })
    }

    /// Moves rows whose person's number lies in another partition than their identifier's.
    fn by_person(&mut self, view: &View) -> Result<()> {
        let crosses = |part: &u32| {
            let first = part * PARTITION;
            (first..first.saturating_add(PARTITION))
                .any(|who| view.roots.get(who).is_some_and(|root| root / PARTITION != *part))
        };
        let dims = self.dims.len();
        let crossed: Vec<u32> = self.spills.parts.keys().copied().filter(crosses).collect();
        if crossed.is_empty() {
            return Ok(());
        }
        // A person's rows may come from several partitions: what moves and what stays is written anew, in order.
        let mut moved = Spills::new(&self.store);
        for part in self.spills.parts.keys() {
            let mut failed = None;
            self.spills.each(*part, dims, |row, ordinal| {
                if failed.is_none() {
                    failed = moved.push(view.root(row.who) / PARTITION, row, ordinal).err();
                }
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        self.spills = moved;
        Ok(())
    }

    /// The ranges that get rows, cut at partitions so that each piece has about the rows of a block.
    fn cells(&self, view: &View) -> Vec<Cell> {
        let target = self.store.block_rows(view, self.pushed) as u64;
        let mut cells: Vec<Cell> = Vec::new();
        for (range, entry) in view.ranges.iter().enumerate() {
            let start = u64::from(entry.start);
            let end = view.ranges.get(range + 1).map_or(1 << 32, |next| u64::from(next.start));
            let last = ((end - 1) / u64::from(PARTITION)) as u32;
            let mut in_range = self.spills.parts.range(entry.start / PARTITION..=last).peekable();
            if in_range.peek().is_none() {
                continue;
            }
            let mut from = start;
            let mut rows = 0;
            for (part, spill) in in_range {
                let part_start = u64::from(*part) * u64::from(PARTITION);
                if rows >= target && part_start > from {
                    cells.push(Cell { range, persons: from..part_start });
                    (from, rows) = (part_start, 0);
                }
                let old = entry.block.as_ref().map_or(0, |block| {
                    let below = |number| block.persons.below(number);
                    let (a, b) = (below(part_start), below(part_start + u64::from(PARTITION)));
                    if a < b { (block.rows_at(b - 1).end - block.rows_at(a).start) as u64 } else { 0 }
                });
                rows += spill.rows + old;
            }
            cells.push(Cell { range, persons: from..end });
        }
        cells
    }
}

impl Prepared {
    /// What became of the rows.
    #[must_use]
    pub fn outcome(&self) -> &BulkOutcome {
        &self.outcome
    }

    /// Makes the rows part of the store, durably, with everything appended so far. `position` is the log position that
    /// stands for the bulk; [`HotStore::complete_through`] will not be below it, so rows of lower positions must have been
    /// appended before.
    pub fn commit(mut self, position: u64) -> Result<BulkOutcome> {
        if let Some(mut change) = self.change.take() {
            change.position = position;
            self.store.commit(change)?;
        }
        Ok(std::mem::take(&mut self.outcome))
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if self.change.is_some() {
            self.store.discard_since(self.first);
        }
    }
}

fn mark(bits: &mut Vec<u64>, at: u64) {
    let word = (at / 64) as usize;
    bits.resize(bits.len().max(word + 1), 0);
    bits[word] |= 1 << (at % 64);
}

fn parts(persons: &std::ops::Range<u64>) -> impl Iterator<Item = u32> + use<> {
    let size = u64::from(PARTITION);
    (persons.start / size..=(persons.end - 1) / size).map(|part| part as u32)
}

/// Does pieces of work on several threads and gives their results in order.
pub(crate) fn parallel<T: Send>(
    threads: usize,
    pieces: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(pieces));
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                break;
            }
            let result = work(piece);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.lock().push((piece, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(pieces).max(1) {
            scope.spawn(run);
        }
        run();
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(piece, _)| *piece);
    done.into_iter().map(|(_, result)| result).collect()
}
