//! What filters say about entity and time, to leave out row groups and buckets that cannot match.

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::files::Group;
use super::layout::Layout;

/// What matching rows have in common. Filters it does not understand are left out: they are applied above the scan.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Entities that can match; `None` means all.
    pub entities: Option<BTreeSet<String>>,
    /// Lowest and highest time that can match, µs or days.
    pub time: (i64, i64),
}

impl Bounds {
    pub fn of(layout: &Layout, filters: &[Expr]) -> Self {
        let name = |at: usize| layout.schema.field(at).name().as_str();
        Self::by(layout.entity.map(name), layout.time.map(name), filters)
    }

    /// What filters say about a column of texts and one of times.
    pub fn by(entity: Option<&str>, time: Option<&str>, filters: &[Expr]) -> Self {
        let mut bounds = Self { entities: None, time: (i64::MIN, i64::MAX) };
        for filter in filters {
            bounds.narrow(entity, time, filter);
        }
        bounds
    }

    /// Whether a filter says something about entity or time.
    pub fn understands(layout: &Layout, filter: &Expr) -> bool {
        let bounds = Self::of(layout, std::slice::from_ref(filter));
        bounds.entities.is_some() || bounds.time != (i64::MIN, i64::MAX)
    }

    fn narrow(&mut self, entity: Option<&str>, time: Option<&str>, filter: &Expr) {
        let is = |expr: &Expr, name: Option<&str>| match (expr, name) {
            (Expr::Column(column), Some(name)) => column.name() == name,
            _ => false,
        };
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                self.narrow(entity, time, left);
                self.narrow(entity, time, right);
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (column, op, value) = match (left.as_ref(), right.as_ref()) {
                    (column, Expr::Literal(value, _)) => (column, Some(*op), value),
                    (Expr::Literal(value, _), column) => (column, op.swap(), value),
                    _ => return,
                };
                let Some(op) = op else { return };
                if is(column, entity) && op == Operator::Eq {
                    self.only(text(value).into_iter());
                } else if is(column, time)
                    && let Some((low, high)) = moment(value)
                {
                    match op {
                        Operator::Eq => self.within(low, high),
                        Operator::Gt | Operator::GtEq => self.within(low, i64::MAX),
                        Operator::Lt | Operator::LtEq => self.within(i64::MIN, high),
                        _ => {}
                    }
                }
            }
            Expr::Between(between) if !between.negated && is(&between.expr, time) => {
                if let (Expr::Literal(low, _), Expr::Literal(high, _)) =
                    (between.low.as_ref(), between.high.as_ref())
                    && let (Some((low, _)), Some((_, high))) = (moment(low), moment(high))
                {
                    self.within(low, high);
                }
            }
            Expr::InList(list) if !list.negated && is(&list.expr, entity) => {
                let texts: Option<Vec<String>> = list
                    .list
                    .iter()
                    .map(|item| match item {
                        Expr::Literal(value, _) => text(value),
                        _ => None,
                    })
                    .collect();
                if let Some(texts) = texts {
                    self.only(texts.into_iter());
                }
            }
            _ => {}
        }
    }

    fn only(&mut self, entities: impl Iterator<Item = String>) {
        let new: BTreeSet<String> = entities.collect();
        self.entities = Some(match self.entities.take() {
            None => new,
            Some(old) => old.intersection(&new).cloned().collect(),
        });
    }

    fn within(&mut self, low: i64, high: i64) {
        self.time = (self.time.0.max(low), self.time.1.min(high));
    }

    /// Whether a bucket can hold matching rows.
    pub fn bucket(&self, layout: &Layout, at: usize) -> bool {
        match &self.entities {
            Some(entities) if layout.entity.is_some() => {
                entities.iter().any(|entity| layout.bucket(entity) == at)
            }
            _ => true,
        }
    }

    /// Whether a row group can hold matching rows.
    pub fn group(&self, group: &Group) -> bool {
        let in_time = group.time.is_none_or(|(min, max)| min <= self.time.1 && max >= self.time.0);
        let entity = match (&self.entities, &group.entity) {
            (Some(entities), Some((min, max))) => entities
                .iter()
                .any(|entity| min.as_slice() <= entity.as_bytes() && entity.as_bytes() <= max.as_slice()),
            _ => true,
        };
        in_time && entity
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

/// The moment as stored, rounded down and up.
fn moment(value: &ScalarValue) -> Option<(i64, i64)> {
    match value {
        ScalarValue::TimestampMicrosecond(Some(at), _) => Some((*at, *at)),
        ScalarValue::TimestampSecond(Some(at), _) => at.checked_mul(1_000_000).map(|at| (at, at)),
        ScalarValue::TimestampMillisecond(Some(at), _) => at.checked_mul(1_000).map(|at| (at, at)),
        ScalarValue::TimestampNanosecond(Some(at), _) => {
            let low = at.div_euclid(1_000);
            Some((low, if at.rem_euclid(1_000) == 0 { low } else { low + 1 }))
        }
        ScalarValue::Date32(Some(day)) => Some((i64::from(*day), i64::from(*day))),
        _ => None,
    }
}
