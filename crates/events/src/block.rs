//! Block files: all rows of a range of persons, by person and time, in columns.
//!
//! ```text
//! "BURGHOT2"  length of head u32  0 u32  hash of head u64  head (JSON: [`Head`])  columns, each at a multiple of 64
//! ```
//!
//! | column | one value for each | what |
//! |---|---|---|
//! | `persons`, `ends` | person with rows | number, ascending; position after the last row |
//! | `members`, `member_of` | identifier with rows | number, ascending; person under whom its rows lie |
//! | `at`, `event`, `id`, `who` | row | instant; number of the event's name; key of the event; identifier |
//! | `dim:<name>` | row | code of the value, 0 for none |
//! | `filter` | | Bloom filter over (identifier, key) |
//! | `day:ends` | day from the first row's to the last one's, UTC | position after the last row by day |
//! | `day:at`, `day:event`, `day:person`, `day:dim:<name>` | row by day | time of day; as above; position among `persons` |
//!
//! Rows are ordered by person, then instant, then key; those by day within a day likewise. A file is never changed. Files that
//! begin with "BURGHOT1" have no rows by day.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::column::{Column, Packed, widen_codes, widen_instants, widen_names};
use crate::days::Days;
use crate::disk::Disk;
use crate::error::{HotError, Result};
use crate::numbers::Numbers;
use crate::warm::Warm;

const MAGIC: &[u8; 8] = b"BURGHOT2";
const OLD_MAGIC: &[u8; 8] = b"BURGHOT1";
const FIXED: u64 = 24;
/// Bits of the filter for each row: about one in a hundred keys that are not there looks as if it were.
const FILTER_BITS: u64 = 10;
/// Histories up to this many rows are searched without asking the filter.
const SHORT: usize = 64;

/// What a block file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub rows: u64,
    pub min_at: i64,
    pub max_at: i64,
    pub columns: Vec<Column>,
}

/// Columns of rows by person, instant and key, to be written.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub persons: Vec<u32>,
    pub ends: Vec<u32>,
    pub at: Vec<i64>,
    pub event: Vec<u16>,
    pub id: Vec<u64>,
    pub who: Vec<u32>,
    /// One for each dimension; empty where no row has a value.
    pub dims: Vec<Vec<u32>>,
}

/// An open block file.
#[derive(Debug)]
pub(crate) struct Block {
    /// Number of the file, never used again.
    pub number: u64,
    pub head: Head,
    pub persons: Numbers,
    pub ends: Vec<u32>,
    pub bytes: u64,
    /// Rows that are kept in memory.
    pub warm: Warm,
    path: PathBuf,
    file: File,
    by_person: Columns,
    by_day: Option<ByDay>,
    id: usize,
    who: usize,
    filter: usize,
}

/// Places of columns of rows in one order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    at: usize,
    event: usize,
}

/// The rows by day.
#[derive(Debug)]
pub(crate) struct ByDay {
    pub days: Days,
    pub columns: Columns,
    person: usize,
}

pub(crate) fn file_name(number: u64) -> String {
    format!("block-{number:08}.hot")
}

impl Block {
    /// Writes a block file, durable but for its name.
    pub fn write(disk: &Disk, number: u64, rows: &Sorted, dims: &[String]) -> Result<Self> {
        let mut members: Vec<(u32, u32)> = Vec::with_capacity(rows.persons.len());
        let mut start = 0;
        for (person, end) in rows.persons.iter().zip(&rows.ends) {
            let from = members.len();
            for who in &rows.who[start..*end as usize] {
                if members.last().is_none_or(|last| last.0 != *who || members.len() == from) {
                    members.push((*who, *person));
                }
            }
            start = *end as usize;
        }
        members.sort_unstable();
        members.dedup();
        let (member, member_of): (Vec<u32>, Vec<u32>) = members.into_iter().unzip();
        let mut parts = vec![
            ("persons".to_owned(), Packed::plain(&rows.persons)),
            ("ends".into(), Packed::plain(&rows.ends)),
            ("members".into(), Packed::plain(&member)),
            ("member_of".into(), Packed::plain(&member_of)),
            ("at".into(), Packed::instants(&rows.at)),
            ("event".into(), Packed::names(&rows.event)),
            ("id".into(), Packed::plain(&rows.id)),
            ("who".into(), Packed::plain(&rows.who)),
            ("filter".into(), Packed::plain(&filter(&rows.who, &rows.id))),
        ];
        let codes = |codes: &[u32]| match codes.is_empty() {
            true => Packed::constant(0, rows.at.len()),
            false => Packed::codes(codes),
        };
        parts.extend(dims.iter().zip(&rows.dims).map(|(name, values)| (dim(name), codes(values))));
        if let Some((days, order)) = Days::of(&rows.at) {
            let mut of = Vec::with_capacity(rows.at.len());
            for (person, end) in rows.ends.iter().enumerate() {
                of.resize(*end as usize, person as u32);
            }
            let events: Vec<u16> = order.iter().map(|row| rows.event[*row as usize]).collect();
            let in_order = |codes: &Vec<u32>| {
                order.iter().filter_map(|row| codes.get(*row as usize).copied()).collect::<Vec<_>>()
            };
            parts.extend([
                ("day:ends".into(), Packed::plain(&days.ends)),
                ("day:at".into(), Days::times(&rows.at, &order)),
                ("day:event".into(), Packed::names(&events)),
                ("day:person".into(), Packed::codes(&in_order(&of))),
            ]);
            let by_day = |(name, values): (&String, &Vec<u32>)| {
                (format!("day:{}", dim(name)), codes(&in_order(values)))
            };
            parts.extend(dims.iter().zip(&rows.dims).map(by_day));
        }
        let mut offset = 0;
        let columns = parts
            .iter()
            .map(|(name, packed)| {
                let column = Column {
                    name: name.clone(),
                    // Nothing lies at the end of the file, which may be before the next multiple of 64.
                    offset: if packed.bytes.is_empty() { 0 } else { offset },
                    values: packed.values as u64,
                    width: packed.width,
                    base: packed.base,
                    unit: packed.unit,
                    hash: XxHash3_64::oneshot(&packed.bytes),
                };
                offset = (offset + packed.bytes.len() as u64).next_multiple_of(64);
                column
            })
            .collect();
        let head = Head {
            rows: rows.at.len() as u64,
            min_at: rows.at.iter().copied().min().unwrap_or(i64::MAX),
            max_at: rows.at.iter().copied().max().unwrap_or(i64::MIN),
            columns,
        };
        let name = file_name(number);
        let text = serde_json::to_vec(&head).map_err(|e| HotError::io(&disk.path(&name))(e.into()))?;
        let mut front = MAGIC.to_vec();
        front.extend_from_slice(&(text.len() as u32).to_le_bytes());
        front.extend_from_slice(&0u32.to_le_bytes());
        front.extend_from_slice(&XxHash3_64::oneshot(&text).to_le_bytes());
        front.extend_from_slice(&text);
        let data = data_start(text.len());
        let file = disk.create(&name)?;
        disk.write(&name, &file, &front, 0)?;
        for ((_, packed), column) in parts.iter().zip(&head.columns) {
            disk.write(&name, &file, &packed.bytes, data + column.offset)?;
        }
        disk.sync(&name, &file)?;
        Self::of(disk, number, file, head, data)
    }

    /// Opens a block file.
    pub fn open(disk: &Disk, number: u64) -> Result<Self> {
        let path = disk.path(&file_name(number));
        let file = File::open(&path).map_err(HotError::io(&path))?;
        let damaged = |what: &str| HotError::damaged(&path, what);
        let mut fixed = [0u8; FIXED as usize];
        file.read_exact_at(&mut fixed, 0).map_err(|_| damaged("too short for a block file"))?;
        let word = |at: usize| fixed[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or_default();
        if ![MAGIC, OLD_MAGIC].contains(&&word(0).to_le_bytes()) {
            return Err(damaged("not a block file of this version"));
        }
        let length = (word(8) as u32) as usize;
        if length > 64 << 20 {
            return Err(damaged("its head is damaged"));
        }
        let mut text = vec![0; length];
        file.read_exact_at(&mut text, FIXED).map_err(|_| damaged("its head is cut off"))?;
        if XxHash3_64::oneshot(&text) != word(16) {
            return Err(damaged("its head is damaged"));
        }
        let head: Head = serde_json::from_slice(&text).map_err(|_| damaged("its head cannot be read"))?;
        Self::of(disk, number, file, head, data_start(length))
    }

    fn of(disk: &Disk, number: u64, file: File, mut head: Head, data: u64) -> Result<Self> {
        let path = disk.path(&file_name(number));
        for column in &mut head.columns {
            column.offset += data;
        }
        let find = |name: &str, width: &[u8]| {
            let found = head.columns.iter().position(|c| c.name == name && width.contains(&c.width));
            found.ok_or_else(|| HotError::damaged(&path, format!("its column {name} is not there")))
        };
        let bytes = head.columns.iter().map(|c| c.offset + c.bytes()).max().unwrap_or(data);
        let length = file.metadata().map_err(HotError::io(&path))?.len();
        if length < bytes || head.columns.iter().any(|c| !c.fits()) {
            return Err(HotError::damaged(&path, "it is cut off"));
        }
        let (at, event, id) = (find("at", &[4, 8])?, find("event", &[1, 2])?, find("id", &[8])?);
        let (who, filter) = (find("who", &[4])?, find("filter", &[4])?);
        let (persons, ends) = (find("persons", &[4])?, find("ends", &[4])?);
        let (member, member_of) = (find("members", &[4])?, find("member_of", &[4])?);
        let by_day = match find("day:ends", &[4]) {
            Err(_) => None,
            Ok(ends) => {
                let (at, event) = (find("day:at", &[4, 8])?, find("day:event", &[1, 2])?);
                Some((ends, Columns { at, event }, find("day:person", &[0, 1, 2, 4])?))
            }
        };
        let rows = |c: usize| head.columns[c].values == head.rows;
        let dims = head.columns.iter().filter(|c| c.name.contains("dim:"));
        let mut whole = [at, event, id, who].into_iter().all(rows)
            && by_day
                .iter()
                .all(|(_, by_day, person)| [by_day.at, by_day.event, *person].into_iter().all(rows))
            && dims.clone().all(|c| c.values == head.rows && c.width <= 4)
            && head.columns[persons].values == head.columns[ends].values
            && head.columns[member].values == head.columns[member_of].values
            && head.columns[filter].values.is_multiple_of(8)
            && (head.rows == 0 || head.columns[filter].values > 0);
        let mut block = Self {
            number,
            persons: Numbers::default(),
            ends: Vec::new(),
            bytes,
            warm: Warm::default(),
            path,
            file,
            by_person: Columns { at, event },
            by_day: None,
            id,
            who,
            filter,
            head,
        };
        let persons = Numbers::of(block.whole(persons)?);
        block.ends = block.whole(ends)?;
        let ascending = block.ends.windows(2).all(|w| w[0] < w[1])
            && block.ends.first().is_none_or(|end| *end > 0)
            && u64::from(block.ends.last().copied().unwrap_or(0)) == block.head.rows;
        if let Some((ends, columns, person)) = by_day {
            let days = Days::read(block.head.min_at, block.whole(ends)?);
            whole &= days.fit(block.head.rows);
            block.by_day = Some(ByDay { days, columns, person });
        }
        match persons {
            Some(persons) => block.persons = persons,
            None => whole = false,
        }
        if !whole || !ascending {
            return Err(block.damaged("its persons and rows do not fit together"));
        }
        Ok(block)
    }

    pub fn damaged(&self, what: &str) -> HotError {
        HotError::damaged(&self.path, what)
    }

    fn raw(&self, column: usize, from: u64, bytes: &mut [u8]) -> Result<()> {
        let column = &self.head.columns[column];
        let at = column.offset + from * u64::from(column.width);
        self.file.read_exact_at(bytes, at).map_err(HotError::io(&self.path))
    }

    fn whole(&self, column: usize) -> Result<Vec<u32>> {
        let mut out = vec![0u32; self.head.columns[column].values as usize];
        self.raw(column, 0, bytemuck::cast_slice_mut(&mut out))?;
        Ok(out)
    }

    /// Identifiers with rows here, ascending, and the person under whom they lie.
    pub fn members(&self) -> Result<Vec<(u32, u32)>> {
        let place = |name| self.head.columns.iter().position(|c| c.name == name).unwrap_or_default();
        Ok(self.whole(place("members"))?.into_iter().zip(self.whole(place("member_of"))?).collect())
    }

    /// Rows of a person.
    pub fn rows_of(&self, person: u32) -> Range<usize> {
        self.persons.position(person).map_or(0..0, |at| self.rows_at(at))
    }

    /// Rows of the person at a position.
    pub fn rows_at(&self, at: usize) -> Range<usize> {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        start..self.ends[at] as usize
    }

    /// The column of a dimension, where the block has it.
    pub fn dimension(&self, name: &str) -> Option<usize> {
        self.head.columns.iter().position(|c| c.name.strip_prefix("dim:") == Some(name))
    }

    /// As [`Block::dimension`], of the rows by day.
    pub fn dimension_by_day(&self, name: &str) -> Option<usize> {
        self.head.columns.iter().position(|c| c.name.strip_prefix("day:dim:") == Some(name))
    }

    /// The rows by day and the days that a span of time touches, where reading these alone is worth it.
    pub fn few_days(&self, span: (i64, i64)) -> Option<(&ByDay, Range<usize>)> {
        let by_day = self.by_day.as_ref()?;
        Some((by_day, by_day.days.few(span)?))
    }

    /// Instants, events and persons (as positions) of all rows of some days.
    pub fn read_days(
        &self,
        by_day: &ByDay,
        days: Range<usize>,
        raw: &mut Vec<u64>,
        at: &mut [i64],
        event: &mut [u16],
        persons: &mut [u32],
    ) -> Result<()> {
        let rows = by_day.days.rows(&days);
        self.instants(by_day.columns.at, rows.clone(), raw, at)?;
        by_day.days.date(days, at);
        self.names(by_day.columns.event, rows.clone(), raw, event)?;
        self.read_codes(by_day.person, rows, raw, persons)
    }

    pub fn read_at(&self, rows: Range<usize>, raw: &mut Vec<u64>, out: &mut [i64]) -> Result<()> {
        self.instants(self.by_person.at, rows, raw, out)
    }

    fn instants(&self, column: usize, rows: Range<usize>, raw: &mut Vec<u64>, out: &mut [i64]) -> Result<()> {
        if self.head.columns[column].width == 8 {
            return self.raw(column, rows.start as u64, bytemuck::cast_slice_mut(out));
        }
        self.stored(column, &rows, raw)?;
        widen_instants(&self.head.columns[column], raw, out);
        Ok(())
    }

    pub fn read_codes(
        &self,
        column: usize,
        rows: Range<usize>,
        raw: &mut Vec<u64>,
        out: &mut [u32],
    ) -> Result<()> {
        if self.head.columns[column].width == 4 {
            return self.raw(column, rows.start as u64, bytemuck::cast_slice_mut(out));
        }
        self.stored(column, &rows, raw)?;
        widen_codes(&self.head.columns[column], raw, out);
        Ok(())
    }

    pub fn read_event(&self, rows: Range<usize>, raw: &mut Vec<u64>, out: &mut [u16]) -> Result<()> {
        self.names(self.by_person.event, rows, raw, out)
    }

    fn names(&self, column: usize, rows: Range<usize>, raw: &mut Vec<u64>, out: &mut [u16]) -> Result<()> {
        if self.head.columns[column].width == 2 {
            return self.raw(column, rows.start as u64, bytemuck::cast_slice_mut(out));
        }
        self.stored(column, &rows, raw)?;
        widen_names(raw, out);
        Ok(())
    }

    pub fn read_who(&self, rows: Range<usize>, out: &mut [u32]) -> Result<()> {
        self.raw(self.who, rows.start as u64, bytemuck::cast_slice_mut(out))
    }

    pub fn read_id(&self, rows: Range<usize>, out: &mut [u64]) -> Result<()> {
        self.raw(self.id, rows.start as u64, bytemuck::cast_slice_mut(out))
    }

    fn stored(&self, column: usize, rows: &Range<usize>, raw: &mut Vec<u64>) -> Result<()> {
        let bytes = rows.len() * usize::from(self.head.columns[column].width);
        if raw.len() * 8 < bytes {
            raw.resize(bytes.div_ceil(8), 0);
        }
        self.raw(column, rows.start as u64, &mut bytemuck::cast_slice_mut(raw)[..bytes])
    }

    /// Whether an event of an identifier lies among a person's rows.
    pub fn holds(&self, person: u32, who: u32, id: u64) -> Result<bool> {
        let rows = self.rows_of(person);
        if rows.is_empty() || (rows.len() > SHORT && !self.may_hold(who, id)?) {
            return Ok(false);
        }
        // Most histories are short; a long one gets here only when the filter says that the event may be in it.
        let mut few = [0u64; SHORT];
        let mut many = Vec::new();
        let ids: &mut [u64] = if rows.len() <= SHORT {
            &mut few
        } else {
            many.resize(8192, 0);
            &mut many
        };
        for start in rows.clone().step_by(ids.len()) {
            let n = ids.len().min(rows.end - start);
            self.read_id(start..start + n, &mut ids[..n])?;
            for at in (0..n).filter(|at| ids[*at] == id) {
                let mut found = [0];
                self.read_who(start + at..start + at + 1, &mut found)?;
                if found[0] == who {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn may_hold(&self, who: u32, id: u64) -> Result<bool> {
        let (bucket, bits) = spread(who, id, self.head.columns[self.filter].values / 8);
        let mut words = [0u32; 8];
        self.raw(self.filter, bucket * 8, bytemuck::cast_slice_mut(&mut words))?;
        Ok(words.iter().zip(bits).all(|(word, bit)| word & bit != 0))
    }

    /// Reads the whole file and compares it with its hashes.
    pub fn check(&self) -> Result<()> {
        let mut bytes = Vec::new();
        for (at, column) in self.head.columns.iter().enumerate() {
            bytes.resize(column.bytes() as usize, 0);
            self.raw(at, 0, &mut bytes)?;
            if XxHash3_64::oneshot(&bytes) != column.hash {
                return Err(self.damaged(&format!("its column {} is damaged", column.name)));
            }
        }
        Ok(())
    }
}

fn dim(name: &str) -> String {
    format!("dim:{name}")
}

fn data_start(head: usize) -> u64 {
    (FIXED + head as u64).next_multiple_of(64)
}

fn filter(who: &[u32], id: &[u64]) -> Vec<u32> {
    let buckets = (who.len() as u64 * FILTER_BITS).div_ceil(256);
    let mut words = vec![0u32; buckets as usize * 8];
    for (who, id) in who.iter().zip(id) {
        let (bucket, bits) = spread(*who, *id, buckets);
        let at = bucket as usize * 8;
        words[at..at + 8].iter_mut().zip(bits).for_each(|(word, bit)| *word |= bit);
    }
    words
}

/// A split block Bloom filter (Putze, Sanders, Singler 2009, as in the Parquet format): one bucket of eight words, one
/// bit in each.
fn spread(who: u32, id: u64, buckets: u64) -> (u64, [u32; 8]) {
    const SALT: [u32; 8] = [
        0x47b6_137b,
        0x4497_4d91,
        0x8824_ad5b,
        0xa2b7_289d,
        0x7054_95c7,
        0x2df1_424b,
        0x9efc_4947,
        0x5c6b_fb31,
    ];
    let hash = mix(who, id);
    let low = hash as u32;
    (((hash >> 32) * buckets) >> 32, SALT.map(|salt| 1 << (low.wrapping_mul(salt) >> 27)))
}

/// One number from an identifier and a key.
pub(crate) fn mix(who: u32, id: u64) -> u64 {
    let mut hash = id ^ u64::from(who).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}
