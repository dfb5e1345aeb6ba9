//! A stretch of time cut into spans, and the span of an instant.

use std::sync::Arc;

use jiff::civil::Date;

use crate::time::{Grain, Period, Zone};

/// Half-open spans `[bounds[i], bounds[i + 1])` of instants, µs UTC. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    bounds: Arc<[i64]>,
    /// The span of the first instant of each of many equally long slots.
    slots: Arc<[u32]>,
    shift: u32,
    /// Whether no slot has more than one bound behind its first instant.
    single: bool,
}

/// A [`Calendar`] as loops over many rows look at it.
#[derive(Debug, Clone, Copy)]
pub struct Spans<'a> {
    bounds: &'a [i64],
    slots: &'a [u32],
    shift: u32,
    single: bool,
    first: i64,
    length: u64,
}

/// Slots at most for one span; more of them save no step.
const SLOTS_PER_SPAN: u64 = 4;

impl Calendar {
    /// The spans between ascending instants; fewer than two give no span, equal ones an empty span. Instants that are
    /// not in order are put in order.
    pub fn new(mut bounds: Vec<i64>) -> Calendar {
        bounds.sort_unstable();
        let (Some(first), Some(last)) = (bounds.first().copied(), bounds.last().copied()) else {
            return Calendar { bounds: Arc::from([]), slots: Arc::from([]), shift: 0, single: true };
        };
        let length = last.wrapping_sub(first) as u64;
        let most = SLOTS_PER_SPAN * bounds.len() as u64;
        let mut shift = 0;
        while length >> shift > most {
            shift += 1;
        }
        let mut slots = Vec::with_capacity((length >> shift) as usize + 1);
        let mut span = 0;
        for slot in 0..=length >> shift {
            let start = first.wrapping_add((slot << shift) as i64);
            while bounds.get(span + 1).is_some_and(|bound| *bound <= start) {
                span += 1;
            }
            slots.push(span as u32);
        }
        let top = bounds.partition_point(|bound| *bound < last).saturating_sub(1) as u32;
        let ends = slots.iter().skip(1).chain([&top]);
        let single = slots.iter().zip(ends).all(|(span, end)| end.saturating_sub(*span) <= 1);
        Calendar { bounds: bounds.into(), slots: slots.into(), shift, single }
    }

    /// One span that holds `[start, end)`.
    pub fn span(start: i64, end: i64) -> Calendar {
        Calendar::new(vec![start, end])
    }

    /// One span for each period, in order; each must begin where the one before ends, as [`Period::range`] gives them.
    pub fn periods(zone: &Zone, periods: &[Period]) -> Calendar {
        let ends = periods.last().map(|period| zone.start_of(period.end));
        Calendar::new(periods.iter().map(|period| zone.start_of(period.start)).chain(ends).collect())
    }

    /// The periods of a grain from the one that holds `first` to the one that holds `last`.
    pub fn of(zone: &Zone, grain: Grain, first: Date, last: Date) -> Calendar {
        let end = last.tomorrow().unwrap_or(last);
        Calendar::periods(zone, &Period::range(first, end, grain, zone.week_start()))
    }

    /// The dates from `first` to `last`, both included.
    pub fn days(zone: &Zone, first: Date, last: Date) -> Calendar {
        Calendar::of(zone, Grain::Day, first, last)
    }

    /// The weeks from the one that holds `first` to the one that holds `last`.
    pub fn weeks(zone: &Zone, first: Date, last: Date) -> Calendar {
        Calendar::of(zone, Grain::Week, first, last)
    }

    /// The months from the one that holds `first` to the one that holds `last`.
    pub fn months(zone: &Zone, first: Date, last: Date) -> Calendar {
        Calendar::of(zone, Grain::Month, first, last)
    }

    /// The number of spans.
    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bounds: one more than spans, unless there are none.
    pub fn bounds(&self) -> &[i64] {
        &self.bounds
    }

    /// The first instant, and the first after the end. Both are `i64::MAX` when there is no span.
    pub fn range(&self) -> (i64, i64) {
        match (&*self.bounds, self.is_empty()) {
            ([first, .., last], false) => (*first, *last),
            _ => (i64::MAX, i64::MAX),
        }
    }

    /// The span of an instant; `None` before the first and from the end of the last on.
    pub fn index(&self, at: i64) -> Option<usize> {
        self.spans().index(at)
    }

    /// The same for loops over many instants.
    pub fn spans(&self) -> Spans<'_> {
        let first = self.bounds.first().copied().unwrap_or(0);
        let last = self.bounds.last().copied().unwrap_or(first);
        Spans {
            bounds: &self.bounds,
            slots: &self.slots,
            shift: self.shift,
            single: self.single,
            first,
            length: last.wrapping_sub(first) as u64,
        }
    }
}

impl Spans<'_> {
    /// See [`Calendar::index`].
    #[inline(always)]
    pub fn index(&self, at: i64) -> Option<usize> {
        // What lies before the first instant wraps around to behind the last.
        let offset = at.wrapping_sub(self.first) as u64;
        if offset >= self.length {
            return None;
        }
        let span = *self.slots.get((offset >> self.shift) as usize)? as usize;
        if self.single {
            // No branch that depends on the instant: times of rows are too random to be foretold.
            return Some(span + usize::from(*self.bounds.get(span + 1)? <= at));
        }
        self.search(span, at)
    }

    #[cold]
    fn search(&self, mut span: usize, at: i64) -> Option<usize> {
        for _ in 0..8 {
            if *self.bounds.get(span + 1)? > at {
                return Some(span);
            }
            span += 1;
        }
        Some(self.bounds.partition_point(|bound| *bound <= at) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, date};
    use proptest::prelude::*;

    /// The plain oracle: the last bound that is not after the instant.
    fn plain(bounds: &[i64], at: i64) -> Option<usize> {
        (0..bounds.len().saturating_sub(1)).find(|i| bounds[*i] <= at && at < bounds[i + 1])
    }

    #[test]
    fn days_of_a_zone_with_clock_changes() {
        let zone = Zone::new("Europe/Berlin", Weekday::Monday).unwrap();
        let days = Calendar::days(&zone, date(2024, 3, 30), date(2024, 4, 1));
        assert_eq!(days.len(), 3);
        let hours: Vec<i64> = days.bounds().windows(2).map(|w| (w[1] - w[0]) / 3_600_000_000).collect();
        assert_eq!(hours, [24, 23, 24]);
        let at = |text: &str| zone.parse_instant(text).unwrap();
        assert_eq!(days.index(at("2024-03-31T23:59:59")), Some(1));
        assert_eq!(days.index(at("2024-04-01")), Some(2));
        assert_eq!(days.index(at("2024-03-29T23:59:59")), None);
        assert_eq!(days.index(at("2024-04-02")), None);
        assert_eq!(Calendar::weeks(&zone, date(2024, 3, 30), date(2024, 4, 1)).len(), 2);
        assert_eq!(Calendar::months(&zone, date(2023, 12, 30), date(2024, 12, 1)).len(), 13);
    }

    #[test]
    fn a_date_that_a_zone_left_out_is_an_empty_span() {
        let zone = Zone::new("Pacific/Apia", Weekday::Monday).unwrap();
        let days = Calendar::days(&zone, date(2011, 12, 29), date(2011, 12, 31));
        assert_eq!(days.len(), 3);
        let noon = zone.parse_instant("2011-12-31T12:00:00").unwrap();
        assert_eq!(days.index(noon), Some(2));
        assert_eq!(days.index(days.bounds()[1]), Some(2));
    }

    #[test]
    fn no_span_and_all_of_time() {
        for bounds in [vec![], vec![5]] {
            let none = Calendar::new(bounds);
            assert!(none.is_empty() && none.index(5).is_none() && none.range() == (i64::MAX, i64::MAX));
        }
        let all = Calendar::span(i64::MIN, i64::MAX);
        assert_eq!(
            (all.len(), all.index(i64::MIN), all.index(0), all.index(i64::MAX)),
            (1, Some(0), Some(0), None)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn index_is_the_span_that_holds_the_instant(
            mut bounds in prop::collection::vec(prop_oneof![-50i64..50, -1_000_000i64..1_000_000, any::<i64>()], 0..40),
            others in prop::collection::vec(any::<i64>(), 0..8),
        ) {
            let calendar = Calendar::new(bounds.clone());
            bounds.sort();
            let near = bounds.iter().flat_map(|b| [b.saturating_sub(1), *b, b.saturating_add(1)]);
            for at in near.chain(others).chain([i64::MIN, i64::MAX]) {
                prop_assert_eq!(calendar.index(at), plain(&bounds, at));
            }
        }

        #[test]
        fn days_agree_with_the_clock_on_the_wall(
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo",
                "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"]),
            hours in prop::collection::vec(-24i64..24 * 800, 1..40),
        ) {
            let zone = Zone::new(zone, Weekday::Sunday).unwrap();
            let (first, last) = (date(2010, 12, 25), date(2012, 12, 31));
            let days = Calendar::days(&zone, first, last);
            let months = Calendar::months(&zone, first, last);
            for hour in hours {
                let at = zone.start_of(first) + hour * 3_600_000_000 + 1;
                let day = zone.date_of(at);
                let expected = usize::try_from(crate::time::days_between(first, day)).ok().filter(|_| day <= last);
                prop_assert_eq!(days.index(at), expected);
                if day >= first && day <= last {
                    let month = i32::from(day.year() - 2010) * 12 + i32::from(day.month()) - 12;
                    prop_assert_eq!(months.index(at), usize::try_from(month).ok());
                }
            }
        }
    }
}
