//! Made-up histories for the tests of kernels, and the laws that hold for all of them.

use std::collections::BTreeSet;

use jiff::civil::{Weekday, date};
use proptest::prelude::*;

use super::calendar::Calendar;
use super::{By, Kernel, Partial, Rows};
use crate::time::Zone;

pub(crate) const HOUR: i64 = 3_600_000_000;
/// 2024-03-30T00:00Z: the day before clocks change in Europe.
pub(crate) const BASE: i64 = 1_711_756_800_000_000;
/// The number of groups that kernels are asked for; made-up rows know one more, which must count nowhere.
pub(crate) const GROUPS: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub person: u32,
    pub at: i64,
    /// The conditions that it meets; also its class.
    pub mask: u16,
    /// The group of the row, where rows are divided by row.
    pub group: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Division {
    None,
    Row,
    Person,
}

/// Rows in order of arrival.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub rows: Vec<Row>,
    pub division: Division,
}

impl Log {
    /// Rows of (person, time) that meet every condition.
    pub fn of(rows: &[(u32, i64)]) -> Log {
        Log::with_masks(&rows.iter().map(|(person, at)| (*person, *at, 63)).collect::<Vec<_>>())
    }

    /// Rows of (person, time, conditions).
    pub fn with_masks(rows: &[(u32, i64, u16)]) -> Log {
        let row = |&(person, at, mask): &(u32, i64, u16)| Row { person, at, mask, group: 0 };
        Log { rows: rows.iter().map(row).collect(), division: Division::None }
    }

    pub fn persons(&self) -> BTreeSet<u32> {
        self.rows.iter().map(|row| row.person).collect()
    }

    /// The rows of a person by time.
    pub fn rows(&self, person: u32) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows.iter().filter(|row| row.person == person).copied().collect();
        rows.sort_by_key(|row| row.at);
        rows
    }

    pub fn mask(&self, row: &Row) -> u64 {
        u64::from(row.mask)
    }

    pub fn group(&self, row: &Row) -> u32 {
        match self.division {
            Division::None => 0,
            Division::Row => row.group,
            Division::Person => row.person % 4,
        }
    }

    /// Hands out the rows of some persons as kernels see them.
    pub fn with_rows<R>(&self, persons: impl Fn(u32) -> bool, read: impl FnOnce(&Rows<'_>) -> R) -> R {
        let masks: Vec<u64> = (0..64).collect();
        let by_person: Vec<u32> = (0..32).map(|person| person % 4).collect();
        let mut rows: Vec<Row> = self.rows.iter().filter(|row| persons(row.person)).copied().collect();
        rows.sort_by_key(|row| (row.person, row.at));
        let (mut numbers, mut ends) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            if numbers.last() != Some(&row.person) {
                numbers.push(row.person);
                ends.push(0);
            }
            if let Some(end) = ends.last_mut() {
                *end = index as u32 + 1;
            }
        }
        let at: Vec<i64> = rows.iter().map(|row| row.at).collect();
        let class: Vec<u16> = rows.iter().map(|row| row.mask).collect();
        let groups: Vec<u32> = rows.iter().map(|row| row.group).collect();
        read(&Rows {
            persons: &numbers,
            ends: &ends,
            at: &at,
            class: &class,
            masks: &masks,
            by: match self.division {
                Division::None => By::None,
                Division::Row => By::Row(&groups),
                Division::Person => By::Person(&by_person),
            },
        })
    }

    /// The same rows, the last to arrive first.
    fn reversed(&self) -> Log {
        Log { rows: self.rows.iter().rev().copied().collect(), division: self.division }
    }
}

/// A kernel's sum over a log, after showing that it is a sum: the order in which rows arrived, how persons are cut into
/// blocks and in which order these are added change nothing, and what is taken away was never there.
pub(crate) fn laws<K: Kernel>(
    kernel: &K,
    log: &Log,
    same: impl Fn(&K::Partial, &K::Partial) -> bool,
) -> K::Partial {
    let sum = |log: &Log, persons: &dyn Fn(u32) -> bool| {
        let mut out = kernel.empty();
        log.with_rows(persons, |rows| kernel.add(rows, &mut out));
        out
    };
    let whole = sum(log, &|_| true);
    assert!(same(&whole, &sum(&log.reversed(), &|_| true)), "the order of arrival matters");
    let parts = [0, 1, 2].map(|part| sum(log, &move |person| person % 3 == part));
    let merged = |order: [usize; 3]| {
        let mut out = kernel.empty();
        order.iter().for_each(|part| out.merge(&parts[*part]));
        out
    };
    assert!(same(&whole, &merged([0, 1, 2])), "blocks do not add up");
    assert!(same(&whole, &merged([2, 0, 1])), "the order of blocks matters");
    // Several blocks added into one sum.
    let mut running = kernel.empty();
    for part in [1, 0, 2] {
        log.with_rows(|person| person % 3 == part, |rows| kernel.add(rows, &mut running));
    }
    assert!(same(&whole, &running), "a sum that is added to loses something");
    let mut less = whole.clone();
    less.subtract(&parts[1]);
    assert!(same(&less, &sum(log, &|person| person % 3 != 1)), "what was taken away is still there");
    less.merge(&parts[1]);
    assert!(same(&less, &whole), "taking away and adding again changes something");
    let mut nothing = kernel.empty();
    nothing.merge(&kernel.empty());
    nothing.subtract(&kernel.empty());
    assert!(same(&nothing, &sum(log, &|_| false)), "nobody is not nothing");
    assert!(whole.bytes() >= size_of::<K::Partial>());
    whole
}

/// Few persons, many ties and repeats, conditions `0..bits` in any combination.
pub(crate) fn log(bits: u32) -> impl Strategy<Value = Log> {
    // Half of the masks have one condition, as the events of real steps do.
    let mask = prop_oneof![(0..bits).prop_map(|bit| 1u16 << bit), 0u16..1 << bits];
    let row = (0u32..7, -6i64..100, mask, 0..=GROUPS).prop_map(|(person, at, mask, group)| Row {
        person,
        at: BASE + at / 2 * HOUR,
        mask,
        group,
    });
    let division = prop::sample::select(vec![Division::None, Division::Row, Division::Person]);
    let dense = prop_oneof![Just(1i64), Just(6i64), Just(20)];
    (prop::collection::vec(row, 0..50), division, dense).prop_map(|(mut rows, division, dense)| {
        // Fewer distinct times: more rows at the same instant.
        for row in &mut rows {
            row.at = BASE + (row.at - BASE) / (dense * HOUR) * (dense * HOUR);
        }
        Log { rows, division }
    })
}

/// Spans of any length, or days of zones whose clocks change within them.
pub(crate) fn calendar() -> impl Strategy<Value = Calendar> {
    let uneven = prop::collection::vec(0i64..50, 1..7)
        .prop_map(|hours| Calendar::new(hours.into_iter().map(|hour| BASE + hour * HOUR).collect()));
    let zones = vec!["UTC", "Europe/Berlin", "Asia/Beirut", "America/New_York", "Pacific/Kiritimati"];
    let days = (prop::sample::select(zones), 0i8..2).prop_map(|(zone, skip)| {
        let zone = Zone::new(zone, Weekday::Monday).expect("a known zone");
        Calendar::days(&zone, date(2024, 3, 30 + skip), date(2024, 4, 1))
    });
    prop_oneof![uneven, days]
}
