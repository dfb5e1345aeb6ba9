//! `burgeon demo`: a company to look at.

use std::process::ExitCode;

use clap::Args;

use super::serve::Listen;
use crate::cli::Global;
use crate::failure::Failure;

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Customers of the company, about
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    customers: u32,
    /// Seed that the company is drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the records and stop, without serving
    #[arg(long)]
    load_only: bool,
    /// Let no new records arrive while it is served
    #[arg(long)]
    still: bool,
    #[command(flatten)]
    listen: Listen,
}

impl Demo {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open().await?;
        self.listen.serve(workspace).await
    }
}
