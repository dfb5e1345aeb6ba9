//! `GET /meanings`: what events mean.

use crate::api::Shared;
use crate::app::events::meanings::MeaningList;
use axum::Json;
use axum::extract::State;

/// What events mean in this workspace: which are a sign-up, an active use, …
#[utoipa::path(get, path = "/api/v1/meanings", tag = "events", responses((status = 200, body = MeaningList)))]
pub async fn handler(State(context): State<Shared>) -> Json<MeaningList> {
    Json(context.workspace.meaning_list())
}
