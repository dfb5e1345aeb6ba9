//! The exports of Stripe's dashboard: Subscriptions, Invoices, Charges (payments). Amounts are in major units.

use std::collections::HashSet;
use std::sync::Arc;

use burgeon_core::currency::Currency;

use super::canonical::to_minor;
use super::{Field, Kind, Mapper, Prepared, Shape, repeated};
use crate::plan::Plan;
use crate::table::{Output, TableRows, Value};
use crate::typed::Typed;
use crate::value::words::{INVOICE_STATUS, PAYMENT_STATUS, SUBSCRIPTION_STATUS};

/// Maps one row of an export; the tables are those of the shape, in its order.
type RowMapper = fn(&Row<'_, '_>, &mut [TableRows], &mut HashSet<u64>) -> Result<(), String>;

/// One row of an export, whose fields are read by name.
struct Row<'a, 't> {
    shape: &'static Shape,
    typed: &'a Typed<'t>,
    row: usize,
}

impl<'a> Row<'a, '_> {
    fn at(&self, name: &str) -> usize {
        self.shape.field(name).unwrap_or_default()
    }

    fn line(&self) -> u64 {
        self.typed.chunk.lines[self.row]
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.typed.text(self.at(name), self.row)
    }

    /// A text as a value for a table.
    fn value(&self, name: &str) -> Value<'a> {
        Value::from(self.text(name))
    }

    fn word(&self, name: &str) -> Option<&'static str> {
        self.typed.word(self.at(name), self.row)
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.typed.int(self.at(name), self.row)
    }

    fn currency(&self, name: &str) -> Option<Currency> {
        self.typed.currency(self.at(name), self.row)
    }

    /// An amount in minor units of the row's currency.
    fn money(&self, name: &str, quantity: i64) -> Result<Option<i64>, String> {
        let Some(price) = self.typed.dec(self.at(name), self.row) else { return Ok(None) };
        let currency = self.currency("currency").ok_or("currency is empty")?;
        to_minor(price, quantity, currency).map(Some).map_err(|reason| format!("{name}: {reason}"))
    }
}

/// A mapper of rows that gives rows of the shape's tables.
struct Export {
    shape: &'static Shape,
    map: RowMapper,
    rows: Vec<TableRows>,
    seen: HashSet<u64>,
}

impl Export {
    fn start(plan: &Arc<Plan>, map: RowMapper) -> Box<dyn Mapper> {
        let rows = plan.shape.tables.iter().filter_map(|table| TableRows::new(table)).collect();
        Box::new(Export { shape: plan.shape, map, rows, seen: HashSet::new() })
    }
}

impl Mapper for Export {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        typed.check_needs(|_, _, _| false);
        for row in 0..typed.rows() {
            if !typed.is_good(row) {
                continue;
            }
            let one = Row { shape: self.shape, typed, row };
            if let Err(reason) = (self.map)(&one, &mut self.rows, &mut self.seen) {
                typed.reject(row, reason);
            }
        }
        out.batches.extend(self.rows.iter_mut().filter_map(TableRows::take));
    }
}

fn field(name: &'static str, kind: Kind, synonyms: &[&'static str], doc: &'static str) -> Field {
    Field::new(name, kind, synonyms, doc)
}

/// The shape `stripe_subscriptions`: gives customers and the changes that the export still shows.
///
/// The export holds each subscription as it is now, so only its start, trial, present state and end are known.
pub fn subscriptions() -> Shape {
    let time = |name, synonyms, doc| field(name, Kind::Time, synonyms, doc);
    Shape {
        name: "stripe_subscriptions",
        doc: "Stripe's Subscriptions export.",
        tables: vec!["customers", "subscription_changes"],
        fields: vec![
            field("id", Kind::Id, &[], "Identifier of the subscription."),
            field("customer_id", Kind::Id, &["customer"], "Identifier of the customer."),
            field("customer_name", Kind::Text, &["customer_description"], "Name of the customer."),
            field("customer_email", Kind::Text, &[], "Mail address of the customer."),
            field("plan", Kind::Text, &["plan_id", "price_id"], "Plan that is sold."),
            field("quantity", Kind::Int, &[], "Units sold; 1 when empty."),
            field("currency", Kind::Currency, &[], "Currency of the price."),
            field("interval", Kind::Interval, &["plan_interval"], "Interval of the price."),
            field(
                "interval_count",
                Kind::Int,
                &["plan_interval_count"],
                "Intervals in one term; 1 when empty.",
            ),
            field("amount", Kind::Major, &["plan_amount"], "Price of one unit in major units."),
            field("status", Kind::Word(&SUBSCRIPTION_STATUS), &[], "Status now."),
            time("created", &["created_utc"], "When it was created."),
            time("start", &["start_utc", "start_date_utc", "start_date"], "When it started."),
            time("current_period_start", &["current_period_start_utc"], "Start of the paid term."),
            time("current_period_end", &["current_period_end_utc"], "End of the paid term."),
            time("trial_start", &["trial_start_utc"], "Start of the trial."),
            time("trial_end", &["trial_end_utc"], "End of the trial."),
            time("canceled_at", &["canceled_at_utc"], "When the cancellation was asked for."),
            time("ended_at", &["ended_at_utc"], "When it ended."),
            field("cancellation_reason", Kind::Text, &["cancellation_feedback"], "Why it was cancelled."),
        ],
        needs: vec![
            vec!["id"],
            vec!["customer_id"],
            vec!["status"],
            vec!["amount"],
            vec!["currency"],
            vec!["interval"],
            vec!["start", "created"],
        ],
        signature: &["id", "customer_id", "plan", "interval", "amount", "status"],
        rest: None,
        aliases: &[],
        note: "",
        lines: None,
        prepare: None,
        mapper: |plan, _: &Prepared| Export::start(plan, subscription_row),
    }
}

fn subscription_row(
    row: &Row<'_, '_>,
    tables: &mut [TableRows],
    seen: &mut HashSet<u64>,
) -> Result<(), String> {
    let [customers, changes] = tables else { return Ok(()) };
    let line = row.line();
    let time = |name: &str| row.int(name);
    let quantity = time("quantity").unwrap_or(1);
    let amount = row.money("amount", quantity)?.ok_or("amount is empty")?;
    let (unit, own) = row.typed.interval(row.at("interval"), row.row).ok_or("interval is empty")?;
    let count = own.checked_mul(time("interval_count").unwrap_or(1)).ok_or("interval_count is too large")?;
    let status = row.word("status").ok_or("status is empty")?;
    let created = time("created");
    let start = time("start").or(created).ok_or("start is empty")?;
    let (trial_start, trial_end) = (time("trial_start"), time("trial_end"));
    let begins = trial_start.map_or(start, |trial| trial.min(start));
    let paid_from = trial_end.filter(|_| trial_start.is_some()).map_or(start, |end| end.max(start));
    let canceled_at = time("canceled_at");

    // (instant, status), later entries of the same instant win.
    let mut states: Vec<(i64, &'static str)> = Vec::new();
    let end = match status {
        "canceled" => Some(
            time("ended_at")
                .or(canceled_at)
                .ok_or("status is canceled, but ended_at and canceled_at are empty")?,
        ),
        "incomplete_expired" => None,
        // Cancelled at the end of the paid term: known now, effective then.
        _ => time("ended_at").or(canceled_at.and(time("current_period_end"))),
    };
    match status {
        "incomplete" | "incomplete_expired" => states.push((start, status)),
        _ => {
            if trial_start.is_some() && paid_from > begins {
                states.push((begins, "trialing"));
            }
            if status != "trialing" && end.is_none_or(|end| end > paid_from) {
                states.push((paid_from, if status == "free" { "free" } else { "active" }));
            }
            if status == "trialing" && states.is_empty() {
                states.push((start, "trialing"));
            }
            if matches!(status, "past_due" | "unpaid" | "uncollectible" | "paused") {
                let since = time("current_period_start").unwrap_or(paid_from).max(paid_from);
                states.retain(|(at, _)| *at != since);
                states.push((since, status));
            }
        }
    }
    if let Some(end) = end {
        states.retain(|(at, _)| *at < end);
        states.push((end, "canceled"));
    }
    let who = ["customer_id", "customer_name", "customer_email"];
    if !repeated(seen, row.typed, row.row, "c", &who.map(|name| row.at(name))) {
        customers.push(line, &who.map(|name| row.value(name)));
    }
    for (at, state) in states {
        let is_end = state == "canceled";
        let reason = row.text("cancellation_reason").filter(|_| is_end);
        changes.push(
            line,
            &[
                row.value("customer_id"),
                row.value("id"),
                at.into(),
                state.into(),
                if is_end { 0 } else { amount }.into(),
                Value::Null,
                row.value("currency"),
                unit.into(),
                count.into(),
                quantity.into(),
                row.value("plan"),
                reason.into(),
                canceled_at.filter(|_| is_end).into(),
                trial_end.into(),
            ],
        );
    }
    Ok(())
}

/// The shape `stripe_invoices`: gives invoices.
pub fn invoices() -> Shape {
    let time = |name, synonyms, doc| field(name, Kind::Time, synonyms, doc);
    let major = |name, synonyms, doc| field(name, Kind::Major, synonyms, doc);
    Shape {
        name: "stripe_invoices",
        doc: "Stripe's Invoices export.",
        tables: vec!["invoices"],
        fields: vec![
            field("id", Kind::Id, &["invoice_id"], "Identifier of the invoice."),
            field("customer", Kind::Id, &["customer_id"], "Identifier of the customer."),
            field("subscription", Kind::Id, &["subscription_id"], "Subscription that is billed."),
            time("date", &["date_utc", "finalized_at_utc", "created_utc", "created"], "When it was issued."),
            time("due_date", &["due_date_utc"], "When it is due."),
            time("paid_at", &["paid_at_utc"], "When it was paid."),
            field("paid", Kind::Bool, &[], "Whether it is paid; stands for the status where there is none."),
            field("status", Kind::Word(&INVOICE_STATUS), &[], "Status."),
            field("currency", Kind::Currency, &[], "Currency of all amounts."),
            major("subtotal", &[], "Sum of the lines."),
            major("discount", &["total_discount_amount", "discount_amount"], "Discount on the invoice."),
            major("tax", &["total_taxes", "total_tax"], "Tax on the invoice."),
            major("total", &[], "What the customer owes."),
            major("amount_due", &[], "What is to be paid now; stands for the total where there is none."),
        ],
        needs: vec![
            vec!["id"],
            vec!["customer"],
            vec!["date"],
            vec!["currency"],
            vec!["total", "amount_due"],
        ],
        signature: &["id", "amount_due", "subtotal", "total"],
        rest: None,
        aliases: &[],
        note: "",
        lines: None,
        prepare: None,
        mapper: |plan, _: &Prepared| Export::start(plan, invoice_row),
    }
}

fn invoice_row(row: &Row<'_, '_>, tables: &mut [TableRows], _: &mut HashSet<u64>) -> Result<(), String> {
    let [invoices] = tables else { return Ok(()) };
    let time = |name: &str| Value::from(row.int(name));
    let money = |name: &str| row.money(name, 1);
    let total = match money("total")? {
        Some(total) => total,
        None => money("amount_due")?.ok_or("total is empty")?,
    };
    let paid = row.typed.bool(row.at("paid"), row.row).map(|paid| if paid { "paid" } else { "open" });
    let status = row.word("status").or(paid);
    invoices.push(
        row.line(),
        &[
            row.value("id"),
            row.value("customer"),
            row.value("subscription"),
            time("date"),
            time("due_date"),
            time("paid_at"),
            status.into(),
            row.value("currency"),
            money("subtotal")?.into(),
            money("discount")?.into(),
            money("tax")?.into(),
            total.into(),
        ],
    );
    Ok(())
}

/// The shape `stripe_charges`: gives payments, and a refund where something was given back.
pub fn charges() -> Shape {
    let time = |name, synonyms, doc| field(name, Kind::Time, synonyms, doc);
    let major = |name, synonyms, doc| field(name, Kind::Major, synonyms, doc);
    Shape {
        name: "stripe_charges",
        doc: "Stripe's Charges (payments) export.",
        tables: vec!["payments", "refunds"],
        fields: vec![
            field("id", Kind::Id, &[], "Identifier of the charge."),
            field("customer_id", Kind::Id, &["customer"], "Identifier of the customer."),
            field(
                "customer_email",
                Kind::Text,
                &[],
                "Mail address; stands for the customer who has no identifier.",
            ),
            field("invoice_id", Kind::Id, &["invoice"], "Invoice that is paid."),
            time("created", &["created_utc", "created_date_utc", "created_date"], "When it was tried."),
            field("status", Kind::Word(&PAYMENT_STATUS), &[], "What came of it."),
            field("currency", Kind::Currency, &[], "Currency of the amounts."),
            major("amount", &[], "What was tried."),
            major("amount_refunded", &[], "What was given back."),
            time("refunded_at", &["refunded_date_utc", "refunded_date"], "When it was given back."),
            major("fee", &[], "Fee of the processor."),
            field("converted_currency", Kind::Currency, &[], "Currency of the fee, where it is another."),
        ],
        needs: vec![
            vec!["id"],
            vec!["customer_id", "customer_email"],
            vec!["created"],
            vec!["status"],
            vec!["currency"],
            vec!["amount"],
        ],
        signature: &["id", "amount", "amount_refunded", "currency", "status"],
        rest: None,
        aliases: &[],
        note: "",
        lines: None,
        prepare: None,
        mapper: |plan, _: &Prepared| Export::start(plan, charge_row),
    }
}

fn charge_row(row: &Row<'_, '_>, tables: &mut [TableRows], _: &mut HashSet<u64>) -> Result<(), String> {
    let [payments, refunds] = tables else { return Ok(()) };
    let line = row.line();
    let customer = row.text("customer_id").or(row.text("customer_email"));
    let created = row.int("created");
    let amount = row.money("amount", 1)?;
    let refunded = row.money("amount_refunded", 1)?.filter(|amount| *amount > 0);
    // The fee is in the currency of the balance.
    let currency = row.currency("currency");
    let same = row.currency("converted_currency").is_none_or(|other| Some(other) == currency);
    let fee = if same { row.money("fee", 1)? } else { None };
    payments.push(
        line,
        &[
            row.value("id"),
            customer.into(),
            row.value("invoice_id"),
            created.into(),
            row.word("status").into(),
            row.value("currency"),
            amount.into(),
            fee.into(),
        ],
    );
    if let Some(refunded) = refunded {
        let id = format!("{}:refund", row.text("id").unwrap_or_default());
        let at = row.int("refunded_at").or(created);
        refunds.push(
            line,
            &[
                id.as_str().into(),
                customer.into(),
                row.value("id"),
                row.value("invoice_id"),
                at.into(),
                row.value("currency"),
                refunded.into(),
            ],
        );
    }
    Ok(())
}
