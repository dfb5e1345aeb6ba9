//! From a question to what the engine has to run.
//!
//! A metric is a tree whose leaves read facts. A leaf is planned once for each grain it is needed at (metrics may
//! fix their grain) and each scope (divided, or whole for `share`), over all periods that any part of the question
//! needs: the periods themselves, those compared with, and those that `opening`, `shift` and `trailing_avg` reach.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use burgeon_core::time::{Grain, Period};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::base::{
    Aggregate, BaseMeasure, BaseRequest, ConversionTake, Dimension, Filter, Money, Span, Target,
};
use crate::catalog::{Catalog, resolve};
use crate::definition::{
    ConversionFigure, CumulativeAggregate, Kind, Metric, ModelTake, SimpleAggregate, Window,
};
use crate::formula::Expr;
use crate::query::{Compare, Context, Query, QueryError, QueryFilter};
use crate::sql::Fragment;

/// A planned question: give each of [`Plan::bases`] to the engine and the answers, in the same order, to
/// [`evaluate`](crate::evaluate::evaluate).
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the engine has to run.
    pub bases: Vec<BaseRequest>,
    /// The question.
    pub query: Query,
    /// What it is asked in.
    pub context: Context,
    /// The periods compared with, one for each period of the query.
    pub compare_periods: Option<Vec<Period>>,
    pub(crate) catalog: Catalog,
    pub(crate) leaves: BTreeMap<LeafKey, Leaf>,
}

/// A leaf metric, the grain of its periods, and whether it is undivided. Ranges need not touch, so that each is a leaf of
/// its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LeafKey {
    pub metric: String,
    pub grain: Grain,
    pub range: Option<Period>,
    pub total: bool,
}

impl LeafKey {
    /// The leaf that has a metric's value in a period.
    pub fn of(metric: &str, period: &Period, total: bool) -> LeafKey {
        let range = (period.grain == Grain::Range).then_some(*period);
        LeafKey { metric: metric.to_owned(), grain: period.grain, range, total }
    }
}

/// How a leaf's values come out of the engine's answers.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub periods: Vec<Period>,
    pub shape: Shape,
    pub money: Option<Money>,
    pub negate: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// Span `i` is period `i`; `empty` says whether no row means zero.
    Plain { base: usize, zero: bool },
    /// Sum ÷ count, in whole `unit`s of what is summed.
    Average { sum: usize, count: usize, unit: i64 },
    /// Span 0 is the opening, span `i + 1` is period `i`; values run up.
    Balance { base: usize },
    /// Span 0 is the opening, span `i + 1` is `months[i]`; rows carry the cohort as their last dimension. Each period is
    /// a curve fitted to the `window` months up to its end.
    Curve { base: usize, months: Vec<Period>, window: usize, take: ModelTake },
    /// Period `i` is the sum of the spans in `ranges[i]`.
    Trailing { base: usize, ranges: Vec<(usize, usize)> },
}

/// Plans a question.
///
/// # Errors
/// [`QueryError`] when a metric or dimension is unknown, or a number of periods in a formula is none.
pub fn plan(catalog: &Catalog, query: &Query, context: &Context) -> Result<Plan, QueryError> {
    plan_with(catalog, query, context, false)
}

/// As [`plan`]; with `totals` every leaf is planned undivided too.
pub(crate) fn plan_with(
    catalog: &Catalog,
    query: &Query,
    context: &Context,
    totals: bool,
) -> Result<Plan, QueryError> {
    query.check(catalog, context)?;
    let compare_periods = match &query.compare {
        Compare::None => None,
        Compare::Previous => {
            let n = i32::try_from(query.periods.len()).unwrap_or(i32::MAX);
            Some(query.periods.iter().map(|p| p.shift(-n)).collect())
        }
        Compare::YearAgo => Some(query.periods.iter().map(Period::year_ago).collect()),
        Compare::Periods(periods) => Some(periods.clone()),
    };
    let mut planner = Planner {
        catalog,
        query,
        context,
        needs: BTreeMap::new(),
        seen: HashSet::new(),
        bases: Vec::new(),
        index: HashMap::new(),
    };
    let empty = Vec::new();
    for periods in [&query.periods, compare_periods.as_ref().unwrap_or(&empty)] {
        let (Some(first), Some(last)) = (periods.iter().min(), periods.iter().max()) else { continue };
        for name in &query.metrics {
            planner.need(name, *first, *last, false)?;
            if totals {
                planner.need(name, *first, *last, true)?;
            }
        }
    }
    let needs = std::mem::take(&mut planner.needs);
    let mut leaves = BTreeMap::new();
    for (key, (first, last)) in needs {
        let leaf = planner.leaf(&key, first, last)?;
        leaves.insert(key, leaf);
    }
    Ok(Plan {
        bases: planner.bases,
        query: query.clone(),
        context: context.clone(),
        compare_periods,
        catalog: catalog.clone(),
        leaves,
    })
}

struct Planner<'a> {
    catalog: &'a Catalog,
    query: &'a Query,
    context: &'a Context,
    needs: BTreeMap<LeafKey, (Period, Period)>,
    seen: HashSet<(String, Period, Period, bool)>,
    bases: Vec<BaseRequest>,
    index: HashMap<BaseRequest, usize>,
}

impl Planner<'_> {
    /// Notes that a metric is needed for the periods `first ..= last`.
    fn need(&mut self, name: &str, first: Period, last: Period, total: bool) -> Result<(), QueryError> {
        if !self.seen.insert((name.to_owned(), first, last, total)) {
            return Ok(());
        }
        let metric = self.catalog.get(name)?.clone();
        let (first, last) = match metric.grain {
            Some(grain) if grain != first.grain => (
                fixed_grain(first, grain, self.query, self.context),
                fixed_grain(last, grain, self.query, self.context),
            ),
            _ => (first, last),
        };
        match &metric.kind {
            Kind::Simple { .. }
            | Kind::Cumulative { .. }
            | Kind::Cohort { .. }
            | Kind::Active { .. }
            | Kind::Conversion { .. }
            | Kind::Model { .. } => {
                // Of ranges, those between first and last (`previous` of a mean) are one after the other.
                let mut ends = vec![(first, last)];
                if first.grain == Grain::Range {
                    let all = std::iter::successors(Some(first), |p| (*p < last).then(|| p.next()));
                    ends = all.map(|p| (p, p)).collect();
                }
                for (first, last) in ends {
                    let key = LeafKey::of(name, &first, total);
                    let range = self.needs.entry(key).or_insert((first, last));
                    range.0 = range.0.min(first);
                    range.1 = range.1.max(last);
                }
                Ok(())
            }
            Kind::Ratio { numerator, denominator } => {
                self.need(numerator, first, last, total)?;
                self.need(denominator, first, last, total)
            }
            Kind::Revaluation { of, flows, less } => {
                self.need(of, first.previous(), last, total)?;
                flows.iter().chain(less).try_for_each(|m| self.need(m, first, last, total))
            }
            Kind::Formula { expr, .. } => self.need_expr(expr, first, last, total),
        }
    }

    fn need_expr(&mut self, expr: &Expr, first: Period, last: Period, total: bool) -> Result<(), QueryError> {
        match expr {
            Expr::Number(_) | Expr::Setting(_) => Ok(()),
            Expr::Metric(name) => self.need(name, first, last, total),
            Expr::Negate(a) => self.need_expr(a, first, last, total),
            Expr::Binary(a, _, b) | Expr::NullIf(a, b) => {
                self.need_expr(a, first, last, total)?;
                self.need_expr(b, first, last, total)
            }
            Expr::Coalesce(all) => all.iter().try_for_each(|e| self.need_expr(e, first, last, total)),
            Expr::Choose(..) => self.need_expr(&expr.under(&self.context.settings), first, last, total),
            Expr::Opening(a) => self.need_expr(a, first.previous(), last.previous(), total),
            Expr::Shift(a, n) => {
                let n = whole(n, self.context)?;
                self.need_expr(a, first.shift(-n), last.shift(-n), total)
            }
            Expr::TrailingAvg(a, n) => {
                let n = whole(n, self.context)?.max(1);
                self.need_expr(a, first.shift(1 - n), last, total)
            }
            Expr::Share(a) => {
                self.need_expr(a, first, last, total)?;
                self.need_expr(a, first, last, true)
            }
        }
    }

    fn base(&mut self, request: BaseRequest) -> usize {
        *self.index.entry(request).or_insert_with_key(|request| {
            self.bases.push(request.clone());
            self.bases.len() - 1
        })
    }

    fn leaf(&mut self, key: &LeafKey, first: Period, last: Period) -> Result<Leaf, QueryError> {
        let metric = self.catalog.get(&key.metric)?.clone();
        let zone = &self.context.zone;
        let periods = Period::range(first.start, last.end, key.grain, zone.week_start());
        let spans = periods.iter().map(|p| self.span(p.start, p.end)).collect();
        match &metric.kind {
            Kind::Simple { aggregate, measure, filter, negate, .. } => {
                let filter = filter.as_deref();
                let amount = !matches!(aggregate, SimpleAggregate::Count | SimpleAggregate::CountDistinct);
                let money = if amount { self.money(&metric, measure.as_deref(), true) } else { None };
                let mut base = |function, money| {
                    let measure = BaseMeasure::Aggregate { function, expr: measure.clone() };
                    let request =
                        self.request(&metric, key.total, measure, filter, Vec::clone(&spans), money)?;
                    Ok::<usize, QueryError>(self.base(request))
                };
                let plain = |base, zero| Shape::Plain { base, zero };
                let shape = match aggregate {
                    SimpleAggregate::Sum => plain(base(Aggregate::Sum, money)?, true),
                    SimpleAggregate::Count => plain(base(Aggregate::Count, None)?, true),
                    SimpleAggregate::CountDistinct => plain(base(Aggregate::CountDistinct, None)?, true),
                    SimpleAggregate::Min => plain(base(Aggregate::Min, money)?, false),
                    SimpleAggregate::Max => plain(base(Aggregate::Max, money)?, false),
                    SimpleAggregate::Avg => Shape::Average {
                        sum: base(Aggregate::Sum, money)?,
                        count: base(Aggregate::Count, None)?,
                        unit: 1,
                    },
                };
                Ok(Leaf { periods, shape, money, negate: *negate })
            }
            Kind::Cumulative { aggregate, measure, filter, window, negate, .. } => {
                let filter = filter.as_deref();
                if let Some(window) = window {
                    return self.trailing(&metric, key, measure, filter, *window, *negate, periods);
                }
                let sum = *aggregate == CumulativeAggregate::Sum;
                let money = if sum { self.money(&metric, Some(measure), false) } else { None };
                let expr = measure.clone();
                let measure =
                    if sum { BaseMeasure::Balance { expr } } else { BaseMeasure::PositiveEntities { expr } };
                let opening = Span { start: i64::MIN, end: zone.start_of(first.start) };
                let spans = std::iter::once(opening).chain(spans).collect();
                let request = self.request(&metric, key.total, measure, filter, spans, money)?;
                Ok(Leaf {
                    periods,
                    shape: Shape::Balance { base: self.base(request) },
                    money,
                    negate: *negate,
                })
            }
            Kind::Cohort { measure, filter, window, take, .. } => {
                let money = if take.is_amount() { self.money(&metric, Some(measure), false) } else { None };
                let spans = periods
                    .iter()
                    .map(|p| {
                        let end = effective_end(p, self.query, self.context);
                        Span { start: zone.start_of(back(p, end, *window)), end: zone.start_of(p.end) }
                    })
                    .collect();
                let measure = BaseMeasure::Cohort { expr: measure.clone(), take: *take };
                let request = self.request(&metric, key.total, measure, filter.as_deref(), spans, money)?;
                let shape = Shape::Plain { base: self.base(request), zero: true };
                Ok(Leaf { periods, shape, money, negate: false })
            }
            Kind::Model { of, window_months, take } => self.curve(key, of, *window_months, *take, periods),
            Kind::Active { filter, entity, window, .. } => {
                let spans = periods
                    .iter()
                    .map(|p| match window {
                        Window::Period => self.span(p.start, p.end),
                        window => {
                            let end = effective_end(p, self.query, self.context);
                            self.span(back(p, end, *window), end)
                        }
                    })
                    .collect();
                let measure = BaseMeasure::ActiveEntities;
                let mut request =
                    self.request(&metric, key.total, measure, filter.as_deref(), spans, None)?;
                request.entity = Some(entity_column(entity));
                let shape = Shape::Plain { base: self.base(request), zero: true };
                Ok(Leaf { periods, shape, money: None, negate: false })
            }
            Kind::Conversion { filter, entity, target, target_filter, link, after, days, take, .. } => {
                let Some(to) = self.catalog.fact(target) else {
                    let message = format!("there is no fact \"{target}\"");
                    return Err(QueryError::Value { param: "metrics", message });
                };
                let target =
                    Target { fact: to.name.clone(), time: to.time.clone(), filter: target_filter.clone() };
                let mut base = |take| {
                    let measure = BaseMeasure::Conversion {
                        target: target.clone(),
                        link: link.clone(),
                        after_us: i64::from(*after) * DAY_US,
                        window_us: i64::from(*days) * DAY_US,
                        take,
                    };
                    let spans = Vec::clone(&spans);
                    let mut request =
                        self.request(&metric, key.total, measure, filter.as_deref(), spans, None)?;
                    request.entity = Some(entity_column(entity));
                    Ok::<usize, QueryError>(self.base(request))
                };
                let shape = match take {
                    ConversionFigure::Base => Shape::Plain { base: base(ConversionTake::Base)?, zero: true },
                    ConversionFigure::Converted => {
                        Shape::Plain { base: base(ConversionTake::Converted)?, zero: true }
                    }
                    ConversionFigure::Rate => Shape::Average {
                        sum: base(ConversionTake::Converted)?,
                        count: base(ConversionTake::Base)?,
                        unit: 1,
                    },
                    ConversionFigure::Days => Shape::Average {
                        sum: base(ConversionTake::Time)?,
                        count: base(ConversionTake::Converted)?,
                        unit: DAY_US,
                    },
                };
                Ok(Leaf { periods, shape, money: None, negate: false })
            }
            _ => {
                Err(QueryError::Value { param: "metrics", message: format!("{} reads no fact", key.metric) })
            }
        }
    }

    /// Numbers of entities by the month of their first payment, over all months that a window reaches.
    fn curve(
        &mut self,
        key: &LeafKey,
        of: &str,
        window: i32,
        take: ModelTake,
        periods: Vec<Period>,
    ) -> Result<Leaf, QueryError> {
        let counted = self.catalog.get(of)?.clone();
        let (Kind::Cumulative { measure, filter, .. }, Some(first), Some(last)) =
            (&counted.kind, periods.first(), periods.last())
        else {
            return Err(QueryError::Value { param: "metrics", message: format!("{of} counts no entities") });
        };
        let week_start = self.context.zone.week_start();
        let months = Period::range(first.shift(1 - window).start, last.end, Grain::Month, week_start);
        let opening = Span { start: i64::MIN, end: self.context.zone.start_of(months[0].start) };
        let spans =
            std::iter::once(opening).chain(months.iter().map(|m| self.span(m.start, m.end))).collect();
        let measure = BaseMeasure::PositiveEntities { expr: measure.clone() };
        let mut request = self.request(&counted, key.total, measure, filter.as_deref(), spans, None)?;
        request.by.push(Dimension::Cohort { grain: Grain::Month });
        let window = usize::try_from(window).unwrap_or(1);
        let shape = Shape::Curve { base: self.base(request), months, window, take };
        Ok(Leaf { periods, shape, money: None, negate: false })
    }

    /// A trailing sum: the windows are cut into spans that touch, and summed up again afterwards.
    #[allow(clippy::too_many_arguments)]
    fn trailing(
        &mut self,
        metric: &Metric,
        key: &LeafKey,
        measure: &str,
        filter: Option<&str>,
        window: Window,
        negate: bool,
        periods: Vec<Period>,
    ) -> Result<Leaf, QueryError> {
        let windows: Vec<(Date, Date)> = periods
            .iter()
            .map(|p| {
                let end = effective_end(p, self.query, self.context);
                (back(p, end, window), end)
            })
            .collect();
        let mut cuts: Vec<Date> = windows.iter().flat_map(|(a, b)| [*a, *b]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let place = |d: &Date| cuts.binary_search(d).unwrap_or(0);
        let ranges = windows.iter().map(|(a, b)| (place(a), place(b))).collect();
        let spans = cuts.windows(2).map(|w| self.span(w[0], w[1])).collect();
        let money = self.money(metric, Some(measure), true);
        let measure = BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some(measure.to_owned()) };
        let request = self.request(metric, key.total, measure, filter, spans, money)?;
        Ok(Leaf { periods, shape: Shape::Trailing { base: self.base(request), ranges }, money, negate })
    }

    fn span(&self, start: Date, end: Date) -> Span {
        Span { start: self.context.zone.start_of(start), end: self.context.zone.start_of(end) }
    }

    fn money(&self, metric: &Metric, measure: Option<&str>, flow: bool) -> Option<Money> {
        let fact = metric.kind.fact().and_then(|f| self.catalog.fact(f))?;
        let unit = Fragment::parse(measure?, fact).ok()?.money().ok()??;
        let display = self.query.currency;
        Some(if flow { Money::Flow { unit, display } } else { Money::Native { unit, display } })
    }

    /// A condition on persons, who were found before.
    fn among(&self, metric: &Metric, filter: &QueryFilter) -> Result<Filter, QueryError> {
        let found = self.context.among.iter().find(|(known, _)| known == filter);
        let (_, who) = found.ok_or_else(|| QueryError::Value {
            param: "where",
            message: format!(
                "{}: the persons of the condition on {} are not known",
                metric.name, filter.dimension
            ),
        })?;
        let dimension = Dimension::Among { who: Arc::clone(who) };
        Ok(Filter { dimension, negated: filter.negated, values: vec!["true".to_owned()] })
    }

    fn request(
        &self,
        metric: &Metric,
        total: bool,
        measure: BaseMeasure,
        filter: Option<&str>,
        spans: Vec<Span>,
        money: Option<Money>,
    ) -> Result<BaseRequest, QueryError> {
        let unknown = |dimension: &str| QueryError::Dimension {
            metric: metric.name.clone(),
            dimension: dimension.to_owned(),
            hint: String::new(),
            available: self
                .catalog
                .dimensions(&metric.name)
                .iter()
                .map(|d| d.name())
                .collect::<Vec<_>>()
                .join(", "),
        };
        let name = metric.kind.fact().unwrap_or_default();
        let Some(fact) = self.catalog.fact(name) else {
            return Err(QueryError::Value {
                param: "metrics",
                message: format!("there is no fact \"{name}\""),
            });
        };
        // Cohorts of a range are those of months.
        let cohorts = if self.query.grain == Grain::Range { Grain::Month } else { self.query.grain };
        let dimension =
            |d: &str| resolve(fact, d, cohorts, &self.context.attributes).ok_or_else(|| unknown(d));
        let by = if total {
            Vec::new()
        } else {
            self.query.by.iter().map(|d| dimension(d)).collect::<Result<_, _>>()?
        };
        let filters = self
            .query
            .filters
            .iter()
            .map(|f| {
                if f.is_of_people() {
                    return self.among(metric, f);
                }
                let dimension = dimension(&f.dimension)?;
                Ok(Filter { dimension, negated: f.negated, values: f.values.clone() })
            })
            .collect::<Result<_, QueryError>>()?;
        // Rows that are scheduled for later lie after now by their nature.
        let later = filter.is_some_and(|f| Fragment::parse(f, fact).is_ok_and(|f| f.asks_for_scheduled));
        let until = self.query.until.map_or(i64::MAX, |d| self.context.zone.start_of(d));
        let now = self.context.now.as_microsecond().saturating_add(1);
        Ok(BaseRequest {
            fact: fact.name.clone(),
            time: fact.time.clone(),
            entity: fact.entity.clone(),
            measure,
            filter: filter.map(str::to_owned),
            filters,
            by,
            spans,
            cut_off: if later { until } else { until.min(now) },
            money,
        })
    }
}

/// The day after the last one that counts in a period: its end, or for one that is not over the day after today
/// (or after the day of `--at`). A period that is still to come counts whole.
pub(crate) fn effective_end(period: &Period, query: &Query, context: &Context) -> Date {
    let today = context.zone.date_of(context.now.as_microsecond());
    let tomorrow = today.tomorrow().unwrap_or(today);
    let cut = query.until.map_or(tomorrow, |until| until.min(tomorrow));
    if period.start < cut && cut < period.end { cut } else { period.end }
}

/// The period of a fixed grain that stands for a period: the one that holds its last day.
pub(crate) fn fixed_grain(period: Period, grain: Grain, query: &Query, context: &Context) -> Period {
    let end = effective_end(&period, query, context);
    Period::containing(end.yesterday().unwrap_or(end), grain, context.zone.week_start())
}

fn back(period: &Period, end: Date, window: Window) -> Date {
    match window {
        Window::Period => period.start,
        Window::Months(n) => end.saturating_sub(n.months()),
        Window::Days(n) => end.saturating_sub(n.days()),
    }
}

/// Length of a day of a conversion's window, µs.
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// The column of an entity that a definition names with or without `_id`.
pub(crate) fn entity_column(entity: &str) -> String {
    if entity.ends_with("_id") { entity.to_owned() } else { format!("{entity}_id") }
}

/// A number of periods from a constant expression.
pub(crate) fn whole(expr: &Expr, context: &Context) -> Result<i32, QueryError> {
    let value = constant(expr, context).and_then(|v| v.to_i64()).and_then(|n| i32::try_from(n).ok());
    value.filter(|n| (0..=1200).contains(n)).ok_or_else(|| QueryError::Value {
        param: "metrics",
        message: format!("\"{expr}\" is no number of periods; it must be a whole number from 0 to 1200"),
    })
}

fn constant(expr: &Expr, context: &Context) -> Option<burgeon_core::exact::Exact> {
    use crate::formula::Operator::*;
    match expr {
        Expr::Number(n) => Some(n.clone()),
        Expr::Setting(name) => context.settings.number(name),
        Expr::Negate(a) => constant(a, context).map(|a| -a),
        Expr::Binary(a, op, b) => {
            let (a, b) = (constant(a, context)?, constant(b, context)?);
            match op {
                Add => Some(a + b),
                Subtract => Some(a - b),
                Multiply => Some(a * b),
                Divide => a.checked_div(&b),
            }
        }
        _ => None,
    }
}
