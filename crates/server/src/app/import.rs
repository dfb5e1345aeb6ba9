//! Imports: files to records, kept whole first, written all or not at all, found again while they run.

use super::{Error, Result, Workspace};
use burgeon_connectors::options::Options;
use burgeon_state::{Import, ImportCounts};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa::ToSchema;

mod preview;
pub(super) mod rejected;
mod replay;
mod run;
mod upload;

pub use upload::{Upload, Uploaded};

/// What a person says about an import; everything else is guessed from the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportOptions {
    /// Record table or shape to read it as.
    pub table: Option<String>,
    /// `field=column` pairs over what is guessed, as the command line takes them.
    pub map: Vec<String>,
    /// Options of the reader by name: date, decimal, delimiter, encoding, sheet, format.
    pub reader: Vec<(String, String)>,
    /// What `_source` says in place of `file:NAME`.
    pub source: Option<String>,
    /// Whether records of the same source that the file does not have are removed.
    pub replace: bool,
}

impl ImportOptions {
    /// Sets one option from text. An unknown name or value is an error that names the known ones.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "table" | "as" | "shape" => self.table = Some(value.to_owned()),
            "map" | "mapping" => self.map.push(value.to_owned()),
            "source" => self.source = Some(value.to_owned()),
            "replace" => {
                self.replace = match value {
                    "true" | "1" | "on" => true,
                    "false" | "0" | "off" => false,
                    other => {
                        let text = format!("replace is {other:?}; write true or false");
                        return Err(Error::invalid("bad_option", text).param(name));
                    }
                }
            }
            "options" => {
                for pair in value.split(',').filter(|pair| !pair.trim().is_empty()) {
                    let (name, value) = pair.split_once('=').ok_or_else(|| {
                        Error::invalid("bad_option", format!("the option {pair:?} is not name=value"))
                            .param("options")
                    })?;
                    self.set(name.trim(), value.trim())?;
                }
            }
            _ => self.reader.push((name.to_owned(), value.to_owned())),
        }
        // Whatever is wrong is said now, not after the upload.
        self.check(name)
    }

    fn check(&self, name: &str) -> Result<()> {
        self.fill(Options::default()).map(drop).map_err(|error| error.param(name))
    }

    /// The options as the ledger and the kept file remember them.
    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The options that the ledger remembers; what it does not know is left at its default.
    pub(super) fn from_json(value: &serde_json::Value) -> Self {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }

    /// The reader's options with these over the workspace's.
    pub(super) fn fill(&self, mut options: Options) -> Result<Options> {
        let wrong = |error: burgeon_connectors::Error| Error::invalid("bad_option", error.to_string());
        options.shape.clone_from(&self.table);
        for map in &self.map {
            options.map(map).map_err(wrong)?;
        }
        for (name, value) in &self.reader {
            options.set(name, value).map_err(wrong)?;
        }
        Ok(options)
    }
}

/// What an import did or has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Rows read from the file.
    pub rows_read: u64,
    /// New records.
    pub taken: u64,
    /// Records that took the place of an earlier version.
    pub replaced: u64,
    /// Records that were there already.
    pub unchanged: u64,
    /// Rows that could not be read and stand among the rejects.
    pub rejected: u64,
    /// Records of an earlier version of the file that this one does not have. They stay; `replace` removes them.
    pub missing: u64,
    /// Records of an earlier version of the file that were removed, since this one does not have them.
    pub removed: u64,
    /// Rows that were taken out of this very file with a person; they are not read again.
    pub left_out: u64,
}

impl From<ImportCounts> for Counts {
    fn from(counts: ImportCounts) -> Self {
        let ImportCounts { rows_read, taken, replaced, unchanged, rejected, missing, removed, left_out } =
            counts;
        Self { rows_read, taken, replaced, unchanged, rejected, missing, removed, left_out }
    }
}

impl From<Counts> for ImportCounts {
    fn from(counts: Counts) -> Self {
        let Counts { rows_read, taken, replaced, unchanged, rejected, missing, removed, left_out } = counts;
        Self { rows_read, taken, replaced, unchanged, rejected, missing, removed, left_out }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportStatus {
    /// Id.
    pub import_id: String,
    /// Name of the file.
    pub file: String,
    /// Record table, where there is one.
    pub table: Option<String>,
    /// Recognised shape.
    pub shape: Option<String>,
    /// running, done or failed.
    pub state: String,
    /// What became of the rows.
    #[serde(flatten)]
    pub counts: Counts,
    /// Bytes of the file read so far, while it runs.
    pub bytes_read: Option<u64>,
    /// Bytes of the file, while it runs.
    pub bytes_total: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
    /// Start, RFC 3339.
    pub started_at: String,
    /// End, RFC 3339.
    pub finished_at: Option<String>,
}

/// Imports, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportList {
    /// Newest first.
    pub imports: Vec<ImportStatus>,
}

/// What an import would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preview {
    /// Recognised shape.
    pub shape: Option<String>,
    /// Record table that the rows go to; the first where there are several.
    pub table: Option<String>,
    /// Record tables that the rows go to.
    pub tables: Vec<String>,
    /// Which column feeds which field.
    pub mapping: Vec<Mapped>,
    /// Format of the file, with encoding and delimiter where they matter.
    pub format: String,
    /// Columns of the file.
    pub columns: Vec<FileColumn>,
    /// The first records, by field.
    #[schema(value_type = Vec<Object>)]
    pub sample: Vec<serde_json::Map<String, serde_json::Value>>,
    /// The first rows that would be rejected.
    pub rejects: Vec<PreviewReject>,
    /// Rows that were looked at.
    pub rows_seen: u64,
    /// How many of them would be rejected.
    pub rejected: u64,
    /// What must be decided before it can be imported; each names the option.
    pub undecided: Vec<String>,
    /// What was guessed and is worth a look.
    pub notes: Vec<String>,
}

/// A field and the column that feeds it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Mapped {
    /// Field of the shape.
    pub field: String,
    /// Column of the file, or the literal in quotes.
    pub column: Option<String>,
    /// How sure the guess is, 0 to 1; 1 where it was said.
    pub confidence: f64,
    /// Why it was guessed.
    pub why: String,
    /// Whether a row needs it.
    pub required: bool,
    /// What the field is.
    pub doc: String,
}

/// A column of a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileColumn {
    /// Name in the header.
    pub name: String,
    /// Type that its values look like.
    #[serde(rename = "type")]
    pub ty: String,
    /// Some of its values.
    pub examples: Vec<String>,
    /// Whether a field or an attribute reads it.
    pub read: bool,
}

/// A row that would be rejected.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreviewReject {
    /// Line in the file, from 1.
    pub line: u64,
    /// What is wrong, and how it is mended.
    pub reason: String,
    /// The row as it came.
    pub bytes: String,
}

/// Counters of a running import, read while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows read.
    pub rows: AtomicU64,
    /// Rows rejected.
    pub rejected: AtomicU64,
    /// Bytes of the file read.
    pub bytes: AtomicU64,
    /// Bytes of the file.
    pub total: AtomicU64,
}

/// What an import has done, for the command line.
#[derive(Debug, Clone, Serialize)]
pub struct ImportSummary {
    /// Id in the ledger.
    pub import_id: String,
    /// Name of the file.
    pub file: String,
    /// Recognised shape.
    pub shape: Option<String>,
    /// Record tables written.
    pub tables: Vec<String>,
    /// What became of the rows.
    #[serde(flatten)]
    pub counts: Counts,
    /// Whether records that the file does not have were to be removed.
    #[serde(skip)]
    pub replace: bool,
    /// The first few rejects, for the terminal.
    #[serde(skip)]
    pub rejects: Vec<(u64, String)>,
}

fn status_of(import: Import, progress: Option<&Progress>) -> ImportStatus {
    let mut counts = Counts::from(import.counts);
    if let Some(progress) = progress {
        counts.rows_read = progress.rows.load(Ordering::Relaxed);
        counts.rejected = progress.rejected.load(Ordering::Relaxed);
    }
    ImportStatus {
        import_id: import.import_id,
        file: import.file,
        table: import.table,
        shape: import.shape,
        state: import.state.as_str().to_owned(),
        counts,
        bytes_read: progress.map(|progress| progress.bytes.load(Ordering::Relaxed)),
        bytes_total: progress.map(|progress| progress.total.load(Ordering::Relaxed)),
        error: import.error,
        started_at: super::cells::instant(import.started_at),
        finished_at: import.finished_at.map(super::cells::instant),
    }
}

impl Workspace {
    /// Imports, newest first.
    pub async fn imports(&self, limit: usize, offset: usize) -> Result<ImportList> {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let imports = self.state().imports(number(limit), number(offset)).await?;
        let running = self.running_imports().lock().clone();
        let imports = imports
            .into_iter()
            .map(|import| {
                let progress = running.get(&import.import_id).cloned();
                status_of(import, progress.as_deref())
            })
            .collect();
        Ok(ImportList { imports })
    }

    /// How far one import is.
    pub async fn import_status(&self, id: &str) -> Result<ImportStatus> {
        let import = self.state().import(id).await?;
        let progress = self.running_imports().lock().get(id).cloned();
        Ok(status_of(import, progress.as_deref()))
    }
}
