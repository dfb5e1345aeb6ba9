//! `GET /keys`: the write keys.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::events::keys::KeyList;
use axum::Json;
use axum::extract::State;

/// The write keys that event clients send, newest first.
#[utoipa::path(get, path = "/api/v1/keys", tag = "events", responses((status = 200, body = KeyList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<KeyList>> {
    Ok(Json(context.workspace.keys().list().await?))
}
