//! A file on its way to record batches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use crate::error::{Error, Reject};
use crate::input::Input;
use crate::mapping;
use crate::options::{Format, Limits, Options};
use crate::plan::{self, Plan};
use crate::preview::Preview;
use crate::rows::{self, Block, Blocks, Chunk, Layout};
use crate::shape::{Lines, Mapper, Prepared};
use crate::table::Output;
use crate::typed::Typer;

/// Reads a file as rows of record tables, in the order of the file and in bounded memory.
///
/// It is an iterator of [`Output`]s; every row of the file is in exactly one of them, taken or rejected.
/// After an error nothing more comes.
pub struct Reader {
    plan: Arc<Plan>,
    source: Source,
    name: String,
    line: u64,
}

enum Source {
    Here { blocks: Box<dyn Blocks>, worker: Worker },
    Threads { lanes: VecDeque<Receiver<Result<Option<Output>, Error>>> },
    Ended,
}

/// A file that was looked at: its plan is made, its rows are still to be read.
pub(crate) struct Prepare {
    pub plan: Plan,
    pub sample: Chunk,
}

/// Looks at a file and makes the plan, with what is undecided in it.
pub(crate) fn look(input: &Input, options: &Options) -> Result<Prepare, Error> {
    let layout = rows::inspect(input, options)?;
    let mut blocks = rows::blocks(input, &layout, options.limits)?;
    let sample = match blocks.next()? {
        Some(block) => rows::cut(block, &layout),
        None => return Err(Error::Empty { name: input.name().to_owned() }),
    };
    let mut plan = mapping::plan(layout, &sample, options, input.name())?;
    let layout = plan.layout.clone();
    let mut chunks = chunks(input, &layout, options.limits)?;
    plan::decide(&mut plan, options.date, options.decimal, &mut *chunks)?;
    Ok(Prepare { plan, sample })
}

/// Hands out the chunks of a file, one at a call; `None` at its end.
type Chunks<'a> = Box<dyn FnMut() -> Result<Option<Chunk>, Error> + 'a>;

/// The chunks of a file from the beginning.
fn chunks<'a>(input: &Input, layout: &'a Layout, limits: Limits) -> Result<Chunks<'a>, Error> {
    let mut blocks = rows::blocks(input, layout, limits)?;
    Ok(Box::new(move || Ok(blocks.next()?.map(|block| rows::cut(block, layout)))))
}

/// The first pass over the file, for shapes that need one.
pub(crate) fn first_pass(input: &Input, plan: &Plan, limits: Limits) -> Result<Prepared, Error> {
    match plan.shape.prepare {
        Some(prepare) => prepare(plan, &mut *chunks(input, &plan.layout, limits)?),
        None => Ok(None),
    }
}

/// Turns blocks into outputs; one for each thread.
pub(crate) struct Worker {
    plan: Arc<Plan>,
    reads: Reads,
}

/// How a worker reads rows.
enum Reads {
    /// Cell by cell.
    Cells { typer: Typer, mapper: Box<dyn Mapper> },
    /// As JSON objects.
    Lines(Box<dyn Lines>),
}

impl Worker {
    pub fn new(plan: &Arc<Plan>, prepared: &Prepared) -> Self {
        let json = matches!(plan.layout.format, Format::Json | Format::JsonLines);
        let reads = match plan.shape.lines.filter(|_| json) {
            Some(lines) => Reads::Lines(lines(plan)),
            None => Reads::Cells { typer: Typer::new(plan), mapper: (plan.shape.mapper)(plan, prepared) },
        };
        Self { plan: plan.clone(), reads }
    }

    fn block(&mut self, block: Block) -> Output {
        match (&mut self.reads, block) {
            (Reads::Lines(lines), Block::Text { bytes, line, rejects }) => {
                map_text(&mut **lines, bytes, line, rejects)
            }
            (_, block) => {
                let plan = self.plan.clone();
                self.chunk(rows::cut(block, &plan.layout))
            }
        }
    }

    /// Maps the rows of a chunk.
    pub fn chunk(&mut self, mut chunk: Chunk) -> Output {
        let plan = self.plan.clone();
        let mut rejects = std::mem::take(&mut chunk.rejects);
        let mut out = Output {
            rows_read: chunk.rows() as u64 + rejects.len() as u64,
            bytes_read: chunk.bytes,
            ..Output::default()
        };
        match &mut self.reads {
            Reads::Cells { typer, mapper } => {
                let mut typed = typer.read(&chunk, &plan);
                mapper.map(&mut typed, &mut out);
                let reasons = typed.into_reasons();
                rejects.extend(reasons.into_iter().map(|(row, reason)| Reject {
                    line: chunk.lines[row],
                    reason,
                    bytes: chunk.original(row, &plan.layout.header),
                }));
            }
            Reads::Lines(lines) => {
                let originals = chunk.originals.iter().map(|span| {
                    chunk.text.get(span.start as usize..span.end as usize).unwrap_or_default().trim()
                });
                let texts: Vec<(u64, &str)> = chunk.lines.iter().copied().zip(originals).collect();
                lines.map(&texts, &mut out);
                rejects.append(&mut out.rejects);
            }
        }
        rejects.sort_by_key(|reject| reject.line);
        out.rejects = rejects;
        out
    }
}

/// Maps a block of JSON lines as they stand.
fn map_text(lines: &mut dyn Lines, bytes: Vec<u8>, first: u64, mut rejects: Vec<Reject>) -> Output {
    let mut out = Output { bytes_read: bytes.len() as u64, ..Output::default() };
    let mut texts = Vec::new();
    let whole = std::str::from_utf8(&bytes).ok();
    let (mut start, mut number) = (0, first);
    let ends = memchr::memchr_iter(b'\n', &bytes).chain([bytes.len()]);
    for end in ends {
        // Of a block that is sound as a whole no line needs to be looked at again.
        let text = match whole {
            Some(whole) => whole.get(start..end),
            None => std::str::from_utf8(&bytes[start..end]).ok(),
        };
        match text.map(str::trim_ascii) {
            Some("") => {}
            Some(text) => texts.push((number, text)),
            None => rejects.push(Reject::new(
                number,
                "has bytes that are not UTF-8; say encoding=windows-1252 (or what it is) to read them",
                &bytes[start..end],
            )),
        }
        (start, number) = (end + 1, number + 1);
    }
    out.rows_read = (texts.len() + rejects.len()) as u64;
    lines.map(&texts, &mut out);
    rejects.append(&mut out.rejects);
    rejects.sort_by_key(|reject| reject.line);
    out.rejects = rejects;
    out
}

impl Reader {
    /// Opens a file: finds its format, its shape and its mapping, and makes the first pass where one is needed.
    ///
    /// # Errors
    /// [`Error::Undecided`] when something must be said first (see [`Preview::undecided`]), any other when the
    /// file cannot be read.
    pub fn open(input: &Input, options: &Options) -> Result<Self, Error> {
        let Prepare { plan, .. } = look(input, options)?;
        if !plan.problems.is_empty() {
            return Err(Error::Undecided(plan.problems));
        }
        let prepared = first_pass(input, &plan, options.limits)?;
        let blocks = rows::blocks(input, &plan.layout, options.limits)?;
        let plan = Arc::new(plan);
        let source = if options.threads == 0 {
            Source::Here { blocks, worker: Worker::new(&plan, &prepared) }
        } else {
            start(blocks, &plan, &prepared, options.threads)
        };
        Ok(Self { plan, source, name: input.name().to_owned(), line: 0 })
    }

    /// What importing the file would do, with the first `rows` records and rejects.
    ///
    /// # Errors
    /// As [`Reader::open`], but what is undecided stands in the preview.
    pub fn preview(input: &Input, options: &Options, rows: usize) -> Result<Preview, Error> {
        crate::preview::preview(input, options, rows)
    }

    /// The name of the file's shape; a record table's own name when the file is one.
    pub fn shape(&self) -> &'static str {
        self.plan.shape.name
    }

    /// The record tables that rows go to.
    pub fn tables(&self) -> Vec<&'static str> {
        self.plan.shape.tables.clone()
    }

    /// What a person should know about how the file is read.
    pub fn notes(&self) -> &[String] {
        &self.plan.notes
    }

    /// What must stand before the bytes of rejects to read them again as a file: the header line of CSV, else nothing.
    pub fn replay_header(&self) -> String {
        let header = &self.plan.layout.header_text;
        if header.is_empty() { String::new() } else { format!("{header}\n") }
    }
}

/// One thread frames, the others cut and map; block n goes to lane n modulo their number, so the order is kept.
fn start(mut blocks: Box<dyn Blocks>, plan: &Arc<Plan>, prepared: &Prepared, threads: usize) -> Source {
    let mut senders = Vec::new();
    let mut lanes = VecDeque::new();
    for _ in 0..threads {
        let (send_block, take_block) = sync_channel::<Result<Option<Block>, Error>>(2);
        let (send, receive) = sync_channel(2);
        let mut worker = Worker::new(plan, prepared);
        std::thread::spawn(move || {
            for block in take_block {
                if send.send(block.map(|block| block.map(|block| worker.block(block)))).is_err() {
                    return;
                }
            }
        });
        senders.push(send_block);
        lanes.push_back(receive);
    }
    std::thread::spawn(move || {
        for sender in senders.iter().cycle() {
            let block = blocks.next();
            let ended = !matches!(block, Ok(Some(_)));
            if sender.send(block).is_err() || ended {
                return;
            }
        }
    });
    Source::Threads { lanes }
}

impl Iterator for Reader {
    type Item = Result<Output, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.source {
            Source::Ended => None,
            Source::Here { blocks, worker } => match blocks.next() {
                Ok(block) => block.map(|block| Ok(worker.block(block))),
                Err(error) => Some(Err(error)),
            },
            Source::Threads { lanes } => {
                let lane = lanes.pop_front()?;
                // A lane that closes before the end was said has lost its thread.
                let stopped = || Err(Error::Stopped { name: self.name.clone(), line: self.line });
                let next = lane.recv().unwrap_or_else(|_| stopped()).transpose();
                lanes.push_back(lane);
                next
            }
        };
        if let Some(Ok(output)) = &next {
            self.line += output.rows_read;
        } else {
            self.source = Source::Ended;
        }
        next
    }
}
