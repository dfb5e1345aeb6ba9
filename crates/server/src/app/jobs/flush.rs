//! Moves what the intake log holds into Delta files, so that the log stays short.

use super::Job;
use futures::FutureExt;
use std::time::Duration;

/// Every ten seconds.
pub const JOB: Job = Job {
    name: "flush",
    every: Duration::from_secs(10),
    run: |workspace| workspace.flush().boxed(),
};
