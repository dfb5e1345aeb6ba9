//! `GET /imports`: the ledger of imports.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::import::ImportList;
use axum::Json;
use axum::extract::State;

/// Imports, newest first.
#[utoipa::path(get, path = "/api/v1/imports", tag = "imports",
    params(("limit" = Option<usize>, Query, description = "Most imports, up to 1,000; 50 by default"),
        ("offset" = Option<usize>, Query, description = "Imports to pass over")),
    responses((status = 200, body = ImportList),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<ImportList>> {
    params.only(&["limit", "offset"])?;
    let limit = params.number("limit", 50, 1_000)?;
    let offset = params.number("offset", 0, u32::MAX as usize)?;
    Ok(Json(context.workspace.imports(limit, offset).await?))
}
