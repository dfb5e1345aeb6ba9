//! SQL over records and facts, read only.

use super::cells;
use super::{Result, Workspace};
use burgeon_engine::plan::sql::SqlLimits;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The answer to a statement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Table {
    /// Columns, in order.
    pub columns: Vec<TableColumn>,
    /// Rows; large numbers and decimals are text, so that no digit is lost.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows.
    pub truncated: bool,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TableColumn {
    /// Name.
    pub name: String,
    /// Type: text, int, decimal, float, bool, date, timestamp, or the engine's own name.
    #[serde(rename = "type")]
    pub ty: String,
}

/// Text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An instant (µs UTC) as an SQL literal.
pub(crate) fn instant_literal(micros: i64) -> String {
    format!("to_timestamp_micros({micros})")
}

/// The name of an Arrow type for readers.
pub(crate) fn type_name(ty: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType as T;
    match ty {
        T::Utf8 | T::Utf8View | T::LargeUtf8 => "text".to_owned(),
        T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => {
            "int".to_owned()
        }
        T::Decimal128(_, _) | T::Decimal256(_, _) => "decimal".to_owned(),
        T::Float32 | T::Float64 => "float".to_owned(),
        T::Boolean => "bool".to_owned(),
        T::Date32 | T::Date64 => "date".to_owned(),
        T::Timestamp(_, _) => "timestamp".to_owned(),
        other => other.to_string(),
    }
}

impl Workspace {
    /// Runs one read-only statement over the records and facts; at most 10,000 rows.
    pub async fn sql(&self, statement: &str) -> Result<Table> {
        let result = self.engine().sql(statement, SqlLimits::default()).await?;
        let columns = result
            .schema
            .fields()
            .iter()
            .map(|field| TableColumn { name: field.name().clone(), ty: type_name(field.data_type()) })
            .collect();
        Ok(Table { columns, rows: cells::rows(&result.batches), truncated: result.truncated })
    }
}
