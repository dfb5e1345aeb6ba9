//! Answers by question and block. A block never changes, so what is kept cannot be stale; blocks that are gone take
//! their answers along.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::plan::Interner;
use crate::question::{Breakdown, Question};

/// In place of a block: the whole answer of the last view.
pub(crate) const WHOLE: u64 = u64::MAX;

/// Answers of one question.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    parts: Mutex<HashMap<u64, Part>>,
    /// Classes are numbered by first sight, so answers that carry classes belong to this numbering.
    pub interner: Arc<Interner>,
    /// Set under the lock of the whole when the entry was thrown out.
    gone: AtomicBool,
    /// The question names these by address; they stay while the entry does.
    _kept: Kept,
}

#[derive(Debug, Default)]
struct Kept {
    _codes: Option<Arc<[u32]>>,
    _persons: Option<Arc<[u64]>>,
}

#[derive(Debug)]
struct Part {
    answer: Arc<dyn Any + Send + Sync>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<String, (Arc<Entry>, u64)>,
    bytes: usize,
    clock: u64,
}

/// Kept answers.
#[derive(Debug)]
pub(crate) struct Cache {
    inner: Mutex<Inner>,
    limit: usize,
    questions: AtomicU64,
    /// Dimensions that questions were about, the last ones.
    dims: Mutex<Vec<String>>,
}

/// Dimensions that are remembered.
pub(crate) const ASKED: usize = 8;

impl Cache {
    pub fn new(limit: usize) -> Self {
        Self { inner: Mutex::default(), limit, questions: AtomicU64::new(0), dims: Mutex::default() }
    }

    /// Counts a question about some dimensions.
    pub fn asked<'n>(&self, dims: impl Iterator<Item = &'n str>) {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let mut asked = self.dims.lock();
        for name in dims {
            let known = asked.iter().position(|known| known == name);
            let name = known.map_or_else(|| name.to_owned(), |at| asked.remove(at));
            asked.push(name);
        }
        let more = asked.len().saturating_sub(ASKED);
        asked.drain(..more);
    }

    /// The dimensions that were asked about lately.
    pub fn dims(&self) -> Vec<String> {
        self.dims.lock().clone()
    }

    /// How many questions were asked.
    pub fn questions(&self) -> u64 {
        self.questions.load(Ordering::Relaxed)
    }

    /// The entry of a question; `kernel` is the `Debug` text of the kernel with its type.
    pub fn entry(&self, kernel: &str, question: &Question) -> Arc<Entry> {
        let mut kept = Kept { _codes: None, _persons: question.persons.clone() };
        let by: &dyn Debug = match &question.by {
            Breakdown::PersonCodes(codes) => {
                kept._codes = Some(codes.clone());
                &("persons", codes.as_ptr() as usize, codes.len())
            }
            Breakdown::Mapped { dimensions, groups, other } => {
                kept._codes = Some(groups.clone());
                &(dimensions, groups.as_ptr() as usize, groups.len(), other)
            }
            other => other,
        };
        let persons = question.persons.as_ref().map(|bits| (bits.as_ptr() as usize, bits.len()));
        let Question { conditions, filters, span, .. } = question;
        let key = format!("{kernel}\n{conditions:?}\n{by:?}\n{filters:?}\n{span:?}\n{persons:?}");
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let clock = inner.clock;
        let slot = inner
            .entries
            .entry(key)
            .or_insert_with(|| (Arc::new(Entry { _kept: kept, ..Entry::default() }), clock));
        slot.1 = clock;
        slot.0.clone()
    }

    pub fn get<P: Any + Send + Sync>(&self, entry: &Entry, block: u64) -> Option<Arc<P>> {
        let answer = entry.parts.lock().get(&block)?.answer.clone();
        answer.downcast().ok()
    }

    pub fn put<P: Any + Send + Sync>(&self, entry: &Entry, block: u64, answer: Arc<P>, bytes: usize) {
        if bytes > self.limit / 4 {
            return;
        }
        let mut inner = self.inner.lock();
        if entry.gone.load(Ordering::SeqCst) {
            return;
        }
        let old = entry.parts.lock().insert(block, Part { answer, bytes });
        inner.bytes = (inner.bytes + bytes).saturating_sub(old.map_or(0, |old| old.bytes));
        while inner.bytes > self.limit && inner.entries.len() > 1 {
            let oldest = inner.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            let Some((gone, _)) = oldest.and_then(|key| inner.entries.remove(&key)) else {
                break;
            };
            gone.gone.store(true, Ordering::SeqCst);
            let bytes: usize = gone.parts.lock().drain().map(|(_, part)| part.bytes).sum();
            inner.bytes = inner.bytes.saturating_sub(bytes);
        }
    }

    /// Forgets answers of blocks that are not among these.
    pub fn keep(&self, blocks: &HashSet<u64>) {
        let mut inner = self.inner.lock();
        let mut freed = 0;
        for (entry, _) in inner.entries.values() {
            entry.parts.lock().retain(|block, part| {
                let keep = blocks.contains(block);
                freed += if keep { 0 } else { part.bytes };
                keep
            });
        }
        inner.bytes = inner.bytes.saturating_sub(freed);
    }
}
