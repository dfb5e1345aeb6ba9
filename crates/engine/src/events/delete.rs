//! Removal of a person: from runs, hot columns, ledger and intake log.
//!
//! What is to be removed is noted durably first; a removal that a crash cut off is carried through at the next start.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use serde::{Deserialize, Serialize};

use super::EventStore;
use super::batch::TABLE;
use super::identity::{LINKS, Told};
use super::maintain::Without;
use super::people::{self, PERSONS};
use super::state::Gate;
use crate::lake::maintain::blocking;
use crate::lake::{Changed, FaultPoint, LakeError, Result};
use burgeon_core::behaviour::identity::LinkKind;

/// What notes of removals begin with.
const NOTE: &str = "delete:";

/// What was removed with a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletedPerson {
    /// The person's main identifier.
    pub person_id: String,
    /// Identifiers of the person.
    pub identifiers: u64,
    /// Events removed.
    pub events: u64,
    /// Rows of `persons` and `identity_links` removed.
    pub records: u64,
    /// Files of events that were written anew.
    pub files: u64,
    /// Kept source files that the removed events came from, by the first 16 digits of their hash. They are not
    /// rewritten: their names are their content's hashes.
    pub sources: Vec<String>,
}

/// What a removal is about; noted until it is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    person_id: String,
    identifiers: Vec<(u32, String)>,
    /// (from, to, whether it is an alias, at) of each link.
    links: Vec<(String, String, bool, i64)>,
}

impl EventStore {
    /// Removes a person by any of their identifiers: all events, traits and links, from runs, hot columns, ledger and
    /// intake log. Files that held them are removed as soon as no query reads them. An identifier that comes again
    /// later is a new person. `None` when nobody has the identifier.
    ///
    /// # Errors
    /// Whatever fails; the removal is then carried through at the next start.
    pub async fn delete_person(&self, identifier: &str) -> Result<Option<DeletedPerson>> {
        let shared = Arc::clone(self.shared());
        shared.events.sound()?;
        let name = identifier.to_owned();
        let order = blocking(move || {
            people::people(&shared)?; // everybody in `persons` has a number now
            let hot = &shared.events.hot;
            let Some(number) = hot.number(&name) else {
                return Ok(None);
            };
            let identity = shared.events.identity.lock();
            let mut identifiers = Vec::new();
            for member in identity.members(number) {
                if let Some(text) = hot.identifier(member)? {
                    identifiers.push((member, text));
                }
            }
            let main = identity.main(number);
            let person_id =
                identifiers.iter().find(|(other, _)| *other == main).map(|(_, text)| text.clone());
            let mut links = BTreeSet::new();
            for (number, _) in &identifiers {
                let told = identity.links_of(*number).into_iter();
                links.extend(
                    told.map(|Told { from, to, kind, at, .. }| (from, to, kind == LinkKind::Alias, at)),
                );
            }
            let person_id = person_id.unwrap_or(name);
            Ok(Some(Order { person_id, identifiers, links: links.into_iter().collect() }))
        })
        .await?;
        let Some(order) = order else {
            return Ok(None);
        };
        let log = &self.shared().log;
        let note = format!("{NOTE}{:016x}", log.reserve(1)?);
        let text = serde_json::to_vec(&order).map_err(|error| LakeError::Internal(error.to_string()))?;
        log.note(&note, &text)?;
        self.carry_out(&note, &order).await.map(Some)
    }

    /// Carries removals through that a crash cut off.
    pub(crate) async fn finish_removals(&self) -> Result<()> {
        if self.shared().events.broken.is_some() {
            return Ok(());
        }
        for (note, text) in self.shared().log.notes()? {
            if note.starts_with(NOTE) {
                let order: Order = serde_json::from_slice(&text).map_err(|error| LakeError::Log {
                    path: "log.redb".into(),
                    what: format!("the note of a removal cannot be read: {error}"),
                })?;
                self.carry_out(&note, &order).await?;
            }
        }
        Ok(())
    }

    async fn carry_out(&self, note: &str, order: &Order) -> Result<DeletedPerson> {
        let shared = self.shared();
        let events = &shared.events;
        let mut done = DeletedPerson {
            person_id: order.person_id.clone(),
            identifiers: order.identifiers.len() as u64,
            ..DeletedPerson::default()
        };
        let upkeep = events.upkeep.lock().await;
        {
            // What comes in from here on under the same identifiers is a new person's.
            let _gate = Gate::close(self);
            self.flush().await?;
            done.records = self.delete_records(order).await?;
            let (work, identifiers) = (Arc::clone(shared), order.identifiers.clone());
            blocking(move || {
                let hot = &work.events.hot;
                // A number that means somebody else by now is left alone.
                let same = |(number, text): &&(u32, String)| {
                    matches!(hot.identifier(*number), Ok(Some(other)) if other == *text)
                };
                let mut persons: Vec<u32> =
                    identifiers.iter().filter(same).map(|(number, _)| hot.person(*number)).collect();
                persons.sort_unstable();
                persons.dedup();
                if !persons.is_empty() {
                    hot.delete(&persons)?;
                }
                Ok(())
            })
            .await?;
        }
        shared.fault(FaultPoint::Removing)?;
        let mut who: Vec<i32> = order.identifiers.iter().map(|(number, _)| *number as i32).collect();
        who.sort_unstable();
        let mut sources = BTreeSet::new();
        for run in events.state().runs.clone() {
            let (work, numbers, file) = (Arc::clone(shared), who.clone(), Arc::clone(&run));
            let found = blocking(move || {
                let columns = &work.events.columns;
                file.find(columns, &[columns.at("_origin")], &numbers)
            })
            .await?;
            let rows: usize = found.iter().map(RecordBatch::num_rows).sum();
            if rows == 0 {
                continue;
            }
            for origin in found.iter().flat_map(|batch| batch.column(0).as_string_view().iter().flatten()) {
                sources.insert(origin.split(':').next().unwrap_or(origin).to_owned());
            }
            let without = Without { before: i64::MIN, who: who.clone() };
            self.rewrite(vec![run], Some(without)).await?;
            done.events += rows as u64;
            done.files += 1;
        }
        drop(upkeep);
        done.sources = sources.into_iter().collect();
        for table in [PERSONS, LINKS] {
            let table = Arc::clone(shared.table(table)?);
            self.lake().compact_table(&table).await?;
        }
        self.lake().flush().await?;
        self.lake().remove_replaced(i64::MIN);
        let (work, note) = (Arc::clone(shared), note.to_owned());
        blocking(move || work.log.rewrite(&note)).await?;
        {
            let _apply = shared.apply.lock();
            let mut state = events.state().as_ref().clone();
            state.version = shared.versions.next();
            events.publish(state);
        }
        shared.announce(Changed { table: TABLE, position: events.state().position });
        Ok(done)
    }

    /// Removes the rows of `persons` and `identity_links`; gives their number.
    async fn delete_records(&self, order: &Order) -> Result<u64> {
        let text = |values: Vec<&str>| Arc::new(StringViewArray::from_iter_values(values)) as ArrayRef;
        let gone = |rows: usize| Arc::new(BooleanArray::from(vec![true; rows])) as ArrayRef;
        let ids: Vec<&str> = order.identifiers.iter().map(|(_, text)| text.as_str()).collect();
        let count = ids.len();
        let persons = RecordBatch::try_from_iter([("distinct_id", text(ids)), ("_deleted", gone(count))])?;
        let mut removed = self.lake().append(PERSONS, persons).await?.replaced;
        if !order.links.is_empty() {
            let links = &order.links;
            let at = links.iter().map(|(_, _, _, at)| *at);
            let at = TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC");
            let kind = |alias: bool| if alias { LinkKind::Alias } else { LinkKind::Identify };
            let kinds = links.iter().map(|(_, _, alias, _)| kind(*alias).as_str());
            let batch = RecordBatch::try_from_iter([
                ("from_id", text(links.iter().map(|link| link.0.as_str()).collect())),
                ("to_id", text(links.iter().map(|link| link.1.as_str()).collect())),
                ("kind", text(kinds.collect())),
                ("at", Arc::new(at) as ArrayRef),
                ("_deleted", gone(links.len())),
            ])?;
            removed += self.lake().append(LINKS, batch).await?.replaced;
        }
        Ok(removed)
    }
}
