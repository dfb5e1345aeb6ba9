//! Lifecycle: of the persons of each period, who is new, who stayed, who came back and who fell silent.

use super::active::{Active, each_history};
use super::calendar::Calendar;
use super::members::Select;
use super::{By, Kernel, Partial, Rows, minus, plus};

/// What a person is in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Active, and never before.
    New,
    /// Active, and in the span before too.
    Returning,
    /// Active, not in the span before, but earlier.
    Resurrecting,
    /// Not active, but in the span before.
    Dormant,
}

impl Stage {
    /// All of them, in the order of charts.
    pub const ALL: [Stage; 4] = [Stage::New, Stage::Returning, Stage::Resurrecting, Stage::Dormant];

    /// The word in queries: `new`, `returning`, `resurrecting`, `dormant`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::New => "new",
            Stage::Returning => "returning",
            Stage::Resurrecting => "resurrecting",
            Stage::Dormant => "dormant",
        }
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// How many persons are in each stage, by span. Rows count that meet condition 0.
///
/// What lies before the calendar is one earlier time: a person active in it is not new, but in the first span resurrecting, not
/// returning. So the calendar begins one span before the first that is shown. Where rows are divided by row, a person has a life in
/// each group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// Days, weeks or months.
    pub calendar: Calendar,
    /// When a person counts as active; without a limit of time the rows are counted in each span.
    pub active: Active,
    /// The number of groups.
    pub groups: u32,
}

/// The sum behind [`Lifecycle::counts`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LifecycleSum(Vec<i64>);

impl Lifecycle {
    /// The persons in a stage in each span, of a group. Empty for a group that was not asked for.
    pub fn counts<'s>(&self, sum: &'s LifecycleSum, group: u32, stage: Stage) -> &'s [i64] {
        let start = self.cell(group, stage);
        if group >= self.groups {
            return &[];
        }
        sum.0.get(start..start + self.calendar.len()).unwrap_or_default()
    }

    fn cell(&self, group: u32, stage: Stage) -> usize {
        (group as usize * Stage::ALL.len() + stage.place()) * self.calendar.len()
    }
}

/// Calls `each` with the stages of a person who was active in some spans, and before the calendar or not.
fn stages(before: bool, active: &[u32], length: usize, mut each: impl FnMut(u32, Stage)) {
    let mut last: Option<u32> = None;
    for span in active {
        match last {
            None if before => each(*span, Stage::Resurrecting),
            None => each(*span, Stage::New),
            Some(last) if last + 1 == *span => each(*span, Stage::Returning),
            Some(last) => {
                each((last + 1).min(*span), Stage::Dormant);
                each(*span, Stage::Resurrecting);
            }
        }
        last = Some(*span);
    }
    if let Some(last) = last.filter(|last| (*last as usize) + 1 < length) {
        each(last + 1, Stage::Dormant);
    }
}

impl Kernel for Lifecycle {
    type Partial = LifecycleSum;

    fn empty(&self) -> LifecycleSum {
        LifecycleSum(vec![0; self.cell(self.groups, Stage::New)])
    }

    fn add(&self, rows: &Rows<'_>, out: &mut LifecycleSum) {
        out.0.resize(self.cell(self.groups, Stage::New), 0);
        let mut active = Vec::new();
        each_history(rows, self.active, self.groups, |history| {
            let before = history.spans(&self.calendar, self.active, &mut active);
            let start = self.cell(history.group, Stage::New);
            let cells = &mut out.0[start..];
            let length = self.calendar.len();
            stages(before, &active, length, |span, stage| cells[stage.place() * length + span as usize] += 1);
        });
    }
}

impl Partial for LifecycleSum {
    fn merge(&mut self, other: &LifecycleSum) {
        plus(&mut self.0, &other.0);
    }

    fn subtract(&mut self, other: &LifecycleSum) {
        minus(&mut self.0, &other.0);
    }

    fn bytes(&self) -> usize {
        size_of::<LifecycleSum>() + 8 * self.0.capacity()
    }
}

/// The persons in one stage in one span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InStage {
    /// The lifecycle.
    pub lifecycle: Lifecycle,
    /// The span.
    pub span: usize,
    /// The stage.
    pub stage: Stage,
    /// The group; the whole life of a person, not divided, when not given.
    pub group: Option<u32>,
}

impl Select for InStage {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        let rows = if self.group.is_none() { Rows { by: By::None, ..*rows } } else { *rows };
        let mut active = Vec::new();
        let calendar = &self.lifecycle.calendar;
        each_history(&rows, self.lifecycle.active, u32::MAX, |history| {
            if self.group.is_some_and(|group| group != history.group) {
                return;
            }
            let before = history.spans(calendar, self.lifecycle.active, &mut active);
            stages(before, &active, calendar.len(), |span, stage| {
                if (span as usize, stage) == (self.span, self.stage) {
                    chosen(history.person);
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    /// The plain oracle: whether a person is active in a span, or before all (`None`).
    fn is_active(life: &Lifecycle, log: &Log, person: u32, group: u32, span: Option<usize>) -> bool {
        let mut times: Vec<i64> = log
            .rows(person)
            .iter()
            .filter(|row| row.mask & 1 != 0 && log.group(row) == group)
            .map(|row| row.at)
            .collect();
        times.sort();
        let inside = |at: i64| match span {
            Some(span) => life.calendar.index(at) == Some(span),
            None => at < life.calendar.range().0,
        };
        let needed = life.active.at_least.max(1) as usize;
        match life.active.within_us {
            None => times.iter().filter(|at| inside(**at)).count() >= needed,
            Some(us) => times.iter().enumerate().any(|(index, at)| {
                inside(*at) && times[..=index].iter().filter(|other| at - **other <= us).count() >= needed
            }),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn stages_are_those_of_the_plain_oracle(
            log in log(2), calendar in calendar(),
            at_least in prop_oneof![2 => Just(1u32), 1 => 0u32..4], within_us in prop::option::of(0i64..3 * HOUR),
        ) {
            let life = Lifecycle { calendar, active: Active { at_least, within_us }, groups: GROUPS };
            let sum = laws(&life, &log, |a, b| a == b);
            for group in 0..GROUPS {
                for span in 0..life.calendar.len() {
                    let mut expected: [Vec<u32>; 4] = Default::default();
                    for person in log.persons() {
                        let active = |span| is_active(&life, &log, person, group, span);
                        let now = active(Some(span));
                        let just_before = span > 0 && active(Some(span - 1));
                        let ever = active(None) || (0..span).any(|span| active(Some(span)));
                        let stage = match (now, just_before, ever) {
                            (true, true, _) => Stage::Returning,
                            (true, false, true) => Stage::Resurrecting,
                            (true, false, false) => Stage::New,
                            (false, true, _) => Stage::Dormant,
                            (false, false, _) => continue,
                        };
                        expected[stage.place()].push(person);
                    }
                    for stage in Stage::ALL {
                        let expected = &expected[stage.place()];
                        prop_assert_eq!(life.counts(&sum, group, stage)[span], expected.len() as i64);
                        let who = Members(InStage { lifecycle: life.clone(), span, stage, group: Some(group) });
                        prop_assert_eq!(&laws(&who, &log, |a, b| a == b).sorted(), expected);
                    }
                }
            }
            prop_assert!(life.counts(&sum, GROUPS, Stage::New).is_empty());
        }
    }

    #[test]
    fn a_life() {
        let life = Lifecycle { calendar: Calendar::new((0..8).collect()), active: Active::ONCE, groups: 1 };
        let log = Log::of(&[(1, 0), (1, 1), (1, 4), (2, -3), (2, 0)]);
        let sum = laws(&life, &log, |a, b| a == b);
        let counts = Stage::ALL.map(|stage| life.counts(&sum, 0, stage).to_vec());
        assert_eq!(counts[0], [1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counts[1], [0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(counts[2], [1, 0, 0, 0, 1, 0, 0], "who was there before the calendar is not new");
        assert_eq!(counts[3], [0, 1, 1, 0, 0, 1, 0]);
        assert_eq!(Stage::Dormant.as_str(), "dormant");
    }
}
