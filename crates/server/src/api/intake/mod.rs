//! The addresses of event collectors that official clients know, so that these work unchanged but for the host.
//!
//! They lie outside of `/api/v1` and take a write key rather than a token. Each is there with and without a slash at the
//! end. `/api/v1/events` is Burgeon's own; it stands among the other endpoints.

mod answer;
mod browser;
pub mod cors;
pub(super) mod receive;

use super::Shared;
use super::error::ApiError;
use crate::app::events::intake::{Call, Protocol};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, on};

pub(super) use answer::Style;

/// What stands at an address.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Events are taken.
    Take(Protocol, Style),
    /// Something that is no event is thanked for and forgotten: statistics of a client, recordings of screens.
    Forget,
    /// A client asks for feature flags, of which there are none.
    Flags,
}

use Place::{Flags, Forget, Take};

/// All addresses that take something, without the slash at the end.
const PLACES: &[(&str, Place)] = &[
    // Segment's and RudderStack's servers …
    ("/v1/batch", Take(Protocol::SegmentBatch, Style::Success)),
    ("/v1/import", Take(Protocol::SegmentBatch, Style::Success)),
    ("/v1/track", Take(Protocol::Segment(Call::Track), Style::Success)),
    ("/v1/page", Take(Protocol::Segment(Call::Page), Style::Success)),
    ("/v1/screen", Take(Protocol::Segment(Call::Screen), Style::Success)),
    ("/v1/identify", Take(Protocol::Segment(Call::Identify), Style::Success)),
    ("/v1/group", Take(Protocol::Segment(Call::Group), Style::Success)),
    ("/v1/alias", Take(Protocol::Segment(Call::Alias), Style::Success)),
    // … and what Segment's browser client sends.
    ("/v1/b", Take(Protocol::SegmentBatch, Style::Success)),
    ("/v1/t", Take(Protocol::Segment(Call::Track), Style::Success)),
    ("/v1/p", Take(Protocol::Segment(Call::Page), Style::Success)),
    ("/v1/s", Take(Protocol::Segment(Call::Screen), Style::Success)),
    ("/v1/i", Take(Protocol::Segment(Call::Identify), Style::Success)),
    ("/v1/g", Take(Protocol::Segment(Call::Group), Style::Success)),
    ("/v1/a", Take(Protocol::Segment(Call::Alias), Style::Success)),
    ("/v1/m", Forget),
    // PostHog.
    ("/batch", Take(Protocol::PostHog, Style::Success)),
    ("/e", Take(Protocol::PostHog, Style::Success)),
    ("/capture", Take(Protocol::PostHog, Style::Success)),
    ("/i/v0/e", Take(Protocol::PostHog, Style::Success)),
    ("/i/v1/analytics/events", Take(Protocol::PostHogV1, Style::PostHogV1)),
    ("/s", Forget),
    ("/flags", Flags),
    ("/decide", Flags),
    // Plausible.
    ("/api/event", Take(Protocol::Plausible, Style::Plausible)),
    // Mixpanel.
    ("/track", Take(Protocol::MixpanelTrack, Style::Mixpanel)),
    ("/import", Take(Protocol::MixpanelTrack, Style::MixpanelImport)),
    ("/engage", Take(Protocol::MixpanelEngage, Style::Mixpanel)),
    ("/groups", Take(Protocol::MixpanelGroups, Style::Mixpanel)),
];

/// Whether pages of other sites may use an address.
pub fn is_open(path: &str) -> bool {
    let bare = path.strip_suffix('/').unwrap_or(path);
    PLACES.iter().any(|(place, _)| *place == bare) || bare == "/api/v1/events" || browser::is_settings(bare)
}

/// The routes of all protocols.
pub fn router() -> Router<Shared> {
    let mut router = Router::new()
        .route("/v1/projects/{key}/settings", get(browser::segment_settings))
        .route("/array/{token}/config.js", get(browser::posthog_script))
        .route("/array/{token}/config", get(browser::posthog_config))
        .route("/api/v1/events/", any(super::events::write::handler));
    for (path, place) in PLACES {
        let place = *place;
        let handler = move |State(context): State<Shared>, request: Request| async move {
            serve(&context, place, request).await
        };
        let methods = match place {
            // Mixpanel's clients send single calls in the address.
            Take(_, Style::Mixpanel) | Flags => get(handler).post(handler),
            _ => on(axum::routing::MethodFilter::POST, handler),
        };
        router = router.route(path, methods.clone()).route(&format!("{path}/"), methods);
    }
    router.method_not_allowed_fallback(|method: Method, uri: axum::http::Uri| async move {
        super::wrong_method(method, uri).await
    })
}

async fn serve(context: &Shared, place: Place, request: Request) -> Response {
    let answered = match place {
        Take(protocol, style) => receive::take(context, protocol, style, request).await,
        Forget => {
            receive::drain(context, request).await.map(|()| Style::Success.answer("", &Default::default()))
        }
        Flags => receive::drain(context, request).await.map(|()| browser::flags()),
    };
    answered.unwrap_or_else(ApiError::into_response)
}
