//! The store: what is written, by whom, and in which order.

use std::path::Path;

use crate::bulk::Bulk;
use crate::error::{HotError, Result};
use crate::rows::{Appended, NewRows, Verdict};
use crate::snapshot::Snapshot;

/// How a store is kept.
#[derive(Debug, Clone)]
pub struct HotOptions {
    /// Hot dimensions: properties and columns of events with a column of their own, at most 64. Dimensions that the
    /// files have and this list does not are kept; new ones start empty for rows that are there ([`HotStore::add_dimension`]).
    pub dimensions: Vec<String>,
    /// Rows of a block, roughly.
    pub block_rows: usize,
    /// Rows that may wait in memory (and in the journal) before [`HotStore::maintain`] moves them into blocks.
    pub recent_rows: usize,
    /// Threads that answer a question.
    pub threads: usize,
    /// Bytes of answers by block that are kept.
    pub cache_bytes: usize,
    /// Different values of a dimension that are kept apart; questions about a dimension with more are refused.
    pub values: usize,
}

impl Default for HotOptions {
    fn default() -> Self {
        Self {
            dimensions: Vec::new(),
            block_rows: 1 << 19,
            recent_rows: 2_000_000,
            threads: 2,
            cache_bytes: 256 << 20,
            values: 2_000_000,
        }
    }
}

/// What [`HotStore::maintain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Blocks that were written.
    pub blocks: u64,
    /// Recent rows that lie in blocks now.
    pub absorbed: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// What [`HotStore::delete`] or [`HotStore::expire`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Rows of events.
    pub rows: u64,
    /// Identifiers whose text was removed.
    pub identifiers: u64,
}

/// Size of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Rows in all.
    pub rows: u64,
    /// Rows that are not in blocks yet.
    pub recent: u64,
    /// Identifiers with a number.
    pub identifiers: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of all files, as of the last checkpoint.
    pub file_bytes: u64,
    /// Bytes in memory, roughly, without kept answers.
    pub memory_bytes: u64,
    /// Identifiers whose rows lie under another person's number until the next upkeep.
    pub displaced: u64,
    /// Number of values of each dimension.
    pub values: Vec<(String, u64)>,
}

/// Hot columns of all persons. All methods take `&self`; appends, checkpoints and upkeep may run beside questions.
#[derive(Debug)]
pub struct HotStore {}

impl HotStore {
    /// Opens or creates the store in `dir`. Everything after the last checkpoint is cut off; files of unfinished work
    /// are removed. The caller then gives the persons ([`HotStore::relink_all`]) and appends from the log what lies
    /// above [`HotStore::complete_through`].
    pub fn open(dir: &Path, options: HotOptions) -> Result<Self> {
        let _ = (dir, options);
        Err(HotError::Rows("the store is not there yet".into()))
    }

    /// Position of the intake log up to which the files are complete; 0 when they are empty.
    pub fn complete_through(&self) -> u64 {
        0
    }

    /// What would become of the rows, before they are written to the log. Call it from one place at a time.
    pub fn admit(&self, rows: &NewRows<'_>) -> Result<Vec<Verdict>> {
        Ok(vec![Verdict::Fresh; rows.len()])
    }

    /// Takes rows in, in memory; [`HotStore::snapshot`] shows them at once. Rows that are there already are passed over.
    pub fn append(&self, rows: &NewRows<'_>) -> Result<Appended> {
        let _ = rows;
        Ok(Appended::default())
    }

    /// Makes everything so far durable and gives the log position up to which the files are now complete. Numbers of
    /// identifiers must not be stored elsewhere (in a Parquet run, say) before a checkpoint that includes them.
    pub fn checkpoint(&self) -> Result<u64> {
        Ok(0)
    }

    /// Moves recent rows and displaced identifiers into blocks where that is due; cheap when nothing is. It ends with
    /// a checkpoint when it did something. One call at a time does the work, others wait.
    pub fn maintain(&self) -> Result<Maintained> {
        Ok(Maintained::default())
    }

    /// As [`HotStore::maintain`], for everything that is not in its place.
    pub fn compact(&self) -> Result<Maintained> {
        Ok(Maintained::default())
    }

    /// Numbers of identifiers; new ones get the next numbers.
    pub fn numbers(&self, distinct_ids: &[&str]) -> Result<Vec<u32>> {
        let _ = distinct_ids;
        Ok(Vec::new())
    }

    /// Number of an identifier that was seen.
    pub fn number(&self, distinct_id: &str) -> Option<u32> {
        let _ = distinct_id;
        None
    }

    /// Text of the identifier with a number; `None` for numbers that are not given or were deleted.
    pub fn identifier(&self, number: u32) -> Result<Option<String>> {
        let _ = number;
        Ok(None)
    }

    /// Person of an identifier (by number).
    pub fn person(&self, number: u32) -> u32 {
        number
    }

    /// Says which identifiers are one person: each group is the whole membership of a person as the links now are.
    /// An identifier that left a person is in a group of its own (of one). Identifiers in no group stay as they are.
    pub fn relink(&self, groups: &[Vec<u32>]) -> Result<()> {
        let _ = groups;
        Ok(())
    }

    /// As [`HotStore::relink`] for all persons: identifiers in no group are persons of their own. Needed after opening,
    /// since links are kept elsewhere.
    pub fn relink_all(&self, groups: impl IntoIterator<Item = Vec<u32>>) -> Result<()> {
        let _ = groups.into_iter().count();
        Ok(())
    }

    /// One unchanging view. Cheap; views share everything with the store.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::nothing()
    }

    /// Removes persons: all rows of all their identifiers and the identifiers' texts, from memory and every file,
    /// durably. An identifier that comes again is a new one. Values of dimensions stay in their dictionaries.
    pub fn delete(&self, persons: &[u32]) -> Result<Deleted> {
        let _ = persons;
        Ok(Deleted::default())
    }

    /// Removes rows from before an instant (retention by age), durably.
    pub fn expire(&self, before: i64) -> Result<Deleted> {
        let _ = before;
        Ok(Deleted::default())
    }

    /// Begins to take many rows at once, in bounded memory. See [`Bulk`].
    pub fn bulk(&self) -> Result<Bulk<'_>> {
        Ok(Bulk::new(self))
    }

    /// Names of the hot dimensions.
    pub fn dimensions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Adds a hot dimension. `fill` is called for ranges of person numbers, once for each, and hands every row of these
    /// persons that has a value to the function that it gets: identifier, [`crate::event_key`], value. Rows that it
    /// does not hand over have no value.
    #[allow(clippy::type_complexity)]
    pub fn add_dimension(
        &self,
        name: &str,
        fill: &mut dyn FnMut(std::ops::Range<u32>, &mut dyn FnMut(&str, u64, &str)) -> Result<()>,
    ) -> Result<()> {
        let _ = (name, fill);
        Ok(())
    }

    /// Size of the store.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Reads every file and says what is damaged, one sentence a finding.
    pub fn check(&self) -> Vec<String> {
        Vec::new()
    }
}
