//! `burgeon compact`: what the server does in the background, now.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use clap::Args;

use crate::cli::Global;
use crate::failure::Failure;

/// Options of `compact`.
#[derive(Debug, Args)]
pub struct Compact {}

impl Compact {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open_existing(OpenOptions::default()).await?;
        workspace.flush().await?;
        workspace.compact().await?;
        workspace.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
