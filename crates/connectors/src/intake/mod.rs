//! What the clients of event collectors send, turned into rows: one request body in, Arrow record batches out.
//!
//! [`parse`] takes the body of a request as it came. It finds out for itself whether the body is packed, a form or
//! JSON, and does not ask the `Content-Type`, since real clients say all sorts of things there. Nothing here knows a
//! socket or a clock: what the request's head says comes in a [`Context`].
//!
//! One bad item does not spoil its batch: it is handed back among the [`Parsed::rejects`] with its reason, and the
//! rest is taken. Only a body that cannot be read at all is a [`Hopeless`].

mod agent;
mod body;
pub(crate) mod collect;
pub(crate) mod mixpanel;
mod own;
mod page;
mod person;
mod plausible;
pub(crate) mod posthog;
mod rows;
pub(crate) mod segment;
pub(crate) mod visit;
pub(crate) mod walk;

use arrow::record_batch::RecordBatch;
use burgeon_core::behaviour::channel::ChannelRules;

use collect::Collector;
use own::Own;
use plausible::Plausible;
use posthog::PostHog;
use segment::Segment;
use walk::walk;

pub use person::{PersonPatch, PersonRow, person_rows};
pub use rows::{EventRow, EventRows, TEXT_COLUMNS};

/// Which client's language a body is in; the server knows it from the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `/v1/batch`, `/v1/import` and the browser's `/b`: items that name their own type. Also RudderStack's.
    SegmentBatch,
    /// `/v1/track`, `/v1/page`, … and the browser's `/t`, `/p`, …: one item of this type.
    Segment(Call),
    /// `/batch/`, `/e/`, `/capture/`, `/track/`, `/i/v0/e/`.
    PostHog,
    /// `/i/v1/analytics/events`.
    PostHogV1,
    /// `/api/event`.
    Plausible,
    /// `/track` and `/import`: events.
    MixpanelTrack,
    /// `/engage`: what is said of persons.
    MixpanelEngage,
    /// `/groups`: what is said of groups.
    MixpanelGroups,
    /// `/api/v1/events`: Burgeon's own, described in `own.rs`.
    Burgeon,
}

/// The calls of Segment's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Something happened.
    Track,
    /// A page was seen.
    Page,
    /// A screen of an app was seen.
    Screen,
    /// Who somebody is.
    Identify,
    /// Which account somebody belongs to.
    Group,
    /// Two identifiers are one person.
    Alias,
}

/// What is known of a request beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the request arrived, µs UTC.
    pub received_at: i64,
    /// The query of the address without `?`; some clients send the whole body there, as `data=`.
    pub query: &'a str,
    /// The `User-Agent` header; empty when there is none.
    pub user_agent: &'a str,
    /// The `Referer` header; empty when there is none.
    pub referer: &'a str,
    /// The client's country as a proxy in front says (ISO 3166, two letters); empty when it is not known.
    pub country: &'a str,
    /// When the client sent the request by its own clock, where a header says so (`PostHog-Request-Timestamp`); else empty.
    pub sent_at: &'a str,
    /// The client's address; empty when it is not known. It is hashed for clients without identifiers (Plausible), and
    /// is not kept unless [`Context::keep_address`] says so.
    pub address: &'a str,
    /// Whether the address is kept, as property `ip`.
    pub keep_address: bool,
    /// A secret that changes with the day. Persons without identifiers are told apart by a hash of it, the site, the
    /// address and the user agent, so that nobody can be followed from one day to the next.
    pub salt: &'a [u8],
    /// Names the channels of visits; without it the column stays empty.
    pub channels: Option<&'a ChannelRules>,
    /// Bounds on sizes.
    pub limits: Limits,
}

impl Context<'_> {
    /// A request of which only the time of arrival is known.
    pub fn new(received_at: i64) -> Self {
        Self {
            received_at,
            query: "",
            user_agent: "",
            referer: "",
            country: "",
            sent_at: "",
            address: "",
            keep_address: false,
            salt: b"",
            channels: None,
            limits: Limits::default(),
        }
    }
}

/// Bounds that keep a hostile or mistaken body from filling the memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes of a body once unpacked.
    pub body_bytes: usize,
    /// The most bytes of one item; larger ones are rejected.
    pub item_bytes: usize,
    /// The most items of a body.
    pub items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 64 << 20, item_bytes: 1 << 20, items: 100_000 }
    }
}

/// What a body holds.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The write key that the body names, if any: the envelope's, else that of its items, which must all name the same.
    /// For Plausible it is the site's domain, or several parted by commas.
    pub key: Option<String>,
    /// Items of the body: those taken and those rejected.
    pub items: usize,
    /// What happened, in the content schema of `events`.
    pub events: RecordBatch,
    /// What is said of persons, in the order in which it was said. These are changes, not rows: see [`PersonPatch`].
    pub persons: Vec<PersonPatch>,
    /// What is said of groups (accounts), in the order in which it was said.
    pub groups: Vec<GroupPatch>,
    /// Identifiers of one person, in the content schema of `identity_links`.
    pub links: RecordBatch,
    /// Items that were not taken.
    pub rejects: Vec<RejectedItem>,
    /// One answer for each item, in order, for protocols that want them ([`Protocol::PostHogV1`]); else empty.
    pub answers: Vec<Answer>,
}

/// What one call says of a group, which is an account: a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupPatch {
    /// What kind of group, such as `company`; empty when the client has one kind only.
    pub kind: String,
    /// Identifier of the group: the `customer_id`.
    pub customer_id: String,
    /// When it was said, µs UTC, corrected for the client's clock.
    pub at: i64,
    /// Traits to set, as a JSON object; empty for none.
    pub set: String,
}

/// An item that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedItem {
    /// Place in the body, from 0.
    pub index: usize,
    /// The record table that it was meant for.
    pub table: &'static str,
    /// What is wrong and how it is mended.
    pub reason: String,
    /// The item as it came.
    pub bytes: Vec<u8>,
}

/// What a client is told of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The item's identifier as the client gave it.
    pub id: String,
    /// Why it was not taken; `None` when it was.
    pub rejected: Option<String>,
}

/// Why nothing of a body can be taken. The text says what is wrong and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hopeless {
    /// The body is larger than the limit, as it came or unpacked. HTTP status 413.
    #[error("the body is larger than {limit} bytes once unpacked; send it in smaller batches")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body has more items than the limit. HTTP status 413.
    #[error("the body has more than {limit} items; send it in smaller batches")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The body is not what the protocol says. HTTP status 400.
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
}

/// Reads the body of one request.
///
/// # Errors
/// [`Hopeless`] when nothing of the body can be taken; then nothing was.
pub fn parse(protocol: Protocol, body: &[u8], context: &Context<'_>) -> Result<Parsed, Hopeless> {
    let limits = context.limits;
    let body = body::unpack(body, context.query, limits)?;
    let mut collector = Collector::new(*context);
    match protocol {
        Protocol::SegmentBatch => walk(&body, collector, limits, &mut Segment::default()),
        Protocol::Segment(call) => walk(&body, collector, limits, &mut Segment::call(call)),
        Protocol::PostHog | Protocol::PostHogV1 => {
            query_sent_at(&mut collector);
            let answers = protocol == Protocol::PostHogV1;
            walk(&body, collector, limits, &mut PostHog::new(answers))
        }
        Protocol::Plausible => walk(&body, collector, limits, &mut Plausible::default()),
        Protocol::MixpanelTrack => walk(&body, collector, limits, &mut mixpanel::Track::default()),
        Protocol::MixpanelEngage => walk(&body, collector, limits, &mut mixpanel::Profile::default()),
        Protocol::MixpanelGroups => walk(&body, collector, limits, &mut mixpanel::Profile::of_groups()),
        Protocol::Burgeon => walk(&body, collector, limits, &mut Own::default()),
    }
}

/// PostHog's client for browsers says in the query when it sent, in milliseconds.
fn query_sent_at(collector: &mut Collector<'_>) {
    let sent = collector.context.query.split('&').find_map(|pair| match pair.split_once('=') {
        Some(("_" | "sent_at", value)) => collect::unix(value),
        _ => None,
    });
    if sent.is_some_and(|sent| sent > 0) {
        collector.sent = sent;
    }
}
