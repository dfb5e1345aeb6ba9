//! `burgeon query`: metrics by period and dimension.

use std::process::ExitCode;

use burgeon_server::app::OpenOptions;
use clap::Args;

use crate::cli::{Format, Global, Slice};
use crate::failure::Failure;
use crate::output;

/// Options of `query`.
#[derive(Debug, Args)]
pub struct Query {
    /// Names of metrics, separated by commas
    metrics: String,
    /// Length of a period: day, week, month, quarter or year; range for all dates as one period
    #[arg(long, value_name = "GRAIN")]
    grain: Option<String>,
    /// First date or period, included: 2019, 2019-Q3, 2019-12, 2019-W07, 2019-12-05
    #[arg(long, value_name = "DATE", conflicts_with = "at")]
    from: Option<String>,
    /// Last date or period, included
    #[arg(long, value_name = "DATE", conflicts_with = "at")]
    to: Option<String>,
    /// One moment in place of --from and --to: the end of this date or period
    #[arg(long, value_name = "DATE")]
    at: Option<String>,
    /// Dimensions to break down by, separated by commas; event.NAME is a property of events
    #[arg(long, value_name = "DIM,…")]
    by: Option<String>,
    /// Earlier periods beside: previous or year_ago
    #[arg(long, value_name = "WHICH")]
    compare: Option<String>,
    /// Keep the N largest groups of the last period by the first metric and leave out the rest
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    slice: Slice,
}

impl Query {
    /// The query as the pairs of an address.
    fn pairs(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut pairs = vec![("metrics".to_owned(), self.metrics.clone())];
        let options = [
            ("grain", &self.grain),
            ("from", &self.from),
            ("to", &self.to),
            ("at", &self.at),
            ("by", &self.by),
            ("compare", &self.compare),
            ("currency", &self.slice.currency),
        ];
        for (name, value) in options {
            pairs.extend(value.as_ref().map(|value| (name.to_owned(), value.clone())));
        }
        pairs.extend(self.top.map(|top| ("top".to_owned(), top.to_string())));
        pairs.extend(self.slice.filters()?.into_iter().map(|filter| ("where".to_owned(), filter)));
        Ok(pairs)
    }

    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let pairs = self.pairs()?;
        let workspace = global.open_existing(OpenOptions::default()).await?;
        let query = workspace.parse_query(&pairs).await?;
        if global.format == Format::Json {
            output::print_json(&workspace.query(&query).await?)?;
        } else {
            let (csv, left_out) = workspace.query_csv(&query).await?;
            match global.format {
                Format::Csv => output::print(&csv)?,
                _ => output::Rows::from_csv(&csv).print(Format::Table, &())?,
            }
            if left_out > 0 {
                eprintln!("{left_out} more groups are left out; --top shows more of them");
            }
        }
        workspace.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
