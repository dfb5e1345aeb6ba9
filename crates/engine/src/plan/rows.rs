//! The rows behind a number, and the records behind the rows.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast as cast_array, concat_batches};
use arrow::datatypes::{DataType, SchemaRef, UInt64Type};
use burgeon_metrics::base::{Aggregate, BaseMeasure, BaseRequest};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, lit};

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
        let rows = frame.rows.clone().filter(keep)?;
        let totals = rows.clone().aggregate(vec![], vec![count(lit(1_i64)).alias("n")])?.collect().await?;
        let total = totals
            .first()
            .filter(|batch| batch.num_rows() > 0)
            .map_or(0, |batch| batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0));

        let columns: Vec<Expr> = fact.columns.iter().map(|c| column(&c.name)).collect();
        let mut order = vec![frame.time.clone().sort(false, false)];
        // A full order, so that pages neither overlap nor leave rows out.
        order.extend(
            fact.columns.iter().filter(|c| sortable(&c.data_type)).map(|c| column(&c.name).sort(true, false)),
        );
        let page = rows.sort(order)?.limit(offset, Some(limit))?.select(columns)?;
        let schema: SchemaRef = std::sync::Arc::new(page.schema().as_arrow().clone());
        let batches = page.collect().await?;
        let rows = match batches.first() {
            Some(batch) => concat_batches(&batch.schema(), &batches),
            None => Ok(RecordBatch::new_empty(std::sync::Arc::clone(&schema))),
        }
        .map_err(datafusion::common::DataFusionError::from)?;
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
        Ok(FactRows { schema, rows, records, total: usize::try_from(total).unwrap_or(0) })
    }
}

fn sortable(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::List(_) | DataType::Struct(_))
}
