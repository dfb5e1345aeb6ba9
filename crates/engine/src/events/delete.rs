//! Removal of a person: from runs, hot columns, ledger and intake log.
//!
//! What is to be removed is noted durably first, and forgotten when all of it is done, also by whoever keeps something of
//! the person elsewhere: a removal that a crash cut off is found again and repeated.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
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
}

/// A person who is to be removed, noted until it is done.
#[derive(Debug, Clone)]
pub struct Removal {
    note: String,
    order: Order,
}

impl Removal {
    /// Names the removal; says nothing about the person.
    pub fn id(&self) -> &str {
        self.note.strip_prefix(NOTE).unwrap_or(&self.note)
    }

    /// Every identifier of the person.
    pub fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.order.identifiers.iter().map(|(_, text)| text.as_str())
    }
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
    /// Notes durably that a person is to be removed, by any of their identifiers. `None` when nobody has the
    /// identifier.
    ///
    /// # Errors
    /// When the person cannot be looked up or the note cannot be written: then nothing is noted.
    pub async fn begin_removal(&self, identifier: &str) -> Result<Option<Removal>> {
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
        Ok(Some(Removal { note, order }))
    }

    /// Removals that were begun and not ended, the oldest first: a crash cut them off.
    ///
    /// # Errors
    /// When the notes cannot be read.
    pub fn removals(&self) -> Result<Vec<Removal>> {
        let mut found = Vec::new();
        for (note, text) in self.shared().log.notes()? {
            if note.starts_with(NOTE) {
                let order: Order = serde_json::from_slice(&text).map_err(|error| LakeError::Log {
                    path: "log.redb".into(),
                    what: format!("the note of a removal cannot be read: {error}"),
                })?;
                found.push(Removal { note, order });
            }
        }
        Ok(found)
    }

    /// Removes all events, traits and links of the person from runs, hot columns and ledger, together with whatever else
    /// was marked as removed in `rejects`. Files that held them are removed as soon as no query reads them. An identifier
    /// that comes again later is a new person. It may be repeated.
    ///
    /// # Errors
    /// Whatever fails; the removal stays noted.
    pub async fn remove(&self, removal: &Removal) -> Result<DeletedPerson> {
        let order = &removal.order;
        let shared = self.shared();
        shared.events.sound()?;
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
        for run in events.state().runs.clone() {
            let (work, numbers, file) = (Arc::clone(shared), who.clone(), Arc::clone(&run));
            let found = blocking(move || {
                let columns = &work.events.columns;
                file.find(columns, &[columns.at("event_id")], &numbers)
            })
            .await?;
            let rows: usize = found.iter().map(RecordBatch::num_rows).sum();
            if rows == 0 {
                continue;
            }
            let without = Without { before: i64::MIN, who: who.clone() };
            self.rewrite(vec![run], Some(without)).await?;
            done.events += rows as u64;
            done.files += 1;
        }
        self.forget_customers().await?;
        drop(upkeep);
        for table in [PERSONS, LINKS, "rejects"] {
            let table = Arc::clone(shared.table(table)?);
            self.lake().compact_table(&table).await?;
        }
        self.lake().flush().await?;
        self.lake().remove_replaced(i64::MIN);
        {
            let _apply = shared.apply.lock();
            let mut state = events.state().as_ref().clone();
            state.version = shared.versions.next();
            events.publish(state);
        }
        shared.announce(Changed { table: TABLE, position: events.state().position });
        Ok(done)
    }

    /// Forgets a removal that is done, and with it all that the intake log still had of the person, also in freed pages.
    ///
    /// # Errors
    /// When the log cannot be written anew; the removal stays noted.
    pub async fn end_removal(&self, removal: &Removal) -> Result<()> {
        let (work, note) = (Arc::clone(self.shared()), removal.note.clone());
        blocking(move || work.log.rewrite(&note)).await
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
