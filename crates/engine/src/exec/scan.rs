//! The scan of a record table, wrapped so that the planner knows which table and which versions it reads.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::RecordSource;
use crate::events::EventsScanExec;
use crate::lake::LakeScanExec;

/// A record table as the planner sees it: the store's own provider, with versions noted at planning time.
#[derive(Debug)]
pub struct RecordTable {
    name: Arc<str>,
    source: Arc<dyn RecordSource>,
    schema: SchemaRef,
}

impl RecordTable {
    /// The table `name` of `source`. Fails when the source does not know it.
    pub fn try_new(name: &str, source: Arc<dyn RecordSource>) -> Result<Self> {
        let schema = source.provider(name)?.schema();
        Ok(Self { name: name.into(), source, schema })
    }
}

#[async_trait]
impl TableProvider for RecordTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let mut supported = self.source.provider(&self.name)?.supports_filters_pushdown(filters)?;
        for (filter, support) in filters.iter().zip(&mut supported) {
            // Functions may depend on the moment of the query; the store prunes by columns and literals only.
            if filter.exists(|part| Ok(matches!(part, Expr::ScalarFunction(_))))? {
                *support = TableProviderFilterPushDown::Unsupported;
            }
        }
        Ok(supported)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // Versions are read before the snapshot is taken: a result cached under them can only be newer, never older.
        let mut versions: Vec<u64> = (0..self.source.partitions(&self.name))
            .map(|b| self.source.bucket_version(&self.name, b))
            .collect();
        let inner = self.source.provider(&self.name)?.scan(state, projection, filters, limit).await?;
        if let Some(scan) = inner.downcast_ref::<EventsScanExec>() {
            // Events are cut anew as they pile up: only the scan knows which cut it reads.
            versions.fill(scan.version());
        }
        Ok(Arc::new(RecordScanExec {
            table: Arc::clone(&self.name),
            inner,
            versions,
            by_slice: false,
            pushed: format!("{projection:?} {filters:?} {limit:?}"),
        }))
    }
}

/// Reads a record table; carries its name and the version of each bucket for caches.
#[derive(Debug)]
pub struct RecordScanExec {
    table: Arc<str>,
    inner: Arc<dyn ExecutionPlan>,
    versions: Vec<u64>,
    /// Whether the scan reads only the slice that the context of its execution names.
    by_slice: bool,
    pushed: String,
}

impl RecordScanExec {
    /// The record table that is read.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The version of each partition's bucket when the scan was planned.
    pub fn versions(&self) -> &[u64] {
        &self.versions
    }

    /// The lake's scan, if its buckets can be read slice by slice.
    pub fn slices(&self) -> Option<&LakeScanExec> {
        self.inner.downcast_ref::<LakeScanExec>().filter(|scan| scan.slices())
    }

    /// The same scan, which reads only the slice that the context of its execution names.
    pub fn by_slice(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            inner: Arc::clone(&self.inner),
            versions: self.versions.clone(),
            by_slice: true,
            pushed: self.pushed.clone(),
        }
    }

    /// Projection, filters and limit given to the store: two scans of one table that agree here read the same.
    pub fn pushed(&self) -> &str {
        &self.pushed
    }
}

impl DisplayAs for RecordScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.schema().fields().iter().map(|x| x.name().clone()).collect();
        write!(f, "RecordScanExec: {} [{}]", self.table, fields.join(", "))
    }
}

impl ExecutionPlan for RecordScanExec {
    fn name(&self) -> &str {
        "RecordScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.inner.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
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
        match self.slices().filter(|_| self.by_slice) {
            Some(scan) => Ok(scan.execute_slice(partition, &context)),
            None => self.inner.execute(partition, context),
        }
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.inner.metrics()
    }
}
