//! Who may ask: nobody is asked on the machine itself, a token is needed elsewhere.

use crate::api::error::ApiError;
use crate::app::{Error, Kind, Workspace};
use axum::http::{HeaderMap, Method, header};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// The cookie that the page holds after the token was typed in.
pub const COOKIE: &str = "burgeon_token";

/// Decides on requests.
#[derive(Debug)]
pub struct Auth {
    /// SHA-256 of the token given on the command line or in the environment.
    given: Option<[u8; 32]>,
    /// Whether the workspace keeps tokens of its own.
    stored: bool,
    /// SHA-256 of stored tokens that were verified before; argon2 is slow by design.
    seen: Mutex<HashSet<[u8; 32]>>,
}

impl Auth {
    /// `given` is the token of the command line or environment; `stored` says whether the workspace keeps its own.
    pub fn new(given: Option<&str>, stored: bool) -> Self {
        Self { given: given.map(digest), stored, seen: Mutex::default() }
    }

    /// Whether a token is asked for at all.
    pub fn required(&self) -> bool {
        self.given.is_some() || self.stored
    }

    /// Refuses to listen to other machines without a token.
    pub fn check_address(&self, address: SocketAddr) -> Result<(), Error> {
        if address.ip().is_loopback() || self.required() {
            return Ok(());
        }
        Err(Error::invalid(
            "token_needed",
            format!("{address} can be reached from other machines, and no token is set"),
        )
        .mend("set one with `--token` or the environment variable BURGEON_TOKEN, or listen on 127.0.0.1 only")
        .param("listen"))
    }

    /// Whether `token` is the given one or one of the workspace's.
    pub async fn verify(&self, workspace: &Workspace, token: &str) -> Result<bool, Error> {
        let hash = digest(token);
        if self.given == Some(hash) || self.seen.lock().contains(&hash) {
            return Ok(true);
        }
        if self.stored && workspace.verify_token(token).await? {
            self.seen.lock().insert(hash);
            return Ok(true);
        }
        Ok(false)
    }

    /// Lets a request of the API through, or says why not.
    pub async fn admit(
        &self,
        workspace: &Workspace,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        same_site(method, headers, self.required())?;
        if !self.required() {
            return Ok(());
        }
        match presented(headers) {
            Some(token) if self.verify(workspace, token).await? => Ok(()),
            Some(_) => Err(refusal(
                "wrong_token",
                "the token is wrong",
                "ask who runs this server for the present one",
            )),
            None => Err(refusal(
                "token_needed",
                "this server asks for a token",
                "send `Authorization: Bearer TOKEN`, or sign in on the page",
            )),
        }
    }
}

fn refusal(code: &'static str, message: &str, mend: &str) -> ApiError {
    ApiError(Error::new(Kind::Unauthorized, code, message).mend(mend))
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The token of the `Authorization` header, else of the cookie.
fn presented(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        let (scheme, token) = value.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(token.trim());
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Another site's page must neither write here nor, by a name that it controls, read from a server without a token.
fn same_site(method: &Method, headers: &HeaderMap, token: bool) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let forbidden = |message: String| ApiError(Error::new(Kind::Forbidden, "other_site", message));
    if let (false, Some(host)) = (token, host)
        && !is_local(host)
    {
        return Err(forbidden(format!("this server answers to localhost only, not to {host}")));
    }
    let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    if let (false, Some(origin)) = (safe, origin) {
        let from = origin.split_once("://").map_or(origin, |(_, host)| host);
        let same = host == Some(from) || (is_local(from) && host.is_some_and(is_local));
        if !same {
            return Err(forbidden(format!("a page of {origin} may not write here")));
        }
    }
    Ok(())
}

/// Whether `host` (with or without port) names this machine.
fn is_local(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn other_addresses_need_a_token() {
        let open = Auth::new(None, false);
        assert!(open.check_address("127.0.0.1:8090".parse().unwrap()).is_ok());
        let error = open.check_address("0.0.0.0:8090".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("BURGEON_TOKEN"), "{error}");
        assert!(Auth::new(Some("x"), false).check_address("0.0.0.0:8090".parse().unwrap()).is_ok());
    }

    #[test]
    fn the_token_is_found_in_header_and_cookie() {
        assert_eq!(presented(&headers(&[("authorization", "bearer abc")])), Some("abc"));
        assert_eq!(presented(&headers(&[("cookie", "a=b; burgeon_token=abc")])), Some("abc"));
        assert_eq!(presented(&headers(&[("authorization", "Basic abc")])), None);
    }

    #[test]
    fn other_sites_are_refused() {
        let check = |method, pairs: &[(&'static str, &'static str)]| {
            same_site(&method, &headers(pairs), false).is_ok()
        };
        assert!(check(Method::GET, &[("host", "localhost:8090")]));
        assert!(check(Method::GET, &[("host", "[::1]:8090")]));
        assert!(!check(Method::GET, &[("host", "evil.example:8090")]));
        assert!(!check(Method::POST, &[("host", "localhost:8090"), ("origin", "https://evil.example")]));
        assert!(check(Method::POST, &[("host", "127.0.0.1:8090"), ("origin", "http://localhost:5173")]));
    }
}
