//! The list of customers: searched, sorted, cut.

use super::{Customer, CustomersPage, Request};
use crate::app::{Error, Result, Workspace};
use burgeon_core::text::did_you_mean;
use std::cmp::Ordering;

const SORTS: &[&str] =
    &["mrr", "name", "since", "ltv", "status", "plan", "country", "channel", "email", "customer_id"];

impl Workspace {
    /// A page of customers.
    pub async fn customers(&self, request: &Request) -> Result<CustomersPage> {
        let sort = request.sort.as_str();
        if !SORTS.contains(&sort) {
            let near = did_you_mean(sort, SORTS.iter().copied());
            return Err(Error::invalid(
                "unknown_sort",
                format!("customers cannot be sorted by `{sort}`{near}"),
            )
            .mend(format!("known: {}", SORTS.join(", ")))
            .param("sort"));
        }
        let index = self.customer_index().await?;
        let needle = request.search.as_deref().map(str::trim).unwrap_or("").to_lowercase();
        let mut found: Vec<&Customer> =
            index.customers.iter().filter(|customer| matches(customer, &needle)).collect();
        found.sort_by(|left, right| {
            let ascending = compare(left, right, sort);
            let ordered = if request.descending { ascending.reverse() } else { ascending };
            // Customers without a value stand last whatever the order.
            absent(left, sort)
                .cmp(&absent(right, sort))
                .then(ordered)
                .then_with(|| left.customer_id.cmp(&right.customer_id))
        });
        let total = found.len();
        let customers = found.into_iter().skip(request.offset).take(request.limit).cloned().collect();
        Ok(CustomersPage { customers, total })
    }
}

fn matches(customer: &Customer, needle: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(needle);
    needle.is_empty()
        || holds(&customer.customer_id)
        || customer.name.as_deref().is_some_and(holds)
        || customer.email.as_deref().is_some_and(holds)
}

fn text_of<'a>(customer: &'a Customer, sort: &str) -> Option<&'a str> {
    match sort {
        "name" => customer.name.as_deref(),
        "since" => customer.since.as_deref(),
        "status" => Some(&customer.status),
        "plan" => customer.plan.as_deref(),
        "country" => customer.country.as_deref(),
        "channel" => customer.channel.as_deref(),
        "email" => customer.email.as_deref(),
        _ => Some(&customer.customer_id),
    }
}

fn absent(customer: &Customer, sort: &str) -> bool {
    match sort {
        "mrr" => false,
        "ltv" => customer.ltv.is_none(),
        _ => text_of(customer, sort).is_none(),
    }
}

fn compare(left: &Customer, right: &Customer, sort: &str) -> Ordering {
    match sort {
        "mrr" => left.mrr.total_cmp(&right.mrr),
        "ltv" => left.ltv.unwrap_or(0.0).total_cmp(&right.ltv.unwrap_or(0.0)),
        "name" => left
            .name
            .as_deref()
            .unwrap_or("")
            .to_lowercase()
            .cmp(&right.name.as_deref().unwrap_or("").to_lowercase()),
        _ => text_of(left, sort).cmp(&text_of(right, sort)),
    }
}
