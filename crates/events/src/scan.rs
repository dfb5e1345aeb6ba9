//! Reading rows of a view: whole blocks in chunks that stay in the processor's cache, and single persons.

use std::ops::Range;

use burgeon_core::behaviour::Rows;

use crate::assemble::grouped;
use crate::block::{Block, ByDay};
use crate::error::Result;
use crate::numbers::gallop;
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
    places: Vec<Place>,
    /// Positions of the persons of rows by day, room to count them, and the rows by person.
    whose: Vec<u32>,
    starts: Vec<u32>,
    by_person: Vec<u32>,
    /// Whether the persons asked for are of this question only, so that their rows are not worth keeping.
    passing: bool,
}

impl Scratch {
    /// Room for a question about persons that only it asks for.
    pub fn passing() -> Self {
        Self { passing: true, ..Self::default() }
    }
}

/// Where the rows of a person are.
#[derive(Debug)]
struct Place {
    person: u32,
    /// In the block.
    rows: Range<usize>,
    /// In the order of recent rows.
    keys: Range<usize>,
    /// In that of an earlier view, where one is asked for.
    earlier: Range<usize>,
}

/// What [`persons`] tells beside the rows as they are now.
pub(crate) enum Before<'a> {
    /// Nothing.
    Nothing,
    /// The rows as the block has them.
    Block(&'a mut dyn FnMut(&Rows<'_>)),
    /// The rows as they were in an earlier view of the same blocks.
    View(&'a View, &'a mut dyn FnMut(&Rows<'_>)),
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
    if let Some(span) = plan.span.filter(|_| !plan.holds(block.head.min_at, block.head.max_at))
        && let Some((by_day, days)) = block.few_days(span)
    {
        daily(view, plan, block, by_day, days, scratch)?;
        let rows = plan.rows(&mut scratch.batch, without)?;
        if !rows.persons.is_empty() {
            add(&rows);
        }
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
        block.persons.append(person..person + n, &mut batch.persons);
        batch.ends.clear();
        batch.ends.extend(block.ends[person..person + n].iter().map(|end| end - start as u32));
        person += n;
        let skip = match (batch.persons.first(), batch.persons.last()) {
            (Some(first), Some(last)) => between(without, *first, *last),
            _ => &[],
        };
        let rows = plan.rows(batch, skip)?;
        if !rows.persons.is_empty() {
            add(&rows);
        }
    }
    Ok(())
}

/// Reads the rows of some days and puts them into the order of a block's rows: what few days cost is theirs alone.
fn daily(
    view: &View,
    plan: &Plan,
    block: &Block,
    by_day: &ByDay,
    days: Range<usize>,
    scratch: &mut Scratch,
) -> Result<()> {
    let Scratch { raw, batch, spare, whose, starts, by_person, .. } = scratch;
    let rows = by_day.days.rows(&days);
    spare.set_rows(rows.len(), plan.dims.len());
    whose.resize(rows.len(), 0);
    block.read_days(by_day, days, raw, &mut spare.at, &mut spare.event, whose)?;
    for (dim, codes) in plan.dims.iter().zip(&mut spare.columns) {
        let column = block.dimension_by_day(&view.dims[*dim].name);
        read_column(block, column, rows.clone(), raw, codes)?;
    }
    grouped(whose, starts, by_person);
    batch.clear(plan.dims.len());
    let order = || by_person.iter().map(|row| *row as usize);
    batch.at.extend(order().map(|row| spare.at[row]));
    batch.event.extend(order().map(|row| spare.event[row]));
    for (to, from) in batch.columns.iter_mut().zip(&spare.columns) {
        to.extend(order().map(|row| from[row]));
    }
    for history in by_person.chunk_by(|a, b| whose[*a as usize] == whose[*b as usize]) {
        let person = block.persons.get(whose[history[0] as usize] as usize);
        batch
            .persons
            .push(person.ok_or_else(|| block.damaged("its rows by day are of persons that it has not"))?);
        batch.ends.push(batch.ends.last().copied().unwrap_or(0) + history.len() as u32);
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
    block.read_event(rows.clone(), raw, &mut to.event)?;
    for (column, codes) in columns.iter().zip(&mut to.columns) {
        read_column(block, *column, rows.clone(), raw, codes)?;
    }
    Ok(())
}

/// Codes of a dimension, none where the block is older than it.
fn read_column(
    block: &Block,
    column: Option<usize>,
    rows: Range<usize>,
    raw: &mut Vec<u64>,
    to: &mut [u32],
) -> Result<()> {
    match column {
        Some(column) => block.read_codes(column, rows, raw, to),
        None => {
            to.fill(0);
            Ok(())
        }
    }
}

/// Hands the rows of some persons (ascending, all of the range at position `range`) to `now` as they are in the view, and
/// to `before` as they were. Blocks are read once for both.
#[allow(clippy::too_many_arguments)]
pub(crate) fn persons(
    view: &View,
    overlay: &Overlay,
    plan: &Plan,
    range: usize,
    persons: &[u32],
    scratch: &mut Scratch,
    mut before: Before<'_>,
    now: &mut dyn FnMut(&Rows<'_>),
) -> Result<()> {
    let block = view.ranges[range].block.as_deref();
    let keys = &overlay.order.keys;
    let earlier = match &before {
        Before::View(earlier, _) => Some((*earlier, earlier.overlay())),
        _ => None,
    };
    let old_keys = earlier.map_or(&[][..], |(_, overlay)| &overlay.order.keys);
    let mut rest = persons;
    let (mut at, mut key, mut old_key) = (0, 0, 0);
    while !rest.is_empty() {
        let Scratch { raw, batch, stored, order, spare, places, passing, .. } = scratch;
        let warm = !*passing;
        places.clear();
        let mut rows = 0;
        while let Some((person, later)) = rest.split_first() {
            let mut place = Place { person: *person, rows: 0..0, keys: 0..0, earlier: 0..0 };
            if let Some(block) = block {
                at = block.persons.below_from(at, *person);
                if block.persons.get(at) == Some(*person) {
                    place.rows = block.rows_at(at);
                }
            }
            key = gallop(keys, key, |k| k.person < *person);
            place.keys = key..gallop(keys, key, |k| k.person == *person);
            old_key = gallop(old_keys, old_key, |k| k.person < *person);
            place.earlier = old_key..gallop(old_keys, old_key, |k| k.person == *person);
            rows += place.rows.len() + place.keys.len();
            if rows > CHUNK && !places.is_empty() {
                break;
            }
            places.push(place);
            rest = later;
        }
        let (first, last) = (places[0].person, places[places.len() - 1].person);
        let unsettled = between(&overlay.unsettled, first, last);
        let then = earlier.map_or(&[][..], |(_, overlay)| between(&overlay.unsettled, first, last));
        let wants = Wants { who: !unsettled.is_empty() || !then.is_empty(), warm };
        stored.fill(view, plan, block, places, wants, raw)?;
        match &mut before {
            Before::Nothing | Before::Block(_) => {}
            Before::View(earlier, before) => {
                let own = |place: &Place| place.earlier.clone();
                present(
                    earlier,
                    earlier.overlay(),
                    plan,
                    places,
                    own,
                    then,
                    stored,
                    raw,
                    batch,
                    order,
                    spare,
                )?;
                let rows = plan.rows(batch, &[])?;
                if !rows.persons.is_empty() {
                    before(&rows);
                }
            }
        }
        let own = |place: &Place| place.keys.clone();
        present(view, overlay, plan, places, own, unsettled, stored, raw, batch, order, spare)?;
        if let Before::Block(before) = &mut before {
            // What was read is of no further use.
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

/// What else is wanted of stored rows.
#[derive(Debug, Clone, Copy)]
struct Wants {
    /// The identifiers under which they came.
    who: bool,
    /// That what is decoded for them is kept for other questions.
    warm: bool,
}

impl Stored {
    fn fill(
        &mut self,
        view: &View,
        plan: &Plan,
        block: Option<&Block>,
        places: &[Place],
        wants: Wants,
        raw: &mut Vec<u64>,
    ) -> Result<()> {
        self.batch.clear(plan.dims.len());
        self.who.clear();
        let Some(block) = block else {
            return Ok(());
        };
        let columns = columns(view, plan, block);
        let wanted = places.iter().filter(|place| !place.rows.is_empty());
        let wanted: Vec<(u32, Range<usize>)> =
            wanted.map(|place| (place.person, place.rows.clone())).collect();
        if wants.warm
            && !wants.who
            && let Some(kept) = block.warm.get(block, &columns, &wanted, raw, &mut self.read)?
        {
            kept.copy(&columns, &wanted, &mut self.batch);
            return Ok(());
        }
        let who = wants.who.then_some((&mut self.read_who, &mut self.who));
        gather(block, &columns, &wanted, raw, &mut self.read, &mut self.batch, who)
    }
}

/// Appends the rows of persons (ascending, with their rows in the block), and whose they are where that is wanted. `read` and
/// the first part of `who` are room for what is read at once.
pub(crate) fn gather(
    block: &Block,
    columns: &[Option<usize>],
    persons: &[(u32, Range<usize>)],
    raw: &mut Vec<u64>,
    read_to: &mut Batch,
    to: &mut Batch,
    mut who: Option<(&mut Vec<u32>, &mut Vec<u32>)>,
) -> Result<()> {
    to.columns.resize_with(columns.len(), Vec::new);
    let mut rest = persons;
    while let Some((_, first)) = rest.first() {
        let (start, mut end) = (first.start, first.end);
        let mut n = 1;
        while let Some((_, next)) = rest.get(n).filter(|(_, next)| next.start - end <= GAP) {
            end = next.end;
            n += 1;
        }
        read_to.set_rows(end - start, columns.len());
        read(block, columns, start..end, raw, read_to)?;
        if let Some((read_who, _)) = &mut who {
            read_who.resize(end - start, 0);
            block.read_who(start..end, read_who)?;
        }
        for (person, rows) in &rest[..n] {
            let rows = rows.start - start..rows.end - start;
            to.append(read_to, rows.clone());
            if let Some((read_who, who)) = &mut who {
                who.extend_from_slice(&read_who[rows]);
            }
            to.persons.push(*person);
            to.ends.push(to.at.len() as u32);
        }
        rest = &rest[n..];
    }
    Ok(())
}

impl Batch {
    pub fn append(&mut self, from: &Batch, rows: Range<usize>) {
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
    places: &[Place],
    keys_of: impl Fn(&Place) -> Range<usize>,
    unsettled: &[u32],
    stored: &Stored,
    raw: &mut Vec<u64>,
    out: &mut Batch,
    order: &mut Vec<(i64, u32)>,
    spare: &mut Batch,
) -> Result<()> {
    out.clear(plan.dims.len());
    let mut next = 0;
    for place in places {
        let person = &place.person;
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
        for key in &overlay.order.keys[keys_of(place)] {
            let (chunk, at) = view.recents.place(key.position as usize);
            out.at.push(key.at);
            out.event.push(chunk.event[at]);
            for (column, dim) in out.columns.iter_mut().zip(&plan.dims) {
                column.push(chunk.code(*dim, at));
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
