//! Sessions: visits, cut out of a person's rows where they fall silent.

use super::calendar::Calendar;
use super::members::Select;
use super::{By, Kernel, Partial, Rows, minus, plus};

/// Visits and what they come to, by span and group.
///
/// # Rules
///
/// - Rows that meet condition 0 make sessions; one ends when nothing follows for more than [`Sessions::gap_us`].
/// - A session belongs to the span in which it begins, and to the group of its first row. A session at the end of a span is counted
///   there once, however long it goes on.
/// - Rows that meet condition 1 are page views. A session with at most one is a bounce, unless one of its rows meets condition 2:
///   something that the visitor did beyond looking.
/// - The duration is the time from its first to its last row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// Days, weeks, months, or one span.
    pub calendar: Calendar,
    /// The silence that is still within a session, µs; usually 30 minutes.
    pub gap_us: i64,
    /// The number of groups.
    pub groups: u32,
}

/// What the sessions of a span come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionFigures {
    /// Sessions.
    pub visits: i64,
    /// Sessions that were a person's first ever.
    pub first_visits: i64,
    /// Sessions with at most one page and nothing else done.
    pub bounces: i64,
    /// Page views in them.
    pub pages: i64,
    /// Time from first to last row of each, in all, µs.
    pub duration_us: i64,
}

/// The sum behind [`Sessions::figures`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionSum(Vec<i64>);

/// One session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The person.
    pub person: u32,
    /// Position of the first row.
    pub first: usize,
    /// Position after the last row; rows that do not meet condition 0 may lie between.
    pub end: usize,
    /// Time of the first row, µs UTC.
    pub start: i64,
    /// Time of the last row that meets condition 0.
    pub last: i64,
    /// Page views.
    pub pages: i64,
    /// Whether it has at most one page and nothing else was done.
    pub bounce: bool,
    /// Whether it is the person's first ever.
    pub is_first: bool,
}

const FIGURES: usize = 5;

impl Sessions {
    /// Sessions that end after 30 minutes of silence, in one group.
    pub fn new(calendar: Calendar) -> Sessions {
        Sessions { calendar, gap_us: 1_800_000_000, groups: 1 }
    }

    /// What the sessions of a group that begin in a span come to; all zero for one that was not asked for.
    pub fn figures(&self, sum: &SessionSum, group: u32, span: usize) -> SessionFigures {
        if group >= self.groups || span >= self.calendar.len() {
            return SessionFigures::default();
        }
        let cell = self.cell(group, span);
        match sum.0.get(cell..cell + FIGURES) {
            Some([visits, first_visits, bounces, pages, duration_us]) => SessionFigures {
                visits: *visits,
                first_visits: *first_visits,
                bounces: *bounces,
                pages: *pages,
                duration_us: *duration_us,
            },
            _ => SessionFigures::default(),
        }
    }

    fn cell(&self, group: u32, span: usize) -> usize {
        (group as usize * self.calendar.len() + span) * FIGURES
    }

    /// Calls `each` with the sessions of the rows `from..to` of a person, in order of time.
    pub fn of(&self, rows: &Rows<'_>, person: u32, from: usize, to: usize, mut each: impl FnMut(&Session)) {
        let gap = self.gap_us.max(0) as u64;
        let mut open: Option<Session> = None;
        let mut is_first = true;
        for (row, at, mask) in rows.each(from, to) {
            if mask & 1 == 0 {
                continue;
            }
            let session = match &mut open {
                Some(session) if at.wrapping_sub(session.last) as u64 <= gap => session,
                _ => {
                    if let Some(done) = &open {
                        each(done);
                        is_first = false;
                    }
                    let (first, end, start, last) = (row, row, at, at);
                    open.insert(Session { person, first, end, start, last, pages: 0, bounce: true, is_first })
                }
            };
            session.last = at;
            session.end = row + 1;
            session.pages += i64::from(mask & 2 != 0);
            session.bounce &= session.pages <= 1 && mask & 4 == 0;
        }
        if let Some(done) = &open {
            each(done);
        }
    }

    /// The span and group of a session.
    fn place(&self, rows: &Rows<'_>, session: &Session) -> Option<(usize, u32)> {
        let span = self.calendar.index(session.start)?;
        let group = match rows.by {
            By::Row(_) => {
                let end = rows.instant_end(session.first, session.end);
                rows.group_at(session.person, session.first, end, 1)
            }
            By::None | By::Person(_) => rows.group(session.person, session.first),
        };
        (group < self.groups).then_some((span, group))
    }
}

impl Kernel for Sessions {
    type Partial = SessionSum;

    fn empty(&self) -> SessionSum {
        SessionSum(vec![0; self.cell(self.groups, 0)])
    }

    fn add(&self, rows: &Rows<'_>, out: &mut SessionSum) {
        out.0.resize(self.cell(self.groups, 0), 0);
        for (person, from, to) in rows.histories() {
            self.of(rows, person, from, to, |session| {
                let Some((span, group)) = self.place(rows, session) else { return };
                let cell = self.cell(group, span);
                let duration = session.last.wrapping_sub(session.start);
                let figures =
                    [1, i64::from(session.is_first), i64::from(session.bounce), session.pages, duration];
                for (sum, figure) in out.0[cell..cell + FIGURES].iter_mut().zip(figures) {
                    *sum += figure;
                }
            });
        }
    }
}

impl Partial for SessionSum {
    fn merge(&mut self, other: &SessionSum) {
        plus(&mut self.0, &other.0);
    }

    fn subtract(&mut self, other: &SessionSum) {
        minus(&mut self.0, &other.0);
    }

    fn bytes(&self) -> usize {
        size_of::<SessionSum>() + 8 * self.0.capacity()
    }
}

/// The persons with a session that begins in a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitors {
    /// The sessions.
    pub sessions: Sessions,
    /// The span.
    pub span: usize,
    /// The group; any when not given.
    pub group: Option<u32>,
    /// Only those with a bounce.
    pub bounced: bool,
}

impl Select for Visitors {
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32)) {
        for (person, from, to) in rows.histories() {
            let mut found = false;
            self.sessions.of(rows, person, from, to, |session| {
                let place = self.sessions.place(rows, session);
                found |= (session.bounce || !self.bounced)
                    && place.is_some_and(|(span, group)| {
                        span == self.span && self.group.is_none_or(|wanted| wanted == group)
                    });
            });
            if found {
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn figures_are_those_of_the_plain_oracle(log in log(3), calendar in calendar(), gap in 0i64..8) {
            let sessions = Sessions { calendar, gap_us: gap * HOUR, groups: GROUPS };
            let sum = laws(&sessions, &log, |a, b| a == b);
            let mut expected = vec![vec![(SessionFigures::default(), Vec::new()); sessions.calendar.len()]; GROUPS as usize];
            for person in log.persons() {
                let rows: Vec<Row> = log.rows(person).into_iter().filter(|row| row.mask & 1 != 0).collect();
                // The plain oracle: cuts the list of rows at each long silence.
                let cuts = rows.chunk_by(|a, b| b.at - a.at <= gap * HOUR);
                for (index, part) in cuts.enumerate() {
                    let start = part[0].at;
                    let groups = part.iter().filter(|row| row.at == start).map(|row| log.group(row));
                    let group = groups.min_by_key(|group| (*group == 0, *group)).unwrap();
                    let (Some(span), true) = (sessions.calendar.index(start), group < GROUPS) else { continue };
                    let pages = part.iter().filter(|row| row.mask & 2 != 0).count() as i64;
                    let did = part.iter().any(|row| row.mask & 4 != 0);
                    let (figures, visitors) = &mut expected[group as usize][span];
                    figures.visits += 1;
                    figures.first_visits += i64::from(index == 0);
                    figures.bounces += i64::from(pages <= 1 && !did);
                    figures.pages += pages;
                    figures.duration_us += part[part.len() - 1].at - start;
                    visitors.push(person);
                }
            }
            for group in 0..GROUPS {
                for (span, (figures, visitors)) in expected[group as usize].iter_mut().enumerate() {
                    prop_assert_eq!(sessions.figures(&sum, group, span), *figures);
                    visitors.dedup();
                    let who = Visitors { sessions: sessions.clone(), span, group: Some(group), bounced: false };
                    prop_assert_eq!(&laws(&Members(who), &log, |a, b| a == b).sorted(), visitors);
                }
            }
            prop_assert_eq!(sessions.figures(&sum, GROUPS, 0), SessionFigures::default());
        }
    }

    #[test]
    fn half_an_hour_of_silence() {
        let minute = 60_000_000;
        let sessions = Sessions::new(Calendar::new(vec![0, 60 * minute, 120 * minute]));
        let (view, leave, click) = (3, 1, 5);
        let log = Log::with_masks(&[
            (1, 0, view),
            (1, 30 * minute, view),
            (1, 61 * minute, view),
            (1, 62 * minute, leave),
            (2, 59 * minute, view),
            (2, 80 * minute, click),
        ]);
        let sum = laws(&sessions, &log, |a, b| a == b);
        let first =
            SessionFigures { visits: 2, first_visits: 2, bounces: 0, pages: 3, duration_us: 51 * minute };
        let second = SessionFigures { visits: 1, first_visits: 0, bounces: 1, pages: 1, duration_us: minute };
        assert_eq!((sessions.figures(&sum, 0, 0), sessions.figures(&sum, 0, 1)), (first, second));
        let who = Visitors { sessions, span: 1, group: None, bounced: true };
        assert_eq!(laws(&Members(who), &log, |a, b| a == b).sorted(), [1]);
    }
}
