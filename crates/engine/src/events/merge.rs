//! One sorted stream out of several, in bounded memory: the heart of merging runs.

use arrow::array::RecordBatch;

use super::batch::{self, Columns};
use super::run;
use crate::lake::Result;

/// Rows sorted as in a run, a batch at a time.
pub(crate) type Sorted<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + 'a>;

struct Cursor<'a> {
    source: Sorted<'a>,
    /// Whether the source has given all that it has.
    ended: bool,
    /// Rows read and not given out, in order.
    buffer: Vec<RecordBatch>,
}

impl Cursor<'_> {
    /// Reads the next batch.
    fn load(&mut self) -> Result<()> {
        match self.source.next().transpose()? {
            Some(batch) if batch.num_rows() > 0 => self.buffer.push(batch),
            Some(_) => {}
            None => self.ended = true,
        }
        Ok(())
    }

    /// Numbers below this are all in the buffer; `None` when everything is.
    fn known(&self) -> Result<Option<i32>> {
        if self.ended {
            return Ok(None);
        }
        match self.buffer.last() {
            None => Ok(Some(i32::MIN)),
            Some(batch) => Ok(batch::numbers(batch)?.values().last().copied()),
        }
    }

    /// Takes the rows of numbers below `limit` (all when `None`) out of the buffer.
    fn take(&mut self, limit: Option<i32>, out: &mut Vec<RecordBatch>) -> Result<()> {
        let Some(limit) = limit else {
            out.append(&mut self.buffer);
            return Ok(());
        };
        let mut left = Vec::new();
        for batch in self.buffer.drain(..) {
            let cut = batch::numbers(&batch)?.values().partition_point(|who| *who < limit);
            if cut > 0 {
                out.push(batch.slice(0, cut));
            }
            if cut < batch.num_rows() {
                left.push(batch.slice(cut, batch.num_rows() - cut));
            }
        }
        self.buffer = left;
        Ok(())
    }
}

/// Gives the rows of all sources in order, in batches that hold whole persons: all rows of a number are in one batch. Of
/// rows with the same number, time and position those of an earlier source come first.
pub(crate) fn merge(
    columns: &Columns,
    sources: Vec<Sorted<'_>>,
    mut give: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let mut cursors: Vec<Cursor<'_>> =
        sources.into_iter().map(|source| Cursor { source, ended: false, buffer: Vec::new() }).collect();
    loop {
        let mut limit: Option<i32> = None;
        for cursor in &mut cursors {
            if cursor.buffer.is_empty() && !cursor.ended {
                cursor.load()?;
            }
            limit = match (limit, cursor.known()?) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let mut taken = Vec::new();
        for cursor in &mut cursors {
            cursor.take(limit, &mut taken)?;
        }
        if !taken.is_empty() {
            let parts: Vec<&RecordBatch> = taken.iter().collect();
            give(run::sort(&columns.concat(&parts)?)?)?;
        } else if limit.is_none() {
            return Ok(());
        } else {
            // One number goes on beyond a batch: read on where it does.
            for cursor in &mut cursors {
                if cursor.known()? == limit {
                    cursor.load()?;
                }
            }
        }
    }
}
