//! `GET /dashboards/{name}`: what one dashboard shows.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::dashboards::Dashboard;
use axum::Json;
use axum::extract::{Path, State};

/// The definition of a dashboard: sections with cards and charts.
#[utoipa::path(get, path = "/api/v1/dashboards/{name}", tag = "workspace",
    params(("name" = String, Path, description = "Name of the dashboard")),
    responses((status = 200, body = Dashboard),
        (status = 404, description = "No such dashboard", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(name): Path<String>) -> ApiResult<Json<Dashboard>> {
    Ok(Json(context.workspace.dashboard(&name)?))
}
