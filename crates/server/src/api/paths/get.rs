//! `GET /paths`: ways through the product.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::life::PathsAnswer;
use axum::Json;
use axum::extract::State;

/// The ways that people took within a visit, from a step on or up to it.
#[utoipa::path(get, path = "/api/v1/paths", tag = "events",
    params(
        ("start" = Option<String>, Query, description = "Step that ways begin with; any by default"),
        ("end" = Option<String>, Query, description = "Step that ways end with, in place of `start`"),
        ("steps" = Option<usize>, Query, description = "Longest way, up to 20; 5 by default"),
        ("by" = Option<String>, Query, description = "What ways are made of: event (default), path or another dimension"),
        ("from" = Option<String>, Query, description = "First date or period, included"),
        ("to" = Option<String>, Query, description = "Last date or period, included"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `channel:organic_search`"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
    ),
    responses((status = 200, body = PathsAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<PathsAnswer>> {
    let request = context.workspace.parse_paths(&params.0)?;
    Ok(Json(context.workspace.paths(&request).await?))
}
