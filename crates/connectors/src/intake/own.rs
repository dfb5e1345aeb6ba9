//! Burgeon's own language, which its tracker speaks: `POST /api/v1/events`.
//!
//! A body is one object, a list of them, one in each line, or an envelope `{"key": …, "sent_at": …, "events": […]}`.
//! An object has a `type`:
//!
//! | type | members |
//! |---|---|
//! | `event`, or none | `event`, `user_id` and/or `anonymous_id` (or `distinct_id`), `at`, `event_id`, any column of the table `events`, `properties`; members of other names become properties |
//! | `identify` | `user_id`, `anonymous_id`, `traits`, `traits_once`, `customer_id` |
//! | `alias` | `from`, `to` |
//! | `group` | `customer_id`, `user_id` or `anonymous_id`, `traits` |

use std::borrow::Cow;

use burgeon_core::json::{Fault, Kind, Raw, Scanner};

use super::collect::{Collector, Item};
use super::plausible::visitor;
use super::walk::Protocol;
use super::{GroupPatch, PersonPatch};

/// Reads items of `/api/v1/events`.
#[derive(Debug, Default)]
pub struct Own<'a> {
    item: Item<'a>,
    kind: Cow<'a, str>,
    key: Cow<'a, str>,
    from: Cow<'a, str>,
    to: Cow<'a, str>,
    traits: Option<Raw<'a>>,
    traits_once: Option<Raw<'a>>,
    cookieless: bool,
}

impl<'a> Protocol<'a> for Own<'a> {
    fn list(&self) -> Option<&'static str> {
        Some("events")
    }

    fn head(&mut self, collector: &mut Collector<'_>, key: &str, value: &Raw<'a>) {
        match key {
            "key" => collector.head_key(&value.name()),
            "sent_at" => collector.sent(value),
            _ => {}
        }
    }

    fn read(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        *self = Self::default();
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.raw_key(&mut first)? {
            let name = key.plain();
            if name == "properties" && scanner.peek() == b'{' {
                scanner.open_object()?;
                let mut first = true;
                while let Some(key) = scanner.raw_key(&mut first)? {
                    let value = scanner.value()?;
                    collector.property(&key, &value);
                }
                continue;
            }
            let value = scanner.value()?;
            let item = &mut self.item;
            match &*name {
                "event" => item.event = value.name(),
                "event_id" => item.event_id = value.name(),
                "user_id" | "distinct_id" => item.user = value.name(),
                "anonymous_id" => item.anonymous = value.name(),
                "at" | "timestamp" if value.kind != Kind::Null => item.time = Some(value),
                "sent_at" if value.kind != Kind::Null => item.sent = Some(value),
                "customer_id" => item.customer = value.name(),
                "session_id" => item.session = value.name(),
                "url" => item.url = value.name(),
                "path" => item.path = value.name(),
                "title" => item.title = value.name(),
                "referrer" => item.referrer = value.name(),
                "source" => item.source = value.name(),
                "medium" => item.medium = value.name(),
                "campaign" => item.campaign = value.name(),
                "content" => item.content = value.name(),
                "term" => item.term = value.name(),
                "channel" => item.channel = value.name(),
                "country" => item.country = value.name(),
                "device" => item.device = value.name(),
                "browser" => item.browser = value.name(),
                "os" => item.os = value.name(),
                "user_agent" => item.user_agent = value.name(),
                "type" => self.kind = value.name(),
                "key" => self.key = value.name(),
                "from" => {
                    self.from = value.name();
                    collector.property(&key, &value);
                }
                "to" => {
                    self.to = value.name();
                    collector.property(&key, &value);
                }
                "traits" => self.traits = Some(value),
                "traits_once" => self.traits_once = Some(value),
                "cookieless" => self.cookieless = value.text == "true",
                // They follow from others.
                "host" | "referrer_host" | "received_at" | "properties" => {}
                _ => collector.property(&key, &value),
            }
        }
        Ok(())
    }

    fn take(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        collector.key(&self.key)?;
        match &*self.kind {
            "" | "event" => {
                let nobody = self.item.user.is_empty() && self.item.anonymous.is_empty();
                if nobody && self.cookieless {
                    let host = super::page::address(&self.item.url).host.into_owned();
                    self.item.anonymous = Cow::Owned(visitor(collector, &host));
                }
                collector.event(&self.item, raw, index)
            }
            "identify" => self.identify(collector),
            "alias" => {
                let when = collector.when(&self.item)?;
                if self.from.is_empty() || self.to.is_empty() {
                    return Err("needs from and to; send the earlier identifier and the user's".to_owned());
                }
                collector.link(&self.from, &self.to, "alias", when);
                Ok(())
            }
            "group" => self.group(collector),
            other => Err(format!("type {other:?} is not known; there are event, identify, alias and group")),
        }
    }
}

impl Own<'_> {
    fn person(&self) -> Result<String, String> {
        let person = if self.item.user.is_empty() { &self.item.anonymous } else { &self.item.user };
        if person.is_empty() {
            return Err("has neither user_id nor anonymous_id; send one of them".to_owned());
        }
        Ok(person.to_string())
    }

    fn patch(&self, collector: &mut Collector<'_>, traits: bool) -> Result<(), String> {
        let when = collector.when(&self.item)?;
        let distinct_id = self.person()?;
        if !self.item.user.is_empty() && !self.item.anonymous.is_empty() {
            collector.link(&self.item.anonymous, &self.item.user, "identify", when);
        }
        let object = |raw: &Option<Raw<'_>>| {
            raw.filter(|raw| traits && raw.kind == Kind::Object)
                .map(|raw| raw.text.to_owned())
                .unwrap_or_default()
        };
        let patch = PersonPatch {
            distinct_id,
            customer_id: Some(self.item.customer.to_string()).filter(|id| !id.is_empty()),
            set: object(&self.traits),
            set_once: object(&self.traits_once),
            ..PersonPatch::default()
        };
        collector.person(patch, when);
        Ok(())
    }

    fn identify(&self, collector: &mut Collector<'_>) -> Result<(), String> {
        self.patch(collector, true)
    }

    fn group(&self, collector: &mut Collector<'_>) -> Result<(), String> {
        if self.item.customer.is_empty() {
            return Err("has no customer_id; send the account's identifier".to_owned());
        }
        self.patch(collector, false)?;
        let when = collector.when(&self.item)?;
        let set = self.traits.filter(|raw| raw.kind == Kind::Object).map(|raw| raw.text.to_owned());
        let customer_id = self.item.customer.to_string();
        collector
            .group(GroupPatch { customer_id, set: set.unwrap_or_default(), ..GroupPatch::default() }, when);
        Ok(())
    }
}
