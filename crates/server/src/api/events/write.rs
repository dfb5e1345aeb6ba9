//! `POST /events`: events in Burgeon's own form.

use crate::api::Shared;
use crate::api::error::{ApiResult, Envelope};
use crate::api::intake::{Style, receive};
use crate::app::events::intake::Protocol;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of the items.
#[derive(Debug, Serialize, ToSchema)]
pub struct Received {
    /// Events that are stored now and were new.
    pub accepted: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Items that could not be taken; they are kept among the rejects.
    pub rejected: Vec<Refused>,
}

/// An item that could not be taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refused {
    /// Place in the body, from 0.
    pub index: usize,
    /// What is wrong, and how it is mended.
    pub reason: String,
}

/// Takes events in Burgeon's own form: one object, an array, `{"events": […]}`, or one object a line; packed with gzip
/// where wanted. The key stands in `Authorization: Bearer wk_…`, in `?key=`, or in the body as `key`. Durable when
/// answered; the same event again is not stored again.
#[utoipa::path(post, path = "/api/v1/events", tag = "events",
    request_body(content = Vec<Object>, description = "Events: event, distinct_id, at, event_id, properties, …"),
    responses((status = 200, body = Received),
        (status = 400, description = "The body cannot be read", body = Envelope),
        (status = 401, description = "No write key, or one that is not in force", body = Envelope),
        (status = 413, description = "Too large", body = Envelope),
        (status = 429, description = "Too much at this moment; Retry-After says when to come again", body = Envelope),
        (status = 507, description = "The disk is full", body = Envelope)))]
pub async fn handler(State(context): State<Shared>, request: Request) -> ApiResult<Response> {
    receive::take(&context, Protocol::Burgeon, Style::Own, request).await
}
