//! What people do: intake by the protocols of official clients, and the questions over events.

use super::Workspace;
use burgeon_core::time::Clock;
use burgeon_engine::events::EventStore;
use burgeon_engine::lake::Lake;
use burgeon_state::State;
use std::sync::Arc;
use tokio::sync::Semaphore;

pub mod ask;
pub(super) mod channels;
pub mod facts;
pub mod funnel;
pub mod intake;
pub mod keys;
mod known;
pub mod life;
pub mod live;
pub mod meanings;
mod numbers;
pub mod people;
pub mod persons;
pub mod removal;
pub mod retention;
mod salt;
pub mod saved;
pub mod seen;

/// Large bodies that are unpacked and read at one time; others wait.
const PARSERS: usize = 4;

/// What the intake of an open workspace keeps in memory.
#[derive(Debug)]
pub(super) struct Intake {
    keys: keys::KeyRing,
    known: known::KnownPersons,
    salt: salt::SaltOfDay,
    parsers: Semaphore,
    facts: facts::KeptFacts,
    /// Held while the file of meanings is changed.
    meanings: tokio::sync::Mutex<()>,
}

impl Intake {
    /// The intake over an open lake and state.
    pub(super) fn new(lake: &Lake, state: State, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys: keys::KeyRing::new(state, clock),
            known: known::KnownPersons::new(lake),
            salt: salt::SaltOfDay::default(),
            parsers: Semaphore::new(PARSERS),
            facts: facts::KeptFacts::default(),
            meanings: tokio::sync::Mutex::default(),
        }
    }
}

impl Workspace {
    /// The events.
    pub(super) fn events(&self) -> EventStore {
        self.lake().events()
    }

    /// The write keys of event clients.
    pub fn keys(&self) -> &keys::KeyRing {
        &self.intake().keys
    }
}
