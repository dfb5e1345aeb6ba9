//! `burgeon demo`: a company to look at.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use burgeon_server::app::demo::DemoOptions;
use burgeon_server::app::demo::events::EVENTS_PER_ACCOUNT;
use burgeon_server::app::import::Progress;
use clap::Args;

use super::serve::Listen;
use crate::cli::Global;
use crate::failure::Failure;
use crate::progress::Bar;

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Accounts that ever signed up; about six in ten become customers
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    customers: u64,
    /// Years of history up to now
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    years: u32,
    /// Seed that the company is drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Subscription changes for each account on average (default: about 4); for benchmarks
    #[arg(long, value_name = "N")]
    changes: Option<f64>,
    /// Events of people on the site and in the product (default: 250 for each account, five million of 20,000); 0 for none
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// New records keep arriving while it is served, one every so many seconds; `off` keeps it still
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = pace)]
    live: Pace,
    /// Write the records and stop, without serving
    #[arg(long)]
    load_only: bool,
    #[command(flatten)]
    listen: Listen,
}

impl Demo {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let workspace = global.open().await?;
        let options = DemoOptions {
            customers: self.customers,
            years: self.years,
            changes_per_customer: self.changes,
            ..DemoOptions::new(self.seed, workspace.now())
        };
        let events = self.events.unwrap_or(self.customers.saturating_mul(EVENTS_PER_ACCOUNT));
        let progress = Arc::new(Progress::default());
        let bar = Bar::show("demo company".to_owned(), &progress);
        let filled = workspace.fill_demo(options, events, &progress).await;
        drop(bar);
        if !filled? {
            eprintln!("{} holds the demo company already; it is taken as it is", global.data.display());
        }
        if self.load_only {
            workspace.close().await?;
            return Ok(ExitCode::SUCCESS);
        }
        self.listen.serve(workspace, self.live.0).await
    }
}

/// How often something happens.
#[derive(Debug, Clone, Copy)]
struct Pace(Option<Duration>);

fn pace(text: &str) -> Result<Pace, String> {
    match (text, text.parse()) {
        ("off", _) => Ok(Pace(None)),
        (_, Ok(seconds @ 1..)) => Ok(Pace(Some(Duration::from_secs(seconds)))),
        _ => Err("write a number of seconds, or off".to_owned()),
    }
}
