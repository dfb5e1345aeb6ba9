//! How far persons get in a series of steps.

use super::ask::{SCOPE, Scope, Words, duration, step};
use super::numbers::exact_f64;
use crate::app::cells::instant;
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::funnel::{Funnel, MOST_STEPS, Order, Times, Touch};
use burgeon_core::behaviour::step::Step;
use serde::Serialize;
use utoipa::ToSchema;

/// A funnel as it is asked for.
#[derive(Debug, Clone)]
pub struct FunnelRequest {
    /// Steps, as they were written.
    pub steps: Vec<String>,
    /// The same, read.
    pub read: Vec<Step>,
    /// Events that end a chain.
    pub exclude: Vec<Step>,
    /// How long after step 1 a person may take, µs.
    pub within_us: i64,
    /// How steps must follow each other.
    pub order: Order,
    /// From where the seconds to a step are counted.
    pub times: Times,
    /// When step 1 must lie, among whom, and by what.
    pub scope: Scope,
}

/// How long a person may take when nothing is said: two weeks.
const WITHIN: &str = "14d";

/// The answer to a funnel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelAnswer {
    /// The steps, in order.
    pub steps: Vec<FunnelStep>,
    /// One for each value of the breakdown, most people first; a single one without a breakdown.
    pub groups: Vec<FunnelGroup>,
    /// Moment that the figures are of, RFC 3339: merged identities and late events change the past.
    pub as_of: String,
}

/// A step of a funnel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelStep {
    /// The step as text.
    pub step: String,
}

/// The people of one group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelGroup {
    /// The value; none for people without one, and without a breakdown.
    pub value: Option<String>,
    /// People who reached each step.
    pub people: Vec<i64>,
    /// Median of the seconds from step 1 (or the step before, as asked) to each step; none for step 1 and where nobody
    /// got there.
    pub median_seconds: Vec<Option<f64>>,
    /// The same of the earlier span.
    pub previous: Option<FunnelPrevious>,
}

/// The people of the span that is compared with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelPrevious {
    /// People who reached each step.
    pub people: Vec<i64>,
}

/// The names of the parameters of a funnel.
pub const FUNNEL: &[&str] = &["step", "within", "order", "exclude", "times"];

impl FunnelRequest {
    /// Reads the parameters of [`FUNNEL`] and [`SCOPE`]; others are not looked at.
    pub fn read(words: Words<'_>, zone: &burgeon_core::time::Zone) -> Result<Self> {
        let steps: Vec<String> = words.all("step").into_iter().map(str::to_owned).collect();
        if steps.is_empty() {
            return Err(
                Error::invalid("missing_parameter", "a funnel needs a step, such as page_view").param("step")
            );
        }
        let exclude =
            words.all("exclude").into_iter().map(|text| step(text, "exclude")).collect::<Result<Vec<_>>>()?;
        let most = MOST_STEPS - usize::from(!exclude.is_empty());
        if steps.len() > most {
            let message = format!("{} steps; a funnel has at most {most}", steps.len());
            return Err(Error::invalid("too_many_steps", message).param("step"));
        }
        let read = steps.iter().map(|text| step(text, "step")).collect::<Result<Vec<_>>>()?;
        let choices = [("ordered", Order::Ordered), ("strict", Order::Strict), ("any", Order::Any)];
        Ok(Self {
            read,
            steps,
            exclude,
            within_us: duration(words.get("within").unwrap_or(WITHIN), "within")?,
            order: words.choice("order", &choices)?,
            times: words
                .choice("times", &[("first", Times::SinceFirst), ("previous", Times::SincePrevious)])?,
            scope: Scope::read(words, zone)?,
        })
    }

    /// Conditions in the order of the kernel's bits: the steps, then what ends a chain.
    pub(super) fn conditions(&self) -> Vec<Vec<Step>> {
        let mut conditions: Vec<Vec<Step>> = self.read.iter().map(|step| vec![step.clone()]).collect();
        if !self.exclude.is_empty() {
            conditions.push(self.exclude.clone());
        }
        conditions
    }

    /// The kernel for a span of step 1.
    pub(super) fn kernel(&self, groups: u32, span: Option<(i64, i64)>) -> Funnel {
        Funnel {
            order: self.order,
            exclusions: if self.exclude.is_empty() { 0 } else { 1 << self.read.len() },
            span,
            groups,
            touch: Touch::First,
            times: self.times,
            ..Funnel::new(self.read.len(), self.within_us)
        }
    }
}

impl Workspace {
    /// Reads a funnel from the pairs of an address or the command line.
    pub fn parse_funnel(&self, pairs: &[(String, String)]) -> Result<FunnelRequest> {
        let words = Words(pairs);
        words.only(&[FUNNEL, SCOPE].concat())?;
        FunnelRequest::read(words, &self.zone())
    }

    /// How far people get.
    pub async fn funnel(&self, request: &FunnelRequest) -> Result<FunnelAnswer> {
        let zone = self.zone();
        let as_of = instant(self.now().as_microsecond());
        let asked = self.asked(request.conditions(), &request.scope).await?;
        let kernel = request.kernel(asked.groups(), request.scope.span(&zone));
        let sum = self.answer(&asked, kernel.clone()).await?;
        let earlier = match request.scope.earlier_span(&zone) {
            None => None,
            Some(span) => {
                let kernel = request.kernel(asked.groups(), Some(span));
                let sum = self.answer(&asked, kernel.clone()).await?;
                Some((kernel, sum))
            }
        };
        let mut groups = Vec::new();
        for (group, value) in (0u32..).zip(&asked.texts) {
            let people = kernel.people(&sum, group, 0);
            let previous =
                earlier.as_ref().map(|(kernel, sum)| FunnelPrevious { people: kernel.people(sum, group, 0) });
            let nobody = people.first() == Some(&0)
                && previous.as_ref().is_none_or(|previous| previous.people.first() == Some(&0));
            if nobody && request.scope.by.is_some() {
                continue;
            }
            let median = |step| kernel.median_seconds(&sum, group, 0, step).map(|median| exact_f64(&median));
            let median_seconds = (0..people.len()).map(median).collect();
            groups.push(FunnelGroup { value: value.clone(), people, median_seconds, previous });
        }
        groups
            .sort_by(|left, right| right.people.cmp(&left.people).then_with(|| left.value.cmp(&right.value)));
        let steps = request.steps.iter().map(|step| FunnelStep { step: step.clone() }).collect();
        Ok(FunnelAnswer { steps, groups, as_of })
    }
}
