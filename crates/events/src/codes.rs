//! From texts of new rows to numbers: identifiers, and values of dimensions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};

use crate::dictionary::Dictionary;
use crate::disk::Disk;
use crate::error::{HotError, Result};
use crate::manifest::{self, DimensionEntry};
use crate::rows::NewRows;
use crate::store::State;
use crate::view::{Dim, NOWHERE, OVERFULL};

/// The numbers of identifiers, new ones where need be.
pub(crate) fn numbers(identifiers: &mut Dictionary, state: &mut State, texts: &[&str]) -> Result<Vec<u32>> {
    let known = identifiers.get_all(texts);
    let number = |(known, text): (Option<u32>, &&str)| match known {
        Some(number) => Ok(number),
        None => number(identifiers, state, text),
    };
    known.into_iter().zip(texts).map(number).collect()
}

/// The number of an identifier, a new one if need be.
pub(crate) fn number(identifiers: &mut Dictionary, state: &mut State, text: &str) -> Result<u32> {
    let number = identifiers
        .get_or_add(text, NOWHERE - 1)
        .ok_or_else(|| HotError::Rows("there are four thousand million identifiers already".into()))?;
    while state.roots.len() <= number as usize {
        let next = state.roots.len() as u32;
        state.roots.push(next);
        state.placed.push(NOWHERE);
    }
    Ok(number)
}

/// Texts by what stands for them in rows: values of a hot dimension by code, or names of events by number.
#[derive(Debug, Clone)]
pub struct Texts {
    dictionary: Arc<RwLock<Dictionary>>,
    /// What stands for the first text.
    first: u32,
}

/// Texts that are being read. Nobody adds to them meanwhile.
#[derive(Debug)]
pub struct ReadTexts<'a> {
    dictionary: RwLockReadGuard<'a, Dictionary>,
    first: u32,
}

impl Texts {
    pub(crate) fn values(dim: &Dim) -> Self {
        Self { dictionary: Arc::clone(&dim.values), first: 1 }
    }

    pub(crate) fn names(names: &Arc<RwLock<Dictionary>>) -> Self {
        Self { dictionary: Arc::clone(names), first: 0 }
    }

    /// For reading many.
    #[must_use]
    pub fn read(&self) -> ReadTexts<'_> {
        ReadTexts { dictionary: self.dictionary.read(), first: self.first }
    }
}

impl ReadTexts<'_> {
    /// The text that a code stands for; `None` for no value and for [`OVERFULL`].
    #[must_use]
    pub fn get(&self, code: u32) -> Option<&str> {
        self.dictionary.resident(code.checked_sub(self.first)?)
    }
}

/// Codes of the values of new rows.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Position of the dimension, code of each row.
    columns: Vec<(usize, Vec<u32>)>,
}

impl Columns {
    /// The codes of the `wanted` rows; new values get new ones. An empty text is no value.
    pub fn of(dims: &[Dim], rows: &NewRows<'_>, wanted: impl Fn(usize) -> bool) -> Self {
        let named = |name: &str| dims.iter().position(|dim| dim.name == name);
        let columns = rows.dims.iter().filter_map(|(name, values)| {
            let at = named(name)?;
            Some((at, dims[at].codes(values, &wanted)))
        });
        Self { columns: columns.collect() }
    }

    pub fn row(&self, row: usize, codes: &mut [u32]) {
        self.columns.iter().for_each(|(at, column)| codes[*at] = column[row]);
    }
}

impl Dim {
    fn codes(&self, values: &[Option<&str>], wanted: impl Fn(usize) -> bool) -> Vec<u32> {
        let mut codes = vec![0; values.len()];
        let mut fresh = Vec::new();
        let known = self.values.read();
        // Rows that follow one another often have the same value.
        let mut last = ("", 0);
        for (row, value) in values.iter().enumerate() {
            if let Some(text) = value.filter(|text| !text.is_empty() && wanted(row)) {
                if text != last.0 {
                    match known.get(text) {
                        Some(number) => last = (text, number + 1),
                        None => {
                            fresh.push((row, text));
                            continue;
                        }
                    }
                }
                codes[row] = last.1;
            }
        }
        drop(known);
        for (row, text) in fresh {
            codes[row] = self.code(text);
        }
        codes
    }

    /// Code of a value, a new one if need be.
    pub fn code(&self, text: &str) -> u32 {
        if let Some(number) = self.values.read().get(text) {
            return number + 1;
        }
        let limit = self.limit.min(OVERFULL as usize - 1) as u32;
        let number = self.values.write().get_or_add(text, limit);
        number.map_or_else(
            || {
                self.overfull.store(true, Ordering::SeqCst);
                OVERFULL
            },
            |number| number + 1,
        )
    }

    pub fn entry(&self) -> DimensionEntry {
        DimensionEntry {
            name: self.name.clone(),
            file: self.file,
            values: self.values.read().len(),
            overfull: self.overfull.load(Ordering::SeqCst),
        }
    }
}

pub(crate) fn open_dim(disk: &Disk, entry: &DimensionEntry, limit: usize) -> Result<Dim> {
    let values = Dictionary::open(disk, &manifest::dimension_name(entry.file), true, entry.values)?;
    Ok(Dim {
        name: entry.name.clone(),
        file: entry.file,
        values: Arc::new(RwLock::new(values)),
        overfull: Arc::new(AtomicBool::new(entry.overfull)),
        limit,
    })
}
