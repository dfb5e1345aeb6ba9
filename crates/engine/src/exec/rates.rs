//! Rates of exchange: which rate counts on a day, and where it came from.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_core::time::{Zone, date_of_epoch_days, epoch_days};
use burgeon_metrics::base::{MissingRate, RateSource};
use jiff::civil::Date;
use parking_lot::RwLock;

/// Rates have ten decimals.
pub const RATE_ONE: i128 = 10_000_000_000;

/// One row of `fx_rates`: on `day` (days since 1970) one `base` is worth `rate` / 10^10 `quote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateRow {
    /// Days since 1970-01-01.
    pub day: i32,
    /// The currency that is priced.
    pub base: Currency,
    /// The currency of the price.
    pub quote: Currency,
    /// Ten decimals; not positive rows are ignored.
    pub rate: i128,
}

/// The rate of a pair over time: from each day on (inclusive) until the next.
#[derive(Debug, Default)]
pub struct Curve {
    days: Vec<i32>,
    /// First instants of `days` in the workspace's zone, µs UTC.
    starts: Vec<i64>,
    rates: Vec<i128>,
}

impl Curve {
    /// The rate at the instant `at` (µs UTC), tried first at `hint`; also where it was found.
    #[inline]
    pub fn at(&self, at: i64, hint: usize) -> Option<(usize, i128)> {
        if self.starts.get(hint).is_some_and(|s| *s <= at)
            && self.starts.get(hint + 1).is_none_or(|e| at < *e)
        {
            return Some((hint, self.rates[hint]));
        }
        let after = self.starts.partition_point(|start| *start <= at);
        (after > 0).then(|| (after - 1, self.rates[after - 1]))
    }

    /// The rate on a day.
    pub fn on(&self, day: i32) -> Option<i128> {
        let after = self.days.partition_point(|d| *d <= day);
        (after > 0).then(|| self.rates[after - 1])
    }
}

/// All rates at one version of the `fx_rates` table.
#[derive(Debug)]
pub struct Rates {
    zone: Zone,
    /// The version of the table from which this was read.
    pub version: u64,
    /// The day whose rates hold always, if there is one.
    constant: Option<Date>,
    pairs: HashMap<(Currency, Currency), Vec<(i32, i128)>>,
    curves: RwLock<HashMap<(Currency, Currency), Arc<Curve>>>,
}

/// `a / b` half away from zero, for positive `b`.
pub(crate) fn div_round(a: i128, b: i128) -> i128 {
    let (whole, rest) = (a / b, a % b);
    whole + if rest.abs() >= b - rest.abs() { a.signum() } else { 0 }
}

impl Rates {
    /// Rates from rows in any order; of two rows for one day and pair the later one counts.
    pub fn new(zone: Zone, version: u64, rows: impl IntoIterator<Item = RateRow>) -> Self {
        let mut pairs: HashMap<_, Vec<(i32, i128)>> = HashMap::new();
        for row in rows.into_iter().filter(|row| row.rate > 0) {
            pairs.entry((row.base, row.quote)).or_default().push((row.day, row.rate));
        }
        for steps in pairs.values_mut() {
            steps.sort_by_key(|(day, _)| *day);
            // Of equal days keep the last.
            let mut kept: Vec<(i32, i128)> = Vec::with_capacity(steps.len());
            for step in steps.drain(..) {
                match kept.last_mut() {
                    Some(last) if last.0 == step.0 => *last = step,
                    _ => kept.push(step),
                }
            }
            *steps = kept;
        }
        Self { zone, version, constant: None, pairs, curves: RwLock::default() }
    }

    /// The same with the rates of one day for all time, so that no change of a rate shows.
    pub fn constant(mut self, day: Option<Date>) -> Self {
        self.constant = day;
        self
    }

    /// The workspace's time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The currencies that appear in the table, in alphabetical order.
    pub fn currencies(&self) -> Vec<Currency> {
        let all: BTreeSet<_> = self.pairs.keys().flat_map(|(a, b)| [*a, *b]).collect();
        all.into_iter().collect()
    }

    fn latest(&self, from: Currency, to: Currency, day: i32) -> Option<i128> {
        let steps = self.pairs.get(&(from, to))?;
        let after = steps.partition_point(|(d, _)| *d <= day);
        (after > 0).then(|| steps[after - 1].1)
    }

    /// Direct, else inverse rounded to ten decimals.
    fn one_step(&self, from: Currency, to: Currency, day: i32) -> Option<i128> {
        self.latest(from, to, day)
            .or_else(|| self.latest(to, from, day).map(|rate| div_round(RATE_ONE * RATE_ONE, rate)))
    }

    fn find(&self, from: Currency, to: Currency, day: i32, all: &[Currency]) -> Option<i128> {
        if from == to {
            return Some(RATE_ONE);
        }
        self.one_step(from, to, day).or_else(|| {
            all.iter().filter(|c| **c != from && **c != to).find_map(|over| {
                let (a, b) = (self.one_step(from, *over, day)?, self.one_step(*over, to, day)?);
                a.checked_mul(b).map(|product| div_round(product, RATE_ONE))
            })
        })
    }

    /// The rate from one currency to another over time.
    pub fn curve(&self, from: Currency, to: Currency) -> Arc<Curve> {
        if let Some(curve) = self.curves.read().get(&(from, to)) {
            return Arc::clone(curve);
        }
        let all = self.currencies();
        let mut curve = Curve::default();
        if from == to {
            (curve.days, curve.starts, curve.rates) = (vec![i32::MIN], vec![i64::MIN], vec![RATE_ONE]);
        } else if let Some(day) = self.constant {
            if let Some(rate) = self.find(from, to, epoch_days(day), &all) {
                (curve.days, curve.starts, curve.rates) = (vec![i32::MIN], vec![i64::MIN], vec![rate]);
            }
        } else {
            let days: BTreeSet<i32> = self
                .pairs
                .iter()
                .filter(|((a, b), _)| [*a, *b].iter().any(|c| *c == from || *c == to))
                .flat_map(|(_, steps)| steps.iter().map(|(day, _)| *day))
                .collect();
            for day in days {
                let Some(rate) = self.find(from, to, day, &all) else { continue };
                if curve.rates.last() == Some(&rate) {
                    continue;
                }
                curve.days.push(day);
                curve.starts.push(self.zone.start_of(date_of_epoch_days(day)));
                curve.rates.push(rate);
            }
        }
        let curve = Arc::new(curve);
        self.curves.write().insert((from, to), Arc::clone(&curve));
        curve
    }

    /// The error for a rate that is not known at an instant.
    pub fn missing(&self, from: Currency, to: Currency, at: i64) -> MissingRate {
        MissingRate { from, to, date: self.constant.unwrap_or_else(|| self.zone.date_of(at)) }
    }
}

impl RateSource for Rates {
    fn rate(&self, from: Currency, to: Currency, date: Date) -> Result<Exact, MissingRate> {
        let rate = self.curve(from, to).on(epoch_days(date));
        let rate = rate.ok_or(MissingRate { from, to, date: self.constant.unwrap_or(date) })?;
        Ok(Exact::from_decimal(rate, 10))
    }
}

/// The rates that the functions use now; replaced as a whole when the table changed.
pub struct RateBook(RwLock<Arc<Rates>>);

impl RateBook {
    /// A book that holds `rates`.
    pub fn new(rates: Rates) -> Self {
        Self(RwLock::new(Arc::new(rates)))
    }

    /// The present rates.
    pub fn current(&self) -> Arc<Rates> {
        Arc::clone(&self.0.read())
    }

    /// Puts newer rates in their place.
    pub fn replace(&self, rates: Rates) {
        *self.0.write() = Arc::new(rates);
    }
}

/// The version of the table stands for its rows, also in the key of a cached result.
impl fmt::Debug for RateBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateBook({})", self.0.read().version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: i32, base: Currency, quote: Currency, rate: i128) -> RateRow {
        RateRow { day, base, quote, rate }
    }

    fn rates() -> Rates {
        let (usd, eur, gbp) = (Currency::USD, Currency::EUR, Currency::GBP);
        Rates::new(
            Zone::utc(),
            1,
            [
                row(20, eur, usd, 10_500_000_000),
                row(10, eur, usd, 11_000_000_000),
                row(15, gbp, eur, 12_000_000_000),
            ],
        )
    }

    #[test]
    fn the_latest_on_or_before_counts() {
        let (usd, eur) = (Currency::USD, Currency::EUR);
        let rates = rates();
        let curve = rates.curve(eur, usd);
        assert_eq!(curve.on(9), None);
        assert_eq!(curve.on(10), Some(11_000_000_000));
        assert_eq!(curve.on(19), Some(11_000_000_000));
        assert_eq!(curve.on(20), Some(10_500_000_000));
        let day = 86_400_000_000;
        assert_eq!(curve.at(10 * day - 1, 0), None);
        assert_eq!(curve.at(10 * day, 0), Some((0, 11_000_000_000)));
        assert_eq!(curve.at(25 * day, 0), Some((1, 10_500_000_000)));
    }

    #[test]
    fn one_day_for_all_time() {
        let (usd, eur, gbp) = (Currency::USD, Currency::EUR, Currency::GBP);
        let rates = rates().constant(Some(date_of_epoch_days(16)));
        for day in [-5000, 10, 16, 25] {
            assert_eq!(rates.curve(eur, usd).on(day), Some(11_000_000_000));
            assert_eq!(rates.curve(gbp, usd).on(day), Some(13_200_000_000));
        }
        assert_eq!(rates.curve(eur, usd).at(i64::MIN, 0), Some((0, 11_000_000_000)));
        // What is missing is the rate of that day, whatever day was asked for.
        let rates = Rates::new(Zone::utc(), 1, [row(20, eur, usd, 1)]).constant(Some(date_of_epoch_days(19)));
        let error = rates.rate(eur, usd, date_of_epoch_days(25)).unwrap_err().to_string();
        assert!(error.starts_with("no exchange rate from EUR to USD on or before 1970-01-20"), "{error}");
        assert_eq!(rates.missing(eur, usd, i64::MAX).date, date_of_epoch_days(19));
    }

    #[test]
    fn inverse_cross_and_identity() {
        let (usd, eur, gbp) = (Currency::USD, Currency::EUR, Currency::GBP);
        let rates = rates();
        assert_eq!(rates.curve(usd, eur).on(10), Some(9_090_909_091));
        assert_eq!(rates.curve(gbp, usd).on(16), Some(13_200_000_000));
        assert_eq!(rates.curve(gbp, usd).on(20), Some(12_600_000_000));
        assert_eq!(rates.curve(gbp, gbp).on(-5000), Some(RATE_ONE));
        let error = rates.rate(gbp, usd, date_of_epoch_days(3)).unwrap_err();
        assert_eq!(
            error.to_string().split(';').next(),
            Some("no exchange rate from GBP to USD on or before 1970-01-04")
        );
    }
}
