//! What a question sees: unchanging ranges, recent rows and persons.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use crate::block::Block;
use crate::chunked::Chunked;
use crate::dictionary::Dictionary;
use crate::error::{HotError, Result};
use crate::overlay::{Order, Overlay};
use crate::recent::Recents;

/// No base rows.
pub(crate) const NOWHERE: u32 = u32::MAX;
/// Code of values beyond those that are kept apart.
pub const OVERFULL: u32 = u32::MAX;

/// A range of person numbers.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub start: u32,
    pub block: Option<Arc<Block>>,
    /// (identifier, person under whom they lie): rows of the block that lie elsewhere by now; ascending.
    pub left: Arc<Vec<(u32, u32)>>,
}

/// A hot dimension.
#[derive(Debug, Clone)]
pub(crate) struct Dim {
    pub name: String,
    pub file: u64,
    pub values: Arc<RwLock<Dictionary>>,
    pub overfull: Arc<AtomicBool>,
    pub limit: usize,
}

/// One unchanging view.
#[derive(Debug)]
pub(crate) struct View {
    pub version: u64,
    pub ranges: Arc<Vec<Range>>,
    pub recents: Recents,
    /// Person of each identifier.
    pub roots: Chunked,
    /// Person under whom the rows of each identifier lie in blocks.
    pub placed: Chunked,
    /// Changes with `roots`.
    pub identity: u64,
    /// Identifiers with rows in blocks whose person is another by now.
    pub displaced: Vec<u32>,
    pub identifiers: Arc<RwLock<Dictionary>>,
    pub events: Arc<RwLock<Dictionary>>,
    pub dims: Arc<Vec<Dim>>,
    pub threads: usize,
    pub last_order: Arc<Mutex<Option<Arc<Order>>>>,
    pub overlay: OnceLock<Overlay>,
    pub by_range: OnceLock<Vec<Vec<u32>>>,
}

impl View {
    pub fn overlay(&self) -> &Overlay {
        self.overlay.get_or_init(|| Overlay::of(self))
    }

    /// Position of the range that a person number is in.
    pub fn range_of(&self, person: u32) -> usize {
        range_of(&self.ranges, person)
    }

    pub fn root(&self, identifier: u32) -> u32 {
        self.roots.get(identifier).unwrap_or(identifier)
    }

    /// Persons whose rows at times that `counts` says yes to differ from those in an earlier view, and those who became
    /// others, ascending; `None` when the blocks are others.
    pub fn since(&self, earlier: &Self, counts: impl Fn(i64) -> bool) -> Option<Vec<u32>> {
        if !Arc::ptr_eq(&self.ranges, &earlier.ranges)
            || self.recents.generation != earlier.recents.generation
            || self.recents.len < earlier.recents.len
        {
            return None;
        }
        let mut persons = Vec::new();
        for position in earlier.recents.len..self.recents.len {
            let (chunk, at) = self.recents.place(position);
            if counts(chunk.at[at]) {
                persons.push(self.root(chunk.who[at]));
            }
        }
        self.roots.differences(&earlier.roots, |who| persons.extend([self.root(who), earlier.root(who)]));
        persons.sort_unstable();
        persons.dedup();
        Some(persons)
    }

    /// Positions of recent rows by the range that their persons are in, in order of arrival.
    pub fn recent_by_range(&self) -> &[Vec<u32>] {
        self.by_range.get_or_init(|| {
            let mut by_range = vec![Vec::new(); self.ranges.len()];
            for position in 0..self.recents.len {
                let (chunk, at) = self.recents.place(position);
                let range = if by_range.len() == 1 { 0 } else { self.range_of(self.root(chunk.who[at])) };
                by_range[range].push(position as u32);
            }
            by_range
        })
    }

    /// Rows in blocks that lie elsewhere by now.
    pub fn rows_left(&self) -> u64 {
        let mut rows = 0;
        for range in self.ranges.iter() {
            let Some(block) = &range.block else {
                continue;
            };
            for (who, person) in range.left.iter() {
                let history = block.rows_of(*person);
                let mut whos = vec![0; history.len()];
                if block.read_who(history, &mut whos).is_ok() {
                    rows += whos.iter().filter(|w| *w == who).count() as u64;
                }
            }
        }
        rows
    }

    /// Position of a dimension that can be asked about.
    pub fn dim(&self, name: &str) -> Result<usize> {
        let Some(at) = self.dims.iter().position(|dim| dim.name == name) else {
            let known: Vec<&str> = self.dims.iter().map(|dim| dim.name.as_str()).collect();
            return Err(HotError::UnknownDimension { name: name.into(), known: known.join(", ") });
        };
        let dim = &self.dims[at];
        if dim.overfull.load(Ordering::SeqCst) {
            return Err(HotError::TooManyValues { name: name.into(), limit: dim.limit });
        }
        Ok(at)
    }
}

pub(crate) fn range_of(ranges: &[Range], person: u32) -> usize {
    ranges.partition_point(|range| range.start <= person).saturating_sub(1)
}
