//! The company is the same for the same seed, whole in itself, and believable.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use burgeon_core::currency::Currency;
use burgeon_core::records::{arrow_schema, table};
use burgeon_core::revenue::{Change, Class, Fold, Interval, Movement, RevenueRules, Sink, Status, Term};
use burgeon_core::{PARTS, time::epoch_days};

use super::*;

fn options(customers: u64) -> DemoOptions {
    let now = "2026-03-15T12:00:00Z".parse().unwrap();
    DemoOptions { customers, ..DemoOptions::new(7, now) }
}

/// All batches by table.
fn draw(options: DemoOptions) -> BTreeMap<&'static str, Vec<RecordBatch>> {
    let mut tables: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    for (table, batch) in Demo::new(options) {
        tables.entry(table.name).or_default().push(batch);
    }
    tables
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<String> {
    let arrays = batches.iter().filter_map(|batch| batch.column_by_name(column));
    arrays
        .flat_map(|array| {
            array.as_string_view().iter().map(|text| text.unwrap_or("").to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

fn instants(batches: &[RecordBatch], column: &str) -> Vec<i64> {
    let arrays = batches.iter().filter_map(|batch| batch.column_by_name(column));
    arrays.flat_map(|array| array.as_primitive::<TimestampMicrosecondType>().values().to_vec()).collect()
}

#[derive(Default)]
struct Totals {
    /// Balance by currency in parts, losses and starts by month of the company's history.
    mrr: HashMap<Currency, i128>,
    customers: i64,
    months: BTreeMap<i64, (i64, i64)>,
    reasons: HashMap<String, i64>,
    classes: HashMap<Class, i64>,
}

impl Sink for Totals {
    fn movement(&mut self, row: &Movement<'_>) {
        if row.scheduled {
            return;
        }
        *self.mrr.entry(row.currency).or_default() += row.amount_parts;
        *self.classes.entry(row.class).or_default() += 1;
        if row.subscription_id.ends_with("_1") && !row.is_transfer {
            let month = self.months.entry(row.at / (30 * world::DAY)).or_default();
            match row.class {
                Class::New | Class::Reactivation => {
                    self.customers += 1;
                    month.0 += 1;
                }
                Class::Churn => {
                    self.customers -= 1;
                    month.1 += 1;
                    *self.reasons.entry(row.reason.to_owned()).or_default() += 1;
                }
                _ => {}
            }
        }
    }
}

fn fold(batches: &[RecordBatch], now: i64) -> Totals {
    let mut totals = Totals::default();
    let mut fold = Fold::new(&RevenueRules::default(), now);
    for batch in batches {
        let text = |name: &str| batch.column_by_name(name).unwrap().as_string_view();
        let int = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>();
        let at = batch.column_by_name("effective_at").unwrap().as_primitive::<TimestampMicrosecondType>();
        let key = batch.column_by_name("_key").unwrap().as_primitive::<UInt64Type>();
        let (customer, subscription) = (text("customer_id"), text("subscription_id"));
        let (status, currency, interval, plan) =
            (text("status"), text("currency"), text("interval"), text("plan"));
        let (net, list, quantity) = (int("amount_minor"), int("list_amount_minor"), int("quantity"));
        for row in 0..batch.num_rows() {
            let change = Change {
                customer_id: customer.value(row),
                subscription_id: subscription.value(row),
                at: at.value(row),
                status: Status::parse(status.value(row)).unwrap(),
                amount_minor: net.value(row),
                list_amount_minor: list.value(row),
                currency: Currency::from_code(currency.value(row)).unwrap(),
                term: Term::new(Interval::parse(interval.value(row)).unwrap(), 1),
                quantity: quantity.value(row),
                plan: plan.value(row),
                reason: "",
                canceled_at: None,
                key: key.value(row),
            };
            fold.push(&change, &mut totals).unwrap();
        }
    }
    fold.finish(&mut totals);
    totals
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, two) = (draw(options(300)), draw(options(300)));
    assert_eq!(one, two);
    assert_ne!(one, draw(DemoOptions { seed: 8, ..options(300) }));
    // A part is the same as in the whole.
    let part: Vec<RecordBatch> = Demo::only(options(300), &["payments"]).map(|(_, batch)| batch).collect();
    assert_eq!(part, one["payments"]);
}

#[test]
fn rows_have_the_stored_shape() {
    let tables = draw(options(800));
    assert_eq!(tables.len(), TABLES.len(), "{:?}", tables.keys());
    for (name, batches) in &tables {
        let table = table(name).unwrap();
        let mut keys = HashSet::new();
        for batch in batches {
            assert_eq!(batch.schema(), arrow_schema(table));
            for column in table.columns.iter().filter(|column| column.required) {
                assert_eq!(
                    batch.column_by_name(column.name).unwrap().null_count(),
                    0,
                    "{name}.{}",
                    column.name
                );
            }
            for key in batch.column_by_name("_key").unwrap().as_primitive::<UInt64Type>().values() {
                assert!(keys.insert(*key), "a key of {name} stands twice");
            }
        }
    }
    for text in texts(&tables["customers"], "attributes") {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(value["industry"].is_string() && value["company_size"].is_string());
    }
}

#[test]
fn everything_that_is_named_exists() {
    let tables = draw(options(800));
    let set = |name: &str, column: &str| texts(&tables[name], column).into_iter().collect::<HashSet<_>>();
    let customers = set("customers", "customer_id");
    let subscriptions = set("subscription_changes", "subscription_id");
    let invoices = set("invoices", "invoice_id");
    let payments = set("payments", "payment_id");
    let plans = set("plans", "plan");
    for (name, batches) in &tables {
        for (column, known) in [
            ("customer_id", &customers),
            ("subscription_id", &subscriptions),
            ("invoice_id", &invoices),
            ("payment_id", &payments),
            ("plan", &plans),
        ] {
            for text in texts(batches, column) {
                assert!(known.contains(&text), "{name}.{column} names \"{text}\", which does not exist");
            }
        }
    }
    // A rate for every currency on or before the first day.
    let first = epoch_days("2023-03-15".parse().unwrap());
    let mut rated = HashSet::new();
    for batch in &tables["fx_rates"] {
        let dates = batch.column_by_name("date").unwrap().as_primitive::<Date32Type>();
        let rates = batch.column_by_name("rate").unwrap().as_primitive::<Decimal128Type>();
        for (row, base) in texts(std::slice::from_ref(batch), "base").into_iter().enumerate() {
            assert!(rates.value(row) > 0);
            if dates.value(row) <= first {
                rated.insert(base);
            }
        }
    }
    assert_eq!(rated.len(), 3);
}

#[test]
fn nothing_but_what_is_planned_lies_in_the_future() {
    let options = options(2_000);
    let now = options.now.as_microsecond();
    let tables = draw(options);
    for (name, column) in [
        ("customers", "created_at"),
        ("invoices", "issued_at"),
        ("payments", "at"),
        ("refunds", "at"),
        ("releases", "at"),
        ("cancellations", "at"),
    ] {
        assert!(instants(&tables[name], column).iter().all(|at| *at <= now), "{name}");
    }
    let changes = &tables["subscription_changes"];
    let mut planned = 0;
    for (at, status) in instants(changes, "effective_at").into_iter().zip(texts(changes, "status")) {
        assert!(at <= now || status == "canceled");
        planned += u32::from(at > now);
    }
    assert!(planned > 0, "some cancellations are always under way");
}

#[test]
fn figures_are_believable() {
    let options = options(20_000);
    let now = options.now.as_microsecond();
    let changes: Vec<RecordBatch> =
        Demo::only(options, &["subscription_changes"]).map(|(_, batch)| batch).collect();
    let totals = fold(&changes, now);
    let major = |currency: Currency| totals.mrr[&currency] / PARTS / i128::from(currency.scale());
    let dollars = major(Currency::USD) as f64
        + major(Currency::EUR) as f64 * 1.08
        + major(Currency::GBP) as f64 * 1.27
        + major(Currency::JPY) as f64 * 0.0067;
    let rows: usize = changes.iter().map(RecordBatch::num_rows).sum();
    println!("{rows} changes, MRR {dollars:.0} USD, {} customers, {:?}", totals.customers, totals.classes);
    println!("{:?}\n{:?}", totals.months, totals.reasons);
    assert!((1_500_000.0..6_000_000.0).contains(&dollars), "{dollars}");
    assert!((6_000..12_000).contains(&totals.customers), "{}", totals.customers);
    assert_eq!(totals.classes.len(), 5);
    // The weeks after the bad release lose visibly more than the months before.
    let world = world::World::new(&options);
    let lost = |from: i64| (0..2).map(|n| totals.months.get(&(from + n)).map_or(0, |m| m.1)).sum::<i64>();
    let bad = world.bad_release / (30 * world::DAY);
    assert!(lost(bad + 1) as f64 > 1.5 * lost(bad - 3) as f64, "{} {}", lost(bad + 1), lost(bad - 3));
    // And it grows.
    let first_year: i64 = totals.months.values().take(12).map(|m| m.0).sum();
    let last_year: i64 = totals.months.values().rev().take(12).map(|m| m.0).sum();
    assert!(last_year > 2 * first_year, "{first_year} {last_year}");
}

#[test]
fn the_number_of_changes_can_be_asked_for() {
    let wanted = DemoOptions { changes_per_customer: Some(12.0), years: 5, ..options(4_000) };
    let rows: usize = Demo::only(wanted, &["subscription_changes"]).map(|(_, batch)| batch.num_rows()).sum();
    let mean = rows as f64 / 4_000.0;
    assert!((10.5..13.5).contains(&mean), "{mean}");
}

#[test]
fn life_goes_on() {
    let options = options(500);
    let mut live = Live::new(options, options.now);
    let mut again = Live::new(options, options.now);
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut keys = HashSet::new();
    for second in 1..400 {
        let now = options.now + jiff::SignedDuration::from_secs(second * 3);
        let batches = live.next(now);
        assert_eq!(batches, again.next(now), "life is drawn from the seed as well");
        for (table, batch) in batches {
            *seen.entry(table.name).or_default() += batch.num_rows();
            assert_eq!(batch.schema(), arrow_schema(table));
            for key in batch.column_by_name("_key").unwrap().as_primitive::<UInt64Type>().values() {
                assert!(keys.insert((table.name, *key)), "live rows never replace each other");
            }
        }
    }
    for name in ["customers", "subscription_changes", "invoices", "payments", "cancellations"] {
        assert!(seen.get(name).is_some_and(|rows| *rows > 5), "{seen:?}");
    }
}
