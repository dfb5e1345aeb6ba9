//! The fold as a stream of batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use burgeon_core::revenue::{ChurnDateRule, Fold, RevenueRules, Status};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::{Stream, StreamExt};

use super::changes::{Changes, Memory};
use super::columns::Columns;
use crate::functions::cut_off::SEEN;

const DAY: i64 = 86_400_000_000;

/// Folds the rows of `input`; rows after `now` (µs UTC) are scheduled. Gives batches of about `rows` rows.
pub(super) fn fold(
    input: SendableRecordBatchStream,
    rules: RevenueRules,
    now: i64,
    schema: SchemaRef,
    rows: usize,
    metrics: BaselineMetrics,
) -> Result<SendableRecordBatchStream> {
    Ok(Box::pin(FoldStream {
        input: Some(input),
        fold: Fold::new(&rules, now),
        rules,
        now,
        columns: Columns::new(Arc::clone(&schema), rows + rows / 8),
        schema,
        rows,
        batch: None,
        next: 0,
        memory: Memory::default(),
        metrics,
    }))
}

struct FoldStream {
    /// `None` once the input has ended.
    input: Option<SendableRecordBatchStream>,
    fold: Fold,
    rules: RevenueRules,
    now: i64,
    columns: Columns,
    schema: SchemaRef,
    rows: usize,
    batch: Option<Changes>,
    /// The next row of `batch`.
    next: usize,
    memory: Memory,
    metrics: BaselineMetrics,
}

impl FoldStream {
    /// Folds rows of the batch at hand until it ends or enough rows are collected.
    fn advance(&mut self) -> Result<()> {
        let Some(changes) = &self.batch else { return Ok(()) };
        let (mut before, mut after) = (i64::MIN, i64::MAX);
        let now = self.now;
        let mut note = |at: i64| {
            if at <= now {
                before = before.max(at);
            } else {
                after = after.min(at);
            }
        };
        let lapse = self.rules.past_due_churn_days.map(|days| i64::from(days) * DAY);
        let on_request = self.rules.churn_date == ChurnDateRule::Request;
        while self.next < changes.rows() && self.columns.rows() < self.rows {
            let change = changes.get(self.next, &mut self.memory)?;
            self.next += 1;
            note(change.at);
            if let (Some(lapse), Status::PastDue) = (lapse, change.status) {
                note(change.at.saturating_add(lapse));
            }
            if let (true, Some(asked)) = (on_request, change.canceled_at) {
                note(asked);
            }
            self.fold
                .push(&change, &mut self.columns)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
        }
        if self.next >= changes.rows() {
            self.batch = None;
        }
        let _ = SEEN.try_with(|seen| seen.now.note(before, after));
        Ok(())
    }

    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        loop {
            if self.columns.rows() >= self.rows {
                return Poll::Ready(Some(self.columns.finish()));
            }
            if self.batch.is_some() {
                self.advance()?;
                continue;
            }
            let Some(input) = &mut self.input else {
                return Poll::Ready((self.columns.rows() > 0).then(|| self.columns.finish()));
            };
            match ready!(input.poll_next_unpin(context)) {
                Some(batch) => {
                    self.batch = Some(Changes::new(&batch?)?);
                    self.next = 0;
                }
                None => {
                    self.input = None;
                    self.fold.finish(&mut self.columns);
                }
            }
        }
    }
}

impl Stream for FoldStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let poll = self.poll_batch(context);
        self.metrics.record_poll(poll)
    }
}

impl RecordBatchStream for FoldStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
