//! How people live with the product: stages of life, days of use, ways through it, use by customer.

use super::ask::{EVENT, SCOPE, Scope, Words, step};
use crate::app::cells::instant;
use crate::app::query::PeriodInfo;
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::active::Active;
use burgeon_core::behaviour::calendar::Calendar;
use burgeon_core::behaviour::lifecycle::{Lifecycle, Stage};
use burgeon_core::behaviour::paths::{Direction, LONGEST, Paths};
use burgeon_core::behaviour::step::{ANY_EVENT, Step};
use burgeon_core::behaviour::stickiness::Stickiness;
use burgeon_core::behaviour::usage::Usage;
use burgeon_core::time::{Grain, Period, Zone};
use burgeon_engine::events::Breakdown;
use burgeon_engine::plan::groups::{GroupBy, Groups};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

/// Customers that are told apart by their use.
const MOST_CUSTOMERS: usize = 1 << 20;
/// Nodes of paths that are told apart.
const MOST_NODES: u32 = 60_000;
/// Days that are looked at when nothing is said.
const USUAL_DAYS: i64 = 30;

/// Who counts as active: the meaning `active`, another one, or a step.
#[derive(Debug, Clone)]
pub struct ActiveRule {
    /// Steps of which any counts.
    pub steps: Vec<Step>,
    /// How often.
    pub active: Active,
}

/// Stages of life by period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LifecycleAnswer {
    /// Periods, in order.
    pub periods: Vec<PeriodInfo>,
    /// new, returning, resurrecting and dormant.
    pub series: Vec<StageSeries>,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
}

/// People in one stage.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StageSeries {
    /// new, returning, resurrecting or dormant.
    pub state: String,
    /// People in each period.
    pub values: Vec<i64>,
}

/// On how many days of a span people are active.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StickinessAnswer {
    /// From 1 day to all of them.
    pub days: Vec<DayCount>,
    /// Days of the span.
    pub span: usize,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
}

/// People who are active on so many days.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DayCount {
    /// Days.
    pub days: usize,
    /// People.
    pub people: i64,
}

/// Ways through the product.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PathsAnswer {
    /// Most people first.
    pub paths: Vec<PathCount>,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
}

/// A way that people took.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PathCount {
    /// Events (or pages), in order of time.
    pub events: Vec<String>,
    /// People.
    pub people: i64,
    /// Visits.
    pub visits: i64,
}

/// Use by customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsageAnswer {
    /// Most use first; those that fell most first when a fall is asked for.
    pub customers: Vec<CustomerUsage>,
    /// How many there are in all.
    pub total: usize,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
}

/// The use of one customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CustomerUsage {
    /// Identifier.
    pub customer_id: String,
    /// Name.
    pub name: Option<String>,
    /// Events in the span.
    pub now: i64,
    /// Events in the span before, as long.
    pub before: i64,
    /// Their change as a fraction; none when there were none.
    pub change: Option<f64>,
}

/// A question of lifecycle or stickiness.
#[derive(Debug, Clone)]
pub struct LifeRequest {
    /// Who counts as active.
    pub rule: ActiveRule,
    /// Length of a period.
    pub grain: Grain,
    /// When and among whom.
    pub scope: Scope,
}

/// A question of paths.
#[derive(Debug, Clone)]
pub struct PathsRequest {
    /// The step that paths begin or end with.
    pub anchor: Step,
    /// Whether they begin or end with it.
    pub direction: Direction,
    /// Nodes at most.
    pub steps: usize,
    /// The dimension whose values are the nodes: the event's name unless said otherwise.
    pub node: String,
    /// When and among whom.
    pub scope: Scope,
}

/// A question of use by customer.
#[derive(Debug, Clone)]
pub struct UsageRequest {
    /// What counts as use.
    pub event: Step,
    /// Only customers whose use fell by this share.
    pub fell: Option<f64>,
    /// Only customers with at least so many events in the span before, when a fall is asked for.
    pub at_least: i64,
    /// Most customers.
    pub limit: usize,
    /// When and among whom.
    pub scope: Scope,
}

const GRAINS: &[(&str, Grain)] = &[("week", Grain::Week), ("day", Grain::Day), ("month", Grain::Month)];

impl Workspace {
    /// Who counts as active by `meaning` or `event`; the meaning `active` when neither is named.
    pub(super) fn active_rule(&self, words: Words<'_>) -> Result<ActiveRule> {
        let events = words.all("event");
        if !events.is_empty() {
            let steps = events.into_iter().map(|text| step(text, "event")).collect::<Result<_>>()?;
            return Ok(ActiveRule { steps, active: Active::ONCE });
        }
        let meaning = self.meaning(words.get("meaning").unwrap_or("active"))?;
        Ok(ActiveRule { steps: meaning.steps, active: meaning.active })
    }

    /// Reads a question of lifecycle or stickiness.
    pub fn parse_life(&self, pairs: &[(String, String)]) -> Result<LifeRequest> {
        let words = Words(pairs);
        words.only(&[&["meaning", "event", "grain"], SCOPE].concat())?;
        self.read_life(words)
    }

    pub(super) fn read_life(&self, words: Words<'_>) -> Result<LifeRequest> {
        Ok(LifeRequest {
            rule: self.active_rule(words)?,
            grain: words.choice("grain", GRAINS)?,
            scope: Scope::read(words, &self.zone())?,
        })
    }

    /// The kernel of a lifecycle and the periods that are shown; the calendar has one more before them.
    pub(super) fn lifecycle_kernel(&self, request: &LifeRequest) -> Result<(Lifecycle, Vec<Period>)> {
        let periods = self.event_periods(&self.usual(&request.scope, 12, request.grain), request.grain)?;
        let mut all: Vec<Period> = periods.first().map(Period::previous).into_iter().collect();
        all.extend(periods.iter().copied());
        let calendar = Calendar::periods(&self.zone(), &all);
        Ok((Lifecycle { calendar, active: request.rule.active, groups: 1 }, periods))
    }

    /// Stages of life by period.
    pub async fn lifecycle(&self, request: &LifeRequest) -> Result<LifecycleAnswer> {
        let as_of = instant(self.now().as_microsecond());
        let (kernel, periods) = self.lifecycle_kernel(request)?;
        let asked = self.asked(vec![request.rule.steps.clone()], &undivided(&request.scope)).await?;
        let sum = self.answer(&asked, kernel.clone()).await?;
        let series = Stage::ALL.map(|stage| {
            let counts = kernel.counts(&sum, 0, stage);
            StageSeries { state: stage.as_str().to_owned(), values: counts.iter().skip(1).copied().collect() }
        });
        let (now, zone) = (self.now(), self.zone());
        let periods = periods.iter().map(|period| period_info(period, now, &zone)).collect();
        Ok(LifecycleAnswer { periods, series: series.into(), as_of })
    }

    /// The kernel of stickiness: the days of the week or month that ends with the span asked for.
    pub(super) fn stickiness_kernel(&self, request: &LifeRequest) -> (Stickiness, usize) {
        let zone = self.zone();
        let today = zone.date_of(self.now().as_microsecond());
        let span = if request.grain == Grain::Month { 30 } else { 7 };
        let end = request.scope.end.unwrap_or_else(|| today.tomorrow().unwrap_or(today));
        let first = end.checked_sub((span as i64).days()).unwrap_or(end);
        let days = Calendar::days(&zone, first, end.yesterday().unwrap_or(end));
        let (start, end) = days.range();
        (Stickiness::new(days, Calendar::span(start, end), request.rule.active, 1), span)
    }

    /// On how many days people are active.
    pub async fn stickiness(&self, request: &LifeRequest) -> Result<StickinessAnswer> {
        let as_of = instant(self.now().as_microsecond());
        let (kernel, span) = self.stickiness_kernel(request);
        let asked = self.asked(vec![request.rule.steps.clone()], &undivided(&request.scope)).await?;
        let sum = self.answer(&asked, kernel.clone()).await?;
        let counts = kernel.counts(&sum, 0, 0);
        let days = (1..=span)
            .map(|days| DayCount { days, people: counts.get(days - 1).copied().unwrap_or(0) })
            .collect();
        Ok(StickinessAnswer { days, span, as_of })
    }

    /// Reads a question of paths.
    pub fn parse_paths(&self, pairs: &[(String, String)]) -> Result<PathsRequest> {
        let words = Words(pairs);
        words.only(&[&["start", "end", "steps"], SCOPE].concat())?;
        self.read_paths(words)
    }

    pub(super) fn read_paths(&self, words: Words<'_>) -> Result<PathsRequest> {
        let (anchor, direction) = match (words.get("start"), words.get("end")) {
            (Some(_), Some(_)) => {
                return Err(
                    Error::invalid("bad_parameters", "`start` and `end` exclude each other").param("end")
                );
            }
            (None, Some(text)) => (step(text, "end")?, Direction::Before),
            (text, None) => (step(text.unwrap_or(ANY_EVENT), "start")?, Direction::After),
        };
        let mut scope = Scope::read(words, &self.zone())?;
        Ok(PathsRequest {
            anchor,
            direction,
            steps: words.number("steps", 5, 1, LONGEST)?,
            node: scope.by.take().unwrap_or_else(|| EVENT.to_owned()),
            scope,
        })
    }

    /// The kernel of paths, its conditions and its nodes.
    pub(super) async fn paths_kernel(
        &self,
        request: &PathsRequest,
    ) -> Result<(Paths, super::ask::Asked, Vec<Option<String>>)> {
        let conditions = vec![vec![request.anchor.clone()], vec![Step::named(ANY_EVENT)]];
        let mut asked = self.asked(conditions, &request.scope).await?;
        let (by, nodes) = if request.node == EVENT {
            (Breakdown::Dimension(EVENT.to_owned()), self.event_texts(EVENT)?)
        } else {
            let by = GroupBy::Event(request.node.clone());
            let Groups { by, texts, .. } = self.engine().event_groups(&by, MOST_NODES as usize).await?;
            (by, texts)
        };
        asked.question.by = by;
        let kernel = Paths {
            direction: request.direction,
            steps: request.steps,
            gap_us: i64::from(self.settings().session_minutes) * 60_000_000,
            span: request.scope.span(&self.zone()),
            groups: MOST_NODES,
        };
        Ok((kernel, asked, nodes))
    }

    /// Ways that people took.
    pub async fn paths(&self, request: &PathsRequest) -> Result<PathsAnswer> {
        let as_of = instant(self.now().as_microsecond());
        let (kernel, asked, nodes) = self.paths_kernel(request).await?;
        let sum = self.answer(&asked, kernel).await?;
        let name = |node: &u32| nodes.get(*node as usize).cloned().flatten().unwrap_or_default();
        let paths = sum.top(200).into_iter().map(|(path, count)| PathCount {
            events: path.iter().map(name).collect(),
            people: count.people,
            visits: count.sessions,
        });
        Ok(PathsAnswer { paths: paths.collect(), as_of })
    }

    /// Reads a question of use by customer.
    pub fn parse_usage(&self, pairs: &[(String, String)]) -> Result<UsageRequest> {
        let words = Words(pairs);
        words.only(&[&["event", "fell", "at_least", "limit"], SCOPE].concat())?;
        let mut scope = Scope::read(words, &self.zone())?;
        if let Some(by) = scope.by.take().filter(|by| by != "customer") {
            return Err(
                Error::invalid("bad_value", format!("use is told by `customer`, not by {by:?}")).param("by")
            );
        }
        let fell = match words.get("fell") {
            None => None,
            Some(text) => {
                let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
                Some(share.ok_or_else(|| {
                    Error::invalid("bad_number", format!("`fell` is {text:?}; write a share such as 0.5"))
                        .param("fell")
                })?)
            }
        };
        Ok(UsageRequest {
            event: step(words.get("event").unwrap_or(ANY_EVENT), "event")?,
            fell: fell.filter(|share| *share > 0.0),
            at_least: i64::try_from(words.number("at_least", 10, 0, 1_000_000_000)?).unwrap_or(i64::MAX),
            limit: words.number("limit", 100, 1, 10_000)?,
            scope,
        })
    }

    /// Use by customer, now and in the span before.
    pub async fn usage(&self, request: &UsageRequest) -> Result<UsageAnswer> {
        let as_of = instant(self.now().as_microsecond());
        let (first, end) = self.days_of(&request.scope);
        let length = i64::from(burgeon_core::time::days_between(first, end));
        let before = first.checked_sub(length.days()).unwrap_or(first);
        let zone = self.zone();
        let calendar = Calendar::new([before, first, end].iter().map(|date| zone.start_of(*date)).collect());
        let by = GroupBy::Customer("customer".to_owned());
        let Groups { by, texts, .. } = self.engine().event_groups(&by, MOST_CUSTOMERS).await?;
        let mut asked = self.asked(vec![vec![request.event.clone()]], &request.scope).await?;
        asked.question.by = by;
        let kernel = Usage { calendar, groups: u32::try_from(texts.len()).unwrap_or(u32::MAX).max(1) };
        let sum = self.answer(&asked, kernel.clone()).await?;
        let index = self.customer_index().await?;
        let mut customers = Vec::new();
        for (group, text) in (0u32..).zip(&texts) {
            let Some(customer_id) = text else { continue };
            let (before, now) = (kernel.rows(&sum, group, 0), kernel.rows(&sum, group, 1));
            if before + now == 0 {
                continue;
            }
            let change = (before > 0).then(|| now as f64 / before as f64 - 1.0);
            let fell = match request.fell {
                None => true,
                Some(share) => before >= request.at_least && change.is_some_and(|change| change <= -share),
            };
            if fell {
                let found = index.customers.find(customer_id);
                let name = found.and_then(|place| index.customers.get(place).name);
                customers.push(CustomerUsage { customer_id: customer_id.clone(), name, now, before, change });
            }
        }
        let fall = |usage: &CustomerUsage| usage.change.unwrap_or(f64::INFINITY);
        customers.sort_by(|left, right| {
            let order = match request.fell {
                Some(_) => fall(left).total_cmp(&fall(right)),
                None => right.now.cmp(&left.now),
            };
            order.then(right.before.cmp(&left.before)).then_with(|| left.customer_id.cmp(&right.customer_id))
        });
        let total = customers.len();
        customers.truncate(request.limit);
        Ok(UsageAnswer { customers, total, as_of })
    }

    /// First date and first date after the end; the last 30 days when nothing is said.
    pub(super) fn days_of(&self, scope: &Scope) -> (Date, Date) {
        let today = self.zone().date_of(self.now().as_microsecond());
        let end = scope.end.unwrap_or_else(|| today.tomorrow().unwrap_or(today));
        let first = scope.first.unwrap_or_else(|| end.checked_sub(USUAL_DAYS.days()).unwrap_or(end));
        (first.min(end), end)
    }

    /// The scope with an end and a beginning so many periods before it.
    fn usual(&self, scope: &Scope, periods: i32, grain: Grain) -> Scope {
        let today = self.zone().date_of(self.now().as_microsecond());
        let end = scope.end.unwrap_or_else(|| today.tomorrow().unwrap_or(today));
        let last = Period::containing(end.yesterday().unwrap_or(end), grain, self.zone().week_start());
        let first = scope.first.unwrap_or_else(|| last.shift(1 - periods).start);
        Scope { first: Some(first), end: Some(end), ..scope.clone() }
    }
}

/// The scope without its breakdown.
fn undivided(scope: &Scope) -> Scope {
    Scope { by: None, ..scope.clone() }
}

/// A period as answers show it.
pub(super) fn period_info(period: &Period, now: jiff::Timestamp, zone: &Zone) -> PeriodInfo {
    PeriodInfo {
        label: period.label(),
        start: period.start.to_string(),
        end: period.end.to_string(),
        complete: period.is_complete(now, zone),
    }
}
