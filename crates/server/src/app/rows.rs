//! The rows behind a figure, and the record behind a row.

mod page;
mod record;

pub use record::known_table;

use super::sql::TableColumn;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Which rows.
#[derive(Debug, Clone)]
pub struct Request {
    /// Metric.
    pub metric: String,
    /// Period, such as `2026-01`.
    pub period: String,
    /// Filters in the form of the address.
    pub filters: Vec<String>,
    /// Display currency.
    pub currency: Option<String>,
    /// Most rows.
    pub limit: usize,
    /// Rows to pass over.
    pub offset: usize,
}

/// A page of the rows behind a figure.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowsPage {
    /// Columns of the fact, and `value` in the display currency where there is one.
    pub columns: Vec<TableColumn>,
    /// Rows in order of time.
    pub rows: Vec<FactRow>,
    /// How many rows there are in all.
    pub total: u64,
    /// The metric whose rows these are: the one asked for, or its first part.
    pub metric: String,
    /// The figure that the rows make, major units for money.
    pub sum: Option<f64>,
}

/// A row of a fact.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FactRow {
    /// Values, in the order of the columns.
    #[schema(value_type = Vec<Object>)]
    pub values: Vec<Value>,
    /// The record that it came from.
    pub record: Option<RecordRef>,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordRef {
    /// Record table.
    pub table: String,
    /// Customer, or `-` in tables without one.
    pub entity: String,
    /// Key, as text: it needs 64 bits.
    pub key: String,
}

/// A record and the row that it came from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordDetail {
    /// The record's columns.
    #[schema(value_type = Object)]
    pub record: Map<String, Value>,
    /// Where it came from.
    pub source: RecordSource,
}

/// Where a record came from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordSource {
    /// `file:subs.csv`, `api`, `demo`.
    pub source: String,
    /// Name of the file.
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<u64>,
    /// The row as the source had it.
    #[schema(value_type = Option<Object>)]
    pub raw: Option<Value>,
    /// When the row, or the whole file, was taken out of what is kept, with a person who was removed; RFC 3339.
    pub removed_at: Option<String>,
}
