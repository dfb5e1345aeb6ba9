//! `POST /persons/{id}/unlink`: takes a link back.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::persons::{PersonPage, Unlink};
use axum::Json;
use axum::extract::{Path, State};

/// Takes back what made an identifier one of the person's; figures of the past follow.
#[utoipa::path(post, path = "/api/v1/persons/{id}/unlink", tag = "persons",
    params(("id" = String, Path, description = "Any identifier of the person")),
    request_body = Unlink,
    responses((status = 200, body = PersonPage),
        (status = 404, description = "No such person, or no such link", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(id): Path<String>,
    body: Body<Unlink>,
) -> ApiResult<Json<PersonPage>> {
    Ok(Json(context.workspace.unlink(&id, &body.0, "page").await?))
}
