//! What customers did by the ledger, as steps beside those of events: `fact:first_payment`, `fact:churn[plan=Pro]`.
//!
//! A fact is of a customer; it counts for each of the customer's people who were seen to do something. So the people who signed up
//! can be followed to the payment, the renewal or the loss of their company.

use super::ask::Asked;
use crate::app::cells::Columns;
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
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa::ToSchema;

/// What names of steps begin with that are facts.
pub const PREFIX: &str = "fact:";
/// Sets of added rows that are kept.
const KEPT: usize = 16;

/// A fact that can be a step: one row for each time that it happened to a customer.
struct Fact {
    name: &'static str,
    /// Names for people: English, Russian, Chinese.
    label: [&'static str; 3],
    /// Gives `customer_id`, `at` and the columns that conditions may name; `{now}` is the present moment.
    sql: &'static str,
    columns: &'static [&'static str],
}

/// All of them. What lies in the future is none.
const FACTS: &[Fact] = &[
    Fact {
        name: "first_payment",
        label: ["First payment", "Первая оплата", "首次付款"],
        sql: "SELECT customer_id, first_paid_at AS at, max(plan) AS plan, max(\"interval\") AS \"interval\" FROM mrr_movements \
              WHERE NOT scheduled AND at = first_paid_at GROUP BY customer_id, first_paid_at",
        columns: &["plan", "interval"],
    },
    Fact {
        name: "payment",
        label: ["Payment", "Оплата", "付款"],
        sql: "SELECT customer_id, at, currency FROM cash WHERE kind = 'payment' AND at <= {now}",
        columns: &["currency"],
    },
    Fact {
        name: "renewal",
        label: ["Renewal", "Продление", "续费"],
        sql: "SELECT customer_id, due_at AS at, plan, \"interval\" FROM renewals WHERE renewed AND due_at <= {now}",
        columns: &["plan", "interval"],
    },
    Fact {
        name: "trial",
        label: ["Trial by the billing system", "Пробный период по биллингу", "计费系统中的试用"],
        sql: "SELECT customer_id, min(effective_at) AS at, max(plan) AS plan FROM subscription_changes \
              WHERE status = 'trialing' AND effective_at <= {now} GROUP BY customer_id, subscription_id",
        columns: &["plan"],
    },
    Fact {
        name: "expansion",
        label: ["Expansion", "Расширение", "扩展"],
        sql: "SELECT customer_id, at, max(plan) AS plan FROM mrr_movements \
              WHERE NOT scheduled AND movement = 'expansion' GROUP BY customer_id, at, movement_id",
        columns: &["plan"],
    },
    Fact {
        name: "contraction",
        label: ["Contraction", "Сокращение", "收缩"],
        sql: "SELECT customer_id, at, max(plan) AS plan FROM mrr_movements \
              WHERE NOT scheduled AND movement = 'contraction' GROUP BY customer_id, at, movement_id",
        columns: &["plan"],
    },
    Fact {
        name: "churn",
        label: ["Loss of the customer", "Уход клиента", "客户流失"],
        sql: "SELECT customer_id, at, max(plan) AS plan, max(reason) AS reason FROM mrr_movements \
              WHERE NOT scheduled AND movement = 'churn' GROUP BY customer_id, at, movement_id",
        columns: &["plan", "reason"],
    },
    Fact {
        name: "reactivation",
        label: ["Return of the customer", "Возвращение клиента", "客户回归"],
        sql: "SELECT customer_id, at, max(plan) AS plan FROM mrr_movements \
              WHERE NOT scheduled AND movement = 'reactivation' GROUP BY customer_id, at, movement_id",
        columns: &["plan"],
    },
];

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

fn fact(step: &Step) -> Result<Option<&'static Fact>> {
    let Some(name) = step.event.strip_prefix(PREFIX) else { return Ok(None) };
    let found = FACTS.iter().find(|fact| fact.name == name).ok_or_else(|| {
        let names: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
        let near = did_you_mean(name, names.iter().copied());
        Error::invalid("unknown_fact", format!("there is no step {PREFIX}{name}{near}"))
            .mend(format!("facts are {}", names.join(", ")))
            .param("step")
    })?;
    for condition in &step.conditions {
        if !found.columns.contains(&condition.property.as_str()) {
            let near = did_you_mean(&condition.property, found.columns.iter().copied());
            let message = format!("{PREFIX}{name} has no column {}{near}", condition.property);
            return Err(Error::invalid("unknown_dimension", message)
                .mend(format!("it has {}", found.columns.join(", ")))
                .param("step"));
        }
    }
    Ok(Some(found))
}

impl Workspace {
    /// Takes facts out of the conditions and gives their rows by person; `None` when there are none among them.
    pub(super) async fn facts_of(&self, conditions: &mut [Vec<Step>]) -> Result<Option<Arc<AddedRows>>> {
        let mut wanted: Vec<(usize, Step)> = Vec::new();
        for (bit, steps) in conditions.iter_mut().enumerate() {
            for step in steps.iter() {
                if fact(step)?.is_some() {
                    wanted.push((bit, step.clone()));
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
        let asked: Vec<String> = wanted.iter().map(|(bit, step)| format!("{bit} {step}")).collect();
        let key = (asked.join("\n"), format!("{stamp:?}"));
        let kept = &self.intake().facts;
        if let Some(same) =
            kept.kept.lock().iter().find(|kept| kept.key == key && Arc::ptr_eq(&kept.codes, &codes))
        {
            return Ok(Some(same.rows.clone()));
        }
        let rows = self.fact_rows(&wanted, &texts, &codes).await?;
        let name = format!("facts {}", kept.made.fetch_add(1, Ordering::Relaxed));
        let rows = Arc::new(AddedRows::new(name, rows));
        let mut all = kept.kept.lock();
        if all.len() >= KEPT {
            all.remove(0);
        }
        all.push(Kept { key, codes, rows: rows.clone() });
        Ok(Some(rows))
    }

    /// (person, time, conditions) of every fact that was asked for.
    async fn fact_rows(
        &self,
        wanted: &[(usize, Step)],
        customers: &[Option<String>],
        codes: &[u32],
    ) -> Result<Vec<(u32, i64, u64)>> {
        let mut persons: HashMap<&str, Vec<u32>> = HashMap::new();
        for (person, code) in (0u32..).zip(codes) {
            if let Some(customer) = customers.get(*code as usize).and_then(Option::as_deref) {
                persons.entry(customer).or_default().push(person);
            }
        }
        let mut bits: BTreeMap<(u32, i64, usize), u64> = BTreeMap::new();
        for (place, known) in FACTS.iter().enumerate() {
            let steps: Vec<&(usize, Step)> = wanted
                .iter()
                .filter(|(_, step)| step.event.strip_prefix(PREFIX) == Some(known.name))
                .collect();
            if steps.is_empty() {
                continue;
            }
            // Rows of one fact stand apart from each other, also at one time.
            let mut number = place << 32;
            for batch in &self.select(&self.fact_sql(known)).await? {
                let columns = Columns(batch);
                for row in 0..batch.num_rows() {
                    let (Some(customer), Some(at)) =
                        (columns.text("customer_id", row)?, columns.int("at", row)?)
                    else {
                        continue;
                    };
                    let Some(people) = persons.get(customer.as_str()) else { continue };
                    let mut values = HashMap::new();
                    for column in known.columns {
                        values.insert(*column, columns.text(column, row)?);
                    }
                    let mut met = 0u64;
                    for (bit, step) in &steps {
                        let holds = step.conditions.iter().all(|condition| {
                            condition
                                .holds(values.get(condition.property.as_str()).and_then(Option::as_deref))
                        });
                        met |= u64::from(holds) << bit;
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
        Ok(bits.into_iter().map(|((person, at, _), met)| (person, at, met)).collect())
    }

    fn fact_sql(&self, fact: &Fact) -> String {
        fact.sql.replace("{now}", &instant_literal(self.now().as_microsecond()))
    }

    /// Answers a question, with facts among the rows where steps name them.
    pub(super) async fn answer<K: Kernel + Debug + Send + 'static>(
        &self,
        asked: &Asked,
        kernel: K,
    ) -> Result<K::Partial> {
        let store = self.events();
        Ok(match &asked.facts {
            None => store.ask(asked.question.clone(), kernel).await?,
            Some(rows) => store.ask(asked.question.clone(), Added { kernel, rows: rows.clone() }).await?,
        })
    }

    /// The facts that happened, in the order of the list.
    pub(super) async fn facts_seen(&self) -> Result<Vec<FactSeen>> {
        let mut seen = Vec::new();
        for known in FACTS {
            let sql = format!(
                "SELECT count(*) AS n, count(DISTINCT customer_id) AS customers, min(at) AS first, max(at) AS last FROM ({})",
                self.fact_sql(known)
            );
            for batch in self.select(&sql).await?.iter().filter(|batch| batch.num_rows() > 0) {
                let columns = Columns(batch);
                let count = columns.int("n", 0)?.unwrap_or(0).unsigned_abs();
                if count == 0 {
                    continue;
                }
                let label = ["en", "ru", "zh"].into_iter().map(str::to_owned);
                seen.push(FactSeen {
                    event: format!("{PREFIX}{}", known.name),
                    label: label.zip(known.label.into_iter().map(str::to_owned)).collect(),
                    count,
                    customers: columns.int("customers", 0)?.unwrap_or(0).unsigned_abs(),
                    first_at: columns.int("first", 0)?,
                    last_at: columns.int("last", 0)?,
                    properties: known.columns.iter().map(|column| (*column).to_owned()).collect(),
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
        let error = |text: &str| fact(&Step::parse(text).unwrap()).err().map(|error| error.message);
        assert_eq!(error("signup"), None);
        assert_eq!(error("fact:churn[plan=Pro]"), None);
        assert!(error("fact:first_paymnt").unwrap().contains("first_payment"));
        assert!(error("fact:churn[plam=Pro]").unwrap().contains("plan"));
    }
}
