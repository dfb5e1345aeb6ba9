//! From the engine's answers to figures: running balances, conversion at the period's end, ratios, formulas.
//!
//! Everything is exact here. A value that cannot be computed (a division by zero) is empty and carries its reason.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::{Grain, Period};
use jiff::civil::Date;

use crate::base::{BaseRow, BaseSeries, MissingRate, MoneyUnit, RateSource};
use crate::curve::Curves;
use crate::definition::{Kind, Label, Metric};
use crate::formula::{Expr, Operator};
use crate::insight::lifetime::NoLifetime;
use crate::plan::{Leaf, LeafKey, Plan, Shape, effective_end, fixed_grain, whole};
use crate::result::{QueryResult, assemble};

/// A figure, or why there is none, in the languages of the product.
pub type Cell = Result<Exact, Label>;

/// The answers cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A rate of exchange is missing.
    #[error(transparent)]
    Rate(#[from] MissingRate),
    /// The engine's answers do not fit the plan.
    #[error("the plan has {expected} requests but {got} answers were given")]
    Answers {
        /// Requests of the plan.
        expected: usize,
        /// Answers given.
        got: usize,
    },
    /// A sum does not fit.
    #[error("a sum of {0} is too large to be exact")]
    Overflow(String),
}

/// Puts the engine's answers, one for each of [`Plan::bases`] in its order, together to the result.
///
/// # Errors
/// [`EvaluateError`] for a missing rate of exchange or answers that do not fit.
pub fn evaluate(
    plan: &Plan,
    answers: &[BaseSeries],
    rates: &dyn RateSource,
) -> Result<QueryResult, EvaluateError> {
    Ok(assemble(&Evaluator::new(plan, answers, rates)?))
}

/// Values of a leaf.
struct LeafValues {
    starts: Vec<Date>,
    /// By group (the whole has number 0) and period; groups without rows have none.
    values: Vec<Vec<Cell>>,
    /// What a group without rows has.
    empty: Cell,
}

/// A leaf and the place of a period in it.
type Place<'e> = (&'e LeafValues, usize);

impl LeafValues {
    fn value(&self, group: usize, period: usize) -> &Cell {
        self.values.get(group).and_then(|values| values.get(period)).unwrap_or(&self.empty)
    }
}

/// Number of a metric, period and group of a value that was computed already.
type MemoKey = (usize, Period, Option<usize>);

/// Computes any metric of a plan for any planned period and group.
pub(crate) struct Evaluator<'a> {
    pub plan: &'a Plan,
    /// Values of the dimensions of each group, ascending.
    pub groups: Vec<Vec<Option<String>>>,
    leaves: HashMap<LeafKey, LeafValues>,
    memo: RefCell<HashMap<MemoKey, Cell>>,
    ids: HashMap<&'a str, usize>,
}

/// A group by its number; `None` is the undivided whole.
pub(crate) type Group = Option<usize>;

impl<'a> Evaluator<'a> {
    pub fn new(
        plan: &'a Plan,
        answers: &[BaseSeries],
        rates: &dyn RateSource,
    ) -> Result<Self, EvaluateError> {
        if answers.len() != plan.bases.len() {
            return Err(EvaluateError::Answers { expected: plan.bases.len(), got: answers.len() });
        }
        let divided = plan.leaves.iter().filter(|(key, _)| !key.total);
        let bases: BTreeSet<usize> = divided.flat_map(|(_, leaf)| leaf.shape.bases()).collect();
        let mut found: Vec<&[Option<String>]> = Vec::new();
        let divisions = plan.query.by.len();
        for base in bases {
            // A curve's rows carry their cohort behind the dimensions.
            found.extend(answers[base].rows.iter().map(|row| &row.dims[..row.dims.len().min(divisions)]));
        }
        if plan.query.by.is_empty() {
            found.push(&[]);
        }
        found.sort_unstable();
        found.dedup();
        let number: HashMap<&[Option<String>], usize> =
            found.iter().enumerate().map(|(i, dims)| (*dims, i)).collect();
        let mut converter = Converter { plan, rates, known: HashMap::new() };
        let mut leaves = HashMap::new();
        for (key, leaf) in &plan.leaves {
            let values = leaf_values(key, leaf, answers, &number, &mut converter)?;
            leaves.insert(key.clone(), values);
        }
        let groups = found.into_iter().map(<[_]>::to_vec).collect();
        let ids = plan.catalog.metrics().enumerate().map(|(i, m)| (m.name.as_str(), i)).collect();
        Ok(Evaluator { plan, groups, leaves, memo: RefCell::default(), ids })
    }

    /// The values of a metric in some periods for any group; what is the same for all groups is looked up once.
    pub fn across<'e>(&'e self, name: &'e str, periods: &'e [Period]) -> impl Fn(usize) -> Vec<Cell> + 'e {
        let metric = self.plan.catalog.metric(name);
        let is_leaf = |kind: &Kind| kind.fact().is_some() || matches!(kind, Kind::Model { .. });
        let places = metric.filter(|metric| metric.grain.is_none() && is_leaf(&metric.kind)).map(|_| {
            periods
                .iter()
                .map(|period| self.place(name, period, false))
                .collect::<Vec<Result<Place<'_>, Label>>>()
        });
        let known = |place: &Result<Place<'_>, Label>, group| match place {
            Ok((leaf, period)) => leaf.value(group, *period).clone(),
            Err(reason) => Err(reason.clone()),
        };
        move |group| match &places {
            Some(places) => places.iter().map(|place| known(place, group)).collect(),
            None => periods.iter().map(|period| self.metric(name, period, Some(group))).collect(),
        }
    }

    /// The value of a metric in a period.
    pub fn metric(&self, name: &str, period: &Period, group: Group) -> Cell {
        let Some(metric) = self.plan.catalog.metric(name) else {
            return Err(Label::english(&format!("there is no metric {name}")));
        };
        let period = match metric.grain {
            Some(grain) if grain != period.grain => {
                &fixed_grain(*period, grain, &self.plan.query, &self.plan.context)
            }
            _ => period,
        };
        if metric.kind.fact().is_some() || matches!(metric.kind, Kind::Model { .. }) {
            return self.leaf(name, period, group);
        }
        let id = self.ids.get(name).copied().unwrap_or(usize::MAX);
        let key = (id, *period, group);
        if let Some(cell) = self.memo.borrow().get(&key) {
            return cell.clone();
        }
        let cell = self.compute(metric, period, group);
        self.memo.borrow_mut().insert(key, cell.clone());
        cell
    }

    fn compute(&self, metric: &Metric, period: &Period, group: Group) -> Cell {
        match &metric.kind {
            Kind::Ratio { numerator, denominator } => {
                let above = self.metric(numerator, period, group)?;
                let below = self.metric(denominator, period, group)?;
                above.checked_div(&below).ok_or_else(|| {
                    let below = self.plan.catalog.metric(denominator).map(|m| m.label.clone());
                    reason(metric, &below.unwrap_or_else(|| Label::english(denominator)))
                })
            }
            Kind::Revaluation { of, flows, less } => {
                let mut value =
                    self.metric(of, period, group)? - self.metric(of, &period.previous(), group)?;
                for flow in flows {
                    value -= &self.metric(flow, period, group)?;
                }
                for flow in less {
                    value += &self.metric(flow, period, group)?;
                }
                Ok(value)
            }
            Kind::Formula { expr, .. } => self.expr(expr, metric, period, group),
            _ => self.leaf(&metric.name, period, group),
        }
    }

    /// The value of a part of a metric's formula.
    pub fn expr(&self, expr: &Expr, metric: &Metric, period: &Period, group: Group) -> Cell {
        let context = &self.plan.context;
        match expr {
            Expr::Number(n) => Ok(n.clone()),
            Expr::Setting(name) => context.settings.number(name).ok_or_else(|| not_set(name)),
            Expr::Metric(name) => self.metric(name, period, group),
            Expr::Negate(a) => Ok(-self.expr(a, metric, period, group)?),
            Expr::Binary(a, op, b) => {
                let left = self.expr(a, metric, period, group)?;
                let right = self.expr(b, metric, period, group)?;
                match op {
                    Operator::Add => Ok(left + right),
                    Operator::Subtract => Ok(left - right),
                    Operator::Multiply => Ok(left * right),
                    Operator::Divide => {
                        left.checked_div(&right).ok_or_else(|| reason(metric, &self.label(b)))
                    }
                }
            }
            Expr::Opening(a) => self.expr(a, metric, &period.previous(), group),
            Expr::Shift(a, n) => {
                let n = whole(n, context).map_err(|e| Label::english(&e.to_string()))?;
                self.expr(a, metric, &period.shift(-n), group)
            }
            Expr::TrailingAvg(a, n) => {
                let n = whole(n, context).map_err(|e| Label::english(&e.to_string()))?.max(1);
                let (mut sum, mut count, mut why) = (Exact::zero(), 0i64, None);
                for i in 0..n {
                    match self.expr(a, metric, &period.shift(-i), group) {
                        Ok(value) => {
                            sum += value;
                            count += 1;
                        }
                        Err(e) => why = why.or(Some(e)),
                    }
                }
                sum.checked_div(&Exact::from_int(count))
                    .ok_or_else(|| why.unwrap_or_else(|| reason(metric, &self.label(a))))
            }
            Expr::NullIf(a, b) => {
                let left = self.expr(a, metric, period, group)?;
                match self.expr(b, metric, period, group) {
                    Ok(right) if right == left => Err(reason(metric, &self.label(a))),
                    _ => Ok(left),
                }
            }
            Expr::Coalesce(all) => {
                let mut why = None;
                for e in all {
                    match self.expr(e, metric, period, group) {
                        Ok(value) => return Ok(value),
                        Err(e) => why = why.or(Some(e)),
                    }
                }
                Err(why.unwrap_or_else(|| Label::english("")))
            }
            Expr::Choose(..) => self.expr(&expr.under(&context.settings), metric, period, group),
            Expr::Share(a) => {
                let part = self.expr(a, metric, period, group)?;
                let whole = self.expr(a, metric, period, None)?;
                part.checked_div(&whole).ok_or_else(|| reason(metric, &self.label(a)))
            }
        }
    }

    /// How a part of a formula is called: a metric by its name for people, anything else as it is written.
    fn label(&self, expr: &Expr) -> Label {
        let metric = match expr {
            Expr::Metric(name) => self.plan.catalog.metric(name),
            _ => None,
        };
        metric.map_or_else(|| Label::english(&expr.to_string()), |m| m.label.clone())
    }

    fn leaf(&self, name: &str, period: &Period, group: Group) -> Cell {
        let (leaf, place) = self.place(name, period, group.is_none())?;
        leaf.value(group.unwrap_or(0), place).clone()
    }

    /// Where the values of a leaf in a period are: of the whole, or of groups.
    fn place(&self, name: &str, period: &Period, total: bool) -> Result<Place<'_>, Label> {
        let find = |total| self.leaves.get(&LeafKey::of(name, period, total));
        // Without dimensions the only group is the whole.
        let leaf =
            find(total).or_else(|| (total && self.plan.query.by.is_empty()).then(|| find(false)).flatten());
        let leaf = leaf.ok_or_else(|| Label::english(&format!("{name} was not planned")))?;
        let place = leaf.starts.binary_search(&period.start);
        Ok((leaf, place.map_err(|_| Label::english(&format!("{name} was not planned for {period}")))?))
    }
}

/// Why a value is empty: the metric's own words, or what is zero.
fn reason(metric: &Metric, below: &Label) -> Label {
    match &metric.null_reason {
        Some(reason) => reason.clone(),
        None => Label::of(
            &format!("{} is zero", below.en()),
            &format!("{} = 0", below.get("ru")),
            &format!("{}为零", below.get("zh")),
        ),
    }
}

fn not_set(setting: &str) -> Label {
    Label::of(
        &format!("the setting {setting} is not set"),
        &format!("настройка {setting} не задана"),
        &format!("未设置 {setting}"),
    )
}

fn no_rows() -> Cell {
    Err(Label::of("there is no row in the period", "в периоде нет записей", "该期间没有记录"))
}

impl Shape {
    fn bases(&self) -> Vec<usize> {
        match self {
            Shape::Plain { base, .. }
            | Shape::Balance { base }
            | Shape::Curve { base, .. }
            | Shape::Trailing { base, .. } => vec![*base],
            Shape::Average { sum, count, .. } => vec![*sum, *count],
        }
    }
}

/// Amounts by currency and scale, ascending, so that they are added up as whole numbers and converted once. There are few:
/// what is counted has one, money as many as there are currencies.
#[derive(Debug, Clone, Default)]
struct Amounts(Vec<((Option<Currency>, u8), i128)>);

impl Amounts {
    /// Adds to one of them; `None` when that does not fit.
    fn add(&mut self, key: (Option<Currency>, u8), amount: i128) -> Option<()> {
        match self.0.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(at) => self.0[at].1 = self.0[at].1.checked_add(amount)?,
            Err(at) => self.0.insert(at, (key, amount)),
        }
        Some(())
    }
}

struct Converter<'a> {
    plan: &'a Plan,
    rates: &'a dyn RateSource,
    known: HashMap<(Currency, Date), Exact>,
}

impl Converter<'_> {
    /// The sum of amounts as a figure: major units of the display currency, or a plain number.
    fn value(
        &mut self,
        amounts: &Amounts,
        leaf: &Leaf,
        period: Option<&Period>,
    ) -> Result<Exact, MissingRate> {
        let display = self.plan.query.currency;
        let mut sum = Exact::zero();
        for &((currency, scale), amount) in &amounts.0 {
            if amount == 0 {
                continue;
            }
            let Some(money) = leaf.money else {
                sum += Exact::from_decimal(amount, u32::from(scale));
                continue;
            };
            let own = currency.unwrap_or(display);
            let major = match money.unit() {
                MoneyUnit::Parts => Exact::from_parts_decimal(amount, u32::from(scale), own),
                MoneyUnit::Minor => Exact::from_decimal(amount, u32::from(scale) + own.exponent()),
            };
            match period {
                Some(period) if own != display => {
                    let end = effective_end(period, &self.plan.query, &self.plan.context);
                    let date = end.yesterday().unwrap_or(end);
                    let rate = match self.known.get(&(own, date)) {
                        Some(rate) => rate,
                        None => {
                            let rate = self.rates.rate(own, display, date)?;
                            self.known.entry((own, date)).or_insert(rate)
                        }
                    };
                    sum += &major * rate;
                }
                _ => sum += major,
            }
        }
        Ok(if leaf.negate { -sum } else { sum })
    }
}

fn leaf_values(
    key: &LeafKey,
    leaf: &Leaf,
    answers: &[BaseSeries],
    number: &HashMap<&[Option<String>], usize>,
    converter: &mut Converter<'_>,
) -> Result<LeafValues, EvaluateError> {
    let overflow = || EvaluateError::Overflow(key.metric.clone());
    let groups = if key.total { 1 } else { number.len() };
    // Sums for each group and span; none for groups without rows.
    let gather = |base: usize| -> Result<Vec<Vec<Amounts>>, EvaluateError> {
        let spans = converter.plan.bases[base].spans.len();
        let mut sums: Vec<Vec<Amounts>> = vec![Vec::new(); groups];
        for BaseRow { span, dims, currency, value, scale } in &answers[base].rows {
            let group = if key.total { Some(0) } else { number.get(dims.as_slice()).copied() };
            let Some(series) = group.and_then(|group| sums.get_mut(group)) else { continue };
            if series.is_empty() {
                series.resize(spans, Amounts::default());
            }
            let Some(amounts) = series.get_mut(*span) else { continue };
            amounts.add((*currency, *scale), *value).ok_or_else(overflow)?;
        }
        Ok(sums)
    };
    let n = leaf.periods.len();
    let mut values: Vec<Vec<Cell>> = vec![Vec::new(); groups];
    let mut empty = Ok(Exact::zero());
    match &leaf.shape {
        Shape::Plain { base, zero } => {
            if !zero {
                empty = no_rows();
            }
            for (group, spans) in with_rows(gather(*base)?) {
                let mut cells = Vec::with_capacity(n);
                for (amounts, period) in spans.iter().zip(&leaf.periods) {
                    cells.push(match amounts.0.is_empty() && !zero {
                        true => no_rows(),
                        false => Ok(converter.value(amounts, leaf, Some(period))?),
                    });
                }
                values[group] = cells;
            }
        }
        Shape::Average { sum, count, unit } => {
            empty = no_rows();
            // A sum of zero may be left out, so the groups are those that have rows.
            let (sums, none) = (gather(*sum)?, Amounts::default());
            for (group, counts) in with_rows(gather(*count)?) {
                let mut cells = Vec::with_capacity(n);
                for (i, (counts, period)) in counts.iter().zip(&leaf.periods).enumerate() {
                    let amounts = sums[group].get(i).unwrap_or(&none);
                    let sum = converter.value(amounts, leaf, Some(period))?;
                    let count: i128 = counts.0.iter().map(|(_, count)| count).sum();
                    let count = Exact::from_int(count * i128::from(*unit));
                    cells.push(sum.checked_div(&count).map_or_else(no_rows, Ok));
                }
                values[group] = cells;
            }
        }
        Shape::Balance { base } => {
            for (group, spans) in with_rows(gather(*base)?) {
                let mut cells = Vec::with_capacity(n);
                let mut running = Amounts::default();
                for (i, amounts) in spans.iter().enumerate() {
                    for (key, amount) in &amounts.0 {
                        running.add(*key, *amount).ok_or_else(overflow)?;
                    }
                    if let Some(period) = i.checked_sub(1).and_then(|i| leaf.periods.get(i)) {
                        cells.push(Ok(converter.value(&running, leaf, Some(period))?));
                    }
                }
                values[group] = cells;
            }
        }
        Shape::Curve { base, months, window, take } => {
            empty = Err(NoLifetime::NobodyAtRisk.label());
            let plan = converter.plan;
            let curves = Curves { plan, months, window: *window, take: *take };
            let divisions = if key.total { 0 } else { plan.query.by.len() };
            for (dims, counts) in curves.counts(&answers[*base].rows, divisions, &overflow)? {
                let group = if key.total { Some(0) } else { number.get(dims).copied() };
                if let Some(group) = group {
                    values[group] = leaf.periods.iter().map(|p| curves.value(&counts, p)).collect();
                }
            }
        }
        Shape::Trailing { base, ranges } => {
            for (group, spans) in with_rows(gather(*base)?) {
                let mut cells = Vec::with_capacity(n);
                for &(from, to) in ranges {
                    let mut sum = Exact::zero();
                    for amounts in spans.get(from..to).unwrap_or_default() {
                        sum += converter.value(amounts, leaf, None)?;
                    }
                    cells.push(Ok(sum));
                }
                values[group] = cells;
            }
        }
    }
    Ok(LeafValues { starts: leaf.periods.iter().map(|p| p.start).collect(), values, empty })
}

/// The groups that have rows, with their sums.
fn with_rows(sums: Vec<Vec<Amounts>>) -> impl Iterator<Item = (usize, Vec<Amounts>)> {
    sums.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty())
}

/// Whether a period is over: by the clock, and not cut short by `--at`.
pub(crate) fn is_complete(plan: &Plan, period: &Period) -> bool {
    period.is_complete(plan.context.now, &plan.context.zone)
        && plan.query.until.is_none_or(|d| period.end <= d)
}

/// The grain's name is part of answers.
pub(crate) fn grain_name(grain: Grain) -> &'static str {
    grain.as_str()
}
