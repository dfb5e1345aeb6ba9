//! A question against one view: names and values as numbers, and from raw rows to the rows that a kernel sees.

use std::collections::HashMap;
use std::sync::Arc;

use burgeon_core::behaviour::step::{ANY_EVENT, Condition, Op};
use burgeon_core::behaviour::{By, Rows};
use parking_lot::RwLock;

use crate::block::mix;
use crate::error::{HotError, Result};
use crate::question::{Breakdown, EVENT, Question};
use crate::rows::EVENT_NAMES;
use crate::view::View;

/// Classes of rows whose conditions depend on more than the event's name.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    inner: RwLock<Interned>,
}

#[derive(Debug, Default)]
struct Interned {
    classes: HashMap<(u16, u64), u16>,
    /// (event, mask) in order of class.
    meanings: Vec<(u16, u64)>,
}

impl Interner {
    fn class(&self, event: u16, mask: u64) -> Result<u16> {
        if let Some(class) = self.inner.read().classes.get(&(event, mask)) {
            return Ok(*class);
        }
        let mut inner = self.inner.write();
        let next = EVENT_NAMES + inner.meanings.len();
        if let Some(class) = inner.classes.get(&(event, mask)) {
            return Ok(*class);
        }
        let class = u16::try_from(next).map_err(|_| {
            HotError::Question("the conditions of this question meet in too many combinations".into())
        })?;
        inner.classes.insert((event, mask), class);
        inner.meanings.push((event, mask));
        Ok(class)
    }

    fn len(&self) -> usize {
        self.inner.read().meanings.len()
    }

    /// (event, mask) of the classes from [`EVENT_NAMES`] on.
    pub fn classes(&self) -> Vec<(u16, u64)> {
        self.inner.read().meanings.clone()
    }
}

/// Whether a code meets a condition.
#[derive(Debug)]
enum Test {
    Is(u32),
    IsNot(u32),
    /// By code; codes beyond the end do not.
    Among(Vec<bool>),
    NotAmong(Vec<bool>),
}

impl Test {
    fn holds(&self, code: u32) -> bool {
        match self {
            Test::Is(one) => code == *one,
            Test::IsNot(one) => code != *one,
            Test::Among(hits) => hits.get(code as usize) == Some(&true),
            Test::NotAmong(hits) => hits.get(code as usize) != Some(&true),
        }
    }
}

/// Where codes of a row come from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// The event's name.
    Event,
    /// A position in [`Plan::dims`].
    Column(usize),
}

#[derive(Debug)]
enum Groups {
    None,
    Codes(Source),
    Mapped(Vec<(Source, u32)>, Arc<[u32]>, u32),
    Person(Arc<[u32]>),
}

/// A step with conditions on properties.
#[derive(Debug)]
struct Special {
    bit: u64,
    event: Option<u16>,
    tests: Vec<(usize, Test)>,
}

/// A question against one view.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Dimensions that are read, as positions in the view's.
    pub dims: Vec<usize>,
    masks: Vec<u64>,
    specials: Vec<Special>,
    /// Whether an event has a special step; beyond the end as the last says.
    special_events: Vec<bool>,
    filters: Vec<(Source, Test)>,
    groups: Groups,
    pub span: Option<(i64, i64)>,
    persons: Option<Arc<[u64]>>,
    interner: Arc<Interner>,
}

/// Raw rows of some persons, and room for what is made of them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub persons: Vec<u32>,
    pub ends: Vec<u32>,
    pub at: Vec<i64>,
    pub event: Vec<u16>,
    /// One for each of [`Plan::dims`].
    pub columns: Vec<Vec<u32>>,
    class: Vec<u16>,
    group: Vec<u32>,
    keep: Vec<bool>,
    masks: Vec<u64>,
    /// Classes of (event, mask) by a hash of both; a batch serves one plan.
    classes: Vec<(u16, u64, u16)>,
}

/// Classes that a batch remembers.
const REMEMBERED: usize = 256;
/// No class from conditions.
const NO_CLASS: u16 = 0;

impl Batch {
    pub fn clear(&mut self, columns: usize) {
        self.persons.clear();
        self.ends.clear();
        self.at.clear();
        self.event.clear();
        self.columns.resize_with(columns, Vec::new);
        self.columns.iter_mut().for_each(Vec::clear);
    }

    /// Makes room for `rows` rows, whatever they hold.
    pub fn set_rows(&mut self, rows: usize, columns: usize) {
        self.at.resize(rows, 0);
        self.event.resize(rows, 0);
        self.columns.resize_with(columns, Vec::new);
        self.columns.iter_mut().for_each(|column| column.resize(rows, 0));
    }
}

/// A number with the code of one more dimension behind it; `u32::MAX` where a code is none of its dimension's.
fn joined(number: u32, code: u32, codes: u32) -> u32 {
    let next = number.checked_mul(codes).and_then(|number| number.checked_add(code));
    next.filter(|_| code < codes).unwrap_or(u32::MAX)
}

impl Plan {
    pub fn of(view: &View, question: &Question, interner: Arc<Interner>) -> Result<Self> {
        if question.conditions.len() > 64 {
            return Err(HotError::Question(format!(
                "a question has at most 64 conditions, this one has {}",
                question.conditions.len()
            )));
        }
        let events = view.events.read().len() as usize;
        let mut plan = Self {
            dims: Vec::new(),
            masks: vec![0; events],
            specials: Vec::new(),
            special_events: vec![false; events],
            filters: Vec::new(),
            groups: Groups::None,
            span: question.span,
            persons: question.persons.clone(),
            interner,
        };
        for (bit, steps) in question.conditions.iter().enumerate() {
            for step in steps {
                let event = if step.event == ANY_EVENT {
                    None
                } else {
                    let Some(event) = view.events.read().get(&step.event) else {
                        continue;
                    };
                    Some(event as u16)
                };
                let mut tests = Vec::new();
                for condition in &step.conditions {
                    let at = plan.column(view, &condition.property)?;
                    tests.push((at, plan.condition(view, at, condition)));
                }
                let hit = |e: usize| event.is_none_or(|event| usize::from(event) == e);
                if tests.is_empty() {
                    (0..events).filter(|e| hit(*e)).for_each(|e| plan.masks[e] |= 1 << bit);
                } else {
                    (0..events).filter(|e| hit(*e)).for_each(|e| plan.special_events[e] = true);
                    plan.specials.push(Special { bit: 1 << bit, event, tests });
                }
            }
        }
        for filter in &question.filters {
            let source = plan.source(view, &filter.dimension)?;
            let mut hits = Vec::new();
            for value in &filter.values {
                let code = match (source, value.as_deref().unwrap_or_default()) {
                    (Source::Event, name) => view.events.read().get(name),
                    (Source::Column(_), "") => Some(0),
                    (Source::Column(at), text) => {
                        view.dims[plan.dims[at]].values.read().get(text).map(|n| n + 1)
                    }
                };
                if let Some(code) = code {
                    hits.resize(hits.len().max(code as usize + 1), false);
                    hits[code as usize] = true;
                }
            }
            plan.filters
                .push((source, if filter.negated { Test::NotAmong(hits) } else { Test::Among(hits) }));
        }
        plan.groups = match &question.by {
            Breakdown::None => Groups::None,
            Breakdown::Dimension(name) => Groups::Codes(plan.source(view, name)?),
            Breakdown::Mapped { dimensions, groups, other } => {
                let source = |(name, codes): &(String, u32)| Ok((plan.source(view, name)?, *codes));
                let sources = dimensions.iter().map(source).collect::<Result<Vec<_>>>()?;
                Groups::Mapped(sources, groups.clone(), *other)
            }
            Breakdown::PersonCodes(codes) => Groups::Person(codes.clone()),
        };
        Ok(plan)
    }

    fn source(&mut self, view: &View, name: &str) -> Result<Source> {
        if name == EVENT { Ok(Source::Event) } else { Ok(Source::Column(self.column(view, name)?)) }
    }

    fn column(&mut self, view: &View, name: &str) -> Result<usize> {
        let dim = view.dim(name)?;
        Ok(self.dims.iter().position(|d| *d == dim).unwrap_or_else(|| {
            self.dims.push(dim);
            self.dims.len() - 1
        }))
    }

    fn condition(&self, view: &View, at: usize, condition: &Condition) -> Test {
        let values = view.dims[self.dims[at]].values.read();
        match (condition.op, condition.value.as_str()) {
            (Op::Eq, "") => Test::Is(0),
            (Op::Ne, "") => Test::IsNot(0),
            (Op::Eq, text) => values.get(text).map_or(Test::Among(Vec::new()), |n| Test::Is(n + 1)),
            (Op::Ne, text) => values.get(text).map_or(Test::NotAmong(Vec::new()), |n| Test::IsNot(n + 1)),
            (Op::Contains, text) => {
                let mut hits = vec![text.is_empty()];
                hits.extend(values.all().map(|value| value.contains(text)));
                Test::Among(hits)
            }
        }
    }

    /// Whether a block with rows from `min` to `max` has any that count.
    pub fn touches(&self, min: i64, max: i64) -> bool {
        self.span.is_none_or(|(start, end)| min < end && max >= start)
    }

    /// Whether all rows from `min` to `max` count.
    pub fn holds(&self, min: i64, max: i64) -> bool {
        self.span.is_none_or(|(start, end)| start <= min && max < end)
    }

    /// Makes of raw rows what a kernel sees. `without` (ascending) are persons to leave out.
    pub fn rows<'b>(&'b self, batch: &'b mut Batch, without: &[u32]) -> Result<Rows<'b>> {
        self.classify(batch)?;
        self.group(batch);
        self.drop_rows(batch, without);
        let special = !self.specials.is_empty();
        if special {
            // Other threads number classes too; all that are in the rows are there by now. A batch serves one plan.
            if batch.masks.len() != EVENT_NAMES + self.interner.len() {
                batch.masks.clear();
                batch.masks.extend_from_slice(&self.masks);
                batch.masks.resize(EVENT_NAMES, 0);
                batch.masks.extend(self.interner.classes().iter().map(|(_, mask)| mask));
            }
        }
        Ok(Rows {
            persons: &batch.persons,
            ends: &batch.ends,
            at: &batch.at,
            class: if special { &batch.class } else { &batch.event },
            masks: if special { &batch.masks } else { &self.masks },
            by: match &self.groups {
                Groups::None => By::None,
                Groups::Person(codes) => By::Person(codes),
                Groups::Codes(Source::Column(at)) => By::Row(&batch.columns[*at]),
                _ => By::Row(&batch.group),
            },
        })
    }

    fn classify(&self, batch: &mut Batch) -> Result<()> {
        if self.specials.is_empty() {
            return Ok(());
        }
        batch.class.clear();
        batch.class.extend_from_slice(&batch.event);
        batch.classes.resize(REMEMBERED, (0, 0, NO_CLASS));
        for (row, class) in batch.class.iter_mut().enumerate() {
            let event = *class;
            if self.special_events.get(usize::from(event)) != Some(&true) {
                continue;
            }
            let mut mask = self.masks[usize::from(event)];
            for special in &self.specials {
                let meets = special.event.is_none_or(|e| e == event)
                    && special.tests.iter().all(|(at, test)| test.holds(batch.columns[*at][row]));
                mask |= if meets { special.bit } else { 0 };
            }
            let slot = &mut batch.classes[mix(u32::from(event), mask) as usize % REMEMBERED];
            if slot.2 == NO_CLASS || (slot.0, slot.1) != (event, mask) {
                *slot = (event, mask, self.interner.class(event, mask)?);
            }
            *class = slot.2;
        }
        Ok(())
    }

    fn group(&self, batch: &mut Batch) {
        batch.group.clear();
        match &self.groups {
            Groups::Codes(Source::Event) => batch.group.extend(batch.event.iter().map(|e| u32::from(*e))),
            Groups::Mapped(sources, groups, other) => {
                batch.group.resize(batch.at.len(), 0);
                for (source, codes) in sources {
                    match source {
                        Source::Event => {
                            batch.group.iter_mut().zip(&batch.event).for_each(|(number, event)| {
                                *number = joined(*number, u32::from(*event), *codes);
                            })
                        }
                        Source::Column(at) => {
                            batch.group.iter_mut().zip(&batch.columns[*at]).for_each(|(number, code)| {
                                *number = joined(*number, *code, *codes);
                            });
                        }
                    }
                }
                batch.group.iter_mut().for_each(|number| {
                    *number = groups.get(*number as usize).copied().unwrap_or(*other);
                });
            }
            _ => {}
        }
    }

    fn drop_rows(&self, batch: &mut Batch, without: &[u32]) {
        let mut all = without.is_empty() && self.persons.is_none() && self.filters.is_empty();
        if let Some((start, end)) = self.span {
            // Most blocks lie within the span or beyond it.
            all &= batch.at.iter().all(|at| (start..end).contains(at));
        }
        if all {
            return;
        }
        let keep = &mut batch.keep;
        keep.clear();
        match self.span {
            Some((start, end)) => keep.extend(batch.at.iter().map(|at| *at >= start && *at < end)),
            None => keep.resize(batch.at.len(), true),
        }
        for (source, test) in &self.filters {
            match source {
                Source::Event => {
                    keep.iter_mut().zip(&batch.event).for_each(|(k, e)| *k &= test.holds(u32::from(*e)));
                }
                Source::Column(at) => {
                    keep.iter_mut().zip(&batch.columns[*at]).for_each(|(k, code)| *k &= test.holds(*code));
                }
            }
        }
        let special = !self.specials.is_empty();
        let by_column = if let Groups::Codes(Source::Column(at)) = &self.groups { Some(*at) } else { None };
        let by_group = !batch.group.is_empty();
        let (mut to, mut people, mut start) = (0, 0, 0);
        let mut without = without;
        for at in 0..batch.persons.len() {
            let (person, end) = (batch.persons[at], batch.ends[at] as usize);
            let rows = std::mem::replace(&mut start, end)..end;
            without = &without[without.partition_point(|p| *p < person).min(without.len())..];
            let wanted = self.persons.as_ref().is_none_or(|bits| {
                bits.get(person as usize / 64).is_some_and(|word| word >> (person % 64) & 1 == 1)
            });
            if !wanted || without.first() == Some(&person) {
                continue;
            }
            let first = to;
            for row in rows {
                if keep[row] {
                    batch.at[to] = batch.at[row];
                    if special {
                        batch.class[to] = batch.class[row];
                    } else {
                        batch.event[to] = batch.event[row];
                    }
                    if let Some(column) = by_column {
                        batch.columns[column][to] = batch.columns[column][row];
                    } else if by_group {
                        batch.group[to] = batch.group[row];
                    }
                    to += 1;
                }
            }
            if to > first {
                batch.persons[people] = person;
                batch.ends[people] = to as u32;
                people += 1;
            }
        }
        batch.persons.truncate(people);
        batch.ends.truncate(people);
        batch.at.truncate(to);
        batch.event.truncate(to);
        batch.class.truncate(to);
        batch.group.truncate(to);
        if let Some(column) = by_column {
            batch.columns[column].truncate(to);
        }
    }
}
