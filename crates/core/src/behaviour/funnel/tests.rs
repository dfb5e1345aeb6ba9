use proptest::prelude::*;

use super::super::members::Members;
use super::super::testing::*;
use super::*;

/// What a person's chain comes to: steps, times, group.
type Outcome = (Vec<i64>, u32);

/// The plain oracle: tries every chain.
struct Oracle<'a> {
    funnel: &'a Funnel,
    log: &'a Log,
    rows: Vec<Row>,
}

impl Oracle<'_> {
    fn outcome(&self) -> Option<Outcome> {
        let steps = self.funnel.steps;
        let any = self.funnel.order == Order::Any;
        let (start, end) = self.funnel.span.unwrap_or((i64::MIN, i64::MAX));
        let mut chains: Vec<Vec<i64>> = Vec::new();
        for first in 0..self.rows.len() {
            let at = self.rows[first].at;
            let in_cohorts = self.funnel.cohorts.as_ref().is_none_or(|cohorts| cohorts.index(at).is_some());
            if at < start || at >= end || !in_cohorts {
                continue;
            }
            for step in if any { 0..steps } else { 0..1 } {
                if self.rows[first].mask >> step & 1 != 0 {
                    self.extend(&mut vec![(first, step)], &mut chains);
                }
            }
        }
        let furthest = chains.iter().map(Vec::len).max()?;
        chains.retain(|times| times.len() == furthest);
        let first = chains.iter().map(|times| times[0]).min()?;
        chains.retain(|times| times[0] == first);
        let times: Vec<i64> =
            (0..furthest).map(|step| chains.iter().map(|c| c[step]).min().unwrap_or(0)).collect();
        let of_steps = (1u64 << steps) - 1;
        let (at, bits) = match self.funnel.touch {
            Touch::First => (times[0], if any { of_steps } else { 1 }),
            Touch::Last => (times[times.len() - 1], if any { of_steps } else { 1 << (times.len() - 1) }),
        };
        let there = self.rows.iter().filter(|row| row.at == at && self.log.mask(row) & bits != 0);
        let groups: Vec<u32> = there.map(|row| self.log.group(row)).collect();
        let known = groups.iter().filter(|group| **group != 0).min();
        let group = *known.unwrap_or(&0);
        Some((times, group))
    }

    /// Notes the times of a chain, and of all chains that go on from it.
    fn extend(&self, chain: &mut Vec<(usize, usize)>, chains: &mut Vec<Vec<i64>>) {
        chains.push(chain.iter().map(|(row, _)| self.rows[*row].at).collect());
        let steps = self.funnel.steps;
        let (start, last) = (self.rows[chain[0].0].at, self.rows[chain[chain.len() - 1].0].at);
        for next in 0..self.rows.len() {
            let at = self.rows[next].at;
            let cut = |row: &Row| {
                self.log.mask(row) & self.funnel.exclusions != 0 && start < row.at && row.at <= at
            };
            if at < last || at - start > self.funnel.window_us || chain.iter().any(|(row, _)| *row == next) {
                continue;
            }
            if self.rows.iter().any(cut) {
                continue;
            }
            for step in 0..steps {
                let fits = match self.funnel.order {
                    Order::Ordered | Order::Strict => step == chain.len(),
                    Order::Any => chain.iter().all(|(_, used)| *used != step),
                };
                if !fits || self.rows[next].mask >> step & 1 == 0 {
                    continue;
                }
                let left_out = |row: usize| {
                    start < self.rows[row].at
                        && self.rows[row].at < at
                        && !chain.iter().any(|(used, _)| *used == row)
                };
                if self.funnel.order == Order::Strict && (0..self.rows.len()).any(left_out) {
                    continue;
                }
                chain.push((next, step));
                self.extend(chain, chains);
                chain.pop();
            }
        }
    }
}

fn funnel() -> impl Strategy<Value = Funnel> {
    let orders = prop::sample::select(vec![Order::Ordered, Order::Strict, Order::Any]);
    let kept = prop::sample::select(vec![Times::None, Times::SinceFirst, Times::SincePrevious]);
    let touch = prop::sample::select(vec![Touch::First, Touch::Last]);
    let span = prop::option::of((-5i64..30, 0i64..40));
    let exclusions = prop_oneof![2 => Just(0u64), 1 => Just(1u64 << 4), 1 => Just(1u64 << 1)];
    (1usize..5, orders, 0i64..30, exclusions, span, prop::option::of(calendar()), touch, kept).prop_map(
        |(steps, order, window, exclusions, span, cohorts, touch, times)| Funnel {
            steps,
            order,
            window_us: window * HOUR,
            exclusions,
            span: span.map(|(start, length)| (BASE + start * HOUR, BASE + (start + length) * HOUR)),
            cohorts,
            groups: GROUPS,
            touch,
            times,
        },
    )
}

fn check(funnel: &Funnel, log: &Log) {
    let sum = laws(funnel, log, |a, b| a == b);
    let mut people = vec![vec![vec![0; funnel.steps]; funnel.cohorts()]; GROUPS as usize];
    let mut seconds = vec![vec![vec![Vec::new(); funnel.steps]; funnel.cohorts()]; GROUPS as usize];
    let mut reached: Vec<Vec<u32>> = vec![Vec::new(); funnel.steps + 1];
    for person in log.persons() {
        let Some((times, group)) = (Oracle { funnel, log, rows: log.rows(person) }).outcome() else {
            continue;
        };
        if group >= GROUPS {
            continue;
        }
        let cohort =
            funnel.cohorts.as_ref().map_or(0, |cohorts| cohorts.index(times[0]).expect("in a cohort"));
        reached[times.len()].push(person);
        for (step, at) in times.iter().enumerate() {
            people[group as usize][cohort][step] += 1;
            if step > 0 && funnel.times != Times::None {
                let since = if funnel.times == Times::SinceFirst { times[0] } else { times[step - 1] };
                seconds[group as usize][cohort][step].push(((at - since) / 1_000_000) as u32);
            }
        }
    }
    for group in 0..GROUPS {
        for cohort in 0..funnel.cohorts() {
            let expected = &people[group as usize][cohort];
            assert_eq!(&funnel.people(&sum, group, cohort), expected);
            for (step, expected) in seconds[group as usize][cohort].iter_mut().enumerate() {
                let found = funnel.seconds(&sum, group, cohort, step);
                assert_eq!(found.is_some(), step > 0 && funnel.times != Times::None);
                expected.sort();
                assert_eq!(found.map(Bag::sorted).unwrap_or_default(), *expected);
            }
        }
    }
    for step in 0..funnel.steps {
        for dropped in [false, true] {
            let who = FunnelPeople { funnel: funnel.clone(), step, dropped, group: None, cohort: None };
            let found = laws(&Members(who), log, |a, b| a == b).sorted();
            let mut expected = if dropped { reached[step].clone() } else { reached[step + 1..].concat() };
            expected.sort();
            assert_eq!(found, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn funnels_are_those_of_the_plain_oracle(funnel in funnel(), log in log(5)) {
        check(&funnel, &thin(log));
    }
}

proptest! {
    #[test]
    fn one_bar_opens_its_people(funnel in funnel(), log in log(5), step in 0usize..4) {
        let sum = laws(&funnel, &log, |a, b| a == b);
        let step = step % funnel.steps;
        for group in 0..GROUPS {
            for cohort in 0..funnel.cohorts() {
                let who = FunnelPeople {
                    funnel: funnel.clone(), step, dropped: false, group: Some(group), cohort: Some(cohort),
                };
                let count = laws(&Members(who), &log, |a, b| a == b).len();
                prop_assert_eq!(count as i64, funnel.people(&sum, group, cohort)[step]);
            }
        }
    }

    /// What is not asked for costs a shorter way; it must come to the same.
    #[test]
    fn the_short_way_gives_the_same(funnel in funnel(), log in log(5)) {
        let log = Log { division: Division::Person, ..log };
        let long = Funnel { cohorts: None, times: Times::SinceFirst, ..funnel };
        let short = Funnel { times: Times::None, ..long.clone() };
        let (a, b) = (laws(&long, &log, |a, b| a == b), laws(&short, &log, |a, b| a == b));
        for group in 0..GROUPS {
            prop_assert_eq!(long.people(&a, group, 0), short.people(&b, group, 0));
        }
    }
}

/// The oracle tries every chain: at most nine rows a person.
fn thin(mut log: Log) -> Log {
    let mut counts = [0; 8];
    log.rows.retain(|row| {
        counts[row.person as usize] += 1;
        counts[row.person as usize] <= 9
    });
    log
}

fn people(funnel: &Funnel, rows: &[(u32, i64, u16)]) -> Vec<i64> {
    let log = Log::with_masks(rows);
    check(funnel, &log);
    funnel.people(&laws(funnel, &log, |a, b| a == b), 0, 0)
}

const A: u16 = 1;
const B: u16 = 2;
const C: u16 = 4;
const X: u16 = 16;

#[test]
fn the_window_begins_at_step_one() {
    let funnel = Funnel::new(3, 10);
    assert_eq!(people(&funnel, &[(1, 0, A), (1, 5, B), (1, 10, C)]), [1, 1, 1]);
    assert_eq!(people(&funnel, &[(1, 0, A), (1, 9, B), (1, 11, C)]), [1, 1, 0], "not at step two");
    assert_eq!(people(&funnel, &[(1, 0, A), (1, 9, A), (1, 11, B), (1, 12, C)]), [1, 1, 1], "re-entry");
    assert_eq!(people(&funnel, &[(1, 9, B), (1, 10, A)]), [1, 0, 0]);
    assert_eq!(people(&funnel, &[(1, 10, B), (1, 10, C)]), [0, 0, 0]);
}

#[test]
fn one_event_does_not_serve_two_steps() {
    let both = Funnel::new(2, 10);
    assert_eq!(people(&both, &[(1, 0, A | B)]), [1, 0]);
    assert_eq!(people(&both, &[(1, 0, A | B), (1, 0, A | B)]), [1, 1], "but two at the same time do");
    assert_eq!(people(&both, &[(1, 0, B), (1, 0, A)]), [1, 1], "in whichever order they arrived");
    let three = Funnel::new(3, 10);
    assert_eq!(people(&three, &[(1, 3, A | C), (1, 3, B)]), [1, 1, 0]);
    assert_eq!(people(&three, &[(1, 0, A), (1, 3, A | C), (1, 3, B)]), [1, 1, 1]);
}

#[test]
fn strict_lets_nothing_between() {
    let strict = Funnel { order: Order::Strict, ..Funnel::new(2, 10) };
    assert_eq!(people(&strict, &[(1, 0, A), (1, 1, B)]), [1, 1]);
    assert_eq!(people(&strict, &[(1, 0, A), (1, 1, 0), (1, 2, B)]), [1, 0]);
    assert_eq!(people(&strict, &[(1, 0, A), (1, 1, A), (1, 2, B)]), [1, 1], "the second a");
    assert_eq!(people(&strict, &[(1, 0, A), (1, 11, B)]), [1, 0]);
}

#[test]
fn any_order_counts_steps_done() {
    let any = Funnel { order: Order::Any, ..Funnel::new(3, 10) };
    assert_eq!(people(&any, &[(1, 0, C), (1, 4, A), (1, 10, B)]), [1, 1, 1]);
    assert_eq!(people(&any, &[(1, 0, C), (1, 4, A), (1, 11, B)]), [1, 1, 0]);
    assert_eq!(people(&any, &[(1, 0, C), (1, 4, C)]), [1, 0, 0]);
    assert_eq!(people(&any, &[(1, 0, A | B), (1, 1, A), (1, 2, A | C)]), [1, 1, 1]);
}

#[test]
fn an_exclusion_ends_a_chain() {
    for order in [Order::Ordered, Order::Any] {
        let funnel = Funnel { order, exclusions: 16, ..Funnel::new(2, 10) };
        assert_eq!(people(&funnel, &[(1, 0, A), (1, 1, X), (1, 2, B)]), [1, 0]);
        assert_eq!(
            people(&funnel, &[(1, 0, A), (1, 1, X), (1, 2, A), (1, 3, B)]),
            [1, 1],
            "a new one is free"
        );
        assert_eq!(people(&funnel, &[(1, 0, A), (1, 0, X), (1, 2, B)]), [1, 1], "not later than the start");
        assert_eq!(people(&funnel, &[(1, 0, A), (1, 2, X), (1, 2, B)]), [1, 0]);
        assert_eq!(people(&funnel, &[(1, 0, A), (1, 2, B), (1, 3, X)]), [1, 1]);
    }
}

#[test]
fn sixty_four_steps() {
    for order in [Order::Ordered, Order::Strict, Order::Any] {
        let funnel = Funnel { order, times: Times::SincePrevious, ..Funnel::new(64, 64_000_000) };
        let masks: Vec<u64> = (0..64).map(|step| 1 << step).collect();
        let class: Vec<u16> = (0..64).collect();
        let at: Vec<i64> = (0..64).map(|step| step * 1_000_000).collect();
        let rows = Rows { persons: &[3], ends: &[64], at: &at, class: &class, masks: &masks, by: By::None };
        let mut sum = funnel.empty();
        funnel.add(&rows, &mut sum);
        // The same with all at one time and every row good for every step.
        let all = vec![u64::MAX; 64];
        let tied = Rows { at: &[7; 64], masks: &all, persons: &[4], ..rows };
        funnel.add(&tied, &mut sum);
        assert_eq!(funnel.people(&sum, 0, 0), [2; 64]);
        assert_eq!(funnel.seconds(&sum, 0, 0, 63).map(Bag::sorted), Some(vec![0, 1]));
        assert_eq!(funnel.median_seconds(&sum, 0, 0, 63), Exact::ratio(1, 2));
    }
}

#[test]
fn medians_of_two_countries() {
    let hour = HOUR;
    let rows =
        [(1, 0, A, 1), (1, hour, B, 2), (2, 0, A, 1), (2, 3 * hour, B, 1), (3, 0, A, 2), (3, 9 * hour, B, 2)];
    let rows = rows.map(|(person, at, mask, group)| Row { person, at, mask, group });
    let log = Log { rows: rows.to_vec(), division: Division::Row };
    let funnel = Funnel { groups: 3, times: Times::SinceFirst, ..Funnel::new(2, 5 * hour) };
    let sum = laws(&funnel, &log, |a, b| a == b);
    assert_eq!(funnel.people(&sum, 1, 0), [2, 2]);
    assert_eq!(funnel.median_seconds(&sum, 1, 0, 1), Some(Exact::from(7200i64)));
    assert_eq!(funnel.people(&sum, 2, 0), [1, 0]);
    assert_eq!(funnel.median_seconds(&sum, 2, 0, 1), None);
    let last = Funnel { touch: Touch::Last, ..funnel };
    let sum = laws(&last, &log, |a, b| a == b);
    assert_eq!((last.people(&sum, 1, 0), last.people(&sum, 2, 0)), (vec![1, 1], vec![2, 1]));
}
