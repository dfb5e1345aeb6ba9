//! `DELETE /persons/{id}`: removes a person.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::removal::Removed;
use axum::Json;
use axum::extract::{Path, State};

/// Removes a person with every event, trait and link, from the intake log, from kept files and from rejected rows as well;
/// the answer and the audit log say how much it was. It cannot be undone. Waits for running imports.
#[utoipa::path(delete, path = "/api/v1/persons/{id}", tag = "persons",
    params(("id" = String, Path, description = "Any identifier of the person")),
    responses((status = 200, body = Removed), (status = 404, description = "No such person", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, Path(id): Path<String>) -> ApiResult<Json<Removed>> {
    Ok(Json(context.workspace.delete_person(&id, "page").await?))
}
