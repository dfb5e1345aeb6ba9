//! Parquet files. Values become text in their plainest form, so that one set of rules reads all formats.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Block, Blocks, Chunk, Layout, header};
use crate::error::{Error, Reject};
use crate::input::Input;
use crate::options::{Format, Options};

const BATCH: usize = 8192;

fn damaged(input: &Input, what: impl ToString) -> Error {
    Error::Damaged { name: input.name().to_owned(), format: "Parquet", what: what.to_string() }
}

/// Runs the format's reader; where it panics over a damaged file, that is an error like any other.
fn guarded<T>(input: &Input, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(damaged(input, "its pages contradict its footer")))
}

fn builder(input: &Input) -> Result<ParquetRecordBatchReaderBuilder<Input>, Error> {
    guarded(input, || ParquetRecordBatchReaderBuilder::try_new(input.clone()).map_err(|e| damaged(input, e)))
}

/// Takes the columns from the file's schema.
///
/// # Errors
/// [`Error`] when the footer cannot be read, or there are no rows or too many columns.
pub fn inspect(input: &Input, options: &Options) -> Result<Layout, Error> {
    let builder = builder(input)?;
    let mut notes = Vec::new();
    let names = builder.schema().fields().iter().map(|field| field.name().as_str());
    let header = header::names(names, &mut notes);
    if header.len() > options.limits.columns {
        return Err(Error::TooWide {
            name: input.name().to_owned(),
            columns: header.len(),
            line: 0,
            limit: options.limits.columns,
        });
    }
    if builder.metadata().file_metadata().num_rows() == 0 {
        return Err(Error::Empty { name: input.name().to_owned() });
    }
    Ok(Layout {
        format: Format::Parquet,
        encoding: encoding_rs::UTF_8,
        delimiter: 0,
        terminator: b'\n',
        header,
        header_text: String::new(),
        skip: 0,
        first_line: 1,
        sheet: None,
        notes,
    })
}

/// The row groups of a file, a batch at a time.
pub struct Batches {
    input: Input,
    reader: ParquetRecordBatchReader,
    line: u64,
}

impl Batches {
    /// The batches from the first row.
    pub fn open(input: &Input, _layout: &Layout) -> Result<Self, Error> {
        let builder = builder(input)?.with_batch_size(BATCH);
        let reader = guarded(input, || builder.build().map_err(|e| damaged(input, e)))?;
        Ok(Self { input: input.clone(), reader, line: 1 })
    }
}

impl Blocks for Batches {
    fn next(&mut self) -> Result<Option<Block>, Error> {
        let Self { input, reader, line } = self;
        let next = guarded(input, || reader.next().transpose().map_err(|e| damaged(input, e)))?;
        Ok(next.map(|batch| {
            let first = *line;
            *line += batch.num_rows() as u64;
            Block::Batch { batch, line: first }
        }))
    }
}

/// Writes the columns of a batch as text cells.
pub fn cut(batch: &RecordBatch, first: u64) -> Chunk {
    use std::fmt::Write;
    let options = FormatOptions::default().with_display_error(false);
    let rows = batch.num_rows();
    let mut chunk =
        Chunk { width: batch.num_columns(), bytes: batch.get_array_memory_size() as u64, ..Chunk::default() };
    let formatters: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect();
    let mut cell = String::new();
    for row in 0..rows {
        let line = first + row as u64;
        let begin = chunk.cells.len();
        let mut wrong = None;
        for (column, formatter) in formatters.iter().enumerate() {
            cell.clear();
            let written = match formatter {
                Ok(formatter) => write!(cell, "{}", formatter.value(row))
                    .map_err(|_| "cannot be written as text".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = written {
                let name = batch.schema_ref().field(column).name();
                wrong.get_or_insert(format!("{name}: {error}"));
            }
            chunk.push_cell(&cell);
        }
        match wrong {
            None => chunk.lines.push(line),
            Some(reason) => {
                chunk.cells.truncate(begin);
                chunk.rejects.push(Reject::new(line, reason, Vec::new()));
            }
        }
    }
    chunk
}
