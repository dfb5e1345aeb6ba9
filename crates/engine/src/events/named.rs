//! Which customer the events of an identifier name: the newest one that names any decides.
//!
//! Rows are looked at once, where they lie when somebody asks: files that are new, and what came into memory since. Most
//! companies send no customers with their events; row groups without any are passed over by their counts of nulls.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array, RecordBatch};

use super::batch::{self, CUSTOMER, WHO};
use super::run::GROUP_ROWS;
use super::state::EventsShared;
use crate::lake::Result;

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Rows in memory below this log position were looked at.
    below: u64,
    /// By number of the identifier: time of the newest event that names a customer, and the place of the customer, + 1.
    newest: Vec<(i64, u32)>,
    customers: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
    /// Changes whenever somebody's customer has.
    pub version: u64,
}

impl Named {
    /// Looks at what came since the last time. Blocking.
    pub fn catch_up(&mut self, events: &EventsShared) -> Result<()> {
        let (state, columns) = (events.state(), &events.columns);
        for run in state.runs.iter().filter(|run| !run.looked_at.load(Ordering::Relaxed)) {
            let wanted = [WHO, "at", CUSTOMER].map(|name| columns.at(name));
            let groups = run.groups(columns)?.iter().enumerate();
            let groups: Vec<usize> =
                groups.filter(|(_, group)| group.names_customers).map(|(at, _)| at).collect();
            if !groups.is_empty() {
                for rows in run.read(columns, &wanted, Some(groups), None, GROUP_ROWS)? {
                    self.look(&rows?)?;
                }
            }
            run.looked_at.store(true, Ordering::Relaxed);
        }
        let below = self.below;
        for chunk in state.tail.iter().filter(|chunk| chunk.position >= below) {
            self.look(&chunk.rows)?;
        }
        self.below = self.below.max(state.position + 1);
        Ok(())
    }

    /// Forgets all, since rows were removed. The caller holds the lock for upkeep, so that no file takes the place of
    /// another one meanwhile.
    pub fn forget(&mut self, events: &EventsShared) {
        events.state().runs.iter().for_each(|run| run.looked_at.store(false, Ordering::Relaxed));
        *self = Self { version: self.version + 1, ..Self::default() };
    }

    /// The customers that are named, each with the number of the identifier, ascending.
    pub fn claims(&self) -> impl Iterator<Item = (u32, &str)> {
        let newest = (0u32..).zip(&self.newest);
        newest.filter_map(|(who, (_, place))| Some((who, self.customer(*place)?)))
    }

    fn customer(&self, place: u32) -> Option<&str> {
        Some(self.customers.get(place.checked_sub(1)? as usize)?)
    }

    /// Takes rows in any order, also again.
    fn look(&mut self, rows: &RecordBatch) -> Result<()> {
        let Some(named) = rows.column_by_name(CUSTOMER).and_then(batch::as_texts) else { return Ok(()) };
        if named.null_count() == named.len() {
            return Ok(());
        }
        let (who, at) = (batch::numbers(rows)?.values(), batch::times(rows)?.values());
        for (row, name) in named.iter().enumerate() {
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            let (who, at) = (who[row] as usize, at[row]);
            let place = self.place(name);
            if self.newest.len() <= who {
                self.newest.resize(who + 1, (i64::MIN, 0));
            }
            let before = self.newest[who];
            // Of one time the later name counts, whichever arrived first.
            if (before.0, self.customer(before.1)) < (at, Some(name)) {
                self.newest[who] = (at, place);
                self.version += u64::from(before.1 != place);
            }
        }
        Ok(())
    }

    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let name: Arc<str> = name.into();
        self.customers.push(Arc::clone(&name));
        let place = self.customers.len() as u32;
        self.places.insert(name, place);
        place
    }
}
