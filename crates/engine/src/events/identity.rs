//! Which identifiers are one person: the links of the ledger, told to the hot columns as they change. The rules are
//! those of `burgeon_core::behaviour::identity`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::TimestampMicrosecondType;
use burgeon_core::behaviour::identity::{Graph, Link, LinkKind, Names, Verdict};

use super::batch::TABLE;
use crate::lake::{Changed, LakeError, Result, Shared, fold};

/// The ledger table of links.
pub(crate) const LINKS: &str = "identity_links";

/// The links, by the numbers of their identifiers.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    graph: Graph,
    texts: Texts,
    /// The main identifier of the person of an identifier, where it is another one.
    mains: HashMap<u32, u32>,
    /// Changes with every change.
    pub version: u64,
}

/// Texts of all linked identifiers.
#[derive(Debug, Default)]
struct Texts(HashMap<u32, Arc<str>>);

impl Names for Texts {
    fn name(&self, number: u32) -> &str {
        self.0.get(&number).map_or("", |text| text)
    }
}

/// A link as it is told about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub from: String,
    pub to: String,
    pub kind: LinkKind,
    pub at: i64,
    /// Why it is not followed, for people.
    pub refused: Option<String>,
}

impl Identity {
    /// The number of the main identifier of the person that an identifier belongs to.
    pub fn main(&self, number: u32) -> u32 {
        self.mains.get(&number).copied().unwrap_or(number)
    }

    /// The numbers of all identifiers of an identifier's person, ascending.
    pub fn members(&self, number: u32) -> Vec<u32> {
        self.graph.members(number)
    }

    /// Identifiers that are not the main one of their person, with that and its text.
    pub fn others(&self) -> impl Iterator<Item = (u32, u32, &str)> {
        self.mains.iter().map(|(number, main)| (*number, *main, self.texts.name(*main)))
    }

    /// Every link that an identifier is part of.
    pub fn links_of(&self, number: u32) -> Vec<Told> {
        let told = |(link, verdict): (Link, Verdict)| Told {
            from: self.texts.name(link.from).to_owned(),
            to: self.texts.name(link.to).to_owned(),
            kind: link.kind,
            at: link.at,
            refused: verdict.reason(&link, &self.texts),
        };
        self.graph.links_of(number).map(told).collect()
    }

    fn put(&mut self, from: &str, to: &str, link: Link, moved: &mut Moved) {
        for (number, text) in [(link.from, from), (link.to, to)] {
            self.texts.0.entry(number).or_insert_with(|| text.into());
        }
        // The row of the ledger counts, also where the graph would keep what was said before.
        let before = self.graph.unlink(&self.texts, link.from, link.to);
        self.follow(before.moved, moved);
        let change = self.graph.link(&self.texts, link);
        self.follow(change.moved, moved);
    }

    /// Whether a link was said at this time or before.
    fn is_known(&self, from: u32, to: u32, at: i64) -> bool {
        let same = |(link, _): (Link, Verdict)| link.from == from && link.to == to && link.at <= at;
        self.graph.links_of(from).any(same)
    }

    fn take(&mut self, from: u32, to: u32, moved: &mut Moved) {
        let change = self.graph.unlink(&self.texts, from, to);
        self.follow(change.moved, moved);
        for number in [from, to] {
            if self.graph.links_of(number).next().is_none() {
                self.texts.0.remove(&number);
            }
        }
    }

    /// Notes who has another main identifier now.
    fn follow(&mut self, changed: Vec<(u32, u32)>, moved: &mut Moved) {
        for (number, main) in changed {
            moved.0.extend([number, main, self.main(number)]);
            if number == main {
                self.mains.remove(&number)
            } else {
                self.mains.insert(number, main)
            };
        }
    }

    /// The whole persons of identifiers that moved.
    fn groups(&self, moved: &Moved) -> Vec<Vec<u32>> {
        let mut seen = HashSet::new();
        let mut groups = Vec::new();
        for number in &moved.0 {
            if !seen.contains(number) {
                let members = self.graph.members(*number);
                seen.extend(members.iter().copied());
                groups.push(members);
            }
        }
        groups
    }
}

/// Identifiers around which something changed.
#[derive(Debug, Default)]
struct Moved(BTreeSet<u32>);

/// The rows of a batch of links that say something new, and how many do not: clients identify themselves again and
/// again, and a link counts from the first time.
pub(crate) fn news(shared: &Shared, batch: &RecordBatch) -> Result<(RecordBatch, u64)> {
    let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_view_opt());
    let times = batch.column_by_name("at").and_then(|at| at.as_primitive_opt::<TimestampMicrosecondType>());
    let (Some(from), Some(to), Some(at)) = (text("from_id"), text("to_id"), times) else {
        return Ok((batch.clone(), 0)); // to be refused, or cast
    };
    let gone = batch.column_by_name("_deleted").and_then(|column| column.as_boolean_opt());
    let hot = &shared.events.hot;
    let identity = shared.events.identity.lock();
    let is_new = |row: usize| {
        let deleted = gone.is_some_and(|gone| gone.is_valid(row) && gone.value(row));
        let numbers = (hot.number(from.value(row)), hot.number(to.value(row)));
        match numbers {
            (Some(from), Some(to)) if !deleted => !identity.is_known(from, to, at.value(row)),
            _ => true,
        }
    };
    let keep: BooleanArray = (0..batch.num_rows()).map(|row| Some(is_new(row))).collect();
    let known = keep.false_count() as u64;
    match known {
        0 => Ok((batch.clone(), 0)),
        _ => Ok((arrow::compute::filter_record_batch(batch, &keep)?, known)),
    }
}

/// Follows new rows of the table of links. The caller holds the apply lock.
pub(crate) fn follow<'a>(shared: &Shared, mut batches: impl Iterator<Item = &'a RecordBatch>) {
    let mut moved = Moved::default();
    let taken = batches.try_for_each(|batch| take(shared, batch, &mut moved));
    if let Err(error) = taken.and_then(|()| tell(shared, &moved)) {
        tracing::error!(%error, "identities could not be followed; a restart reads them anew");
    }
}

/// Puts rows into the graph.
fn take(shared: &Shared, batch: &RecordBatch, moved: &mut Moved) -> Result<()> {
    let rows = Links::of(batch)?;
    let hot = &shared.events.hot;
    let kept = (0..batch.num_rows()).filter(|row| !rows.deleted.value(*row));
    let names: Vec<&str> = kept.flat_map(|row| [rows.from.value(row), rows.to.value(row)]).collect();
    let mut numbers = hot.numbers(&names)?.into_iter();
    let mut identity = shared.events.identity.lock();
    for row in 0..batch.num_rows() {
        let (from, to) = (rows.from.value(row), rows.to.value(row));
        if rows.deleted.value(row) {
            // Nobody gets a number for a link that goes.
            if let (Some(from), Some(to)) = (hot.number(from), hot.number(to)) {
                identity.take(from, to, moved);
            }
        } else if let (Some(a), Some(b)) = (numbers.next(), numbers.next()) {
            let kind = LinkKind::parse(rows.kind.value(row)).unwrap_or(LinkKind::Identify);
            identity.put(from, to, Link { from: a, to: b, kind, at: rows.at.value(row) }, moved);
        }
    }
    identity.version = shared.versions.next();
    Ok(())
}

/// Tells the hot columns who is one person now.
fn tell(shared: &Shared, moved: &Moved) -> Result<()> {
    let groups = shared.events.identity.lock().groups(moved);
    shared.events.hot.relink(&groups)?;
    changed(shared);
    shared.announce(Changed { table: TABLE, position: shared.events.state().position });
    Ok(())
}

fn changed(shared: &Shared) {
    let mut state = shared.events.state().as_ref().clone();
    state.version = shared.versions.next();
    shared.events.publish(state);
}

/// Reads the whole table of links anew: at the start, and after an import into it. The caller holds the apply lock
/// or is the only one there.
pub(crate) fn reload(shared: &Shared) -> Result<()> {
    let table = shared.table(LINKS)?.state();
    let hot = &shared.events.hot;
    let mut links = Vec::new();
    let mut texts = Texts::default();
    for bucket in 0..table.buckets.len() {
        for batch in fold::present(&table, bucket)? {
            let rows = Links::of(&batch)?;
            let names: Vec<&str> =
                (0..batch.num_rows()).flat_map(|row| [rows.from.value(row), rows.to.value(row)]).collect();
            let numbers = hot.numbers(&names)?;
            for (number, name) in numbers.iter().zip(&names) {
                texts.0.entry(*number).or_insert_with(|| (*name).into());
            }
            for (row, pair) in numbers.chunks(2).enumerate() {
                let kind = LinkKind::parse(rows.kind.value(row)).unwrap_or(LinkKind::Identify);
                links.push(Link { from: pair[0], to: pair[1], kind, at: rows.at.value(row) });
            }
        }
    }
    let mut identity = Identity { version: shared.versions.next(), texts, ..Identity::default() };
    identity.graph = Graph::load(&identity.texts, links);
    let everybody: Vec<u32> = identity.texts.0.keys().copied().collect();
    for number in &everybody {
        let main = identity.graph.main(*number);
        if main != *number {
            identity.mains.insert(*number, main);
        }
    }
    let groups = identity.groups(&Moved(everybody.into_iter().collect()));
    *shared.events.identity.lock() = identity;
    hot.relink_all(groups)?;
    changed(shared);
    Ok(())
}

/// The columns of a batch of links.
struct Links<'a> {
    from: &'a StringViewArray,
    to: &'a StringViewArray,
    kind: &'a StringViewArray,
    at: &'a TimestampMicrosecondArray,
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
