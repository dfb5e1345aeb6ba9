//! The company's time line: growth, seasons, prices, the bad release, what it sells and where.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use burgeon_core::currency::Currency;
use burgeon_core::time::{Zone, date_of_epoch_days, epoch_days};

use super::DemoOptions;

pub(super) const DAY: i64 = 86_400_000_000;

/// A plan of the company.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// Price of a seat by the month in minor units, in the order of [`CURRENCIES`].
    pub(super) price: [i64; 4],
    /// Probability that a paying customer leaves in a month.
    pub(super) hazard: f64,
}

/// What the company sells; the last one is an add-on beside the others.
pub(super) const PLANS: [Plan; 5] = [
    Plan { name: "Starter", price: [900, 800, 700, 1_300], hazard: 0.036 },
    Plan { name: "Team", price: [1_500, 1_400, 1_200, 2_200], hazard: 0.024 },
    Plan { name: "Business", price: [2_900, 2_700, 2_400, 4_300], hazard: 0.016 },
    Plan { name: "Enterprise", price: [4_900, 4_500, 3_900, 7_200], hazard: 0.008 },
    Plan { name: "Insights add-on", price: [1_900, 1_800, 1_500, 2_800], hazard: 0.02 },
];

/// Place of the add-on among [`PLANS`].
pub(super) const ADD_ON: usize = 4;

/// Currencies that customers are billed in.
pub(super) const CURRENCIES: [Currency; 4] = [Currency::USD, Currency::EUR, Currency::GBP, Currency::JPY];

/// A country: code, weight, place of its currency, tax in per cent.
pub(super) const COUNTRIES: [(&str, f64, usize, i64); 14] = [
    ("US", 38.0, 0, 0),
    ("GB", 12.0, 2, 20),
    ("DE", 11.0, 1, 19),
    ("FR", 7.0, 1, 20),
    ("JP", 7.0, 3, 10),
    ("CA", 5.0, 0, 0),
    ("AU", 4.0, 0, 0),
    ("NL", 4.0, 1, 21),
    ("ES", 3.0, 1, 21),
    ("IT", 2.0, 1, 22),
    ("SE", 2.0, 1, 25),
    ("IE", 2.0, 1, 23),
    ("SG", 2.0, 0, 0),
    ("BR", 1.0, 0, 0),
];

/// A channel: name, weight at the start, weight at the end, how readily its customers leave, what a
/// signing customer costs in dollars.
pub(super) const CHANNELS: [(&str, f64, f64, f64, i64); 7] = [
    ("organic_search", 26.0, 22.0, 0.90, 120),
    ("paid_search", 14.0, 22.0, 1.25, 940),
    ("social", 12.0, 9.0, 1.20, 610),
    ("referral", 14.0, 13.0, 0.75, 210),
    ("partner", 6.0, 12.0, 0.80, 680),
    ("outbound", 8.0, 10.0, 1.00, 1_650),
    ("content", 20.0, 12.0, 0.95, 260),
];

/// Company sizes: label, weight, seats from and to, weights of the four plans.
pub(super) const SIZES: [(&str, f64, i64, i64, [f64; 4]); 5] = [
    ("1-10", 44.0, 1, 5, [66.0, 28.0, 6.0, 0.0]),
    ("11-50", 30.0, 3, 12, [30.0, 50.0, 19.0, 1.0]),
    ("51-200", 17.0, 6, 30, [8.0, 46.0, 40.0, 6.0]),
    ("201-1000", 7.0, 12, 55, [1.0, 20.0, 54.0, 25.0]),
    ("1000+", 2.0, 30, 130, [0.0, 6.0, 40.0, 54.0]),
];

/// The company's calendar, all instants µs UTC.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) start: i64,
    pub(super) start_date: Date,
    pub(super) now_date: Date,
    /// New prices for new customers; for old ones at their first renewal after 60 days.
    pub(super) price_change: i64,
    /// The bad release and its mend.
    pub(super) bad_release: i64,
    pub(super) mended: i64,
    /// Cumulated weight of sign-ups by day since the start.
    growth: Vec<f64>,
}

impl World {
    pub(super) fn new(options: &DemoOptions) -> World {
        let zone = Zone::utc();
        let now = options.now.as_microsecond();
        let now_date = zone.date_of(now);
        let start_date = now_date.saturating_sub(i64::from(options.years.clamp(1, 20)).years());
        let start = zone.start_of(start_date);
        let ago = |months: i64, day: i8| {
            let first = now_date.first_of_month().saturating_sub(months.months());
            zone.start_of(date(first.year(), first.month(), day)) + 9 * DAY / 24
        };
        let price_change = ago(18, 4);
        let bad_release = ago(8, 12);
        let mut growth = Vec::new();
        let mut sum = 0.0;
        let days = ((now - start) / DAY).max(1);
        for day in 0..days {
            let at = date_of_epoch_days(epoch_days(start_date) + day as i32);
            let years = day as f64 / 365.0;
            // About 70 % more a year, fewer at weekends, in August and in the last days of December.
            let season = match at.month() {
                1 => 1.10,
                7 => 0.92,
                8 => 0.84,
                9 => 1.10,
                11 => 1.06,
                12 if at.day() > 20 => 0.55,
                _ => 1.0,
            };
            let week = if matches!(at.weekday().to_monday_zero_offset(), 5 | 6) { 0.35 } else { 1.0 };
            let campaign = if at.month() == 3 { 1.12 } else { 1.0 };
            sum += (1.0 + 0.7 * years + 0.12 * years * years) * season * week * campaign;
            growth.push(sum);
        }
        World {
            now,
            start,
            start_date,
            now_date,
            price_change,
            bad_release,
            mended: bad_release + 38 * DAY,
            growth,
        }
    }

    /// The instant by which a share (0 to 1) of all sign-ups has come.
    pub(super) fn sign_up_at(&self, share: f64) -> i64 {
        let total = self.growth.last().copied().unwrap_or(1.0);
        let wanted = share * total;
        let day = self.growth.partition_point(|sum| *sum <= wanted);
        let before = if day == 0 { 0.0 } else { self.growth[day - 1] };
        let here = self.growth.get(day).copied().unwrap_or(total);
        let part = if here > before { (wanted - before) / (here - before) } else { 0.0 };
        // Most people work in the daytime.
        let at = self.start + day as i64 * DAY + DAY / 4 + (part * 0.6 * DAY as f64) as i64;
        at.min(self.now - 1)
    }

    /// How far along its history the company is at an instant, 0 to 1.
    pub(super) fn progress(&self, at: i64) -> f64 {
        ((at - self.start) as f64 / (self.now - self.start).max(1) as f64).clamp(0.0, 1.0)
    }

    /// How much more readily customers leave at an instant.
    pub(super) fn unrest(&self, at: i64) -> f64 {
        let season = match Zone::utc().date_of(at).month() {
            1 | 12 => 1.12,
            6 | 7 => 0.94,
            _ => 1.0,
        };
        if self.is_bad(at) { season * 3.4 } else { season }
    }

    /// Whether the bad release is out and not mended (and for two weeks after).
    pub(super) fn is_bad(&self, at: i64) -> bool {
        (self.bad_release..self.mended + 14 * DAY).contains(&at)
    }

    /// Price of a seat for one term in minor units. `raised` tells whether the new prices hold.
    pub(super) fn price(&self, plan: usize, currency: usize, yearly: bool, raised: bool) -> i64 {
        let month = PLANS[plan].price[currency];
        // 14 % more, in whole dollars or hundreds of yen.
        let month = if raised { (month * 114 / 100 + 50) / 100 * 100 } else { month };
        // Two months are free by the year.
        if yearly { month * 10 } else { month }
    }

    /// The workspace's instant of the start of a date plus hours.
    pub(super) fn at(&self, date: Date, hours: i64) -> i64 {
        i64::from(epoch_days(date)) * DAY + hours * DAY / 24
    }

    /// The instant `months` after another, at the same time of day, in the last days of short months earlier.
    pub(super) fn months_after(&self, at: i64, months: i64) -> i64 {
        let days = at.div_euclid(DAY);
        let date = date_of_epoch_days(days as i32).saturating_add(months.months());
        i64::from(epoch_days(date)) * DAY + at.rem_euclid(DAY)
    }
}
