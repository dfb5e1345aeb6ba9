//! The rows of one bucket in stored order: the base file, merged with what is newer.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::{Int64Type, Schema, SchemaRef, UInt64Type};

use super::error::Result;
use super::files::{FileRows, Group, lower_bound};
use super::layout::{Layout, Times};
use super::prune::Bounds;
use super::slice::Slice;
use super::state::TableState;
use super::view::{self, Mask, View};

/// What is read of a bucket.
#[derive(Debug)]
pub(crate) struct Part {
    pub bucket: usize,
    /// Rows outside of these may be left out.
    pub bounds: Bounds,
    /// Entities outside of it must be left out; `None` reads all of them.
    pub slice: Option<Arc<Slice>>,
    /// The most rows that are given.
    pub limit: Option<usize>,
}

/// The rows of one bucket. Opens its file when first asked for rows.
pub(crate) struct BucketRows {
    state: Arc<TableState>,
    part: Part,
    projection: Vec<usize>,
    batch_size: usize,
    left: usize,
    source: Source,
}

enum Source {
    Unopened,
    Plain(Base),
    Merging(Box<Merger>),
    Done,
}

impl BucketRows {
    pub fn new(state: Arc<TableState>, part: Part, projection: Vec<usize>, batch_size: usize) -> Self {
        let left = part.limit.unwrap_or(usize::MAX);
        Self { state, part, projection, batch_size, left, source: Source::Unopened }
    }

    fn open(&self) -> Result<Source> {
        let layout = &self.state.layout;
        let Part { bucket, bounds, slice, .. } = &self.part;
        if !bounds.bucket(layout, *bucket) {
            return Ok(Source::Done);
        }
        let view = view::view(&self.state, *bucket)?;
        let touched = slice.as_ref().map_or(0..view.touched.len(), |slice| view.within(slice));
        let mut columns = self.projection.clone();
        let mut also = |wanted: &[usize]| {
            for at in wanted.iter().filter(|at| !self.projection.contains(at)) {
                columns.push(*at);
            }
        };
        let entity = layout.entity.as_slice();
        if !touched.is_empty() {
            also(&[entity, layout.time.as_slice(), &[layout.seq, layout.key]].concat());
        }
        let mut file = None;
        if let Some(base) = &self.state.buckets[*bucket].base {
            let groups = base.groups(layout)?;
            let meets =
                |group: &Group| bounds.group(group) && slice.as_ref().is_none_or(|slice| slice.meets(group));
            let wanted: Vec<usize> = (0..groups.len()).filter(|at| meets(&groups[*at])).collect();
            // The writer begins row groups with entities, but a file may be older, or an entity larger than one.
            let cut = slice.clone().filter(|slice| !wanted.iter().all(|at| slice.covers(&groups[*at])));
            if cut.is_some() && touched.is_empty() {
                also(entity);
            }
            if !wanted.is_empty() {
                let only = (wanted.len() < groups.len()).then_some(wanted);
                let rows = base.read(layout, &columns, only, None, self.batch_size)?;
                let at = layout.entity.and_then(|at| columns.iter().position(|other| *other == at));
                file = Some(Base { rows, cut: cut.zip(at) });
            }
        }
        let shown = self.projection.len();
        match (file, touched.is_empty()) {
            (None, true) => Ok(Source::Done),
            (Some(file), true) => Ok(Source::Plain(file)),
            (file, false) => {
                let merger = Merger::new(layout, file, (view, touched), &columns, shown, self.batch_size)?;
                Ok(Source::Merging(Box::new(merger)))
            }
        }
    }

    fn step(&mut self) -> Result<Option<RecordBatch>> {
        if matches!(self.source, Source::Unopened) {
            self.source = self.open()?;
        }
        match &mut self.source {
            Source::Unopened | Source::Done => Ok(None),
            Source::Plain(file) => match file.next()? {
                Some(batch) => first_columns(&batch, self.projection.len()).map(Some),
                None => Ok(None),
            },
            Source::Merging(merger) => merger.next(),
        }
    }
}

impl Iterator for BucketRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        match self.step() {
            Ok(None) => None,
            Ok(Some(batch)) => {
                let batch = if batch.num_rows() > self.left { batch.slice(0, self.left) } else { batch };
                self.left -= batch.num_rows();
                Some(Ok(batch))
            }
            Err(error) => {
                self.source = Source::Done;
                Some(Err(error))
            }
        }
    }
}

/// The rows of a base file that are read.
struct Base {
    rows: FileRows,
    /// Rows outside of this slice are left out; with the column of the entity.
    cut: Option<(Arc<Slice>, usize)>,
}

impl Base {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        for batch in self.rows.by_ref() {
            let batch = batch?;
            let batch = match &self.cut {
                Some((slice, entity)) => slice.cut(&batch, batch.column(*entity).as_string_view()),
                None => batch,
            };
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

/// The first columns of a batch; those after them were read to cut and merge by.
fn first_columns(batch: &RecordBatch, count: usize) -> Result<RecordBatch> {
    if batch.num_columns() == count {
        return Ok(batch.clone());
    }
    let fields = batch.schema_ref().fields()[..count].to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns()[..count].to_vec();
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// Merges a base file with a view. Both are sorted by (entity, time, version, key).
struct Merger {
    file: Option<Base>,
    view: Arc<View>,
    live: Live,
    schema: SchemaRef,
    /// Columns that go out; those after them are for merging only.
    shown: usize,
    entity: Option<usize>,
    time: Option<usize>,
    seq: usize,
    key: usize,
    /// The touched entities that are still to come.
    touched: Range<usize>,
    /// The view's rows that are still to come.
    coming: Range<usize>,
    batch_size: usize,
    ready: VecDeque<RecordBatch>,
    ended: bool,
}

/// The view's rows: the shown columns, and what they are ordered by.
struct Live {
    batch: Option<RecordBatch>,
    times: Times,
    seqs: Vec<i64>,
    keys: Vec<u64>,
}

impl Live {
    fn order(&self, row: usize) -> (i64, i64, u64) {
        (self.times.at(row), self.seqs[row], self.keys[row])
    }
}

impl Merger {
    fn new(
        layout: &Layout,
        file: Option<Base>,
        (view, touched): (Arc<View>, Range<usize>),
        columns: &[usize],
        shown: usize,
        batch_size: usize,
    ) -> Result<Self> {
        let at = |column: usize| columns.iter().position(|other| *other == column).unwrap_or_default();
        let live = match &view.live {
            None => Live { batch: None, times: Times::None, seqs: Vec::new(), keys: Vec::new() },
            Some(batch) => Live {
                times: layout.times(batch),
                seqs: layout.seqs(batch).values().to_vec(),
                keys: layout.keys(batch).values().to_vec(),
                batch: Some(batch.project(&columns[..shown])?),
            },
        };
        Ok(Self {
            file,
            live,
            schema: Arc::new(layout.schema.project(&columns[..shown])?),
            shown,
            entity: layout.entity.map(at),
            time: layout.time.map(at),
            seq: at(layout.seq),
            key: at(layout.key),
            coming: view.rows(&touched),
            touched,
            batch_size,
            ready: VecDeque::new(),
            ended: false,
            view,
        })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(file) = &mut self.file else {
                if self.ended {
                    return Ok(None);
                }
                self.ended = true;
                self.rest()?;
                continue;
            };
            match file.next()? {
                Some(batch) => self.merge(&batch)?,
                None => self.file = None,
            }
        }
    }

    /// What is left of the view when the base file is at its end.
    fn rest(&mut self) -> Result<()> {
        let Some(live) = &self.live.batch else {
            return Ok(());
        };
        while !self.coming.is_empty() {
            let length = self.batch_size.min(self.coming.len());
            self.ready.push_back(live.slice(self.coming.start, length));
            self.coming.start += length;
        }
        Ok(())
    }

    /// Merges one batch of the base file with the rows of the view that belong before its end.
    fn merge(&mut self, base: &RecordBatch) -> Result<()> {
        let view = Arc::clone(&self.view);
        let rows = base.num_rows();
        let names = self.entity.map(|at| base.column(at).as_string_view());
        let view = &view.touched[..self.touched.end];
        let untouched = match (view.get(self.touched.start), names) {
            (None, _) => true,
            (Some(touched), Some(names)) => *touched.entity > *names.value(rows - 1),
            (Some(_), None) => false,
        };
        if untouched {
            self.ready.push_back(first_columns(base, self.shown)?);
            return Ok(());
        }
        let times = self.time.map_or(Times::None, |at| Times::of(base.column(at)));
        let seqs = base.column(self.seq).as_primitive::<Int64Type>().values();
        let keys = base.column(self.key).as_primitive::<UInt64Type>().values();
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(rows + 64);
        let mut at = 0;
        while let Some(touched) = view.get(self.touched.start) {
            let start = names.map_or(at, |names| lower_bound(names, at, &touched.entity));
            order.extend((at..start).map(|row| (0, row)));
            at = start;
            if at == rows {
                break;
            }
            let is_its = |row: usize| names.is_none_or(|names| names.value(row) == &*touched.entity);
            while at < rows && is_its(at) {
                let shown = match &touched.mask {
                    Mask::All => false,
                    Mask::Keys(masked) => !masked.contains(&keys[at]),
                };
                if shown {
                    let here = (times.at(at), seqs[at], keys[at]);
                    while self.coming.start < touched.live.end && self.live.order(self.coming.start) < here {
                        order.push((1, self.coming.start));
                        self.coming.start += 1;
                    }
                    order.push((0, at));
                }
                at += 1;
            }
            if at == rows {
                break; // the entity may go on in the next batch
            }
            order.extend((self.coming.start..touched.live.end).map(|row| (1, row)));
            self.coming.start = self.coming.start.max(touched.live.end);
            self.touched.start += 1;
        }
        order.extend((at..rows).map(|row| (0, row)));
        for chunk in order.chunks(self.batch_size.max(rows)) {
            let batch = self.gather(base, chunk)?;
            self.ready.push_back(batch);
        }
        Ok(())
    }

    fn gather(&self, base: &RecordBatch, order: &[(usize, usize)]) -> Result<RecordBatch> {
        let columns = (0..self.shown)
            .map(|at| {
                let mut arrays: Vec<&dyn Array> = vec![base.column(at).as_ref()];
                arrays.extend(self.live.batch.as_ref().map(|live| live.column(at).as_ref()));
                interleave(&arrays, order)
            })
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(order.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}
