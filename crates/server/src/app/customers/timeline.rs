//! What happened with a customer, newest first, from all tables.

use super::Happening;
use super::one::major;
use crate::app::cells::{self, Columns, instant};
use crate::app::rows::RecordRef;
use crate::app::sql::literal;
use crate::app::{Result, Workspace};
use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use serde_json::Value;
use std::collections::BTreeMap;

/// The most rows of one table in a timeline; the newest are kept.
const MOST: usize = 500;

/// A record table in the timeline.
struct Lane {
    table: &'static str,
    time: &'static str,
    /// Text columns for the sentence.
    params: &'static [&'static str],
    /// Column whose value ends the sentence's key, such as `payments.failed`.
    variant: Option<&'static str>,
    /// Column of the amount in minor units, and its sign.
    amount: Option<(&'static str, f64)>,
}

impl Lane {
    const fn of(table: &'static str, time: &'static str, params: &'static [&'static str]) -> Self {
        Self { table, time, params, variant: None, amount: None }
    }

    /// The status ends the sentence's key.
    const fn by_status(self) -> Self {
        Self { variant: Some("status"), ..self }
    }

    const fn with(self, amount: &'static str, sign: f64) -> Self {
        Self { amount: Some((amount, sign)), ..self }
    }
}

const LANES: &[Lane] = &[
    Lane::of(
        "subscription_changes",
        "effective_at",
        &["subscription_id", "status", "plan", "reason", "interval", "quantity"],
    )
    .by_status()
    .with("amount_minor", 1.0),
    Lane::of("cancellations", "at", &["subscription_id", "reason", "comment"]),
    Lane::of("invoices", "issued_at", &["invoice_id", "status"]).by_status().with("total_minor", 1.0),
    Lane::of("payments", "at", &["payment_id", "invoice_id", "status"]).by_status().with("amount_minor", 1.0),
    Lane::of("refunds", "at", &["refund_id", "payment_id", "reason"]).with("amount_minor", -1.0),
    Lane::of("credit_notes", "at", &["credit_note_id", "invoice_id", "reason"]).with("amount_minor", -1.0),
    Lane::of("discounts", "starts_at", &["coupon", "percent", "ends_at", "duration"]),
];

impl Workspace {
    pub(super) async fn timeline(&self, id: &str) -> Result<Vec<Happening>> {
        let mut all: Vec<(i64, Happening)> = Vec::new();
        self.movements_of(id, &mut all).await?;
        for lane in LANES {
            self.lane(id, lane, &mut all).await?;
        }
        // Stable: at one instant the movement stands above the change that caused it.
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Ok(all.into_iter().map(|(_, happening)| happening).collect())
    }

    async fn movements_of(&self, id: &str, all: &mut Vec<(i64, Happening)>) -> Result<()> {
        let sql = format!(
            "SELECT at, movement, subscription_id, plan, reason, currency, amount_parts, scheduled, change_key, cause \
             FROM mrr_movements WHERE customer_id = {} ORDER BY at DESC LIMIT {MOST}",
            literal(id)
        );
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let Some(at) = columns.int("at", row)? else {
                    continue;
                };
                let movement = columns.text("movement", row)?.unwrap_or_default();
                let code = columns.text("currency", row)?.unwrap_or_default();
                let amount = columns.decimal("amount_parts", row)?.and_then(|(parts, scale)| {
                    let currency = Currency::from_code(&code)?;
                    Exact::from_parts_decimal(parts, scale, currency).to_f64(currency.exponent())
                });
                let mut params = BTreeMap::new();
                for name in ["subscription_id", "plan", "reason"] {
                    if let Some(text) = columns.text(name, row)? {
                        params.insert(name.to_owned(), Value::from(text));
                    }
                }
                let scheduled = columns.flag("scheduled", row)?;
                params.insert("scheduled".to_owned(), scheduled.into());
                let table = columns.text("cause", row)?;
                let record = columns.text("change_key", row)?.zip(table).map(|(key, table)| RecordRef {
                    table,
                    entity: id.to_owned(),
                    key,
                });
                all.push((
                    at,
                    Happening {
                        at: instant(at),
                        kind: "movement".to_owned(),
                        title_key: format!("movement.{movement}"),
                        params,
                        amount,
                        currency: Some(code),
                        record,
                    },
                ));
            }
        }
        Ok(())
    }

    async fn lane(&self, id: &str, lane: &Lane, all: &mut Vec<(i64, Happening)>) -> Result<()> {
        let mut columns: Vec<String> = lane.params.iter().map(|name| format!("\"{name}\"")).collect();
        if let Some((amount, _)) = lane.amount {
            columns.push(format!("\"{amount}\", currency"));
        }
        let sql = format!(
            "SELECT \"{time}\" AS happened, _key, {columns} FROM {table} WHERE customer_id = {id} \
             ORDER BY \"{time}\" DESC LIMIT {MOST}",
            time = lane.time,
            table = lane.table,
            columns = columns.join(", "),
            id = literal(id),
        );
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let Some(at) = columns.int("happened", row)? else {
                    continue;
                };
                let mut params = BTreeMap::new();
                for name in lane.params {
                    let value =
                        batch.column_by_name(name).map_or(Value::Null, |column| cells::json(column, row));
                    if !value.is_null() {
                        params.insert((*name).to_owned(), value);
                    }
                }
                let currency = if lane.amount.is_some() { columns.text("currency", row)? } else { None };
                let amount = match lane.amount {
                    Some((name, sign)) => columns
                        .int(name, row)?
                        .map(|minor| sign * major(minor, currency.as_deref().unwrap_or_default())),
                    None => None,
                };
                let title_key = match lane.variant {
                    Some(variant) => {
                        format!("{}.{}", lane.table, columns.text(variant, row)?.unwrap_or_default())
                    }
                    None => lane.table.to_owned(),
                };
                let record = columns.text("_key", row)?.map(|key| RecordRef {
                    table: lane.table.to_owned(),
                    entity: id.to_owned(),
                    key,
                });
                all.push((
                    at,
                    Happening {
                        at: instant(at),
                        kind: lane.table.to_owned(),
                        title_key,
                        params,
                        amount,
                        currency,
                        record,
                    },
                ));
            }
        }
        Ok(())
    }
}
