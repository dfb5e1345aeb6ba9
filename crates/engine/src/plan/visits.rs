//! Figures over visits from the hot columns: facts whose rows are those of `visits_fold()` (the header `fold`).
//!
//! The fold reads all events for each question. The hot columns give the same figures for what is asked mostly (how many visits,
//! by whom, what they come to, who went on from them and how long that took), divided and filtered by columns of the first
//! page view; after more events that costs what these changed. All else is read.

use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::step::{ANY_EVENT, Condition, Op, Step};
use burgeon_core::behaviour::visits::{FIGURES, VisitFigures, Visits, Which};
use burgeon_metrics::base::{
    Aggregate, BaseMeasure, BaseRequest, BaseSeries, ConversionTake, Dimension, Filter,
};
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::engine::Engine;
use super::error::EngineError;
use super::hot::{self, Division, Hot};
use super::people::PERSON;
use crate::events::EventStore;
use crate::functions::visits_fold::{self, BESIDE, QUIET};

/// A request as the hot columns can answer it.
struct Asked<'a> {
    figure: fn(&VisitFigures) -> i64,
    which: Which,
    /// What somebody goes on to: its steps, and from when until when, µs.
    target: Option<(Vec<Step>, (i64, i64))>,
    calendar: Calendar,
    /// The columns of the first page view that divide and filter.
    division: Division,
    among: Vec<&'a Filter>,
}

/// The request as a question to the hot columns; `None` where it asks for more than they know.
fn asked<'a>(engine: &Engine, request: &'a BaseRequest) -> Result<Option<Asked<'a>>, EngineError> {
    let fact = engine.fact(&request.fact)?;
    let touching = request.spans.windows(2).all(|pair| pair[0].end == pair[1].start);
    let (Some(first), Some(last)) = (request.spans.first(), request.spans.last()) else { return Ok(None) };
    if fact.file.fold.as_deref() != Some(visits_fold::NAME)
        || request.money.is_some()
        || !touching
        || first.start == i64::MIN
    {
        return Ok(None);
    }
    let persons = request.entity.as_deref() == Some(PERSON);
    let mut target = None;
    let figure: fn(&VisitFigures) -> i64 = match &request.measure {
        BaseMeasure::Aggregate { function: Aggregate::Count, expr: None } => |figures| figures.visits,
        // As means have it; these two are never missing.
        BaseMeasure::Aggregate { function: Aggregate::Count, expr: Some(expr) }
            if ["pages", "seconds"].contains(&expr.trim()) =>
        {
            |figures| figures.visits
        }
        BaseMeasure::Aggregate { function: Aggregate::Sum, expr: Some(expr) } => match expr.trim() {
            "pages" => |figures| figures.pages,
            "seconds" => |figures| figures.seconds,
            _ => return Ok(None),
        },
        BaseMeasure::ActiveEntities if persons => |figures| figures.persons,
        BaseMeasure::Conversion { target: to, link, after_us, window_us, take }
            if persons && link == PERSON =>
        {
            let of = BaseRequest { fact: to.fact.clone(), ..request.clone() };
            let Some((steps, _)) = hot::meaning(engine, &of)?.filter(|_| to.filter.is_none()) else {
                return Ok(None);
            };
            target = Some((steps, (*after_us, *window_us)));
            match take {
                ConversionTake::Base => |figures| figures.persons,
                ConversionTake::Converted => |figures| figures.converted,
                ConversionTake::Time => |figures| figures.wait_us,
            }
        }
        _ => return Ok(None),
    };
    let (mut which, mut filters, mut among) = (Which::All, vec![], vec![]);
    if let Some(text) = &request.filter {
        match condition(text) {
            Some(Meant::Which(found)) => which = found,
            Some(Meant::Column(filter)) => filters.push(filter),
            None => return Ok(None),
        }
    }
    for filter in &request.filters {
        match filter.dimension {
            Dimension::Among { .. } => among.push(filter),
            _ => filters.push(filter.clone()),
        }
    }
    let by: Option<Vec<String>> = request.by.iter().map(hot::column).collect();
    let filters: Option<Vec<_>> = filters.iter().map(hot::of_events).collect();
    let (Some(by), Some(filters)) = (by, filters) else { return Ok(None) };
    let division = Division { by, filters };
    let calendar = Calendar::new(request.spans.iter().map(|span| span.start).chain([last.end]).collect());
    Ok(Some(Asked { figure, which, target, calendar, division, among }))
}

/// What the filter of a definition says of visits.
#[derive(Debug, PartialEq)]
enum Meant {
    Which(Which),
    Column(Filter),
}

fn condition(text: &str) -> Option<Meant> {
    let parsed =
        Parser::new(&GenericDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_expr());
    let name = |expr: &Expr| match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        _ => None,
    };
    let flag = |expr: &Expr, wanted: bool| match name(expr)?.as_str() {
        "bounced" => Some(Meant::Which(Which::Bounced(wanted))),
        "is_returning" => Some(Meant::Which(Which::Returning(wanted))),
        _ => None,
    };
    match parsed.ok()? {
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => flag(&expr, false),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let Expr::Value(value) = *right else { return None };
            let Value::SingleQuotedString(value) = value.value else { return None };
            let dimension = Dimension::Fact { column: name(&left)?, of_entity: false };
            Some(Meant::Column(Filter { dimension, negated: false, values: vec![value] }))
        }
        expr => flag(&expr, true),
    }
}

/// Whether the hot columns answer a request about visits.
pub(super) fn can(engine: &Engine, request: &BaseRequest) -> Result<bool, EngineError> {
    Ok(asked(engine, request)?.is_some())
}

/// The answer of the hot columns; `None` where they have none.
pub(super) async fn hot(engine: &Engine, request: &BaseRequest) -> Result<Option<BaseSeries>, EngineError> {
    let (Some(store), Some(asked)) = (engine.events(), asked(engine, request)?) else { return Ok(None) };
    let Some(views) = engine.options.macros.meanings.get("page_view").filter(|view| !view.steps.is_empty())
    else {
        return Ok(Some(BaseSeries::default()));
    };
    let (steps, conversion) = asked.target.unzip();
    let conditions = vec![
        [views.steps.clone(), beside()].concat(),
        views.steps.clone(),
        QUIET.map(Step::named).to_vec(),
        steps.unwrap_or_default(),
    ];
    let Some(hot) = Hot::ready(engine, store, conditions, asked.division, &asked.among).await? else {
        return Ok(None);
    };
    let kernel = Visits {
        gap_us: engine.options.macros.session_gap_us,
        cut_off: until(&hot.store, request.cut_off)?,
        which: asked.which,
        conversion,
        groups: hot.groups,
        calendar: asked.calendar,
    };
    if !hot.fits(FIGURES * kernel.calendar.len()) {
        return Ok(None);
    }
    let sum = hot.store.ask(hot.question.clone(), kernel.clone()).await?;
    if sum.ties() > 0 {
        // Which of several page views at one moment was the first the hot columns do not know.
        return Ok(None);
    }
    let places: Vec<usize> = (0..request.spans.len()).collect();
    hot.series(&places, |group, place| (asked.figure)(&kernel.figures(&sum, group, place))).map(Some)
}

/// What belongs to a visit beside page views, as steps.
fn beside() -> Vec<Step> {
    let there = Condition { property: "path".into(), op: Op::Ne, value: String::new() };
    let somewhere = Step { conditions: vec![there], ..Step::named(ANY_EVENT) };
    BESIDE.map(Step::named).into_iter().chain([somewhere]).collect()
}

/// The cut-off; none when nothing lies behind it, so that kept answers hold while time goes on.
fn until(store: &EventStore, cut_off: i64) -> Result<i64, EngineError> {
    let newest = store.span()?.map_or(i64::MIN, |(_, newest)| newest);
    Ok(if newest >= cut_off { cut_off } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_definitions_are_understood_or_left_to_sql() {
        assert_eq!(condition("bounced"), Some(Meant::Which(Which::Bounced(true))));
        assert_eq!(condition("NOT is_returning"), Some(Meant::Which(Which::Returning(false))));
        let organic = Filter {
            dimension: Dimension::Fact { column: "channel".into(), of_entity: false },
            negated: false,
            values: vec!["it's".into()],
        };
        assert_eq!(condition("channel = 'it''s'"), Some(Meant::Column(organic)));
        for other in ["pages > 1", "bounced AND is_returning", "path", "channel = path", "1 +"] {
            assert_eq!(condition(other), None, "{other}");
        }
    }
}
