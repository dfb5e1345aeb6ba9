//! Reads ahead what the next question about events needs of persons who just did something.

use super::Job;
use futures::FutureExt;
use std::time::Duration;

/// Four times a second; nothing happens while nobody asks.
pub const JOB: Job = Job {
    name: "warm",
    every: Duration::from_millis(250),
    run: |workspace| async { Ok(workspace.lake().events().warm().await?) }.boxed(),
};
