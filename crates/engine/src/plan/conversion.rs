//! Conversions: entities with rows of one fact, and those who come to a row of another within a time.

use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use burgeon_metrics::base::{BaseMeasure, BaseRequest, BaseRow, BaseSeries, ConversionTake, Span, Target};
use datafusion::logical_expr::cast;
use futures::StreamExt;

use super::actives::{Groups, texts};
use super::engine::Engine;
use super::error::EngineError;
use super::frame::{Dim, Frame, column, value_of};

/// Puts requests together that differ only in the figure they take.
pub(super) fn group(requests: &[BaseRequest], positions: &[usize]) -> Vec<Vec<usize>> {
    let alike = |a: &BaseRequest, b: &BaseRequest| {
        let measure = a.measure.clone();
        *a == BaseRequest { measure, ..b.clone() }
            && parts(a).zip(parts(b)).is_some_and(|(a, b)| (a.0, a.1, a.2) == (b.0, b.1, b.2))
    };
    let mut groups: Vec<Vec<usize>> = vec![];
    for &at in positions {
        match groups.iter_mut().find(|group| alike(&requests[group[0]], &requests[at])) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

fn parts(request: &BaseRequest) -> Option<(&Target, &str, (i64, i64), ConversionTake)> {
    match &request.measure {
        BaseMeasure::Conversion { target, link, after_us, window_us, take } => {
            Some((target, link, (*after_us, *window_us), *take))
        }
        _ => None,
    }
}

/// Reads both facts once and adds to the answers of the members.
pub(super) async fn run(
    engine: &Engine,
    requests: &[BaseRequest],
    members: &[usize],
    answers: &mut [BaseSeries],
) -> Result<(), EngineError> {
    let request = &requests[members[0]];
    let Met { met, groups, .. } = met(engine, request).await?;
    let mut counts: HashMap<(usize, u32), [i128; 3]> = HashMap::new();
    for ((span, group, _), converted) in met {
        let [base, yes, time] = counts.entry((span, group)).or_default();
        *base += 1;
        if let Some((_, wait)) = converted {
            *yes += 1;
            *time += i128::from(wait);
        }
    }
    for ((span, group), [base, converted, time]) in counts {
        for &member in members {
            let value = match parts(&requests[member]) {
                Some((.., ConversionTake::Converted)) => converted,
                Some((.., ConversionTake::Time)) => time,
                _ => base,
            };
            if value != 0 {
                let dims = groups.all[group as usize].clone();
                answers[member].rows.push(BaseRow { span, dims, currency: None, value, scale: 0 });
            }
        }
    }
    Ok(())
}

/// The names of the entities that a figure counts in its only span.
pub(super) async fn people(engine: &Engine, request: &BaseRequest) -> Result<Vec<String>, EngineError> {
    let base = matches!(parts(request), Some((.., ConversionTake::Base)));
    let Met { met, entities, .. } = met(engine, request).await?;
    let mut counted = vec![false; entities.len()];
    for ((.., entity), yes) in met {
        counted[entity as usize] |= base || yes.is_some();
    }
    let names = entities.into_iter();
    Ok(names.filter(|(_, entity)| counted[*entity as usize]).map(|(name, _)| name).collect())
}

/// Who has base rows, and whether they were converted.
#[derive(Debug, Default)]
struct Met {
    /// By span, group and entity: the earliest base row that was converted, and how long it took, µs.
    met: HashMap<(usize, u32, u32), Option<(i64, i64)>>,
    groups: Groups,
    entities: HashMap<String, u32>,
}

async fn met(engine: &Engine, request: &BaseRequest) -> Result<Met, EngineError> {
    let Some((target, link, window, _)) = parts(request) else { return Ok(Met::default()) };
    let targets = targets(engine, request, target, link).await?;
    let zone = &engine.options.zone;
    let session = engine.session(request.cut_off);
    let frame = Frame::new(engine, &session, request).await?;
    let entity = column(request.entity.as_deref().unwrap_or_default());
    let mut keep = frame.in_time(&request.spans, request.cut_off, true).and(entity.clone().is_not_null());
    for filter in &request.filters {
        keep = keep.and(frame.condition(filter, zone));
    }
    if let Some(filter) = &request.filter {
        keep = frame.definition_filter(engine, request, filter)?.and(keep);
    }
    let dims: Vec<Dim> = request.by.iter().map(|dimension| frame.dim(dimension)).collect();
    let mut select = vec![
        cast(entity, DataType::Utf8View).alias("__entity"),
        cast(column(link), DataType::Utf8View).alias("__link"),
        cast(frame.time.clone(), DataType::Int64).alias("__at"),
    ];
    select.extend(dims.iter().enumerate().map(|(i, dim)| dim.expr.clone().alias(format!("__dim_{i}"))));
    let mut stream = frame.rows.clone().filter(keep)?.select(select)?.execute_stream().await?;

    let mut groups = Groups::default();
    let mut entities: HashMap<String, u32> = HashMap::new();
    let mut met: HashMap<(usize, u32, u32), Option<(i64, i64)>> = HashMap::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let (ids, links) = (texts(batch.column(0))?, texts(batch.column(1))?);
        let (ids, links) = (ids.as_string_view(), links.as_string_view());
        let times = batch.column(2).as_primitive::<Int64Type>();
        let values = (0..dims.len()).map(|i| texts(batch.column(3 + i))).collect::<Result<Vec<_>, _>>()?;
        for row in (0..batch.num_rows()).filter(|row| times.is_valid(*row)) {
            let at = times.value(row);
            let Some(span) = span_of(&request.spans, at) else { continue };
            let dims = values.iter().zip(&dims).map(|(array, dim)| {
                let array = array.as_string_view();
                value_of(dim, array.is_valid(row).then(|| array.value(row)), zone)
            });
            let group = groups.number(dims.collect());
            let next = u32::try_from(entities.len()).unwrap_or(u32::MAX);
            let entity = match entities.get(ids.value(row)) {
                Some(number) => *number,
                None => *entities.entry(ids.value(row).to_owned()).or_insert(next),
            };
            let converted = met.entry((span, group, entity)).or_default();
            if links.is_valid(row) && converted.is_none_or(|(before, _)| at < before) {
                let wait = targets.get(links.value(row)).and_then(|times| wait(times, at, window));
                *converted = wait.map(|wait| (at, wait)).or(*converted);
            }
        }
    }
    Ok(Met { met, groups, entities })
}

/// The span that holds a moment; spans ascend.
fn span_of(spans: &[Span], at: i64) -> Option<usize> {
    let place = spans.partition_point(|span| span.start <= at).checked_sub(1)?;
    (at < spans[place].end).then_some(place)
}

/// How long after `at` the first of ascending times comes that is at least `after` and less than `window` later.
fn wait(times: &[i64], at: i64, (after, window): (i64, i64)) -> Option<i64> {
    let next = times.partition_point(|time| *time < at.saturating_add(after));
    times.get(next).map(|time| time.saturating_sub(at)).filter(|wait| *wait < window)
}

/// The times of the target by link, ascending.
async fn targets(
    engine: &Engine,
    request: &BaseRequest,
    target: &Target,
    link: &str,
) -> Result<HashMap<String, Vec<i64>>, EngineError> {
    let asked = BaseRequest {
        fact: target.fact.clone(),
        time: target.time.clone(),
        by: vec![],
        filters: vec![],
        filter: target.filter.clone(),
        ..request.clone()
    };
    let session = engine.session(request.cut_off);
    let frame = Frame::new(engine, &session, &asked).await?;
    let first = request.spans.iter().map(|span| span.start).min().unwrap_or(i64::MIN);
    let until = Span { start: first, end: i64::MAX };
    let mut keep = frame.in_time(&[until], request.cut_off, true).and(column(link).is_not_null());
    if let Some(filter) = &asked.filter {
        keep = frame.definition_filter(engine, &asked, filter)?.and(keep);
    }
    let select = vec![
        cast(column(link), DataType::Utf8View).alias("__link"),
        cast(frame.time.clone(), DataType::Int64).alias("__at"),
    ];
    let mut stream = frame.rows.clone().filter(keep)?.select(select)?.execute_stream().await?;
    let mut found: HashMap<String, Vec<i64>> = HashMap::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let links = texts(batch.column(0))?;
        let links = links.as_string_view();
        let times = batch.column(1).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| times.is_valid(*row)) {
            match found.get_mut(links.value(row)) {
                Some(list) => list.push(times.value(row)),
                None => {
                    found.insert(links.value(row).to_owned(), vec![times.value(row)]);
                }
            }
        }
    }
    found.values_mut().for_each(|times| times.sort_unstable());
    Ok(found)
}
