//! The operator that answers a partition from the cache or computes and stores it.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::deps::by_slice;
use super::{Dependency, Key, PartialCache, Reads};
use crate::functions::cut_off::{Moments, SEEN, Seen};
use crate::lake::Slice;

/// Passes a partial aggregate through, partition by partition, from the cache where it can.
///
/// At most `parallel` partitions are computed at once, which bounds memory: a scan of 32 buckets does not hold 32
/// decoders open.
#[derive(Debug)]
pub struct CachedPartialExec {
    input: Arc<dyn ExecutionPlan>,
    work: Arc<Work>,
    parallel: usize,
}

/// What computing a partition takes.
#[derive(Debug)]
struct Work {
    input: Arc<dyn ExecutionPlan>,
    cache: Arc<PartialCache>,
    plan: Arc<str>,
    reads: Arc<Vec<Reads>>,
    permits: Semaphore,
}

impl CachedPartialExec {
    /// Wraps `input`, whose fingerprint is `plan` and whose partition *i* reads `reads[i]`.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        cache: Arc<PartialCache>,
        plan: Arc<str>,
        reads: Vec<Reads>,
        parallel: usize,
    ) -> Self {
        Self::over(input, cache, plan, Arc::new(reads), parallel.max(1))
    }

    fn over(
        input: Arc<dyn ExecutionPlan>,
        cache: Arc<PartialCache>,
        plan: Arc<str>,
        reads: Arc<Vec<Reads>>,
        parallel: usize,
    ) -> Self {
        let permits = Semaphore::new(parallel);
        let work = Work { input: Arc::clone(&input), cache, plan, reads, permits };
        Self { input, work: Arc::new(work), parallel }
    }
}

impl Work {
    fn key(&self, partition: usize, slice: Option<&Arc<Slice>>, reads: &Dependency) -> Key {
        Key {
            plan: Arc::clone(&self.plan),
            partition,
            slice: slice.cloned(),
            reads: reads
                .iter()
                .map(|((table, bucket), version)| (Arc::clone(table), *bucket, *version))
                .collect(),
        }
    }

    /// The partial aggregate of a partition.
    async fn partition(&self, partition: usize, context: Arc<TaskContext>) -> Result<Arc<Vec<RecordBatch>>> {
        let Some(reads) = self.reads.get(partition) else {
            return internal_err!("partition {partition} of {} cached partitions", self.reads.len());
        };
        let key = self.key(partition, None, &reads.versions);
        let moments = Moments::of(&context);
        if let Some(stored) = self.cache.get(&key, &moments) {
            return Ok(stored);
        }
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| DataFusionError::Execution("the query was cancelled".into()))?;
        let slices = if self.cuts() { reads.slices() } else { Vec::new() };
        if slices.is_empty() {
            return self.compute(key, &self.input, context).await.map(|(batches, _)| batches);
        }
        let (input, seen) = (by_slice(&self.input)?, Seen::default());
        let mut parts = Vec::with_capacity(slices.len());
        for (slice, versions) in slices {
            let key = self.key(partition, Some(&slice), &versions);
            let (part, around) = match self.cache.get_seen(&key, &moments) {
                Some(stored) => stored,
                None => self.compute(key, &input, Arc::new(slice.within(&context))).await?,
            };
            seen.join(&around);
            parts.extend(part.iter().cloned());
        }
        let batches = Arc::new(self.reduce(parts, context).await?);
        self.cache.put(key, Arc::clone(&batches), Arc::new(seen));
        Ok(batches)
    }

    /// Runs the input for a key's partition, and stores what comes out.
    async fn compute(
        &self,
        key: Key,
        input: &Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<(Arc<Vec<RecordBatch>>, Arc<Seen>)> {
        let seen = Arc::new(Seen::default());
        let run = async { input.execute(key.partition, context)?.try_collect::<Vec<RecordBatch>>().await };
        let batches = SEEN.scope(Arc::clone(&seen), run).await?;
        let batches = Arc::new(batches.into_iter().filter(|b| b.num_rows() > 0).collect::<Vec<_>>());
        self.cache.put(key, Arc::clone(&batches), Arc::clone(&seen));
        Ok((batches, seen))
    }

    /// Whether a partition may be computed slice by slice: entities are spread over several partitions, so that every
    /// operator works by entity, and nothing above counts on an order of what comes out.
    fn cuts(&self) -> bool {
        self.reads.len() > 1 && self.input.output_ordering().is_none()
    }

    /// Brings partial aggregates of slices together, so that a bucket has each group once.
    async fn reduce(&self, parts: Vec<RecordBatch>, context: Arc<TaskContext>) -> Result<Vec<RecordBatch>> {
        let Some(aggregate) =
            self.input.downcast_ref::<AggregateExec>().filter(|a| a.group_expr().is_single())
        else {
            return Ok(parts);
        };
        let schema = self.input.schema();
        let stored = MemorySourceConfig::try_new_exec(&[parts], Arc::clone(&schema), None)?;
        let reduced = AggregateExec::try_new(
            AggregateMode::PartialReduce,
            aggregate.group_expr().as_final(),
            aggregate.aggr_expr().to_vec(),
            vec![None; aggregate.aggr_expr().len()],
            stored,
            schema,
        )?;
        reduced.execute(0, context)?.try_collect().await
    }
}

impl DisplayAs for CachedPartialExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedPartialExec: parallel={}", self.parallel)
    }
}

impl ExecutionPlan for CachedPartialExec {
    fn name(&self) -> &str {
        "CachedPartialExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
            return internal_err!("CachedPartialExec has one input");
        };
        let (cache, plan) = (Arc::clone(&self.work.cache), Arc::clone(&self.work.plan));
        Ok(Arc::new(Self::over(input, cache, plan, Arc::clone(&self.work.reads), self.parallel)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if Slice::of(&context).is_some() {
            return self.input.execute(partition, context); // below another cache, which stores the slice
        }
        let work = Arc::clone(&self.work);
        let compute = async move { work.partition(partition, context).await };
        let stream = stream::once(compute)
            .map_ok(|batches| {
                let shared: Vec<_> = batches.iter().cloned().map(Ok).collect();
                stream::iter(shared)
            })
            .try_flatten()
            .boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}
