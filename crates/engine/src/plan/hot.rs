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
            && request.by.len() <= 1
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
    by: Option<String>,
}

impl Hot {
    /// The question that a request over a fact of events is; `None` where the hot columns do not know all that is asked.
    pub async fn of(engine: &Engine, request: &BaseRequest) -> Result<Option<Hot>, EngineError> {
        let (Some(store), Some((steps, active))) = (engine.events(), meaning(engine, request)?) else {
            return Ok(None);
        };
        if request.by.len() > 1 || request.filter.is_some() {
            return Ok(None);
        }
        let by = match request.by.first().map(column) {
            Some(None) => return Ok(None),
            Some(name) => name,
            None => None,
        };
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
        let Some(mut hot) = Hot::ready(engine, store, vec![steps], by, &among).await? else {
            return Ok(None);
        };
        hot.active = active;
        (hot.question.filters, hot.question.span) = (filters, span);
        Ok(Some(hot))
    }

    /// A question about some conditions, divided by a column or property and among persons, over all of time; `None` where they
    /// cannot be made hot.
    pub async fn ready(
        engine: &Engine,
        store: EventStore,
        conditions: Vec<Vec<Step>>,
        by: Option<String>,
        among: &[&base::Filter],
    ) -> Result<Option<Hot>, EngineError> {
        if !ready(&store, &conditions, by.iter().cloned().collect()).await {
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
        let groups = match &by {
            None => 1,
            // A round number, so that kept answers hold.
            Some(name) => (store.snapshot().codes(name).map_err(hot_error)? + 64).next_power_of_two(),
        };
        let question = Question {
            conditions,
            by: by.clone().map_or(Breakdown::None, Breakdown::Dimension),
            persons: persons.map(|bits| engine.same_bits(bits)),
            ..Question::default()
        };
        Ok(Some(Hot { store, active: Active::ONCE, question, groups, by }))
    }

    /// Whether rows are divided.
    pub fn divided(&self) -> bool {
        self.by.is_some()
    }

    /// Whether no event has the meaning.
    pub fn is_empty(&self) -> bool {
        self.question.conditions.iter().all(Vec::is_empty)
    }

    /// Whether a kernel with so many numbers for each group may be asked.
    pub fn fits(&self, numbers: usize) -> bool {
        (self.groups as usize).saturating_mul(numbers) <= MOST_CELLS
    }

    /// The value of each group.
    pub fn texts(&self) -> Result<Vec<Option<String>>, EngineError> {
        match &self.by {
            Some(name) => self.store.snapshot().texts(name).map_err(hot_error),
            None => Ok(vec![None]),
        }
    }

    /// The answer, from the value of each group (without a division there is one) at each of `places`; one place for each span.
    pub fn series(
        &self,
        divided: bool,
        places: &[usize],
        value: impl Fn(u32, usize) -> i64,
    ) -> Result<BaseSeries, EngineError> {
        let texts = self.texts()?;
        let mut series = BaseSeries::default();
        for group in 0..if divided { self.groups } else { 1 } {
            let text = texts.get(group as usize).cloned().flatten();
            for (span, place) in places.iter().enumerate() {
                let value = i128::from(value(group, *place));
                if value != 0 {
                    let dims = divided.then(|| text.clone()).into_iter().collect();
                    series.rows.push(BaseRow { span, dims, currency: None, value, scale: 0 });
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
fn of_events(filter: &base::Filter) -> Option<Filter> {
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
    hot.series(hot.divided(), &places, |group, place| kernel.rows(&sum, group, place)).map(Some)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn hot_error(error: impl std::fmt::Display) -> EngineError {
    EngineError::Query(error.to_string())
}
