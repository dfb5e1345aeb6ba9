//! Visits in one pass over the runs: what a person did without a long silence.
//!
//! Runs are sorted by identifier and time, so that the sessions of one identifier in one run are cut as the rows go by, with
//! [`Sessions`], the kernel of the questions about sessions. A piece of a session that begins in one run and goes on in another, or
//! under another identifier of the same person, meets its other pieces afterwards: pieces whose times touch, or lie no further apart
//! than the silence, are one visit. So no row is sorted and little is held: the rows of a range of identifiers at a time,
//! and of persons with several identifiers the first and the last view of each piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions,
    TimestampMicrosecondArray,
};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::sessions::Sessions;
use burgeon_core::behaviour::{By, Rows};
use burgeon_events::Persons;
use datafusion::physical_expr::PhysicalExpr;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::RowSelection;

use super::EventStore;
use super::batch::{self, Columns, POSITION, WHO};
use super::run::{self, Run};
use super::state::EventsState;
use super::table::{Shown, Wanted, of_numbers};
use crate::lake::{LakeError, Result};

/// Rows that a range of identifiers holds, about; fewer where there are few in all, so that every worker has some.
const RANGE_ROWS: usize = 1 << 18;
/// Ranges for each worker.
const RANGES: usize = 4;
/// Visits of one batch.
const BATCH: usize = 8_192;

/// What a scan of visits is asked for.
#[derive(Debug)]
pub(crate) struct VisitsQuestion {
    /// Which events belong to visits, over the shown columns.
    pub hit: Arc<dyn PhysicalExpr>,
    /// Which of them are page views.
    pub view: Arc<dyn PhysicalExpr>,
    /// Which of them are no more than being there.
    pub quiet: Arc<dyn PhysicalExpr>,
    /// The silence that is still within a visit, µs.
    pub gap_us: i64,
    /// What a batch of visits looks like.
    pub schema: SchemaRef,
}

/// A scan of visits, planned: the ranges of identifiers that are read one after the other, by whoever is free.
#[derive(Debug)]
pub(crate) struct VisitsScan {
    store: EventStore,
    question: VisitsQuestion,
    view: Shown,
    /// Stored columns that are read.
    stored: Vec<usize>,
    /// Where [`WHO`] and [`POSITION`] stand among them.
    who: usize,
    position: usize,
    ranges: Vec<Vec<Piece>>,
    /// By person: whether several identifiers are theirs.
    linked: Vec<bool>,
    /// By identifier.
    persons: Persons,
}

/// A scan on its way, shared by its workers.
#[derive(Debug)]
pub(crate) struct VisitsWork {
    scan: Arc<VisitsScan>,
    /// The next range.
    next: AtomicUsize,
    /// Workers that are not done.
    working: AtomicUsize,
    /// Pieces of persons with several identifiers, until all ranges are read.
    waiting: Mutex<Vec<Pieces>>,
}

/// Rows sorted by identifier and time.
#[derive(Debug)]
enum Piece {
    /// Some rows of a row group.
    Group { run: Arc<Run>, group: usize, from: usize, to: usize },
    /// Rows in memory.
    Rows(RecordBatch),
}

/// A row and its place in the order of a person's rows: by time, then by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    at: i64,
    position: i64,
    who: i32,
    batch: usize,
    row: usize,
}

/// A piece of a visit.
#[derive(Debug, Clone)]
struct Part {
    person: u32,
    start: i64,
    last: i64,
    pages: i64,
    /// Whether something was done beyond looking.
    did: bool,
    /// First and last page view.
    views: Option<(Spot, Spot)>,
}

/// Pieces of visits and the rows that they name.
#[derive(Debug, Default)]
struct Pieces {
    parts: Vec<Part>,
    /// Shown columns.
    batches: Vec<RecordBatch>,
}

impl VisitsScan {
    /// Plans a scan. `shown` are the columns of events (positions in the shown schema) that the question and the answer need.
    pub fn new(
        store: &EventStore,
        shown: &[usize],
        wanted: &Wanted,
        question: VisitsQuestion,
    ) -> Result<Self> {
        let events = store.shared().events.sound()?;
        let columns = &events.columns;
        let (state, view) = (events.state(), Shown::new(store, shown)?);
        let mut stored = view.stored.clone();
        stored.extend([columns.at(WHO), columns.at(POSITION), columns.at("at")]);
        stored.sort_unstable();
        stored.dedup();
        let place = |name: &str| stored.binary_search(&columns.at(name)).unwrap_or_default();
        let (who, position) = (place(WHO), place(POSITION));
        let persons = events.hot.snapshot().persons();
        let mut linked = vec![false; persons.len()];
        for (number, person) in
            persons.iter().enumerate().filter(|(number, person)| *number != *person as usize)
        {
            linked[number] = true;
            linked[person as usize] = true;
        }
        let ranges = match &wanted.who {
            Some(who) => vec![rows_of(columns, &state, &stored, who)?],
            None => ranges(columns, &state, &stored, RANGES * store.partitions())?,
        };
        Ok(Self { store: store.clone(), question, view, stored, who, position, ranges, linked, persons })
    }

    /// Reads rows and cuts them.
    fn read(&self, piece: &Piece, out: &mut Pieces) -> Result<()> {
        let columns = &self.store.shared().events.columns;
        match piece {
            Piece::Rows(rows) => self.cut(rows, out),
            Piece::Group { run, group, from, to } => {
                let rows = run.groups(columns)?[*group].rows;
                let selection = (*from > 0 || *to < rows)
                    .then(|| RowSelection::from_consecutive_ranges(std::iter::once(*from..*to), rows));
                for batch in run.read(columns, &self.stored, Some(vec![*group]), selection, BATCH)? {
                    self.cut(&batch?, out)?;
                }
                Ok(())
            }
        }
    }

    /// Cuts sorted rows into pieces of visits.
    fn cut(&self, rows: &RecordBatch, out: &mut Pieces) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let shown = self.view.show(rows)?;
        let holds = |expr: &Arc<dyn PhysicalExpr>| -> Result<BooleanArray> {
            let value = expr.evaluate(&shown).and_then(|value| value.into_array(shown.num_rows()));
            value.map(|array| array.as_boolean().clone()).map_err(wrong)
        };
        let (hit, view, quiet) =
            (holds(&self.question.hit)?, holds(&self.question.view)?, holds(&self.question.quiet)?);
        let is = |array: &BooleanArray, row: usize| array.is_valid(row) && array.value(row);
        let class: Vec<u16> = (0..shown.num_rows())
            .map(|row| match (is(&hit, row), is(&view, row), is(&quiet, row)) {
                (false, ..) => 0,
                (true, true, _) => 0b011,
                (true, false, true) => 0b001,
                (true, false, false) => 0b101,
            })
            .collect();
        let who = rows.column(self.who).as_primitive::<arrow::datatypes::Int32Type>().values();
        let position = rows.column(self.position).as_primitive::<arrow::datatypes::Int64Type>().values();
        let at = batch::times(rows)?.values();
        let (mut numbers, mut ends) = (vec![], vec![]);
        let mut end = 0;
        for same in who.chunk_by(|a, b| a == b) {
            end += same.len();
            numbers.push(same[0] as u32);
            ends.push(u32::try_from(end).unwrap_or(u32::MAX));
        }
        let masks: [u64; 6] = [0, 1, 2, 3, 4, 5];
        let histories =
            Rows { persons: &numbers, ends: &ends, at, class: &class, masks: &masks, by: By::None };
        let sessions = Sessions { gap_us: self.question.gap_us, ..Sessions::new(Calendar::new(vec![])) };
        let (number, mut any) = (out.batches.len(), false);
        for (identifier, from, to) in histories.histories() {
            let person = self.persons.of(identifier);
            sessions.of(&histories, identifier, from, to, |session| {
                let is_view = |row: &usize| class[*row] == 0b011;
                let spot = |row: usize| Spot {
                    at: at[row],
                    position: position[row],
                    who: who[row],
                    batch: number,
                    row,
                };
                let rows = session.first..session.end;
                let first = rows.clone().find(is_view);
                let last = rows.clone().rev().find(is_view);
                any |= first.is_some();
                out.parts.push(Part {
                    person,
                    start: session.start,
                    last: session.last,
                    pages: session.pages,
                    did: rows.into_iter().any(|row| class[row] == 0b101),
                    views: first.zip(last).map(|(first, last)| (spot(first), spot(last))),
                });
            });
        }
        if any {
            out.batches.push(shown);
        }
        Ok(())
    }

    /// Gives out the visits of whole persons; false when nobody wants more.
    fn put(
        &self,
        parts: Vec<Part>,
        batches: &[RecordBatch],
        give: &mut impl FnMut(RecordBatch) -> bool,
    ) -> Result<bool> {
        let visits = together(parts, self.question.gap_us);
        for some in visits.chunks(BATCH) {
            if !give(self.batch(some, batches)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn batch(&self, visits: &[(Part, bool)], batches: &[RecordBatch]) -> Result<RecordBatch> {
        let spots = |last: bool| -> Vec<(usize, usize)> {
            let views = visits.iter().filter_map(|(part, _)| part.views);
            views
                .map(|(first, end)| if last { end } else { first })
                .map(|spot| (spot.batch, spot.row))
                .collect()
        };
        let (first, last) = (spots(false), spots(true));
        let column = |name: &str, spots: &[(usize, usize)]| -> Result<ArrayRef> {
            let at = self.view.schema.index_of(name)?;
            let columns: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
            Ok(interleave(&columns, spots)?)
        };
        let numbers = |of: &dyn Fn(&Part) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(visits.iter().map(|(part, _)| of(part))))
        };
        let mut columns: Vec<ArrayRef> = vec![];
        for field in self.question.schema.fields() {
            columns.push(match field.name().as_str() {
                "at" => {
                    let starts = visits.iter().map(|(part, _)| part.start);
                    Arc::new(TimestampMicrosecondArray::from_iter_values(starts).with_timezone("UTC"))
                }
                "pages" => numbers(&|part| part.pages),
                "seconds" => numbers(&|part| (part.last - part.start) / 1_000_000),
                "bounced" => {
                    let bounced = visits.iter().map(|(part, _)| Some(part.pages == 1 && !part.did));
                    Arc::new(bounced.collect::<BooleanArray>())
                }
                "is_returning" => {
                    Arc::new(visits.iter().map(|(_, returning)| Some(*returning)).collect::<BooleanArray>())
                }
                "exit_path" => column("path", &last)?,
                name => column(name, &first)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(visits.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.question.schema), columns, &options)?)
    }
}

impl VisitsWork {
    /// The scan from its beginning, for so many workers.
    pub fn new(scan: &Arc<VisitsScan>, workers: usize) -> Self {
        Self {
            scan: Arc::clone(scan),
            next: AtomicUsize::new(0),
            working: AtomicUsize::new(workers),
            waiting: Mutex::default(),
        }
    }

    /// Works until no range is left; the last worker brings the pieces of persons with several identifiers together. `give` says
    /// whether more is wanted.
    pub fn run(&self, mut give: impl FnMut(RecordBatch) -> bool) -> Result<()> {
        let scan = &self.scan;
        while let Some(range) = scan.ranges.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut pieces = Pieces::default();
            for piece in range {
                scan.read(piece, &mut pieces)?;
            }
            let linked = |part: &Part| scan.linked.get(part.person as usize).copied().unwrap_or(false);
            let (waiting, alone): (Vec<Part>, Vec<Part>) = pieces.parts.drain(..).partition(linked);
            if !waiting.is_empty() {
                let kept = kept(waiting, &pieces.batches)?;
                self.waiting.lock().push(kept);
            }
            if !scan.put(alone, &pieces.batches, &mut give)? {
                return Ok(());
            }
        }
        if self.working.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        let mut all = Pieces::default();
        for mut pieces in self.waiting.lock().drain(..) {
            let first = all.batches.len();
            for spot in pieces.parts.iter_mut().filter_map(|part| part.views.as_mut()) {
                spot.0.batch += first;
                spot.1.batch += first;
            }
            all.parts.append(&mut pieces.parts);
            all.batches.append(&mut pieces.batches);
        }
        scan.put(all.parts, &all.batches, &mut give)?;
        Ok(())
    }
}

fn wrong(error: datafusion::common::DataFusionError) -> LakeError {
    LakeError::Internal(error.to_string())
}

/// Brings pieces together to visits with a page view, by person and time; beside each whether the person had one before.
fn together(mut parts: Vec<Part>, gap_us: i64) -> Vec<(Part, bool)> {
    parts.sort_by_key(|part| (part.person, part.start));
    let mut visits: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match visits.last_mut() {
            Some(visit)
                if visit.person == part.person && part.start.saturating_sub(visit.last) <= gap_us.max(0) =>
            {
                visit.last = visit.last.max(part.last);
                visit.pages += part.pages;
                visit.did |= part.did;
                visit.views = match (visit.views, part.views) {
                    (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                    (a, b) => a.or(b),
                };
            }
            _ => visits.push(part),
        }
    }
    visits.retain(|visit| visit.views.is_some());
    let mut before = None;
    let returning = |visit: Part| (before.replace(visit.person) == Some(visit.person), visit);
    visits.into_iter().map(returning).map(|(returning, visit)| (visit, returning)).collect()
}

/// Pieces with the rows of their first and last views alone.
fn kept(mut parts: Vec<Part>, batches: &[RecordBatch]) -> Result<Pieces> {
    let mut spots: Vec<(usize, usize)> = vec![];
    for (first, last) in parts.iter_mut().filter_map(|part| part.views.as_mut()) {
        for spot in [first, last] {
            spots.push((spot.batch, spot.row));
            (spot.batch, spot.row) = (0, spots.len() - 1);
        }
    }
    let Some(schema) = batches.first().map(RecordBatch::schema).filter(|_| !spots.is_empty()) else {
        return Ok(Pieces { parts, batches: vec![] });
    };
    let mut columns = vec![];
    for at in 0..schema.fields().len() {
        let of: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(at).as_ref()).collect();
        columns.push(interleave(&of, &spots)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(spots.len()));
    let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
    Ok(Pieces { parts, batches: vec![batch::compact(&rows)?] })
}

/// The rows in memory, sorted, as the stored columns that are read.
fn tail(columns: &Columns, state: &EventsState, stored: &[usize]) -> Result<Option<RecordBatch>> {
    if state.tail.is_empty() {
        return Ok(None);
    }
    let chunks: Vec<&RecordBatch> = state.tail.iter().map(|chunk| &chunk.rows).collect();
    let rows = run::sort(&columns.whole(&columns.concat(&chunks)?)?)?;
    Ok(Some(rows.project(stored)?))
}

/// The rows of some identifiers (sorted).
fn rows_of(columns: &Columns, state: &EventsState, stored: &[usize], who: &[i32]) -> Result<Vec<Piece>> {
    let mut pieces = vec![];
    for run in &state.runs {
        pieces.extend(run.find(columns, stored, who)?.into_iter().map(Piece::Rows));
    }
    if let Some(rows) = tail(columns, state, stored)? {
        pieces.push(Piece::Rows(of_numbers(&rows, who)?));
    }
    Ok(pieces)
}

/// Cuts all rows into ranges of identifiers, `most` of them where that is enough.
fn ranges(columns: &Columns, state: &EventsState, stored: &[usize], most: usize) -> Result<Vec<Vec<Piece>>> {
    let mut groups: Vec<(i32, usize)> = vec![];
    for run in &state.runs {
        groups.extend(run.groups(columns)?.iter().map(|group| (group.who.1, group.rows)));
    }
    groups.sort_unstable();
    let all: usize = groups.iter().map(|(_, rows)| rows).sum();
    let each = all.div_ceil(most.max(1)).min(RANGE_ROWS);
    // The first identifier of each range but the first.
    let (mut cuts, mut rows): (Vec<i32>, usize) = (vec![], 0);
    for (last, more) in groups {
        rows += more;
        if rows >= each && last < i32::MAX && cuts.last() != Some(&(last + 1)) {
            cuts.push(last + 1);
            rows = 0;
        }
    }
    let mut ranges: Vec<Vec<Piece>> = (0..=cuts.len()).map(|_| vec![]).collect();
    for run in &state.runs {
        for (number, group) in run.groups(columns)?.iter().enumerate() {
            let first = cuts.partition_point(|cut| *cut <= group.who.0);
            let last = cuts.partition_point(|cut| *cut <= group.who.1);
            let piece = |from, to| Piece::Group { run: Arc::clone(run), group: number, from, to };
            if first == last {
                ranges[first].push(piece(0, group.rows));
                continue;
            }
            // Where in the group each range begins.
            let mut bounds = vec![0; last - first + 1];
            let mut before = 0;
            for batch in run.read(columns, &[columns.at(WHO)], Some(vec![number]), None, run::GROUP_ROWS)? {
                let batch = batch?;
                let who = batch::numbers(&batch)?.values();
                for (bound, cut) in bounds[1..].iter_mut().zip(&cuts[first..last]) {
                    let here = who.partition_point(|one| one < cut);
                    if here > 0 {
                        *bound = before + here;
                    }
                }
                before += who.len();
            }
            bounds.push(group.rows);
            for (at, span) in bounds.windows(2).enumerate().filter(|(_, span)| span[0] < span[1]) {
                ranges[first + at].push(piece(span[0], span[1]));
            }
        }
    }
    if let Some(rows) = tail(columns, state, stored)? {
        let who = batch::numbers(&rows)?.values().to_vec();
        let bound = |cut: &i32| who.partition_point(|one| one < cut);
        let bounds: Vec<usize> =
            std::iter::once(0).chain(cuts.iter().map(bound)).chain([rows.num_rows()]).collect();
        for (range, span) in ranges.iter_mut().zip(bounds.windows(2)) {
            if span[0] < span[1] {
                range.push(Piece::Rows(rows.slice(span[0], span[1] - span[0])));
            }
        }
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(person: u32, start: i64, last: i64, pages: i64) -> Part {
        let spot = |at| Spot { at, position: 0, who: 0, batch: 0, row: 0 };
        let views = (pages > 0).then(|| (spot(start), spot(last)));
        Part { person, start, last, pages, did: false, views }
    }

    #[test]
    fn pieces_that_touch_are_one_visit() {
        let parts = vec![
            part(1, 50, 60, 1),
            part(1, 0, 10, 1),
            part(1, 5, 40, 0),
            part(2, 0, 0, 0),
            part(1, 71, 71, 1),
        ];
        let visits = together(parts, 10);
        let shown: Vec<_> =
            visits.iter().map(|(v, back)| (v.person, v.start, v.last, v.pages, *back)).collect();
        assert_eq!(shown, [(1, 0, 60, 2, false), (1, 71, 71, 1, true)], "nobody visits without a view");
        assert_eq!(visits[0].0.views.map(|(a, b)| (a.at, b.at)), Some((0, 60)));
    }
}
