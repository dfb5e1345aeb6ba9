//! What an import would do, without doing it.

use super::{FileColumn, ImportOptions, Mapped, Preview, PreviewReject, Uploaded};
use crate::app::workspace::blocking;
use crate::app::{Result, Workspace};
use burgeon_connectors::{Input, Options, Reader};
use std::path::Path;

/// Records and rejects that a preview shows.
const SHOWN: usize = 10;

impl Workspace {
    /// What importing the file at `path` would do.
    pub async fn preview_file(&self, path: &Path, options: &ImportOptions) -> Result<Preview> {
        self.preview(Input::path(path), options).await
    }

    /// What importing an upload would do.
    pub async fn preview_upload(&self, upload: Uploaded, options: &ImportOptions) -> Result<Preview> {
        let preview = self.preview(Input::path(upload.path()).named(upload.name()), options).await;
        drop(upload);
        preview
    }

    async fn preview(&self, input: Input, options: &ImportOptions) -> Result<Preview> {
        let options = options.fill(self.reader_options())?;
        blocking(move || preview(&input, &options)).await
    }
}

/// Looks at a file. Blocking.
fn preview(input: &Input, options: &Options) -> Result<Preview> {
    let seen = Reader::preview(input, options, SHOWN)?;
    let sample = seen.sample_rows().into_iter().map(|(table, mut row)| {
        if seen.tables.len() > 1 {
            row.insert("table".to_owned(), table.into());
        }
        row
    });
    Ok(Preview {
        shape: Some(seen.shape.to_owned()),
        table: seen.tables.first().map(|table| (*table).to_owned()),
        tables: seen.tables.iter().map(|table| (*table).to_owned()).collect(),
        format: seen.format.clone(),
        sample: sample.take(SHOWN).collect(),
        mapping: seen
            .mapping
            .iter()
            .map(|mapped| Mapped {
                field: mapped.field.clone(),
                column: mapped
                    .column
                    .clone()
                    .or_else(|| mapped.literal.as_ref().map(|literal| format!("'{literal}'"))),
                confidence: (f64::from(mapped.confidence) * 100.0).round() / 100.0,
                why: mapped.why.clone(),
                required: mapped.required,
                doc: mapped.doc.to_owned(),
            })
            .collect(),
        columns: seen
            .columns
            .iter()
            .map(|column| FileColumn {
                name: column.name.clone(),
                ty: column.kind.to_owned(),
                examples: column.examples.clone(),
                read: column.read,
            })
            .collect(),
        rejects: seen
            .rejects
            .iter()
            .map(|reject| PreviewReject {
                line: reject.line,
                reason: reject.reason.clone(),
                bytes: String::from_utf8_lossy(&reject.bytes).into_owned(),
            })
            .collect(),
        rows_seen: seen.rows_seen,
        rejected: seen.rows_rejected,
        undecided: seen.undecided.clone(),
        notes: seen.notes.clone(),
    })
}
