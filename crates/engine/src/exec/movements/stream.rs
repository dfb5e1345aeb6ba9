//! The fold as a stream of batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use burgeon_core::revenue::{ChurnDateRule, Fold, RevenueRules, Status};
use burgeon_core::time::Zone;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::{Stream, StreamExt};

use super::changes::{Changes, Memory};
use super::columns::Columns;
use super::sides::{Side, give};
use crate::functions::cut_off::SEEN;

const DAY: i64 = 86_400_000_000;

/// Folds the rows of `input` with those beside them; rows after `now` (µs UTC) are scheduled. Gives batches of about
/// `rows` rows.
pub(super) fn fold(
    input: SendableRecordBatchStream,
    sides: Vec<Side>,
    (rules, zone): (RevenueRules, &Zone),
    now: i64,
    schema: SchemaRef,
    rows: usize,
    metrics: BaselineMetrics,
) -> Result<SendableRecordBatchStream> {
    Ok(Box::pin(FoldStream {
        input: Some(input),
        sides,
        fold: Fold::new(&rules, now).in_zone(zone),
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
    sides: Vec<Side>,
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
            let upto = Some(change.customer_id);
            if !self.sides.is_empty() && give(&mut self.sides, upto, &mut self.fold, &mut self.columns)? {
                break;
            }
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
        self.note_derived();
        Ok(())
    }

    /// Notes the instants nearest to now that the fold itself came to.
    fn note_derived(&self) {
        let (before, after) = self.fold.nearest();
        let _ = SEEN.try_with(|seen| seen.now.note(before, after));
    }

    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        loop {
            if self.columns.rows() >= self.rows {
                return Poll::Ready(Some(self.columns.finish()));
            }
            for side in &mut self.sides {
                ready!(side.poll_fill(context))?;
            }
            if self.batch.is_some() {
                self.advance()?;
                continue;
            }
            let Some(input) = &mut self.input else {
                if give(&mut self.sides, None, &mut self.fold, &mut self.columns)? {
                    continue;
                }
                self.fold.finish(&mut self.columns);
                self.note_derived();
                return Poll::Ready((self.columns.rows() > 0).then(|| self.columns.finish()));
            };
            match ready!(input.poll_next_unpin(context)) {
                Some(batch) => {
                    self.batch = Some(Changes::new(&batch?)?);
                    self.next = 0;
                }
                None => self.input = None,
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
