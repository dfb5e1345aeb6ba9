//! `/query`, as JSON, CSV and a workbook.

use axum::http::{HeaderName, header};

pub mod csv;
pub mod run;
pub mod xlsx;

/// A file for the reader to keep, named `NAME.EXTENSION`.
fn attachment(
    content_type: &str,
    name: &str,
    extension: &str,
    body: impl Into<Vec<u8>>,
) -> ([(HeaderName, String); 2], Vec<u8>) {
    let disposition = format!("attachment; filename=\"{name}.{extension}\"");
    (
        [(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)],
        body.into(),
    )
}
