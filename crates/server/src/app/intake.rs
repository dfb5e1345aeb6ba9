//! Records written by clients: durable when answered, idempotent by key.

use super::import::ImportOptions;
use super::import::rejected::{self, Origin};
use super::rows::known_table;
use super::workspace::blocking;
use super::{Error, Kind, Result, Workspace};
use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use burgeon_connectors::{Input, Options, Reader, Reject, TableBatch};
use burgeon_core::records::system;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// What `_source` says of records that clients write.
const SOURCE: &str = "api";

/// What became of the rows.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Written {
    /// Rows that are in the lake now and were new.
    pub accepted: u64,
    /// Rows that took the place of an earlier version.
    pub replaced: u64,
    /// Rows that were there already.
    pub unchanged: u64,
    /// Rows that could not be read.
    pub rejected: Vec<RowRejected>,
    /// Position of the intake log after the write.
    pub position: u64,
}

/// A row that could not be read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowRejected {
    /// Place in the batch, from 1.
    pub row: usize,
    /// What is wrong, and how it is mended.
    pub reason: String,
}

/// Rows that were read: record batches, and what could not be.
pub(super) type Taken = (Vec<TableBatch>, Vec<Reject>);

impl Workspace {
    /// Writes rows of a table, each an object by column names. Rows that cannot be read stand in the answer and among
    /// the rejects; the others are durable and seen by queries when this returns.
    pub async fn write(&self, table: &str, rows: Vec<Value>) -> Result<Written> {
        let table = known_table(table)?;
        if table.name == "rejects" {
            return Err(Error::invalid("not_writable", "rejects are written by imports only").param("table"));
        }
        let mut written = Written::default();
        if rows.is_empty() {
            return Ok(written);
        }
        if let Some(place) = rows.iter().position(|row| !row.is_object()) {
            let message = format!("row {} is no object", place + 1);
            return Err(Error::new(Kind::Unprocessable, "not_rows", message)
                .mend("send objects with the table's column names as keys"));
        }
        let options = ImportOptions { table: Some(table.name.to_owned()), ..ImportOptions::default() };
        let options = Options { threads: 0, ..options.fill(self.reader_options())? };
        let texts: Vec<String> = rows.iter().map(Value::to_string).collect();
        let input = Input::bytes("rows.json", format!("[{}]", texts.join(",\n")).into_bytes());
        let (batches, rejects) = blocking(move || read_all(&input, &options)).await?;
        for batch in &batches {
            let appended = self.lake().append(batch.table.name, with_raw(batch, &texts)?).await?;
            written.accepted += appended.taken;
            written.replaced += appended.replaced;
            written.unchanged += appended.unchanged;
            written.position = written.position.max(appended.position);
        }
        self.keep_rejects(Some(table.name), &rejects).await?;
        written.rejected = rejects
            .into_iter()
            .map(|reject| RowRejected {
                row: usize::try_from(reject.line).unwrap_or(usize::MAX),
                reason: reject.reason,
            })
            .collect();
        Ok(written)
    }

    /// Puts rejects of a client's rows into their table.
    async fn keep_rejects(&self, table: Option<&str>, rejects: &[Reject]) -> Result<()> {
        let at = self.now().as_microsecond();
        let origin = Origin { source: SOURCE, content: "", table, import_id: None, at };
        if let Some(batch) = rejected::batch(&origin, rejects)? {
            self.lake().append("rejects", batch).await?;
        }
        Ok(())
    }

    /// Takes the rows of a small file through the intake log; what could not be read is returned and not kept.
    pub(super) async fn take_rows(&self, input: Input, options: &ImportOptions) -> Result<Vec<Reject>> {
        let source = options.source.clone().unwrap_or_else(|| format!("file:{}", input.name()));
        let options = Options { threads: 0, ..options.fill(self.reader_options())? };
        let (batches, rejects) = blocking(move || read_all(&input, &options)).await?;
        for batch in &batches {
            let rows = with_source(&batch.rows, &source)?;
            self.lake().append(batch.table.name, rows).await?;
        }
        Ok(rejects)
    }

    /// Two accounts are one customer: rows of `from` appear under `into`. The same account twice takes a merge back.
    pub async fn merge(&self, from: &str, into: &str) -> Result<()> {
        for (name, id) in [("from", from), ("into", into)] {
            if id.trim().is_empty() {
                return Err(Error::invalid("missing_customer", format!("`{name}` is empty")).param(name));
            }
        }
        let row = serde_json::json!({
            "from_customer_id": from, "into_customer_id": into, "at": self.now().to_string(),
        });
        let written = self.write("customer_merges", vec![row]).await?;
        if let Some(rejected) = written.rejected.first() {
            return Err(Error::invalid("bad_merge", rejected.reason.clone()));
        }
        let detail = serde_json::json!({ "into": into });
        self.state().audit("cli", "merge", from, &detail, self.now().as_microsecond()).await?;
        Ok(())
    }
}

/// Reads a small file whole. Blocking.
pub(super) fn read_all(input: &Input, options: &Options) -> Result<Taken> {
    let (mut batches, mut rejects) = (Vec::new(), Vec::new());
    for output in Reader::open(input, options)? {
        let output = output?;
        batches.extend(output.batches);
        rejects.extend(output.rejects);
    }
    Ok((batches, rejects))
}

/// The rows with `_source` and, from the text of each line, `_raw`.
fn with_raw(batch: &TableBatch, texts: &[String]) -> Result<RecordBatch> {
    let raw = batch.lines.iter().map(|line| {
        let place = usize::try_from(*line).ok()?.checked_sub(1)?;
        texts.get(place).map(String::as_str)
    });
    let raw: ArrayRef = Arc::new(StringViewArray::from_iter(raw));
    with_column(&with_source(&batch.rows, SOURCE)?, system::RAW, raw)
}

/// The rows with `_source`.
pub(super) fn with_source(rows: &RecordBatch, source: &str) -> Result<RecordBatch> {
    let sources: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..rows.num_rows()).map(|_| source)));
    with_column(rows, system::SOURCE, sources)
}

fn with_column(rows: &RecordBatch, name: &str, values: ArrayRef) -> Result<RecordBatch> {
    let schema = rows.schema();
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(name, DataType::Utf8View, true)));
    let mut columns = rows.columns().to_vec();
    columns.push(values);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::internal(format!("rows of a client: {error}")))
}
