//! `GET /rows`: the fact rows behind a figure.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::rows::{Request, RowsPage};
use axum::Json;
use axum::extract::State;

/// The rows that a figure is made of, each with the record that it came from.
#[utoipa::path(get, path = "/api/v1/rows", tag = "query",
    params(
        ("metric" = String, Query, description = "Name of the metric"),
        ("period" = String, Query, description = "The period, such as 2026-01"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `plan:Pro,Team`"),
        ("currency" = Option<String>, Query, description = "Display currency"),
        ("limit" = Option<usize>, Query, description = "Most rows, up to 10,000; 100 by default"),
        ("offset" = Option<usize>, Query, description = "Rows to pass over"),
    ),
    responses((status = 200, body = RowsPage),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<RowsPage>> {
    params.only(&["metric", "period", "where", "currency", "limit", "offset"])?;
    let request = Request {
        metric: params.need("metric")?.to_owned(),
        period: params.need("period")?.to_owned(),
        filters: params.all("where").map(str::to_owned).collect(),
        currency: params.get("currency").map(str::to_owned),
        limit: params.number("limit", 100, 10_000)?,
        offset: params.number("offset", 0, usize::MAX)?,
    };
    Ok(Json(context.workspace.rows(&request).await?))
}
