//! `DELETE /meanings/{name}`: goes back to the built-in meaning.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::meanings::MeaningInfo;
use axum::Json;
use axum::extract::{Path, State};

/// Goes back to the built-in meaning; one that is not built in is gone, and the answer is null.
#[utoipa::path(delete, path = "/api/v1/meanings/{name}", tag = "events",
    params(("name" = String, Path, description = "Name of the meaning")),
    responses((status = 200, body = Option<MeaningInfo>),
        (status = 404, description = "No such meaning", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(name): Path<String>,
) -> ApiResult<Json<Option<MeaningInfo>>> {
    Ok(Json(context.workspace.reset_meaning(&name, "page").await?))
}
