//! The operator that streams the revenue fold over `subscription_changes`.

mod changes;
mod columns;
mod stream;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use burgeon_core::revenue::RevenueRules;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements,
    Partitioning, PlanProperties,
};

pub use changes::input_columns;
pub use columns::schema;

use crate::functions::cut_off::Moments;

/// Folds changes of subscriptions into movements of recurring revenue, bucket by bucket, in one pass.
///
/// Keeps the order (customer_id, at) and the partitioning of its input, and builds only the columns asked for.
#[derive(Debug)]
pub struct MovementsExec {
    input: Arc<dyn ExecutionPlan>,
    rules: RevenueRules,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MovementsExec {
    /// The fold under `rules` over `input`, which has the columns [`input_columns`] names, giving the columns `wanted`
    /// (positions in [`schema`]).
    ///
    /// # Errors
    /// When a position is out of range.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, rules: RevenueRules, wanted: &[usize]) -> Result<Self> {
        let schema = Arc::new(schema().project(wanted)?);
        Self::with_schema(input, rules, schema)
    }

    fn with_schema(input: Arc<dyn ExecutionPlan>, rules: RevenueRules, schema: SchemaRef) -> Result<Self> {
        let mut equivalence = EquivalenceProperties::new(Arc::clone(&schema));
        let count = input.output_partitioning().partition_count();
        let mut partitioning = Partitioning::UnknownPartitioning(count);
        if let Ok(customer) = col("customer_id", &schema) {
            let mut order = vec![PhysicalSortExpr::new_default(Arc::clone(&customer))];
            if let Ok(at) = col("at", &schema) {
                order.push(PhysicalSortExpr::new_default(at));
            }
            equivalence.add_ordering(order);
            partitioning = Partitioning::Hash(vec![customer], count);
        }
        let properties =
            PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Ok(Self {
            input,
            rules,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// What distinguishes two folds over the same input: their rules.
    pub fn identity(&self) -> String {
        format!("{:?}", self.rules)
    }
}

impl DisplayAs for MovementsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.schema.fields().iter().map(|x| x.name().clone()).collect();
        write!(f, "MovementsExec: [{}]", fields.join(", "))
    }
}

impl ExecutionPlan for MovementsExec {
    fn name(&self) -> &str {
        "MovementsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(match col("customer_id", &self.input.schema()) {
            Ok(customer) => vec![Distribution::KeyPartitioned(vec![customer])],
            Err(_) => vec![Distribution::SinglePartition],
        })
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let schema = self.input.schema();
        let order = ["customer_id", "effective_at"]
            .iter()
            .filter_map(|name| col(name, &schema).ok())
            .map(PhysicalSortExpr::new_default);
        vec![LexOrdering::new(order).map(OrderingRequirements::from)]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), 0) = (children.pop(), children.len()) else {
            return internal_err!("MovementsExec has one input");
        };
        Ok(Arc::new(Self::with_schema(input, self.rules, Arc::clone(&self.schema))?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let now = Moments::of(&context).now;
        let rows = context.session_config().batch_size();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.input.execute(partition, context)?;
        stream::fold(input, self.rules, now, Arc::clone(&self.schema), rows, metrics)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
