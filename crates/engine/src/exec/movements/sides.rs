//! Coupons and usage beside the changes of subscriptions: read in the same order, given to the fold customer by customer.

use std::task::{Context, Poll, ready};

use arrow::array::{
    Array, AsArray, Decimal128Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use burgeon_core::currency::Currency;
use burgeon_core::records::ColumnType;
use burgeon_core::revenue::{Coupon, Fold, RevenueRules, UsageLine};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::changes::named;
use super::columns::Columns;

/// A record table that the fold reads beside `subscription_changes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// `discounts`: those for a single invoice count.
    Coupons,
    /// `invoice_lines`: those of metered usage count.
    Usage,
}

impl Beside {
    /// What the rules ask for, in the order in which the fold takes it.
    pub fn of(rules: &RevenueRules) -> Vec<Beside> {
        let all = [(Beside::Coupons, rules.one_time_coupons), (Beside::Usage, rules.usage_in_mrr)];
        all.into_iter().filter(|(_, wanted)| *wanted).map(|(beside, _)| beside).collect()
    }

    /// The table.
    pub const fn table(self) -> &'static str {
        match self {
            Beside::Coupons => "discounts",
            Beside::Usage => "invoice_lines",
        }
    }

    /// The column of a row's time.
    pub const fn time(self) -> &'static str {
        match self {
            Beside::Coupons => "starts_at",
            Beside::Usage => "at",
        }
    }

    /// The columns that are read.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Beside::Coupons => &[
                "customer_id",
                "subscription_id",
                "duration",
                "percent",
                "amount_minor",
                "currency",
                "starts_at",
                "ends_at",
                "_key",
            ],
            Beside::Usage => {
                &["customer_id", "subscription_id", "at", "kind", "plan", "currency", "amount_minor", "_key"]
            }
        }
    }
}

/// One such table, read as far as the fold has come.
pub(super) struct Side {
    beside: Beside,
    /// `None` once the input has ended.
    input: Option<SendableRecordBatchStream>,
    batch: Option<Rows>,
    next: usize,
}

/// The columns of one batch; those that a table has not stay empty.
struct Rows {
    rows: usize,
    customer: StringViewArray,
    subscription: StringViewArray,
    at: TimestampMicrosecondArray,
    currency: StringViewArray,
    amount: Int64Array,
    key: UInt64Array,
    /// `duration` of a coupon, `kind` of an invoice line.
    word: StringViewArray,
    plan: Option<StringViewArray>,
    percent: Option<Decimal128Array>,
    until: Option<TimestampMicrosecondArray>,
}

impl Side {
    pub fn new(beside: Beside, input: SendableRecordBatchStream) -> Self {
        Self { beside, input: Some(input), batch: None, next: 0 }
    }

    /// Reads on until a row that counts is at hand or the table has ended.
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            self.skip();
            if self.batch.is_some() {
                return Poll::Ready(Ok(()));
            }
            let Some(input) = &mut self.input else { return Poll::Ready(Ok(())) };
            match ready!(input.poll_next_unpin(context)) {
                Some(batch) => {
                    self.batch = Some(Rows::new(self.beside, &batch?)?);
                    self.next = 0;
                }
                None => self.input = None,
            }
        }
    }

    /// Goes to the next row of the batch that counts; lets the batch go when there is none.
    fn skip(&mut self) {
        let Some(batch) = &self.batch else { return };
        let word = match self.beside {
            Beside::Coupons => "once",
            Beside::Usage => "usage",
        };
        let counts = |row: &usize| batch.word.is_valid(*row) && batch.word.value(*row) == word;
        match (self.next..batch.rows).find(counts) {
            Some(row) => self.next = row,
            None => self.batch = None,
        }
    }

    /// The customer of the row at hand; `None` when the table has ended.
    pub fn head(&self) -> Option<&str> {
        self.batch.as_ref().map(|batch| batch.customer.value(self.next))
    }

    /// Gives the row at hand to the fold.
    pub fn give(&mut self, fold: &mut Fold, columns: &mut Columns) -> Result<()> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let row = self.next;
        let customer = batch.customer.value(row);
        let text = |array: &StringViewArray| -> Option<String> {
            array.is_valid(row).then(|| array.value(row).to_owned())
        };
        let code = text(&batch.currency);
        let currency = code.as_deref().and_then(Currency::from_code);
        if code.is_some() && currency.is_none() {
            return exec_err!(
                "{}: customer \"{customer}\" has a row in the unknown currency \"{}\"; write the row again with an ISO \
                 4217 code",
                self.beside.table(),
                code.unwrap_or_default()
            );
        }
        let subscription = if batch.subscription.is_valid(row) { batch.subscription.value(row) } else { "" };
        let amount_minor = if batch.amount.is_valid(row) { batch.amount.value(row) } else { 0 };
        let (at, key) = (batch.at.value(row), batch.key.value(row));
        match self.beside {
            Beside::Coupons => {
                let coupon = Coupon {
                    subscription_id: subscription,
                    from: at,
                    until: batch.until.as_ref().and_then(|a| a.is_valid(row).then(|| a.value(row))),
                    percent: batch.percent.as_ref().and_then(|a| a.is_valid(row).then(|| a.value(row))),
                    amount_minor,
                    currency,
                    key,
                };
                fold.coupon(customer, &coupon, columns);
            }
            Beside::Usage => {
                let currency = currency.unwrap_or(Currency::USD);
                let plan =
                    batch.plan.as_ref().map_or("", |a| if a.is_valid(row) { a.value(row) } else { "" });
                let line = UsageLine { subscription_id: subscription, at, amount_minor, currency, plan, key };
                fold.usage(customer, &line, columns);
            }
        }
        self.next += 1;
        self.skip();
        Ok(())
    }

    /// Whether the next row is not known before more is read.
    pub fn is_open(&self) -> bool {
        self.batch.is_none() && self.input.is_some()
    }
}

impl Rows {
    fn new(beside: Beside, batch: &RecordBatch) -> Result<Self> {
        let table = beside.table();
        let text = |name| {
            Ok::<_, datafusion::common::DataFusionError>(
                named(batch, table, name, &DataType::Utf8View)?.as_string_view().clone(),
            )
        };
        let instant_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let instant = |name| {
            Ok::<_, datafusion::common::DataFusionError>(
                named(batch, table, name, &instant_type)?.as_primitive::<TimestampMicrosecondType>().clone(),
            )
        };
        let coupons = beside == Beside::Coupons;
        Ok(Self {
            rows: batch.num_rows(),
            customer: text("customer_id")?,
            subscription: text("subscription_id")?,
            at: instant(beside.time())?,
            currency: text("currency")?,
            amount: named(batch, table, "amount_minor", &DataType::Int64)?
                .as_primitive::<Int64Type>()
                .clone(),
            key: named(batch, table, "_key", &DataType::UInt64)?.as_primitive::<UInt64Type>().clone(),
            word: text(if coupons { "duration" } else { "kind" })?,
            plan: (!coupons).then(|| text("plan")).transpose()?,
            percent: match coupons {
                true => {
                    let percent = named(batch, table, "percent", &ColumnType::Decimal10.data_type())?;
                    Some(percent.as_primitive::<Decimal128Type>().clone())
                }
                false => None,
            },
            until: coupons.then(|| instant("ends_at")).transpose()?,
        })
    }
}

/// Gives the fold all rows of customers up to `upto`, or all there are. Returns whether more must be read first.
pub(super) fn give(
    sides: &mut [Side],
    upto: Option<&str>,
    fold: &mut Fold,
    columns: &mut Columns,
) -> Result<bool> {
    loop {
        if sides.iter().any(Side::is_open) {
            return Ok(true);
        }
        let heads = sides.iter().enumerate().filter_map(|(at, side)| Some((side.head()?, at)));
        match heads.min() {
            Some((customer, at)) if upto.is_none_or(|upto| customer <= upto) => {
                sides[at].give(fold, columns)?;
            }
            _ => return Ok(false),
        }
    }
}
