//! From numbers of entities by cohort and month to predicted lifetimes: the figures of [`Kind::Model`].
//!
//! [`Kind::Model`]: crate::definition::Kind::Model

use std::collections::{BTreeMap, HashMap};

use burgeon_core::exact::Exact;
use burgeon_core::time::{Grain, Period, Zone};
use jiff::civil::Date;

use crate::base::BaseRow;
use crate::definition::ModelTake;
use crate::evaluate::{Cell, EvaluateError, is_complete};
use crate::insight::lifetime::{Exposure, lifetime};
use crate::plan::Plan;

/// For each cohort (first day of its month) its number of entities at the end of each span, the opening first.
pub(crate) type Counts = BTreeMap<Date, Vec<i128>>;

/// What all curves of a leaf share.
pub(crate) struct Curves<'a> {
    pub plan: &'a Plan,
    /// Span `i + 1` is month `i`.
    pub months: &'a [Period],
    /// Months that a curve is fitted to.
    pub window: usize,
    pub take: ModelTake,
}

impl Curves<'_> {
    /// Cumulates the changes of each group. The cohort stands behind the group's `divisions` dimensions.
    pub fn counts<'r>(
        &self,
        rows: &'r [BaseRow],
        divisions: usize,
        overflow: &impl Fn() -> EvaluateError,
    ) -> Result<HashMap<&'r [Option<String>], Counts>, EvaluateError> {
        let mut groups: HashMap<&[Option<String>], Counts> = HashMap::new();
        for row in rows {
            let Some((dims, rest)) = row.dims.split_at_checked(divisions) else { continue };
            let Some(start) = rest.last().and_then(Option::as_deref).and_then(cohort_start) else { continue };
            let spans = groups.entry(dims).or_default().entry(start);
            let spans = spans.or_insert_with(|| vec![0; self.months.len() + 1]);
            let Some(change) = spans.get_mut(row.span) else { continue };
            *change = change.checked_add(row.value).ok_or_else(overflow)?;
        }
        for counts in groups.values_mut().flat_map(BTreeMap::values_mut) {
            let mut running = 0_i128;
            for count in counts {
                running = running.checked_add(*count).ok_or_else(overflow)?;
                *count = running;
            }
        }
        Ok(groups)
    }

    /// The figure of a period: fitted to the whole months of its window.
    pub fn value(&self, counts: &Counts, period: &Period) -> Cell {
        let horizon = self.plan.context.settings.ltv_horizon_months;
        let found = lifetime(&self.exposures(counts, period), horizon).map_err(|why| why.label())?;
        let value = match self.take {
            ModelTake::Expected => found.expected,
            ModelTake::Low => found.low,
            ModelTake::High => found.high,
        };
        Ok(Exact::from_decimal((value * 1e6).round() as i128, 6))
    }

    /// What happened at each age in the window: how many were there at a month's beginning, and how many fewer at its
    /// end. Returns fill the place of losses; a month that is not over tells nothing yet.
    fn exposures(&self, counts: &Counts, period: &Period) -> Vec<Exposure> {
        let Some(last) = self.months.iter().position(|month| month.start == period.start) else {
            return Vec::new();
        };
        let mut ages: BTreeMap<u32, (i128, i128)> = BTreeMap::new();
        for at in (last + 1).saturating_sub(self.window)..=last {
            let month = &self.months[at];
            if !is_complete(self.plan, month) {
                continue;
            }
            for (start, series) in counts.range(..month.start) {
                let (before, after) = (series[at], series[at + 1]);
                let age = ages.entry(months_between(*start, month.start)).or_default();
                age.0 += before;
                age.1 += after;
            }
        }
        let whole = |n: i128| u64::try_from(n.max(0)).unwrap_or(u64::MAX);
        ages.into_iter()
            .map(|(age, (before, after))| Exposure {
                age,
                at_risk: whole(before),
                lost: whole(before - after),
            })
            .collect()
    }
}

fn cohort_start(label: &str) -> Option<Date> {
    let period = Period::parse(label, &Zone::utc()).ok()?;
    (period.grain == Grain::Month).then_some(period.start)
}

fn months_between(from: Date, to: Date) -> u32 {
    let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
    u32::try_from(months(to) - months(from)).unwrap_or(0)
}
