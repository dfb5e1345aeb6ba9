//! The engine: a DataFusion session over the records of a workspace.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use burgeon_core::currency::Currency;
use burgeon_core::records;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::{Clock, Zone};
use burgeon_metrics::base::{BaseMeasure, BaseRequest, BaseSeries};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::cast::{as_date32_array, as_decimal128_array, as_string_view_array};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext, col};
use jiff::civil::Date;
use parking_lot::Mutex;

use super::error::EngineError;
use super::groups::{GivenCodes, GivenLately};
use super::{actives, cohort, conversion, hot, single, sums};
use crate::cache::{CachePartials, CacheStats, PartialCache};
use crate::events::{self, EventStore};
use crate::exec::rates::{RateBook, RateRow, Rates};
use crate::exec::{RecordSource, RecordTable};
use crate::facts::macros::Macros;
use crate::facts::{self, FactFile, FactSchema};
use crate::functions;
use crate::functions::cut_off::Moments;

/// What an engine is made from.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The workspace's time zone and first day of the week.
    pub zone: Zone,
    /// The display currency of SQL's `convert`; metric requests name their own.
    pub display: Currency,
    /// The rules of recurring revenue.
    pub rules: RevenueRules,
    /// The day whose rates convert everything; `None`: each row has the rate of its own day.
    pub constant_rates: Option<Date>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// The facts.
    pub facts: Vec<FactFile>,
    /// What facts and statements may write in SQL beside functions: the meanings of events.
    pub macros: Macros,
    /// Bytes for stored partial aggregates.
    pub cache_bytes: usize,
    /// Bytes that all running queries together may use before they spill or fail.
    pub memory_bytes: usize,
    /// Where queries spill; the system's temporary directory when `None`.
    pub spill_dir: Option<PathBuf>,
    /// How many buckets one query computes at a time, and DataFusion's target partitions.
    pub parallel: usize,
}

impl EngineOptions {
    /// Options with the usual limits: 256 MB of stored aggregates, 1 GB for running queries, two buckets at a time,
    /// visits that end after 30 minutes, and no meanings of events.
    pub fn new(
        zone: Zone,
        display: Currency,
        rules: RevenueRules,
        clock: Arc<dyn Clock>,
        facts: Vec<FactFile>,
    ) -> Self {
        Self {
            zone,
            display,
            rules,
            constant_rates: None,
            clock,
            facts,
            macros: Macros { session_gap_us: 1_800_000_000, ..Macros::default() },
            cache_bytes: 256 << 20,
            memory_bytes: 1 << 30,
            spill_dir: None,
            parallel: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        }
    }
}

/// Answers questions over records. Cheap to share behind an `Arc`; changed settings need a new one.
pub struct Engine {
    pub(super) source: Arc<dyn RecordSource>,
    pub(super) options: EngineOptions,
    pub(super) rates: Arc<RateBook>,
    cache: Arc<PartialCache>,
    pub(super) context: SessionContext,
    /// Facts (with or without their customer) whose plans mix entities between partitions.
    pub(super) mixing: Mutex<HashSet<(String, bool)>>,
    facts: Vec<FactSchema>,
    pub(super) given: GivenCodes,
    pub(super) bits: GivenLately<u64>,
    pub(super) maps: GivenLately<u32>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("source", &self.source)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over `source`.
    ///
    /// # Errors
    /// When a record table cannot be opened or a fact does not plan.
    pub async fn new(source: Arc<dyn RecordSource>, options: EngineOptions) -> Result<Engine, EngineError> {
        let cache = Arc::new(PartialCache::new(options.cache_bytes));
        let none = Rates::new(options.zone.clone(), 0, []).constant(options.constant_rates);
        let rates = Arc::new(RateBook::new(none));
        let context = SessionContext::new_with_state(state(&options, &cache)?);
        // Twice: as `payments` and as `records.payments`, since a fact may take the plain name.
        let catalog = context.catalog("datafusion");
        let schema = Arc::new(MemorySchemaProvider::new());
        for table in records::TABLES {
            let provider: Arc<dyn TableProvider> = match table.storage {
                records::Storage::Events if source.events().is_none() => {
                    Arc::new(EmptyTable::new(events::schema()?))
                }
                _ => Arc::new(RecordTable::try_new(table.name, Arc::clone(&source))?),
            };
            context.register_table(table.name, Arc::clone(&provider))?;
            schema.register_table(table.name.to_owned(), provider)?;
        }
        if let Some(catalog) = catalog {
            catalog.register_schema("records", schema)?;
        }
        for function in functions::scalar_functions(&options.zone, &rates, options.display) {
            context.register_udf(function);
        }
        context.register_udtf(
            functions::movements_fold::NAME,
            Arc::new(functions::movements_fold::MovementsFold::new(
                Arc::clone(&source),
                options.rules,
                options.zone.clone(),
            )),
        );
        context.register_udtf(
            functions::visits_fold::NAME,
            Arc::new(functions::visits_fold::VisitsFold::new(Arc::clone(&source), &options.macros)),
        );
        let facts = facts::register(&context, &options.facts, &options.macros).await?;
        let (mixing, given) = (Mutex::default(), GivenCodes::default());
        let (bits, maps) = (GivenLately::default(), GivenLately::default());
        Ok(Engine { source, options, rates, cache, context, mixing, facts, given, bits, maps })
    }

    /// The store of events; `None` when the source has none.
    pub fn events(&self) -> Option<EventStore> {
        self.source.events()
    }

    /// The facts with their columns, for the metrics catalog.
    pub fn facts(&self) -> &[FactSchema] {
        &self.facts
    }

    /// The fact of a name.
    pub(super) fn fact(&self, name: &str) -> Result<&FactSchema, EngineError> {
        self.facts
            .iter()
            .find(|f| f.file.name == name)
            .ok_or_else(|| EngineError::UnknownFact(name.to_owned()))
    }

    /// Counts and size of the stored partial aggregates.
    pub fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// Forgets all stored partial aggregates; answers stay the same.
    pub fn clear_cache(&self) {
        self.cache.clear();
    }

    /// The options that the engine was made from.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// The moment that counts as now, µs UTC.
    pub fn now(&self) -> i64 {
        self.options.clock.now().as_microsecond()
    }

    /// The rates at the present version of `fx_rates`; read again only when the table changed. The result is a
    /// [`RateSource`](burgeon_metrics::base::RateSource).
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn rates(&self) -> Result<Arc<Rates>, EngineError> {
        let version = self.source.bucket_version("fx_rates", 0).saturating_add(1);
        let current = self.rates.current();
        if current.version == version {
            return Ok(current);
        }
        let table = self.context.table("fx_rates").await?;
        let batches =
            table.select(vec![col("date"), col("base"), col("quote"), col("rate")])?.collect().await?;
        let mut rows = vec![];
        for batch in &batches {
            let (date, base) = (as_date32_array(batch.column(0))?, as_string_view_array(batch.column(1))?);
            let (quote, rate) =
                (as_string_view_array(batch.column(2))?, as_decimal128_array(batch.column(3))?);
            for (((date, base), quote), rate) in date.iter().zip(base).zip(quote).zip(rate) {
                let pair = base.and_then(Currency::from_code).zip(quote.and_then(Currency::from_code));
                if let (Some(day), Some((base, quote)), Some(rate)) = (date, pair, rate) {
                    rows.push(RateRow { day, base, quote, rate });
                }
            }
        }
        let rates = Rates::new(self.options.zone.clone(), version, rows);
        self.rates.replace(rates.constant(self.options.constant_rates));
        Ok(self.rates.current())
    }

    /// A context in which a query runs: the moments are fixed.
    pub(super) fn session(&self, cut_off: i64) -> SessionContext {
        let mut state = self.context.state();
        let now = self.now();
        state.config_mut().set_extension(Arc::new(Moments { now, cut_off }));
        let session = SessionContext::new_with_state(state);
        session.register_udf(functions::now::udf(now));
        session
    }

    /// Answers one request.
    ///
    /// # Errors
    /// See [`Engine::run_all`].
    pub async fn run(&self, request: &BaseRequest) -> Result<BaseSeries, EngineError> {
        let mut series = self.run_all(std::slice::from_ref(request)).await?;
        Ok(series.pop().unwrap_or_default())
    }

    /// The physical plans of requests that sum, as indented text: one for each scan.
    ///
    /// # Errors
    /// See [`Engine::run_all`].
    pub async fn explain(&self, requests: &[BaseRequest]) -> Result<Vec<String>, EngineError> {
        self.rates().await?;
        let all: Vec<usize> = (0..requests.len()).collect();
        let mut plans = vec![];
        for group in sums::group(requests, &all) {
            plans.push(sums::explain(self, requests, &group).await?);
        }
        Ok(plans)
    }

    /// Answers requests, in their order. Requests that need the same rows share one scan.
    ///
    /// # Errors
    /// Unknown facts and columns, a missing rate of exchange, and whatever storage reports.
    pub async fn run_all(&self, requests: &[BaseRequest]) -> Result<Vec<BaseSeries>, EngineError> {
        self.rates().await?;
        let mut answers = vec![BaseSeries::default(); requests.len()];
        let (mut summed, mut cohorts, mut conversions) = (vec![], vec![], vec![]);
        for (at, request) in requests.iter().enumerate() {
            if let Some(answer) = hot::answer(self, request).await? {
                answers[at] = answer;
                continue;
            }
            match &request.measure {
                BaseMeasure::Cohort { .. } => cohorts.push(at),
                BaseMeasure::Conversion { .. } => conversions.push(at),
                BaseMeasure::ActiveEntities => answers[at] = actives::run(self, request).await?,
                _ if sums::can(self, request)? => summed.push(at),
                _ => answers[at] = single::run(self, request).await?,
            }
        }
        for group in sums::group(requests, &summed) {
            sums::run(self, requests, &group, &mut answers).await?;
        }
        for group in cohort::group(requests, &cohorts) {
            cohort::run(self, requests, &group, &mut answers).await?;
        }
        for group in conversion::group(requests, &conversions) {
            conversion::run(self, requests, &group, &mut answers).await?;
        }
        Ok(answers)
    }

    /// As [`Engine::run`] for the number of active entities, from the hot columns alone (`None` where they have no answer)
    /// or from SQL alone: to compare the two.
    ///
    /// # Errors
    /// See [`Engine::run_all`].
    pub async fn run_actives(
        &self,
        request: &BaseRequest,
        hot: bool,
    ) -> Result<Option<BaseSeries>, EngineError> {
        if hot { actives::hot(self, request).await } else { actives::read(self, request).await.map(Some) }
    }
}

fn state(
    options: &EngineOptions,
    cache: &Arc<PartialCache>,
) -> Result<datafusion::execution::SessionState, EngineError> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.parallel.max(2))
        .with_round_robin_repartition(false)
        .with_repartition_file_scans(false)
        .with_information_schema(true);
    let settings = config.options_mut();
    // Aggregates over ordered rows keep a running total per entity, which must not be handed out early.
    settings.execution.skip_partial_aggregation_probe_ratio_threshold = 1.0;
    // A filter that changes while the query runs would make stored partial aggregates wrong.
    settings.optimizer.enable_dynamic_filter_pushdown = false;
    settings.sql_parser.default_null_ordering = "nulls_max".into();
    let mut runtime =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes)));
    if let Some(dir) = &options.spill_dir {
        runtime = runtime.with_temp_file_path(dir);
    }
    let rule = CachePartials::new(Arc::clone(cache), options.parallel);
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::new(runtime.build()?))
        .with_default_features()
        .with_physical_optimizer_rule(Arc::new(rule))
        .build())
}
