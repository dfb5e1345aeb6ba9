//! The address of a page taken apart: host, path, and where the visit came from.

use std::borrow::Cow;

/// The parts of an address that stand in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// Host in lower case, without user and port; empty for a bare path.
    pub host: Cow<'a, str>,
    /// Path without query and fragment.
    pub path: &'a str,
    /// Query without `?`.
    pub query: &'a str,
}

/// Takes an address apart. What is none gives empty parts; the caller keeps the text.
pub fn address(text: &str) -> Address<'_> {
    let (host, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            // An IPv6 address keeps its colons in brackets.
            let host = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
                _ => host,
            };
            (lower(host), rest)
        }
        _ if text.starts_with('/') => (Cow::Borrowed(""), text),
        _ => return Address::default(),
    };
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Address { host, path: if path.is_empty() { "/" } else { path }, query }
}

fn is_scheme(text: &str) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// A host without `www.`, by which two hosts are the same site.
pub fn site(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

/// What the query of an address says about where the visit came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Campaign<'a> {
    /// `utm_source`, else `ref` or `source`.
    pub source: Cow<'a, str>,
    /// `utm_medium`
    pub medium: Cow<'a, str>,
    /// `utm_campaign`
    pub campaign: Cow<'a, str>,
    /// `utm_content`
    pub content: Cow<'a, str>,
    /// `utm_term`
    pub term: Cow<'a, str>,
    /// The names of advertisers' click identifiers, such as `gclid`.
    pub clicks: Vec<&'a str>,
}

/// Reads the query of an address; `clicks` are the click identifiers to look for.
pub fn campaign<'a>(query: &'a str, clicks: &'a [String]) -> Campaign<'a> {
    let mut found = Campaign::default();
    if query.is_empty() {
        return found;
    }
    let (mut source, mut reference) = ("", "");
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.is_empty() {
            continue;
        }
        match name {
            "utm_source" => found.source = decoded(value),
            "utm_medium" => found.medium = decoded(value),
            "utm_campaign" => found.campaign = decoded(value),
            "utm_content" => found.content = decoded(value),
            "utm_term" => found.term = decoded(value),
            "source" => source = value,
            "ref" => reference = value,
            _ => found
                .clicks
                .extend(clicks.iter().find(|click| click.eq_ignore_ascii_case(name)).map(String::as_str)),
        }
    }
    if found.source.is_empty() {
        found.source = decoded(if reference.is_empty() { source } else { reference });
    }
    found
}

/// A value of a query without its escapes.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let spaced = value.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses() {
        let show = |text| {
            let Address { host, path, query } = address(text);
            format!("{host} {path} {query}")
        };
        assert_eq!(show("https://Shop.Example.com:8443/a/b?x=1&y=2#z"), "shop.example.com /a/b x=1&y=2");
        assert_eq!(show("http://user:pw@example.com"), "example.com / ");
        assert_eq!(show("https://example.com?x=1"), "example.com / x=1");
        assert_eq!(show("http://[::1]:80/x"), "[::1] /x ");
        assert_eq!(show("android-app://com.google.android.gm/"), "com.google.android.gm / ");
        assert_eq!(show("/pricing?plan=pro#top"), " /pricing plan=pro");
        assert_eq!(show("https://пример.рф/путь"), "пример.рф /путь ");
        assert_eq!(show("not an address"), "  ");
        assert_eq!(show(""), "  ");
        assert_eq!((site("www.example.com"), site("wwwexample.com")), ("example.com", "wwwexample.com"));
    }

    #[test]
    fn campaigns() {
        let clicks = ["fbclid".to_owned(), "gclid".to_owned()];
        let found = campaign(
            "utm_source=news%20letter&utm_medium=e+mail&utm_campaign=%D1%8F&utm_term=&GCLID=abc&x&fbclid=",
            &clicks,
        );
        assert_eq!((&*found.source, &*found.medium, &*found.campaign), ("news letter", "e mail", "я"));
        assert_eq!((&*found.term, &found.clicks[..]), ("", &["gclid"][..]));
        assert_eq!(campaign("source=a&ref=b", &[]).source, "b");
        assert_eq!(campaign("ref=b&utm_source=c", &[]).source, "c");
        assert_eq!(campaign("", &[]), Campaign::default());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".*") {
            let found = address(&text);
            let _ = campaign(found.query, &[]);
            prop_assert!(text.is_empty() || found.path.len() <= text.len().max(1));
        }
    }
}
