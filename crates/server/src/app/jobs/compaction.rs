//! Folds the small files of the overlay into the sorted base files of their buckets.

use super::Job;
use futures::FutureExt;
use std::time::Duration;

/// Every five minutes; the lake passes over buckets with little to fold.
pub const JOB: Job = Job {
    name: "compaction",
    every: Duration::from_secs(300),
    run: |workspace| workspace.compact().boxed(),
};
