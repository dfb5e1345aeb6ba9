//! Removal of a person from every place: kept files, rejected rows, the tables, the audit log.
//!
//! The engine notes the removal first and forgets it last, so that one that was cut off is repeated at the next start; each
//! step may be repeated.

use super::persons::unknown;
use crate::app::cells::Columns;
use crate::app::import::ImportOptions;
use crate::app::sql::literal;
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace, raw as rows};
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use burgeon_connectors::extent::{Extents, extents};
use burgeon_connectors::shape::shape;
use burgeon_connectors::{Input, Options, Reader, TableBatch};
use burgeon_core::records::system;
use burgeon_engine::events::Removal;
use burgeon_engine::lake::raw;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use utoipa::ToSchema;

/// What removals are called in the audit log.
const ACTION: &str = "delete_person";

/// What was removed with a person, place by place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Removed {
    /// The person's identifiers.
    pub identifiers: u64,
    /// Events.
    pub events: u64,
    /// Records of the person and of their identifiers.
    pub records: u64,
    /// Files of events that were written anew without them.
    pub event_files: u64,
    /// Rows of imported files that were emptied where these are kept; every other line stays where it was.
    pub source_rows: u64,
    /// Imported files that have such rows.
    pub source_files: u64,
    /// Of these, files without lines (Parquet, sheets, JSON arrays), which are not kept any more.
    pub source_files_given_up: u64,
    /// Rejected rows that named the person.
    pub rejects: u64,
    /// Earlier lines of the audit log that named the person; that something was done stays, to whom does not.
    pub audit_lines: u64,
}

/// By what a person is told from others.
struct Names {
    /// Identifiers of events, traits and links.
    ids: HashSet<String>,
    /// Texts that name the person in rows that nobody could read: the identifiers, and mail addresses in small letters.
    words: Vec<String>,
}

/// What a kept file was read as.
struct Reading {
    sha: String,
    name: String,
    /// How each import of it read it.
    options: Vec<Options>,
}

/// Tables whose rows are a person's.
const TABLES: [&str; 3] = ["events", "persons", "identity_links"];

/// Whether rows of a shape may be a person's; of a shape that is not known they may.
fn of_persons(name: &str) -> bool {
    shape(name).map_or(true, |shape| shape.tables.iter().any(|table| TABLES.contains(table)))
}

impl Workspace {
    /// Removes a person with everything that is known of them, and says so in the audit log.
    pub async fn delete_person(&self, id: &str, actor: &str) -> Result<Removed> {
        let removal = self.events().begin_removal(id).await?.ok_or_else(|| unknown(id))?;
        self.remove_everywhere(&removal, actor).await
    }

    /// Carries removals through that were cut off. One that still cannot be carried through stays noted.
    pub(in crate::app) async fn finish_removals(&self) -> Result<()> {
        for removal in self.events().removals()? {
            if let Err(error) = self.remove_everywhere(&removal, "start").await {
                tracing::error!(removal = removal.id(), %error, "a person could not be removed everywhere");
            }
        }
        Ok(())
    }

    async fn remove_everywhere(&self, removal: &Removal, actor: &str) -> Result<Removed> {
        // An import that runs may have read rows of the person already.
        let _no_imports = self.imports_gate().write().await;
        let names = Arc::new(self.names_of(removal).await?);
        let mut done = Removed::default();
        self.empty_kept_files(removal, &names, &mut done).await?;
        done.rejects = self.remove_rejects(&names).await?;
        let ids: Vec<&str> = removal.identifiers().collect();
        done.audit_lines = self.state().forget_in_audit("unlink", &ids).await?;
        let removed = self.events().remove(removal).await?;
        (done.identifiers, done.events) = (removed.identifiers, removed.events);
        (done.records, done.event_files) = (removed.records, removed.files);
        self.audit_removal(removal, actor, &done).await?;
        self.events().end_removal(removal).await?;
        Ok(done)
    }

    /// Says in the audit log how much it was, and not who: that must not be kept there either.
    async fn audit_removal(&self, removal: &Removal, actor: &str, done: &Removed) -> Result<()> {
        let known = self.state().audit_log(Some(ACTION), u32::MAX).await?;
        if known.iter().any(|line| line.detail["removal"] == removal.id()) {
            return Ok(());
        }
        let mut detail = serde_json::to_value(done).unwrap_or_default();
        detail["removal"] = removal.id().into();
        let at = self.now().as_microsecond();
        Ok(self.state().audit(actor, ACTION, "person", &detail, at).await?)
    }

    async fn names_of(&self, removal: &Removal) -> Result<Names> {
        let ids: HashSet<String> = removal.identifiers().map(str::to_owned).collect();
        let list: Vec<String> = ids.iter().map(|id| literal(id)).collect();
        let sql = format!(
            "SELECT DISTINCT email FROM persons WHERE email IS NOT NULL AND distinct_id IN ({})",
            list.join(", ")
        );
        let mut words: BTreeSet<String> = ids.iter().cloned().collect();
        for batch in &self.select(&sql).await? {
            for row in 0..batch.num_rows() {
                words.extend(Columns(batch).text("email", row)?.map(|mail| mail.trim().to_lowercase()));
            }
        }
        words.remove("");
        Ok(Names { ids, words: words.into_iter().collect() })
    }

    async fn empty_kept_files(
        &self,
        removal: &Removal,
        names: &Arc<Names>,
        done: &mut Removed,
    ) -> Result<()> {
        let folder = self.folder().to_owned();
        let kept = blocking(move || Ok(raw::kept(&folder))).await?;
        for sha in kept {
            let Some(reading) = self.reading(sha).await? else { continue };
            let (folder, names, id) = (self.folder().to_owned(), names.clone(), removal.id().to_owned());
            let at = self.now().as_microsecond();
            let note = blocking(move || {
                empty(&folder, &reading, &names, &id, at)?;
                Ok(raw::removed(&folder, &reading.sha)?)
            });
            // Counted from the note, so that a removal that was cut off counts what it did before.
            let Some(note) = note.await?.filter(|note| note.has(removal.id())) else { continue };
            done.source_rows += note.rows(removal.id());
            done.source_files += 1;
            done.source_files_given_up += u64::from(note.given_up().is_some());
        }
        Ok(())
    }

    /// How a kept file was read; `None` when its rows are nobody's.
    async fn reading(&self, sha: String) -> Result<Option<Reading>> {
        let imports = self.state().imports_of(&sha).await?;
        let mut name = imports.first().map(|import| import.file.clone()).unwrap_or_default();
        let mut read_as: Vec<ImportOptions> = Vec::new();
        for import in &imports {
            if import.shape.as_deref().is_none_or(of_persons) {
                read_as.push(ImportOptions::from_json(&import.mapping));
            }
        }
        if imports.is_empty() {
            let (folder, short) = (self.folder().to_owned(), sha.clone());
            let Some(meta) = blocking(move || Ok(raw::meta(&folder, &short))).await? else { return Ok(None) };
            name = meta.name;
            read_as.push(ImportOptions::from_json(&meta.mapping));
        }
        read_as.dedup();
        let options: Vec<Options> =
            read_as.iter().map(|options| options.fill(self.reader_options())).collect::<Result<_>>()?;
        Ok((!options.is_empty()).then_some(Reading { sha, name, options }))
    }

    /// Removes rejected rows of persons' tables that name the person; gives their number.
    async fn remove_rejects(&self, names: &Names) -> Result<u64> {
        let sql = "SELECT reject_id, \"table\" AS table_name, reason, bytes, base64, at FROM rejects";
        let (mut gone, mut times) = (Vec::new(), Vec::new());
        for batch in &self.select(sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                if columns.text("table_name", row)?.is_some_and(|table| !of_persons(&table)) {
                    continue;
                }
                let text = columns.text("bytes", row)?.unwrap_or_default();
                let bytes = crate::app::import::rejected::bytes(&text, columns.flag("base64", row)?);
                let reason = columns.text("reason", row)?.unwrap_or_default();
                if names.stand_in(&bytes) || names.stand_in(reason.as_bytes()) {
                    gone.extend(columns.text("reject_id", row)?);
                    times.push(columns.int("at", row)?.unwrap_or(0));
                }
            }
        }
        if gone.is_empty() {
            return Ok(0);
        }
        let count = gone.len();
        let ids: ArrayRef = Arc::new(StringViewArray::from_iter_values(gone));
        let deleted: ArrayRef = Arc::new(BooleanArray::from(vec![true; count]));
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"));
        let batch = RecordBatch::try_from_iter([("reject_id", ids), ("at", at), (system::DELETED, deleted)])
            .map_err(|error| Error::internal(format!("rejects that are removed: {error}")))?;
        self.lake().append("rejects", batch).await?;
        Ok(count as u64)
    }
}

/// Takes the person's rows out of a kept file. Blocking.
fn empty(folder: &Path, reading: &Reading, names: &Names, removal: &str, at: i64) -> Result<()> {
    if raw::removed(folder, &reading.sha)?.is_some_and(|note| note.given_up().is_some()) {
        return Ok(());
    }
    let copy = rows::Copy::of(folder, &reading.sha, "removal")?;
    let mut lines = Vec::new();
    let mut terminator = Some(b'\n');
    for options in &reading.options {
        let input = Input::path(copy.path()).named(&reading.name);
        let found =
            find(&input, options, names).and_then(|found| Ok((extents(&input, options, &found)?, found)));
        match found {
            Ok((_, found)) if found.is_empty() => {}
            Ok((Extents::Lines { terminator: end, lines: rows }, _)) => {
                terminator = terminator.map(|_| end);
                lines.extend(rows);
            }
            Ok((Extents::Whole, found)) => {
                terminator = None;
                lines.extend(found.iter().map(|line| (*line, *line)));
            }
            // Not to be read any more: which rows are whose cannot be said, only whether it may be the person's.
            Err(error) if mentions(copy.path(), names)? => {
                tracing::warn!(file = reading.name, %error, "a kept file that cannot be read is given up");
                terminator = None;
                lines.push((0, 0));
            }
            Err(_) => {}
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let rows = raw::Taken { removal: removal.to_owned(), at, lines };
    Ok(raw::take_out(folder, &reading.sha, &rows, terminator)?)
}

/// The lines whose rows are the person's. Rows that cannot be read are when they name the person.
fn find(input: &Input, options: &Options, names: &Names) -> Result<BTreeSet<u64>> {
    let reader = Reader::open(input, options)?;
    let mut found = BTreeSet::new();
    if !reader.tables().iter().any(|table| TABLES.contains(table)) {
        return Ok(found);
    }
    for output in reader {
        let output = output?;
        for batch in &output.batches {
            found.extend(names.rows(batch));
        }
        let named = output.rejects.iter().filter(|reject| names.stand_in(&reject.bytes));
        found.extend(named.map(|reject| reject.line));
    }
    Ok(found)
}

/// Whether a file names the person, or does not tell since it is no text.
fn mentions(path: &Path, names: &Names) -> Result<bool> {
    let fail = |error| Error::io(path, &error);
    let mut file = BufReader::new(File::open(path).map_err(fail)?);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).map_err(fail)? > 0 {
        if line.contains(&0) || names.stand_in(&line) {
            return Ok(true);
        }
        line.clear();
    }
    Ok(false)
}

impl Names {
    /// The lines of rows that carry one of the identifiers.
    fn rows(&self, batch: &TableBatch) -> BTreeSet<u64> {
        let columns: &[&str] = match batch.table.name {
            "identity_links" => &["from_id", "to_id"],
            table if TABLES.contains(&table) => &["distinct_id"],
            _ => &[],
        };
        let mut found = BTreeSet::new();
        for column in columns.iter().filter_map(|name| batch.rows.column_by_name(name)) {
            let Some(texts) = column.as_string_view_opt() else { continue };
            let mine = texts.iter().zip(&batch.lines);
            let mine = mine.filter(|(text, _)| text.is_some_and(|text| self.ids.contains(text)));
            found.extend(mine.map(|(_, line)| *line));
        }
        found
    }

    /// Whether a row that could not be read names the person: as a value of its own, in JSON or between marks.
    fn stand_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let is_named =
            |value: &str| self.words.iter().any(|word| value == word || value.to_lowercase().trim() == word);
        if serde_json::from_str(&text).is_ok_and(|value: Value| any_value(&value, &is_named)) {
            return true;
        }
        let lower = text.to_lowercase();
        self.words.iter().any(|word| stands_alone(&text, word) || stands_alone(&lower, word))
    }
}

fn any_value(value: &Value, named: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => named(text),
        Value::Number(number) => named(&number.to_string()),
        Value::Array(values) => values.iter().any(|value| any_value(value, named)),
        Value::Object(values) => values.values().any(|value| any_value(value, named)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Whether a word stands in a text with nothing of a word around it.
fn stands_alone(text: &str, word: &str) -> bool {
    let apart = |letter: Option<char>| {
        letter.is_none_or(|letter| letter.is_whitespace() || ",;|\"'`:=&<>()[]{}/\\?!".contains(letter))
    };
    text.match_indices(word)
        .any(|(at, _)| apart(text[..at].chars().next_back()) && apart(text[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_nobody_could_read_name_a_person_by_a_whole_value() {
        let words = vec!["42".to_owned(), "ada@acme.test".to_owned(), "анна".to_owned()];
        let names = Names { ids: HashSet::new(), words };
        for row in [
            "visit,42,now",
            "42",
            "visit;\"42\"\r\n",
            "{\"userId\":42}",
            "{\"userId\":\"42\",",
            "to: <Ada@ACME.test>",
            "{\"who\":\"\\u0430\\u043d\\u043d\\u0430\"}",
            "{\"a\":[{\"b\":\"ada@acme.test\"}]}",
        ] {
            assert!(names.stand_in(row.as_bytes()), "{row}");
        }
        for row in ["visit,142,now", "2026-42-01", "42.5", "{\"n\":420}", "nada@acme.test", "анна-2", ""]
        {
            assert!(!names.stand_in(row.as_bytes()), "{row}");
        }
    }
}
