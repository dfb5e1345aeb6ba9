//! The language of Plausible's tracker, which knows no persons: they are told apart by a hash that changes every day.

use std::borrow::Cow;

use burgeon_core::json::{Fault, Kind, Raw, Scanner};
use burgeon_core::records::{KeyHasher, KeyPart};
use sha2::{Digest, Sha256};

use super::collect::{Collector, Item};
use super::page::address;
use super::walk::Protocol;

/// Reads items of `/api/event`.
#[derive(Debug, Default)]
pub struct Plausible<'a> {
    item: Item<'a>,
    domain: Cow<'a, str>,
    properties: Option<Raw<'a>>,
    depth: Option<Raw<'a>>,
    engaged: Option<Raw<'a>>,
    revenue: Option<Raw<'a>>,
    interactive: Option<Raw<'a>>,
}

impl<'a> Protocol<'a> for Plausible<'a> {
    fn list(&self) -> Option<&'static str> {
        None
    }

    fn head(&mut self, _: &mut Collector<'_>, _: &str, _: &Raw<'a>) {}

    fn read(&mut self, _: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault> {
        *self = Self::default();
        scanner.open_object()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            let value = scanner.value()?;
            match &*key {
                "n" | "name" => self.item.event = value.name(),
                "u" | "url" => self.item.url = value.name(),
                "d" | "domain" => self.domain = value.name(),
                "r" | "referrer" => self.item.referrer = value.name(),
                "p" | "props" | "m" | "meta" => self.properties = Some(value),
                "sd" => self.depth = Some(value),
                "e" => self.engaged = Some(value),
                "$" | "revenue" => self.revenue = Some(value),
                "i" | "interactive" => self.interactive = Some(value),
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String> {
        // One page may belong to several sites, parted by commas; the first tells visitors apart.
        let domain = self.domain.split(',').next().unwrap_or_default().trim().to_owned();
        if domain.is_empty() {
            return Err("has no domain; set it in the tracker".to_owned());
        }
        collector.key(&self.domain)?;
        if self.item.event == "pageview" {
            self.item.event = Cow::Borrowed("page_view");
        }
        if let Some(properties) = self.properties {
            // Older trackers send the properties as text.
            let text = properties.plain();
            members(collector, &text);
        }
        let number = |raw: Option<Raw<'a>>| raw.filter(|raw| raw.kind == Kind::Number);
        if let Some(depth) = number(self.depth) {
            collector.json_property("scroll_depth", depth.text);
        }
        if let Some(engaged) = number(self.engaged) {
            collector.json_property("engaged_ms", engaged.text);
        }
        if let Some(revenue) = self.revenue.filter(|raw| matches!(raw.kind, Kind::Object | Kind::Text)) {
            let text = revenue.plain();
            if whole_object(&text) {
                collector.json_property("revenue", &text);
            }
        }
        if let Some(interactive) = self.interactive.filter(|raw| raw.kind == Kind::Bool) {
            collector.json_property("interactive", interactive.text);
        }
        self.item.anonymous = Cow::Owned(visitor(collector, &domain));
        // Two events of a page at one instant are told apart by what they say.
        let hash = KeyHasher::default().hash([
            KeyPart::Text(raw),
            KeyPart::Text(&self.item.anonymous),
            KeyPart::Int(collector.context.received_at),
            KeyPart::Int(index as i64),
        ]);
        self.item.event_id = Cow::Owned(format!("{hash:016x}"));
        collector.event(&self.item, raw, index)
    }
}

/// Adds the members of a JSON object to the properties; nothing when it is none.
fn members(collector: &mut Collector<'_>, text: &str) {
    if !whole_object(text) {
        return;
    }
    let mut scanner = Scanner::new(text);
    let mut first = true;
    _ = scanner.open_object();
    while let Ok(Some(key)) = scanner.raw_key(&mut first) {
        let Ok(value) = scanner.value() else { return };
        collector.property(&key, &value);
    }
}

fn whole_object(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.value().is_ok_and(|raw| raw.kind == Kind::Object)
        && scanner.is_done()
        && !super::collect::is_too_deep(scanner.deepest)
}

/// The day's identifier of a visitor of a site. Nothing of the address can be got back from it.
pub(super) fn visitor(collector: &Collector<'_>, domain: &str) -> String {
    let context = collector.context;
    let host = address(domain).host;
    let site = if host.is_empty() { domain } else { &host };
    let mut hash = Sha256::new();
    for part in [context.salt, site.as_bytes(), context.address.as_bytes(), context.user_agent.as_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut out = String::from("day_");
    for byte in digest.iter().take(12) {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}
