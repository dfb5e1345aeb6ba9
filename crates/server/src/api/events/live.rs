//! `GET /events/live`: who is here now.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::events::live::LiveNow;
use axum::Json;
use axum::extract::State;

/// Who is on the site and in the product at this moment, the last half hour by minute, and the newest events.
#[utoipa::path(get, path = "/api/v1/events/live", tag = "events", responses((status = 200, body = LiveNow)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<LiveNow>> {
    Ok(Json(context.workspace.live_now().await?))
}
