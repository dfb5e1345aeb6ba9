//! What the company itself records: plans, exchange rates, costs, releases.

use burgeon_core::time::{date_of_epoch_days, epoch_days};
use jiff::ToSpan;

use super::dice::Dice;
use super::table::{Cell, Rows};
use super::world::{CHANNELS, CURRENCIES, DAY, PLANS, World};

/// Writes the rows of one of these tables; nothing for any other.
pub(super) fn write(world: &World, seed: u64, customers: u64, rows: &mut Rows) {
    match rows.table.name {
        "plans" => plans(rows),
        "fx_rates" => fx_rates(world, seed, rows),
        "costs" => costs(world, seed, customers, rows),
        "releases" => releases(world, rows),
        _ => {}
    }
}

fn plans(rows: &mut Rows) {
    for plan in &PLANS {
        rows.push(&[
            Cell::Text(plan.name),
            Cell::Text(plan.name),
            Cell::Text("Fieldnote"),
            Cell::Int(plan.price[0]),
            Cell::Text("USD"),
            Cell::Text("month"),
            Cell::Int(1),
        ]);
    }
}

/// Dollars for a euro, a pound and a yen on working days: a walk that is drawn back to its usual level.
fn fx_rates(world: &World, seed: u64, rows: &mut Rows) {
    const TEN: i128 = 10_000_000_000;
    let usual: [f64; 3] = [1.085, 1.265, 0.006_72];
    for (place, usual) in usual.into_iter().enumerate() {
        let mut dice = Dice::new(seed, u64::MAX - 10 - place as u64);
        // The logarithm would be finer; for some per cent a year the plain share does.
        let (mut away, mut drift) = (0.0_f64, 0.0_f64);
        let first = epoch_days(world.start_date) - 10;
        for day in first..=epoch_days(world.now_date) {
            let date = date_of_epoch_days(day);
            drift = drift * 0.985 + (dice.unit() - 0.5) * 0.0009;
            away = away * 0.9985 + drift + (dice.unit() - 0.5) * 0.0085;
            if date.weekday().to_monday_zero_offset() >= 5 && day > first {
                continue;
            }
            let rate = usual * (1.0 + away.clamp(-0.22, 0.22));
            // Published with six significant digits, as central banks do.
            let digits = if usual < 0.1 { 100_000_000.0 } else { 100_000.0 };
            let unscaled = (rate * digits).round() as i128 * (TEN / digits as i128);
            rows.push(&[
                Cell::Date(day),
                Cell::Text(CURRENCIES[place + 1].code()),
                Cell::Text("USD"),
                Cell::Decimal(unscaled),
            ]);
        }
    }
}

/// Costs by month, in dollars: marketing and sales by channel, the rest by kind.
fn costs(world: &World, seed: u64, customers: u64, rows: &mut Rows) {
    let mut dice = Dice::new(seed, u64::MAX - 1);
    let mut first = world.start_date.first_of_month();
    let mut before = 0.0;
    let mut number = 0;
    while first <= world.now_date {
        let next = first.saturating_add(1.month());
        let last = next.saturating_sub(1.day()).min(world.now_date);
        let end = world.at(last, 24).min(world.now);
        let progress = world.progress(end);
        // The number of sign-ups until the end of the month, found by halving.
        let (mut low, mut high) = (before, 1.0_f64);
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if world.sign_up_at(middle) < end { low = middle } else { high = middle }
        }
        let sign_ups = (low - before) * customers as f64;
        before = low;
        let size = customers as f64 / 20_000.0;
        let mut cost = |kind: &str, channel: &str, campaign: &str, dollars: f64, dice: &mut Dice| {
            let cents = (dollars * (0.93 + 0.14 * dice.unit()) * 100.0) as i64;
            number += 1;
            rows.push(&[
                Cell::Text(&format!("cost_{number:05}")),
                Cell::Date(epoch_days(last)),
                Cell::Text(kind),
                Cell::text(channel),
                Cell::text(campaign),
                Cell::Int(cents.max(100)),
                Cell::Text("USD"),
                Cell::Null,
            ]);
        };
        for (name, from, to, _, price) in CHANNELS {
            let weight = (from + (to - from) * progress) / 100.0;
            let kind = if name == "outbound" || name == "partner" { "sales" } else { "marketing" };
            cost(kind, name, "", sign_ups * weight * price as f64, &mut dice);
        }
        if last.month() == 3 {
            cost("marketing", "social", "spring_launch", 60_000.0 * size, &mut dice);
        }
        // People and machines grow with the company.
        let grown = size * (0.25 + 1.9 * progress);
        cost("sales", "", "", 95_000.0 * grown, &mut dice);
        cost("cogs", "", "", 210_000.0 * grown, &mut dice);
        cost("support", "", "", 92_000.0 * grown, &mut dice);
        cost("research", "", "", 330_000.0 * grown, &mut dice);
        cost("general", "", "", 140_000.0 * grown, &mut dice);
        if last.month() % 6 == 0 {
            cost("investment", "", "", 400_000.0 * size, &mut dice);
        }
        first = next;
    }
}

fn releases(world: &World, rows: &mut Rows) {
    let months = |n: i64| world.months_after(world.start, n) + 10 * DAY / 24;
    let mut list = vec![
        (world.start + 9 * DAY / 24, "General availability", "release", "The first public version."),
        (months(7), "Fieldnote 2.0: teams", "release", "Shared workspaces, roles, seats."),
        (months(14), "Insights add-on", "release", "Reports as an add-on."),
        (
            world.price_change,
            "New prices",
            "price_change",
            "14 % more; customers of before from their first renewal after 60 days.",
        ),
        (months(23), "Fieldnote 3.0: automations", "release", "Rules and webhooks."),
        (
            world.bad_release,
            "Fieldnote 4.0: new editor",
            "release",
            "Exports fail for large workspaces, the editor crashes.",
        ),
        (world.bad_release + 6 * DAY, "Data loss in exports", "incident", "Two days of exports lost."),
        (world.mended, "Fieldnote 4.0.3", "release", "Editor and exports mended."),
        (months(33), "Enterprise sign-on", "release", "SAML and audit log."),
    ];
    for year in world.start_date.year()..=world.now_date.year() {
        let at = world.at(jiff::civil::date(year, 3, 3), 8);
        list.push((at, "Spring campaign", "campaign", "Trade fairs and social."));
    }
    list.retain(|release| (world.start..=world.now).contains(&release.0));
    list.sort();
    for (number, (at, name, kind, note)) in list.into_iter().enumerate() {
        rows.push(&[
            Cell::Text(&format!("rel_{:03}", number + 1)),
            Cell::Int(at),
            Cell::Text(name),
            Cell::Text(kind),
            Cell::Text(note),
        ]);
    }
}
