//! The operator that streams the revenue fold over `subscription_changes`, and over coupons and usage where the rules ask
//! for them.

mod changes;
mod columns;
mod sides;
mod stream;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::Zone;
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
pub use sides::Beside;

use sides::Side;

use crate::functions::cut_off::Moments;

/// Folds changes of subscriptions into movements of recurring revenue, bucket by bucket, in one pass.
///
/// Keeps the order (customer_id, at) and the partitioning of its input, and builds only the columns asked for.
#[derive(Debug)]
pub struct MovementsExec {
    /// The changes, then what the rules ask for beside them, in the order of [`Beside::of`].
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    rules: RevenueRules,
    zone: Zone,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MovementsExec {
    /// The fold under `rules` over `inputs`, giving the columns `wanted` (positions in [`schema`]). The first input has
    /// the columns that [`input_columns`] names; for each of [`Beside::of`] one more follows, with its columns.
    ///
    /// # Errors
    /// When a position is out of range or the number of inputs does not fit the rules.
    pub fn try_new(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        rules: RevenueRules,
        zone: Zone,
        wanted: &[usize],
    ) -> Result<Self> {
        let schema = Arc::new(schema().project(wanted)?);
        Self::with_schema(inputs, rules, zone, schema)
    }

    fn with_schema(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        rules: RevenueRules,
        zone: Zone,
        schema: SchemaRef,
    ) -> Result<Self> {
        let input = match inputs.first() {
            Some(input) if inputs.len() == 1 + Beside::of(&rules).len() => input,
            _ => return internal_err!("MovementsExec has {} inputs", inputs.len()),
        };
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
            inputs,
            rules,
            zone,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// What distinguishes two folds over the same inputs: their rules, and the zone where its months count.
    pub fn identity(&self) -> String {
        match self.inputs.len() {
            1 => format!("{:?}", self.rules),
            _ => format!("{:?} {}", self.rules, self.zone.name()),
        }
    }

    /// The customer's column of each input, and the column of its time.
    fn keys(&self) -> impl Iterator<Item = (&Arc<dyn ExecutionPlan>, [&'static str; 2])> {
        let beside = Beside::of(&self.rules).into_iter().map(Beside::time);
        let times = std::iter::once("effective_at").chain(beside);
        self.inputs.iter().zip(times.map(|time| ["customer_id", time]))
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
        self.inputs.iter().collect()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let of = |input: &Arc<dyn ExecutionPlan>| match col("customer_id", &input.schema()) {
            Ok(customer) => Distribution::KeyPartitioned(vec![customer]),
            Err(_) => Distribution::SinglePartition,
        };
        let all: Vec<Distribution> = self.inputs.iter().map(of).collect();
        match all.len() {
            1 => InputDistributionRequirements::new(all),
            _ => InputDistributionRequirements::co_partitioned(all),
        }
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.keys()
            .map(|(input, keys)| {
                let schema = input.schema();
                let order = keys.iter().filter_map(|name| col(name, &schema).ok());
                LexOrdering::new(order.map(PhysicalSortExpr::new_default)).map(OrderingRequirements::from)
            })
            .collect()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        (0..self.inputs.len()).map(|input| input == 0).collect()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(Self::with_schema(children, self.rules, self.zone.clone(), schema)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let now = Moments::of(&context).now;
        let rows = context.session_config().batch_size();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let input = self.inputs[0].execute(partition, Arc::clone(&context))?;
        let sides = Beside::of(&self.rules)
            .into_iter()
            .zip(&self.inputs[1..])
            .map(|(beside, input)| Ok(Side::new(beside, input.execute(partition, Arc::clone(&context))?)))
            .collect::<Result<Vec<Side>>>()?;
        stream::fold(input, sides, (self.rules, &self.zone), now, Arc::clone(&self.schema), rows, metrics)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
