//! The formula of a metric as a tree, and what each part contributed to the change of the whole.
//!
//! Each part's contribution is its own change times a weight, by the midpoint rule, which leaves no remainder:
//! `Δ(a + b) = Δa + Δb`, `Δ(a·b) = Δa·(b₀+b₁)/2 + Δb·(a₀+a₁)/2`, and
//! `Δ(a/b) = Δa·(1/b₀+1/b₁)/2 − Δb·(a₀+a₁)/2/(b₀·b₁)`. A balance is opened into its movements, if a revaluation
//! metric says which they are: closing − opening = flows + fx.

use burgeon_core::exact::Exact;
use burgeon_core::time::Period;

use super::{difference, mean, movements_of};
use crate::definition::{Kind, Label, Metric, Unit};
use crate::evaluate::Evaluator;
use crate::formula::{Expr, Operator};
use crate::plan::{fixed_grain, whole};

/// A part of a formula.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The metric, or the text of this part of the formula (`opening(mrr)`, `12`).
    pub metric: String,
    /// Name for people.
    pub label: Label,
    /// Unit; a part that is no metric has the unit `ratio`.
    pub unit: Unit,
    /// Value before.
    pub before: Option<Exact>,
    /// Value after.
    pub after: Option<Exact>,
    /// after − before.
    pub change: Option<Exact>,
    /// Its part of the change of the whole, in the whole's unit. The contributions of children add up to that of
    /// their parent. `None` where a value is missing.
    pub contribution: Option<Exact>,
    /// How the children make the value: `+`, `*` or `/`; `None` without children.
    pub operator: Option<&'static str>,
    /// Within a sum: this part is subtracted.
    pub negative: bool,
    /// Parts.
    pub children: Vec<Node>,
}

/// How deep the tree goes.
const MAX_DEPTH: usize = 8;
/// The longest way between the periods over which movements are added up.
const MAX_PERIODS: usize = 400;

#[derive(Clone, Copy)]
struct Place {
    after: Period,
    before: Period,
    depth: usize,
}

impl Place {
    fn deeper(self) -> Place {
        Place { depth: self.depth + 1, ..self }
    }

    fn shifted(self, n: i32) -> Place {
        Place { after: self.after.shift(-n), before: self.before.shift(-n), depth: self.depth + 1 }
    }
}

pub(super) fn tree(evaluator: &Evaluator<'_>, metric: &str, after: Period, before: Period) -> Node {
    let builder = Builder { evaluator };
    let weight = Some(Exact::one());
    builder.metric(metric, Place { after, before, depth: 0 }, &weight)
}

struct Builder<'a, 'b> {
    evaluator: &'a Evaluator<'b>,
}

impl Builder<'_, '_> {
    fn metric(&self, name: &str, place: Place, weight: &Option<Exact>) -> Node {
        let catalog = &self.evaluator.plan.catalog;
        let before = self.evaluator.metric(name, &place.before, Some(0)).ok();
        let after = self.evaluator.metric(name, &place.after, Some(0)).ok();
        let Some(metric) = catalog.metric(name) else {
            return node(name, Label::english(name), Unit::Ratio, before, after, weight);
        };
        let mut made = node(name, metric.label.clone(), metric.unit, before, after, weight);
        if place.depth >= MAX_DEPTH {
            return made;
        }
        let plan = self.evaluator.plan;
        let place = match metric.grain {
            Some(grain) if grain != place.after.grain => Place {
                after: fixed_grain(place.after, grain, &plan.query, &plan.context),
                before: fixed_grain(place.before, grain, &plan.query, &plan.context),
                ..place
            },
            _ => place,
        };
        match &metric.kind {
            Kind::Ratio { numerator, denominator } => {
                let (above, below) = (Expr::Metric(numerator.clone()), Expr::Metric(denominator.clone()));
                made.operator = Some("/");
                made.children = self.quotient(&above, &below, metric, place, weight);
            }
            Kind::Formula { expr, .. } => {
                let whole = self.expr(expr, metric, place, weight);
                match whole.operator {
                    Some(operator) if is_compound(expr) => {
                        made.operator = Some(operator);
                        made.children = whole.children;
                    }
                    _ => {
                        made.operator = Some("+");
                        made.children = vec![whole];
                    }
                }
            }
            Kind::Revaluation { of, flows, less } => {
                let mut terms = vec![
                    (false, Expr::Metric(of.clone())),
                    (true, Expr::Opening(Box::new(Expr::Metric(of.clone())))),
                ];
                terms.extend(flows.iter().map(|f| (true, Expr::Metric(f.clone()))));
                terms.extend(less.iter().map(|f| (false, Expr::Metric(f.clone()))));
                made.operator = Some("+");
                // The balances would open into this metric again.
                made.children = terms
                    .iter()
                    .map(|(negative, e)| {
                        self.term(e, *negative, metric, Place { depth: MAX_DEPTH, ..place }, weight)
                    })
                    .collect();
            }
            Kind::Cumulative { .. } => {
                if let Some(children) = self.movements(name, place, weight) {
                    made.operator = Some("+");
                    made.children = children;
                }
            }
            Kind::Simple { .. } | Kind::Cohort { .. } | Kind::Model { .. } => {}
        }
        made
    }

    /// The movements of a balance between the two periods, if a revaluation metric names them.
    fn movements(&self, balance: &str, place: Place, weight: &Option<Exact>) -> Option<Vec<Node>> {
        let catalog = &self.evaluator.plan.catalog;
        let fx = catalog.metric(movements_of(catalog, balance)?)?;
        let Kind::Revaluation { flows, less, .. } = &fx.kind else { return None };
        if place.before >= place.after || place.before.grain != place.after.grain {
            return None;
        }
        let mut periods = Vec::new();
        let mut period = place.before;
        while period < place.after {
            period = period.next();
            periods.push(period);
            if periods.len() > MAX_PERIODS {
                return None;
            }
        }
        let sum = |name: &str| -> Option<Exact> {
            periods.iter().map(|p| self.evaluator.metric(name, p, Some(0)).ok()).sum()
        };
        let terms =
            flows.iter().map(|f| (f, false)).chain(less.iter().map(|f| (f, true))).chain([(&fx.name, false)]);
        let mut children = Vec::new();
        for (name, negative) in terms {
            let total = sum(name)?;
            let mut child = self.metric(name, Place { depth: MAX_DEPTH, ..place }, &None);
            child.negative = negative;
            child.contribution = weight.as_ref().map(|w| if negative { -(&total * w) } else { &total * w });
            children.push(child);
        }
        Some(children)
    }

    fn expr(&self, expr: &Expr, metric: &Metric, place: Place, weight: &Option<Exact>) -> Node {
        match expr {
            Expr::Metric(name) => self.metric(name, place.deeper(), weight),
            Expr::Opening(inner) => {
                let mut made = self.expr(inner, metric, place.shifted(1), weight);
                made.metric = expr.to_string();
                made.label = relabel(&made.label, |l, t| match l {
                    "ru" => format!("{t} на начало"),
                    "zh" => format!("期初{t}"),
                    _ => format!("{t} at the start"),
                });
                made
            }
            Expr::Shift(inner, n) => {
                let n = whole(n, &self.evaluator.plan.context).unwrap_or(0);
                let mut made = self.expr(inner, metric, place.shifted(n), weight);
                made.metric = expr.to_string();
                made.label = relabel(&made.label, |l, t| match l {
                    "ru" => format!("{t}, периодов назад: {n}"),
                    "zh" => format!("{t}（{n} 期前）"),
                    _ => format!("{t}, {n} earlier"),
                });
                made
            }
            Expr::Coalesce(all) => {
                let first = all.first().filter(|e| {
                    let value = |p| self.evaluator.expr(e, metric, p, Some(0)).is_ok();
                    value(&place.before) && value(&place.after)
                });
                match first {
                    Some(first) => self.expr(first, metric, place.deeper(), weight),
                    None => self.opaque(expr, metric, place, weight),
                }
            }
            Expr::Binary(a, Operator::Divide, b) => {
                let mut made = self.opaque(expr, metric, place, weight);
                made.operator = Some("/");
                made.children = self.quotient(a, b, metric, place.deeper(), weight);
                made
            }
            Expr::Binary(a, Operator::Multiply, b) => {
                let mut made = self.opaque(expr, metric, place, weight);
                let (a0, a1) = self.values(a, metric, place);
                let (b0, b1) = self.values(b, metric, place);
                let half = |x: &Option<Exact>, y: &Option<Exact>| {
                    Some(mean(x.as_ref()?, y.as_ref()?) * weight.as_ref()?)
                };
                made.operator = Some("*");
                made.children = vec![
                    self.expr(a, metric, place.deeper(), &half(&b0, &b1)),
                    self.expr(b, metric, place.deeper(), &half(&a0, &a1)),
                ];
                made
            }
            Expr::Binary(..) | Expr::Negate(_) => {
                let mut terms = Vec::new();
                flatten(expr, false, &mut terms);
                let mut made = self.opaque(expr, metric, place, weight);
                made.operator = Some("+");
                made.children = terms
                    .into_iter()
                    .map(|(e, negative)| self.term(e, negative, metric, place.deeper(), weight))
                    .collect();
                made
            }
            _ => self.opaque(expr, metric, place, weight),
        }
    }

    fn term(
        &self,
        expr: &Expr,
        negative: bool,
        metric: &Metric,
        place: Place,
        weight: &Option<Exact>,
    ) -> Node {
        let signed = weight.as_ref().map(|w| if negative { -w } else { w.clone() });
        let mut made = self.expr(expr, metric, place, &signed);
        made.negative = negative;
        made
    }

    fn quotient(
        &self,
        a: &Expr,
        b: &Expr,
        metric: &Metric,
        place: Place,
        weight: &Option<Exact>,
    ) -> Vec<Node> {
        let (a0, a1) = self.values(a, metric, place);
        let (b0, b1) = self.values(b, metric, place);
        let one = Exact::one();
        let above = || {
            let (b0, b1) = (one.checked_div(b0.as_ref()?)?, one.checked_div(b1.as_ref()?)?);
            Some(mean(&b0, &b1) * weight.as_ref()?)
        };
        let below = || {
            let product = b0.as_ref()? * b1.as_ref()?;
            Some(-(mean(a0.as_ref()?, a1.as_ref()?).checked_div(&product)? * weight.as_ref()?))
        };
        vec![self.expr(a, metric, place, &above()), self.expr(b, metric, place, &below())]
    }

    fn values(&self, expr: &Expr, metric: &Metric, place: Place) -> (Option<Exact>, Option<Exact>) {
        let value = |p| self.evaluator.expr(expr, metric, p, Some(0)).ok();
        (value(&place.before), value(&place.after))
    }

    /// A part that is shown as it is written.
    fn opaque(&self, expr: &Expr, metric: &Metric, place: Place, weight: &Option<Exact>) -> Node {
        let (before, after) = self.values(expr, metric, place);
        let catalog = &self.evaluator.plan.catalog;
        let inner = match expr {
            Expr::TrailingAvg(inner, _) => inner.metrics().first().and_then(|m| catalog.metric(m)),
            _ => None,
        };
        let (label, unit) = match inner {
            Some(inner) => {
                let label = relabel(&inner.label, |l, t| match l {
                    "ru" => format!("{t}, скользящее среднее"),
                    "zh" => format!("{t}（移动平均）"),
                    _ => format!("{t}, trailing mean"),
                });
                (label, inner.unit)
            }
            None => (Label::english(&expr.to_string()), Unit::Ratio),
        };
        node(&expr.to_string(), label, unit, before, after, weight)
    }
}

fn is_compound(expr: &Expr) -> bool {
    matches!(expr, Expr::Binary(..) | Expr::Negate(_))
}

fn flatten<'a>(expr: &'a Expr, negative: bool, terms: &mut Vec<(&'a Expr, bool)>) {
    match expr {
        Expr::Binary(a, Operator::Add, b) => {
            flatten(a, negative, terms);
            flatten(b, negative, terms);
        }
        Expr::Binary(a, Operator::Subtract, b) => {
            flatten(a, negative, terms);
            flatten(b, !negative, terms);
        }
        Expr::Negate(a) => flatten(a, !negative, terms),
        other => terms.push((other, negative)),
    }
}

fn relabel(label: &Label, f: impl Fn(&str, &str) -> String) -> Label {
    Label(label.0.iter().map(|(language, text)| (language.clone(), f(language, text))).collect())
}

fn node(
    metric: &str,
    label: Label,
    unit: Unit,
    before: Option<Exact>,
    after: Option<Exact>,
    weight: &Option<Exact>,
) -> Node {
    let change = difference(&after, &before);
    let contribution = match (&change, weight) {
        (Some(change), Some(weight)) => Some(change * weight),
        _ => None,
    };
    Node {
        metric: metric.to_owned(),
        label,
        unit,
        before,
        after,
        change,
        contribution,
        operator: None,
        negative: false,
        children: Vec::new(),
    }
}
