//! `GET /workspace`: what this workspace is, and how fresh its figures are.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::workspace::Info;
use axum::Json;
use axum::extract::State;

/// The workspace: name, time zone, currencies, size of its tables, freshness.
#[utoipa::path(get, path = "/api/v1/workspace", tag = "workspace",
    responses((status = 200, body = Info)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<Info>> {
    let mut info = context.workspace.info().await?;
    info.token_required = context.auth.required();
    Ok(Json(info))
}
