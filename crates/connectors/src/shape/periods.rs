//! Subscriptions as spans of time: one row says who paid how much from when until when.

use std::borrow::Cow;
use std::sync::Arc;

use burgeon_core::currency::Currency;
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
/// What a customer pays at an instant is the sum of the spans that cover it. A row gives an `active` (or, of a
/// trial, `trialing`) change at its start, and a `canceled` one at its end unless the subscription's next span
/// starts at that very instant. Rows without subscription belong to the subscription named after their plan, or to
/// `default`. Spans of one subscription that overlap stand side by side: the second is kept under the
/// subscription's name with `~2` behind it, and so on. A row with the subscription and start of an earlier one
/// (without subscription: also its end and price) is a repetition, and the later one counts.
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
        rest: None,
        aliases: &[],
        note: "",
        lines: None,
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

    /// One number for a subscription of a customer.
    fn owner(&self, typed: &Typed<'_>, row: usize, hasher: &mut KeyHasher) -> u64 {
        let customer = typed.text(self.customer, row).unwrap_or_default();
        hasher.hash([KeyPart::Text(customer), KeyPart::Text(self.subscription(typed, row))])
    }

    /// The price, in minor units, of all units for one interval.
    fn amount(&self, typed: &Typed<'_>, row: usize, quantity: i64) -> Result<i64, String> {
        if let Some(minor) = typed.int(self.minor, row) {
            return minor.checked_mul(quantity).ok_or_else(|| "amount_minor: is too large".to_owned());
        }
        let (price, quantity) = match typed.dec(self.amount, row) {
            Some(price) => (price, quantity),
            None => (typed.dec(self.total, row).ok_or("amount is empty")?, 1),
        };
        let currency = typed.currency(self.currency, row).ok_or("currency is empty")?;
        to_minor(price, quantity, currency).map_err(|reason| format!("amount: {reason}"))
    }

    /// The span of a row, or why it is none.
    fn terms(&self, typed: &Typed<'_>, row: usize) -> Result<Terms, String> {
        let start = typed.int(self.start, row).ok_or("start is empty")?;
        let end = typed.int(self.end, row);
        if end.is_some_and(|end| end <= start) {
            return Err("the end is not after the start; a span ends before its end date".to_owned());
        }
        let quantity = typed.int(self.quantity, row).unwrap_or(1);
        let amount = self.amount(typed, row, quantity)?;
        let (unit, own) = typed.interval(self.interval, row).ok_or("interval is empty")?;
        let count =
            own.checked_mul(typed.int(self.count, row).unwrap_or(1)).ok_or("interval_count is too large")?;
        let currency = typed.currency(self.currency, row).ok_or("currency is empty")?;
        Ok(Terms { start, end, quantity, amount, unit, count, currency })
    }
}

/// What a row says about time and money.
struct Terms {
    start: i64,
    end: Option<i64>,
    quantity: i64,
    amount: i64,
    unit: &'static str,
    count: i64,
    currency: Currency,
}

/// A span of the file while lanes are given out.
struct Span {
    owner: u64,
    start: i64,
    end: i64,
    line: u64,
    /// What tells rows with one start apart: nothing where the subscription has a name of its own.
    mark: u64,
}

/// Where spans that overlap go, and which ends are no ends.
#[derive(Default)]
struct Lanes {
    /// Lane of the lines that are not in the first, sorted by line.
    beside: Vec<(u64, u32)>,
    /// Lines whose end is the start of the next span in their lane, sorted.
    continued: Vec<u64>,
}

impl Lanes {
    /// Gives each span the first lane of its subscription that is free at its start, one that ends there before others.
    fn of(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable_by_key(|span| (span.owner, span.start, span.mark, span.end, span.line));
        let mut lanes = Self::default();
        // Of each lane of the current subscription: its last span's end, line and whether that span is repeated.
        let mut last: Vec<(i64, Vec<u64>)> = vec![];
        let mut before: Option<(u64, i64, u64, usize)> = None;
        for span in spans {
            if before.is_none_or(|(owner, ..)| owner != span.owner) {
                last.clear();
            }
            let repeated = before.filter(|(owner, start, mark, _)| {
                (*owner, *start, *mark) == (span.owner, span.start, span.mark)
            });
            let lane = match repeated {
                Some((.., lane)) => {
                    let (end, lines) = &mut last[lane];
                    // The later row of the file counts.
                    if lines.last().is_some_and(|line| *line < span.line) {
                        *end = span.end;
                    }
                    lines.push(span.line);
                    lines.sort_unstable();
                    // The end of a row that a later one repeats is no end.
                    lanes.continued.extend(&lines[..lines.len() - 1]);
                    lane
                }
                None => {
                    let next = last.iter().position(|(end, _)| *end == span.start);
                    let free = next.or_else(|| last.iter().position(|(end, _)| *end < span.start));
                    let lane = free.unwrap_or(last.len());
                    if next.is_some() {
                        lanes.continued.extend(&last[lane].1);
                    }
                    if lane == last.len() {
                        last.push((span.end, vec![span.line]));
                    } else {
                        last[lane] = (span.end, vec![span.line]);
                    }
                    lane
                }
            };
            if lane > 0 {
                lanes.beside.push((span.line, u32::try_from(lane).unwrap_or(u32::MAX)));
            }
            before = Some((span.owner, span.start, span.mark, lane));
        }
        lanes.beside.sort_unstable();
        lanes.continued.sort_unstable();
        lanes
    }

    /// The lane of a line, counted from 0.
    fn lane(&self, line: u64) -> u32 {
        self.beside.binary_search_by_key(&line, |(line, _)| *line).map_or(0, |at| self.beside[at].1)
    }

    /// Whether the end of a line's span is the start of the next.
    fn goes_on(&self, line: u64) -> bool {
        self.continued.binary_search(&line).is_ok()
    }
}

/// The lanes of all rows that will be taken: forty bytes a row while the file is read the first time.
fn prepare(plan: &Plan, chunks: &mut dyn FnMut() -> Result<Option<Chunk>, Error>) -> Result<Prepared, Error> {
    let at = At::of(plan.shape);
    let mut typer = Typer::new(plan);
    let mut hasher = KeyHasher::default();
    let mut spans: Vec<Span> = Vec::new();
    while let Some(chunk) = chunks()? {
        let mut typed = typer.read(&chunk, plan);
        typed.check_needs(|_, _, _| false);
        for row in 0..typed.rows() {
            if !typed.is_good(row) {
                continue;
            }
            if let Ok(terms) = at.terms(&typed, row) {
                let owner = at.owner(&typed, row, &mut hasher);
                let end = terms.end.unwrap_or(i64::MAX);
                let mark = match typed.text(at.subscription, row) {
                    Some(_) => 0,
                    None => hasher.hash([KeyPart::Int(end), KeyPart::Int(terms.amount)]),
                };
                spans.push(Span { owner, start: terms.start, end, line: chunk.lines[row], mark });
            }
        }
    }
    Ok(Some(Arc::new(Lanes::of(spans))))
}

struct Periods {
    at: At,
    lanes: Arc<Lanes>,
    rows: Option<TableRows>,
}

fn mapper(plan: &Arc<Plan>, prepared: &Prepared) -> Box<dyn Mapper> {
    let lanes = prepared.clone().and_then(|any| any.downcast::<Lanes>().ok()).unwrap_or_default();
    Box::new(Periods { at: At::of(plan.shape), lanes, rows: TableRows::new("subscription_changes") })
}

impl Periods {
    fn row(&mut self, typed: &Typed<'_>, row: usize) -> Result<(), String> {
        let at = self.at;
        let terms = at.terms(typed, row)?;
        let trial = typed.bool(at.trial, row) == Some(true);
        let line = typed.chunk.lines[row];
        let subscription = match self.lanes.lane(line) {
            0 => Cow::Borrowed(at.subscription(typed, row)),
            lane => Cow::Owned(format!("{}~{}", at.subscription(typed, row), lane + 1)),
        };
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let mut push = |effective: i64, status: &str, amount: i64, reason: Option<&str>| {
            rows.push(
                line,
                &[
                    typed.text(at.customer, row).into(),
                    subscription.as_ref().into(),
                    effective.into(),
                    status.into(),
                    amount.into(),
                    Value::Null,
                    terms.currency.code().into(),
                    terms.unit.into(),
                    terms.count.into(),
                    terms.quantity.into(),
                    typed.text(at.plan, row).into(),
                    reason.into(),
                    Value::Null,
                    terms.end.filter(|_| trial).into(),
                ],
            );
        };
        push(terms.start, if trial { "trialing" } else { "active" }, terms.amount, None);
        if let Some(end) = terms.end
            && !self.lanes.goes_on(line)
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
