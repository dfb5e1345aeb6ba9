//! The canonical record tables: what they hold, their Arrow schemas, and the keys of their rows.
//!
//! A record is a full after-image: what the source said about one thing from a moment on. Rows are only
//! ever added; of several rows with the same (entity, `_key`) the one with the highest `_seq` counts.

mod key;
mod tables;

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

pub use key::{KeyHasher, KeyPart};
pub use tables::TABLES;

/// What the values of a column are, and how Arrow stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Text. Arrow `Utf8View`.
    Text,
    /// A whole number. Arrow `Int64`.
    Int,
    /// An amount in minor units of the row's currency. Arrow `Int64`.
    Minor,
    /// A decimal with ten decimals. Arrow `Decimal128(30, 10)`.
    Decimal10,
    /// An instant, µs UTC. Arrow `Timestamp(Microsecond, "UTC")`.
    Timestamp,
    /// A calendar date of the workspace's zone. Arrow `Date32`.
    Date,
    /// Yes or no. Arrow `Boolean`.
    Bool,
    /// A JSON object as text. Arrow `Utf8View`.
    Json,
}

impl ColumnType {
    /// The Arrow type that stores the column.
    pub fn data_type(self) -> DataType {
        match self {
            ColumnType::Text | ColumnType::Json => DataType::Utf8View,
            ColumnType::Int | ColumnType::Minor => DataType::Int64,
            ColumnType::Decimal10 => DataType::Decimal128(30, 10),
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::Date => DataType::Date32,
            ColumnType::Bool => DataType::Boolean,
        }
    }

    /// The name in documentation and previews, such as `text` or `timestamp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::Int => "int",
            ColumnType::Minor => "minor",
            ColumnType::Decimal10 => "decimal",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Date => "date",
            ColumnType::Bool => "bool",
            ColumnType::Json => "json",
        }
    }
}

/// One column of a record table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name, lower snake case; amounts end in `_minor`.
    pub name: &'static str,
    /// What the values are.
    pub ty: ColumnType,
    /// Whether intake refuses a row without it.
    pub required: bool,
    /// One line for the reader of the documentation.
    pub doc: &'static str,
}

/// How the rows of a table are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Rows are replaced by key: sorted base files with an overlay (the lake).
    Ledger,
    /// Rows happen once and are never replaced: runs of Parquet with hot columns beside them (the event store).
    Events,
}

/// One record table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The name in the lake, in SQL and in the API.
    pub name: &'static str,
    /// One line for the reader of the documentation.
    pub doc: &'static str,
    /// The columns in their stored order.
    pub columns: &'static [Column],
    /// The columns that identify a row; a row with the same key replaces the earlier one.
    pub key: &'static [&'static str],
    /// The column of the entity that the row belongs to (the lake is bucketed and sorted by it), if any.
    pub entity: Option<&'static str>,
    /// The column of the time at which the row takes effect, if any.
    pub time: Option<&'static str>,
    /// How the rows are kept.
    pub storage: Storage,
}

impl Table {
    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The position of a column among [`Table::columns`], which is its position in the stored schema too.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The positions of the key columns, in the order of the key.
    pub fn key_indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.key.iter().filter_map(|name| self.index_of(name))
    }
}

/// The table of a name; `None` when there is no such table.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// Names of the system columns that follow the table's own columns in every stored row.
pub mod system {
    /// Where the row came from: `file:subs.csv`, `api`, `demo`. `Utf8View`.
    pub const SOURCE: &str = "_source";
    /// Pointer to the raw row, `<first 16 hex digits of the file's SHA-256>:<line>`; null for API rows. `Utf8View`.
    pub const ORIGIN: &str = "_origin";
    /// The JSON of a row that came through the API; null for files. `Utf8View`.
    pub const RAW: &str = "_raw";
    /// [`KeyHasher`](super::KeyHasher) of the key columns. `UInt64`.
    pub const KEY: &str = "_key";
    /// The version; of rows with one key the highest counts. `Int64`.
    pub const SEQ: &str = "_seq";
    /// Whether the row says that there is no such record any more. `Boolean`.
    pub const DELETED: &str = "_deleted";
    /// All of them in stored order.
    pub const ALL: [&str; 6] = [SOURCE, ORIGIN, RAW, KEY, SEQ, DELETED];
}

/// The stored schema of a table: its own columns, then the [`system`] columns.
///
/// The table's own columns are all nullable in storage, so that a later version may add required ones;
/// intake enforces [`Column::required`].
pub fn arrow_schema(table: &Table) -> SchemaRef {
    let mut fields = own_fields(table);
    fields.extend([
        Field::new(system::SOURCE, DataType::Utf8View, false),
        Field::new(system::ORIGIN, DataType::Utf8View, true),
        Field::new(system::RAW, DataType::Utf8View, true),
        Field::new(system::KEY, DataType::UInt64, false),
        Field::new(system::SEQ, DataType::Int64, false),
        Field::new(system::DELETED, DataType::Boolean, false),
    ]);
    Arc::new(Schema::new(fields))
}

/// The schema of a table's own columns without the [`system`] columns, as importers produce it.
pub fn content_schema(table: &Table) -> SchemaRef {
    Arc::new(Schema::new(own_fields(table)))
}

fn own_fields(table: &Table) -> Vec<Field> {
    table.columns.iter().map(|column| Field::new(column.name, column.ty.data_type(), true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tables_are_well_formed() {
        let mut names = HashSet::new();
        for table in TABLES {
            assert!(names.insert(table.name), "{} stands twice", table.name);
            assert!(!table.doc.is_empty() && !table.key.is_empty(), "{}", table.name);
            let mut columns = HashSet::new();
            for column in table.columns {
                assert!(columns.insert(column.name), "{}.{} stands twice", table.name, column.name);
                assert!(
                    !column.name.starts_with('_') && !column.doc.is_empty(),
                    "{}.{}",
                    table.name,
                    column.name
                );
                assert_eq!(
                    column.name.ends_with("_minor"),
                    column.ty == ColumnType::Minor,
                    "{}",
                    column.name
                );
            }
            assert_eq!(table.key_indices().count(), table.key.len(), "{}", table.name);
            for name in table.entity.iter().chain(&table.time) {
                let column = table.column(name).expect("declared column exists");
                assert!(column.required, "{}.{name}", table.name);
            }
        }
    }

    #[test]
    fn stored_schema_ends_with_system_columns() {
        let changes = table("subscription_changes").expect("the table exists");
        let schema = arrow_schema(changes);
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names[names.len() - 6..], system::ALL);
        assert_eq!(names[0], "customer_id");
        assert_eq!(content_schema(changes).fields().len() + 6, names.len());
        assert!(table("nothing").is_none());
    }
}
