//! `POST /keys`: makes a write key.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::events::keys::{Key, NewKey};
use axum::Json;
use axum::extract::State;

/// Makes a write key. It may add events and do nothing else.
#[utoipa::path(post, path = "/api/v1/keys", tag = "events", request_body = NewKey,
    responses((status = 200, body = Key),
        (status = 400, description = "No name, or a domain that is none", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, body: Body<NewKey>) -> ApiResult<Json<Key>> {
    let random = context.secrets.draw();
    Ok(Json(context.workspace.keys().create(&body.0, &random, "page").await?))
}
