//! The metrics there are, and the definition of each.

mod labels;
mod list;

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Text by language: `en`, `ru`, `zh`.
pub type Label = BTreeMap<String, String>;

/// All metrics.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricList {
    /// By area and name.
    pub metrics: Vec<MetricHead>,
}

/// A metric in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricHead {
    /// Name in queries.
    pub name: String,
    /// Name for people.
    pub label: Label,
    /// revenue, success, sales, …
    pub area: String,
    /// simple, cumulative, cohort, ratio, formula, model, revaluation.
    #[serde(rename = "type")]
    pub ty: String,
    /// money, count, percent, ratio, months, years or days.
    pub unit: String,
    /// higher, lower or neutral.
    pub better: String,
    /// The first sentence of the definition.
    pub summary: String,
    /// What it can be broken down by.
    pub dimensions: Vec<DimensionInfo>,
    /// Ranges that are known to be good or bad.
    pub bands: Vec<Band>,
    /// Whether any property of the events is a dimension too, as `event.NAME`; `/events/names` lists those that were seen.
    pub properties: bool,
    /// Whether the groups of a breakdown add up to the undivided figure.
    pub additive: bool,
    /// Dimensions that it is broken down by unless others are asked for.
    pub default_by: Vec<String>,
}

/// A dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DimensionInfo {
    /// Name in queries.
    pub name: String,
    /// Name for people.
    pub label: Label,
    /// fact, customer, attribute, cohort, or standing (what the customer paid for at the moment).
    pub kind: String,
}

/// A range of values with a meaning.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Band {
    /// Grain that it holds for; all when none.
    pub grain: Option<String>,
    /// Lower bound, included.
    pub from: Option<f64>,
    /// Upper bound, excluded.
    pub to: Option<f64>,
    /// What it means.
    pub label: Label,
    /// good, bad or neutral.
    pub tone: String,
}

/// The definition of a metric.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricDetail {
    /// As in the list.
    #[serde(flatten)]
    pub head: MetricHead,
    /// The rule in one line.
    pub formula: String,
    /// The documentation, Markdown.
    pub prose: String,
    /// The front matter as it is written.
    pub definition: String,
    /// Metrics in its formula.
    pub depends_on: Vec<String>,
    /// Metrics whose formula names it.
    pub used_by: Vec<String>,
    /// The fact that it is computed over.
    pub fact: Option<String>,
    /// Record tables under it.
    pub records: Vec<String>,
    /// Settings that it obeys.
    pub settings: Vec<super::settings::SettingInfo>,
    /// File of the definition.
    pub file: String,
}
