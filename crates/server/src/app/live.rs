//! From changed tables to the metrics that depend on them.

use super::Workspace;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What the open pages are told.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Change {
    /// Metrics whose figures may differ now.
    pub metrics: Vec<String>,
    /// Record tables that changed.
    pub tables: Vec<String>,
    /// Position of the intake log after the change.
    pub position: u64,
    /// When it was told, RFC 3339.
    pub at: String,
}

/// Changes of the lake that are told together.
#[derive(Debug, Default)]
pub struct Gathered {
    tables: BTreeSet<String>,
    position: u64,
    all: bool,
}

impl Gathered {
    /// Adds one change.
    pub fn add(&mut self, changed: &burgeon_engine::lake::Changed) {
        self.tables.insert(changed.table.to_string());
        self.position = self.position.max(changed.position);
    }

    /// Some changes were missed: everything may have changed.
    pub fn everything(&mut self) {
        self.all = true;
    }
}

impl Workspace {
    /// The metrics that depend on the gathered tables.
    pub fn change(&self, gathered: &Gathered) -> Change {
        let tables: Vec<String> = if gathered.all {
            burgeon_core::records::TABLES.iter().map(|table| table.name.to_owned()).collect()
        } else {
            gathered.tables.iter().cloned().collect()
        };
        let metrics = self.metrics_of_tables(&tables);
        Change { metrics, tables, position: gathered.position, at: self.now().to_string() }
    }
}
