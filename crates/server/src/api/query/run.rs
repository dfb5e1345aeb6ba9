//! `GET /query`: figures by period and dimension.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::query::Answer;
use axum::Json;
use axum::extract::State;

/// The parameters of a query.
pub const PARAMS: &[&str] =
    &["metrics", "grain", "from", "to", "at", "by", "where", "compare", "currency", "limit"];

/// Figures by period and dimension, each with the reason where there is none.
#[utoipa::path(get, path = "/api/v1/query", tag = "query",
    params(
        ("metrics" = String, Query, description = "Names, separated by commas"),
        ("grain" = Option<String>, Query, description = "day, week, month (default), quarter, year"),
        ("from" = Option<String>, Query, description = "First date or period, included: 2019, 2019-Q3, 2019-12, 2019-W07, 2019-12-05"),
        ("to" = Option<String>, Query, description = "Last date or period, included"),
        ("at" = Option<String>, Query, description = "One moment in place of from and to"),
        ("by" = Option<String>, Query, description = "Dimensions, separated by commas"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `plan:Pro,Team`, `country!:US`"),
        ("compare" = Option<String>, Query, description = "previous or year_ago"),
        ("currency" = Option<String>, Query, description = "Display currency"),
        ("limit" = Option<usize>, Query, description = "Keep the largest groups, the rest becomes `other`"),
    ),
    responses((status = 200, body = Answer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope),
        (status = 422, description = "The records do not allow it, such as a missing exchange rate", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<Answer>> {
    params.only(PARAMS)?;
    let query = context.workspace.parse_query(&params.0).await?;
    Ok(Json(context.workspace.query(&query).await?))
}
