//! The language of PostHog's clients.

use std::borrow::Cow;

use burgeon_core::json::{Fault, Kind, Raw, Scanner};

use super::collect::{Collector, Item};
use super::walk::Protocol;
use super::{GroupPatch, PersonPatch};

/// Reads items of `/batch/`, `/e/` and `/i/v1/analytics/events`.
#[derive(Debug, Default)]
pub struct PostHog<'a> {
    /// Whether each item is answered.
    answers: bool,
    /// Whether the batch is old data, whose clock is not corrected.
    history: bool,
    item: Item<'a>,
    key: Cow<'a, str>,
    said: Said<'a>,
}

/// What an item says of persons and groups.
#[derive(Debug, Default)]
struct Said<'a> {
    set: Option<Raw<'a>>,
    set_once: Option<Raw<'a>>,
    unset: Option<Raw<'a>>,
    anonymous: Cow<'a, str>,
    alias: Cow<'a, str>,
    group_kind: Cow<'a, str>,
    group_key: Cow<'a, str>,
    group_set: Option<Raw<'a>>,
}

impl<'a> Protocol<'a> for PostHog<'a> {
    fn list(&self) -> Option<&'static str> {
        Some("batch")
    }

    fn head(&mut self, collector: &mut Collector<'_>, key: &str, value: &Raw<'a>) {
        match key {
            "api_key" | "token" => collector.head_key(&value.name()),
            "sent_at" | "sentAt" if !self.history => collector.sent(value),
            "historical_migration" if value.text == "true" => {
                self.history = true;
                collector.sent = None;
            }
            _ => {}
        }
    }

    fn read(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        *self = Self { answers: self.answers, history: self.history, ..Self::default() };
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            if key == "properties" && scanner.peek() == b'{' {
                self.properties(collector, scanner)?;
                continue;
            }
            let value = scanner.value()?;
            match &*key {
                "event" => self.item.event = value.name(),
                "uuid" => self.item.event_id = value.name(),
                "distinct_id" | "$distinct_id" => self.item.user = value.name(),
                "session_id" => self.item.session = value.name(),
                "api_key" | "token" => self.key = value.name(),
                "timestamp" if value.kind != Kind::Null => self.item.time = Some(value),
                "sent_at" if value.kind != Kind::Null => self.item.sent = Some(value),
                "offset" => self.item.age = value.number(),
                "$set" => self.said.set = Some(value),
                "$set_once" => self.said.set_once = Some(value),
                "$unset" => self.said.unset = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        collector.key(&self.key)?;
        if self.history {
            self.item.sent = None;
        }
        match &*self.item.event {
            "$identify" | "$set" | "$set_once" => self.identify(collector),
            "$create_alias" | "$merge_dangerously" => {
                let when = collector.when(&self.item)?;
                if self.said.alias.is_empty() || self.item.user.is_empty() {
                    return Err("needs alias and distinct_id".to_owned());
                }
                collector.link(&self.said.alias, &self.item.user, "alias", when);
                Ok(())
            }
            "$groupidentify" => self.group(collector),
            // Recordings of the screen and the client's own notes are not what people do.
            "$snapshot" | "$$heatmap" | "$$client_ingestion_warning" => Ok(()),
            _ => self.event(collector, raw, index),
        }
    }

    fn answer_id(&self) -> Option<&str> {
        self.answers.then_some(&self.item.event_id)
    }
}

/// The kinds of groups that are an account, likelier ones first.
const ACCOUNTS: [&str; 9] =
    ["customer", "company", "account", "organization", "organisation", "org", "tenant", "workspace", "team"];

impl<'a> PostHog<'a> {
    /// A reader of items; each is answered where the client wants that.
    pub fn new(answers: bool) -> Self {
        Self { answers, ..Self::default() }
    }

    fn properties(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.raw_key(&mut first)? {
            let value = scanner.value()?;
            let item = &mut self.item;
            match &*key.plain() {
                "token" => self.key = value.name(),
                "distinct_id" if item.user.is_empty() => item.user = value.name(),
                "$raw_user_agent" => item.user_agent = value.name(),
                // They follow from others, or are not kept.
                "distinct_id" | "$ip" | "$host" | "$referring_domain" => {}
                "$current_url" => item.url = value.name(),
                "$pathname" => item.path = value.name(),
                "$title" => item.title = value.name(),
                "title" if item.event == "$pageview" => item.title = value.name(),
                "$screen_name" if item.title.is_empty() => {
                    item.title = value.name();
                    collector.property(&key, &value);
                }
                "$referrer" => {
                    item.referrer = value.name();
                    // The client's word for none.
                    if item.referrer == "$direct" {
                        item.referrer = Cow::Borrowed("");
                    }
                }
                "$session_id" => item.session = value.name(),
                "$browser" => item.browser = value.name(),
                "$os" | "$os_name" => item.os = value.name(),
                "$device_type" => item.device = value.name(),
                "$geoip_country_code" => item.country = value.name(),
                // They stand in for what the item itself says.
                "$time" => item.time = item.time.or(Some(value)),
                "$insert_id" if item.event_id.is_empty() => item.event_id = value.name(),
                "$insert_id" => {}
                "utm_source" => item.source = value.name(),
                "utm_medium" => item.medium = value.name(),
                "utm_campaign" => item.campaign = value.name(),
                "utm_content" => item.content = value.name(),
                "utm_term" => item.term = value.name(),
                "$groups" => {
                    if let Some(account) = account(&value) {
                        item.customer = account;
                    }
                    collector.property(&key, &value);
                }
                "$set" => self.said.set = Some(value),
                "$set_once" => self.said.set_once = Some(value),
                "$unset" => self.said.unset = Some(value),
                "$anon_distinct_id" => self.said.anonymous = value.name(),
                "$group_type" => self.said.group_kind = value.name(),
                "$group_key" => self.said.group_key = value.name(),
                "$group_set" => self.said.group_set = Some(value),
                name => {
                    if name == "alias" {
                        self.said.alias = value.name();
                    }
                    collector.property(&key, &value);
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        let name = match &*self.item.event {
            "$pageview" => Some("page_view"),
            "$pageleave" => Some("page_leave"),
            "$screen" => Some("screen_view"),
            _ => None,
        };
        if let Some(name) = name {
            self.item.event = Cow::Borrowed(name);
        }
        collector.event(&self.item, raw, index)?;
        if self.said.set.is_some() || self.said.set_once.is_some() || self.said.unset.is_some() {
            self.patch(collector, None)?;
        }
        Ok(())
    }

    fn patch(&self, collector: &mut Collector<'_>, customer_id: Option<String>) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        if self.item.user.is_empty() {
            return Err("has no distinct_id".to_owned());
        }
        let object =
            |raw: &Option<Raw<'_>>| raw.filter(|raw| raw.kind == Kind::Object).map(|raw| raw.text.to_owned());
        let unset = self.said.unset.map(|raw| serde_json::from_str(raw.text).unwrap_or_default());
        let patch = PersonPatch {
            distinct_id: self.item.user.to_string(),
            customer_id,
            set: object(&self.said.set).unwrap_or_default(),
            set_once: object(&self.said.set_once).unwrap_or_default(),
            unset: unset.unwrap_or_default(),
            ..PersonPatch::default()
        };
        collector.person(patch, when);
        Ok(())
    }

    fn identify(&mut self, collector: &mut Collector<'_>) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        self.patch(collector, Some(self.item.customer.to_string()).filter(|id| !id.is_empty()))?;
        if self.item.event == "$identify" && !self.said.anonymous.is_empty() {
            collector.link(&self.said.anonymous, &self.item.user, "identify", when);
        }
        Ok(())
    }

    fn group(&mut self, collector: &mut Collector<'_>) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        if self.said.group_key.is_empty() {
            return Err("needs $group_type and $group_key".to_owned());
        }
        let set = self.said.group_set.filter(|raw| raw.kind == Kind::Object);
        let patch = GroupPatch {
            kind: self.said.group_kind.to_string(),
            customer_id: self.said.group_key.to_string(),
            set: set.map(|raw| raw.text.to_owned()).unwrap_or_default(),
            ..GroupPatch::default()
        };
        collector.group(patch, when);
        // The browser's client sends the person's groups along; servers send the group alone, under a made-up person.
        if !self.item.customer.is_empty() && !self.item.user.is_empty() {
            self.patch(collector, Some(self.item.customer.to_string()))?;
        }
        Ok(())
    }
}

/// The account among `{kind: key}`.
fn account<'a>(groups: &Raw<'a>) -> Option<Cow<'a, str>> {
    let mut scanner = Scanner::new(groups.text);
    scanner.open_object().ok()?;
    let mut best: Option<(usize, Cow<'a, str>)> = None;
    let mut first = true;
    while let Ok(Some(kind)) = scanner.key(&mut first) {
        let key = scanner.value().ok()?.name();
        let rank = ACCOUNTS.iter().position(|account| *account == kind).unwrap_or(ACCOUNTS.len());
        if !key.is_empty() && best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, key));
        }
    }
    best.map(|(_, key)| key)
}
