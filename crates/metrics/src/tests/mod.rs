//! Tests of the whole way from pages to results, against a naive engine over rows in memory.

mod catalog;
mod engine;
mod insight;
mod model;
mod people;
mod query;

use std::path::Path;

use burgeon_core::currency::Currency;
use burgeon_core::settings::Settings;
use burgeon_core::time::Zone;

use crate::catalog::Catalog;
use crate::fact::{FactColumn, FactColumnKind, FactSchema};
use crate::query::Context;

pub(crate) fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions/metrics");
    let mut pages = Vec::new();
    for area in std::fs::read_dir(root).unwrap() {
        let area = area.unwrap().path();
        for page in std::fs::read_dir(&area).unwrap() {
            let page = page.unwrap().path();
            let name = format!(
                "definitions/metrics/{}/{}",
                area.file_name().unwrap().to_str().unwrap(),
                page.file_name().unwrap().to_str().unwrap()
            );
            pages.push((name, std::fs::read_to_string(&page).unwrap()));
        }
    }
    pages.sort();
    pages
}

fn fact(name: &str, entity: Option<&str>, time: &str, columns: &str) -> FactSchema {
    let columns_of_movements = columns.contains("first_paid_at");
    let columns = columns
        .split_whitespace()
        .map(|c| {
            let (name, kind) = c.split_once(':').unwrap_or((c, "t"));
            FactColumn {
                name: name.to_owned(),
                kind: match kind {
                    "t" => FactColumnKind::Text,
                    "b" => FactColumnKind::Bool,
                    "n" => FactColumnKind::Number,
                    _ => FactColumnKind::Time,
                },
                of_entity: entity == Some(name) || name == "first_paid_at",
                entity_id: ["customer_id", "movement_id"].contains(&name),
            }
        })
        .collect();
    FactSchema {
        name: name.to_owned(),
        doc: String::new(),
        columns,
        entity: entity.map(str::to_owned),
        time: time.to_owned(),
        records: vec![match columns_of_movements {
            true => "subscription_changes".to_owned(),
            false => format!("records_of_{name}"),
        }],
    }
}

pub(crate) fn facts() -> Vec<FactSchema> {
    let customer = Some("customer_id");
    let event = "person_id customer_id at:at event channel path device country properties invited:b";
    let person = |name| fact(name, Some("person_id"), "at", event);
    let movement = "customer_id subscription_id at:at movement currency amount_parts:n list_parts:n \
        discount_parts:n plan interval reason scheduled:b is_transfer:b movement_id:n first_paid_at:at quantity:n";
    let mut facts: Vec<FactSchema> = [
        "all_events",
        "activity",
        "page_views",
        "contacts",
        "trials_started",
        "demo_requests",
        "activations",
        "content_views",
        "content_reads",
        "content_shares",
        "downloads",
        "invites",
        "product_qualified",
        "product_uses",
        "signups",
    ]
    .map(person)
    .into();
    let visit = "person_id customer_id at:at channel path device country properties pages:n seconds:n bounced:b is_returning:b";
    facts.push(fact("visits", Some("person_id"), "at", visit));
    facts.extend([
        fact("acquisitions", customer, "at", movement),
        fact("mrr_movements", customer, "at", movement),
        fact("churns", customer, "at", movement),
        fact("cash", customer, "at", "customer_id at:at kind currency amount_minor:n"),
        fact("recognised_revenue", customer, "at", "customer_id at:at kind plan currency amount_parts:n"),
        fact("costs", None, "date", "cost_id date:at kind channel campaign currency amount_minor:n"),
        fact(
            "renewals",
            customer,
            "due_at",
            "customer_id due_at:at plan currency due_parts:n renewed:b renewed_parts:n",
        ),
    ]);
    facts
}

pub(crate) fn catalog() -> Catalog {
    catalog_under(&Settings::default())
}

pub(crate) fn catalog_under(settings: &Settings) -> Catalog {
    Catalog::new(pages(), [], facts()).unwrap_or_else(|e| panic!("{e:#?}")).under(settings)
}

pub(crate) fn context(now: &str) -> Context {
    Context {
        zone: Zone::utc(),
        now: now.parse().unwrap(),
        currency: Currency::USD,
        settings: Settings::default(),
        attributes: vec!["industry".to_owned()],
        among: Vec::new(),
    }
}
