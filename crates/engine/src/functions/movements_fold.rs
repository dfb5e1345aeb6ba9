//! `mrr_movements_fold()`: the movements of recurring revenue as a table.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use burgeon_core::revenue::RevenueRules;
use burgeon_core::time::Zone;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::exec::movements::{Beside, MovementsExec, input_columns, schema};
use crate::exec::{RecordSource, RecordTable};

/// The function's name.
pub const NAME: &str = "mrr_movements_fold";

/// The table function. It streams the fold over `subscription_changes`, and what its rules ask for beside them, bucket by
/// bucket; rows come by customer and time.
#[derive(Debug)]
pub struct MovementsFold {
    source: Arc<dyn RecordSource>,
    rules: RevenueRules,
    zone: Zone,
}

impl MovementsFold {
    /// The fold under `rules` over the records of `source`, by the months of `zone`.
    pub fn new(source: Arc<dyn RecordSource>, rules: RevenueRules, zone: Zone) -> Self {
        Self { source, rules, zone }
    }
}

impl TableFunctionImpl for MovementsFold {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        if !args.exprs().is_empty() {
            return plan_err!(
                "mrr_movements_fold() takes no arguments; its rules are settings of the workspace"
            );
        }
        let changes = RecordTable::try_new("subscription_changes", Arc::clone(&self.source))?;
        let beside = Beside::of(&self.rules)
            .into_iter()
            .map(|beside| Ok((beside, RecordTable::try_new(beside.table(), Arc::clone(&self.source))?)))
            .collect::<Result<_>>()?;
        Ok(Arc::new(Movements { changes, beside, rules: self.rules, zone: self.zone.clone() }))
    }
}

#[derive(Debug)]
struct Movements {
    changes: RecordTable,
    beside: Vec<(Beside, RecordTable)>,
    rules: RevenueRules,
    zone: Zone,
}

/// Whether an expression speaks of the customer alone, so that it holds for all rows of a customer or for none.
fn of_customer(expr: &Expr) -> bool {
    let mut only = true;
    let mut any = false;
    let walked = expr.apply(|part| {
        match part {
            Expr::Column(column) => {
                any = true;
                only &= column.name == "customer_id";
            }
            Expr::ScalarFunction(_) | Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                only = false
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.is_ok() && only && any
}

/// Scans columns of a record table, in stored order.
async fn read(
    table: &RecordTable,
    columns: &[&str],
    state: &dyn Session,
    filters: &[Expr],
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = table.schema();
    let mut positions = columns.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
    positions.sort_unstable();
    table.scan(state, Some(&positions), filters, None).await
}

#[async_trait]
impl TableProvider for Movements {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match of_customer(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = projection.cloned().unwrap_or_else(|| (0..schema().fields().len()).collect());
        let columns = input_columns(&schema().project(&wanted)?, &self.rules);
        let filters: Vec<Expr> = filters.iter().filter(|filter| of_customer(filter)).cloned().collect();
        let mut inputs = vec![read(&self.changes, &columns, state, &filters).await?];
        for (beside, table) in &self.beside {
            inputs.push(read(table, beside.columns(), state, &filters).await?);
        }
        Ok(Arc::new(MovementsExec::try_new(inputs, self.rules, self.zone.clone(), &wanted)?))
    }
}
