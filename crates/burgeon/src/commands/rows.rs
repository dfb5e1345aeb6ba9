//! `burgeon rows`: the rows behind a number.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use burgeon_server::app::rows::Request;
use clap::Args;

use crate::cli::{Format, Global, Slice};
use crate::failure::Failure;
use crate::output::{self, cell};

/// Options of `rows`.
#[derive(Debug, Args)]
pub struct Rows {
    /// Name of the metric
    metric: String,
    /// Period, such as 2019-12
    #[arg(long)]
    period: String,
    /// At most so many rows
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Leave out so many rows at the front
    #[arg(long, default_value_t = 0)]
    offset: usize,
    #[command(flatten)]
    slice: Slice,
}

impl Rows {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let request = Request {
            metric: self.metric,
            period: self.period,
            filters: self.slice.filters()?,
            currency: self.slice.currency,
            limit: self.limit,
            offset: self.offset,
        };
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let page = workspace.rows(&request).await?;
        workspace.close().await?;
        let names = page.columns.iter().map(|column| column.name.clone()).chain(["record".to_owned()]);
        let mut rows = output::Rows::new(names);
        for row in &page.rows {
            let record = row.record.as_ref();
            let record = record.map(|r| format!("{}/{}/{}", r.table, r.entity, r.key)).unwrap_or_default();
            rows.push(row.values.iter().map(cell).chain([record]));
        }
        rows.print(global.format, &page)?;
        if global.format == Format::Table && page.total > page.rows.len() as u64 {
            eprintln!("{} of {} rows; --limit and --offset show the others", page.rows.len(), page.total);
        }
        Ok(ExitCode::SUCCESS)
    }
}
