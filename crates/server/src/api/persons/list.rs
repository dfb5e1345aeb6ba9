//! `GET /persons`: who was seen.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::params::Params;
use crate::app::events::persons::PersonsAnswer;
use axum::Json;
use axum::extract::State;

/// Persons, those last seen first.
#[utoipa::path(get, path = "/api/v1/persons", tag = "persons",
    params(
        ("search" = Option<String>, Query, description = "Part of an identifier, name or mail address"),
        ("segment" = Option<String>, Query, description = "Only the persons of a saved segment"),
        ("customer" = Option<String>, Query, description = "Only the persons of a customer"),
        ("where" = Option<Vec<String>>, Query, description = "Filters, repeated: `country:DE`, `did:signup`"),
        ("limit" = Option<usize>, Query, description = "Most persons, up to 1,000; 50 by default"),
        ("after" = Option<String>, Query, description = "Cursor of an earlier answer"),
    ),
    responses((status = 200, body = PersonsAnswer),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, params: Params) -> ApiResult<Json<PersonsAnswer>> {
    Ok(Json(context.workspace.persons(&params.0).await?))
}
