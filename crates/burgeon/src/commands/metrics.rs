//! `burgeon metrics`: what can be asked for.

use std::process::ExitCode;

use clap::Args;

use crate::cli::{Format, Global};
use crate::failure::Failure;
use crate::output::{self, Rows};

/// Options of `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Show this metric's definition, formula and dimensions
    name: Option<String>,
}

impl Metrics {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open().await?;
        match &self.name {
            Some(name) => {
                let metric = workspace.metric(name).await?;
                if global.format != Format::Table {
                    return output::print_json(&metric).map(|()| ExitCode::SUCCESS);
                }
                let dimensions: Vec<&str> = metric.head.dimensions.iter().map(|d| d.name.as_str()).collect();
                output::print(&format!(
                    "{} ({}, {})\n{}\n\nformula: {}\ndimensions: {}\nneeds: {}\nneeded by: {}\nfile: {}\n",
                    metric.head.name,
                    metric.head.ty,
                    metric.head.unit,
                    metric.prose.trim(),
                    metric.formula,
                    dimensions.join(", "),
                    metric.depends_on.join(", "),
                    metric.used_by.join(", "),
                    metric.file,
                ))?;
            }
            None => {
                let list = workspace.metrics();
                // The summaries are too long for a table on a terminal.
                let brief = global.format == Format::Table;
                let columns = ["area", "name", "label", "type", "unit", "summary"];
                let shown = if brief { &columns[..5] } else { &columns[..] };
                let mut rows = Rows::new(shown.iter().copied());
                for metric in &list.metrics {
                    let label = metric.label.get("en").cloned().unwrap_or_default();
                    let row = [&metric.area, &metric.name, &label, &metric.ty, &metric.unit, &metric.summary];
                    rows.push(row.into_iter().take(shown.len()));
                }
                rows.print(global.format, &list)?;
            }
        }
        workspace.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
