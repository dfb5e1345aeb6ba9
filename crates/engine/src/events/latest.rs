//! What happened last, by the time of the event, whenever it arrived.
//!
//! Rows lie by person, so that the newest ones lie anywhere. The hot columns say whose they are and when they happened; these
//! persons' rows are then read where they lie.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{SortColumn, SortOptions, filter_record_batch, lexsort_to_indices, take_record_batch};
use burgeon_core::behaviour::step::Step;
use burgeon_events::{Filter, Question, question::EVENT};

use super::EventStore;
use super::batch::{self, POSITION};
use super::table::Shown;
use crate::lake::maintain::blocking;
use crate::lake::{LakeError, Result};

/// The first stretch of time that is looked at, back from the newest event, µs; then eight times as much, and so on.
const FIRST_US: i64 = 600_000_000;

impl EventStore {
    /// The newest events by their own time, newest first, at most `limit`, none from `until` (µs UTC) on; of one event name where
    /// it is given. Columns as in SQL. Of one time, what arrived last comes first.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn latest(&self, event: Option<&str>, until: i64, limit: usize) -> Result<RecordBatch> {
        let (store, event) = (self.clone(), event.map(str::to_owned));
        blocking(move || {
            let columns = &store.shared().events.columns;
            let shown = Shown::new(&store, &Shown::all(columns))?;
            let spots = store.newest_spots(event.as_deref(), until, limit)?;
            let rows = store.rows_of_spots(event.as_deref(), until, &spots)?;
            shown.show(&newest(&columns.whole(&rows)?, limit)?)
        })
        .await
    }

    /// Time and person of the newest events, newest first.
    fn newest_spots(&self, event: Option<&str>, until: i64, limit: usize) -> Result<Vec<(i64, u32)>> {
        let names = self.names()?;
        let wanted = names.iter().filter(|name| event.is_none_or(|event| name.event == event));
        let (mut oldest, mut newest) = (i64::MAX, i64::MIN);
        for name in wanted {
            (oldest, newest) = (oldest.min(name.first_at), newest.max(name.last_at));
        }
        let end = newest.saturating_add(1).min(until);
        if limit == 0 || oldest >= end {
            return Ok(Vec::new());
        }
        let mut length = FIRST_US;
        loop {
            let start = end.saturating_sub(length);
            let found = self.spots_between(event, (start, end), limit)?;
            if found.len() >= limit || start <= oldest {
                return Ok(found);
            }
            length = length.saturating_mul(8);
        }
    }

    fn spots_between(&self, event: Option<&str>, span: (i64, i64), limit: usize) -> Result<Vec<(i64, u32)>> {
        let any = Step::parse("*").map_err(|error| LakeError::Internal(error.to_string()))?;
        let only = event.map(|event| Filter {
            dimension: EVENT.to_owned(),
            values: vec![Some(event.to_owned())],
            negated: false,
        });
        let question = Question {
            conditions: vec![vec![any]],
            filters: only.into_iter().collect(),
            span: Some(span),
            ..Question::default()
        };
        // On each thread the newest ones so far, the oldest of them on top.
        let heaps = self.snapshot().fold(&question, BinaryHeap::new, |heap, rows| {
            for (person, from, to) in rows.histories() {
                for at in rows.at[from..to].iter().rev() {
                    if heap.len() >= limit {
                        match heap.peek() {
                            Some(Reverse((oldest, _))) if oldest < at => heap.pop(),
                            _ => break,
                        };
                    }
                    heap.push(Reverse((*at, person)));
                }
            }
        })?;
        let mut found: Vec<(i64, u32)> = heaps.into_iter().flatten().map(|Reverse(spot)| spot).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(limit);
        Ok(found)
    }

    /// The rows at these spots, and perhaps others, with all stored columns.
    fn rows_of_spots(&self, event: Option<&str>, until: i64, spots: &[(i64, u32)]) -> Result<RecordBatch> {
        let shared = self.shared();
        let columns = &shared.events.columns;
        let Some((oldest, _)) = spots.last().copied() else { return columns.concat(&[]) };
        let fits = |rows: &RecordBatch| -> Result<RecordBatch> {
            let at = batch::times(rows)?.values().iter();
            let names = batch::texts(rows, "event")?;
            let keep: BooleanArray = at
                .enumerate()
                .map(|(row, at)| {
                    let named = event.is_none_or(|event| names.is_valid(row) && names.value(row) == event);
                    Some((oldest..until).contains(at) && named)
                })
                .collect();
            Ok(filter_record_batch(rows, &keep)?)
        };
        let state = shared.events.state();
        let mut found = Vec::new();
        for chunk in &state.tail {
            found.push(fits(&chunk.rows)?);
        }
        // Mostly all of them came just now.
        if found.iter().map(RecordBatch::num_rows).sum::<usize>() < spots.len() {
            let mut persons: Vec<u32> = spots.iter().map(|(_, person)| *person).collect();
            persons.sort_unstable();
            persons.dedup();
            let identity = shared.events.identity.lock();
            let members = persons.into_iter().flat_map(|person| identity.members(person));
            let mut who: Vec<i32> = members.map(|number| number as i32).collect();
            drop(identity);
            who.sort_unstable();
            who.dedup();
            let all: Vec<usize> = (0..columns.stored.fields().len()).collect();
            for run in &state.runs {
                let groups = run.groups(columns)?.iter().enumerate();
                let new: Vec<usize> =
                    groups.filter(|(_, group)| group.at.1 >= oldest).map(|(number, _)| number).collect();
                for rows in run.find_in(columns, &all, &who, &new)? {
                    found.push(fits(&rows)?);
                }
            }
        }
        columns.concat(&found.iter().collect::<Vec<_>>())
    }
}

/// The newest rows by time and then by arrival.
fn newest(rows: &RecordBatch, limit: usize) -> Result<RecordBatch> {
    let options = Some(SortOptions { descending: true, nulls_first: false });
    let mut keys = Vec::new();
    for name in ["at", POSITION, "event_id"] {
        let values = Arc::clone(rows.column(rows.schema_ref().index_of(name)?));
        keys.push(SortColumn { values, options });
    }
    Ok(take_record_batch(rows, &lexsort_to_indices(&keys, Some(limit))?)?)
}
