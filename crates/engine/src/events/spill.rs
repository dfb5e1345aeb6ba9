//! Rows of an import that wait for its end: in memory by ranges of identifier numbers, on disk when there are many.
//!
//! A row is written once as it comes and read at the end, range by range, so an import is sorted without being merged: first
//! what the hot columns need of it, then all of it. Its texts lie apart from the rest, so that those of a range are found to
//! be text at once. A text that the hot columns have a code for is not written; the code stands for it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, FieldRef, TimestampMicrosecondType};
use burgeon_core::records::system;
use burgeon_events::{Bulk, Coded, HotError, OVERFULL, PARTITION, RowRef, Texts, Waiting};

use super::batch::{self, Columns, Fitted};
use crate::lake::{LakeError, Result};

mod out;
mod row;

use out::Out;
use row::{NAMELESS, RECEIVED, Row, SAME_FILE, SAME_SOURCE, TEXT_BITS, pack_codes, push_length};

/// Numbers of identifiers of a range: few enough that its rows are sorted near the processor.
const RANGE: u32 = 1 << 13;
/// Rows of a batch that is given out, roughly: whole persons.
const BATCH_ROWS: usize = 32_768;
/// Rows of a batch with room for a person's last ones.
const BATCH_ROOM: usize = BATCH_ROWS + BATCH_ROWS / 16;
/// Bytes of a range that wait in memory once some are on disk.
const CHUNK: usize = 128 << 10;
/// Text columns at most.
const TEXTS: usize = TEXT_BITS.count_ones() as usize;

/// The rows of one import.
#[derive(Debug)]
pub(crate) struct Spill {
    disk: OnDisk,
    /// Bytes that may wait in memory.
    most: usize,
    waiting: usize,
    /// By range of numbers.
    parts: Vec<Part>,
    /// Text columns of a row, in order.
    texts: Vec<FieldRef>,
    /// Where the texts are that codes stand for, by place of the text column.
    coded: Vec<Option<CodedText>>,
    /// Hot dimensions of a row.
    dims: usize,
    /// The source of the first row; nearly always that of all.
    source: Option<String>,
    /// The origin of the first row up to its line.
    file: Option<String>,
}

/// The file of rows that do not fit into memory; there is none as long as all do.
#[derive(Debug)]
struct OnDisk {
    path: PathBuf,
    file: Option<File>,
    /// Bytes in it.
    written: u64,
}

/// A column of texts that codes stand for.
#[derive(Debug)]
struct CodedText {
    /// Place of the hot dimension; `None` for the names of events.
    dim: Option<usize>,
    texts: Texts,
}

/// The rows of a range.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<u8>,
    texts: Vec<u8>,
    /// What is on disk.
    extents: Vec<Extent>,
    /// Bytes in all.
    size: Size,
}

/// Bytes of rows without their texts, and of the texts.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    rows: usize,
    texts: usize,
}

/// Rows on disk and, behind them, their texts.
#[derive(Debug, Clone, Copy)]
struct Extent {
    at: u64,
    size: Size,
}

/// Rows in memory, at the beginning of room that may be longer.
#[derive(Debug, Default)]
struct Loaded {
    rows: Vec<u8>,
    texts: Vec<u8>,
    size: Size,
}

impl Loaded {
    /// Room for so many bytes, whatever they hold.
    fn room(&mut self, size: Size) -> (&mut [u8], &mut [u8]) {
        self.size = size;
        for (buffer, bytes) in [(&mut self.rows, size.rows), (&mut self.texts, size.texts)] {
            if buffer.len() < bytes {
                *buffer = vec![0; bytes];
            }
        }
        (&mut self.rows[..size.rows], &mut self.texts[..size.texts])
    }

    fn rows(&self) -> &[u8] {
        &self.rows[..self.size.rows]
    }

    fn texts(&self) -> &[u8] {
        &self.texts[..self.size.texts]
    }
}

/// Where a row lies.
#[derive(Debug, Clone, Copy)]
struct Key {
    at: i64,
    who: u32,
    /// Where the row begins.
    place: usize,
    /// Where its texts do.
    text: usize,
}

/// Places of rows as they were found and in order, with room that serves many ranges.
#[derive(Debug, Default)]
struct Keys {
    found: Vec<Key>,
    /// For each number where its rows begin among `sorted`.
    starts: Vec<u32>,
    sorted: Vec<Key>,
}

impl Spill {
    /// Nothing yet. Beyond `most` bytes rows go to a file in `dir`. `origin` is the source and what stands before the line in the
    /// origin of rows that come with lines.
    pub fn new(
        columns: &Columns,
        dir: PathBuf,
        most: usize,
        bulk: &Bulk,
        origin: Option<(String, String)>,
    ) -> Result<Self> {
        let texts: Vec<FieldRef> =
            columns.stored.fields().iter().filter(|field| is_text(field)).cloned().collect();
        if texts.len() > TEXTS {
            return Err(LakeError::Internal(format!("events have more than {TEXTS} columns of text")));
        }
        let mut coded: Vec<Option<CodedText>> = texts.iter().map(|_| None).collect();
        let place = |name: &str| texts.iter().position(|field| field.name() == name);
        let mut dims = 0;
        for (dim, (name, values)) in bulk.dimensions().enumerate() {
            dims = dim + 1;
            if let Some(place) = place(name) {
                coded[place] = Some(CodedText { dim: Some(dim), texts: values });
            }
        }
        if let Some(place) = place("event") {
            coded[place] = Some(CodedText { dim: None, texts: bulk.names() });
        }
        let (source, file) = origin.unzip();
        Ok(Self {
            disk: OnDisk { path: dir.join("rows"), file: None, written: 0 },
            most,
            waiting: 0,
            parts: Vec::new(),
            texts,
            coded,
            dims,
            source,
            file,
        })
    }

    /// Adds rows with what stands for their texts; they are counted from `first`. `lines` are those that they come from, none
    /// where source and origin stand in columns.
    pub fn add(&mut self, rows: &Fitted, lines: &[u64], coded: &Coded, first: u64) -> Result<()> {
        let (rows, ids, who) = (&rows.rows, &rows.ids, &coded.who);
        let at = batch::times(rows)?.values();
        let received = rows.column_by_name("received_at");
        let received = received.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let mut texts: Vec<(u32, Repeated, &StringViewArray)> = Vec::with_capacity(self.texts.len());
        for (place, (field, coded)) in self.texts.iter().zip(&self.coded).enumerate() {
            if let Some(column) = rows.column_by_name(field.name()).and_then(batch::as_texts) {
                let mut first = column.iter().flatten();
                let repeated = match field.name().as_str() {
                    system::SOURCE | system::ORIGIN if !lines.is_empty() => continue,
                    system::SOURCE => {
                        self.source = self.source.take().or_else(|| first.next().map(str::to_owned));
                        Repeated::Source
                    }
                    system::ORIGIN => {
                        let file = || {
                            first.next().and_then(|origin| Some(origin.rsplit_once(':')?.0.to_owned() + ":"))
                        };
                        self.file = self.file.take().or_else(file);
                        Repeated::File
                    }
                    _ => match coded {
                        Some(CodedText { dim: Some(dim), .. }) => Repeated::Value(*dim),
                        Some(CodedText { dim: None, .. }) => Repeated::Name,
                        None => Repeated::No,
                    },
                };
                texts.push((1 << place, repeated, column));
            }
        }
        let (source, file) = (self.source.as_deref(), self.file.as_deref());
        let ranges = who.iter().max().map_or(0, |last| (last / RANGE) as usize + 1);
        self.parts.resize_with(ranges.max(self.parts.len()), Part::default);
        let mut lengths: Vec<u8> = Vec::with_capacity(64);
        let mut codes: Vec<u32> = Vec::with_capacity(self.dims);
        let mut packed: Vec<u8> = Vec::with_capacity(64);
        for row in 0..at.len() {
            let part = &mut self.parts[(who[row] / RANGE) as usize];
            let before = part.bytes();
            coded.codes(row, &mut codes);
            let event = coded.events[row];
            let mut which = 0;
            let mut line = None;
            lengths.clear();
            for (bit, repeated, column) in &texts {
                if column.is_null(row) {
                    continue;
                }
                match repeated {
                    Repeated::Value(dim) if ![0, OVERFULL].contains(&codes[*dim]) => continue,
                    Repeated::Name if event.is_some() => continue,
                    Repeated::Source if source == Some(column.value(row)) => {
                        which |= SAME_SOURCE;
                        continue;
                    }
                    Repeated::File => {
                        line = file.and_then(|file| plain_number(column.value(row).strip_prefix(file)?));
                        if line.is_some() {
                            which |= SAME_FILE;
                            continue;
                        }
                    }
                    _ => {}
                }
                let text = column.value(row);
                which |= bit;
                push_length(text.len(), &mut lengths);
                part.texts.extend_from_slice(text.as_bytes());
            }
            if let Some(number) = lines.get(row) {
                which |= SAME_SOURCE | SAME_FILE;
                line = Some(*number as u32); // those above were refused
            }
            let received =
                received.filter(|received| received.is_valid(row)).map(|received| received.value(row));
            which |= if received.is_some() { RECEIVED } else { 0 };
            packed.clear();
            pack_codes(&codes, &mut packed);
            let row = Row {
                who: who[row],
                at: at[row],
                id: ids[row],
                number: first + row as u64,
                which,
                event: event.unwrap_or(NAMELESS),
                received_at: received.unwrap_or_default(),
                line: line.unwrap_or_default(),
                codes: &packed,
                lengths: &lengths,
                text_bytes: 0,
                end: 0,
            };
            row.write(&mut part.rows);
            self.waiting += part.bytes() - before;
            if self.disk.file.is_some() && part.bytes() >= CHUNK {
                self.waiting -= self.disk.write(part)?;
            }
        }
        if self.waiting > self.most {
            self.shed()?;
        }
        Ok(())
    }

    /// Writes all that waits and gives its memory back.
    fn shed(&mut self) -> Result<()> {
        for part in &mut self.parts {
            self.disk.write(part)?;
            part.shed();
        }
        self.waiting = 0;
        Ok(())
    }

    /// To be called when no more rows come: gives memory back where some rows are on disk already.
    pub fn settle(&mut self) -> Result<()> {
        if self.disk.file.is_some() { self.shed() } else { Ok(()) }
    }

    /// Gives the rows that `keep` says yes to (by their number) in the order of a run, as stored columns with `position`
    /// for all. All rows of a number come in one batch.
    pub fn each(
        mut self,
        columns: &Columns,
        position: u64,
        keep: impl Fn(u64) -> bool,
        mut give: impl FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let mut out = Out::new(&self, position);
        let (mut loaded, mut keys) = (Loaded::default(), Keys::default());
        let parts = std::mem::take(&mut self.parts).into_iter().zip((0..=u32::MAX).step_by(RANGE as usize));
        for (part, first) in parts.filter(|(part, _)| part.whole().rows > 0) {
            let read: Vec<_> =
                self.coded.iter().map(|coded| coded.as_ref().map(|c| c.texts.read())).collect();
            for numbers in self.cut(first, &part)? {
                self.load(&part, &numbers, &mut loaded)?;
                self.sort(loaded.rows(), &numbers, &mut keys)?;
                let texts = std::str::from_utf8(loaded.texts()).map_err(|_| self.cut_off())?;
                for person in keys.sorted.chunk_by(|a, b| a.who == b.who) {
                    for key in person {
                        let row = self.row(loaded.rows(), key.place)?;
                        if keep(row.number) {
                            out.push(&row, texts, key.text, &read)?;
                        }
                    }
                    if out.len() >= BATCH_ROWS {
                        give(out.take(columns)?)?;
                    }
                }
            }
        }
        if out.len() > 0 {
            give(out.take(columns)?)?;
        }
        Ok(())
    }

    /// Numbers of a range that fit into memory together.
    fn cut(&self, first: u32, part: &Part) -> Result<Vec<Range<u64>>> {
        let (first, end) = (u64::from(first), u64::from(first) + u64::from(RANGE));
        let whole = part.whole();
        if whole.rows + whole.texts <= self.most {
            return Ok(std::iter::once(first..end).collect());
        }
        let mut sizes = vec![0usize; RANGE as usize];
        self.walk(part, |row, bytes, texts| {
            sizes[(u64::from(row.who) - first) as usize % RANGE as usize] += bytes.len() + texts.len();
        })?;
        let (mut cuts, mut from, mut size) = (Vec::new(), first, 0);
        for (number, bytes) in (first..).zip(sizes) {
            if size > 0 && size + bytes > self.most {
                cuts.push(from..number);
                (from, size) = (number, 0);
            }
            size += bytes;
        }
        cuts.push(from..end);
        Ok(cuts)
    }

    /// The rows of some numbers of a range, as they came, in room that serves many ranges.
    fn load(&self, part: &Part, numbers: &Range<u64>, to: &mut Loaded) -> Result<()> {
        if numbers.end - numbers.start == u64::from(RANGE) {
            let (mut rows, mut texts) = to.room(part.whole());
            for Extent { at, size } in &part.extents {
                let (first, rest) = rows.split_at_mut(size.rows);
                self.disk.read(*at, first)?;
                rows = rest;
                let (first, rest) = texts.split_at_mut(size.texts);
                self.disk.read(*at + size.rows as u64, first)?;
                texts = rest;
            }
            rows.copy_from_slice(&part.rows);
            texts.copy_from_slice(&part.texts);
            return Ok(());
        }
        to.rows.clear();
        to.texts.clear();
        self.walk(part, |row, bytes, texts| {
            if numbers.contains(&u64::from(row.who)) {
                to.rows.extend_from_slice(bytes);
                to.texts.extend_from_slice(texts);
            }
        })?;
        to.size = Size { rows: to.rows.len(), texts: to.texts.len() };
        Ok(())
    }

    /// Hands out all rows of a range with their bytes and those of their texts, an extent at a time.
    fn walk(&self, part: &Part, mut each: impl FnMut(&Row<'_>, &[u8], &[u8])) -> Result<()> {
        let mut walk = |rows: &[u8], texts: &[u8]| {
            let (mut place, mut text) = (0, 0);
            while place < rows.len() {
                let row = self.row(rows, place)?;
                let texts = texts.get(text..text + row.text_bytes).ok_or_else(|| self.cut_off())?;
                each(&row, &rows[place..row.end], texts);
                (place, text) = (row.end, text + row.text_bytes);
            }
            Ok(())
        };
        let mut loaded = Loaded::default();
        for Extent { at, size } in &part.extents {
            let (rows, texts) = loaded.room(*size);
            self.disk.read(*at, rows)?;
            self.disk.read(*at + size.rows as u64, texts)?;
            walk(rows, texts)?;
        }
        walk(&part.rows, &part.texts)
    }

    /// Finds out where rows lie, by number and time; rows of one time as they came.
    fn sort(&self, rows: &[u8], numbers: &Range<u64>, keys: &mut Keys) -> Result<()> {
        let place_of = |who: u32| (u64::from(who) - numbers.start) as usize % RANGE as usize;
        let Keys { found, starts, sorted } = keys;
        found.clear();
        starts.clear();
        starts.resize(RANGE as usize + 1, 0);
        let (mut place, mut text) = (0, 0);
        while place < rows.len() {
            let row = self.row(rows, place)?;
            starts[place_of(row.who) + 1] += 1;
            found.push(Key { at: row.at, who: row.who, place, text });
            (place, text) = (row.end, text + row.text_bytes);
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        sorted.clone_from(found);
        for key in found {
            let start = &mut starts[place_of(key.who)];
            sorted[*start as usize] = *key;
            *start += 1;
        }
        for person in sorted.chunk_by_mut(|a, b| a.who == b.who) {
            if !person.is_sorted_by_key(|key| key.at) {
                person.sort_by_key(|key| key.at);
            }
        }
        Ok(())
    }

    /// The row that begins at a place.
    fn row<'a>(&self, rows: &'a [u8], place: usize) -> Result<Row<'a>> {
        Row::read(rows, place).ok_or_else(|| self.cut_off())
    }

    fn cut_off(&self) -> LakeError {
        self.disk.damaged("a row of it is cut off").into()
    }
}

impl Waiting for Spill {
    fn each(&self, numbers: Range<u64>, each: &mut dyn FnMut(RowRef<'_>, u64)) -> Result<(), HotError> {
        let ranges = (numbers.start / u64::from(RANGE)) as usize..(numbers.end / u64::from(RANGE)) as usize;
        let mut codes = vec![0; self.dims];
        let mut walk = |rows: &[u8]| {
            let mut place = 0;
            while place < rows.len() {
                let row =
                    Row::read(rows, place).ok_or_else(|| self.disk.damaged("a row of it is cut off"))?;
                place = row.end;
                if row.event == NAMELESS {
                    continue;
                }
                codes.fill(0);
                for (dim, code) in row.codes() {
                    if let Some(to) = codes.get_mut(dim) {
                        *to = code;
                    }
                }
                let Row { at, event, id, who, number, .. } = row;
                each(RowRef { at, event, id, who, dims: &codes }, number);
            }
            Ok(())
        };
        let mut bytes = Vec::new();
        for part in self.parts.iter().take(ranges.end).skip(ranges.start) {
            for Extent { at, size } in &part.extents {
                bytes.resize(size.rows, 0);
                self.disk.read(*at, &mut bytes)?;
                walk(&bytes)?;
            }
            walk(&part.rows)?;
        }
        Ok(())
    }
}

/// Ranges are parts of partitions.
const _: () = assert!(PARTITION.is_multiple_of(RANGE));

impl OnDisk {
    /// Writes what waits of a range; gives its bytes.
    fn write(&mut self, part: &mut Part) -> Result<usize> {
        let size = Size { rows: part.rows.len(), texts: part.texts.len() };
        if size.rows == 0 {
            return Ok(0);
        }
        let fail = |error| LakeError::io(&self.path, error);
        let file = match &self.file {
            Some(file) => file,
            None => {
                if let Some(dir) = self.path.parent() {
                    std::fs::create_dir_all(dir).map_err(fail)?;
                }
                let options = File::options().read(true).write(true).create_new(true).open(&self.path);
                self.file.insert(options.map_err(fail)?)
            }
        };
        part.extents.push(Extent { at: self.written, size });
        for buffer in [&mut part.rows, &mut part.texts] {
            file.write_all_at(buffer, self.written).map_err(fail)?;
            self.written += buffer.len() as u64;
            buffer.clear();
        }
        part.size.rows += size.rows;
        part.size.texts += size.texts;
        Ok(size.rows + size.texts)
    }

    fn read(&self, at: u64, to: &mut [u8]) -> Result<(), HotError> {
        let fail = |source| HotError::Io { path: self.path.clone(), source };
        match &self.file {
            Some(file) => file.read_exact_at(to, at).map_err(fail),
            None => Err(self.damaged("it was never written")),
        }
    }

    /// Not [`HotError::Damaged`], which says how hot columns are made anew: an import is begun again.
    fn damaged(&self, what: &str) -> HotError {
        let (path, what) = (self.path.clone(), what.to_owned());
        HotError::Io { path, source: std::io::Error::new(std::io::ErrorKind::InvalidData, what) }
    }
}

impl Part {
    /// Bytes in memory.
    fn bytes(&self) -> usize {
        self.rows.len() + self.texts.len()
    }

    /// Bytes in memory and on disk.
    fn whole(&self) -> Size {
        Size { rows: self.size.rows + self.rows.len(), texts: self.size.texts + self.texts.len() }
    }

    /// Gives back the memory of what was written.
    fn shed(&mut self) {
        (self.rows, self.texts) = (Vec::new(), Vec::new());
    }
}

/// What the values of a text column have in common.
#[derive(Debug, Clone, Copy)]
enum Repeated {
    No,
    /// Nearly all are one.
    Source,
    /// Nearly all name one file and a line.
    File,
    /// A hot dimension has codes for them: its place.
    Value(usize),
    /// They are names of events.
    Name,
}

/// The number that is written this way and no other.
fn plain_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (text.starts_with(|first: char| ('1'..='9').contains(&first)) || text == "0").then_some(number)
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            std::fs::remove_file(&self.path).ok();
            if let Some(dir) = self.path.parent() {
                std::fs::remove_dir(dir).ok(); // only when nothing else is in it
            }
        }
    }
}

fn is_text(field: &FieldRef) -> bool {
    *field.data_type() == DataType::Utf8View
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
    use arrow::compute::cast;
    use arrow::datatypes::{Field, Schema};
    use burgeon_events::{HotOptions, HotStore, event_key};
    use proptest::prelude::*;

    use std::sync::{Arc, LazyLock};

    use super::super::append::HotView;
    use super::*;

    /// A row of a test: number, time, time of arrival, name, source, path, origin.
    type Given = (u32, i64, Option<i64>, String, Option<String>, Option<String>, Option<String>);

    fn rows(given: &[Given]) -> RecordBatch {
        let utc = burgeon_core::records::ColumnType::Timestamp.data_type();
        let text = |pick: &dyn Fn(&Given) -> Option<String>| -> ArrayRef {
            Arc::new(StringViewArray::from_iter(given.iter().map(pick)))
        };
        let times = |pick: &dyn Fn(&Given) -> Option<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from_iter(given.iter().map(pick)).with_data_type(utc.clone()))
        };
        let columns = [
            ("event_id", text(&|row| Some(format!("e{}", row.1)))),
            ("distinct_id", text(&|row| Some(row.0.to_string()))),
            ("event", text(&|row| Some(row.3.clone()))),
            ("at", times(&|row| Some(row.1))),
            ("received_at", times(&|row| row.2)),
            ("path", text(&|row| row.5.clone())),
            (system::SOURCE, text(&|row| row.4.clone())),
            (system::ORIGIN, text(&|row| row.6.clone())),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
        let Some(column) = batch.column_by_name(name) else { return vec![None; batch.num_rows()] };
        let column = cast(column, &DataType::Utf8).unwrap();
        let column = column.as_any().downcast_ref::<StringArray>().unwrap().clone();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    }

    /// A store whose identifiers are their own numbers, with a hot column of paths that keeps some apart.
    fn store(dir: &std::path::Path) -> HotStore {
        let options = HotOptions { dimensions: vec!["path".into()], values: 12, ..HotOptions::default() };
        let store = HotStore::open(dir, options).unwrap();
        let names: Vec<String> = (0..70_040).map(|number: u32| number.to_string()).collect();
        store.numbers(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        store
    }

    fn given() -> impl Strategy<Value = Given> {
        let text = || prop_oneof![Just(String::new()), "[a-zé]{1,20}", "x{250,260}"];
        let source = prop::sample::select(vec![None, Some("a file".to_owned()), Some("another".to_owned())]);
        // Numbers in three ranges, many rows for some of them.
        let who = prop_oneof![0u32..4, 8_190u32..8_194, 70_000u32..70_040];
        let origins = [
            "abc:1",
            "abc:0",
            "abc:4294967295",
            "abc:4294967296",
            "abc:012",
            "abc:+1",
            "abc:",
            "ab:1",
            "none",
        ];
        let origin = proptest::option::of(prop::sample::select(origins.map(str::to_owned).to_vec()));
        let arrival = proptest::option::of(any::<i64>());
        (who, 0i64..50, arrival, text(), source, proptest::option::of(text()), origin)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Whatever fits into memory, rows come back as they were, in the order of a sort that keeps the order of arrival.
        #[test]
        fn rows_come_back_in_order(
            all in proptest::collection::vec(given(), 0..300), most in 1usize..40_000, step in 1usize..80, drop in 2u64..9,
        ) {
            static STORE: LazyLock<(tempfile::TempDir, HotStore)> = LazyLock::new(|| {
                let dir = tempfile::tempdir().unwrap();
                let store = store(dir.path());
                (dir, store)
            });
            let columns = Columns::new().unwrap();
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("spill");
            let mut bulk = STORE.1.bulk().unwrap();
            let mut spill = Spill::new(&columns, folder.clone(), most, &bulk, None).unwrap();
            for (at, part) in all.chunks(step).enumerate() {
                let fitted = columns.fitted(rows(part), &Arc::default()).unwrap();
                let view = HotView::of(&fitted, &["path".to_owned()]).unwrap();
                let dims = view.dims();
                let coded = bulk.code(&view.rows(0, &dims)).unwrap();
                spill.add(&fitted, &[], &coded, (at * step) as u64).unwrap();
            }
            if most % 2 == 0 {
                spill.settle().unwrap();
            }

            // In numbers, as the hot columns read them.
            let (names, paths) = (bulk.names(), bulk.dimensions().next().unwrap().1);
            let mut hot = Vec::new();
            for part in 0..3 {
                let numbers = part * u64::from(PARTITION)..(part + 1) * u64::from(PARTITION);
                Waiting::each(&spill, numbers, &mut |row, number| {
                    let path = paths.read().get(row.dims[0]).map(str::to_owned);
                    let event = names.read().get(u32::from(row.event)).map(str::to_owned);
                    hot.push((number, row.who, row.at, row.id, event, path, row.dims[0]));
                }).unwrap();
            }
            hot.sort();
            prop_assert_eq!(hot.len(), all.len());
            for ((number, row), (place, who, at, id, event, path, code)) in (0..).zip(&all).zip(hot) {
                prop_assert_eq!((number, row.0, row.1, Some(&row.3)), (place, who, at, event.as_ref()));
                prop_assert_eq!(event_key(&format!("e{at}")), id);
                match code {
                    OVERFULL => prop_assert!(row.5.is_some()),
                    _ => prop_assert_eq!(row.5.as_ref().filter(|path| !path.is_empty()), path.as_ref()),
                }
            }

            // In full, as files hold them.
            let mut back: Vec<Given> = Vec::new();
            spill.each(&columns, 9, |number| number % drop != 0, |batch| {
                let who = batch::numbers(&batch)?.values().to_vec();
                let at = batch::times(&batch)?.values().to_vec();
                assert!(batch::positions(&batch)?.values().iter().all(|position| *position == 9));
                let received = batch.column_by_name("received_at").map(|column| {
                    column.as_primitive::<TimestampMicrosecondType>().iter().collect::<Vec<_>>()
                });
                let received = received.unwrap_or_else(|| vec![None; who.len()]);
                let (event, source, path) = (texts(&batch, "event"), texts(&batch, system::SOURCE), texts(&batch, "path"));
                let origin = texts(&batch, system::ORIGIN);
                for row in 0..who.len() {
                    assert_eq!(texts(&batch, "distinct_id")[row], Some(who[row].to_string()));
                    let event = event[row].clone().unwrap();
                    back.push((who[row] as u32, at[row], received[row], event, source[row].clone(), path[row].clone(), origin[row].clone()));
                }
                Ok(())
            }).unwrap();
            let mut want: Vec<Given> =
                all.into_iter().enumerate().filter(|(number, _)| !(*number as u64).is_multiple_of(drop)).map(|(_, row)| row).collect();
            want.sort_by_key(|row| (row.0, row.1));
            prop_assert_eq!(back, want);
            prop_assert!(!folder.join("rows").exists(), "the file is removed");
        }
    }
}
