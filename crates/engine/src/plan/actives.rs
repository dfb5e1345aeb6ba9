//! Distinct entities in windows that may overlap: active persons of days, weeks, months, and of the last 7 and 30 days.
//!
//! Two ways lead to the same figures. Where the rows of the fact are the events of a meaning (its header `meaning`) and what
//! the request divides and filters by are columns or properties of the events, the [event store](crate::events) answers from its
//! hot columns. All else is read through SQL.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use burgeon_core::behaviour::active::Active;
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::members::Members;
use burgeon_core::behaviour::rolling::{ActiveBetween, Rolling};
use burgeon_core::time::Zone;
use burgeon_metrics::base::{BaseRequest, BaseRow, BaseSeries, Span};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::cast;
use futures::StreamExt;

use super::engine::Engine;
use super::error::EngineError;
use super::frame::{Dim, Frame, column, value_of};
use super::hot::{self, Hot};
use super::people::PERSON;
use crate::functions::span_index;

/// Answers one request.
pub(super) async fn run(engine: &Engine, request: &BaseRequest) -> Result<BaseSeries, EngineError> {
    match hot(engine, request).await? {
        Some(series) => Ok(series),
        None => read(engine, request).await,
    }
}

/// The rule of the fact's meaning; a single row where it has none.
fn rule(engine: &Engine, request: &BaseRequest) -> Result<Active, EngineError> {
    Ok(hot::meaning(engine, request)?.map_or(Active::ONCE, |(_, active)| active))
}

/// Spans as windows of a calendar.
struct Windows {
    calendar: Calendar,
    length: u32,
    /// The span of the calendar with which each window ends.
    last: Vec<usize>,
}

impl Windows {
    /// Spans that touch each other, or that are all the same number of days long.
    fn of(spans: &[Span], zone: &Zone) -> Option<Windows> {
        let (first, last) = (spans.first()?, spans.last()?);
        if first.start == i64::MIN {
            return None;
        }
        if spans.windows(2).all(|pair| pair[0].end == pair[1].start) {
            let bounds = spans.iter().map(|span| span.start).chain([last.end]).collect();
            return Some(Windows {
                calendar: Calendar::new(bounds),
                length: 1,
                last: (0..spans.len()).collect(),
            });
        }
        let date = |at: i64| Some(zone.date_of(at)).filter(|date| zone.start_of(*date) == at);
        let days = |from: jiff::civil::Date, to: jiff::civil::Date| (to - from).get_days();
        let start = date(first.start)?;
        let length = days(start, date(first.end)?);
        let mut end = 0;
        let mut places = Vec::with_capacity(spans.len());
        for span in spans {
            let (from, to) = (date(span.start)?, date(span.end)?);
            if days(from, to) != length || length < 1 {
                return None;
            }
            let place = days(start, to);
            end = end.max(place);
            places.push(usize::try_from(place - 1).ok()?);
        }
        let bounds =
            (0..=end).map(|day| Some(zone.start_of(start.checked_add(jiff::Span::new().days(day)).ok()?)));
        Some(Windows {
            calendar: Calendar::new(bounds.collect::<Option<_>>()?),
            length: u32::try_from(length).ok()?,
            last: places,
        })
    }
}

/// Numbers of the persons who are active in a span, from the hot columns; `None` where they have no answer.
pub(super) async fn hot_people(
    engine: &Engine,
    request: &BaseRequest,
    span: Span,
) -> Result<Option<Vec<u32>>, EngineError> {
    if request.entity.as_deref() != Some(PERSON) {
        return Ok(None);
    }
    let request = BaseRequest { by: vec![], spans: vec![span], ..request.clone() };
    let Some(hot) = Hot::of(engine, &request).await? else { return Ok(None) };
    let end = span.end.min(request.cut_off);
    if hot.is_empty() || end <= span.start {
        return Ok(Some(vec![]));
    }
    let who = ActiveBetween { start: span.start, end, active: hot.active, group: None };
    Ok(Some(hot.store.ask(hot.question, Members(who)).await?.sorted()))
}

/// The answer of the hot columns; `None` where they have none.
pub(super) async fn hot(engine: &Engine, request: &BaseRequest) -> Result<Option<BaseSeries>, EngineError> {
    if request.entity.as_deref() != Some(PERSON) {
        return Ok(None);
    }
    let Some(windows) = Windows::of(&request.spans, &engine.options.zone) else { return Ok(None) };
    let Some(hot) = Hot::of(engine, request).await? else { return Ok(None) };
    if hot.is_empty() {
        return Ok(Some(BaseSeries::default()));
    }
    if !hot.fits(2 * (windows.calendar.len() + 2)) {
        return Ok(None);
    }
    let kernel = Rolling {
        calendar: windows.calendar,
        windows: vec![windows.length],
        active: hot.active,
        groups: hot.groups,
    };
    let sum = hot.store.ask(hot.question.clone(), kernel.clone()).await?;
    let counts = kernel.counts(&sum);
    hot.series(&windows.last, |group, place| counts.of(group, 0).get(place).copied().unwrap_or(0)).map(Some)
}

/// What entities did when, from the rows of a fact.
struct Histories {
    /// Group, entity, time; sorted. With a rule of once a time stands for all up to the next bound of a span.
    rows: Vec<(u32, u32, i64)>,
    groups: Groups,
    entities: HashMap<String, u32>,
}

/// The names of the entities that are active in a span, from the rows of the fact.
pub(super) async fn read_people(
    engine: &Engine,
    request: &BaseRequest,
    span: Span,
    rule: Option<Active>,
) -> Result<Vec<String>, EngineError> {
    let rule = match rule {
        Some(rule) => rule,
        None => self::rule(engine, request)?,
    };
    let request = BaseRequest { by: vec![], spans: vec![span], ..request.clone() };
    let histories = histories(engine, &request, rule).await?;
    let mut active = vec![false; histories.entities.len()];
    for history in histories.rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let times: Vec<i64> = history.iter().map(|(_, _, at)| *at).collect();
        let mut counts = [0; 2];
        count(&request.spans, rule, &times, &mut counts);
        active[history[0].1 as usize] |= counts[0] > 0;
    }
    let names = histories.entities.into_iter();
    Ok(names.filter(|(_, entity)| active[*entity as usize]).map(|(name, _)| name).collect())
}

/// The answer from the rows of the fact.
pub(super) async fn read(engine: &Engine, request: &BaseRequest) -> Result<BaseSeries, EngineError> {
    let rule = rule(engine, request)?;
    let Histories { rows: histories, groups, .. } = histories(engine, request, rule).await?;
    let mut counts = vec![vec![0_i64; request.spans.len() + 1]; groups.all.len()];
    for history in histories.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let times: Vec<i64> = history.iter().map(|(_, _, at)| *at).collect();
        count(&request.spans, rule, &times, &mut counts[history[0].0 as usize]);
    }
    let mut series = BaseSeries::default();
    for (dims, counts) in groups.all.iter().zip(&counts) {
        let mut running = 0;
        for (span, change) in counts.iter().take(request.spans.len()).enumerate() {
            running += change;
            if running != 0 {
                let value = i128::from(running);
                series.rows.push(BaseRow { span, dims: dims.clone(), currency: None, value, scale: 0 });
            }
        }
    }
    Ok(series)
}

async fn histories(engine: &Engine, request: &BaseRequest, rule: Active) -> Result<Histories, EngineError> {
    let zone = &engine.options.zone;
    let once = rule.at_least <= 1;
    let session = engine.session(request.cut_off);
    let frame = Frame::new(engine, &session, request).await?;
    // With a limit of time the rows before the first span count too.
    let from_start = once || rule.within_us.is_none();
    let entity = column(request.entity.as_deref().unwrap_or_default());
    let mut keep =
        frame.in_time(&request.spans, request.cut_off, from_start).and(entity.clone().is_not_null());
    for filter in &request.filters {
        keep = keep.and(frame.condition(filter, zone));
    }
    if let Some(filter) = &request.filter {
        keep = frame.definition_filter(engine, request, filter)?.and(keep);
    }
    let dims: Vec<Dim> = request.by.iter().map(|dimension| frame.dim(dimension)).collect();
    let mut cuts: Vec<i64> = request.spans.iter().flat_map(|span| [span.start, span.end]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut keys = vec![cast(entity, DataType::Utf8View).alias("__entity")];
    keys.extend(dims.iter().enumerate().map(|(i, dim)| dim.expr.clone().alias(format!("__dim_{i}"))));
    let bounds: Arc<[i64]> = cuts.as_slice().into();
    let rows = frame.rows.clone().filter(keep)?;
    let rows = if once {
        // Between two cuts one row is as good as many.
        keys.push(span_index::udf(bounds).call(vec![frame.time.clone()]).alias("__at"));
        rows.aggregate(keys, vec![])?
    } else {
        keys.push(cast(frame.time.clone(), DataType::Int64).alias("__at"));
        rows.select(keys)?
    };
    let mut stream = rows.execute_stream().await?;
    let mut histories: Vec<(u32, u32, i64)> = vec![];
    let mut entities: HashMap<String, u32> = HashMap::new();
    let mut groups = Groups::default();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let ids = texts(batch.column(0))?;
        let values = (0..dims.len()).map(|i| texts(batch.column(1 + i))).collect::<Result<Vec<_>, _>>()?;
        let at = batch.column(1 + dims.len());
        for row in (0..batch.num_rows()).filter(|row| at.is_valid(*row)) {
            let at = if once {
                let place = usize::try_from(at.as_primitive::<Int32Type>().value(row)).ok();
                let Some(cut) = place.and_then(|place| cuts.get(place)) else { continue };
                *cut
            } else {
                at.as_primitive::<Int64Type>().value(row)
            };
            let id = ids.as_string_view().value(row);
            let next = u32::try_from(entities.len()).unwrap_or(u32::MAX);
            let entity = match entities.get(id) {
                Some(number) => *number,
                None => *entities.entry(id.to_owned()).or_insert(next),
            };
            let value = |(array, dim): (&ArrayRef, &Dim)| {
                let array = array.as_string_view();
                value_of(dim, array.is_valid(row).then(|| array.value(row)), zone)
            };
            let group = groups.number(values.iter().zip(&dims).map(value).collect());
            histories.push((group, entity, at));
        }
    }
    histories.sort_unstable();
    Ok(Histories { rows: histories, groups, entities })
}

/// Adds to `changes` one where an entity with rows at `times` (ascending) becomes active in the spans, and takes one where it ends.
fn count(spans: &[Span], rule: Active, times: &[i64], changes: &mut [i64]) {
    let needed = rule.at_least.max(1) as usize;
    let mut done = 0;
    for last in needed - 1..times.len() {
        let (mut oldest, newest) = (times[last + 1 - needed], times[last]);
        if let Some(within) = rule.within_us {
            if newest.saturating_sub(oldest) > within.max(0) {
                continue;
            }
            oldest = newest;
        }
        // Spans that hold both: their starts and their ends ascend.
        let from = spans.partition_point(|span| span.end <= newest).max(done);
        let to = spans.partition_point(|span| span.start <= oldest);
        if from < to {
            changes[from] += 1;
            changes[to] -= 1;
            done = to;
        }
    }
}

/// Groups in order of first sight.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbers: HashMap<Vec<Option<String>>, u32>,
    /// The values of each.
    pub all: Vec<Vec<Option<String>>>,
}

impl Groups {
    /// The number of a group.
    pub fn number(&mut self, dims: Vec<Option<String>>) -> u32 {
        if let Some(number) = self.numbers.get(&dims) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(dims.clone());
        self.numbers.insert(dims, number);
        number
    }
}

/// A column as text views.
pub(super) fn texts(array: &ArrayRef) -> Result<ArrayRef, EngineError> {
    Ok(cast_array(array, &DataType::Utf8View).map_err(DataFusionError::from)?)
}
