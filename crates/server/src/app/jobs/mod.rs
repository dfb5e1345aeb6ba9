//! What runs beside the requests: one file for each job, one line in the list.

mod flush;
mod lake;
mod warm;

use super::{Result, Workspace};
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A piece of work that is repeated; doing it twice does no harm.
pub struct Job {
    /// Name in the log.
    pub name: &'static str,
    /// How long to wait between two runs.
    pub every: Duration,
    /// Does it once.
    pub run: for<'a> fn(&'a Workspace) -> BoxFuture<'a, Result<()>>,
}

/// All jobs.
pub const JOBS: &[Job] = &[flush::JOB, lake::JOB, warm::JOB];

/// Runs the jobs until `stop` becomes true; a failed run is logged and tried again at the next turn.
pub async fn maintain(workspace: Arc<Workspace>, stop: watch::Receiver<bool>) {
    let runs = JOBS.iter().map(|job| repeat(job, workspace.clone(), stop.clone()));
    futures::future::join_all(runs).await;
}

async fn repeat(job: &Job, workspace: Arc<Workspace>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(job.every) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = (job.run)(&workspace).await {
            tracing::error!(job = job.name, "a maintenance job failed and will be tried again: {error}");
        }
    }
}
