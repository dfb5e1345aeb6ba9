//! Time zone, grains and half-open periods.
//!
//! Instants are `i64` microseconds since the Unix epoch, UTC, as in Arrow's `Timestamp(Microsecond, "UTC")`.
//! A calendar date belongs to the workspace's [`Zone`]; a period is `[start, end)` in dates of that zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::text::did_you_mean;

/// What can be wrong with a time zone, a grain, a period or an instant. The text names the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The zone's name is not in the time zone database.
    #[error("unknown time zone \"{0}\"; write an IANA name such as \"UTC\" or \"Europe/Berlin\"")]
    Zone(String),
    /// Not a day of the week.
    #[error("unknown day of the week \"{0}\"; write monday, sunday, …")]
    Weekday(String),
    /// Not a grain.
    #[error("unknown grain \"{0}\"; write day, week, month, quarter or year{1}")]
    Grain(String, String),
    /// Not a period.
    #[error(
        "\"{0}\" is not a period; write 2019, 2019-Q3, 2019-12, 2019-W07, 2019-12-05 or 2019-12-05..2020-01-31"
    )]
    Period(String),
    /// Not an instant.
    #[error("\"{0}\" is not a date or time; write 2019-12-05 or 2019-12-05T14:30:00Z")]
    Instant(String),
}

/// Where "now" comes from. Passed as a value, so that tests and the demo stand still.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// A clock that always shows the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The time zone and the first day of the week of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    tz: TimeZone,
    week_start: Weekday,
}

impl Zone {
    /// The zone of an IANA name.
    ///
    /// # Errors
    /// [`TimeError::Zone`] when the name is unknown.
    pub fn new(name: &str, week_start: Weekday) -> Result<Zone, TimeError> {
        let tz = if name.eq_ignore_ascii_case("utc") {
            TimeZone::UTC
        } else {
            TimeZone::get(name).map_err(|_| TimeError::Zone(name.to_owned()))?
        };
        Ok(Zone { tz, week_start })
    }

    /// UTC with weeks that begin on Monday.
    pub fn utc() -> Zone {
        Zone { tz: TimeZone::UTC, week_start: Weekday::Monday }
    }

    /// The IANA name, such as `Europe/Berlin`.
    pub fn name(&self) -> &str {
        self.tz.iana_name().unwrap_or("UTC")
    }

    /// The time zone itself.
    pub fn tz(&self) -> &TimeZone {
        &self.tz
    }

    /// The first day of the week.
    pub fn week_start(&self) -> Weekday {
        self.week_start
    }

    /// The first instant of a date in this zone, µs UTC. Where a clock change swallows midnight, the first
    /// instant after it. Dates outside the range of [`Timestamp`] give its first or last instant.
    pub fn start_of(&self, date: Date) -> i64 {
        let midnight = date.at(0, 0, 0, 0);
        match self.tz.to_ambiguous_timestamp(midnight).compatible() {
            Ok(at) => at.as_microsecond(),
            Err(_) if date.year() < 0 => Timestamp::MIN.as_microsecond(),
            Err(_) => Timestamp::MAX.as_microsecond(),
        }
    }

    /// The date on the wall at an instant (µs UTC) in this zone. Instants out of range give the nearest date.
    pub fn date_of(&self, micros: i64) -> Date {
        self.tz.to_datetime(clamp(micros)).date()
    }

    /// The half-open instants `[start, end)` of a period in this zone, µs UTC.
    pub fn bounds(&self, period: &Period) -> (i64, i64) {
        (self.start_of(period.start), self.start_of(period.end))
    }

    /// An instant from text: RFC 3339, a civil date-time (this zone's wall clock) or a date (its midnight).
    ///
    /// # Errors
    /// [`TimeError::Instant`] when the text is none of these.
    pub fn parse_instant(&self, text: &str) -> Result<i64, TimeError> {
        let text = text.trim();
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(at.as_microsecond());
        }
        let civil = text.parse::<jiff::civil::DateTime>().map_err(|_| TimeError::Instant(text.to_owned()))?;
        let at = self.tz.to_ambiguous_timestamp(civil).compatible();
        at.map(|at| at.as_microsecond()).map_err(|_| TimeError::Instant(text.to_owned()))
    }
}

fn clamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A day of the week from its English name or its first three letters, in any case.
///
/// # Errors
/// [`TimeError::Weekday`] for anything else.
pub fn parse_weekday(text: &str) -> Result<Weekday, TimeError> {
    let lower = text.trim().to_ascii_lowercase();
    WEEKDAYS
        .iter()
        .find(|(name, _)| *name == lower || (lower.len() == 3 && name.starts_with(&lower)))
        .map(|(_, day)| *day)
        .ok_or_else(|| TimeError::Weekday(text.to_owned()))
}

/// The English name of a day of the week, lower-case.
pub fn weekday_name(day: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, d)| *d == day).map_or("monday", |(name, _)| name)
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// How long the periods of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// One date.
    Day,
    /// Seven dates from the workspace's first day of the week.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
    /// Any stretch of dates as one period. It is no grain of a series: [`Grain::ALL`] and texts of grains leave it out.
    #[serde(skip_deserializing)]
    Range,
}

impl Grain {
    /// All grains of a series, the shortest first.
    pub const ALL: [Grain; 5] = [Grain::Day, Grain::Week, Grain::Month, Grain::Quarter, Grain::Year];

    /// The name in queries: `day`, `week`, `month`, `quarter`, `year`, `range`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grain::Day => "day",
            Grain::Week => "week",
            Grain::Month => "month",
            Grain::Quarter => "quarter",
            Grain::Year => "year",
            Grain::Range => "range",
        }
    }

    /// The length of one period as a calendar span; that of one date for a range, whose length is its own.
    pub fn span(self) -> Span {
        match self {
            Grain::Day | Grain::Range => 1.day(),
            Grain::Week => 7.days(),
            Grain::Month => 1.month(),
            Grain::Quarter => 3.months(),
            Grain::Year => 1.year(),
        }
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Grain {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Grain, TimeError> {
        let lower = text.trim().to_ascii_lowercase();
        Grain::ALL.into_iter().find(|grain| grain.as_str() == lower).ok_or_else(|| {
            TimeError::Grain(text.to_owned(), did_you_mean(text, Grain::ALL.map(Grain::as_str)))
        })
    }
}

/// One half-open stretch `[start, end)` of calendar dates, aligned to its grain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The grain that the period is aligned to.
    pub grain: Grain,
    /// The first date.
    pub start: Date,
    /// The first date after the period.
    pub end: Date,
}

impl Period {
    /// The period of a grain that holds a date. `week_start` matters for weeks only.
    pub fn containing(date: Date, grain: Grain, week_start: Weekday) -> Period {
        let start = match grain {
            Grain::Day | Grain::Range => date,
            Grain::Week => date.saturating_sub(i64::from(date.weekday().since(week_start)).days()),
            Grain::Month => date.first_of_month(),
            Grain::Quarter => {
                let months = (date.month() - 1) % 3;
                date.first_of_month().saturating_sub(i64::from(months).months())
            }
            Grain::Year => date.first_of_year(),
        };
        Period::starting(start, grain)
    }

    /// The half-open dates `[start, end)` as one period.
    pub fn between(start: Date, end: Date) -> Period {
        Period { grain: Grain::Range, start, end }
    }

    fn starting(start: Date, grain: Grain) -> Period {
        Period { grain, start, end: start.saturating_add(grain.span()) }
    }

    /// A period from one of the forms that [`Period::label`] writes: `2019`, `2019-Q3`, `2019-12`,
    /// `2019-W07`, `2019-12-05`, `2019-12-05..2020-01-31`. The form gives the grain.
    ///
    /// A week is numbered as in ISO 8601 by its Thursday, also where weeks begin on another day.
    ///
    /// # Errors
    /// [`TimeError::Period`] for any other text or a date that does not exist.
    pub fn parse(text: &str, zone: &Zone) -> Result<Period, TimeError> {
        let fail = || TimeError::Period(text.to_owned());
        let text = text.trim();
        if let Some((first, last)) = text.split_once("..") {
            let day = |text: &str| text.parse::<Date>().map_err(|_| fail());
            let (start, last) = (day(first)?, day(last)?);
            let range = Period::between(start, last.saturating_add(1.day()));
            return if start <= last { Ok(range) } else { Err(fail()) };
        }
        if !text.is_ascii() || text.len() < 4 || !text.as_bytes()[..4].iter().all(u8::is_ascii_digit) {
            return Err(fail());
        }
        let year: i16 = text[..4].parse().map_err(|_| fail())?;
        let rest = &text[4..];
        if rest.is_empty() {
            return Date::new(year, 1, 1).map(|date| Period::starting(date, Grain::Year)).map_err(|_| fail());
        }
        let rest = rest.strip_prefix('-').ok_or_else(fail)?;
        let number = |digits: &str| -> Result<i8, TimeError> {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            if plain { digits.parse().map_err(|_| fail()) } else { Err(fail()) }
        };
        if let Some(quarter) = rest.strip_prefix(['Q', 'q']) {
            let quarter = number(quarter)?;
            if !(1..=4).contains(&quarter) {
                return Err(fail());
            }
            let start = Date::new(year, quarter * 3 - 2, 1).map_err(|_| fail())?;
            return Ok(Period::starting(start, Grain::Quarter));
        }
        if let Some(week) = rest.strip_prefix(['W', 'w']) {
            let thursday =
                ISOWeekDate::new(year, number(week)?, Weekday::Thursday).map_err(|_| fail())?.date();
            return Ok(Period::containing(thursday, Grain::Week, zone.week_start()));
        }
        match rest.split_once('-') {
            None => {
                let start = Date::new(year, number(rest)?, 1).map_err(|_| fail())?;
                Ok(Period::starting(start, Grain::Month))
            }
            Some((month, day)) => {
                let date = Date::new(year, number(month)?, number(day)?).map_err(|_| fail())?;
                Ok(Period::starting(date, Grain::Day))
            }
        }
    }

    /// The period's name: `2019`, `2019-Q3`, `2019-12`, `2019-W07`, `2019-12-05`, or first and last date of a range:
    /// `2019-12-05..2020-01-31`.
    pub fn label(&self) -> String {
        let start = self.start;
        match self.grain {
            Grain::Day => start.to_string(),
            Grain::Week => {
                let week = self.thursday().iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Grain::Month => format!("{:04}-{:02}", start.year(), start.month()),
            Grain::Quarter => format!("{:04}-Q{}", start.year(), (start.month() + 2) / 3),
            Grain::Year => format!("{:04}", start.year()),
            Grain::Range => format!("{start}..{}", self.end.yesterday().unwrap_or(self.end)),
        }
    }

    /// The Thursday of a week, by which weeks are numbered.
    fn thursday(&self) -> Date {
        let ahead = Weekday::Thursday.since(self.start.weekday());
        self.start.saturating_add(i64::from(ahead).days())
    }

    /// The period right after this one.
    pub fn next(&self) -> Period {
        self.shift(1)
    }

    /// The period right before this one.
    pub fn previous(&self) -> Period {
        self.shift(-1)
    }

    /// The period `n` periods later (earlier when negative). A range of whole months moves by its months, any other by its
    /// days.
    pub fn shift(&self, n: i32) -> Period {
        if self.grain == Grain::Range {
            return self.shifted_range(n);
        }
        let n = i64::from(n);
        let span = match self.grain {
            Grain::Day | Grain::Range => Span::new().try_days(n),
            Grain::Week => Span::new().try_weeks(n),
            Grain::Month => Span::new().try_months(n),
            Grain::Quarter => Span::new().try_months(n * 3),
            Grain::Year => Span::new().try_years(n),
        };
        let start = match span {
            Ok(span) => self.start.saturating_add(span),
            Err(_) if n < 0 => Date::MIN,
            Err(_) => Date::MAX,
        };
        Period::starting(start, self.grain)
    }

    fn shifted_range(&self, n: i32) -> Period {
        let (start, end) = (self.start, self.end);
        let months = (i32::from(end.year()) - i32::from(start.year())) * 12 + i32::from(end.month())
            - i32::from(start.month());
        let whole = start.day() == 1 && end.day() == 1;
        let by = match whole {
            true => Span::new().try_months(i64::from(months) * i64::from(n)),
            false => Span::new().try_days(i64::from(self.days()) * i64::from(n)),
        };
        let moved = |date: Date| match by {
            Ok(span) => date.saturating_add(span),
            Err(_) if n < 0 => Date::MIN,
            Err(_) => Date::MAX,
        };
        Period::between(moved(start), moved(end))
    }

    /// The same period one year earlier: same label but for the year. 29 February gives 28 February, and
    /// week 53 gives the last week of a year that has 52.
    pub fn year_ago(&self) -> Period {
        if self.grain == Grain::Range {
            return Period::between(self.start.saturating_sub(1.year()), self.end.saturating_sub(1.year()));
        }
        if self.grain != Grain::Week {
            return Period::starting(self.start.saturating_sub(1.year()), self.grain);
        }
        let week = self.thursday().iso_week_date();
        let earlier = ISOWeekDate::new(week.year().saturating_sub(1), week.week(), Weekday::Thursday)
            .or_else(|_| ISOWeekDate::new(week.year().saturating_sub(1), 52, Weekday::Thursday));
        match earlier {
            Ok(thursday) => Period::containing(thursday.date(), Grain::Week, self.start.weekday()),
            Err(_) => self.shift(-52),
        }
    }

    /// Whether a date lies in the period.
    pub fn contains(&self, date: Date) -> bool {
        self.start <= date && date < self.end
    }

    /// Whether the period is over at `now`, so that its figures can no longer grow by time alone.
    pub fn is_complete(&self, now: Timestamp, zone: &Zone) -> bool {
        zone.start_of(self.end) <= now.as_microsecond()
    }

    /// The number of dates in the period.
    pub fn days(&self) -> i32 {
        days_between(self.start, self.end)
    }

    /// All periods of a grain that touch the half-open dates `[from, to)`, in order; at least the one that
    /// holds `from`. By [`Grain::Range`] they are one period.
    pub fn range(from: Date, to: Date, grain: Grain, week_start: Weekday) -> Vec<Period> {
        if grain == Grain::Range {
            return vec![Period::between(from, to)];
        }
        let mut period = Period::containing(from, grain, week_start);
        let mut periods = vec![period];
        while period.end < to {
            period = period.next();
            periods.push(period);
        }
        periods
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label())
    }
}

/// Whole days from one date to a later one (negative when it is earlier).
pub fn days_between(from: Date, to: Date) -> i32 {
    epoch_days(to) - epoch_days(from)
}

/// Days since 1970-01-01, as Arrow's `Date32` counts them.
pub fn epoch_days(date: Date) -> i32 {
    let span = date.since(Date::constant(1970, 1, 1)).unwrap_or_default();
    span.get_days()
}

/// The date of an Arrow `Date32`. Out of range gives the nearest date.
pub fn date_of_epoch_days(days: i32) -> Date {
    match Span::new().try_days(i64::from(days)) {
        Ok(span) => Date::constant(1970, 1, 1).saturating_add(span),
        Err(_) if days < 0 => Date::MIN,
        Err(_) => Date::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn parse(text: &str) -> Period {
        Period::parse(text, &Zone::utc()).unwrap()
    }

    #[test]
    fn labels_and_parse_are_inverse() {
        for text in [
            "2019",
            "2019-Q3",
            "2019-12",
            "2019-W07",
            "2019-12-05",
            "2020-W53",
            "0001",
            "2024-02-29",
            "2019-12-05..2020-01-31",
        ] {
            assert_eq!(parse(text).label(), text);
        }
        assert_eq!(parse("2019-Q3").start, date(2019, 7, 1));
        assert_eq!(parse("2019-Q3").end, date(2019, 10, 1));
        assert_eq!(parse("2019-W01").start, date(2018, 12, 31));
    }

    #[test]
    fn rejects_what_is_no_period() {
        for text in [
            "",
            "19",
            "2019-13",
            "2019-Q5",
            "2019-Q",
            "2019-W54",
            "2019-02-30",
            "2019-1-1-1",
            "2019x",
            "2019-+1",
            "२०१९",
            "2019-12-05..2019-12-04",
            "2019-12..2020-01",
        ] {
            assert!(Period::parse(text, &Zone::utc()).is_err(), "{text}");
        }
    }

    #[test]
    fn weeks_may_begin_on_sunday() {
        let zone = Zone::new("UTC", Weekday::Sunday).unwrap();
        let week = Period::parse("2019-W07", &zone).unwrap();
        assert_eq!((week.start, week.end), (date(2019, 2, 10), date(2019, 2, 17)));
        assert_eq!(week.label(), "2019-W07");
        assert_eq!(Period::containing(date(2019, 2, 16), Grain::Week, Weekday::Sunday), week);
    }

    #[test]
    fn neighbours() {
        assert_eq!(parse("2019-12").next().label(), "2020-01");
        assert_eq!(parse("2019-Q1").previous().label(), "2018-Q4");
        assert_eq!(parse("2020-02-29").year_ago().label(), "2019-02-28");
        assert_eq!(parse("2020-W53").year_ago().label(), "2019-W52");
        assert_eq!(parse("2021-W07").year_ago().label(), "2020-W07");
        assert_eq!(parse("2021-W01").previous().label(), "2020-W53");
        assert_eq!(parse("9999").next().start, Date::MAX);
    }

    #[test]
    fn ranges_move_by_their_months_or_days() {
        let months = parse("2026-06-01..2026-08-31");
        assert_eq!(months.previous().label(), "2026-03-01..2026-05-31");
        assert_eq!(months.next().label(), "2026-09-01..2026-11-30");
        assert_eq!(parse("2026-06-01..2026-06-20").previous().label(), "2026-05-12..2026-05-31");
        assert_eq!(parse("2024-02-29..2024-03-01").year_ago().label(), "2023-02-28..2023-03-01");
        let (from, to) = (date(2026, 1, 15), date(2026, 4, 1));
        assert_eq!(Period::range(from, to, Grain::Range, Weekday::Monday), [Period::between(from, to)]);
        assert_eq!(parse("2026-06-01..2026-08-31").shift(i32::MIN).start, Date::MIN);
        assert!("range".parse::<Grain>().is_err());
    }

    #[test]
    fn ranges_touch_their_ends() {
        let months = Period::range(date(2018, 1, 15), date(2018, 4, 1), Grain::Month, Weekday::Monday);
        assert_eq!(months.iter().map(Period::label).collect::<Vec<_>>(), ["2018-01", "2018-02", "2018-03"]);
        assert_eq!(Period::range(date(2018, 1, 1), date(2018, 1, 1), Grain::Day, Weekday::Monday).len(), 1);
    }

    #[test]
    fn zones_and_clock_changes() {
        let berlin = Zone::new("Europe/Berlin", Weekday::Monday).unwrap();
        let start = berlin.start_of(date(2024, 3, 31));
        assert_eq!(Timestamp::from_microsecond(start).unwrap().to_string(), "2024-03-30T23:00:00Z");
        assert_eq!(berlin.start_of(date(2024, 4, 1)) - start, 23 * 3_600_000_000);
        assert_eq!(berlin.date_of(start - 1), date(2024, 3, 30));
        assert_eq!(berlin.date_of(start), date(2024, 3, 31));
        assert_eq!(berlin.parse_instant("2024-03-31").unwrap(), start);
        assert_eq!(berlin.parse_instant("2024-03-31T00:00:00+01:00").unwrap(), start);
        // Midnight does not exist here: the day begins at one o'clock.
        let cairo = Zone::new("Africa/Cairo", Weekday::Monday).unwrap();
        let day = date(2024, 4, 26);
        assert_eq!(cairo.date_of(cairo.start_of(day)), day);
        assert_eq!(cairo.date_of(cairo.start_of(day) - 1), date(2024, 4, 25));
        assert!(Zone::new("Mars/Olympus", Weekday::Monday).is_err());
    }

    #[test]
    fn extremes_do_not_panic() {
        let zone = Zone::utc();
        zone.date_of(i64::MIN);
        zone.date_of(i64::MAX);
        zone.start_of(Date::MIN);
        zone.start_of(Date::MAX);
        parse("2019-12").shift(i32::MAX);
        parse("2019-W12").shift(i32::MIN);
        date_of_epoch_days(i32::MIN);
        assert_eq!(date_of_epoch_days(epoch_days(date(2019, 5, 6))), date(2019, 5, 6));
    }

    #[test]
    fn grains_from_text() {
        assert_eq!("Month".parse::<Grain>().unwrap(), Grain::Month);
        let error = "mnoth".parse::<Grain>().unwrap_err().to_string();
        assert!(error.ends_with("did you mean \"month\"?"), "{error}");
    }
}
