//! `GET /query`: figures by period and dimension.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::query::Answer;
use axum::Json;
use axum::extract::State;
use utoipa::IntoParams;

/// The parameters of a query.
pub const PARAMS: &[&str] =
    &["metrics", "grain", "from", "to", "at", "by", "where", "compare", "currency", "limit", "top"];

/// What a query asks, the same for all its forms.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub struct QueryParams {
    /// Names, separated by commas
    metrics: String,
    /// day, week, month (default), quarter, year; range: all dates from `from` to `to` as one period
    grain: Option<String>,
    /// First date or period, included: 2019, 2019-Q3, 2019-12, 2019-W07, 2019-12-05
    from: Option<String>,
    /// Last date or period, included
    to: Option<String>,
    /// One moment in place of from and to
    at: Option<String>,
    /// Dimensions, separated by commas
    by: Option<String>,
    /// Filters, repeated: `plan:Pro,Team`, `country!:US`
    r#where: Option<Vec<String>>,
    /// previous or year_ago
    compare: Option<String>,
    /// Display currency
    currency: Option<String>,
    /// Keep the largest groups, the rest becomes `other`
    limit: Option<usize>,
    /// Keep the largest groups of the last period by the first metric, largest first; `left_out` counts the rest
    top: Option<usize>,
}

/// Figures by period and dimension, each with the reason where there is none.
#[utoipa::path(get, path = "/api/v1/query", tag = "query",
    params(QueryParams),
    responses((status = 200, body = Answer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope),
        (status = 422, description = "The records do not allow it, such as a missing exchange rate", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<Answer>> {
    params.only(PARAMS)?;
    let query = context.workspace.parse_query(&params.0).await?;
    Ok(Json(context.workspace.query(&query).await?))
}
