//! The answer to a question, as JSON and as CSV. Numbers are rounded here, once, half away from zero.

use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::Period;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, Serializer};

use crate::definition::{ConversionFigure, Kind, Label, Unit};
use crate::evaluate::{Cell, Evaluator, grain_name, is_complete};
use crate::plan::{DAY_US, Plan};
use crate::query::{Compare, Groups};

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryResult {
    /// Length of a period.
    pub grain: &'static str,
    /// Currency of all money.
    pub currency: Currency,
    /// Time zone of the periods.
    pub timezone: String,
    /// The moment of the answer, RFC 3339.
    pub as_of: String,
    /// The periods, ascending.
    pub periods: Vec<PeriodInfo>,
    /// The periods compared with, in the same order.
    pub compare_periods: Option<Vec<PeriodInfo>>,
    /// Names of the dimensions.
    #[serde(skip)]
    pub by: Vec<String>,
    /// How the comparison is called in CSV headers.
    #[serde(skip)]
    pub compare_name: &'static str,
    /// One for each metric and group: metrics in the order of the query, groups by their values.
    pub series: Vec<Series>,
    /// Over all groups, for metrics that add up over them; empty without dimensions.
    pub totals: Vec<Series>,
    /// How many groups [`Groups::Top`] left out.
    pub left_out: usize,
    /// What the reader has to know.
    pub warnings: Vec<String>,
}

/// A period of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodInfo {
    /// `2026-01`
    pub label: String,
    /// First date.
    pub start: String,
    /// First date after.
    pub end: String,
    /// Whether it is over, so that its figures grow no more by time alone.
    pub complete: bool,
}

/// The values of one metric in one group. Serialised as `{metric, unit, dimensions, values, reasons, compare}`
/// with rounded numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: Unit,
    /// Decimals of the rounded numbers.
    pub decimals: u32,
    /// Dimensions and their values; `None` where the record has none.
    pub dimensions: Vec<(String, Option<String>)>,
    /// Whether this is the rest of a limited answer, all other groups together.
    pub other: bool,
    /// Exact values, one for each period.
    pub values: Vec<Cell>,
    /// Exact values compared with.
    pub compare: Option<Vec<Cell>>,
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Dimensions<'a>(&'a [(String, Option<String>)]);
        impl Serialize for Dimensions<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for (name, value) in self.0 {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
        let reasons: Vec<Option<&Label>> = self.values.iter().map(|c| c.as_ref().err()).collect();
        let mut s = serializer.serialize_struct("Series", 7)?;
        s.serialize_field("metric", &self.metric)?;
        s.serialize_field("unit", &self.unit)?;
        s.serialize_field("dimensions", &Dimensions(&self.dimensions))?;
        s.serialize_field("other", &self.other)?;
        s.serialize_field("values", &self.numbers())?;
        s.serialize_field("reasons", &reasons)?;
        s.serialize_field("compare", &self.compare_numbers())?;
        s.end()
    }
}

impl Series {
    /// The rounded values for charts and JSON; `None` where there is none.
    pub fn numbers(&self) -> Vec<Option<f64>> {
        self.values.iter().map(|c| number(c, self.decimals)).collect()
    }

    /// Why a value is empty, one for each period.
    pub fn reasons(&self) -> Vec<Option<Label>> {
        self.values.iter().map(|c| c.as_ref().err().cloned()).collect()
    }

    /// The rounded values compared with.
    pub fn compare_numbers(&self) -> Option<Vec<Option<f64>>> {
        self.compare.as_ref().map(|all| all.iter().map(|c| number(c, self.decimals)).collect())
    }
}

fn number(cell: &Cell, decimals: u32) -> Option<f64> {
    cell.as_ref().ok().and_then(|v| v.to_f64(decimals))
}

/// The text of a value as CSV and the CLI show it: money with its currency's decimals, else up to six decimals.
pub fn format_value(value: &Exact, unit: Unit, currency: Currency) -> String {
    match unit {
        Unit::Money => value.to_money(currency),
        _ => value.to_decimal(6),
    }
}

/// Decimals that a value of a unit is rounded to.
pub fn decimals(unit: Unit, currency: Currency) -> u32 {
    if unit == Unit::Money { currency.exponent() } else { 6 }
}

impl QueryResult {
    /// The answer as CSV with a header `period,<dimensions…>,<metrics…>`; with a comparison each metric is followed
    /// by `<metric>_previous` or `<metric>_year_ago`. Rows by period, then by dimension values.
    pub fn to_csv(&self) -> String {
        let mut metrics: Vec<&str> = Vec::new();
        /// Dimensions with their values; whether it is the rest.
        type Group<'a> = (&'a [(String, Option<String>)], bool);
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut cells = std::collections::HashMap::new();
        let mut seen = std::collections::HashSet::new();
        for series in &self.series {
            if !metrics.contains(&series.metric.as_str()) {
                metrics.push(&series.metric);
            }
            let group = (&series.dimensions[..], series.other);
            cells.insert((series.metric.as_str(), group), series);
            if seen.insert(group) {
                groups.push(group);
            }
        }
        let mut csv = String::from("period");
        for name in &self.by {
            csv.push(',');
            csv.push_str(&field(name));
        }
        for metric in &metrics {
            csv.push(',');
            csv.push_str(metric);
            if self.compare_periods.is_some() {
                csv.push_str(&format!(",{metric}_{}", self.compare_name));
            }
        }
        csv.push('\n');
        for (i, period) in self.periods.iter().enumerate() {
            for group in &groups {
                csv.push_str(&period.label);
                for (_, value) in group.0 {
                    csv.push(',');
                    csv.push_str(&field(value.as_deref().unwrap_or("")));
                }
                for metric in &metrics {
                    let series = cells.get(&(*metric, *group));
                    let mut put = |cell: Option<&Cell>| {
                        csv.push(',');
                        if let (Some(Ok(value)), Some(series)) = (cell, series) {
                            csv.push_str(&format_value(value, series.unit, self.currency));
                        }
                    };
                    put(series.and_then(|s| s.values.get(i)));
                    if self.compare_periods.is_some() {
                        put(series.and_then(|s| s.compare.as_ref()).and_then(|c| c.get(i)));
                    }
                }
                csv.push('\n');
            }
        }
        csv
    }
}

/// A CSV field, quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn info(plan: &Plan, period: &Period) -> PeriodInfo {
    PeriodInfo {
        label: period.label(),
        start: period.start.to_string(),
        end: period.end.to_string(),
        complete: is_complete(plan, period),
    }
}

/// Collects the values of all metrics, periods and groups.
pub(crate) fn assemble(evaluator: &Evaluator<'_>) -> QueryResult {
    let plan = evaluator.plan;
    let query = &plan.query;
    let divided = !query.by.is_empty();
    let mut warnings = Vec::new();
    let additive: Vec<bool> =
        query.metrics.iter().map(|m| query.by.iter().all(|d| plan.catalog.additive_over(m, d))).collect();
    let columns: Vec<_> = query
        .metrics
        .iter()
        .map(|name| {
            let compare = plan.compare_periods.as_ref().map(|periods| evaluator.across(name, periods));
            (evaluator.across(name, &query.periods), compare)
        })
        .collect();
    // A row for each group that has something to show.
    let mut rows: Vec<Row> = Vec::new();
    for group in 0..evaluator.groups.len() {
        let mut seen = !divided;
        let mut cells = Vec::with_capacity(columns.len());
        for ((values, compare), additive) in columns.iter().zip(&additive) {
            let (values, compare) = (values(group), compare.as_ref().map(|compare| compare(group)));
            let mut all = values.iter().chain(compare.iter().flatten());
            seen = seen || all.any(|c| c.as_ref().is_ok_and(|v| !v.is_zero() || !additive));
            cells.push(Cells { values, compare });
        }
        if seen {
            rows.push(Row { group, cells });
        }
    }
    let series = |name: &String, dimensions: Vec<(String, Option<String>)>, other: bool, cells: Cells| {
        let unit = plan.catalog.metric(name).map_or(Unit::Count, |m| m.unit);
        Series {
            metric: name.clone(),
            unit,
            decimals: decimals(unit, query.currency),
            dimensions,
            other,
            values: cells.values,
            compare: cells.compare,
        }
    };
    let mut totals = Vec::new();
    if divided && !rows.is_empty() {
        for (i, name) in query.metrics.iter().enumerate().filter(|(i, _)| additive[*i]) {
            let sum = sum(rows.iter().map(|row| &row.cells[i]));
            totals.extend(sum.map(|sum| series(name, Vec::new(), false, sum)));
        }
    }
    // The largest by the first metric first; of equal ones in the order of their values.
    let ranked = |rows: Vec<Row>, size: &dyn Fn(&[Cell]) -> Exact| {
        let size = |row: &Row| row.cells.first().map(|cells| size(&cells.values)).unwrap_or_default();
        let mut ranked: Vec<(Exact, Row)> = rows.into_iter().map(|row| (size(&row), row)).collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.group.cmp(&b.1.group)));
        ranked.into_iter().map(|(_, row)| row).collect::<Vec<Row>>()
    };
    let amount = |cell: &Cell| cell.as_ref().map(Exact::abs).unwrap_or_default();
    let mut left_out = 0;
    if let (Groups::Top(top), true) = (query.groups, divided) {
        left_out = rows.len().saturating_sub(top);
        rows = ranked(rows, &|cells| cells.last().map(amount).unwrap_or_default());
        rows.truncate(top);
    }
    let mut rest = Vec::new();
    if let Groups::Limit(limit) = query.groups
        && divided
        && limit < rows.len()
    {
        rows = ranked(rows, &|cells| cells.iter().map(amount).sum());
        rest = rows.split_off(limit);
        rows.sort_by_key(|row| row.group);
    }
    // Metric by metric, groups in order, behind them the rest together.
    let mut all = Vec::with_capacity(rows.len() * columns.len());
    for (i, name) in query.metrics.iter().enumerate() {
        for row in &mut rows {
            let cells = std::mem::take(&mut row.cells[i]);
            let dims = &evaluator.groups[row.group];
            all.push(series(
                name,
                query.by.iter().cloned().zip(dims.iter().cloned()).collect(),
                false,
                cells,
            ));
        }
        if rest.is_empty() {
            continue;
        }
        if additive[i] {
            let dimensions = query.by.iter().map(|d| (d.clone(), Some("other".to_owned()))).collect();
            let sum = sum(rest.iter().map(|row| &row.cells[i]));
            all.extend(sum.map(|sum| series(name, dimensions, true, sum)));
        } else {
            warnings.push(format!(
                "{name} does not add up over {}, so the other {} values are left out",
                query.by.join(", "),
                rest.len()
            ));
        }
    }
    warnings.extend(query.metrics.iter().filter_map(|name| immature(plan, name)));
    if query.periods.iter().any(|p| p.start > plan.context.zone.date_of(plan.context.now.as_microsecond())) {
        warnings.push("some periods have not begun".to_owned());
    }
    QueryResult {
        grain: grain_name(query.grain),
        currency: query.currency,
        timezone: plan.context.zone.name().to_owned(),
        as_of: plan.context.now.to_string(),
        periods: query.periods.iter().map(|p| info(plan, p)).collect(),
        compare_periods: plan.compare_periods.as_ref().map(|all| all.iter().map(|p| info(plan, p)).collect()),
        by: query.by.clone(),
        compare_name: if query.compare == Compare::YearAgo { "year_ago" } else { "previous" },
        series: all,
        totals,
        left_out,
        warnings,
    }
}

/// Which periods of a metric that is computed from conversions may still grow, since the time to convert of their last
/// day is not over.
fn immature(plan: &Plan, name: &str) -> Option<String> {
    let days = plan.catalog.leaves(name).into_iter().filter_map(|leaf| match leaf.kind {
        Kind::Conversion { days, take, .. } if take != ConversionFigure::Base => Some(days),
        _ => None,
    });
    let days = days.max()?;
    let now = plan.context.now.as_microsecond();
    let until = plan.query.until.map_or(now, |date| now.min(plan.context.zone.start_of(date)));
    let open = |p: &&Period| {
        let end = plan.context.zone.start_of(p.end);
        end.saturating_add(i64::from(days) * DAY_US) > until
    };
    let labels: Vec<String> = plan.query.periods.iter().filter(open).map(Period::label).collect();
    let periods = match labels.as_slice() {
        [] => return None,
        [one] => one.clone(),
        [first, .., last] => format!("{first} to {last}"),
    };
    Some(format!("{name} of {periods} may still grow: {days} days to convert are not over for all"))
}

/// The values of a metric in a group.
#[derive(Debug, Clone, Default)]
struct Cells {
    values: Vec<Cell>,
    compare: Option<Vec<Cell>>,
}

/// A group with the values of each metric.
#[derive(Debug)]
struct Row {
    group: usize,
    cells: Vec<Cells>,
}

/// The sum of the values of one metric; empty ones count as nothing, only all empty stays empty.
fn sum<'a>(all: impl Iterator<Item = &'a Cells>) -> Option<Cells> {
    fn add(sum: &mut [Cell], values: &[Cell]) {
        for (sum, value) in sum.iter_mut().zip(values) {
            match (&mut *sum, value) {
                (Ok(sum), Ok(value)) => *sum += value,
                (Err(_), Ok(_)) => *sum = value.clone(),
                _ => {}
            }
        }
    }
    let mut total: Option<Cells> = None;
    for cells in all {
        match &mut total {
            None => total = Some(cells.clone()),
            Some(total) => {
                add(&mut total.values, &cells.values);
                if let (Some(sum), Some(values)) = (&mut total.compare, &cells.compare) {
                    add(sum, values);
                }
            }
        }
    }
    total
}
