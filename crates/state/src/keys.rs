use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Result, State, StateError};

/// What every write key begins with.
pub const WRITE_KEY_PREFIX: &str = "wk_";

/// A key that event clients send. It may only add events, and stands in the source of public pages, so it is no
/// secret: it is kept as it is and can be looked up again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WriteKey {
    /// Short id, shown in lists and used to revoke.
    pub key_id: String,
    /// What the key is for, as its owner wrote it.
    pub name: String,
    /// `wk_` and 32 hexadecimal digits: what a client sends.
    pub write_key: String,
    /// Sites whose trackers send a domain in place of a key; lower case, in the order given.
    pub domains: Vec<String>,
    /// When it was made, µs UTC.
    pub created_at: i64,
    /// When events last came with it, µs UTC.
    pub last_used_at: Option<i64>,
    /// When it was revoked, µs UTC; a revoked key is never accepted.
    pub revoked_at: Option<i64>,
}

const COLUMNS: &str = "key_id, name, write_key, domains, created_at, last_used_at, revoked_at";

impl State {
    /// Makes a write key called `name` from 16 random bytes of the caller, good for events of `domains` as well.
    ///
    /// # Errors
    /// [`StateError::Query`] when it cannot be stored.
    pub async fn create_write_key(
        &self,
        name: &str,
        domains: &[String],
        random: &[u8; 16],
        at: i64,
    ) -> Result<WriteKey> {
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = WriteKey {
            key_id: format!("key-{}", &digits[..8]),
            name: name.to_owned(),
            write_key: format!("{WRITE_KEY_PREFIX}{digits}"),
            domains: domains.iter().map(|domain| domain.to_lowercase()).collect(),
            created_at: at,
            last_used_at: None,
            revoked_at: None,
        };
        sqlx::query(
            "INSERT INTO write_keys (key_id, name, write_key, domains, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&key.key_id)
        .bind(&key.name)
        .bind(&key.write_key)
        .bind(key.domains.join(","))
        .bind(at)
        .execute(&self.pool)
        .await
        .map_err(|e| self.failed("storing a write key", e))?;
        Ok(key)
    }

    /// All write keys, newest first, revoked ones among them.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn write_keys(&self) -> Result<Vec<WriteKey>> {
        let sql = format!("SELECT {COLUMNS} FROM write_keys ORDER BY created_at DESC, key_id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.failed("listing write keys", e))?;
        rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(|e| self.failed("reading a write key", e))
    }

    /// Notes that events came with a key at `at`; the caller does so seldom, not with every request.
    ///
    /// # Errors
    /// [`StateError::Query`] when it cannot be stored.
    pub async fn touch_write_key(&self, key_id: &str, at: i64) -> Result<()> {
        sqlx::query("UPDATE write_keys SET last_used_at = $1 WHERE key_id = $2")
            .bind(at)
            .bind(key_id)
            .execute(&self.pool)
            .await
            .map_err(|e| self.failed("noting the use of a write key", e))?;
        Ok(())
    }

    /// Revokes a write key for good, named by its id or by the key itself, and returns it. Revoking it again changes
    /// nothing.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when there is no such key.
    pub async fn revoke_write_key(&self, id_or_key: &str, at: i64) -> Result<WriteKey> {
        let done = sqlx::query(
            "UPDATE write_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE key_id = $2 OR write_key = $2",
        )
        .bind(at)
        .bind(id_or_key)
        .execute(&self.pool)
        .await
        .map_err(|e| self.failed("revoking a write key", e))?;
        if done.rows_affected() == 0 {
            return Err(StateError::NotFound { kind: "write key", id: id_or_key.to_owned() });
        }
        let sql = format!("SELECT {COLUMNS} FROM write_keys WHERE key_id = $1 OR write_key = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id_or_key)
            .fetch_one(&self.pool)
            .await
            .map_err(|e| self.failed("reading a write key", e))?;
        read(&row).map_err(|e| self.failed("reading a write key", e))
    }
}

fn read(row: &SqliteRow) -> sqlx::Result<WriteKey> {
    let domains: String = row.try_get("domains")?;
    Ok(WriteKey {
        key_id: row.try_get("key_id")?,
        name: row.try_get("name")?,
        write_key: row.try_get("write_key")?,
        domains: domains.split(',').filter(|domain| !domain.is_empty()).map(str::to_owned).collect(),
        created_at: row.try_get("created_at")?,
        last_used_at: row.try_get("last_used_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
