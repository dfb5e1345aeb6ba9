//! `DELETE /session`: signs the page out.

use crate::auth::COOKIE;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

/// Signs the page out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Signed out")))]
pub async fn handler() -> impl IntoResponse {
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)])
}
