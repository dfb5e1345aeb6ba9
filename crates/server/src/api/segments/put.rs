//! `PUT /segments/{name}`: saves one.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::saved::{NewSegment, Segment};
use axum::Json;
use axum::extract::{Path, State};

/// Saves a segment under a name, in place of one of the same name.
#[utoipa::path(put, path = "/api/v1/segments/{name}", tag = "events",
    params(("name" = String, Path, description = "Name that people see")),
    request_body = NewSegment,
    responses((status = 200, body = Segment),
        (status = 400, description = "An unreadable value", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(name): Path<String>,
    body: Body<NewSegment>,
) -> ApiResult<Json<Segment>> {
    Ok(Json(context.workspace.save_segment(&name, body.0).await?))
}
