//! The store: what is written, by whom, and in which order.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, RwLock};

use crate::block::Block;
use crate::bulk::Bulk;
use crate::cache::Cache;
use crate::chunked::Chunked;
use crate::codes::{Columns, number, numbers, open_dim};
use crate::dictionary::Dictionary;
use crate::disk::Disk;
use crate::error::{HotError, Result};
use crate::manifest::{self, DimensionEntry, Manifest, RangeEntry};
use crate::overlay::Order;
use crate::recent::{KeyHasher, Known, Recents, RowRef, decode, encode, row_bytes};
use crate::rows::{Appended, EVENT_NAMES, NewRows, Verdict};
use crate::snapshot::Snapshot;
use crate::upkeep::Change;
use crate::view::{Dim, NOWHERE, Range, View, range_of};
use crate::warm::Warmed;

/// Dimensions of a store at most.
pub(crate) const DIMENSIONS: usize = 64;

/// How a store is kept.
#[derive(Debug, Clone)]
pub struct HotOptions {
    /// Hot dimensions: properties and columns of events with a column of their own, at most 64. Dimensions that the
    /// files have and this list does not are kept; new ones start empty for rows that are there ([`HotStore::add_dimension`]).
    pub dimensions: Vec<String>,
    /// Rows of a block, roughly.
    pub block_rows: usize,
    /// Rows that may wait in memory (and in the journal) before [`HotStore::maintain`] moves them into blocks.
    pub recent_rows: usize,
    /// Threads that answer a question.
    pub threads: usize,
    /// Bytes of answers by block that are kept.
    pub cache_bytes: usize,
    /// Different values of a dimension that are kept apart; questions about a dimension with more are refused.
    pub values: usize,
    /// Tests: after this many writes every write fails, the first of them half-way.
    #[doc(hidden)]
    pub fault: Option<Arc<AtomicI64>>,
}

impl Default for HotOptions {
    fn default() -> Self {
        Self {
            dimensions: Vec::new(),
            block_rows: 1 << 19,
            recent_rows: 2_000_000,
            threads: 2,
            cache_bytes: 256 << 20,
            values: 2_000_000,
            fault: None,
        }
    }
}

/// What [`HotStore::maintain`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Blocks that were written.
    pub blocks: u64,
    /// Recent rows that lie in blocks now.
    pub absorbed: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// What [`HotStore::delete`] or [`HotStore::expire`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Rows of events.
    pub rows: u64,
    /// Identifiers whose text was removed.
    pub identifiers: u64,
}

/// Size of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Rows in all.
    pub rows: u64,
    /// Rows that are not in blocks yet.
    pub recent: u64,
    /// Identifiers with a number.
    pub identifiers: u64,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of all files, as of the last checkpoint.
    pub file_bytes: u64,
    /// Bytes in memory, roughly, without kept answers.
    pub memory_bytes: u64,
    /// Identifiers whose rows lie under another person's number until the next upkeep.
    pub displaced: u64,
    /// Number of values of each dimension.
    pub values: Vec<(String, u64)>,
}

/// Hot columns of all persons. All methods take `&self`; appends, checkpoints and upkeep may run beside questions.
/// Clones are handles of the same store.
#[derive(Debug, Clone)]
pub struct HotStore {
    pub(crate) core: Arc<Core>,
}

/// Locks are taken in this order: intake or upkeep, files, state, dictionaries.
#[derive(Debug)]
pub(crate) struct Core {
    pub disk: Disk,
    pub options: HotOptions,
    /// One append at a time.
    pub intake: Mutex<()>,
    /// One rewriting of blocks at a time.
    upkeep: Upkeep,
    pub warmed: Mutex<Warmed>,
    pub files: Mutex<Files>,
    pub state: Mutex<State>,
    pub identifiers: Arc<RwLock<Dictionary>>,
    pub events: Arc<RwLock<Dictionary>>,
    pub cache: Arc<Cache>,
    last_order: Arc<Mutex<Option<Arc<Order>>>>,
    pub through: AtomicU64,
    /// How often identifiers were deleted.
    pub deletions: AtomicU64,
    /// Number for the next file.
    pub next: AtomicU64,
}

/// What is on disk.
#[derive(Debug)]
pub(crate) struct Files {
    pub journal: File,
    pub manifest: Manifest,
}

/// What is in memory.
#[derive(Debug)]
pub(crate) struct State {
    pub ranges: Arc<Vec<Range>>,
    pub recents: Recents,
    pub known: Known,
    pub roots: Chunked,
    pub placed: Chunked,
    pub displaced: BTreeSet<u32>,
    pub dims: Arc<Vec<Dim>>,
    /// Highest log position that was appended.
    pub position: u64,
    version: u64,
    identity: u64,
    view: Option<Arc<View>>,
}

#[derive(Debug, Default)]
struct Upkeep {
    busy: Mutex<bool>,
    free: Condvar,
}

/// The right to rewrite blocks, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease(HotStore);

impl Drop for Lease {
    fn drop(&mut self) {
        *self.0.core.upkeep.busy.lock() = false;
        self.0.core.upkeep.free.notify_one();
    }
}

/// Rows that were looked at before they are written to the log.
#[derive(Debug)]
pub struct Admitted {
    looked: Vec<Looked>,
    /// How often identifiers had been deleted.
    deletions: u64,
}

impl Admitted {
    /// What becomes of each row.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> + '_ {
        self.looked.iter().map(|row| row.verdict)
    }
}

/// A row looked up.
#[derive(Debug, Clone, Copy)]
struct Looked {
    verdict: Verdict,
    number: Option<u32>,
}

impl HotStore {
    /// Opens or creates the store in `dir`. Everything after the last checkpoint is cut off; files of unfinished work
    /// are removed. The caller then gives the persons ([`HotStore::relink_all`]) and appends from the log what lies
    /// above [`HotStore::complete_through`]. Only one process may have the folder open.
    pub fn open(dir: &Path, options: HotOptions) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(HotError::io(dir))?;
        let disk = Disk::new(dir, options.fault.clone());
        let manifest = Manifest::load(&disk)?;
        sweep(&disk, &manifest)?;
        let mut identifiers = Dictionary::open(&disk, manifest::IDENTIFIERS, false, manifest.identifiers)?;
        if !manifest.removing.is_empty() {
            identifiers.remove(&manifest.removing)?;
        }
        let events = Dictionary::open(&disk, manifest::EVENTS, true, manifest.events)?;
        let mut dims = Vec::new();
        for entry in &manifest.dimensions {
            dims.push(open_dim(&disk, entry, options.values)?);
        }
        let mut next = manifest.next;
        for name in &options.dimensions {
            if dims.iter().all(|dim| dim.name != *name) && dims.len() < DIMENSIONS {
                let entry = DimensionEntry { name: name.clone(), file: next, values: 0, overfull: false };
                dims.push(open_dim(&disk, &entry, options.values)?);
                next += 1;
            }
        }
        let count = identifiers.len();
        let mut placed = Chunked::filled(NOWHERE, count as usize);
        let mut ranges = Vec::new();
        for entry in &manifest.ranges {
            let block = match entry.block {
                None => None,
                Some(number) => {
                    let block = Block::open(&disk, number)?;
                    for (who, person) in block.members()? {
                        if entry.left.binary_search(&(who, person)).is_err() {
                            if who >= count {
                                return Err(block.damaged("it names identifiers that are not there"));
                            }
                            placed.set(who, person);
                        }
                    }
                    Some(Arc::new(block))
                }
            };
            ranges.push(Range { start: entry.start, block, left: Arc::new(entry.left.clone()) });
        }
        placed.settle();
        // Until links are given, persons are as their rows lie.
        let roots = placed.map(|who, place| if place == NOWHERE { who } else { place });
        let mut state = State {
            ranges: Arc::new(ranges),
            recents: Recents::default(),
            known: Known::default(),
            roots,
            placed,
            displaced: BTreeSet::new(),
            dims: Arc::new(dims),
            position: manifest.through,
            version: 1,
            identity: 1,
            view: None,
        };
        let journal = read_journal(&disk, &manifest, &mut state)?;
        let core = Core {
            disk,
            intake: Mutex::new(()),
            upkeep: Upkeep::default(),
            files: Mutex::new(Files { journal, manifest: manifest.clone() }),
            state: Mutex::new(state),
            identifiers: Arc::new(RwLock::new(identifiers)),
            events: Arc::new(RwLock::new(events)),
            cache: Arc::new(Cache::new(options.cache_bytes)),
            warmed: Mutex::default(),
            last_order: Arc::default(),
            through: AtomicU64::new(manifest.through),
            deletions: AtomicU64::new(0),
            next: AtomicU64::new(next),
            options,
        };
        let store = Self { core: Arc::new(core) };
        if store.core.state.lock().dims.len() != manifest.dimensions.len() {
            store.checkpoint()?;
        }
        Ok(store)
    }

    /// Position of the intake log up to which the files are complete; 0 when they are empty.
    #[must_use]
    pub fn complete_through(&self) -> u64 {
        self.core.through.load(Ordering::SeqCst)
    }

    pub(crate) fn view(&self) -> Arc<View> {
        let mut state = self.core.state.lock();
        if let Some(view) = &state.view {
            return view.clone();
        }
        let core = &self.core;
        let view = Arc::new(View {
            version: state.version,
            ranges: state.ranges.clone(),
            recents: state.recents.clone(),
            roots: state.roots.clone(),
            placed: state.placed.clone(),
            identity: state.identity,
            displaced: state.displaced.iter().copied().collect(),
            identifiers: core.identifiers.clone(),
            events: core.events.clone(),
            dims: state.dims.clone(),
            threads: core.options.threads,
            last_order: core.last_order.clone(),
            overlay: OnceLock::new(),
            by_range: OnceLock::new(),
        });
        state.view = Some(view.clone());
        view
    }

    /// What would become of the rows, before they are written to the log. Call it from one place at a time.
    pub fn admit(&self, rows: &NewRows<'_>) -> Result<Vec<Verdict>> {
        Ok(self.admitted(rows)?.verdicts().collect())
    }

    /// As [`HotStore::admit`], to be given to [`HotStore::append_admitted`].
    pub fn admitted(&self, rows: &NewRows<'_>) -> Result<Admitted> {
        let deletions = self.core.deletions.load(Ordering::SeqCst);
        Ok(Admitted { looked: self.look(rows)?, deletions })
    }

    fn look(&self, rows: &NewRows<'_>) -> Result<Vec<Looked>> {
        rows.check()?;
        let fits = self.fitting_names(rows.events);
        let mut out = Vec::with_capacity(rows.len());
        let mut in_blocks = Vec::new();
        let ranges = {
            let state = self.core.state.lock();
            let identifiers = self.core.identifiers.read();
            let mut strangers: HashMap<&str, u32> = HashMap::new();
            let mut seen: HashSet<(u32, u64), BuildHasherDefault<KeyHasher>> = HashSet::default();
            seen.reserve(rows.len());
            let numbers = identifiers.get_all(rows.distinct_ids);
            for (row, (text, id)) in rows.distinct_ids.iter().zip(rows.ids).enumerate() {
                let number = numbers[row];
                let who = number.unwrap_or_else(|| {
                    let next = u32::MAX - strangers.len() as u32;
                    *strangers.entry(text).or_insert(next)
                });
                let verdict = if !fits.is_empty() && !fits[row] {
                    Verdict::TooManyNames
                } else if !seen.insert((who, *id)) || (number.is_some() && state.known.contains(&(who, *id)))
                {
                    Verdict::Duplicate
                } else {
                    Verdict::Fresh
                };
                let place = number.and_then(|number| state.placed.get(number)).unwrap_or(NOWHERE);
                if verdict == Verdict::Fresh && place != NOWHERE {
                    in_blocks.push((row, place, who));
                }
                out.push(Looked { verdict, number });
            }
            state.ranges.clone()
        };
        for (row, place, who) in in_blocks {
            let block = ranges[range_of(&ranges, place)].block.as_ref();
            if let Some(block) = block
                && block.holds(place, who, rows.ids[row])?
            {
                out[row].verdict = Verdict::Duplicate;
            }
        }
        Ok(out)
    }

    /// Whether there is a number for each name; empty when there is for all.
    pub(crate) fn fitting_names(&self, names: &[&str]) -> Vec<bool> {
        let events = self.core.events.read();
        let free = EVENT_NAMES - (events.len() as usize).min(EVENT_NAMES);
        if names.len() <= free {
            return Vec::new();
        }
        let mut fresh: HashSet<&str> = HashSet::new();
        let mut fits = Vec::with_capacity(names.len());
        for name in names {
            let known = events.get(name).is_some() || fresh.contains(name);
            fits.push(known || (fresh.len() < free && fresh.insert(name)));
        }
        fits
    }

    /// Takes rows in, in memory; [`HotStore::snapshot`] shows them at once. Rows that are there already are passed over.
    pub fn append(&self, rows: &NewRows<'_>) -> Result<Appended> {
        let _intake = self.core.intake.lock();
        Ok(self.take(rows, &self.look(rows)?)?.0)
    }

    /// As [`HotStore::append`], for the fresh ones among rows that were admitted, if nothing was appended or committed
    /// since. Gives also the number of the identifier of each row.
    pub fn append_admitted(&self, rows: &NewRows<'_>, admitted: Admitted) -> Result<(Appended, Vec<u32>)> {
        let _intake = self.core.intake.lock();
        let Admitted { mut looked, deletions } = admitted;
        looked.retain(|row| row.verdict == Verdict::Fresh);
        rows.check()?;
        if looked.len() != rows.len() || deletions != self.core.deletions.load(Ordering::SeqCst) {
            // Somebody was deleted in between: then their numbers are no more.
            looked = self.look(rows)?;
        }
        self.take(rows, &looked)
    }

    /// Takes the fresh ones of rows in. The lock of the intake is held.
    fn take(&self, rows: &NewRows<'_>, looked: &[Looked]) -> Result<(Appended, Vec<u32>)> {
        let mut done = Appended::default();
        let mut state = self.core.state.lock();
        let state = &mut *state;
        let dims = state.dims.clone();
        let fresh = |row: usize| looked[row].verdict == Verdict::Fresh;
        let columns = Columns::of(&dims, rows, fresh);
        let mut identifiers = self.core.identifiers.write();
        let mut events = self.core.events.write();
        let mut codes = vec![0; state.dims.len()];
        let mut numbers = Vec::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for (row, looked) in looked.iter().enumerate() {
            let who = match looked.number {
                Some(who) => who,
                None => number(&mut identifiers, state, rows.distinct_ids[row])?,
            };
            numbers.push(who);
            match looked.verdict {
                Verdict::Duplicate => done.duplicates += 1,
                Verdict::TooManyNames => done.refused += 1,
                Verdict::Fresh => {
                    let Some(event) = events.get_or_add(rows.events[row], EVENT_NAMES as u32) else {
                        done.refused += 1;
                        continue;
                    };
                    columns.row(row, &mut codes);
                    let (at, id) = (rows.at[row], rows.ids[row]);
                    state.recents.push(RowRef { at, event: event as u16, id, who, dims: &codes });
                    keys.push((who, id));
                    done.taken += 1;
                }
            }
        }
        // All at once: each goes to a far place in memory, and the processor can wait for many of them together.
        state.known.extend(keys);
        state.position = state.position.max(rows.position);
        if done.taken > 0 {
            state.changed();
        }
        Ok((done, numbers))
    }

    /// Makes everything so far durable and gives the log position up to which the files are now complete. Numbers of
    /// identifiers must not be stored elsewhere (in a Parquet run, say) before a checkpoint that includes them.
    pub fn checkpoint(&self) -> Result<u64> {
        let mut files = self.core.files.lock();
        let (recents, mut manifest) = self.collect(&files);
        if manifest.dimensions.len() != files.manifest.dimensions.len() {
            // Rows of the journal have the old width.
            self.switch(&mut files, Change::nothing(&self.view()))?;
            return Ok(self.complete_through());
        }
        let start = files.manifest.journal_rows as usize;
        self.write_journal(&files.journal, manifest.journal, &recents, start, start as u64, &manifest)?;
        manifest.journal_rows = recents.len as u64;
        self.sync_dictionaries()?;
        if manifest != files.manifest {
            manifest.save(&self.core.disk)?;
            self.core.through.store(manifest.through, Ordering::SeqCst);
            files.manifest = manifest;
        }
        Ok(self.complete_through())
    }

    /// Adds a dimension in memory, if it is not there, and gives its position: rows appended from then on carry it, those
    /// before are without a value until [`HotStore::add_dimension`] is called with it. The next checkpoint makes it durable.
    pub fn register(&self, name: &str) -> Result<usize> {
        let core = &self.core;
        // No checkpoint may run between the two.
        let _files = core.files.lock();
        let mut state = core.state.lock();
        if let Some(at) = state.dims.iter().position(|dim| dim.name == name) {
            return Ok(at);
        }
        if state.dims.len() >= DIMENSIONS {
            return Err(HotError::Question(format!(
                "there are {DIMENSIONS} hot dimensions already, no more fit"
            )));
        }
        let file = core.next.fetch_add(1, Ordering::SeqCst);
        let entry = DimensionEntry { name: name.into(), file, values: 0, overfull: false };
        let mut dims = state.dims.to_vec();
        dims.push(open_dim(&core.disk, &entry, core.options.values)?);
        state.recents.widen(dims.len());
        state.dims = Arc::new(dims);
        state.changed();
        Ok(state.dims.len() - 1)
    }

    /// Recent rows, and the manifest that fits them but for the journal.
    pub(crate) fn collect(&self, files: &Files) -> (Recents, Manifest) {
        let state = self.core.state.lock();
        let manifest = Manifest {
            format: files.manifest.format,
            through: state.position,
            next: self.core.next.load(Ordering::SeqCst),
            identifiers: self.core.identifiers.read().len(),
            events: self.core.events.read().len(),
            dimensions: state.dims.iter().map(Dim::entry).collect(),
            ranges: state.ranges.iter().map(Range::entry).collect(),
            journal: files.manifest.journal,
            journal_rows: files.manifest.journal_rows,
            removing: Vec::new(),
        };
        (state.recents.clone(), manifest)
    }

    /// Writes recent rows from position `from` on to a journal that has `row` rows, durably.
    pub(crate) fn write_journal(
        &self,
        journal: &File,
        number: u64,
        recents: &Recents,
        from: usize,
        row: u64,
        manifest: &Manifest,
    ) -> Result<()> {
        if from == recents.len {
            return Ok(());
        }
        let name = manifest::journal_name(number);
        let width = row_bytes(manifest.dimensions.len());
        let mut bytes = Vec::new();
        let mut at = row * width as u64;
        for start in (from..recents.len).step_by(1 << 16) {
            bytes.clear();
            recents.each(start, recents.len.min(start + (1 << 16)), |_, row| encode(row, &mut bytes));
            self.core.disk.write(&name, journal, &bytes, at)?;
            at += bytes.len() as u64;
        }
        self.core.disk.sync(&name, journal)
    }

    pub(crate) fn sync_dictionaries(&self) -> Result<()> {
        let dims = self.core.state.lock().dims.clone();
        self.core.identifiers.write().sync()?;
        self.core.events.write().sync()?;
        for dim in dims.iter() {
            dim.values.write().sync()?;
        }
        self.core.disk.sync_folder()
    }

    /// Numbers of identifiers; new ones get the next numbers.
    pub fn numbers(&self, distinct_ids: &[&str]) -> Result<Vec<u32>> {
        let mut state = self.core.state.lock();
        let mut identifiers = self.core.identifiers.write();
        let before = identifiers.len();
        let numbers = numbers(&mut identifiers, &mut state, distinct_ids);
        if identifiers.len() > before {
            state.changed();
        }
        numbers
    }

    /// Number of an identifier that was seen.
    #[must_use]
    pub fn number(&self, distinct_id: &str) -> Option<u32> {
        self.core.identifiers.read().get(distinct_id)
    }

    /// Text of the identifier with a number; `None` for numbers that are not given or were deleted.
    pub fn identifier(&self, number: u32) -> Result<Option<String>> {
        self.core.identifiers.read().text(number)
    }

    /// How many identifiers have a number.
    #[must_use]
    pub fn identifiers(&self) -> u32 {
        self.core.identifiers.read().len()
    }

    /// Person of an identifier (by number).
    #[must_use]
    pub fn person(&self, number: u32) -> u32 {
        self.core.state.lock().roots.get(number).unwrap_or(number)
    }

    /// Says which identifiers are one person: each group is the whole membership of a person as the links now are.
    /// An identifier that left a person is in a group of its own (of one). Identifiers in no group stay as they are.
    pub fn relink(&self, groups: &[Vec<u32>]) -> Result<()> {
        let mut state = self.core.state.lock();
        let known = state.roots.len() as u32;
        if let Some(stranger) = groups.iter().flatten().find(|who| **who >= known) {
            return Err(HotError::Rows(format!("{stranger} is the number of no identifier")));
        }
        for group in groups {
            let Some(root) = group.iter().min() else {
                continue;
            };
            for who in group {
                state.assign(*who, *root);
            }
        }
        Ok(())
    }

    /// As [`HotStore::relink`] for all persons: identifiers in no group are persons of their own. Needed after opening,
    /// since links are kept elsewhere.
    pub fn relink_all(&self, groups: impl IntoIterator<Item = Vec<u32>>) -> Result<()> {
        let mut state = self.core.state.lock();
        let mut roots: Vec<u32> = (0..state.roots.len() as u32).collect();
        for group in groups {
            let root = group.iter().min().copied().unwrap_or_default();
            for who in group {
                *roots
                    .get_mut(who as usize)
                    .ok_or_else(|| HotError::Rows(format!("{who} is the number of no identifier")))? = root;
            }
        }
        for (who, root) in roots.into_iter().enumerate() {
            state.assign(who as u32, root);
        }
        Ok(())
    }

    /// One unchanging view. Cheap; views share everything with the store.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.view(), self.core.cache.clone())
    }

    /// Begins to take many rows at once, in bounded memory. See [`Bulk`].
    pub fn bulk(&self) -> Result<Bulk> {
        Bulk::new(self.clone())
    }

    /// Names of the hot dimensions.
    #[must_use]
    pub fn dimensions(&self) -> Vec<String> {
        self.core.state.lock().dims.iter().map(|dim| dim.name.clone()).collect()
    }

    /// Size of the store.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let elsewhere = self.view().rows_left();
        let (recents, manifest) = self.collect(&self.core.files.lock());
        let state = self.core.state.lock();
        let blocks: Vec<&Arc<Block>> = state.ranges.iter().filter_map(|range| range.block.as_ref()).collect();
        let lying: u64 = blocks.iter().map(|block| block.head.rows).sum();
        let index: u64 =
            blocks.iter().map(|block| (block.persons.bytes() + 4 * block.ends.len()) as u64).sum();
        let (mut memory, mut file_bytes) = self.core.identifiers.read().sizes();
        for dictionary in state.dims.iter().map(|dim| &dim.values).chain([&self.core.events]) {
            let (m, f) = dictionary.read().sizes();
            (memory, file_bytes) = (memory + m, file_bytes + f);
        }
        let values =
            state.dims.iter().map(|dim| (dim.name.clone(), u64::from(dim.values.read().len()))).collect();
        Stats {
            rows: (lying + recents.len as u64).saturating_sub(elsewhere),
            recent: recents.len as u64,
            identifiers: state.roots.len() as u64,
            blocks: blocks.len() as u64,
            file_bytes: file_bytes
                + blocks.iter().map(|block| block.bytes).sum::<u64>()
                + manifest.journal_rows * row_bytes(state.dims.len()) as u64,
            memory_bytes: memory
                + index
                + (state.roots.bytes() + state.placed.bytes()) as u64
                + recents.bytes() as u64
                + 18 * state.known.capacity() as u64,
            displaced: state.displaced.len() as u64,
            values,
        }
    }

    /// Reads every block and says what is damaged, one sentence a finding.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let view = self.view();
        let blocks = view.ranges.iter().filter_map(|range| range.block.as_ref());
        blocks.filter_map(|block| block.check().err()).map(|error| error.to_string()).collect()
    }

    pub(crate) fn lease(&self) -> Lease {
        let mut busy = self.core.upkeep.busy.lock();
        while *busy {
            self.core.upkeep.free.wait(&mut busy);
        }
        *busy = true;
        Lease(self.clone())
    }
}

impl State {
    pub fn changed(&mut self) {
        self.version += 1;
        self.view = None;
    }

    fn assign(&mut self, who: u32, root: u32) {
        if self.roots.get(who) != Some(root) {
            self.roots.set(who, root);
            self.identity += 1;
            self.changed();
            self.settle(who);
        }
    }

    /// Notes whether the rows of an identifier lie under its person.
    pub fn settle(&mut self, who: u32) {
        let place = self.placed.get(who).unwrap_or(NOWHERE);
        if place == NOWHERE || self.roots.get(who) == Some(place) {
            self.displaced.remove(&who);
        } else {
            self.displaced.insert(who);
        }
    }
}

impl Range {
    pub fn entry(&self) -> RangeEntry {
        let block = self.block.as_ref().map(|block| block.number);
        RangeEntry { start: self.start, block, left: self.left.to_vec() }
    }
}

/// Removes files of unfinished work.
fn sweep(disk: &Disk, manifest: &Manifest) -> Result<()> {
    let ours = manifest.files();
    for entry in std::fs::read_dir(&disk.dir).map_err(HotError::io(&disk.dir))? {
        let name = entry.map_err(HotError::io(&disk.dir))?.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        let kind =
            [".hot", ".rows", ".text", ".ends", ".new", ".spill"].iter().any(|end| name.ends_with(end));
        if kind && ours.iter().all(|ours| ours != name) {
            let path = disk.path(name);
            std::fs::remove_file(&path).map_err(HotError::io(&path))?;
        }
    }
    Ok(())
}

fn read_journal(disk: &Disk, manifest: &Manifest, state: &mut State) -> Result<File> {
    let name = manifest::journal_name(manifest.journal);
    let (journal, path) = (disk.open(&name)?, disk.path(&name));
    let dims = manifest.dimensions.len();
    let width = row_bytes(dims);
    let identifiers = state.roots.len() as u32;
    let mut codes = vec![0; state.dims.len()];
    let mut bytes = Vec::new();
    let mut strangers = false;
    for start in (0..manifest.journal_rows).step_by(1 << 16) {
        let n = (manifest.journal_rows - start).min(1 << 16) as usize;
        bytes.resize(n * width, 0);
        journal
            .read_exact_at(&mut bytes, start * width as u64)
            .map_err(|_| HotError::damaged(&path, "shorter than its rows"))?;
        decode(&bytes, dims, |row| {
            strangers |= row.who >= identifiers || u32::from(row.event) >= manifest.events;
            codes[..dims].copy_from_slice(row.dims);
            state.recents.push(RowRef { dims: &codes, ..row });
            state.known.insert((row.who, row.id));
        });
    }
    if strangers {
        return Err(HotError::damaged(&path, "it names identifiers or events that are not there"));
    }
    Ok(journal)
}
