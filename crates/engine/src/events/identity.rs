//! Which identifiers are one person: the links of the ledger, told to the hot columns as they change.
//!
//! The rule is in `rule`; here links are kept by number, so that a new link costs what the
//! identifiers around it cost, however many there are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

use super::batch::TABLE;
use super::rule::{Kind, Link, persons};
use crate::lake::{Changed, LakeError, Result, Shared, fold};

/// The ledger table of links.
pub(crate) const LINKS: &str = "identity_links";

/// The links by the numbers of their identifiers.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// (from, to) → how and when.
    links: HashMap<(u32, u32), (Kind, i64)>,
    /// The links that an identifier is part of.
    around: HashMap<u32, BTreeSet<(u32, u32)>>,
    /// Texts of all linked identifiers.
    texts: HashMap<u32, Arc<str>>,
    /// The main identifier of the person of an identifier, where it is another one.
    mains: HashMap<u32, u32>,
    /// Identifiers that have no link any more.
    alone: Vec<u32>,
    /// Changes with every change.
    pub version: u64,
}

impl Identity {
    /// The number of the main identifier of the person that an identifier belongs to.
    pub fn main(&self, number: u32) -> u32 {
        self.mains.get(&number).copied().unwrap_or(number)
    }

    /// Identifiers that are not the main one of their person, with the text of that.
    pub fn others(&self) -> impl Iterator<Item = (u32, u32, &str)> {
        self.mains.iter().filter_map(|(number, main)| Some((*number, *main, &**self.texts.get(main)?)))
    }

    /// How an identifier is linked: every link that it is part of, as (from, to, kind, at).
    pub fn links_of(&self, number: u32) -> Vec<(Arc<str>, Arc<str>, Kind, i64)> {
        let Some(around) = self.around.get(&number) else {
            return Vec::new();
        };
        let link = |(from, to): &(u32, u32)| {
            let (kind, at) = *self.links.get(&(*from, *to))?;
            Some((Arc::clone(self.texts.get(from)?), Arc::clone(self.texts.get(to)?), kind, at))
        };
        around.iter().filter_map(link).collect()
    }

    fn put(&mut self, from: (u32, &str), to: (u32, &str), kind: Kind, at: i64) {
        let pair = (from.0, to.0);
        self.links.insert(pair, (kind, at));
        for (number, text) in [from, to] {
            self.around.entry(number).or_default().insert(pair);
            self.texts.entry(number).or_insert_with(|| text.into());
        }
    }

    fn take(&mut self, from: u32, to: u32) {
        if self.links.remove(&(from, to)).is_none() {
            return;
        }
        for number in [from, to] {
            if let Some(around) = self.around.get_mut(&number) {
                around.remove(&(from, to));
                if around.is_empty() {
                    self.around.remove(&number);
                    self.alone.push(number);
                }
            }
        }
    }

    /// All identifiers that links join with some, refused links included: nothing beyond them can be touched.
    fn component(&self, start: u32, seen: &mut HashSet<u32>) -> Vec<u32> {
        let mut found = vec![start];
        let mut next = 0;
        while let Some(number) = found.get(next).copied() {
            next += 1;
            for (from, to) in self.around.get(&number).into_iter().flatten() {
                for other in [*from, *to] {
                    if seen.insert(other) {
                        found.push(other);
                    }
                }
            }
        }
        found
    }

    /// Decides anew about everybody whom the links of some identifiers join; gives the persons that came out of it.
    fn decide(&mut self, touched: &HashSet<u32>) -> Vec<Vec<u32>> {
        let mut seen: HashSet<u32> = HashSet::new();
        let mut groups = Vec::new();
        for number in touched {
            if !seen.insert(*number) {
                continue;
            }
            let members = self.component(*number, &mut seen);
            let mut links = Vec::new();
            let mut numbers: HashMap<&str, u32> = HashMap::new();
            for member in &members {
                let Some(text) = self.texts.get(member) else { continue };
                numbers.insert(text, *member);
                for pair in self.around.get(member).into_iter().flatten() {
                    if pair.0 != *member {
                        continue; // once, with its first end
                    }
                    if let (Some(to), Some((kind, at))) = (self.texts.get(&pair.1), self.links.get(pair)) {
                        links.push(Link { from: text, to, kind: *kind, at: *at });
                    }
                }
            }
            let mut mains: Vec<(u32, u32)> = Vec::new();
            let mut together: HashMap<u32, Vec<u32>> = HashMap::new();
            let decided = persons(&links);
            for member in &members {
                let main = self
                    .texts
                    .get(member)
                    .and_then(|text| decided.main(text))
                    .and_then(|main| numbers.get(main).copied())
                    .unwrap_or(*member);
                mains.push((*member, main));
                together.entry(main).or_default().push(*member);
            }
            groups.extend(together.into_values());
            for (member, main) in mains {
                if member == main {
                    self.mains.remove(&member)
                } else {
                    self.mains.insert(member, main)
                };
            }
        }
        for number in self.alone.drain(..) {
            if !self.around.contains_key(&number) {
                self.texts.remove(&number);
            }
        }
        self.version += 1;
        groups
    }
}

/// Follows new rows of the table of links. The caller holds the apply lock.
pub(crate) fn follow<'a>(shared: &Shared, batches: impl Iterator<Item = &'a RecordBatch>) {
    let result = batches
        .map(|batch| take(shared, batch))
        .collect::<Result<Vec<_>>>()
        .and_then(|touched| tell(shared, &touched.into_iter().flatten().collect()));
    if let Err(error) = result {
        tracing::error!(%error, "identities could not be followed; a restart reads them anew");
    }
}

/// Puts rows into the graph; gives the identifiers touched.
fn take(shared: &Shared, batch: &RecordBatch) -> Result<Vec<u32>> {
    let rows = Links::of(batch)?;
    let mut names: Vec<&str> = Vec::with_capacity(2 * batch.num_rows());
    for row in 0..batch.num_rows() {
        names.extend([rows.from.value(row), rows.to.value(row)]);
    }
    let hot = &shared.events.hot;
    let mut touched = Vec::with_capacity(names.len());
    let kept: Vec<&str> =
        (0..names.len()).filter(|at| !rows.deleted.value(at / 2)).map(|at| names[at]).collect();
    let mut numbers = hot.numbers(&kept)?.into_iter();
    let mut identity = shared.events.identity.lock();
    for (row, pair) in names.chunks(2).enumerate() {
        if rows.deleted.value(row) {
            // Nobody gets a number for a link that goes.
            if let (Some(from), Some(to)) = (hot.number(pair[0]), hot.number(pair[1])) {
                identity.take(from, to);
                touched.extend([from, to]);
            }
        } else if let (Some(from), Some(to)) = (numbers.next(), numbers.next()) {
            let kind = if rows.kind.value(row) == "alias" { Kind::Alias } else { Kind::Identify };
            identity.put((from, pair[0]), (to, pair[1]), kind, rows.at.value(row));
            touched.extend([from, to]);
        }
    }
    Ok(touched)
}

/// Decides about identifiers and tells the hot columns.
fn tell(shared: &Shared, touched: &HashSet<u32>) -> Result<()> {
    let groups = shared.events.identity.lock().decide(touched);
    shared.events.hot.relink(&groups)?;
    let mut state = shared.events.state().as_ref().clone();
    state.version = shared.versions.next();
    shared.events.publish(state);
    shared.announce(Changed { table: TABLE, position: shared.events.state().position });
    Ok(())
}

/// Reads the whole table of links anew: at the start, and after an import into it. The caller holds the apply lock
/// or is the only one there.
pub(crate) fn reload(shared: &Shared) -> Result<()> {
    let table = shared.table(LINKS)?.state();
    *shared.events.identity.lock() = Identity { version: shared.versions.next(), ..Identity::default() };
    let mut touched: HashSet<u32> = HashSet::new();
    for bucket in 0..table.buckets.len() {
        for batch in fold::present(&table, bucket)? {
            touched.extend(take(shared, &batch)?);
        }
    }
    let groups = shared.events.identity.lock().decide(&touched);
    shared.events.hot.relink_all(groups)?;
    let mut state = shared.events.state().as_ref().clone();
    state.version = shared.versions.next();
    shared.events.publish(state);
    Ok(())
}

/// The columns of a batch of links.
struct Links<'a> {
    from: &'a arrow::array::StringViewArray,
    to: &'a arrow::array::StringViewArray,
    kind: &'a arrow::array::StringViewArray,
    at: &'a arrow::array::TimestampMicrosecondArray,
    deleted: &'a BooleanArray,
}

impl<'a> Links<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            batch.column_by_name(name).ok_or_else(|| LakeError::Internal(format!("links have no {name}")))
        };
        Ok(Self {
            from: column("from_id")?.as_string_view(),
            to: column("to_id")?.as_string_view(),
            kind: column("kind")?.as_string_view(),
            at: column("at")?.as_primitive::<TimestampMicrosecondType>(),
            deleted: column("_deleted")?.as_boolean(),
        })
    }
}
