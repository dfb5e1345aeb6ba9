//! Reading rows of a view: whole blocks in chunks that stay in the processor's cache, and single persons.

use std::ops::Range;

use burgeon_core::behaviour::Rows;

use crate::block::Block;
use crate::error::Result;
use crate::overlay::Overlay;
use crate::plan::{Batch, Plan};
use crate::view::View;

/// Rows of a chunk, roughly.
const CHUNK: usize = 32_768;
/// Rows between wanted ones that are read along rather than with a read of their own.
const GAP: usize = 1024;

/// Room that one thread reuses.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    raw: Vec<u64>,
    batch: Batch,
    stored: Stored,
    order: Vec<(i64, u32)>,
    spare: Batch,
}

/// Rows of some persons as the block has them.
#[derive(Debug, Default)]
struct Stored {
    batch: Batch,
    who: Vec<u32>,
    /// Raw columns of one read.
    read: Batch,
    read_who: Vec<u32>,
}

/// Hands all rows of a block to `add`, chunk by chunk, without the persons in `without` (ascending).
pub(crate) fn block(
    view: &View,
    plan: &Plan,
    block: &Block,
    without: &[u32],
    scratch: &mut Scratch,
    add: &mut dyn FnMut(&Rows<'_>),
) -> Result<()> {
    if !plan.touches(block.head.min_at, block.head.max_at) {
        return Ok(());
    }
    let columns = columns(view, plan, block);
    let mut person = 0;
    while person < block.persons.len() {
        let start = block.rows_at(person).start;
        let most = (start + CHUNK) as u64;
        let n = block.ends[person..].partition_point(|end| u64::from(*end) <= most).max(1);
        let rows = start..block.rows_at(person + n - 1).end;
        let batch = &mut scratch.batch;
        batch.set_rows(rows.len(), columns.len());
        read(block, &columns, rows, &mut scratch.raw, batch)?;
        batch.persons.clear();
        batch.persons.extend_from_slice(&block.persons[person..person + n]);
        batch.ends.clear();
        batch.ends.extend(block.ends[person..person + n].iter().map(|end| end - start as u32));
        let skip = between(without, batch.persons[0], batch.persons[n - 1]);
        let rows = plan.rows(batch, skip)?;
        if !rows.persons.is_empty() {
            add(&rows);
        }
        person += n;
    }
    Ok(())
}

/// Those of an ascending list from `first` to `last`.
pub(crate) fn between(list: &[u32], first: u32, last: u32) -> &[u32] {
    &list[list.partition_point(|p| *p < first)..list.partition_point(|p| *p <= last)]
}

fn columns(view: &View, plan: &Plan, block: &Block) -> Vec<Option<usize>> {
    plan.dims.iter().map(|dim| block.dimension(&view.dims[*dim].name)).collect()
}

fn read(
    block: &Block,
    columns: &[Option<usize>],
    rows: Range<usize>,
    raw: &mut Vec<u64>,
    to: &mut Batch,
) -> Result<()> {
    block.read_at(rows.clone(), raw, &mut to.at)?;
    block.read_event(rows.clone(), &mut to.event)?;
    for (column, codes) in columns.iter().zip(&mut to.columns) {
        match column {
            Some(column) => block.read_codes(*column, rows.clone(), raw, codes)?,
            // The dimension is younger than the block.
            None => codes.fill(0),
        }
    }
    Ok(())
}

/// Hands the rows of some persons (ascending, all of the range at position `range`) to `now` as they are in the view,
/// and to `before`, where wanted, as the block has them.
#[allow(clippy::too_many_arguments)]
pub(crate) fn persons(
    view: &View,
    overlay: &Overlay,
    plan: &Plan,
    range: usize,
    persons: &[u32],
    scratch: &mut Scratch,
    mut before: Option<&mut dyn FnMut(&Rows<'_>)>,
    now: &mut dyn FnMut(&Rows<'_>),
) -> Result<()> {
    let block = view.ranges[range].block.as_deref();
    let mut rest = persons;
    while !rest.is_empty() {
        let n = some(block, overlay, rest);
        let (these, later) = rest.split_at(n);
        rest = later;
        let Scratch { raw, batch, stored, order, spare } = scratch;
        let unsettled = between(&overlay.unsettled, these[0], these[n - 1]);
        stored.fill(view, plan, block, these, !unsettled.is_empty(), raw)?;
        present(view, overlay, plan, these, unsettled, stored, raw, batch, order, spare)?;
        if let Some(before) = before.as_deref_mut() {
            let rows = plan.rows(&mut stored.batch, &[])?;
            if !rows.persons.is_empty() {
                before(&rows);
            }
        }
        let rows = plan.rows(batch, &[])?;
        if !rows.persons.is_empty() {
            now(&rows);
        }
    }
    Ok(())
}

/// How many of the persons make a chunk.
fn some(block: Option<&Block>, overlay: &Overlay, persons: &[u32]) -> usize {
    let mut rows = 0;
    for (n, person) in persons.iter().enumerate() {
        rows +=
            block.map_or(0, |block| block.rows_of(*person).len()) + overlay.order.of_person(*person).len();
        if rows > CHUNK {
            return n.max(1);
        }
    }
    persons.len()
}

impl Stored {
    fn fill(
        &mut self,
        view: &View,
        plan: &Plan,
        block: Option<&Block>,
        persons: &[u32],
        want_who: bool,
        raw: &mut Vec<u64>,
    ) -> Result<()> {
        self.batch.clear(plan.dims.len());
        self.who.clear();
        let Some(block) = block else {
            return Ok(());
        };
        let columns = columns(view, plan, block);
        let wanted: Vec<(u32, Range<usize>)> =
            persons.iter().map(|p| (*p, block.rows_of(*p))).filter(|(_, rows)| !rows.is_empty()).collect();
        let mut at = 0;
        while at < wanted.len() {
            let start = wanted[at].1.start;
            let mut to = at + 1;
            while to < wanted.len() && wanted[to].1.start - wanted[to - 1].1.end <= GAP {
                to += 1;
            }
            let rows = start..wanted[to - 1].1.end;
            self.read.set_rows(rows.len(), columns.len());
            read(block, &columns, rows.clone(), raw, &mut self.read)?;
            if want_who {
                self.read_who.resize(rows.len(), 0);
                block.read_who(rows, &mut self.read_who)?;
            }
            for (person, rows) in &wanted[at..to] {
                let rows = rows.start - start..rows.end - start;
                self.batch.append(&self.read, rows.clone());
                if want_who {
                    self.who.extend_from_slice(&self.read_who[rows]);
                }
                self.batch.persons.push(*person);
                self.batch.ends.push(self.batch.at.len() as u32);
            }
            at = to;
        }
        Ok(())
    }
}

impl Batch {
    fn append(&mut self, from: &Batch, rows: Range<usize>) {
        self.at.extend_from_slice(&from.at[rows.clone()]);
        self.event.extend_from_slice(&from.event[rows.clone()]);
        for (to, from) in self.columns.iter_mut().zip(&from.columns) {
            to.extend_from_slice(&from[rows.clone()]);
        }
    }

    fn append_row(&mut self, from: &Batch, row: usize) {
        self.append(from, row..row + 1);
    }

    /// Puts the rows from `start` on into order of time.
    fn sort_from(&mut self, start: usize, order: &mut Vec<(i64, u32)>, spare: &mut Batch) {
        if self.at[start..].is_sorted() {
            return;
        }
        order.clear();
        order.extend(self.at[start..].iter().enumerate().map(|(i, at)| (*at, (start + i) as u32)));
        order.sort_unstable();
        spare.clear(self.columns.len());
        for (_, row) in order.iter() {
            spare.append_row(self, *row as usize);
        }
        self.at.truncate(start);
        self.event.truncate(start);
        self.columns.iter_mut().for_each(|column| column.truncate(start));
        self.append(spare, 0..spare.at.len());
    }
}

#[allow(clippy::too_many_arguments)]
fn present(
    view: &View,
    overlay: &Overlay,
    plan: &Plan,
    persons: &[u32],
    unsettled: &[u32],
    stored: &Stored,
    raw: &mut Vec<u64>,
    out: &mut Batch,
    order: &mut Vec<(i64, u32)>,
    spare: &mut Batch,
) -> Result<()> {
    out.clear(plan.dims.len());
    let mut next = 0;
    for person in persons {
        let start = out.at.len();
        if stored.batch.persons.get(next) == Some(person) {
            let from = if next == 0 { 0 } else { stored.batch.ends[next - 1] as usize };
            let rows = from..stored.batch.ends[next] as usize;
            next += 1;
            if unsettled.binary_search(person).is_ok() {
                for row in rows {
                    let who = stored.who[row];
                    if view.placed.get(who) == Some(*person) && view.root(who) == *person {
                        out.append_row(&stored.batch, row);
                    }
                }
            } else {
                out.append(&stored.batch, rows);
            }
        }
        for (_, who, from) in overlay.incoming(*person) {
            incoming(view, plan, *who, *from, raw, out, spare)?;
        }
        for key in overlay.order.of_person(*person) {
            let (chunk, at) = view.recents.place(key.position as usize);
            out.at.push(key.at);
            out.event.push(chunk.event[at]);
            for (column, dim) in out.columns.iter_mut().zip(&plan.dims) {
                column.push(chunk.dims.get(*dim).map_or(0, |codes| codes[at]));
            }
        }
        if out.at.len() > start {
            out.sort_from(start, order, spare);
            out.persons.push(*person);
            out.ends.push(out.at.len() as u32);
        }
    }
    Ok(())
}

/// Appends rows of an identifier that lie under another person.
fn incoming(
    view: &View,
    plan: &Plan,
    who: u32,
    from: u32,
    raw: &mut Vec<u64>,
    out: &mut Batch,
    spare: &mut Batch,
) -> Result<()> {
    let Some(block) = view.ranges[view.range_of(from)].block.as_deref() else {
        return Ok(());
    };
    let rows = block.rows_of(from);
    let columns = columns(view, plan, block);
    spare.set_rows(rows.len(), columns.len());
    read(block, &columns, rows.clone(), raw, spare)?;
    let mut whos = vec![0; rows.len()];
    block.read_who(rows, &mut whos)?;
    for row in (0..whos.len()).filter(|row| whos[*row] == who) {
        out.append_row(spare, row);
    }
    Ok(())
}
