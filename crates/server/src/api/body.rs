//! A small JSON body, with errors in the envelope.

use super::error::ApiError;
use super::limits::SMALL_BODY;
use crate::app::{Error, Kind};
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// A JSON body of at most a megabyte.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = to_bytes(request.into_body(), SMALL_BODY)
            .await
            .map_err(|_| Error::new(Kind::TooLarge, "body_too_large", "the body is larger than 1 MiB"))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Error::new(Kind::Unprocessable, "bad_body", format!("the body cannot be read: {error}")).into()
        })
    }
}
