//! `DELETE /views/{name}`: deletes one.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use axum::extract::{Path, State};
use axum::http::StatusCode;

/// Deletes a saved view.
#[utoipa::path(delete, path = "/api/v1/views/{name}", tag = "events",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Deleted"),
        (status = 404, description = "No such view", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(name): Path<String>) -> ApiResult<StatusCode> {
    context.workspace.delete_view(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
