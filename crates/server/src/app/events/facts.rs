//! What customers did by the ledger, as steps beside those of events: `fact:first_payment`, `fact:churn[plan=Pro]`.
//!
//! A fact is of a customer; it counts for each of the customer's people who were seen to do something. So the people who signed up
//! can be followed to the payment, the renewal or the loss of their company.

use super::ask::Asked;
use crate::app::cells::Columns;
use crate::app::definitions::{File, Files};
use crate::app::sql::instant_literal;
use crate::app::{Error, Result, Workspace};
use burgeon_core::behaviour::Kernel;
use burgeon_core::behaviour::added::{Added, AddedRows};
use burgeon_core::behaviour::step::Step;
use burgeon_core::text::did_you_mean;
use burgeon_engine::events::Breakdown;
use burgeon_engine::plan::groups::{GroupBy, Groups};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa::ToSchema;

/// What names of steps begin with that are facts.
pub const PREFIX: &str = "fact:";
/// Sets of added rows that are kept.
const KEPT: usize = 16;

/// A fact that can be a step: one row for each time that it happened to a customer. Read from `definitions/steps/<name>.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerStep {
    /// Name; in a question it stands behind [`PREFIX`].
    pub name: String,
    /// Names for people, by language; English is there.
    pub label: BTreeMap<String, String>,
    /// Gives `customer_id`, `at` and the properties. What lies in the future is left out by whoever asks.
    pub sql: String,
    /// Columns that conditions may name.
    pub properties: Vec<String>,
}

impl LedgerStep {
    /// Parses a file: comment lines with prose and headers (`label`, `label ru`, `label zh`, `properties`), then SQL.
    fn parse(file: &File) -> Result<Self> {
        let wrong = |line: usize, what: String, mend: &str| {
            Err(Error::invalid("bad_definition", format!("{}:{line}: {what}", file.place())).mend(mend))
        };
        let name = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".sql");
        let mut step = Self {
            name: name.to_owned(),
            label: BTreeMap::new(),
            sql: file.text.clone(),
            properties: Vec::new(),
        };
        let comments = file.text.lines().map_while(|line| line.strip_prefix("--"));
        for (number, comment) in (1..).zip(comments) {
            let Some((key, value)) = comment.split_once(':') else { continue };
            let (key, value) = (key.trim(), value.trim());
            match key.strip_prefix("label").map(str::trim) {
                Some(language @ ("" | "en" | "ru" | "zh")) => {
                    let language = if language.is_empty() { "en" } else { language };
                    step.label.insert(language.to_owned(), value.to_owned());
                }
                Some(language) => {
                    return wrong(
                        number,
                        format!("there is no language \"{language}\""),
                        "write en, ru or zh",
                    );
                }
                None if key == "properties" => {
                    step.properties = value.split(',').map(|name| name.trim().to_owned()).collect();
                }
                None => {}
            }
        }
        if !step.label.contains_key("en") {
            return wrong(
                1,
                "the step has no name for people".to_owned(),
                "add a line such as -- label: Renewal",
            );
        }
        Ok(step)
    }
}

/// Reads the steps of the built-in definitions and those of the workspace over them.
pub(in crate::app) fn read(files: &Files) -> Result<Vec<LedgerStep>> {
    files.under("steps", "sql").map(LedgerStep::parse).collect()
}

/// A fact that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FactSeen {
    /// The step, such as `fact:first_payment`.
    pub event: String,
    /// Name for people, by language.
    pub label: BTreeMap<String, String>,
    /// How often it happened.
    pub count: u64,
    /// Customers to whom it happened.
    pub customers: u64,
    /// Time of the first, µs UTC.
    #[serde(skip)]
    pub first_at: Option<i64>,
    /// Time of the last, µs UTC.
    #[serde(skip)]
    pub last_at: Option<i64>,
    /// Columns that conditions may name.
    pub properties: Vec<String>,
}

/// Added rows with what they were made from.
#[derive(Debug)]
struct Kept {
    key: (String, String),
    /// When the next of the facts happens that lay in the future, µs UTC: then there are other rows.
    until: i64,
    /// Held so that another one cannot come to lie at the same place.
    codes: Arc<[u32]>,
    rows: Arc<AddedRows>,
}

/// The sets of rows that were added last.
#[derive(Debug, Default)]
pub(super) struct KeptFacts {
    kept: Mutex<Vec<Kept>>,
    made: AtomicU64,
}

/// The step of the ledger that a step names; `None` for events.
fn known<'a>(all: &'a [LedgerStep], step: &Step) -> Result<Option<&'a LedgerStep>> {
    let Some(name) = step.event.strip_prefix(PREFIX) else { return Ok(None) };
    let found = all.iter().find(|one| one.name == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let near = did_you_mean(name, names.iter().copied());
        Error::invalid("unknown_fact", format!("there is no step {PREFIX}{name}{near}"))
            .mend(format!("facts are {}", names.join(", ")))
            .param("step")
    })?;
    for condition in &step.conditions {
        if !found.properties.contains(&condition.property) {
            let near = did_you_mean(&condition.property, found.properties.iter().map(String::as_str));
            let message = format!("{PREFIX}{name} has no column {}{near}", condition.property);
            return Err(Error::invalid("unknown_dimension", message)
                .mend(format!("it has {}", found.properties.join(", ")))
                .param("step"));
        }
    }
    Ok(Some(found))
}

/// Whether a row of a fact meets the conditions of a step.
fn holds(step: &Step, columns: &Columns<'_>, row: usize) -> Result<bool> {
    for condition in &step.conditions {
        if !condition.holds(columns.text(&condition.property, row)?.as_deref()) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Workspace {
    /// Customers to whom one of some steps of the ledger happened up to now; steps of events are passed over.
    pub(super) async fn customers_with(&self, steps: &[Step]) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for step in steps {
            let definitions = self.definitions();
            let Some(known) = known(&definitions.steps, step)? else { continue };
            for batch in &self.select(&self.step_sql(known)).await? {
                let columns = Columns(batch);
                for row in 0..batch.num_rows() {
                    if holds(step, &columns, row)?
                        && let Some(customer) = columns.text("customer_id", row)?
                    {
                        found.insert(customer);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Takes facts out of the conditions and gives their rows by person; `None` when there are none among them.
    pub(super) async fn facts_of(&self, conditions: &mut [Vec<Step>]) -> Result<Option<Arc<AddedRows>>> {
        let definitions = self.definitions();
        let mut wanted: Vec<(usize, Step, &LedgerStep)> = Vec::new();
        for (bit, steps) in conditions.iter_mut().enumerate() {
            for step in steps.iter() {
                if let Some(known) = known(&definitions.steps, step)? {
                    wanted.push((bit, step.clone(), known));
                }
            }
            steps.retain(|step| !step.event.starts_with(PREFIX));
        }
        if wanted.is_empty() {
            return Ok(None);
        }
        let by = GroupBy::Customer("customer".to_owned());
        let Groups { by, texts, .. } = self.engine().event_groups(&by, usize::MAX).await?;
        let Breakdown::PersonCodes(codes) = by else {
            return Err(Error::internal("customers of persons have no codes"));
        };
        let mut stamp = self.stamp();
        stamp.leave_out("events");
        let now = self.now().as_microsecond();
        let asked: Vec<String> =
            wanted.iter().map(|(bit, step, known)| format!("{bit} {step} {}", known.sql)).collect();
        let key = (asked.join("\n"), format!("{stamp:?}"));
        let kept = &self.intake().facts;
        let same = |kept: &&Kept| kept.key == key && now < kept.until && Arc::ptr_eq(&kept.codes, &codes);
        if let Some(same) = kept.kept.lock().iter().find(same) {
            return Ok(Some(same.rows.clone()));
        }
        let (rows, until) = self.fact_rows(&wanted, &texts, &codes, now).await?;
        let name = format!("facts {}", kept.made.fetch_add(1, Ordering::Relaxed));
        let rows = Arc::new(AddedRows::new(name, rows));
        let mut all = kept.kept.lock();
        if all.len() >= KEPT {
            all.remove(0);
        }
        all.push(Kept { key, until, codes, rows: rows.clone() });
        Ok(Some(rows))
    }

    /// (person, time, conditions) of every fact that was asked for and happened before `now`, and when the next will.
    async fn fact_rows(
        &self,
        wanted: &[(usize, Step, &LedgerStep)],
        customers: &[Option<String>],
        codes: &[u32],
        now: i64,
    ) -> Result<(Vec<(u32, i64, u64)>, i64)> {
        let mut persons: HashMap<&str, Vec<u32>> = HashMap::new();
        for (person, code) in (0u32..).zip(codes) {
            if let Some(customer) = customers.get(*code as usize).and_then(Option::as_deref) {
                persons.entry(customer).or_default().push(person);
            }
        }
        /// A step of the ledger with the conditions on it and their bits.
        type Asked<'a> = (&'a LedgerStep, Vec<(usize, &'a Step)>);
        let mut facts: BTreeMap<&str, Asked<'_>> = BTreeMap::new();
        for (bit, step, known) in wanted {
            facts.entry(&known.name).or_insert((*known, Vec::new())).1.push((*bit, step));
        }
        let mut bits: BTreeMap<(u32, i64, usize), u64> = BTreeMap::new();
        let mut until = i64::MAX;
        for (place, (known, steps)) in facts.values().enumerate() {
            // Rows of one fact stand apart from each other, also at one time.
            let mut number = place << 32;
            for batch in &self.select(&known.sql).await? {
                let columns = Columns(batch);
                for row in 0..batch.num_rows() {
                    let (Some(customer), Some(at)) =
                        (columns.text("customer_id", row)?, columns.int("at", row)?)
                    else {
                        continue;
                    };
                    if at > now {
                        until = until.min(at);
                        continue;
                    }
                    let Some(people) = persons.get(customer.as_str()) else { continue };
                    let mut met = 0u64;
                    for (bit, step) in steps {
                        met |= u64::from(holds(step, &columns, row)?) << bit;
                    }
                    number += 1;
                    if met != 0 {
                        people.iter().for_each(|person| {
                            bits.insert((*person, at, number), met);
                        });
                    }
                }
            }
        }
        Ok((bits.into_iter().map(|((person, at, _), met)| (person, at, met)).collect(), until))
    }

    /// What happened up to now.
    fn step_sql(&self, step: &LedgerStep) -> String {
        let now = instant_literal(self.now().as_microsecond());
        format!("SELECT * FROM (\n{}\n) WHERE at <= {now}", step.sql)
    }

    /// Answers a question, with facts among the rows where steps name them.
    pub(super) async fn answer<K: Kernel + Debug + Send + 'static>(
        &self,
        asked: &Asked,
        kernel: K,
    ) -> Result<Arc<K::Partial>> {
        let store = self.events();
        Ok(match &asked.facts {
            None => store.ask(asked.question.clone(), kernel).await?,
            Some(rows) => store.ask(asked.question.clone(), Added { kernel, rows: rows.clone() }).await?,
        })
    }

    /// The facts that happened, in the order of the list.
    pub(super) async fn facts_seen(&self) -> Result<Vec<FactSeen>> {
        let mut seen = Vec::new();
        for known in &self.definitions().steps {
            let sql = format!(
                "SELECT count(*) AS n, count(DISTINCT customer_id) AS customers, min(at) AS first, max(at) AS last FROM ({})",
                self.step_sql(known)
            );
            for batch in self.select(&sql).await?.iter().filter(|batch| batch.num_rows() > 0) {
                let columns = Columns(batch);
                let count = columns.int("n", 0)?.unwrap_or(0).unsigned_abs();
                if count == 0 {
                    continue;
                }
                seen.push(FactSeen {
                    event: format!("{PREFIX}{}", known.name),
                    label: known.label.clone(),
                    count,
                    customers: columns.int("customers", 0)?.unwrap_or(0).unsigned_abs(),
                    first_at: columns.int("first", 0)?,
                    last_at: columns.int("last", 0)?,
                    properties: known.properties.clone(),
                });
            }
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_facts_and_columns_name_the_nearest() {
        let all = read(&Files::built_in().unwrap()).unwrap();
        let error = |text: &str| known(&all, &Step::parse(text).unwrap()).err().map(|error| error.message);
        assert_eq!(error("signup"), None);
        assert_eq!(error("fact:churn[plan=Pro]"), None);
        assert!(error("fact:first_paymnt").unwrap().contains("first_payment"));
        assert!(error("fact:churn[plam=Pro]").unwrap().contains("plan"));
    }

    #[test]
    fn a_step_without_a_name_names_its_file() {
        let file = |text: &str| File { path: "steps/mine.sql".into(), text: text.into(), origin: None };
        let error = |text: &str| LedgerStep::parse(&file(text)).unwrap_err().message;
        assert!(error("SELECT 1").contains("steps/mine.sql:1: the step has no name"));
        assert!(
            error("-- label: A\n-- label fr: B\nSELECT 1")
                .contains("steps/mine.sql:2: there is no language \"fr\"")
        );
    }
}
