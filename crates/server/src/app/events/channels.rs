//! The rules that name the channels of visits.

use crate::app::definitions::Files;
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::channel::ChannelRules;
use std::sync::Arc;

/// The rule file, built in or of a workspace in its place.
const FILE: &str = "channels.toml";

/// Reads the rules in force: the workspace's own file as a whole, else the built-in one.
pub(in crate::app) fn read(files: &Files) -> Result<ChannelRules> {
    let missing = || Error::internal(format!("the built-in definitions/{FILE} is missing"));
    let file = files.get(FILE).ok_or_else(missing)?;
    ChannelRules::parse(&file.text, &file.place())
        .map_err(|error| Error::invalid("bad_definition", error.to_string()))
}

impl Workspace {
    /// The rules in force. An event keeps the channel that it got when it arrived.
    pub(in crate::app) fn channels(&self) -> Arc<ChannelRules> {
        self.definitions().channels.clone()
    }
}
