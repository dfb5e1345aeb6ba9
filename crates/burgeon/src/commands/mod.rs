//! The verbs. A new one is a file here, a variant below and a line in [`Command::run`].

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::Global;
use crate::failure::Failure;

mod compact;
mod demo;
mod doctor;
mod explain;
mod funnel;
mod import;
mod keys;
mod merge;
mod metrics;
mod query;
mod retention;
mod rows;
mod serve;
mod settings;
mod sql;
mod test;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fill a company with three years of records and serve its figures
    Demo(demo::Demo),
    /// Serve the page and the API
    Serve(serve::Serve),
    /// Read records from CSV, JSON lines, Parquet or Excel files
    Import(import::Import),
    /// Make, list and revoke the write keys of event clients
    Keys(keys::Keys),
    /// Print metrics by period and dimension
    Query(query::Query),
    /// Print how far people get in a series of steps, and how long it takes them
    Funnel(funnel::Funnel),
    /// Print who comes back: by cohort the people of each period
    Retention(retention::Retention),
    /// Say why a metric changed: the parts of its formula, and the split by dimension
    Explain(explain::Explain),
    /// Print the rows behind a number
    Rows(rows::Rows),
    /// Run a read-only SQL query over records and facts
    Sql(sql::Sql),
    /// List the metrics, or show the definition of one
    Metrics(metrics::Metrics),
    /// Check lake, log, state and definitions, and say what is wrong
    Doctor(doctor::Doctor),
    /// Show the workspace settings, or change one
    Settings(settings::Settings),
    /// Run the worked examples of the metric pages
    Test(test::Test),
    /// Fold what is new into the sorted files, as the server does in the background
    Compact(compact::Compact),
    /// Merge a customer into another, or undo it; history is recomputed
    Merge(merge::Merge),
}

impl Command {
    /// Does it.
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        match self {
            Self::Demo(verb) => verb.run(global).await,
            Self::Serve(verb) => verb.run(global).await,
            Self::Import(verb) => verb.run(global).await,
            Self::Keys(verb) => verb.run(global).await,
            Self::Query(verb) => verb.run(global).await,
            Self::Funnel(verb) => verb.run(global).await,
            Self::Retention(verb) => verb.run(global).await,
            Self::Explain(verb) => verb.run(global).await,
            Self::Rows(verb) => verb.run(global).await,
            Self::Sql(verb) => verb.run(global).await,
            Self::Metrics(verb) => verb.run(global).await,
            Self::Doctor(verb) => verb.run(global).await,
            Self::Settings(verb) => verb.run(global).await,
            Self::Test(verb) => verb.run(global).await,
            Self::Compact(verb) => verb.run(global).await,
            Self::Merge(verb) => verb.run(global).await,
        }
    }
}
