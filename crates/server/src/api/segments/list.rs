//! `GET /segments`: what was saved.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::events::saved::SegmentList;
use axum::Json;
use axum::extract::State;

/// The saved segments, by name.
#[utoipa::path(get, path = "/api/v1/segments", tag = "events", responses((status = 200, body = SegmentList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<SegmentList>> {
    Ok(Json(context.workspace.segments().await?))
}
