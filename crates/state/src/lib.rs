//! What Burgeon keeps about itself rather than about the customers: API tokens, write keys of event clients, the
//! ledger of imports, the audit log with every change of a setting, cursors of jobs, and saved views.
//!
//! The store is one SQLite file. Every statement is written so that PostgreSQL would take it too (`$1` parameters,
//! `ON CONFLICT`, no SQLite functions); only the migrations are per store. Times are microseconds since 1970 UTC and
//! are always parameters: this crate never reads a clock and never draws a random number.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, SqlSafeStr};

mod audit;
mod cursors;
mod imports;
mod keys;
mod saved;
mod tokens;

pub use audit::{AuditEntry, SettingChange};
pub use imports::{Import, ImportCounts, ImportState, NewImport};
pub use keys::{WRITE_KEY_PREFIX, WriteKey};
pub use saved::SavedView;
pub use tokens::{ApiToken, NewToken};

/// What can go wrong with the state store.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be opened or created.
    #[error("state database {path} cannot be opened: {source}. Check that the folder exists and is writable")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The file is there, but not what this version can read.
    #[error(
        "state database {path} cannot be brought up to date: {source}. \
         Put back a backup of the file, or start with the Burgeon version that wrote it"
    )]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What the migration said.
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed: the disk is full, the file is damaged or locked.
    #[error("state database {path}: {doing} failed: {source}")]
    Query {
        /// The database file.
        path: PathBuf,
        /// What was being done, in words.
        doing: &'static str,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A stored value does not read as what it should be.
    #[error("state database {path}: {what} is damaged ({detail}). Put back a backup of the file")]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// Which value.
        what: String,
        /// Why it does not read.
        detail: String,
    },
    /// Something was asked for that is not there.
    #[error("no {kind} with the id {id}")]
    NotFound {
        /// `token`, `write key`, `import` or `saved view`.
        kind: &'static str,
        /// The id that was asked for.
        id: String,
    },
}

/// The result of every call on [`State`].
pub type Result<T> = std::result::Result<T, StateError>;

/// The open state store. Cheap to clone; all clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct State {
    pool: SqlitePool,
    path: PathBuf,
}

impl State {
    /// Opens the store in the file `path`, creates it when it is missing and brings it up to date.
    ///
    /// # Errors
    /// [`StateError::Open`] when the file cannot be opened, [`StateError::Migrate`] when it is damaged or was
    /// written by a later version.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is taken out of the audit log with a person is not to be read in freed pages.
            .pragma("secure_delete", "on")
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|source| StateError::Open { path: path.clone(), source })?;
        migrator().run(&pool).await.map_err(|source| StateError::Migrate { path: path.clone(), source })?;
        Ok(Self { pool, path })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Examines the file and returns what is wrong with it in words; empty means sound.
    ///
    /// # Errors
    /// [`StateError::Query`] when the examination itself cannot be run.
    pub async fn check(&self) -> Result<Vec<String>> {
        let rows = sqlx::query("PRAGMA integrity_check(20)")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.failed("the integrity check", e))?;
        let mut findings = Vec::new();
        for row in rows {
            let text: String = row.try_get(0).map_err(|e| self.failed("the integrity check", e))?;
            if text != "ok" {
                findings.push(format!("state database {}: {text}", self.path.display()));
            }
        }
        for import in self.imports(10_000, 0).await? {
            if import.state == ImportState::Running {
                findings.push(format!(
                    "import {} of {} was never finished: the process stopped in the middle. Nothing of it is in \
                     the lake; import the file again",
                    import.import_id, import.file
                ));
            }
        }
        Ok(findings)
    }

    /// Waits for running statements and closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn failed(&self, doing: &'static str, source: sqlx::Error) -> StateError {
        StateError::Query { path: self.path.clone(), doing, source }
    }

    fn damaged(&self, what: impl Into<String>, detail: impl ToString) -> StateError {
        StateError::Damaged { path: self.path.clone(), what: what.into(), detail: detail.to_string() }
    }
}

/// All migrations of the SQLite store, in order. A released migration is never changed; a new one is a new line.
fn migrator() -> Migrator {
    let list: [(i64, &'static str, &'static str); 4] = [
        (1, "first", include_str!("../migrations/sqlite/0001_first.sql")),
        (2, "write keys", include_str!("../migrations/sqlite/0002_write_keys.sql")),
        (3, "import counts", include_str!("../migrations/sqlite/0003_import_counts.sql")),
        (4, "left out", include_str!("../migrations/sqlite/0004_left_out.sql")),
    ];
    let migrations = list.into_iter().map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests;
