use sqlx::Row;

use crate::{Result, State};

impl State {
    /// The value kept under `scope` and `name`: the cursor of a job, the seed of the demo company, …
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when the store cannot be read.
    pub async fn cursor(&self, scope: &str, name: &str) -> Result<Option<String>> {
        let row = sqlx::query("SELECT value FROM cursors WHERE scope = $1 AND name = $2")
            .bind(scope)
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| self.failed("reading a cursor", e))?;
        row.map(|r| r.try_get("value").map_err(|e| self.failed("reading a cursor", e))).transpose()
    }

    /// All names and values under `scope`, by name.
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when the store cannot be read.
    pub async fn cursors(&self, scope: &str) -> Result<Vec<(String, String)>> {
        let failed = |e| self.failed("reading cursors", e);
        let rows = sqlx::query("SELECT name, value FROM cursors WHERE scope = $1 ORDER BY name")
            .bind(scope)
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter()
            .map(|row| Ok((row.try_get("name")?, row.try_get("value")?)))
            .collect::<sqlx::Result<_>>()
            .map_err(failed)
    }

    /// Keeps `value` under `scope` and `name`, in place of what was there.
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when it cannot be stored.
    pub async fn set_cursor(&self, scope: &str, name: &str, value: &str, at: i64) -> Result<()> {
        sqlx::query(
            "INSERT INTO cursors (scope, name, value, updated_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        )
        .bind(scope)
        .bind(name)
        .bind(value)
        .bind(at)
        .execute(&self.pool)
        .await
        .map_err(|e| self.failed("keeping a cursor", e))?;
        Ok(())
    }
}
