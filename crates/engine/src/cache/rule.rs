//! Puts the cache into plans.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::{CachedPartialExec, PartialCache, fingerprint, reads};

/// The optimizer rule that wraps partial aggregates local to buckets in a [`CachedPartialExec`].
#[derive(Debug)]
pub struct CachePartials {
    cache: Arc<PartialCache>,
    parallel: usize,
}

impl CachePartials {
    /// A rule that stores in `cache` and lets each wrapped aggregate compute `parallel` partitions at a time.
    pub fn new(cache: Arc<PartialCache>, parallel: usize) -> Self {
        Self { cache, parallel }
    }
}

impl PhysicalOptimizerRule for CachePartials {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
                return Ok(Transformed::no(node));
            };
            if *aggregate.mode() != AggregateMode::Partial || aggregate.limit_options().is_some() {
                return Ok(Transformed::no(node));
            }
            let partitions = node.output_partitioning().partition_count();
            let Some(reads) = (0..partitions).map(|p| reads(&node, p)).collect::<Option<Vec<_>>>() else {
                return Ok(Transformed::no(node));
            };
            let text = fingerprint(&node);
            if text.contains("DynamicFilter") || text.contains("random(") || text.contains("uuid(") {
                return Ok(Transformed::no(node));
            }
            let exec =
                CachedPartialExec::new(node, Arc::clone(&self.cache), text.into(), reads, self.parallel);
            Ok(Transformed::yes(Arc::new(exec) as _))
        })
        .data()
    }

    fn name(&self) -> &str {
        "burgeon_cache_partials"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
