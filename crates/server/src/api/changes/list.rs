//! `GET /changes`: the few largest real changes.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::changes::Changes;
use axum::Json;
use axum::extract::State;

/// What changed in the last complete period, with the main cause of each change.
#[utoipa::path(get, path = "/api/v1/changes", tag = "query",
    params(("grain" = Option<String>, Query, description = "week, month (default), quarter, year"),
        ("period" = Option<String>, Query, description = "The period; the last complete one by default"),
        ("currency" = Option<String>, Query, description = "Display currency")),
    responses((status = 200, body = Changes),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<Changes>> {
    params.only(&["grain", "period", "currency"])?;
    let changes = context
        .workspace
        .changes(params.get("grain").unwrap_or("month"), params.get("period"), params.get("currency"))
        .await?;
    Ok(Json(changes))
}
