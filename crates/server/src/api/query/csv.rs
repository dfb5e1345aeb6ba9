//! `GET /query.csv`: the figures of a query as comma-separated values.

use super::attachment;
use super::run::{PARAMS, QueryParams};
use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use axum::extract::State;
use axum::response::IntoResponse;

/// The figures of a query as comma-separated values, with the parameters of `/query`.
#[utoipa::path(get, path = "/api/v1/query.csv", tag = "query",
    params(QueryParams),
    responses((status = 200, description = "The file", content_type = "text/csv", body = Vec<u8>),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<impl IntoResponse> {
    params.only(PARAMS)?;
    let query = context.workspace.parse_query(&params.0).await?;
    let (body, _) = context.workspace.query_csv(&query).await?;
    Ok(attachment("text/csv; charset=utf-8", &context.workspace.file_name(&query), "csv", body))
}
