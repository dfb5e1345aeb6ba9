//! The manifest: which files make up the store, and how much of each counts. It is replaced as a whole.

use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::error::{HotError, Result};

const NAME: &str = "hot.json";
const FORMAT: u32 = 1;

/// The durable state besides the files that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub format: u32,
    /// Log position up to which the files are complete.
    pub through: u64,
    /// Number for the next file.
    pub next: u64,
    /// How many texts of each dictionary count.
    pub identifiers: u32,
    pub events: u32,
    pub dimensions: Vec<DimensionEntry>,
    pub ranges: Vec<RangeEntry>,
    /// Number of the journal and its rows.
    pub journal: u64,
    pub journal_rows: u64,
    /// Identifiers whose texts are to be removed; opening does it again.
    pub removing: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DimensionEntry {
    pub name: String,
    /// Its dictionary is `dim-<file>`.
    pub file: u64,
    pub values: u32,
    /// Whether values were not kept apart any more.
    pub overfull: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RangeEntry {
    /// First person number; the range ends where the next one starts.
    pub start: u32,
    /// Number of the block file; none for a range without rows.
    pub block: Option<u64>,
    /// (identifier, person under whom they lie): rows of the block that lie elsewhere by now.
    pub left: Vec<(u32, u32)>,
}

impl Manifest {
    /// The manifest of a folder; an empty one where there is none.
    pub fn load(disk: &Disk) -> Result<Self> {
        let path = disk.path(NAME);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    format: FORMAT,
                    next: 1,
                    ranges: vec![RangeEntry { start: 0, block: None, left: Vec::new() }],
                    ..Self::default()
                });
            }
            Err(error) => return Err(HotError::io(&path)(error)),
        };
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| HotError::damaged(&path, format!("it cannot be read ({error})")))?;
        if manifest.format != FORMAT {
            return Err(HotError::damaged(&path, format!("it has format {}", manifest.format)));
        }
        let ascending = manifest.ranges.windows(2).all(|w| w[0].start < w[1].start)
            && manifest.ranges.first().is_some_and(|first| first.start == 0);
        if !ascending {
            return Err(HotError::damaged(&path, "its ranges do not ascend from 0"));
        }
        Ok(manifest)
    }

    pub fn save(&self, disk: &Disk) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|e| HotError::io(&disk.path(NAME))(e.into()))?;
        disk.replace(NAME, &text)
    }

    /// Names of the files that belong to the store.
    pub fn files(&self) -> Vec<String> {
        let mut names = vec![NAME.to_owned(), journal_name(self.journal)];
        let dictionaries = self.dimensions.iter().map(|d| dimension_name(d.file));
        for name in dictionaries.chain([IDENTIFIERS.to_owned(), EVENTS.to_owned()]) {
            names.extend([format!("{name}.text"), format!("{name}.ends")]);
        }
        names.extend(self.ranges.iter().filter_map(|range| range.block).map(crate::block::file_name));
        names
    }
}

pub(crate) const IDENTIFIERS: &str = "identifiers";
pub(crate) const EVENTS: &str = "events";

pub(crate) fn journal_name(number: u64) -> String {
    format!("recent-{number:08}.rows")
}

pub(crate) fn dimension_name(file: u64) -> String {
    format!("dim-{file}")
}
