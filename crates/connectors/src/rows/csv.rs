//! Delimited text: framing into blocks of whole rows, and cutting blocks into cells.
//!
//! The reader is our own because every reject needs its physical line and its original bytes, a broken
//! quote must cost one line and not the rest of the file, and blocks must be cut by several threads.
//! What it reads from sound files equals what the `csv` crate reads; a test says so.

use std::io::Read;

use super::{Block, Blocks, Chunk, Layout, Span, encoding, header};
use crate::error::{Error, Reject};
use crate::input::Input;
use crate::options::{Format, Limits, Options};

/// How much is read at a time; also the size of a block.
const BLOCK: usize = 1 << 20;

/// How one cell is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// As it is.
    Plain,
    /// Between quotation marks, with none inside.
    Quoted,
    /// Between quotation marks, with doubled ones inside or text behind: must be rewritten.
    Escaped,
}

#[derive(Debug, Clone, Copy)]
struct RawCell {
    start: usize,
    end: usize,
    writing: Writing,
}

/// One record as found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Where the next record begins.
    next: usize,
    /// Where the record's text ends, without its line end.
    end: usize,
    /// Whether a quotation mark was still open at the end of the bytes.
    open: bool,
    /// Whether text follows a closing quotation mark.
    messy: bool,
    /// Whether the record ended at the end of the bytes without a line end.
    cut_off: bool,
}

/// Finds the record that begins at `at`; cells are appended when `cells` is given.
fn record(
    bytes: &[u8],
    at: usize,
    delimiter: u8,
    terminator: u8,
    mut cells: Option<&mut Vec<RawCell>>,
) -> Found {
    let mut start = at;
    let mut found = Found { next: bytes.len(), end: bytes.len(), open: false, messy: false, cut_off: false };
    loop {
        let mut writing = Writing::Plain;
        let mut begin = start;
        let mut from = start;
        let mut close = None;
        if bytes.get(start) == Some(&b'"') {
            writing = Writing::Quoted;
            begin = start + 1;
            from = begin;
            loop {
                let Some(hop) = memchr::memchr(b'"', &bytes[from..]) else {
                    found.open = true;
                    return found;
                };
                let quote = from + hop;
                if bytes.get(quote + 1) == Some(&b'"') {
                    writing = Writing::Escaped;
                    from = quote + 2;
                    continue;
                }
                close = Some(quote);
                from = quote + 1;
                break;
            }
        }
        let stop = memchr::memchr2(delimiter, terminator, &bytes[from..]).map(|hop| from + hop);
        let stop_at = stop.unwrap_or(bytes.len());
        let ends_record = stop.is_none_or(|s| bytes[s] == terminator);
        let mut end = stop_at;
        if ends_record && terminator == b'\n' && end > from && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        let cell = match close {
            Some(quote) if end == quote + 1 => RawCell { start: begin, end: quote, writing },
            Some(quote) => {
                found.messy |= bytes[quote + 1..end].iter().any(|b| *b != b' ');
                RawCell { start, end, writing: Writing::Escaped }
            }
            None => RawCell { start, end, writing },
        };
        // The rewriting of an escaped cell begins at its opening quotation mark.
        let cell = if cell.writing == Writing::Escaped { RawCell { start, end, ..cell } } else { cell };
        if let Some(cells) = cells.as_deref_mut() {
            cells.push(cell);
        }
        if ends_record {
            found.end = end;
            found.next = stop.map_or(bytes.len(), |s| s + 1);
            found.cut_off = stop.is_none();
            return found;
        }
        start = stop_at + 1;
    }
}

/// The text of an escaped cell: doubled marks become one, what follows the closing mark stays.
fn rewrite(raw: &str, out: &mut String) {
    let mut inside = raw.strip_prefix('"').unwrap_or(raw);
    while let Some(at) = inside.find('"') {
        out.push_str(&inside[..at]);
        inside = &inside[at + 1..];
        match inside.strip_prefix('"') {
            Some(rest) => {
                out.push('"');
                inside = rest;
            }
            None => break,
        }
    }
    out.push_str(inside);
}

/// The place after the last whole record, or `None` when not one record is whole.
fn last_end(bytes: &[u8], delimiter: Option<u8>, terminator: u8, at_end: bool) -> Option<usize> {
    let quoted = delimiter.filter(|_| memchr::memchr(b'"', bytes).is_some());
    let Some(delimiter) = quoted else {
        return if at_end { Some(bytes.len()) } else { memchr::memrchr(terminator, bytes).map(|at| at + 1) };
    };
    let mut end = 0;
    while end < bytes.len() {
        let found = record(bytes, end, delimiter, terminator, None);
        if found.open || (found.cut_off && !at_end) {
            break;
        }
        end = found.next;
    }
    (end > 0).then_some(end)
}

/// Reads a text file in blocks that end where a row ends.
pub struct Framer {
    name: String,
    reader: Box<dyn Read + Send>,
    carry: Vec<u8>,
    line: u64,
    ended: bool,
    delimiter: Option<u8>,
    terminator: u8,
    limit: usize,
}

impl Framer {
    /// The rows of a CSV file.
    pub fn open(input: &Input, layout: &Layout, limits: Limits) -> Result<Self, Error> {
        Self::new(input, layout, limits, Some(layout.delimiter))
    }

    /// The lines of a file without quoting.
    pub fn open_lines(input: &Input, layout: &Layout, limits: Limits) -> Result<Self, Error> {
        Self::new(input, layout, limits, None)
    }

    fn new(input: &Input, layout: &Layout, limits: Limits, delimiter: Option<u8>) -> Result<Self, Error> {
        let mut reader = encoding::open(input, layout.encoding)?;
        std::io::copy(&mut reader.by_ref().take(layout.skip), &mut std::io::sink())
            .map_err(|cause| super::io(input, cause))?;
        Ok(Self {
            name: input.name().to_owned(),
            reader,
            carry: Vec::new(),
            line: layout.first_line,
            ended: false,
            delimiter,
            terminator: layout.terminator,
            limit: limits.row_bytes,
        })
    }

    /// Takes the first physical line out of the bytes, as a reject.
    fn refuse_line(&mut self, block: &mut Vec<u8>, rejects: &mut Vec<Reject>) -> Result<(), Error> {
        let line = self.line;
        self.line += 1;
        if let Some(at) = memchr::memchr(self.terminator, block) {
            let bytes = block[..at].to_vec();
            block.drain(..=at);
            let reason = "a quotation mark opens in this line and is not closed; close it or double it";
            rejects.push(Reject::new(line, reason, bytes));
            return Ok(());
        }
        let open = self.ended && block.len() <= self.limit;
        let reason = if open {
            "a quotation mark opens in this line and is not closed; close it or double it".to_owned()
        } else {
            format!("the row is longer than {} bytes; only its beginning is kept here", self.limit)
        };
        rejects.push(Reject::new(line, reason, std::mem::take(block)));
        while !self.ended {
            block.clear();
            self.fill(block)?;
            if let Some(at) = memchr::memchr(self.terminator, block) {
                block.drain(..=at);
                return Ok(());
            }
        }
        block.clear();
        Ok(())
    }

    fn fill(&mut self, block: &mut Vec<u8>) -> Result<(), Error> {
        let read = self.reader.by_ref().take(BLOCK as u64).read_to_end(block);
        let read = read.map_err(|cause| Error::Io { name: self.name.clone(), cause })?;
        self.ended = read < BLOCK;
        Ok(())
    }
}

impl Blocks for Framer {
    fn next(&mut self) -> Result<Option<Block>, Error> {
        let mut block = std::mem::take(&mut self.carry);
        let mut rejects = Vec::new();
        block.reserve(BLOCK + 1);
        loop {
            if !self.ended {
                self.fill(&mut block)?;
            }
            if block.is_empty() {
                let line = self.line;
                return Ok((!rejects.is_empty()).then_some(Block::Text { bytes: block, line, rejects }));
            }
            if let Some(end) = last_end(&block, self.delimiter, self.terminator, self.ended) {
                self.carry = block[end..].to_vec();
                block.truncate(end);
                let line = self.line;
                self.line += memchr::memchr_iter(self.terminator, &block).count() as u64;
                return Ok(Some(Block::Text { bytes: block, line, rejects }));
            }
            if self.ended || block.len() > self.limit {
                self.refuse_line(&mut block, &mut rejects)?;
            }
        }
    }
}

/// Finds the encoding, the delimiter and the header of a CSV file.
///
/// # Errors
/// [`Error`] when the file cannot be read, has no rows or too many columns.
pub fn inspect(input: &Input, options: &Options) -> Result<Layout, Error> {
    let (encoding, note) = encoding::detect(input, options.encoding.as_deref())?;
    let mut head = Vec::new();
    let mut reader = encoding::open(input, encoding)?.take(BLOCK as u64);
    reader.read_to_end(&mut head).map_err(|cause| super::io(input, cause))?;
    let whole = head.len() < BLOCK;
    let terminator = if head.contains(&b'\n') || !head.contains(&b'\r') { b'\n' } else { b'\r' };
    if !whole && !head.contains(&terminator) {
        return Err(Error::Damaged {
            name: input.name().to_owned(),
            format: "CSV",
            what: "its first mebibyte has no line end".to_owned(),
        });
    }
    let mut notes: Vec<String> = note.into_iter().collect();
    let mut skip = 0;
    let mut first_line = 1;
    // Excel's own hint: `sep=;` in the first line.
    let mut hinted = None;
    if let Some(rest) = head.strip_prefix(b"sep=")
        && let [byte, b'\n', ..] | [byte, b'\r', b'\n', ..] = rest
    {
        hinted = Some(*byte);
        skip = memchr::memchr(b'\n', &head).map_or(0, |at| at + 1);
        first_line = 2;
    }
    let delimiter =
        options.delimiter.or(hinted).unwrap_or_else(|| sniff_delimiter(&head[skip..], terminator));
    let rows = sample(&head[skip..], delimiter, terminator, first_line, 50);
    let Some(chosen) = header::choose(rows.iter().map(|row| row.cells.as_slice())) else {
        return Err(Error::Empty { name: input.name().to_owned() });
    };
    let row = &rows[chosen];
    if row.cells.len() > options.limits.columns {
        return Err(Error::TooWide {
            name: input.name().to_owned(),
            columns: row.cells.len(),
            line: row.line,
            limit: options.limits.columns,
        });
    }
    if chosen > 0 {
        notes.push(format!("the header is in line {}; what stands above it was left out", row.line));
    }
    let header_text = String::from_utf8_lossy(&head[skip + row.start..skip + row.end]).into_owned();
    let header = header::names(row.cells.iter().map(String::as_str), &mut notes);
    Ok(Layout {
        format: Format::Csv,
        encoding,
        delimiter,
        terminator,
        header,
        header_text,
        skip: (skip + row.next) as u64,
        first_line: row.line + row.lines,
        sheet: None,
        notes,
    })
}

struct SampleRow {
    line: u64,
    /// Physical lines of the row.
    lines: u64,
    start: usize,
    end: usize,
    next: usize,
    cells: Vec<String>,
}

/// The first rows that are not blank, whatever their width.
fn sample(bytes: &[u8], delimiter: u8, terminator: u8, first_line: u64, most: usize) -> Vec<SampleRow> {
    let mut rows = Vec::new();
    let (mut at, mut line) = (0, first_line);
    let mut raw = Vec::new();
    while at < bytes.len() && rows.len() < most {
        raw.clear();
        let mut found = record(bytes, at, delimiter, terminator, Some(&mut raw));
        if found.open {
            // Read the line as if the mark were a letter.
            let end = memchr::memchr(terminator, &bytes[at..]).map_or(bytes.len(), |hop| at + hop);
            found.next = (end + 1).min(bytes.len());
            found.end = end;
            raw = vec![RawCell { start: at, end, writing: Writing::Plain }];
        }
        let lines = memchr::memchr_iter(terminator, &bytes[at..found.next]).count() as u64;
        let cells: Vec<String> = raw
            .iter()
            .map(|cell| {
                let text = String::from_utf8_lossy(&bytes[cell.start..cell.end]);
                let mut out = String::new();
                if cell.writing == Writing::Escaped {
                    rewrite(&text, &mut out)
                } else {
                    out.push_str(&text)
                }
                out.trim().to_owned()
            })
            .collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            rows.push(SampleRow { line, lines, start: at, end: found.end, next: found.next, cells });
        }
        at = found.next;
        line += lines;
    }
    rows
}

/// The delimiter under which most rows have as many cells as the header.
fn sniff_delimiter(head: &[u8], terminator: u8) -> u8 {
    let head = &head[..head.len().min(128 << 10)];
    let mut best = (0.0, b',');
    for delimiter in *b",;\t|" {
        let rows = sample(head, delimiter, terminator, 1, 50);
        let Some(chosen) = header::choose(rows.iter().map(|row| row.cells.as_slice())) else { continue };
        let width = rows[chosen].cells.len();
        let rest = &rows[chosen..];
        let share = rest.iter().filter(|row| row.cells.len() == width).count() as f64 / rest.len() as f64;
        let score = if width > 1 { share * (1.0 + 0.1 * width.min(10) as f64) } else { 0.0 };
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// Cuts a block into cells; rows that do not fit the header are rejected.
pub fn cut(bytes: Vec<u8>, line: u64, rejects: Vec<Reject>, layout: &Layout) -> Chunk {
    let mut chunk =
        Chunk { width: layout.header.len(), rejects, bytes: bytes.len() as u64, ..Chunk::default() };
    let quoted = memchr::memchr(b'"', &bytes).is_some();
    let (text, broken) = to_text(bytes);
    chunk.text = text;
    let guess = chunk.text.len() / 64;
    chunk.lines.reserve(guess);
    chunk.originals.reserve(guess);
    chunk.cells.reserve(guess * chunk.width.min(32));
    if quoted {
        cut_quoted(&mut chunk, line, layout);
    } else {
        cut_plain(&mut chunk, line, layout);
    }
    if let Some(original) = broken {
        reject_broken(&mut chunk, &original);
    }
    chunk
}

fn cut_plain(chunk: &mut Chunk, mut line: u64, layout: &Layout) {
    let (width, terminator) = (chunk.width, layout.terminator);
    let text = std::mem::take(&mut chunk.text);
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut row = 0;
    let mut first = chunk.cells.len();
    let ending = (!bytes.ends_with(&[terminator])).then_some(bytes.len());
    for stop in memchr::memchr2_iter(layout.delimiter, terminator, bytes).chain(ending) {
        let ends = stop == bytes.len() || bytes[stop] == terminator;
        let mut end = stop;
        if ends && terminator == b'\n' && end > start && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        chunk.cells.push(Span { start: start as u32, end: end as u32 });
        start = stop + 1;
        if !ends {
            continue;
        }
        let count = chunk.cells.len() - first;
        // A row of nothing but delimiters is blank.
        let blank = end - row == count - 1;
        if count == width && !blank {
            chunk.lines.push(line);
            chunk.originals.push(Span { start: row as u32, end: end as u32 });
        } else if blank {
            chunk.cells.truncate(first);
        } else {
            fit(chunk, first, line, &text, row, end);
        }
        first = chunk.cells.len();
        row = start;
        line += 1;
    }
    chunk.text = text;
}

fn cut_quoted(chunk: &mut Chunk, mut line: u64, layout: &Layout) {
    let (delimiter, terminator) = (layout.delimiter, layout.terminator);
    let text = std::mem::take(&mut chunk.text);
    let bytes = text.as_bytes();
    let mut extra = String::new();
    let mut raw = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        raw.clear();
        let found = record(bytes, at, delimiter, terminator, Some(&mut raw));
        let newlines = memchr::memchr_iter(terminator, &bytes[at..found.next]).count() as u64;
        // A quoted row over several lines that does not fit was opened by mistake: give up its first line only.
        if found.open || (newlines > 1 && (found.messy || raw.len() != chunk.width)) {
            let end = memchr::memchr(terminator, &bytes[at..]).map_or(bytes.len(), |hop| at + hop);
            let reason = "a quotation mark opens in this line and is not closed where a cell ends; close it or double it";
            chunk.rejects.push(Reject::new(line, reason, &bytes[at..end]));
            at = end + 1;
            line += 1;
            continue;
        }
        let first = chunk.cells.len();
        for cell in &raw {
            let span = if cell.writing == Writing::Escaped {
                let start = text.len() + extra.len();
                rewrite(text.get(cell.start..cell.end).unwrap_or_default(), &mut extra);
                Span { start: start as u32, end: (text.len() + extra.len()) as u32 }
            } else {
                Span { start: cell.start as u32, end: cell.end as u32 }
            };
            chunk.cells.push(span);
        }
        if raw.iter().all(|cell| cell.start == cell.end) {
            chunk.cells.truncate(first);
        } else if raw.len() == chunk.width {
            chunk.lines.push(line);
            chunk.originals.push(Span { start: at as u32, end: found.end as u32 });
        } else {
            fit(chunk, first, line, &text, at, found.end);
        }
        at = found.next;
        line += newlines;
    }
    chunk.text = text;
    chunk.text.push_str(&extra);
}

/// A row with another number of cells than the header: surplus empty ones are cut off, else it is rejected.
fn fit(chunk: &mut Chunk, first: usize, line: u64, text: &str, start: usize, end: usize) {
    let width = chunk.width;
    let count = chunk.cells.len() - first;
    if count > width && chunk.cells[first + width..].iter().all(|cell| cell.start == cell.end) {
        chunk.cells.truncate(first + width);
        chunk.lines.push(line);
        chunk.originals.push(Span { start: start as u32, end: end as u32 });
        return;
    }
    chunk.cells.truncate(first);
    let plural = if count == 1 { "cell" } else { "cells" };
    let reason = format!(
        "has {count} {plural}, the header has {width}; a delimiter is missing, or one too many is not quoted"
    );
    chunk.rejects.push(Reject::new(line, reason, &text.as_bytes()[start..end.max(start)]));
}

/// The bytes as text. Bytes that are not UTF-8 are blotted out, and the original comes along.
pub(super) fn to_text(bytes: Vec<u8>) -> (String, Option<Vec<u8>>) {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return (text, None),
        Err(error) => error,
    };
    let original = error.into_bytes();
    let mut blotted = original.clone();
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&blotted[at..]) {
        let start = at + error.valid_up_to();
        let length = error.error_len().unwrap_or(blotted.len() - start);
        blotted[start..start + length].fill(BLOT);
        at = start + length;
    }
    (String::from_utf8_lossy(&blotted).into_owned(), Some(original))
}

/// Stands for a byte that is not UTF-8 until its row is rejected.
const BLOT: u8 = 0x1a;

/// Moves the rows with blotted bytes to the rejects, with their original bytes.
pub(super) fn reject_broken(chunk: &mut Chunk, original: &[u8]) {
    let width = chunk.width;
    let (mut kept, mut cells) = (0, 0);
    for row in 0..chunk.lines.len() {
        let span = chunk.originals[row];
        let (start, end) = (span.start as usize, span.end as usize);
        let bytes = &original[start..end];
        if std::str::from_utf8(bytes).is_err() {
            let reason =
                "has bytes that are not UTF-8; say encoding=windows-1252 (or what it is) to read them";
            chunk.rejects.push(Reject::new(chunk.lines[row], reason, bytes));
            continue;
        }
        chunk.lines[kept] = chunk.lines[row];
        chunk.originals[kept] = span;
        chunk.cells.copy_within(row * width..(row + 1) * width, cells);
        kept += 1;
        cells += width;
    }
    chunk.lines.truncate(kept);
    chunk.originals.truncate(kept);
    chunk.cells.truncate(cells);
}
