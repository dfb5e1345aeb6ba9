//! The demo company as a workspace: filled once, and alive while it is served.

use super::demo::events::{DemoEvents, LiveEvents};
use super::demo::{Demo, DemoOptions, Live};
use super::import::Progress;
use super::settings::Scalar;
use super::workspace::blocking;
use super::{Error, Kind, Result, Workspace};
use arrow::array::RecordBatch;
use burgeon_core::records::Table;
use burgeon_engine::lake::BulkWriter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// Name of the company.
const NAME: &str = "Fieldnote";
/// Scope of the cursors that remember what was drawn.
const SCOPE: &str = "demo";

/// What was drawn, as the state remembers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Drawn {
    customers: u64,
    seed: u64,
    now: jiff::Timestamp,
    years: u32,
    changes_per_customer: Option<f64>,
    /// Events; none in a company that was drawn before there were any.
    #[serde(default)]
    events: u64,
    complete: bool,
}

impl Drawn {
    fn options(&self) -> DemoOptions {
        DemoOptions {
            customers: self.customers,
            seed: self.seed,
            now: self.now,
            years: self.years,
            changes_per_customer: self.changes_per_customer,
        }
    }
}

impl Workspace {
    /// Fills the workspace with the demo company, all tables by import. A workspace that is the demo company already stays
    /// as it is; one with other records is refused. `events` is the number of events of its people. `progress` counts rows, and
    /// accounts and events as bytes.
    pub async fn fill_demo(
        self: &Arc<Self>,
        options: DemoOptions,
        events: u64,
        progress: &Arc<Progress>,
    ) -> Result<bool> {
        match self.drawn().await? {
            Some(drawn) if drawn.complete => return Ok(false),
            // A process that ended half way: the same rows again change nothing.
            Some(_) => {}
            None => {
                let lake = self.lake().clone();
                let rows = blocking(move || Ok(lake.rows_total("subscription_changes")?)).await?;
                if rows > 0 {
                    return Err(Error::new(
                        Kind::Conflict,
                        "not_empty",
                        format!("{} holds records of its own already", self.folder().display()),
                    )
                    .mend("choose a new directory for the demo company with `--data`"));
                }
            }
        }
        let mut drawn = Drawn {
            customers: options.customers,
            seed: options.seed,
            now: options.now,
            years: options.years,
            changes_per_customer: options.changes_per_customer,
            events,
            complete: false,
        };
        self.remember(&drawn).await?;
        progress.total.store(options.customers.saturating_add(events), Ordering::Relaxed);
        let accounts = move |company: &Demo| (company.progress() * options.customers as f64) as u64;
        self.fill_tables(Demo::new(options), accounts, progress).await?;
        if events > 0 {
            // Who there is comes before what they do.
            let people = DemoEvents::people(options);
            self.fill_tables(people, move |_| options.customers, progress).await?;
            self.fill_events(options, events, progress).await?;
        }
        let name = BTreeMap::from([("name".to_owned(), Scalar::Text(NAME.to_owned()))]);
        self.set_settings(&name, SCOPE).await?;
        drawn.complete = true;
        self.remember(&drawn).await?;
        Ok(true)
    }

    /// Imports rows of record tables as they are drawn; `done` is what counts as bytes by then.
    async fn fill_tables<C>(
        &self,
        mut company: C,
        done: impl Fn(&C) -> u64 + Send + 'static,
        progress: &Arc<Progress>,
    ) -> Result<()>
    where
        C: Iterator<Item = (&'static Table, RecordBatch)> + Send + 'static,
    {
        let (lake, counters) = (self.lake().clone(), progress.clone());
        let writers = blocking(move || {
            let mut writers: BTreeMap<&'static str, BulkWriter> = BTreeMap::new();
            while let Some((table, batch)) = company.next() {
                if !writers.contains_key(table.name) {
                    writers.insert(table.name, lake.bulk(table.name)?);
                }
                if let Some(writer) = writers.get(table.name) {
                    writer.write(&batch)?;
                }
                counters.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                counters.bytes.store(done(&company), Ordering::Relaxed);
            }
            Ok(writers)
        })
        .await?;
        for (_, writer) in writers {
            writer.finish().await?;
        }
        Ok(())
    }

    /// What the people of the company do.
    async fn fill_events(&self, options: DemoOptions, events: u64, progress: &Arc<Progress>) -> Result<()> {
        let (lake, counters) = (self.lake().clone(), progress.clone());
        let bulk = blocking(move || {
            let bulk = lake.events().bulk()?;
            let mut company = DemoEvents::new(options, events);
            while let Some((table, batch)) = company.next() {
                if table.name == "events" {
                    bulk.write(&batch)?;
                    counters.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                }
                let done = options.customers as f64 + company.progress() * events as f64;
                counters.bytes.store(done as u64, Ordering::Relaxed);
            }
            Ok(bulk)
        })
        .await?;
        bulk.finish().await?;
        Ok(())
    }

    /// Whether this is the demo company.
    pub async fn is_demo(&self) -> Result<bool> {
        Ok(self.drawn().await?.is_some())
    }

    /// Lets the company live: every `pace` something happens, until `stop` becomes true. Does nothing elsewhere.
    pub async fn live_demo(self: Arc<Self>, pace: Duration, mut stop: watch::Receiver<bool>) {
        let drawn = match self.drawn().await {
            Ok(Some(drawn)) if drawn.complete => drawn,
            Ok(_) => return,
            Err(error) => {
                tracing::error!("the demo company cannot go on: {error}");
                return;
            }
        };
        let mut company = Live::new(drawn.options(), self.now());
        let mut people = (drawn.events > 0).then(|| LiveEvents::new(drawn.options(), self.now()));
        loop {
            tokio::select! {
                () = tokio::time::sleep(pace) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let now = self.now();
            let records = company.next(now);
            let done = people.as_mut().map(|people| people.next(now, &records)).unwrap_or_default();
            for (table, batch) in records.into_iter().chain(done) {
                if let Err(error) = self.lake().append(table.name, batch).await {
                    tracing::error!(
                        table = table.name,
                        "a record of the demo company was not written: {error}"
                    );
                }
            }
        }
    }

    async fn drawn(&self) -> Result<Option<Drawn>> {
        let text = self.state().cursor(SCOPE, "drawn").await?;
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| {
                Error::internal(format!("what the state knows of the demo company: {error}"))
            })
        })
        .transpose()
    }

    async fn remember(&self, drawn: &Drawn) -> Result<()> {
        let text = serde_json::to_string(drawn).map_err(|error| Error::internal(error.to_string()))?;
        Ok(self.state().set_cursor(SCOPE, "drawn", &text, self.now().as_microsecond()).await?)
    }
}
