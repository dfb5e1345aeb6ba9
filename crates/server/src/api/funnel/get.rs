//! `GET /funnel`: how far people get.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::funnel::FunnelAnswer;
use axum::Json;
use axum::extract::State;

/// How far people get in a series of steps, and how long it takes them. A person counts once, with the furthest way.
#[utoipa::path(get, path = "/api/v1/funnel", tag = "events",
    params(
        ("step" = Vec<String>, Query, description = "Steps in order, repeated: `signup`, `report_created[kind=pdf]`, `*`"),
        ("within" = Option<String>, Query, description = "How long after step 1 the others may come: `30m`, `12h`, `7d`; `14d` by default"),
        ("order" = Option<String>, Query, description = "ordered (default), strict or any"),
        ("times" = Option<String>, Query, description = "Seconds are counted from step 1: first (default), or from the step before: previous"),
        ("exclude" = Option<Vec<String>>, Query, description = "Events that end a person's way, repeated"),
        ("by" = Option<String>, Query, description = "Dimension of step 1's event, or `person.TRAIT` or `customer.ATTRIBUTE`"),
        ("from" = Option<String>, Query, description = "First date or period of step 1, included"),
        ("to" = Option<String>, Query, description = "Last date or period of step 1, included"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `channel:organic_search`"),
        ("compare" = Option<String>, Query, description = "none (default), previous or year_ago"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
    ),
    responses((status = 200, body = FunnelAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<FunnelAnswer>> {
    let request = context.workspace.parse_funnel(&params.0)?;
    Ok(Json(context.workspace.funnel(&request).await?))
}
