//! The intake log: what a client was told is accepted lies here until the Delta tables hold it.
//!
//! One redb file. Every table has its own redb table `log:<name>` of position → rows (Arrow IPC stream); positions
//! are numbered over all tables. The file's lock keeps a second process out of the data directory.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use parking_lot::RwLock;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle,
    WriteTransaction,
};

use super::error::{LakeError, Result};

const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const NOTES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("notes");
const NEXT: &str = "next_position";

/// The open intake log.
#[derive(Debug)]
pub(crate) struct IntakeLog {
    /// Replaced only by [`IntakeLog::rewrite`].
    db: RwLock<Database>,
    path: PathBuf,
    next: AtomicU64,
}

/// One entry to be made durable.
pub(crate) struct Entry<'a> {
    pub table: &'a str,
    pub position: u64,
    /// The rows, [encoded](encode).
    pub bytes: Cow<'a, [u8]>,
}

impl IntakeLog {
    /// Opens or creates the log. Fails with [`LakeError::Busy`] when another process holds it.
    pub fn open(path: &Path) -> Result<Self> {
        begin(path)?;
        let db = RwLock::new(create(path)?);
        tidy(path);
        let log = Self { db, path: path.into(), next: AtomicU64::new(1) };
        let next = log.stored_next()?;
        log.next.store(next, Ordering::SeqCst);
        Ok(log)
    }

    fn fail(&self, error: impl Into<redb::Error>) -> LakeError {
        LakeError::log(&self.path, error)
    }

    fn stored_next(&self) -> Result<u64> {
        let read = self.db.read().begin_read().map_err(|e| self.fail(e))?;
        match read.open_table(META) {
            Ok(meta) => Ok(meta.get(NEXT).map_err(|e| self.fail(e))?.map_or(1, |next| next.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(1),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The stored number of a name; stores `value` when there is none yet.
    pub fn remember(&self, name: &str, value: u64) -> Result<u64> {
        let write = self.db.read().begin_write().map_err(|e| self.fail(e))?;
        let stored = {
            let mut meta = write.open_table(META).map_err(|e| self.fail(e))?;
            let stored = meta.get(name).map_err(|e| self.fail(e))?.map(|stored| stored.value());
            match stored {
                Some(stored) => stored,
                None => {
                    meta.insert(name, value).map_err(|e| self.fail(e))?;
                    value
                }
            }
        };
        write.commit().map_err(|e| self.fail(e))?;
        Ok(stored)
    }

    /// Makes sure that positions given out from now on are above `position`.
    pub fn above(&self, position: u64) {
        self.next.fetch_max(position + 1, Ordering::SeqCst);
    }

    /// Takes one position; it is durable with the entry that carries it.
    pub fn position(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Takes `count` positions durably and gives the first.
    pub fn reserve(&self, count: u64) -> Result<u64> {
        let first = self.next.fetch_add(count, Ordering::SeqCst);
        self.append(&[])?;
        Ok(first)
    }

    /// Makes entries durable in one commit with fsync.
    pub fn append(&self, entries: &[Entry<'_>]) -> Result<()> {
        let write = self.db.read().begin_write().map_err(|e| self.fail(e))?;
        for entry in entries {
            let name = table_name(entry.table);
            let mut table = write.open_table(definition(&name)).map_err(|e| self.fail(e))?;
            table.insert(entry.position, entry.bytes.as_ref()).map_err(|e| self.fail(e))?;
        }
        {
            let mut meta = write.open_table(META).map_err(|e| self.fail(e))?;
            meta.insert(NEXT, self.next.load(Ordering::SeqCst)).map_err(|e| self.fail(e))?;
        }
        write.commit().map_err(|e| self.fail(e))
    }

    /// Entries of a table in order of position.
    pub fn entries(&self, table: &str) -> Result<Vec<(u64, RecordBatch)>> {
        let read = self.db.read().begin_read().map_err(|e| self.fail(e))?;
        let name = table_name(table);
        let entries = match read.open_table(definition(&name)) {
            Ok(entries) => entries,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(self.fail(error)),
        };
        let mut out = Vec::new();
        for entry in entries.iter().map_err(|e| self.fail(e))? {
            let (position, value) = entry.map_err(|e| self.fail(e))?;
            let position = position.value();
            for batch in decode(value.value(), position, &self.path)? {
                out.push((position, batch));
            }
        }
        Ok(out)
    }

    /// Notes something durably under a key.
    pub fn note(&self, key: &str, text: &[u8]) -> Result<()> {
        let write = self.db.read().begin_write().map_err(|e| self.fail(e))?;
        write
            .open_table(NOTES)
            .map_err(|e| self.fail(e))?
            .insert(key, text)
            .map(|_| ())
            .map_err(|e| self.fail(e))?;
        write.commit().map_err(|e| self.fail(e))
    }

    /// Forgets what was noted under a key.
    pub fn forget_note(&self, key: &str) -> Result<()> {
        let write = self.db.read().begin_write().map_err(|e| self.fail(e))?;
        write
            .open_table(NOTES)
            .map_err(|e| self.fail(e))?
            .remove(key)
            .map(|_| ())
            .map_err(|e| self.fail(e))?;
        write.commit().map_err(|e| self.fail(e))
    }

    /// All that was noted.
    pub fn notes(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let read = self.db.read().begin_read().map_err(|e| self.fail(e))?;
        let notes = match read.open_table(NOTES) {
            Ok(notes) => notes,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(self.fail(error)),
        };
        let mut out = Vec::new();
        for note in notes.iter().map_err(|e| self.fail(e))? {
            let (key, text) = note.map_err(|e| self.fail(e))?;
            out.push((key.value().to_owned(), text.value().to_vec()));
        }
        Ok(out)
    }

    /// Copies the log without one note into a new file, which then takes its place: what was dropped before is gone
    /// from the disk, also from freed pages. Appends wait meanwhile.
    pub fn rewrite(&self, without_note: &str) -> Result<()> {
        let mut db = self.db.write();
        let path = rewritten(&self.path);
        std::fs::remove_file(&path).ok();
        let new = create(&path)?;
        let read = db.begin_read().map_err(|e| self.fail(e))?;
        let write = new.begin_write().map_err(|e| self.fail(e))?;
        for handle in read.list_tables().map_err(|e| self.fail(e))? {
            let name = handle.name();
            if name == META.name() {
                self.copy(&read, &write, META, |_| true)?;
            } else if name == NOTES.name() {
                self.copy(&read, &write, NOTES, |key| *key != without_note)?;
            } else {
                self.copy(&read, &write, definition(name), |_| true)?;
            }
        }
        write.commit().map_err(|e| self.fail(e))?;
        drop(read);
        std::fs::rename(&path, &self.path).map_err(|error| LakeError::io(&self.path, error))?;
        if let Some(dir) = self.path.parent() {
            super::files::sync_dir(dir)?;
        }
        *db = new;
        Ok(())
    }

    fn copy<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        read: &ReadTransaction,
        write: &WriteTransaction,
        table: TableDefinition<'_, K, V>,
        keep: impl Fn(&K::SelfType<'_>) -> bool,
    ) -> Result<()> {
        let from = read.open_table(table).map_err(|e| self.fail(e))?;
        let mut to = write.open_table(table).map_err(|e| self.fail(e))?;
        for entry in from.iter().map_err(|e| self.fail(e))? {
            let (key, value) = entry.map_err(|e| self.fail(e))?;
            if keep(&key.value()) {
                to.insert(key.value(), value.value()).map_err(|e| self.fail(e))?;
            }
        }
        Ok(())
    }

    /// Drops the entries of a table up to and including `position`.
    pub fn truncate(&self, table: &str, position: u64) -> Result<()> {
        let write = self.db.read().begin_write().map_err(|e| self.fail(e))?;
        {
            let name = table_name(table);
            let mut entries = write.open_table(definition(&name)).map_err(|e| self.fail(e))?;
            entries.retain_in(..=position, |_, _| false).map_err(|e| self.fail(e))?;
        }
        write.commit().map_err(|e| self.fail(e))
    }
}

fn create(path: &Path) -> Result<Database> {
    Database::builder().set_cache_size(32 << 20).create(path).map_err(|error| LakeError::log(path, error))
}

/// Makes a log where none is: beside its place, since a file that is half-made when the process is killed is no log.
fn begin(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let made = path.with_extension(format!("redb.{}.new", std::process::id()));
    std::fs::remove_file(&made).ok();
    drop(create(&made)?);
    // A link takes the place of no log that another process has made meanwhile. Where there are no links, the log is made
    // where it stands.
    let linked = std::fs::hard_link(&made, path);
    std::fs::remove_file(&made).ok();
    match (linked, path.parent()) {
        (Ok(()), Some(dir)) => super::files::sync_dir(dir),
        _ => Ok(()),
    }
}

/// Removes what was being made beside the log when a process was killed. Called by whoever holds the log.
fn tidy(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
    for entry in path.parent().and_then(|dir| dir.read_dir().ok()).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with(&name) && other.ends_with(".new") {
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

/// Where a log that is being rewritten stands.
fn rewritten(path: &Path) -> PathBuf {
    path.with_extension("redb.new")
}

fn table_name(table: &str) -> String {
    format!("log:{table}")
}

fn definition(name: &str) -> TableDefinition<'_, u64, &'static [u8]> {
    TableDefinition::new(name)
}

/// Rows as the log keeps them: an Arrow IPC stream.
pub(crate) fn encode(rows: &RecordBatch) -> Result<Vec<u8>> {
    // Room for all of it at once: growing would copy it several times.
    let mut writer =
        StreamWriter::try_new(Vec::with_capacity(rows.get_array_memory_size() + 4096), rows.schema_ref())?;
    writer.write(rows)?;
    Ok(writer.into_inner()?)
}

fn decode(bytes: &[u8], position: u64, path: &Path) -> Result<Vec<RecordBatch>> {
    let damaged = |error| LakeError::Log {
        path: path.display().to_string(),
        what: format!("entry {position} cannot be read: {error}"),
    };
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(damaged)?;
    reader.collect::<std::result::Result<Vec<_>, _>>().map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.redb");
        let left = ["log.redb.new", "log.redb.77.new"].map(|name| dir.path().join(name));
        let names = || {
            let mut names: Vec<String> = dir
                .path()
                .read_dir()
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        // What a killed process left: half of a new log, of one that was being written anew.
        left.iter().for_each(|path| std::fs::write(path, [0; 4096]).unwrap());
        let log = IntakeLog::open(&path).unwrap();
        assert_eq!(names(), ["log.redb"]);
        assert_eq!(log.reserve(5).unwrap(), 1);
        assert!(matches!(IntakeLog::open(&path), Err(LakeError::Busy { .. })));
        drop(log);
        // One that is there is not made anew.
        left.iter().for_each(|path| std::fs::write(path, [0; 4096]).unwrap());
        begin(&path).unwrap();
        let log = IntakeLog::open(&path).unwrap();
        assert_eq!((log.reserve(1).unwrap(), names()), (6, vec!["log.redb".to_owned()]));
    }
}
