//! `GET /dashboards`: the pages of figures there are.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::dashboards::DashboardList;
use axum::Json;
use axum::extract::State;

/// The dashboards by name.
#[utoipa::path(get, path = "/api/v1/dashboards", tag = "workspace",
    responses((status = 200, body = DashboardList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<DashboardList>> {
    Ok(Json(context.workspace.dashboards()))
}
