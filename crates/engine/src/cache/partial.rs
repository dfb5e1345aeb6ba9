//! The operator that answers a partition from the cache or computes and stores it.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::{Dependency, Key, PartialCache};
use crate::functions::cut_off::{Moments, SEEN, Seen};

/// Passes a partial aggregate through, partition by partition, from the cache where it can.
///
/// At most `parallel` partitions are computed at once, which bounds memory: a scan of 32 buckets does not hold 32
/// decoders open.
#[derive(Debug)]
pub struct CachedPartialExec {
    input: Arc<dyn ExecutionPlan>,
    cache: Arc<PartialCache>,
    plan: Arc<str>,
    reads: Arc<Vec<Dependency>>,
    parallel: usize,
    permits: Arc<Semaphore>,
}

impl CachedPartialExec {
    /// Wraps `input`, whose fingerprint is `plan` and whose partition *i* reads `reads[i]`.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        cache: Arc<PartialCache>,
        plan: Arc<str>,
        reads: Vec<Dependency>,
        parallel: usize,
    ) -> Self {
        let parallel = parallel.max(1);
        Self {
            input,
            cache,
            plan,
            reads: Arc::new(reads),
            parallel,
            permits: Arc::new(Semaphore::new(parallel)),
        }
    }

    fn key(&self, partition: usize) -> Result<Key> {
        let Some(reads) = self.reads.get(partition) else {
            return internal_err!("partition {partition} of {} cached partitions", self.reads.len());
        };
        Ok(Key {
            plan: Arc::clone(&self.plan),
            partition,
            reads: reads
                .iter()
                .map(|((table, bucket), version)| (Arc::clone(table), *bucket, *version))
                .collect(),
        })
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
        Ok(Arc::new(Self {
            input,
            cache: Arc::clone(&self.cache),
            plan: Arc::clone(&self.plan),
            reads: Arc::clone(&self.reads),
            parallel: self.parallel,
            permits: Arc::new(Semaphore::new(self.parallel)),
        }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let key = self.key(partition)?;
        let (input, cache, permits) =
            (Arc::clone(&self.input), Arc::clone(&self.cache), Arc::clone(&self.permits));
        let moments = Moments::of(&context);
        let compute = async move {
            if let Some(stored) = cache.get(&key, &moments) {
                return Ok::<_, DataFusionError>(stored);
            }
            let _permit = permits
                .acquire_owned()
                .await
                .map_err(|_| DataFusionError::Execution("the query was cancelled".into()))?;
            let seen = Arc::new(Seen::default());
            let run = async { input.execute(partition, context)?.try_collect::<Vec<RecordBatch>>().await };
            let batches = SEEN.scope(Arc::clone(&seen), run).await?;
            let batches = Arc::new(batches.into_iter().filter(|b| b.num_rows() > 0).collect::<Vec<_>>());
            cache.put(key, Arc::clone(&batches), seen);
            Ok(batches)
        };
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
