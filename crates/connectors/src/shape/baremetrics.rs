//! The import template of Baremetrics: one row for each subscription, amounts in minor units.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Field, Kind, Mapper, Prepared, Shape, repeated};
use crate::plan::Plan;
use crate::table::{Output, TableRows, Value};
use crate::typed::Typed;

/// The shape `baremetrics`: gives customers, plans and subscription changes.
pub fn template() -> Shape {
    let field = |name, kind, doc| Field::new(name, kind, &[], doc);
    Shape {
        name: "baremetrics",
        doc: "The Baremetrics import template: plan_oid, customer_oid, subscription_oid, started and canceled.",
        tables: vec!["customers", "plans", "subscription_changes"],
        fields: vec![
            field("plan_oid", Kind::Id, "Identifier of the plan."),
            field("plan_name", Kind::Text, "Name of the plan."),
            field("plan_currency", Kind::Currency, "Currency of the price."),
            field("plan_amount", Kind::Minor, "Price of one unit in minor units."),
            field("plan_interval", Kind::Interval, "Interval of the price."),
            field("plan_interval_count", Kind::Int, "Intervals in one term; 1 when empty."),
            field("customer_oid", Kind::Id, "Identifier of the customer."),
            field("customer_name", Kind::Text, "Name of the customer."),
            field("customer_email", Kind::Text, "Mail address of the customer."),
            field("subscription_oid", Kind::Id, "Identifier of the subscription."),
            field("subscription_started_at", Kind::Time, "When it started."),
            field("subscription_canceled_at", Kind::Time, "When it ended; empty while it runs."),
            field("subscription_quantity", Kind::Int, "Units sold; 1 when empty."),
        ],
        needs: [
            "plan_oid",
            "plan_currency",
            "plan_amount",
            "plan_interval",
            "customer_oid",
            "subscription_oid",
            "subscription_started_at",
        ]
        .map(|name| vec![name])
        .to_vec(),
        signature: &["plan_oid", "customer_oid", "subscription_oid", "subscription_started_at"],
        rest: None,
        aliases: &[],
        note: "",
        lines: None,
        prepare: None,
        mapper,
    }
}

struct Template {
    fields: Vec<usize>,
    customers: Option<TableRows>,
    plans: Option<TableRows>,
    changes: Option<TableRows>,
    seen: HashSet<u64>,
}

const NAMES: [&str; 13] = [
    "plan_oid",
    "plan_name",
    "plan_currency",
    "plan_amount",
    "plan_interval",
    "plan_interval_count",
    "customer_oid",
    "customer_name",
    "customer_email",
    "subscription_oid",
    "subscription_started_at",
    "subscription_canceled_at",
    "subscription_quantity",
];

fn mapper(plan: &Arc<Plan>, _: &Prepared) -> Box<dyn Mapper> {
    Box::new(Template {
        fields: NAMES.iter().map(|name| plan.shape.field(name).unwrap_or_default()).collect(),
        customers: TableRows::new("customers"),
        plans: TableRows::new("plans"),
        changes: TableRows::new("subscription_changes"),
        seen: HashSet::new(),
    })
}

impl Template {
    fn row(&mut self, typed: &Typed<'_>, row: usize) -> Result<(), String> {
        let [
            plan,
            name,
            currency,
            amount,
            interval,
            count,
            customer,
            who,
            email,
            subscription,
            started,
            canceled,
            quantity,
        ] = self.fields[..]
        else {
            return Ok(());
        };
        let line = typed.chunk.lines[row];
        let quantity = typed.int(quantity, row).unwrap_or(1);
        let price = typed.int(amount, row).ok_or("plan_amount is empty")?;
        let total = price.checked_mul(quantity).ok_or("plan_amount: is too large")?;
        let (unit, own) = typed.interval(interval, row).ok_or("plan_interval is empty")?;
        let count =
            own.checked_mul(typed.int(count, row).unwrap_or(1)).ok_or("plan_interval_count is too large")?;
        let start = typed.int(started, row).ok_or("subscription_started_at is empty")?;
        let end = typed.int(canceled, row);
        if end.is_some_and(|end| end < start) {
            return Err("subscription_canceled_at is before subscription_started_at".to_owned());
        }
        let text = |field| Value::from(typed.text(field, row));
        if let Some(rows) = self
            .customers
            .as_mut()
            .filter(|_| !repeated(&mut self.seen, typed, row, "c", &[customer, who, email]))
        {
            rows.push(line, &[text(customer), text(who), text(email)]);
        }
        if let Some(rows) = self
            .plans
            .as_mut()
            .filter(|_| !repeated(&mut self.seen, typed, row, "p", &[plan, name, currency]))
        {
            rows.push(
                line,
                &[
                    text(plan),
                    text(name),
                    Value::Null,
                    price.into(),
                    text(currency),
                    unit.into(),
                    count.into(),
                ],
            );
        }
        if let Some(rows) = &mut self.changes {
            let mut push = |at: i64, status: &'static str, amount: i64| {
                rows.push(
                    line,
                    &[
                        text(customer),
                        text(subscription),
                        at.into(),
                        status.into(),
                        amount.into(),
                        Value::Null,
                        text(currency),
                        unit.into(),
                        count.into(),
                        quantity.into(),
                        text(plan),
                    ],
                );
            };
            push(start, "active", total);
            if let Some(end) = end {
                push(end, "canceled", 0);
            }
        }
        Ok(())
    }
}

impl Mapper for Template {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        typed.check_needs(|_, _, _| false);
        for row in 0..typed.rows() {
            if typed.is_good(row)
                && let Err(reason) = self.row(typed, row)
            {
                typed.reject(row, reason);
            }
        }
        for rows in [&mut self.customers, &mut self.plans, &mut self.changes] {
            out.batches.extend(rows.as_mut().and_then(TableRows::take));
        }
    }
}
