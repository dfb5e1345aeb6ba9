//! `GET /query.xlsx`: the figures of a query as a workbook.

use super::run::PARAMS;
use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

/// The figures of a query as a workbook, with the parameters of `/query`.
#[utoipa::path(get, path = "/api/v1/query.xlsx", tag = "query",
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
    responses((status = 200, description = "The file", content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", body = Vec<u8>),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<impl IntoResponse> {
    params.only(PARAMS)?;
    let query = context.workspace.parse_query(&params.0).await?;
    let body = context.workspace.query_xlsx(&query).await?;
    let name = format!("attachment; filename=\"{}.xlsx\"", context.workspace.file_name(&query));
    Ok((
        [
            (
                header::CONTENT_TYPE,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet".to_owned(),
            ),
            (header::CONTENT_DISPOSITION, name),
        ],
        body,
    ))
}
