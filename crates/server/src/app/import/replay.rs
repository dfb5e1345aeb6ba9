//! Rejected rows, read again after the mend.

use super::{ImportOptions, rejected};
use crate::app::cells::{Columns, instant};
use crate::app::raw::Copy;
use crate::app::rejects::{Reject, Replay, Replayed};
use crate::app::sql::literal;
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace};
use burgeon_connectors::{Input, Reader, TableRows, Value};
use burgeon_engine::lake::raw;
use std::collections::BTreeMap;

impl Workspace {
    /// Reads rejected rows again with the options of their import and those of the replay; those that can be read now
    /// become records and are marked.
    pub async fn replay_rejects(&self, replay: &Replay) -> Result<Replayed> {
        let _no_removal = self.imports_gate().read().await;
        let rejects = self.open_rejects(replay).await?;
        let mut by_import: BTreeMap<Option<String>, Vec<Reject>> = BTreeMap::new();
        for reject in rejects {
            by_import.entry(reject.import_id.clone()).or_default().push(reject);
        }
        let mut replayed = Replayed::default();
        for (import, rejects) in by_import {
            replayed.read += rejects.len() as u64;
            let mended = match import {
                Some(import) => self.replay_import(&import, &rejects, replay).await?,
                None => self.replay_rows(&rejects, replay).await?,
            };
            replayed.taken += mended.len() as u64;
            self.mark_replayed(&mended).await?;
        }
        replayed.still_rejected = replayed.read - replayed.taken;
        Ok(replayed)
    }

    /// Rows of a file stand under its header and are read with the options of their import.
    async fn replay_import<'a>(
        &self,
        import: &str,
        rejects: &'a [Reject],
        replay: &Replay,
    ) -> Result<Vec<&'a Reject>> {
        let ledger = self.state().import(import).await?;
        let mut options = ImportOptions::from_json(&ledger.mapping);
        options.table = options.table.or(ledger.shape.clone());
        for (name, value) in &replay.options {
            options.set(name, value)?;
        }
        let source = options.source.clone().unwrap_or_else(|| format!("file:{}", ledger.file));
        let filled = options.fill(self.reader_options())?;
        let (folder, sha, name) = (self.folder().to_owned(), ledger.sha256.clone(), ledger.file.clone());
        let lines: Vec<u64> = rejects.iter().map(|reject| reject.line.unwrap_or(0).unsigned_abs()).collect();
        // The whole file is read again, so that the columns mean what they meant; only the rejected lines are taken.
        let (batches, left) = blocking(move || {
            if let Some(at) = raw::removed(&folder, &sha)?.and_then(|note| note.given_up()) {
                return Err(given_up(&name, at));
            }
            let copy = Copy::of(&folder, &sha, "replay")?;
            select_lines(&Input::path(copy.path()).named(name), &filled, &lines, &source, &sha)
        })
        .await?;
        for (table, rows) in batches {
            self.lake().append(table, rows).await?;
        }
        Ok(rejects.iter().filter(|reject| !left.contains(&reject.line.unwrap_or(0).unsigned_abs())).collect())
    }

    /// Rows of clients are JSON objects, each with all that is needed.
    async fn replay_rows<'a>(&self, rejects: &'a [Reject], replay: &Replay) -> Result<Vec<&'a Reject>> {
        let mut mended = Vec::new();
        for reject in rejects {
            let Some(table) = reject.table.clone() else {
                continue;
            };
            let mut options =
                ImportOptions { table: Some(table), source: Some("api".into()), ..ImportOptions::default() };
            for (name, value) in &replay.options {
                options.set(name, value)?;
            }
            let bytes = rejected::bytes(&reject.bytes, reject.base64);
            let input = Input::bytes("row.json", [b"[", bytes.as_slice(), b"]"].concat());
            if self.take_rows(input, &options).await.is_ok_and(|left| left.is_empty()) {
                mended.push(reject);
            }
        }
        Ok(mended)
    }

    async fn mark_replayed(&self, rejects: &[&Reject]) -> Result<()> {
        let missing = || Error::internal("the table of rejects is missing");
        let mut rows = TableRows::new("rejects").ok_or_else(missing)?;
        let now = self.now().as_microsecond();
        for reject in rejects {
            rows.push(
                0,
                &[
                    Value::Text(&reject.reject_id),
                    Value::Text(&reject.source),
                    Value::from(reject.table.as_deref()),
                    Value::from(reject.line),
                    Value::Text(&reject.reason),
                    Value::Text(&reject.bytes),
                    Value::Bool(reject.base64),
                    Value::from(reject.import_id.as_deref()),
                    Value::from(self.met_at(&reject.reject_id).await?),
                    Value::Int(now),
                ],
            );
        }
        if let Some(batch) = rows.take() {
            self.lake().append("rejects", batch.with_origin("replay", "replay")).await?;
        }
        Ok(())
    }

    async fn met_at(&self, reject_id: &str) -> Result<Option<i64>> {
        let sql = format!("SELECT at FROM rejects WHERE reject_id = {}", literal(reject_id));
        match self.select(&sql).await?.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => Columns(batch).int("at", 0),
            None => Ok(None),
        }
    }
}

/// The refusal of a file that is not kept any more.
fn given_up(name: &str, at: i64) -> Error {
    let message = format!("{name} is not kept any more: a person in it was removed on {}", instant(at));
    Error::invalid("source_given_up", message).mend("import the file again")
}

/// Records of some lines, by table, and the lines that are still not readable.
type Lines = (Vec<(&'static str, arrow::array::RecordBatch)>, std::collections::BTreeSet<u64>);

/// Reads a file and takes the records of `lines` only. Blocking.
fn select_lines(
    input: &Input,
    options: &burgeon_connectors::Options,
    lines: &[u64],
    source: &str,
    sha: &str,
) -> Result<Lines> {
    use arrow::array::BooleanArray;
    let wanted: std::collections::BTreeSet<u64> = lines.iter().copied().collect();
    let (mut batches, mut left) = (Vec::new(), std::collections::BTreeSet::new());
    for output in Reader::open(input, options)? {
        let output = output?;
        left.extend(output.rejects.iter().map(|reject| reject.line).filter(|line| wanted.contains(line)));
        for batch in &output.batches {
            let keep = BooleanArray::from_iter(batch.lines.iter().map(|line| Some(wanted.contains(line))));
            if keep.true_count() == 0 {
                continue;
            }
            let rows = batch.with_origin(source, &sha[..raw::SHORT]);
            let rows = arrow::compute::filter_record_batch(&rows, &keep)
                .map_err(|error| Error::internal(format!("rows of a replay: {error}")))?;
            batches.push((batch.table.name, rows));
        }
    }
    Ok((batches, left))
}
