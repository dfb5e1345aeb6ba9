//! `burgeon keys`: write keys, which event clients send.

use std::process::ExitCode;

use burgeon_server::app::events::keys::{Key, KeyRing, NewKey};
use clap::{Args, Subcommand};

use crate::cli::{Format, Global};
use crate::failure::Failure;
use crate::output::{self, Rows};

/// Options of `keys`.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a write key and print it
    Create {
        /// What it is for, such as website
        name: String,
        /// Site whose tracker sends its domain in place of a key; once any key has one, other sites are refused
        #[arg(long = "domain", value_name = "HOST")]
        domains: Vec<String>,
    },
    /// List the write keys
    List,
    /// Refuse a key from now on
    Revoke {
        /// Id of the key, or the key itself
        #[arg(value_name = "KEY")]
        key: String,
    },
}

impl Keys {
    /// Works on the state store alone, so also while a server runs on the data directory.
    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let ring = KeyRing::open(&global.data, global.clock()).await?;
        match self.verb {
            Verb::Create { name, domains } => {
                let mut random = [0; 16];
                getrandom::fill(&mut random).map_err(Failure::Random)?;
                let key = ring.create(&NewKey { name, domains }, &random, "cli").await?;
                match global.format {
                    Format::Table => output::print(&format!("{}\n", key.key))?,
                    format => table(std::slice::from_ref(&key)).print(format, &key)?,
                }
            }
            Verb::List => {
                let list = ring.list().await?;
                table(&list.keys).print(global.format, &list)?;
            }
            Verb::Revoke { key } => {
                let key = ring.revoke(&key, "cli").await?;
                table(std::slice::from_ref(&key)).print(global.format, &key)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(keys: &[Key]) -> Rows {
    let mut rows =
        Rows::new(["key_id", "name", "key", "domains", "created_at", "last_used_at", "revoked_at"]);
    for key in keys {
        rows.push([
            key.key_id.clone(),
            key.name.clone(),
            key.key.clone(),
            key.domains.join(" "),
            key.created_at.clone(),
            key.last_used_at.clone().unwrap_or_default(),
            key.revoked_at.clone().unwrap_or_default(),
        ]);
    }
    rows
}
