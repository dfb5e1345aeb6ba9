//! A naive engine over rows in memory: the contract of `base.rs`, word by word, without any cleverness.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::{Period, Zone};
use jiff::civil::Date;
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::base::*;

/// A row of a fact: texts by column; numbers as text; time in µs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub at: i64,
    pub columns: BTreeMap<&'static str, String>,
}

impl Row {
    fn get(&self, column: &str) -> Option<&str> {
        self.columns.get(column).map(String::as_str)
    }
    fn number(&self, column: &str) -> i128 {
        self.get(column).and_then(|v| v.parse().ok()).unwrap_or(0)
    }
    fn currency(&self) -> Currency {
        Currency::from_code(self.get("currency").unwrap_or("USD")).unwrap()
    }
}

#[derive(Default)]
pub(crate) struct Engine {
    pub facts: HashMap<&'static str, Vec<Row>>,
    pub countries: HashMap<String, String>,
    /// USD of one unit of a currency by day of change.
    pub rates: Vec<(Currency, Date, Exact)>,
}

impl RateSource for Engine {
    fn rate(&self, from: Currency, to: Currency, date: Date) -> Result<Exact, MissingRate> {
        let usd = |c: Currency| match c {
            Currency::USD => Some(Exact::one()),
            c => {
                self.rates.iter().filter(|r| r.0 == c && r.1 <= date).max_by_key(|r| r.1).map(|r| r.2.clone())
            }
        };
        match (usd(from), usd(to)) {
            (Some(a), Some(b)) => a.checked_div(&b).ok_or(MissingRate { from, to, date }),
            _ => Err(MissingRate { from, to, date }),
        }
    }
}

fn truth(expr: &Expr, row: &Row) -> bool {
    match expr {
        Expr::Nested(e) => truth(e, row),
        Expr::Identifier(i) => row.get(&i.value) == Some("true"),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => !truth(expr, row),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => truth(left, row) && truth(right, row),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => text(left, row) == text(right, row),
        Expr::BinaryOp { left, op: BinaryOperator::NotEq, right } => text(left, row) != text(right, row),
        Expr::InList { expr, list, .. } => list.iter().any(|e| text(e, row) == text(expr, row)),
        other => panic!("{other}"),
    }
}

fn text(expr: &Expr, row: &Row) -> String {
    match expr {
        Expr::Identifier(i) => row.get(&i.value).unwrap_or("").to_owned(),
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(s) => s.clone(),
            other => other.to_string(),
        },
        other => panic!("{other}"),
    }
}

impl Engine {
    pub fn run(&self, requests: &[BaseRequest]) -> Vec<BaseSeries> {
        requests.iter().map(|r| self.answer(r)).collect()
    }

    fn dim(&self, d: &Dimension, row: &Row) -> Option<String> {
        match d {
            Dimension::Fact { column, .. } => row.get(column).map(str::to_owned),
            Dimension::Customer { column } if column == "country" => {
                self.countries.get(row.get("customer_id")?).cloned()
            }
            Dimension::Cohort { grain } => {
                let zone = Zone::utc();
                let at: i64 = row.get("first_paid_at")?.parse().ok()?;
                Some(Period::containing(zone.date_of(at), *grain, zone.week_start()).label())
            }
            _ => None,
        }
    }

    fn passes(&self, f: &Filter, row: &Row) -> bool {
        let value = self.dim(&f.dimension, row).unwrap_or_default();
        f.values.contains(&value) != f.negated
    }

    /// An amount at a moment in the display currency, ten decimals.
    fn convert(&self, amount: i128, from: Currency, to: Currency, at: i64) -> i128 {
        let rate = self.rate(from, to, Zone::utc().date_of(at)).unwrap();
        let scale = Exact::from_int(10_i128.pow(10 + to.exponent()));
        let value = Exact::from_int(amount) * rate * scale;
        let value = value.checked_div(&Exact::from_int(10_i128.pow(from.exponent()))).unwrap();
        value.to_fixed(0).parse().unwrap()
    }

    fn answer(&self, r: &BaseRequest) -> BaseSeries {
        let filter = r
            .filter
            .as_ref()
            .map(|f| Parser::new(&GenericDialect {}).try_with_sql(f).unwrap().parse_expr().unwrap());
        let empty = Vec::new();
        let rows: Vec<&Row> = self
            .facts
            .get(r.fact.as_str())
            .unwrap_or(&empty)
            .iter()
            .filter(|row| row.at < r.cut_off && filter.as_ref().is_none_or(|f| truth(f, row)))
            .collect();
        let passing = || rows.iter().filter(|row| r.filters.iter().all(|f| self.passes(f, row)));
        let dims = |row: &Row| -> Vec<Option<String>> { r.by.iter().map(|d| self.dim(d, row)).collect() };
        let mut out = Vec::new();
        let mut push = |span, dims: &[Option<String>], currency, value, scale| {
            out.push(BaseRow { span, dims: dims.to_vec(), currency, value, scale });
        };
        match &r.measure {
            BaseMeasure::Aggregate { function, expr } => {
                let mut distinct = BTreeSet::new();
                for row in passing() {
                    for (i, s) in
                        r.spans.iter().enumerate().filter(|(_, s)| s.start <= row.at && row.at < s.end)
                    {
                        let _ = s;
                        match (function, r.money) {
                            (Aggregate::Count, _) => push(i, &dims(row), None, 1, 0),
                            (Aggregate::CountDistinct, _) => {
                                let value = row.get(expr.as_ref().unwrap()).unwrap_or("").to_owned();
                                if distinct.insert((i, dims(row), value)) {
                                    push(i, &dims(row), None, 1, 0);
                                }
                            }
                            (_, Some(Money::Flow { display, .. })) => {
                                let amount = row.number(expr.as_ref().unwrap());
                                push(
                                    i,
                                    &dims(row),
                                    None,
                                    self.convert(amount, row.currency(), display, row.at),
                                    10,
                                );
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
            }
            BaseMeasure::Balance { expr } => {
                for row in passing() {
                    for (i, _) in
                        r.spans.iter().enumerate().filter(|(_, s)| s.start <= row.at && row.at < s.end)
                    {
                        push(i, &dims(row), Some(row.currency()), row.number(expr), 0);
                    }
                }
            }
            BaseMeasure::PositiveEntities { expr } => {
                let keys: BTreeSet<_> =
                    passing().map(|row| (dims(row), row.get("customer_id").unwrap().to_owned())).collect();
                for (group, entity) in keys {
                    let mut before = false;
                    for (i, s) in r.spans.iter().enumerate() {
                        let own = |row: &&&Row| dims(row) == group && row.get("customer_id") == Some(&entity);
                        let now = passing()
                            .filter(own)
                            .filter(|row| row.at < s.end)
                            .map(|row| row.number(expr))
                            .sum::<i128>()
                            > 0;
                        push(i, &group, None, i128::from(now) - i128::from(before), 0);
                        before = now;
                    }
                }
            }
            BaseMeasure::ActiveEntities => {
                let entity = r.entity.as_deref().unwrap();
                for (i, s) in r.spans.iter().enumerate() {
                    let inside = passing().filter(|row| s.start <= row.at && row.at < s.end);
                    let met: BTreeSet<_> =
                        inside.filter_map(|row| Some((dims(row), row.get(entity)?.to_owned()))).collect();
                    for (group, _) in met {
                        push(i, &group, None, 1, 0);
                    }
                }
            }
            BaseMeasure::Conversion { target, link, after_us, window_us, take } => {
                let entity = r.entity.as_deref().unwrap();
                let targets = self.facts.get(target.fact.as_str()).unwrap_or(&empty);
                let parsed = target
                    .filter
                    .as_ref()
                    .map(|f| Parser::new(&GenericDialect {}).try_with_sql(f).unwrap().parse_expr().unwrap());
                let counts = |row: &Row| row.at < r.cut_off && parsed.as_ref().is_none_or(|f| truth(f, row));
                for (i, s) in r.spans.iter().enumerate() {
                    // For each the earliest base row that was converted, and how long it took.
                    let mut met: BTreeMap<_, Option<(i64, i64)>> = BTreeMap::new();
                    for row in passing().filter(|row| s.start <= row.at && row.at < s.end) {
                        let Some(id) = row.get(entity) else { continue };
                        let follows = targets.iter().filter(|t| counts(t)).filter(|t| {
                            row.get(link).is_some()
                                && t.get(link) == row.get(link)
                                && t.at - row.at >= *after_us
                                && t.at - row.at < *window_us
                        });
                        let wait = follows.map(|t| t.at - row.at).min();
                        let known = met.entry((dims(row), id.to_owned())).or_default();
                        *known = known.iter().copied().chain(wait.map(|wait| (row.at, wait))).min();
                    }
                    for ((group, _), converted) in met {
                        match (take, converted) {
                            (ConversionTake::Base, _) | (ConversionTake::Converted, Some(_)) => {
                                push(i, &group, None, 1, 0);
                            }
                            (ConversionTake::Time, Some((_, wait))) => {
                                push(i, &group, None, i128::from(wait), 0);
                            }
                            _ => {}
                        }
                    }
                }
            }
            BaseMeasure::Cohort { expr, take } => {
                let entities: BTreeSet<String> =
                    rows.iter().map(|row| row.get("customer_id").unwrap().to_owned()).collect();
                for (i, s) in r.spans.iter().enumerate() {
                    for entity in &entities {
                        let own = |row: &&&Row| row.get("customer_id") == Some(entity.as_str());
                        let mut start: BTreeMap<Vec<Option<String>>, BTreeMap<Currency, i128>> =
                            BTreeMap::new();
                        for row in passing().filter(own).filter(|row| row.at < s.start) {
                            *start.entry(dims(row)).or_default().entry(row.currency()).or_default() +=
                                row.number(expr);
                        }
                        let mut end: BTreeMap<Currency, i128> = BTreeMap::new();
                        let entity_filters = || r.filters.iter().filter(|f| f.dimension.of_entity());
                        for row in rows
                            .iter()
                            .filter(own)
                            .filter(|row| entity_filters().all(|f| self.passes(f, row)))
                        {
                            if row.at < r.end_of(i) {
                                *end.entry(row.currency()).or_default() += row.number(expr);
                            }
                        }
                        let currencies: BTreeSet<Currency> =
                            rows.iter().filter(own).map(|row| row.currency()).collect();
                        let one = (currencies.len() == 1).then(|| *currencies.iter().next().unwrap());
                        let value = |amounts: &BTreeMap<Currency, i128>| -> i128 {
                            let display = match r.money {
                                Some(Money::Native { display, .. } | Money::Flow { display, .. }) => display,
                                None => return amounts.values().sum(),
                            };
                            match one {
                                Some(_) => amounts.values().sum(),
                                None => amounts
                                    .iter()
                                    .map(|(c, a)| self.convert(*a, *c, display, r.end_of(i) - 1))
                                    .sum(),
                            }
                        };
                        let start: Vec<(Vec<Option<String>>, i128)> =
                            start.into_iter().map(|(g, a)| (g, value(&a))).filter(|(_, a)| *a > 0).collect();
                        let weights: Vec<i128> = start.iter().map(|(_, a)| *a).collect();
                        let end = value(&end);
                        let shares = match take {
                            CohortTake::StartAmount => weights,
                            CohortTake::EndAmount => share_out(end, &weights),
                            CohortTake::CappedAmount => share_out(end.min(weights.iter().sum()), &weights),
                            CohortTake::StartEntities => vec![1; weights.len()],
                            CohortTake::KeptEntities => vec![i128::from(end > 0); weights.len()],
                        };
                        let (currency, scale) = match (take.is_amount(), one) {
                            (false, _) => (None, 0),
                            (true, Some(c)) => (Some(c), 0),
                            (true, None) => (None, 10),
                        };
                        for ((group, _), share) in start.iter().zip(shares) {
                            push(i, group, currency, share, scale);
                        }
                    }
                }
            }
        }
        BaseSeries { rows: out }
    }
}
