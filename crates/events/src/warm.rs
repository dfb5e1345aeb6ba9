//! Rows of persons who did something lately, kept in memory beside their block: every question looks at these persons anew
//! until their rows move into blocks. They are read once: by the first question, or by [`HotStore::warm`] before it comes.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::block::Block;
use crate::cache::ASKED;
use crate::error::Result;
use crate::numbers::gallop;
use crate::plan::Batch;
use crate::scan::{between, gather};
use crate::store::HotStore;

/// At most this part of a block's rows is kept …
const PART: usize = 8;
/// … or so many rows.
const FEW: usize = 4096;

/// Rounds of [`HotStore::warm`] without a question after which nobody is thought to be looking any more.
const QUIET: u32 = 2400;

/// What [`HotStore::warm`] did last.
#[derive(Debug, Default)]
pub(crate) struct Warmed {
    questions: u64,
    rounds: u32,
    version: u64,
}

impl HotStore {
    /// Reads the rows of persons who did something since the last call, so that the next question need not, unless nobody
    /// asks: then it costs nothing. Meant to be called a few times a second.
    pub fn warm(&self) -> Result<()> {
        let mut warmed = self.core.warmed.lock();
        let questions = self.core.cache.questions();
        warmed.rounds = if questions == warmed.questions { warmed.rounds.saturating_add(1) } else { 0 };
        warmed.questions = questions;
        if questions == 0 || warmed.rounds > QUIET {
            return Ok(());
        }
        let view = self.view();
        if std::mem::replace(&mut warmed.version, view.version) == view.version {
            return Ok(());
        }
        let overlay = view.overlay();
        let dims = self.core.cache.dims();
        let (mut raw, mut read) = (Vec::new(), Batch::default());
        for (at, range) in view.ranges.iter().enumerate() {
            let Some(block) = &range.block else { continue };
            let last = view.ranges.get(at + 1).map_or(u32::MAX, |next| next.start - 1);
            let mut unsettled = between(&overlay.unsettled, range.start, last).iter().peekable();
            let mut place = 0;
            let mut wanted = Vec::new();
            for person in between(&overlay.touched, range.start, last) {
                if unsettled.next_if(|other| *other == person).is_some() {
                    continue; // whose rows they are has to be looked up anyway
                }
                place = block.persons.below_from(place, *person);
                if block.persons.get(place) == Some(*person) {
                    wanted.push((*person, block.rows_at(place)));
                }
            }
            let columns: Vec<Option<usize>> = dims.iter().map(|name| block.dimension(name)).collect();
            block.warm.get(block, &columns, &wanted, &mut raw, &mut read)?;
        }
        Ok(())
    }
}

/// What is kept of one block.
#[derive(Debug, Default)]
pub(crate) struct Warm(Mutex<Arc<Kept>>);

/// Rows of some persons of a block, as it has them.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    rows: Batch,
    /// Which column of the block each of `rows.columns` is.
    columns: Vec<usize>,
}

impl Warm {
    /// The rows of `wanted` persons (ascending, with their rows in the block) in some columns and perhaps others; reads what
    /// is not kept yet. `None` when that would be too much of the block.
    pub fn get(
        &self,
        block: &Block,
        columns: &[Option<usize>],
        wanted: &[(u32, Range<usize>)],
        raw: &mut Vec<u64>,
        read: &mut Batch,
    ) -> Result<Option<Arc<Kept>>> {
        let old = self.0.lock().clone();
        let fresh: Vec<usize> =
            columns.iter().flatten().copied().filter(|c| !old.columns.contains(c)).collect();
        let mut at = 0;
        let missing = wanted.iter().filter(|(person, _)| {
            at = gallop(&old.rows.persons, at, |p| p < person);
            old.rows.persons.get(at) != Some(person)
        });
        let missing: Vec<(u32, Range<usize>)> = missing.cloned().collect();
        if fresh.is_empty() && missing.is_empty() {
            return Ok(Some(old));
        }
        let rows = missing.iter().map(|(_, rows)| rows.len()).sum::<usize>() + old.rows.at.len();
        if rows > (block.head.rows as usize / PART).max(FEW) {
            return Ok(None);
        }
        let mut new = Kept::default();
        if fresh.is_empty() {
            new.columns.clone_from(&old.columns);
            let mut more = Batch::default();
            let of_block: Vec<Option<usize>> = new.columns.iter().copied().map(Some).collect();
            gather(block, &of_block, &missing, raw, read, &mut more, None)?;
            new.rows = merged(&old.rows, &more);
        } else {
            // One more column: all rows are read again, which happens once for each.
            new.columns = [old.columns.as_slice(), &fresh].concat();
            if new.columns.len() > ASKED {
                new.columns = columns.iter().flatten().copied().collect();
            }
            let known = old.rows.persons.iter();
            let known =
                known.filter_map(|person| Some((*person, block.rows_at(block.persons.position(*person)?))));
            let mut all: Vec<(u32, Range<usize>)> = known.chain(missing).collect();
            all.sort_unstable_by_key(|(person, _)| *person);
            let of_block: Vec<Option<usize>> = new.columns.iter().copied().map(Some).collect();
            gather(block, &of_block, &all, raw, read, &mut new.rows, None)?;
        }
        let new = Arc::new(new);
        *self.0.lock() = new.clone();
        Ok(Some(new))
    }
}

impl Kept {
    /// Appends the rows of persons who are all kept; a column that the block has not is without values.
    pub fn copy(&self, columns: &[Option<usize>], wanted: &[(u32, Range<usize>)], to: &mut Batch) {
        let places: Vec<Option<usize>> = columns
            .iter()
            .map(|column| self.columns.iter().position(|kept| Some(*kept) == *column))
            .collect();
        let mut at = 0;
        for (person, _) in wanted {
            at = gallop(&self.rows.persons, at, |p| p < person);
            let rows = rows_of(&self.rows, at);
            to.at.extend_from_slice(&self.rows.at[rows.clone()]);
            to.event.extend_from_slice(&self.rows.event[rows.clone()]);
            for (to, place) in to.columns.iter_mut().zip(&places) {
                match place {
                    Some(place) => to.extend_from_slice(&self.rows.columns[*place][rows.clone()]),
                    None => to.resize(to.len() + rows.len(), 0),
                }
            }
            to.persons.push(*person);
            to.ends.push(to.at.len() as u32);
        }
    }
}

fn rows_of(batch: &Batch, at: usize) -> Range<usize> {
    let start = if at == 0 { 0 } else { batch.ends[at - 1] as usize };
    start..batch.ends[at] as usize
}

/// The rows of two batches of different persons and the same columns, by person.
fn merged(one: &Batch, other: &Batch) -> Batch {
    let mut out = Batch::default();
    out.clear(one.columns.len().max(other.columns.len()));
    let (mut a, mut b) = (0, 0);
    while a < one.persons.len() || b < other.persons.len() {
        let first = match (one.persons.get(a), other.persons.get(b)) {
            (Some(a), Some(b)) => a < b,
            (left, _) => left.is_some(),
        };
        let (from, at) = if first { (one, &mut a) } else { (other, &mut b) };
        out.append(from, rows_of(from, *at));
        out.persons.push(from.persons[*at]);
        out.ends.push(out.at.len() as u32);
        *at += 1;
    }
    out
}
