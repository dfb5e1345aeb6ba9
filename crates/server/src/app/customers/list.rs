//! The list of customers: searched, sorted, cut.

use super::{CustomersPage, Request};
use crate::app::{Error, Result, Workspace};
use burgeon_core::text::did_you_mean;

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
        let all = &index.customers;
        let mut found: Vec<usize> = (0..all.len()).filter(|place| all.matches(*place, &needle)).collect();
        found.sort_by(|&left, &right| {
            let ascending = all.compare(left, right, sort);
            let ordered = if request.descending { ascending.reverse() } else { ascending };
            // Customers without a value stand last whatever the order; places are in the order of ids.
            all.absent(left, sort).cmp(&all.absent(right, sort)).then(ordered).then(left.cmp(&right))
        });
        let total = found.len();
        let page = found.into_iter().skip(request.offset).take(request.limit);
        let customers = page.map(|place| all.get(place)).collect();
        Ok(CustomersPage { customers, total })
    }
}
