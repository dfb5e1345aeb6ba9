//! Printing: rows as an aligned table, as CSV or as JSON.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use crate::cli::Format;
use crate::failure::Failure;

/// Columns with a name, and rows of texts.
#[derive(Debug, Default)]
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// No rows yet under `columns`.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// The rows of a CSV text with a header.
    pub fn from_csv(text: &str) -> Self {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let columns = reader.headers().map(|h| h.iter().map(str::to_owned).collect()).unwrap_or_default();
        let rows = reader.records().flatten().map(|r| r.iter().map(str::to_owned).collect()).collect();
        Self { columns, rows }
    }

    /// Adds a row; it has as many values as there are columns.
    pub fn push<S: Into<String>>(&mut self, row: impl IntoIterator<Item = S>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// The text of an aligned table; columns of numbers stand to the right, but not the first one.
    fn table(&self) -> String {
        let columns = self.columns.len();
        let cell = |row: &[String], column: usize| {
            row.get(column).map_or("", String::as_str).replace(['\n', '\r'], " ")
        };
        let width = |column: usize| {
            let rows = self.rows.iter().map(|row| cell(row, column).chars().count());
            rows.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let right: Vec<bool> = (0..columns)
            .map(|column| {
                let mut values =
                    self.rows.iter().map(|row| cell(row, column)).filter(|v| !v.is_empty()).peekable();
                column > 0 && values.peek().is_some() && values.all(|v| number(&v))
            })
            .collect();
        let line = |row: &[String]| {
            let mut line = String::new();
            for column in 0..columns {
                let (text, width) = (cell(row, column), widths[column]);
                if column > 0 {
                    line.push_str("  ");
                }
                let space = " ".repeat(width.saturating_sub(text.chars().count()));
                match right[column] {
                    true => line.extend([space.as_str(), &text]),
                    false => line.extend([&text, space.as_str()]),
                }
            }
            line.trim_end().to_owned() + "\n"
        };
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let mut text = line(&self.columns) + &line(&rule);
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }

    fn csv(&self) -> Result<String, Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| Failure::Output(std::io::Error::other(error));
        writer.write_record(&self.columns).map_err(failed)?;
        for row in &self.rows {
            writer.write_record(row).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| Failure::Output(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Prints the rows; for JSON prints `json`, which holds the same in full.
    pub fn print(&self, format: Format, json: &impl Serialize) -> Result<(), Failure> {
        match format {
            Format::Table => print(&self.table()),
            Format::Csv => print(&self.csv()?),
            Format::Json => print_json(json),
        }
    }
}

/// Whether a text reads as a figure: digits with a point, a sign before and a unit after; a date is none.
fn number(text: &str) -> bool {
    let text = text.trim_start_matches(['+', '-', '−']).trim_end_matches(" pt").trim_end_matches('%');
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Prints `text` as it is.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Prints a value as indented JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::Output(std::io::Error::other(error)))?;
    print(&(text + "\n"))
}

/// A JSON value as a cell: texts without quotes, null as nothing.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A figure in a cell by its unit: money with the decimals of its currency, a percent with one, nothing as "–".
pub fn figure(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    match unit {
        "money" => format!("{value:.2}"),
        "percent" => format!("{:.1}%", value * 100.0),
        "count" => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = Rows::from_csv("period,plan,mrr\n2019-01,Pro,1234.50\n2019-02,\"Team, old\",\n");
        insta::assert_snapshot!(rows.table(), @r"
        period   plan           mrr
        ───────  ─────────  ───────
        2019-01  Pro        1234.50
        2019-02  Team, old
        ");
        assert_eq!(rows.csv().unwrap(), "period,plan,mrr\n2019-01,Pro,1234.50\n2019-02,\"Team, old\",\n");
    }

    #[test]
    fn figures_by_unit() {
        assert_eq!(figure(Some(0.1), "percent"), "10.0%");
        assert_eq!(figure(Some(116.0), "money"), "116.00");
        assert_eq!(figure(Some(3.0), "count"), "3");
        assert_eq!(figure(None, "money"), "–");
        assert_eq!(cell(&serde_json::json!("a")), "a");
        assert_eq!(cell(&Value::Null), "");
    }
}
