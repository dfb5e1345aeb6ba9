//! What the hot columns answer of questions over facts: facts whose rows are the events of a meaning (the header `meaning`),
//! divided and filtered by columns and properties of the events, and among persons who were found before.

use std::collections::BTreeSet;

use burgeon_core::behaviour::active::Active;
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::step::{ANY_EVENT, Step};
use burgeon_core::behaviour::usage::Usage;
use burgeon_core::records::{self, ColumnType};
use burgeon_events::question::EVENT;
use burgeon_metrics::base::{self, Aggregate, BaseMeasure, BaseRequest, BaseRow, BaseSeries, Dimension};

use super::engine::Engine;
use super::error::EngineError;
use super::people::PERSON;
use super::visits;
use crate::events::{Breakdown, EventStore, Filter, Question};

/// Columns of events that are not asked for in the hot columns: names of single things, or shown otherwise than stored.
const COLD: [&str; 7] = ["event_id", "distinct_id", "customer_id", "session_id", "url", "title", "referrer"];
/// Combinations of values that rows are divided and filtered by at most.
const MOST_NUMBERS: usize = 1 << 20;
/// Numbers that one question may hold in memory for each thread.
const MOST_CELLS: usize = 16 << 20;

/// Which events the rows of a request's fact are, and how many of them make an entity active; `None` where it has no meaning.
pub(super) fn meaning(
    engine: &Engine,
    request: &BaseRequest,
) -> Result<Option<(Vec<Step>, Active)>, EngineError> {
    Ok(match engine.fact(&request.fact)?.file.meaning.as_deref() {
        None => None,
        Some(ANY_EVENT) => Some((vec![Step::named(ANY_EVENT)], Active::ONCE)),
        Some(name) => {
            let found = engine.options.macros.meanings.get(name);
            found.map(|meaning| (meaning.steps.clone(), meaning.active))
        }
    })
}

/// The hot column that a dimension is.
pub(super) fn column(dimension: &Dimension) -> Option<String> {
    if let Some(property) = dimension.property() {
        return Some(property.to_owned());
    }
    let Dimension::Fact { column, .. } = dimension else { return None };
    let found = records::table("events")?.column(column)?;
    (found.ty == ColumnType::Text && !COLD.contains(&found.name)).then(|| found.name.to_owned())
}

impl Engine {
    /// Whether the hot columns answer a request: in milliseconds, and after more events at the cost of these.
    ///
    /// # Errors
    /// An unknown fact.
    pub fn is_hot(&self, request: &BaseRequest) -> Result<bool, EngineError> {
        let counts = match &request.measure {
            BaseMeasure::ActiveEntities => request.entity.as_deref() == Some(PERSON),
            BaseMeasure::Aggregate { function: Aggregate::Count, expr: None } => true,
            _ => false,
        };
        let known = |filter: &base::Filter| {
            matches!(filter.dimension, Dimension::Among { .. }) || column(&filter.dimension).is_some()
        };
        if self.events().is_some() && visits::can(self, request)? {
            return Ok(true);
        }
        Ok(counts
            && self.events().is_some()
            && meaning(self, request)?.is_some()
            && request.filter.is_none()
            && request.by.iter().all(|dimension| column(dimension).is_some())
            && request.filters.iter().all(known))
    }
}

/// A request as a question to the hot columns, without its kernel.
pub(super) struct Hot {
    pub store: EventStore,
    /// How many rows make an entity active.
    pub active: Active,
    /// Of a fact of events condition 0 are the steps of its meaning; none when the workspace has no such event.
    pub question: Question,
    /// Groups that rows may be in; some more than there are values, since others may come in meanwhile.
    pub groups: u32,
    /// The columns that divide, and how many codes each of them has in the number of a group.
    by: Vec<(String, u32)>,
}

/// How rows are divided.
#[derive(Debug, Default)]
pub(super) struct Division {
    /// Columns or properties.
    pub by: Vec<String>,
    /// Conditions on columns or properties; rows that do not meet them are in no group.
    pub filters: Vec<Filter>,
}

impl Division {
    /// All columns, those that divide first.
    fn columns(&self) -> Vec<&String> {
        let mut columns: Vec<&String> = self.by.iter().collect();
        for filter in &self.filters {
            if !columns.contains(&&filter.dimension) {
                columns.push(&filter.dimension);
            }
        }
        columns
    }

    /// How the question divides rows, and how many codes each of the columns that divide has; `None` where there are too many
    /// groups.
    fn breakdown(
        &self,
        engine: &Engine,
        store: &EventStore,
    ) -> Result<Option<(Breakdown, Vec<u32>)>, EngineError> {
        let (snapshot, columns) = (store.snapshot(), self.columns());
        let mut codes = Vec::with_capacity(columns.len());
        for name in &columns {
            // Some more, since others may come in meanwhile; a round number, so that kept answers hold.
            let known = snapshot.codes(name).map_err(hot_error)?;
            codes.push((known + known / 8 + 8).next_power_of_two());
        }
        let numbers = codes.iter().try_fold(1usize, |all, codes| all.checked_mul(*codes as usize));
        let Some(numbers) = numbers.filter(|numbers| *numbers <= MOST_NUMBERS) else { return Ok(None) };
        let divide = codes[..self.by.len()].to_vec();
        if let ([name], true) = (&columns[..], self.filters.is_empty()) {
            return Ok(Some((Breakdown::Dimension((*name).clone()), divide)));
        }
        if columns.is_empty() {
            return Ok(Some((Breakdown::None, divide)));
        }
        // By column and code, whether a value is wanted; one that comes in meanwhile is wanted where the named ones are not.
        let mut wanted: Vec<Vec<bool>> = codes.iter().map(|codes| vec![true; *codes as usize]).collect();
        for filter in &self.filters {
            let Some(at) = columns.iter().position(|name| **name == filter.dimension) else { continue };
            let texts = snapshot.texts(&filter.dimension).map_err(hot_error)?;
            for (code, wanted) in wanted[at].iter_mut().enumerate() {
                let named = texts.get(code).is_some_and(|text| filter.values.contains(text));
                *wanted &= named != filter.negated;
            }
        }
        let behind: usize = codes[self.by.len()..].iter().map(|codes| *codes as usize).product();
        let group = |number: usize| {
            let mut rest = number;
            for (codes, wanted) in codes.iter().zip(&wanted).rev() {
                if !wanted[rest % *codes as usize] {
                    return NOWHERE;
                }
                rest /= *codes as usize;
            }
            (number / behind) as u32
        };
        let groups = engine.same_groups((0..numbers).map(group).collect());
        let dimensions = columns.into_iter().cloned().zip(codes).collect();
        Ok(Some((Breakdown::Mapped { dimensions, groups, other: NOWHERE }, divide)))
    }
}

/// The group of rows that are in none.
const NOWHERE: u32 = u32::MAX;

impl Hot {
    /// The question that a request over a fact of events is; `None` where the hot columns do not know all that is asked.
    pub async fn of(engine: &Engine, request: &BaseRequest) -> Result<Option<Hot>, EngineError> {
        let (Some(store), Some((steps, active))) = (engine.events(), meaning(engine, request)?) else {
            return Ok(None);
        };
        let by: Option<Vec<String>> = request.by.iter().map(column).collect();
        let Some(by) = by.filter(|_| request.filter.is_none()) else { return Ok(None) };
        let (mut among, mut filters) = (vec![], vec![]);
        for filter in &request.filters {
            match (&filter.dimension, of_events(filter)) {
                (Dimension::Among { .. }, _) => among.push(filter),
                (_, Some(found)) => filters.push(found),
                (_, None) => return Ok(None),
            }
        }
        // Without persons in its rows the fact is asked among their customers.
        if !among.is_empty() && !engine.fact(&request.fact)?.columns.iter().any(|one| one.name == PERSON) {
            return Ok(None);
        }
        let span = span(&store, active, request)?;
        let wanted = filters.iter().map(|filter: &Filter| filter.dimension.clone()).collect();
        if !ready(&store, &[], wanted).await {
            return Ok(None);
        }
        let division = Division { by, filters: vec![] };
        let Some(mut hot) = Hot::ready(engine, store, vec![steps], division, &among).await? else {
            return Ok(None);
        };
        hot.active = active;
        (hot.question.filters, hot.question.span) = (filters, span);
        Ok(Some(hot))
    }

    /// A question about some conditions, divided and among persons, over all of time; `None` where what it names cannot be made
    /// hot.
    pub async fn ready(
        engine: &Engine,
        store: EventStore,
        conditions: Vec<Vec<Step>>,
        division: Division,
        among: &[&base::Filter],
    ) -> Result<Option<Hot>, EngineError> {
        if !ready(&store, &conditions, division.columns().into_iter().cloned().collect()).await {
            return Ok(None);
        }
        let mut persons: Option<Vec<u64>> = None;
        for filter in among {
            let Dimension::Among { who } = &filter.dimension else { continue };
            let all = store.snapshot().persons().len().div_ceil(64).max(who.persons.len());
            let bits = (0..all).map(|at| {
                let word = who.persons.get(at).copied().unwrap_or(0);
                let before = persons.as_ref().map_or(u64::MAX, |bits| bits.get(at).copied().unwrap_or(0));
                before & if filter.negated { !word } else { word }
            });
            persons = Some(bits.collect());
        }
        let Some((by, codes)) = division.breakdown(engine, &store)? else { return Ok(None) };
        let groups = codes.iter().product();
        let question = Question {
            conditions,
            by,
            persons: persons.map(|bits| engine.same_bits(bits)),
            ..Question::default()
        };
        let by = division.by.into_iter().zip(codes).collect();
        Ok(Some(Hot { store, active: Active::ONCE, question, groups, by }))
    }

    /// Whether no event has the meaning.
    pub fn is_empty(&self) -> bool {
        self.question.conditions.iter().all(Vec::is_empty)
    }

    /// Whether a kernel with so many numbers for each group may be asked.
    pub fn fits(&self, numbers: usize) -> bool {
        (self.groups as usize).saturating_mul(numbers) <= MOST_CELLS
    }

    /// The answer, from the value of each group (without a division there is one) at each of `places`; one place for each span.
    pub fn series(
        &self,
        places: &[usize],
        value: impl Fn(u32, usize) -> i64,
    ) -> Result<BaseSeries, EngineError> {
        let snapshot = self.store.snapshot();
        let texts = self.by.iter().map(|(name, _)| snapshot.texts(name).map_err(hot_error));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let dims = |group: u32| {
            let mut rest = group;
            let mut dims = vec![None; self.by.len()];
            for (at, (_, codes)) in self.by.iter().enumerate().rev() {
                dims[at] = texts[at].get((rest % codes) as usize).cloned().flatten();
                rest /= codes;
            }
            dims
        };
        let mut series = BaseSeries::default();
        for group in 0..self.groups {
            for (span, place) in places.iter().enumerate() {
                let value = i128::from(value(group, *place));
                if value != 0 {
                    series.rows.push(BaseRow { span, dims: dims(group), currency: None, value, scale: 0 });
                }
            }
        }
        Ok(series)
    }
}

/// Makes hot what a question names, where that can be done.
async fn ready(store: &EventStore, conditions: &[Vec<Step>], mut wanted: BTreeSet<String>) -> bool {
    let steps = conditions.iter().flatten();
    wanted.extend(steps.flat_map(|step| &step.conditions).map(|condition| condition.property.clone()));
    wanted.remove(EVENT);
    let ready = match store.make_hot(&wanted).await {
        // One with too many different values cannot be asked for.
        Ok(()) => wanted.iter().try_for_each(|name| store.snapshot().codes(name).map(drop)).map_err(text),
        Err(error) => Err(text(error)),
    };
    if let Err(error) = &ready {
        tracing::debug!(error, "events are read instead of asked");
    }
    ready.is_ok()
}

/// A condition of the query as a filter on hot columns.
pub(super) fn of_events(filter: &base::Filter) -> Option<Filter> {
    let values = filter.values.iter().map(|value| Some(value.clone()).filter(|value| !value.is_empty()));
    Some(Filter { dimension: column(&filter.dimension)?, values: values.collect(), negated: filter.negated })
}

/// The span of time that a question is about; none at all when it holds all events, so that kept answers hold while time goes on.
fn span(
    store: &EventStore,
    active: Active,
    request: &BaseRequest,
) -> Result<Option<(i64, i64)>, EngineError> {
    let Some((oldest, newest)) = store.span()? else { return Ok(None) };
    let first = request.spans.iter().map(|span| span.start).min().unwrap_or(i64::MIN);
    // With a limit of time the rows before the first span count too.
    let counted = active.at_least > 1 && active.within_us.is_some();
    let start = if counted || first <= oldest { i64::MIN } else { first };
    let last = request.spans.iter().map(|span| span.end).max().unwrap_or(i64::MAX).min(request.cut_off);
    let end = if newest < last { i64::MAX } else { last };
    Ok((start > i64::MIN || end < i64::MAX).then_some((start, end)))
}

/// What the hot columns answer of sums, counts and visits; `None` where they have no answer.
pub(super) async fn answer(
    engine: &Engine,
    request: &BaseRequest,
) -> Result<Option<BaseSeries>, EngineError> {
    match counts(engine, request).await? {
        None => visits::hot(engine, request).await,
        counted => Ok(counted),
    }
}

/// Counts rows, from the hot columns; `None` where they have no answer, or where something else is asked for.
async fn counts(engine: &Engine, request: &BaseRequest) -> Result<Option<BaseSeries>, EngineError> {
    let count = BaseMeasure::Aggregate { function: Aggregate::Count, expr: None };
    let touching = request.spans.windows(2).all(|pair| pair[0].end == pair[1].start);
    let (Some(first), Some(last)) = (request.spans.first(), request.spans.last()) else { return Ok(None) };
    if request.measure != count || request.money.is_some() || !touching || first.start == i64::MIN {
        return Ok(None);
    }
    let Some(hot) = Hot::of(engine, request).await? else { return Ok(None) };
    let calendar = Calendar::new(request.spans.iter().map(|span| span.start).chain([last.end]).collect());
    if hot.is_empty() {
        return Ok(Some(BaseSeries::default()));
    }
    if !hot.fits(2 * calendar.len()) {
        return Ok(None);
    }
    let kernel = Usage { calendar, groups: hot.groups };
    let sum = hot.store.ask(hot.question.clone(), kernel.clone()).await?;
    let places: Vec<usize> = (0..request.spans.len()).collect();
    hot.series(&places, |group, place| kernel.rows(&sum, group, place)).map(Some)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn hot_error(error: impl std::fmt::Display) -> EngineError {
    EngineError::Query(error.to_string())
}
