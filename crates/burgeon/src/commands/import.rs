//! `burgeon import`: files to records.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use burgeon_server::app::Workspace;
use burgeon_server::app::import::{Counts, ImportOptions, ImportSummary, Preview, Progress};
use clap::Args;

use crate::cli::{Format, Global};
use crate::failure::{Failure, ROWS_REJECTED};
use crate::output::{self, Rows, cell};
use crate::progress::Bar;

/// Options of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Files: CSV, JSON lines, Parquet or Excel
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Table or shape to read them as (default: recognised from the header)
    #[arg(long = "as", value_name = "TABLE")]
    table: Option<String>,
    /// Which column feeds which field, over what is guessed: field=column,…
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    map: Vec<String>,
    /// Only show the mapping, the first rows and what would be rejected
    #[arg(long)]
    dry_run: bool,
    /// Where the records come from (default: file:NAME)
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Remove records of the same source that the file does not have any more
    #[arg(long)]
    replace: bool,
    /// Exit with 4 when a row could not be read
    #[arg(long)]
    strict: bool,
    /// Order of day and month in dates like 01/02/2019: dmy or mdy
    #[arg(long, value_name = "ORDER")]
    date: Option<String>,
    /// Sheet of an Excel file (default: the first)
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Further options of the reader: decimal, delimiter, encoding, format
    #[arg(long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,
}

impl Import {
    fn import_options(&self) -> Result<ImportOptions, Failure> {
        let mut options =
            ImportOptions { source: self.source.clone(), replace: self.replace, ..ImportOptions::default() };
        if let Some(table) = &self.table {
            options.set("table", table)?;
        }
        for map in &self.map {
            options.set("map", map)?;
        }
        for (name, value) in [("date", &self.date), ("sheet", &self.sheet)] {
            if let Some(value) = value {
                options.set(name, value)?;
            }
        }
        for option in &self.options {
            options.set("options", option)?;
        }
        Ok(options)
    }

    pub async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let options = self.import_options()?;
        let workspace = global.open().await?;
        if self.dry_run {
            let mut rejected = 0;
            for file in &self.files {
                let preview = workspace.preview_file(file, &options).await?;
                rejected += preview.rejected;
                print_preview(file, &preview, global.format)?;
            }
            workspace.close().await?;
            return Ok(self.code(rejected));
        }
        let mut summaries = Vec::new();
        for file in &self.files {
            summaries.push(import(&workspace, file, &options).await?);
        }
        workspace.close().await?;
        print_summaries(&summaries, global.format)?;
        Ok(self.code(summaries.iter().map(|summary| summary.counts.rejected).sum()))
    }

    fn code(&self, rejected: u64) -> ExitCode {
        if self.strict && rejected > 0 { ExitCode::from(ROWS_REJECTED) } else { ExitCode::SUCCESS }
    }
}

/// Imports one file and shows how far it is.
async fn import(
    workspace: &Arc<Workspace>,
    file: &Path,
    options: &ImportOptions,
) -> Result<ImportSummary, Failure> {
    let progress = Arc::new(Progress::default());
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let _bar = Bar::show(name, &progress);
    Ok(workspace.import_file(file, options, &progress).await?)
}

fn print_summaries(summaries: &[ImportSummary], format: Format) -> Result<(), Failure> {
    let mut rows = Rows::new(["file", "read as", "rows", "taken", "replaced", "unchanged", "rejected"]);
    for summary in summaries {
        let counts = summary.counts;
        rows.push([
            summary.file.clone(),
            summary.shape.clone().unwrap_or_else(|| summary.tables.join(", ")),
            counts.rows_read.to_string(),
            counts.taken.to_string(),
            counts.replaced.to_string(),
            counts.unchanged.to_string(),
            counts.rejected.to_string(),
        ]);
    }
    rows.print(format, &summaries)?;
    for summary in summaries {
        let Counts { missing, removed, rejected, left_out, .. } = summary.counts;
        if left_out > 0 {
            eprintln!(
                "{}: {left_out} rows of persons who were removed from this very file before were left out",
                summary.file
            );
        }
        if removed > 0 {
            eprintln!(
                "{}: {removed} records that the file does not have any more were removed",
                summary.file
            );
        }
        if missing > 0 {
            let mend = match summary.replace {
                true if rejected > 0 => {
                    "since rows were rejected, any of which may be one of them; mend these and import again"
                }
                _ => "--replace removes them",
            };
            eprintln!(
                "{}: {missing} records of an earlier version of the file are not in it any more; they stay, {mend}",
                summary.file
            );
        }
        for (line, reason) in &summary.rejects {
            eprintln!("{}:{line}: {reason}", summary.file);
        }
        if summary.counts.rejected > summary.rejects.len() as u64 {
            eprintln!(
                "{}: {} rows rejected in all; they are kept and listed by: burgeon sql \"SELECT * FROM rejects\"",
                summary.file, summary.counts.rejected
            );
        }
    }
    Ok(())
}

fn print_preview(file: &Path, preview: &Preview, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return output::print_json(preview);
    }
    let mut mapping = Rows::new(["field", "column", "needed", "why"]);
    for mapped in &preview.mapping {
        mapping.push([
            mapped.field.clone(),
            mapped.column.clone().unwrap_or_default(),
            if mapped.required { "yes" } else { "" }.to_owned(),
            mapped.why.clone(),
        ]);
    }
    if format == Format::Csv {
        return mapping.print(format, &());
    }
    let shape = preview.shape.as_deref().unwrap_or("nothing known");
    output::print(&format!(
        "{}: {} read as {shape} into {}\n\n",
        file.display(),
        preview.format,
        preview.tables.join(", ")
    ))?;
    mapping.print(format, &())?;
    let unused: Vec<&str> =
        preview.columns.iter().filter(|column| !column.read).map(|column| column.name.as_str()).collect();
    if !unused.is_empty() {
        output::print(&format!("\ncolumns without a field: {}\n", unused.join(", ")))?;
    }
    if let Some(first) = preview.sample.first() {
        output::print("\nfirst records\n")?;
        let mut sample = Rows::new(first.keys().cloned());
        for record in &preview.sample {
            sample.push(first.keys().map(|name| record.get(name).map(cell).unwrap_or_default()));
        }
        sample.print(format, &())?;
    }
    let mut text =
        format!("\n{} rows looked at, {} would be rejected\n", preview.rows_seen, preview.rejected);
    for reject in &preview.rejects {
        text.push_str(&format!("  line {}: {}\n", reject.line, reject.reason));
    }
    for note in &preview.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for question in &preview.undecided {
        text.push_str(&format!("to be decided: {question}\n"));
    }
    output::print(&text)
}
