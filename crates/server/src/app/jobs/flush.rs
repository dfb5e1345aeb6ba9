//! Writes events to files as soon as many wait, so that what waits in memory is not all that came since the last upkeep.

use super::Job;
use futures::FutureExt;
use std::time::Duration;

/// Four times a second; nothing happens while few wait.
pub const JOB: Job = Job {
    name: "flush",
    every: Duration::from_millis(250),
    run: |workspace| async { Ok(workspace.lake().events().flush_due().await?) }.boxed(),
};
