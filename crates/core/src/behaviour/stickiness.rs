//! Stickiness: on how many days of each period persons are active.

use super::active::{Active, each_history};
use super::calendar::Calendar;
use super::members::Select;
use super::{By, Kernel, Partial, Rows, minus, plus};

/// For each span (a week, a month) how many persons are active on exactly `k` of its days. Rows count that meet condition 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stickiness {
    days: Calendar,
    spans: Calendar,
    /// The span of each day.
    span_of: Vec<u32>,
    /// The most days in a span.
    longest: usize,
    active: Active,
    groups: u32,
}

/// The sum behind [`Stickiness::counts`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StickinessSum(Vec<i64>);

const NO_SPAN: u32 = u32::MAX;

impl Stickiness {
    /// Days within spans. A day belongs to the span in which it begins; days of no span do not count. Without a limit of time
    /// `active` counts rows in each day.
    pub fn new(days: Calendar, spans: Calendar, active: Active, groups: u32) -> Stickiness {
        let starts = days.bounds().iter().take(days.len());
        let span_of: Vec<u32> =
            starts.map(|day| spans.index(*day).map_or(NO_SPAN, |span| span as u32)).collect();
        let mut lengths = vec![0; spans.len()];
        for span in span_of.iter().filter(|span| **span != NO_SPAN) {
            lengths[*span as usize] += 1;
        }
        let longest = lengths.into_iter().max().unwrap_or(0);
        Stickiness { days, spans, span_of, longest, active, groups }
    }

    /// Of a group and a span the persons who are active on exactly 1, 2, … days. Empty for one that was not asked for.
    pub fn counts<'s>(&self, sum: &'s StickinessSum, group: u32, span: usize) -> &'s [i64] {
        if group >= self.groups || span >= self.spans.len() {
            return &[];
        }
        let start = self.cell(group, span);
        sum.0.get(start..start + self.longest).unwrap_or_default()
    }

    fn cell(&self, group: u32, span: usize) -> usize {
        (group as usize * self.spans.len() + span) * self.longest
    }

    /// Calls `each` with each span and the number of active days in it.
    fn runs(&self, active: &[u32], mut each: impl FnMut(u32, usize)) {
        for run in active.chunk_by(|a, b| self.span_of[*a as usize] == self.span_of[*b as usize]) {
            let span = self.span_of[run[0] as usize];
            if span != NO_SPAN {
                each(span, run.len());
            }
        }
    }
}

impl Kernel for Stickiness {
    type Partial = StickinessSum;

    fn empty(&self) -> StickinessSum {
        StickinessSum(vec![0; self.cell(self.groups, 0)])
    }

    fn add(&self, rows: &Rows<'_>, out: &mut StickinessSum) {
        out.0.resize(self.cell(self.groups, 0), 0);
        let mut active = Vec::new();
        each_history(rows, self.active, self.groups, |history| {
            history.spans(&self.days, self.active, &mut active);
            self.runs(&active, |span, days| out.0[self.cell(history.group, span as usize) + days - 1] += 1);
        });
    }
}

impl Partial for StickinessSum {
    fn merge(&mut self, other: &StickinessSum) {
        plus(&mut self.0, &other.0);
    }

    fn subtract(&mut self, other: &StickinessSum) {
        minus(&mut self.0, &other.0);
    }

    fn bytes(&self) -> usize {
        size_of::<StickinessSum>() + 8 * self.0.capacity()
    }
}

/// The persons who are active on so many days of one span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveDays {
    /// The question.
    pub stickiness: Stickiness,
    /// The span.
    pub span: usize,
    /// The number of days, exactly.
    pub days: usize,
    /// The group; persons not divided, when not given.
    pub group: Option<u32>,
}

impl Select for ActiveDays {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        let rows = if self.group.is_none() { Rows { by: By::None, ..*rows } } else { *rows };
        let question = &self.stickiness;
        let mut active = Vec::new();
        each_history(&rows, question.active, u32::MAX, |history| {
            if self.group.is_some_and(|group| group != history.group) {
                return;
            }
            history.spans(&question.days, question.active, &mut active);
            question.runs(&active, |span, days| {
                if (span as usize, days) == (self.span, self.days) {
                    chosen(history.person);
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::super::testing::*;
    use super::*;
    use crate::time::Zone;
    use jiff::civil::{Weekday, date};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn days_are_those_of_the_plain_oracle(
            log in log(2), days in calendar(), spans in calendar(),
            at_least in 0u32..3, within_us in prop::option::of(0i64..3 * HOUR),
        ) {
            let question = Stickiness::new(days.clone(), spans.clone(), Active { at_least, within_us }, GROUPS);
            let sum = laws(&question, &log, |a, b| a == b);
            let needed = at_least.max(1) as usize;
            // The plain oracle: looks at each day of each span of each person.
            let active_on = |person: u32, group: u32, day: usize| {
                let mut times: Vec<i64> = log.rows(person).iter()
                    .filter(|row| row.mask & 1 != 0 && log.group(row) == group).map(|row| row.at).collect();
                times.sort();
                match within_us {
                    None => times.iter().filter(|at| days.index(**at) == Some(day)).count() >= needed,
                    Some(us) => times.iter().enumerate().any(|(index, at)| days.index(*at) == Some(day)
                        && times[..=index].iter().filter(|other| at - **other <= us).count() >= needed),
                }
            };
            for group in 0..GROUPS {
                for span in 0..spans.len() {
                    let inside: Vec<usize> =
                        (0..days.len()).filter(|day| spans.index(days.bounds()[*day]) == Some(span)).collect();
                    let counts = question.counts(&sum, group, span);
                    for on in 1..=counts.len() {
                        let expected: Vec<u32> = log.persons().into_iter().filter(|person| {
                            inside.iter().filter(|day| active_on(*person, group, **day)).count() == on
                        }).collect();
                        prop_assert_eq!(counts[on - 1], expected.len() as i64);
                        let who = ActiveDays { stickiness: question.clone(), span, days: on, group: Some(group) };
                        prop_assert_eq!(laws(&Members(who), &log, |a, b| a == b).sorted(), expected);
                    }
                    prop_assert!(inside.len() <= counts.len());
                }
            }
        }
    }

    #[test]
    fn days_of_two_months() {
        let zone = Zone::new("Europe/Berlin", Weekday::Monday).unwrap();
        let (first, last) = (date(2024, 3, 1), date(2024, 4, 30));
        let (days, months) = (Calendar::days(&zone, first, last), Calendar::months(&zone, first, last));
        let question = Stickiness::new(days, months, Active::ONCE, 1);
        let at = |text: &str| zone.parse_instant(text).unwrap();
        let log = Log::of(&[
            (1, at("2024-03-31T23:30:00")),
            (1, at("2024-04-01T00:30:00")),
            (1, at("2024-03-31T02:30:00")),
            (1, at("2024-03-02")),
            (2, at("2024-04-30T23:59:59")),
        ]);
        let sum = laws(&question, &log, |a, b| a == b);
        assert_eq!(question.counts(&sum, 0, 0).len(), 31);
        assert_eq!(question.counts(&sum, 0, 0)[..3], [0, 1, 0]);
        assert_eq!(question.counts(&sum, 0, 1)[..3], [2, 0, 0]);
    }
}
