//! The language of Mixpanel's clients: events, persons and groups go to three paths.

use std::borrow::Cow;

use burgeon_core::json::{Fault, Kind, Raw, Scanner};

use super::collect::{Collector, Item};
use super::walk::Protocol;
use super::{GroupPatch, PersonPatch};

/// Reads items of `/track` and `/import`.
#[derive(Debug, Default)]
pub struct Track<'a> {
    item: Item<'a>,
    key: Cow<'a, str>,
    distinct: Cow<'a, str>,
    device: Cow<'a, str>,
    alias: Cow<'a, str>,
    identified: Cow<'a, str>,
    anonymous: Cow<'a, str>,
    together: Option<Raw<'a>>,
}

impl<'a> Protocol<'a> for Track<'a> {
    fn list(&self) -> Option<&'static str> {
        None
    }

    fn head(&mut self, _: &mut Collector<'_>, _: &str, _: &Raw<'a>) {}

    fn read(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        *self = Self::default();
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            if key == "properties" && scanner.peek() == b'{' {
                self.properties(collector, scanner)?;
                continue;
            }
            let value = scanner.value()?;
            if key == "event" {
                self.item.event = value.name();
            }
        }
        Ok(())
    }

    fn take(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        collector.key(&self.key)?;
        match &*self.item.event {
            "$create_alias" => {
                let when = collector.when(&self.item)?;
                if self.alias.is_empty() || self.distinct.is_empty() {
                    return Err("needs alias and distinct_id".to_owned());
                }
                collector.link(&self.alias, &self.distinct, "alias", when);
                return Ok(());
            }
            "$identify" => {
                let when = collector.when(&self.item)?;
                if self.identified.is_empty() || self.anonymous.is_empty() {
                    return Err("needs $identified_id and $anon_id".to_owned());
                }
                collector.link(&self.anonymous, &self.identified, "identify", when);
                return Ok(());
            }
            "$merge" => {
                let when = collector.when(&self.item)?;
                let ids = self.together.map(|raw| serde_json::from_str::<Vec<String>>(raw.text));
                let Some(Ok([from, to])) = ids.as_ref().map(|ids| ids.as_deref()) else {
                    return Err("needs two $distinct_ids".to_owned());
                };
                collector.link(from, to, "alias", when);
                return Ok(());
            }
            "$mp_web_page_view" => self.item.event = Cow::Borrowed("page_view"),
            _ => {}
        }
        if self.item.user.is_empty() {
            self.item.user = std::mem::take(&mut self.distinct);
        }
        if !self.device.is_empty() {
            // This is how Mixpanel itself writes an anonymous device.
            self.item.anonymous = Cow::Owned(format!("$device:{}", self.device));
        }
        collector.event(&self.item, raw, index)
    }
}

impl<'a> Track<'a> {
    fn properties(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.raw_key(&mut first)? {
            let value = scanner.value()?;
            let item = &mut self.item;
            match &*key.plain() {
                "token" => self.key = value.name(),
                "distinct_id" => self.distinct = value.name(),
                "$user_id" => item.user = value.name(),
                "$device_id" => self.device = value.name(),
                "time" if value.kind != Kind::Null => item.time = Some(value),
                "$insert_id" => item.event_id = value.name(),
                "$current_url" | "current_url" => item.url = value.name(),
                "current_page_title" => item.title = value.name(),
                "$referrer" => item.referrer = value.name(),
                "$browser" => item.browser = value.name(),
                "$os" => item.os = value.name(),
                "$device_type" => item.device = value.name(),
                "mp_country_code" => item.country = value.name(),
                "utm_source" => item.source = value.name(),
                "utm_medium" => item.medium = value.name(),
                "utm_campaign" => item.campaign = value.name(),
                "utm_content" => item.content = value.name(),
                "utm_term" => item.term = value.name(),
                "ip" | "$ip" => {}
                "$identified_id" => self.identified = value.name(),
                "$anon_id" => self.anonymous = value.name(),
                "$distinct_ids" => self.together = Some(value),
                name => {
                    if name == "alias" {
                        self.alias = value.name();
                    }
                    collector.property(&key, &value);
                }
            }
        }
        Ok(())
    }
}

/// Reads items of `/engage` and `/groups`.
#[derive(Debug, Default)]
pub struct Profile<'a> {
    /// Whether items are about groups.
    groups: bool,
    item: Item<'a>,
    key: Cow<'a, str>,
    group_kind: Cow<'a, str>,
    group: Cow<'a, str>,
    set: Option<Raw<'a>>,
    set_once: Option<Raw<'a>>,
    unset: Option<Raw<'a>>,
    unknown: Cow<'a, str>,
}

impl Profile<'_> {
    /// A reader of items that are about groups.
    pub fn of_groups() -> Self {
        Self { groups: true, ..Self::default() }
    }
}

impl<'a> Protocol<'a> for Profile<'a> {
    fn list(&self) -> Option<&'static str> {
        None
    }

    fn head(&mut self, _: &mut Collector<'_>, _: &str, _: &Raw<'a>) {}

    fn read(&mut self, _: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        *self = Self { groups: self.groups, ..Self::default() };
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            let value = scanner.value()?;
            match &*key {
                "$token" => self.key = value.name(),
                "$distinct_id" => self.item.user = value.name(),
                "$group_key" => self.group_kind = value.name(),
                "$group_id" => self.group = value.name(),
                "$time" if value.kind != Kind::Null => self.item.time = Some(value),
                "$set" => self.set = Some(value),
                "$set_once" => self.set_once = Some(value),
                "$unset" => self.unset = Some(value),
                "$ip" | "$ignore_time" | "$ignore_alias" => {}
                _ => self.unknown = key,
            }
        }
        Ok(())
    }

    fn take(&mut self, collector: &mut Collector<'_>, _: &str, _: usize) -> Result<(), String> {
        collector.key(&self.key)?;
        let when = collector.when(&self.item)?;
        let object =
            |raw: &Option<Raw<'a>>| raw.filter(|raw| raw.kind == Kind::Object).map(|raw| raw.text.to_owned());
        let (set, set_once) = (object(&self.set), object(&self.set_once));
        if set.is_none() && set_once.is_none() && self.unset.is_none() {
            return Err(format!(
                "{} is not taken; there are $set, $set_once and $unset",
                if self.unknown.is_empty() { "an empty update" } else { &self.unknown }
            ));
        }
        if self.groups {
            if self.group.is_empty() {
                return Err("has no $group_id".to_owned());
            }
            let patch = GroupPatch {
                kind: self.group_kind.to_string(),
                customer_id: self.group.to_string(),
                set: set.or(set_once).unwrap_or_default(),
                ..GroupPatch::default()
            };
            collector.group(patch, when);
            return Ok(());
        }
        if self.item.user.is_empty() {
            return Err("has no $distinct_id".to_owned());
        }
        let unset = self.unset.map(|raw| serde_json::from_str(raw.text).unwrap_or_default());
        let patch = PersonPatch {
            distinct_id: self.item.user.to_string(),
            set: set.unwrap_or_default(),
            set_once: set_once.unwrap_or_default(),
            unset: unset.unwrap_or_default(),
            ..PersonPatch::default()
        };
        collector.person(patch, when);
        Ok(())
    }
}
