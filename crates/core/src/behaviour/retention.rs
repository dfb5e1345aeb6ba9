//! Retention: of those who did something first in a period, how many came back in the periods after.

use super::calendar::Calendar;
use super::members::Select;
use super::{Kernel, Partial, Rows, minus, plus};

/// Who comes back. Condition 0 of the rows begins a cohort, condition 1 is the return.
///
/// # Rules
///
/// - A person is in the cohort of the span of the calendar in which their row of condition 0 lies, with the group of that
///   row. Period `n` of a cohort is the `n`-th span after it.
/// - A return counts from the time of that row on; the row itself is a return too when it meets condition 1. So where both
///   conditions are the same, period 0 is the whole cohort.
/// - Rows outside the calendar are no return; before it they still are a person's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Days, weeks or months.
    pub calendar: Calendar,
    /// False: each person has one cohort, that of the first row of condition 0 ever. True: one for each span with such a
    /// row, by the first of the span.
    pub recurring: bool,
    /// False: returned in period `n`. True: in period `n` or a later one.
    pub or_after: bool,
    /// The number of groups.
    pub groups: u32,
}

/// The sum behind [`RetentionCounts`]; see [`Retention::counts`].
#[derive(Debug, Clone, Default)]
pub struct RetentionSum(Vec<i64>);

/// Cohorts by group: how many persons each has and how many of them returned in each period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionCounts {
    spans: usize,
    blocks: Vec<i64>,
}

impl RetentionCounts {
    fn row(&self, group: u32, cohort: usize) -> &[i64] {
        if cohort >= self.spans {
            return &[];
        }
        let start = (group as usize * self.spans + cohort) * (self.spans + 1);
        self.blocks.get(start..start + self.spans + 1).unwrap_or_default()
    }

    /// The number of persons in a cohort; 0 for one that was not asked for.
    pub fn size(&self, group: u32, cohort: usize) -> i64 {
        self.row(group, cohort).first().copied().unwrap_or(0)
    }

    /// The number of them who returned, for each period that the calendar still holds, from period 0.
    pub fn people(&self, group: u32, cohort: usize) -> &[i64] {
        self.row(group, cohort).get(1 + cohort..).unwrap_or_default()
    }
}

/// One cohort of a person, and where their returns begin.
#[derive(Clone, Copy)]
struct Member {
    cohort: usize,
    group: u32,
    /// The first row that may be a return.
    from: usize,
}

impl Retention {
    /// The figures of a sum.
    pub fn counts(&self, sum: &RetentionSum) -> RetentionCounts {
        let spans = self.calendar.len();
        let mut blocks = sum.0.clone();
        blocks.resize(self.cells(), 0);
        if self.or_after {
            // Kept is the last period of return; it stands for all before it.
            for row in blocks.chunks_exact_mut(spans + 1) {
                for span in (1..spans).rev() {
                    row[span] += row[span + 1];
                }
            }
        }
        RetentionCounts { spans, blocks }
    }

    /// For each group and cohort its size and a place for each span of return.
    fn cells(&self) -> usize {
        self.groups as usize * self.calendar.len() * (self.calendar.len() + 1)
    }

    /// Calls `each` with the cohorts of a person, in order of time.
    fn members(&self, rows: &Rows<'_>, person: u32, from: usize, to: usize, mut each: impl FnMut(Member)) {
        let spans = self.calendar.spans();
        let mut before = usize::MAX;
        for (row, at, mask) in rows.each(from, to) {
            if mask & 1 == 0 {
                continue;
            }
            let cohort = spans.index(at);
            if let Some(cohort) = cohort.filter(|cohort| *cohort != before) {
                before = cohort;
                let start = rows.instant_start(from, row);
                let group = rows.group_at(person, start, rows.instant_end(row, to), 1);
                each(Member { cohort, group, from: start });
            }
            if !self.recurring || (cohort.is_none() && at >= self.calendar.range().1) {
                return;
            }
        }
    }
}

impl Retention {
    /// Adds the only cohort of a person to its cells: the size, and a place for each span of return.
    fn add_one(&self, rows: impl Iterator<Item = (usize, i64, u64)>, cells: &mut [i64]) {
        let spans = self.calendar.spans();
        // The place of the last return; the size, to which nothing is added, before there is one.
        let mut place = 0;
        for (_, at, mask) in rows {
            let Some(span) = spans.index(at) else { continue };
            // A row that is no return is taken as one more of those before. Which rows are cannot be foretold, so no branch.
            let next = if mask & 2 != 0 { span + 1 } else { place };
            cells[next] += i64::from(next != place && !self.or_after);
            place = next;
        }
        cells[0] += 1;
        if self.or_after && place > 0 {
            cells[place] += 1;
        }
    }
}

impl Kernel for Retention {
    type Partial = RetentionSum;

    fn empty(&self) -> RetentionSum {
        RetentionSum(vec![0; self.cells()])
    }

    fn add(&self, rows: &Rows<'_>, out: &mut RetentionSum) {
        let spans = self.calendar.len();
        let calendar = self.calendar.spans();
        out.0.resize(self.cells(), 0);
        let mut members: Vec<Member> = Vec::new();
        // The spans in which a person returned, and for each the last row of it that is a return.
        let mut returns: Vec<(usize, usize)> = Vec::new();
        for (person, from, to) in rows.histories() {
            members.clear();
            self.members(rows, person, from, to, |member| members.push(member));
            let Some(first) = members.first() else { continue };
            if !self.recurring {
                if first.group < self.groups {
                    let start = (first.group as usize * spans + first.cohort) * (spans + 1);
                    self.add_one(rows.each(first.from, to), &mut out.0[start..start + spans + 1]);
                }
                continue;
            }
            returns.clear();
            for (row, at, mask) in rows.each(first.from, to) {
                if mask & 2 == 0 {
                    continue;
                }
                let Some(span) = calendar.index(at) else { continue };
                match returns.last_mut() {
                    Some((last, at)) if *last == span => *at = row,
                    _ => returns.push((span, row)),
                }
            }
            for member in &members {
                if member.group >= self.groups {
                    continue;
                }
                let start = (member.group as usize * spans + member.cohort) * (spans + 1);
                let cells = &mut out.0[start..start + spans + 1];
                cells[0] += 1;
                // Only in the cohort's own span can a return lie before its row.
                let counted = returns.iter().rev().take_while(|(_, row)| *row >= member.from);
                if self.or_after {
                    for (span, _) in counted.take(1) {
                        cells[span + 1] += 1;
                    }
                } else {
                    for (span, _) in counted {
                        cells[span + 1] += 1;
                    }
                }
            }
        }
    }
}

impl Partial for RetentionSum {
    fn merge(&mut self, other: &RetentionSum) {
        plus(&mut self.0, &other.0);
    }

    fn subtract(&mut self, other: &RetentionSum) {
        minus(&mut self.0, &other.0);
    }

    fn bytes(&self) -> usize {
        size_of::<RetentionSum>() + 8 * self.0.capacity()
    }
}

/// The persons behind one cell of a retention table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPeople {
    /// The table.
    pub retention: Retention,
    /// The cohort.
    pub cohort: usize,
    /// The period; the whole cohort when not given.
    pub period: Option<usize>,
    /// False: those who returned in the period. True: the others of the cohort.
    pub missing: bool,
    /// The group; all groups when not given.
    pub group: Option<u32>,
}

impl Select for RetentionPeople {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        let table = &self.retention;
        for (person, from, to) in rows.histories() {
            let mut member = None;
            table.members(rows, person, from, to, |found| {
                if found.cohort == self.cohort {
                    member = Some(found);
                }
            });
            let Some(member) = member.filter(|m| m.group < table.groups) else { continue };
            if self.group.is_some_and(|wanted| wanted != member.group) {
                continue;
            }
            let belongs = self.period.is_none_or(|period| {
                let wanted = self.cohort + period;
                let returned = (member.from..to).filter(|row| rows.mask(*row) & 2 != 0).any(|row| {
                    let span = table.calendar.index(rows.at[row]);
                    span.is_some_and(|span| span == wanted || (table.or_after && span > wanted))
                });
                returned != self.missing
            });
            if belongs {
                chosen(person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::members::Members;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    /// The plain oracle: the cohorts of a person (span, group, time of the row).
    fn cohorts(table: &Retention, log: &Log, person: u32) -> Vec<(usize, u32, i64)> {
        let begins: Vec<Row> = log.rows(person).into_iter().filter(|row| row.mask & 1 != 0).collect();
        let group = |at: i64| {
            let mut groups: Vec<u32> =
                begins.iter().filter(|row| row.at == at).map(|row| log.group(row)).collect();
            groups.sort_by_key(|group| (*group == 0, *group));
            groups[0]
        };
        let mut found = Vec::new();
        for span in 0..table.calendar.len() {
            let inside = begins.iter().filter(|row| table.calendar.index(row.at) == Some(span));
            let Some(at) = inside.map(|row| row.at).min() else { continue };
            let first_ever = begins.iter().all(|row| row.at >= at);
            if table.recurring || first_ever {
                found.push((span, group(at), at));
            }
        }
        found
    }

    fn returned(table: &Retention, log: &Log, person: u32, since: i64, span: usize) -> bool {
        log.rows(person).iter().any(|row| {
            let in_span = table.calendar.index(row.at);
            row.mask & 2 != 0
                && row.at >= since
                && in_span.is_some_and(|s| if table.or_after { s >= span } else { s == span })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn tables_are_those_of_the_plain_oracle(
            log in log(3), calendar in calendar(), recurring in any::<bool>(), or_after in any::<bool>(),
        ) {
            let table = Retention { calendar, recurring, or_after, groups: GROUPS };
            let counts = table.counts(&laws(&table, &log, |a, b| table.counts(a) == table.counts(b)));
            for group in 0..GROUPS {
                for cohort in 0..table.calendar.len() {
                    let members: Vec<(u32, i64)> = log.persons().into_iter()
                        .flat_map(|person| cohorts(&table, &log, person).into_iter().map(move |c| (person, c)))
                        .filter(|(_, (span, of, _))| (*span, *of) == (cohort, group))
                        .map(|(person, (_, _, at))| (person, at)).collect();
                    prop_assert_eq!(counts.size(group, cohort), members.len() as i64);
                    prop_assert_eq!(counts.people(group, cohort).len(), table.calendar.len() - cohort);
                    for (period, people) in counts.people(group, cohort).iter().enumerate() {
                        let back = |missing: bool| members.iter()
                            .filter(|(person, at)| returned(&table, &log, *person, *at, cohort + period) != missing)
                            .map(|(person, _)| *person).collect::<Vec<_>>();
                        prop_assert_eq!(*people, back(false).len() as i64);
                        for missing in [false, true] {
                            let who = RetentionPeople {
                                retention: table.clone(), cohort, period: Some(period), missing, group: Some(group),
                            };
                            prop_assert_eq!(laws(&Members(who), &log, |a, b| a == b).sorted(), back(missing));
                        }
                    }
                    let all = RetentionPeople {
                        retention: table.clone(), cohort, period: None, missing: false, group: Some(group),
                    };
                    let all = laws(&Members(all), &log, |a, b| a == b).sorted();
                    prop_assert_eq!(all, members.into_iter().map(|(person, _)| person).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!((counts.size(GROUPS, 0), counts.people(0, table.calendar.len()).len()), (0, 0));
        }
    }

    const SIGNUP: u16 = 1;
    const USE: u16 = 2;

    fn table(or_after: bool, recurring: bool, rows: &[(u32, i64, u16)]) -> Vec<(i64, Vec<i64>)> {
        let calendar = Calendar::new(vec![0, 10, 20, 30]);
        let table = Retention { calendar, recurring, or_after, groups: 1 };
        let counts = table.counts(&laws(&table, &Log::with_masks(rows), |a, b| a.0 == b.0));
        (0..3).map(|cohort| (counts.size(0, cohort), counts.people(0, cohort).to_vec())).collect()
    }

    #[test]
    fn bounded_and_unbounded() {
        // One uses it at once and in the third span, one only before signing up.
        let rows = [(1, 3, SIGNUP), (1, 4, USE), (1, 25, USE), (2, 5, USE), (2, 6, SIGNUP)];
        assert_eq!(table(false, false, &rows)[0], (2, vec![1, 0, 1]));
        assert_eq!(table(true, false, &rows)[0], (2, vec![1, 1, 1]));
    }

    #[test]
    fn first_time_and_recurring() {
        let both = SIGNUP | USE;
        let rows = [(1, 3, both), (1, 12, both), (1, 13, both)];
        assert_eq!(table(false, false, &rows), [(1, vec![1, 1, 0]), (0, vec![0, 0]), (0, vec![0])]);
        assert_eq!(table(false, true, &rows), [(1, vec![1, 1, 0]), (1, vec![1, 0]), (0, vec![0])]);
        // The first ever lies before the calendar.
        let early = [(1, -1, both), (1, 3, both)];
        assert_eq!(table(false, false, &early)[0].0, 0);
        assert_eq!(table(false, true, &early)[0].0, 1);
    }
}
