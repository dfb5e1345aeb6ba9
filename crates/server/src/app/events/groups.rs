//! What a question is broken down by: codes of rows or persons, and the text of each.

use super::ask::{EVENT, GroupBy, Groups};
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::step::{ANY_EVENT, Step};
use burgeon_core::behaviour::usage::Usage;
use burgeon_engine::events::{Breakdown, Question};
use burgeon_engine::lake::LakeError;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What the rest of a breakdown is called.
pub const OTHER: &str = "(other)";

/// The largest groups of dimensions with many values, kept so that answers by block can be kept under them.
#[derive(Debug, Default)]
pub(super) struct KeptGroups(Mutex<HashMap<(String, usize), Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    /// Codes that there were.
    codes: usize,
    groups: Arc<[u32]>,
    texts: Vec<Option<String>>,
}

impl Workspace {
    /// Texts of all codes of a hot dimension of events.
    pub(super) fn event_texts(&self, dimension: &str) -> Result<Vec<Option<String>>> {
        Ok(self.events().snapshot().texts(dimension).map_err(LakeError::from)?)
    }

    /// The groups of a breakdown: all values where they are at most `most`, else the largest by people and the rest.
    pub(super) async fn event_groups(&self, by: &GroupBy, most: usize) -> Result<Groups> {
        match by {
            GroupBy::Event(dimension) => self.groups_of_events(dimension, most).await,
            GroupBy::Person(name) | GroupBy::Customer(name) => {
                Err(Error::invalid("unknown_dimension", format!("{name} is not known of persons"))
                    .param("by"))
            }
        }
    }

    async fn groups_of_events(&self, dimension: &str, most: usize) -> Result<Groups> {
        if dimension != EVENT {
            self.events().make_hot(&BTreeSet::from([dimension.to_owned()])).await?;
        }
        let texts = self.event_texts(dimension)?;
        if texts.len() <= most {
            return Ok(Groups { by: Breakdown::Dimension(dimension.to_owned()), texts });
        }
        let key = (dimension.to_owned(), most);
        let kept = self.intake().groups.0.lock().get(&key).cloned();
        // A few new values change nothing about which are the largest.
        let kept = match kept.filter(|kept| texts.len() <= kept.codes + kept.codes / 50) {
            Some(kept) => kept,
            None => {
                let made = self.largest(dimension, texts, most).await?;
                self.intake().groups.0.lock().insert(key, made.clone());
                made
            }
        };
        let other = u32::try_from(kept.texts.len() - 1).unwrap_or(u32::MAX);
        let by = Breakdown::Mapped { dimension: dimension.to_owned(), groups: kept.groups, other };
        Ok(Groups { by, texts: kept.texts })
    }

    async fn largest(&self, dimension: &str, texts: Vec<Option<String>>, most: usize) -> Result<Kept> {
        let codes = texts.len();
        let kernel = Usage {
            calendar: Calendar::span(i64::MIN, i64::MAX),
            groups: u32::try_from(codes).unwrap_or(u32::MAX),
        };
        let question = Question {
            conditions: vec![vec![Step::named(ANY_EVENT)]],
            by: Breakdown::Dimension(dimension.to_owned()),
            ..Question::default()
        };
        let sum = self.events().ask(question, kernel.clone()).await?;
        let named = dimension != EVENT;
        let top = kernel.top(&sum, 0, most.saturating_sub(2), named);
        // Without a value first, then the largest, then the rest.
        let mut chosen = if named { vec![None] } else { Vec::new() };
        let mut groups = vec![u32::MAX; codes];
        if named && let Some(first) = groups.first_mut() {
            *first = 0;
        }
        for (code, _, _) in top {
            if let (Some(group), Some(text)) = (groups.get_mut(code as usize), texts.get(code as usize)) {
                *group = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
                chosen.push(text.clone());
            }
        }
        let other = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
        groups.iter_mut().filter(|group| **group == u32::MAX).for_each(|group| *group = other);
        chosen.push(Some(OTHER.to_owned()));
        Ok(Kept { codes, groups: groups.into(), texts: chosen })
    }
}
