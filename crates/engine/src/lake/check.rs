//! What is wrong with a lake, in words, each with the mend.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::{LakeError, Result};
use super::files::DataFile;
use super::maintain::blocking;
use super::{Lake, Shared, TableShared};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost; worth knowing.
    Notice,
    /// Will become an error if nothing is done.
    Warning,
    /// Some data cannot be read or written.
    Error,
}

/// Something that is wrong, and its mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The record table, if it is about one.
    pub table: Option<String>,
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// Space below which the disk counts as nearly full.
const LITTLE: u64 = 1 << 30;

impl Lake {
    /// Checks all files of the lake and tells what is wrong; an empty list when all is well. Reads the footer of every
    /// Parquet file, every entry of the intake log and every kept source file. Writes nothing.
    pub async fn check(&self) -> Vec<Finding> {
        let shared = Arc::clone(&self.0.shared);
        let mut findings = Vec::new();
        for table in shared.tables.values() {
            match &table.broken {
                Some(finding) => findings.push(finding.clone()),
                None => findings.extend(check_table(&shared, table).await),
            }
        }
        findings.extend(crate::events::check::check(&shared).await);
        let dir = shared.dir.clone();
        let kept = blocking(move || super::raw::verify(&dir)).await;
        findings.extend(kept.map_or_else(
            |error| vec![raw(shared.dir.join("raw"), error.to_string())],
            |wrong| wrong.into_iter().map(|(path, what)| raw(path, what)).collect(),
        ));
        findings.extend(disk(&shared));
        findings
    }
}

/// The finding for a table that cannot be opened.
pub(crate) fn broken(table: &str, error: &LakeError) -> Finding {
    let (path, mend) = match error {
        LakeError::Damaged { path, .. } => (
            PathBuf::from(path),
            "restore this file from a backup; without one, import the table's source files again into a new data directory"
                .to_owned(),
        ),
        LakeError::Delta { .. } => (
            PathBuf::from(format!("lake/{table}/_delta_log")),
            "restore the table's _delta_log directory from a backup".to_owned(),
        ),
        _ => (PathBuf::from(format!("lake/{table}")), "see the message; the other tables can be used".to_owned()),
    };
    Finding { severity: Severity::Error, table: Some(table.into()), path, what: error.to_string(), mend }
}

async fn check_table(shared: &Arc<Shared>, table: &Arc<TableShared>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = table.layout.name();
    let finding = |severity, path: PathBuf, what: String, mend: &str| Finding {
        severity,
        table: Some(name.into()),
        path,
        what,
        mend: mend.into(),
    };
    let state = table.state();
    let bases = state.buckets.iter().filter_map(|bucket| bucket.base.as_ref());
    for file in bases.chain(&state.overlays) {
        if let Err(error) = check_file(table, file) {
            let mend = "restore this file from a backup, or import the table's source files again";
            findings.push(finding(Severity::Error, file.path.clone(), error, mend));
        }
    }
    if let Err(error) = shared.log.entries(name) {
        let mend = "restore log.redb from a backup; rows that are not flushed yet are only there";
        findings.push(finding(Severity::Error, shared.dir.join("log.redb"), error.to_string(), mend));
    }
    let Ok(delta) = table.delta.try_lock() else {
        return findings;
    }; // being written: look another time
    findings.extend(columns(&delta, name));
    match orphans(shared, table) {
        Err(error) => {
            let mend = "make the directory readable";
            findings.push(finding(Severity::Error, table.dir.clone(), error.to_string(), mend));
        }
        Ok(left) => findings.extend(left_over(name, &left)),
    }
    findings
}

/// Looks at one file of a table afresh.
fn check_file(table: &TableShared, file: &DataFile) -> Result<(), String> {
    let size = match std::fs::metadata(&file.path) {
        Ok(meta) => meta.len() as i64,
        Err(error) => {
            return Err(format!("the table's log names this file, but it cannot be read: {error}"));
        }
    };
    if size != file.size {
        return Err(format!("the file has {size} bytes instead of {}", file.size));
    }
    let fresh = DataFile::new(&table.dir, file.name.clone(), file.size);
    let misfits = fresh.misfits(&table.layout).map_err(|error| error.to_string())?;
    if misfits.is_empty() {
        Ok(())
    } else {
        Err(format!("columns do not fit the table: {}", misfits.join(", ")))
    }
}

/// The finding for a kept source file.
fn raw(path: PathBuf, what: String) -> Finding {
    let mend = "restore this file from a backup; records are not affected, only their source rows".to_owned();
    Finding { severity: Severity::Warning, table: None, path, what, mend }
}

/// Parquet files in a table's directories that its present state does not use and that were not just replaced.
pub(crate) fn orphans(shared: &Shared, table: &TableShared) -> Result<Vec<PathBuf>> {
    let state = table.state();
    let bases = state.buckets.iter().filter_map(|bucket| bucket.base.as_ref());
    let used = bases.chain(&state.overlays).map(|file| file.path.clone()).collect();
    strangers(shared, &["base", "overlay"].map(|name| table.dir.join(name)), used)
}

/// Parquet files in some directories that are neither used nor just replaced.
pub(crate) fn strangers(
    shared: &Shared,
    dirs: &[PathBuf],
    mut used: HashSet<PathBuf>,
) -> Result<Vec<PathBuf>> {
    used.extend(shared.replaced.lock().iter().map(|(file, _)| file.path.clone()));
    let mut out = Vec::new();
    for dir in dirs {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LakeError::io(dir, error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| LakeError::io(dir, error))?.path();
            if path.extension().is_some_and(|extension| extension == "parquet") && !used.contains(&path) {
                out.push(path);
            }
        }
    }
    out.sort();
    Ok(out)
}

/// Columns that a table's Delta log has otherwise than it should.
pub(crate) fn columns(delta: &super::delta::DeltaLog, table: &str) -> Vec<Finding> {
    let (Some(found), Ok(expected)) = (delta.columns(), delta.expected()) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (column, ty) in &expected {
        let what = match found.iter().find(|(other, _)| other == column) {
            None => format!("the Delta table has no column \"{column}\"; it was made by an older version"),
            Some((_, other)) if other != ty => format!("column \"{column}\" is {other} instead of {ty}"),
            Some(_) => continue,
        };
        findings.push(Finding {
            severity: Severity::Warning,
            table: Some(table.into()),
            path: delta.dir.join("_delta_log"),
            what,
            mend: "export the table's rows and import them into a new data directory".into(),
        });
    }
    findings
}

/// The finding for files that no version of a table names; `None` when there are none.
pub(crate) fn left_over(table: &str, left: &[PathBuf]) -> Option<Finding> {
    let first = left.first()?;
    Some(Finding {
        severity: Severity::Notice,
        table: Some(table.into()),
        path: first.clone(),
        what: format!("{} file(s) belong to no version of the table; a crash left them", left.len()),
        mend: "nothing is lost; they are removed when the server does its maintenance".into(),
    })
}

fn disk(shared: &Shared) -> Option<Finding> {
    let stat = rustix::fs::statvfs(&shared.dir).ok()?;
    let free = stat.f_bavail * stat.f_frsize;
    let all = stat.f_blocks * stat.f_frsize;
    (free < LITTLE.min(all / 20)).then(|| Finding {
        severity: Severity::Warning,
        table: None,
        path: shared.dir.clone(),
        what: format!("the disk is nearly full: {} MB free", free >> 20),
        mend: "free some space; imports and flushes stop, without loss, when there is none".into(),
    })
}
