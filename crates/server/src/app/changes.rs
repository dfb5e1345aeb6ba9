//! What changed: the few largest real changes of a period, each with its main cause.

use serde::Serialize;
use utoipa::ToSchema;

/// The changes of a period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Changes {
    /// Period.
    pub period: String,
    /// Period compared with.
    pub against: String,
    /// Display currency.
    pub currency: String,
    /// The largest real changes first.
    pub changes: Vec<MetricChange>,
}

/// The change of one metric.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricChange {
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// Value before.
    pub before: Option<f64>,
    /// Value after.
    pub after: Option<f64>,
    /// after − before.
    pub change: Option<f64>,
    /// change ÷ before; none where before is zero.
    pub change_ratio: Option<f64>,
    /// What contributed most.
    pub cause: Option<Cause>,
    /// Whether the change is larger than what the twelve periods before would lead one to expect.
    pub unusual: bool,
}

/// What contributed most to a change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Cause {
    /// Dimension, or `movement`.
    pub dimension: String,
    /// Its value.
    pub value: String,
    /// Its part of the change, in the unit of the metric.
    pub change: f64,
    /// How many customers took part, where it is known.
    pub customers: Option<u64>,
}
