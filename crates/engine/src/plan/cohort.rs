//! Balances at the start and the end of spans: one scan for all figures of a cohort.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use burgeon_core::currency::Currency;
use burgeon_metrics::base::{BaseMeasure, BaseRequest, BaseRow, BaseSeries, CohortTake, Money};
use datafusion::logical_expr::{Expr, ExprFunctionExt, cast, lit};

use super::engine::Engine;
use super::error::EngineError;
use super::frame::{Dim, Frame, column, value_of};
use crate::functions::cohort_takes::{self, CohortSpans, CohortSums};
use crate::functions::convert;

/// Puts requests together that differ only in the figure they take.
pub(super) fn group(requests: &[BaseRequest], positions: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = vec![];
    for &at in positions {
        let fits = groups.iter_mut().find(|group| same_rows(&requests[group[0]], &requests[at]));
        match fits {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

fn same_rows(a: &BaseRequest, b: &BaseRequest) -> bool {
    let (BaseMeasure::Cohort { expr: x, .. }, BaseMeasure::Cohort { expr: y, .. }) = (&a.measure, &b.measure)
    else {
        return false;
    };
    // Numbers of entities are no money; they share the scan of amounts in any currency.
    let currency = match (display(a), display(b)) {
        (Some(x), Some(y)) => x == y,
        _ => true,
    };
    x == y
        && currency
        && a.fact == b.fact
        && a.time == b.time
        && a.entity == b.entity
        && a.filter == b.filter
        && a.filters == b.filters
        && a.by == b.by
        && a.spans == b.spans
        && a.cut_off == b.cut_off
}

fn display(request: &BaseRequest) -> Option<Currency> {
    match request.money? {
        Money::Flow { display, .. } | Money::Native { display, .. } => Some(display),
    }
}

/// Runs one scan and adds its rows to the answers of its members.
pub(super) async fn run(
    engine: &Engine,
    requests: &[BaseRequest],
    members: &[usize],
    answers: &mut [BaseSeries],
) -> Result<(), EngineError> {
    let first = &requests[members[0]];
    let BaseMeasure::Cohort { expr, .. } = &first.measure else { return Ok(()) };
    let zone = &engine.options.zone;
    let session = engine.session(first.cut_off);
    let mut frame = Frame::new(engine, &session, first).await?;
    let fact = engine.fact(&first.fact)?;

    // The balance at the end is the whole entity's: conditions on rows decide only what counts at the start.
    let mut keep = frame.in_time(&first.spans, first.cut_off, false);
    let mut counts: Expr = lit(true);
    for filter in &first.filters {
        let condition = frame.condition(filter, zone);
        if filter.dimension.of_entity() {
            keep = keep.and(condition);
        } else {
            counts = counts.and(condition);
        }
    }
    if let Some(filter) = &first.filter {
        keep = frame.definition_filter(engine, first, filter)?.and(keep);
    }
    frame.rows = frame.rows.clone().filter(keep)?;

    let known = members.iter().find_map(|at| display(&requests[*at]));
    let display = known.unwrap_or(engine.options.display);
    // The rate of a span is that of a day, so that a stored result holds as long as the day does.
    let rate_at = (0..first.spans.len())
        .map(|i| zone.start_of(zone.date_of(first.end_of(i).saturating_sub(1))))
        .collect();
    let spans = Arc::new(CohortSpans {
        spans: first.spans.clone(),
        rate_at,
        display,
        rates: Arc::clone(&engine.rates),
    });
    let dims: Vec<Dim> = first.by.iter().map(|d| frame.dim(d)).collect();
    let currency = match known {
        Some(_) => column("currency"),
        // Without money any one currency serves: only signs matter.
        None if fact.columns.iter().any(|c| c.name == "currency") => column("currency"),
        None => cast(lit(display.code()), DataType::Utf8View),
    };
    let mut arguments = vec![
        column(first.entity.as_deref().unwrap_or_default()),
        frame.time.clone(),
        frame.sql(first, expr)?,
        currency,
        counts,
    ];
    arguments.extend(dims.iter().map(|dim| dim.expr.clone()));
    let call = cohort_takes::udaf(Arc::clone(&spans)).call(arguments).order_by(frame.order(fact)).build()?;
    let batches = frame.aggregate(engine, &session, vec![], vec![call.alias("__sums")], Some(fact)).await?;

    let mut sums = CohortSums::new(first.spans.len());
    for batch in &batches {
        for cell in batch.column(0).as_binary::<i32>().iter().flatten() {
            sums.merge(cell)?;
        }
    }
    for (key, currency, span, takes) in sums.iter() {
        let values: Vec<_> =
            key.iter().zip(&dims).map(|(value, dim)| value_of(dim, value.as_deref(), zone)).collect();
        for &member in members {
            let BaseMeasure::Cohort { take, .. } = requests[member].measure else { continue };
            let value = match take {
                CohortTake::StartAmount => takes.start,
                CohortTake::EndAmount => takes.end,
                CohortTake::CappedAmount => takes.capped,
                CohortTake::StartEntities => i128::from(takes.entities),
                CohortTake::KeptEntities => i128::from(takes.kept),
            };
            if value == 0 {
                continue;
            }
            let (currency, scale) = match (take.is_amount(), currency) {
                (false, _) => (None, 0),
                (true, Some(currency)) => (Some(currency), 0),
                (true, None) => (None, convert::SCALE as u8),
            };
            answers[member].rows.push(BaseRow { span, dims: values.clone(), currency, value, scale });
        }
    }
    Ok(())
}
