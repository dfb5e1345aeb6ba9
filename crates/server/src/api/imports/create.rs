//! `POST /imports`: imports a file, or shows what would be imported.

use crate::api::error::{ApiError, ApiResult, Envelope};
use crate::api::params::Params;
use crate::api::{Shared, limits};
use crate::app::import::{ImportOptions, ImportStatus, Preview, Upload};
use crate::app::{Error, Kind};
use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

/// The form of an import.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct ImportForm {
    /// The file: CSV, JSON lines, Parquet or Excel. It stands after the other fields.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Record table or shape to read it as; guessed from the header when absent.
    table: Option<String>,
    /// `field=column` pairs, separated by commas, over what is guessed.
    map: Option<String>,
    /// true: records of the same source (`file:NAME`, or `source`) that the file does not have are removed, unless a row
    /// of it was rejected.
    replace: Option<bool>,
    /// What the records' source is called in place of `file:NAME`.
    source: Option<String>,
    /// true: nothing is written; the mapping, some rows and what would be rejected are returned.
    dry_run: Option<bool>,
    /// Further options of the reader, by name.
    #[schema(additional_properties)]
    options: Option<String>,
}

/// Imports a file. The answer comes at once (202); `GET /imports/{id}` tells how far it is. The same file again
/// changes nothing, a corrected file corrects. What an earlier version of the file had and this one has not is counted as
/// `missing` and stays, or with `replace` is removed.
#[utoipa::path(post, path = "/api/v1/imports", tag = "imports",
    params(("dry_run" = Option<bool>, Query, description = "As in the form"),
        ("table" = Option<String>, Query, description = "As in the form"),
        ("map" = Option<String>, Query, description = "As in the form"),
        ("replace" = Option<bool>, Query, description = "As in the form"),
        ("source" = Option<String>, Query, description = "As in the form")),
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "dry_run: what would be imported", body = Preview),
        (status = 202, description = "Started", body = ImportStatus),
        (status = 413, description = "The file is too large", body = Envelope),
        (status = 422, description = "The file cannot be read", body = Envelope),
        (status = 507, description = "The disk is full", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    params: Params,
    mut form: Multipart,
) -> ApiResult<Response> {
    let mut options = ImportOptions::default();
    let mut dry_run = params.flag("dry_run")?;
    for (name, value) in &params.0 {
        if name != "dry_run" {
            options.set(name, value)?;
        }
    }
    let mut upload: Option<Upload> = None;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let mut file = context.workspace.upload(field.file_name().unwrap_or("upload")).await?;
            while let Some(chunk) = field.chunk().await.map_err(broken)? {
                file.write(&chunk).await?;
                if file.bytes() > limits::IMPORT_BODY as u64 {
                    let message = format!("the file is larger than {} GiB", limits::IMPORT_BODY >> 30);
                    return Err(Error::new(Kind::TooLarge, "file_too_large", message).into());
                }
            }
            upload = Some(file);
            continue;
        }
        let value = field.text().await.map_err(broken)?;
        if name == "dry_run" {
            dry_run = matches!(value.as_str(), "true" | "1" | "on");
        } else if !value.is_empty() {
            options.set(&name, &value)?;
        }
    }
    let Some(upload) = upload else {
        return Err(Error::invalid("missing_file", "the form has no field `file`").param("file").into());
    };
    let upload = upload.finish().await?;
    if dry_run {
        return Ok(Json(context.workspace.preview_upload(upload, &options).await?).into_response());
    }
    let status = context.workspace.clone().start_import(upload, options).await?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

fn broken(error: MultipartError) -> ApiError {
    let kind =
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE { Kind::TooLarge } else { Kind::Unprocessable };
    ApiError(
        Error::new(kind, "bad_form", format!("the form cannot be read: {}", error.body_text()))
            .mend("send multipart/form-data with the file in the field `file`"),
    )
}
