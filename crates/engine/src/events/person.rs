//! One person: who they are, what they did; and what arrived last.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{SortOptions, sort_to_indices, take_record_batch};
use parquet::arrow::arrow_reader::RowSelection;

use super::EventStore;
use super::batch::{self, POSITION};
use super::identity::Told;
use super::people::people;
use super::table::{Shown, of_numbers};
use crate::lake::maintain::blocking;
use crate::lake::{Result, Shared};

/// Rows that are looked at for names of properties.
const SAMPLE: usize = 20_000;

/// An identifier of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The identifier.
    pub id: String,
    /// The identifier that it was linked to, `None` for the main one.
    pub to: Option<String>,
    /// `identify` or `alias`; `None` for the main one.
    pub kind: Option<&'static str>,
    /// When it was linked, µs UTC; `None` for the main one.
    pub at: Option<i64>,
    /// Links of this identifier that were not followed, with the reason.
    pub refused: Vec<String>,
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's number in answers of kernels; stays the same until identities change.
    pub number: u32,
    /// The main identifier: the identified user's id when there is one, else the first identifier seen.
    pub person_id: String,
    /// Every identifier of the person, the main one first.
    pub identifiers: Vec<Identifier>,
    /// The customer that the person belongs to, if known.
    pub customer_id: Option<String>,
}

impl EventStore {
    /// The person of any of their identifiers; `None` when nobody has it.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn person(&self, identifier: &str) -> Result<Option<Person>> {
        let (shared, name) = (Arc::clone(self.shared()), identifier.to_owned());
        blocking(move || {
            people(&shared)?; // everybody in `persons` has a number now
            match shared.events.hot.number(&name) {
                Some(number) => one(&shared, number),
                None => Ok(None),
            }
        })
        .await
    }

    /// Persons by number, as answers of kernels name them; numbers that are nobody are left out.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn people(&self, numbers: Vec<u32>) -> Result<Vec<Person>> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let found = numbers.into_iter().map(|number| one(&shared, number));
            Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
        .await
    }

    /// Events of the person of an identifier, newest first, at most `limit`, from before `before` (µs UTC) where it is
    /// given. Columns as in SQL.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn history(&self, identifier: &str, before: Option<i64>, limit: usize) -> Result<RecordBatch> {
        let (store, name) = (self.clone(), identifier.to_owned());
        blocking(move || {
            let shared = store.shared();
            let columns = &shared.events.columns;
            let shown = Shown::new(&store, &Shown::all(columns))?;
            let who = members(shared, &name);
            let state = shared.events.state();
            let mut rows = Vec::new();
            for run in &state.runs {
                rows.extend(run.find(columns, &shown.stored, &who)?);
            }
            for chunk in &state.tail {
                rows.push(of_numbers(&chunk.rows, &who)?);
            }
            let rows = columns.concat(&rows.iter().collect::<Vec<_>>())?;
            newest(&columns.whole(&rows)?, "at", before, limit).and_then(|rows| shown.show(&rows))
        })
        .await
    }

    /// The events that arrived last, newest first, at most `limit`; of one event name where it is given. Columns as
    /// in SQL. Looks no further than the newest run.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn recent(&self, event: Option<&str>, limit: usize) -> Result<RecordBatch> {
        let (store, event) = (self.clone(), event.map(str::to_owned));
        blocking(move || {
            let shared = store.shared();
            let columns = &shared.events.columns;
            let shown = Shown::new(&store, &Shown::all(columns))?;
            let rows = arrived(shared, event.as_deref(), limit)?;
            newest(&rows, POSITION, None, limit).and_then(|rows| shown.show(&rows))
        })
        .await
    }

    /// Numbers of the persons of some identifiers, ascending, each once; unknown identifiers are left out.
    pub(crate) async fn numbers_of(&self, identifiers: Vec<String>) -> Result<Vec<u32>> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let hot = &shared.events.hot;
            let known = identifiers.iter().filter_map(|name| hot.number(name));
            let mut numbers: Vec<u32> = known.map(|number| hot.person(number)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            Ok(numbers)
        })
        .await
    }

    /// The customers that have persons, and for each person (by number) the place of theirs among them, + 1; 0 for none.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn customers_of_persons(&self) -> Result<(Vec<String>, Vec<u32>)> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let people = people(&shared)?;
            let customers = people.customers().iter().flatten().map(str::to_owned).collect();
            Ok((customers, people.customer_codes().to_vec()))
        })
        .await
    }

    /// For each person (by number) the code that stands beside one of their identifiers: the main one's, else the
    /// first seen's; 0 for those without.
    pub(crate) async fn spread_over_persons(&self, coded: Vec<(String, u32)>) -> Result<Vec<u32>> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let persons = shared.events.hot.snapshot().persons();
            let identity = shared.events.identity.lock();
            let mut best: Vec<(u64, u32)> = vec![(u64::MAX, 0); persons.len()];
            for (id, code) in &coded {
                let Some(number) = shared.events.hot.number(id) else { continue };
                let person = persons.of(number);
                let rank = u64::from(identity.main(number) != number) << 32 | u64::from(number);
                let Some(place) = best.get_mut(person as usize) else { continue };
                if rank < place.0 {
                    *place = (rank, *code);
                }
            }
            Ok(best.into_iter().map(|(_, code)| code).collect())
        })
        .await
    }

    /// Names of properties that the newest events of a name carry, sorted.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub async fn properties(&self, event: &str) -> Result<Vec<String>> {
        let (shared, event) = (Arc::clone(self.shared()), event.to_owned());
        blocking(move || {
            let mut names = BTreeSet::new();
            let rows = arrived(&shared, Some(&event), SAMPLE)?;
            for json in batch::texts(&rows, "properties")?.iter().flatten() {
                if let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json) {
                    names.extend(object.into_iter().map(|(name, _)| name));
                }
            }
            Ok(names.into_iter().collect())
        })
        .await
    }
}

/// The numbers of all identifiers of the person of one, sorted.
fn members(shared: &Shared, identifier: &str) -> Vec<i32> {
    let hot = &shared.events.hot;
    let Some(number) = hot.number(identifier) else {
        return Vec::new();
    };
    shared.events.identity.lock().members(number).into_iter().map(|number| number as i32).collect()
}

/// The person that a number belongs to.
fn one(shared: &Shared, number: u32) -> Result<Option<Person>> {
    let people = people(shared)?;
    let hot = &shared.events.hot;
    let person = hot.person(number);
    let identity = shared.events.identity.lock();
    let main = identity.main(number);
    let mut identifiers = Vec::new();
    for member in identity.members(number) {
        let Some(id) = hot.identifier(member)? else { continue };
        let (refused, followed): (Vec<Told>, Vec<Told>) = identity
            .links_of(member)
            .into_iter()
            .filter(|link| link.from == id)
            .partition(|link| link.refused.is_some());
        let refused = refused.into_iter().filter_map(|link| link.refused).collect();
        if member == main {
            identifiers.insert(0, Identifier { id, to: None, kind: None, at: None, refused });
            continue;
        }
        let link = followed.into_iter().min_by_key(|link| link.at);
        let (kind, at) = (link.as_ref().map(|link| link.kind.as_str()), link.as_ref().map(|link| link.at));
        identifiers.push(Identifier { id, to: link.map(|link| link.to), kind, at, refused });
    }
    let Some(first) = identifiers.first() else {
        return Ok(None);
    };
    Ok(Some(Person {
        number: person,
        person_id: first.id.clone(),
        customer_id: people.customer(number).map(str::to_owned),
        identifiers,
    }))
}

/// The rows with the highest values of a column, highest first.
fn newest(rows: &RecordBatch, column: &str, before: Option<i64>, limit: usize) -> Result<RecordBatch> {
    let mut rows = rows.clone();
    if let Some(before) = before {
        let keep = batch::times(&rows)?.values().iter().map(|at| Some(*at < before)).collect();
        rows = arrow::compute::filter_record_batch(&rows, &keep)?;
    }
    let values = rows.column(rows.schema_ref().index_of(column)?);
    let options = SortOptions { descending: true, nulls_first: false };
    let order = sort_to_indices(values, Some(options), Some(limit))?;
    Ok(take_record_batch(&rows, &order)?)
}

/// At least the `limit` rows that arrived last, with all stored columns, of one event name where it is given; fewer when
/// the tail and the newest run have not as many.
fn arrived(shared: &Shared, event: Option<&str>, limit: usize) -> Result<RecordBatch> {
    let columns = &shared.events.columns;
    let state = shared.events.state();
    let mut found: Vec<RecordBatch> = Vec::new();
    let mut rows = 0;
    for chunk in state.tail.iter().rev() {
        if rows >= limit {
            break;
        }
        let mine = match event {
            None => chunk.rows.clone(),
            Some(event) => of_event(&chunk.rows, event)?,
        };
        rows += mine.num_rows();
        found.push(mine);
    }
    if rows < limit
        && let Some(run) = state.runs.last()
    {
        let wanted = [columns.at("event"), columns.at(POSITION)];
        let mut places: Vec<(i64, usize, usize)> = Vec::new(); // position, group, row
        for (group, _) in run.groups(columns)?.iter().enumerate() {
            let mut first = 0;
            for batch in run.read(columns, &wanted, Some(vec![group]), None, super::run::GROUP_ROWS)? {
                let batch = batch?;
                let names = batch.column(0).as_string_view();
                for (row, position) in batch::positions(&batch)?.values().iter().enumerate() {
                    if event.is_none_or(|event| names.is_valid(row) && names.value(row) == event) {
                        places.push((*position, group, first + row));
                    }
                }
                first += batch.num_rows();
            }
        }
        places.sort_unstable_by_key(|(position, group, row)| (std::cmp::Reverse(*position), *group, *row));
        places.truncate(limit - rows);
        places.sort_unstable_by_key(|(_, group, row)| (*group, *row));
        for of_group in places.chunk_by(|a, b| a.1 == b.1) {
            let group = of_group[0].1;
            let ranges = of_group.iter().map(|(_, _, row)| *row..*row + 1);
            let selection = RowSelection::from_consecutive_ranges(ranges, run.groups(columns)?[group].rows);
            let all: Vec<usize> = (0..columns.stored.fields().len()).collect();
            for batch in run.read(columns, &all, Some(vec![group]), Some(selection), 8192)? {
                found.push(batch?);
            }
        }
    }
    columns.whole(&columns.concat(&found.iter().collect::<Vec<_>>())?)
}

/// The rows of one event name.
fn of_event(rows: &RecordBatch, event: &str) -> Result<RecordBatch> {
    let keep = batch::texts(rows, "event")?.iter().map(|name| Some(name == Some(event))).collect();
    Ok(arrow::compute::filter_record_batch(rows, &keep)?)
}
