//! What the metrics crate has to know of a fact, to check definitions and to resolve dimensions.

/// A fact's schema, as the engine reports it. See `definitions/facts/*.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactSchema {
    /// Name, e.g. `mrr_movements`.
    pub name: String,
    /// Documentation: the leading comment lines of the SQL file.
    pub doc: String,
    /// Columns in order.
    pub columns: Vec<FactColumn>,
    /// The column of the entity of which each row has exactly one, e.g. `customer_id`; `None` without an entity.
    pub entity: Option<String>,
    /// The column that says when a row happened.
    pub time: String,
    /// The record tables that the fact is computed from.
    pub records: Vec<String>,
}

/// A column of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactColumn {
    /// Name.
    pub name: String,
    /// What it holds.
    pub kind: FactColumnKind,
    /// Whether all rows of an entity have the same value (`first_paid_at`).
    pub of_entity: bool,
    /// Whether equal values belong to one entity (`movement_id`), so that distinct values add up over entities.
    pub entity_id: bool,
}

/// What a fact's column holds, as far as metrics care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactColumnKind {
    /// Text: may be a dimension.
    Text,
    /// True or false: may be a dimension (`true`, `false`).
    Bool,
    /// A number: a measure.
    Number,
    /// A date or a time.
    Time,
    /// Anything else.
    Other,
}

impl FactSchema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&FactColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Columns that may be a dimension. Of [`PROPERTIES`] each key is one, not the whole.
    pub fn dimensions(&self) -> impl Iterator<Item = &str> {
        self.columns
            .iter()
            .filter(|c| matches!(c.kind, FactColumnKind::Text | FactColumnKind::Bool) && c.name != PROPERTIES)
            .map(|c| c.name.as_str())
    }
}

/// The column of facts over events that holds what else an event says, as JSON: each key is a dimension
/// ([`Dimension::Property`](crate::base::Dimension::Property)).
pub const PROPERTIES: &str = "properties";

/// Columns of the `customers` record that may be a dimension of every fact that has a column `customer_id`.
pub const CUSTOMER_COLUMNS: [&str; 4] = ["country", "channel", "partner", "name"];
