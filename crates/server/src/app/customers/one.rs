//! One customer: attributes, subscriptions as they stand, MRR over time.

use super::{CustomerDetail, MrrPoint, Subscription};
use crate::app::cells::{Columns, instant};
use crate::app::sql::literal;
use crate::app::{Error, Result, Workspace};
use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Workspace {
    /// One customer and everything that happened.
    pub async fn customer(&self, id: &str) -> Result<CustomerDetail> {
        let index = self.customer_index().await?;
        let Some(place) = index.customers.find(id) else {
            return Err(Error::not_found("unknown_customer", format!("there is no customer `{id}`"))
                .mend("`/api/v1/customers?search=` finds by part of the id, name or e-mail address")
                .param("id"));
        };
        let mut customer = index.customers.get(place);
        let subscriptions = self.subscriptions(id).await?;
        if let Some(better) = finer_status(&customer.status, &subscriptions) {
            customer.status = better;
        }
        Ok(CustomerDetail {
            attributes: self.attributes(id).await?,
            merged: self.merged_into(id).await?,
            timeline: self.timeline(id).await?,
            mrr: self.mrr_of(id, index.currency).await?,
            customer,
            subscriptions,
        })
    }

    async fn attributes(&self, id: &str) -> Result<Map<String, Value>> {
        let sql = format!(
            "SELECT attributes, partner, created_at FROM customers WHERE customer_id = {} LIMIT 1",
            literal(id)
        );
        let mut all = Map::new();
        for batch in self.select(&sql).await?.iter().filter(|batch| batch.num_rows() > 0) {
            let columns = Columns(batch);
            if let Some(partner) = columns.text("partner", 0)? {
                all.insert("partner".to_owned(), partner.into());
            }
            if let Some(at) = columns.int("created_at", 0)? {
                all.insert("created_at".to_owned(), instant(at).into());
            }
            let text = columns.text("attributes", 0)?.unwrap_or_default();
            // A client may have stored anything here; what is no object is shown as it is.
            match serde_json::from_str(&text) {
                Ok(Value::Object(object)) => all.extend(object),
                _ if text.is_empty() => {}
                _ => {
                    all.insert("attributes".to_owned(), text.into());
                }
            }
        }
        Ok(all)
    }

    async fn merged_into(&self, id: &str) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT from_customer_id FROM customer_merges WHERE into_customer_id = {0} AND from_customer_id <> {0} \
             ORDER BY from_customer_id",
            literal(id)
        );
        let mut merged = Vec::new();
        for batch in &self.select(&sql).await? {
            for row in 0..batch.num_rows() {
                merged.extend(Columns(batch).text("from_customer_id", row)?);
            }
        }
        Ok(merged)
    }

    async fn subscriptions(&self, id: &str) -> Result<Vec<Subscription>> {
        let sql = format!(
            "SELECT subscription_id, effective_at, status, plan, amount_minor, currency, \"interval\", interval_count, \
                    quantity, canceled_at \
             FROM subscription_changes WHERE customer_id = {} ORDER BY effective_at, change_id",
            literal(id)
        );
        let now = self.now().as_microsecond();
        let mut subscriptions: BTreeMap<String, Subscription> = BTreeMap::new();
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let at = columns.int("effective_at", row)?.unwrap_or(0);
                if at > now {
                    continue;
                }
                let subscription_id = columns.text("subscription_id", row)?.unwrap_or_default();
                let currency = columns.text("currency", row)?.unwrap_or_default();
                let minor = columns.int("amount_minor", row)?.unwrap_or(0);
                let current = Subscription {
                    subscription_id: subscription_id.clone(),
                    status: columns.text("status", row)?.unwrap_or_default(),
                    plan: columns.text("plan", row)?,
                    amount: major(minor, &currency),
                    currency,
                    interval: columns.text("interval", row)?.unwrap_or_default(),
                    interval_count: columns.int("interval_count", row)?.unwrap_or(1),
                    quantity: columns.int("quantity", row)?.unwrap_or(1),
                    started_at: subscriptions
                        .get(&subscription_id)
                        .map_or_else(|| instant(at), |earlier| earlier.started_at.clone()),
                    changed_at: instant(at),
                    canceled_at: columns.int("canceled_at", row)?.map(instant),
                };
                subscriptions.insert(subscription_id, current);
            }
        }
        Ok(subscriptions.into_values().collect())
    }

    /// MRR after each movement, at today's rates.
    async fn mrr_of(&self, id: &str, currency: Currency) -> Result<Vec<MrrPoint>> {
        let now = crate::app::sql::instant_literal(self.now().as_microsecond());
        let sql = format!(
            "SELECT at, convert(sum(amount_parts), currency, {now}) AS parts FROM mrr_movements \
             WHERE customer_id = {} AND NOT scheduled GROUP BY at, currency ORDER BY at",
            literal(id)
        );
        let mut balance = Exact::zero();
        let mut points: Vec<(i64, Exact)> = Vec::new();
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let (Some(at), Some((parts, scale))) =
                    (columns.int("at", row)?, columns.decimal("parts", row)?)
                else {
                    continue;
                };
                balance += Exact::from_parts_decimal(parts, scale, currency);
                match points.last_mut() {
                    Some((last, value)) if *last == at => *value = balance.clone(),
                    _ => points.push((at, balance.clone())),
                }
            }
        }
        let point = |(at, value): (i64, Exact)| MrrPoint {
            at: instant(at),
            amount: value.to_f64(currency.exponent()).unwrap_or(0.0),
        };
        Ok(points.into_iter().map(point).collect())
    }
}

/// Minor units as major units; an unknown currency counts as one with two decimals.
pub(super) fn major(minor: i64, currency: &str) -> f64 {
    let decimals = Currency::from_code(currency).map_or(2, Currency::exponent);
    Exact::from_decimal(i128::from(minor), decimals).to_f64(decimals).unwrap_or(0.0)
}

/// What the subscriptions say about a customer who does not pay at this moment.
fn finer_status(coarse: &str, subscriptions: &[Subscription]) -> Option<String> {
    if coarse == "active" {
        return subscriptions.iter().any(|s| s.status == "past_due").then(|| "past_due".to_owned());
    }
    ["trialing", "paused", "free", "unpaid"]
        .into_iter()
        .find(|status| subscriptions.iter().any(|subscription| subscription.status == *status))
        .map(str::to_owned)
}
