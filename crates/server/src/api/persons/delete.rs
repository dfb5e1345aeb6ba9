//! `DELETE /persons/{id}`: removes a person.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::persons::Removed;
use axum::Json;
use axum::extract::{Path, State};

/// Removes a person with every event, trait and link, from the intake log as well. It cannot be undone.
#[utoipa::path(delete, path = "/api/v1/persons/{id}", tag = "persons",
    params(("id" = String, Path, description = "Any identifier of the person")),
    responses((status = 200, body = Removed), (status = 404, description = "No such person", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(id): Path<String>) -> ApiResult<Json<Removed>> {
    Ok(Json(context.workspace.delete_person(&id, "page").await?))
}
