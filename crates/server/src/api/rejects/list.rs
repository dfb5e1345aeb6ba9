//! `GET /rejects`: rows that could not be read.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::rejects::RejectsPage;
use axum::Json;
use axum::extract::State;

/// Rows that could not be read, with source, line, reason and their bytes.
#[utoipa::path(get, path = "/api/v1/rejects", tag = "imports",
    params(("import_id" = Option<String>, Query, description = "Of one import only"),
        ("limit" = Option<usize>, Query, description = "Most rows, up to 1,000; 100 by default"),
        ("offset" = Option<usize>, Query, description = "Rows to pass over")),
    responses((status = 200, body = RejectsPage),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<RejectsPage>> {
    params.only(&["import_id", "limit", "offset"])?;
    let limit = params.number("limit", 100, 1_000)?;
    let offset = params.number("offset", 0, usize::MAX)?;
    Ok(Json(context.workspace.rejects(params.get("import_id"), limit, offset).await?))
}
