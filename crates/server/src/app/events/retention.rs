//! Who comes back.

use super::ask::{SCOPE, Scope, Words, step};
use crate::app::cells::instant;
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::retention::Retention;
use burgeon_core::behaviour::step::Step;
use burgeon_core::time::{Grain, Period, Zone};
use jiff::ToSpan;
use serde::Serialize;
use utoipa::ToSchema;

/// A table of retention as it is asked for.
#[derive(Debug, Clone)]
pub struct RetentionRequest {
    /// What begins a cohort.
    pub first: Step,
    /// What counts as coming back.
    pub back: Step,
    /// day, week or month.
    pub grain: Grain,
    /// Whether a person is in a cohort for every period with such an event, not only the first ever.
    pub recurring: bool,
    /// Whether coming back later counts as well.
    pub or_after: bool,
    /// When cohorts begin and until when people may come back, among whom, and by what.
    pub scope: Scope,
}

/// The answer to a question of retention.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RetentionAnswer {
    /// In order of time; those without people are left out.
    pub cohorts: Vec<CohortRow>,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
}

/// The people who began in one period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CohortRow {
    /// The period, such as `2026-W07`.
    pub cohort: String,
    /// The value of the breakdown; none for people without one, and without a breakdown.
    pub value: Option<String>,
    /// People.
    pub size: i64,
    /// Those who came back in each period from the cohort's own on.
    pub people: Vec<i64>,
}

/// The names of the parameters of a table of retention.
pub const RETENTION: &[&str] = &["first", "return", "grain", "kind", "bounded"];

/// The most periods of a table.
const MOST_PERIODS: usize = 1_200;

impl RetentionRequest {
    /// Reads the parameters of [`RETENTION`] and [`SCOPE`]; others are not looked at.
    pub fn read(words: Words<'_>, zone: &Zone) -> Result<Self> {
        let first = step(words.need("first")?, "first")?;
        let grains = [("week", Grain::Week), ("day", Grain::Day), ("month", Grain::Month)];
        Ok(Self {
            back: words.get("return").map_or(Ok(first.clone()), |text| step(text, "return"))?,
            first,
            grain: words.choice("grain", &grains)?,
            recurring: words.choice("kind", &[("first", false), ("recurring", true)])?,
            or_after: words.choice("bounded", &[("true", false), ("false", true)])?,
            scope: Scope::read(words, zone)?,
        })
    }

    pub(super) fn conditions(&self) -> Vec<Vec<Step>> {
        vec![vec![self.first.clone()], vec![self.back.clone()]]
    }

    pub(super) fn kernel(&self, zone: &Zone, periods: &[Period], groups: u32) -> Retention {
        let calendar = Calendar::periods(zone, periods);
        Retention { calendar, recurring: self.recurring, or_after: self.or_after, groups }
    }
}

impl Workspace {
    /// Reads a question of retention from the pairs of an address or the command line.
    pub fn parse_retention(&self, pairs: &[(String, String)]) -> Result<RetentionRequest> {
        let words = Words(pairs);
        words.only(&[RETENTION, SCOPE].concat())?;
        RetentionRequest::read(words, &self.zone())
    }

    /// Periods from the first to the last one that is asked for; what is not said comes from the events.
    pub(super) fn event_periods(&self, scope: &Scope, grain: Grain) -> Result<Vec<Period>> {
        let zone = self.zone();
        let seen = self.events().span()?;
        let day = |at: i64| zone.date_of(at);
        let Some(first) = scope.first.or(seen.map(|(first, _)| day(first))) else { return Ok(Vec::new()) };
        let last = match (scope.end, seen) {
            (Some(end), _) => end.checked_sub(1.day()).unwrap_or(end),
            (None, Some((_, last))) => day(last),
            (None, None) => return Ok(Vec::new()),
        };
        if last < first {
            return Ok(Vec::new());
        }
        let end = last.checked_add(1.day()).unwrap_or(last);
        let periods = Period::range(first, end, grain, zone.week_start());
        if periods.len() > MOST_PERIODS {
            let message = format!("{} periods; at most {MOST_PERIODS} are told apart", periods.len());
            return Err(Error::invalid("too_many_periods", message)
                .mend("ask for a shorter time or a longer grain")
                .param("from"));
        }
        Ok(periods)
    }

    /// Who comes back.
    pub async fn retention(&self, request: &RetentionRequest) -> Result<RetentionAnswer> {
        let as_of = instant(self.now().as_microsecond());
        let periods = self.event_periods(&request.scope, request.grain)?;
        let asked = self.asked(request.conditions(), &request.scope).await?;
        let kernel = request.kernel(&self.zone(), &periods, asked.groups());
        let sum = self.answer(&asked, kernel.clone()).await?;
        let counts = kernel.counts(&sum);
        let mut cohorts = Vec::new();
        for (group, value) in (0u32..).zip(&asked.texts) {
            for (at, period) in periods.iter().enumerate() {
                let size = counts.size(group, at);
                if size > 0 {
                    cohorts.push(CohortRow {
                        cohort: period.label(),
                        value: value.clone(),
                        size,
                        people: counts.people(group, at).to_vec(),
                    });
                }
            }
        }
        Ok(RetentionAnswer { cohorts, as_of })
    }
}
