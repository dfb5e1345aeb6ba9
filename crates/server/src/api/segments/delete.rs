//! `DELETE /segments/{name}`: deletes one.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use axum::extract::{Path, State};
use axum::http::StatusCode;

/// Deletes a saved segment.
#[utoipa::path(delete, path = "/api/v1/segments/{name}", tag = "events",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Deleted"),
        (status = 404, description = "No such segment", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(name): Path<String>) -> ApiResult<StatusCode> {
    context.workspace.delete_segment(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
