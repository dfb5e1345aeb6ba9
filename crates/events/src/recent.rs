//! Rows that are not in blocks yet: in memory in chunks, on disk in a journal.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::block::mix;

pub(crate) const CHUNK: usize = 8192;

/// Rows in order of arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    pub at: Vec<i64>,
    pub event: Vec<u16>,
    pub id: Vec<u64>,
    pub who: Vec<u32>,
    pub dims: Vec<Vec<u32>>,
}

/// Recent rows; clones share full chunks and copy the last one when it grows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recents {
    pub chunks: Vec<Arc<Chunk>>,
    pub len: usize,
    /// Changes whenever positions do.
    pub generation: u64,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub at: i64,
    pub event: u16,
    pub id: u64,
    pub who: u32,
    pub dims: &'a [u32],
}

impl Recents {
    pub fn push(&mut self, row: RowRef<'_>) {
        if self.len % CHUNK == 0 {
            let dims = row.dims.iter().map(|_| Vec::new()).collect();
            self.chunks.push(Arc::new(Chunk { dims, ..Chunk::default() }));
        }
        if let Some(last) = self.chunks.last_mut() {
            let chunk = Arc::make_mut(last);
            chunk.at.push(row.at);
            chunk.event.push(row.event);
            chunk.id.push(row.id);
            chunk.who.push(row.who);
            chunk.dims.iter_mut().zip(row.dims).for_each(|(column, code)| column.push(*code));
            self.len += 1;
        }
    }

    /// Gives all rows columns for this many dimensions.
    pub fn widen(&mut self, dims: usize) {
        for chunk in &mut self.chunks {
            let chunk = Arc::make_mut(chunk);
            let rows = chunk.at.len();
            chunk.dims.resize_with(dims, || vec![0; rows]);
        }
    }

    /// Chunk and place of a position.
    pub fn place(&self, at: usize) -> (&Chunk, usize) {
        (&self.chunks[at / CHUNK], at % CHUNK)
    }

    /// Calls `f` with rows from position `from` on; `dims` is scratch.
    pub fn each(&self, from: usize, to: usize, mut f: impl FnMut(usize, RowRef<'_>)) {
        let mut dims = Vec::new();
        for at in from..to {
            let (chunk, i) = self.place(at);
            dims.clear();
            dims.extend(chunk.dims.iter().map(|column| column[i]));
            let (event, id, who) = (chunk.event[i], chunk.id[i], chunk.who[i]);
            f(at, RowRef { at: chunk.at[i], event, id, who, dims: &dims });
        }
    }

    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|c| c.at.capacity() * (22 + 4 * c.dims.len())).sum()
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

/// Bytes of a row in the journal.
pub(crate) const fn row_bytes(dims: usize) -> usize {
    22 + 4 * dims
}

/// A row as the journal and spills have it.
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
