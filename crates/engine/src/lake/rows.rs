//! Ordering and deduplicating the rows of one bucket: the heart of imports, compaction and merging reads.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{and, interleave};

use super::error::Result;
use super::layout::Layout;

/// Where a row lies: batch and row number in it.
pub(crate) type At = (usize, usize);

/// The sort key of one row.
struct Row {
    /// Up to 15 bytes of the entity after what all entities have in common, then their number; 255 when it is longer.
    prefix: u128,
    time: i64,
    seq: i64,
    key: u64,
    source: u32,
    row: u32,
}

impl Row {
    fn at(&self) -> At {
        (self.source as usize, self.row as usize)
    }
}

/// The rows of a bucket in their order, each key once, no deleted rows.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The rows to store, in order.
    pub order: Vec<At>,
    /// New rows of keys that were not there.
    pub taken: u64,
    /// New rows that changed the row of their key.
    pub replaced: u64,
    /// New rows that made no difference.
    pub unchanged: u64,
    /// Whether the content differs from the existing rows.
    pub changed: bool,
    /// Whether a version was raised without a change of content.
    pub raised: bool,
    /// Existing rows of the watched source without a new row of their key; they stay.
    pub missing: u64,
    /// The same, taken out.
    pub removed: u64,
}

/// A source whose rows are compared with what it says now.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// `_source` of the rows.
    pub source: String,
    /// Whether rows that it no longer has are taken out.
    pub remove: bool,
}

/// Brings the rows of one bucket in order and keeps the newest row of every key.
///
/// The first `existing` sources are what the lake holds now (a later source or a higher `_seq` wins among them),
/// the others are new. `numbered` says that the new versions were given by the lake: a row with the same content
/// then changes nothing, whatever its version. With `watch`, existing rows of that source whose key no new row has are
/// counted and, if it says so, left out.
pub(crate) fn merge(
    layout: &Layout,
    sources: &[RecordBatch],
    existing: usize,
    numbered: bool,
    watch: Option<&Watch>,
) -> Result<Merged> {
    let mut rows = collect(layout, sources);
    let entities = Entities::of(layout, sources);
    rows.sort_by(|a, b| {
        entities.compare(a, b).then_with(|| (a.time, a.seq, a.key).cmp(&(b.time, b.seq, b.key)))
    });
    let mut keep = vec![true; rows.len()];
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let mut out = Merged::default();
    let deleted: Vec<&BooleanArray> = sources.iter().map(|batch| layout.deleted(batch)).collect();
    let gone = |row: &Row| deleted[row.source as usize].value(row.row as usize);
    let from = watch.map(|watch| (watch, layout.sources(sources)));
    // Whether an existing row stays though no new row has its key.
    let stays = |row: &Row, out: &mut Merged| match &from {
        Some((watch, names)) if names[row.source as usize].value(row.row as usize) == watch.source => {
            if watch.remove {
                out.removed += 1;
            } else {
                out.missing += 1;
            }
            !watch.remove
        }
        _ => true,
    };
    let mut start = 0;
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
    while start < rows.len() {
        let mut end = start + 1;
        while end < rows.len() && entities.compare(&rows[start], &rows[end]) == Ordering::Equal {
            end += 1;
        }
        let group = &rows[start..end];
        if !has_duplicates(group) {
            for (i, row) in group.iter().enumerate() {
                let new = row.source as usize >= existing;
                match (new, gone(row)) {
                    (true, false) => out.taken += 1,
                    (true, true) => out.unchanged += 1,
                    (false, _) => {}
                }
                keep[start + i] = !gone(row) && (new || stays(row, &mut out));
            }
        } else {
            seen.clear();
            for (i, row) in group.iter().enumerate() {
                seen.entry(row.key).or_default().push(start + i);
            }
            for members in seen.values() {
                settle(&rows, members, existing, (&gone, &stays), &mut keep, &mut pairs, &mut out);
            }
        }
        start = end;
    }
    for chunk in pairs.chunks(8192) {
        let old: Vec<At> = chunk.iter().map(|pair| rows[pair.0].at()).collect();
        let new: Vec<At> = chunk.iter().map(|pair| rows[pair.1].at()).collect();
        let same = same_content(layout, sources, &old, &new)?;
        for (i, (old, new)) in chunk.iter().enumerate() {
            let same = same.value(i) && !gone(&rows[*new]);
            if same {
                out.unchanged += 1;
            } else {
                out.replaced += 1;
            }
            let raise = same && !numbered && rows[*new].seq > rows[*old].seq;
            out.raised |= raise;
            let new_wins = !same || raise;
            keep[*old] = !new_wins && !gone(&rows[*old]);
            keep[*new] = new_wins && !gone(&rows[*new]);
        }
    }
    out.changed = out.taken + out.replaced + out.removed > 0;
    out.order = rows.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(row, _)| row.at()).collect();
    Ok(out)
}

/// Decides between the rows of one key; pairs whose contents must be compared are noted.
#[allow(clippy::too_many_arguments)]
fn settle(
    rows: &[Row],
    members: &[usize],
    existing: usize,
    (gone, stays): (&impl Fn(&Row) -> bool, &impl Fn(&Row, &mut Merged) -> bool),
    keep: &mut [bool],
    pairs: &mut Vec<(usize, usize)>,
    out: &mut Merged,
) {
    let rank = |at: &usize| (rows[*at].seq, rows[*at].source, rows[*at].row);
    let is_new = |at: &&usize| rows[**at].source as usize >= existing;
    let old = members.iter().filter(|at| !is_new(at)).max_by_key(|at| (rows[**at].source, rank(at))).copied();
    let new = members.iter().filter(is_new).max_by_key(|at| rank(at)).copied();
    let news = members.iter().filter(is_new).count() as u64;
    for at in members {
        keep[*at] = false;
    }
    match (old, new) {
        (Some(old), None) => keep[old] = !gone(&rows[old]) && stays(&rows[old], out),
        (None, Some(new)) if gone(&rows[new]) => out.unchanged += news,
        (None, Some(new)) => {
            keep[new] = true;
            out.taken += 1;
            out.unchanged += news - 1;
        }
        (Some(old), Some(new)) => {
            out.unchanged += news - 1;
            let outdated = rows[new].seq < rows[old].seq;
            if outdated || (gone(&rows[old]) && gone(&rows[new])) {
                out.unchanged += 1;
                keep[old] = !gone(&rows[old]);
            } else if gone(&rows[old]) {
                out.taken += 1;
                keep[new] = true;
            } else {
                pairs.push((old, new));
            }
        }
        (None, None) => {}
    }
}

/// Whether a key stands twice among the rows of one entity.
fn has_duplicates(group: &[Row]) -> bool {
    if group.len() <= 24 {
        group.iter().enumerate().any(|(i, a)| group[i + 1..].iter().any(|b| a.key == b.key))
    } else {
        let mut keys: Vec<u64> = group.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// Which pairs of rows agree in all of the table's own columns.
pub(crate) fn same_content(
    layout: &Layout,
    sources: &[RecordBatch],
    old: &[At],
    new: &[At],
) -> Result<BooleanArray> {
    let mut same = BooleanArray::from(vec![true; old.len()]);
    for column in 0..layout.own {
        let arrays: Vec<&dyn Array> = sources.iter().map(|batch| batch.column(column).as_ref()).collect();
        let a = interleave(&arrays, old)?;
        let b = interleave(&arrays, new)?;
        same = and(&same, &not_distinct(&a, &b)?)?;
    }
    Ok(same)
}

/// The rows at `order` as batches of at most `size` rows.
pub(crate) fn gather<'a>(
    layout: &'a Layout,
    sources: &'a [RecordBatch],
    order: &'a [At],
    size: usize,
) -> impl Iterator<Item = Result<RecordBatch>> + 'a {
    order.chunks(size).map(move |chunk| gather_one(layout, sources, chunk))
}

/// The rows at `order` as one batch of the table's full schema.
pub(crate) fn gather_one(layout: &Layout, sources: &[RecordBatch], order: &[At]) -> Result<RecordBatch> {
    let columns = (0..layout.schema.fields().len())
        .map(|column| {
            let arrays: Vec<&dyn Array> = sources.iter().map(|batch| batch.column(column).as_ref()).collect();
            if arrays.is_empty() {
                return Ok(arrow::array::new_empty_array(layout.schema.field(column).data_type()));
            }
            interleave(&arrays, order)
        })
        .collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
    Ok(RecordBatch::try_new(layout.schema.clone(), columns)?)
}

fn collect(layout: &Layout, sources: &[RecordBatch]) -> Vec<Row> {
    let total = sources.iter().map(RecordBatch::num_rows).sum();
    let mut rows = Vec::with_capacity(total);
    let common = common_prefix(layout, sources);
    for (source, batch) in sources.iter().enumerate() {
        let times = layout.times(batch);
        let seqs = layout.seqs(batch).values();
        let keys = layout.keys(batch).values();
        let entities = layout.entities(batch);
        for row in 0..batch.num_rows() {
            rows.push(Row {
                prefix: entities.map_or(0, |entities| pack(&entities.value(row).as_bytes()[common..])),
                time: times.at(row),
                seq: seqs[row],
                key: keys[row],
                source: source as u32,
                row: row as u32,
            });
        }
    }
    rows
}

/// The number of leading bytes that all entities share.
fn common_prefix(layout: &Layout, sources: &[RecordBatch]) -> usize {
    let mut first: Option<&[u8]> = None;
    let mut length = 0;
    for entities in sources.iter().filter_map(|batch| layout.entities(batch)) {
        for row in 0..entities.len() {
            let value = entities.value(row).as_bytes();
            match first {
                None => {
                    first = Some(value);
                    length = value.len();
                }
                Some(first) => {
                    let longest = length.min(value.len());
                    if value[..longest] != first[..longest] || longest < length {
                        length = value.iter().zip(&first[..length]).take_while(|(a, b)| a == b).count();
                    }
                }
            }
        }
    }
    length
}

fn pack(rest: &[u8]) -> u128 {
    let mut bytes = [0u8; 16];
    let taken = rest.len().min(15);
    bytes[..taken].copy_from_slice(&rest[..taken]);
    bytes[15] = if rest.len() > 15 { 255 } else { rest.len() as u8 };
    u128::from_be_bytes(bytes)
}

/// Compares the entities of rows.
struct Entities<'a>(Vec<Option<&'a arrow::array::StringViewArray>>);

impl<'a> Entities<'a> {
    fn of(layout: &Layout, sources: &'a [RecordBatch]) -> Self {
        Self(sources.iter().map(|batch| layout.entities(batch)).collect())
    }

    #[inline]
    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let order = a.prefix.cmp(&b.prefix);
        if order == Ordering::Equal && a.prefix as u8 == 255 { self.full(a).cmp(self.full(b)) } else { order }
    }

    fn full(&self, row: &Row) -> &str {
        self.0[row.source as usize].map_or("", |entities| entities.value(row.row as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_prefixes_order_like_text() {
        let mut words = ["", "a", "a\0", "ab", "abcdefghijklmno", "b", "aa"];
        words.sort_unstable();
        let packed: Vec<u128> = words.iter().map(|word| pack(word.as_bytes())).collect();
        assert!(packed.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(pack(b"abcdefghijklmnop"), pack(b"abcdefghijklmnoq"));
    }
}
