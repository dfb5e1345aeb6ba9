//! One unchanging view of the store, and kernels over it.

use std::fmt::Debug;

use burgeon_core::behaviour::{Kernel, Rows};

use crate::error::Result;
use crate::question::Question;
use crate::rows::PersonRow;

/// An event name as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    /// The name.
    pub event: String,
    /// Rows.
    pub rows: u64,
    /// Persons.
    pub persons: u64,
    /// First and last instant, µs UTC.
    pub first_at: i64,
    /// Last instant, µs UTC.
    pub last_at: i64,
}

/// One unchanging view.
#[derive(Debug, Clone)]
pub struct Snapshot {}

impl Snapshot {
    pub(crate) fn nothing() -> Self {
        Self {}
    }

    /// Changes whenever the answer of any question could.
    pub fn version(&self) -> u64 {
        0
    }

    /// The answer of a kernel over all persons. Answers by block are kept under the kernel's and the question's `Debug`
    /// text, so a kernel's `Debug` must show all of its parameters (derive it).
    pub fn ask<K: Kernel + Debug + 'static>(&self, question: &Question, kernel: &K) -> Result<K::Partial> {
        let _ = question;
        Ok(kernel.empty())
    }

    /// Runs `add` over the histories of all persons on several threads, each with a state of its own, and gives the
    /// states. Nothing is kept. For lists of people: `fold(&question, Vec::new, |people, rows| …)`.
    pub fn fold<S: Send>(
        &self,
        question: &Question,
        state: impl Fn() -> S + Sync,
        add: impl Fn(&mut S, &Rows<'_>) + Sync,
    ) -> Result<Vec<S>> {
        let _ = (question, add);
        Ok(vec![state()])
    }

    /// As [`Snapshot::fold`] on one thread for some persons only (any order, duplicates are passed over); costs what
    /// these persons' rows cost.
    pub fn fold_persons<S>(
        &self,
        question: &Question,
        persons: &[u32],
        state: S,
        add: impl Fn(&mut S, &Rows<'_>),
    ) -> Result<S> {
        let _ = (question, persons, add);
        Ok(state)
    }

    /// Events of classes from 60,000 on of a question that was asked on this view: class → event name.
    pub fn class_names(&self, question: &Question) -> Result<Vec<(u16, String)>> {
        let _ = question;
        Ok(Vec::new())
    }

    /// All rows of a person, by (time, arrival). Empty for numbers that are no person.
    pub fn person_rows(&self, person: u32) -> Result<Vec<PersonRow>> {
        let _ = person;
        Ok(Vec::new())
    }

    /// Identifiers of a person, ascending.
    pub fn members(&self, person: u32) -> Vec<u32> {
        vec![person]
    }

    /// Person of each identifier, by number: one entry for every identifier.
    pub fn persons(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Event names that were seen in rows, in order of first sight.
    pub fn names(&self) -> Result<Vec<NameSeen>> {
        Ok(Vec::new())
    }

    /// Names of the hot dimensions.
    pub fn dimensions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Number of codes of a dimension: the highest code + 1 (code 0 is "no value").
    pub fn codes(&self, dimension: &str) -> Result<u32> {
        let _ = dimension;
        Ok(1)
    }

    /// Texts of all codes of a dimension (or of [`crate::question::EVENT`], whose codes start with the first name);
    /// `None` is "no value".
    pub fn texts(&self, dimension: &str) -> Result<Vec<Option<String>>> {
        let _ = dimension;
        Ok(vec![None])
    }
}
