//! `PUT /views/{name}`: saves one.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::saved::{NewView, View};
use axum::Json;
use axum::extract::{Path, State};

/// Saves a view under a name, in place of one of the same name.
#[utoipa::path(put, path = "/api/v1/views/{name}", tag = "events",
    params(("name" = String, Path, description = "Name that people see")),
    request_body = NewView,
    responses((status = 200, body = View),
        (status = 400, description = "An unreadable value", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(name): Path<String>,
    body: Body<NewView>,
) -> ApiResult<Json<View>> {
    Ok(Json(context.workspace.save_view(&name, body.0).await?))
}
