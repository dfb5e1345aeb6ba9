//! The one envelope of every failure: `{error: {code, message, mend, param}}`.

use crate::app::{Error, Kind};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope {
    /// What went wrong.
    pub error: Problem,
}

/// What went wrong, for a person and for a script.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A stable word for scripts, such as `unknown_metric`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: Option<String>,
    /// The parameter or field at fault.
    pub param: Option<String>,
}

/// A failure on its way out of a handler.
#[derive(Debug)]
pub struct ApiError(pub Error);

/// What a handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The HTTP status of a class of failures.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict | Kind::Busy => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Full => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Error { kind, code, message, mend, param } = self.0;
        let status = status(kind);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code, "request failed: {message}");
        }
        let body = Envelope { error: Problem { code: code.to_owned(), message, mend, param } };
        let mut response = (status, Json(body)).into_response();
        if kind == Kind::TooMany {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if kind == Kind::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_status() {
        assert_eq!(status(Kind::Invalid), 400);
        assert_eq!(status(Kind::Full), 507);
        let response = ApiError(Error::new(Kind::TooMany, "busy", "too many")).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
