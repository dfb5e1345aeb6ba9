//! Figures by period and dimension.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The answer to a query.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// Grain of the periods.
    pub grain: String,
    /// Currency of all money.
    pub currency: String,
    /// Time zone that the periods are cut in.
    pub timezone: String,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
    /// Time of the newest record, RFC 3339.
    pub data_through: Option<String>,
    /// Names the rules that were in force.
    pub rule_version: String,
    /// Periods, in order; values follow them.
    pub periods: Vec<PeriodInfo>,
    /// Periods compared with, one for each period.
    pub compare_periods: Option<Vec<PeriodInfo>>,
    /// One series for each metric and combination of dimension values.
    pub series: Vec<Series>,
    /// What the reader should know: immature cohorts, groups left out.
    pub warnings: Vec<String>,
    /// Time that the server took, ms.
    pub took_ms: u64,
}

/// A period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeriodInfo {
    /// Its name, such as `2026-01`.
    pub label: String,
    /// First date.
    pub start: String,
    /// First date after it.
    pub end: String,
    /// Whether it is over.
    pub complete: bool,
}

/// A metric over the periods, for one combination of dimension values.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Series {
    /// Metric.
    pub metric: String,
    /// money (major units), count, percent (a fraction), ratio, months, years or days.
    pub unit: String,
    /// Dimension values; none where the record has none.
    pub dimensions: BTreeMap<String, Option<String>>,
    /// One value for each period, rounded at display.
    pub values: Vec<Option<f64>>,
    /// Why there is no value, one for each period.
    pub reasons: Vec<Option<String>>,
    /// Values of the periods compared with.
    pub compare: Option<Vec<Option<f64>>>,
}
