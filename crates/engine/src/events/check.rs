//! What is wrong with the event store, in words, each with the mend.

use std::path::PathBuf;
use std::sync::Arc;

use super::batch::TABLE;
use super::maintain::orphans;
use super::run::Run;
use crate::lake::check::{Finding, Severity, columns, left_over};
use crate::lake::files::DataFile;
use crate::lake::maintain::blocking;
use crate::lake::{Result, Shared};

/// Looks at all files of runs, the log and the hot columns. Writes nothing.
pub(crate) async fn check(shared: &Arc<Shared>) -> Vec<Finding> {
    let events = &shared.events;
    if let Some(finding) = &events.broken {
        return vec![finding.clone()];
    }
    let work = Arc::clone(shared);
    let mut findings = blocking(move || files(&work)).await.unwrap_or_else(|error| {
        vec![finding(Severity::Error, events.dir.clone(), error.to_string(), "see the message")]
    });
    if let Ok(delta) = events.delta.try_lock() {
        findings.extend(columns(&delta, TABLE));
        match orphans(shared) {
            Err(error) => {
                let mend = "make the directory readable";
                findings.push(finding(Severity::Error, events.dir.clone(), error.to_string(), mend));
            }
            Ok(left) => findings.extend(left_over(TABLE, &left)),
        }
    }
    findings
}

fn finding(severity: Severity, path: PathBuf, what: String, mend: &str) -> Finding {
    Finding { severity, table: Some(TABLE.into()), path, what, mend: mend.into() }
}

fn files(shared: &Shared) -> Result<Vec<Finding>> {
    let events = &shared.events;
    let state = events.state();
    let mut findings = Vec::new();
    let mut sound = true;
    for run in &state.runs {
        if let Err(what) = check_run(shared, run) {
            let mend = "restore this file from a backup, or import the events' source files again";
            findings.push(finding(Severity::Error, run.file.path.clone(), what, mend));
            sound = false;
        }
    }
    if let Err(error) = shared.log.entries(TABLE) {
        let mend = "restore log.redb from a backup; rows that are not flushed yet are only there";
        findings.push(finding(Severity::Error, shared.dir.join("log.redb"), error.to_string(), mend));
    }
    let hot = shared.dir.join("hot");
    for what in events.hot.check() {
        let mend = "stop the server and remove this directory; it is made anew from the lake";
        findings.push(finding(Severity::Error, hot.clone(), what, mend));
    }
    let (rows, there) = (state.rows(&events.columns), events.hot.stats().rows);
    if let Ok(rows) = rows
        && sound
        && state.version == events.state().version
        && rows != there
    {
        let what = format!("the hot columns have {there} events, the lake has {rows}");
        let mend = "stop the server and remove this directory; it is made anew from the lake";
        findings.push(finding(Severity::Error, hot, what, mend));
    }
    Ok(findings)
}

/// Looks at one file afresh.
fn check_run(shared: &Shared, run: &Run) -> Result<(), String> {
    let file = &run.file;
    let size = match std::fs::metadata(&file.path) {
        Ok(meta) => meta.len() as i64,
        Err(error) => {
            return Err(format!("the table's log names this file, but it cannot be read: {error}"));
        }
    };
    if size != file.size {
        return Err(format!("the file has {size} bytes instead of {}", file.size));
    }
    let fresh = DataFile::new(&shared.events.dir, file.name.clone(), file.size);
    let fresh = Run::of(Arc::new(fresh)).ok_or("the file's name is not that of a run of events")?;
    match fresh.misfits(&shared.events.columns) {
        Err(error) => Err(error.to_string()),
        Ok(misfits) if misfits.is_empty() => Ok(()),
        Ok(misfits) => Err(format!("columns do not fit the table: {}", misfits.join(", "))),
    }
}
