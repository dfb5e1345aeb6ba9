//! From the bytes of a file to rows of text cells, whatever the format.
//!
//! One thread frames the file into [`Block`]s of whole rows; any thread turns a block into a [`Chunk`].

pub mod csv;
pub mod encoding;
pub mod excel;
pub mod header;
pub mod json;
pub mod parquet;

use crate::error::{Error, Reject};
use crate::input::Input;
use crate::options::{Format, Limits, Options};

/// The place of a cell in [`Chunk::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte after the cell.
    pub end: u32,
}

/// Rows of cells, all of the header's width.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The text that spans point into.
    pub text: String,
    /// The cells, row after row.
    pub cells: Vec<Span>,
    /// Cells in a row.
    pub width: usize,
    /// The line where each row begins.
    pub lines: Vec<u64>,
    /// Where the original of each row stands in `text`; empty where the format has no text of its own.
    pub originals: Vec<Span>,
    /// Rows that could not be cut into cells.
    pub rejects: Vec<Reject>,
    /// Bytes of the file that the chunk covers.
    pub bytes: u64,
}

impl Chunk {
    /// Rows that were cut into cells.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The cell's text without blanks around it.
    #[inline]
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.slice(self.cells[row * self.width + column])
    }

    #[inline]
    fn slice(&self, span: Span) -> &str {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        match (text.as_bytes().first(), text.as_bytes().last()) {
            (Some(b'!'..=b'~'), Some(b'!'..=b'~')) | (None, _) => text,
            _ => text.trim(),
        }
    }

    /// Appends a cell to the row in work.
    pub fn push_cell(&mut self, text: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.cells.push(Span { start, end: self.text.len() as u32 });
    }

    /// The row as it came, or as a JSON object of its cells where the format has no text of its own.
    pub fn original(&self, row: usize, header: &[String]) -> Vec<u8> {
        if let Some(span) = self.originals.get(row) {
            let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
            return text.as_bytes().to_vec();
        }
        let object: serde_json::Map<String, serde_json::Value> = header
            .iter()
            .enumerate()
            .filter(|(column, _)| *column < self.width)
            .map(|(column, name)| (name.clone(), self.cell(row, column).into()))
            .collect();
        serde_json::to_vec(&object).unwrap_or_default()
    }
}

/// A piece of the file that holds whole rows.
#[derive(Debug)]
pub enum Block {
    /// Text that is still to be cut into cells.
    Text {
        /// UTF-8, or nearly.
        bytes: Vec<u8>,
        /// The line of the first byte; the place of the first element of a JSON array.
        line: u64,
        /// Rows that the framing already refused.
        rejects: Vec<Reject>,
    },
    /// Rows that the format's reader cut already.
    Ready(Chunk),
    /// Columns of a Parquet file that are still to be written as text.
    Batch {
        /// The columns.
        batch: arrow::record_batch::RecordBatch,
        /// The place of the first row in the file, from 1.
        line: u64,
    },
}

/// Hands out the blocks of a file in order.
pub trait Blocks: Send {
    /// The next block, `None` at the end.
    fn next(&mut self) -> Result<Option<Block>, Error>;
}

/// How a file is laid out: all that is needed to read its rows again from the beginning.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The format.
    pub format: Format,
    /// The encoding of text formats.
    pub encoding: &'static encoding_rs::Encoding,
    /// The delimiter of CSV.
    pub delimiter: u8,
    /// The byte that ends a line of CSV: `\n`, or `\r` for files of old.
    pub terminator: u8,
    /// The names of the columns, unique.
    pub header: Vec<String>,
    /// The text of the header line, to put before rows that are replayed; empty for formats with names in each row.
    pub header_text: String,
    /// Decoded bytes before the first row (CSV), or rows before it (Excel).
    pub skip: u64,
    /// The line of the first row.
    pub first_line: u64,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// What a person should know about how the file was read.
    pub notes: Vec<String>,
}

/// Finds out the layout of a file.
///
/// # Errors
/// [`Error`] when the file cannot be read, is empty, is damaged or is too wide.
pub fn inspect(input: &Input, options: &Options) -> Result<Layout, Error> {
    let head = input.head(64 << 10).map_err(|cause| io(input, cause))?;
    if head.is_empty() {
        return Err(Error::Empty { name: input.name().to_owned() });
    }
    let format = options.format.unwrap_or_else(|| sniff(&head, input.name()));
    match format {
        Format::Csv => csv::inspect(input, options),
        Format::JsonLines | Format::Json => json::inspect(input, options, format),
        Format::Parquet => parquet::inspect(input, options),
        Format::Excel => excel::inspect(input, options),
    }
}

/// Opens the rows of a file from the first one.
///
/// # Errors
/// [`Error`] when the file cannot be read or is damaged.
pub fn blocks(input: &Input, layout: &Layout, limits: Limits) -> Result<Box<dyn Blocks>, Error> {
    Ok(match layout.format {
        Format::Csv => Box::new(csv::Framer::open(input, layout, limits)?),
        Format::JsonLines => Box::new(csv::Framer::open_lines(input, layout, limits)?),
        Format::Json => Box::new(json::Elements::open(input, layout, limits)?),
        Format::Parquet => Box::new(parquet::Batches::open(input, layout)?),
        Format::Excel => Box::new(excel::Sheet::open(input, layout, limits)?),
    })
}

/// Cuts a block into rows of cells.
pub fn cut(block: Block, layout: &Layout) -> Chunk {
    match block {
        Block::Ready(chunk) => chunk,
        Block::Batch { batch, line } => parquet::cut(&batch, line),
        Block::Text { bytes, line, rejects } => match layout.format {
            Format::Json | Format::JsonLines => json::cut(bytes, line, rejects, layout),
            _ => csv::cut(bytes, line, rejects, layout),
        },
    }
}

/// The format from the first bytes and the name's ending.
fn sniff(head: &[u8], name: &str) -> Format {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let excel = matches!(ending.as_str(), "xlsx" | "xlsm" | "xlsb" | "xls" | "ods");
    if head.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    if head.starts_with(b"PK\x03\x04")
        || head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
        || (excel && head.contains(&0))
    {
        return Format::Excel;
    }
    let text = encoding::strip_bom(head);
    match text.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'[') if ending != "csv" => Format::Json,
        Some(b'{') => {
            // An object that ends in its first line is one of many; one over many lines is refused there with a reason.
            if ending == "csv" { Format::Csv } else { Format::JsonLines }
        }
        _ => Format::Csv,
    }
}

pub(crate) fn io(input: &Input, cause: std::io::Error) -> Error {
    Error::Io { name: input.name().to_owned(), cause }
}
