//! `GET /live`: server-sent events that say which figures changed.

use crate::api::Shared;
use crate::api::error::{ApiError, ApiResult, Envelope};
use crate::app::live::Change;
use crate::app::{Error, Kind};
use crate::live::event;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use futures::StreamExt;
use std::time::Duration;

/// Events: `hello` (version, position of the data), `change` (metrics, tables), `lagged` (read everything anew).
#[utoipa::path(get, path = "/api/v1/live", tag = "live",
    responses((status = 200, description = "Events named `hello`, `change` and `lagged`", content_type = "text/event-stream", body = Change),
        (status = 429, description = "Too many open pages", body = Envelope)))]
pub async fn handler(State(context): State<Shared>) -> ApiResult<impl IntoResponse> {
    let place = context.limits.listeners.clone().try_acquire_owned().map_err(|_| {
        ApiError(Error::new(Kind::TooMany, "too_many_listeners", "too many pages listen at this moment"))
    })?;
    let hello = event("hello", &context.workspace.hello());
    let events = context.live.events(hello).map(move |event| {
        // The place is given back when the stream is dropped.
        let _held = &place;
        event
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("alive"));
    // A proxy in between must not hold events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([unbuffered], sse))
}
