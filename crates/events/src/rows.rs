//! Rows on their way in and out.

use twox_hash::XxHash3_64;

use crate::error::{HotError, Result};

/// Number of the lowest event name that is refused: the classes above are kept for conditions.
pub const EVENT_NAMES: usize = 60_000;

/// The key of an event within its identifier: a hash of the client's `event_id`.
#[must_use]
pub fn event_key(event_id: &str) -> u64 {
    XxHash3_64::oneshot(event_id.as_bytes())
}

/// Rows to take in, as columns of equal length, in order of arrival.
#[derive(Debug, Clone, Copy)]
pub struct NewRows<'a> {
    /// Position of the intake log that carries them. All rows of a position come in one call; positions ascend.
    pub position: u64,
    /// Identifier under which each row came.
    pub distinct_ids: &'a [&'a str],
    /// Name of each event.
    pub events: &'a [&'a str],
    /// [`event_key`] of each event's identifier.
    pub ids: &'a [u64],
    /// When each event happened, µs UTC.
    pub at: &'a [i64],
    /// Values by dimension; names that are no hot dimension are passed over, dimensions that are not named are empty.
    pub dims: &'a [(&'a str, &'a [Option<&'a str>])],
}

impl NewRows<'_> {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    pub(crate) fn check(&self) -> Result<()> {
        let rows = self.at.len();
        let same = self.distinct_ids.len() == rows
            && self.events.len() == rows
            && self.ids.len() == rows
            && self.dims.iter().all(|(_, values)| values.len() == rows);
        if same { Ok(()) } else { Err(HotError::Rows("columns of new events differ in length".into())) }
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new and will be taken.
    Fresh,
    /// An event of this identifier with this key is there already, or stands earlier in the same rows.
    Duplicate,
    /// Its name would be one of more than [`EVENT_NAMES`] different ones.
    TooManyNames,
}

/// What became of appended rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Rows that were taken.
    pub taken: u64,
    /// Rows that were there already.
    pub duplicates: u64,
    /// Rows that were refused for the number of different event names.
    pub refused: u64,
}

/// A row of one person's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// When it happened, µs UTC.
    pub at: i64,
    /// Name of the event.
    pub event: String,
    /// [`event_key`] of the event's identifier.
    pub id: u64,
    /// Number of the identifier that the row came under.
    pub who: u32,
    /// Value in each dimension, in the order of [`crate::Snapshot::dimensions`].
    pub dims: Vec<Option<String>>,
}
