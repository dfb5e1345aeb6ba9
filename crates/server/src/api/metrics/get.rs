//! `GET /metrics/{name}`: the definition of one metric.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::metrics::MetricDetail;
use axum::Json;
use axum::extract::{Path, State};

/// One metric: formula, prose, lineage, the settings that it obeys.
#[utoipa::path(get, path = "/api/v1/metrics/{name}", tag = "metrics",
    params(("name" = String, Path, description = "Name of the metric, such as `mrr`")),
    responses((status = 200, body = MetricDetail),
        (status = 404, description = "No such metric; the nearest name is given", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(name): Path<String>,
) -> ApiResult<Json<MetricDetail>> {
    Ok(Json(context.workspace.metric(&name).await?))
}
