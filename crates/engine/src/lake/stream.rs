//! The rows of one bucket in stored order: the base file, merged with what is newer.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::{Int64Type, SchemaRef, UInt64Type};

use super::error::Result;
use super::files::{FileRows, lower_bound};
use super::layout::{Layout, Times};
use super::prune::Bounds;
use super::state::TableState;
use super::view::{self, Mask, View};

/// The rows of one bucket. Opens its file when first asked for rows.
pub(crate) struct BucketRows {
    state: Arc<TableState>,
    bucket: usize,
    projection: Vec<usize>,
    bounds: Bounds,
    batch_size: usize,
    left: usize,
    source: Source,
}

enum Source {
    Unopened,
    Plain(FileRows),
    Merging(Box<Merger>),
    Done,
}

impl BucketRows {
    pub fn new(
        state: Arc<TableState>,
        bucket: usize,
        projection: Vec<usize>,
        bounds: Bounds,
        batch_size: usize,
        limit: Option<usize>,
    ) -> Self {
        let left = limit.unwrap_or(usize::MAX);
        Self { state, bucket, projection, bounds, batch_size, left, source: Source::Unopened }
    }

    fn open(&self) -> Result<Source> {
        let layout = &self.state.layout;
        if !self.bounds.bucket(layout, self.bucket) {
            return Ok(Source::Done);
        }
        let view = view::view(&self.state, self.bucket)?;
        let mut columns = self.projection.clone();
        if !view.is_empty() {
            for at in layout.entity.into_iter().chain(layout.time).chain([layout.seq, layout.key]) {
                if !columns.contains(&at) {
                    columns.push(at);
                }
            }
        }
        let file = match &self.state.buckets[self.bucket].base {
            None => None,
            Some(base) => {
                let groups = base.groups(layout)?;
                let wanted: Vec<usize> =
                    (0..groups.len()).filter(|at| self.bounds.group(&groups[*at])).collect();
                let all = wanted.len() == groups.len();
                match wanted.is_empty() {
                    true => None,
                    false => {
                        Some(base.read(layout, &columns, (!all).then_some(wanted), None, self.batch_size)?)
                    }
                }
            }
        };
        match (file, view.is_empty()) {
            (None, true) => Ok(Source::Done),
            (Some(file), true) => Ok(Source::Plain(file)),
            (file, false) => Ok(Source::Merging(Box::new(Merger::new(
                layout,
                file,
                view,
                &columns,
                self.projection.len(),
                self.batch_size,
            )?))),
        }
    }

    fn step(&mut self) -> Result<Option<RecordBatch>> {
        if matches!(self.source, Source::Unopened) {
            self.source = self.open()?;
        }
        match &mut self.source {
            Source::Unopened | Source::Done => Ok(None),
            Source::Plain(file) => file.next().transpose(),
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

/// Merges a base file with a view. Both are sorted by (entity, time, version, key).
struct Merger {
    file: Option<FileRows>,
    view: Arc<View>,
    live: Live,
    schema: SchemaRef,
    /// Columns that go out; those after them are for merging only.
    shown: usize,
    entity: Option<usize>,
    time: Option<usize>,
    seq: usize,
    key: usize,
    /// The touched entity that comes next.
    next: usize,
    /// Rows of the view given out so far.
    given: usize,
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
        file: Option<FileRows>,
        view: Arc<View>,
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
            next: 0,
            given: 0,
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
            match file.next().transpose()? {
                Some(batch) if batch.num_rows() == 0 => {}
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
        while self.given < live.num_rows() {
            let length = self.batch_size.min(live.num_rows() - self.given);
            self.ready.push_back(live.slice(self.given, length));
            self.given += length;
        }
        Ok(())
    }

    /// Merges one batch of the base file with the rows of the view that belong before its end.
    fn merge(&mut self, base: &RecordBatch) -> Result<()> {
        let view = Arc::clone(&self.view);
        let rows = base.num_rows();
        let names = self.entity.map(|at| base.column(at).as_string_view());
        let untouched = match (view.touched.get(self.next), names) {
            (None, _) => true,
            (Some(touched), Some(names)) => *touched.entity > *names.value(rows - 1),
            (Some(_), None) => false,
        };
        if untouched {
            self.ready.push_back(self.project(base)?);
            return Ok(());
        }
        let times = self.time.map_or(Times::None, |at| Times::of(base.column(at)));
        let seqs = base.column(self.seq).as_primitive::<Int64Type>().values();
        let keys = base.column(self.key).as_primitive::<UInt64Type>().values();
        let mut order: Vec<(usize, usize)> = Vec::with_capacity(rows + 64);
        let mut at = 0;
        while let Some(touched) = view.touched.get(self.next) {
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
                    while self.given < touched.live.end && self.live.order(self.given) < here {
                        order.push((1, self.given));
                        self.given += 1;
                    }
                    order.push((0, at));
                }
                at += 1;
            }
            if at == rows {
                break; // the entity may go on in the next batch
            }
            order.extend((self.given..touched.live.end).map(|row| (1, row)));
            self.given = self.given.max(touched.live.end);
            self.next += 1;
        }
        order.extend((at..rows).map(|row| (0, row)));
        for chunk in order.chunks(self.batch_size.max(rows)) {
            let batch = self.gather(base, chunk)?;
            self.ready.push_back(batch);
        }
        Ok(())
    }

    fn project(&self, base: &RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(base.num_rows()));
        let columns = base.columns()[..self.shown].to_vec();
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
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
