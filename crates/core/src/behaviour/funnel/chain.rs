//! Finds the chain with which a person counts, in time linear in their rows.

use super::super::Rows;
use super::{Funnel, MOST_STEPS, Order};

/// The chain of one person. The times of its steps are in [`Finder::times`].
pub(super) struct Chain {
    pub(super) person: u32,
    /// The number of steps reached, at least 1.
    pub(super) steps: usize,
    /// Time of the first row.
    pub(super) start: i64,
    /// The rows at the time of the first row, as a range of positions, and the conditions of those that may be it.
    pub(super) first: (usize, usize),
    pub(super) first_bits: u64,
    /// The same for the last row.
    pub(super) last: (usize, usize),
    pub(super) last_bits: u64,
}

#[derive(Clone, Copy)]
struct Kept {
    at: i64,
    mask: u64,
    row: u32,
}

const NEVER: i64 = i64::MIN;
const NOT_YET: i64 = i64::MAX;

/// Working space that is used for one person after the other.
pub(super) struct Finder {
    order: Order,
    steps: usize,
    /// The conditions that are steps.
    step_bits: u64,
    exclusions: u64,
    window: u64,
    span: (i64, i64),
    need_chain: bool,
    /// Room for the rows of one person; the first `count` are those that matter.
    space: Vec<Kept>,
    count: usize,
    /// The conditions that some row meets.
    seen: u64,
    times: Vec<i64>,
    /// See [`Finder::measure_runs`].
    runs: [u8; MOST_STEPS],
    tie: Tie,
}

impl Finder {
    /// `need_chain` is false where only [`Chain::steps`] of the chains is read, and the group does not depend on rows.
    pub(super) fn new(funnel: &Funnel, need_chain: bool) -> Finder {
        let steps = funnel.steps();
        let step_bits = u64::MAX >> (MOST_STEPS - steps);
        let mut span = funnel.span.unwrap_or((i64::MIN, i64::MAX));
        if let Some(cohorts) = &funnel.cohorts {
            let (start, end) = cohorts.range();
            span = (span.0.max(start), span.1.min(end));
        }
        Finder {
            order: funnel.order,
            steps,
            step_bits,
            exclusions: funnel.exclusions,
            // Short enough that nothing is within it of NEVER.
            window: funnel.window_us.clamp(0, i64::MAX / 2) as u64,
            span,
            need_chain,
            space: Vec::new(),
            count: 0,
            seen: 0,
            times: Vec::new(),
            runs: [0; MOST_STEPS],
            tie: Tie::default(),
        }
    }

    /// The times of the steps of the chain that was found last.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// The chain of a person with the rows `from..to`.
    pub(super) fn find(&mut self, rows: &Rows<'_>, person: u32, from: usize, to: usize) -> Option<Chain> {
        self.times.clear();
        let first = match self.order {
            Order::Ordered => {
                // Nothing before the first row of step 1 is of use, and most have none.
                let mut begins =
                    rows.each(from, to).filter(|(_, at, mask)| mask & 1 != 0 && self.in_span(*at));
                rows.instant_start(from, begins.next()?.0)
            }
            Order::Strict | Order::Any => from,
        };
        self.keep(rows, first, to);
        let found = match self.order {
            Order::Ordered => self.ordered(),
            Order::Strict => self.strict(),
            Order::Any => self.any_order(),
        };
        let (steps, start) = found?;
        let (first_bits, last_bits) = match self.order {
            Order::Any => (self.step_bits, self.step_bits),
            Order::Ordered | Order::Strict => (1, 1 << (steps - 1)),
        };
        let mut chain =
            Chain { person, steps, start: NEVER, first: (from, to), first_bits, last: (from, to), last_bits };
        if self.need_chain {
            let instant = |row: usize| (rows.instant_start(from, row), rows.instant_end(row, to));
            chain.start = self.kept()[start].at;
            chain.first = instant(self.kept()[start].row as usize);
            let end = *self.times.last()?;
            let last = self.kept()[start..].partition_point(|kept| kept.at < end);
            let last = (start + last).min(self.count - 1);
            chain.last = instant(self.kept()[last].row as usize);
        }
        Some(chain)
    }

    fn keep(&mut self, rows: &Rows<'_>, from: usize, to: usize) {
        let wanted = match self.order {
            // Every row may stand between two others.
            Order::Strict => None,
            Order::Ordered | Order::Any => Some(self.step_bits | self.exclusions),
        };
        let room = to - from;
        if self.space.len() < room {
            self.space.resize(room, Kept { at: 0, mask: 0, row: 0 });
        }
        self.seen = 0;
        let mut count = 0;
        for (row, at, mask) in rows.each(from, to) {
            // Every row is written and the next one over it, unless it matters: whether it does cannot be foretold, so a branch
            // would cost more.
            self.space[count] = Kept { at, mask, row: row as u32 };
            count += usize::from(wanted.is_none_or(|wanted| mask & wanted != 0));
            self.seen |= mask;
        }
        self.count = count;
    }

    /// The rows that matter.
    fn kept(&self) -> &[Kept] {
        &self.space[..self.count]
    }

    /// The position after the last kept row at the time of the one at `start`.
    fn instant_end(&self, start: usize) -> usize {
        let at = self.kept()[start].at;
        let mut end = start + 1;
        while self.kept().get(end).is_some_and(|kept| kept.at == at) {
            end += 1;
        }
        end
    }

    /// The position of the first kept row at the time of the one before `end`.
    fn instant_start(&self, end: usize) -> usize {
        let mut start = end - 1;
        while start > 0 && self.kept()[start - 1].at == self.kept()[end - 1].at {
            start -= 1;
        }
        start
    }

    /// For each step `k`, how many consecutive steps from `k` on the kept rows `start..end`, all of one time, can serve,
    /// each row one step. Any smaller number can be served too.
    fn measure_runs(&mut self, start: usize, end: usize) {
        let mut all = 0;
        let mut single = true;
        for kept in &self.kept()[start..end] {
            let mask = kept.mask & self.step_bits;
            all |= mask;
            single &= mask & mask.wrapping_sub(1) == 0;
        }
        if single {
            // No row can serve two steps: a step is served when any row meets it.
            let mut run = 0;
            for step in (0..self.steps).rev() {
                run = if all >> step & 1 != 0 { run + 1 } else { 0 };
                self.runs[step] = run;
            }
            return;
        }
        self.tie.set(self.space[start..end].iter().map(|kept| kept.mask & self.step_bits), self.steps);
        for step in 0..self.steps {
            self.runs[step] = if all >> step & 1 != 0 { self.tie.run(step, self.steps) } else { 0 };
        }
    }

    fn in_span(&self, at: i64) -> bool {
        self.span.0 <= at && at < self.span.1
    }

    fn in_window(&self, start: i64, at: i64) -> bool {
        at.wrapping_sub(start) as u64 <= self.window
    }

    /// Whether one of the kept rows, all of one time, ends chains.
    fn cuts(&self, start: usize, end: usize) -> bool {
        self.exclusions != 0 && self.kept()[start..end].iter().any(|kept| kept.mask & self.exclusions != 0)
    }

    /// The number of steps and the position of the first row.
    fn ordered(&mut self) -> Option<(usize, usize)> {
        if self.steps == 1 || self.seen & 2 == 0 {
            // Nobody gets beyond the first step.
            let first = self.kept().iter().position(|kept| kept.mask & 1 != 0 && self.in_span(kept.at))?;
            self.times.push(self.kept()[first].at);
            return Some((1, first));
        }
        // Small arrays for the usual number of steps: they are filled for each person.
        if self.steps < 8 { self.search_ordered::<8>() } else { self.search_ordered::<{ MOST_STEPS + 1 }>() }
    }

    /// Arrays have `N` places, more than steps.
    fn search_ordered<const N: usize>(&mut self) -> Option<(usize, usize)> {
        let (best, end) = self.furthest_ordered::<N>();
        if best == 0 {
            return None;
        }
        if !self.need_chain {
            return Some((best, 0));
        }
        let start = self.earliest_start::<N>(best, end)?;
        self.walk(best, start);
        Some((best, start))
    }

    /// The most steps of any chain, and the position after the rows of the time at which they are reached first.
    ///
    /// For each number of steps the latest start of a chain that got so far is all that counts: whatever an earlier
    /// one can still reach, it can too.
    fn furthest_ordered<const N: usize>(&mut self) -> (usize, usize) {
        // By steps done. No steps done: the time of the row, where a chain may begin.
        let mut starts = [NEVER; N];
        let (mut best, mut best_end) = (0, 0);
        let mut next = 0;
        while next < self.count && best < self.steps {
            let (start, end) = (next, self.instant_end(next));
            next = end;
            let Kept { at, mask, .. } = self.space[start];
            if self.cuts(start, end) {
                starts[1..=best].fill(NEVER);
            }
            starts[0] = if self.in_span(at) { at } else { NEVER };
            let mut reached = 0;
            if end - start == 1 {
                // From the last step to the first, so that one row does not serve two. Whether a step is reached is too random to
                // branch on it.
                let mut bits = mask & self.step_bits;
                while bits != 0 {
                    let step = bits.ilog2() as usize;
                    bits ^= 1 << step;
                    let begun = starts[step];
                    let holds = self.in_window(begun, at);
                    starts[step + 1] = if holds { begun } else { starts[step + 1] };
                    reached = reached.max(if holds { step + 1 } else { 0 });
                }
            } else {
                self.measure_runs(start, end);
                for step in (0..self.steps).rev() {
                    let (begun, run) = (starts[step], usize::from(self.runs[step]));
                    if run > 0 && self.in_window(begun, at) {
                        starts[step + 1..=step + run].fill(begun);
                        reached = reached.max(step + run);
                    }
                }
            }
            best_end = if reached > best { end } else { best_end };
            best = best.max(reached);
        }
        (best, best_end)
    }

    /// The first row of the earliest chain of so many steps, of those that end before the position `end`.
    ///
    /// No chain of so many steps ends earlier than the one that was found first, and the chain that begins first does
    /// not end later; so one pass backwards from there, which keeps for each step the earliest end of what is left.
    fn earliest_start<const N: usize>(&mut self, steps: usize, end: usize) -> Option<usize> {
        let mut ends = [NOT_YET; N];
        let last = self.kept()[end - 1].at;
        let mut found = None;
        let mut next = end;
        while next > 0 {
            let (start, end) = (self.instant_start(next), next);
            next = start;
            let Kept { at, mask, .. } = self.kept()[start];
            if !self.in_window(at, last) {
                break;
            }
            let alone = end - start == 1;
            let mut bits = if alone {
                mask & u64::MAX >> (MOST_STEPS - steps)
            } else {
                self.measure_runs(start, end);
                u64::MAX >> (MOST_STEPS - steps)
            };
            while bits != 0 {
                let step = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let run = if alone { 1 } else { usize::from(self.runs[step]) };
                if run == 0 {
                    continue;
                }
                let done = if step + run >= steps { at } else { ends[step + run] };
                if step > 0 {
                    ends[step] = done;
                } else if done != NOT_YET && self.in_window(at, done) && self.in_span(at) {
                    found = Some(start);
                }
            }
            if self.cuts(start, end) {
                ends = [NOT_YET; N];
            }
        }
        found
    }

    /// Notes the earliest times of the steps of a chain that begins with the row at `start`.
    fn walk(&mut self, steps: usize, start: usize) {
        let mut next = start;
        while next < self.count && self.times.len() < steps {
            let (start, end) = (next, self.instant_end(next));
            next = end;
            let Kept { at, mask, .. } = self.kept()[start];
            let step = self.times.len();
            let run = if end - start == 1 {
                usize::from(mask >> step & 1 != 0)
            } else {
                self.measure_runs(start, end);
                usize::from(self.runs[step])
            };
            let reached = (step + run).min(steps);
            self.times.resize(reached, at);
        }
    }

    /// See [`Finder::ordered`]. Between the first and the last time of a chain every row belongs to it, so a chain of
    /// `k` steps began `k` rows ago.
    fn strict(&mut self) -> Option<(usize, usize)> {
        // Bit k: a chain of k steps ends with the rows so far and leaves none out.
        let mut alive: u128 = 0;
        let (mut best, mut best_start) = (0, 0);
        let mut next = 0;
        while next < self.count && best < self.steps {
            let (start, end) = (next, self.instant_end(next));
            next = end;
            let at = self.kept()[start].at;
            if self.cuts(start, end) {
                alive = 0;
            }
            let count = end - start;
            if count > 1 {
                self.measure_runs(start, end);
            } else {
                let mask = self.space[start].mask;
                self.runs[..self.steps]
                    .iter_mut()
                    .enumerate()
                    .for_each(|(step, run)| *run = (mask >> step & 1) as u8);
            }
            let before = std::mem::take(&mut alive);
            // Longer chains first: of chains that get equally far they are those that began earlier.
            for done in (1..self.steps).rev().filter(|done| before >> done & 1 != 0) {
                if !self.in_window(self.kept()[start - done].at, at) {
                    continue;
                }
                let run = usize::from(self.runs[done]);
                if run >= count {
                    alive |= 1 << (done + count);
                }
                if run > 0 && done + run.min(count) > best {
                    (best, best_start) = (done + run.min(count), start - done);
                }
            }
            if self.in_span(at) {
                let run = usize::from(self.runs[0]).min(count);
                alive |= (1 << (run + 1)) - 2;
                if run > best {
                    (best, best_start) = (run, start);
                }
            }
        }
        if best == 0 {
            return None;
        }
        self.times.extend(self.space[best_start..best_start + best].iter().map(|kept| kept.at));
        Some((best, best_start))
    }

    /// See [`Finder::ordered`]. A set of steps is done when each has a row of its own: a matching. Of all rows so far the
    /// matching of the latest rows is kept (rows that can be matched are a matroid, so taking the latest first is best for
    /// every window at once), and of that only what lies in the window counts.
    fn any_order(&mut self) -> Option<(usize, usize)> {
        let mut latest = Matching::default();
        // The rows that a chain may begin with: from here on.
        let mut oldest = 0;
        let (mut best, mut best_start, mut best_end) = (0, 0, 0);
        let mut next = 0;
        while next < self.count && best < self.steps {
            let (start, end) = (next, self.instant_end(next));
            next = end;
            let at = self.kept()[start].at;
            if at < self.span.0 {
                oldest = end;
                continue;
            }
            if self.cuts(start, end) {
                latest = Matching::default();
                oldest = start;
            }
            let mut matters = false;
            for kept in &self.kept()[start..end] {
                let mask = kept.mask & self.step_bits;
                matters |= mask != 0 && latest.insert(mask, at);
            }
            while self.kept()[oldest].mask & self.step_bits == 0 && oldest + 1 < end
                || !self.in_window(self.kept()[oldest].at, at)
            {
                oldest += 1;
            }
            let begun = self.kept()[oldest].at;
            if matters && begun < self.span.1 {
                let reached = latest.since(begun);
                if reached > best {
                    (best, best_start, best_end) = (reached, oldest, end);
                }
            }
        }
        if best == 0 {
            return None;
        }
        // Any row can be part of a largest matching, so the chain begins with the first in the window; the times are
        // those at which the matching from there on grows.
        let mut matching = Matching::default();
        for kept in &self.space[best_start..best_end] {
            let mask = kept.mask & self.step_bits;
            if mask != 0 {
                matching.insert(mask, kept.at);
                self.times.resize(self.times.len().max(matching.filled.count_ones() as usize), kept.at);
            }
        }
        Some((best, best_start))
    }
}

/// Rows that serve steps, each one.
struct Matching {
    filled: u64,
    mask: [u64; MOST_STEPS],
    at: [i64; MOST_STEPS],
}

impl Default for Matching {
    fn default() -> Matching {
        Matching { filled: 0, mask: [0; MOST_STEPS], at: [0; MOST_STEPS] }
    }
}

/// The new row itself, as the one from which a step was found.
const NEW: u8 = u8::MAX;

impl Matching {
    /// The number of rows that are not earlier than `start`.
    fn since(&self, start: i64) -> usize {
        let mut count = 0;
        let mut rest = self.filled;
        while rest != 0 {
            let step = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            count += usize::from(self.at[step] >= start);
        }
        count
    }

    /// Adds a row that is not earlier than those before, meeting at least one step. Where all steps that it could free are
    /// taken, the earliest of the rows in the way goes. False when the row changes nothing.
    fn insert(&mut self, mask: u64, at: i64) -> bool {
        let mut parent = [NEW; MOST_STEPS];
        let mut seen = mask;
        let mut ahead = mask;
        let mut oldest: Option<usize> = None;
        while ahead != 0 {
            let step = ahead.trailing_zeros() as usize;
            ahead &= ahead - 1;
            if self.filled >> step & 1 == 0 {
                self.filled |= 1 << step;
                self.shift(&parent, step, mask, at);
                return true;
            }
            if oldest.is_none_or(|oldest| self.at[step] < self.at[oldest]) {
                oldest = Some(step);
            }
            let mut more = self.mask[step] & !seen;
            seen |= more;
            ahead |= more;
            while more != 0 {
                parent[more.trailing_zeros() as usize] = step as u8;
                more &= more - 1;
            }
        }
        match oldest {
            Some(step) if self.at[step] < at => {
                self.shift(&parent, step, mask, at);
                true
            }
            _ => false,
        }
    }

    /// Moves rows along the way that led to `step`, which is free or given up, until the new row has its place.
    fn shift(&mut self, parent: &[u8; MOST_STEPS], mut step: usize, mask: u64, at: i64) {
        while parent[step] != NEW {
            let from = usize::from(parent[step]);
            self.mask[step] = self.mask[from];
            self.at[step] = self.at[from];
            step = from;
        }
        self.mask[step] = mask;
        self.at[step] = at;
    }
}

/// Rows at one time, some of which meet several steps: which steps they can serve together.
#[derive(Default)]
struct Tie {
    masks: Vec<u64>,
    serves: Vec<u8>,
    seen: Vec<bool>,
}

impl Tie {
    /// Takes the rows; of rows that meet the same steps no more are of use than there are steps.
    fn set(&mut self, masks: impl Iterator<Item = u64>, steps: usize) {
        self.masks.clear();
        self.masks.extend(masks.filter(|mask| *mask != 0));
        self.masks.sort_unstable();
        let mut kept = 0;
        for index in 0..self.masks.len() {
            let mask = self.masks[index];
            if kept < steps || self.masks[kept - steps] != mask {
                self.masks[kept] = mask;
                kept += 1;
            }
        }
        self.masks.truncate(kept);
    }

    /// How many consecutive steps from `first` on have a row each.
    fn run(&mut self, first: usize, steps: usize) -> u8 {
        self.serves.clear();
        self.serves.resize(self.masks.len(), NEW);
        let mut step = first;
        while step < steps {
            self.seen.clear();
            self.seen.resize(self.masks.len(), false);
            if !self.serve(step) {
                break;
            }
            step += 1;
        }
        (step - first) as u8
    }

    /// Finds a row for a step, moving others to other rows where that helps. As deep as there are steps.
    fn serve(&mut self, step: usize) -> bool {
        for row in 0..self.masks.len() {
            if self.masks[row] >> step & 1 == 0 || self.seen[row] {
                continue;
            }
            self.seen[row] = true;
            if self.serves[row] == NEW || self.serve(usize::from(self.serves[row])) {
                self.serves[row] = step as u8;
                return true;
            }
        }
        false
    }
}
