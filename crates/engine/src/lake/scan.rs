//! Record tables for DataFusion: whole buckets, in order, never split inside an entity.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs,
};

use super::TableShared;
use super::prune::Bounds;
use super::slice::Slice;
use super::state::TableState;
use super::stream::{BucketRows, Part};

/// A record table for DataFusion. Every scan sees the rows of the moment when it was planned.
#[derive(Debug)]
pub struct LakeTable {
    table: Arc<TableShared>,
}

impl LakeTable {
    pub(super) fn new(table: Arc<TableShared>) -> Self {
        Self { table }
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters on entity and time leave out what cannot match; all filters are applied again above the scan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let layout = &self.table.layout;
        Ok(filters
            .iter()
            .map(|filter| match Bounds::understands(layout, filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let state = self.table.state();
        let bounds = Bounds::of(&state.layout, filters);
        let all = || (0..state.layout.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        Ok(Arc::new(LakeScanExec::try_new(state, projection, bounds, limit)?))
    }
}

/// Reads a record table: one partition for each bucket, ordered by (entity, time), hash-partitioned by entity.
///
/// A bucket is never split, so that a function that goes through an entity's rows in order sees all of them. The hash
/// is the lake's own, not that of DataFusion's repartitioning: two scans of the lake agree with each other.
#[derive(Debug)]
pub struct LakeScanExec {
    state: Arc<TableState>,
    projection: Vec<usize>,
    bounds: Bounds,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LakeScanExec {
    pub(crate) fn try_new(
        state: Arc<TableState>,
        projection: Vec<usize>,
        bounds: Bounds,
        limit: Option<usize>,
    ) -> Result<Self> {
        let layout = &state.layout;
        let schema = Arc::new(layout.schema.project(&projection)?);
        let column = |at: Option<usize>| -> Option<Arc<dyn PhysicalExpr>> {
            let at = at?;
            let place = projection.iter().position(|other| *other == at)?;
            Some(Arc::new(Column::new(layout.schema.field(at).name(), place)))
        };
        let entity = column(layout.entity);
        let time = column(layout.time);
        let order: Vec<PhysicalSortExpr> = match (layout.entity, &entity) {
            (Some(_), None) => Vec::new(),
            (Some(_), Some(entity)) => [Some(entity), time.as_ref()]
                .into_iter()
                .flatten()
                .map(|expr| PhysicalSortExpr::new_default(Arc::clone(expr)))
                .collect(),
            (None, _) => time.iter().map(|expr| PhysicalSortExpr::new_default(Arc::clone(expr))).collect(),
        };
        let equivalence = EquivalenceProperties::new_with_orderings(schema, LexOrdering::new(order));
        let partitioning = match entity {
            Some(entity) => Partitioning::Hash(vec![entity], layout.buckets),
            None => Partitioning::UnknownPartitioning(layout.buckets),
        };
        let properties =
            PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { properties: Arc::new(properties), state, projection, bounds, limit, metrics })
    }

    /// The record table that is read.
    pub fn table(&self) -> &'static str {
        self.state.layout.name()
    }

    /// Entities where a bucket is best cut into [slices](Slice): where its base file begins a new row group. Sorted and
    /// different; empty when the bucket is too small to be cut, or this scan cannot read slices.
    pub fn cuts(&self, bucket: usize) -> Vec<Arc<str>> {
        let layout = &self.state.layout;
        let base = self.state.buckets.get(bucket).and_then(|bucket| bucket.base.as_ref());
        let (Some(base), true) = (base, self.slices()) else {
            return Vec::new();
        };
        let Ok(groups) = base.groups(layout) else {
            return Vec::new(); // reading the file says what is wrong with it
        };
        let mut cuts: Vec<Arc<str>> = Vec::with_capacity(groups.len());
        for (least, _) in groups.iter().skip(1).filter_map(|group| group.entity.as_ref()) {
            match std::str::from_utf8(least) {
                Ok(cut) if cuts.last().is_none_or(|last| **last < *cut) => cuts.push(cut.into()),
                _ => {}
            }
        }
        cuts
    }

    /// Whether the scan can read a slice of a bucket: the table has an entity, and no number of rows is set.
    pub fn slices(&self) -> bool {
        self.state.layout.entity.is_some() && self.limit.is_none()
    }

    /// Another number whenever the content of this slice of a bucket has changed.
    pub fn slice_version(&self, bucket: usize, slice: &Slice) -> u64 {
        self.state.buckets.get(bucket).map_or(0, |bucket| bucket.slice_version(slice))
    }

    /// Reads the slice that the context names ([`Slice::within`]) of a bucket; all of it where it names none.
    pub fn execute_slice(&self, bucket: usize, context: &TaskContext) -> SendableRecordBatchStream {
        self.read(bucket, Slice::of(context), context)
    }

    fn read(
        &self,
        partition: usize,
        slice: Option<Arc<Slice>>,
        context: &TaskContext,
    ) -> SendableRecordBatchStream {
        let part = Part { bucket: partition, bounds: self.bounds.clone(), slice, limit: self.limit };
        let batch_size = context.session_config().batch_size();
        let rows = BucketRows::new(Arc::clone(&self.state), part, self.projection.clone(), batch_size);
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let measured = Measured { rows, metrics };
        Box::pin(RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(measured)))
    }

    fn rows(&self, partition: Option<usize>) -> usize {
        let buckets = match partition {
            Some(at) => &self.state.buckets[at..at + 1],
            None => &self.state.buckets[..],
        };
        let layout = &self.state.layout;
        buckets
            .iter()
            .map(|bucket| {
                bucket.base.as_ref().and_then(|base| base.rows(layout).ok()).unwrap_or_default()
                    + bucket.overlay.index.len()
            })
            .sum()
    }
}

impl DisplayAs for LakeScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let fields: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "LakeScanExec: {} [{}]", self.table(), fields.join(", "))?;
        if let Some(entities) = &self.bounds.entities {
            write!(f, ", entities={}", entities.len())?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for LakeScanExec {
    fn name(&self) -> &'static str {
        "LakeScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(self.read(partition, None, &context))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = Precision::Inexact(self.rows(args.partition()));
        Ok(Arc::new(statistics))
    }
}

/// A bucket's rows with time and number of rows measured.
struct Measured {
    rows: BucketRows,
    metrics: BaselineMetrics,
}

impl Iterator for Measured {
    type Item = Result<arrow::array::RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = {
            let _timer = self.metrics.elapsed_compute().timer();
            self.rows.next()
        };
        match next {
            None => {
                self.metrics.done();
                None
            }
            Some(Ok(batch)) => {
                self.metrics.record_output(batch.num_rows());
                Some(Ok(batch))
            }
            Some(Err(error)) => Some(Err(error.into())),
        }
    }
}
