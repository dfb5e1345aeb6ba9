//! From rows in blocks, rows that are recent and rows of a bulk to new block files, one cell (a range of person
//! numbers) at a time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::block::{Block, Sorted};
use crate::disk::Disk;
use crate::error::Result;
use crate::recent::RowRef;
use crate::view::{NOWHERE, View};

/// Rows in any order.
#[derive(Debug, Default)]
pub(crate) struct RowSet {
    pub person: Vec<u32>,
    pub at: Vec<i64>,
    pub event: Vec<u16>,
    pub id: Vec<u64>,
    pub who: Vec<u32>,
    /// Codes by dimension; one that is shorter than the rows has no value in those beyond its end, as most have in none.
    pub dims: Vec<Vec<u32>>,
}

/// A rewriting of some ranges of a view.
pub(crate) struct Rewrite<'a> {
    pub view: &'a View,
    /// By range: whether it is written anew.
    pub chosen: Vec<bool>,
    /// Rows (identifier, instant) that are dropped.
    pub drop: &'a (dyn Fn(u32, i64) -> bool + Sync),
    /// How many that were.
    pub dropped: AtomicU64,
}

impl RowSet {
    pub fn with_dims(dims: usize) -> Self {
        Self { dims: vec![Vec::new(); dims], ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Makes room for more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.person.reserve(rows);
        self.at.reserve(rows);
        self.event.reserve(rows);
        self.id.reserve(rows);
        self.who.reserve(rows);
    }

    pub fn push(&mut self, person: u32, row: RowRef<'_>) {
        let place = self.at.len();
        self.person.push(person);
        self.at.push(row.at);
        self.event.push(row.event);
        self.id.push(row.id);
        self.who.push(row.who);
        for (column, code) in self.dims.iter_mut().zip(row.dims).filter(|(_, code)| **code != 0) {
            set(column, place, *code);
        }
    }

    /// Gives a row a value in a dimension.
    pub fn set(&mut self, dim: usize, row: usize, code: u32) {
        set(&mut self.dims[dim], row, code);
    }

    /// Positions by person, instant and key.
    fn order(&self) -> Vec<u32> {
        let mut order = Vec::new();
        grouped(&self.person, &mut Vec::new(), &mut order);
        for history in order.chunk_by_mut(|a, b| self.person[*a as usize] == self.person[*b as usize]) {
            history.sort_unstable_by_key(|i| (self.at[*i as usize], self.id[*i as usize], *i));
        }
        order
    }

    /// Removes from `order` all but the first of rows with the same identifier and key, and tells of each.
    fn dedupe(&self, order: &mut Vec<u32>, dropped: &mut impl FnMut(u32)) {
        let mut gone = vec![false; self.len()];
        let mut any = false;
        let mut keys: Vec<(u64, u32, u32)> = Vec::new();
        for history in order.chunk_by(|a, b| self.person[*a as usize] == self.person[*b as usize]) {
            keys.clear();
            keys.extend(history.iter().map(|i| (self.id[*i as usize], self.who[*i as usize], *i)));
            keys.sort_unstable();
            for pair in keys.windows(2) {
                if (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1) {
                    gone[pair[1].2 as usize] = true;
                    any = true;
                    dropped(pair[1].2);
                }
            }
        }
        if any {
            order.retain(|i| !gone[*i as usize]);
        }
    }

    fn sorted(&self, order: &[u32]) -> Sorted {
        let pick = |i: &u32| *i as usize;
        let mut out = Sorted {
            at: order.iter().map(|i| self.at[pick(i)]).collect(),
            event: order.iter().map(|i| self.event[pick(i)]).collect(),
            id: order.iter().map(|i| self.id[pick(i)]).collect(),
            who: order.iter().map(|i| self.who[pick(i)]).collect(),
            dims: self.dims.iter().map(|codes| in_order(codes, order)).collect(),
            ..Sorted::default()
        };
        for history in order.chunk_by(|a, b| self.person[*a as usize] == self.person[*b as usize]) {
            out.persons.push(self.person[pick(&history[0])]);
            out.ends.push(out.ends.last().copied().unwrap_or(0) + history.len() as u32);
        }
        out
    }

    /// Writes the rows as blocks of about `target` rows. The first block starts at `start`, the others at their first
    /// person.
    #[allow(clippy::too_many_arguments)]
    pub fn write(
        &self,
        disk: &Disk,
        next: &AtomicU64,
        start: u32,
        target: usize,
        dims: &[String],
        dedupe: bool,
        mut dropped: impl FnMut(u32),
    ) -> Result<Vec<(u32, Arc<Block>)>> {
        let mut order = self.order();
        if dedupe {
            self.dedupe(&mut order, &mut dropped);
        }
        let mut blocks = Vec::new();
        let parts = ((order.len() + target / 2) / target).max(1);
        let size = order.len().div_ceil(parts);
        let mut rest = order.as_slice();
        let mut start = start;
        while !rest.is_empty() {
            let mut n = size.min(rest.len());
            while n < rest.len() && self.person[rest[n] as usize] == self.person[rest[n - 1] as usize] {
                n += 1;
            }
            if rest.len() - n < size / 4 {
                n = rest.len();
            }
            let number = next.fetch_add(1, Ordering::SeqCst);
            blocks.push((start, Arc::new(Block::write(disk, number, &self.sorted(&rest[..n]), dims)?)));
            rest = &rest[n..];
            start = rest.first().map_or(0, |i| self.person[*i as usize]);
        }
        Ok(blocks)
    }
}

/// Positions of numbers in ascending order, those of equal ones as they stand. `starts` is room that may be used again.
pub(crate) fn grouped(numbers: &[u32], starts: &mut Vec<u32>, order: &mut Vec<u32>) {
    order.clear();
    let (Some(first), Some(last)) = (numbers.iter().min(), numbers.iter().max()) else {
        return;
    };
    let span = (last - first) as usize + 1;
    if span > 8 * numbers.len() + 1024 {
        order.extend(0..numbers.len() as u32);
        order.sort_by_key(|at| numbers[*at as usize]);
        return;
    }
    order.resize(numbers.len(), 0);
    starts.clear();
    starts.resize(span + 1, 0);
    numbers.iter().for_each(|number| starts[(number - first) as usize + 1] += 1);
    (1..=span).for_each(|i| starts[i] += starts[i - 1]);
    for (at, number) in numbers.iter().enumerate() {
        let start = &mut starts[(number - first) as usize];
        order[*start as usize] = at as u32;
        *start += 1;
    }
}

/// Sets a code that may lie beyond the end.
fn set(column: &mut Vec<u32>, row: usize, code: u32) {
    if column.len() <= row {
        column.resize(row + 1, 0);
    }
    column[row] = code;
}

/// The codes of rows; 0 beyond the end, none at all where no row has one.
fn in_order(codes: &[u32], order: &[u32]) -> Vec<u32> {
    if codes.is_empty() {
        return Vec::new();
    }
    order.iter().map(|row| codes.get(*row as usize).copied().unwrap_or(0)).collect()
}

impl<'a> Rewrite<'a> {
    /// Of the ranges `chosen`, without the rows that `drop` names.
    pub fn of(view: &'a View, chosen: Vec<bool>, drop: &'a (dyn Fn(u32, i64) -> bool + Sync)) -> Self {
        Self { view, chosen, drop, dropped: AtomicU64::new(0) }
    }

    /// All rows of persons `persons` of a chosen range, as they are in the view; the end may lie beyond all numbers.
    pub fn cell(&self, range: usize, persons: Range<u64>) -> Result<RowSet> {
        let view = self.view;
        let mut out = RowSet::with_dims(view.dims.len());
        let here = |person: u32| persons.contains(&u64::from(person));
        if let Some(block) = &view.ranges[range].block {
            let from = block.persons.below(persons.start);
            let to = block.persons.below(persons.end);
            if from < to {
                // Most ranges have nobody who belongs elsewhere.
                let settled = view.ranges[range].left.is_empty()
                    && view.displaced.iter().all(|who| !view.placed.get(*who).is_some_and(here));
                let stays = |person: u32, who: u32| {
                    if settled {
                        return true;
                    }
                    let root = view.root(who);
                    let lives = view.placed.get(who) == Some(person);
                    lives && (root == person || !self.chosen[view.range_of(root)])
                };
                self.take(block, from..to, &mut out, |person, who| stays(person, who).then_some(person))?;
            }
        }
        for who in &view.displaced {
            let (root, place) = (view.root(*who), view.placed.get(*who).unwrap_or(NOWHERE));
            if !here(root) || view.range_of(root) != range {
                continue;
            }
            let Some(block) = &view.ranges[view.range_of(place)].block else {
                continue;
            };
            if let Some(at) = block.persons.position(place) {
                self.take(block, at..at + 1, &mut out, |_, w| (w == *who).then_some(root))?;
            }
        }
        let mut codes = vec![0; view.dims.len()];
        // In order of arrival, so that the first of two equal rows is the first one taken.
        for position in &view.recent_by_range()[range] {
            let (chunk, at) = view.recents.place(*position as usize);
            let who = chunk.who[at];
            let person = view.root(who);
            if !here(person) || (self.drop)(who, chunk.at[at]) {
                continue;
            }
            codes.iter_mut().enumerate().for_each(|(d, code)| *code = chunk.code(d, at));
            let (event, id) = (chunk.event[at], chunk.id[at]);
            out.push(person, RowRef { at: chunk.at[at], event, id, who, dims: &codes });
        }
        Ok(out)
    }

    /// Appends rows of the persons at `positions` of a block under the person that `under` says.
    fn take(
        &self,
        block: &Block,
        positions: Range<usize>,
        out: &mut RowSet,
        under: impl Fn(u32, u32) -> Option<u32>,
    ) -> Result<()> {
        let rows = block.rows_at(positions.start).start..block.rows_at(positions.end - 1).end;
        let n = rows.len();
        let mut raw = Vec::new();
        let (mut at, mut event, mut id, mut who) = (vec![0; n], vec![0; n], vec![0; n], vec![0; n]);
        block.read_at(rows.clone(), &mut raw, &mut at)?;
        block.read_event(rows.clone(), &mut raw, &mut event)?;
        block.read_id(rows.clone(), &mut id)?;
        block.read_who(rows.clone(), &mut who)?;
        let mut person = Vec::with_capacity(n);
        let mut dropped = 0;
        for p in positions {
            let (history, lies) = (block.rows_at(p), block.persons.get(p).unwrap_or(NOWHERE));
            for row in history.start - rows.start..history.end - rows.start {
                let to = under(lies, who[row]);
                let gone = to.is_some() && (self.drop)(who[row], at[row]);
                dropped += u64::from(gone);
                person.push(to.filter(|_| !gone).unwrap_or(NOWHERE));
            }
        }
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        let mut dims = Vec::new();
        for dim in self.view.dims.iter() {
            let mut codes = vec![0; n];
            if let Some(column) = block.dimension(&dim.name) {
                block.read_codes(column, rows.clone(), &mut raw, &mut codes)?;
            }
            dims.push(codes);
        }
        if out.at.is_empty() && person.iter().all(|p| *p != NOWHERE) {
            *out = RowSet { person, at, event, id, who, dims };
            return Ok(());
        }
        for row in (0..n).filter(|row| person[*row] != NOWHERE) {
            out.person.push(person[row]);
            out.at.push(at[row]);
            out.event.push(event[row]);
            out.id.push(id[row]);
            out.who.push(who[row]);
            let place = out.at.len() - 1;
            let codes = out.dims.iter_mut().zip(&dims).filter(|(_, from)| from[row] != 0);
            codes.for_each(|(to, from)| set(to, place, from[row]));
        }
        Ok(())
    }

    /// Rows that leave blocks of ranges that are not written anew: (range, identifier, person under whom they lie).
    pub fn pulled(&self) -> Vec<(usize, u32, u32)> {
        let view = self.view;
        let place = |who: &u32| view.placed.get(*who).unwrap_or(NOWHERE);
        let moves = view.displaced.iter().filter(|who| self.chosen[view.range_of(view.root(**who))]);
        moves
            .map(|who| (view.range_of(place(who)), *who, place(who)))
            .filter(|(range, ..)| !self.chosen[*range])
            .collect()
    }
}
