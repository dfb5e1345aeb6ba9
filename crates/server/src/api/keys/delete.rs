//! `DELETE /keys/{id}`: revokes a write key.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::keys::Key;
use axum::Json;
use axum::extract::{Path, State};

/// Revokes a write key for good; clients that send it are refused from now on.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "events",
    params(("id" = String, Path, description = "Id of the key")),
    responses((status = 200, body = Key), (status = 404, description = "No such key", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(id): Path<String>) -> ApiResult<Json<Key>> {
    Ok(Json(context.workspace.keys().revoke(&id, "page").await?))
}
