//! From drawn events to rows of the tables.

use std::fmt::Write;

use super::super::life::Profile;
use super::super::table::{Cell, Rows};
use super::super::world::{COUNTRIES, PLANS};
use super::person::{Person, user_id};
use super::site::{self, FEATURES, Origin, PAGES};
use super::visit::{Doing, Event};

/// A visit goes on while no more than half an hour passes between two things.
const VISIT: i64 = 30 * 60 * 1_000_000;

/// Who did something, as its row says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who<'a> {
    /// Identifier once known; empty for a visitor who never is.
    pub(super) user_id: &'a str,
    pub(super) anonymous_id: &'a str,
    pub(super) customer_id: &'a str,
    pub(super) country: usize,
    pub(super) device: usize,
}

/// Writes rows of events until there are as many as were asked for.
pub(super) struct Writer {
    /// Rows that are still wanted.
    pub(super) left: u64,
    seed: u64,
    texts: [String; 4],
    /// For each person of the account at hand the visit that goes on: its origin and its last moment.
    visits: Vec<Option<(&'static Origin, i64)>>,
}

impl Writer {
    pub(super) fn new(seed: u64, wanted: u64) -> Writer {
        Writer { left: wanted, seed, texts: Default::default(), visits: Vec::new() }
    }

    /// Another account or visitor of so many people begins.
    pub(super) fn begin(&mut self, people: usize) {
        self.visits.clear();
        self.visits.resize(people, None);
    }

    /// Writes an event. `number` tells events of the whole company apart.
    pub(super) fn event(&mut self, event: &Event, who: Who<'_>, number: u64, account: u64, rows: &mut Rows) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let fresh = match event.doing {
            Doing::View { origin, .. } => origin,
            _ => None,
        };
        let origin = self.origin(event, fresh);
        let [id, url, properties, other] = &mut self.texts;
        fill(id, format_args!("{:016x}", mixed(self.seed, number)));
        let (host, path, title) = place(&event.doing);
        fill(url, format_args!("https://{host}{path}"));
        if let Some(origin) = fresh.filter(|origin| !origin.medium.is_empty()) {
            let Origin { source, medium, campaign, .. } = origin;
            let _ = write!(url, "?utm_source={source}&utm_medium={medium}&utm_campaign={campaign}");
        }
        let name = properties_of(&event.doing, event.at, account, properties, other);
        let known = !event.anonymous && !who.user_id.is_empty();
        let (device, browser, os, ..) = site::DEVICES[who.device];
        rows.push(&[
            Cell::Text(id),
            Cell::Text(name),
            Cell::Text(if known { who.user_id } else { who.anonymous_id }),
            Cell::Int(event.at),
            Cell::Int(event.at + 400_000 + (number % 1_700_000) as i64),
            Cell::text(if known { who.customer_id } else { "" }),
            Cell::Null,
            Cell::Text(url),
            Cell::Text(host),
            Cell::Text(path),
            Cell::text(title),
            Cell::text(fresh.map_or("", |origin| origin.referrer)),
            Cell::text(fresh.map_or("", |origin| origin.referrer_host)),
            Cell::text(origin.map_or("", |origin| origin.source)),
            Cell::text(origin.map_or("", |origin| origin.medium)),
            Cell::text(origin.map_or("", |origin| origin.campaign)),
            Cell::Null,
            Cell::Null,
            Cell::text(origin.map_or("", |origin| origin.channel)),
            Cell::Text(COUNTRIES[who.country].0),
            Cell::Text(device),
            Cell::Text(browser),
            Cell::Text(os),
            Cell::text(properties),
        ]);
    }

    /// Where the visit came from that the event belongs to; none for what is done in the product.
    fn origin(&mut self, event: &Event, fresh: Option<&'static Origin>) -> Option<&'static Origin> {
        let on_site = match event.doing {
            Doing::View { .. }
            | Doing::Read { .. }
            | Doing::Download { .. }
            | Doing::Named { .. }
            | Doing::SignUp { .. } => true,
            Doing::Plan { event, .. } => event == "trial_started",
            _ => false,
        };
        let visit = self.visits.get_mut(event.who).filter(|_| on_site)?;
        let going_on = visit.filter(|(_, last)| event.at - last <= VISIT).map(|(origin, _)| origin);
        let origin = fresh.or(going_on).unwrap_or(&site::ORIGINS[site::DIRECT][0]);
        *visit = Some((origin, event.at));
        Some(origin)
    }
}

/// Host, path and title of the page on which something is done.
fn place(doing: &Doing) -> (&'static str, &'static str, &'static str) {
    let on_site = |page: usize| (site::HOST, PAGES[page].path, PAGES[page].title);
    match *doing {
        Doing::View { page, .. }
        | Doing::Read { page, .. }
        | Doing::Download { page }
        | Doing::Named { page, .. } => on_site(page),
        Doing::SignUp { .. } => on_site(site::SIGN_UP),
        Doing::Plan { event: "trial_started", .. } => on_site(site::SIGN_UP),
        Doing::Accept { .. } => on_site(site::JOIN),
        Doing::Use(feature) => (site::APP_HOST, FEATURES[feature].path, ""),
        Doing::ExportFailed => (site::APP_HOST, FEATURES[site::EXPORT].path, ""),
        Doing::Invite { .. } => (site::APP_HOST, "/app/people", ""),
        Doing::Plan { .. } | Doing::Plain("cancellation_requested") => (site::APP_HOST, "/app/billing", ""),
        Doing::Plain(_) => (site::APP_HOST, "/app/start", ""),
    }
}

/// The event's name; its properties as JSON in `text`, empty for none.
fn properties_of(
    doing: &Doing,
    at: i64,
    account: u64,
    text: &mut String,
    other: &mut String,
) -> &'static str {
    text.clear();
    let pick = |list: &[&'static str]| list[(at / 1_000).rem_euclid(list.len() as i64) as usize];
    match *doing {
        Doing::View { .. } => "page_view",
        Doing::Read { seconds, depth, .. } => {
            fill(text, format_args!(r#"{{"engaged_seconds":{seconds},"scroll_depth":{depth}}}"#));
            "content_read"
        }
        Doing::Download { .. } => {
            let file = pick(&["team-notes-guide.pdf", "review-template.docx", "security-overview.pdf"]);
            fill(text, format_args!(r#"{{"file":"{file}"}}"#));
            "download"
        }
        Doing::Named { event, .. } | Doing::Plain(event) => event,
        Doing::SignUp { plan, brought } => {
            let plan = PLANS[plan].name;
            match brought.filter(|_| account > 0) {
                Some(share) => {
                    let sender = user_id((share * account as f64) as u64, 0);
                    fill(text, format_args!(r#"{{"plan":"{plan}","invited_by":"{sender}"}}"#));
                }
                None => fill(text, format_args!(r#"{{"plan":"{plan}"}}"#)),
            }
            "signup"
        }
        Doing::Plan { event, plan } => {
            fill(text, format_args!(r#"{{"plan":"{}"}}"#, PLANS[plan].name));
            event
        }
        Doing::Invite { guest } => {
            if guest != usize::MAX {
                fill(other, format_args!("{}", user_id(account, guest)));
                fill(text, format_args!(r#"{{"invited":"{other}"}}"#));
            }
            "invite_sent"
        }
        Doing::Accept { by } => {
            fill(text, format_args!(r#"{{"invited_by":"{}"}}"#, user_id(account, by)));
            "invite_accepted"
        }
        Doing::Use(feature) => {
            match FEATURES[feature].event {
                "note_created" => {
                    let template = pick(&["blank", "meeting", "blank", "review", "interview", "decision"]);
                    fill(text, format_args!(r#"{{"template":"{template}"}}"#));
                }
                "automation_run" => {
                    let trigger = pick(&["schedule", "note_created", "webhook"]);
                    fill(text, format_args!(r#"{{"trigger":"{trigger}"}}"#));
                }
                "export_created" => {
                    fill(text, format_args!(r#"{{"format":"{}"}}"#, pick(&["pdf", "csv", "docx"])))
                }
                _ => {}
            }
            FEATURES[feature].event
        }
        Doing::ExportFailed => {
            fill(
                text,
                format_args!(r#"{{"format":"{}","reason":"timeout"}}"#, pick(&["pdf", "csv", "docx"])),
            );
            site::EXPORT_FAILED
        }
    }
}

/// Writes what is known of a person, and that the browser from before is the same person.
pub(super) fn person(person: &Person, profile: &Profile, rows: [&mut Rows; 2], text: &mut String) {
    let role = if person.invited_by.is_none() { "owner" } else { "member" };
    fill(text, format_args!(r#"{{"role":"{role}","company":"{}"}}"#, profile.name));
    let [persons, links] = rows;
    persons.push(&[
        Cell::Text(&person.user_id),
        Cell::Text(&person.email),
        Cell::Text(&person.name),
        Cell::Text(&profile.id),
        Cell::Int(person.joined_at),
        Cell::Text(text),
    ]);
    links.push(&[
        Cell::Text(&person.anonymous_id),
        Cell::Text(&person.user_id),
        Cell::Text("identify"),
        Cell::Int(person.joined_at),
    ]);
}

fn fill(buffer: &mut String, arguments: std::fmt::Arguments<'_>) {
    buffer.clear();
    // Writing into a String cannot fail.
    let _ = buffer.write_fmt(arguments);
}

/// Sixty-four mixed bits (splitmix64): different numbers of one seed give different ones.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut z =
        number.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
