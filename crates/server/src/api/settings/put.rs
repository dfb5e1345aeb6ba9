//! `PUT /settings`: changes rules; history is recomputed under them.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::settings::{SettingList, SettingValues};
use axum::Json;
use axum::extract::State;

/// Changes settings, all or none; every figure is recomputed under the new rules.
#[utoipa::path(put, path = "/api/v1/settings", tag = "workspace",
    request_body = SettingValues,
    responses((status = 200, body = SettingList),
        (status = 400, description = "An unknown name or an unreadable value", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    body: Body<SettingValues>,
) -> ApiResult<Json<SettingList>> {
    context.workspace.set_settings(&body.0.values, "page").await?;
    Ok(Json(context.workspace.setting_list()))
}
