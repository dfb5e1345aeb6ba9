use sqlx::Row;

use crate::{Result, State, StateError};

/// A saved page address or segment.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SavedView {
    /// Id chosen by the caller; unique.
    pub view_id: String,
    /// `link` or `segment`.
    pub kind: String,
    /// The name that people see.
    pub name: String,
    /// The query part of the address, as the page writes it.
    pub content: String,
    /// When it was first saved, µs UTC.
    pub created_at: i64,
    /// When it was last saved, µs UTC.
    pub updated_at: i64,
}

impl State {
    /// Saves a view under `view_id`, in place of one with the same id.
    ///
    /// # Errors
    /// [`StateError::Query`] when it cannot be stored.
    pub async fn save_view(
        &self,
        view_id: &str,
        kind: &str,
        name: &str,
        content: &str,
        at: i64,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO saved_views (view_id, kind, name, content, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (view_id) DO UPDATE SET kind = excluded.kind, \
             name = excluded.name, content = excluded.content, updated_at = excluded.updated_at",
        )
        .bind(view_id)
        .bind(kind)
        .bind(name)
        .bind(content)
        .bind(at)
        .execute(&self.pool)
        .await
        .map_err(|e| self.failed("saving a view", e))?;
        Ok(())
    }

    /// All saved views, by name.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn saved_views(&self) -> Result<Vec<SavedView>> {
        let failed = |e| self.failed("listing saved views", e);
        let rows = sqlx::query(
            "SELECT view_id, kind, name, content, created_at, updated_at FROM saved_views \
             ORDER BY name, view_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        rows.iter()
            .map(|row| {
                Ok(SavedView {
                    view_id: row.try_get("view_id")?,
                    kind: row.try_get("kind")?,
                    name: row.try_get("name")?,
                    content: row.try_get("content")?,
                    created_at: row.try_get("created_at")?,
                    updated_at: row.try_get("updated_at")?,
                })
            })
            .collect::<sqlx::Result<_>>()
            .map_err(failed)
    }

    /// Deletes a saved view.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when there is none with this id.
    pub async fn delete_view(&self, view_id: &str) -> Result<()> {
        let done = sqlx::query("DELETE FROM saved_views WHERE view_id = $1")
            .bind(view_id)
            .execute(&self.pool)
            .await
            .map_err(|e| self.failed("deleting a saved view", e))?;
        if done.rows_affected() == 0 {
            return Err(StateError::NotFound { kind: "saved view", id: view_id.to_owned() });
        }
        Ok(())
    }
}
