//! What keeps one request from spoiling it for the others: a token, a place, a time, and a net under panics.

use super::Shared;
use super::error::ApiError;
use crate::app::{Error, Kind};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The largest body of `POST /records/{table}`, bytes.
pub const RECORDS_BODY: usize = 32 << 20;
/// The largest number of rows of one `POST /records/{table}`.
pub const RECORDS_ROWS: usize = 100_000;
/// The largest file of `POST /imports`, bytes.
pub const IMPORT_BODY: usize = 8 << 30;
/// The largest body of a request of an event client as it comes, bytes.
pub const INTAKE_BODY: usize = 20 << 20;
/// The largest body of every other request, bytes.
pub const SMALL_BODY: usize = 1 << 20;

/// How much is done at once.
#[derive(Debug)]
pub struct Limits {
    /// Requests that are computed at one time; more are refused with 429.
    pub places: Semaphore,
    /// Pages that listen at one time.
    pub listeners: std::sync::Arc<Semaphore>,
    /// The longest time for an answer.
    pub timeout: Duration,
    /// KiB of bodies of event clients that are held at one time; more are refused with 429.
    pub intake_kib: std::sync::Arc<Semaphore>,
    /// Requests of event clients that are worked on at one time; others wait a moment and are then refused with 429.
    pub intake_places: Semaphore,
    /// How long a request of an event client waits for a place.
    pub intake_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            places: Semaphore::new(128),
            listeners: std::sync::Arc::new(Semaphore::new(512)),
            timeout: Duration::from_secs(60),
            intake_kib: std::sync::Arc::new(Semaphore::new(128 << 10)),
            intake_places: Semaphore::new(512),
            intake_wait: Duration::from_secs(2),
        }
    }
}

/// Asks for the token, finds a place, and ends what takes too long.
pub async fn guard(State(context): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // The intake has rules and limits of its own.
    if path == "/api/v1/events" && request.method() == Method::POST {
        return next.run(request).await;
    }
    // The page must be able to ask whether it needs a token, and to hand one in.
    let open = path == "/api/v1/session";
    let checked = if open {
        Ok(())
    } else {
        context.auth.admit(&context.workspace, request.method(), request.headers()).await
    };
    if let Err(refusal) = checked {
        return refusal.into_response();
    }
    // An open page and a large upload last; neither holds a place.
    if path == "/api/v1/live" || (path == "/api/v1/imports" && request.method() == Method::POST) {
        return next.run(request).await;
    }
    let Ok(_place) = context.limits.places.try_acquire() else {
        return ApiError(Error::new(
            Kind::TooMany,
            "too_many_requests",
            "too many requests are being answered at this moment",
        ))
        .into_response();
    };
    match tokio::time::timeout(context.limits.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError(
            Error::new(
                Kind::Timeout,
                "timeout",
                format!("no answer within {} seconds", context.limits.timeout.as_secs()),
            )
            .mend("ask for a shorter range, a coarser grain or fewer dimensions"),
        )
        .into_response(),
    }
}

/// Turns a panic into the envelope of an internal error; the server goes on.
pub async fn catch(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown panic");
            ApiError(
                Error::internal(format!("the server failed on this request: {text}"))
                    .mend("the log has the place; please report it"),
            )
            .into_response()
        }
    }
}
