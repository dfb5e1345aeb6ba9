//! Opening the event store: the Delta log, the hot columns, what the intake log still holds.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use burgeon_events::{HotOptions, HotStore};
use parking_lot::{Mutex, RwLock};

use super::append::{HotView, take_in};
use super::ask;
use super::batch::{self, Columns, Fitted, TABLE, WHO};
use super::identity;
use super::people::PeopleCache;
use super::run::Run;
use super::state::{EventsShared, EventsState, Gate};
use crate::lake::check;
use crate::lake::delta::DeltaLog;
use crate::lake::log::IntakeLog;
use crate::lake::state::Versions;
use crate::lake::{LakeError, LakeOptions, Result, Shared};

/// Rows that go into the hot columns at once when they are read back from runs.
const FEED: usize = 1 << 16;

/// A file of this name says that the hot columns must be made anew.
const STALE: &str = "hot.stale";

/// Opens the store of a data directory. Rows that only the log has come with [`replay`].
pub(crate) async fn open(
    dir: &Path,
    options: &LakeOptions,
    log: &IntakeLog,
    versions: &Versions,
) -> Result<EventsShared> {
    let columns = Columns::new()?;
    let path = dir.join("lake").join(TABLE);
    let mut delta = DeltaLog::new(columns.table, Arc::clone(&columns.stored), path.clone());
    let (state, broken) = match load(&columns, &mut delta, versions).await {
        Ok(state) => (state, None),
        Err(error @ LakeError::DiskFull { .. }) => return Err(error),
        Err(error) => {
            tracing::error!(table = TABLE, %error, "table cannot be opened");
            (EventsState::default(), Some(check::broken(TABLE, &error)))
        }
    };
    log.above(state.flushed);
    let now = options.clock.now().as_second();
    Ok(EventsShared {
        hot: hot(dir, options)?,
        columns,
        dir: path,
        state: RwLock::new(Arc::new(state)),
        upkeep: tokio::sync::Mutex::default(),
        delta: tokio::sync::Mutex::new(delta),
        identity: Mutex::default(),
        people: Mutex::new(PeopleCache::default()),
        unfilled: Mutex::new(ask::unfilled(log)?),
        gate: Gate::default(),
        pending: AtomicUsize::new(0),
        settled: Mutex::default(),
        flushing: tokio::sync::Mutex::default(),
        flushed_at: Mutex::new(now),
        swept_at: Mutex::new(i64::MIN),
        broken,
    })
}

/// Opens the hot columns; damaged ones are put aside and made anew, since all that they hold is in the lake.
fn hot(dir: &Path, options: &LakeOptions) -> Result<HotStore> {
    let path = dir.join("hot");
    let stale = dir.join(STALE);
    if stale.exists() {
        tracing::warn!("the hot columns of events fell behind the lake and are made anew from it");
        remove(&path)?;
        std::fs::remove_file(&stale).map_err(|error| LakeError::io(&stale, error))?;
    }
    let hot = || {
        // Of rows that are there already, further dimensions have no values: they are added when first asked for.
        let dimensions = if path.exists() { Vec::new() } else { options.hot_dimensions.clone() };
        HotStore::open(&path, HotOptions { dimensions, threads: options.threads, ..HotOptions::default() })
    };
    match hot() {
        Ok(store) => Ok(store),
        Err(error @ burgeon_events::HotError::Damaged { .. }) => {
            tracing::error!(%error, "the hot columns of events are damaged and are made anew from the lake");
            remove(&path)?;
            Ok(hot()?)
        }
        Err(error) => Err(error.into()),
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LakeError::io(path, error)),
        _ => Ok(()),
    }
}

/// Notes that the hot columns miss something that the lake has: the next start makes them anew.
pub(crate) fn distrust(shared: &Shared, error: &LakeError) {
    tracing::error!(%error, "the hot columns of events fell behind; restart to have them made anew");
    let path = shared.dir.join(STALE);
    if let Err(error) = std::fs::write(&path, b"").and_then(|()| std::fs::File::open(&path)?.sync_all()) {
        tracing::error!(%error, path = %path.display(), "and that could not be noted");
    }
}

async fn load(columns: &Columns, delta: &mut DeltaLog, versions: &Versions) -> Result<EventsState> {
    let listed = delta.load().await?;
    let mut state = EventsState {
        position: listed.flushed,
        flushed: listed.flushed,
        version: versions.next(),
        ..EventsState::default()
    };
    for file in listed.files {
        let path = file.path.display().to_string();
        let Some(run) = Run::of(Arc::new(file)) else {
            let what = "its name is not that of a run of events".to_owned();
            return Err(LakeError::Damaged { path, what });
        };
        run.rows(columns)?; // fails now when the file is missing or has no footer
        state.position = state.position.max(run.last);
        state.runs.push(Arc::new(run));
    }
    state.order();
    Ok(state)
}

/// Brings the hot columns up to the lake and takes in what only the log has.
pub(crate) async fn replay(shared: &Arc<Shared>) -> Result<()> {
    let shared = Arc::clone(shared);
    crate::lake::maintain::blocking(move || {
        if shared.events.broken.is_some() {
            return Ok(());
        }
        shared.log.above(shared.events.state().position.max(shared.events.hot.complete_through()));
        feed(&shared)?;
        identity::reload(&shared)?;
        tail(&shared)
    })
    .await
}

/// Gives the hot columns the rows of runs that they have not.
fn feed(shared: &Shared) -> Result<()> {
    let events = &shared.events;
    let state = events.state();
    let complete = events.hot.complete_through();
    let missing: Vec<Arc<Run>> = state.runs.iter().filter(|run| run.last > complete).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    if events.hot.identifiers() == 0 {
        renumber(shared, &state)?;
    }
    tracing::info!(files = missing.len(), complete, "hot columns are brought up to the lake");
    // All rows of a position must come together: runs of the same positions are one bulk, in the order of arrival.
    let mut from = 0;
    while from < missing.len() {
        let (first, last) = (missing[from].first, missing[from].last);
        let until =
            from + missing[from..].iter().take_while(|run| (run.first, run.last) == (first, last)).count();
        let mut bulk = events.hot.bulk()?;
        for run in &missing[from..until] {
            for rows in hot_rows(shared, run)? {
                let rows = rows?;
                let hot = events.hot_columns();
                let view = HotView::of(&rows, &hot)?;
                let dims = view.dims();
                let who = bulk.push(&view.rows(last, &dims))?;
                let stored = batch::numbers(&rows.rows)?.values();
                if who.iter().zip(stored).any(|(number, stored)| *number as i32 != *stored) {
                    let path = shared.dir.join("hot");
                    let what = "identifiers have other numbers than in the lake; remove this directory and start again, \
                                it is made anew";
                    return Err(LakeError::reading(&path, what));
                }
            }
        }
        bulk.prepare()?.commit(last)?;
        from = until;
    }
    Ok(())
}

/// The rows of a run as the hot columns take them.
pub(crate) fn hot_rows<'a>(
    shared: &'a Shared,
    run: &Run,
) -> Result<impl Iterator<Item = Result<Fitted>> + use<'a>> {
    let events = &shared.events;
    let columns = &events.columns;
    let hot = events.hot_columns();
    let properties = events.hot_properties();
    let mut wanted: Vec<usize> =
        ["event_id", "event", "distinct_id", "at", WHO].iter().map(|name| columns.at(name)).collect();
    wanted.extend(hot.iter().map(|name| columns.at(name)));
    if !properties.is_empty() {
        wanted.push(columns.at("properties"));
    }
    wanted.sort_unstable();
    wanted.dedup();
    let rows = run.read(columns, &wanted, None, None, FEED)?;
    Ok(rows.map(move |batch| columns.fitted(batch?, &properties)))
}

/// Gives all identifiers of the runs their numbers again, after the hot columns were lost: runs carry them. Numbers that
/// no run has (of identifiers that only links name, or that were deleted) are taken by placeholders without rows.
fn renumber(shared: &Shared, state: &EventsState) -> Result<()> {
    let columns = &shared.events.columns;
    let wanted = [columns.at("distinct_id"), columns.at(WHO)];
    let mut texts: Vec<Option<Box<str>>> = Vec::new();
    for run in &state.runs {
        for batch in run.read(columns, &wanted, None, None, FEED)? {
            let batch = batch?;
            let ids = batch::texts(&batch, "distinct_id")?;
            let mut before = None;
            for (row, who) in batch::numbers(&batch)?.values().iter().enumerate() {
                if before.replace(*who) == Some(*who) {
                    continue;
                }
                let who = usize::try_from(*who).map_err(|_| run_damaged(run))?;
                if texts.len() <= who {
                    texts.resize(who + 1, None);
                }
                texts[who].get_or_insert_with(|| ids.value(row).into());
            }
        }
    }
    for (at, part) in texts.chunks(FEED).enumerate() {
        let first = at * FEED;
        let names: Vec<String> = part
            .iter()
            .enumerate()
            .map(|(at, text)| match text {
                Some(text) => text.to_string(),
                None => format!("\u{0}{}", first + at),
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let numbers = shared.events.hot.numbers(&names)?;
        if numbers.iter().enumerate().any(|(at, number)| *number as usize != first + at) {
            return Err(LakeError::Internal("identifiers of events could not be numbered again".into()));
        }
    }
    Ok(())
}

fn run_damaged(run: &Run) -> LakeError {
    LakeError::reading(&run.file.path, "it has rows without the number of their identifier")
}

/// Takes in what the intake log holds beyond the runs, and forgets what the runs have.
fn tail(shared: &Shared) -> Result<()> {
    let events = &shared.events;
    let flushed = events.state().flushed;
    let entries = shared.log.entries(TABLE)?;
    if entries.first().is_some_and(|(position, _)| *position <= flushed) {
        shared.log.truncate(TABLE, flushed)?;
    }
    let mut seen: HashSet<(Box<str>, u64)> = HashSet::new();
    for (position, rows) in entries.into_iter().filter(|(position, _)| *position > flushed) {
        let rows = events.columns.fit(&rows, &events.hot_properties())?;
        // An entry that failed after it was written may have been sent again.
        let ids = batch::texts(&rows.rows, "distinct_id")?;
        let keep: Vec<bool> =
            rows.ids.iter().enumerate().map(|(row, id)| seen.insert((ids.value(row).into(), *id))).collect();
        let rows = if keep.contains(&false) { events.columns.filter(&rows, &keep)? } else { rows };
        if rows.ids.is_empty() {
            continue;
        }
        take_in(shared, &rows, position, None)?;
    }
    Ok(())
}
