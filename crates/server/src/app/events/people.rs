//! The people behind a figure.

use super::ask::{Asked, SCOPE, Scope, Words};
use super::funnel::{FUNNEL, FunnelRequest};
use super::retention::{RETENTION, RetentionRequest};
use super::seen::called;
use crate::app::cells::instant;
use crate::app::workspace::blocking;
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::Kernel;
use burgeon_core::behaviour::bag::Bag;
use burgeon_core::behaviour::funnel::FunnelPeople;
use burgeon_core::behaviour::lifecycle::{InStage, Stage};
use burgeon_core::behaviour::members::{Members, Select};
use burgeon_core::behaviour::paths::PathPeople;
use burgeon_core::behaviour::retention::RetentionPeople;
use burgeon_core::behaviour::rolling::ActiveBetween;
use burgeon_core::behaviour::stickiness::ActiveDays;
use burgeon_core::behaviour::usage::UsedBetween;
use burgeon_core::text::did_you_mean;
use burgeon_core::time::Period;
use burgeon_engine::events::Question;
use burgeon_metrics::Catalog;
use burgeon_metrics::plan::plan;
use burgeon_metrics::query::{Compare, Query, QueryError, QueryFilter};
use serde::Serialize;
use std::fmt::Debug;
use std::sync::Arc;
use utoipa::ToSchema;

/// How long ago counts as now on the live page, µs.
pub(super) const LIVE_US: i64 = 5 * 60 * 1_000_000;

/// People, those last seen first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeopleAnswer {
    /// A part of them.
    pub people: Vec<PersonHead>,
    /// How many there are in all.
    pub total: usize,
}

/// A person in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PersonHead {
    /// Main identifier.
    pub person_id: String,
    /// Name.
    pub name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Customer that the person belongs to.
    pub customer_id: Option<String>,
    /// Name of that customer.
    pub customer_name: Option<String>,
    /// Country of the newest event that has one.
    pub country: Option<String>,
    /// Channel of the first event that has one.
    pub channel: Option<String>,
    /// Device of the newest event that has one.
    pub device: Option<String>,
    /// Time of the first event, RFC 3339.
    pub first_at: Option<String>,
    /// Time of the newest event, RFC 3339.
    pub last_at: Option<String>,
    /// Events.
    pub events: usize,
}

/// Which people.
#[derive(Debug, Clone)]
pub struct PeopleRequest {
    of: Of,
    group: GroupWanted,
    limit: usize,
    offset: usize,
}

#[derive(Debug, Clone)]
enum Of {
    Funnel {
        request: FunnelRequest,
        step: usize,
        dropped: bool,
    },
    Retention {
        request: RetentionRequest,
        cohort: String,
        period: Option<usize>,
        missing: bool,
    },
    Paths {
        request: super::life::PathsRequest,
        path: Vec<String>,
    },
    Lifecycle {
        request: super::life::LifeRequest,
        period: String,
        stage: Stage,
    },
    Stickiness {
        request: super::life::LifeRequest,
        days: usize,
    },
    Live {
        product: bool,
        path: Option<String>,
        scope: Scope,
    },
    /// Whoever a metric counts, or whose rows it adds up.
    Metric {
        metric: String,
        period: Period,
        scope: Scope,
    },
    /// Whoever took one of the steps in the span, so often.
    Did {
        rule: super::life::ActiveRule,
        span: (i64, i64),
        scope: Scope,
    },
}

/// The group of a breakdown.
#[derive(Debug, Clone)]
enum GroupWanted {
    Any,
    Without,
    Value(String),
}

/// The kinds of figures that people are asked of.
const KINDS: &[&str] = &[
    "funnel",
    "retention",
    "actives",
    "event",
    "meaning",
    "metric",
    "paths",
    "lifecycle",
    "stickiness",
    "live",
];

impl GroupWanted {
    fn index(&self, asked: &Asked) -> Result<Option<u32>> {
        let wanted = match self {
            Self::Any => return Ok(None),
            Self::Without => None,
            Self::Value(value) => Some(value),
        };
        let found = asked.texts.iter().position(|text| text.as_ref() == wanted);
        match found.and_then(|place| u32::try_from(place).ok()) {
            Some(group) => Ok(Some(group)),
            None => {
                Err(Error::not_found("unknown_group", "nobody is in a group of that value").param("value"))
            }
        }
    }
}

/// The first metric under one, in the order of its formula, that reads a fact with persons.
fn person_leaf(catalog: &Catalog, name: &str) -> Option<String> {
    let metric = catalog.metric(name)?;
    match metric.kind.fact() {
        Some(fact) => catalog.fact(fact)?.column("person_id").map(|_| name.to_owned()),
        None => metric.kind.parts().into_iter().find_map(|part| person_leaf(catalog, part)),
    }
}

impl Workspace {
    /// Reads which people are asked for.
    pub fn parse_people(&self, pairs: &[(String, String)]) -> Result<PeopleRequest> {
        let words = Words(pairs);
        let own = [
            "of", "at", "dropped", "cohort", "period", "missing", "path", "state", "days", "on", "metric",
            "meaning", "event", "value", "none", "limit", "offset", "start", "end", "steps",
        ];
        words.only(&[&own[..], FUNNEL, RETENTION, SCOPE].concat())?;
        let zone = self.zone();
        let of = match words.need("of")? {
            "funnel" => {
                let request = FunnelRequest::read(words, &zone)?;
                let step = words.number("at", 1, 1, request.read.len())? - 1;
                let dropped = words.flag("dropped")?;
                if dropped && step == 0 {
                    return Err(Error::invalid("bad_value", "nobody is lost before step 1").param("at"));
                }
                Of::Funnel { request, step, dropped }
            }
            "retention" => Of::Retention {
                request: RetentionRequest::read(words, &zone)?,
                cohort: words.need("cohort")?.to_owned(),
                period: words.get("period").map(|_| words.number("period", 0, 0, 10_000)).transpose()?,
                missing: words.flag("missing")?,
            },
            "paths" => {
                let path: Vec<String> = words.all("path").into_iter().map(str::to_owned).collect();
                if path.is_empty() {
                    return Err(Error::invalid("missing_parameter", "`path` names no event").param("path"));
                }
                Of::Paths { request: self.read_paths(words)?, path }
            }
            "lifecycle" => {
                let state = words.need("state")?;
                let stage =
                    Stage::ALL.into_iter().find(|stage| stage.as_str() == state).ok_or_else(|| {
                        let message =
                            format!("`state` is {state:?}; it is new, returning, resurrecting or dormant");
                        Error::invalid("bad_value", message).param("state")
                    })?;
                Of::Lifecycle {
                    request: self.read_life(words)?,
                    period: words.need("period")?.to_owned(),
                    stage,
                }
            }
            "stickiness" => {
                Of::Stickiness { request: self.read_life(words)?, days: words.number("days", 1, 1, 31)? }
            }
            "live" => Of::Live {
                product: words.choice("on", &[("site", false), ("product", true)])?,
                path: words.get("path").map(str::to_owned),
                scope: Scope::read(words, &zone)?,
            },
            "metric" => self.read_metric(words)?,
            "actives" | "meaning" | "event" => self.read_did(words)?,
            other => {
                let near = did_you_mean(other, KINDS.iter().copied());
                let message = format!("`of` is {other:?}{near}; it is one of {}", KINDS.join(", "));
                return Err(Error::invalid("bad_value", message).param("of"));
            }
        };
        let group = match (words.get("value"), words.flag("none")?) {
            (_, true) => GroupWanted::Without,
            (Some(value), false) => GroupWanted::Value(value.to_owned()),
            (None, false) => GroupWanted::Any,
        };
        Ok(PeopleRequest {
            of,
            group,
            limit: words.number("limit", 50, 0, 1_000)?,
            offset: words.number("offset", 0, 0, usize::MAX)?,
        })
    }

    /// Whoever a metric counts in a period, or in all dates asked for.
    fn read_metric(&self, words: Words<'_>) -> Result<Of> {
        let zone = self.zone();
        let scope = Scope::read(words, &zone)?;
        let period = match words.get("period") {
            Some(text) => Period::parse(text, &zone)
                .map_err(|error| Error::invalid("bad_period", error.to_string()).param("period"))?,
            None => {
                let (first, end) = self.days_of(&scope);
                Period::between(first, end)
            }
        };
        Ok(Of::Metric { metric: words.need("metric")?.to_owned(), period, scope })
    }

    /// Numbers of the people behind a metric, ascending: those whom its own fact counts. Of a quotient they are those above the
    /// line.
    async fn people_of_metric(
        &self,
        metric: &str,
        period: Period,
        scope: &Scope,
        group: &GroupWanted,
    ) -> Result<Vec<u32>> {
        let (catalog, context) = (self.catalog(), self.context().await?);
        catalog.get(metric).map_err(QueryError::from)?;
        let Some(leaf) = person_leaf(&catalog, metric) else {
            let message = format!("{metric} counts no people");
            return Err(Error::invalid("no_people", message)
                .mend("ask for its rows, or for another metric")
                .param("metric"));
        };
        // What the metric does not know is asked of the persons.
        let (mut filters, others): (Vec<QueryFilter>, Vec<QueryFilter>) = scope
            .filters
            .iter()
            .cloned()
            .partition(|filter| catalog.divisible(&leaf, &filter.dimension, &context.attributes));
        let value = match group {
            GroupWanted::Any => None,
            GroupWanted::Without => Some(String::new()),
            GroupWanted::Value(value) => Some(value.clone()),
        };
        if let Some(value) = value {
            let Some(by) = &scope.by else {
                return Err(Error::invalid("missing_parameter", "a group needs `by`").param("by"));
            };
            filters.push(QueryFilter { dimension: by.clone(), negated: false, values: vec![value] });
        }
        let among = Scope { filters: others, segment: scope.segment.clone(), ..Scope::default() };
        let asked = self.asked(vec![], &among).await?;
        if let Some(filter) = asked.question.filters.first() {
            let message = format!("{metric} has no dimension {:?}", filter.dimension);
            return Err(Error::invalid("unknown_dimension", message).param("where"));
        }
        let query = Query {
            metrics: vec![leaf],
            grain: period.grain,
            periods: vec![period],
            until: None,
            by: vec![],
            filters,
            compare: Compare::None,
            currency: context.currency,
            groups: burgeon_metrics::query::Groups::All,
        };
        let planned = plan(&catalog, &query, &context)?;
        let Some(request) = planned.bases.first() else { return Ok(Vec::new()) };
        let mut numbers = self.engine().people_behind(request).await?;
        if let Some(bits) = asked.question.persons {
            let has = |number: &u32| {
                bits.get(*number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
            };
            numbers.retain(has);
        }
        Ok(numbers)
    }

    /// Whoever did something in a span: an event or a meaning.
    fn read_did(&self, words: Words<'_>) -> Result<Of> {
        let zone = self.zone();
        let mut scope = Scope::read(words, &zone)?;
        let rule = self.active_rule(words)?;
        if let Some(text) = words.get("period") {
            let period = Period::parse(text, &zone)
                .map_err(|error| Error::invalid("bad_period", error.to_string()).param("period"))?;
            (scope.first, scope.end) = (Some(period.start), Some(period.end));
        }
        let (first, end) = self.days_of(&scope);
        let span = (zone.start_of(first), zone.start_of(end));
        Ok(Of::Did { rule, span, scope })
    }

    /// The people behind a figure, those last seen first.
    pub async fn people(&self, request: &PeopleRequest) -> Result<PeopleAnswer> {
        let zone = self.zone();
        let numbers = match &request.of {
            Of::Funnel { request: funnel, step, dropped } => {
                let asked = self.asked(funnel.conditions(), &funnel.scope).await?;
                let kernel = funnel.kernel(asked.groups(), funnel.scope.span(&zone));
                let group = request.group.index(&asked)?;
                let who =
                    FunnelPeople { funnel: kernel, step: *step, dropped: *dropped, group, cohort: None };
                self.members(&asked, who).await?
            }
            Of::Retention { request: retention, cohort, period, missing } => {
                let periods = self.event_periods(&retention.scope, retention.grain)?;
                let Some(place) = periods.iter().position(|period| period.label() == *cohort) else {
                    let message = format!("there is no cohort {cohort:?} in this table");
                    return Err(Error::not_found("unknown_cohort", message).param("cohort"));
                };
                let asked = self.asked(retention.conditions(), &retention.scope).await?;
                let kernel = retention.kernel(&zone, &periods, asked.groups());
                let group = request.group.index(&asked)?;
                let who = RetentionPeople {
                    retention: kernel,
                    cohort: place,
                    period: *period,
                    missing: *missing,
                    group,
                };
                self.members(&asked, who).await?
            }
            Of::Paths { request: paths, path } => {
                let (kernel, asked, names) = self.paths_kernel(paths).await?;
                let node = |name: &String| {
                    let place = names.iter().position(|text| text.as_ref() == Some(name));
                    place.and_then(|place| u32::try_from(place).ok())
                };
                match path.iter().map(node).collect::<Option<Vec<u32>>>() {
                    Some(nodes) => self.members(&asked, PathPeople { paths: kernel, nodes }).await?,
                    None => Vec::new(),
                }
            }
            Of::Lifecycle { request: life, period, stage } => {
                let (lifecycle, periods) = self.lifecycle_kernel(life)?;
                let Some(place) = periods.iter().position(|known| known.label() == *period) else {
                    let message = format!("{period:?} is not among the periods asked for");
                    return Err(Error::not_found("unknown_period", message).param("period"));
                };
                let scope = Scope { by: None, ..life.scope.clone() };
                let asked = self.asked(vec![life.rule.steps.clone()], &scope).await?;
                let who = InStage { lifecycle, span: place + 1, stage: *stage, group: None };
                self.members(&asked, who).await?
            }
            Of::Stickiness { request: life, days } => {
                let (stickiness, _) = self.stickiness_kernel(life);
                let scope = Scope { by: None, ..life.scope.clone() };
                let asked = self.asked(vec![life.rule.steps.clone()], &scope).await?;
                self.members(&asked, ActiveDays { stickiness, span: 0, days: *days, group: None }).await?
            }
            Of::Live { product, path, scope } => {
                let now = self.now().as_microsecond();
                let mut asked = self.live_question(*product, scope).await?;
                if let Some(path) = path {
                    asked.question.filters.push(super::ask::is("path", path));
                }
                self.members(&asked, UsedBetween { start: now - LIVE_US, end: i64::MAX, group: None }).await?
            }
            Of::Metric { metric, period, scope } => {
                self.people_of_metric(metric, *period, scope, &request.group).await?
            }
            Of::Did { rule, span, scope } => {
                let asked = self.asked(vec![rule.steps.clone()], scope).await?;
                let group = request.group.index(&asked)?;
                let who = ActiveBetween { start: span.0, end: span.1, active: rule.active, group };
                self.members(&asked, who).await?
            }
        };
        let total = numbers.len();
        let seen = self.last_seen(self.bits_of(&numbers)).await?;
        let page = seen.into_iter().skip(request.offset).take(request.limit).map(|(_, person)| person);
        Ok(PeopleAnswer { people: self.heads(page.collect()).await?, total })
    }

    /// The numbers of those whom `who` chooses, ascending.
    pub(super) async fn members<S>(&self, asked: &Asked, who: S) -> Result<Vec<u32>>
    where
        S: Select + Debug + Send + 'static,
        Members<S>: Kernel<Partial = Bag>,
    {
        Ok(self.answer(asked, Members(who)).await?.sorted())
    }

    /// Bits for these numbers.
    pub(super) fn bits_of(&self, numbers: &[u32]) -> Arc<[u64]> {
        let words = numbers.last().map_or(0, |last| *last as usize / 64 + 1);
        let mut bits = vec![0u64; words];
        for number in numbers {
            bits[*number as usize / 64] |= 1 << (number % 64);
        }
        bits.into()
    }

    /// Time of the newest event of each of these people, newest first.
    pub(super) async fn last_seen(&self, persons: Arc<[u64]>) -> Result<Vec<(i64, u32)>> {
        let question = Question { persons: Some(persons), ..Question::default() };
        let store = self.events();
        let states = store.fold(question, Vec::new, |seen: &mut Vec<(i64, u32)>, rows| {
            for (person, from, to) in rows.histories() {
                if to > from {
                    seen.push((rows.at[to - 1], person));
                }
            }
        });
        let mut seen: Vec<(i64, u32)> = states.await?.into_iter().flatten().collect();
        seen.sort_unstable_by(|left, right| right.cmp(left));
        Ok(seen)
    }

    /// What lists show of people, in the order of their numbers here.
    pub(super) async fn heads(&self, numbers: Vec<u32>) -> Result<Vec<PersonHead>> {
        let index = self.customer_index().await?;
        let store = self.events();
        let people = store.people(numbers).await?;
        let lake = self.lake().clone();
        blocking(move || {
            let snapshot = store.snapshot();
            let dimensions = snapshot.dimensions();
            let place = |name: &str| dimensions.iter().position(|dimension| dimension == name);
            let (country, channel, device) = (place("country"), place("channel"), place("device"));
            let identifiers = people.iter().flat_map(|person| &person.identifiers);
            let called = called(&lake, identifiers.map(|identifier| identifier.id.as_str()))?;
            let mut heads = Vec::with_capacity(people.len());
            for person in people {
                let rows =
                    snapshot.person_rows(person.number).map_err(burgeon_engine::lake::LakeError::from)?;
                let value = |row: &burgeon_engine::events::PersonRow, place: Option<usize>| {
                    place.and_then(|place| row.dims.get(place).cloned().flatten())
                };
                // The first identifier that has it, says it.
                let theirs = || person.identifiers.iter().filter_map(|identifier| called.get(&identifier.id));
                let name = theirs().find_map(|called| called.name.clone());
                let email = theirs().find_map(|called| called.email.clone());
                let customer = person.customer_id.as_ref().and_then(|id| {
                    let found = index.customers.find(id)?;
                    index.customers.get(found).name
                });
                heads.push(PersonHead {
                    person_id: person.person_id,
                    name,
                    email,
                    customer_id: person.customer_id,
                    customer_name: customer,
                    country: rows.iter().rev().find_map(|row| value(row, country)),
                    channel: rows.iter().find_map(|row| value(row, channel)),
                    device: rows.iter().rev().find_map(|row| value(row, device)),
                    first_at: rows.first().map(|row| instant(row.at)),
                    last_at: rows.last().map(|row| instant(row.at)),
                    events: rows.len(),
                });
            }
            Ok(heads)
        })
        .await
    }
}
