use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Result, State};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AuditEntry {
    /// Rising number; later entries have higher ones.
    pub audit_id: i64,
    /// When, µs UTC.
    pub at: i64,
    /// Who: `cli`, a token's name, `page`.
    pub actor: String,
    /// What was done, such as `setting`, `merge`, `token`.
    pub action: String,
    /// What it was done to: the name of the setting, the customer, the token.
    pub subject: String,
    /// Particulars as JSON.
    pub detail: serde_json::Value,
}

/// A change of one workspace setting.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SettingChange {
    /// Name of the setting.
    pub name: String,
    /// Value before, as written in the settings file; none when the default held.
    pub before: Option<String>,
    /// Value after; none when it went back to the default.
    pub after: Option<String>,
}

impl State {
    /// Adds a line to the audit log.
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when it cannot be stored.
    pub async fn audit(
        &self,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &serde_json::Value,
        at: i64,
    ) -> Result<()> {
        sqlx::query("INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)")
            .bind(at)
            .bind(actor)
            .bind(action)
            .bind(subject)
            .bind(detail.to_string())
            .execute(&self.pool)
            .await
            .map_err(|e| self.failed("writing the audit log", e))?;
        Ok(())
    }

    /// Adds one line for each changed setting, all or none.
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when they cannot be stored.
    pub async fn audit_settings(&self, actor: &str, changes: &[SettingChange], at: i64) -> Result<()> {
        let failed = |e| self.failed("writing the audit log", e);
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        for change in changes {
            let detail = serde_json::json!({"before": change.before, "after": change.after});
            sqlx::query("INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)")
                .bind(at)
                .bind(actor)
                .bind("setting")
                .bind(&change.name)
                .bind(detail.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// The newest lines of the audit log, of one action or of all.
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when the store cannot be read.
    pub async fn audit_log(&self, action: Option<&str>, limit: u32) -> Result<Vec<AuditEntry>> {
        let rows = sqlx::query(
            "SELECT audit_id, at, actor, action, subject, detail FROM audit \
             WHERE $1 = '' OR action = $1 ORDER BY audit_id DESC LIMIT $2",
        )
        .bind(action.unwrap_or(""))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.failed("reading the audit log", e))?;
        rows.iter().map(|row| self.read_audit(row)).collect()
    }

    /// Takes what `names` anybody out of the lines of one action: their subject or a text of their particulars. That the
    /// action took place stays. Gives the number of lines.
    ///
    /// # Errors
    /// [`crate::StateError::Query`] when the store cannot be read or written.
    pub async fn forget_in_audit(&self, action: &str, names: &[&str]) -> Result<u64> {
        let mut forgotten = 0;
        for entry in self.audit_log(Some(action), u32::MAX).await? {
            let mut texts =
                entry.detail.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
            if !names.contains(&entry.subject.as_str()) && !texts.any(|text| names.contains(&text)) {
                continue;
            }
            sqlx::query("UPDATE audit SET subject = 'removed', detail = '{}' WHERE audit_id = $1")
                .bind(entry.audit_id)
                .execute(&self.pool)
                .await
                .map_err(|e| self.failed("taking a person out of the audit log", e))?;
            forgotten += 1;
        }
        if forgotten > 0 {
            // The old pages stand in SQLite's own log until it is emptied.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&self.pool)
                .await
                .map_err(|e| self.failed("taking a person out of the audit log", e))?;
        }
        Ok(forgotten)
    }

    fn read_audit(&self, row: &SqliteRow) -> Result<AuditEntry> {
        let read = |row: &SqliteRow| -> sqlx::Result<(AuditEntry, String)> {
            let entry = AuditEntry {
                audit_id: row.try_get("audit_id")?,
                at: row.try_get("at")?,
                actor: row.try_get("actor")?,
                action: row.try_get("action")?,
                subject: row.try_get("subject")?,
                detail: serde_json::Value::Null,
            };
            Ok((entry, row.try_get("detail")?))
        };
        let (mut entry, detail) = read(row).map_err(|e| self.failed("reading the audit log", e))?;
        entry.detail = serde_json::from_str(&detail)
            .map_err(|e| self.damaged(format!("line {} of the audit log", entry.audit_id), e))?;
        Ok(entry)
    }
}
