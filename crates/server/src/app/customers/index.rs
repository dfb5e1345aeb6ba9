//! Every customer with the figures of today, computed once for each state of the records.

use super::Customer;
use super::compact::{Builder, Compact};
use crate::app::cells::Columns;
use crate::app::sql::instant_literal;
use crate::app::{Result, Workspace};
use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use std::collections::HashMap;
use std::sync::Arc;

/// All customers, by id.
#[derive(Debug)]
pub struct CustomerIndex {
    /// Display currency.
    pub currency: Currency,
    /// By id.
    pub customers: Compact,
}

/// What is known of a customer from the movements and payments.
#[derive(Debug, Default)]
struct Figures {
    mrr: Option<Exact>,
    largest: Option<Exact>,
    plan: Option<String>,
    plan_at: i64,
    since: Option<i64>,
    ltv: Option<Exact>,
}

impl Workspace {
    /// The index for the present records; kept until they, the rules or the date change.
    pub(in crate::app) async fn customer_index(&self) -> Result<Arc<CustomerIndex>> {
        let stamp = self.stamp();
        if let Some((kept, index)) = self.kept_customers().lock().as_ref()
            && *kept == stamp
        {
            return Ok(index.clone());
        }
        let index = Arc::new(self.read_customers().await?);
        *self.kept_customers().lock() = Some((stamp, index.clone()));
        Ok(index)
    }

    async fn read_customers(&self) -> Result<CustomerIndex> {
        let currency = self.settings().currency;
        let mut figures: HashMap<String, Figures> = HashMap::new();
        self.read_balances(currency, &mut figures).await?;
        self.read_payments(currency, &mut figures).await?;
        let mut customers = Builder::new(currency.code(), figures.len());
        let sql = "SELECT customer_id, name, email, country, channel FROM customers";
        for batch in &self.select(sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let Some(id) = columns.text("customer_id", row)? else {
                    continue;
                };
                let known = figures.remove(&id).unwrap_or_default();
                let mut customer = self.customer_of(id, known, currency);
                customer.name = columns.text("name", row)?;
                customer.email = columns.text("email", row)?;
                customer.country = columns.text("country", row)?;
                customer.channel = columns.text("channel", row)?;
                customers.push(&customer);
            }
        }
        // Whoever pays without a record of its own is a customer all the same.
        for (id, known) in figures {
            customers.push(&self.customer_of(id, known, currency));
        }
        Ok(CustomerIndex { currency, customers: customers.finish() })
    }

    async fn read_balances(&self, currency: Currency, figures: &mut HashMap<String, Figures>) -> Result<()> {
        let now = instant_literal(self.now().as_microsecond());
        let sql = format!(
            "SELECT customer_id, plan, convert(sum(amount_parts), currency, {now}) AS parts, \
                    max(at) AS last_at, min(first_paid_at) AS since \
             FROM mrr_movements WHERE NOT scheduled AND at <= {now} GROUP BY customer_id, plan, currency"
        );
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let Some(id) = columns.text("customer_id", row)? else {
                    continue;
                };
                let known = figures.entry(id).or_default();
                let amount = columns.decimal("parts", row)?.map_or_else(Exact::zero, |(parts, scale)| {
                    Exact::from_parts_decimal(parts, scale, currency)
                });
                let last_at = columns.int("last_at", row)?.unwrap_or(i64::MIN);
                // The plan with the largest amount; of a customer who left, the last one.
                let larger = match &known.largest {
                    None => true,
                    Some(largest) if amount.is_positive() || largest.is_positive() => amount > *largest,
                    Some(_) => last_at > known.plan_at,
                };
                if larger {
                    known.plan = columns.text("plan", row)?;
                    known.plan_at = last_at;
                    known.largest = Some(amount.clone());
                }
                let sum = known.mrr.take().unwrap_or_else(Exact::zero) + amount;
                known.mrr = Some(sum);
                let since = columns.int("since", row)?;
                known.since = known.since.into_iter().chain(since).min();
            }
        }
        Ok(())
    }

    async fn read_payments(&self, currency: Currency, figures: &mut HashMap<String, Figures>) -> Result<()> {
        let now = instant_literal(self.now().as_microsecond());
        let sql = format!(
            "SELECT customer_id, sum(convert(amount_minor, currency, at)) AS minor \
             FROM cash WHERE at <= {now} GROUP BY customer_id"
        );
        for batch in &self.select(&sql).await? {
            let columns = Columns(batch);
            for row in 0..batch.num_rows() {
                let (Some(id), Some((minor, scale))) =
                    (columns.text("customer_id", row)?, columns.decimal("minor", row)?)
                else {
                    continue;
                };
                let amount = Exact::from_decimal(minor, scale + currency.exponent());
                figures.entry(id).or_default().ltv = Some(amount);
            }
        }
        Ok(())
    }

    fn customer_of(&self, customer_id: String, known: Figures, currency: Currency) -> Customer {
        let money = |value: &Exact| value.to_f64(currency.exponent()).unwrap_or(0.0);
        let paying = known.mrr.as_ref().is_some_and(Exact::is_positive);
        Customer {
            customer_id,
            name: None,
            email: None,
            country: None,
            channel: None,
            plan: known.plan,
            mrr: known.mrr.as_ref().map_or(0.0, money),
            currency: currency.code().to_owned(),
            since: known.since.map(|at| self.zone().date_of(at).to_string()),
            status: match (paying, known.since) {
                (true, _) => "active",
                (false, Some(_)) => "churned",
                (false, None) => "never",
            }
            .to_owned(),
            ltv: known.ltv.as_ref().map(money),
        }
    }
}
