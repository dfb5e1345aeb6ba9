//! What can go wrong with the lake, in words that name the file, what is wrong and the mend.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;

/// An error of the lake. The text names the file or table, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The directory is used by another process.
    #[error(
        "data directory {dir} is in use by another process; stop the other burgeon (or use its HTTP API) and try again"
    )]
    Busy {
        /// The data directory.
        dir: String,
    },
    /// The disk is full. Nothing was half-written: files of the failed step are not part of any table.
    #[error(
        "disk full while writing {path}; nothing was lost or half-written: free some space and try again"
    )]
    DiskFull {
        /// The file that could not be written.
        path: String,
    },
    /// A file of the lake cannot be read.
    #[error(
        "{path} is damaged or missing: {what}; restore it from a backup, or run `burgeon doctor` for what to do"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// No record table has this name.
    #[error("there is no record table \"{0}\"; `burgeon metrics` lists the tables")]
    UnknownTable(String),
    /// A batch does not fit the table.
    #[error("rows for table {table} do not fit: {what}")]
    Rows {
        /// The table.
        table: String,
        /// What does not fit.
        what: String,
    },
    /// Reading or writing a file failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The intake log failed.
    #[error("intake log {path}: {what}; run `burgeon doctor`")]
    Log {
        /// The log's file.
        path: String,
        /// What failed.
        what: String,
    },
    /// The Delta log of a table failed.
    #[error("Delta table {table}: {what}")]
    Delta {
        /// The table.
        table: String,
        /// What failed.
        what: String,
    },
    /// More rows wait for the log than may wait. Nothing was taken.
    #[error("{waiting} rows wait to be written, as many as may wait; try again in {retry_seconds} s")]
    Pressure {
        /// Rows that wait.
        waiting: usize,
        /// When to try again.
        retry_seconds: u64,
    },
    /// The hot columns of events failed.
    #[error("hot columns of events: {what}")]
    Hot {
        /// What failed, with the file and the mend.
        what: String,
    },
    /// Arrow could not do something that it should always be able to do.
    #[error("internal error in the lake: {0}; please report it")]
    Internal(String),
    /// The lake is being closed.
    #[error("the lake is closed")]
    Closed,
    /// A fault that a test asked for.
    #[doc(hidden)]
    #[error("fault injected at {0:?}")]
    Fault(super::FaultPoint),
}

/// Result with a [`LakeError`].
pub type Result<T, E = LakeError> = std::result::Result<T, E>;

impl LakeError {
    /// An I/O error at a path; recognises a full disk.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.display().to_string();
        if is_full(&source) { LakeError::DiskFull { path } } else { LakeError::Io { path, source } }
    }

    /// An error while writing `path`; recognises a full disk anywhere in the chain of causes.
    pub(crate) fn writing(path: &Path, error: &(dyn StdError + 'static)) -> Self {
        let shown = path.display().to_string();
        if full_in_chain(error) {
            LakeError::DiskFull { path: shown }
        } else {
            LakeError::Io { path: shown, source: io::Error::other(error.to_string()) }
        }
    }

    /// An error while reading `path`.
    pub(crate) fn reading(path: &Path, error: impl std::fmt::Display) -> Self {
        LakeError::Damaged { path: path.display().to_string(), what: error.to_string() }
    }

    /// An error of a table's Delta log; recognises a full disk.
    pub(crate) fn delta(table: &str, error: deltalake::DeltaTableError) -> Self {
        if full_in_chain(&error) {
            return LakeError::DiskFull { path: format!("the Delta log of {table}") };
        }
        LakeError::Delta { table: table.into(), what: error.to_string() }
    }

    /// An error of the intake log; recognises a full disk and a log that another process holds.
    pub(crate) fn log(path: &Path, error: impl Into<redb::Error>) -> Self {
        let shown = path.display().to_string();
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => {
                let dir = path.parent().unwrap_or(path).display().to_string();
                LakeError::Busy { dir }
            }
            redb::Error::Io(error) if is_full(&error) => LakeError::DiskFull { path: shown },
            error => LakeError::Log { path: shown, what: error.to_string() },
        }
    }
}

impl From<ArrowError> for LakeError {
    fn from(error: ArrowError) -> Self {
        LakeError::Internal(error.to_string())
    }
}

impl From<burgeon_events::HotError> for LakeError {
    fn from(error: burgeon_events::HotError) -> Self {
        match error {
            burgeon_events::HotError::Io { path, source } => LakeError::io(&path, source),
            error => LakeError::Hot { what: error.to_string() },
        }
    }
}

impl From<LakeError> for DataFusionError {
    fn from(error: LakeError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn full_in_chain(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>().is_some_and(is_full);
        let inside = match error.downcast_ref::<ParquetError>() {
            Some(ParquetError::External(inner)) => full_in_chain(inner.as_ref()),
            _ => false,
        };
        if io || inside || error.to_string().contains("No space left on device") {
            return true;
        }
        next = error.source();
    }
    false
}
