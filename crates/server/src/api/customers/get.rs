//! `GET /customers/{id}`: one customer and everything that happened.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::customers::CustomerDetail;
use axum::Json;
use axum::extract::{Path, State};

/// A customer's attributes, subscriptions, timeline and MRR over time.
#[utoipa::path(get, path = "/api/v1/customers/{id}", tag = "customers",
    params(("id" = String, Path, description = "The customer's id")),
    responses((status = 200, body = CustomerDetail),
        (status = 404, description = "No such customer", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(id): Path<String>,
) -> ApiResult<Json<CustomerDetail>> {
    Ok(Json(context.workspace.customer(&id).await?))
}
