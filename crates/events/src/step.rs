//! Steps, until `burgeon_core::behaviour::step` is there; the same shape.

/// An event with conditions on its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of the event; `*` is any.
    pub event: String,
    /// All of these hold.
    pub conditions: Vec<Condition>,
}

/// A condition on one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Name of the property.
    pub property: String,
    /// How it is compared.
    pub op: Op,
    /// What it is compared with.
    pub value: String,
}

/// How a property is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Contains,
}
