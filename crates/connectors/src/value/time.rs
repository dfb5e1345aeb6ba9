//! Dates and instants as people and programs write them.

use burgeon_core::time::{Zone, epoch_days};
use jiff::civil::{Date, DateTime};

use super::quoted;

/// Which of two numbers comes first in dates such as `03/04/2025`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// Day, month, year: `31/12/2025`.
    Dmy,
    /// Month, day, year: `12/31/2025`.
    Mdy,
}

/// What one written date says about the order of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEvidence {
    /// It reads the same under both, or it is not a date.
    None,
    /// The first number can only be a day.
    Dmy,
    /// The second number can only be a day.
    Mdy,
    /// Both numbers may be a month, and they differ.
    Ambiguous,
}

const DAY_MICROS: i64 = 86_400_000_000;

/// Reads dates and instants of one column. Holds the zone and a memory of midnights, so use one for each thread.
#[derive(Debug, Clone)]
pub struct TimeReader {
    zone: Zone,
    utc: bool,
    order: Option<DateOrder>,
    /// The last date that was converted, as days since 1970, and its midnight.
    last: (i32, i64),
    /// The last date in the form `2025-12-31`, and the same as days since 1970.
    last_iso: ([u8; 10], i32),
}

impl TimeReader {
    /// A reader of wall-clock times in `zone` with the column's order of day and month, where it is known.
    pub fn new(zone: Zone, order: Option<DateOrder>) -> Self {
        let utc = zone.tz() == &jiff::tz::TimeZone::UTC;
        let last = (0, zone.start_of(jiff::civil::date(1970, 1, 1)));
        Self { zone, utc, order, last, last_iso: (*b"1970-01-01", 0) }
    }

    /// An instant in µs UTC. A date without time is its midnight in the zone. The error is a reason for a person.
    #[inline]
    pub fn instant(&mut self, text: &str) -> Result<i64, String> {
        let bytes = text.as_bytes();
        if let Some((date, rest)) = bytes.split_first_chunk()
            && let Some(days) = self.days(date)
        {
            if rest.is_empty() {
                return Ok(self.midnight(days));
            }
            if let Some(at) = self.iso_time(days, rest) {
                return Ok(at);
            }
        }
        self.slow(text)
    }

    /// Days since 1970. Rows that follow one another are mostly of one day.
    #[inline]
    fn days(&mut self, date: &[u8; 10]) -> Option<i32> {
        if self.last_iso.0 != *date {
            self.last_iso = (*date, iso_days(date)?);
        }
        Some(self.last_iso.1)
    }

    /// A calendar date. Of an instant, the date on the zone's wall.
    pub fn date(&mut self, text: &str) -> Result<i32, String> {
        if text.len() == 10
            && let Some(days) = iso_days(text.as_bytes())
        {
            return Ok(days);
        }
        let at = self.slow(text)?;
        Ok(epoch_days(self.zone.date_of(at)))
    }

    fn midnight(&mut self, days: i32) -> i64 {
        if self.utc {
            return i64::from(days) * DAY_MICROS;
        }
        if self.last.0 != days {
            self.last = (days, self.zone.start_of(burgeon_core::time::date_of_epoch_days(days)));
        }
        self.last.1
    }

    /// The rest of `2025-12-31T10:00:00Z` after the date, in the forms that programs write.
    #[inline]
    fn iso_time(&self, days: i32, rest: &[u8]) -> Option<i64> {
        let (clock, rest) = rest.split_first_chunk()?;
        let clock = i64::from(days) * DAY_MICROS + iso_clock(clock)?;
        // What most programs write.
        if let [b'.', _, _, last @ b'0'..=b'9', b'Z'] = rest
            && let Some(first) = two(rest, 1)
        {
            return Some(clock + (i64::from(first) * 10 + i64::from(last - b'0')) * 1_000);
        }
        let (fraction, zone) = match rest.split_first() {
            Some((b'.', digits)) => {
                let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
                if n == 0 || n > 9 {
                    return None;
                }
                let value = digits[..n].iter().fold(0i64, |v, b| v * 10 + i64::from(b - b'0'));
                let micros =
                    if n <= 6 { value * 10i64.pow(6 - n as u32) } else { value / 10i64.pow(n as u32 - 6) };
                (micros, &digits[n..])
            }
            _ => (0, rest),
        };
        match zone {
            b"Z" | b"z" | b" UTC" | b"+00:00" | b"+00" => Some(clock + fraction),
            b"" if self.utc => Some(clock + fraction),
            _ => None,
        }
    }

    fn slow(&self, text: &str) -> Result<i64, String> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err("is empty".to_owned());
        }
        if let Some(at) = self.number(trimmed) {
            return at;
        }
        let (date, rest) = self.civil_date(trimmed)?;
        self.civil_time(text, date, rest)
    }

    /// Unix seconds to microseconds, `20251231`, and Excel's days since 1899-12-30, told apart by their size.
    fn number(&self, text: &str) -> Option<Result<i64, String>> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 15 {
            return None;
        }
        // A date with one point, such as `31.12`, is not a number of days.
        let wrong = || Some(Err(format!("{} is not a date", quoted(text))));
        let Ok(value) = whole.parse::<i64>() else { return wrong() };
        let part = |unit: i64| -> i64 {
            let scale = 10i128.pow(fraction.len() as u32);
            let value = fraction.parse::<i128>().unwrap_or(0);
            i64::try_from(value * i128::from(unit) / scale).unwrap_or(0)
        };
        match whole.len() {
            5 if (20_000..=80_000).contains(&value) => {
                // Days since 1899-12-30 on the zone's wall, to the nearest second.
                let date = burgeon_core::time::date_of_epoch_days((value - 25_569) as i32);
                let seconds = (part(DAY_MICROS) + 500_000) / 1_000_000;
                let span = jiff::SignedDuration::from_secs(seconds);
                Some(
                    date.at(0, 0, 0, 0)
                        .checked_add(span)
                        .map_err(|e| e.to_string())
                        .and_then(|at| self.wall(text, at)),
                )
            }
            8 if fraction.is_empty() && (19_000_101..=21_001_231).contains(&value) => {
                let date = Date::new((value / 10_000) as i16, (value / 100 % 100) as i8, (value % 100) as i8);
                Some(date.map_err(|_| no_such_day(text)).map(|date| self.zone.start_of(date)))
            }
            9 | 10 => Some(Ok(value * 1_000_000 + part(1_000_000))),
            12 | 13 => Some(Ok(value * 1_000)),
            15 | 16 => Some(Ok(value)),
            _ => Some(Err(format!(
                "{} is a number, but neither a Unix time nor a day number of Excel",
                quoted(text)
            ))),
        }
    }

    /// The date at the beginning, and what follows it.
    fn civil_date<'a>(&self, text: &'a str) -> Result<(Date, &'a str), String> {
        let not = || format!("{} is not a date; write 2025-12-31", quoted(text));
        if let Some(parts) = numeric(text) {
            let (y, m, d) = match (parts.order(), self.order) {
                (OrderEvidence::Ambiguous, None) if !parts.dots => {
                    return Err(format!(
                        "{} may be day/month or month/day; say date=dmy or date=mdy",
                        quoted(text)
                    ));
                }
                (OrderEvidence::None, _) if parts.year_first => (parts.a, parts.b, parts.c),
                (_, Some(DateOrder::Mdy)) if !parts.dots => (parts.c, parts.a, parts.b),
                (OrderEvidence::Mdy, None) if !parts.dots => (parts.c, parts.a, parts.b),
                _ => (parts.c, parts.b, parts.a),
            };
            let date = Date::new(full_year(y, parts.short_year) as i16, m as i8, d as i8);
            return match date {
                Ok(date) => Ok((date, parts.rest)),
                Err(_) if !parts.year_first && m > 12 && d <= 12 && self.order.is_some() => {
                    let (written, other) = if self.order == Some(DateOrder::Mdy) {
                        ("month/day", "dmy")
                    } else {
                        ("day/month", "mdy")
                    };
                    Err(format!(
                        "{} has no month {m} in a column of {written}; mend the value, or say date={other}",
                        quoted(text)
                    ))
                }
                Err(_) => Err(no_such_day(text)),
            };
        }
        worded(text).ok_or_else(not).and_then(|(y, m, d, rest)| {
            Date::new(y as i16, m as i8, d as i8).map(|date| (date, rest)).map_err(|_| no_such_day(text))
        })
    }

    /// What follows a date: nothing, a time, an offset or a zone.
    fn civil_time(&self, text: &str, date: Date, rest: &str) -> Result<i64, String> {
        let rest = rest.trim_start_matches(['T', 't', ' ', ',', '\u{a0}', '\u{202f}']).trim_end();
        if rest.is_empty() {
            return Ok(self.zone.start_of(date));
        }
        let wrong = || format!("{} has a date, but what follows is not a time", quoted(text));
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
        let (clock, tail) = rest.split_at(end);
        let mut units = [0i64; 3];
        let mut micros = 0;
        for (index, unit) in clock.split(':').enumerate() {
            let (whole, fraction) = unit.split_once('.').unwrap_or((unit, ""));
            if index > 2 || whole.is_empty() || whole.len() > 2 || (index < 2 && !fraction.is_empty()) {
                return Err(wrong());
            }
            units[index] = whole.parse().map_err(|_| wrong())?;
            if !fraction.is_empty() {
                let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
                micros = six.parse::<i64>().map_err(|_| wrong())?;
            }
        }
        if !clock.contains(':') {
            return Err(wrong());
        }
        let mut tail = tail.trim();
        let lower = tail.get(..2).map(str::to_ascii_lowercase);
        if let Some(half @ ("am" | "pm")) = lower.as_deref() {
            if !(1..=12).contains(&units[0]) {
                return Err(wrong());
            }
            units[0] = units[0] % 12 + if half == "pm" { 12 } else { 0 };
            tail = tail[2..].trim();
        }
        if units[0] == 24 && units[1] == 0 && units[2] == 0 {
            // Midnight at the end of a day.
        } else if units[0] > 23 || units[1] > 59 || units[2] > 60 {
            return Err(format!("{} has no such time of day", quoted(text)));
        }
        let span = jiff::SignedDuration::from_micros(
            (units[0] * 3600 + units[1] * 60 + units[2].min(59)) * 1_000_000 + micros,
        );
        let at = date.at(0, 0, 0, 0).checked_add(span).map_err(|_| wrong())?;
        match offset(tail) {
            Some(None) => self.wall(text, at),
            Some(Some(seconds)) => {
                let utc = Zone::utc();
                let day = utc.start_of(at.date());
                let clock =
                    i64::from(at.hour()) * 3600 + i64::from(at.minute()) * 60 + i64::from(at.second());
                Ok(day + (clock - seconds) * 1_000_000 + i64::from(at.subsec_nanosecond()) / 1000)
            }
            None => {
                Err(format!("{} ends in an unknown time zone; write an offset such as +02:00", quoted(text)))
            }
        }
    }

    fn wall(&self, text: &str, at: DateTime) -> Result<i64, String> {
        let zoned = self.zone.tz().to_ambiguous_timestamp(at).compatible();
        zoned.map(|at| at.as_microsecond()).map_err(|_| no_such_day(text))
    }
}

/// What a written date says about the order of day and month in its column.
pub fn order_evidence(text: &str) -> OrderEvidence {
    match numeric(text.trim()) {
        Some(parts) if !parts.dots => parts.order(),
        _ => OrderEvidence::None,
    }
}

/// Whether the text begins like a date, whatever the order of day and month.
pub fn looks_like_date(text: &str) -> bool {
    let text = text.trim();
    let fair = |m: u32, d: u32| m.min(d) >= 1 && m.min(d) <= 12 && m.max(d) <= 31;
    match numeric(text) {
        Some(p) if p.year_first => fair(p.b, p.c),
        Some(p) => fair(p.a, p.b) && (p.rest.is_empty() || p.rest.starts_with([' ', 'T', ','])),
        None => worded(text).is_some(),
    }
}

fn no_such_day(text: &str) -> String {
    format!("{} is not a day of the calendar", quoted(text))
}

#[inline]
fn two(bytes: &[u8], at: usize) -> Option<u8> {
    let (a, b) = (bytes.get(at)?.wrapping_sub(b'0'), bytes.get(at + 1)?.wrapping_sub(b'0'));
    // Only when both are digits, or the product may overflow.
    (a < 10 && b < 10).then(|| a * 10 + b)
}

/// Microseconds since midnight of `T10:00:00`.
#[inline]
fn iso_clock(b: &[u8; 9]) -> Option<i64> {
    if !matches!(b[0], b'T' | b' ' | b't') || b[3] != b':' || b[6] != b':' {
        return None;
    }
    let (h, m, s) = (two(b, 1)?, two(b, 4)?, two(b, 7)?);
    (h <= 23 && m <= 59 && s <= 59)
        .then(|| (i64::from(h) * 3600 + i64::from(m) * 60 + i64::from(s)) * 1_000_000)
}

/// Days since 1970 of `YYYY-MM-DD` at the beginning.
#[inline]
fn iso_days(b: &[u8]) -> Option<i32> {
    if b.len() < 10 || b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    let year = i32::from(two(b, 0)?) * 100 + i32::from(two(b, 2)?);
    let (month, day) = (two(b, 5)?, two(b, 8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > longest || year == 0 {
        return None;
    }
    // Days from the civil calendar, with years that begin in March.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let mp = (i32::from(month) + 9) % 12;
    let doy = (153 * mp + 2) / 5 + i32::from(day) - 1;
    Some(era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468)
}

/// Three numbers at the beginning of a text, parted by one kind of separator.
struct Numeric<'a> {
    a: u32,
    b: u32,
    c: u32,
    year_first: bool,
    short_year: bool,
    dots: bool,
    rest: &'a str,
}

impl Numeric<'_> {
    fn order(&self) -> OrderEvidence {
        match (self.year_first, self.a > 12, self.b > 12) {
            (true, ..) | (_, true, true) => OrderEvidence::None,
            (_, true, _) => OrderEvidence::Dmy,
            (_, _, true) => OrderEvidence::Mdy,
            _ if self.a == self.b => OrderEvidence::None,
            _ => OrderEvidence::Ambiguous,
        }
    }
}

fn numeric(text: &str) -> Option<Numeric<'_>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut run = || -> Option<(u32, usize, Option<u8>)> {
        let start = at;
        let mut value = 0u32;
        while at < bytes.len() && bytes[at].is_ascii_digit() && at - start < 5 {
            value = value * 10 + u32::from(bytes[at] - b'0');
            at += 1;
        }
        let length = at - start;
        let next = bytes.get(at).copied();
        at += 1;
        (length > 0).then_some((value, length, next))
    };
    let (a, la, sep) = run()?;
    let sep = sep.filter(|s| matches!(s, b'-' | b'/' | b'.'))?;
    let (b, lb, second) = run()?;
    if second != Some(sep) {
        return None;
    }
    let (c, lc, _) = run()?;
    let rest = text.get(at - 1..).unwrap_or("");
    let year_first = la == 4;
    let fair = if year_first { lb <= 2 && lc <= 2 } else { la <= 2 && lb <= 2 && (lc == 4 || lc == 2) };
    fair.then_some(Numeric {
        a,
        b,
        c,
        year_first,
        short_year: !year_first && lc == 2,
        dots: sep == b'.',
        rest,
    })
}

fn full_year(year: u32, short: bool) -> u32 {
    match (short, year) {
        (true, 0..=69) => 2000 + year,
        (true, _) => 1900 + year,
        _ => year,
    }
}

/// `31 Dec 2025`, `Dec 31, 2025`, `31-Dec-25`, `December 31 2025`, `Wed, 31 Dec 2025`.
fn worded(text: &str) -> Option<(u32, u32, u32, &str)> {
    let mut numbers: [(u32, usize); 2] = [(0, 0); 2];
    let mut count = 0;
    let mut month = None;
    let mut at = 0;
    for part in text.split_inclusive([' ', '-', ',', '/', '.']) {
        at += part.len();
        let word = part.trim_end_matches([' ', '-', ',', '/', '.']);
        if word.is_empty() {
            continue;
        }
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && digits <= 4 {
            if !matches!(&word[digits..], "" | "st" | "nd" | "rd" | "th") {
                return None;
            }
            numbers[count] = (word[..digits].parse().ok()?, digits);
            count += 1;
        } else if month.is_none()
            && let Some(index) = month_of(word)
        {
            month = Some(index);
        } else if !is_weekday(word) || count > 0 || month.is_some() {
            return None;
        }
        if let (2, Some(month)) = (count, month) {
            let ((day, _), (year, width)) =
                if numbers[0].1 == 4 { (numbers[1], numbers[0]) } else { (numbers[0], numbers[1]) };
            if width != 4 && width != 2 {
                return None;
            }
            // What parts the date from the time stays with the rest.
            return Some((full_year(year, width == 2), month, day, &text[at..]));
        }
        if count == 2 {
            return None;
        }
    }
    None
}

fn month_of(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let lower = word.to_ascii_lowercase();
    let found = MONTHS
        .iter()
        .position(|m| lower.len() >= 3 && (m.starts_with(&lower) || lower == "sept" && *m == "september"));
    found.map(|index| index as u32 + 1)
}

fn is_weekday(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    lower.len() >= 3
        && ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
            .iter()
            .any(|day| day.starts_with(&lower))
}

/// Seconds east of UTC: `Some(None)` when nothing is written, `None` when it is not understood.
fn offset(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    let upper = text.trim_matches(['(', ')']).to_ascii_uppercase();
    let rest = match upper.as_str() {
        "Z" | "UTC" | "GMT" => return Some(Some(0)),
        other => other.strip_prefix("UTC").or_else(|| other.strip_prefix("GMT")).unwrap_or(other),
    };
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let rest = rest[1..].split(' ').next()?;
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() <= 2 { (value, 0) } else { (value / 100, value % 100) };
    (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Option<DateOrder>) -> String {
        match TimeReader::new(Zone::utc(), order).instant(text) {
            Ok(at) => jiff::Timestamp::from_microsecond(at).map_or("?".into(), |at| at.to_string()),
            Err(reason) => reason,
        }
    }

    #[test]
    fn what_has_the_hyphens_of_a_date_but_no_digits_is_none() {
        let mut reader = TimeReader::new(Zone::utc(), None);
        for text in ["abcd-ef-gh", "20ab-01-01", "2026-zz-01", "2026-01-~~", "\u{7f}\u{7f}20-01-01"] {
            assert!(reader.instant(text).is_err() && reader.date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn forms_of_dates() {
        let cases = [
            ("2025-12-31", "2025-12-31T00:00:00Z"),
            ("2025-1-5", "2025-01-05T00:00:00Z"),
            ("2025/01/05", "2025-01-05T00:00:00Z"),
            ("20251231", "2025-12-31T00:00:00Z"),
            ("31.12.2025", "2025-12-31T00:00:00Z"),
            ("01.02.2025", "2025-02-01T00:00:00Z"),
            ("31/12/2025", "2025-12-31T00:00:00Z"),
            ("12/31/2025", "2025-12-31T00:00:00Z"),
            ("12/31/25 3:05 PM", "2025-12-31T15:05:00Z"),
            ("2025-12-31 3:00", "2025-12-31T03:00:00Z"),
            ("2025-12-31T10:00:00Z", "2025-12-31T10:00:00Z"),
            ("2025-12-31T10:00:00.123456789+02:00", "2025-12-31T08:00:00.123456Z"),
            ("2025-12-31 10:00:00 UTC", "2025-12-31T10:00:00Z"),
            ("2025-12-31 10:00:00.5", "2025-12-31T10:00:00.5Z"),
            ("2025-12-31 10:00:00 +0530", "2025-12-31T04:30:00Z"),
            ("31 Dec 2025", "2025-12-31T00:00:00Z"),
            ("Dec 31, 2025 11:00 pm", "2025-12-31T23:00:00Z"),
            ("31-Dec-25", "2025-12-31T00:00:00Z"),
            ("Wed, 31 Dec 2025 10:00:00 GMT", "2025-12-31T10:00:00Z"),
            ("1767139200", "2025-12-31T00:00:00Z"),
            ("1767139200.25", "2025-12-31T00:00:00.25Z"),
            ("1767139200000", "2025-12-31T00:00:00Z"),
            ("46022", "2025-12-31T00:00:00Z"),
            ("46022.5", "2025-12-31T12:00:00Z"),
            ("2025-12-31 24:00", "2026-01-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
        ];
        for (text, expect) in cases {
            assert_eq!(read(text, None), expect, "{text}");
        }
        assert_eq!(read("03/04/2025", Some(DateOrder::Dmy)), "2025-04-03T00:00:00Z");
        assert_eq!(read("03/04/2025", Some(DateOrder::Mdy)), "2025-03-04T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_says_why() {
        insta::assert_snapshot!(read("03/04/2025", None), @r#""03/04/2025" may be day/month or month/day; say date=dmy or date=mdy"#);
        insta::assert_snapshot!(read("31/12/2025", Some(DateOrder::Mdy)), @r#""31/12/2025" has no month 31 in a column of month/day; mend the value, or say date=dmy"#);
        insta::assert_snapshot!(read("2025-02-29", None), @r#""2025-02-29" is not a day of the calendar"#);
        insta::assert_snapshot!(read("2025-02-28 25:00", None), @r#""2025-02-28 25:00" has no such time of day"#);
        insta::assert_snapshot!(read("2025-02-28 10:00 PDT", None), @r#""2025-02-28 10:00 PDT" ends in an unknown time zone; write an offset such as +02:00"#);
        insta::assert_snapshot!(read("soon", None), @r#""soon" is not a date; write 2025-12-31"#);
        insta::assert_snapshot!(read("17", None), @r#""17" is a number, but neither a Unix time nor a day number of Excel"#);
    }

    #[test]
    fn wall_clock_of_a_zone() {
        let zone = Zone::new("Europe/Berlin", jiff::civil::Weekday::Monday).unwrap();
        let mut reader = TimeReader::new(zone, None);
        let text = |at: i64| jiff::Timestamp::from_microsecond(at).unwrap().to_string();
        assert_eq!(text(reader.instant("2025-07-01").unwrap()), "2025-06-30T22:00:00Z");
        assert_eq!(text(reader.instant("2025-07-01 12:00:00").unwrap()), "2025-07-01T10:00:00Z");
        assert_eq!(text(reader.instant("2025-07-01T12:00:00Z").unwrap()), "2025-07-01T12:00:00Z");
        assert_eq!(reader.date("2025-06-30T22:30:00Z").unwrap(), epoch_days(jiff::civil::date(2025, 7, 1)));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,30}") {
            let mut reader = TimeReader::new(Zone::utc(), None);
            let _ = reader.instant(&text);
            let _ = looks_like_date(&text);
        }

        #[test]
        fn never_panics_on_near_dates(text in "[0-9]{1,4}[-/. ][0-9A-Za-z]{1,5}[-/. ][0-9]{1,4}[ T]?[0-9:.+ZAPMap]{0,16}") {
            let mut reader = TimeReader::new(Zone::utc(), Some(DateOrder::Mdy));
            let _ = reader.instant(&text);
            let _ = order_evidence(&text);
        }

        #[test]
        fn what_was_read_before_changes_nothing(
            texts in proptest::collection::vec("20[0-9]{2}-0[0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,10})?(Z|z|[+]02:00)?)?", 1..6),
        ) {
            let zone = Zone::new("Europe/Berlin", jiff::civil::Weekday::Monday).unwrap();
            for zone in [Zone::utc(), zone] {
                let mut reader = TimeReader::new(zone.clone(), None);
                for text in texts.iter().chain(&texts) {
                    let fresh = TimeReader::new(zone.clone(), None);
                    // The long way knows all forms.
                    proptest::prop_assert_eq!(reader.instant(text), fresh.slow(text), "{}", text);
                }
            }
        }

        #[test]
        fn agrees_with_the_calendar(days in -200_000i32..400_000) {
            let date = burgeon_core::time::date_of_epoch_days(days);
            if date.year() > 0 {
                proptest::prop_assert_eq!(iso_days(date.to_string().as_bytes()), Some(days));
            }
        }
    }
}
