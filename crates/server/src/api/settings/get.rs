//! `GET /settings`: the rules of the workspace.

use crate::api::Shared;
use crate::api::error::ApiResult;
use crate::app::settings::SettingList;
use axum::Json;
use axum::extract::State;

/// Every setting with its value, default and meaning.
#[utoipa::path(get, path = "/api/v1/settings", tag = "workspace",
    responses((status = 200, body = SettingList)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<Json<SettingList>> {
    Ok(Json(context.workspace.setting_list()))
}
