//! Rows that are not in blocks yet: in memory in chunks, on disk in a journal.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::block::mix;
use crate::store::DIMENSIONS;

pub(crate) const CHUNK: usize = 8192;

/// Rows in order of arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    pub at: Vec<i64>,
    pub event: Vec<u16>,
    pub id: Vec<u64>,
    pub who: Vec<u32>,
    /// Codes by dimension, each up to its last row that has one: most rows have none in most.
    dims: Vec<Vec<u32>>,
    /// Oldest and newest instant.
    pub span: Option<(i64, i64)>,
}

impl Chunk {
    /// Code of a row in a dimension.
    pub fn code(&self, dim: usize, row: usize) -> u32 {
        self.dims.get(dim).and_then(|codes| codes.get(row)).copied().unwrap_or(0)
    }
}

/// Recent rows; clones share full chunks and copy the one that is being filled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recents {
    full: Vec<Arc<Chunk>>,
    filling: Chunk,
    pub len: usize,
    /// Changes whenever positions do.
    pub generation: u64,
}

/// One row, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    /// When it happened, µs UTC.
    pub at: i64,
    /// Number of the event's name.
    pub event: u16,
    /// [`crate::event_key`] of the event's identifier.
    pub id: u64,
    /// Number of the identifier that it came under.
    pub who: u32,
    /// Code of the value in each dimension; 0 for none, [`crate::OVERFULL`] for one beyond those that are kept apart.
    pub dims: &'a [u32],
}

impl Recents {
    pub fn push(&mut self, row: RowRef<'_>) {
        let chunk = &mut self.filling;
        if chunk.at.is_empty() {
            // After a full chunk this one will be full too.
            let room = if self.full.is_empty() { 0 } else { CHUNK };
            chunk.at.reserve(room);
            chunk.event.reserve(room);
            chunk.id.reserve(room);
            chunk.who.reserve(room);
            chunk.dims.resize_with(row.dims.len(), Vec::new);
        }
        let place = chunk.at.len();
        chunk.span = Some(chunk.span.map_or((row.at, row.at), |(a, b)| (a.min(row.at), b.max(row.at))));
        chunk.at.push(row.at);
        chunk.event.push(row.event);
        chunk.id.push(row.id);
        chunk.who.push(row.who);
        for (column, code) in chunk.dims.iter_mut().zip(row.dims).filter(|(_, code)| **code != 0) {
            if column.capacity() == 0 {
                column.reserve(chunk.at.capacity());
            }
            column.resize(place, 0);
            column.push(*code);
        }
        self.len += 1;
        if self.len.is_multiple_of(CHUNK) {
            self.full.push(Arc::new(std::mem::take(chunk)));
        }
    }

    /// Gives all rows columns for this many dimensions.
    pub fn widen(&mut self, dims: usize) {
        for chunk in self.full.iter_mut().map(Arc::make_mut).chain([&mut self.filling]) {
            chunk.dims.resize_with(dims, Vec::new);
        }
    }

    /// The chunks in order of arrival; the last one may be empty.
    pub fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.full.iter().map(Arc::as_ref).chain([&self.filling])
    }

    /// Chunk and place of a position.
    pub fn place(&self, at: usize) -> (&Chunk, usize) {
        (self.full.get(at / CHUNK).map_or(&self.filling, Arc::as_ref), at % CHUNK)
    }

    /// Calls `f` with rows from position `from` on; `dims` is scratch.
    pub fn each(&self, from: usize, to: usize, mut f: impl FnMut(usize, RowRef<'_>)) {
        let mut dims = Vec::new();
        for at in from..to {
            let (chunk, i) = self.place(at);
            dims.clear();
            dims.extend(chunk.dims.iter().map(|column| column.get(i).copied().unwrap_or(0)));
            let (event, id, who) = (chunk.event[i], chunk.id[i], chunk.who[i]);
            f(at, RowRef { at: chunk.at[i], event, id, who, dims: &dims });
        }
    }

    pub fn bytes(&self) -> usize {
        let codes = |chunk: &Chunk| 4 * chunk.dims.iter().map(Vec::capacity).sum::<usize>();
        self.chunks().map(|chunk| 22 * chunk.at.capacity() + codes(chunk)).sum()
    }
}

/// Keys of recent rows: (identifier, key of the event).
pub(crate) type Known = HashSet<(u32, u64), BuildHasherDefault<KeyHasher>>;

/// Hashes a pair of identifier and key; the key is a hash already.
#[derive(Default)]
pub(crate) struct KeyHasher(u64, u32);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(u32::from(*byte), self.0);
        }
    }

    fn write_u32(&mut self, who: u32) {
        self.1 = who;
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = mix(self.1, id);
    }
}

/// Bytes of a packed row at least.
const PACKED: usize = 38;
/// A packed row says in 64 bits which codes it has.
const _: () = assert!(DIMENSIONS <= 64);

/// A row with its place in the order of pushing, as the spills of a bulk have it: codes of 0, which are most, are left out.
pub(crate) fn pack(row: RowRef<'_>, ordinal: u64, out: &mut Vec<u8>) {
    let (mut codes, mut which) = ([0u8; 4 * DIMENSIONS], 0u64);
    let mut length = 0;
    for (dim, code) in row.dims.iter().enumerate().take(DIMENSIONS).filter(|(_, code)| **code != 0) {
        which |= 1 << dim;
        codes[length..length + 4].copy_from_slice(&code.to_le_bytes());
        length += 4;
    }
    let mut fixed = [0u8; PACKED];
    fixed[..8].copy_from_slice(&row.at.to_le_bytes());
    fixed[8..16].copy_from_slice(&row.id.to_le_bytes());
    fixed[16..24].copy_from_slice(&ordinal.to_le_bytes());
    fixed[24..32].copy_from_slice(&which.to_le_bytes());
    fixed[32..36].copy_from_slice(&row.who.to_le_bytes());
    fixed[36..].copy_from_slice(&row.event.to_le_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(&codes[..length]);
}

/// Calls `f` with each packed row of `bytes` and its place in the order of pushing; false when the last one is cut off.
pub(crate) fn unpack(bytes: &[u8], dims: usize, mut f: impl FnMut(RowRef<'_>, u64)) -> bool {
    fn part<const N: usize>(row: &[u8; PACKED], at: usize) -> [u8; N] {
        row[at..at + N].try_into().unwrap_or([0; N])
    }
    let mut codes = vec![0u32; dims];
    let mut rest = bytes;
    while let Some((fixed, after)) = rest.split_first_chunk::<PACKED>() {
        rest = after;
        codes.fill(0);
        let mut which = u64::from_le_bytes(part(fixed, 24));
        while which != 0 {
            let Some((code, after)) = rest.split_first_chunk::<4>() else { return false };
            rest = after;
            if let Some(to) = codes.get_mut(which.trailing_zeros() as usize) {
                *to = u32::from_le_bytes(*code);
            }
            which &= which - 1;
        }
        let row = RowRef {
            at: i64::from_le_bytes(part(fixed, 0)),
            id: u64::from_le_bytes(part(fixed, 8)),
            who: u32::from_le_bytes(part(fixed, 32)),
            event: u16::from_le_bytes(part(fixed, 36)),
            dims: &codes,
        };
        f(row, u64::from_le_bytes(part(fixed, 16)));
    }
    rest.is_empty()
}

/// Bytes of a row in the journal.
pub(crate) const fn row_bytes(dims: usize) -> usize {
    22 + 4 * dims
}

/// A row as the journal has it.
pub(crate) fn encode(row: RowRef<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&row.at.to_le_bytes());
    out.extend_from_slice(&row.id.to_le_bytes());
    out.extend_from_slice(&row.who.to_le_bytes());
    out.extend_from_slice(&row.event.to_le_bytes());
    out.extend_from_slice(bytemuck::cast_slice(row.dims));
}

/// Calls `f` with each row of `bytes`, which are whole rows.
pub(crate) fn decode(bytes: &[u8], dims: usize, mut f: impl FnMut(RowRef<'_>)) {
    fn part<const N: usize>(row: &[u8], at: usize) -> [u8; N] {
        row[at..at + N].try_into().unwrap_or([0; N])
    }
    let mut codes = vec![0u32; dims];
    for row in bytes.chunks_exact(row_bytes(dims)) {
        for (i, code) in codes.iter_mut().enumerate() {
            *code = u32::from_le_bytes(part(row, 22 + 4 * i));
        }
        f(RowRef {
            at: i64::from_le_bytes(part(row, 0)),
            id: u64::from_le_bytes(part(row, 8)),
            who: u32::from_le_bytes(part(row, 16)),
            event: u16::from_le_bytes(part(row, 20)),
            dims: &codes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_rows_come_back(
            rows in prop::collection::vec(
                (any::<i64>(), any::<u64>(), any::<u32>(), any::<u16>(), any::<u64>(), any::<[u32; 5]>(), 0u8..32),
                0..20,
            ),
            cut in 1usize..200,
        ) {
            let mut bytes = Vec::new();
            let mut given = Vec::new();
            for (at, id, who, event, ordinal, mut dims, none) in rows {
                dims.iter_mut().enumerate().filter(|(dim, _)| none >> dim & 1 == 1).for_each(|(_, code)| *code = 0);
                pack(RowRef { at, id, who, event, dims: &dims }, ordinal, &mut bytes);
                given.push((at, id, who, event, dims.to_vec(), ordinal));
            }
            let mut back = Vec::new();
            let whole = unpack(&bytes, 5, |row, ordinal| {
                back.push((row.at, row.id, row.who, row.event, row.dims.to_vec(), ordinal));
            });
            prop_assert!(whole);
            prop_assert_eq!(&back, &given);
            // What is cut off is noticed unless it is whole rows, and what comes before is as it was.
            let short = bytes.len().saturating_sub(cut);
            let mut rows = 0;
            let whole = unpack(&bytes[..short], 5, |_, _| rows += 1);
            prop_assert!(rows <= given.len() && (whole || rows < given.len()));
        }
    }
}
