use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Result, State, StateError};

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Rows are being read; nothing of it is visible yet.
    Running,
    /// Every row is in the lake or among the rejects.
    Done,
    /// It stopped with an error and left nothing behind.
    Failed,
}

impl ImportState {
    /// The stored word: `running`, `done` or `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Failed].into_iter().find(|s| s.as_str() == text)
    }
}

/// What is known of an import when it starts.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// Id chosen by the caller; unique.
    pub import_id: String,
    /// Name of the file as the user gave it, without its folder.
    pub file: String,
    /// SHA-256 of the whole file, hexadecimal.
    pub sha256: String,
    /// Canonical table that the rows go to, when there is one.
    pub table: Option<String>,
    /// Recognised shape of the file, such as `stripe_subscriptions`.
    pub shape: Option<String>,
    /// Which column feeds which field, as JSON.
    pub mapping: serde_json::Value,
}

/// Rows of an import by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportCounts {
    /// Rows read from the file.
    pub rows_read: u64,
    /// New records.
    pub taken: u64,
    /// Records that replaced an earlier version.
    pub replaced: u64,
    /// Records that were there already with the same content.
    pub unchanged: u64,
    /// Rows that could not be read and are kept among the rejects.
    pub rejected: u64,
    /// Records of an earlier version of the file that this one does not have; they stay.
    pub missing: u64,
    /// Records of an earlier version of the file that were removed, since this one does not have them.
    pub removed: u64,
    /// Rows that were taken out of this very file with a person and were not read again.
    pub left_out: u64,
}

/// One line of the ledger of imports.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Import {
    /// Unique id.
    pub import_id: String,
    /// Name of the file.
    pub file: String,
    /// SHA-256 of the whole file, hexadecimal.
    pub sha256: String,
    /// Canonical table, when there is one.
    pub table: Option<String>,
    /// Recognised shape of the file.
    pub shape: Option<String>,
    /// Which column feeds which field, as JSON.
    pub mapping: serde_json::Value,
    /// How far it is.
    pub state: ImportState,
    /// Rows by what became of them.
    pub counts: ImportCounts,
    /// What went wrong, when it failed.
    pub error: Option<String>,
    /// Start, µs UTC.
    pub started_at: i64,
    /// End, µs UTC.
    pub finished_at: Option<i64>,
}

const COLUMNS: &str = "import_id, file, sha256, table_name, shape, mapping, state, rows_read, taken, replaced, \
                       unchanged, rejected, missing, removed, left_out, error, started_at, finished_at";

impl State {
    /// Notes that an import has started at `at`.
    ///
    /// # Errors
    /// [`StateError::Query`] when it cannot be stored, also when the id is taken.
    pub async fn begin_import(&self, new: &NewImport, at: i64) -> Result<()> {
        sqlx::query(
            "INSERT INTO imports (import_id, file, sha256, table_name, shape, mapping, state, started_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&new.import_id)
        .bind(&new.file)
        .bind(&new.sha256)
        .bind(&new.table)
        .bind(&new.shape)
        .bind(new.mapping.to_string())
        .bind(ImportState::Running.as_str())
        .bind(at)
        .execute(&self.pool)
        .await
        .map_err(|e| self.failed("noting an import", e))?;
        Ok(())
    }

    /// Notes how far a running import is; for progress that outlives a page load.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when the import is unknown or finished.
    pub async fn progress_import(&self, import_id: &str, counts: ImportCounts) -> Result<()> {
        self.update_import(import_id, ImportState::Running, counts, None, None).await
    }

    /// Notes that an import is done.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when the import is unknown or finished already.
    pub async fn finish_import(&self, import_id: &str, counts: ImportCounts, at: i64) -> Result<()> {
        self.update_import(import_id, ImportState::Done, counts, None, Some(at)).await
    }

    /// Notes that an import failed with `error`.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when the import is unknown or finished already.
    pub async fn fail_import(
        &self,
        import_id: &str,
        counts: ImportCounts,
        error: &str,
        at: i64,
    ) -> Result<()> {
        self.update_import(import_id, ImportState::Failed, counts, Some(error), Some(at)).await
    }

    /// Marks every import that still reads `running` as failed; called when a data directory is opened, because
    /// only one process works on it. Returns how many there were.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be written.
    pub async fn fail_interrupted_imports(&self, at: i64) -> Result<u64> {
        let done =
            sqlx::query("UPDATE imports SET state = $1, error = $2, finished_at = $3 WHERE state = $4")
                .bind(ImportState::Failed.as_str())
                .bind("the process stopped in the middle; import the file again")
                .bind(at)
                .bind(ImportState::Running.as_str())
                .execute(&self.pool)
                .await
                .map_err(|e| self.failed("closing interrupted imports", e))?;
        Ok(done.rows_affected())
    }

    /// One import by its id.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when there is none.
    pub async fn import(&self, import_id: &str) -> Result<Import> {
        let rows = self.select_imports("WHERE import_id = $1", import_id, 1, 0).await?;
        rows.into_iter()
            .next()
            .ok_or_else(|| StateError::NotFound { kind: "import", id: import_id.to_owned() })
    }

    /// Imports, newest first.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn imports(&self, limit: u32, offset: u32) -> Result<Vec<Import>> {
        self.select_imports("WHERE import_id <> $1", "", limit, offset).await
    }

    /// Imports of exactly this file content, newest first.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn imports_of(&self, sha256: &str) -> Result<Vec<Import>> {
        self.select_imports("WHERE sha256 = $1", sha256, 1000, 0).await
    }

    /// Whether another content under this name was imported before, so that the file at hand corrects it.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn is_correction(&self, file: &str, sha256: &str) -> Result<bool> {
        let row =
            sqlx::query("SELECT count(*) AS n FROM imports WHERE file = $1 AND sha256 <> $2 AND state = $3")
                .bind(file)
                .bind(sha256)
                .bind(ImportState::Done.as_str())
                .fetch_one(&self.pool)
                .await
                .map_err(|e| self.failed("looking for an earlier version of a file", e))?;
        let n: i64 =
            row.try_get("n").map_err(|e| self.failed("looking for an earlier version of a file", e))?;
        Ok(n > 0)
    }

    async fn select_imports(
        &self,
        filter: &'static str,
        value: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<Import>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM imports {filter} ORDER BY started_at DESC, import_id DESC LIMIT $2 OFFSET $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(value)
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.failed("listing imports", e))?;
        rows.iter().map(|row| self.read_import(row)).collect()
    }

    async fn update_import(
        &self,
        import_id: &str,
        state: ImportState,
        counts: ImportCounts,
        error: Option<&str>,
        finished_at: Option<i64>,
    ) -> Result<()> {
        let done = sqlx::query(
            "UPDATE imports SET state = $1, rows_read = $2, taken = $3, replaced = $4, unchanged = $5, \
             rejected = $6, missing = $7, removed = $8, left_out = $9, error = $10, finished_at = $11 \
             WHERE import_id = $12 AND state = $13",
        )
        .bind(state.as_str())
        .bind(counts.rows_read as i64)
        .bind(counts.taken as i64)
        .bind(counts.replaced as i64)
        .bind(counts.unchanged as i64)
        .bind(counts.rejected as i64)
        .bind(counts.missing as i64)
        .bind(counts.removed as i64)
        .bind(counts.left_out as i64)
        .bind(error)
        .bind(finished_at)
        .bind(import_id)
        .bind(ImportState::Running.as_str())
        .execute(&self.pool)
        .await
        .map_err(|e| self.failed("noting the state of an import", e))?;
        if done.rows_affected() == 0 {
            return Err(StateError::NotFound { kind: "running import", id: import_id.to_owned() });
        }
        Ok(())
    }

    fn read_import(&self, row: &SqliteRow) -> Result<Import> {
        let read = |row: &SqliteRow| -> sqlx::Result<(Import, String, String)> {
            let count = |name: &str| row.try_get::<i64, _>(name).map(|n| n.max(0) as u64);
            let import = Import {
                import_id: row.try_get("import_id")?,
                file: row.try_get("file")?,
                sha256: row.try_get("sha256")?,
                table: row.try_get("table_name")?,
                shape: row.try_get("shape")?,
                mapping: serde_json::Value::Null,
                state: ImportState::Failed,
                counts: ImportCounts {
                    rows_read: count("rows_read")?,
                    taken: count("taken")?,
                    replaced: count("replaced")?,
                    unchanged: count("unchanged")?,
                    rejected: count("rejected")?,
                    missing: count("missing")?,
                    removed: count("removed")?,
                    left_out: count("left_out")?,
                },
                error: row.try_get("error")?,
                started_at: row.try_get("started_at")?,
                finished_at: row.try_get("finished_at")?,
            };
            Ok((import, row.try_get("mapping")?, row.try_get("state")?))
        };
        let (mut import, mapping, state) = read(row).map_err(|e| self.failed("reading an import", e))?;
        import.mapping = serde_json::from_str(&mapping)
            .map_err(|e| self.damaged(format!("the mapping of import {}", import.import_id), e))?;
        import.state = ImportState::parse(&state)
            .ok_or_else(|| self.damaged(format!("the state of import {}", import.import_id), &state))?;
        Ok(import)
    }
}
