//! What an import would do.

use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::{Error, Reject};
use crate::input::Input;
use crate::mapping::one_of;
use crate::options::Options;
use crate::plan::{Bound, Plan};
use crate::reader::{Prepare, Worker, first_pass, look};
use crate::rows::Chunk;
use crate::table::TableBatch;
use crate::typed::is_empty;
use crate::value::{number, time, words};

/// What an import would do, without doing it.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The shape; a record table's own name when the file is one.
    pub shape: &'static str,
    /// One line about the shape.
    pub doc: &'static str,
    /// The record tables that rows go to.
    pub tables: Vec<&'static str>,
    /// The file's format, such as `CSV`, with encoding and delimiter where they matter.
    pub format: String,
    /// Fields that are mapped, and fields that are needed but not mapped.
    pub mapping: Vec<MappedField>,
    /// The columns of the file.
    pub columns: Vec<FileColumn>,
    /// The first rows of each record table.
    pub sample: Vec<TableBatch>,
    /// The first rows that would be rejected.
    pub rejects: Vec<Reject>,
    /// Rows that were looked at.
    pub rows_seen: u64,
    /// How many of them would be rejected.
    pub rows_rejected: u64,
    /// What must be decided before the import can run; each names the option that decides it.
    pub undecided: Vec<String>,
    /// What was guessed and is worth a look.
    pub notes: Vec<String>,
}

/// A field and where its values come from.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MappedField {
    /// The field of the shape; for others `attributes.NAME`, `properties.NAME` or `traits.NAME`.
    pub field: String,
    /// The column, if it comes from one.
    pub column: Option<String>,
    /// The constant, if it is one.
    pub literal: Option<String>,
    /// How sure the guess is, 0 to 1; 1 when it was said.
    pub confidence: f32,
    /// Why it was guessed.
    pub why: String,
    /// Whether every row needs it.
    pub required: bool,
    /// What the field is.
    pub doc: &'static str,
}

/// A column of the file.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FileColumn {
    /// The name in the header.
    pub name: String,
    /// What the values look like: text, date, number, whole number, yes or no, currency, empty.
    pub kind: &'static str,
    /// The first different values.
    pub examples: Vec<String>,
    /// Whether a field or an attribute reads it.
    pub read: bool,
}

/// Looks at a file without importing it.
///
/// # Errors
/// [`Error`] when the file cannot be read or no shape fits; what is undecided stands in the preview.
pub(crate) fn preview(input: &Input, options: &Options, rows: usize) -> Result<Preview, Error> {
    let Prepare { plan, sample } = look(input, options)?;
    let columns = columns(&plan, &sample);
    let mut preview = Preview {
        shape: plan.shape.name,
        doc: plan.shape.doc,
        tables: plan.shape.tables.clone(),
        format: format(&plan),
        mapping: mapping(&plan),
        columns,
        sample: Vec::new(),
        rejects: Vec::new(),
        rows_seen: (sample.rows() + sample.rejects.len()) as u64,
        rows_rejected: 0,
        undecided: plan.problems.clone(),
        notes: plan.notes.clone(),
    };
    if !preview.undecided.is_empty() {
        return Ok(preview);
    }
    let prepared = first_pass(input, &plan, options.limits)?;
    let out = Worker::new(&Arc::new(plan), &prepared).chunk(sample);
    preview.rows_rejected = out.rejects.len() as u64;
    preview.rejects = out.rejects.into_iter().take(rows).collect();
    preview.sample = out
        .batches
        .into_iter()
        .map(|batch| {
            let n = batch.rows.num_rows().min(rows);
            TableBatch { table: batch.table, rows: batch.rows.slice(0, n), lines: batch.lines[..n].to_vec() }
        })
        .collect();
    Ok(preview)
}

impl Preview {
    /// The sample as objects: the record table and the filled fields as text, row by row.
    pub fn sample_rows(&self) -> Vec<(&'static str, serde_json::Map<String, serde_json::Value>)> {
        let options = FormatOptions::default();
        let mut out = Vec::new();
        for batch in &self.sample {
            let schema = batch.rows.schema();
            for row in 0..batch.rows.num_rows() {
                let mut object = serde_json::Map::new();
                for (field, column) in schema.fields().iter().zip(batch.rows.columns()) {
                    if column.is_valid(row)
                        && let Ok(formatter) = ArrayFormatter::try_new(column, &options)
                    {
                        object.insert(field.name().clone(), formatter.value(row).to_string().into());
                    }
                }
                out.push((batch.table.name, object));
            }
        }
        out
    }
}

fn format(plan: &Plan) -> String {
    use crate::options::Format;
    let layout = &plan.layout;
    match layout.format {
        Format::Csv => {
            let delimiter = match layout.delimiter {
                b'\t' => "tab".to_owned(),
                other => char::from(other).to_string(),
            };
            format!("CSV, {}, delimiter {delimiter}", layout.encoding.name())
        }
        Format::Excel => format!("Excel, sheet {:?}", layout.sheet.as_deref().unwrap_or_default()),
        other => other.label().to_owned(),
    }
}

fn mapping(plan: &Plan) -> Vec<MappedField> {
    let mut out = Vec::new();
    for (field, binding) in plan.shape.fields.iter().zip(&plan.bindings) {
        let required = plan.shape.needs_field(field.name);
        if binding.bound == Bound::Nothing && !required {
            continue;
        }
        out.push(MappedField {
            field: field.name.to_owned(),
            column: binding.column().map(|column| plan.layout.header[column].clone()),
            literal: match &binding.bound {
                Bound::Literal(text) => Some(text.clone()),
                _ => None,
            },
            confidence: binding.confidence,
            why: binding.why.clone(),
            required,
            doc: field.doc,
        });
    }
    let rest = plan.shape.rest.unwrap_or_default();
    for (column, name) in &plan.attributes {
        out.push(MappedField {
            field: format!("{rest}.{name}"),
            column: Some(plan.layout.header[*column].clone()),
            literal: None,
            confidence: 1.0,
            why: format!("no field reads it, so it becomes {}", one_of(rest)),
            required: false,
            doc: match rest {
                "properties" => "Property of the event; a dimension of every metric of events.",
                "traits" => "Trait of the person.",
                _ => "Attribute of the customer; a dimension of every metric.",
            },
        });
    }
    out
}

fn columns(plan: &Plan, sample: &Chunk) -> Vec<FileColumn> {
    let used: Vec<usize> =
        plan.bindings.iter().filter_map(|b| b.column()).chain(plan.attributes.iter().map(|a| a.0)).collect();
    let mut out = Vec::new();
    for (column, name) in plan.layout.header.iter().enumerate() {
        let values = || {
            (0..sample.rows())
                .map(move |row| sample.cell(row, column))
                .filter(|text| !is_empty(text))
                .take(200)
        };
        let mut examples: Vec<String> = Vec::new();
        for value in values() {
            if examples.len() < 3 && !examples.iter().any(|known| known == value) {
                examples.push(value.chars().take(60).collect());
            }
        }
        let all = |fits: &dyn Fn(&str) -> bool| values().all(fits);
        let number = |text: &str| {
            number::decimal(text, None).is_ok()
                || number::decimal(text, Some(number::DecimalMark::Comma)).is_ok()
        };
        let kind = if examples.is_empty() {
            "empty"
        } else if all(&|text| {
            matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "t" | "f")
        }) {
            "yes or no"
        } else if all(&|text| text.bytes().all(|b| b.is_ascii_digit())) {
            "whole number"
        } else if all(&time::looks_like_date) {
            "date"
        } else if all(&number) {
            "number"
        } else if all(&|text| text.len() == 3 && words::currency(text).is_ok()) {
            "currency"
        } else {
            "text"
        };
        out.push(FileColumn { name: name.clone(), kind, examples, read: used.contains(&column) });
    }
    out
}
