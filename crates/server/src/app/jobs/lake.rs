//! Keeps the lake in shape: flushes the intake log, folds small files into sorted ones, removes what was replaced.

use super::Job;
use futures::FutureExt;
use std::time::Duration;

/// Every five seconds; the lake does only what is due.
pub const JOB: Job = Job {
    name: "lake",
    every: Duration::from_secs(5),
    run: |workspace| async { Ok(workspace.lake().maintain().await?) }.boxed(),
};
