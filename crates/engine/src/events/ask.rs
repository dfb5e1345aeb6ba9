//! Questions to the hot columns; columns and properties become hot when they are first asked for.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use burgeon_core::behaviour::{Kernel, Rows};
use burgeon_events::question::EVENT;
use burgeon_events::{Breakdown, Give, HotError, Question, event_key};
use parking_lot::Mutex;

use super::EventStore;
use super::batch::{self, WHO};
use super::properties;
use super::table::of_numbers;
use crate::lake::log::IntakeLog;
use crate::lake::maintain::blocking;
use crate::lake::{FaultPoint, LakeError, Result, Shared};

impl EventStore {
    /// Answers one question. Columns and properties that its conditions, filters or breakdown name and that are not hot
    /// yet are made hot first, which reads all events once.
    ///
    /// # Errors
    /// A question that cannot be asked, such as one about a property with too many different values; files that cannot
    /// be read.
    pub async fn ask<K: Kernel + Debug + Send + 'static>(
        &self,
        question: Question,
        kernel: K,
    ) -> Result<Arc<K::Partial>> {
        self.make_hot(&dimensions(&question)).await?;
        let shared = Arc::clone(self.shared());
        blocking(move || Ok(shared.events.sound()?.hot.snapshot().ask(&question, &kernel)?)).await
    }

    /// Runs `add` over the histories that a question is about, on several threads, each with a state of its own; for
    /// lists of people. Properties become hot as in [`EventStore::ask`]. Nothing is kept.
    ///
    /// # Errors
    /// As [`EventStore::ask`].
    pub async fn fold<S: Send + 'static>(
        &self,
        question: Question,
        state: impl Fn() -> S + Send + Sync + 'static,
        add: impl Fn(&mut S, &Rows<'_>) + Send + Sync + 'static,
    ) -> Result<Vec<S>> {
        self.make_hot(&dimensions(&question)).await?;
        let shared = Arc::clone(self.shared());
        blocking(move || Ok(shared.events.sound()?.hot.snapshot().fold(&question, state, add)?)).await
    }

    /// Has at hand what the next question needs of persons who did something since the last one; costs nothing while nobody
    /// asks.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn warm(&self) -> Result<()> {
        let shared = Arc::clone(self.shared());
        blocking(move || Ok(shared.events.sound()?.hot.warm()?)).await
    }

    /// Makes columns or properties of events hot; what is hot already costs nothing. Intake goes on meanwhile.
    ///
    /// # Errors
    /// Files that cannot be read; too many hot dimensions.
    pub async fn make_hot(&self, names: &BTreeSet<String>) -> Result<()> {
        let missing = |shared: &Shared| -> Vec<String> {
            let (hot, unfilled) = (shared.events.hot.dimensions(), shared.events.unfilled.lock());
            let missing = |name: &&String| !hot.contains(name) || unfilled.contains(*name);
            names.iter().filter(missing).cloned().collect()
        };
        let shared = self.shared();
        if missing(shared).is_empty() {
            return Ok(());
        }
        let _upkeep = shared.events.upkeep.lock().await;
        let (missing, shared) = (missing(shared), Arc::clone(shared));
        blocking(move || missing.iter().try_for_each(|name| fill(&shared, name))).await
    }
}

/// What notes about dimensions that are being filled begin with.
const NOTE: &str = "hot:";

/// The dimensions that a crash left without values.
pub(crate) fn unfilled(log: &IntakeLog) -> Result<BTreeSet<String>> {
    let notes = log.notes()?.into_iter();
    Ok(notes.filter_map(|(note, _)| note.strip_prefix(NOTE).map(str::to_owned)).collect())
}

/// Notes durably that a dimension has not the values of all rows.
pub(crate) fn note(shared: &Shared, name: &str) -> Result<()> {
    shared.log.note(&format!("{NOTE}{name}"), b"")?;
    shared.events.unfilled.lock().insert(name.to_owned());
    Ok(())
}

/// Makes a dimension hot with the values of all rows that are there, or fills one that is hot for some. The caller holds
/// the lock for upkeep.
pub(crate) fn fill(shared: &Shared, name: &str) -> Result<()> {
    let events = &shared.events;
    tracing::info!(property = name, "a property of events becomes hot");
    note(shared, name)?;
    {
        // Between two groups of appends: each knows all properties that it must bring.
        let _apply = shared.apply.lock();
        events.hot.register(name)?;
    }
    events.hot.checkpoint()?;
    shared.fault(FaultPoint::Filling)?;
    let identity = || events.identity.lock().version;
    let mut before = identity();
    read_in(shared, name)?;
    if identity() != before {
        // Values of persons that changed meanwhile may have got lost.
        before = identity();
        read_in(shared, name)?;
    }
    if identity() != before {
        let _apply = shared.apply.lock(); // links wait now
        read_in(shared, name)?;
    }
    shared.log.forget_note(&format!("{NOTE}{name}"))?;
    events.unfilled.lock().remove(name);
    Ok(())
}

/// The dimensions that a question names.
fn dimensions(question: &Question) -> BTreeSet<String> {
    let steps = question.conditions.iter().flatten();
    let conditions = steps.flat_map(|step| step.conditions.iter().map(|condition| &condition.property));
    let by: Vec<&String> = match &question.by {
        Breakdown::Dimension(name) => vec![name],
        Breakdown::Mapped { dimensions, .. } => dimensions.iter().map(|(name, _)| name).collect(),
        Breakdown::None | Breakdown::PersonCodes(_) => vec![],
    };
    let filters = question.filters.iter().map(|filter| &filter.dimension);
    conditions.chain(by).chain(filters).filter(|name| *name != EVENT).cloned().collect()
}

/// Gives a dimension the values of all rows that are there.
fn read_in(shared: &Shared, name: &str) -> Result<()> {
    let events = &shared.events;
    let persons = events.hot.snapshot().persons();
    let column = events.columns.table.column(name).map_or("properties", |column| column.name);
    let wanted: Vec<usize> = [WHO, "event_id", column].iter().map(|name| events.columns.at(name)).collect();
    let failed = Mutex::new(None);
    let result = events.hot.add_dimension(name, &|range: Range<u32>, give| {
        let hand_over = |give: Give<'_>| -> Result<()> {
            let who: Vec<i32> = persons
                .iter()
                .enumerate()
                .filter(|(_, person)| range.contains(person))
                .map(|(number, _)| number as i32)
                .collect();
            let state = events.state();
            for run in &state.runs {
                for batch in run.find(&events.columns, &wanted, &who)? {
                    values(&batch, name, column, give)?;
                }
            }
            for chunk in &state.tail {
                let rows = events.columns.whole(&of_numbers(&chunk.rows, &who)?)?.project(&wanted)?;
                values(&rows, name, column, give)?;
            }
            Ok(())
        };
        hand_over(give).map_err(|error| {
            let what = error.to_string();
            *failed.lock() = Some(error);
            HotError::Rows(what)
        })
    });
    match (failed.into_inner(), result) {
        (Some(error), _) => Err(error),
        (None, result) => Ok(result?),
    }
}

/// Hands over the values of rows of (number of the identifier, `event_id`, column).
fn values(rows: &RecordBatch, name: &str, column: &str, give: Give<'_>) -> Result<()> {
    let text = |at: usize| {
        batch::as_texts(rows.column(at))
            .ok_or_else(|| LakeError::Internal(format!("column {column} of events holds no text")))
    };
    let (who, keys, values) = (batch::numbers(rows)?.values(), text(1)?, text(2)?);
    let names = [name.to_owned()];
    for row in (0..rows.num_rows()).filter(|row| values.is_valid(*row)) {
        let mut found = [None];
        if column == "properties" {
            if properties::pick(values.value(row), &names, &mut found).is_err() {
                continue; // was let in while nobody asked for its properties
            }
        } else {
            found = [Some(Cow::Borrowed(values.value(row)))];
        }
        if let [Some(value)] = &found {
            give(who[row] as u32, event_key(keys.value(row)), value);
        }
    }
    Ok(())
}
