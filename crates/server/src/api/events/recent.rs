//! `GET /events/recent`: the newest events.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::seen::{RecentEvents, RecentRequest};
use axum::Json;
use axum::extract::State;

/// The newest events by their own time, whenever they arrived: of all, of one name, of a person or of a customer. With the cursor of an answer, the ones before.
#[utoipa::path(get, path = "/api/v1/events/recent", tag = "events",
    params(
        ("limit" = Option<usize>, Query, description = "Most events, up to 1,000; 50 by default"),
        ("after" = Option<String>, Query, description = "Cursor of an earlier answer"),
        ("event" = Option<String>, Query, description = "Only events of this name"),
        ("person" = Option<String>, Query, description = "Only the events of the person of this identifier"),
        ("customer" = Option<String>, Query, description = "Only the events of this customer"),
    ),
    responses((status = 200, body = RecentEvents),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<RecentEvents>> {
    params.only(&["limit", "after", "event", "person", "customer"])?;
    let request = RecentRequest {
        limit: params.number("limit", 50, 1_000)?,
        after: params.get("after").map(str::to_owned),
        event: params.get("event").map(str::to_owned),
        person: params.get("person").map(str::to_owned),
        customer: params.get("customer").map(str::to_owned),
    };
    Ok(Json(context.workspace.recent_events(&request).await?))
}
