//! Why a figure changed: its formula's parts, and the split by dimension that adds up to the change.

use super::releases::Release;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What to explain.
#[derive(Debug, Clone)]
pub struct Request {
    /// Metric.
    pub metric: String,
    /// Period, such as `2026-01`.
    pub period: String,
    /// Period to compare with; the one before when absent.
    pub against: Option<String>,
    /// Dimensions to split by; the metric's usual ones when empty.
    pub by: Vec<String>,
    /// Filters in the form of the address: `plan:Pro,Team`, `country!:US`.
    pub filters: Vec<String>,
    /// Display currency.
    pub currency: Option<String>,
}

/// The change of a figure, explained.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explained {
    /// Metric.
    pub metric: String,
    /// money, count, percent, ratio, months, years or days.
    pub unit: String,
    /// Display currency.
    pub currency: String,
    /// Period.
    pub period: String,
    /// Period compared with.
    pub against: String,
    /// Whether the period is over.
    pub complete: bool,
    /// Value before.
    pub before: Option<f64>,
    /// Value after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// change ÷ before; none where before is zero.
    pub change_ratio: Option<f64>,
    /// The formula's parts and what each contributed.
    pub tree: Node,
    /// Splits by dimension, each adding up to the change.
    pub by: Vec<Split>,
    /// The few sentences that matter, as keys and figures.
    pub sentences: Vec<Sentence>,
    /// Releases, campaigns and incidents in both periods.
    pub releases: Vec<Release>,
}

/// A part of a formula.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Node {
    /// Metric, or the text of a constant.
    pub metric: String,
    /// Name by language.
    pub label: BTreeMap<String, String>,
    /// Unit.
    pub unit: String,
    /// Value before.
    pub before: Option<f64>,
    /// Value after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// Its part of the whole change, in the unit of the whole; the parts of a node add up to the node's.
    pub contribution: Option<f64>,
    /// How the children make the value: `+`, `-`, `*`, `/`, or none for a leaf.
    pub operator: Option<String>,
    /// Parts.
    #[schema(no_recursion)]
    pub children: Vec<Node>,
}

/// A change split by one dimension.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Split {
    /// Dimension.
    pub dimension: String,
    /// Values, the largest effect first.
    pub rows: Vec<SplitRow>,
    /// Sum of mix and rate over the rows: the change.
    pub sum: Option<f64>,
}

/// One value of a dimension and its part of the change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SplitRow {
    /// Value; none where the record has none.
    pub value: Option<String>,
    /// Figure before.
    pub before: Option<f64>,
    /// Figure after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// Part of the change because the value's share grew or shrank (ratios only, else 0).
    pub mix: f64,
    /// Part of the change because the value's own figure changed.
    pub rate: f64,
}

/// A sentence as a key and its figures; the page words it in the reader's language.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sentence {
    /// Key of the sentence.
    pub kind: String,
    /// Figures and names.
    #[schema(value_type = Object)]
    pub params: BTreeMap<String, serde_json::Value>,
}
