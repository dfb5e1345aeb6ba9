//! Statuses, billing terms, and what a price comes to by the month.

use std::borrow::Cow;

use jiff::Span;

use crate::PARTS;
use crate::time::Zone;

/// The status of a subscription from a change on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// In a trial: no revenue yet.
    Trialing,
    /// Paid for.
    Active,
    /// A payment failed and is tried again: still counts.
    PastDue,
    /// Given up trying: lost, involuntarily.
    Unpaid,
    /// Written off: lost, involuntarily.
    Uncollectible,
    /// Paused.
    Paused,
    /// Over.
    Canceled,
    /// The first payment is still missing: no revenue yet.
    Incomplete,
    /// The first payment never came.
    IncompleteExpired,
    /// On a free plan.
    Free,
}

impl Status {
    /// All statuses in the order of the documentation.
    pub const ALL: [Status; 10] = [
        Status::Trialing,
        Status::Active,
        Status::PastDue,
        Status::Unpaid,
        Status::Uncollectible,
        Status::Paused,
        Status::Canceled,
        Status::Incomplete,
        Status::IncompleteExpired,
        Status::Free,
    ];

    /// The name in records, such as `past_due`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Trialing => "trialing",
            Status::Active => "active",
            Status::PastDue => "past_due",
            Status::Unpaid => "unpaid",
            Status::Uncollectible => "uncollectible",
            Status::Paused => "paused",
            Status::Canceled => "canceled",
            Status::Incomplete => "incomplete",
            Status::IncompleteExpired => "incomplete_expired",
            Status::Free => "free",
        }
    }

    /// The status of exactly such a name; `None` for anything else.
    #[inline]
    pub fn parse(name: &str) -> Option<Status> {
        // A match on text compiles to comparisons by length first: no hashing, no table.
        Some(match name {
            "active" => Status::Active,
            "canceled" => Status::Canceled,
            "trialing" => Status::Trialing,
            "past_due" => Status::PastDue,
            "unpaid" => Status::Unpaid,
            "uncollectible" => Status::Uncollectible,
            "paused" => Status::Paused,
            "incomplete" => Status::Incomplete,
            "incomplete_expired" => Status::IncompleteExpired,
            "free" => Status::Free,
            _ => return None,
        })
    }
}

/// The unit of a billing term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// A day: 365/12 to a month.
    Day,
    /// A week: 52/12 to a month.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// Six months.
    HalfYear,
    /// Twelve months.
    Year,
}

impl Interval {
    /// All intervals, the shortest first.
    pub const ALL: [Interval; 6] = [
        Interval::Day,
        Interval::Week,
        Interval::Month,
        Interval::Quarter,
        Interval::HalfYear,
        Interval::Year,
    ];

    /// The name in records, such as `half_year`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Interval::Day => "day",
            Interval::Week => "week",
            Interval::Month => "month",
            Interval::Quarter => "quarter",
            Interval::HalfYear => "half_year",
            Interval::Year => "year",
        }
    }

    /// The interval of exactly such a name; `None` for anything else.
    #[inline]
    pub fn parse(name: &str) -> Option<Interval> {
        Some(match name {
            "month" => Interval::Month,
            "year" => Interval::Year,
            "day" => Interval::Day,
            "week" => Interval::Week,
            "quarter" => Interval::Quarter,
            "half_year" => Interval::HalfYear,
            _ => return None,
        })
    }
}

/// A billing term: so many intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// The unit.
    pub interval: Interval,
    /// How many of it; 0 is read as 1.
    pub count: u32,
}

impl Term {
    /// One month.
    pub const MONTH: Term = Term { interval: Interval::Month, count: 1 };
    /// One year.
    pub const YEAR: Term = Term { interval: Interval::Year, count: 1 };

    /// A term; a count of 0 is read as 1.
    pub fn new(interval: Interval, count: u32) -> Term {
        Term { interval, count: count.max(1) }
    }

    /// The dimension's value: `month`, `year`, `3 month`.
    pub fn label(self) -> Cow<'static, str> {
        match self.count {
            0 | 1 => Cow::Borrowed(self.interval.as_str()),
            count => Cow::Owned(format!("{count} {}", self.interval.as_str())),
        }
    }

    /// The length of `n` terms on the calendar; `None` when it is out of range.
    pub fn span(self, n: i32) -> Option<Span> {
        let count = i64::from(self.count.max(1)) * i64::from(n);
        let span = Span::new();
        match self.interval {
            Interval::Day => span.try_days(count),
            Interval::Week => span.try_weeks(count),
            Interval::Month => span.try_months(count),
            Interval::Quarter => span.try_months(count.checked_mul(3)?),
            Interval::HalfYear => span.try_months(count.checked_mul(6)?),
            Interval::Year => span.try_months(count.checked_mul(12)?),
        }
        .ok()
    }

    /// The end of a term that begins at an instant (µs UTC), by the calendar of a zone; the start itself when the end
    /// is out of range.
    pub fn end_from(self, at: i64, zone: &Zone) -> i64 {
        let end = self.span(1).and_then(|span| {
            let start = jiff::Timestamp::from_microsecond(at).ok()?.to_zoned(zone.tz().clone());
            Some(start.checked_add(span).ok()?.timestamp().as_microsecond())
        });
        end.unwrap_or(at)
    }

    /// What a price for one term comes to by the month, in [parts](crate::PARTS) of the minor unit.
    ///
    /// Exact for every term of 1 to 16 months, every number of days or weeks that divides, and most others;
    /// the rest is rounded half away from zero here, once, to 1/720720 of a minor unit. Cannot overflow:
    /// the product of an `i64` and the largest factor is below 2^89.
    #[inline]
    pub fn monthly_parts(self, amount_minor: i64) -> i128 {
        // Nearly all rows are of these two.
        match self {
            Term::MONTH => return i128::from(amount_minor) * PARTS,
            Term::YEAR => return i128::from(amount_minor) * (PARTS / 12),
            _ => {}
        }
        let count = i64::from(self.count.max(1));
        let (factor, divisor) = match self.interval {
            Interval::Month => (MONTH_PARTS, count),
            Interval::Year => (MONTH_PARTS, 12 * count),
            Interval::Quarter => (MONTH_PARTS, 3 * count),
            Interval::HalfYear => (MONTH_PARTS, 6 * count),
            Interval::Week => (MONTH_PARTS / 12 * 52, count),
            Interval::Day => (MONTH_PARTS / 12 * 365, count),
        };
        if factor % divisor == 0 {
            return i128::from(amount_minor) * i128::from(factor / divisor);
        }
        let (amount, divisor) = (i128::from(amount_minor) * i128::from(factor), i128::from(divisor));
        let rounded = (amount.abs() * 2 + divisor) / (2 * divisor);
        if amount < 0 { -rounded } else { rounded }
    }
}

const MONTH_PARTS: i64 = PARTS as i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        for interval in Interval::ALL {
            assert_eq!(Interval::parse(interval.as_str()), Some(interval));
        }
        assert_eq!(Status::parse("Active"), None);
        assert_eq!(Term::new(Interval::Month, 3).label(), "3 month");
        assert_eq!(Term::new(Interval::Year, 0).label(), "year");
    }

    #[test]
    fn prices_by_the_month() {
        let minor = |interval, count, amount| {
            let parts = Term::new(interval, count).monthly_parts(amount);
            assert_eq!(parts % PARTS, 0, "{interval:?} {count}");
            parts / PARTS
        };
        assert_eq!(minor(Interval::Month, 1, 9_900), 9_900);
        assert_eq!(minor(Interval::Year, 1, 96_000), 8_000);
        assert_eq!(minor(Interval::Year, 2, 240_000), 10_000);
        assert_eq!(minor(Interval::Quarter, 1, 30_000), 10_000);
        assert_eq!(minor(Interval::HalfYear, 1, 60_000), 10_000);
        assert_eq!(minor(Interval::Month, 16, 16_000), 1_000);
        // 52 weeks and 365 days are 12 months.
        assert_eq!(minor(Interval::Week, 1, 1_200), 5_200);
        assert_eq!(minor(Interval::Day, 1, 1_200), 36_500);
    }

    #[test]
    fn ends_follow_the_calendar() {
        let berlin = Zone::new("Europe/Berlin", jiff::civil::Weekday::Monday).unwrap();
        let at = |text: &str| berlin.parse_instant(text).unwrap();
        let end = |start: &str, interval, count| Term::new(interval, count).end_from(at(start), &berlin);
        assert_eq!(end("2026-01-31T10:00", Interval::Month, 1), at("2026-02-28T10:00"));
        assert_eq!(end("2026-03-15T10:00", Interval::Quarter, 2), at("2026-09-15T10:00"));
        assert_eq!(end("2024-02-29T10:00", Interval::Year, 1), at("2025-02-28T10:00"));
        // The clock goes forward on 2026-03-29: the week is an hour shorter, the wall says the same.
        assert_eq!(end("2026-03-28T10:00", Interval::Week, 1), at("2026-04-04T10:00"));
        assert_eq!(Term::new(Interval::Year, u32::MAX).end_from(5, &berlin), 5);
    }

    #[test]
    fn what_does_not_divide_is_rounded_once() {
        // 100 in 17 months: 100 × 720720 ÷ 17 = 4 239 529.41…
        assert_eq!(Term::new(Interval::Month, 17).monthly_parts(100), 4_239_529);
        assert_eq!(Term::new(Interval::Month, 17).monthly_parts(-100), -4_239_529);
        // 1 in 32 months: 22 522.5, half away from zero.
        assert_eq!(Term::new(Interval::Month, 32).monthly_parts(1), 22_523);
        assert_eq!(Term::new(Interval::Month, 32).monthly_parts(-1), -22_523);
        assert_eq!(Term::new(Interval::Day, 1).monthly_parts(i64::MIN) % 2, 0);
        Term::new(Interval::Year, u32::MAX).monthly_parts(i64::MAX);
    }
}
