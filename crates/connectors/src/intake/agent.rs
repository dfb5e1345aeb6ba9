//! Which browser, system and kind of device a `User-Agent` header tells of.
//!
//! The names come from the patterns of the uap-core project, which is kept up to date; they lie unchanged in
//! `data/uap-core`. What kind of device it is, is told from the few words that all browsers agree on.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use ua_parser::os::Extractor as SystemExtractor;
use ua_parser::user_agent::Extractor as BrowserExtractor;

/// What a `User-Agent` header tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agent {
    /// Name of the browser, such as `Chrome`; empty when it is not known.
    pub browser: String,
    /// Name of the operating system, such as `Windows`; empty when it is not known.
    pub os: String,
    /// `desktop`, `mobile`, `tablet`, or `bot`.
    pub device: &'static str,
}

const PATTERNS: &str = include_str!("../../data/uap-core/regexes.yaml");

/// Most headers that are remembered. Visitors of a site share a few thousand.
const REMEMBERED: usize = 10_000;

struct Patterns {
    browser: BrowserExtractor<'static>,
    system: SystemExtractor<'static>,
}

/// Compiled at the first header, since that takes a moment and some memory. `None` when the patterns cannot be read,
/// which a test rules out.
static COMPILED: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let patterns: ua_parser::Regexes<'static> = serde_norway::from_str(PATTERNS).ok()?;
    let mut browser = ua_parser::user_agent::Builder::new();
    browser = browser.push_all(patterns.user_agent_parsers).ok()?;
    let mut system = ua_parser::os::Builder::new();
    system = system.push_all(patterns.os_parsers).ok()?;
    Some(Patterns { browser: browser.build().ok()?, system: system.build().ok()? })
});

static MEMORY: LazyLock<Mutex<HashMap<String, Agent>>> = LazyLock::new(Mutex::default);

/// Whether a header is a browser's; programs and libraries do not call themselves Mozilla.
pub fn is_browser(user_agent: &str) -> bool {
    user_agent.starts_with("Mozilla/")
}

/// What a header tells. It is looked up in the patterns once and then remembered.
pub fn agent(user_agent: &str) -> Agent {
    if user_agent.is_empty() {
        return Agent::default();
    }
    // A header of a page's length is nobody's browser.
    let text = user_agent.get(..512).unwrap_or(user_agent);
    if let Some(known) = MEMORY.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
        return known.clone();
    }
    let read = read(text);
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.insert(text.to_owned(), read.clone());
    read
}

fn read(text: &str) -> Agent {
    let device = device(text);
    let Some(patterns) = COMPILED.as_ref() else {
        return Agent { device, ..Agent::default() };
    };
    let browser = patterns.browser.extract(text).map(|found| found.family.into_owned());
    let os = patterns.system.extract(text).map(|found| found.os.into_owned());
    Agent {
        browser: browser_name(&browser.unwrap_or_default()).to_owned(),
        os: os_name(&os.unwrap_or_default()).to_owned(),
        device,
    }
}

fn device(text: &str) -> &'static str {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    const BOTS: [&str; 9] = [
        "bot",
        "crawl",
        "spider",
        "slurp",
        "headless",
        "lighthouse",
        "facebookexternalhit",
        "monitor",
        "preview",
    ];
    // Cubot makes telephones.
    if has(&BOTS) && !lower.contains("cubot") {
        "bot"
    } else if has(&["ipad", "tablet", "kindle", "silk/", "playbook"])
        || (lower.contains("android") && !lower.contains("mobile") && !lower.contains(" tv"))
    {
        "tablet"
    } else if has(&["mobi", "iphone", "ipod", "android", "windows phone"]) {
        "mobile"
    } else {
        "desktop"
    }
}

/// The browser's name without the device it runs on: `Chrome Mobile iOS` is Chrome.
pub fn browser_name(name: &str) -> &str {
    match name {
        "Other" | "unknown" => "",
        "Chrome Mobile"
        | "Chrome Mobile iOS"
        | "Chrome Mobile WebView"
        | "Chrome iOS"
        | "HeadlessChrome"
        | "Chromium" => "Chrome",
        "Mobile Safari" | "Mobile Safari UI/WKWebView" => "Safari",
        "Firefox Mobile" | "Firefox iOS" => "Firefox",
        "Edge Mobile" | "Microsoft Edge" | "Edge WebView2" => "Edge",
        "Opera Mobile" | "Opera Touch" | "Opera GX" | "Opera Mini" => "Opera",
        "IE" | "IE Mobile" => "Internet Explorer",
        "Yandex Browser" | "Yandex" | "YandexSearch" => "Yandex",
        "DuckDuckGo Mobile" => "DuckDuckGo",
        "Brave Mobile" => "Brave",
        other => other,
    }
}

/// The system's name as people say it.
pub fn os_name(name: &str) -> &str {
    match name {
        "Other" | "unknown" => "",
        "Mac OS X" | "Mac OS" | "OS X" => "macOS",
        "iPhone OS" | "iPadOS" => "iOS",
        "Ubuntu" | "Debian" | "Fedora" | "Red Hat" | "CentOS" | "Linux Mint" | "Arch Linux" => "Linux",
        "Chrome OS" | "ChromeOS" => "ChromeOS",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ones_are_known() {
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0";
        let cases = [
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36"), "Chrome Windows desktop"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36 Edg/126.0.0.0"), "Edge Windows desktop"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} YaBrowser/24.6.0 Yowser/2.5 Safari/537.36"), "Yandex Windows desktop"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36 OPR/106.0.0.0"), "Opera Windows desktop"),
            (format!("Mozilla/5.0 (Linux; Android 14; Pixel 8) {chrome} Mobile Safari/537.36"), "Chrome Android mobile"),
            ("Mozilla/5.0 (Linux; Android 10; SM-T510) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36".into(), "Samsung Internet Android tablet"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1".to_owned(), "Safari iOS mobile"),
            ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1".to_owned(), "Safari iOS tablet"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15".to_owned(), "Safari macOS desktop"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0".to_owned(), "Firefox Linux desktop"),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)".to_owned(), "Googlebot  bot"),
        ];
        for (header, expected) in cases {
            let found = agent(&header);
            assert_eq!(format!("{} {} {}", found.browser, found.os, found.device), expected, "{header}");
            assert!(is_browser(&header));
        }
        assert_eq!(agent(""), Agent::default());
        assert!(!is_browser("posthog-python/7.0"));
    }

    #[test]
    fn long_and_strange_headers_are_survived() {
        assert_eq!(agent(&"é(".repeat(5000)).device, "desktop");
    }
}
