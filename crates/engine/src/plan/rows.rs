//! The rows behind a number, and the records behind the rows.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{
    SortColumn, SortOptions, cast as cast_array, concat_batches, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{DataType, SchemaRef, UInt64Type};
use burgeon_metrics::base::{Aggregate, BaseMeasure, BaseRequest};
use datafusion::logical_expr::{Expr, lit};
use futures::StreamExt;

use super::engine::Engine;
use super::error::EngineError;
use super::frame::{Frame, column};

/// A record by its place in the lake.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordRef {
    /// The record table.
    pub table: String,
    /// The entity, after merges; empty for tables without one.
    pub entity: String,
    /// `_key` of the row.
    pub key: u64,
}

/// Rows of a fact.
#[derive(Debug, Clone)]
pub struct FactRows {
    /// The fact's columns.
    pub schema: SchemaRef,
    /// The rows of this page, newest first.
    pub rows: RecordBatch,
    /// The record behind each row, where the fact knows it.
    pub records: Vec<Option<RecordRef>>,
    /// How many rows there are in all.
    pub total: usize,
}

impl Engine {
    /// The rows that a request counts in any of its spans and that meet all its filters: newest first, `limit` of them
    /// from `offset` on. The request's `by` and measure only matter in so far as rows whose measure is null or zero are
    /// left out of sums.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn rows(
        &self,
        request: &BaseRequest,
        limit: usize,
        offset: usize,
    ) -> Result<FactRows, EngineError> {
        self.rates().await?;
        let fact = self.fact(&request.fact)?;
        let session = self.session(request.cut_off);
        let frame = Frame::new(self, &session, request).await?;
        let mut keep = frame.in_time(&request.spans, request.cut_off, true);
        for filter in &request.filters {
            keep = keep.and(frame.condition(filter, &self.options.zone));
        }
        if let Some(filter) = &request.filter {
            keep = frame.definition_filter(self, request, filter)?.and(keep);
        }
        let measure = match &request.measure {
            BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some(expr) }
            | BaseMeasure::Balance { expr }
            | BaseMeasure::PositiveEntities { expr }
            | BaseMeasure::Cohort { expr, .. } => Some(frame.sql(request, expr)?),
            _ => None,
        };
        if let Some(measure) = measure {
            keep = keep.and(measure.not_eq(lit(0)));
        }
        let mut columns: Vec<Expr> = vec![frame.time.clone().alias(ORDER)];
        columns.extend(fact.columns.iter().map(|c| column(&c.name)));
        let page = frame.rows.clone().filter(keep)?.select(columns)?;
        let mut newest =
            Newest::new(Arc::new(page.schema().as_arrow().clone()), offset.saturating_add(limit));
        let mut stream = page.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            newest.take(batch?)?;
        }
        let total = newest.total;
        let rows = newest.page(offset)?;
        let schema = rows.schema();
        let mut records = vec![None; rows.num_rows()];
        if let Some((key, table)) = &fact.file.key {
            let entities = fact.file.entity.as_deref().and_then(|name| rows.column_by_name(name));
            let text = |array: &arrow::array::ArrayRef| cast_array(array, &DataType::Utf8View).ok();
            let entities = entities.and_then(text).and_then(|array| array.as_string_view_opt().cloned());
            let keys = rows.column_by_name(key).and_then(|array| array.as_primitive_opt::<UInt64Type>());
            let tables =
                rows.column_by_name(table).and_then(text).and_then(|a| a.as_string_view_opt().cloned());
            for (row, record) in records.iter_mut().enumerate() {
                if let Some(keys) = keys
                    && keys.is_valid(row)
                {
                    *record = Some(RecordRef {
                        table: tables.as_ref().map_or_else(|| table.clone(), |t| t.value(row).to_owned()),
                        entity: entities.as_ref().map_or_else(String::new, |e| e.value(row).to_owned()),
                        key: keys.value(row),
                    });
                }
            }
        }
        Ok(FactRows { schema, rows, records, total })
    }
}

/// The name of the column that a page is ordered by.
const ORDER: &str = "__time";

/// The newest rows of a stream, and how many it had: a page and its total from one scan, in memory for the rows up to the
/// page's end and one batch.
struct Newest {
    schema: SchemaRef,
    /// Rows that are kept.
    most: usize,
    kept: Vec<RecordBatch>,
    rows: usize,
    total: usize,
}

impl Newest {
    fn new(schema: SchemaRef, most: usize) -> Self {
        Self { schema, most, kept: Vec::new(), rows: 0, total: 0 }
    }

    fn take(&mut self, batch: RecordBatch) -> Result<(), EngineError> {
        self.total += batch.num_rows();
        self.rows += batch.num_rows();
        self.kept.push(batch);
        // Sorting now and then: each row is sorted about once.
        if self.rows > 2 * self.most.max(8_192) {
            let best = self.sorted()?;
            self.rows = best.num_rows();
            self.kept = vec![best];
        }
        Ok(())
    }

    /// The first rows in order of time, newest first. All other columns decide between equal times, so that pages neither
    /// overlap nor leave rows out.
    fn sorted(&self) -> Result<RecordBatch, EngineError> {
        let fail = datafusion::common::DataFusionError::from;
        let all = concat_batches(&self.schema, &self.kept).map_err(fail)?;
        let order: Vec<SortColumn> = (0..all.num_columns())
            .filter(|at| *at == 0 || sortable(all.column(*at).data_type()))
            .map(|at| SortColumn {
                values: Arc::clone(all.column(at)),
                options: Some(SortOptions { descending: at == 0, nulls_first: false }),
            })
            .collect();
        let places = lexsort_to_indices(&order, Some(self.most)).map_err(fail)?;
        Ok(take_record_batch(&all, &places).map_err(fail)?)
    }

    /// The rows from `offset` on, without the column that they are ordered by.
    fn page(&self, offset: usize) -> Result<RecordBatch, EngineError> {
        let best = self.sorted()?;
        let offset = offset.min(best.num_rows());
        let page = best.slice(offset, best.num_rows() - offset);
        let own: Vec<usize> = (1..page.num_columns()).collect();
        Ok(page.project(&own).map_err(datafusion::common::DataFusionError::from)?)
    }
}

fn sortable(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::List(_) | DataType::Struct(_))
}
