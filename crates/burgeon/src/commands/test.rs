//! `burgeon test`: the worked examples of the metric pages.

use std::process::ExitCode;
use std::sync::Arc;

use burgeon_server::app::examples::ExampleResult;
use burgeon_server::app::{OpenOptions, Workspace};
use clap::Args;

use crate::cli::{Format, Global};
use crate::failure::Failure;
use crate::output::{self, Rows};

/// Options of `test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Only the pages of these metrics (default: all)
    #[arg(value_name = "METRIC")]
    metrics: Vec<String>,
}

impl Test {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let results = self.results(&workspace).await?;
        workspace.close().await?;
        let failed = results.iter().filter(|result| result.failure.is_some()).count();
        if global.format == Format::Table {
            for result in results.iter() {
                if let Some(failure) = &result.failure {
                    output::print(&format!("{}: {}: {failure}\n\n", result.place, result.title))?;
                }
            }
            output::print(&format!("examples: {} passed, {failed} failed\n", results.len() - failed))?;
        } else {
            let mut rows = Rows::new(["metric", "example", "place", "failure"]);
            for result in &results {
                let failure = result.failure.clone().unwrap_or_default();
                rows.push([result.metric.clone(), result.title.clone(), result.place.clone(), failure]);
            }
            rows.print(global.format, &results)?;
        }
        Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn results(&self, workspace: &Arc<Workspace>) -> Result<Vec<ExampleResult>, Failure> {
        if self.metrics.is_empty() {
            return Ok(workspace.run_examples(None).await?);
        }
        let mut results = Vec::new();
        for metric in &self.metrics {
            // An unknown name is an error that names the nearest one.
            workspace.metric(metric).await?;
            results.extend(workspace.run_examples(Some(metric)).await?);
        }
        Ok(results)
    }
}
