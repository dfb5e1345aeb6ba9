//! The figures of a query as a workbook: one row for each period and group, one column for each metric.

use super::{Answer, Series};
use crate::app::{Error, Result};
use rust_xlsxwriter::{Format, Workbook, XlsxError};
use std::collections::BTreeMap;

/// The answer as the bytes of an xlsx file. Figures are numbers with their unit's format, empty where there is none.
pub fn workbook(answer: &Answer, decimals: u32) -> Result<Vec<u8>> {
    write(answer, decimals)
        .map_err(|error: XlsxError| Error::internal(format!("the workbook cannot be written: {error}")))
}

fn write(answer: &Answer, decimals: u32) -> std::result::Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let bold = Format::new().set_bold();
    let sheet = workbook.add_worksheet();
    sheet.set_name("Figures")?;
    let dimensions: Vec<&String> =
        answer.series.first().map(|series| series.dimensions.keys().collect()).unwrap_or_default();
    let mut metrics: Vec<(&str, &str)> = Vec::new();
    /// Values of the dimensions; the series of each column.
    type Group<'a> = (&'a BTreeMap<String, Option<String>>, Vec<Option<&'a Series>>);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for series in &answer.series {
        let name = series.metric.as_str();
        let column = metrics.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            metrics.push((name, series.unit.as_str()));
            metrics.len() - 1
        });
        let group = groups.iter().position(|(known, _)| *known == &series.dimensions).unwrap_or_else(|| {
            groups.push((&series.dimensions, Vec::new()));
            groups.len() - 1
        });
        let cells = &mut groups[group].1;
        cells.resize(cells.len().max(column + 1), None);
        cells[column] = Some(series);
    }
    let header = std::iter::once("period")
        .chain(dimensions.iter().map(|name| name.as_str()))
        .chain(metrics.iter().map(|(name, _)| *name));
    for (column, name) in (0u16..).zip(header) {
        sheet.write_string_with_format(0, column, name, &bold)?;
    }
    let formats: Vec<Format> = metrics.iter().map(|(_, unit)| format_of(unit, decimals)).collect();
    let mut row = 1;
    for (at, period) in answer.periods.iter().enumerate() {
        for (group, cells) in &groups {
            sheet.write_string(row, 0, &period.label)?;
            let mut column = 1;
            for value in group.values() {
                sheet.write_string(row, column, value.as_deref().unwrap_or_default())?;
                column += 1;
            }
            for (series, format) in cells.iter().zip(&formats) {
                if let Some(value) = series.and_then(|series| series.values.get(at).copied().flatten()) {
                    sheet.write_number_with_format(row, column, value, format)?;
                }
                column += 1;
            }
            row += 1;
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    let about = workbook.add_worksheet();
    about.set_name("About")?;
    let facts = [
        ("currency", answer.currency.as_str()),
        ("time zone", answer.timezone.as_str()),
        ("grain", answer.grain.as_str()),
        ("as of", answer.as_of.as_str()),
        ("data through", answer.data_through.as_deref().unwrap_or("")),
        ("rule version", answer.rule_version.as_str()),
    ];
    for (row, (name, value)) in (0u32..).zip(facts) {
        about.write_string_with_format(row, 0, name, &bold)?;
        about.write_string(row, 1, value)?;
    }
    workbook.save_to_buffer()
}

fn format_of(unit: &str, decimals: u32) -> Format {
    let pattern = match unit {
        "money" if decimals == 0 => "#,##0".to_owned(),
        "money" => format!("#,##0.{}", "0".repeat(decimals as usize)),
        "count" => "#,##0".to_owned(),
        "percent" => "0.0%".to_owned(),
        _ => "0.00".to_owned(),
    };
    Format::new().set_num_format(pattern)
}
