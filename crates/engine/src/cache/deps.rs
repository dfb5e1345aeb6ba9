//! Which buckets of which record tables one partition of a plan reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::CachedPartialExec;
use crate::exec::{MovementsExec, RecordScanExec};

/// Table and bucket → version.
pub type Dependency = BTreeMap<(Arc<str>, usize), u64>;

/// What partition `partition` of `plan` reads, or `None` when the plan is not local to buckets (it shuffles, or reads
/// something that has no version) and must not be cached by bucket.
pub fn dependencies(plan: &Arc<dyn ExecutionPlan>, partition: usize) -> Option<Dependency> {
    let mut found = Dependency::new();
    collect(plan, partition, &mut found).then_some(found)
}

fn collect(plan: &Arc<dyn ExecutionPlan>, partition: usize, found: &mut Dependency) -> bool {
    if let Some(scan) = plan.downcast_ref::<RecordScanExec>() {
        let Some(version) = scan.versions().get(partition) else { return false };
        found.insert((scan.table().into(), partition), *version);
        return true;
    }
    if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() {
        return true;
    }
    if let Some(union) = plan.downcast_ref::<UnionExec>() {
        let mut index = partition;
        for input in union.inputs() {
            let count = input.output_partitioning().partition_count();
            if index < count {
                return collect(input, index, found);
            }
            index -= count;
        }
        return false;
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return match join.partition_mode() {
            PartitionMode::Partitioned => {
                collect(join.left(), partition, found) && collect(join.right(), partition, found)
            }
            PartitionMode::CollectLeft => {
                whole(join.left(), found) && collect(join.right(), partition, found)
            }
            PartitionMode::Auto => false,
        };
    }
    let local = plan.is::<FilterExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<AggregateExec>()
        || plan.is::<MovementsExec>()
        || plan.is::<CachedPartialExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<InterleaveExec>()
        || plan.is::<BoundedWindowAggExec>()
        || plan.is::<WindowAggExec>()
        || plan.is::<UnnestExec>()
        || plan.downcast_ref::<SortExec>().is_some_and(SortExec::preserve_partitioning);
    let partitions = plan.output_partitioning().partition_count();
    local
        && plan.children().into_iter().all(|child| {
            child.output_partitioning().partition_count() == partitions && collect(child, partition, found)
        })
}

/// All that a plan reads, whatever its shape: for the collected side of a join.
fn whole(plan: &Arc<dyn ExecutionPlan>, found: &mut Dependency) -> bool {
    if let Some(scan) = plan.downcast_ref::<RecordScanExec>() {
        for (bucket, version) in scan.versions().iter().enumerate() {
            found.insert((scan.table().into(), bucket), *version);
        }
        return true;
    }
    let children = plan.children();
    (!children.is_empty() || plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>())
        && children.into_iter().all(|child| whole(child, found))
}
