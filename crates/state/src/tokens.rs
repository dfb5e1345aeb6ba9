use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Result, State, StateError};

/// A token as the store knows it: the secret itself is not kept, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ApiToken {
    /// Short public id, shown in lists and used to revoke.
    pub token_id: String,
    /// What the token is for, as its owner wrote it.
    pub name: String,
    /// When it was made, µs UTC.
    pub created_at: i64,
    /// When it was last accepted, µs UTC.
    pub last_used_at: Option<i64>,
    /// When it was revoked, µs UTC; a revoked token is never accepted.
    pub revoked_at: Option<i64>,
}

/// A token that was just made. The secret is shown once and cannot be read again.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Short public id.
    pub token_id: String,
    /// `bur_` and 64 hexadecimal digits: what a client sends.
    pub secret: String,
}

impl State {
    /// Makes a token called `name` from 32 random bytes of the caller.
    ///
    /// The bytes must come from the system's random source; with 256 random bits a plain SHA-256 is as safe as a
    /// slow password hash, and it is checked on every request.
    ///
    /// # Errors
    /// [`StateError::Query`] when it cannot be stored.
    pub async fn create_token(&self, name: &str, random: &[u8; 32], at: i64) -> Result<NewToken> {
        let secret = format!("bur_{}", hex(random));
        let hash = digest(&secret);
        let token_id = hash.chars().take(12).collect::<String>();
        sqlx::query("INSERT INTO api_tokens (token_id, name, hash, created_at) VALUES ($1, $2, $3, $4)")
            .bind(&token_id)
            .bind(name)
            .bind(&hash)
            .bind(at)
            .execute(&self.pool)
            .await
            .map_err(|e| self.failed("storing a token", e))?;
        Ok(NewToken { token_id, secret })
    }

    /// The token that `secret` belongs to, when it is known and not revoked; its time of last use becomes `at`
    /// (kept to the minute, so that a busy client does not write on every request).
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn verify_token(&self, secret: &str, at: i64) -> Result<Option<ApiToken>> {
        let row = sqlx::query(
            "SELECT token_id, name, created_at, last_used_at, revoked_at FROM api_tokens \
             WHERE hash = $1 AND revoked_at IS NULL",
        )
        .bind(digest(secret))
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| self.failed("looking up a token", e))?;
        let Some(row) = row else { return Ok(None) };
        let token = read(&row).map_err(|e| self.failed("reading a token", e))?;
        if token.last_used_at.is_none_or(|last| at - last >= 60_000_000) {
            sqlx::query("UPDATE api_tokens SET last_used_at = $1 WHERE token_id = $2")
                .bind(at)
                .bind(&token.token_id)
                .execute(&self.pool)
                .await
                .map_err(|e| self.failed("noting the use of a token", e))?;
        }
        Ok(Some(token))
    }

    /// All tokens, newest first, revoked ones among them.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn tokens(&self) -> Result<Vec<ApiToken>> {
        let rows = sqlx::query(
            "SELECT token_id, name, created_at, last_used_at, revoked_at FROM api_tokens \
             ORDER BY created_at DESC, token_id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.failed("listing tokens", e))?;
        rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(|e| self.failed("reading a token", e))
    }

    /// Whether any token is in force: then the API asks for one.
    ///
    /// # Errors
    /// [`StateError::Query`] when the store cannot be read.
    pub async fn has_tokens(&self) -> Result<bool> {
        let row = sqlx::query("SELECT COUNT(*) FROM api_tokens WHERE revoked_at IS NULL")
            .fetch_one(&self.pool)
            .await
            .map_err(|e| self.failed("counting tokens", e))?;
        let count: i64 = row.try_get(0).map_err(|e| self.failed("counting tokens", e))?;
        Ok(count > 0)
    }

    /// Revokes a token for good. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StateError::NotFound`] when there is no such token.
    pub async fn revoke_token(&self, token_id: &str, at: i64) -> Result<()> {
        let done =
            sqlx::query("UPDATE api_tokens SET revoked_at = COALESCE(revoked_at, $1) WHERE token_id = $2")
                .bind(at)
                .bind(token_id)
                .execute(&self.pool)
                .await
                .map_err(|e| self.failed("revoking a token", e))?;
        if done.rows_affected() == 0 {
            return Err(StateError::NotFound { kind: "token", id: token_id.to_owned() });
        }
        Ok(())
    }
}

fn read(row: &SqliteRow) -> sqlx::Result<ApiToken> {
    Ok(ApiToken {
        token_id: row.try_get("token_id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        last_used_at: row.try_get("last_used_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

fn digest(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
