//! Sums by (group, currency, span), and their bytes between partial and final aggregation.

use std::collections::HashMap;

use burgeon_core::currency::Currency;
use datafusion::common::{Result, exec_err};

/// Values of the dimensions, in the order of the request.
pub type GroupKey = Vec<Option<String>>;

/// The five figures of a cohort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Takes {
    /// Balances at the start.
    pub start: i128,
    /// Balances at the end.
    pub end: i128,
    /// The smaller of both, entity by entity.
    pub capped: i128,
    /// Entities with a balance at the start.
    pub entities: i64,
    /// Those with a balance at the end too.
    pub kept: i64,
}

impl Takes {
    fn add(&mut self, other: &Takes) {
        self.start += other.start;
        self.end += other.end;
        self.capped += other.capped;
        self.entities += other.entities;
        self.kept += other.kept;
    }
}

/// Sums by group, currency (`None`: converted, ten decimals) and span.
#[derive(Debug, Default)]
pub struct CohortSums {
    spans: usize,
    groups: Vec<GroupKey>,
    index: HashMap<GroupKey, u32>,
    /// For each group the currencies with their sums.
    sums: Vec<Vec<(Option<Currency>, Vec<Takes>)>>,
}

impl CohortSums {
    /// Empty sums over so many spans.
    pub fn new(spans: usize) -> Self {
        Self { spans, ..Self::default() }
    }

    /// The number of a group, given to it when it is first seen.
    pub fn intern(&mut self, key: GroupKey) -> u32 {
        if let Some(&known) = self.index.get(&key) {
            return known;
        }
        let number = self.groups.len() as u32;
        self.groups.push(key.clone());
        self.index.insert(key, number);
        self.sums.push(vec![]);
        number
    }

    /// The values of a group.
    pub fn group(&self, number: u32) -> &[Option<String>] {
        self.groups.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// Adds figures.
    #[inline]
    pub fn add(&mut self, group: u32, currency: Option<Currency>, span: usize, takes: &Takes) {
        let spans = self.spans;
        let sums = &mut self.sums[group as usize];
        let at = match sums.iter().position(|(known, _)| *known == currency) {
            Some(at) => at,
            None => {
                sums.push((currency, vec![Takes::default(); spans]));
                sums.len() - 1
            }
        };
        sums[at].1[span].add(takes);
    }

    /// All sums that are not zero: group, currency, span, figures.
    pub fn iter(&self) -> impl Iterator<Item = (&[Option<String>], Option<Currency>, usize, &Takes)> {
        self.groups.iter().zip(&self.sums).flat_map(|(key, sums)| {
            sums.iter().flat_map(move |(currency, spans)| {
                spans
                    .iter()
                    .enumerate()
                    .filter(|(_, takes)| **takes != Takes::default())
                    .map(move |(span, takes)| (key.as_slice(), *currency, span, takes))
            })
        })
    }

    /// Bytes held, about.
    pub fn size(&self) -> usize {
        let per_group = 128 + self.spans * size_of::<Takes>();
        self.groups.len() * per_group
    }

    /// The sums as bytes: for each entry the group's values, the currency, the span and the figures.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, currency, span, takes) in self.iter() {
            out.extend((key.len() as u32).to_le_bytes());
            for value in key {
                let text = value.as_deref().unwrap_or("");
                out.push(u8::from(value.is_some()));
                out.extend((text.len() as u32).to_le_bytes());
                out.extend(text.as_bytes());
            }
            out.extend(currency.map_or(*b"   ", |c| {
                let mut code = *b"   ";
                code.copy_from_slice(c.code().as_bytes());
                code
            }));
            out.extend((span as u32).to_le_bytes());
            for amount in [takes.start, takes.end, takes.capped] {
                out.extend(amount.to_le_bytes());
            }
            for count in [takes.entities, takes.kept] {
                out.extend(count.to_le_bytes());
            }
        }
        out
    }

    /// Adds sums from bytes. Bytes that [`CohortSums::encode`] did not write are an error.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader(bytes);
        while !reader.0.is_empty() {
            let Some((key, currency, span, takes)) = reader.entry() else {
                return exec_err!("the partial sums of a cohort are damaged");
            };
            if span >= self.spans {
                return exec_err!("the partial sums of a cohort have span {span} of {}", self.spans);
            }
            let group = self.intern(key);
            self.add(group, currency, span, &takes);
        }
        Ok(())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.array()?) as usize)
    }

    fn entry(&mut self) -> Option<(GroupKey, Option<Currency>, usize, Takes)> {
        let mut key = vec![];
        for _ in 0..self.u32()? {
            let [some] = self.array()?;
            let length = self.u32()?;
            let text = std::str::from_utf8(self.bytes(length)?).ok()?;
            key.push((some == 1).then(|| text.to_owned()));
        }
        let code: [u8; 3] = self.array()?;
        let currency = Currency::from_code(std::str::from_utf8(&code).ok()?);
        let span = self.u32()?;
        let takes = Takes {
            start: i128::from_le_bytes(self.array()?),
            end: i128::from_le_bytes(self.array()?),
            capped: i128::from_le_bytes(self.array()?),
            entities: i64::from_le_bytes(self.array()?),
            kept: i64::from_le_bytes(self.array()?),
        };
        Some((key, currency, span, takes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_sums_are_the_same() {
        let mut sums = CohortSums::new(3);
        let a = sums.intern(vec![Some("Pro".into()), None]);
        let b = sums.intern(vec![Some(String::new()), Some("DE".into())]);
        let takes = Takes { start: -5, end: i128::from(i64::MAX) * 9, capped: 1, entities: 2, kept: 1 };
        sums.add(a, Some(Currency::USD), 2, &takes);
        sums.add(b, None, 0, &takes);
        let mut read = CohortSums::new(3);
        read.merge(&sums.encode()).unwrap();
        read.merge(&sums.encode()).unwrap();
        let found: Vec<_> = read.iter().map(|(k, c, s, t)| (k.to_vec(), c, s, t.entities)).collect();
        assert_eq!(
            found,
            [
                (vec![Some("Pro".to_owned()), None], Some(Currency::USD), 2, 4),
                (vec![Some(String::new()), Some("DE".to_owned())], None, 0, 4),
            ]
        );
        assert!(read.merge(&[1, 2, 3]).is_err());
    }
}
