//! Opening a lake: Delta logs, overlay files, what the intake log still holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burgeon_core::records::{Storage, TABLES};
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;

use super::absorb::{absorb, apply};
use super::check;
use super::delta::DeltaLog;
use super::error::{LakeError, Result};
use super::files::DataFile;
use super::layout::Layout;
use super::log::IntakeLog;
use super::rows::At;
use super::state::{Bucket, Overlay, TableState, Versions};
use super::{LakeOptions, Shared, TableShared};

/// Opens the lake of a data directory.
pub(crate) async fn open(dir: &Path, options: LakeOptions) -> Result<Arc<Shared>> {
    let tables_dir = dir.join("lake");
    std::fs::create_dir_all(&tables_dir).map_err(|error| LakeError::io(&tables_dir, error))?;
    let log = IntakeLog::open(&dir.join("log.redb"))?;
    std::fs::remove_dir_all(dir.join("spill")).ok(); // left by an import that was killed
    super::raw::tidy(dir);
    let buckets = log.remember("buckets", options.buckets.max(1) as u64)? as usize;
    let versions = Versions::default();
    let now = options.clock.now().as_second();
    let mut tables = BTreeMap::new();
    for table in TABLES.iter().filter(|table| table.storage == Storage::Ledger) {
        let layout = Arc::new(Layout::new(table, buckets));
        let path = tables_dir.join(table.name);
        let mut delta = DeltaLog::new(table, Arc::clone(&layout.stored), path.clone());
        let (state, broken) = match load(&layout, &mut delta, &log, &versions).await {
            Ok(state) => (state, None),
            Err(error @ (LakeError::Busy { .. } | LakeError::Log { .. } | LakeError::DiskFull { .. })) => {
                return Err(error);
            }
            Err(error) => {
                tracing::error!(table = table.name, %error, "table cannot be opened");
                (TableState::empty(Arc::clone(&layout), &versions), Some(check::broken(table.name, &error)))
            }
        };
        log.above(state.flushed.max(state.position));
        let shared = TableShared {
            layout,
            dir: path,
            state: RwLock::new(Arc::new(state)),
            delta: tokio::sync::Mutex::new(delta),
            flushed_at: Mutex::new(now),
            broken,
        };
        tables.insert(table.name, Arc::new(shared));
    }
    let events = crate::events::open::open(dir, &options, &log, &versions).await?;
    let shared = Arc::new(Shared {
        dir: dir.into(),
        options,
        log,
        tables,
        events,
        versions,
        apply: Mutex::new(()),
        changes: broadcast::channel(1024).0,
        replaced: Mutex::new(Vec::new()),
        vacuumed_at: Mutex::new(i64::MIN),
    });
    shared.refresh_merges()?;
    crate::events::open::replay(&shared).await?;
    Ok(shared)
}

async fn load(
    layout: &Arc<Layout>,
    delta: &mut DeltaLog,
    log: &IntakeLog,
    versions: &Versions,
) -> Result<TableState> {
    let listed = delta.load().await?;
    let mut bases: Vec<Option<Arc<DataFile>>> = vec![None; layout.buckets];
    let mut overlays = Vec::new();
    for file in listed.files {
        let file = Arc::new(file);
        match file.bucket() {
            None => overlays.push(file),
            Some(at) if at < bases.len() && bases[at].is_none() => {
                file.rows(layout)?; // fails now when the file is missing or has no footer
                bases[at] = Some(file);
            }
            Some(at) => {
                let what = format!("bucket {at} has two base files, or the table has no such bucket");
                return Err(LakeError::Damaged { path: file.path.display().to_string(), what });
            }
        }
    }
    let mut newer: Vec<Overlay> = vec![Overlay::default(); layout.buckets];
    for file in &overlays {
        for batch in file.read_all(layout)? {
            spread(layout, &batch, &mut newer)?;
        }
    }
    let buckets = bases
        .into_iter()
        .zip(newer)
        .map(|(base, overlay)| Bucket::new(versions.next(), base, overlay))
        .collect();
    let mut state = TableState {
        layout: Arc::clone(layout),
        buckets,
        overlays,
        merges: Arc::default(),
        position: listed.flushed,
        flushed: listed.flushed,
    };
    replay(&mut state, log, versions)?;
    Ok(state)
}

/// Puts the rows of an overlay file into the buckets' overlays.
fn spread(layout: &Layout, batch: &arrow::array::RecordBatch, overlays: &mut [Overlay]) -> Result<()> {
    let ids = layout.ids(batch);
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); overlays.len()];
    for (row, id) in ids.iter().enumerate() {
        parts[if layout.entity.is_some() { layout.bucket_of_hash(id.entity) } else { 0 }].push(row);
    }
    for (overlay, rows) in overlays.iter_mut().zip(parts).filter(|(_, rows)| !rows.is_empty()) {
        let order: Vec<At> = rows.iter().map(|row| (0, *row)).collect();
        let chunk = super::rows::gather_one(layout, std::slice::from_ref(batch), &order)?;
        let ids: Vec<_> = rows.iter().map(|row| ids[*row]).collect();
        overlay.push(layout, chunk, &ids, 0)?;
    }
    Ok(())
}

/// Takes in what the intake log holds beyond the Delta table, and forgets what the Delta table has.
fn replay(state: &mut TableState, log: &IntakeLog, versions: &Versions) -> Result<()> {
    let layout = Arc::clone(&state.layout);
    let flushed = state.flushed;
    let entries = log.entries(layout.name())?;
    if entries.first().is_some_and(|(position, _)| *position <= flushed) {
        log.truncate(layout.name(), flushed)?;
    }
    for (position, rows) in entries.into_iter().filter(|(position, _)| *position > flushed) {
        let (rows, _) = layout.complete(&rows, 0)?;
        let absorbed = absorb(state, &rows, false)?;
        apply(state, &rows, &absorbed, position, versions)?;
    }
    Ok(())
}
