//! `POST /records/{table}`: writes records; the same records again change nothing.

use crate::api::error::{ApiError, ApiResult, Envelope};
use crate::api::{Shared, limits};
use crate::app::intake::Written;
use crate::app::{Error, Kind};
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use serde_json::Value;

/// Writes records: a JSON array, `{"rows": […]}`, or one JSON object a line. Durable when answered.
#[utoipa::path(post, path = "/api/v1/records/{table}", tag = "records",
    params(("table" = String, Path, description = "Name of the record table")),
    request_body(content = Vec<Object>, description = "Rows by the table's column names"),
    responses((status = 200, body = Written),
        (status = 404, description = "No such table", body = Envelope),
        (status = 413, description = "Too many rows or bytes at once", body = Envelope),
        (status = 422, description = "The body is not rows", body = Envelope),
        (status = 507, description = "The disk is full", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(table): Path<String>,
    request: Request,
) -> ApiResult<Json<Written>> {
    let body = to_bytes(request.into_body(), limits::RECORDS_BODY).await.map_err(|_| {
        ApiError(
            Error::new(
                Kind::TooLarge,
                "body_too_large",
                format!("the body is larger than {} MiB", limits::RECORDS_BODY >> 20),
            )
            .mend("send it in parts, or import it as a file"),
        )
    })?;
    let rows = rows(&body)?;
    if rows.len() > limits::RECORDS_ROWS {
        let message = format!("{} rows at once; {} are taken", rows.len(), limits::RECORDS_ROWS);
        return Err(Error::new(Kind::TooLarge, "too_many_rows", message)
            .mend("send them in parts, or import them as a file")
            .into());
    }
    Ok(Json(context.workspace.write(&table, rows).await?))
}

/// Reads the three forms of a body.
fn rows(body: &[u8]) -> Result<Vec<Value>, Error> {
    let unreadable = |message: String| {
        Error::new(Kind::Unprocessable, "not_rows", message)
            .mend("send a JSON array of objects, {\"rows\": [...]}, or one JSON object a line")
    };
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(rows)) => return Ok(rows),
        Ok(Value::Object(mut object)) => {
            return match object.remove("rows") {
                Some(Value::Array(rows)) => Ok(rows),
                Some(_) => Err(unreadable("`rows` is not an array".into())),
                None => Ok(vec![Value::Object(object)]),
            };
        }
        Ok(_) => return Err(unreadable("the body is neither an array nor an object".into())),
        Err(_) => {}
    }
    let text =
        std::str::from_utf8(body).map_err(|error| unreadable(format!("the body is not UTF-8: {error}")))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| unreadable(format!("line {} is not JSON: {error}", number + 1)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_and_their_errors() {
        assert_eq!(rows(br#"[{"a":1},{"a":2}]"#).unwrap().len(), 2);
        assert_eq!(rows(br#"{"rows":[{"a":1}]}"#).unwrap().len(), 1);
        assert_eq!(rows(b"{\"a\":1}\n\n{\"a\":2}\n").unwrap().len(), 2);
        assert_eq!(rows(br#"{"a":1}"#).unwrap().len(), 1);
        assert!(rows(b"{\"a\":1}\nnot").unwrap_err().message.starts_with("line 2"));
        assert!(rows(b"7").is_err());
        assert!(rows(b"\xff\xfe").is_err());
    }
}
