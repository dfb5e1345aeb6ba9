//! `GET /records/{table}/{entity}/{key}`: one record and the row that it came from.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::app::rows::RecordDetail;
use axum::Json;
use axum::extract::{Path, State};

/// A record with the source row that it was read from.
#[utoipa::path(get, path = "/api/v1/records/{table}/{entity}/{key}", tag = "records",
    params(("table" = String, Path, description = "Name of the record table"),
        ("entity" = String, Path, description = "The customer's id; `-` in tables without one"),
        ("key" = String, Path, description = "The record's key, as `/rows` gives it")),
    responses((status = 200, body = RecordDetail),
        (status = 404, description = "No such record", body = Envelope)))]
pub async fn handler(
    State(context): State<Shared>,
    Path((table, entity, key)): Path<(String, String, String)>,
) -> ApiResult<Json<RecordDetail>> {
    Ok(Json(context.workspace.record(&table, &entity, &key).await?))
}
