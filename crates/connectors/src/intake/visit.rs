//! Where a visit came from and by which channel, from the address of the page and of the one before.

use std::borrow::Cow;
use std::collections::HashMap;

use burgeon_core::behaviour::channel::{ChannelRules, Visit};
use burgeon_core::records::{KeyHasher, KeyPart};

use super::page::{Campaign, address, campaign, site};
use super::rows::EventRow;

/// Most kinds of visit whose channel is remembered.
const REMEMBERED: usize = 10_000;

/// Fills in what follows from a row's addresses. Remembers the channels of visits, since the rules are many and kinds of
/// visits few.
#[derive(Debug)]
pub struct Visits<'r> {
    rules: Option<&'r ChannelRules>,
    known: HashMap<u64, &'r str>,
    hasher: KeyHasher,
}

/// What follows from a row's addresses.
#[derive(Debug, Default)]
pub struct Place<'a> {
    host: Cow<'a, str>,
    path: &'a str,
    before: Cow<'a, str>,
    inside: bool,
    found: Campaign<'a>,
}

impl<'r> Visits<'r> {
    /// With the rules of channels, if there are any.
    pub fn new(rules: Option<&'r ChannelRules>) -> Self {
        Self { rules, known: HashMap::new(), hasher: KeyHasher::default() }
    }

    /// Whether there is a channel of this name.
    pub fn is_channel(&self, name: &str) -> bool {
        self.rules.is_some_and(|rules| rules.channels().any(|(known, _)| known == name))
    }

    /// Takes the addresses of a row apart.
    pub fn place<'a>(&self, url: &'a str, referrer: &'a str) -> Place<'a>
    where
        'r: 'a,
    {
        if url.is_empty() && referrer.is_empty() {
            return Place::default();
        }
        let page = address(url);
        let before = address(referrer).host;
        let inside = !before.is_empty() && site(&before) == site(&page.host);
        let clicks = self.rules.map_or(&[][..], ChannelRules::click_ids);
        Place { host: page.host, path: page.path, before, inside, found: campaign(page.query, clicks) }
    }

    /// Fills in the columns of a row that have no value and follow from its place.
    pub fn fill<'a>(&mut self, row: &mut EventRow<'a>, place: &'a Place<'a>)
    where
        'r: 'a,
    {
        let given = |own: &mut &'a str, other: &'a str| {
            if own.is_empty() {
                *own = other;
            }
        };
        given(&mut row.host, &place.host);
        given(&mut row.path, place.path);
        if !place.inside {
            given(&mut row.referrer_host, site(&place.before));
        }
        // The address counts before what the client says of the whole visit.
        let first = |own: &mut &'a str, other: &'a str| {
            if !other.is_empty() {
                *own = other;
            }
        };
        first(&mut row.source, &place.found.source);
        first(&mut row.medium, &place.found.medium);
        first(&mut row.campaign, &place.found.campaign);
        first(&mut row.content, &place.found.content);
        first(&mut row.term, &place.found.term);
        let said = !row.source.is_empty() || !place.found.clicks.is_empty();
        given(&mut row.source, row.referrer_host);
        // No channel for what is not a page, nor for the further pages of a visit.
        if row.channel.is_empty() && !place.path.is_empty() && (said || !place.inside) {
            row.channel = self.channel(row, &place.found.clicks);
        }
    }

    fn channel(&mut self, row: &EventRow<'_>, clicks: &[&str]) -> &'r str {
        let Some(rules) = self.rules else { return "" };
        let texts = [row.source, row.medium, row.campaign, row.referrer_host];
        let key = self.hasher.hash(texts.iter().chain(clicks).map(|text| KeyPart::Text(text)));
        if let Some(known) = self.known.get(&key) {
            return known;
        }
        let visit = Visit {
            source: row.source,
            medium: row.medium,
            campaign: row.campaign,
            referrer_host: row.referrer_host,
            click_ids: clicks,
        };
        let channel = rules.classify(&visit);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(key, channel);
        channel
    }
}
