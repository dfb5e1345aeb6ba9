//! Funnels: how far persons get in a series of steps, and how long it takes them.
//!
//! # Rules
//!
//! - A *chain* is a row for step 1, another for step 2, and so on. Times never run backwards, and all of it happens
//!   within [`Funnel::window_us`] of its first row, that instant included. One row serves one step only.
//! - Rows at the same time may serve consecutive steps in whichever order: clients and files give times that are too
//!   coarse to tell, and the order of arrival says nothing.
//! - A person counts once, with the chain that gets furthest; of several such with the one that begins first, and
//!   of those with the one whose steps come earliest.
//! - In [`Order::Strict`] no other row of the person lies in time between the first and the last of the chain.
//!   In [`Order::Any`] the steps come in any order: the window begins with the first of them, whichever it is, and a
//!   person reaches step `n` by doing any `n` of the steps.
//! - A row that meets one of the [`Funnel::exclusions`], later than the first row of a chain, ends that chain: nothing
//!   at that time or later belongs to it. The steps reached before stay reached.

mod chain;
#[cfg(test)]
mod tests;

use super::bag::Bag;
use super::calendar::Calendar;
use super::members::Select;
use super::{By, Kernel, Partial, Rows, minus, plus};
use crate::exact::Exact;

use chain::{Chain, Finder};

/// The most steps that a funnel can have.
pub const MOST_STEPS: usize = 64;

/// How steps must follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// One after the other, with anything between.
    Ordered,
    /// One after the other, with nothing between.
    Strict,
    /// In any order.
    Any,
}

/// Which row of the chain gives the group, where rows are divided by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Touch {
    /// The first.
    First,
    /// The last: the one of the furthest step reached.
    Last,
}

/// Which times are kept for medians.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Times {
    /// None: the fastest.
    None,
    /// From step 1 to each step.
    SinceFirst,
    /// From the step before to each step.
    SincePrevious,
}

/// How far persons get. Condition `i` of the rows is step `i`, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funnel {
    /// The number of steps, 1 to [`MOST_STEPS`]; more are taken as that many.
    pub steps: usize,
    /// How they must follow each other.
    pub order: Order,
    /// How long after its first row a chain may go on, µs; that instant is included.
    pub window_us: i64,
    /// Conditions whose rows end a chain, as a mask over conditions. Steps leave no room for them when there are 64.
    pub exclusions: u64,
    /// Half-open instants within which a chain must begin; rows before play no part. All of time when not given.
    pub span: Option<(i64, i64)>,
    /// Divides persons by the span in which their chain begins; those that begin outside do not count.
    pub cohorts: Option<Calendar>,
    /// The number of groups.
    pub groups: u32,
    /// Which row of the chain gives the group.
    pub touch: Touch,
    /// Which times are kept.
    pub times: Times,
}

/// The sum of a funnel: by group and cohort the persons by furthest step, and the seconds that steps took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelSum {
    furthest: Vec<i64>,
    seconds: Vec<Bag>,
}

impl Funnel {
    /// Ordered steps within a time, over all of time, one group, no times.
    pub fn new(steps: usize, window_us: i64) -> Funnel {
        Funnel {
            steps,
            order: Order::Ordered,
            window_us,
            exclusions: 0,
            span: None,
            cohorts: None,
            groups: 1,
            touch: Touch::First,
            times: Times::None,
        }
    }

    /// The number of steps that are looked at.
    fn steps(&self) -> usize {
        self.steps.clamp(1, MOST_STEPS)
    }

    /// The number of cohorts; 1 when persons are not divided by them.
    pub fn cohorts(&self) -> usize {
        self.cohorts.as_ref().map_or(1, Calendar::len)
    }

    fn cell(&self, group: u32, cohort: usize) -> usize {
        (group as usize * self.cohorts() + cohort) * self.steps()
    }

    /// The persons who reached each step, of a group and a cohort (0 when there are none). All zero for one that was
    /// not asked for.
    pub fn people(&self, sum: &FunnelSum, group: u32, cohort: usize) -> Vec<i64> {
        let steps = self.steps();
        let mut people = vec![0; steps];
        if group < self.groups && cohort < self.cohorts() {
            let cell = self.cell(group, cohort);
            let furthest = sum.furthest.get(cell..cell + steps).unwrap_or_default();
            let mut running = 0;
            for (people, furthest) in people.iter_mut().zip(furthest).rev() {
                running += furthest;
                *people = running;
            }
        }
        people
    }

    /// The whole seconds that each person took to a step, as [`Funnel::times`] says; `None` for step 0 and when no times
    /// are kept.
    pub fn seconds<'s>(&self, sum: &'s FunnelSum, group: u32, cohort: usize, step: usize) -> Option<&'s Bag> {
        let known = group < self.groups && cohort < self.cohorts() && (1..self.steps()).contains(&step);
        if known { sum.seconds.get(self.cell(group, cohort) + step) } else { None }
    }

    /// The median of the seconds to a step.
    pub fn median_seconds(&self, sum: &FunnelSum, group: u32, cohort: usize, step: usize) -> Option<Exact> {
        self.seconds(sum, group, cohort, step)?.median()
    }

    /// The group and cohort of a chain; `None` where it counts nowhere.
    fn place(&self, rows: &Rows<'_>, chain: &Chain) -> Option<(u32, usize)> {
        let cohort = match &self.cohorts {
            Some(calendar) => calendar.index(chain.start)?,
            None => 0,
        };
        let group = match self.touch {
            Touch::First => rows.group_at(chain.person, chain.first.0, chain.first.1, chain.first_bits),
            Touch::Last => rows.group_at(chain.person, chain.last.0, chain.last.1, chain.last_bits),
        };
        Some((group, cohort))
    }
}

impl Kernel for Funnel {
    type Partial = FunnelSum;

    fn empty(&self) -> FunnelSum {
        let cells = self.cell(self.groups, 0);
        let timed = self.times != Times::None;
        FunnelSum { furthest: vec![0; cells], seconds: vec![Bag::default(); if timed { cells } else { 0 }] }
    }

    fn add(&self, rows: &Rows<'_>, out: &mut FunnelSum) {
        let need_chain = self.times != Times::None || self.cohorts.is_some() || matches!(rows.by, By::Row(_));
        let mut finder = Finder::new(self, need_chain);
        for (person, from, to) in rows.histories() {
            let Some(chain) = finder.find(rows, person, from, to) else { continue };
            let Some((group, cohort)) = self.place(rows, &chain) else { continue };
            if group >= self.groups {
                continue;
            }
            let cell = self.cell(group, cohort);
            out.furthest[cell + chain.steps - 1] += 1;
            if self.times == Times::None {
                continue;
            }
            let mut since = chain.start;
            for (step, at) in finder.times().iter().enumerate().skip(1) {
                let seconds = at.wrapping_sub(since) as u64 / 1_000_000;
                out.seconds[cell + step].push(u32::try_from(seconds).unwrap_or(u32::MAX));
                if self.times == Times::SincePrevious {
                    since = *at;
                }
            }
        }
    }
}

impl Partial for FunnelSum {
    fn merge(&mut self, other: &FunnelSum) {
        plus(&mut self.furthest, &other.furthest);
        for (bag, other) in self.seconds.iter_mut().zip(&other.seconds) {
            bag.merge(other);
        }
    }

    fn subtract(&mut self, other: &FunnelSum) {
        minus(&mut self.furthest, &other.furthest);
        for (bag, other) in self.seconds.iter_mut().zip(&other.seconds) {
            bag.subtract(other);
        }
    }

    fn bytes(&self) -> usize {
        let bags: usize = self.seconds.iter().map(Bag::bytes).sum();
        size_of::<FunnelSum>() + 8 * self.furthest.capacity() + bags
    }
}

/// The persons behind one bar of a funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelPeople {
    /// The funnel.
    pub funnel: Funnel,
    /// The step, counted from 0.
    pub step: usize,
    /// False: those who reached the step. True: those who reached the step before, but not this one.
    pub dropped: bool,
    /// The group; all groups when not given.
    pub group: Option<u32>,
    /// The cohort; all cohorts when not given.
    pub cohort: Option<usize>,
}

impl Select for FunnelPeople {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        let mut finder = Finder::new(&self.funnel, true);
        for (person, from, to) in rows.histories() {
            let Some(chain) = finder.find(rows, person, from, to) else { continue };
            let Some((group, cohort)) = self.funnel.place(rows, &chain) else { continue };
            let part = if self.dropped { chain.steps == self.step } else { chain.steps > self.step };
            let group_fits = group < self.funnel.groups && self.group.is_none_or(|wanted| wanted == group);
            if part && group_fits && self.cohort.is_none_or(|wanted| wanted == cohort) {
                chosen(person);
            }
        }
    }
}
