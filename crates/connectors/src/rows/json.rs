//! JSON lines, and one JSON array of objects. Nested objects become columns with points: `plan.amount`.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::csv::{reject_broken, to_text};
use super::{Block, Blocks, Chunk, Layout, Span, encoding};
use crate::error::{Error, Reject};
use crate::input::Input;
use crate::options::{Format, Limits, Options};

/// How deep nested objects are spread into columns; what is deeper stays JSON text.
const DEPTH: usize = 4;
/// How many objects are looked at for column names.
const LOOKED_AT: usize = 5000;

/// Finds the columns of a JSON file: the keys of its first objects, in the order in which they appear.
///
/// # Errors
/// [`Error`] when the file cannot be read, holds no objects or too many keys.
pub fn inspect(input: &Input, options: &Options, format: Format) -> Result<Layout, Error> {
    let (encoding, note) = encoding::detect(input, options.encoding.as_deref())?;
    let mut layout = Layout {
        format,
        encoding,
        delimiter: 0,
        terminator: b'\n',
        header: Vec::new(),
        header_text: String::new(),
        skip: 0,
        first_line: 1,
        sheet: None,
        notes: note.into_iter().collect(),
    };
    let mut header: Vec<String> = Vec::new();
    let mut seen = HashMap::new();
    let mut objects = 0;
    let mut look = |text: &[u8]| {
        let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(text) else { return };
        objects += 1;
        let mut add = |path: &str, _: &Value| {
            if !seen.contains_key(path) {
                seen.insert(path.to_owned(), header.len());
                header.push(path.to_owned());
            }
        };
        spread(&mut String::new(), &object, 0, &mut add);
    };
    if format == Format::Json {
        let mut elements = Elements::open(input, &layout, options.limits)?;
        for _ in 0..LOOKED_AT {
            match elements.element()? {
                Some((_, text)) => look(&text),
                None => break,
            }
        }
    } else {
        let mut head = Vec::new();
        let reader = encoding::open(input, encoding)?;
        reader.take(4 << 20).read_to_end(&mut head).map_err(|cause| super::io(input, cause))?;
        for line in head.split(|b| *b == b'\n').take(LOOKED_AT) {
            look(line);
        }
    }
    if objects == 0 {
        return Err(Error::Damaged {
            name: input.name().to_owned(),
            format: format.label(),
            what: "it holds no JSON objects; write one object in each line, or one array of objects"
                .to_owned(),
        });
    }
    if header.len() > options.limits.columns {
        return Err(Error::TooWide {
            name: input.name().to_owned(),
            columns: header.len(),
            line: 1,
            limit: options.limits.columns,
        });
    }
    layout.header = header;
    Ok(layout)
}

/// Calls `each` with the path and the value of everything that is not an object.
fn spread<'a>(
    path: &mut String,
    object: &'a serde_json::Map<String, Value>,
    depth: usize,
    each: &mut impl FnMut(&str, &'a Value),
) {
    for (key, value) in object {
        let length = path.len();
        if length > 0 {
            path.push('.');
        }
        path.push_str(key);
        match value {
            Value::Object(inner) if depth + 1 < DEPTH && !inner.is_empty() => {
                spread(path, inner, depth + 1, each)
            }
            _ => each(path, value),
        }
        path.truncate(length);
    }
}

/// Turns JSON text into rows.
struct Rows<'a> {
    columns: HashMap<&'a str, usize>,
    row: Vec<Span>,
}

impl<'a> Rows<'a> {
    fn new(header: &'a [String]) -> Self {
        let columns = header.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
        Self { columns, row: Vec::new() }
    }

    /// Adds the row of one object to the chunk, or says why it is none.
    fn add(&mut self, chunk: &mut Chunk, line: u64, text: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("is not JSON: {e}"))?;
        let Value::Object(object) = value else {
            return Err("is not a JSON object".to_owned());
        };
        self.row.clear();
        self.row.resize(self.columns.len(), Span { start: 0, end: 0 });
        let mut each = |path: &str, value: &Value| {
            let Some(&column) = self.columns.get(path) else { return };
            let start = chunk.text.len() as u32;
            match value {
                Value::Null => {}
                Value::String(text) => chunk.text.push_str(text),
                Value::Object(inner) if inner.is_empty() => {}
                other => chunk.text.push_str(&other.to_string()),
            }
            self.row[column] = Span { start, end: chunk.text.len() as u32 };
        };
        spread(&mut String::new(), &object, 0, &mut each);
        chunk.cells.extend_from_slice(&self.row);
        chunk.lines.push(line);
        Ok(())
    }
}

/// Cuts a block of JSON lines into rows.
pub fn cut(bytes: Vec<u8>, first: u64, rejects: Vec<Reject>, layout: &Layout) -> Chunk {
    let mut chunk =
        Chunk { width: layout.header.len(), rejects, bytes: bytes.len() as u64, ..Chunk::default() };
    let (text, broken) = to_text(bytes);
    chunk.text = text.clone();
    let mut rows = Rows::new(&layout.header);
    let mut at = 0;
    for (index, line) in text.split('\n').enumerate() {
        let (start, number) = (at, first + index as u64);
        at += line.len() + 1;
        if line.trim().is_empty() {
            continue;
        }
        match rows.add(&mut chunk, number, line.trim()) {
            Ok(()) => chunk.originals.push(Span { start: start as u32, end: (start + line.len()) as u32 }),
            Err(reason) => {
                let source = broken.as_deref().unwrap_or(text.as_bytes());
                let bytes = source.get(start..start + line.len()).unwrap_or_default();
                chunk.rejects.push(Reject::new(number, reason, bytes));
            }
        }
    }
    if let Some(original) = broken {
        reject_broken(&mut chunk, &original);
    }
    chunk
}

/// The elements of one JSON array, found without unpacking them.
pub struct Elements {
    name: String,
    reader: Box<dyn Read + Send>,
    header: Vec<String>,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    /// Elements handed out.
    count: u64,
    begun: bool,
    done: bool,
    limit: usize,
}

impl Elements {
    /// The elements of a file from the first.
    pub fn open(input: &Input, layout: &Layout, limits: Limits) -> Result<Self, Error> {
        Ok(Self {
            name: input.name().to_owned(),
            reader: encoding::open(input, layout.encoding)?,
            header: layout.header.clone(),
            buffer: Vec::new(),
            at: 0,
            ended: false,
            count: 0,
            begun: false,
            done: false,
            limit: limits.row_bytes,
        })
    }

    fn damaged(&self, what: &str) -> Error {
        Error::Damaged {
            name: self.name.clone(),
            format: "JSON",
            what: format!("{what} after element {}", self.count),
        }
    }

    /// Reads more; false at the end of the file.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let read = self.reader.by_ref().take(256 << 10).read_to_end(&mut self.buffer);
        let read = read.map_err(|cause| Error::Io { name: self.name.clone(), cause })?;
        self.ended = read == 0;
        Ok(!self.ended)
    }

    /// The next byte that is not blank or a comma, without taking it.
    fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            while let Some(byte) = self.buffer.get(self.at) {
                if !byte.is_ascii_whitespace() && *byte != b',' {
                    return Ok(Some(*byte));
                }
                self.at += 1;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next element and its place from 1.
    fn element(&mut self) -> Result<Option<(u64, Vec<u8>)>, Error> {
        if self.done {
            return Ok(None);
        }
        if !self.begun {
            if self.peek()? != Some(b'[') {
                return Err(self.damaged("there is no array"));
            }
            self.at += 1;
            self.begun = true;
        }
        match self.peek()? {
            None => return Err(self.damaged("the array does not end")),
            Some(b']') => {
                self.done = true;
                return Ok(None);
            }
            Some(_) => {}
        }
        let mut scan = Scan::default();
        let mut length = 0;
        loop {
            while let Some(byte) = self.buffer.get(self.at + length) {
                if scan.ends_before(*byte) {
                    if length == 0 {
                        return Err(self.damaged("a bracket closes that nothing opened"));
                    }
                    let element = self.buffer[self.at..self.at + length].to_vec();
                    self.at += length;
                    self.count += 1;
                    return Ok(Some((self.count, element)));
                }
                length += 1;
            }
            if length > self.limit {
                return Err(self.damaged(&format!("an element of more than {} bytes stands", self.limit)));
            }
            if !self.fill()? {
                return Err(self.damaged("the array does not end"));
            }
        }
    }
}

/// Where in an element the scan is.
#[derive(Default)]
struct Scan {
    depth: usize,
    text: bool,
    escape: bool,
    closed: bool,
}

impl Scan {
    /// Takes one byte; true when the element ended before it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.closed {
            return true;
        }
        if self.text {
            match byte {
                _ if self.escape => self.escape = false,
                b'\\' => self.escape = true,
                b'"' => self.text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth == 0 => return true,
            b'}' | b']' => {
                self.depth -= 1;
                self.closed = self.depth == 0;
            }
            b',' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }
}

impl Blocks for Elements {
    fn next(&mut self) -> Result<Option<Block>, Error> {
        let mut chunk = Chunk { width: self.header.len(), ..Chunk::default() };
        let header = std::mem::take(&mut self.header);
        let mut rows = Rows::new(&header);
        while chunk.text.len() < 1 << 20 && chunk.bytes < 1 << 20 && chunk.lines.len() < 16_384 {
            let Some((place, bytes)) = self.element()? else { break };
            chunk.bytes += bytes.len() as u64 + 1;
            let added = match std::str::from_utf8(&bytes) {
                Ok(text) => rows.add(&mut chunk, place, text.trim()),
                Err(_) => Err("has bytes that are not UTF-8".to_owned()),
            };
            if let Err(reason) = added {
                chunk.rejects.push(Reject::new(place, reason, bytes));
            } else {
                let start = chunk.text.len() as u32;
                chunk.text.push_str(&String::from_utf8_lossy(&bytes));
                chunk.originals.push(Span { start, end: chunk.text.len() as u32 });
            }
        }
        drop(rows);
        self.header = header;
        Ok((chunk.bytes > 0).then_some(Block::Ready(chunk)))
    }
}
