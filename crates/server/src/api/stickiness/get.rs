//! `GET /stickiness`: days of use.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::life::StickinessAnswer;
use axum::Json;
use axum::extract::State;

/// On how many days of the week (or of 30 days) that ends with the span people are active.
#[utoipa::path(get, path = "/api/v1/stickiness", tag = "events",
    params(
        ("meaning" = Option<String>, Query, description = "Who counts as active: a meaning, `active` by default"),
        ("event" = Option<Vec<String>>, Query, description = "Steps in its place, repeated"),
        ("grain" = Option<String>, Query, description = "week (default) or month"),
        ("from" = Option<String>, Query, description = "First date or period, included"),
        ("to" = Option<String>, Query, description = "Last date or period, included"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `channel:organic_search`"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
    ),
    responses((status = 200, body = StickinessAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<StickinessAnswer>> {
    let request = context.workspace.parse_life(&params.0)?;
    Ok(Json(context.workspace.stickiness(&request).await?))
}
