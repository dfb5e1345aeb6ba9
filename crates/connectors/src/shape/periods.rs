//! Subscriptions as spans of time: one row says who paid how much from when until when.

use std::sync::Arc;

use burgeon_core::records::{KeyHasher, KeyPart};

use super::canonical::to_minor;
use super::{Field, Kind, Mapper, Prepared, Shape, synonyms};
use crate::error::Error;
use crate::plan::Plan;
use crate::rows::Chunk;
use crate::table::{Output, TableRows, Value};
use crate::typed::{Typed, Typer};

/// The shape `subscription_periods`.
///
/// A row gives an `active` (or, of a trial, `trialing`) change at its start, and a `canceled` one at its end
/// unless another row of the same subscription starts at that very instant. Rows without subscription
/// belong to the subscription named after their plan, or to `default`.
pub fn periods() -> Shape {
    let own = |name| synonyms::of("subscription_changes", name);
    let field = |name, kind, doc| Field { name, kind, synonyms: own(name), doc };
    Shape {
        name: "subscription_periods",
        doc: "Spans of time: customer, start, end (exclusive, empty while it runs), amount, interval.",
        tables: vec!["subscription_changes"],
        fields: vec![
            field("customer_id", Kind::Id, "Customer who pays."),
            field("subscription_id", Kind::Id, "Subscription; the plan's name or `default` when empty."),
            field("plan", Kind::Text, "Plan that is sold."),
            Field::new("start", Kind::Time, synonyms::START, "First instant of the span."),
            Field::new(
                "end",
                Kind::Time,
                synonyms::END,
                "First instant after the span; empty while it runs.",
            ),
            field("amount", Kind::Major, "Price of one unit for one interval."),
            field(
                "amount_total",
                Kind::Major,
                "Price of all units together for one interval, such as a column of MRR.",
            ),
            Field::new("amount_minor", Kind::Minor, synonyms::AMOUNT, "Price of one unit in minor units."),
            field("currency", Kind::Currency, "ISO 4217 code of the price."),
            field("interval", Kind::Interval, "Interval that the price is for."),
            field("interval_count", Kind::Int, "Number of intervals that the price is for; 1 when empty."),
            field("quantity", Kind::Int, "Units sold; 1 when empty."),
            field("is_trial", Kind::Bool, "Whether the span is a trial."),
            field("reason", Kind::Text, "Why it ended."),
        ],
        needs: vec![
            vec!["customer_id"],
            vec!["start"],
            vec!["amount", "amount_total", "amount_minor"],
            vec!["currency"],
            vec!["interval"],
        ],
        signature: &[],
        attributes: false,
        prepare: Some(prepare),
        mapper,
    }
}

/// Positions of the fields.
#[derive(Clone, Copy)]
struct At {
    customer: usize,
    subscription: usize,
    plan: usize,
    start: usize,
    end: usize,
    amount: usize,
    total: usize,
    minor: usize,
    currency: usize,
    interval: usize,
    count: usize,
    quantity: usize,
    trial: usize,
    reason: usize,
}

impl At {
    fn of(shape: &Shape) -> Self {
        let at = |name: &str| shape.field(name).unwrap_or_default();
        Self {
            customer: at("customer_id"),
            subscription: at("subscription_id"),
            plan: at("plan"),
            start: at("start"),
            end: at("end"),
            amount: at("amount"),
            total: at("amount_total"),
            minor: at("amount_minor"),
            currency: at("currency"),
            interval: at("interval"),
            count: at("interval_count"),
            quantity: at("quantity"),
            trial: at("is_trial"),
            reason: at("reason"),
        }
    }

    fn subscription<'t>(&self, typed: &'t Typed<'_>, row: usize) -> &'t str {
        typed.text(self.subscription, row).or_else(|| typed.text(self.plan, row)).unwrap_or("default")
    }

    /// One number for a subscription and an instant.
    fn instant(&self, typed: &Typed<'_>, row: usize, at: i64, hasher: &mut KeyHasher) -> u64 {
        let customer = typed.text(self.customer, row).unwrap_or_default();
        hasher.hash([KeyPart::Text(customer), KeyPart::Text(self.subscription(typed, row)), KeyPart::Int(at)])
    }
}

/// Every (subscription, start) of the file, sorted: eight bytes a row.
fn prepare(plan: &Plan, chunks: &mut dyn FnMut() -> Result<Option<Chunk>, Error>) -> Result<Prepared, Error> {
    let at = At::of(plan.shape);
    let mut typer = Typer::new(plan);
    let mut hasher = KeyHasher::default();
    let mut starts: Vec<u64> = Vec::new();
    while let Some(chunk) = chunks()? {
        let typed = typer.read_some(&chunk, plan, &[at.customer, at.subscription, at.plan, at.start]);
        for row in 0..typed.rows() {
            if let Some(start) = typed.int(at.start, row) {
                starts.push(at.instant(&typed, row, start, &mut hasher));
            }
        }
    }
    starts.sort_unstable();
    starts.dedup();
    Ok(Some(Arc::new(starts)))
}

struct Periods {
    at: At,
    starts: Arc<Vec<u64>>,
    hasher: KeyHasher,
    rows: Option<TableRows>,
}

fn mapper(plan: &Arc<Plan>, prepared: &Prepared) -> Box<dyn Mapper> {
    let starts = prepared.clone().and_then(|any| any.downcast::<Vec<u64>>().ok()).unwrap_or_default();
    Box::new(Periods {
        at: At::of(plan.shape),
        starts,
        hasher: KeyHasher::default(),
        rows: TableRows::new("subscription_changes"),
    })
}

impl Periods {
    fn amount(&self, typed: &Typed<'_>, row: usize, quantity: i64) -> Result<i64, String> {
        let at = &self.at;
        if let Some(minor) = typed.int(at.minor, row) {
            return minor.checked_mul(quantity).ok_or_else(|| "amount_minor: is too large".to_owned());
        }
        let (price, quantity) = match typed.dec(at.amount, row) {
            Some(price) => (price, quantity),
            None => (typed.dec(at.total, row).ok_or("amount is empty")?, 1),
        };
        let currency = typed.currency(at.currency, row).ok_or("currency is empty")?;
        to_minor(price, quantity, currency).map_err(|reason| format!("amount: {reason}"))
    }

    fn row(&mut self, typed: &Typed<'_>, row: usize) -> Result<(), String> {
        let at = self.at;
        let start = typed.int(at.start, row).ok_or("start is empty")?;
        let end = typed.int(at.end, row);
        if end.is_some_and(|end| end <= start) {
            return Err("the end is not after the start; a span ends before its end date".to_owned());
        }
        let quantity = typed.int(at.quantity, row).unwrap_or(1);
        let amount = self.amount(typed, row, quantity)?;
        let (unit, own) = typed.interval(at.interval, row).ok_or("interval is empty")?;
        let count =
            own.checked_mul(typed.int(at.count, row).unwrap_or(1)).ok_or("interval_count is too large")?;
        let trial = typed.bool(at.trial, row) == Some(true);
        let currency = typed.currency(at.currency, row).ok_or("currency is empty")?;
        let line = typed.chunk.lines[row];
        let next = end.map(|end| (end, at.instant(typed, row, end, &mut self.hasher)));
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let mut push = |effective: i64, status: &str, amount: i64, reason: Option<&str>| {
            rows.push(
                line,
                &[
                    typed.text(at.customer, row).into(),
                    at.subscription(typed, row).into(),
                    effective.into(),
                    status.into(),
                    amount.into(),
                    Value::Null,
                    currency.code().into(),
                    unit.into(),
                    count.into(),
                    quantity.into(),
                    typed.text(at.plan, row).into(),
                    reason.into(),
                    Value::Null,
                    end.filter(|_| trial).into(),
                ],
            );
        };
        push(start, if trial { "trialing" } else { "active" }, amount, None);
        if let Some((end, key)) = next
            && self.starts.binary_search(&key).is_err()
        {
            push(end, "canceled", 0, typed.text(at.reason, row));
        }
        Ok(())
    }
}

impl Mapper for Periods {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        typed.check_needs(|_, _, _| false);
        for row in 0..typed.rows() {
            if typed.is_good(row)
                && let Err(reason) = self.row(typed, row)
            {
                typed.reject(row, reason);
            }
        }
        out.batches.extend(self.rows.as_mut().and_then(TableRows::take));
    }
}
