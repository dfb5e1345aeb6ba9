//! A question: which metrics, over which time, divided and filtered how. Read from CLI words and from HTTP
//! parameters in this one place.

use burgeon_core::currency::Currency;
use burgeon_core::settings::Settings;
use burgeon_core::text::did_you_mean;
use burgeon_core::time::{Grain, Period, Zone};
use jiff::Timestamp;
use jiff::civil::Date;
use std::sync::Arc;

use crate::base::Among;
use crate::catalog::{Catalog, UnknownMetric};

/// What a query is asked in.
#[derive(Debug, Clone)]
pub struct Context {
    /// Time zone and first day of the week.
    pub zone: Zone,
    /// The present moment.
    pub now: Timestamp,
    /// The workspace's currency, for queries that name none.
    pub currency: Currency,
    /// Settings, for `setting(name)` in formulas.
    pub settings: Settings,
    /// Known keys of the customers' attributes, which are dimensions too.
    pub attributes: Vec<String>,
    /// The persons that conditions of the query are about ([`QueryFilter::is_of_people`]), found before it is planned: those of
    /// the condition as if it were not negated.
    pub among: Vec<(QueryFilter, Arc<Among>)>,
}

/// A question, checked against the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Names of metrics, at least one, each once.
    pub metrics: Vec<String>,
    /// Length of a period.
    pub grain: Grain,
    /// The periods, contiguous and ascending, at least one.
    pub periods: Vec<Period>,
    /// Rows on or after this date do not count (`--at`: the day after).
    pub until: Option<Date>,
    /// Names of dimensions to divide by.
    pub by: Vec<String>,
    /// Conditions, all of which must hold.
    pub filters: Vec<QueryFilter>,
    /// Earlier periods beside.
    pub compare: Compare,
    /// Display currency.
    pub currency: Currency,
    /// Which groups are shown.
    pub groups: Groups,
}

/// Which of many groups an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Groups {
    /// All of them.
    #[default]
    All,
    /// At most this many, the largest by the first metric over all periods; the rest together as "other" where a metric adds up.
    Limit(usize),
    /// This many, the largest by the first metric in the last period, largest first; the rest is left out and counted.
    Top(usize),
}

/// A condition on a dimension by name. The empty text stands for a missing value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFilter {
    /// Name of the dimension.
    pub dimension: String,
    /// `false`: one of the values; `true`: none of them.
    pub negated: bool,
    /// At least one value.
    pub values: Vec<String>,
}

/// Which earlier periods stand beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// None.
    None,
    /// As many periods right before.
    Previous,
    /// The same periods a year earlier.
    YearAgo,
    /// These periods, one for each period of the query (used by explain).
    Periods(Vec<Period>),
}

/// A question cannot be read. The text names the mend; [`QueryError::param`] names the word at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No such metric.
    #[error(transparent)]
    Metric(#[from] UnknownMetric),
    /// A metric cannot be divided by a dimension or filtered by it.
    #[error("{metric} has no dimension \"{dimension}\"{hint}; it has {available}")]
    Dimension {
        /// Metric.
        metric: String,
        /// As asked for.
        dimension: String,
        /// The nearest one.
        hint: String,
        /// All there are.
        available: String,
    },
    /// An unknown word.
    #[error("unknown parameter \"{name}\"{hint}")]
    Parameter {
        /// As given.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// A value is missing or wrong.
    #[error("{message}")]
    Value {
        /// The parameter.
        param: &'static str,
        /// What is wrong and the mend.
        message: String,
    },
}

impl QueryError {
    /// The parameter at fault.
    pub fn param(&self) -> &str {
        match self {
            QueryError::Metric(_) => "metrics",
            QueryError::Dimension { .. } => "by",
            QueryError::Parameter { name, .. } => name,
            QueryError::Value { param, .. } => param,
        }
    }
}

/// How many periods one query may ask for.
pub const MAX_PERIODS: usize = 4000;

const PARAMS: [&str; 11] =
    ["metrics", "grain", "from", "to", "at", "by", "where", "compare", "currency", "limit", "top"];

fn wrong(param: &'static str, message: impl Into<String>) -> QueryError {
    QueryError::Value { param, message: message.into() }
}

impl Query {
    /// Reads the words of the command line after `query`: `mrr,customers --grain month --from 2018-01 …`.
    ///
    /// # Errors
    /// [`QueryError`] names the word at fault and the mend.
    pub fn from_words(words: &[String], catalog: &Catalog, context: &Context) -> Result<Query, QueryError> {
        let mut pairs = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                pairs.push(("metrics".to_owned(), word.clone()));
                continue;
            };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let value = words.next().ok_or_else(|| QueryError::Parameter {
                        name: format!("--{name}"),
                        hint: "; it needs a value after it".to_owned(),
                    })?;
                    (name, value.clone())
                }
            };
            pairs.push((name.to_owned(), value));
        }
        Query::from_pairs(&pairs, catalog, context)
    }

    /// Reads HTTP parameters: `metrics`, `grain`, `from`, `to`, `at`, `by`, `where` (several), `compare`,
    /// `currency`, `limit`, `top`. Empty values count as absent.
    ///
    /// # Errors
    /// [`QueryError`] names the parameter at fault and the mend.
    pub fn from_pairs(
        pairs: &[(String, String)],
        catalog: &Catalog,
        context: &Context,
    ) -> Result<Query, QueryError> {
        let mut metrics: Vec<String> = Vec::new();
        let (mut grain, mut from, mut to, mut at) = (None, None, None, None);
        let (mut by, mut filters) = (Vec::new(), Vec::new());
        let (mut compare, mut currency, mut groups) = (Compare::None, context.currency, Groups::All);
        for (name, value) in pairs {
            let value = value.trim();
            if value.is_empty() && PARAMS.contains(&name.as_str()) {
                continue;
            }
            match name.as_str() {
                "metrics" => {
                    for metric in names(value) {
                        catalog.get(&metric)?;
                        if !metrics.contains(&metric) {
                            metrics.push(metric);
                        }
                    }
                }
                "grain" if value == Grain::Range.as_str() => grain = Some(Grain::Range),
                "grain" => grain = Some(value.parse::<Grain>().map_err(|e| wrong("grain", e.to_string()))?),
                "from" => from = Some(period("from", value, context)?),
                "to" => to = Some(period("to", value, context)?),
                "at" => at = Some(period("at", value, context)?),
                "by" => {
                    for dimension in names(value) {
                        if !by.contains(&dimension) {
                            by.push(dimension);
                        }
                    }
                }
                "where" => filters.push(QueryFilter::parse(value)?),
                "compare" => {
                    compare = match value {
                        "previous" => Compare::Previous,
                        "year_ago" => Compare::YearAgo,
                        "none" => Compare::None,
                        other => {
                            let all = ["previous", "year_ago", "none"];
                            let hint = did_you_mean(other, all);
                            return Err(wrong(
                                "compare",
                                format!(
                                    "unknown comparison \"{other}\"{hint}; write previous, year_ago or none"
                                ),
                            ));
                        }
                    }
                }
                "currency" => {
                    currency = Currency::parse(value).map_err(|e| wrong("currency", e.to_string()))?
                }
                "limit" | "top" => {
                    let param = if name == "top" { "top" } else { "limit" };
                    let n = value.parse().ok().filter(|n| (1..=100_000).contains(n));
                    let n = n.ok_or_else(|| {
                        wrong(param, format!("\"{value}\" is no {param}; write a whole number from 1"))
                    })?;
                    let asked = if name == "top" { Groups::Top(n) } else { Groups::Limit(n) };
                    if groups != Groups::All
                        && std::mem::discriminant(&groups) != std::mem::discriminant(&asked)
                    {
                        let message = "limit puts the rest together and top leaves it out; write one of them";
                        return Err(wrong(param, message));
                    }
                    groups = asked;
                }
                other => {
                    return Err(QueryError::Parameter {
                        name: other.to_owned(),
                        hint: did_you_mean(other, PARAMS),
                    });
                }
            }
        }
        if metrics.is_empty() {
            return Err(wrong("metrics", "no metric is named; write at least one, such as mrr"));
        }
        let grain = grain.unwrap_or(Grain::Month);
        let (periods, until) = periods(grain, from, to, at, context)?;
        if by.is_empty() {
            let mut defaults = metrics.iter().filter_map(|m| catalog.metric(m)).map(|m| &m.default_by);
            let first = defaults.next().cloned().unwrap_or_default();
            if defaults.all(|d| *d == first) {
                by = first;
            }
        }
        let query = Query { metrics, grain, periods, until, by, filters, compare, currency, groups };
        query.check(catalog, context)?;
        Ok(query)
    }

    /// Checks that every metric has every dimension.
    ///
    /// # Errors
    /// [`QueryError::Dimension`] with the nearest one.
    pub fn check(&self, catalog: &Catalog, context: &Context) -> Result<(), QueryError> {
        for metric in &self.metrics {
            catalog.get(metric)?;
            if let Some(filter) = self.filters.iter().find(|f| f.is_of_people())
                && !catalog.has_people(metric)
            {
                let message = format!(
                    "{metric} belongs to no person and no customer, so it cannot be asked among those of {}; leave the \
                     condition out",
                    filter.dimension
                );
                return Err(wrong("where", message));
            }
            let filters = self.filters.iter().filter(|f| !f.is_of_people());
            for dimension in self.by.iter().chain(filters.map(|f| &f.dimension)) {
                if !catalog.divisible(metric, dimension, &context.attributes) {
                    let known = catalog.dimensions(metric);
                    let mut all: Vec<&str> = known.iter().map(|d| d.name()).collect();
                    all.extend(
                        context
                            .attributes
                            .iter()
                            .map(String::as_str)
                            .filter(|a| catalog.divisible(metric, a, &context.attributes)),
                    );
                    let mut available = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
                    if catalog.has_properties(metric) {
                        available.push_str(", and event.NAME for any property of the event");
                    }
                    return Err(QueryError::Dimension {
                        metric: metric.clone(),
                        dimension: dimension.clone(),
                        hint: did_you_mean(dimension, all),
                        available,
                    });
                }
            }
        }
        Ok(())
    }
}

impl QueryFilter {
    /// Whether the condition is on persons rather than on rows: what they did (`did:signup`) or a trait of theirs
    /// (`person.role:admin`).
    pub fn is_of_people(&self) -> bool {
        self.dimension == "did" || self.dimension.starts_with("person.")
    }

    /// Reads `plan=Pro,Team`, `country!=US` or, as in addresses, `plan:Pro,Team`, `country!:US`. A comma within a
    /// value is written `\,`; no value (`plan=`) stands for a missing one.
    ///
    /// # Errors
    /// [`QueryError::Value`] when there is no sign between name and values.
    pub fn parse(text: &str) -> Result<QueryFilter, QueryError> {
        let no_sign =
            || wrong("where", format!("\"{text}\" is no condition; write plan=Pro,Team or country!=US"));
        let at = text.find(['=', ':', '!']).ok_or_else(no_sign)?;
        let (name, rest) = text.split_at(at);
        let (negated, rest) = match rest.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.strip_prefix(['=', ':']).ok_or_else(no_sign)?;
        if name.trim().is_empty() {
            return Err(no_sign());
        }
        let mut values = vec![String::new()];
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match (c, values.last_mut()) {
                (',', _) => values.push(String::new()),
                ('\\', Some(last)) => last.extend(chars.next()),
                (c, Some(last)) => last.push(c),
                _ => {}
            }
        }
        Ok(QueryFilter { dimension: name.trim().to_owned(), negated, values })
    }
}

fn names(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned)
}

fn period(param: &'static str, text: &str, context: &Context) -> Result<Period, QueryError> {
    match Period::parse(text, &context.zone) {
        Ok(period) => Ok(period),
        // A moment is good for its day.
        Err(e) => match context.zone.parse_instant(text) {
            Ok(at) => {
                let day = context.zone.date_of(at);
                Ok(Period::containing(day, Grain::Day, context.zone.week_start()))
            }
            Err(_) => Err(wrong(param, e.to_string())),
        },
    }
}

fn periods(
    grain: Grain,
    from: Option<Period>,
    to: Option<Period>,
    at: Option<Period>,
    context: &Context,
) -> Result<(Vec<Period>, Option<Date>), QueryError> {
    let week_start = context.zone.week_start();
    if let Some(at) = at {
        if from.is_some() || to.is_some() {
            return Err(wrong("at", "at stands in place of from and to; leave one of them out"));
        }
        if grain == Grain::Range {
            return Ok((vec![Period::between(at.start, at.end)], Some(at.end)));
        }
        let last = at.end.yesterday().unwrap_or(at.start);
        return Ok((vec![Period::containing(last, grain, week_start)], Some(at.end)));
    }
    let today = context.zone.date_of(context.now.as_microsecond());
    // One period of what would be twelve months.
    let step = if grain == Grain::Range { Grain::Month } else { grain };
    let end = match (to, from) {
        (Some(to), _) => to.end,
        (None, from) => {
            let running = Period::containing(today, step, week_start);
            from.map_or(running.end, |f| running.end.max(f.end))
        }
    };
    let start = match from {
        Some(from) => from.start,
        None => {
            let last = Period::containing(end.yesterday().unwrap_or(end), step, week_start);
            last.shift(-11).start
        }
    };
    if end <= start {
        return Err(wrong(
            "to",
            format!(
                "the end {} lies before the beginning {start}; turn them round",
                end.yesterday().unwrap_or(end)
            ),
        ));
    }
    let days = i64::from(burgeon_core::time::days_between(start, end));
    let least = match grain {
        Grain::Day => 1,
        Grain::Week => 7,
        Grain::Month => 28,
        Grain::Quarter => 90,
        Grain::Year => 365,
        Grain::Range => days.max(1),
    };
    if days / least > MAX_PERIODS as i64 {
        return Err(wrong(
            "grain",
            format!(
                "from {start} to {end} by {grain} are over {MAX_PERIODS} periods; ask for a shorter time or a longer grain"
            ),
        ));
    }
    Ok((Period::range(start, end, grain, week_start), None))
}
