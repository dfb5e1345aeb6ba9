//! `GET /releases`: flags on the charts.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::releases::ReleaseList;
use axum::Json;
use axum::extract::State;

/// Releases, price changes, campaigns and incidents, oldest first.
#[utoipa::path(get, path = "/api/v1/releases", tag = "workspace",
    params(("from" = Option<String>, Query, description = "First date or period, included"),
        ("to" = Option<String>, Query, description = "Last date or period, included")),
    responses((status = 200, body = ReleaseList),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<ReleaseList>> {
    params.only(&["from", "to"])?;
    Ok(Json(context.workspace.releases(params.get("from"), params.get("to")).await?))
}
