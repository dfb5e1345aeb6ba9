//! A data directory, open: the lake, the state, the definitions and the settings over them.

use super::customers::CustomerIndex;
use super::events::Intake;
use super::import::Progress;
use super::load::{Definitions, load};
use super::settings::SettingsFile;
use super::{Error, Result};
use arrow::array::RecordBatch;
use burgeon_core::settings::Settings;
use burgeon_core::time::{Clock, Period, Zone};
use burgeon_engine::Engine;
use burgeon_engine::lake::{Changed, Lake, LakeOptions};
use burgeon_engine::plan::sql::SqlLimits;
use burgeon_metrics::catalog::Catalog;
use burgeon_state::State;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// How a data directory is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Folder of definitions in place of `DATA/definitions`.
    pub definitions: Option<PathBuf>,
    /// Buckets of a new lake; the engine's number when `None`. Examples and tests use few.
    pub buckets: Option<usize>,
    /// Settings over those of `burgeon.toml`, not written to it.
    pub settings: Vec<(String, String)>,
    /// Open even when definitions cannot be used, so that `doctor` can say what is wrong with them.
    pub tolerant: bool,
}

/// Names a state of everything that figures are computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    versions: BTreeMap<&'static str, u64>,
    rule_version: String,
    day: jiff::civil::Date,
}

impl Stamp {
    /// The state of everything but one table.
    pub(super) fn leave_out(&mut self, table: &str) {
        self.versions.remove(table);
    }
}

/// Keys of customers' attributes with the version of the customers that they were read from.
type KeptAttributes = Option<(Option<u64>, Vec<super::metrics::DimensionInfo>)>;

/// Customers with the state that they were computed from.
type KeptCustomers = Option<(Stamp, Arc<CustomerIndex>)>;

/// Of each table of the ledger the version that was looked at and its newest moment up to then (µs UTC).
type Newest = BTreeMap<String, (u64, Option<i64>)>;

/// An open data directory.
pub struct Workspace {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    lake: Lake,
    state: State,
    engine: RwLock<Arc<Engine>>,
    settings: RwLock<Arc<Settings>>,
    pub(super) file: Mutex<SettingsFile>,
    definitions: RwLock<Arc<Definitions>>,
    pub(super) troubles: Vec<Error>,
    definitions_folder: PathBuf,
    customers: Mutex<KeptCustomers>,
    attributes: Mutex<KeptAttributes>,
    newest: Mutex<Newest>,
    running: Mutex<HashMap<String, Arc<Progress>>>,
    import_ids: tokio::sync::Mutex<()>,
    imports_gate: tokio::sync::RwLock<()>,
    intake: Intake,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspace").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The workspace in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Info {
    /// Name of the company or workspace.
    pub name: String,
    /// Time zone that periods are cut in.
    pub timezone: String,
    /// First day of the week: monday, sunday, …
    pub week_start: String,
    /// Display currency.
    pub currency: String,
    /// Currencies that occur in the records or rates, and the display currency.
    pub currencies: Vec<String>,
    /// Version of the program.
    pub version: String,
    /// The present moment of the workspace, RFC 3339.
    pub now: String,
    /// Time of the newest record, RFC 3339.
    pub data_through: Option<String>,
    /// Time of the first change of a subscription, RFC 3339.
    pub data_from: Option<String>,
    /// Whether this is the demo company.
    pub demo: bool,
    /// Names the rules in force.
    pub rule_version: String,
    /// Whether requests need a token.
    pub token_required: bool,
    /// Rows of each record table.
    pub tables: BTreeMap<String, u64>,
}

/// What an open page is told first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hello {
    /// Version of the program.
    pub version: String,
    /// Names the rules in force.
    pub rule_version: String,
    /// The present moment, RFC 3339.
    pub at: String,
}

impl Workspace {
    /// Opens a data directory and makes what is missing. Only one process can have it open.
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>, options: OpenOptions) -> Result<Arc<Self>> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        let (file, settings) = SettingsFile::open(folder, &options.settings)?;
        let mut lake_options = LakeOptions::new(clock.clone());
        if let Some(buckets) = options.buckets {
            lake_options.buckets = buckets;
        }
        // The lake takes the lock of the directory, so it comes first.
        let lake = Lake::open(folder, lake_options).await?;
        let state = State::open(folder.join("state.db")).await?;
        let interrupted = state.fail_interrupted_imports(clock.now().as_microsecond()).await?;
        if interrupted > 0 {
            tracing::warn!(
                interrupted,
                "imports were cut short when the process ended; import the files again"
            );
        }
        clear_uploads(&folder.join("uploads"));
        let definitions_folder = options.definitions.unwrap_or_else(|| folder.join("definitions"));
        let loaded = load(&lake, &settings, &definitions_folder, &clock).await;
        let (engine, definitions, troubles) = match loaded {
            Ok((engine, definitions)) => (engine, definitions, Vec::new()),
            Err(error) if options.tolerant => {
                // The built-in definitions still answer.
                let (engine, definitions) = load(&lake, &settings, Path::new(""), &clock).await?;
                (engine, definitions, vec![error])
            }
            Err(error) => return Err(error),
        };
        let workspace = Arc::new(Self {
            intake: Intake::new(&lake, state.clone(), clock.clone()),
            folder: folder.to_owned(),
            clock,
            lake,
            state,
            engine: RwLock::new(Arc::new(engine)),
            settings: RwLock::new(Arc::new(settings)),
            file: Mutex::new(file),
            definitions: RwLock::new(Arc::new(definitions)),
            troubles,
            definitions_folder,
            customers: Mutex::default(),
            attributes: Mutex::default(),
            newest: Mutex::default(),
            running: Mutex::default(),
            import_ids: tokio::sync::Mutex::default(),
            imports_gate: tokio::sync::RwLock::default(),
        });
        workspace.finish_removals().await?;
        Ok(workspace)
    }

    /// The data directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder whose definitions stand over the built-in ones.
    pub fn definitions_folder(&self) -> &Path {
        &self.definitions_folder
    }

    /// The present moment of the workspace.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock of the workspace.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().clone()
    }

    /// The time zone and week of the workspace.
    pub fn zone(&self) -> Zone {
        self.settings.read().zone.clone()
    }

    /// The metrics there are.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.definitions.read().catalog.clone()
    }

    pub(super) fn definitions(&self) -> Arc<Definitions> {
        self.definitions.read().clone()
    }

    pub(super) fn engine(&self) -> Arc<Engine> {
        self.engine.read().clone()
    }

    /// The records.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Tokens, ledgers and the audit log.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.intake
    }

    pub(super) fn running_imports(&self) -> &Mutex<HashMap<String, Arc<Progress>>> {
        &self.running
    }

    /// Held while the id of an import is given.
    pub(super) fn import_ids(&self) -> &tokio::sync::Mutex<()> {
        &self.import_ids
    }

    /// Held for reading while a file is read into the lake, and alone while a person is removed.
    pub(super) fn imports_gate(&self) -> &tokio::sync::RwLock<()> {
        &self.imports_gate
    }

    pub(super) fn kept_customers(&self) -> &Mutex<KeptCustomers> {
        &self.customers
    }

    pub(super) fn kept_attributes(&self) -> &Mutex<KeptAttributes> {
        &self.attributes
    }

    pub(super) fn stamp(&self) -> Stamp {
        let settings = self.settings();
        Stamp {
            versions: self.lake.versions(),
            rule_version: settings.rule_version(),
            day: settings.zone.date_of(self.now().as_microsecond()),
        }
    }

    /// A period from text; an error names the parameter.
    pub(super) fn period(&self, text: &str, param: &str) -> Result<Period> {
        Period::parse(text, &self.zone())
            .map_err(|error| Error::invalid("bad_period", error.to_string()).param(param))
    }

    /// Every change of the records from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.lake.subscribe()
    }

    /// Whether `token` is one of the workspace's.
    pub async fn verify_token(&self, token: &str) -> Result<bool> {
        Ok(self.state.verify_token(token, self.now().as_microsecond()).await?.is_some())
    }

    /// Whether the workspace keeps tokens.
    pub async fn has_tokens(&self) -> Result<bool> {
        Ok(self.state.has_tokens().await?)
    }

    /// Runs one read-only statement of a use case, without a limit of rows.
    pub(super) async fn select(&self, statement: &str) -> Result<Vec<RecordBatch>> {
        let limits = SqlLimits { rows: usize::MAX, ..SqlLimits::default() };
        Ok(self.engine().sql(statement, limits).await?.batches)
    }

    /// Puts new settings in force: the engine is made anew under them, so that history follows.
    pub(super) async fn renew(&self, settings: Settings) -> Result<()> {
        let (engine, definitions) =
            load(&self.lake, &settings, &self.definitions_folder, &self.clock).await?;
        *self.settings.write() = Arc::new(settings);
        *self.engine.write() = Arc::new(engine);
        *self.definitions.write() = Arc::new(definitions);
        *self.customers.lock() = None;
        Ok(())
    }

    /// The workspace in short.
    pub async fn info(&self) -> Result<Info> {
        let settings = self.settings();
        let lake = self.lake.clone();
        let tables = blocking(move || {
            let mut tables = BTreeMap::new();
            for name in lake.tables() {
                tables.insert(name.to_owned(), lake.rows_total(name)?);
            }
            Ok(tables)
        })
        .await?;
        let demo = self.is_demo().await?;
        Ok(Info {
            name: settings.name.clone(),
            timezone: settings.zone.name().to_owned(),
            week_start: burgeon_core::time::weekday_name(settings.zone.week_start()).to_owned(),
            currency: settings.currency.code().to_owned(),
            currencies: self.currencies().await?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: self.now().to_string(),
            data_through: self.data_through().await?.map(super::cells::instant),
            data_from: self.data_from().await?.map(super::cells::instant),
            demo,
            rule_version: settings.rule_version(),
            token_required: false,
            tables,
        })
    }

    async fn currencies(&self) -> Result<Vec<String>> {
        let mut currencies = vec![self.settings().currency.code().to_owned()];
        let sql = "SELECT DISTINCT base AS currency FROM fx_rates UNION SELECT DISTINCT quote FROM fx_rates \
                   ORDER BY currency";
        for batch in &self.select(sql).await? {
            for row in 0..batch.num_rows() {
                let code = super::cells::Columns(batch).text("currency", row)?.unwrap_or_default();
                if !currencies.contains(&code) {
                    currencies.push(code);
                }
            }
        }
        Ok(currencies)
    }

    /// Time (µs UTC) of the first change of a subscription.
    async fn data_from(&self) -> Result<Option<i64>> {
        let batches = self.select("SELECT min(effective_at) AS first FROM subscription_changes").await?;
        match batches.iter().find(|batch| batch.num_rows() > 0) {
            Some(batch) => super::cells::Columns(batch).int("first", 0),
            None => Ok(None),
        }
    }

    /// Time (µs UTC) of the newest record that is not in the future.
    pub async fn data_through(&self) -> Result<Option<i64>> {
        let versions = self.lake.versions();
        let mut known = self.newest.lock().clone();
        let now = self.now().as_microsecond();
        // Only what changed is asked again: events arrive all the time, and are asked without reading them.
        let changed = burgeon_core::records::TABLES.iter().filter_map(|table| {
            let time = table.time.filter(|_| table.entity.is_some())?;
            let ledger = table.storage == burgeon_core::records::Storage::Ledger;
            let version = versions.get(table.name).copied().filter(|_| ledger)?;
            (known.get(table.name).map(|(version, _)| *version) != Some(version))
                .then_some((table.name, time))
        });
        let until = super::sql::instant_literal(now);
        let sql = changed.map(|(name, time)| {
            format!(
                "SELECT '{name}' AS name, max(\"{time}\") AS newest FROM {name} WHERE \"{time}\" <= {until}"
            )
        });
        let sql = sql.collect::<Vec<_>>().join(" UNION ALL ");
        if !sql.is_empty() {
            for batch in &self.select(&sql).await? {
                let columns = super::cells::Columns(batch);
                for row in 0..batch.num_rows() {
                    let name = columns.text("name", row)?.unwrap_or_default();
                    let version = versions.get(name.as_str()).copied().unwrap_or_default();
                    known.insert(name, (version, columns.int("newest", row)?));
                }
            }
            self.newest.lock().clone_from(&known);
        }
        let last = self.lake.events().span()?.map(|(_, last)| last.min(now));
        Ok(known.into_values().map(|(_, newest)| newest).fold(last, Option::max))
    }

    /// What an open page is told first.
    pub fn hello(&self) -> Hello {
        Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rule_version: self.settings().rule_version(),
            at: self.now().to_string(),
        }
    }

    /// Moves what the intake log holds into Delta files.
    pub async fn flush(&self) -> Result<()> {
        Ok(self.lake.flush().await?)
    }

    /// Folds what is new into the sorted base files.
    pub async fn compact(&self) -> Result<()> {
        Ok(self.lake.compact().await?)
    }

    /// Flushes the log and closes the state.
    pub async fn close(&self) -> Result<()> {
        self.flush().await?;
        self.state.close().await;
        Ok(())
    }
}

/// Runs work that reads or writes files away from the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(format!("a task failed: {error}"))),
    }
}

/// Half uploads of a process that was killed are of no use.
fn clear_uploads(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(path = %entry.path().display(), "an old upload could not be removed: {error}");
        }
    }
}
