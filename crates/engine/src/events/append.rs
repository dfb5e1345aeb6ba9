//! Intake: many appends become one entry of the log, deduped; then the rows go into the hot columns and the tail.
//!
//! All of this happens in the committer's thread, so that no two appends can let the same event in.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use burgeon_events::{Admitted, NewRows, Verdict};
use tokio::sync::oneshot;

use super::EventStore;
use super::batch::{self, Fitted, TABLE};
use super::open::distrust;
use super::state::{EventsShared, Pending};
use crate::lake::append::Request;
use crate::lake::log::{self, Entry};
use crate::lake::{Appended, Changed, LakeError, Result, Shared};

/// Rows that one request has at most; larger appends are cut.
const MOST: usize = 1 << 16;

/// An append of events on its way to the log.
#[derive(Debug)]
pub(crate) struct EventsRequest {
    pub rows: Fitted,
    pub reply: oneshot::Sender<Result<Appended>>,
}

impl EventsRequest {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.ids.len()
    }
}

impl EventStore {
    /// Appends events: columns of the table `events` in any order, missing optional ones are filled in, `_source`
    /// and `_origin` may be there. At return the rows are on disk and every question sees them; concurrent appends
    /// share one fsync. [`Appended::unchanged`] counts rows that were there already, [`Appended::replaced`] is 0.
    ///
    /// # Errors
    /// [`LakeError::Rows`] when the batch does not fit or brings a 60,001st event name, [`LakeError::Pressure`] when too
    /// many rows wait (HTTP 429; nothing of a batch of at most 65,536 rows was taken), [`LakeError::DiskFull`] when
    /// nothing was taken for want of space.
    pub async fn append(&self, batch: RecordBatch) -> Result<Appended> {
        let shared = self.shared();
        let events = shared.events.sound()?;
        let mut total = Appended { position: events.state().position, ..Appended::default() };
        let most = shared.options.pending_events;
        let pending = Pending::take(&events.pending, batch.num_rows(), most).ok_or_else(|| {
            let waiting = self.pending_rows();
            LakeError::Pressure { waiting, retry_seconds: 1 }
        })?;
        if let Err(error) = self.settle(&batch).await {
            tracing::warn!(
                "no property was made hot unasked, so the first question by one takes longer: {error}"
            );
        }
        let mut from = 0;
        while from < batch.num_rows() {
            let part = batch.slice(from, MOST.min(batch.num_rows() - from));
            from += part.num_rows();
            let rows = events.columns.fit(&part, &events.hot_properties())?;
            let (reply, answer) = oneshot::channel();
            self.lake().send(Request::Events(EventsRequest { rows, reply }))?;
            let part = answer.await.map_err(|_| LakeError::Closed)??;
            total.position = part.position;
            total.taken += part.taken;
            total.unchanged += part.unchanged;
        }
        drop(pending);
        Ok(total)
    }

    /// Rows that were given to [`EventStore::append`] and are not answered yet.
    pub fn pending_rows(&self) -> usize {
        self.shared().events.pending.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// What a group of appends will do once it is durable.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    entry: Option<Ready>,
    /// Those who wait, with what they will be told.
    waiting: Vec<(oneshot::Sender<Result<Appended>>, Appended)>,
}

/// The fresh rows of a group.
#[derive(Debug)]
struct Ready {
    position: u64,
    rows: Fitted,
    bytes: Vec<u8>,
    /// What the hot columns know of the rows already; `None` once they have taken them.
    admitted: Option<Admitted>,
}

impl Staged {
    /// What is to be written to the log.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entry.iter().map(|ready| Entry {
            table: TABLE,
            position: ready.position,
            bytes: Cow::Borrowed(&ready.bytes),
        })
    }

    /// Tells all who brought something new that it failed, the others what they were to be told.
    pub fn fail(self, error: impl Fn() -> LakeError) {
        for (reply, appended) in self.waiting {
            reply.send(if appended.taken > 0 { Err(error()) } else { Ok(appended) }).ok();
        }
    }

    /// Tells everybody what became of their rows.
    pub fn answer(self, shared: &Shared) {
        if let Some(ready) = &self.entry {
            shared.announce(Changed { table: TABLE, position: ready.position });
        }
        for (reply, appended) in self.waiting {
            reply.send(Ok(appended)).ok();
        }
    }
}

/// Finds out what is new in a group of appends. Whoever cannot be served is told so at once.
pub(crate) fn stage(shared: &Shared, group: Vec<EventsRequest>) -> Staged {
    let mut group = group;
    while !group.is_empty() {
        match try_stage(shared, &group) {
            Ok(Tried::Staged(entry, counts)) => {
                let position = match &entry {
                    Some(ready) => ready.position,
                    None => shared.events.state().position,
                };
                let waiting = group
                    .into_iter()
                    .zip(counts)
                    .map(|(request, (taken, unchanged))| {
                        (request.reply, Appended { position, taken, replaced: 0, unchanged })
                    })
                    .collect();
                return Staged { entry, waiting };
            }
            Ok(Tried::Refused(refused)) => {
                // The others once more: their rows may have been duplicates of those that are refused.
                let mut refused = refused.into_iter();
                let mut left = Vec::with_capacity(group.len());
                for request in group {
                    match refused.next().flatten() {
                        None => left.push(request),
                        Some(what) => {
                            request.reply.send(Err(LakeError::Rows { table: TABLE.into(), what })).ok();
                        }
                    }
                }
                group = left;
            }
            Err(error) => {
                for request in group {
                    request.reply.send(Err(crate::lake::append::again(&error))).ok();
                }
                return Staged::default();
            }
        }
    }
    Staged::default()
}

enum Tried {
    /// The fresh rows, and how many of each request are fresh and known.
    Staged(Option<Ready>, Vec<(u64, u64)>),
    /// Why a request cannot be served, for each of them.
    Refused(Vec<Option<String>>),
}

fn try_stage(shared: &Shared, group: &[EventsRequest]) -> Result<Tried> {
    let events = &shared.events;
    let all = together(events, group)?;
    let view = HotView::of(&all, &[])?;
    let dims = view.dims();
    let admitted = events.hot.admitted(&view.rows(0, &dims))?;
    let verdicts: Vec<Verdict> = admitted.verdicts().collect();
    let mut from = 0;
    let mut counts = Vec::with_capacity(group.len());
    let mut refused = Vec::with_capacity(group.len());
    for request in group {
        let mine = &verdicts[from..from + request.len()];
        let taken = mine.iter().filter(|verdict| **verdict == Verdict::Fresh).count() as u64;
        counts.push((taken, request.len() as u64 - taken));
        refused.push(mine.iter().position(|verdict| *verdict == Verdict::TooManyNames).map(|row| {
            format!(
                "event name \"{}\" in row {row} would be one of more than {} different names; \
                 put what varies into a property",
                view.events[from + row],
                burgeon_events::rows::EVENT_NAMES,
            )
        }));
        from += request.len();
    }
    if refused.iter().any(Option::is_some) {
        return Ok(Tried::Refused(refused));
    }
    let fresh: Vec<bool> = verdicts.iter().map(|verdict| *verdict == Verdict::Fresh).collect();
    let taken = fresh.iter().filter(|fresh| **fresh).count();
    if taken == 0 {
        return Ok(Tried::Staged(None, counts));
    }
    let rows = if taken == fresh.len() { all } else { events.columns.filter(&all, &fresh)? };
    let bytes = log::encode(&rows.rows)?;
    Ok(Tried::Staged(
        Some(Ready { position: shared.log.position(), rows, bytes, admitted: Some(admitted) }),
        counts,
    ))
}

/// The rows of a group as one batch.
fn together(events: &EventsShared, group: &[EventsRequest]) -> Result<Fitted> {
    let hot = events.hot_properties();
    match group {
        [one] if one.rows.properties.names == hot => Ok(one.rows.clone()),
        _ => events.columns.together(&group.iter().map(|request| &request.rows).collect::<Vec<_>>(), &hot),
    }
}

/// Puts durable rows into the hot columns and the tail. The caller holds the apply lock.
pub(crate) fn apply(shared: &Shared, mut staged: Staged) -> Staged {
    let Some(ready) = &mut staged.entry else {
        return staged;
    };
    let admitted = ready.admitted.take();
    match take_in(shared, &ready.rows, ready.position, admitted) {
        Ok(()) => staged,
        Err(error) => {
            // They are in the log and will be there after the next start; those who wait try again.
            distrust(shared, &error);
            staged.fail(|| crate::lake::append::again(&error));
            Staged::default()
        }
    }
}

/// Takes rows of the log into the hot columns and the tail. Those that were `admitted` need not be looked up again; of
/// others those that are there already are passed over.
pub(crate) fn take_in(
    shared: &Shared,
    rows: &Fitted,
    position: u64,
    admitted: Option<Admitted>,
) -> Result<()> {
    let events = &shared.events;
    let hot = events.hot_columns();
    let view = HotView::of(rows, &hot)?;
    let dims = view.dims();
    let new = view.rows(position, &dims);
    let who = match admitted {
        Some(admitted) => events.hot.append_admitted(&new, admitted)?.1,
        None => {
            events.hot.append(&new)?;
            events.hot.numbers(&view.distinct_ids)?
        }
    };
    let mut state = events.state().as_ref().clone();
    state.push(&events.columns, events.columns.numbered(&rows.rows, &who, position)?, position)?;
    state.version = shared.versions.next();
    events.publish(state);
    Ok(())
}

/// Events as the hot columns take them.
pub(crate) struct HotView<'a> {
    pub distinct_ids: Vec<&'a str>,
    pub events: Vec<&'a str>,
    pub ids: &'a [u64],
    pub at: &'a [i64],
    dims: Vec<(&'a str, Vec<Option<&'a str>>)>,
}

impl<'a> HotView<'a> {
    /// `hot` are the names of the hot columns.
    pub fn of(rows: &'a Fitted, hot: &[String]) -> Result<Self> {
        let batch = &rows.rows;
        let list =
            |name| -> Result<Vec<&'a str>> { Ok(batch::texts(batch, name)?.iter().flatten().collect()) };
        let columns = batch.schema_ref().fields().iter().zip(batch.columns());
        let columns = columns.filter_map(|(field, column)| {
            let texts = batch::as_texts(column).filter(|_| hot.contains(field.name()))?;
            Some((field.name().as_str(), texts))
        });
        let properties = &rows.properties;
        let properties = properties.names.iter().map(String::as_str).zip(&properties.values);
        let dims = columns.chain(properties).map(|(name, texts)| (name, texts.iter().collect())).collect();
        Ok(Self {
            distinct_ids: list("distinct_id")?,
            events: list("event")?,
            ids: &rows.ids,
            at: batch::times(batch)?.values(),
            dims,
        })
    }

    /// The dimensions for [`HotView::rows`].
    pub fn dims(&self) -> Vec<(&str, &[Option<&str>])> {
        self.dims.iter().map(|(name, values)| (*name, values.as_slice())).collect()
    }

    pub fn rows<'b>(&'b self, position: u64, dims: &'b [(&'b str, &'b [Option<&'b str>])]) -> NewRows<'b> {
        NewRows {
            position,
            distinct_ids: &self.distinct_ids,
            events: &self.events,
            ids: self.ids,
            at: self.at,
            dims,
        }
    }
}
