//! One unchanging view of the store, and kernels over it.

use std::any::type_name;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use burgeon_core::behaviour::{Kernel, Partial, Rows};
use parking_lot::Mutex;

use crate::block::Block;
use crate::cache::{Cache, Entry, WHOLE};
use crate::chunked::Persons;
use crate::error::Result;
use crate::plan::Plan;
use crate::question::{EVENT, Question};
use crate::rows::PersonRow;
use crate::scan::{self, Before, Scratch, between};
use crate::view::View;

/// Persons whose rows one thread reads faster than another one starts.
const FEW: usize = 1000;

/// An event name as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    /// The name.
    pub event: String,
    /// Rows.
    pub rows: u64,
    /// Persons.
    pub persons: u64,
    /// First instant, µs UTC.
    pub first_at: i64,
    /// Last instant, µs UTC.
    pub last_at: i64,
}

/// One unchanging view.
#[derive(Debug, Clone)]
pub struct Snapshot {
    view: Arc<View>,
    /// Not in the view: kept answers hold views.
    cache: Arc<Cache>,
}

impl Snapshot {
    pub(crate) fn of(view: Arc<View>, cache: Arc<Cache>) -> Self {
        Self { view, cache }
    }

    /// Changes whenever the answer of any question could.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.view.version
    }

    /// The answer of a kernel over all persons. Answers by block are kept under the kernel's and the question's `Debug`
    /// text, so a kernel's `Debug` must show all of its parameters (derive it); person codes and bits are told apart by
    /// address, so hand the same `Arc` again where they are the same.
    pub fn ask<K: Kernel + Debug>(&self, question: &Question, kernel: &K) -> Result<Arc<K::Partial>> {
        let view = &*self.view;
        let entry = self.cache.entry(&format!("{} {kernel:?}", type_name::<K>()), question);
        let last = self.cache.get::<Last<K::Partial>>(&entry, WHOLE);
        if let Some(last) = last.as_ref().filter(|last| last.view.version == view.version) {
            return Ok(last.answer.clone());
        }
        let plan = Plan::of(view, question, entry.interner.clone())?;
        self.cache.asked(plan.dims.iter().map(|dim| view.dims[*dim].name.as_str()));
        let counts = |at| plan.touches(at, at);
        let changed = last.and_then(|last| view.since(&last.view, counts).map(|persons| (last, persons)));
        let answer = match changed {
            // What happened lies beyond the question's span. The earlier view stays: the order of its rows is known.
            Some((last, persons)) if persons.is_empty() => return Ok(last.answer.clone()),
            Some((last, persons)) if persons.len() < view.overlay().touched.len() => {
                self.corrected(&plan, kernel, &last, &persons)?
            }
            _ => self.summed(&entry, &plan, kernel)?,
        };
        // The view shares its rows with the store, but not the order of the recent ones.
        let bytes = answer.bytes() + view.overlay().order.bytes();
        let answer = Arc::new(answer);
        let last = Last { view: self.view.clone(), answer: answer.clone() };
        self.cache.put(&entry, WHOLE, Arc::new(last), bytes);
        Ok(answer)
    }

    /// The answer from that of an earlier view of the same blocks, for the persons who changed since.
    fn corrected<K: Kernel>(
        &self,
        plan: &Plan,
        kernel: &K,
        last: &Last<K::Partial>,
        persons: &[u32],
    ) -> Result<K::Partial> {
        let (old, view) = (&*last.view, &*self.view);
        let threads = if persons.len() < FEW { 1 } else { view.threads };
        let sums = self.parallel(
            threads,
            || Sums::of(kernel),
            |sums, range, scratch| {
                let persons = self.in_range(persons, range);
                let Sums { plus, minus, .. } = sums;
                let mut minus = |rows: &Rows<'_>| kernel.add(rows, minus);
                let before = Before::View(old, &mut minus);
                let mut now = |rows: &Rows<'_>| kernel.add(rows, plus);
                scan::persons(view, view.overlay(), plan, range, persons, scratch, before, &mut now)
            },
        )?;
        let mut answer = K::Partial::clone(&last.answer);
        sums.iter().for_each(|sums| answer.merge(&sums.plus));
        sums.iter().for_each(|sums| answer.subtract(&sums.minus));
        Ok(answer)
    }

    /// The answer from those of the blocks.
    fn summed<K: Kernel>(&self, entry: &Entry, plan: &Plan, kernel: &K) -> Result<K::Partial> {
        let view = &*self.view;
        let overlay = view.overlay();
        let sums = self.parallel(
            view.threads,
            || Sums::of(kernel),
            |sums, range, scratch| {
                let touched = self.in_range(&overlay.touched, range);
                let block = view.ranges[range].block.as_deref();
                let base = match block {
                    Some(block) => self.base(entry, plan, kernel, block, touched, scratch)?,
                    None => None,
                };
                let Sums { plus, minus, corrected } = sums;
                let mut minus = |rows: &Rows<'_>| kernel.add(rows, minus);
                let before = match (&base, block) {
                    (Some(base), _) => {
                        plus.merge(base);
                        if touched.is_empty() {
                            return Ok(());
                        }
                        *corrected = true;
                        Before::Block(&mut minus)
                    }
                    (None, Some(block)) => {
                        scan::block(view, plan, block, touched, scratch, &mut |rows| kernel.add(rows, plus))?;
                        Before::Nothing
                    }
                    (None, None) => Before::Nothing,
                };
                let mut now = |rows: &Rows<'_>| kernel.add(rows, plus);
                scan::persons(view, overlay, plan, range, touched, scratch, before, &mut now)
            },
        )?;
        let mut sums = sums.into_iter();
        let mut total = sums.next().unwrap_or_else(|| Sums::of(kernel));
        for part in sums {
            total.plus.merge(&part.plus);
            if part.corrected {
                total.minus.merge(&part.minus);
                total.corrected = true;
            }
        }
        if total.corrected {
            total.plus.subtract(&total.minus);
        }
        Ok(total.plus)
    }

    /// The answer for the rows of a block as they lie there, kept or computed; `None` when so many of its persons
    /// changed that reading it without them is better.
    fn base<K: Kernel>(
        &self,
        entry: &Entry,
        plan: &Plan,
        kernel: &K,
        block: &Block,
        touched: &[u32],
        scratch: &mut Scratch,
    ) -> Result<Option<Arc<K::Partial>>> {
        let cache = &self.cache;
        if let Some(known) = cache.get::<K::Partial>(entry, block.number) {
            return Ok(Some(known));
        }
        if touched.len() > block.persons.len() / 4 {
            return Ok(None);
        }
        let mut sum = kernel.empty();
        scan::block(&self.view, plan, block, &[], scratch, &mut |rows| kernel.add(rows, &mut sum))?;
        let (bytes, sum) = (sum.bytes(), Arc::new(sum));
        cache.put(entry, block.number, sum.clone(), bytes);
        Ok(Some(sum))
    }

    /// Those of ascending persons that are in a range.
    fn in_range<'p>(&self, persons: &'p [u32], range: usize) -> &'p [u32] {
        let ranges = &self.view.ranges;
        let last = ranges.get(range + 1).map_or(u32::MAX, |next| next.start - 1);
        between(persons, ranges[range].start, last)
    }

    /// Runs `work` for every range on several threads, each with a state of its own, and gives the states.
    fn parallel<S: Send>(
        &self,
        threads: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize, &mut Scratch) -> Result<()> + Sync,
    ) -> Result<Vec<S>> {
        let ranges = self.view.ranges.len();
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let error = Mutex::new(None);
        let run = || {
            let (mut state, mut scratch) = (state(), Scratch::default());
            while !failed.load(Ordering::Relaxed) {
                let range = next.fetch_add(1, Ordering::Relaxed);
                if range >= ranges {
                    break;
                }
                if let Err(found) = work(&mut state, range, &mut scratch) {
                    failed.store(true, Ordering::Relaxed);
                    *error.lock() = Some(found);
                }
            }
            state
        };
        let threads = threads.clamp(1, ranges.max(1));
        let states = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
            let mut states = vec![run()];
            for other in others {
                match other.join() {
                    Ok(state) => states.push(state),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            states
        });
        match error.into_inner() {
            Some(error) => Err(error),
            None => Ok(states),
        }
    }

    /// Runs `add` over the histories of all persons on several threads, each with a state of its own, and gives the
    /// states. Each person comes once. Nothing is kept. For lists of people:
    /// `fold(&question, Vec::new, |people, rows| …)`.
    pub fn fold<S: Send>(
        &self,
        question: &Question,
        state: impl Fn() -> S + Sync,
        add: impl Fn(&mut S, &Rows<'_>) + Sync,
    ) -> Result<Vec<S>> {
        let view = &*self.view;
        let plan = Plan::of(view, question, Arc::default())?;
        let overlay = view.overlay();
        self.parallel(view.threads, state, |state, range, scratch| {
            let touched = self.in_range(&overlay.touched, range);
            let mut now = |rows: &Rows<'_>| add(state, rows);
            if let Some(block) = &view.ranges[range].block {
                scan::block(view, &plan, block, touched, scratch, &mut now)?;
            }
            scan::persons(view, overlay, &plan, range, touched, scratch, Before::Nothing, &mut now)
        })
    }

    /// As [`Snapshot::fold`] on one thread for some persons only (any order; duplicates count once); costs what these
    /// persons' rows cost.
    pub fn fold_persons<S>(
        &self,
        question: &Question,
        persons: &[u32],
        mut state: S,
        add: impl Fn(&mut S, &Rows<'_>),
    ) -> Result<S> {
        let view = &*self.view;
        let plan = Plan::of(view, question, Arc::default())?;
        let mut persons = persons.to_vec();
        persons.sort_unstable();
        persons.dedup();
        let mut scratch = Scratch::passing();
        for (range, persons) in self.by_range(&persons) {
            let mut now = |rows: &Rows<'_>| add(&mut state, rows);
            scan::persons(
                view,
                view.overlay(),
                &plan,
                range,
                persons,
                &mut scratch,
                Before::Nothing,
                &mut now,
            )?;
        }
        Ok(state)
    }

    /// Ascending persons cut at the ranges that they are in.
    fn by_range<'p>(&self, persons: &'p [u32]) -> Vec<(usize, &'p [u32])> {
        let view = &*self.view;
        let mut parts = Vec::new();
        let mut rest = persons;
        while let Some(first) = rest.first() {
            let range = view.range_of(*first);
            let next = view.ranges.get(range + 1).map_or(u32::MAX, |next| next.start);
            let (part, later) = rest.split_at(rest.partition_point(|p| *p < next).max(1));
            parts.push((range, part));
            rest = later;
        }
        parts
    }

    /// Classes from 60,000 on that a kernel saw in [`Snapshot::ask`] with this kernel and question: the event's name of
    /// each, in order.
    pub fn classes<K: Kernel + Debug>(&self, question: &Question, kernel: &K) -> Vec<String> {
        let entry = self.cache.entry(&format!("{} {kernel:?}", type_name::<K>()), question);
        let events = self.view.events.read();
        let names: Vec<&str> = events.all().collect();
        let name = |event: u16| names.get(usize::from(event)).copied().unwrap_or_default().to_owned();
        entry.interner.classes().into_iter().map(|(event, _)| name(event)).collect()
    }

    /// All rows of a person, by (time, key). Empty for numbers that are no person.
    pub fn person_rows(&self, person: u32) -> Result<Vec<PersonRow>> {
        let view = &*self.view;
        let overlay = view.overlay();
        let mut found = Vec::new();
        let unsettled = overlay.unsettled.binary_search(&person).is_ok();
        self.rows_under(
            person,
            |who| !unsettled || (view.root(who), view.placed.get(who)) == (person, Some(person)),
            &mut found,
        )?;
        for (_, who, from) in overlay.incoming(person) {
            self.rows_under(*from, |w| w == *who, &mut found)?;
        }
        for key in overlay.order.of_person(person) {
            let (chunk, at) = view.recents.place(key.position as usize);
            let dims = (0..view.dims.len()).map(|d| chunk.code(d, at)).collect();
            found.push((key.at, chunk.id[at], chunk.event[at], chunk.who[at], dims));
        }
        found.sort_unstable();
        let events = view.events.read();
        let text = |dim: usize, code: u32| match code.checked_sub(1) {
            None => Ok(None),
            Some(number) => view.dims[dim].values.read().text(number),
        };
        found
            .into_iter()
            .map(|(at, id, event, who, dims)| {
                Ok(PersonRow {
                    at,
                    event: events.text(u32::from(event))?.unwrap_or_default(),
                    id,
                    who,
                    dims: dims
                        .into_iter()
                        .enumerate()
                        .map(|(d, code)| text(d, code))
                        .collect::<Result<_>>()?,
                })
            })
            .collect()
    }

    #[allow(clippy::type_complexity)]
    fn rows_under(
        &self,
        person: u32,
        wanted: impl Fn(u32) -> bool,
        out: &mut Vec<(i64, u64, u16, u32, Vec<u32>)>,
    ) -> Result<()> {
        let Some(block) = &self.view.ranges[self.view.range_of(person)].block else {
            return Ok(());
        };
        let (rows, mut raw) = (block.rows_of(person), Vec::new());
        let n = rows.len();
        let (mut at, mut event, mut id, mut who) = (vec![0; n], vec![0; n], vec![0; n], vec![0; n]);
        block.read_at(rows.clone(), &mut raw, &mut at)?;
        block.read_event(rows.clone(), &mut raw, &mut event)?;
        block.read_id(rows.clone(), &mut id)?;
        block.read_who(rows.clone(), &mut who)?;
        let mut dims = Vec::new();
        for dim in self.view.dims.iter() {
            let mut codes = vec![0; n];
            if let Some(column) = block.dimension(&dim.name) {
                block.read_codes(column, rows.clone(), &mut raw, &mut codes)?;
            }
            dims.push(codes);
        }
        out.extend((0..n).filter(|row| wanted(who[*row])).map(|row| {
            (at[row], id[row], event[row], who[row], dims.iter().map(|codes| codes[row]).collect())
        }));
        Ok(())
    }

    /// Identifiers of a person, ascending; empty for numbers that are no person.
    #[must_use]
    pub fn members(&self, person: u32) -> Vec<u32> {
        // A person has the lowest number of its identifiers.
        let all = self.view.roots.iter().enumerate().skip(person as usize);
        all.filter(|(_, root)| *root == person).map(|(who, _)| who as u32).collect()
    }

    /// Person of each identifier, by number.
    #[must_use]
    pub fn persons(&self) -> Persons {
        Persons(self.view.roots.clone())
    }

    /// Person of an identifier.
    #[must_use]
    pub fn person(&self, distinct_id: &str) -> Option<u32> {
        let number = self.view.identifiers.read().get(distinct_id)?;
        self.view.roots.get(number)
    }

    /// Text of an identifier; `None` for numbers that are not given or were deleted.
    pub fn identifier(&self, number: u32) -> Result<Option<String>> {
        self.view.identifiers.read().text(number)
    }

    /// Event names that were seen in rows, in order of first sight.
    pub fn names(&self) -> Result<Vec<NameSeen>> {
        let seen = self.ask(&Question::default(), &NamesKernel)?;
        let events = self.view.events.read();
        let seen = events.all().zip(&seen.0);
        let named = seen.map(|(event, name)| NameSeen { event: event.into(), ..name.named() });
        Ok(named.filter(|name| name.rows > 0).collect())
    }

    /// Oldest and newest instant of a row, µs UTC; `None` when there are none. Reads nothing.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        let blocks = self.view.ranges.iter().filter_map(|range| range.block.as_ref());
        let blocks =
            blocks.filter(|block| block.head.rows > 0).map(|block| (block.head.min_at, block.head.max_at));
        let recent = self.view.recents.chunks().filter_map(|chunk| chunk.span);
        blocks.chain(recent).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Names of the hot dimensions.
    #[must_use]
    pub fn dimensions(&self) -> Vec<String> {
        self.view.dims.iter().map(|dim| dim.name.clone()).collect()
    }

    /// Number of codes of a dimension: the highest code + 1 (code 0 is "no value"). Of [`EVENT`] the number of names.
    pub fn codes(&self, dimension: &str) -> Result<u32> {
        if dimension == EVENT {
            return Ok(self.view.events.read().len());
        }
        let dim = self.view.dim(dimension)?;
        Ok(self.view.dims[dim].values.read().len() + 1)
    }

    /// Texts of all codes of a dimension, by code; `None` is "no value". Codes of [`EVENT`] start with the first name.
    pub fn texts(&self, dimension: &str) -> Result<Vec<Option<String>>> {
        if dimension == EVENT {
            return Ok(self.view.events.read().all().map(|name| Some(name.to_owned())).collect());
        }
        let dim = self.view.dim(dimension)?;
        let values = self.view.dims[dim].values.read();
        Ok(std::iter::once(None).chain(values.all().map(|text| Some(text.to_owned()))).collect())
    }

    /// Code of a value in a dimension (or of an event's name in [`EVENT`]), if it was ever seen.
    pub fn code(&self, dimension: &str, value: &str) -> Result<Option<u32>> {
        if dimension == EVENT {
            return Ok(self.view.events.read().get(value));
        }
        let dim = self.view.dim(dimension)?;
        Ok(self.view.dims[dim].values.read().get(value).map(|number| number + 1))
    }
}

/// A whole answer and the view that it is of.
struct Last<P> {
    view: Arc<View>,
    answer: Arc<P>,
}

/// What one thread adds up.
struct Sums<P> {
    plus: P,
    minus: P,
    corrected: bool,
}

impl<P> Sums<P> {
    fn of<K: Kernel<Partial = P>>(kernel: &K) -> Self {
        Self { plus: kernel.empty(), minus: kernel.empty(), corrected: false }
    }
}

/// Rows, persons, first and last instant of each event name.
#[derive(Debug)]
struct NamesKernel;

#[derive(Debug, Clone, Copy)]
struct Name {
    rows: u64,
    persons: u64,
    first: i64,
    last: i64,
}

#[derive(Debug, Clone, Default)]
struct Names(Vec<Name>);

impl Name {
    fn named(self) -> NameSeen {
        NameSeen {
            event: String::new(),
            rows: self.rows,
            persons: self.persons,
            first_at: self.first,
            last_at: self.last,
        }
    }
}

const UNSEEN: Name = Name { rows: 0, persons: 0, first: i64::MAX, last: i64::MIN };

impl Kernel for NamesKernel {
    type Partial = Names;

    fn empty(&self) -> Names {
        Names::default()
    }

    fn add(&self, rows: &Rows<'_>, out: &mut Names) {
        out.0.resize(out.0.len().max(rows.masks.len()), UNSEEN);
        let mut last_person = vec![u32::MAX; out.0.len()];
        for (at, (person, from, to)) in rows.histories().enumerate() {
            let _ = person;
            for row in from..to {
                let class = usize::from(rows.class[row]);
                let name = &mut out.0[class];
                name.rows += 1;
                name.first = name.first.min(rows.at[row]);
                name.last = name.last.max(rows.at[row]);
                if last_person[class] != at as u32 {
                    last_person[class] = at as u32;
                    name.persons += 1;
                }
            }
        }
    }
}

impl Partial for Names {
    fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), UNSEEN);
        for (name, other) in self.0.iter_mut().zip(&other.0) {
            name.rows += other.rows;
            name.persons += other.persons;
            name.first = name.first.min(other.first);
            name.last = name.last.max(other.last);
        }
    }

    // Rows taken away come back under another person or stay with theirs; only the rewriting of a block drops rows, and
    // its answer starts anew. So the span never has to shrink.
    fn subtract(&mut self, other: &Self) {
        for (name, other) in self.0.iter_mut().zip(&other.0) {
            name.rows -= other.rows;
            name.persons -= other.persons;
        }
    }

    fn bytes(&self) -> usize {
        self.0.len() * size_of::<Name>()
    }
}
