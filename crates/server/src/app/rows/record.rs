//! One record, and the row of the source that it was read from.

use super::{RecordDetail, RecordSource};
use crate::app::cells;
use crate::app::raw;
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace};
use arrow::array::RecordBatch;
use burgeon_core::records::{Table, system, table};
use burgeon_core::text::did_you_mean;
use burgeon_engine::lake::raw as kept;
use serde_json::{Map, Value};
use std::path::Path;

/// The record table of a name; an error names the nearest.
pub fn known_table(name: &str) -> Result<&'static Table> {
    table(name).ok_or_else(|| {
        let names = burgeon_core::records::TABLES.iter().map(|table| table.name);
        let all: Vec<&str> = names.clone().collect();
        let near = did_you_mean(name, names);
        Error::not_found("unknown_table", format!("there is no record table `{name}`{near}"))
            .mend(format!("there are: {}", all.join(", ")))
            .param("table")
    })
}

impl Workspace {
    /// A record with the source row that it was read from.
    pub async fn record(&self, table: &str, entity: &str, key: &str) -> Result<RecordDetail> {
        let table = known_table(table)?;
        let number: u64 = key.parse().map_err(|_| {
            Error::invalid("bad_key", format!("{key:?} is not a key; `/rows` gives keys as whole numbers"))
                .param("key")
        })?;
        let (lake, owner) = (self.lake().clone(), entity.to_owned());
        let found = blocking(move || Ok(lake.lookup(table.name, &owner, number)?)).await?;
        let Some(row) = found.filter(|row| row.num_rows() > 0) else {
            return Err(Error::not_found(
                "unknown_record",
                format!("there is no record {key} of {entity} in {}", table.name),
            ));
        };
        let mut record = Map::new();
        for column in table.columns {
            if let Some(values) = row.column_by_name(column.name) {
                record.insert(column.name.to_owned(), cells::json(values, 0));
            }
        }
        let source = self.source_of(&row).await?;
        Ok(RecordDetail { record, source })
    }

    async fn source_of(&self, row: &RecordBatch) -> Result<RecordSource> {
        let cell = |name: &str| row.column_by_name(name).and_then(|column| cells::text(column, 0));
        let source = cell(system::SOURCE).unwrap_or_default();
        let mut found = RecordSource {
            file: source.strip_prefix("file:").map(str::to_owned),
            source,
            line: None,
            raw: cell(system::RAW).map(|text| serde_json::from_str(&text).unwrap_or(Value::from(text))),
            removed_at: None,
        };
        let origin = cell(system::ORIGIN);
        let Some((short, line)) = origin.as_deref().and_then(|origin| origin.rsplit_once(':')) else {
            return Ok(found);
        };
        found.line = line.parse().ok();
        let (Some(line), false) = (found.line, found.raw.is_some()) else {
            return Ok(found);
        };
        let (folder, short) = (self.folder().to_owned(), short.to_owned());
        let (name, row, gone) = blocking(move || {
            let name = kept::meta(&folder, &short).map(|meta| meta.name);
            let Some(sha) = kept::resolve(&folder, &short) else {
                return Ok((name, None, None));
            };
            let note = kept::removed(&folder, &sha)?;
            if let Some(at) = note.and_then(|note| note.given_up().or_else(|| note.at(line))) {
                return Ok((name, None, Some(at)));
            }
            let row = raw_row(&folder, &sha, name.as_deref().unwrap_or_default(), line)?;
            Ok((name, row, None))
        })
        .await?;
        found.file = found.file.or(name);
        found.raw = row;
        found.removed_at = gone.map(cells::instant);
        Ok(found)
    }
}

/// The row of a kept file: text as it stands, under its header where it is delimited text.
fn raw_row(folder: &Path, sha: &str, name: &str, line: u64) -> Result<Option<Value>> {
    let lower = name.to_lowercase();
    if [".parquet", ".xlsx", ".xls", ".xlsb", ".ods"].iter().any(|ending| lower.ends_with(ending)) {
        // A row of a binary file has no text of its own; the record and the line number say where it stands.
        return Ok(None);
    }
    let Some(text) = raw::row(folder, sha, line)? else {
        return Ok(None);
    };
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(text.trim().trim_end_matches(',')) {
        return Ok(Some(value));
    }
    let header = if line > 1 { raw::row(folder, sha, 1)? } else { None };
    Ok(Some(serde_json::json!({ "header": header, "row": text })))
}
