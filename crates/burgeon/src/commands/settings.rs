//! `burgeon settings`: the rules of the workspace.

use std::collections::BTreeMap;
use std::process::ExitCode;

use burgeon_server::app::settings::Scalar;
use clap::Args;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Rows, cell};

/// Options of `settings`.
#[derive(Debug, Args)]
pub struct Settings {
    /// Settings to change, NAME=VALUE; without any the present ones are shown
    #[arg(value_name = "NAME=VALUE")]
    changes: Vec<String>,
}

impl Settings {
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let mut values = BTreeMap::new();
        for change in &self.changes {
            let (name, value) = change
                .split_once('=')
                .ok_or_else(|| Failure::Usage(format!("{change}: write NAME=VALUE")))?;
            values.insert(name.trim().to_owned(), Scalar::Text(value.trim().to_owned()));
        }
        let workspace = global.open().await?;
        if !values.is_empty() {
            workspace.set_settings(&values, "cli").await?;
        }
        let list = workspace.setting_list();
        workspace.close().await?;
        let mut rows = Rows::new(["name", "value", "default", "doc"]);
        for setting in &list.settings {
            let doc = setting.doc.get("en").map_or("", String::as_str);
            rows.push([&setting.name[..], &cell(&setting.value), &cell(&setting.default), doc]);
        }
        rows.print(global.format, &list)?;
        Ok(ExitCode::SUCCESS)
    }
}
