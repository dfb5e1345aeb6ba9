//! Many rows at once: they wait by ranges of identifier numbers, then are sorted and written block by block, so that
//! memory does not grow with the number of rows.
//!
//! ```text
//! let mut bulk = store.bulk()?;
//! for rows in … { bulk.push(&rows)?; }  // or bulk.code(&rows)?, where they wait with whoever has all of their columns
//! let prepared = bulk.prepare()?;       // or bulk.prepare_from(&those)?: block files are written, nothing shows yet
//! // commit to the lake without the rows that prepared.outcome() says were dropped
//! prepared.commit(position)?;           // atomic
//! ```
//!
//! Questions, appends and checkpoints go on meanwhile; other upkeep waits from `prepare` to `commit`. Rows appended
//! in that time are not compared with the bulk's: hold intake of the same events back for that moment. Give links
//! ([`HotStore::relink`]) before `prepare`, so that rows are written where they belong.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::assemble::Rewrite;
use crate::codes::{self, Columns, Texts};
use crate::error::{HotError, Result};
use crate::recent::{RowRef, pack, unpack};
use crate::rows::{Appended, EVENT_NAMES, NewRows};
use crate::store::{HotStore, Lease};
use crate::upkeep::{Change, names};
use crate::view::{Dim, View};

/// Identifier numbers of a partition.
pub const PARTITION: u32 = 1 << 15;
/// Bytes of a partition that wait in memory.
const BUFFER: usize = 128 << 10;
/// Bytes of new texts that wait in memory.
const TEXTS: u64 = 4 << 20;

/// Rows being gathered. Dropped without [`Bulk::prepare`] it leaves nothing but numbers of new identifiers.
#[derive(Debug)]
pub struct Bulk {
    store: HotStore,
    dims: Arc<Vec<Dim>>,
    /// What was pushed.
    spills: Spills,
    /// Rows by partition.
    rows: BTreeMap<u32, u64>,
    pushed: u64,
    refused: u64,
    dropped: Vec<u64>,
    deletions: u64,
}

/// Rows of a bulk that wait until it is prepared.
pub trait Waiting: Sync {
    /// Calls `each` with the rows of identifiers whose numbers lie in a range, which is a partition of [`PARTITION`] of them,
    /// and with their places in the order in which they were coded, from 0. Rows of one identifier come in that order; those
    /// whose event has no number are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    fn each(&self, numbers: Range<u64>, each: &mut dyn FnMut(RowRef<'_>, u64)) -> Result<()>;
}

/// What stands for the texts of rows; see [`Bulk::code`].
#[derive(Debug)]
pub struct Coded {
    /// The number of the identifier of each row.
    pub who: Vec<u32>,
    /// The number of the name of each event; `None` where there are too many names.
    pub events: Vec<Option<u16>>,
    columns: Columns,
    dims: usize,
}

impl Coded {
    /// The codes of a row, one for each of [`Bulk::dimensions`]; see [`RowRef::dims`].
    pub fn codes(&self, row: usize, codes: &mut Vec<u32>) {
        codes.clear();
        codes.resize(self.dims, 0);
        self.columns.row(row, codes);
    }
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
    dims: usize,
}

#[derive(Debug, Default)]
struct Spill {
    name: String,
    file: Option<File>,
    written: u64,
    /// Bytes of each write: whole rows.
    writes: Vec<usize>,
    buffer: Vec<u8>,
}

impl Drop for Spills {
    fn drop(&mut self) {
        for spill in self.parts.values().filter(|spill| spill.file.is_some()) {
            self.store.core.disk.remove(&spill.name);
        }
    }
}

impl Spills {
    fn new(store: &HotStore, dims: usize) -> Self {
        let serial = store.core.next.fetch_add(1, Ordering::SeqCst);
        Self { store: store.clone(), parts: BTreeMap::new(), serial, dims }
    }

    fn push(&mut self, part: u32, row: RowRef<'_>, ordinal: u64) -> Result<()> {
        let spill = self.parts.entry(part).or_default();
        pack(row, ordinal, &mut spill.buffer);
        if spill.buffer.len() >= BUFFER {
            spill.flush(&self.store, self.serial, part)?;
        }
        Ok(())
    }
}

impl Waiting for Spills {
    fn each(&self, numbers: Range<u64>, mut each: &mut dyn FnMut(RowRef<'_>, u64)) -> Result<()> {
        let part = (numbers.start / u64::from(PARTITION)) as u32;
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
                if !unpack(&bytes, self.dims, &mut each) {
                    return Err(HotError::damaged(&path, "a row of it is cut off"));
                }
            }
        }
        unpack(&spill.buffer, self.dims, each);
        Ok(())
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
    persons: Range<u64>,
}

impl Bulk {
    pub(crate) fn new(store: HotStore) -> Result<Self> {
        let dims = store.core.state.lock().dims.clone();
        let spills = Spills::new(&store, dims.len());
        let deletions = store.core.deletions.load(Ordering::SeqCst);
        let (rows, dropped) = (BTreeMap::new(), Vec::new());
        Ok(Self { store, dims, spills, rows, pushed: 0, refused: 0, dropped, deletions })
    }

    /// The hot dimensions whose codes rows get: those of the moment when the bulk began.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, Texts)> {
        self.dims.iter().map(|dim| (dim.name.as_str(), Texts::values(dim)))
    }

    /// The names of events by their numbers.
    #[must_use]
    pub fn names(&self) -> Texts {
        Texts::names(&self.store.core.events)
    }

    /// Takes rows and keeps them until the bulk is [prepared](Bulk::prepare); `position` of the rows is not looked at. Gives
    /// the number of the identifier of each row, so that the caller need not look it up again.
    ///
    /// # Errors
    /// As [`Bulk::code`], and when the rows cannot be written.
    pub fn push(&mut self, rows: &NewRows<'_>) -> Result<Vec<u32>> {
        let first = self.pushed;
        let coded = self.code(rows)?;
        let mut codes = Vec::new();
        for (row, (who, event)) in coded.who.iter().zip(&coded.events).enumerate() {
            let Some(event) = *event else { continue };
            coded.codes(row, &mut codes);
            let row_of = RowRef { at: rows.at[row], event, id: rows.ids[row], who: *who, dims: &codes };
            self.spills.push(who / PARTITION, row_of, first + row as u64)?;
        }
        Ok(coded.who)
    }

    /// Gives what stands for the texts of rows. The rows count as part of the bulk and wait with the caller, who hands
    /// them over by [`Bulk::prepare_from`].
    ///
    /// # Errors
    /// [`HotError::Rows`] when columns differ in length or there are too many identifiers.
    pub fn code(&mut self, rows: &NewRows<'_>) -> Result<Coded> {
        rows.check()?;
        let fits = self.store.fitting_names(rows.events);
        let core = self.store.core.clone();
        let who;
        let mut events = Vec::with_capacity(rows.len());
        {
            let mut state = core.state.lock();
            let mut identifiers = core.identifiers.write();
            who = codes::numbers(&mut identifiers, &mut state, rows.distinct_ids)?;
            state.changed();
            if identifiers.waiting() > TEXTS {
                identifiers.write()?;
            }
            let mut names = core.events.write();
            for (row, name) in rows.events.iter().enumerate() {
                let fits = fits.get(row).is_none_or(|fits| *fits);
                let number = if fits { names.get_or_add(name, EVENT_NAMES as u32) } else { None };
                events.push(number.map(|number| number as u16));
            }
        }
        let columns = Columns::of(&self.dims, rows, |row| events[row].is_some());
        // Rows that follow one another are often of neighbours.
        let mut last = (0, 0);
        for (who, event) in who.iter().zip(&events) {
            let ordinal = self.pushed;
            self.pushed += 1;
            if event.is_none() {
                self.refused += 1;
                mark(&mut self.dropped, ordinal);
                continue;
            }
            let part = who / PARTITION;
            if part != last.0 {
                *self.rows.entry(last.0).or_default() += std::mem::take(&mut last.1);
                last.0 = part;
            }
            last.1 += 1;
        }
        *self.rows.entry(last.0).or_default() += last.1;
        Ok(Coded { who, events, columns, dims: self.dims.len() })
    }

    /// Sorts and writes what was pushed. Ends with the store as it was, plus files that nothing refers to.
    ///
    /// # Errors
    /// When something cannot be read or written; then nothing is left behind.
    pub fn prepare(mut self) -> Result<Prepared> {
        let own = std::mem::replace(&mut self.spills, Spills::new(&self.store, self.dims.len()));
        self.prepare_from(&own)
    }

    /// As [`Bulk::prepare`], with the rows that were [coded](Bulk::code).
    ///
    /// # Errors
    /// As [`Bulk::prepare`].
    pub fn prepare_from(mut self, waiting: &impl Waiting) -> Result<Prepared> {
        let store = self.store.clone();
        let lease = store.lease();
        let view = store.view();
        let moved = self.by_person(&view, waiting)?;
        let cells = self.cells(&view);
        let mut chosen = vec![false; view.ranges.len()];
        cells.iter().for_each(|cell| chosen[cell.range] = true);
        let rewrite = Rewrite::of(&view, chosen, &|_, _| false);
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
            let expected: u64 = parts(&cell.persons).filter_map(|part| self.rows.get(&part)).sum();
            rows.reserve(expected as usize);
            let mut ordinals = Vec::with_capacity(expected as usize);
            for part in parts(&cell.persons) {
                let mut take = |row: RowRef<'_>, ordinal| {
                    let person = view.root(row.who);
                    if person / PARTITION != part || !cell.persons.contains(&u64::from(person)) {
                        return;
                    }
                    if gone(row.who) {
                        // Somebody was deleted while their rows were on the way.
                        mark(&mut dropped.lock(), ordinal);
                        removed.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    rows.push(person, row);
                    ordinals.push(ordinal);
                };
                waiting.each(numbers(part), &mut take)?;
                moved.each(numbers(part), &mut take)?;
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

    /// Rows whose person's number lies in another partition than their identifier's, where the person's is.
    fn by_person(&mut self, view: &View, waiting: &impl Waiting) -> Result<Spills> {
        let mut moved = Spills::new(&self.store, self.dims.len());
        let crosses = |part: &u32| {
            numbers(*part).any(|who| view.roots.get(who as u32).is_some_and(|root| root / PARTITION != *part))
        };
        let crossed: Vec<u32> = self.rows.keys().copied().filter(crosses).collect();
        for part in crossed {
            let mut failed = None;
            waiting.each(numbers(part), &mut |row, ordinal| {
                let to = view.root(row.who) / PARTITION;
                if to != part && failed.is_none() {
                    failed = moved.push(to, row, ordinal).err();
                    *self.rows.entry(part).or_default() -= 1;
                    *self.rows.entry(to).or_default() += 1;
                }
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        self.rows.retain(|_, rows| *rows > 0);
        Ok(moved)
    }

    /// The ranges that get rows, cut at partitions so that each piece has about the rows of a block.
    fn cells(&self, view: &View) -> Vec<Cell> {
        let target = self.store.block_rows(view, self.pushed) as u64;
        let mut cells: Vec<Cell> = Vec::new();
        for (range, entry) in view.ranges.iter().enumerate() {
            let start = u64::from(entry.start);
            let end = view.ranges.get(range + 1).map_or(1 << 32, |next| u64::from(next.start));
            let last = ((end - 1) / u64::from(PARTITION)) as u32;
            let mut in_range = self.rows.range(entry.start / PARTITION..=last).peekable();
            if in_range.peek().is_none() {
                continue;
            }
            let mut from = start;
            let mut rows = 0;
            for (part, fresh) in in_range {
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
                rows += fresh + old;
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

/// The numbers of a partition.
fn numbers(part: u32) -> Range<u64> {
    let first = u64::from(part) * u64::from(PARTITION);
    first..first + u64::from(PARTITION)
}

/// The partitions of some persons.
fn parts(persons: &Range<u64>) -> impl Iterator<Item = u32> + use<> {
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
