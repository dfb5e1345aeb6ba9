//! Worked examples of definition pages, each run in a fresh workspace of its own.

use super::import::ImportOptions;
use super::{Error, OpenOptions, Result, Workspace};
use burgeon_connectors::Input;
use burgeon_core::time::FixedClock;
use burgeon_metrics::definition::Metric;
use burgeon_metrics::example::{Example, compare};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// The moment of examples that name none: after all records that a page can hold.
const LATE: &str = "2100-01-01T00:00:00Z";

/// What came of one example.
#[derive(Debug, Clone, Serialize)]
pub struct ExampleResult {
    /// Metric whose page it stands on.
    pub metric: String,
    /// Title of the example.
    pub title: String,
    /// File and line.
    pub place: String,
    /// What differs or went wrong; none when it passed.
    pub failure: Option<String>,
}

/// Runs the worked examples of a metric's page. `scratch` is a folder for temporary workspaces; `definitions` the folder
/// whose definitions stand over the built-in ones, if any.
pub async fn run_examples(
    metric: &Metric,
    scratch: &Path,
    definitions: Option<&Path>,
) -> Result<Vec<ExampleResult>> {
    let mut results = Vec::new();
    for (number, example) in metric.examples.iter().enumerate() {
        let folder = scratch.join(format!("{}-{number}", metric.name));
        let failure = run(example, &folder, definitions).await.err();
        let _ = std::fs::remove_dir_all(&folder);
        results.push(ExampleResult {
            metric: metric.name.clone(),
            title: example.title.clone(),
            place: format!("{}:{}", metric.file, example.line),
            failure: failure.map(|error| error.to_string()),
        });
    }
    Ok(results)
}

async fn run(example: &Example, folder: &Path, definitions: Option<&Path>) -> Result<()> {
    let late = example.now.as_deref().unwrap_or(LATE);
    let settings: Vec<(String, String)> =
        example.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let zone = super::settings::zone_of(&settings)?;
    let now = zone.parse_instant(late).map_err(|error| Error::invalid("bad_example", error.to_string()))?;
    let now = jiff::Timestamp::from_microsecond(now)
        .map_err(|error| Error::invalid("bad_example", format!("--now {late}: {error}")))?;
    let options = OpenOptions {
        // A missing folder adds nothing to the built-in definitions.
        definitions: Some(definitions.map_or_else(|| folder.join("none"), Path::to_path_buf)),
        buckets: Some(2),
        settings,
        tolerant: false,
    };
    let workspace = Workspace::open(folder, Arc::new(FixedClock(now)), options).await?;
    let ran = ask(&workspace, example).await;
    workspace.state().close().await;
    ran
}

async fn ask(workspace: &Arc<Workspace>, example: &Example) -> Result<()> {
    for (table, csv) in &example.records {
        let options = ImportOptions { table: Some(table.clone()), ..ImportOptions::default() };
        let rejects = workspace
            .take_rows(Input::bytes(format!("{table}.csv"), csv.clone().into_bytes()), &options)
            .await?;
        if let Some(reject) = rejects.first() {
            return Err(Error::invalid(
                "bad_example",
                format!("records {table}, line {}: {}", reject.line, reject.reason),
            ));
        }
    }
    let query = workspace.parse_words(&example.query).await?;
    let (got, _) = workspace.query_csv(&query).await?;
    compare(&example.expect, &got).map_err(|difference| {
        Error::invalid("example_differs", format!("expected (-) and got (+):\n{difference}"))
    })
}

impl Workspace {
    /// Runs the worked examples of this workspace's metrics: of one, or of all.
    pub async fn run_examples(&self, metric: Option<&str>) -> Result<Vec<ExampleResult>> {
        let catalog = self.catalog();
        let scratch = self.folder().join("uploads").join("examples");
        let mut results = Vec::new();
        for metric in catalog.metrics().filter(|one| metric.is_none_or(|name| one.name == name)) {
            results.extend(run_examples(metric, &scratch, Some(self.definitions_folder())).await?);
        }
        let _ = std::fs::remove_dir_all(&scratch);
        Ok(results)
    }
}
