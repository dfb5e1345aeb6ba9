//! `GET /imports/{id}`: how far one import is.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::import::ImportStatus;
use axum::Json;
use axum::extract::{Path, State};

/// The state of one import; a running one is found again here after the page was left.
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "imports",
    params(("id" = String, Path, description = "Id that `POST /imports` gave")),
    responses((status = 200, body = ImportStatus),
        (status = 404, description = "No such import", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(id): Path<String>) -> ApiResult<Json<ImportStatus>> {
    Ok(Json(context.workspace.import_status(&id).await?))
}
