//! `POST /session`: signs the page in with a token.

use crate::api::Shared;
use crate::api::body::Body;
use crate::api::error::{ApiResult, Envelope};
use crate::app::{Error, Kind};
use crate::auth::COOKIE;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;

/// What the page sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The token, as it was typed.
    pub token: String,
}

/// Signs the page in: the token is kept in a cookie that scripts cannot read.
#[utoipa::path(post, path = "/api/v1/session", tag = "session",
    request_body = SignIn,
    responses((status = 204, description = "Signed in"),
        (status = 401, description = "The token is wrong", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, body: Body<SignIn>) -> ApiResult<impl IntoResponse> {
    let token = body.0.token.trim();
    if context.auth.required() {
        let plain = token.bytes().all(|byte| byte.is_ascii_graphic() && !b"\";,\\".contains(&byte));
        if !plain || !context.auth.verify(&context.workspace, token).await? {
            return Err(Error::new(Kind::Unauthorized, "wrong_token", "the token is wrong")
                .mend("ask who runs this server for the present one")
                .param("token")
                .into());
        }
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
        return Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
