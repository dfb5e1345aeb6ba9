//! What clients say of persons and accounts, laid over what is known of them and written as full records.

use crate::app::cells::Columns;
use crate::app::intake::with_source;
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace};
use arrow::array::RecordBatch;
use burgeon_connectors::intake::{GroupPatch, PersonPatch, PersonRow, person_rows};
use burgeon_connectors::{TableRows, Value as Cell};
use burgeon_engine::lake::{Changed, Lake};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// Persons that are held in memory at most, and the most bytes of their traits.
const MOST_PERSONS: usize = 50_000;
const MOST_BYTES: usize = 64 << 20;

/// The persons who were lately spoken of, so that a person who sends traits with every event is read once.
#[derive(Debug)]
pub struct KnownPersons(tokio::sync::Mutex<Recent>);

#[derive(Debug)]
struct Recent {
    rows: HashMap<String, PersonRow>,
    bytes: usize,
    /// Tells when somebody else writes persons: then all is read anew.
    changes: Receiver<Changed>,
    /// Changes that were our own.
    own: HashSet<u64>,
}

impl KnownPersons {
    /// Nobody is known yet.
    pub fn new(lake: &Lake) -> Self {
        Self(tokio::sync::Mutex::new(Recent {
            rows: HashMap::new(),
            bytes: 0,
            changes: lake.subscribe(),
            own: HashSet::new(),
        }))
    }
}

impl Recent {
    fn forget(&mut self) {
        self.rows.clear();
        self.bytes = 0;
    }

    /// Forgets what others may have changed.
    fn catch_up(&mut self) {
        loop {
            match self.changes.try_recv() {
                Ok(changed) if changed.table == "persons" && !self.own.remove(&changed.position) => {
                    self.forget()
                }
                Ok(_) => {}
                Err(TryRecvError::Lagged(_)) => {
                    self.own.clear();
                    self.forget();
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if self.rows.len() > MOST_PERSONS || self.bytes > MOST_BYTES {
            self.forget();
        }
    }

    fn keep(&mut self, row: PersonRow) {
        self.bytes += size(&row);
        if let Some(old) = self.rows.insert(row.distinct_id.clone(), row) {
            self.bytes = self.bytes.saturating_sub(size(&old));
        }
    }
}

fn size(row: &PersonRow) -> usize {
    200 + row.distinct_id.len()
        + row
            .traits
            .iter()
            .map(|(name, value)| 80 + name.len() + value.as_str().map_or(16, str::len))
            .sum::<usize>()
}

impl Workspace {
    /// Lays what was said over what is known and writes what changed.
    pub(super) async fn know_persons(
        &self,
        persons: &[PersonPatch],
        groups: &[GroupPatch],
        source: &str,
    ) -> Result<()> {
        if !persons.is_empty() {
            self.patch_persons(persons, source).await?;
        }
        if !groups.is_empty() {
            self.patch_accounts(groups, source).await?;
        }
        Ok(())
    }

    async fn patch_persons(&self, patches: &[PersonPatch], source: &str) -> Result<()> {
        // One request at a time reads, lays over and writes, so that none undoes another.
        let mut recent = self.intake().known.0.lock().await;
        recent.catch_up();
        let mut ids: Vec<&str> = patches.iter().map(|patch| patch.distinct_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let missing: Vec<String> =
            ids.iter().filter(|id| !recent.rows.contains_key(**id)).map(|id| (*id).to_owned()).collect();
        let mut stored = HashSet::new();
        if !missing.is_empty() {
            let lake = self.lake().clone();
            for (id, row) in blocking(move || read_persons(&lake, missing)).await? {
                match row {
                    Some(row) => {
                        stored.insert(id);
                        recent.keep(row);
                    }
                    None => recent.keep(PersonRow { distinct_id: id, ..PersonRow::default() }),
                }
            }
        }
        let before: HashMap<&str, PersonRow> =
            ids.iter().filter_map(|id| Some((*id, recent.rows.get(*id)?.clone()))).collect();
        let mut after = before.clone();
        for patch in patches {
            if let Some(row) = after.get_mut(patch.distinct_id.as_str()) {
                patch.apply(row);
            }
        }
        let mut changed = Vec::new();
        for id in &ids {
            let (Some(old), Some(new)) = (before.get(id), after.remove(id)) else { continue };
            // A later moment alone is not worth a record.
            let same = old.at.is_some() && PersonRow { at: new.at, ..old.clone() } == new;
            if !same {
                changed.push(new.clone());
            }
            recent.keep(new);
        }
        if changed.is_empty() {
            return Ok(());
        }
        let written = self.lake().append("persons", with_source(&person_rows(&changed), source)?).await;
        match written {
            Ok(appended) => {
                recent.own.insert(appended.position);
                Ok(())
            }
            Err(error) => {
                // What is not written must not be taken as known.
                recent.forget();
                Err(error.into())
            }
        }
    }

    /// An account that a client speaks of is a customer: what billing says of it stands, what is missing is filled in,
    /// and the client's traits become attributes.
    async fn patch_accounts(&self, patches: &[GroupPatch], source: &str) -> Result<()> {
        let _alone = self.intake().known.0.lock().await;
        let mut by_id: HashMap<&str, Vec<&GroupPatch>> = HashMap::new();
        for patch in patches {
            by_id.entry(&patch.customer_id).or_default().push(patch);
        }
        let mut rows = TableRows::new("customers").ok_or_else(|| Error::internal("no table of customers"))?;
        let mut ids: Vec<&str> = by_id.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let (lake, owned) = (self.lake().clone(), id.to_owned());
            let found = blocking(move || Ok(lake.entity("customers", &owned)?)).await?;
            let old = match found.iter().find(|batch| batch.num_rows() > 0) {
                Some(batch) => Account::read(batch)?,
                None => Account::default(),
            };
            let mut new = old.clone();
            for patch in &by_id[id] {
                new.fill(patch);
            }
            if new != old || found.is_empty() {
                let attributes = Value::Object(new.attributes).to_string();
                rows.push(
                    0,
                    &[
                        Cell::Text(id),
                        Cell::from(new.name.as_deref()),
                        Cell::from(new.email.as_deref()),
                        Cell::from(new.country.as_deref()),
                        Cell::from(new.channel.as_deref()),
                        Cell::from(new.partner.as_deref()),
                        Cell::from(new.created_at),
                        Cell::Text(&attributes),
                    ],
                );
            }
        }
        if let Some(batch) = rows.take() {
            self.lake().append("customers", with_source(&batch.rows, source)?).await?;
        }
        Ok(())
    }
}

/// The records of persons, where there are any. Blocking.
fn read_persons(lake: &Lake, ids: Vec<String>) -> Result<Vec<(String, Option<PersonRow>)>> {
    let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut known = HashMap::with_capacity(ids.len());
    for batch in &lake.entities("persons", &wanted)? {
        for row in 0..batch.num_rows() {
            let person = person(batch, row)?;
            known.insert(person.distinct_id.clone(), person);
        }
    }
    Ok(ids.into_iter().map(|id| (id.clone(), known.remove(&id))).collect())
}

fn person(batch: &RecordBatch, row: usize) -> Result<PersonRow> {
    let columns = Columns(batch);
    Ok(PersonRow {
        distinct_id: columns.text("distinct_id", row)?.unwrap_or_default(),
        email: columns.text("email", row)?,
        name: columns.text("name", row)?,
        customer_id: columns.text("customer_id", row)?,
        at: columns.int("at", row)?,
        traits: object(columns.text("traits", row)?.as_deref()),
    })
}

fn object(text: Option<&str>) -> Map<String, Value> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// A record of `customers` as far as clients can fill it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Account {
    name: Option<String>,
    email: Option<String>,
    country: Option<String>,
    channel: Option<String>,
    partner: Option<String>,
    created_at: Option<i64>,
    attributes: Map<String, Value>,
}

impl Account {
    fn read(batch: &RecordBatch) -> Result<Self> {
        let columns = Columns(batch);
        Ok(Self {
            name: columns.text("name", 0)?,
            email: columns.text("email", 0)?,
            country: columns.text("country", 0)?,
            channel: columns.text("channel", 0)?,
            partner: columns.text("partner", 0)?,
            created_at: columns.int("created_at", 0)?,
            attributes: object(columns.text("attributes", 0)?.as_deref()),
        })
    }

    fn fill(&mut self, patch: &GroupPatch) {
        for (name, value) in object(Some(&patch.set)) {
            let column = match name.as_str() {
                "name" | "$name" => &mut self.name,
                "email" | "$email" => &mut self.email,
                _ => {
                    self.attributes.insert(name, value);
                    continue;
                }
            };
            if column.is_none() {
                *column = value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn billing_stands_and_traits_become_attributes() {
        let mut account = Account { name: Some("Acme GmbH".into()), ..Account::default() };
        let set = r#"{"name":"acme","email":"it@acme.test","seats":7}"#;
        account.fill(&GroupPatch { customer_id: "c1".into(), set: set.into(), ..GroupPatch::default() });
        assert_eq!(account.name.as_deref(), Some("Acme GmbH"));
        assert_eq!(account.email.as_deref(), Some("it@acme.test"));
        assert_eq!(account.attributes["seats"], 7);
        account.fill(&GroupPatch { set: "no object".into(), ..GroupPatch::default() });
        assert_eq!(account.attributes.len(), 1);
    }
}
