//! Rows that could not be read, on their way into the table of rejects.

use crate::app::{Error, Result};
use arrow::array::RecordBatch;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use burgeon_connectors::{Reject, TableRows, Value};
use sha2::{Digest, Sha256};

/// Where rejects come from.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// File or client, as `_source` says.
    pub source: &'a str,
    /// What tells two sources apart: the SHA-256 of a file, or nothing.
    pub content: &'a str,
    /// Table or shape that the rows were meant for.
    pub table: Option<&'a str>,
    /// Import that met them.
    pub import_id: Option<&'a str>,
    /// When they were met, µs UTC.
    pub at: i64,
}

/// The id of a reject: the same row of the same file has the same one whenever it is met.
pub fn reject_id(origin: &Origin<'_>, reject: &Reject) -> String {
    let mut hash = Sha256::new();
    for part in [origin.source, origin.content, origin.table.unwrap_or_default()] {
        hash.update(part.as_bytes());
        hash.update([0x1f]);
    }
    // A client's row has no lasting place: its content tells it apart.
    if !origin.content.is_empty() {
        hash.update(reject.line.to_le_bytes());
    }
    hash.update(&reject.bytes);
    crate::web::hex(&hash.finalize()[..12])
}

/// Rejects as rows of their table.
pub fn batch(origin: &Origin<'_>, rejects: &[Reject]) -> Result<Option<RecordBatch>> {
    let missing = || Error::internal("the table of rejects is missing");
    let mut rows = TableRows::new("rejects").ok_or_else(missing)?;
    for reject in rejects {
        let id = reject_id(origin, reject);
        let (text, encoded) = match std::str::from_utf8(&reject.bytes) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(&reject.bytes), true),
        };
        rows.push(
            reject.line,
            &[
                Value::Text(&id),
                Value::Text(origin.source),
                Value::from(origin.table),
                Value::Int(i64::try_from(reject.line).unwrap_or(i64::MAX)),
                Value::Text(&reject.reason),
                Value::Text(&text),
                Value::Bool(encoded),
                Value::from(origin.import_id),
                Value::Int(origin.at),
                Value::Null,
            ],
        );
    }
    Ok(rows.take().map(|batch| batch.with_origin(origin.source, origin.content.get(..16).unwrap_or("api"))))
}

/// The bytes of a stored reject.
pub fn bytes(text: &str, encoded: bool) -> Vec<u8> {
    if encoded {
        STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
    } else {
        text.as_bytes().to_vec()
    }
}
