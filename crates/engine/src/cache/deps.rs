//! Which buckets of which record tables one partition of a plan reads, and how it can be read in slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::Result;
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
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

use super::CachedPartialExec;
use crate::exec::{MovementsExec, RecordScanExec};
use crate::lake::{LakeScanExec, Slice};

/// Table and bucket → version.
pub type Dependency = BTreeMap<(Arc<str>, usize), u64>;

/// What one partition of a plan reads.
#[derive(Debug, Default)]
pub struct Reads {
    /// All of it.
    pub versions: Dependency,
    /// The scans of which it reads one bucket only, with that bucket.
    local: Vec<(Arc<dyn ExecutionPlan>, usize)>,
    /// What it reads of all buckets.
    whole: Dependency,
}

/// What partition `partition` of `plan` reads, or `None` when the plan is not local to buckets (it shuffles, or reads
/// something that has no version) and must not be cached by bucket.
pub fn reads(plan: &Arc<dyn ExecutionPlan>, partition: usize) -> Option<Reads> {
    let mut found = Reads::default();
    let local = collect(plan, partition, &mut found);
    for ((table, bucket), version) in &found.whole {
        note(&mut found.versions, table, *bucket, *version);
    }
    (local && !found.versions.is_empty()).then_some(found)
}

impl Reads {
    /// The slices in which the partition is best computed, with what each of them reads. Empty when its buckets are
    /// small, or one of its scans cannot be cut.
    ///
    /// All scans are cut at the same entities: where the largest of them begins row groups.
    pub fn slices(&self) -> Vec<(Arc<Slice>, Dependency)> {
        let scans: Option<Vec<(&RecordScanExec, &LakeScanExec, usize)>> = self
            .local
            .iter()
            .map(|(scan, bucket)| {
                let scan = scan.downcast_ref::<RecordScanExec>()?;
                Some((scan, scan.slices()?, *bucket))
            })
            .collect();
        let Some(scans) = scans else { return Vec::new() };
        if scans.iter().any(|(scan, ..)| self.whole.keys().any(|(table, _)| **table == *scan.table())) {
            return Vec::new(); // a change of one entity changes what all slices read
        }
        let cuts = scans.iter().map(|(_, scan, bucket)| scan.cuts(*bucket)).max_by_key(Vec::len);
        let Some(cuts) = cuts.filter(|cuts| !cuts.is_empty()) else { return Vec::new() };
        let of = |slice: Slice| {
            let mut versions = self.whole.clone();
            for (scan, inner, bucket) in &scans {
                note(&mut versions, scan.table(), *bucket, inner.slice_version(*bucket, &slice));
            }
            (Arc::new(slice), versions)
        };
        Slice::between(&cuts).into_iter().map(of).collect()
    }
}

/// The plan with those scans reading by slice of which a partition reads one bucket only. A collected side of a join is
/// read whole whatever the slice.
pub fn by_slice(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(scan) = plan.downcast_ref::<RecordScanExec>() {
        return Ok(Arc::new(scan.by_slice()));
    }
    let collected = plan
        .downcast_ref::<HashJoinExec>()
        .is_some_and(|join| matches!(join.partition_mode(), PartitionMode::CollectLeft));
    let children = plan.children();
    if children.is_empty() {
        return Ok(Arc::clone(plan));
    }
    let children: Result<Vec<_>> = children
        .into_iter()
        .enumerate()
        .map(|(at, child)| if collected && at == 0 { Ok(Arc::clone(child)) } else { by_slice(child) })
        .collect();
    replace_children_if_necessary(Arc::clone(plan), children?)
}

/// Two scans of one table may be planned at different moments: the older version counts, so that what is stored under it
/// can only be newer.
fn note(found: &mut Dependency, table: &str, bucket: usize, version: u64) {
    let least = found.entry((table.into(), bucket)).or_insert(version);
    *least = version.min(*least);
}

fn collect(plan: &Arc<dyn ExecutionPlan>, partition: usize, found: &mut Reads) -> bool {
    if let Some(scan) = plan.downcast_ref::<RecordScanExec>() {
        let Some(version) = scan.versions().get(partition) else { return false };
        note(&mut found.versions, scan.table(), partition, *version);
        found.local.push((Arc::clone(plan), partition));
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
                whole(join.left(), &mut found.whole) && collect(join.right(), partition, found)
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
            note(found, scan.table(), bucket, *version);
        }
        return true;
    }
    let children = plan.children();
    (!children.is_empty() || plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>())
        && children.into_iter().all(|child| whole(child, found))
}
