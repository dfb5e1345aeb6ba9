//! Figures by period and dimension.

use super::metrics::Label;
use super::{Error, Kind, Result, Workspace};
use burgeon_metrics::evaluate::{EvaluateError, evaluate};
use burgeon_metrics::plan::plan;
use burgeon_metrics::query::{Context, Query, QueryError, QueryFilter};
use burgeon_metrics::result::{self, QueryResult};
use serde::Serialize;
use std::collections::BTreeMap;
use tokio::time::Instant;
use utoipa::ToSchema;

mod xlsx;

/// The answer to a query.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// Grain of the periods.
    pub grain: String,
    /// Currency of all money.
    pub currency: String,
    /// Time zone that the periods are cut in.
    pub timezone: String,
    /// Moment that the figures are of, RFC 3339.
    pub as_of: String,
    /// Time of the newest record, RFC 3339.
    pub data_through: Option<String>,
    /// Names the rules that were in force.
    pub rule_version: String,
    /// Periods, in order; values follow them.
    pub periods: Vec<PeriodInfo>,
    /// Periods compared with, one for each period.
    pub compare_periods: Option<Vec<PeriodInfo>>,
    /// One series for each metric and combination of dimension values.
    pub series: Vec<Series>,
    /// Over all groups, for metrics whose groups add up.
    pub totals: Vec<Series>,
    /// How many groups `top` left out.
    pub left_out: usize,
    /// What the reader should know: immature cohorts, groups left out.
    pub warnings: Vec<String>,
    /// Time that the server took, ms.
    pub took_ms: u64,
}

/// A period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeriodInfo {
    /// Its name, such as `2026-01`.
    pub label: String,
    /// First date.
    pub start: String,
    /// First date after it.
    pub end: String,
    /// Whether it is over.
    pub complete: bool,
}

/// A metric over the periods, for one combination of dimension values.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Series {
    /// Metric.
    pub metric: String,
    /// money (major units), count, percent (a fraction), ratio, months, years or days.
    pub unit: String,
    /// Dimension values; none where the record has none.
    pub dimensions: BTreeMap<String, Option<String>>,
    /// Whether this is the rest of a limited answer, all other groups together.
    pub other: bool,
    /// One value for each period, rounded at display.
    pub values: Vec<Option<f64>>,
    /// Why there is no value, one for each period, by language.
    pub reasons: Vec<Option<Label>>,
    /// Values of the periods compared with.
    pub compare: Option<Vec<Option<f64>>>,
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        let code = match &error {
            QueryError::Metric(_) => "unknown_metric",
            QueryError::Dimension { .. } => "unknown_dimension",
            QueryError::Parameter { .. } => "unknown_parameter",
            QueryError::Value { .. } => "bad_value",
        };
        Self::invalid(code, error.to_string()).param(error.param())
    }
}

impl From<EvaluateError> for Error {
    fn from(error: EvaluateError) -> Self {
        match &error {
            EvaluateError::Rate(_) => Self::new(Kind::Unprocessable, "missing_rate", error.to_string()),
            _ => Self::new(Kind::Unprocessable, "not_computable", error.to_string()),
        }
    }
}

impl Workspace {
    /// What questions are asked in: zone, moment, currency, settings, attributes.
    pub(super) async fn context(&self) -> Result<Context> {
        let settings = self.settings();
        Ok(Context {
            zone: settings.zone.clone(),
            now: self.now(),
            currency: settings.currency,
            settings: (*settings).clone(),
            attributes: self.attribute_keys().await?,
            among: Vec::new(),
        })
    }

    /// As [`Workspace::context`], with the persons that conditions are about.
    pub(super) async fn context_of(&self, filters: &[QueryFilter]) -> Result<Context> {
        Ok(Context { among: self.among(filters).await?, ..self.context().await? })
    }

    /// Reads a query from the pairs of an address.
    pub async fn parse_query(&self, pairs: &[(String, String)]) -> Result<Query> {
        Ok(Query::from_pairs(pairs, &self.catalog(), &self.context().await?)?)
    }

    /// Reads a query from the words of the command line.
    pub async fn parse_words(&self, words: &[String]) -> Result<Query> {
        Ok(Query::from_words(words, &self.catalog(), &self.context().await?)?)
    }

    /// Plans, runs and evaluates a query; exact values.
    pub(super) async fn compute(&self, query: &Query) -> Result<QueryResult> {
        let plan = plan(&self.catalog(), query, &self.context_of(&query.filters).await?)?;
        let engine = self.engine();
        let answers = engine.run_all(&plan.bases).await?;
        let rates = engine.rates().await?;
        Ok(evaluate(&plan, &answers, &*rates)?)
    }

    /// The answer to a query, as the interfaces show it.
    pub async fn query(&self, query: &Query) -> Result<Answer> {
        let started = Instant::now();
        let computed = self.compute(query).await?;
        let through = self.data_through().await?;
        Ok(Answer {
            grain: computed.grain.to_owned(),
            currency: computed.currency.code().to_owned(),
            timezone: computed.timezone,
            as_of: computed.as_of,
            data_through: through.map(super::cells::instant),
            rule_version: self.settings().rule_version(),
            periods: computed.periods.into_iter().map(period).collect(),
            compare_periods: computed.compare_periods.map(|all| all.into_iter().map(period).collect()),
            series: computed.series.iter().map(series).collect(),
            totals: computed.totals.iter().map(series).collect(),
            left_out: computed.left_out,
            warnings: computed.warnings,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The answer to a query as CSV: `period,<dimensions>,<metrics>`; and how many groups `top` left out.
    pub async fn query_csv(&self, query: &Query) -> Result<(String, usize)> {
        let computed = self.compute(query).await?;
        Ok((computed.to_csv(), computed.left_out))
    }

    /// The answer to a query as the bytes of an xlsx file.
    pub async fn query_xlsx(&self, query: &Query) -> Result<Vec<u8>> {
        let decimals = query.currency.exponent();
        let answer = self.query(query).await?;
        super::workspace::blocking(move || xlsx::workbook(&answer, decimals)).await
    }

    /// A name for the file of a query's answer, without its ending.
    pub fn file_name(&self, query: &Query) -> String {
        let ends = query.periods.first().zip(query.periods.last());
        let range = ends.map_or_else(String::new, |(first, last)| {
            if first == last { first.label() } else { format!("{}_{}", first.label(), last.label()) }
        });
        let metrics = query.metrics.join("-");
        let metrics = metrics.get(..60).unwrap_or(&metrics);
        format!("{metrics}_{range}")
    }
}

fn period(info: result::PeriodInfo) -> PeriodInfo {
    PeriodInfo { label: info.label, start: info.start, end: info.end, complete: info.complete }
}

fn series(series: &result::Series) -> Series {
    Series {
        metric: series.metric.clone(),
        unit: series.unit.as_str().to_owned(),
        dimensions: series.dimensions.iter().cloned().collect(),
        other: series.other,
        values: series.numbers(),
        reasons: series.reasons().into_iter().map(|reason| reason.map(|label| label.0)).collect(),
        compare: series.compare_numbers(),
    }
}
