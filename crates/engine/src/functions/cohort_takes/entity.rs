//! The figures of one entity.

use burgeon_core::currency::Currency;
use burgeon_metrics::base::share_out;
use datafusion::common::Result;

use super::CohortSpans;
use super::sums::{CohortSums, Takes};
use crate::functions::convert::Converter;

/// One row of an entity; rows ascend in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntityRow {
    pub at: i64,
    pub amount: i128,
    pub currency: Currency,
    /// The group of the row, when it counts for the balance at the start.
    pub group: Option<u32>,
}

/// Working memory, kept from entity to entity.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Indices of spans by ascending start, and by ascending end.
    by_start: Vec<u32>,
    by_end: Vec<u32>,
    /// For each span the whole entity's balance at its end.
    ends: Vec<i128>,
    /// Balances at the start by group.
    groups: Vec<(u32, i128)>,
    /// Balances by currency, for entities with several.
    by_currency: Vec<(Currency, i128)>,
    by_group_currency: Vec<(u32, Currency, i128)>,
    /// Buckets for the groups of an entity in ascending order of their values.
    weights: Vec<i128>,
}

impl Scratch {
    pub(super) fn new(spans: &CohortSpans) -> Self {
        let count = spans.spans.len() as u32;
        let (mut by_start, mut by_end) = ((0..count).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        by_start.sort_by_key(|i| spans.spans[*i as usize].start);
        by_end.sort_by_key(|i| spans.spans[*i as usize].end);
        Self {
            by_start,
            by_end,
            ends: vec![0; spans.spans.len()],
            groups: vec![],
            by_currency: vec![],
            by_group_currency: vec![],
            weights: vec![],
        }
    }

    /// Adds the figures of the entity with these rows to `sums`.
    pub(super) fn add(
        &mut self,
        rows: &[EntityRow],
        spans: &CohortSpans,
        sums: &mut CohortSums,
    ) -> Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        if rows.iter().all(|row| row.currency == first.currency) {
            self.add_plain(rows, first.currency, spans, sums);
            Ok(())
        } else {
            self.add_mixed(rows, spans, sums)
        }
    }

    /// All rows in one currency: amounts stay as they are.
    fn add_plain(
        &mut self,
        rows: &[EntityRow],
        currency: Currency,
        spans: &CohortSpans,
        sums: &mut CohortSums,
    ) {
        let (mut next, mut balance) = (0, 0);
        for &span in &self.by_end {
            let end = spans.spans[span as usize].end;
            while next < rows.len() && rows[next].at < end {
                balance += rows[next].amount;
                next += 1;
            }
            self.ends[span as usize] = balance;
        }
        self.groups.clear();
        let mut next = 0;
        for at in 0..self.by_start.len() {
            let span = self.by_start[at] as usize;
            let start = spans.spans[span].start;
            while next < rows.len() && rows[next].at < start {
                if let Some(group) = rows[next].group {
                    match self.groups.iter_mut().find(|(known, _)| *known == group) {
                        Some((_, balance)) => *balance += rows[next].amount,
                        None => self.groups.push((group, rows[next].amount)),
                    }
                }
                next += 1;
            }
            let end = self.ends[span];
            self.share(span, end, Some(currency), sums);
        }
    }

    /// Rows in several currencies: balances are converted at the rate of the span's end.
    fn add_mixed(&mut self, rows: &[EntityRow], spans: &CohortSpans, sums: &mut CohortSums) -> Result<()> {
        let rates = spans.rates.current();
        for span in 0..spans.spans.len() {
            let (start, end) = (spans.spans[span].start, spans.spans[span].end);
            self.by_currency.clear();
            self.by_group_currency.clear();
            for row in rows {
                if row.at < end {
                    match self.by_currency.iter_mut().find(|(c, _)| *c == row.currency) {
                        Some((_, balance)) => *balance += row.amount,
                        None => self.by_currency.push((row.currency, row.amount)),
                    }
                }
                if let (Some(group), true) = (row.group, row.at < start) {
                    let known =
                        self.by_group_currency.iter_mut().find(|(g, c, _)| *g == group && *c == row.currency);
                    match known {
                        Some((_, _, balance)) => *balance += row.amount,
                        None => self.by_group_currency.push((group, row.currency, row.amount)),
                    }
                }
            }
            let at = spans.rate_at[span];
            let converted = |amount: i128, currency: Currency| match amount {
                0 => Ok(0),
                _ => Converter::new(&rates, currency, spans.display).convert(amount, at, &rates),
            };
            if self.by_group_currency.iter().all(|(_, _, balance)| *balance <= 0) {
                continue;
            }
            let mut total = 0;
            for &(currency, balance) in &self.by_currency {
                total += converted(balance, currency)?;
            }
            self.groups.clear();
            for &(group, currency, balance) in &self.by_group_currency {
                let balance = converted(balance, currency)?;
                match self.groups.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, sum)) => *sum += balance,
                    None => self.groups.push((group, balance)),
                }
            }
            self.share(span, total, None, sums);
        }
        Ok(())
    }

    /// Adds one span's figures: to one group whole, to several in proportion to their balances at the start.
    fn share(&mut self, span: usize, end: i128, currency: Option<Currency>, sums: &mut CohortSums) {
        let kept = i64::from(end > 0);
        let mut positive = self.groups.iter().filter(|(_, start)| *start > 0);
        let Some(&(group, start)) = positive.next() else { return };
        if positive.next().is_none() {
            sums.add(group, currency, span, &Takes { start, end, capped: start.min(end), entities: 1, kept });
            return;
        }
        let mut groups: Vec<(u32, i128)> =
            self.groups.iter().copied().filter(|(_, start)| *start > 0).collect();
        groups.sort_by(|a, b| sums.group(a.0).cmp(sums.group(b.0)));
        self.weights.clear();
        self.weights.extend(groups.iter().map(|(_, start)| *start));
        let starts: i128 = self.weights.iter().sum();
        let ends = share_out(end, &self.weights);
        let capped = share_out(starts.min(end), &self.weights);
        for (at, (group, start)) in groups.into_iter().enumerate() {
            let takes = Takes { start, end: ends[at], capped: capped[at], entities: 1, kept };
            sums.add(group, currency, span, &takes);
        }
    }
}
