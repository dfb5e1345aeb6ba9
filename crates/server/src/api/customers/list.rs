//! `GET /customers`: who pays what.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::customers::{CustomersPage, Request};
use axum::Json;
use axum::extract::State;

/// Customers with their present MRR, plan and lifetime value.
#[utoipa::path(get, path = "/api/v1/customers", tag = "customers",
    params(
        ("search" = Option<String>, Query, description = "Part of the id, name or e-mail address"),
        ("sort" = Option<String>, Query, description = "mrr (default), name, since, ltv, status, plan, country, customer_id"),
        ("order" = Option<String>, Query, description = "desc (default) or asc"),
        ("limit" = Option<usize>, Query, description = "Most customers, up to 1,000; 50 by default"),
        ("offset" = Option<usize>, Query, description = "Customers to pass over"),
    ),
    responses((status = 200, body = CustomersPage),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<CustomersPage>> {
    params.only(&["search", "sort", "order", "limit", "offset"])?;
    let request = Request {
        search: params.get("search").map(str::to_owned),
        sort: params.get("sort").unwrap_or("mrr").to_owned(),
        descending: params.get("order") != Some("asc"),
        limit: params.number("limit", 50, 1_000)?,
        offset: params.number("offset", 0, usize::MAX)?,
    };
    Ok(Json(context.workspace.customers(&request).await?))
}
