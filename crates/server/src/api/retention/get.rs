//! `GET /retention`: who comes back.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::retention::RetentionAnswer;
use axum::Json;
use axum::extract::State;

/// The people who began in each period, and those of them who came back in each period from then on.
#[utoipa::path(get, path = "/api/v1/retention", tag = "events",
    params(
        ("first" = String, Query, description = "Step that begins a cohort"),
        ("return" = Option<String>, Query, description = "Step that counts as coming back; the same by default"),
        ("grain" = Option<String>, Query, description = "week (default), day or month"),
        ("kind" = Option<String>, Query, description = "first (default): by the first such event ever; recurring: in every period with one"),
        ("bounded" = Option<bool>, Query, description = "true (default): came back in that period; false: in it or later"),
        ("by" = Option<String>, Query, description = "Dimension of the first event, or `person.TRAIT` or `customer.ATTRIBUTE`"),
        ("from" = Option<String>, Query, description = "First date or period of the cohorts, included"),
        ("to" = Option<String>, Query, description = "Last date or period, included"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `channel:organic_search`"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
    ),
    responses((status = 200, body = RetentionAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<RetentionAnswer>> {
    let request = context.workspace.parse_retention(&params.0)?;
    Ok(Json(context.workspace.retention(&request).await?))
}
