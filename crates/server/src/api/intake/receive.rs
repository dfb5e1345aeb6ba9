//! One request of an event client: its key, its body within bounds, its place, and the answer once all is stored.

use super::Style;
use crate::api::error::{ApiError, ApiResult};
use crate::api::{Shared, limits};
use crate::app::events::intake::{Delivery, Protocol, Sender, unknown_key};
use crate::app::{Error, Kind};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest time that a client may take to send its body, and that storing it may take.
const SLOWEST: Duration = Duration::from_secs(30);

/// Takes the events of a request.
pub async fn take(
    context: &Shared,
    protocol: Protocol,
    style: Style,
    request: Request,
) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    // A wrong key is refused before the body is read.
    let sender = sender(context, protocol, &parts.headers, &query, &parts.method).await?;
    let (body, _held) = read(context, &parts.headers, body).await?;
    let wait = context.limits.intake_wait;
    let Ok(Ok(_place)) = tokio::time::timeout(wait, context.limits.intake_places.acquire()).await else {
        return Err(pressure());
    };
    let head = |name: &str| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let delivery = Delivery {
        body,
        query,
        user_agent: head(header::USER_AGENT.as_str()),
        referer: head(header::REFERER.as_str()),
        country: country(&parts.headers),
        address: address(&parts.headers, peer),
        sent_at: head("posthog-request-timestamp"),
    };
    let query = delivery.query.clone();
    let stored = context.workspace.take_events(protocol, sender, delivery, &context.secrets);
    match tokio::time::timeout(SLOWEST, stored).await {
        Ok(taken) => Ok(style.answer(&query, &taken?)),
        // What is stored meanwhile is not stored again when the client repeats it.
        Err(_) => Err(pressure()),
    }
}

/// Reads a body that nothing is done with.
pub async fn drain(context: &Shared, request: Request) -> ApiResult<()> {
    let (parts, body) = request.into_parts();
    read(context, &parts.headers, body).await.map(drop)
}

fn pressure() -> ApiError {
    ApiError(
        Error::new(Kind::TooMany, "too_many_events", "more events arrive at this moment than can be stored")
            .mend("send the same again after the seconds of Retry-After; nothing is stored twice"),
    )
}

/// Who sends, as far as the head of the request says so.
async fn sender(
    context: &Shared,
    protocol: Protocol,
    headers: &HeaderMap,
    query: &str,
    method: &Method,
) -> ApiResult<Sender> {
    let named = credential(headers);
    if let Some(name) = &named
        && let Some(key) = context.workspace.keys().find(name).await?
    {
        return Ok(Sender::Key(key));
    }
    match (protocol, named) {
        (Protocol::Burgeon, named) => {
            let key = query.split('&').find_map(|pair| pair.strip_prefix("key="));
            if let Some(key) = key {
                let found = context.workspace.keys().find(key).await?;
                return found.map(Sender::Key).ok_or_else(|| unknown_key(Some(key)).into());
            }
            // Whoever may use the whole API may send events as well: with its token, or on the machine itself. A cookie
            // does not count, since any site's page may call this address.
            if let Some(token) = named {
                return if context.auth.verify(&context.workspace, &token).await? {
                    Ok(Sender::Admitted)
                } else {
                    Err(unknown_key(Some(&token)).into())
                };
            }
            if !context.auth.required()
                && context.auth.admit(&context.workspace, method, headers).await.is_ok()
            {
                return Ok(Sender::Admitted);
            }
            Ok(Sender::Unknown)
        }
        // A key in the head that is not in force; the one in the body, where there is one, is the same. Mixpanel's
        // clients send an account's name there, PostHog's nothing, Plausible's whatever stands before them.
        (Protocol::SegmentBatch | Protocol::Segment(_) | Protocol::PostHogV1, Some(key)) => {
            Err(unknown_key(Some(&key)).into())
        }
        (Protocol::SegmentBatch | Protocol::Segment(_), None) => Ok(Sender::Unknown),
        _ => Ok(Sender::Unknown),
    }
}

/// The key of the `Authorization` header: the name of `Basic`, the token of `Bearer`.
fn credential(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    let name = if scheme.eq_ignore_ascii_case("basic") {
        let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (name, password) = text.split_once(':').unwrap_or((&text, ""));
        if name.is_empty() { password.to_owned() } else { name.to_owned() }
    } else if scheme.eq_ignore_ascii_case("bearer") {
        rest.to_owned()
    } else {
        return None;
    };
    (!name.is_empty()).then_some(name)
}

/// Reads a body in full, or refuses it: it is too large, too slow, or too much is in memory already.
async fn read(
    context: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> ApiResult<(Vec<u8>, OwnedSemaphorePermit)> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(0);
    if declared > limits::INTAKE_BODY {
        return Err(too_large());
    }
    let mut held = hold(&context.limits.intake_kib, declared)?;
    let mut bytes = Vec::with_capacity(declared);
    let whole = async {
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| {
                ApiError(Error::invalid("broken_body", "the connection broke before the body was whole"))
            })?;
            if bytes.len() + chunk.len() > limits::INTAKE_BODY {
                return Err(too_large());
            }
            if kib(bytes.len() + chunk.len()) > held.num_permits() {
                // A body that does not say its length takes room as it comes.
                held.merge(hold(&context.limits.intake_kib, chunk.len().max(64 << 10))?);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    match tokio::time::timeout(SLOWEST, whole).await {
        Ok(read) => read?,
        Err(_) => {
            let message = format!("the body took longer than {} seconds", SLOWEST.as_secs());
            return Err(Error::new(Kind::Timeout, "slow_body", message).into());
        }
    }
    Ok((bytes, held))
}

fn kib(bytes: usize) -> usize {
    bytes / 1024 + 1
}

fn hold(room: &Arc<Semaphore>, bytes: usize) -> ApiResult<OwnedSemaphorePermit> {
    let wanted = u32::try_from(kib(bytes)).unwrap_or(u32::MAX);
    room.clone().try_acquire_many_owned(wanted).map_err(|_| pressure())
}

fn too_large() -> ApiError {
    let message = format!("the body is larger than {} MiB", limits::INTAKE_BODY >> 20);
    ApiError(Error::new(Kind::TooLarge, "body_too_large", message).mend("send it in smaller batches"))
}

/// Headers in which proxies and content networks tell the country of the client.
const COUNTRY: &[&str] = &[
    "cf-ipcountry",
    "cloudfront-viewer-country",
    "x-vercel-ip-country",
    "x-appengine-country",
    "x-country-code",
    "x-country",
    "x-geo-country",
    "fastly-geo-country",
];

fn country(headers: &HeaderMap) -> String {
    let texts = COUNTRY.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    // `XX` and `T1` are how some say that they do not know.
    let mut codes = texts.map(|text| text.trim().to_ascii_uppercase());
    let letters = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    codes.find(|code| letters(code) && code != "XX").unwrap_or_default()
}

/// The client's address: as a proxy says, else the other end of the connection.
fn address(headers: &HeaderMap, peer: Option<SocketAddr>) -> String {
    let said = ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .filter_map(|text| text.split(',').next()?.trim().parse::<std::net::IpAddr>().ok())
        .next();
    said.or(peer.map(|peer| peer.ip())).map(|address| address.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn keys_stand_in_basic_and_bearer() {
        let basic = format!("Basic {}", STANDARD.encode("wk_1:"));
        assert_eq!(credential(&headers(&[("authorization", &basic)])).as_deref(), Some("wk_1"));
        assert_eq!(credential(&headers(&[("authorization", "bearer wk_2")])).as_deref(), Some("wk_2"));
        let secret = format!("basic {}", STANDARD.encode(":wk_3"));
        assert_eq!(credential(&headers(&[("authorization", &secret)])).as_deref(), Some("wk_3"));
        assert_eq!(credential(&headers(&[("authorization", "Basic !")])), None);
        assert_eq!(credential(&headers(&[])), None);
    }

    #[test]
    fn countries_and_addresses_of_proxies() {
        assert_eq!(country(&headers(&[("cf-ipcountry", "de")])), "DE");
        assert_eq!(country(&headers(&[("cf-ipcountry", "XX"), ("x-country-code", "FR")])), "FR");
        assert_eq!(country(&headers(&[("cf-ipcountry", "T1")])), "");
        let peer = Some("192.0.2.7:5".parse().unwrap());
        assert_eq!(address(&headers(&[]), peer), "192.0.2.7");
        assert_eq!(address(&headers(&[("x-forwarded-for", "198.51.100.1, 10.0.0.1")]), peer), "198.51.100.1");
        assert_eq!(address(&headers(&[("x-forwarded-for", "unknown")]), peer), "192.0.2.7");
    }
}
