//! What the engine is asked for and what it answers: the border between pure planning and execution.
//!
//! [`plan`](crate::query) turns a query into [`BaseRequest`]s, the engine answers each with a [`BaseSeries`],
//! and `evaluate` does everything else (running balances, conversion at the period's end, ratios, formulas,
//! comparisons). So the engine only ever filters, groups and adds up rows of one fact.
//!
//! # Contract of a request
//!
//! * A row of the fact belongs to span `i` when `spans[i].start <= time < spans[i].end` and `time < cut_off`.
//!   Except for [`BaseMeasure::Cohort`] and [`BaseMeasure::ActiveEntities`], spans ascend and touch each other. The first span may start at
//!   `i64::MIN`: it is the *opening* of a balance, everything before the first period that is asked for.
//! * [`BaseRequest::filter`] is the definition's own SQL filter; [`BaseRequest::filters`] come from the query.
//! * Groups are (span, values of `by` in order, and currency where [`BaseRequest::groups_by_currency`]). Groups
//!   without rows, or with value zero, may be left out.
//! * **Balances** ([`BaseMeasure::Balance`], [`BaseMeasure::PositiveEntities`]) are answered as the *change within
//!   each span*, the opening span included. `evaluate` cumulates. So each answer is additive over time and a
//!   partial aggregate by file or bucket can be cached and added.
//! * **Money.** [`Money::Flow`]: each row is converted at its own time with the engine's
//!   `convert(value, currency, time)`; the answer is in the display currency with scale 10 and
//!   [`BaseRow::currency`] is `None`. [`Money::Native`]: nothing is converted, the answer is grouped by the
//!   fact's `currency` column and [`BaseRow::currency`] is set; `evaluate` converts at the period's end.

use std::sync::Arc;

use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::Grain;
use jiff::civil::Date;

/// One aggregation over one fact that the engine has to run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseRequest {
    /// Name of the fact, e.g. `mrr_movements`.
    pub fact: String,
    /// Column of the fact that says when the row happened, e.g. `at` (timestamp in µs UTC, or a date).
    pub time: String,
    /// Column of the fact that holds the entity, e.g. `customer_id`; `None` for facts without one (costs).
    pub entity: Option<String>,
    /// What is computed.
    pub measure: BaseMeasure,
    /// SQL condition of the definition over the fact's columns, e.g. `NOT scheduled`.
    pub filter: Option<String>,
    /// Conditions of the query, all of which must hold. See [`BaseMeasure::Cohort`] for what they mean there.
    pub filters: Vec<Filter>,
    /// The dimensions to group by; [`BaseRow::dims`] holds their values in this order.
    pub by: Vec<Dimension>,
    /// The spans of time to group by, in µs UTC.
    pub spans: Vec<Span>,
    /// Rows at or after this moment (µs UTC) do not count: the query's `now` + 1 µs, or the end of `--at`'s day.
    /// It is apart from `spans` so that a cache can be keyed by calendar bounds.
    pub cut_off: i64,
    /// How amounts of money are treated; `None` when the value is no money (counts).
    pub money: Option<Money>,
}

impl BaseRequest {
    /// Whether the answer is grouped by the fact's `currency` column beside `by`.
    pub fn groups_by_currency(&self) -> bool {
        matches!(self.money, Some(Money::Native { .. }))
    }

    /// The moment (µs UTC, exclusive) up to which rows count in span `i`: its end or the cut-off.
    pub fn end_of(&self, i: usize) -> i64 {
        self.spans.get(i).map_or(self.cut_off, |s| s.end.min(self.cut_off))
    }
}

/// A half-open span of time in microseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First microsecond; `i64::MIN` for "since ever".
    pub start: i64,
    /// First microsecond after the span.
    pub end: i64,
}

/// What the engine computes over the rows of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BaseMeasure {
    /// A plain SQL aggregate over the rows of the group. (An average is asked for as a sum and a count.)
    Aggregate {
        /// The aggregate function.
        function: Aggregate,
        /// SQL expression over the fact's columns; `None` only for [`Aggregate::Count`], which then counts rows.
        expr: Option<String>,
    },
    /// Sum of `expr` in each span, of which the running total is a balance.
    Balance {
        /// SQL expression over the fact's columns, signed.
        expr: String,
    },
    /// Change in each span of the number of entities whose own running total of `expr` within the group
    /// (values of `by`, all currencies together, rows that pass the filters) is above zero at the end of the span.
    /// An entity that enters and leaves within one span changes nothing.
    PositiveEntities {
        /// SQL expression over the fact's columns, signed. Only the sign of its running total matters.
        expr: String,
    },
    /// Compares each entity's balance at the start of a span with its balance at the end of the same span.
    /// Spans may overlap here (trailing windows).
    ///
    /// For an entity `e`: `start[g]` = running total of `expr` over rows with `time < span.start` in group `g`
    /// (values of `by`, rows that pass `filter` and `filters`); `e` counts in `g` when `start[g] > 0`.
    /// `end` = running total over rows with `time < end_of(span)` of the **whole entity**: only `filter` and those
    /// `filters` whose dimension is [`Dimension::of_entity`] apply, whatever the group. So a customer who moved
    /// from plan A to plan B is kept, not lost, in plan A. An entity with several groups at the start has `end`
    /// and `capped` shared out between them by [`share_out`] in proportion to `start[g]` (groups in ascending
    /// order of their values), so that the groups add up to the undivided figure.
    ///
    /// An entity whose rows are in one currency is answered in that currency ([`BaseRow::currency`] set,
    /// scale 0). An entity with several currencies is first converted, each currency at the rate of the day of
    /// `end_of(span) - 1`, to the display currency, and answered with `currency: None`, scale 10.
    Cohort {
        /// SQL expression over the fact's columns, signed.
        expr: String,
        /// Which figure is added up over the entities.
        take: CohortTake,
    },
    /// Number of distinct entities ([`BaseRequest::entity`]) with rows in each span: active persons. Spans may overlap
    /// (rolling windows) but do not descend: both their starts and their ends ascend. Rows without an entity do not count.
    ///
    /// Where the fact carries the events of a meaning that asks for more than one (`at_least`, `within`), that many rows
    /// are needed, of one entity in one group: without `within` in the span itself; with it the entity is active at the
    /// time of the row that makes the number full, wherever the rows before it lie.
    ActiveEntities,
    /// Number of distinct entities with base rows in each span, and of those who go on to a target.
    ///
    /// An entity counts in the spans and groups of its base rows. It is converted there when at least one of these
    /// rows at `t` is followed by a row of the target with `t + after_us <= target time < t + window_us`, before the cut-off,
    /// and the same value of `link` in both. A base row without a link converts never. `filters` and `by` are of the base row.
    Conversion {
        /// Where a conversion is seen.
        target: Target,
        /// Column of both facts whose equal values belong together, e.g. `customer_id`.
        link: String,
        /// How long after the base row the target counts at the earliest, µs.
        after_us: i64,
        /// How long after the base row the target may come, µs.
        window_us: i64,
        /// Which of the two numbers.
        take: ConversionTake,
    },
}

/// The rows that make a conversion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Name of the fact.
    pub fact: String,
    /// Its column that says when a row happened.
    pub time: String,
    /// SQL condition over its columns.
    pub filter: Option<String>,
}

/// The figure of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversionTake {
    /// Entities with base rows.
    Base,
    /// Those of them who were converted.
    Converted,
    /// How long it took them in all, µs: each from the earliest base row that was converted to the first target after it.
    Time,
}

/// SQL aggregate functions of [`BaseMeasure::Aggregate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// `sum(expr)`
    Sum,
    /// `count(*)` or `count(expr)`
    Count,
    /// `count(distinct expr)`
    CountDistinct,
    /// `min(expr)`
    Min,
    /// `max(expr)`
    Max,
}

/// The figure of a cohort that is added up over the entities which had a balance at the window's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CohortTake {
    /// The balance at the start.
    StartAmount,
    /// The balance at the end.
    EndAmount,
    /// The smaller of both.
    CappedAmount,
    /// 1: the number of entities at the start.
    StartEntities,
    /// 1 when the entity's balance at the end is above zero.
    KeptEntities,
}

impl CohortTake {
    /// Whether the figure is an amount (as against a number of entities).
    pub fn is_amount(self) -> bool {
        matches!(self, CohortTake::StartAmount | CohortTake::EndAmount | CohortTake::CappedAmount)
    }
}

/// How the engine treats amounts of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Money {
    /// Convert each row at its own time to `display`.
    Flow {
        /// What the expression counts.
        unit: MoneyUnit,
        /// The currency of the answer.
        display: Currency,
    },
    /// Leave amounts in their own currency and group by it.
    Native {
        /// What the expression counts.
        unit: MoneyUnit,
        /// The currency in which `evaluate` will express the result; the engine needs it only for entities with
        /// several currencies in [`BaseMeasure::Cohort`].
        display: Currency,
    },
}

impl Money {
    /// What the expression counts.
    pub fn unit(self) -> MoneyUnit {
        match self {
            Money::Flow { unit, .. } | Money::Native { unit, .. } => unit,
        }
    }
}

/// What a money expression counts; conversion is linear, so the answer counts the same of the display currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoneyUnit {
    /// 1/720720 of a minor unit (columns `*_parts`).
    Parts,
    /// Minor units (columns `*_minor`).
    Minor,
}

/// A dimension, resolved: where its value comes from. The value is text; dates and numbers in their plain form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A column of the fact. `of_entity` is true when the column is the same for all rows of an entity.
    Fact {
        /// Column name, e.g. `plan`.
        column: String,
        /// Whether the value belongs to the entity rather than the row.
        of_entity: bool,
    },
    /// Label of the period that contains the fact's `first_paid_at`, in the workspace's time zone and week start. Where the
    /// fact has no such column it is that of the customer in its column `customer_id`.
    Cohort {
        /// Size of the period.
        grain: Grain,
    },
    /// What the customer of a row (column `customer_id`) paid for at the time of the row, by the movements of recurring
    /// revenue; none before the first payment and after a loss.
    Standing {
        /// What of it.
        of: Standing,
    },
    /// A column of the `customers` record, joined N:1 on the fact's column `customer_id`.
    Customer {
        /// Column name, e.g. `country`.
        column: String,
    },
    /// A key of the JSON in `customers.attributes`, joined N:1 on the fact's column `customer_id`.
    Attribute {
        /// Key, e.g. `industry`.
        key: String,
    },
    /// A key of the JSON in the fact's column `properties`: a property of the event that a row is. An empty text is no value.
    Property {
        /// The key behind [`OF_EVENT`], e.g. `event.plan`.
        name: String,
    },
    /// Whether the person of a row (column `person_id`), or where rows have none one of the persons of its customer (column
    /// `customer_id`), is among some persons. For filters only, with the value `true`; negated, all other rows pass.
    Among {
        /// Who they are.
        who: Arc<Among>,
    },
}

/// What names of properties of events begin with.
pub const OF_EVENT: &str = "event.";

/// Persons that a condition holds for, found before the question is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Among {
    /// The condition as it was asked for, such as `did:signup`.
    pub text: String,
    /// Bits by the person's number.
    pub persons: Arc<[u64]>,
    /// Customers of these persons, ascending.
    pub customers: Arc<[String]>,
}

/// What is known of a payer at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The plan; of several the one with the most MRR.
    Plan,
    /// The billing term of that plan.
    Interval,
    /// The band that the MRR lies in, in major units of the workspace's currency at the rates of the day of the customer's last
    /// change.
    MrrBand,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 3] = [Standing::Plan, Standing::Interval, Standing::MrrBand];

    /// The name of the dimension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Plan => "plan",
            Standing::Interval => "interval",
            Standing::MrrBand => "mrr_band",
        }
    }
}

impl Dimension {
    /// The name under which the dimension is asked for and printed.
    pub fn name(&self) -> &str {
        match self {
            Dimension::Fact { column, .. } | Dimension::Customer { column } => column,
            Dimension::Cohort { .. } => "cohort",
            Dimension::Standing { of } => of.as_str(),
            Dimension::Attribute { key } => key,
            Dimension::Property { name } => name,
            Dimension::Among { who } => &who.text,
        }
    }

    /// The key of a property of events.
    pub fn property(&self) -> Option<&str> {
        match self {
            Dimension::Property { name } => name.strip_prefix(OF_EVENT),
            _ => None,
        }
    }

    /// Whether every row of an entity has the same value, so that numbers of entities add up over it.
    pub fn of_entity(&self) -> bool {
        match self {
            Dimension::Fact { of_entity, .. } => *of_entity,
            Dimension::Standing { .. } | Dimension::Property { .. } => false,
            Dimension::Cohort { .. }
            | Dimension::Customer { .. }
            | Dimension::Attribute { .. }
            | Dimension::Among { .. } => true,
        }
    }
}

/// A condition on a dimension. A missing value (SQL null) is matched by the empty text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The dimension.
    pub dimension: Dimension,
    /// `false`: the value is one of `values`; `true`: it is none of them (missing values pass unless listed).
    pub negated: bool,
    /// At least one value; the empty text stands for a missing value.
    pub values: Vec<String>,
}

/// The engine's answer to one [`BaseRequest`]. Several rows with the same key are added up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseSeries {
    /// Rows in any order.
    pub rows: Vec<BaseRow>,
}

/// One value of a [`BaseSeries`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseRow {
    /// Index into [`BaseRequest::spans`].
    pub span: usize,
    /// Values of [`BaseRequest::by`], in its order; `None` where the value is missing.
    pub dims: Vec<Option<String>>,
    /// The currency of `value` where the request asked for native money, else `None` (display currency or no money).
    pub currency: Option<Currency>,
    /// The value without its decimal point: the figure is `value / 10^scale`.
    pub value: i128,
    /// Number of decimals in `value`: 0 for counts and native money, 10 for converted money.
    pub scale: u8,
}

impl BaseRow {
    /// The value as an exact number, in the unit of the request's money or a plain number.
    pub fn exact(&self) -> Exact {
        Exact::from_decimal(self.value, u32::from(self.scale))
    }
}

/// Rates of exchange by day, as the engine reads them from the `fx_rates` record.
pub trait RateSource {
    /// How many major units of `to` one major unit of `from` is worth on `date` (workspace time zone): the latest
    /// rate on or before the date; direct, inverse, or over one common currency. The same currency is 1.
    ///
    /// # Errors
    /// [`MissingRate`] when no such rate is known.
    fn rate(&self, from: Currency, to: Currency, date: Date) -> Result<Exact, MissingRate>;
}

/// There is no rate for a pair on or before a date. Never replaced by 1.0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no exchange rate from {from} to {to} on or before {date}; import one into fx_rates (columns date, base, quote, rate)"
)]
pub struct MissingRate {
    /// Currency to convert from.
    pub from: Currency,
    /// Currency to convert to.
    pub to: Currency,
    /// The day that was asked for.
    pub date: Date,
}

/// Shares out `total` in proportion to `weights` in whole numbers that add up to `total` exactly.
///
/// Share `k` is `floor(total · W_k / W) − floor(total · W_{k−1} / W)` with the running sums `W_k` of the weights,
/// so each share is less than one off its exact value and the order of `weights` decides where the rest goes.
/// Weights that are not positive get nothing; without any positive weight all shares are zero.
pub fn share_out(total: i128, weights: &[i128]) -> Vec<i128> {
    let sum: i128 = weights.iter().filter(|w| **w > 0).sum();
    let mut shares = Vec::with_capacity(weights.len());
    let (mut running, mut given) = (0i128, 0i128);
    for &w in weights {
        if w <= 0 || sum == 0 {
            shares.push(0);
            continue;
        }
        running += w;
        let upto = mul_div_floor(total, running, sum);
        shares.push(upto - given);
        given = upto;
    }
    shares
}

/// `floor(a · b / c)` for `0 <= b <= c`, `c > 0`, without overflow on the way.
fn mul_div_floor(a: i128, b: i128, c: i128) -> i128 {
    use num_bigint::BigInt;
    use num_integer::Integer;
    use num_traits::ToPrimitive;
    if let Some(product) = a.checked_mul(b) {
        return Integer::div_floor(&product, &c);
    }
    let wide = BigInt::from(a) * BigInt::from(b);
    // |a·b/c| <= |a| because b <= c, so the quotient fits.
    wide.div_floor(&BigInt::from(c)).to_i128().unwrap_or(a)
}
