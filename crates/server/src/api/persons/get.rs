//! `GET /persons/{id}`: one person.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::persons::PersonPage;
use axum::Json;
use axum::extract::{Path, State};

/// One person: traits, identifiers, customer, and what happened, newest first.
#[utoipa::path(get, path = "/api/v1/persons/{id}", tag = "persons",
    params(("id" = String, Path, description = "Any identifier of the person"),
        ("after" = Option<String>, Query, description = "Cursor of an earlier answer")),
    responses((status = 200, body = PersonPage), (status = 404, description = "No such person", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path(id): Path<String>,
    params: Params,
) -> ApiResult<Json<PersonPage>> {
    params.only(&["after"])?;
    Ok(Json(context.workspace.person(&id, params.get("after")).await?))
}
