//! `GET /events/names`: what arrives.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::events::seen::NameList;
use axum::Json;
use axum::extract::State;

/// The names of events that were seen, with their properties, volumes and meanings.
#[utoipa::path(get, path = "/api/v1/events/names", tag = "events", responses((status = 200, body = NameList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<NameList>> {
    Ok(Json(context.workspace.event_names().await?))
}
