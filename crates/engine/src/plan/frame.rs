//! The rows of a fact that a request is about, with its dimensions as columns.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, TimeUnit};
use burgeon_core::time::{Grain, Period, Zone};
use burgeon_metrics::base::{BaseRequest, Dimension, Filter, Span};
use burgeon_metrics::fact::PROPERTIES;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::execution::SessionStateBuilder;
use datafusion::functions::expr_fn::nullif;
use datafusion::logical_expr::{BinaryExpr, Expr, JoinType, Operator, SortExpr, cast, lit};
use datafusion::physical_expr::Partitioning::Hash;
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect};
use datafusion::prelude::{DataFrame, SessionContext};

use super::engine::Engine;
use super::error::EngineError;
use super::people::PERSON;
use crate::facts::FactSchema;
use crate::functions::{among, cut_off, instant, json_text, period_start, standing};

/// A dimension as an expression over the frame, and how its text becomes the value of the answer.
#[derive(Debug, Clone)]
pub struct Dim {
    /// The value as text (`Utf8View`).
    pub expr: Expr,
    /// Set for cohorts, whose text is the first date of the period.
    pub cohort: Option<Grain>,
}

/// The rows of a fact, joined to the customer where a dimension needs it.
#[derive(Debug)]
pub struct Frame {
    /// The rows.
    pub rows: DataFrame,
    /// The time of a row, as a timestamp.
    pub time: Expr,
    dims: Vec<(Dimension, Dim)>,
    /// The fact, and whether the customer is joined: what decides whether a plan keeps entities whole.
    shape: (String, bool),
}

/// A column of the frame by its plain name, whatever its case.
pub fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// A moment as a literal.
pub fn moment(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

impl Frame {
    /// The rows of `request.fact` with all dimensions of `by` and `filters` at hand; nothing is filtered yet.
    ///
    /// # Errors
    /// An unknown fact or column, or a customer's dimension on a fact without customers.
    pub async fn new(
        engine: &Engine,
        session: &SessionContext,
        request: &BaseRequest,
    ) -> Result<Frame, EngineError> {
        let fact = engine.fact(&request.fact)?;
        let mut rows = session.table(request.fact.as_str()).await?;
        let wrong = |wrong: String, mend: &str| EngineError::Request {
            fact: request.fact.clone(),
            wrong,
            mend: mend.to_owned(),
        };
        let columns: Vec<&str> = fact.columns.iter().map(|c| c.name.as_str()).collect();
        let known = |name: &str| match columns.contains(&name) {
            true => Ok(()),
            false => Err(wrong(
                format!("there is no column \"{name}\""),
                &format!("the fact has {}", columns.join(", ")),
            )),
        };
        let mut wanted: Vec<&Dimension> = vec![];
        for dimension in request.by.iter().chain(request.filters.iter().map(|f| &f.dimension)) {
            if !wanted.contains(&dimension) {
                wanted.push(dimension);
            }
        }
        known(&request.time)?;
        let time_type = fact.columns.iter().find(|c| c.name == request.time).map(|c| c.data_type.clone());
        let time = match time_type {
            Some(DataType::Timestamp(TimeUnit::Microsecond, _)) => column(&request.time),
            _ => instant::udf(engine.options.zone.clone()).call(vec![column(&request.time)]),
        };
        let mut dims = vec![];
        let mut of_customer = vec![];
        for dimension in wanted {
            let text = |expr| cast(expr, DataType::Utf8View);
            let dim = match dimension {
                Dimension::Fact { column: name, .. } => {
                    known(name)?;
                    Dim { expr: text(column(name)), cohort: None }
                }
                Dimension::Cohort { grain } => {
                    let paid = match columns.contains(&"first_paid_at") {
                        true => column("first_paid_at"),
                        false => {
                            known("customer_id")?;
                            let ledger = engine.ledger(session, None).await?;
                            standing::first_paid_at(ledger).call(vec![column("customer_id"), time.clone()])
                        }
                    };
                    let start =
                        period_start::udf(engine.options.zone.clone()).call(vec![paid, lit(grain.as_str())]);
                    Dim { expr: text(start), cohort: Some(*grain) }
                }
                Dimension::Standing { of } => {
                    known("customer_id")?;
                    let ledger = engine.ledger(session, Some(*of)).await?;
                    let held = standing::udf(ledger, *of).call(vec![column("customer_id"), time.clone()]);
                    Dim { expr: held, cohort: None }
                }
                Dimension::Property { .. } => {
                    known(PROPERTIES)?;
                    let key = lit(dimension.property().unwrap_or_default());
                    let value = json_text::udf().call(vec![text(column(PROPERTIES)), key]);
                    // As in the hot columns, an empty text is no value.
                    Dim { expr: nullif(value, lit(ScalarValue::Utf8View(Some(String::new())))), cohort: None }
                }
                Dimension::Among { who } => {
                    let is = match (engine.events(), columns.contains(&PERSON)) {
                        (Some(store), true) => among::persons(store, who).call(vec![text(column(PERSON))]),
                        _ => {
                            known("customer_id")?;
                            among::customers(who).call(vec![text(column("customer_id"))])
                        }
                    };
                    Dim { expr: is, cohort: None }
                }
                Dimension::Customer { .. } | Dimension::Attribute { .. } => {
                    let alias = format!("__customer_{}", of_customer.len());
                    let value = match dimension {
                        Dimension::Attribute { key } => {
                            json_text::udf().call(vec![column("attributes"), lit(key.as_str())])
                        }
                        other => text(column(other.name())),
                    };
                    of_customer.push(value.alias(&alias));
                    Dim { expr: column(&alias), cohort: None }
                }
            };
            dims.push((dimension.clone(), dim));
        }
        let joined = !of_customer.is_empty();
        if joined {
            if !columns.contains(&"customer_id") {
                return Err(wrong(
                    "its rows belong to no customer".into(),
                    "leave out dimensions of the customer or ask for another metric",
                ));
            }
            of_customer.insert(0, column("customer_id").alias("__customer"));
            let customers = session.table("customers").await?.select(of_customer)?;
            // The fact is the probe side, so that its order survives; both sides are in the same buckets.
            rows = customers.join(rows, JoinType::Right, &["__customer"], &["customer_id"], None)?;
        }
        Ok(Frame { rows, time, dims, shape: (request.fact.clone(), joined) })
    }

    /// The dimension as planned by [`Frame::new`].
    pub fn dim(&self, dimension: &Dimension) -> Dim {
        let found = self.dims.iter().find(|(known, _)| known == dimension);
        found.map_or_else(
            || Dim { expr: lit(ScalarValue::Utf8View(None)), cohort: None },
            |(_, dim)| dim.clone(),
        )
    }

    /// SQL of a definition over the frame's columns.
    ///
    /// # Errors
    /// What the parser says, with the fact's name.
    pub fn sql(&self, request: &BaseRequest, text: &str) -> Result<Expr, EngineError> {
        self.rows.parse_sql_expr(text).map_err(|error| EngineError::Request {
            fact: request.fact.clone(),
            wrong: format!("\"{text}\": {}", error.strip_backtrace()),
            mend: "mend the metric's measure or filter".into(),
        })
    }

    /// The definition's filter. `x <= now()` becomes a condition whose moment does not enter the key of stored results.
    ///
    /// # Errors
    /// See [`Frame::sql`].
    pub fn definition_filter(
        &self,
        engine: &Engine,
        request: &BaseRequest,
        text: &str,
    ) -> Result<Expr, EngineError> {
        let filter = self.sql(request, text)?;
        let now = engine.now();
        let replaced = filter.transform_up(|expr| {
            let is_now = |e: &Expr| matches!(e, Expr::ScalarFunction(call) if call.func.name() == "now");
            match expr {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::LtEq, right }) if is_now(&right) => {
                    Ok(Transformed::yes(cut_off::until_now(now).call(vec![*left])))
                }
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Gt, right }) if is_now(&right) => {
                    Ok(Transformed::yes(!cut_off::until_now(now).call(vec![*left])))
                }
                ref other if is_now(other) => Ok(Transformed::yes(moment(now))),
                other => Ok(Transformed::no(other)),
            }
        })?;
        Ok(replaced.data)
    }

    /// The order of an entity's rows.
    pub fn order(&self, fact: &FactSchema) -> Vec<SortExpr> {
        let entity = fact.file.entity.as_deref().map(|entity| column(entity).sort(true, true));
        entity.into_iter().chain([column(&fact.file.time).sort(true, true)]).collect()
    }

    /// Aggregates the rows. Where `entity` names a fact, no entity may stand in two partitions of the plan: most plans
    /// keep the buckets of the records and need nothing; where one does not, it is planned for a single partition, at
    /// once from the second time on. (A shuffle by entity asked for in the plan would be optimised away.)
    ///
    /// # Errors
    /// What the planner says, and whatever happens while it runs.
    pub async fn aggregate(
        &self,
        engine: &Engine,
        session: &SessionContext,
        keys: Vec<Expr>,
        aggregates: Vec<Expr>,
        entity: Option<&FactSchema>,
    ) -> Result<Vec<RecordBatch>, EngineError> {
        let plain = || async {
            self.rows.clone().aggregate(keys.clone(), aggregates.clone())?.create_physical_plan().await
        };
        let Some(fact) = entity else {
            return Ok(collect(plain().await?, session.task_ctx()).await?);
        };
        let Some(entity) = fact.file.entity.as_deref() else {
            return Err(EngineError::Request {
                fact: fact.file.name.clone(),
                wrong: "its rows belong to no entity".into(),
                mend: "add the entity header to the fact or ask for another aggregate".into(),
            });
        };
        if !engine.mixing.lock().contains(&self.shape) {
            let plain = plain().await?;
            if whole_entities(&plain, entity) {
                return Ok(collect(plain, session.task_ctx()).await?);
            }
            engine.mixing.lock().insert(self.shape.clone());
        }
        let (state, rows) = self.rows.clone().into_parts();
        // A new default catalog would take the place of the one that all sessions share.
        let alone =
            state.config().clone().with_target_partitions(1).with_create_default_catalog_and_schema(false);
        let state = SessionStateBuilder::new_from_existing(state).with_config(alone).build();
        let plan = DataFrame::new(state, rows).aggregate(keys, aggregates)?.create_physical_plan().await?;
        if !whole_entities(&plan, entity) {
            return Err(EngineError::Query(format!("{}: the plan splits entities", fact.file.name)));
        }
        Ok(collect(plan, session.task_ctx()).await?)
    }

    /// A condition of the query over the frame's columns.
    pub fn condition(&self, filter: &Filter, zone: &Zone) -> Expr {
        let dim = self.dim(&filter.dimension);
        if let Dimension::Among { .. } = filter.dimension {
            return if filter.negated { dim.expr.is_not_true() } else { dim.expr };
        }
        let with_missing = filter.values.iter().any(String::is_empty);
        let values = filter
            .values
            .iter()
            .map(|value| match dim.cohort {
                // A cohort is named by its period and stored as its first date.
                Some(_) => Period::parse(value, zone).map_or_else(|_| value.clone(), |p| p.start.to_string()),
                None => value.clone(),
            })
            .map(|value| lit(ScalarValue::Utf8View(Some(value))))
            .collect::<Vec<_>>();
        let listed = dim.expr.clone().in_list(values, filter.negated);
        match (filter.negated, with_missing) {
            (false, true) | (true, false) => listed.or(dim.expr.is_null()),
            (false, false) => listed.and(dim.expr.is_not_null()),
            (true, true) => listed.and(dim.expr.is_not_null()),
        }
    }

    /// Whether a row counts yet, and lies before the end of the spans and, when `from_start`, not before them.
    pub fn in_time(&self, spans: &[Span], cut_off: i64, from_start: bool) -> Expr {
        let mut all = cut_off::udf(cut_off).call(vec![self.time.clone()]);
        if let Some(end) = spans.iter().map(|s| s.end).max() {
            all = self.time.clone().lt(moment(end)).and(all);
        }
        match spans.iter().map(|s| s.start).min() {
            Some(start) if from_start && start > i64::MIN => self.time.clone().gt_eq(moment(start)).and(all),
            _ => all,
        }
    }
}

/// Whether every aggregate over raw rows in `plan` sees whole entities in each partition.
fn whole_entities(plan: &Arc<dyn ExecutionPlan>, entity: &str) -> bool {
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>()
        && aggregate.mode().input_mode() == AggregateInputMode::Raw
    {
        let input = aggregate.input();
        let partitioning = input.output_partitioning();
        return partitioning.partition_count() == 1
            || match partitioning {
                Hash(by, _) => {
                    by.len() == 1
                        && by[0].downcast_ref::<PhysicalColumn>().is_some_and(|c| c.name() == entity)
                }
                _ => false,
            };
    }
    plan.children().into_iter().all(|child| whole_entities(child, entity))
}

/// The value of a dimension in the answer, from its text.
pub fn value_of(dim: &Dim, text: Option<&str>, zone: &Zone) -> Option<String> {
    let text = text?;
    match dim.cohort {
        None => Some(text.to_owned()),
        Some(grain) => match text.parse() {
            Ok(date) => Some(Period::containing(date, grain, zone.week_start()).label()),
            Err(_) => Some(text.to_owned()),
        },
    }
}
