//! The committer: one thread that makes appended rows durable, many appends with one fsync.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use arrow::array::RecordBatch;
use tokio::sync::oneshot;

use super::absorb::{absorb, apply};
use super::error::{LakeError, Result};
use super::log::{self, Entry};
use super::state::TableState;
use super::{Appended, Changed, FaultPoint, Shared, TableShared, first_seq};
use crate::events::append as events;
use crate::events::identity;

/// Appends that one commit takes along at most.
const GROUP: usize = 512;

/// Rows of events that one commit takes along, roughly.
const GROUP_ROWS: usize = 1 << 17;

/// One append on its way to the log.
pub(crate) enum Request {
    /// Rows of a ledger table.
    Rows(RowsRequest),
    /// Events.
    Events(events::EventsRequest),
    /// Events that were held back may go on.
    Wake,
}

/// Rows of a ledger table on their way to the log.
pub(crate) struct RowsRequest {
    pub table: Arc<TableShared>,
    pub rows: RecordBatch,
    /// Whether the lake gives the versions.
    pub numbered: bool,
    pub reply: oneshot::Sender<Result<Appended>>,
}

/// Serves requests until the lake is dropped.
pub(crate) fn run(shared: &Arc<Shared>, requests: &Receiver<Request>) {
    let mut held = Vec::new();
    while let Ok(first) = requests.recv() {
        let mut group = vec![first];
        let mut rows = 0;
        while group.len() < GROUP && rows < GROUP_ROWS {
            match requests.try_recv() {
                Ok(request) => {
                    if let Request::Events(request) = &request {
                        rows += request.len();
                    }
                    group.push(request);
                }
                Err(_) => break,
            }
        }
        commit(shared, group, &mut held);
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

/// Serves a group of requests. Events are `held` while their gate is closed.
fn commit(shared: &Arc<Shared>, group: Vec<Request>, held: &mut Vec<events::EventsRequest>) {
    let apply_lock = shared.apply.lock();
    let mut states: BTreeMap<&'static str, TableState> = BTreeMap::new();
    let mut staged: Vec<Staged> = Vec::with_capacity(group.len());
    for request in group {
        let request = match request {
            Request::Rows(request) => request,
            Request::Events(request) => {
                held.push(request);
                continue;
            }
            Request::Wake => continue,
        };
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
    let arrived = if shared.events.gate.is_closed() { Vec::new() } else { std::mem::take(held) };
    let arrived = events::stage(shared, arrived);
    let durable = make_durable(shared, &staged, &arrived);
    if let Err(error) = durable {
        drop(apply_lock);
        for one in staged {
            let result = if one.rows.is_some() { Err(again(&error)) } else { Ok(one.appended) };
            one.reply.send(result).ok();
        }
        arrived.fail(|| again(&error));
        return;
    }
    for (name, state) in states {
        if let Some(table) = shared.tables.get(name) {
            table.publish(state);
        }
    }
    let touched = |name: &str| staged.iter().any(|one| one.changed && one.table.layout.name() == name);
    if touched(super::MERGES)
        && let Err(error) = shared.refresh_merges()
    {
        tracing::error!(%error, "customer merges could not be read");
    }
    if touched(identity::LINKS) {
        let links = staged.iter().filter(|one| one.table.layout.name() == identity::LINKS);
        identity::follow(shared, links.filter_map(|one| one.rows.as_ref()));
    }
    let arrived = events::apply(shared, arrived);
    drop(apply_lock);
    for one in staged {
        if one.changed {
            shared.announce(Changed { table: one.table.layout.name(), position: one.appended.position });
        }
        one.reply.send(Ok(one.appended)).ok();
    }
    arrived.answer(shared);
}

/// Brings what was staged into the log: one commit with one fsync.
fn make_durable(shared: &Shared, staged: &[Staged], arrived: &events::Staged) -> Result<()> {
    let mut entries = Vec::new();
    for one in staged {
        if let Some(rows) = &one.rows {
            let bytes = Cow::Owned(log::encode(rows)?);
            entries.push(Entry { table: one.table.layout.name(), position: one.appended.position, bytes });
        }
    }
    entries.extend(arrived.entries());
    if entries.is_empty() {
        return Ok(());
    }
    shared.log.append(&entries).and_then(|()| shared.fault(FaultPoint::LogAppended))
}

/// Puts one request into a state that is not published yet.
fn stage(
    shared: &Shared,
    state: &mut TableState,
    request: &RowsRequest,
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
pub(crate) fn again(error: &LakeError) -> LakeError {
    match error {
        LakeError::DiskFull { path } => LakeError::DiskFull { path: path.clone() },
        LakeError::Log { path, what } => LakeError::Log { path: path.clone(), what: what.clone() },
        LakeError::Fault(point) => LakeError::Fault(*point),
        other => LakeError::Internal(other.to_string()),
    }
}
