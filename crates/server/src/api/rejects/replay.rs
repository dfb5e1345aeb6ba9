//! `POST /rejects/replay`: reads rejected rows again after the mend.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::rejects::{Replay, Replayed};
use axum::Json;
use axum::extract::State;

/// Reads rejected rows again; those that can be read now become records.
#[utoipa::path(post, path = "/api/v1/rejects/replay", tag = "imports",
    request_body = Replay,
    responses((status = 200, body = Replayed),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, body: Body<Replay>) -> ApiResult<Json<Replayed>> {
    Ok(Json(context.workspace.replay_rejects(&body.0).await?))
}
