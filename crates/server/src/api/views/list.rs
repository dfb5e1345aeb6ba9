//! `GET /views`: what was saved.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::events::saved::ViewList;
use axum::Json;
use axum::extract::State;

/// The saved views, by name.
#[utoipa::path(get, path = "/api/v1/views", tag = "events", responses((status = 200, body = ViewList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<ViewList>> {
    Ok(Json(context.workspace.views().await?))
}
