//! Dashboards: which figures a page shows, and how.

use super::definitions::File;
use super::{Error, Result, Workspace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A name in the languages of the page.
pub type Label = BTreeMap<String, String>;

/// A page of figures, from `definitions/dashboards/<name>.yaml`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// Name in addresses.
    pub name: String,
    /// Title by language.
    pub label: Label,
    /// Groups of figures, from top to bottom.
    pub sections: Vec<Section>,
}

/// A group of figures.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Name, unique on the page.
    pub name: String,
    /// Title by language.
    pub label: Label,
    /// What is shown.
    pub items: Vec<Item>,
}

/// One card or chart.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// How it is drawn.
    pub chart: Chart,
    /// Metrics, in the order of drawing.
    pub metrics: Vec<String>,
    /// Dimensions to break down by.
    #[serde(default)]
    pub by: Vec<String>,
    /// Grain in place of the page's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grain: Option<String>,
    /// Title by language; the metric's label when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// The ways of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// Value, change and sparkline.
    Card,
    /// Lines over time.
    Line,
    /// Bars over time.
    Bar,
    /// Stacked bars around zero: what came and what went.
    Movements,
    /// Opening, movements, closing of one period.
    Waterfall,
    /// Cohort by age, with numbers.
    Heatmap,
    /// Horizontal bars of shares.
    Shares,
    /// Figures as they are.
    Table,
}

/// A dashboard in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DashboardHead {
    /// Name in addresses.
    pub name: String,
    /// Title by language.
    pub label: Label,
}

/// All dashboards.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DashboardList {
    /// By name.
    pub dashboards: Vec<DashboardHead>,
}

/// Reads the dashboards and checks the metrics that they name.
pub fn read<'a>(
    files: impl Iterator<Item = &'a File>,
    is_metric: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Dashboard>> {
    let mut dashboards = BTreeMap::new();
    for file in files {
        let wrong = |text: String| Error::invalid("bad_dashboard", format!("{}: {text}", file.place()));
        let dashboard: Dashboard =
            serde_norway::from_str(&file.text).map_err(|error| wrong(error.to_string()))?;
        let metrics =
            dashboard.sections.iter().flat_map(|section| &section.items).flat_map(|item| &item.metrics);
        if let Some(unknown) = metrics.into_iter().find(|metric| !is_metric(metric)) {
            return Err(
                wrong(format!("there is no metric `{unknown}`")).mend("`burgeon metrics` lists the names")
            );
        }
        dashboards.insert(dashboard.name.clone(), dashboard);
    }
    Ok(dashboards)
}

impl Workspace {
    /// All dashboards.
    pub fn dashboards(&self) -> DashboardList {
        let definitions = self.definitions();
        let heads = definitions.dashboards.values();
        DashboardList {
            dashboards: heads
                .map(|dashboard| DashboardHead {
                    name: dashboard.name.clone(),
                    label: dashboard.label.clone(),
                })
                .collect(),
        }
    }

    /// One dashboard.
    pub fn dashboard(&self, name: &str) -> Result<Dashboard> {
        let definitions = self.definitions();
        definitions.dashboards.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = definitions.dashboards.keys().map(String::as_str).collect();
            Error::not_found("unknown_dashboard", format!("there is no dashboard `{name}`"))
                .mend(format!("there are: {}", names.join(", ")))
        })
    }
}
