//! `PUT /meanings/{name}`: says what a meaning is.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::meanings::{MeaningInfo, NewMeaning};
use axum::Json;
use axum::extract::{Path, State};

/// Says what a meaning is from now on; figures of the past follow.
#[utoipa::path(put, path = "/api/v1/meanings/{name}", tag = "events",
    params(("name" = String, Path, description = "Name of the meaning, such as `active`")),
    request_body = NewMeaning,
    responses((status = 200, body = MeaningInfo),
        (status = 400, description = "A step that cannot be read", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(name): Path<String>,
    body: Body<NewMeaning>,
) -> ApiResult<Json<MeaningInfo>> {
    Ok(Json(context.workspace.set_meaning(&name, &body.0, "page").await?))
}
