//! Rows of `subscription_changes` as the fold takes them.

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Int64Type, Schema, TimestampMicrosecondType, UInt64Type};
use burgeon_core::currency::Currency;
use burgeon_core::revenue::{Change, ChurnDateRule, Interval, RevenueRules, Status, Term};
use datafusion::common::{Result, exec_err, internal_err};

/// The columns of `subscription_changes` that the fold reads to give the columns of `wanted`, in stored order.
///
/// What decides whether a row is written is always read, so that a projection never changes the number of rows.
pub fn input_columns(wanted: &Schema, rules: &RevenueRules) -> Vec<&'static str> {
    let mut columns = vec![
        "customer_id",
        "subscription_id",
        "effective_at",
        "status",
        "amount_minor",
        "list_amount_minor",
        "currency",
        "interval",
        "interval_count",
        "quantity",
        "plan",
    ];
    if wanted.index_of("reason").is_ok() {
        columns.push("reason");
    }
    if rules.churn_date == ChurnDateRule::Request {
        columns.push("canceled_at");
    }
    if wanted.index_of("change_key").is_ok() {
        columns.push("_key");
    }
    columns
}

const TABLE: &str = "subscription_changes";

/// The columns of one batch.
#[derive(Debug)]
pub(super) struct Changes {
    rows: usize,
    customer: StringViewArray,
    subscription: StringViewArray,
    at: TimestampMicrosecondArray,
    status: StringViewArray,
    amount: Int64Array,
    list: Int64Array,
    currency: StringViewArray,
    interval: StringViewArray,
    count: Int64Array,
    quantity: Int64Array,
    plan: StringViewArray,
    reason: Option<StringViewArray>,
    canceled_at: Option<TimestampMicrosecondArray>,
    key: Option<UInt64Array>,
}

/// The last value that was read from a short text column, by its view: most rows repeat it.
#[derive(Debug, Clone, Copy)]
struct Last<T> {
    view: u128,
    value: T,
}

/// Remembers the last status, currency and term from row to row.
#[derive(Debug)]
pub(super) struct Memory {
    status: Last<Status>,
    currency: Last<Currency>,
    interval: Last<Interval>,
}

impl Default for Memory {
    fn default() -> Self {
        // No view has a length of u32::MAX, so the first row always reads.
        let none = u128::from(u32::MAX);
        Self {
            status: Last { view: none, value: Status::Active },
            currency: Last { view: none, value: Currency::USD },
            interval: Last { view: none, value: Interval::Month },
        }
    }
}

#[inline]
fn remembered<T: Copy>(
    last: &mut Last<T>,
    array: &StringViewArray,
    row: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let view = array.views()[row];
    // A text of up to twelve bytes lies within its view; longer ones may share a view with another text.
    if view == last.view && view as u32 <= 12 {
        return Some(last.value);
    }
    let value = parse(array.value(row))?;
    *last = Last { view, value };
    Some(value)
}

pub(super) fn named<'a>(
    batch: &'a RecordBatch,
    table: &str,
    name: &str,
    data_type: &DataType,
) -> Result<&'a ArrayRef> {
    match batch.column_by_name(name) {
        Some(column) if column.data_type() == data_type => Ok(column),
        Some(column) => {
            internal_err!("{table}.{name} is {}, not {data_type}", column.data_type())
        }
        None => internal_err!("{table}.{name} was not read"),
    }
}

impl Changes {
    /// The columns of `batch`, which was read with [`input_columns`].
    pub(super) fn new(batch: &RecordBatch) -> Result<Self> {
        let text = |name| {
            Ok::<_, datafusion::common::DataFusionError>(
                named(batch, TABLE, name, &DataType::Utf8View)?.as_string_view().clone(),
            )
        };
        let int = |name| {
            Ok::<_, datafusion::common::DataFusionError>(
                named(batch, TABLE, name, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
            )
        };
        let instant_type = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
        let instant = |name| {
            Ok::<_, datafusion::common::DataFusionError>(
                named(batch, TABLE, name, &instant_type)?.as_primitive::<TimestampMicrosecondType>().clone(),
            )
        };
        let has = |name: &str| batch.column_by_name(name).is_some();
        Ok(Self {
            rows: batch.num_rows(),
            customer: text("customer_id")?,
            subscription: text("subscription_id")?,
            at: instant("effective_at")?,
            status: text("status")?,
            amount: int("amount_minor")?,
            list: int("list_amount_minor")?,
            currency: text("currency")?,
            interval: text("interval")?,
            count: int("interval_count")?,
            quantity: int("quantity")?,
            plan: text("plan")?,
            reason: has("reason").then(|| text("reason")).transpose()?,
            canceled_at: has("canceled_at").then(|| instant("canceled_at")).transpose()?,
            key: match has("_key") {
                true => {
                    Some(named(batch, TABLE, "_key", &DataType::UInt64)?.as_primitive::<UInt64Type>().clone())
                }
                false => None,
            },
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Row `row`, or an error that names customer, subscription and time of a row that intake should have refused.
    #[inline]
    pub(super) fn get(&self, row: usize, memory: &mut Memory) -> Result<Change<'_>> {
        let status = remembered(&mut memory.status, &self.status, row, Status::parse);
        let currency = remembered(&mut memory.currency, &self.currency, row, Currency::from_code);
        let interval = remembered(&mut memory.interval, &self.interval, row, Interval::parse);
        let (Some(status), Some(currency), Some(interval)) = (status, currency, interval) else {
            return self.unreadable(row);
        };
        let amount_minor = if self.amount.is_valid(row) { self.amount.value(row) } else { 0 };
        let count = if self.count.is_valid(row) { self.count.value(row) } else { 1 };
        let optional = |array: &Option<StringViewArray>| array.as_ref().is_some_and(|a| a.is_valid(row));
        Ok(Change {
            customer_id: self.customer.value(row),
            subscription_id: self.subscription.value(row),
            at: self.at.value(row),
            status,
            amount_minor,
            list_amount_minor: if self.list.is_valid(row) { self.list.value(row) } else { amount_minor },
            currency,
            term: Term::new(interval, u32::try_from(count).unwrap_or(1)),
            quantity: if self.quantity.is_valid(row) { self.quantity.value(row) } else { 1 },
            plan: if self.plan.is_valid(row) { self.plan.value(row) } else { "" },
            reason: match &self.reason {
                Some(reason) if optional(&self.reason) => reason.value(row),
                _ => "",
            },
            canceled_at: self.canceled_at.as_ref().and_then(|a| a.is_valid(row).then(|| a.value(row))),
            key: self.key.as_ref().map_or(0, |key| key.value(row)),
        })
    }

    #[cold]
    fn unreadable<T>(&self, row: usize) -> Result<T> {
        exec_err!(
            "subscription_changes: customer \"{}\", subscription \"{}\" has status \"{}\", currency \"{}\", interval \
             \"{}\", one of which is unknown; write the row again with known values",
            self.customer.value(row),
            self.subscription.value(row),
            self.status.value(row),
            self.currency.value(row),
            self.interval.value(row)
        )
    }
}
