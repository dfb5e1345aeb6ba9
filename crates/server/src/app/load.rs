//! From definition files to an engine and a catalog.

use super::definitions::{File, Files};
use super::events::facts::LedgerStep;
use super::{Error, Result};
use burgeon_core::behaviour::channel::ChannelRules;
use burgeon_core::behaviour::meaning::Meanings;
use burgeon_core::settings::Settings;
use burgeon_core::time::Clock;
use burgeon_engine::lake::Lake;
use burgeon_engine::{Engine, EngineOptions, FactFile, FactSchema};
use burgeon_metrics::catalog::Catalog;
use burgeon_metrics::fact;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the definitions of a workspace say.
#[derive(Debug)]
pub struct Definitions {
    /// Metrics.
    pub catalog: Arc<Catalog>,
    /// What events mean.
    pub meanings: Arc<Meanings>,
    /// The rules that name the channels of visits.
    pub channels: Arc<ChannelRules>,
    /// What of the ledger can be a step of a funnel.
    pub steps: Vec<LedgerStep>,
    /// Dashboards by name.
    pub dashboards: BTreeMap<String, super::dashboards::Dashboard>,
}

/// Makes the engine and the catalog from the definitions under `folder` and the built-in ones.
pub(super) async fn load(
    lake: &Lake,
    settings: &Settings,
    folder: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<(Engine, Definitions)> {
    let files =
        if folder.as_os_str().is_empty() { Files::built_in()? } else { Files::with_overrides(folder)? };
    let mut facts = Vec::new();
    for file in files.under("facts", "sql") {
        let name = file.path.trim_start_matches("facts/").trim_end_matches(".sql");
        facts.push(FactFile::parse(name, &file.text).map_err(|error| bad_definition(file, &error))?);
    }
    let mut options =
        EngineOptions::new(settings.zone.clone(), settings.currency, settings.rules, clock.clone(), facts);
    options.constant_rates = settings.constant_rate_date;
    let meanings = Arc::new(super::events::meanings::read(&files)?);
    options.macros.meanings = Meanings::clone(&meanings);
    options.macros.session_gap_us = i64::from(settings.session_minutes) * 60_000_000;
    let engine = Engine::new(Arc::new(lake.clone()), options).await?;
    let page = |file: &File| (file.place(), file.text.clone());
    let (own, built_in): (Vec<_>, Vec<_>) =
        files.under("metrics", "md").partition(|file| file.origin.is_some());
    let facts = engine.facts().iter().map(fact_schema).collect();
    let catalog =
        Catalog::new(built_in.into_iter().map(page), own.into_iter().map(page), facts).map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Error::invalid("bad_definition", texts.join("\n"))
        })?;
    let catalog = catalog.under(settings);
    let dashboards =
        super::dashboards::read(files.under("dashboards", "yaml"), |name| catalog.metric(name).is_some())?;
    let channels = Arc::new(super::events::channels::read(&files)?);
    let steps = super::events::facts::read(&files)?;
    Ok((engine, Definitions { catalog: Arc::new(catalog), meanings, channels, steps, dashboards }))
}

fn bad_definition(file: &File, error: &dyn std::fmt::Display) -> Error {
    let text = error.to_string();
    let place = file.place();
    // Errors that name the file already are not named twice.
    let text =
        if text.contains(&place) || text.contains(&file.path) { text } else { format!("{place}: {text}") };
    Error::invalid("bad_definition", text)
}

/// A fact as the catalog sees it.
fn fact_schema(schema: &FactSchema) -> fact::FactSchema {
    use arrow::datatypes::DataType as T;
    let file = &schema.file;
    let columns = schema.columns.iter().map(|column| fact::FactColumn {
        name: column.name.clone(),
        kind: match &column.data_type {
            T::Utf8 | T::Utf8View | T::LargeUtf8 | T::Dictionary(_, _) => fact::FactColumnKind::Text,
            T::Boolean => fact::FactColumnKind::Bool,
            T::Date32 | T::Date64 | T::Timestamp(_, _) => fact::FactColumnKind::Time,
            numeric if numeric.is_numeric() => fact::FactColumnKind::Number,
            _ => fact::FactColumnKind::Other,
        },
        of_entity: column.of_entity,
        entity_id: file.entity_ids.contains(&column.name),
    });
    fact::FactSchema {
        name: file.name.clone(),
        doc: file.doc.clone(),
        columns: columns.collect(),
        entity: file.entity.clone(),
        time: file.time.clone(),
        records: file.records.clone(),
    }
}
