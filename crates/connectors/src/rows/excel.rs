//! Workbooks: xlsx cell by cell, older formats sheet by sheet. A thread of its own reads the sheet, so
//! that a damaged workbook can stop only that thread.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};

use calamine::{Data, DataRef, ExcelDateTime, Ods, Reader, Xls, Xlsb, Xlsx};
use jiff::civil::Date;

use super::{Block, Blocks, Chunk, Layout, header};
use crate::error::{Error, Reject};
use crate::input::{Input, ReadSeek};
use crate::options::{Format, Limits, Options};

type Stream = Box<dyn ReadSeek>;

enum Workbook {
    Xlsx(Box<Xlsx<Stream>>),
    Xls(Box<Xls<Stream>>),
    Xlsb(Box<Xlsb<Stream>>),
    Ods(Box<Ods<Stream>>),
}

fn damaged(input: &Input, what: impl ToString) -> Error {
    Error::Damaged { name: input.name().to_owned(), format: "Excel", what: what.to_string() }
}

fn open(input: &Input, limits: Limits) -> Result<Workbook, Error> {
    let size = input.size().map_err(|cause| super::io(input, cause))?;
    if size > limits.workbook_bytes {
        return Err(damaged(
            input,
            format!("workbooks of more than {} bytes are not read; save it as CSV", limits.workbook_bytes),
        ));
    }
    let head = input.head(4).map_err(|cause| super::io(input, cause))?;
    let stream = input.open().map_err(|cause| super::io(input, cause))?;
    let name = input.name().to_ascii_lowercase();
    let wrong = |e: String| damaged(input, e);
    Ok(if head.starts_with(&[0xd0, 0xcf]) {
        Workbook::Xls(Box::new(Xls::new(stream).map_err(|e| wrong(e.to_string()))?))
    } else if name.ends_with(".xlsb") {
        Workbook::Xlsb(Box::new(Xlsb::new(stream).map_err(|e| wrong(e.to_string()))?))
    } else if name.ends_with(".ods") {
        Workbook::Ods(Box::new(Ods::new(stream).map_err(|e| wrong(e.to_string()))?))
    } else {
        Workbook::Xlsx(Box::new(Xlsx::new(stream).map_err(|e| wrong(e.to_string()))?))
    })
}

/// One row: its place from 0, and its filled cells by column.
type Row<'a> = (u32, &'a [(u32, String)]);

impl Workbook {
    fn sheets(&self) -> Vec<String> {
        match self {
            Workbook::Xlsx(book) => book.sheet_names(),
            Workbook::Xls(book) => book.sheet_names(),
            Workbook::Xlsb(book) => book.sheet_names(),
            Workbook::Ods(book) => book.sheet_names(),
        }
    }

    /// Calls `each` with the rows that have filled cells, from the top, until it breaks.
    fn rows(&mut self, sheet: &str, each: &mut dyn FnMut(Row) -> ControlFlow<()>) -> Result<(), String> {
        let range = match self {
            Workbook::Xlsx(book) => return xlsx_rows(book, sheet, each),
            Workbook::Xls(book) => book.worksheet_range(sheet).map_err(|e| e.to_string())?,
            Workbook::Xlsb(book) => book.worksheet_range(sheet).map_err(|e| e.to_string())?,
            Workbook::Ods(book) => book.worksheet_range(sheet).map_err(|e| e.to_string())?,
        };
        let (top, left) = range.start().unwrap_or((0, 0));
        let mut cells = Vec::new();
        for (index, row) in range.rows().enumerate() {
            cells.clear();
            for (column, data) in row.iter().enumerate() {
                if let Some(text) = owned_text(data) {
                    cells.push((left + column as u32, text));
                }
            }
            if !cells.is_empty() && each((top + index as u32, &cells)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn xlsx_rows(
    book: &mut Xlsx<Stream>,
    sheet: &str,
    each: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> Result<(), String> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(|e| e.to_string())?;
    let mut cells: Vec<(u32, String)> = Vec::new();
    let mut current = 0;
    while let Some(cell) = reader.next_cell().map_err(|e| e.to_string())? {
        let (row, column) = cell.get_position();
        if row != current {
            if !cells.is_empty() && each((current, &cells)).is_break() {
                return Ok(());
            }
            cells.clear();
            current = row;
        }
        if let Some(text) = text_of(cell.get_value()) {
            cells.push((column, text));
        }
    }
    if !cells.is_empty() {
        let _ = each((current, &cells));
    }
    Ok(())
}

fn text_of(data: &DataRef) -> Option<String> {
    Some(match data {
        DataRef::Empty => return None,
        DataRef::Int(value) => value.to_string(),
        DataRef::Float(value) => value.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(at) => date_text(at),
        DataRef::Error(error) => format!("{error:?}"),
    })
    .filter(|text| !text.trim().is_empty())
}

fn owned_text(data: &Data) -> Option<String> {
    Some(match data {
        Data::Empty => return None,
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(at) => date_text(at),
        Data::Error(error) => format!("{error:?}"),
    })
    .filter(|text| !text.trim().is_empty())
}

/// `2025-12-31` or `2025-12-31 10:00:00`, to the nearest second as Excel shows it.
fn date_text(at: &ExcelDateTime) -> String {
    let serial = at.as_f64();
    if !at.is_datetime() || !(1.0..3_000_000.0).contains(&serial) {
        return serial.to_string();
    }
    let (year, month, day, ..) = at.to_ymd_hms_milli();
    let seconds = (serial.fract() * 86_400.0).round() as i64;
    let Ok(mut date) = Date::new(year as i16, month as i8, day as i8) else { return serial.to_string() };
    if seconds >= 86_400 {
        // The last half second of a day belongs to the next one.
        date = date.tomorrow().unwrap_or(date);
    }
    match seconds % 86_400 {
        0 => date.to_string(),
        s => format!("{date} {:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
    }
}

/// Runs on a thread of its own, so that a panic of the format's reader becomes an error.
fn apart<T: Send + 'static>(
    input: &Input,
    run: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    std::thread::spawn(run).join().unwrap_or_else(|_| Err(damaged(input, "its parts contradict each other")))
}

/// Finds the sheet and its header.
///
/// # Errors
/// [`Error`] when the workbook cannot be read, has no such sheet, or the sheet is empty or too wide.
pub fn inspect(input: &Input, options: &Options) -> Result<Layout, Error> {
    let (owned, options) = (input.clone(), options.clone());
    apart(input, move || inspect_here(&owned, &options))
}

fn inspect_here(input: &Input, options: &Options) -> Result<Layout, Error> {
    let mut book = open(input, options.limits)?;
    let sheets = book.sheets();
    let sheet = match &options.sheet {
        None => sheets.first().cloned().ok_or_else(|| Error::Empty { name: input.name().to_owned() })?,
        Some(name) => sheets
            .iter()
            .find(|sheet| sheet.to_lowercase() == name.to_lowercase())
            .cloned()
            .ok_or_else(|| {
                Error::Option(format!("{} has no sheet {name:?}; it has {}", input.name(), sheets.join(", ")))
            })?,
    };
    let mut notes = Vec::new();
    if sheets.len() > 1 && options.sheet.is_none() {
        notes
            .push(format!("read the first sheet, {sheet:?}; sheet=… reads another of {}", sheets.join(", ")));
    }
    let limit = options.limits.columns;
    let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
    let mut wide = None;
    let read = book.rows(&sheet, &mut |(row, cells)| {
        let width = cells.last().map_or(0, |(column, _)| *column as usize + 1);
        if width > limit {
            wide.get_or_insert((row, width));
            return ControlFlow::Break(());
        }
        let mut texts = vec![String::new(); width];
        for (column, text) in cells {
            if let Some(slot) = texts.get_mut(*column as usize) {
                slot.clone_from(text);
            }
        }
        rows.push((row, texts));
        if rows.len() < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    read.map_err(|what| damaged(input, what))?;
    if let Some((row, columns)) = wide {
        return Err(Error::TooWide {
            name: input.name().to_owned(),
            columns,
            line: u64::from(row) + 1,
            limit,
        });
    }
    let chosen = header::choose(rows.iter().map(|(_, texts)| texts.as_slice()));
    let chosen = chosen.ok_or_else(|| Error::Empty { name: input.name().to_owned() })?;
    let (row, texts) = &rows[chosen];
    if chosen > 0 {
        notes.push(format!("the header is in row {}; what stands above it was left out", row + 1));
    }
    let header = header::names(texts.iter().map(String::as_str), &mut notes);
    Ok(Layout {
        format: Format::Excel,
        encoding: encoding_rs::UTF_8,
        delimiter: 0,
        terminator: b'\n',
        header,
        header_text: String::new(),
        skip: u64::from(*row) + 1,
        first_line: u64::from(*row) + 2,
        sheet: Some(sheet),
        notes,
    })
}

/// The rows of one sheet.
pub struct Sheet {
    input: Input,
    chunks: Receiver<Result<Option<Chunk>, Error>>,
    ended: bool,
}

impl Sheet {
    /// The rows after the header.
    pub fn open(input: &Input, layout: &Layout, limits: Limits) -> Result<Self, Error> {
        let (send, chunks) = sync_channel(2);
        let (owned, layout) = (input.clone(), layout.clone());
        std::thread::spawn(move || {
            let result = send_rows(&owned, &layout, limits, &|chunk| send.send(Ok(Some(chunk))).is_ok());
            let _ = send.send(result.map(|()| None));
        });
        Ok(Self { input: input.clone(), chunks, ended: false })
    }
}

fn send_rows(
    input: &Input,
    layout: &Layout,
    limits: Limits,
    send: &dyn Fn(Chunk) -> bool,
) -> Result<(), Error> {
    let width = layout.header.len();
    let empty = || Chunk { width, ..Chunk::default() };
    let mut chunk = empty();
    let mut book = open(input, limits)?;
    let read = book.rows(layout.sheet.as_deref().unwrap_or_default(), &mut |(row, cells)| {
        if u64::from(row) < layout.skip {
            return ControlFlow::Continue(());
        }
        let line = u64::from(row) + 1;
        let outside = cells.iter().find(|(column, _)| *column as usize >= width);
        if let Some((column, text)) = outside {
            let reason = format!(
                "has {} in column {}, the header has {width} columns",
                crate::value::quoted(text),
                column + 1
            );
            let texts: Vec<&str> = cells.iter().map(|(_, text)| text.as_str()).collect();
            chunk.rejects.push(Reject::new(line, reason, serde_json::to_vec(&texts).unwrap_or_default()));
        } else {
            let mut cells = cells.iter().peekable();
            for column in 0..width {
                let text =
                    cells.next_if(|(at, _)| *at as usize <= column).map_or("", |(_, text)| text.as_str());
                chunk.push_cell(text);
                chunk.bytes += text.len() as u64 + 1;
            }
            chunk.lines.push(line);
        }
        if chunk.lines.len() + chunk.rejects.len() >= 8192 || chunk.text.len() > 1 << 20 {
            let full = std::mem::replace(&mut chunk, empty());
            if !send(full) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    read.map_err(|what| damaged(input, what))?;
    if !chunk.lines.is_empty() || !chunk.rejects.is_empty() {
        send(chunk);
    }
    Ok(())
}

impl Blocks for Sheet {
    fn next(&mut self) -> Result<Option<Block>, Error> {
        if self.ended {
            return Ok(None);
        }
        match self.chunks.recv() {
            Ok(Ok(Some(chunk))) => Ok(Some(Block::Ready(chunk))),
            Ok(Ok(None)) => {
                self.ended = true;
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(damaged(&self.input, "its parts contradict each other")),
        }
    }
}
