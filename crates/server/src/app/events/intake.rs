//! Bodies of event clients on their way in: read, admitted by their key, durable when answered.

use super::keys::Valid;
use crate::app::import::rejected::{self, Origin};
use crate::app::intake::with_source;
use crate::app::secrets::Secrets;
use crate::app::workspace::blocking;
use crate::app::{Error, Kind, Result, Workspace};
use burgeon_connectors::Reject;
use burgeon_connectors::intake::{self, Answer, Context, Hopeless, Parsed, RejectedItem};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use burgeon_connectors::intake::{Call, Protocol};

/// Bodies up to this size are read where the request is, larger ones on a thread that may block; packed ones unfold to
/// a few hundred times their size at worst.
const SMALL: usize = 8 << 10;

/// A request of a client, as far as it matters for what is in it.
#[derive(Debug, Default)]
pub struct Delivery {
    /// The body as it came.
    pub body: Vec<u8>,
    /// The query of the address, without `?`.
    pub query: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The `Referer` header.
    pub referer: String,
    /// The client's country as a proxy in front says, two letters.
    pub country: String,
    /// The client's address.
    pub address: String,
    /// When the client sent it by its own clock, where a header says so.
    pub sent_at: String,
}

/// Who sends it.
#[derive(Debug, Clone)]
pub enum Sender {
    /// The head of the request has a key that is in force.
    Key(Arc<Valid>),
    /// Someone who may use the whole API.
    Admitted,
    /// Nobody so far: the body must name a key, or a site whose key is in force.
    Unknown,
}

/// What became of a body.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Events that are stored now and were new.
    pub accepted: u64,
    /// Events that were there already.
    pub duplicates: u64,
    /// Items that could not be taken and stand among the rejects: place from 0, and the reason.
    pub rejected: Vec<(usize, String)>,
    /// Items of the body, of every kind.
    pub items: usize,
    /// One answer an item, for protocols that want them: the item's id and why it was not taken.
    pub answers: Vec<(String, Option<String>)>,
}

impl From<Hopeless> for Error {
    fn from(error: Hopeless) -> Self {
        let text = error.to_string();
        match error {
            Hopeless::TooLarge { .. } | Hopeless::TooMany { .. } => {
                Self::new(Kind::TooLarge, "body_too_large", text)
            }
            Hopeless::Unreadable(_) => Self::invalid("unreadable_body", text)
                .mend("compare it with what the official client of this protocol sends"),
        }
    }
}

/// The refusal of a key that is not in force.
pub fn unknown_key(given: Option<&str>) -> Error {
    let message = match given {
        None => "the request names no write key".to_owned(),
        Some(key) => {
            // A key is no secret, yet a body's text is not echoed at length.
            let short: String = key.chars().take(60).collect();
            format!("no write key `{short}` is in force here")
        }
    };
    Error::new(Kind::Unauthorized, "unknown_write_key", message)
        .mend("make one with `burgeon keys create NAME`, or on the page, and give it to the client")
}

impl Workspace {
    /// Takes what a client sent. What is answered for is on disk and seen by queries; an item that cannot be read stands
    /// among the rejects while the rest is taken; the same event again is counted and not stored again.
    pub async fn take_events(
        &self,
        protocol: Protocol,
        sender: Sender,
        delivery: Delivery,
        secrets: &Secrets,
    ) -> Result<Taken> {
        let at = self.now().as_microsecond();
        let salt = match protocol {
            Protocol::Plausible | Protocol::Burgeon => self.visitor_salt(secrets).await?.to_vec(),
            _ => Vec::new(),
        };
        let keep_address = self.settings().store_addresses;
        let small = delivery.body.len() <= SMALL;
        let channels = self.channels();
        let read = move || -> Result<Parsed> {
            let context = Context {
                query: &delivery.query,
                user_agent: &delivery.user_agent,
                referer: &delivery.referer,
                country: &delivery.country,
                address: &delivery.address,
                sent_at: &delivery.sent_at,
                channels: Some(&channels),
                keep_address,
                salt: &salt,
                ..Context::new(at)
            };
            Ok(intake::parse(protocol, &delivery.body, &context)?)
        };
        let parsed = if small {
            read()?
        } else {
            let _turn = self.intake().parsers.acquire().await;
            blocking(read).await?
        };
        let source = self.source_of_events(protocol, sender, parsed.key.as_deref()).await?;
        self.store_events(&source, parsed, at).await
    }

    /// What `_source` says of the events; an error when the sender may not send.
    async fn source_of_events(
        &self,
        protocol: Protocol,
        sender: Sender,
        named: Option<&str>,
    ) -> Result<String> {
        let named = named.map(str::trim).filter(|text| !text.is_empty());
        let key = match (sender, named) {
            (Sender::Key(key), _) => Some(key),
            (Sender::Admitted, None) => return Ok("intake:api".to_owned()),
            (_, None) => None,
            (_, Some(site)) if protocol == Protocol::Plausible => {
                // A tracker may name several sites, separated by commas.
                let mut found = None;
                for site in site.split(',').filter(|site| !site.trim().is_empty()) {
                    found = found.or(self.keys().of_domain(site).await?);
                }
                found
            }
            (_, Some(key)) => self.keys().find(key).await?,
        };
        key.map(|key| format!("intake:{}", key.name)).ok_or_else(|| unknown_key(named))
    }

    async fn store_events(&self, source: &str, parsed: Parsed, at: i64) -> Result<Taken> {
        let mut taken = Taken { items: parsed.items, ..Taken::default() };
        let links = async {
            if parsed.links.num_rows() > 0 {
                self.lake().append("identity_links", with_source(&parsed.links, source)?).await?;
            }
            Ok::<_, Error>(())
        };
        let persons = self.know_persons(&parsed.persons, &parsed.groups, source);
        let events = async {
            if parsed.events.num_rows() == 0 {
                return Ok(Default::default());
            }
            Ok::<_, Error>(self.lake().append("events", with_source(&parsed.events, source)?).await?)
        };
        let rejects = self.keep_rejected_items(source, &parsed.rejects, at);
        // Links go first, so that an identifier seen for the first time joins its person at once; all of them share a
        // write to the log.
        let (links, persons, events, rejects) = tokio::join!(links, persons, events, rejects);
        links?;
        persons?;
        rejects?;
        let appended = events?;
        taken.accepted = appended.taken;
        taken.duplicates = appended.unchanged + appended.replaced;
        taken.rejected = parsed.rejects.into_iter().map(|item| (item.index, item.reason)).collect();
        taken.answers = parsed.answers.into_iter().map(|Answer { id, rejected }| (id, rejected)).collect();
        Ok(taken)
    }

    /// Puts items that could not be taken into the table of rejects.
    async fn keep_rejected_items(&self, source: &str, items: &[RejectedItem], at: i64) -> Result<()> {
        let mut by_table: BTreeMap<&str, Vec<Reject>> = BTreeMap::new();
        for item in items {
            let reject = Reject::new(item.index as u64 + 1, item.reason.as_str(), item.bytes.clone());
            by_table.entry(item.table).or_default().push(reject);
        }
        for (table, rejects) in by_table {
            let origin = Origin { source, content: "", table: Some(table), import_id: None, at };
            if let Some(batch) = rejected::batch(&origin, &rejects)? {
                self.lake().append("rejects", batch).await?;
            }
        }
        Ok(())
    }
}
