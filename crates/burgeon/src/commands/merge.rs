//! `burgeon merge`: two accounts are one customer.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use clap::Args;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output;

/// Options of `merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// Customer that disappears
    from: String,
    /// Customer that takes its place
    #[arg(required_unless_present = "undo")]
    into: Option<String>,
    /// Take the merge of FROM back
    #[arg(long, conflicts_with = "into")]
    undo: bool,
}

impl Merge {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let into = self.into.as_deref().filter(|_| !self.undo).unwrap_or(&self.from);
        workspace.merge(&self.from, into).await?;
        workspace.close().await?;
        output::print(&if into == self.from {
            format!("{} is a customer of its own again\n", self.from)
        } else {
            format!("{} is now part of {into}; all figures are recomputed from the records\n", self.from)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
