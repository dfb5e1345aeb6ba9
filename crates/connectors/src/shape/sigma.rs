//! Stripe Sigma's `subscription_item_change_events`: differences of MRR, summed up to after-images.

use std::sync::Arc;

use burgeon_core::records::{KeyHasher, KeyPart};

use super::{Field, Kind, Mapper, Prepared, Shape, synonyms};
use crate::error::Error;
use crate::plan::Plan;
use crate::rows::Chunk;
use crate::table::{Output, TableRows, Value};
use crate::typed::{Typed, Typer};

/// The shape `stripe_sigma_changes`. Each subscription item becomes a subscription of its own, since Sigma
/// tells the changes of items; its price is the running sum of `mrr_change`, per month.
pub fn item_changes() -> Shape {
    let field = |name, kind, doc| Field::new(name, kind, &[], doc);
    Shape {
        name: "stripe_sigma_changes",
        doc: "Stripe Sigma's subscription_item_change_events: mrr_change in minor units for each item and instant.",
        tables: vec!["subscription_changes"],
        fields: vec![
            Field::new("event_timestamp", Kind::Time, &[], "When the change took effect, UTC."),
            field("event_type", Kind::Text, "ACTIVE_START, ACTIVE_UPGRADE, …, ACTIVE_END."),
            Field::new("currency", Kind::Currency, synonyms::CURRENCY, "Currency of the change."),
            field("mrr_change", Kind::Minor, "Difference of MRR in minor units."),
            field("quantity_change", Kind::Int, "Difference of units."),
            field("customer_id", Kind::Id, "Customer who pays."),
            Field::new("price_id", Kind::Text, &["plan_id"], "Price that is sold."),
            field("product_id", Kind::Text, "Product that is sold."),
            field("subscription_id", Kind::Id, "Subscription that the item belongs to."),
            field("subscription_item_id", Kind::Id, "Item that changed."),
        ],
        needs: ["event_timestamp", "currency", "mrr_change", "customer_id", "subscription_item_id"]
            .map(|n| vec![n])
            .to_vec(),
        signature: &["event_timestamp", "event_type", "mrr_change", "subscription_item_id"],
        rest: None,
        aliases: &[],
        note: "",
        lines: None,
        prepare: Some(prepare),
        mapper,
    }
}

/// The state of an item after the event of one line.
struct State {
    line: u64,
    amount: i64,
    quantity: i64,
    /// Whether a later event of the same instant takes its place.
    passing: bool,
}

/// Sums up the changes of each item in the order of time: about 60 bytes a row while it runs.
fn prepare(plan: &Plan, chunks: &mut dyn FnMut() -> Result<Option<Chunk>, Error>) -> Result<Prepared, Error> {
    let at = |name: &str| plan.shape.field(name).unwrap_or_default();
    let (time, change, units) = (at("event_timestamp"), at("mrr_change"), at("quantity_change"));
    let (customer, item) = (at("customer_id"), at("subscription_item_id"));
    let mut typer = Typer::new(plan);
    let mut hasher = KeyHasher::default();
    let mut events: Vec<(u64, i64, u64, i64, i64)> = Vec::new();
    while let Some(chunk) = chunks()? {
        let typed = typer.read_some(&chunk, plan, &[time, change, units, customer, item]);
        for row in 0..typed.rows() {
            let (Some(at), Some(amount)) = (typed.int(time, row), typed.int(change, row)) else { continue };
            let part = |field| typed.text(field, row).map_or(KeyPart::Null, KeyPart::Text);
            let key = hasher.hash([part(customer), part(item)]);
            events.push((key, at, chunk.lines[row], amount, typed.int(units, row).unwrap_or(0)));
        }
    }
    events.sort_unstable();
    let mut states: Vec<State> = Vec::with_capacity(events.len());
    let (mut amount, mut quantity) = (0i64, 0i64);
    for (index, event) in events.iter().enumerate() {
        if index == 0 || events[index - 1].0 != event.0 {
            (amount, quantity) = (0, 0);
        }
        amount = amount.saturating_add(event.3);
        quantity = quantity.saturating_add(event.4);
        let passing = events.get(index + 1).is_some_and(|next| (next.0, next.1) == (event.0, event.1));
        states.push(State { line: event.2, amount, quantity, passing });
    }
    states.sort_unstable_by_key(|state| state.line);
    Ok(Some(Arc::new(states)))
}

struct Items {
    fields: [usize; 8],
    states: Arc<Vec<State>>,
    rows: Option<TableRows>,
}

fn mapper(plan: &Arc<Plan>, prepared: &Prepared) -> Box<dyn Mapper> {
    let names = [
        "event_timestamp",
        "event_type",
        "currency",
        "customer_id",
        "price_id",
        "product_id",
        "subscription_id",
        "subscription_item_id",
    ];
    Box::new(Items {
        fields: names.map(|name| plan.shape.field(name).unwrap_or_default()),
        states: prepared.clone().and_then(|any| any.downcast().ok()).unwrap_or_else(|| Arc::new(Vec::new())),
        rows: TableRows::new("subscription_changes"),
    })
}

impl Mapper for Items {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        typed.check_needs(|_, _, _| false);
        let [time, event, currency, customer, price, product, _, item] = self.fields;
        for row in 0..typed.rows() {
            if !typed.is_good(row) {
                continue;
            }
            let line = typed.chunk.lines[row];
            let found = self.states.binary_search_by_key(&line, |state| state.line).ok();
            let Some(state) = found.map(|index| &self.states[index]) else {
                typed.reject(row, "mrr_change: cannot be summed up".to_owned());
                continue;
            };
            if state.amount < 0 {
                let reason =
                    "mrr_change: the changes of this item sum up to less than nothing; is the export whole?";
                typed.reject(row, reason.to_owned());
                continue;
            }
            let Some(rows) = self.rows.as_mut().filter(|_| !state.passing) else { continue };
            let text = |field| Value::from(typed.text(field, row));
            let kind = typed.text(event, row).unwrap_or_default().to_ascii_uppercase();
            let status = if state.amount == 0 && (kind.ends_with("END") || kind.contains("CHURN")) {
                "canceled"
            } else {
                "active"
            };
            rows.push(
                line,
                &[
                    text(customer),
                    text(item),
                    typed.int(time, row).into(),
                    status.into(),
                    state.amount.into(),
                    Value::Null,
                    text(currency),
                    "month".into(),
                    1.into(),
                    state.quantity.max(1).into(),
                    typed.text(price, row).or(typed.text(product, row)).into(),
                    typed.text(event, row).into(),
                ],
            );
        }
        out.batches.extend(self.rows.as_mut().and_then(TableRows::take));
    }
}
