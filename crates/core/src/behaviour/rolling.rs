//! Distinct persons in each span of a calendar and in the windows that end with it: daily, weekly and monthly active
//! persons, and their rolling 7 and 30 days.
//!
//! One pass: a person who is active in span `d` counts in the windows of `W` spans that end with `d`, `d + 1`, …,
//! `d + W − 1`, so each active span adds one at its beginning and takes one away where the next active span or the
//! end of the reach comes first. The sums over spans are taken when the answer is read.
//!
//! Of one span and one window only the persons are counted: one number for each group instead of six, since lists of pages have
//! thousands of groups in every block.

use super::active::{Active, History, each_history};
use super::calendar::Calendar;
use super::members::Select;
use super::{By, Kernel, Partial, Rows, minus, plus};

/// How many distinct persons are active in each window of spans. Rows count that meet condition 0.
///
/// A window of one span is the count by calendar day, week or month. A window of `W` spans that begins before the
/// calendar sees only what lies in it, so the calendar of a rolling figure begins `W − 1` spans early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolling {
    /// The spans that are reported.
    pub calendar: Calendar,
    /// Lengths of windows, in spans, each at least 1.
    pub windows: Vec<u32>,
    /// When a person counts as active; without a limit of time the rows are counted over the whole window.
    pub active: Active,
    /// The number of groups.
    pub groups: u32,
}

/// The sum behind [`RollingCounts`]; see [`Rolling::counts`].
#[derive(Debug, Clone, Default)]
pub struct RollingSum(Vec<i64>);

/// Distinct persons by group, window and span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollingCounts {
    windows: usize,
    spans: usize,
    counts: Vec<i64>,
}

impl RollingCounts {
    /// The persons in the window that ends with each span, for a group and the position of a window in
    /// [`Rolling::windows`]. Empty for a group or window that was not asked for.
    pub fn of(&self, group: u32, window: usize) -> &[i64] {
        if window >= self.windows {
            return &[];
        }
        let start = (group as usize * self.windows + window) * self.spans;
        self.counts.get(start..start + self.spans).unwrap_or_default()
    }
}

/// The span of no row so far: so far below zero that no window reaches from it to a span.
const NEVER: i32 = -(1 << 30);

/// Ends the reach of an active span, in each window, at the next active one or where the window no longer holds it.
///
/// No branch depends on the rows, since none could be foretold: what ends with [`NEVER`] goes to the place before the first span, where
/// nobody looks, and a person active in the same span again adds one to what begins in it and one to what ends in it.
#[inline(always)]
fn close(stops: &mut [i64], length: usize, windows: &[i32], before: i32, next: i32) {
    for (index, window) in windows.iter().enumerate() {
        let end = (before + window).min(next);
        stops[index * (length + 2) + (end + 1).max(0) as usize] += 1;
    }
}

impl Rolling {
    /// Calendar actives: one window of one span, one group, active once.
    pub fn distinct(calendar: Calendar) -> Rolling {
        Rolling { calendar, windows: vec![1], active: Active::ONCE, groups: 1 }
    }

    /// The figures of a sum.
    pub fn counts(&self, sum: &RollingSum) -> RollingCounts {
        let spans = self.calendar.len();
        let windows = self.windows.len();
        if self.is_single() {
            return RollingCounts { windows, spans, counts: sum.0.clone() };
        }
        let mut counts = Vec::with_capacity(self.groups as usize * windows * spans);
        for block in sum.0.chunks_exact(self.block()) {
            let (starts, stops) = block.split_at(spans + 2);
            for stops in stops.chunks_exact(spans + 2) {
                let mut running = 0;
                counts.extend(starts.iter().zip(stops).skip(1).take(spans).map(|(start, stop)| {
                    running += start - stop;
                    running
                }));
            }
        }
        RollingCounts { windows, spans, counts }
    }

    /// Whether there is only one figure for each group.
    fn is_single(&self) -> bool {
        self.calendar.len() == 1 && self.windows.len() == 1
    }

    /// The numbers of one group: those who begin in each span, and for each window those who end, each after a place that does not
    /// count; of a single figure that alone.
    fn block(&self) -> usize {
        if self.is_single() {
            return 1;
        }
        (self.windows.len() + 1) * (self.calendar.len() + 2)
    }

    /// One row is enough: no list of times is made.
    fn add_once(&self, rows: &Rows<'_>, sum: &mut [i64]) {
        if self.is_single() {
            return self.count_once(rows, sum);
        }
        // The usual questions get loops of their own, for which the number of windows is known.
        match (rows.by, self.reaches().as_slice()) {
            (By::Row(groups), [a]) => self.add_by_row(rows, groups, &[*a], sum),
            (By::Row(groups), [a, b]) => self.add_by_row(rows, groups, &[*a, *b], sum),
            (By::Row(groups), windows) => self.add_by_row(rows, groups, windows, sum),
            (_, [a]) => self.add_by_person(rows, &[*a], sum),
            (_, [a, b]) => self.add_by_person(rows, &[*a, *b], sum),
            (_, windows) => self.add_by_person(rows, windows, sum),
        }
    }

    /// Who has a row in the one span.
    fn count_once(&self, rows: &Rows<'_>, sum: &mut [i64]) {
        let spans = self.calendar.spans();
        let counts = |at: i64, mask: u64| mask & 1 != 0 && spans.index(at).is_some();
        let By::Row(groups) = rows.by else {
            for (person, from, to) in rows.histories() {
                let active = rows.each(from, to).any(|(_, at, mask)| counts(at, mask));
                if let Some(persons) = sum.get_mut(rows.group(person, from) as usize) {
                    *persons += i64::from(active);
                }
            }
            return;
        };
        // The history in which each group was met last, from 1.
        let mut met = vec![0u32; self.groups as usize];
        for ((_, from, to), history) in rows.histories().zip(1..) {
            for (row, _, _) in rows.each(from, to).filter(|(_, at, mask)| counts(*at, *mask)) {
                let group = groups.get(row).copied().unwrap_or(0) as usize;
                if let (Some(last), Some(persons)) = (met.get_mut(group), sum.get_mut(group)) {
                    *persons += i64::from(*last != history);
                    *last = history;
                }
            }
        }
    }

    /// The windows, none longer than the calendar.
    fn reaches(&self) -> Vec<i32> {
        self.windows.iter().map(|window| (*window as usize).min(self.calendar.len()) as i32).collect()
    }

    #[inline(always)]
    fn add_by_person(&self, rows: &Rows<'_>, windows: &[i32], sum: &mut [i64]) {
        let spans = self.calendar.spans();
        let length = self.calendar.len();
        let size = self.block();
        let all = !rows.masks.is_empty() && rows.masks.iter().all(|mask| mask & 1 != 0);
        for (person, from, to) in rows.histories() {
            let start = rows.group(person, from) as usize * size;
            let Some(places) = sum.get_mut(start..start + size) else { continue };
            let (starts, stops) = places.split_at_mut(length + 2);
            let mut before = NEVER;
            if all {
                for at in &rows.at[from..to] {
                    let Some(span) = spans.index(*at) else { continue };
                    starts[span + 1] += 1;
                    close(stops, length, windows, before, span as i32);
                    before = span as i32;
                }
            } else {
                for (_, at, mask) in rows.each(from, to) {
                    let Some(span) = spans.index(at) else { continue };
                    // A row that does not count is taken as one more in the span before.
                    let span = if mask & 1 != 0 { span as i32 } else { before };
                    starts[(span + 1).max(0) as usize] += 1;
                    close(stops, length, windows, before, span);
                    before = span;
                }
            }
            close(stops, length, windows, before, length as i32);
        }
    }

    #[inline(always)]
    fn add_by_row(&self, rows: &Rows<'_>, groups: &[u32], windows: &[i32], sum: &mut [i64]) {
        let spans = self.calendar.spans();
        let length = self.calendar.len();
        let size = self.block();
        // For each group who was met there last, and in which span. Where it is somebody else, their reach is not cut short.
        let mut met = vec![(0, NEVER); self.groups as usize];
        for (person, from, to) in rows.histories() {
            for (row, at, mask) in rows.each(from, to) {
                if mask & 1 == 0 {
                    continue;
                }
                let Some(span) = spans.index(at) else { continue };
                let group = groups.get(row).copied().unwrap_or(0) as usize;
                let Some((last, before)) = met.get_mut(group) else { continue };
                let span = span as i32;
                let places = &mut sum[group * size..(group + 1) * size];
                places[span as usize + 1] += 1;
                let next = if *last == person { span } else { length as i32 };
                close(&mut places[length + 2..], length, windows, *before, next);
                (*last, *before) = (person, span);
            }
        }
        for (places, (_, before)) in sum.chunks_exact_mut(size).zip(met) {
            close(&mut places[length + 2..], length, windows, before, length as i32);
        }
    }

    /// Several rows are needed, somewhere in the window: each row reaches from its own span as long as the row that
    /// made the number full with it lies in the window.
    fn add_counted(&self, history: &History<'_>, spans: &mut Vec<u32>, places: &mut [i64]) {
        let length = self.calendar.len();
        let needed = self.active.needed();
        spans.clear();
        let calendar = self.calendar.spans();
        spans.extend(history.times.iter().filter_map(|at| calendar.index(*at)).map(|span| span as u32));
        if self.is_single() {
            places[0] += i64::from(spans.len() >= needed);
            return;
        }
        let stops = places.chunks_exact_mut(length + 2).skip(1);
        for (stops, window) in stops.zip(&self.windows) {
            for row in needed - 1..spans.len() {
                let next = spans.get(row + 1).copied().unwrap_or(length as u32);
                let end = spans[row + 1 - needed].saturating_add(*window).min(next);
                if spans[row] < end {
                    // Counted with its sign turned: the figure is what began less what ended.
                    stops[spans[row] as usize + 1] -= 1;
                    stops[end as usize + 1] += 1;
                }
            }
        }
    }
}

impl Kernel for Rolling {
    type Partial = RollingSum;

    fn empty(&self) -> RollingSum {
        RollingSum(vec![0; self.groups as usize * self.block()])
    }

    fn add(&self, rows: &Rows<'_>, out: &mut RollingSum) {
        out.0.resize(self.groups as usize * self.block(), 0);
        if self.active.is_once() {
            return self.add_once(rows, &mut out.0);
        }
        let length = self.calendar.len();
        let size = self.block();
        let windows = self.reaches();
        let mut spans = Vec::new();
        each_history(rows, self.active, self.groups, |history| {
            let start = history.group as usize * size;
            let places = &mut out.0[start..start + size];
            if self.active.within_us.is_none() {
                return self.add_counted(&history, &mut spans, places);
            }
            history.spans(&self.calendar, self.active, &mut spans);
            if self.is_single() {
                places[0] += i64::from(!spans.is_empty());
                return;
            }
            let (starts, stops) = places.split_at_mut(length + 2);
            let mut before = NEVER;
            for span in &spans {
                starts[*span as usize + 1] += 1;
                close(stops, length, &windows, before, *span as i32);
                before = *span as i32;
            }
            close(stops, length, &windows, before, length as i32);
        });
    }
}

impl Partial for RollingSum {
    fn merge(&mut self, other: &RollingSum) {
        plus(&mut self.0, &other.0);
    }

    fn subtract(&mut self, other: &RollingSum) {
        minus(&mut self.0, &other.0);
    }

    fn bytes(&self) -> usize {
        size_of::<RollingSum>() + 8 * self.0.capacity()
    }
}

/// The persons who are active between two instants: those behind one figure of [`Rolling`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveBetween {
    /// The first instant, µs UTC.
    pub start: i64,
    /// The first instant after the end.
    pub end: i64,
    /// When a person counts as active.
    pub active: Active,
    /// The group; all groups together when not given.
    pub group: Option<u32>,
}

impl Select for ActiveBetween {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        let calendar = Calendar::span(self.start, self.end);
        let mut spans = Vec::new();
        let whole;
        let rows = match self.group {
            Some(_) => rows,
            None => {
                whole = Rows { by: By::None, ..*rows };
                &whole
            }
        };
        each_history(rows, self.active, u32::MAX, |history| {
            if self.group.is_none_or(|group| group == history.group) {
                history.spans(&calendar, self.active, &mut spans);
                if !spans.is_empty() {
                    chosen(history.person);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The plain oracle: for each window, looks at every row of every person again.
    fn plain(rolling: &Rolling, log: &Log, group: u32, window: usize, span: usize) -> BTreeSet<u32> {
        let bounds = rolling.calendar.bounds();
        let first = (span + 1).saturating_sub(rolling.windows[window] as usize);
        let (start, end) = (bounds[first], bounds[span + 1]);
        let needed = rolling.active.at_least.max(1) as usize;
        let mut active = BTreeSet::new();
        for person in log.persons() {
            let mut times: Vec<i64> = log
                .rows(person)
                .iter()
                .filter(|row| log.mask(row) & 1 != 0 && log.group(row) == group)
                .map(|row| row.at)
                .collect();
            times.sort();
            let within = |at: i64| start <= at && at < end;
            let is_active = match rolling.active.within_us {
                None => times.iter().filter(|at| within(**at)).count() >= needed,
                Some(us) => times.iter().any(|at| {
                    within(*at)
                        && times.iter().filter(|other| **other <= *at && at - **other <= us).count() >= needed
                }),
            };
            if is_active {
                active.insert(person);
            }
        }
        active
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn counts_are_those_of_the_plain_oracle(
            log in log(2), calendar in calendar(), windows in prop::collection::vec(1u32..6, 1..3),
            at_least in prop_oneof![2 => Just(1u32), 1 => 0u32..4],
            within_us in prop::option::of(0i64..3 * HOUR),
        ) {
            let rolling = Rolling { calendar, windows, active: Active { at_least, within_us }, groups: GROUPS };
            let counts = rolling.counts(&laws(&rolling, &log, |a, b| rolling.counts(a) == rolling.counts(b)));
            for group in 0..GROUPS {
                for window in 0..rolling.windows.len() {
                    for span in 0..rolling.calendar.len() {
                        let expected = plain(&rolling, &log, group, window, span);
                        prop_assert_eq!(counts.of(group, window)[span], expected.len() as i64);
                        let first = (span + 1).saturating_sub(rolling.windows[window] as usize);
                        let bounds = rolling.calendar.bounds();
                        let who = Members(ActiveBetween {
                            start: bounds[first], end: bounds[span + 1], active: rolling.active, group: Some(group),
                        });
                        let who = laws(&who, &log, |a, b| a == b);
                        prop_assert_eq!(who.sorted(), expected.into_iter().collect::<Vec<_>>());
                    }
                }
            }
            prop_assert!(counts.of(GROUPS, 0).is_empty() && counts.of(0, rolling.windows.len()).is_empty());
        }
    }

    #[test]
    fn seven_days_of_one_person() {
        let days = Calendar::new((0..=12).collect());
        let rolling = Rolling { windows: vec![1, 7], ..Rolling::distinct(days) };
        let log = Log::of(&[(1, 2), (1, 2), (1, 5), (2, 11)]);
        let sum = laws(&rolling, &log, |a, b| a.0 == b.0);
        let counts = rolling.counts(&sum);
        assert_eq!(counts.of(0, 0), [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(counts.of(0, 1), [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }
}
