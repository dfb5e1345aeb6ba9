//! Channels: by which way a visit came, by the rules of `definitions/channels.toml`.
//!
//! The file is read from top to bottom and the first channel that fits is the visit's. It has two parts:
//!
//! ```toml
//! [lists]
//! search_engines = ["google.*", "bing.com"]
//!
//! [[channel]]
//! name = "organic_search"
//! label = { en = "Organic search", ru = "Поиск", zh = "自然搜索" }
//! when = [
//!   { medium = "organic" },
//!   { referrer = "@search_engines" },
//! ]
//! ```
//!
//! A channel fits when one line of `when` holds; a line holds when everything in it does; a channel without `when` fits
//! always. A line may ask of the fields in [`FIELDS`] with a text or a list of texts, one of which must fit: a plain text is the
//! whole value without regard to case; `*` stands for any characters; `""` for no value; `@name` for a list above;
//! `!` before a text turns it around, and then none of the turned ones may fit (so `"!"` is any value).
//! For `referrer` a plain name also stands for all hosts below it (`google.com` for `www.google.com`), and a name that ends
//! in `.*` for every country's ending (`google.*` for `google.de` and `www.google.co.uk`).

use std::collections::{BTreeMap, HashSet};

use toml::Spanned;

use super::definition::{DefinitionError, Label, parse_toml};
use crate::text::did_you_mean;

/// What a line of `when` may ask of.
pub const FIELDS: [&str; 5] = ["source", "medium", "campaign", "referrer", "click_id"];

/// What is known about how a visit began. Empty texts are unknown. A source that is the referrer's host again says nothing
/// of its own and is taken as unknown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visit<'a> {
    /// `utm_source`, or what the client says instead.
    pub source: &'a str,
    /// `utm_medium`.
    pub medium: &'a str,
    /// `utm_campaign`.
    pub campaign: &'a str,
    /// Host of the page before; empty where that is the own site.
    pub referrer_host: &'a str,
    /// Names of the click identifiers that the address carries, such as `gclid`.
    pub click_ids: &'a [&'a str],
}

/// The rules by which visits get their channel.
#[derive(Debug, Clone)]
pub struct ChannelRules {
    channels: Vec<Channel>,
    click_ids: Vec<String>,
}

/// One channel.
#[derive(Debug, Clone)]
struct Channel {
    name: String,
    label: Label,
    /// Fits when one of them holds.
    when: Vec<Vec<Test>>,
}

/// What must hold of one field.
#[derive(Debug, Clone)]
struct Test {
    field: Field,
    /// One of these must fit, if there are any.
    is: Texts,
    /// None of these may.
    is_not: Texts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Source,
    Medium,
    Campaign,
    Referrer,
    ClickId,
}

/// Texts to compare with, in lower case.
#[derive(Debug, Clone, Default)]
struct Texts {
    whole: HashSet<String>,
    /// Hosts without their country's ending, as `google` for `google.*`.
    any_ending: HashSet<String>,
    /// Texts with `*` in them.
    patterns: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    channel: Vec<RawChannel>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChannel {
    name: Spanned<String>,
    #[serde(default)]
    label: Label,
    #[serde(default)]
    when: Vec<BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
}

impl ChannelRules {
    /// Reads a rule file; `file` is what errors call it.
    ///
    /// # Errors
    /// [`DefinitionError`] with file and line: text that is no TOML, an unknown key, list or field, a name that is given
    /// twice, or a file whose last channel does not fit always.
    pub fn parse(text: &str, file: &str) -> Result<ChannelRules, DefinitionError> {
        let raw: RawFile = parse_toml(text, file)?;
        let wrong = |offset: usize, problem: String| Err(DefinitionError::at(text, file, offset, problem));
        let mut channels: Vec<Channel> = Vec::new();
        let mut click_ids: Vec<String> = Vec::new();
        for channel in &raw.channel {
            let (name, offset) = (channel.name.get_ref(), channel.name.span().start);
            if name.is_empty()
                || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            {
                return wrong(offset, format!("channel \"{name}\": write small letters, digits and _ only"));
            }
            if channels.iter().any(|known| known.name == *name) {
                return wrong(offset, format!("channel \"{name}\" is there twice; put its lines into one"));
            }
            let mut when = Vec::new();
            for line in &channel.when {
                let mut tests = Vec::new();
                for (field, texts) in line {
                    let test = Test::read(field, texts, &raw.lists)
                        .map_err(|(offset, problem)| DefinitionError::at(text, file, offset, problem))?;
                    if test.field == Field::ClickId {
                        click_ids.extend(test.is.whole.iter().chain(&test.is_not.whole).cloned());
                    }
                    tests.push(test);
                }
                if tests.is_empty() {
                    return wrong(
                        offset,
                        format!("channel \"{name}\" has an empty line in when; leave it out"),
                    );
                }
                when.push(tests);
            }
            channels.push(Channel { name: name.clone(), label: channel.label.clone(), when });
        }
        match channels.last() {
            Some(last) if last.when.is_empty() => {}
            _ => {
                return wrong(
                    text.len(),
                    "the last channel must fit always: add one without when, such as name = \"other\""
                        .to_owned(),
                );
            }
        }
        click_ids.retain(|id| !id.is_empty());
        click_ids.sort();
        click_ids.dedup();
        Ok(ChannelRules { channels, click_ids })
    }

    /// The name of the channel of a visit.
    pub fn classify(&self, visit: &Visit<'_>) -> &str {
        let lower = [visit.source, visit.medium, visit.campaign, visit.referrer_host].map(|text| {
            let text = text.trim();
            let plain = !text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii());
            if plain { std::borrow::Cow::Borrowed(text) } else { text.to_lowercase().into() }
        });
        let source = if lower[0] == lower[3] { "" } else { &lower[0] };
        let fits = |test: &Test| match test.field {
            Field::Source => test.holds(source, Texts::has),
            Field::Medium => test.holds(&lower[1], Texts::has),
            Field::Campaign => test.holds(&lower[2], Texts::has),
            Field::Referrer => test.holds(lower[3].trim_end_matches('.'), Texts::has_host),
            Field::ClickId => test.holds_for_ids(visit.click_ids),
        };
        let channel = self
            .channels
            .iter()
            .find(|channel| channel.when.is_empty() || channel.when.iter().any(|line| line.iter().all(fits)));
        channel.map_or("other", |channel| &channel.name)
    }

    /// The channels in the order of the file: name and label.
    pub fn channels(&self) -> impl Iterator<Item = (&str, &Label)> {
        self.channels.iter().map(|channel| (channel.name.as_str(), &channel.label))
    }

    /// The click identifiers that some rule asks of: the parameters of an address that are worth looking for.
    pub fn click_ids(&self) -> &[String] {
        &self.click_ids
    }
}

impl Test {
    fn read(
        field: &Spanned<String>,
        texts: &Spanned<toml::Value>,
        lists: &BTreeMap<String, Vec<String>>,
    ) -> Result<Test, (usize, String)> {
        let name = field.get_ref().as_str();
        let kind = match name {
            "source" => Field::Source,
            "medium" => Field::Medium,
            "campaign" => Field::Campaign,
            "referrer" => Field::Referrer,
            "click_id" => Field::ClickId,
            _ => {
                let near = did_you_mean(name, FIELDS);
                return Err((
                    field.span().start,
                    format!("unknown field \"{name}\"; write {}{near}", FIELDS.join(", ")),
                ));
            }
        };
        let mut test = Test { field: kind, is: Texts::default(), is_not: Texts::default() };
        let wrong = |problem: String| (texts.span().start, problem);
        let items = match texts.get_ref() {
            toml::Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for item in items {
            let text = item
                .as_str()
                .ok_or_else(|| wrong(format!("{name} is {item}; write a text or a list of texts")))?;
            let (turned, plain) = match text.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, text),
            };
            let into = if turned { &mut test.is_not } else { &mut test.is };
            match plain.strip_prefix('@') {
                None => into.add(plain, kind),
                Some(list) => {
                    let Some(items) = lists.get(list) else {
                        let near = did_you_mean(list, lists.keys().map(String::as_str));
                        return Err(wrong(format!("there is no list \"{list}\" under [lists]{near}")));
                    };
                    items.iter().for_each(|item| into.add(item, kind));
                }
            }
        }
        Ok(test)
    }

    fn holds(&self, value: &str, has: impl Fn(&Texts, &str) -> bool) -> bool {
        (self.is.is_empty() || has(&self.is, value)) && (self.is_not.is_empty() || !has(&self.is_not, value))
    }

    /// An address may carry several click identifiers: one must fit, and none of the turned ones. `""` is none at all.
    fn holds_for_ids(&self, ids: &[&str]) -> bool {
        let some = |texts: &Texts| match ids {
            [] => texts.has(""),
            ids => ids.iter().any(|id| texts.has(&id.to_lowercase())),
        };
        (self.is.is_empty() || some(&self.is)) && (self.is_not.is_empty() || !some(&self.is_not))
    }
}

impl Texts {
    fn add(&mut self, text: &str, field: Field) {
        let text = text.trim().to_lowercase();
        match text.strip_suffix(".*").filter(|_| field == Field::Referrer) {
            Some(name) if !name.contains('*') => _ = self.any_ending.insert(name.to_owned()),
            _ if text.contains('*') => self.patterns.push(text),
            _ => _ = self.whole.insert(text),
        }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.any_ending.is_empty() && self.patterns.is_empty()
    }

    fn has(&self, value: &str) -> bool {
        self.whole.contains(value) || self.patterns.iter().any(|pattern| wildcard(pattern, value))
    }

    fn has_host(&self, host: &str) -> bool {
        if self.has(host) {
            return true;
        }
        // The host itself and each domain above it, the longest first.
        let mut domain = host;
        loop {
            if self.whole.contains(domain) || self.patterns.iter().any(|pattern| wildcard(pattern, domain)) {
                return true;
            }
            if !self.any_ending.is_empty() {
                // An ending has one label, or two as in co.uk, of which the first is short.
                let (name, ending) = domain.rsplit_once('.').unwrap_or((domain, ""));
                let longer =
                    name.rsplit_once('.').filter(|(_, middle)| middle.len() <= 3 && ending.len() == 2);
                if self.any_ending.contains(name)
                    || longer.is_some_and(|(name, _)| self.any_ending.contains(name))
                {
                    return true;
                }
            }
            match domain.split_once('.') {
                Some((_, above)) => domain = above,
                None => return false,
            }
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUILT_IN: &str = include_str!("../../../../definitions/channels.toml");

    fn built_in() -> ChannelRules {
        ChannelRules::parse(BUILT_IN, "definitions/channels.toml").unwrap()
    }

    #[test]
    fn channels_of_real_visits() {
        let rules = built_in();
        /// Source, medium, campaign, referrer, click identifiers, and the channel.
        type Row =
            (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static str);
        let visits: &[Row] = &[
            ("", "", "", "", &[], "direct"),
            ("(direct)", "(none)", "", "", &[], "direct"),
            ("", "", "", "www.google.com", &[], "organic_search"),
            ("", "", "", "www.google.co.uk", &[], "organic_search"),
            ("", "", "", "google.com.br", &[], "organic_search"),
            ("", "", "", "yandex.ru", &[], "organic_search"),
            ("", "", "", "ya.ru", &[], "organic_search"),
            ("", "", "", "www.baidu.com", &[], "organic_search"),
            ("", "", "", "duckduckgo.com", &[], "organic_search"),
            ("google", "organic", "", "www.google.com", &[], "organic_search"),
            ("google", "cpc", "brand", "", &[], "paid_search"),
            ("yandex", "cpc", "", "yandex.ru", &[], "paid_search"),
            ("Google", "CPC", "", "", &[], "paid_search"),
            ("", "", "", "www.google.de", &["gclid"], "paid_search"),
            ("", "", "", "", &["yclid"], "paid_search"),
            ("", "", "", "www.bing.com", &["msclkid"], "paid_search"),
            ("facebook", "paid_social", "", "", &[], "paid_social"),
            ("instagram", "cpc", "", "", &[], "paid_social"),
            ("vk", "cpc", "", "", &[], "paid_social"),
            ("", "", "", "l.facebook.com", &["fbclid"], "organic_social"),
            ("", "", "", "lnkd.in", &[], "organic_social"),
            ("", "", "", "t.co", &[], "organic_social"),
            ("", "", "", "vk.com", &[], "organic_social"),
            ("", "", "", "t.me", &[], "organic_social"),
            ("telegram", "", "", "", &[], "organic_social"),
            ("", "", "", "news.ycombinator.com", &[], "organic_social"),
            ("", "", "", "www.reddit.com", &[], "organic_social"),
            ("", "", "", "chatgpt.com", &[], "ai_assistant"),
            ("chatgpt.com", "", "", "", &[], "ai_assistant"),
            ("", "", "", "www.perplexity.ai", &[], "ai_assistant"),
            ("", "", "", "claude.ai", &[], "ai_assistant"),
            ("", "", "", "gemini.google.com", &[], "ai_assistant"),
            ("", "", "", "copilot.microsoft.com", &[], "ai_assistant"),
            ("", "", "", "www.deepseek.com", &[], "ai_assistant"),
            ("newsletter", "email", "may", "", &[], "email"),
            ("", "", "", "mail.google.com", &[], "email"),
            ("", "", "", "e.mail.ru", &[], "email"),
            ("mailchimp", "e-mail", "", "", &[], "email"),
            ("partner", "affiliate", "", "", &[], "affiliate"),
            ("google", "display", "", "", &[], "display"),
            ("somebody", "banner", "", "", &[], "display"),
            ("", "", "", "www.youtube.com", &[], "video"),
            ("youtube", "cpc", "", "", &[], "paid_video"),
            ("app", "push", "", "", &[], "push"),
            ("sms", "", "", "", &[], "sms"),
            ("", "", "", "blog.example.org", &[], "referral"),
            ("blog", "referral", "", "", &[], "referral"),
            ("somewhere", "cpm", "", "", &[], "display"),
            ("somewhere", "cpc", "", "", &[], "paid_other"),
            ("somewhere", "flyer", "", "", &[], "other"),
            ("", "", "", "webmail.example.com", &[], "email"),
            ("www.google.com", "", "", "www.google.com", &[], "organic_search"),
            ("vkvideo", "cpc", "", "", &[], "paid_video"),
        ];
        for (source, medium, campaign, referrer_host, click_ids, channel) in visits {
            let visit = Visit { source, medium, campaign, referrer_host, click_ids };
            assert_eq!(rules.classify(&visit), *channel, "{visit:?}");
        }
    }

    #[test]
    fn every_channel_has_its_label_and_the_usual_click_ids_are_known() {
        let rules = built_in();
        for (name, label) in rules.channels() {
            assert!(!label.en.is_empty() && label.ru.is_some() && label.zh.is_some(), "{name}");
        }
        for id in ["gclid", "msclkid", "yclid", "fbclid", "ttclid"] {
            assert!(rules.click_ids().iter().any(|known| known == id), "{id}");
        }
    }

    #[test]
    fn own_rules() {
        let rules = ChannelRules::parse(
            "lists.ours = ['shop.example', 'news*']\n\
             [[channel]]\nname = 'ours'\nwhen = [{ referrer = '@ours', medium = ['', '!web*'] }, { campaign = 'x*y*z' }]\n\
             [[channel]]\nname = 'rest'\n",
            "channels.toml",
        )
        .unwrap();
        let classify = |referrer_host, medium, campaign| {
            rules.classify(&Visit { referrer_host, medium, campaign, ..Visit::default() }).to_owned()
        };
        assert_eq!(classify("a.Shop.Example.", "", ""), "ours");
        assert_eq!(classify("shop.example", "web2", ""), "rest");
        assert_eq!(classify("myshop.example", "", ""), "rest");
        assert_eq!(classify("newsroom", "", ""), "ours");
        assert_eq!(classify("", "", "xAyBz"), "ours");
        assert_eq!(classify("", "", "xz"), "rest");
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let error = |text: &str| ChannelRules::parse(text, "channels.toml").unwrap_err().to_string();
        let rest = "[[channel]]\nname = 'rest'\n";
        assert!(error("channel = 3").starts_with("channels.toml:1: "));
        assert!(error("[[channel]]\nname = 'a'\nwehn = []\n").starts_with("channels.toml:3: "));
        let unknown = error(&format!("[[channel]]\nname = 'a'\nwhen = [{{ refferer = 'x' }}]\n{rest}"));
        assert!(
            unknown.starts_with("channels.toml:3: ") && unknown.ends_with("did you mean \"referrer\"?"),
            "{unknown}"
        );
        let list = error(&format!(
            "lists.search = []\n[[channel]]\nname = 'a'\nwhen = [{{ source = '@serch' }}]\n{rest}"
        ));
        assert!(
            list.starts_with("channels.toml:4: ") && list.ends_with("did you mean \"search\"?"),
            "{list}"
        );
        assert!(
            error(&format!("{rest}{rest}")).starts_with("channels.toml:4: channel \"rest\" is there twice")
        );
        assert!(error("[[channel]]\nname = 'A b'\n").contains("small letters"));
        assert!(error("[[channel]]\nname = 'a'\nwhen = [{ source = 'x' }]\n").contains("must fit always"));
        assert!(error("").contains("must fit always"));
        assert!(
            error("[[channel]]\nname = 'a'\nwhen = [{ source = 3 }]\n").contains("a text or a list of texts")
        );
    }

    proptest! {
        #[test]
        fn a_wildcard_is_what_a_regular_expression_would_be(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            // The plain oracle: by cases on the first character of the pattern.
            fn plain(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
                    Some((c, rest)) => text.first() == Some(c) && plain(rest, &text[1..]),
                }
            }
            prop_assert_eq!(wildcard(&pattern, &text), plain(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn no_visit_panics(source in "\\PC{0,12}", medium in "\\PC{0,6}", host in "[a-zA-Z.\\PC]{0,16}") {
            let visit = Visit { source: &source, medium: &medium, referrer_host: &host, ..Visit::default() };
            prop_assert!(!built_in().classify(&visit).is_empty());
        }
    }
}
