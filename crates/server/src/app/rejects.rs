//! Rows that could not be read: seen, and read again after the mend.

use super::cells::{Columns, instant};
use super::{Error, Result, Workspace};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A row that could not be read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reject {
    /// Identifier.
    pub reject_id: String,
    /// File or client that the row came from.
    pub source: String,
    /// Table that it was meant for.
    pub table: Option<String>,
    /// Line in the file, from 1.
    pub line: Option<i64>,
    /// What is wrong, and how it is mended.
    pub reason: String,
    /// The row as it came.
    pub bytes: String,
    /// Whether `bytes` is base64.
    pub base64: bool,
    /// Import that met it.
    pub import_id: Option<String>,
    /// When it was met, RFC 3339.
    pub at: String,
    /// When it was replayed with success, RFC 3339.
    pub replayed_at: Option<String>,
}

/// A page of rejects, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RejectsPage {
    /// Newest first.
    pub rejects: Vec<Reject>,
    /// How many there are in all, replayed ones among them.
    pub total: u64,
    /// How many still wait for a mend.
    pub open: u64,
}

/// Which rejects to read again: by id, or all of an import. Neither means all that are open.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Identifiers.
    #[serde(default)]
    pub ids: Vec<String>,
    /// All of this import.
    #[serde(default)]
    pub import_id: Option<String>,
    /// Options of the reader over those of the import, such as `date` or `map`.
    #[serde(default)]
    pub options: std::collections::BTreeMap<String, String>,
}

/// What became of the rejects.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Replayed {
    /// Rows read again.
    pub read: u64,
    /// Rows that became records.
    pub taken: u64,
    /// Rows that are still not readable, with the reason of today.
    pub still_rejected: u64,
}

impl Workspace {
    /// Rejected rows, newest first.
    pub async fn rejects(&self, import_id: Option<&str>, limit: usize, offset: usize) -> Result<RejectsPage> {
        let filter = match import_id {
            Some(id) => format!("WHERE import_id = {}", super::sql::literal(id)),
            None => String::new(),
        };
        let counts = self
            .select(&format!(
                "SELECT count(*) AS total, count(*) FILTER (WHERE replayed_at IS NULL) AS open FROM rejects {filter}"
            ))
            .await?;
        let mut page = RejectsPage { rejects: Vec::new(), total: 0, open: 0 };
        for batch in counts.iter().filter(|batch| batch.num_rows() > 0) {
            let columns = Columns(batch);
            page.total = columns.int("total", 0)?.unwrap_or(0).unsigned_abs();
            page.open = columns.int("open", 0)?.unwrap_or(0).unsigned_abs();
        }
        page.rejects = self
            .select_rejects(&format!(
                "{filter} ORDER BY at DESC, line, reject_id LIMIT {limit} OFFSET {offset}"
            ))
            .await?;
        Ok(page)
    }

    /// The rejects that a replay asks for and that are still open.
    pub(super) async fn open_rejects(&self, replay: &Replay) -> Result<Vec<Reject>> {
        let mut filter = "WHERE replayed_at IS NULL".to_owned();
        if let Some(id) = &replay.import_id {
            filter.push_str(&format!(" AND import_id = {}", super::sql::literal(id)));
        }
        if !replay.ids.is_empty() {
            let ids: Vec<String> = replay.ids.iter().map(|id| super::sql::literal(id)).collect();
            filter.push_str(&format!(" AND reject_id IN ({})", ids.join(", ")));
        }
        let rejects = self.select_rejects(&format!("{filter} ORDER BY at, line, reject_id")).await?;
        if rejects.is_empty() && (!replay.ids.is_empty() || replay.import_id.is_some()) {
            return Err(Error::not_found("no_such_rejects", "none of these rows waits for a replay"));
        }
        Ok(rejects)
    }

    async fn select_rejects(&self, rest: &str) -> Result<Vec<Reject>> {
        let sql = format!(
            "SELECT reject_id, source, \"table\" AS table_name, line, reason, bytes, base64, import_id, at, replayed_at \
             FROM rejects {rest}"
        );
        let mut rejects = Vec::new();
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                rejects.push(Reject {
                    reject_id: columns.text("reject_id", row)?.unwrap_or_default(),
                    source: columns.text("source", row)?.unwrap_or_default(),
                    table: columns.text("table_name", row)?,
                    line: columns.int("line", row)?,
                    reason: columns.text("reason", row)?.unwrap_or_default(),
                    bytes: columns.text("bytes", row)?.unwrap_or_default(),
                    base64: columns.flag("base64", row)?,
                    import_id: columns.text("import_id", row)?,
                    at: columns.int("at", row)?.map(instant).unwrap_or_default(),
                    replayed_at: columns.int("replayed_at", row)?.map(instant),
                });
            }
        }
        Ok(rejects)
    }
}
