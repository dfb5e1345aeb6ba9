//! Read-only SQL of users, within limits of rows, time and memory.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::DataFrame;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use super::engine::Engine;
use super::error::EngineError;

/// Limits of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// Most rows that are given.
    pub rows: usize,
    /// Longest time that it may take.
    pub time: Duration,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self { rows: 10_000, time: Duration::from_secs(60) }
    }
}

/// The rows of a statement.
#[derive(Debug, Clone)]
pub struct SqlResult {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, at most as many as the limit says.
    pub batches: Vec<RecordBatch>,
    /// Whether there were more rows than the limit.
    pub truncated: bool,
}

impl Engine {
    /// Runs one SELECT (or EXPLAIN, SHOW, DESCRIBE, VALUES) over records, facts and functions.
    ///
    /// # Errors
    /// [`EngineError::ReadOnly`] for everything that would change something, [`EngineError::Timeout`] and
    /// [`EngineError::Memory`] beyond the limits, else what the planner says.
    pub async fn sql(&self, text: &str, limits: SqlLimits) -> Result<SqlResult, EngineError> {
        self.rates().await?;
        let run = async {
            let frame = self.select(text).await?;
            let schema: SchemaRef = std::sync::Arc::new(frame.schema().as_arrow().clone());
            let stream = frame.execute_stream().await?;
            // A task of its own: it is stopped when the time is over, also where one step takes long.
            let reading = SpawnedTask::spawn(read(stream, limits.rows)).join().await;
            let (batches, truncated) =
                reading.map_err(|_| EngineError::Query("the query was stopped".into()))??;
            Ok(SqlResult { schema, batches, truncated })
        };
        match tokio::time::timeout(limits.time, run).await {
            Ok(result) => result,
            Err(_) => Err(EngineError::Timeout(limits.time.as_secs())),
        }
    }

    /// Plans one read-only statement.
    async fn select(&self, text: &str) -> Result<DataFrame, EngineError> {
        let session = self.session(i64::MAX);
        let state = session.state();
        let dialect = state.config().options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(text, &dialect)?;
        if let Statement::Statement(inner) = &mut statement {
            self.options.macros.expand(inner).map_err(EngineError::Query)?;
        }
        refuse_writes(&statement)?;
        let plan: LogicalPlan = state.statement_to_plan(statement).await?;
        let options =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        options.verify_plan(&plan).map_err(|error| match error {
            DataFusionError::Plan(text) => EngineError::ReadOnly(text),
            other => other.into(),
        })?;
        Ok(session.execute_logical_plan(plan).await?)
    }
}

/// At most `rows` rows of a stream, and whether it had more.
async fn read(
    mut stream: SendableRecordBatchStream,
    rows: usize,
) -> Result<(Vec<RecordBatch>, bool), EngineError> {
    let (mut batches, mut left) = (vec![], rows);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if batch.num_rows() > left {
            batches.push(batch.slice(0, left));
            return Ok((batches, true));
        }
        left -= batch.num_rows();
        batches.push(batch);
    }
    Ok((batches, false))
}

/// Says by name which statement is refused, before the planner meets it.
fn refuse_writes(statement: &Statement) -> Result<(), EngineError> {
    let refused = match statement {
        Statement::Statement(inner) => match inner.as_ref() {
            ast::Statement::Query(_)
            | ast::Statement::Explain { .. }
            | ast::Statement::ExplainTable { .. }
            | ast::Statement::ShowTables { .. }
            | ast::Statement::ShowColumns { .. }
            | ast::Statement::ShowFunctions { .. } => return Ok(()),
            other => other.to_string(),
        },
        Statement::Explain(explain) => return refuse_writes(&explain.statement),
        other => other.to_string(),
    };
    let name: String = refused.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase();
    Err(EngineError::ReadOnly(name))
}
