//! The use cases: what the command line and the HTTP interface share. Nothing here knows of HTTP.

pub mod changes;
pub mod company;
pub mod customers;
pub mod dashboards;
pub mod definitions;
pub mod demo;
pub mod doctor;
mod error;
pub mod events;
pub mod examples;
pub mod explain;
pub mod import;
pub mod intake;
pub mod jobs;
pub mod live;
pub mod metrics;
pub mod query;
pub mod raw;
pub mod rejects;
pub mod releases;
pub mod rows;
pub mod secrets;
pub mod settings;
pub mod sql;
pub mod workspace;

mod cells;
mod load;

pub use error::{Error, Kind, Result};
pub use workspace::{OpenOptions, Workspace};
