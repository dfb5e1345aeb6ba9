//! `GET /metrics`: every metric there is.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::metrics::MetricList;
use axum::Json;
use axum::extract::State;

/// All metrics with their labels, units and dimensions.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "metrics",
    responses((status = 200, body = MetricList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<MetricList>> {
    Ok(Json(context.workspace.metrics_with_attributes().await?))
}
