//! `GET /usage`: use by customer.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::life::UsageAnswer;
use axum::Json;
use axum::extract::State;

/// Use by customer in a span, and in the one before.
#[utoipa::path(get, path = "/api/v1/usage", tag = "events",
    params(
        ("by" = Option<String>, Query, description = "customer"),
        ("event" = Option<String>, Query, description = "Step that counts as use; any event by default"),
        ("fell" = Option<f64>, Query, description = "Only customers whose use fell by this share, such as 0.5"),
        ("at_least" = Option<usize>, Query, description = "With `fell`: only those with so many events before; 10 by default"),
        ("limit" = Option<usize>, Query, description = "Most customers, up to 10,000; 100 by default"),
        ("from" = Option<String>, Query, description = "First date or period, included"),
        ("to" = Option<String>, Query, description = "Last date or period, included"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `channel:organic_search`"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
    ),
    responses((status = 200, body = UsageAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<UsageAnswer>> {
    let request = context.workspace.parse_usage(&params.0)?;
    Ok(Json(context.workspace.usage(&request).await?))
}
