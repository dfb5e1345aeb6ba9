//! From the drawn histories to rows of the record tables.

use std::fmt::Write;

use burgeon_core::revenue::Status;

use super::life::{Change, History, Invoice, Profile, State};
use super::table::{Cell, Rows};
use super::world::{CHANNELS, COUNTRIES, CURRENCIES, PLANS, SIZES, World};

/// List and net price of all seats for one term in minor units.
pub(super) fn prices(world: &World, profile: &Profile, state: &State) -> (i64, i64) {
    let list = world.price(state.plan, profile.currency(), state.yearly, state.raised) * state.seats;
    (list, (list * (100 - state.off) + 50) / 100)
}

/// Writes the rows of one customer into the tables that are wanted.
pub(super) fn write(world: &World, history: &History, rows: &mut [Rows], texts: &mut Texts) {
    for rows in rows {
        match rows.table.name {
            "customers" => customer(&history.profile, rows, texts),
            "subscription_changes" => {
                for change in &history.changes {
                    self::change(world, &history.profile, change, rows, texts);
                }
            }
            "cancellations" => cancellations(history, rows, texts),
            "discounts" => discounts(history, rows, texts),
            "invoices" | "invoice_lines" | "payments" | "refunds" | "credit_notes" => {
                for (number, invoice) in history.invoices.iter().enumerate() {
                    billing(world, &history.profile, invoice, number + 1, rows, texts);
                }
            }
            _ => {}
        }
    }
}

/// Buffers for texts that are put together.
#[derive(Debug, Default)]
pub(super) struct Texts {
    a: String,
    b: String,
    c: String,
}

/// Puts a text together in a buffer that is used again.
fn fill<'a>(buffer: &'a mut String, arguments: std::fmt::Arguments<'_>) -> &'a str {
    buffer.clear();
    // Writing into a String cannot fail.
    let _ = buffer.write_fmt(arguments);
    buffer
}

pub(super) fn customer(profile: &Profile, rows: &mut Rows, texts: &mut Texts) {
    let attributes = fill(
        &mut texts.a,
        format_args!(r#"{{"industry":"{}","company_size":"{}"}}"#, profile.industry, SIZES[profile.size].0),
    );
    rows.push(&[
        Cell::Text(&profile.id),
        Cell::Text(&profile.name),
        Cell::Text(&profile.email),
        Cell::Text(COUNTRIES[profile.country].0),
        Cell::Text(CHANNELS[profile.channel].0),
        Cell::text(profile.partner),
        Cell::Int(profile.created_at),
        Cell::Text(attributes),
    ]);
}

/// The subscription's identifier: the customer's with another prefix and a number.
fn subscription_id<'a>(buffer: &'a mut String, profile: &Profile, number: u8) -> &'a str {
    fill(buffer, format_args!("sub_{}_{number}", bare(profile)))
}

fn bare(profile: &Profile) -> &str {
    profile.id.strip_prefix("cus_").unwrap_or(&profile.id)
}

pub(super) fn change(world: &World, profile: &Profile, change: &Change, rows: &mut Rows, texts: &mut Texts) {
    let state = &change.state;
    let (list, net) = match state.status {
        Status::Canceled | Status::Paused => (0, 0),
        _ => prices(world, profile, state),
    };
    rows.push(&[
        Cell::Text(&profile.id),
        Cell::Text(subscription_id(&mut texts.a, profile, change.subscription)),
        Cell::Int(change.at),
        Cell::Text(state.status.as_str()),
        Cell::Int(net),
        Cell::Int(list),
        Cell::Text(CURRENCIES[profile.currency()].code()),
        Cell::Text(if state.yearly { "year" } else { "month" }),
        Cell::Int(1),
        Cell::Int(state.seats),
        Cell::Text(PLANS[state.plan].name),
        Cell::text(change.reason),
        Cell::maybe(change.canceled_at),
        Cell::maybe(change.trial_end),
        Cell::Null,
        Cell::Null,
    ]);
}

fn cancellations(history: &History, rows: &mut Rows, texts: &mut Texts) {
    let profile = &history.profile;
    for (number, cancellation) in history.cancellations.iter().enumerate() {
        rows.push(&[
            Cell::Text(fill(&mut texts.b, format_args!("can_{}_{}", bare(profile), number + 1))),
            Cell::Text(&profile.id),
            Cell::Text(subscription_id(&mut texts.a, profile, 1)),
            Cell::Int(cancellation.at),
            Cell::Text(cancellation.reason),
            Cell::text(cancellation.comment),
        ]);
    }
}

fn discounts(history: &History, rows: &mut Rows, texts: &mut Texts) {
    let profile = &history.profile;
    for (number, discount) in history.discounts.iter().enumerate() {
        rows.push(&[
            Cell::Text(fill(&mut texts.b, format_args!("dis_{}_{}", bare(profile), number + 1))),
            Cell::Text(&profile.id),
            Cell::Text(subscription_id(&mut texts.a, profile, 1)),
            Cell::Text(discount.coupon),
            Cell::Decimal(i128::from(discount.percent) * 10_000_000_000),
            Cell::Null,
            Cell::Null,
            Cell::Int(discount.starts_at),
            Cell::Int(discount.ends_at),
            Cell::Text("repeating"),
        ]);
    }
}

/// The rows of one invoice in one of the tables about billing.
pub(super) fn billing(
    world: &World,
    profile: &Profile,
    invoice: &Invoice,
    number: usize,
    rows: &mut Rows,
    texts: &mut Texts,
) {
    let (list, net) = prices(world, profile, &invoice.state);
    let rate = COUNTRIES[profile.country].3;
    let tax = |amount: i64| (amount * rate + 50) / 100;
    let total = net + tax(net) + invoice.usage + tax(invoice.usage);
    let currency = CURRENCIES[profile.currency()].code();
    let id = fill(&mut texts.a, format_args!("in_{}_{number}", bare(profile)));
    let subscription = subscription_id(&mut texts.b, profile, invoice.subscription);
    let own = &mut texts.c;
    match rows.table.name {
        "invoices" => {
            let lapsed = invoice.at + 21 * super::world::DAY <= world.now;
            let status = match invoice.paid_at {
                Some(_) => "paid",
                None if lapsed => "uncollectible",
                None => "open",
            };
            rows.push(&[
                Cell::Text(id),
                Cell::Text(&profile.id),
                Cell::Text(subscription),
                Cell::Int(invoice.at),
                Cell::Int(invoice.at + 14 * super::world::DAY),
                Cell::maybe(invoice.paid_at),
                Cell::Text(status),
                Cell::Text(currency),
                Cell::Int(list + invoice.usage),
                Cell::Int(list - net),
                Cell::Int(total - net - invoice.usage),
                Cell::Int(total),
            ]);
        }
        "invoice_lines" => {
            let mut line =
                |suffix: &str, kind: &str, amount: i64, seats: Cell<'_>, text: &str, from: i64, to: i64| {
                    rows.push(&[
                        Cell::Text(fill(own, format_args!("{id}_{suffix}"))),
                        Cell::Text(id),
                        Cell::Text(&profile.id),
                        Cell::Text(subscription),
                        Cell::Int(invoice.at),
                        Cell::Text(kind),
                        Cell::Text(PLANS[invoice.state.plan].name),
                        Cell::Text(text),
                        seats,
                        Cell::Text(currency),
                        Cell::Int(amount),
                        Cell::Int(tax(amount)),
                        Cell::Int(from),
                        Cell::Int(to),
                        Cell::Bool(false),
                    ]);
                };
            let seats = Cell::Int(invoice.state.seats);
            line("1", "subscription", net, seats, "Subscription", invoice.at, invoice.until);
            if invoice.usage > 0 {
                // Usage is billed for the month that has passed.
                let from = world.months_after(invoice.at, -1);
                line("2", "usage", invoice.usage, Cell::Null, "API calls", from, invoice.at);
            }
        }
        "payments" => {
            let mut payment = |suffix: &str, at: i64, status: &str, fee: i64| {
                rows.push(&[
                    Cell::Text(fill(own, format_args!("pay_{}_{number}_{suffix}", bare(profile)))),
                    Cell::Text(&profile.id),
                    Cell::Text(id),
                    Cell::Int(at),
                    Cell::Text(status),
                    Cell::Text(currency),
                    Cell::Int(total),
                    Cell::Int(fee),
                    Cell::Int(total - net - invoice.usage),
                ]);
            };
            if invoice.failed {
                payment("1", invoice.at + 3_000_000, "failed", 0);
            }
            if let Some(at) = invoice.paid_at {
                payment("2", at, "succeeded", total * 29 / 1000 + 30);
            }
        }
        "refunds" => {
            if let (Some(at), Some(paid)) = (invoice.refunded_at, invoice.paid_at)
                && paid < at
            {
                rows.push(&[
                    Cell::Text(fill(own, format_args!("ref_{}_{number}", bare(profile)))),
                    Cell::Text(&profile.id),
                    Cell::Text(&format!("pay_{}_{number}_2", bare(profile))),
                    Cell::Text(id),
                    Cell::Int(at),
                    Cell::Text(currency),
                    Cell::Int(total),
                    Cell::Text("goodwill"),
                ]);
            }
        }
        "credit_notes" => {
            let at = invoice.at + 3 * super::world::DAY;
            if invoice.credited && at <= world.now {
                rows.push(&[
                    Cell::Text(fill(own, format_args!("cn_{}_{number}", bare(profile)))),
                    Cell::Text(&profile.id),
                    Cell::Text(id),
                    Cell::Int(at),
                    Cell::Text(currency),
                    Cell::Int((net / 10).max(1)),
                    Cell::Text("service_credit"),
                ]);
            }
        }
        _ => {}
    }
}
