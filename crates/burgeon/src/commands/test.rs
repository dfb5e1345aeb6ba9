//! `burgeon test`: the worked examples of the metric pages.

use std::process::ExitCode;

use clap::Args;

use crate::cli::Global;
use crate::failure::Failure;

/// Options of `test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Only pages of these metrics (default: all)
    #[arg(value_name = "METRIC")]
    metrics: Vec<String>,
    /// The built-in pages alone, without those of the workspace
    #[arg(long)]
    built_in: bool,
}

impl Test {
    pub async fn run(self, _global: &Global) -> Result<ExitCode, Failure> {
        Ok(ExitCode::SUCCESS)
    }
}
