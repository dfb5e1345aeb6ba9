//! An import: kept whole, read in bounded memory, written all or not at all.

use super::rejected::{self, Origin};
use super::{Counts, ImportOptions, ImportStatus, ImportSummary, Progress, Uploaded};
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace};
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use burgeon_connectors::{Input, Options, Output, Reader, Reject, TableBatch};
use burgeon_engine::events::EventBulk;
use burgeon_engine::lake::{BulkSummary, BulkWriter, Lake, raw};
use burgeon_state::NewImport;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// Rejects that the command line prints.
const SHOWN_REJECTS: usize = 10;
/// Rejects that are gathered before they are handed to the lake.
const REJECTS_AT_ONCE: usize = 10_000;

/// A file on its way in.
struct Job {
    import_id: String,
    name: String,
    content: raw::Content,
    /// Size and time of change of the file when its content was looked at.
    state: (u64, Option<SystemTime>),
    source: String,
    at: i64,
    input: Input,
    options: Options,
    /// What is said about the file where it is kept.
    about: raw::RawMeta,
    /// Whether records of the source that the file does not have are removed.
    replace: bool,
    /// Whether an earlier version of the file was imported.
    corrects: bool,
    progress: Arc<Progress>,
}

impl Job {
    /// What rows call the file.
    fn short(&self) -> &str {
        &self.content.sha256[..raw::SHORT]
    }
}

/// What reading a file gave, before it is committed.
struct ReadOut {
    shape: String,
    writers: BTreeMap<&'static str, Writer>,
    rejects: BulkWriter,
    counts: Counts,
    shown: Vec<(u64, String)>,
}

/// What rows of a table are handed to.
enum Writer {
    Ledger(BulkWriter),
    Events(EventBulk),
}

impl Writer {
    /// For the rows of a job.
    fn new(lake: &Lake, table: &str, job: &Job) -> Result<Self> {
        Ok(match table {
            "events" => Self::Events(lake.events().bulk_of(&job.source, job.short())?),
            _ => Self::Ledger(lake.bulk(table)?),
        })
    }

    /// Compares the records of a source with the file. Events happened: a file without them takes none back.
    fn watch(&mut self, source: &str, remove: bool) {
        if let Self::Ledger(writer) = self {
            writer.watch(source, remove);
        }
    }

    fn write(&self, batch: &TableBatch, job: &Job) -> Result<()> {
        match self {
            Self::Ledger(writer) => writer.write(&batch.with_origin(&job.source, job.short()))?,
            Self::Events(writer) => writer.write_lines(&batch.rows, &batch.lines)?,
        }
        Ok(())
    }

    async fn finish(self) -> Result<BulkSummary> {
        Ok(match self {
            Self::Ledger(writer) => writer.finish().await?,
            Self::Events(writer) => writer.finish().await?,
        })
    }
}

impl Workspace {
    /// Imports the file at `path` and waits for its end. `progress` can be read meanwhile.
    pub async fn import_file(
        self: &Arc<Self>,
        path: &Path,
        options: &ImportOptions,
        progress: &Arc<Progress>,
    ) -> Result<ImportSummary> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let job = self.begin(path, &name, options, progress.clone()).await?;
        self.run_import(job).await
    }

    /// Starts to import an upload and returns at once; [`Workspace::import_status`] tells how far it is.
    pub async fn start_import(
        self: Arc<Self>,
        upload: Uploaded,
        options: ImportOptions,
    ) -> Result<ImportStatus> {
        let name = upload.name().to_owned();
        let job = self.begin(upload.path(), &name, &options, Arc::default()).await?;
        let id = job.import_id.clone();
        let workspace = self.clone();
        tokio::spawn(async move {
            if let Err(error) = workspace.run_import(job).await {
                tracing::warn!(file = name, "an import failed: {error}");
            }
            // The file is needed until here.
            drop(upload);
        });
        self.import_status(&id).await
    }

    /// Checks that the file can be read and enters it in the ledger.
    async fn begin(
        &self,
        path: &Path,
        name: &str,
        options: &ImportOptions,
        progress: Arc<Progress>,
    ) -> Result<Job> {
        let input = Input::path(path).named(name);
        let filled = options.fill(self.reader_options())?;
        let at = self.now().as_microsecond();
        let about = raw::RawMeta {
            name: name.to_owned(),
            table: options.table.clone().unwrap_or_default(),
            mapping: options.to_json(),
            imported_at: at,
        };
        let path = path.to_owned();
        let (checked, checked_options) = (input.clone(), filled.clone());
        let (content, state, shape, tables) = blocking(move || {
            // What cannot be read at all is refused before anything is kept.
            let reader = Reader::open(&checked, &checked_options)?;
            let (shape, tables) = (reader.shape().to_owned(), reader.tables());
            drop(reader);
            let fail = |error| Error::io(&path, &error);
            let state = checked.state().map_err(fail)?;
            let content = raw::content(checked.open().map_err(fail)?).map_err(fail)?;
            Ok((content, state, shape, tables))
        })
        .await?;
        let sha256 = content.sha256.clone();
        progress.total.store(content.bytes, Ordering::Relaxed);
        let import_id = self.next_import_id(at).await?;
        let new = NewImport {
            import_id: import_id.clone(),
            file: name.to_owned(),
            sha256: sha256.clone(),
            table: tables.first().map(|table| (*table).to_owned()),
            shape: Some(shape),
            mapping: options.to_json(),
        };
        let corrects = self.state().is_correction(name, &sha256).await?;
        self.state().begin_import(&new, at).await?;
        self.running_imports().lock().insert(import_id.clone(), progress.clone());
        Ok(Job {
            import_id,
            name: name.to_owned(),
            content,
            state,
            source: options.source.clone().unwrap_or_else(|| format!("file:{name}")),
            at,
            input,
            options: filled,
            about,
            replace: options.replace,
            corrects,
            progress,
        })
    }

    /// Ids count up, also over restarts and under a clock that stands still.
    async fn next_import_id(&self, at: i64) -> Result<String> {
        let _alone = self.import_ids().lock().await;
        let last = self.state().cursor("imports", "last").await?;
        let next = last.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) + 1;
        self.state().set_cursor("imports", "last", &next.to_string(), at).await?;
        Ok(format!("imp-{next:06}"))
    }

    async fn run_import(&self, job: Job) -> Result<ImportSummary> {
        let _no_removal = self.imports_gate().read().await;
        let (id, name) = (job.import_id.clone(), job.name.clone());
        let progress = job.progress.clone();
        let done = self.write_import(job).await;
        let at = self.now().as_microsecond();
        let noted = match &done {
            Ok(summary) => self.state().finish_import(&id, summary.counts.into(), at).await,
            Err(error) => {
                let counts = Counts { rows_read: progress.rows.load(Ordering::Relaxed), ..Counts::default() };
                self.state().fail_import(&id, counts.into(), &error.to_string(), at).await
            }
        };
        self.running_imports().lock().remove(&id);
        if let Ok(summary) = &done {
            let Counts { rows_read, taken, replaced, unchanged, rejected, missing, removed, left_out } =
                summary.counts;
            tracing::info!(
                import = id,
                file = name,
                rows_read,
                taken,
                replaced,
                unchanged,
                rejected,
                missing,
                removed,
                left_out,
                "a file was imported"
            );
        }
        noted?;
        done
    }

    /// Reads the file into the lake's writers, then commits them; a failure before leaves nothing.
    async fn write_import(&self, job: Job) -> Result<ImportSummary> {
        let (import_id, file) = (job.import_id.clone(), job.name.clone());
        let lake = self.lake().clone();
        let (source, replace, corrects) = (job.source.clone(), job.replace, job.corrects);
        // Keeping the file takes one processor for as long as reading it takes the others.
        let (job, folder) = (Arc::new(job), self.folder().to_owned());
        let (kept, done) = (job.clone(), job.clone());
        let gone = raw::removed(&folder, &job.content.sha256)?;
        let (out, kept) = tokio::join!(
            blocking(move || read(&lake, &job, gone.as_ref())),
            blocking(move || keep_file(&folder, &kept))
        );
        kept?;
        let mut out = out?;
        unchanged(&done)?;
        // A row that could not be read may be the correction of one that is there: then nothing is removed.
        let remove = replace && out.counts.rejected == 0;
        if replace || corrects {
            out.writers.values_mut().for_each(|writer| writer.watch(&source, remove));
        }
        let mut tables = Vec::new();
        // Who is whom comes before what they did, so that events join their persons as they are stored.
        let (events, ledger): (Vec<_>, Vec<_>) =
            std::mem::take(&mut out.writers).into_iter().partition(|(table, _)| *table == "events");
        for (table, writer) in ledger.into_iter().chain(events) {
            let summary = writer.finish().await?;
            out.counts.taken += summary.taken;
            out.counts.replaced += summary.replaced;
            out.counts.unchanged += summary.unchanged;
            out.counts.missing += summary.missing;
            out.counts.removed += summary.removed;
            tables.push(table.to_owned());
        }
        out.rejects.finish().await?;
        Ok(ImportSummary {
            import_id,
            file,
            shape: Some(out.shape),
            tables,
            counts: out.counts,
            replace,
            rejects: out.shown,
        })
    }

    /// The reader's options of this workspace.
    pub(in crate::app) fn reader_options(&self) -> Options {
        let settings = self.settings();
        Options {
            zone: settings.zone.clone(),
            currency: Some(settings.currency),
            channels: Some(self.channels()),
            ..Options::default()
        }
    }
}

/// Reads all rows of the file but those that were taken out of it with a person. Blocking.
fn read(lake: &Lake, job: &Job, gone: Option<&raw::Removed>) -> Result<ReadOut> {
    let reader = Reader::open(&job.input, &job.options)?;
    let shape = reader.shape().to_owned();
    let origin = Origin {
        source: &job.source,
        content: &job.content.sha256,
        table: Some(&shape),
        import_id: Some(&job.import_id),
        at: job.at,
    };
    let mut out = ReadOut {
        shape: shape.clone(),
        writers: BTreeMap::new(),
        rejects: lake.bulk("rejects")?,
        counts: Counts::default(),
        shown: Vec::new(),
    };
    if job.replace || job.corrects {
        // Also a table of which the file has no row any more is compared.
        for table in reader.tables() {
            out.writers.insert(table, Writer::new(lake, table, job)?);
        }
    }
    let mut waiting: Vec<Reject> = Vec::new();
    for output in reader {
        let mut output = output?;
        out.counts.rows_read += output.rows_read;
        if let Some(gone) = gone {
            out.counts.left_out += leave_out(&mut output, gone)?;
        }
        out.counts.rejected += output.rejects.len() as u64;
        for batch in &output.batches {
            let writer = match out.writers.entry(batch.table.name) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Writer::new(lake, batch.table.name, job)?)
                }
            };
            writer.write(batch, job)?;
        }
        for reject in output.rejects {
            if out.shown.len() < SHOWN_REJECTS {
                out.shown.push((reject.line, reject.reason.clone()));
            }
            waiting.push(reject);
        }
        if waiting.len() >= REJECTS_AT_ONCE {
            keep(&out.rejects, &origin, &mut waiting)?;
        }
        job.progress.rows.store(out.counts.rows_read, Ordering::Relaxed);
        job.progress.rejected.store(out.counts.rejected, Ordering::Relaxed);
        job.progress.bytes.fetch_add(output.bytes_read, Ordering::Relaxed);
    }
    keep(&out.rejects, &origin, &mut waiting)?;
    Ok(out)
}

/// Takes the rows out that a removal took out of the kept file; gives their number.
fn leave_out(output: &mut Output, gone: &raw::Removed) -> Result<u64> {
    let mut left = BTreeSet::new();
    let mut stays = |line: u64| {
        let stays = gone.at(line).is_none();
        if !stays {
            left.insert(line);
        }
        stays
    };
    output.rejects.retain(|reject| stays(reject.line));
    for batch in &mut output.batches {
        let keep: Vec<bool> = batch.lines.iter().map(|line| stays(*line)).collect();
        batch.rows = filter_record_batch(&batch.rows, &BooleanArray::from(keep.clone()))
            .map_err(|error| Error::internal(format!("rows that are left out: {error}")))?;
        let mut keep = keep.into_iter();
        batch.lines.retain(|_| keep.next().unwrap_or(true));
    }
    output.batches.retain(|batch| batch.rows.num_rows() > 0);
    Ok(left.len() as u64)
}

/// Keeps the file whole. Blocking.
fn keep_file(folder: &Path, job: &Job) -> Result<()> {
    let file = job.input.open().map_err(|error| Error::io(Path::new(&job.name), &error))?;
    if raw::keep(folder, file, &job.content, &job.about)? { Ok(()) } else { Err(changed(&job.name)) }
}

/// Refuses a file that was written to since its content was looked at: its rows may be of the one or of the other.
fn unchanged(job: &Job) -> Result<()> {
    let state = job.input.state().map_err(|error| Error::io(Path::new(&job.name), &error))?;
    if state == job.state { Ok(()) } else { Err(changed(&job.name)) }
}

fn changed(name: &str) -> Error {
    let message = format!("{name} changed while it was imported; nothing of it was taken");
    Error::invalid("file_changed", message).mend("import it again when nobody writes to it any more")
}

fn keep(writer: &BulkWriter, origin: &Origin<'_>, waiting: &mut Vec<Reject>) -> Result<()> {
    if let Some(batch) = rejected::batch(origin, waiting)? {
        writer.write(&batch)?;
    }
    waiting.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::OpenOptions;
    use burgeon_core::time::FixedClock;
    use std::fs::{self, File};
    use std::time::Duration;

    const ROWS: &str = "customer_id,name\na,Acme\nb,Beta\n";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_somebody_writes_to_meanwhile_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock("2026-03-15T12:00:00Z".parse().unwrap()));
        let options = OpenOptions { buckets: Some(2), ..OpenOptions::default() };
        let workspace = Workspace::open(&folder.path().join("data"), clock, options).await.unwrap();
        let path = folder.path().join("customers.csv");
        let options = ImportOptions { table: Some("customers".into()), ..ImportOptions::default() };
        let grow: fn(&Path) = |path| fs::write(path, format!("{ROWS}c,Coda\n")).unwrap();
        let swap: fn(&Path) = |path| fs::write(path, ROWS.replace("Beta", "Bold")).unwrap();
        let cut: fn(&Path) = |path| fs::write(path, "customer_id,name\na,Acme\n").unwrap();
        // The content came back, but rows may have been read of what it was in between.
        let touch: fn(&Path) = |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9)).unwrap();
        };
        for (change, kept) in [(grow, 0), (swap, 0), (cut, 0), (touch, 2)] {
            fs::write(&path, ROWS).unwrap();
            let job = workspace.begin(&path, "customers.csv", &options, Arc::default()).await.unwrap();
            let id = job.import_id.clone();
            change(&path);
            let error = workspace.run_import(job).await.unwrap_err();
            assert_eq!(error.code, "file_changed", "{error}");
            assert!(error.mend.is_some() && error.message.contains("customers.csv"), "{error}");
            assert_eq!(workspace.info().await.unwrap().tables["customers"], 0);
            let status = serde_json::to_value(workspace.import_status(&id).await.unwrap()).unwrap();
            assert_eq!(status["state"], "failed", "{status:#}");
            let raw = workspace.folder().join("raw").read_dir().map_or(0, |entries| entries.count());
            assert_eq!(raw, kept, "nothing is kept under the name of what the file was");
        }
        fs::write(&path, ROWS).unwrap();
        let done = workspace.import_file(&path, &options, &Arc::default()).await.unwrap();
        assert_eq!((done.counts.taken, done.counts.rejected), (2, 0));
    }
}
