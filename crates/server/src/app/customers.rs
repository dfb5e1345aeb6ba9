//! Customers: who pays what, and everything that happened with one of them.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

mod compact;
mod index;
mod list;
mod one;
mod timeline;

pub(super) use index::CustomerIndex;

/// Which customers to list.
#[derive(Debug, Clone)]
pub struct Request {
    /// Part of the id, name or e-mail address, in any case.
    pub search: Option<String>,
    /// Column to sort by.
    pub sort: String,
    /// Largest first.
    pub descending: bool,
    /// Most customers.
    pub limit: usize,
    /// Customers to pass over.
    pub offset: usize,
}

/// A customer in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Customer {
    /// Identifier in the billing system.
    pub customer_id: String,
    /// Name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// ISO 3166 code.
    pub country: Option<String>,
    /// How the customer was won.
    pub channel: Option<String>,
    /// The plan with the largest amount now, else the last one.
    pub plan: Option<String>,
    /// Present MRR in the display currency, major units.
    pub mrr: f64,
    /// The display currency.
    pub currency: String,
    /// Date of the first payment due.
    pub since: Option<String>,
    /// active, churned, or never (not a payer so far).
    pub status: String,
    /// What was paid so far less refunds, in the display currency; none when no payments are known.
    pub ltv: Option<f64>,
}

/// A page of customers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CustomersPage {
    /// In the order that was asked for.
    pub customers: Vec<Customer>,
    /// How many match in all.
    pub total: usize,
}

/// One customer and everything that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CustomerDetail {
    /// As in the list.
    pub customer: Customer,
    /// Further attributes of the record.
    #[schema(value_type = Object)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Accounts that were merged into this one.
    pub merged: Vec<String>,
    /// Each subscription as it stands.
    pub subscriptions: Vec<Subscription>,
    /// What happened, newest first.
    pub timeline: Vec<Happening>,
    /// MRR after each movement, oldest first.
    pub mrr: Vec<MrrPoint>,
}

/// A subscription as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Subscription {
    /// Identifier.
    pub subscription_id: String,
    /// Status of the last change that is in effect.
    pub status: String,
    /// Plan.
    pub plan: Option<String>,
    /// Price of all units for one term, major units of `currency`.
    pub amount: f64,
    /// Currency of the amount.
    pub currency: String,
    /// day, week, month, quarter, half_year or year.
    pub interval: String,
    /// Intervals in one term.
    pub interval_count: i64,
    /// Units.
    pub quantity: i64,
    /// First change, RFC 3339.
    pub started_at: String,
    /// Last change in effect, RFC 3339.
    pub changed_at: String,
    /// When the cancellation was asked for, RFC 3339.
    pub canceled_at: Option<String>,
}

/// One thing that happened with a customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Happening {
    /// When, RFC 3339.
    pub at: String,
    /// Table, or `movement`.
    pub kind: String,
    /// Key of the sentence in the page's texts, such as `movement.expansion`.
    pub title_key: String,
    /// What the sentence is filled with.
    #[schema(value_type = Object)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Amount, signed, major units of `currency`.
    pub amount: Option<f64>,
    /// Currency of the amount.
    pub currency: Option<String>,
    /// The record that it came from.
    pub record: Option<super::rows::RecordRef>,
}

/// MRR from a moment on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MrrPoint {
    /// When, RFC 3339.
    pub at: String,
    /// MRR from then on, in the display currency at today's rate, major units.
    pub amount: f64,
}
