//! The Delta log of a table: which files belong to it, and commits that add and remove them atomically.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Remove, StructField, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, ensure_table_uri};

use arrow::datatypes::SchemaRef;
use burgeon_core::records::Table;

use super::error::{LakeError, Result};
use super::files::DataFile;

/// Application id of the transactions that carry log positions.
const APP: &str = "burgeon-log";

/// A table's Delta log. Used by one task at a time.
#[derive(Debug)]
pub(crate) struct DeltaLog {
    record: &'static Table,
    /// The columns that files hold.
    stored: SchemaRef,
    pub dir: PathBuf,
    table: Option<DeltaTable>,
}

/// What a Delta log says about its table.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub files: Vec<DataFile>,
    /// Log position up to which rows are in the table.
    pub flushed: u64,
}

/// One atomic change of a table.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub add: Vec<(Arc<DataFile>, usize)>,
    pub remove: Vec<Arc<DataFile>>,
    /// Log position up to which rows are in the table after the change, if it changes.
    pub flushed: Option<u64>,
    /// Milliseconds since 1970, for the log's bookkeeping.
    pub now_ms: i64,
    /// Whether rows change, or only their files.
    pub content: bool,
}

impl DeltaLog {
    /// The log of a table in `dir`; the table need not exist yet.
    pub fn new(record: &'static Table, stored: SchemaRef, dir: PathBuf) -> Self {
        Self { record, stored, dir, table: None }
    }

    fn fail(&self, error: deltalake::DeltaTableError) -> LakeError {
        LakeError::delta(self.record.name, error)
    }

    /// Reads the log.
    pub async fn load(&mut self) -> Result<Listed> {
        if !self.dir.join("_delta_log").is_dir() {
            return Ok(Listed::default());
        }
        let url = ensure_table_uri(self.dir.to_string_lossy()).map_err(|e| self.fail(e))?;
        let builder = DeltaTableBuilder::from_url(url).map_err(|e| self.fail(e))?;
        let table = builder.build().map_err(|e| self.fail(e))?;
        if !table.verify_deltatable_existence().await.map_err(|e| self.fail(e))? {
            return Ok(Listed::default()); // a crash before the first commit
        }
        let mut table = table;
        table.load().await.map_err(|e| self.fail(e))?;
        let snapshot = table.snapshot().map_err(|e| self.fail(e))?;
        let files = snapshot
            .log_data()
            .iter()
            .map(|file| DataFile::new(&self.dir, file.path().into_owned(), file.size()))
            .collect();
        let flushed =
            snapshot.transaction_version(table.log_store().as_ref(), APP).await.map_err(|e| self.fail(e))?;
        self.table = Some(table);
        Ok(Listed { files, flushed: flushed.map_or(0, |position| position.max(0) as u64) })
    }

    /// Version of the Delta table; `None` before its first commit.
    pub fn version(&self) -> Option<u64> {
        self.table.as_ref().and_then(DeltaTable::version)
    }

    /// The columns that the Delta log says the table has, as name and type in words.
    pub fn columns(&self) -> Option<Vec<(String, String)>> {
        let snapshot = self.table.as_ref()?.snapshot().ok()?;
        Some(
            snapshot
                .schema()
                .fields()
                .map(|field| (field.name().clone(), field.data_type().to_string()))
                .collect(),
        )
    }

    /// The columns that the table should have, in the same form.
    pub fn expected(&self) -> Result<Vec<(String, String)>> {
        Ok(self
            .schema()?
            .fields()
            .map(|field| (field.name().clone(), field.data_type().to_string()))
            .collect())
    }

    fn schema(&self) -> Result<StructType> {
        self.stored.as_ref().try_into_kernel().map_err(LakeError::from)
    }

    /// Makes a change and waits until it is durable. After an error the change was not made, and its new files are
    /// removed; when that cannot be told they stay, for the next vacuum.
    pub async fn commit(&mut self, change: Change) -> Result<u64> {
        let error = match self.try_commit(&change).await {
            Ok(version) => return Ok(version),
            Err(error) => error,
        };
        // The commit may have been made before something after it failed: the log on disk decides.
        let listed = self.load().await?;
        let named = |file: &DataFile| listed.files.iter().any(|other| other.name == file.name);
        let made =
            change.add.iter().all(|(file, _)| named(file)) && !change.remove.iter().any(|file| named(file));
        if made && (!change.add.is_empty() || !change.remove.is_empty()) {
            tracing::warn!(table = self.record.name, %error, "committed, but what follows a commit failed");
            let version = self.version().unwrap_or_default();
            sync_commit(&self.dir, version)?;
            return Ok(version);
        }
        for (file, _) in &change.add {
            std::fs::remove_file(&file.path).ok();
        }
        Err(error)
    }

    async fn try_commit(&mut self, change: &Change) -> Result<u64> {
        if self.table.is_none() {
            self.create().await?;
        }
        let table = self.table.as_mut().ok_or(LakeError::Closed)?;
        let name = self.record.name;
        let operation = if change.content {
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None }
        } else {
            DeltaOperation::Optimize { predicate: None, target_size: 0 }
        };
        let mut properties = CommitProperties::default();
        if let Some(position) = change.flushed {
            let stamp = Transaction::new_with_last_update(APP, position as i64, Some(change.now_ms));
            properties = properties.with_application_transaction(stamp);
        }
        let snapshot = table.snapshot().map_err(|e| LakeError::delta(name, e))?;
        let done = CommitBuilder::from(properties)
            .with_actions(actions(change))
            .build(Some(snapshot), table.log_store(), operation)
            .await
            .map_err(|e| LakeError::delta(name, e))?;
        let version = done.version();
        table.state = Some(done.snapshot());
        sync_commit(&self.dir, version)?;
        Ok(version)
    }

    async fn create(&mut self) -> Result<()> {
        std::fs::create_dir_all(&self.dir).map_err(|error| LakeError::io(&self.dir, error))?;
        let fields: Vec<StructField> = self.schema()?.fields().cloned().collect();
        let url = ensure_table_uri(self.dir.to_string_lossy()).map_err(|e| self.fail(e))?;
        let table = CreateBuilder::new()
            .with_location(url.as_str())
            .with_table_name(self.record.name)
            .with_comment(self.record.doc)
            .with_columns(fields)
            .await
            .map_err(|e| self.fail(e))?;
        self.table = Some(table);
        sync_commit(&self.dir, 0)?;
        if let Some(parent) = self.dir.parent() {
            super::files::sync_dir(parent)?;
        }
        super::files::sync_dir(&self.dir)
    }
}

fn actions(change: &Change) -> Vec<Action> {
    let adds = change.add.iter().map(|(file, rows)| {
        Action::Add(Add {
            path: file.name.clone(),
            size: file.size,
            modification_time: change.now_ms,
            data_change: change.content,
            stats: Some(format!("{{\"numRecords\":{rows}}}")),
            ..Add::default()
        })
    });
    let removes = change.remove.iter().map(|file| {
        Action::Remove(Remove {
            path: file.name.clone(),
            size: Some(file.size),
            data_change: change.content,
            deletion_timestamp: Some(change.now_ms),
            extended_file_metadata: Some(true),
            partition_values: Some(Default::default()),
            ..Remove::default()
        })
    });
    removes.chain(adds).collect()
}

/// Waits until the commit's file is on the disk: only then the intake log may forget its rows.
fn sync_commit(dir: &Path, version: u64) -> Result<()> {
    let log = dir.join("_delta_log");
    let path = log.join(format!("{version:020}.json"));
    File::open(&path).and_then(|file| file.sync_all()).map_err(|error| LakeError::io(&path, error))?;
    super::files::sync_dir(&log)
}
