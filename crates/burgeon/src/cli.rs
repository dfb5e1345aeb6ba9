//! The command line: global options and how the workspace is opened from them.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use burgeon_core::time::{Clock, FixedClock};
use burgeon_server::app::{OpenOptions, Workspace};
use clap::{Args, Parser, ValueEnum};
use jiff::Timestamp;

use crate::commands::Command;
use crate::failure::Failure;

/// Growth metrics for SaaS companies: records in, trusted figures out, every number open.
#[derive(Debug, Parser)]
#[command(name = "burgeon", version, max_term_width = 100, propagate_version = false)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong words on the command line, 3 the data directory is in \
                        use by another process, 4 `import --strict` met rows that it could not read."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every verb takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Data directory; it is made when it is missing
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "burgeon-data",
        env = "BURGEON_DATA",
        hide_env_values = true
    )]
    pub data: PathBuf,
    /// The moment that counts as now, such as 2026-01-31T12:00:00Z (default: the clock)
    #[arg(long, global = true, value_name = "RFC3339", env = "BURGEON_NOW", hide_env_values = true)]
    pub now: Option<Timestamp>,
    /// Form of the output
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// What is logged to standard error, such as info or burgeon_engine=debug
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        default_value = "warn",
        env = "BURGEON_LOG",
        hide_env_values = true
    )]
    pub log: String,
    /// Log as JSON, one object a line
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// Form of what a verb prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for reading
    Table,
    /// Comma-separated values, exact
    Csv,
    /// One JSON value
    Json,
}

/// The machine's clock. The only place in the program that reads it for figures.
#[derive(Debug)]
struct MachineClock;

impl Clock for MachineClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Global {
    /// The clock of `--now`, else the machine's.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match self.now {
            Some(now) => Arc::new(FixedClock(now)),
            None => Arc::new(MachineClock),
        }
    }

    /// Opens the data directory, made when it is missing.
    pub async fn open(&self) -> Result<Arc<Workspace>, Failure> {
        self.open_with(OpenOptions::default()).await
    }

    /// Opens a data directory that must be there already, so that a slip in `--data` is no empty answer.
    pub async fn open_existing(&self, options: OpenOptions) -> Result<Arc<Workspace>, Failure> {
        if !self.data.is_dir() {
            return Err(Failure::NoData(self.data.clone()));
        }
        self.open_with(options).await
    }

    async fn open_with(&self, options: OpenOptions) -> Result<Arc<Workspace>, Failure> {
        Ok(Workspace::open(&self.data, self.clock(), options).await?)
    }

    /// Sends logs to standard error as `--log` and `--log-json` say.
    pub fn start_logging(&self) {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log).unwrap_or_else(|error| {
            eprintln!("warning: --log {}: {error}; logging warnings", self.log);
            tracing_subscriber::EnvFilter::new("warn")
        });
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        if self.log_json {
            builder.json().init();
        } else {
            builder.with_target(false).init();
        }
    }
}

/// The options of `query` and what shares them, as the pairs that the HTTP interface takes too.
#[derive(Debug, Args)]
pub struct Slice {
    /// Keep only what matches: plan=Pro, plan=Pro,Team, country!=US; may be repeated
    #[arg(long = "where", value_name = "DIM=VALUE")]
    pub filters: Vec<String>,
    /// Display currency (default: the workspace's)
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
}

impl Slice {
    /// The filters in the form of an address, `plan:Pro,Team`.
    pub fn filters(&self) -> Result<Vec<String>, Failure> {
        self.filters.iter().map(|text| filter(text)).collect()
    }
}

fn filter(text: &str) -> Result<String, Failure> {
    let wrong = || Failure::Usage(format!("--where {text}: write DIM=VALUE, DIM=A,B or DIM!=VALUE"));
    let (name, values) = text.split_once('=').ok_or_else(wrong)?;
    if name.trim_end_matches('!').trim().is_empty() {
        return Err(wrong());
    }
    Ok(match name.strip_suffix('!') {
        Some(name) => format!("{}!={values}", name.trim()),
        None => format!("{}:{values}", name.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn filters_become_those_of_an_address() {
        assert_eq!(filter("plan=Pro,Team").unwrap(), "plan:Pro,Team");
        assert_eq!(filter("country!=US").unwrap(), "country!=US");
        assert_eq!(filter("note=a=b").unwrap(), "note:a=b");
        assert!(filter("plan").is_err() && filter("=x").is_err());
    }
}
