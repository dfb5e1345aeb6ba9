//! Records written by clients: durable when answered, idempotent by key.

use serde::Serialize;
use utoipa::ToSchema;

/// What became of the rows.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Written {
    /// Rows that are in the lake now and were new.
    pub accepted: u64,
    /// Rows that took the place of an earlier version.
    pub replaced: u64,
    /// Rows that were there already.
    pub unchanged: u64,
    /// Rows that could not be read.
    pub rejected: Vec<RowRejected>,
    /// Position of the intake log after the write.
    pub position: u64,
}

/// A row that could not be read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowRejected {
    /// Place in the batch, from 1.
    pub row: usize,
    /// What is wrong, and how it is mended.
    pub reason: String,
}
