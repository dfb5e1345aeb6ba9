//! `burgeon doctor`: what is wrong with a data directory, in words.

use std::process::ExitCode;

use burgeon_server::app::doctor::Finding;
use burgeon_server::app::{Kind, OpenOptions};
use clap::Args;

use crate::cli::{Format, Global};
use crate::failure::Failure;
use crate::output;

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {}

impl Doctor {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let findings = match examine(global).await {
            // What cannot even be opened is what a doctor is asked about.
            Err(Failure::App(error)) if error.kind != Kind::Busy => {
                vec![Finding { part: "data", severe: true, text: error.to_string() }]
            }
            other => other?,
        };
        if global.format == Format::Table {
            for finding in &findings {
                let mark = if finding.severe { "wrong" } else { "note" };
                output::print(&format!("{mark}: {}: {}\n", finding.part, finding.text))?;
            }
            if findings.iter().all(|finding| !finding.severe) {
                output::print("lake, log, state, settings and definitions are sound\n")?;
            }
        } else {
            let mut rows = output::Rows::new(["part", "severe", "finding"]);
            for finding in &findings {
                rows.push([finding.part, if finding.severe { "true" } else { "false" }, &finding.text]);
            }
            rows.print(global.format, &findings)?;
        }
        let severe = findings.iter().any(|finding| finding.severe);
        Ok(if severe { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

async fn examine(global: &Global) -> Result<Vec<Finding>, Failure> {
    let options = OpenOptions { tolerant: true, ..OpenOptions::default() };
    let workspace = global.open_existing(options).await?;
    let findings = workspace.doctor().await?;
    workspace.close().await?;
    Ok(findings)
}
