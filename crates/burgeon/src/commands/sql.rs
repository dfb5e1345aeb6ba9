//! `burgeon sql`: read-only SQL over records and facts.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use clap::Args;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Rows, cell};

/// Options of `sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// The query, such as "SELECT movement, count(*) FROM mrr_movements GROUP BY 1"
    statement: String,
}

impl Sql {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let table = workspace.sql(&self.statement).await?;
        workspace.close().await?;
        let mut rows = Rows::new(table.columns.iter().map(|column| column.name.clone()));
        for row in &table.rows {
            rows.push(row.iter().map(cell));
        }
        rows.print(global.format, &table)?;
        Ok(ExitCode::SUCCESS)
    }
}
