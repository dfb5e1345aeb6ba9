//! The committer: one thread that makes appended rows durable, many appends with one fsync.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use arrow::array::RecordBatch;
use tokio::sync::oneshot;

use super::absorb::{absorb, apply};
use super::error::{LakeError, Result};
use super::log::Entry;
use super::state::TableState;
use super::{Appended, Changed, FaultPoint, Shared, TableShared, first_seq};

/// Appends that one commit takes along at most.
const GROUP: usize = 512;

/// One append on its way to the log.
pub(crate) struct Request {
    pub table: Arc<TableShared>,
    pub rows: RecordBatch,
    /// Whether the lake gives the versions.
    pub numbered: bool,
    pub reply: oneshot::Sender<Result<Appended>>,
}

/// Serves requests until the lake is dropped.
pub(crate) fn run(shared: &Arc<Shared>, requests: &Receiver<Request>) {
    while let Ok(first) = requests.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match requests.try_recv() {
                Ok(request) => group.push(request),
                Err(_) => break,
            }
        }
        commit(shared, group);
    }
}

/// What one request will do once it is durable.
struct Staged {
    table: Arc<TableShared>,
    rows: Option<RecordBatch>,
    appended: Appended,
    changed: bool,
    reply: oneshot::Sender<Result<Appended>>,
}

fn commit(shared: &Arc<Shared>, group: Vec<Request>) {
    let apply_lock = shared.apply.lock();
    let mut states: BTreeMap<&'static str, TableState> = BTreeMap::new();
    let mut staged: Vec<Staged> = Vec::with_capacity(group.len());
    for request in group {
        let name = request.table.layout.name();
        let mut state = states.remove(name).unwrap_or_else(|| request.table.state().as_ref().clone());
        match stage(shared, &mut state, &request) {
            Ok((rows, appended, changed)) => {
                staged.push(Staged { table: request.table, rows, appended, changed, reply: request.reply });
            }
            Err(error) => {
                request.reply.send(Err(error)).ok();
            }
        }
        states.insert(name, state);
    }
    let entries: Vec<Entry<'_>> = staged
        .iter()
        .filter_map(|one| {
            let rows = one.rows.as_ref()?;
            Some(Entry { table: one.table.layout.name(), position: one.appended.position, rows })
        })
        .collect();
    let durable = if entries.is_empty() {
        Ok(())
    } else {
        shared.log.append(&entries).and_then(|()| shared.fault(FaultPoint::LogAppended))
    };
    if let Err(error) = durable {
        drop(apply_lock);
        for one in staged {
            let result = if one.rows.is_some() { Err(again(&error)) } else { Ok(one.appended) };
            one.reply.send(result).ok();
        }
        return;
    }
    for (name, state) in states {
        if let Some(table) = shared.tables.get(name) {
            table.publish(state);
        }
    }
    if staged.iter().any(|one| one.changed && one.table.layout.name() == super::MERGES)
        && let Err(error) = shared.refresh_merges()
    {
        tracing::error!(%error, "customer merges could not be read");
    }
    drop(apply_lock);
    for one in staged {
        if one.changed {
            shared.announce(Changed { table: one.table.layout.name(), position: one.appended.position });
        }
        one.reply.send(Ok(one.appended)).ok();
    }
}

/// Puts one request into a state that is not published yet.
fn stage(
    shared: &Shared,
    state: &mut TableState,
    request: &Request,
) -> Result<(Option<RecordBatch>, Appended, bool)> {
    let layout = &request.table.layout;
    let position = shared.log.position();
    let rows = match request.numbered {
        true => layout.number(&request.rows, first_seq(position))?,
        false => request.rows.clone(),
    };
    let absorbed = absorb(state, &rows, request.numbered)?;
    let kept = if absorbed.keep.is_empty() { None } else { Some(absorbed.rows(layout, &rows)?) };
    apply(state, &rows, &absorbed, if kept.is_some() { position } else { 0 }, &shared.versions)?;
    let appended = Appended {
        position: state.position,
        taken: absorbed.taken,
        replaced: absorbed.replaced,
        unchanged: absorbed.unchanged,
    };
    Ok((kept, appended, !absorbed.changed.is_empty()))
}

/// The error once more, for each of the appends that it hit.
fn again(error: &LakeError) -> LakeError {
    match error {
        LakeError::DiskFull { path } => LakeError::DiskFull { path: path.clone() },
        LakeError::Log { path, what } => LakeError::Log { path: path.clone(), what: what.clone() },
        LakeError::Fault(point) => LakeError::Fault(*point),
        other => LakeError::Internal(other.to_string()),
    }
}
