//! The user interface and the tracker for customers' sites, embedded from `web/dist`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The tracker (`web/tracker`), which pages of other origins load.
const TRACKER: &str = "burgeon.js";

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Burgeon</title>\
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem}</style>\
<h1>The page was not built</h1><p>This binary was compiled without the user interface. \
Run <code>make web</code> and build again; the API works meanwhile at <a href=\"/api/v1/workspace\">/api/v1</a>.</p>";

/// Answers every path that is not the API: a file of the interface, or its first page, so that links to its routes work.
pub async fn page(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Dist::get(path) {
        return serve(path, &file, &headers);
    }
    // A missing file of the build must not be answered with a page: the browser would cache it as a script.
    if path.starts_with("assets/") || path == TRACKER {
        return (StatusCode::NOT_FOUND, "no such file").into_response();
    }
    match Dist::get("index.html") {
        Some(file) => serve("index.html", &file, &headers),
        None => Html(NOT_BUILT).into_response(),
    }
}

fn serve(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..12]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    // Files of the build carry a hash in their name; everything else is asked for again each time, but for the tracker,
    // which every page of a site would ask for.
    let cache = match path {
        TRACKER => "public, max-age=3600",
        _ if path.starts_with("assets/") => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    let mut response = Response::new(Body::from(file.data.clone().into_owned()));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if path == TRACKER {
        out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        out.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_route_is_the_first_page_and_a_missing_asset_is_not() {
        let page_of = |path: &'static str| page(Uri::from_static(path), HeaderMap::new());
        assert_eq!(page_of("/revenue?grain=month").await.status(), 200);
        assert_eq!(page_of("/assets/gone.js").await.status(), 404);
    }

    #[tokio::test]
    async fn other_origins_may_load_the_tracker_and_keep_it_for_an_hour() {
        let answer = page(Uri::from_static("/burgeon.js"), HeaderMap::new()).await;
        // Without the built page it must be missing, never a page in place of a script.
        let Some(file) = Dist::get(TRACKER) else {
            assert_eq!(answer.status(), 404);
            return;
        };
        assert_eq!(answer.status(), 200);
        let header =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        assert_eq!(header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(header("cache-control"), "public, max-age=3600");
        assert!(file.data.len() < 12_000);
    }
}
