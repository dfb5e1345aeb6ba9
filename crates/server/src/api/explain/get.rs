//! `GET /explain`: why a figure changed.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::explain::{Explained, Request};
use axum::Json;
use axum::extract::State;

/// The change of a figure: its formula's parts, and the split by dimension that adds up to it.
#[utoipa::path(get, path = "/api/v1/explain", tag = "query",
    params(
        ("metric" = String, Query, description = "Name of the metric"),
        ("period" = String, Query, description = "The period to explain, such as 2026-01"),
        ("against" = Option<String>, Query, description = "The period to compare with; the one before by default"),
        ("by" = Option<String>, Query, description = "Dimensions, separated by commas"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `plan:Pro,Team`"),
        ("currency" = Option<String>, Query, description = "Display currency"),
    ),
    responses((status = 200, body = Explained),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<Explained>> {
    params.only(&["metric", "period", "against", "by", "where", "currency"])?;
    let request = Request {
        metric: params.need("metric")?.to_owned(),
        period: params.need("period")?.to_owned(),
        against: params.get("against").map(str::to_owned),
        by: params.list("by"),
        filters: params.all("where").map(str::to_owned).collect(),
        currency: params.get("currency").map(str::to_owned),
    };
    Ok(Json(context.workspace.explain(&request).await?))
}
