//! Visits of the site, and what an event is before it becomes a row.

use super::super::dice::Dice;
use super::super::world::{CHANNELS, DAY, World};
use super::account::month_of;
use super::site::{self, Landing, Origin, PAGES};

/// Something that somebody does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) at: i64,
    /// Place among the people of the account, or 0 for a visitor.
    pub(super) who: usize,
    /// Whether the person was not known at that moment.
    pub(super) anonymous: bool,
    pub(super) doing: Doing,
}

/// What is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    /// A page of the site is opened; the first of a visit says where the visit came from.
    View { page: usize, origin: Option<&'static Origin> },
    /// A page was read to the end.
    Read { page: usize, seconds: i64, depth: i64 },
    /// A file was downloaded from a page.
    Download { page: usize },
    /// Something else on a page of the site.
    Named { event: &'static str, page: usize },
    /// A sign-up for a plan. `brought` picks the customer who sent the person.
    SignUp { plan: usize, brought: Option<f64> },
    /// Something about a plan.
    Plan { event: &'static str, plan: usize },
    /// Something in the product without further properties.
    Plain(&'static str),
    /// A colleague is invited: the place of the person that the invitation leads to, or `usize::MAX`.
    Invite { guest: usize },
    /// An invitation is accepted.
    Accept { by: usize },
    /// A feature is used: its place in [`site::FEATURES`].
    Use(usize),
    /// An export fails.
    ExportFailed,
}

/// The way by which somebody comes who is booked under a channel of the company (or visits directly, or by an assistant).
pub(super) fn origin(world: &World, at: i64, channel: usize, dice: &mut Dice) -> &'static Origin {
    // The spring campaign takes over half of what social networks bring in March.
    if channel == 2 && month_of(at) == 3 && at > world.start && dice.chance(0.5) {
        return &site::SPRING;
    }
    let origins = site::ORIGINS[channel.min(site::ORIGINS.len() - 1)];
    &origins[dice.weighted(origins.iter().map(|origin| origin.weight))]
}

/// The channel of somebody who only visits: as the company's customers come at that time, and directly, and more and more by
/// assistants.
pub(super) fn visitor_channel(world: &World, at: i64, dice: &mut Dice) -> usize {
    let progress = world.progress(at);
    let own = CHANNELS.iter().map(|channel| channel.1 + (channel.2 - channel.1) * progress);
    dice.weighted(own.chain([38.0, 14.0 * progress * progress]))
}

/// One visit: the landing page and `more` pages after it, with what is read and downloaded on the way. Returns its end.
pub(super) fn visit(
    events: &mut Vec<Event>,
    who: usize,
    anonymous: bool,
    origin: &'static Origin,
    at: i64,
    pages: usize,
    dice: &mut Dice,
) -> i64 {
    let mut at = at;
    let mut page = landing(origin.landing, dice);
    for number in 0..pages.max(1) {
        let mut push = |at: i64, doing: Doing| events.push(Event { at, who, anonymous, doing });
        push(at, Doing::View { page, origin: (number == 0).then_some(origin) });
        let article = site::BLOG.contains(&page) || site::DOCS.contains(&page);
        let stays = 8 + (dice.unit().powi(2) * if article { 260.0 } else { 120.0 }) as i64;
        let end = at + stays * 1_000_000;
        if article && stays > 60 && dice.chance(0.7) {
            push(end - 500_000, Doing::Read { page, seconds: stays, depth: dice.between(75, 100) });
            if dice.chance(0.05) {
                push(end - 100_000, Doing::Download { page });
            }
        }
        at = end;
        page = dice.weighted(PAGES.iter().map(|page| page.weight));
    }
    at
}

fn landing(landing: Landing, dice: &mut Dice) -> usize {
    let pages = |range: std::ops::Range<usize>, dice: &mut Dice| {
        range.start + dice.weighted(PAGES[range].iter().map(|page| page.weight))
    };
    match landing {
        Landing::Home if dice.chance(0.72) => site::HOME,
        Landing::Article => pages(site::BLOG, dice),
        Landing::Offer if dice.chance(0.6) => dice.one_of(&[site::PRICING, 5, 6, 8]),
        Landing::Any if dice.chance(0.5) => pages(site::BLOG, dice),
        _ => pages(0..PAGES.len(), dice),
    }
}

/// The instant of somebody's visit when the company is followed by a share of all visits: as sign-ups, at any hour of the day.
pub(super) fn visit_at(world: &World, share: f64, dice: &mut Dice) -> i64 {
    let day = world.sign_up_at(share).div_euclid(DAY);
    let hour = (dice.unit() + dice.unit() + dice.unit()) / 3.0;
    (day * DAY + (hour * DAY as f64) as i64).min(world.now - 1)
}
