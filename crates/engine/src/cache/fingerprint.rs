//! A text that two plans share only if they compute the same from the same records.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};

use crate::exec::{MovementsExec, RecordScanExec};

/// The fingerprint of `plan`: for each node its text, its schema and every expression in full.
pub fn fingerprint(plan: &Arc<dyn ExecutionPlan>) -> String {
    let mut out = String::new();
    write_node(plan, &mut out);
    out
}

fn write_node(plan: &Arc<dyn ExecutionPlan>, out: &mut String) {
    struct Shown<'a>(&'a dyn ExecutionPlan);
    impl std::fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.fmt_as(DisplayFormatType::Verbose, f)
        }
    }
    let _ = write!(out, "({}:{}", plan.name(), Shown(plan.as_ref()));
    if let Some(scan) = plan.downcast_ref::<RecordScanExec>() {
        let _ = write!(out, " pushed={}", scan.pushed());
    }
    if let Some(movements) = plan.downcast_ref::<MovementsExec>() {
        let _ = write!(out, " {}", movements.identity());
    }
    if let Some(aggregate) = plan.downcast_ref::<AggregateExec>() {
        for (expr, name) in aggregate.group_expr().expr() {
            let _ = write!(out, " by={expr:?}/{name}");
        }
        for (expr, filter) in aggregate.aggr_expr().iter().zip(aggregate.filter_expr()) {
            let _ = write!(
                out,
                " agg={:?}/{:?}/{:?}/{}/{filter:?}",
                expr.fun(),
                expr.expressions(),
                expr.order_bys(),
                expr.is_distinct(),
            );
        }
    }
    let _ = plan.apply_expressions(&mut |expr| {
        let _ = write!(out, " {expr:?}");
        expr.apply(|part| {
            if let Some(call) = part.downcast_ref::<ScalarFunctionExpr>() {
                let _ = write!(out, " fun={:?}", call.fun());
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    for child in plan.children() {
        write_node(child, out);
    }
    out.push(')');
}
