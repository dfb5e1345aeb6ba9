//! The language of Segment's clients, which RudderStack's speak too.

use std::borrow::Cow;

use burgeon_core::json::{Fault, Kind, Raw, Scanner};

use super::collect::{Collector, Item};
use super::walk::Protocol;
use super::{Call, GroupPatch, PersonPatch};

/// Reads items of `/v1/batch` and of the paths for single calls.
#[derive(Debug, Default)]
pub struct Segment<'a> {
    /// The call that the path names; items of a batch name their own.
    call: Option<Call>,
    item: Item<'a>,
    kind: Cow<'a, str>,
    name: Cow<'a, str>,
    category: Cow<'a, str>,
    previous: Cow<'a, str>,
    group: Cow<'a, str>,
    key: Cow<'a, str>,
    properties: Option<Raw<'a>>,
    /// The property `channel`.
    channel: Option<Raw<'a>>,
    traits: Option<Raw<'a>>,
    context_traits: Option<Raw<'a>>,
}

impl<'a> Protocol<'a> for Segment<'a> {
    fn list(&self) -> Option<&'static str> {
        self.call.is_none().then_some("batch")
    }

    fn head(&mut self, collector: &mut Collector<'_>, key: &str, value: &Raw<'a>) {
        match key {
            "writeKey" => collector.head_key(&value.name()),
            "sentAt" => collector.sent(value),
            _ => {}
        }
    }

    fn read(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        let _ = collector;
        *self = Self { call: self.call, ..Self::default() };
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            if key == "context" && scanner.peek() == b'{' {
                self.context(scanner)?;
                continue;
            }
            if key == "properties" && scanner.peek() == b'{' {
                let mut channel = None;
                self.properties = Some(scanner.object(|key, value| {
                    if key.plain() == "channel" {
                        channel = Some(*value);
                    }
                })?);
                self.channel = channel;
                continue;
            }
            let value = scanner.value()?;
            match &*key {
                "type" => self.kind = value.name(),
                "messageId" => self.item.event_id = value.name(),
                "userId" => self.item.user = value.name(),
                "anonymousId" => self.item.anonymous = value.name(),
                "event" => self.item.event = value.name(),
                "name" => self.name = value.name(),
                "category" => self.category = value.name(),
                "previousId" => self.previous = value.name(),
                "groupId" => self.group = value.name(),
                "writeKey" => self.key = value.name(),
                "traits" if value.kind == Kind::Object => self.traits = Some(value),
                "timestamp" if value.kind != Kind::Null => self.item.time = Some(value),
                "originalTimestamp" if self.item.time.is_none() && value.kind != Kind::Null => {
                    self.item.time = Some(value);
                }
                "sentAt" if value.kind != Kind::Null => self.item.sent = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        collector.key(&self.key)?;
        let call = match self.call {
            Some(call) => call,
            None => call(&self.kind)?,
        };
        match call {
            Call::Track => self.track(collector, raw, index),
            Call::Page => self.page(collector, raw, index, "page_view"),
            Call::Screen => self.page(collector, raw, index, "screen_view"),
            Call::Identify => self.identify(collector),
            Call::Group => self.belongs(collector),
            Call::Alias => self.alias(collector),
        }
    }
}

fn call(kind: &str) -> Result<Call, String> {
    Ok(match kind {
        "track" => Call::Track,
        "page" => Call::Page,
        "screen" => Call::Screen,
        "identify" => Call::Identify,
        "group" => Call::Group,
        "alias" => Call::Alias,
        "" => {
            return Err("has no type; it is one of track, page, screen, identify, group and alias".to_owned());
        }
        other => {
            return Err(format!(
                "type {other:?} is not known; there are track, page, screen, identify, group and alias"
            ));
        }
    })
}

impl<'a> Segment<'a> {
    /// A reader of items of one call.
    pub fn call(call: Call) -> Self {
        Self { call: Some(call), ..Self::default() }
    }

    fn context(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            if scanner.peek() == b'{' && matches!(&*key, "page" | "campaign" | "os" | "device" | "location") {
                self.part(&key, scanner)?;
                continue;
            }
            let value = scanner.value()?;
            match &*key {
                "userAgent" => self.item.user_agent = value.name(),
                "groupId" => self.item.customer = value.name(),
                "sessionId" => self.item.session = value.name(),
                "traits" if value.kind == Kind::Object => self.context_traits = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &str, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        scanner.open_object()?;
        let mut first = true;
        let item = &mut self.item;
        while let Some(key) = scanner.key(&mut first)? {
            let value = scanner.value()?;
            match (part, &*key) {
                ("page", "url") => item.url = value.name(),
                ("page", "path") => item.path = value.name(),
                ("page", "title") => item.title = value.name(),
                ("page", "referrer") => item.referrer = value.name(),
                ("campaign", "source") => item.source = value.name(),
                ("campaign", "medium") => item.medium = value.name(),
                ("campaign", "name") => item.campaign = value.name(),
                ("campaign", "content") => item.content = value.name(),
                ("campaign", "term") => item.term = value.name(),
                ("os", "name") => item.os = value.name(),
                ("device", "type") => item.device = value.name(),
                ("location", "country") => item.country = value.name(),
                _ => {}
            }
        }
        Ok(())
    }

    fn track(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        if let Some(properties) = self.properties {
            // All of them stay properties, so they are taken verbatim.
            let inside = properties.text.get(1..properties.text.len() - 1).unwrap_or_default();
            collector.properties.push_str(inside.trim());
            self.take_channel(collector);
        }
        collector.event(&self.item, raw, index)
    }

    /// Takes a property `channel` that names one of the channels at its word.
    fn take_channel(&mut self, collector: &Collector<'_>) {
        if let Some(channel) =
            self.channel.map(|channel| channel.name()).filter(|name| collector.is_channel(name))
        {
            self.item.channel = channel;
        }
    }

    fn page(
        &mut self,
        collector: &mut Collector<'_>,
        raw: &str,
        index: usize,
        event: &'static str,
    ) -> Result<(), String> {
        self.item.event = Cow::Borrowed(event);
        if let Some(properties) = self.properties {
            let mut scanner = Scanner::new(properties.text);
            let mut first = true;
            // The text was read before, so it cannot fail now.
            _ = scanner.open_object();
            while let Ok(Some(key)) = scanner.raw_key(&mut first) {
                let Ok(value) = scanner.value() else { break };
                let item = &mut self.item;
                match &*key.plain() {
                    "url" => item.url = value.name(),
                    "path" => item.path = value.name(),
                    "title" => item.title = value.name(),
                    "referrer" => item.referrer = value.name(),
                    // It stands in the address.
                    "search" => {}
                    "name" if self.name.is_empty() => self.name = value.name(),
                    "category" if self.category.is_empty() => self.category = value.name(),
                    "name" | "category" => {}
                    _ => collector.property(&key, &value),
                }
            }
            self.take_channel(collector);
        }
        collector.text_property("name", &self.name);
        collector.text_property("category", &self.category);
        if event == "screen_view" && self.item.title.is_empty() {
            self.item.title = self.name.clone();
        }
        collector.event(&self.item, raw, index)
    }

    /// The person that a call is about.
    fn person(&self) -> Result<&str, String> {
        let person = if self.item.user.is_empty() { &self.item.anonymous } else { &self.item.user };
        if person.is_empty() {
            return Err("has neither userId nor anonymousId; send one of them".to_owned());
        }
        Ok(person)
    }

    fn identify(&mut self, collector: &mut Collector<'_>) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        let person = self.person()?;
        if !self.item.user.is_empty() && !self.item.anonymous.is_empty() {
            collector.link(&self.item.anonymous, person, "identify", when);
        }
        let said = self.traits.or(self.context_traits);
        let patch = PersonPatch {
            distinct_id: person.to_owned(),
            customer_id: Some(self.item.customer.to_string()).filter(|id| !id.is_empty()),
            set: said.map(|raw| raw.text.to_owned()).unwrap_or_default(),
            ..PersonPatch::default()
        };
        collector.person(patch, when);
        Ok(())
    }

    fn belongs(&mut self, collector: &mut Collector<'_>) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        let person = self.person()?;
        if self.group.is_empty() {
            return Err("has no groupId; send the account's identifier".to_owned());
        }
        if !self.item.user.is_empty() && !self.item.anonymous.is_empty() {
            collector.link(&self.item.anonymous, person, "identify", when);
        }
        let customer_id = self.group.to_string();
        let patch = PersonPatch {
            distinct_id: person.to_owned(),
            customer_id: Some(customer_id.clone()),
            ..PersonPatch::default()
        };
        collector.person(patch, when);
        let set = self.traits.map(|raw| raw.text.to_owned()).unwrap_or_default();
        collector.group(GroupPatch { customer_id, set, ..GroupPatch::default() }, when);
        Ok(())
    }

    fn alias(&mut self, collector: &mut Collector<'_>) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        let from = if self.previous.is_empty() { &self.item.anonymous } else { &self.previous };
        if from.is_empty() || self.item.user.is_empty() {
            return Err("needs previousId and userId; send the earlier identifier and the user's".to_owned());
        }
        collector.link(from, &self.item.user, "alias", when);
        Ok(())
    }
}
