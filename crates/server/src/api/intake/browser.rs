//! What browser clients ask before they send: their settings. They get those that make them send events here and do
//! nothing else.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Whether an address gives settings.
pub fn is_settings(path: &str) -> bool {
    let within = |start: &str, ends: &[&str]| {
        path.strip_prefix(start).is_some_and(|rest| {
            rest.split_once('/').is_some_and(|(name, end)| !name.is_empty() && ends.contains(&end))
        })
    };
    within("/v1/projects/", &["settings"]) || within("/array/", &["config", "config.js"])
}

/// The host and scheme by which the client reached this server, also through a proxy.
fn reached(headers: &HeaderMap) -> (String, &'static str) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("x-forwarded-host").or(text(header::HOST.as_str())).unwrap_or("localhost");
    let scheme = match text("x-forwarded-proto") {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        _ => "http",
    };
    (host.split(',').next().unwrap_or(host).trim().to_owned(), scheme)
}

/// Segment's browser client: events go to this server.
pub async fn segment_settings(Path(key): Path<String>, headers: HeaderMap) -> Json<Value> {
    let (host, protocol) = reached(&headers);
    Json(json!({
        "integrations": {"Segment.io": {
            "apiKey": key,
            "apiHost": format!("{host}/v1"),
            "protocol": protocol,
            "unbundledIntegrations": [],
            "addBundledMetadata": false,
            "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
        }},
        "plan": {
            "track": {"__default": {"enabled": true, "integrations": {}}},
            "identify": {"__default": {"enabled": true}},
            "group": {"__default": {"enabled": true}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    }))
}

fn posthog() -> Value {
    json!({
        "hasFeatureFlags": false,
        "supportedCompression": ["gzip-js"],
        "analytics": {"endpoint": "/i/v0/e/"},
        "sessionRecording": false,
        "surveys": false,
        "heatmaps": false,
        "capturePerformance": false,
        "autocaptureExceptions": false,
        "defaultIdentifiedOnly": true,
        "siteApps": [],
    })
}

/// PostHog's browser client, as a script.
pub async fn posthog_script(Path(token): Path<String>) -> Response {
    // As a JSON text the token cannot end the script's string; `<` is written so that it cannot end the script either.
    let token = Value::from(token).to_string().replace('<', "\\u003c");
    let script = format!(
        "(function () {{ var all = window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {{}}; \
         all[{token}] = {{ config: {}, siteApps: [] }}; }})();\n",
        posthog()
    );
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
}

/// PostHog's browser client, as JSON.
pub async fn posthog_config() -> Json<Value> {
    Json(posthog())
}

/// There are no feature flags.
pub fn flags() -> Response {
    Json(json!({
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": false,
        "supportedCompression": ["gzip-js"],
        "sessionRecording": false,
        "siteApps": [],
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn settings_send_events_back_to_where_they_came_from() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "burgeon.test:8090".parse().unwrap());
        let settings = segment_settings(Path("wk_1".into()), headers.clone()).await.0;
        assert_eq!(settings["integrations"]["Segment.io"]["apiHost"], "burgeon.test:8090/v1");
        assert_eq!(settings["integrations"]["Segment.io"]["protocol"], "http");
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        headers.insert("x-forwarded-host", "events.example.com".parse().unwrap());
        assert_eq!(reached(&headers), ("events.example.com".to_owned(), "https"));
    }

    #[tokio::test]
    async fn a_token_cannot_break_out_of_the_script() {
        let script = posthog_script(Path("\"</script>".into())).await;
        let text = to_bytes(script.into_body(), 9_999).await.unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        assert!(text.contains(r#"all["\"\u003c/script>"]"#), "{text}");
    }

    #[test]
    fn only_settings_are_settings() {
        assert!(is_settings("/array/wk_1/config.js") && is_settings("/v1/projects/wk_1/settings"));
        assert!(!is_settings("/array//config") && !is_settings("/v1/projects/settings"));
    }
}
