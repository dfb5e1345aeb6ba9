//! Sums, counts, balances and numbers of entities: one scan for all requests over the same rows.
//!
//! Rows are grouped by the dimensions alone; each aggregate counts spans (and currencies) inside itself.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use burgeon_metrics::base::{Aggregate, BaseMeasure, BaseRequest, BaseRow, BaseSeries, Money, Span};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ExprFunctionExt, ExprSchemable, cast, lit, when};
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;

use super::engine::Engine;
use super::error::EngineError;
use super::frame::{Dim, Frame, column, value_of};
use crate::facts::FactSchema;
use crate::functions::{convert, positive_entities, span_distinct, span_sums};

/// Requests answered by one scan, and the spans of that scan.
#[derive(Debug)]
pub struct Group {
    /// Positions of the requests.
    pub members: Vec<usize>,
    /// Ascending bounds of all spans, µs UTC; one more than there are spans.
    pub bounds: Vec<i64>,
}

/// Whether this planner answers `request`; the rest goes to [`super::single`].
pub(super) fn can(engine: &Engine, request: &BaseRequest) -> Result<bool, EngineError> {
    if bounds_of(&request.spans).is_none() {
        return Ok(false);
    }
    Ok(match &request.measure {
        BaseMeasure::Balance { .. } | BaseMeasure::PositiveEntities { .. } => true,
        BaseMeasure::Aggregate { function: Aggregate::Sum | Aggregate::Count, .. } => true,
        BaseMeasure::Aggregate { function: Aggregate::CountDistinct, expr: Some(expr) } => {
            let fact = engine.fact(&request.fact)?;
            let id = fact.file.entity.as_ref() == Some(expr) || fact.file.entity_ids.contains(expr);
            let simple = fact
                .columns
                .iter()
                .any(|c| &c.name == expr && matches!(c.data_type, DataType::Utf8View | DataType::UInt64));
            id && simple
        }
        _ => false,
    })
}

/// The bounds of spans that ascend and touch each other.
fn bounds_of(spans: &[Span]) -> Option<Vec<i64>> {
    let first = spans.first()?;
    let mut bounds = vec![first.start];
    for span in spans {
        if *bounds.last()? != span.start || span.end <= span.start {
            return None;
        }
        bounds.push(span.end);
    }
    Some(bounds)
}

/// Puts requests with the same rows together, where the spans of one end with all spans of the other.
pub(super) fn group(requests: &[BaseRequest], positions: &[usize]) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![];
    for &at in positions {
        let request = &requests[at];
        let Some(bounds) = bounds_of(&request.spans) else { continue };
        let fits = groups.iter_mut().find(|group| {
            let first = &requests[group.members[0]];
            first.fact == request.fact
                && first.time == request.time
                && first.entity == request.entity
                && first.filters == request.filters
                && first.by == request.by
                && first.cut_off == request.cut_off
                && (group.bounds.ends_with(&bounds) || bounds.ends_with(&group.bounds))
        });
        match fits {
            Some(group) => {
                group.members.push(at);
                if bounds.len() > group.bounds.len() {
                    group.bounds = bounds;
                }
            }
            None => groups.push(Group { members: vec![at], bounds }),
        }
    }
    groups
}

/// One aggregate of the scan: how its cells are read, and its decimals.
enum Cell {
    Sums { scale: u8 },
    Counts,
}

/// A scan ready to run.
struct Prepared<'a> {
    session: SessionContext,
    frame: Frame,
    keys: Vec<Expr>,
    aggregates: Vec<Expr>,
    cells: Vec<Cell>,
    dims: Vec<Dim>,
    /// The fact, when an aggregate needs whole entities.
    entity: Option<&'a FactSchema>,
}

async fn prepare<'a>(
    engine: &'a Engine,
    members: &[&BaseRequest],
    bounds: &Arc<[i64]>,
) -> Result<Prepared<'a>, EngineError> {
    let first = members[0];
    let zone = &engine.options.zone;
    let session = engine.session(first.cut_off);
    let mut frame = Frame::new(engine, &session, first).await?;
    let fact = engine.fact(&first.fact)?;

    // What all members leave out is left out once, before grouping.
    let running = members.iter().any(|m| matches!(m.measure, BaseMeasure::PositiveEntities { .. }));
    let spans: Vec<Span> = bounds.windows(2).map(|w| Span { start: w[0], end: w[1] }).collect();
    let mut keep = frame.in_time(&spans, first.cut_off, !running);
    for filter in &first.filters {
        keep = keep.and(frame.condition(filter, zone));
    }
    let shared = members.iter().all(|m| m.filter == first.filter);
    if shared && let Some(filter) = &first.filter {
        keep = frame.definition_filter(engine, first, filter)?.and(keep);
    }
    frame.rows = frame.rows.clone().filter(keep)?;

    let needs_entity = members.iter().any(|m| {
        matches!(
            m.measure,
            BaseMeasure::PositiveEntities { .. }
                | BaseMeasure::Aggregate { function: Aggregate::CountDistinct, .. }
        )
    });
    let dims: Vec<Dim> = first.by.iter().map(|d| frame.dim(d)).collect();
    let keys: Vec<Expr> =
        dims.iter().enumerate().map(|(i, dim)| dim.expr.clone().alias(format!("__dim_{i}"))).collect();
    let mut aggregates = vec![];
    let mut cells = vec![];
    for (number, request) in members.iter().enumerate() {
        let (aggregate, cell) = aggregate(engine, &frame, request, bounds)?;
        let filter = match (&request.filter, shared) {
            (Some(filter), false) => Some(frame.definition_filter(engine, request, filter)?),
            _ => None,
        };
        let aggregate = match (&cell, filter) {
            (Cell::Sums { .. }, None) => aggregate,
            (Cell::Sums { .. }, Some(filter)) => aggregate.filter(filter).build()?,
            (Cell::Counts, None) => aggregate.order_by(frame.order(fact)).build()?,
            (Cell::Counts, Some(filter)) => aggregate.order_by(frame.order(fact)).filter(filter).build()?,
        };
        aggregates.push(aggregate.alias(format!("__value_{number}")));
        cells.push(cell);
    }
    let entity = needs_entity.then_some(fact);
    Ok(Prepared { session, frame, keys, aggregates, cells, dims, entity })
}

/// The physical plan of one scan as text.
pub(super) async fn explain(
    engine: &Engine,
    requests: &[BaseRequest],
    group: &Group,
) -> Result<String, EngineError> {
    let members: Vec<&BaseRequest> = group.members.iter().map(|at| &requests[*at]).collect();
    let bounds: Arc<[i64]> = group.bounds.as_slice().into();
    let scan = prepare(engine, &members, &bounds).await?;
    let plan = scan.frame.rows.clone().aggregate(scan.keys, scan.aggregates)?.create_physical_plan().await?;
    Ok(displayable(plan.as_ref()).indent(false).to_string())
}

/// Runs one scan and adds its rows to the answers of its members.
pub(super) async fn run(
    engine: &Engine,
    requests: &[BaseRequest],
    group: &Group,
    answers: &mut [BaseSeries],
) -> Result<(), EngineError> {
    let members: Vec<&BaseRequest> = group.members.iter().map(|at| &requests[*at]).collect();
    let zone = &engine.options.zone;
    let bounds: Arc<[i64]> = group.bounds.as_slice().into();
    let Prepared { session, frame, keys, aggregates, cells, dims, entity } =
        prepare(engine, &members, &bounds).await?;
    let batches = frame.aggregate(engine, &session, keys, aggregates, entity).await?;
    for batch in &batches {
        let texts = (0..dims.len()).map(|i| batch.column(i).as_string_view_opt()).collect::<Vec<_>>();
        for row in 0..batch.num_rows() {
            let values: Vec<Option<String>> = dims
                .iter()
                .zip(&texts)
                .map(|(dim, text)| {
                    let text = text.and_then(|t| t.is_valid(row).then(|| t.value(row)));
                    value_of(dim, text, zone)
                })
                .collect();
            for (number, cell) in cells.iter().enumerate() {
                let request = members[number];
                let skip = bounds.len() - 1 - request.spans.len();
                let out = &mut answers[group.members[number]].rows;
                let array = batch.column(dims.len() + number);
                if array.is_null(row) {
                    continue;
                }
                match cell {
                    Cell::Sums { scale } => {
                        for (currency, span, value) in span_sums::decode(array.as_binary::<i32>().value(row))?
                        {
                            let Some(span) = span.checked_sub(skip) else { continue };
                            out.push(BaseRow { span, dims: values.clone(), currency, value, scale: *scale });
                        }
                    }
                    Cell::Counts => {
                        let list = array.as_list::<i32>().value(row);
                        for (span, count) in list.as_primitive::<Int64Type>().values().iter().enumerate() {
                            let Some(span) = span.checked_sub(skip) else { continue };
                            if *count != 0 {
                                let value = i128::from(*count);
                                out.push(BaseRow {
                                    span,
                                    dims: values.clone(),
                                    currency: None,
                                    value,
                                    scale: 0,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn aggregate(
    engine: &Engine,
    frame: &Frame,
    request: &BaseRequest,
    bounds: &Arc<[i64]>,
) -> Result<(Expr, Cell), EngineError> {
    let none = lit(ScalarValue::Null);
    let amount = match &request.measure {
        BaseMeasure::PositiveEntities { expr } => {
            let entity = column(request.entity.as_deref().unwrap_or_default());
            let amount = frame.sql(request, expr)?;
            let call =
                positive_entities::udaf(Arc::clone(bounds)).call(vec![entity, frame.time.clone(), amount]);
            return Ok((call, Cell::Counts));
        }
        BaseMeasure::Aggregate { function: Aggregate::CountDistinct, expr: Some(expr) } => {
            let id = frame.sql(request, expr)?;
            let call = span_distinct::udaf(Arc::clone(bounds)).call(vec![frame.time.clone(), id]);
            return Ok((call, Cell::Counts));
        }
        BaseMeasure::Aggregate { function: Aggregate::Count, expr: None } => lit(1_i64),
        BaseMeasure::Aggregate { function: Aggregate::Count, expr: Some(expr) } => {
            when(frame.sql(request, expr)?.is_not_null(), lit(1_i64)).end()?
        }
        BaseMeasure::Aggregate { expr: Some(expr), .. } | BaseMeasure::Balance { expr } => {
            frame.sql(request, expr)?
        }
        BaseMeasure::Aggregate { .. } | BaseMeasure::Cohort { .. } => none.clone(),
    };
    let amount_type = amount.get_type(frame.rows.schema())?;
    let (amount, mut scale) = match amount_type {
        DataType::Decimal128(_, scale) => (amount, u8::try_from(scale).unwrap_or(0)),
        t if t.is_integer() => (amount, 0),
        _ => (cast(amount, DataType::Decimal128(38, 10)), 10),
    };
    let (amount, currency) = match request.money {
        Some(Money::Flow { display, .. }) => {
            scale = convert::SCALE as u8;
            let convert = convert::udf(Arc::clone(&engine.rates), display);
            (convert.call(vec![amount, column("currency"), frame.time.clone()]), none)
        }
        Some(Money::Native { .. }) => (amount, column("currency")),
        None => (amount, none),
    };
    let call = span_sums::udaf(Arc::clone(bounds)).call(vec![frame.time.clone(), amount, currency]);
    Ok((call, Cell::Sums { scale }))
}
