//! The record tables themselves, column by column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringViewArray, StringViewBuilder,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::record_batch::RecordBatch;
use burgeon_core::currency::Currency;
use burgeon_core::records::{Column, ColumnType, TABLES, Table, content_schema};

use super::{Field, Kind, Mapper, Prepared, Shape, synonyms};
use crate::plan::Plan;
use crate::table::{Output, TableBatch};
use crate::typed::{Typed, Values};
use crate::value::number::Dec;
use crate::value::words::words_of;

/// The shapes of all record tables that files may hold.
pub fn shapes() -> Vec<Shape> {
    let others = ["rejects", "events"];
    TABLES.iter().filter(|table| !others.contains(&table.name)).map(table_shape).collect()
}

const CHANGES: &str = "subscription_changes";
/// The amounts that are the price of one unit, and so are multiplied by the quantity.
const PER_UNIT: [&str; 2] = ["amount_minor", "list_amount_minor"];

fn table_shape(table: &'static Table) -> Shape {
    let mut fields = Vec::new();
    let mut needs: Vec<Vec<&'static str>> = Vec::new();
    for column in table.columns {
        let mut group = vec![column.name];
        if let (ColumnType::Minor, Some(major)) = (column.ty, column.name.strip_suffix("_minor")) {
            group.insert(0, major);
            fields.push(Field::new(major, Kind::Major, &synonyms::of(table.name, major), column.doc));
            if table.name == CHANGES && column.name == "amount_minor" {
                let doc = "Price of all units together for one interval, such as a column of MRR.";
                fields.push(Field::new("amount_total", Kind::Major, synonyms::TOTAL, doc));
                group.push("amount_total");
            }
        }
        // `price_cents` means in minor units what `price` means in major ones.
        let synonyms = synonyms::of(table.name, group[0]);
        fields.push(Field::new(column.name, kind_of(table, column), &synonyms, column.doc));
        if table.name == CHANGES && column.name == "status" {
            group.push("is_trial");
        }
        if column.required && (table.name, column.name) != ("cancellations", "cancellation_id") {
            needs.push(group);
        }
    }
    if table.name == CHANGES {
        let doc = "Whether it is a trial; stands for the status where there is none.";
        fields.push(Field::new("is_trial", Kind::Bool, synonyms::TRIAL, doc));
    }
    Shape {
        name: table.name,
        doc: table.doc,
        tables: vec![table.name],
        fields,
        needs,
        signature: &[],
        rest: match table.name {
            "customers" => Some("attributes"),
            "persons" => Some("traits"),
            _ => None,
        },
        aliases: if table.name == "persons" { &[("person", "distinct_id")] } else { &[] },
        note: "",
        lines: None,
        prepare: None,
        mapper,
    }
}

fn kind_of(table: &Table, column: &Column) -> Kind {
    match column.ty {
        ColumnType::Text => match column.name {
            "currency" | "base" | "quote" => Kind::Currency,
            "interval" => Kind::Interval,
            name => match words_of(table.name, name) {
                Some(words) => Kind::Word(words),
                None if name.ends_with("_id") => Kind::Id,
                None => Kind::Text,
            },
        },
        ColumnType::Int => Kind::Int,
        ColumnType::Minor => Kind::Minor,
        ColumnType::Decimal10 => Kind::Decimal,
        ColumnType::Timestamp => Kind::Time,
        ColumnType::Date => Kind::Date,
        ColumnType::Bool => Kind::Bool,
        ColumnType::Json => Kind::Json,
    }
}

/// Where an output column comes from; numbers are positions of fields.
enum Make {
    Text(usize),
    Country(usize),
    Status { status: usize, trial: usize },
    Interval(usize),
    IntervalCount { interval: usize, count: usize },
    Quantity(usize),
    Int(usize),
    Money { slot: usize },
    Time(usize),
    Date(usize),
    Bool(usize),
    Decimal(usize),
    Attributes(usize),
    CancellationId { id: usize, customer: usize, at: usize },
}

/// One amount of the table and the fields that may give it.
struct Money {
    minor: usize,
    major: usize,
    total: Option<usize>,
    /// Whether `minor` and `major` are for one unit.
    per_unit: bool,
}

struct Direct {
    table: &'static Table,
    makes: Vec<Make>,
    money: Vec<Money>,
    currency: Option<usize>,
    quantity: Option<usize>,
    status: Option<usize>,
}

fn mapper(plan: &Arc<Plan>, _: &Prepared) -> Box<dyn Mapper> {
    let shape = plan.shape;
    let at = |name: &str| shape.field(name).unwrap_or_default();
    // The shape was made from the table, so the table is there.
    let table = burgeon_core::records::table(shape.name).unwrap_or(&TABLES[0]);
    let is_changes = table.name == CHANGES;
    let mut money = Vec::new();
    let makes = table.columns.iter().map(|column| {
        let field = at(column.name);
        match (column.ty, column.name) {
            (ColumnType::Minor, name) => {
                money.push(Money {
                    minor: field,
                    major: at(name.trim_end_matches("_minor")),
                    total: (is_changes && name == "amount_minor").then(|| at("amount_total")),
                    per_unit: is_changes && PER_UNIT.contains(&name),
                });
                Make::Money { slot: money.len() - 1 }
            }
            (_, "interval") => Make::Interval(field),
            (_, "interval_count") => Make::IntervalCount { interval: at("interval"), count: field },
            (_, "quantity") if is_changes => Make::Quantity(field),
            (_, "status") if is_changes => Make::Status { status: field, trial: at("is_trial") },
            (_, "cancellation_id") if table.name == "cancellations" => {
                Make::CancellationId { id: field, customer: at("customer_id"), at: at("at") }
            }
            (_, "country") => Make::Country(field),
            (ColumnType::Text, _) => Make::Text(field),
            (ColumnType::Int, _) => Make::Int(field),
            (ColumnType::Timestamp, _) => Make::Time(field),
            (ColumnType::Date, _) => Make::Date(field),
            (ColumnType::Bool, _) => Make::Bool(field),
            (ColumnType::Decimal10, _) => Make::Decimal(field),
            (ColumnType::Json, _) => Make::Attributes(field),
        }
    });
    let makes = makes.collect();
    Box::new(Direct {
        table,
        makes,
        money,
        currency: shape.field("currency"),
        quantity: shape.field("quantity").filter(|_| is_changes),
        status: shape.field("status").filter(|_| is_changes),
    })
}

/// An amount in minor units: price × quantity, exactly, or the reason why not.
pub(super) fn to_minor(price: Dec, quantity: i64, currency: Currency) -> Result<i64, String> {
    let exponent = currency.exponent() as u8;
    if price.scale <= exponent
        && let Ok(digits) = i64::try_from(price.digits)
        && let Some(minor) = digits.checked_mul(10i64.pow(u32::from(exponent - price.scale)))
        && let Some(minor) = minor.checked_mul(quantity)
    {
        return Ok(minor);
    }
    let product = price.times(Dec::whole(quantity));
    product.and_then(|p| p.scaled(exponent)).and_then(|minor| i64::try_from(minor).ok()).ok_or_else(|| {
        format!("{price} × {quantity} is no whole number of minor units: {currency} has {exponent} decimals")
    })
}

impl Direct {
    fn amounts(&self, typed: &mut Typed<'_>, money: &Money) -> Vec<Option<i64>> {
        let rows = typed.rows();
        let total = money.total.filter(|field| typed.has(*field));
        if !typed.has(money.minor) && !typed.has(money.major) && total.is_none() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let amount = self.amount(typed, money, total, row);
            out.push(amount.unwrap_or_else(|reason| {
                let name = typed.shape().fields[money.major].name;
                typed.reject(row, format!("{name}: {reason}"));
                None
            }));
        }
        out
    }

    fn amount(
        &self,
        typed: &Typed<'_>,
        money: &Money,
        total: Option<usize>,
        row: usize,
    ) -> Result<Option<i64>, String> {
        let quantity = match self.quantity.filter(|_| money.per_unit) {
            Some(field) => typed.int(field, row).unwrap_or(1),
            None => 1,
        };
        if let Some(minor) = typed.int(money.minor, row) {
            return minor.checked_mul(quantity).map(Some).ok_or_else(|| "is too large an amount".to_owned());
        }
        let (price, quantity) =
            match (typed.dec(money.major, row), total.and_then(|field| typed.dec(field, row))) {
                (Some(price), _) => (price, quantity),
                (None, Some(total)) => (total, 1),
                (None, None) => return Ok(None),
            };
        match self.currency.and_then(|field| typed.currency(field, row)) {
            Some(currency) => to_minor(price, quantity, currency).map(Some),
            None => Err("has no currency".to_owned()),
        }
    }

    fn column(
        &self,
        make: &Make,
        ty: ColumnType,
        typed: &Typed<'_>,
        good: &[u32],
        money: &[Vec<Option<i64>>],
    ) -> ArrayRef {
        let null = || new_null_array(&ty.data_type(), good.len());
        let rows = || good.iter().map(|row| *row as usize);
        let ints = |values: &mut dyn Iterator<Item = Option<i64>>| -> ArrayRef {
            Arc::new(values.collect::<Int64Array>())
        };
        match make {
            Make::Text(field) if !typed.has(*field) => null(),
            Make::Country(field) if !typed.has(*field) => null(),
            Make::Text(field) => texts(rows().map(|row| typed.text(*field, row))),
            Make::Country(field) => {
                let mut builder = StringViewBuilder::with_capacity(good.len());
                for row in rows() {
                    match typed.text(*field, row) {
                        Some(text) if text.len() == 2 => builder.append_value(text.to_ascii_uppercase()),
                        text => builder.append_option(text),
                    }
                }
                Arc::new(builder.finish())
            }
            Make::Status { status, trial } => texts(rows().map(|row| match typed.word(*status, row) {
                Some("active") | None if typed.bool(*trial, row) == Some(true) => Some("trialing"),
                None if typed.has(*trial) => Some("active"),
                word => word,
            })),
            Make::Interval(field) if !typed.has(*field) => null(),
            Make::Interval(field) => {
                texts(rows().map(|row| typed.interval(*field, row).map(|(unit, _)| unit)))
            }
            Make::IntervalCount { interval, count } => ints(&mut rows().map(|row| {
                let own = typed.interval(*interval, row).map(|(_, n)| n);
                match (own, typed.int(*count, row)) {
                    (Some(own), Some(count)) => own.checked_mul(count),
                    (own, count) => count.or(own),
                }
            })),
            Make::Quantity(field) => ints(&mut rows().map(|row| Some(typed.int(*field, row).unwrap_or(1)))),
            Make::Int(field) if !typed.has(*field) => null(),
            Make::Int(field) => ints(&mut rows().map(|row| typed.int(*field, row))),
            Make::Money { slot } if money[*slot].is_empty() => null(),
            Make::Money { slot } => ints(&mut rows().map(|row| money[*slot][row])),
            Make::Time(field) if !typed.has(*field) => null(),
            Make::Time(field) => {
                let array: TimestampMicrosecondArray = rows().map(|row| typed.int(*field, row)).collect();
                Arc::new(array.with_timezone("UTC"))
            }
            Make::Date(field) => match typed.values(*field) {
                Values::Date(values) => Arc::new(rows().map(|row| values[row]).collect::<Date32Array>()),
                _ => null(),
            },
            Make::Bool(field) => {
                Arc::new(rows().map(|row| typed.bool(*field, row)).collect::<BooleanArray>())
            }
            Make::Decimal(field) => {
                let array: Decimal128Array =
                    rows().map(|row| typed.dec(*field, row).and_then(|d| d.scaled(10))).collect();
                // Precision and scale are those of the column; a value that does not fit was rejected.
                array.with_precision_and_scale(30, 10).map_or_else(|_| null(), |array| Arc::new(array))
            }
            Make::Attributes(field) => {
                let values: Vec<Option<String>> = rows().map(|row| attributes(typed, *field, row)).collect();
                Arc::new(StringViewArray::from_iter(values))
            }
            Make::CancellationId { id, customer, at } => {
                let values = rows().map(|row| match typed.text(*id, row) {
                    Some(id) => Some(id.to_owned()),
                    None => Some(format!("{}@{}", typed.text(*customer, row)?, typed.int(*at, row)?)),
                });
                Arc::new(StringViewArray::from_iter(values))
            }
        }
    }
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut builder = StringViewBuilder::with_capacity(values.size_hint().0);
    for value in values {
        builder.append_option(value);
    }
    Arc::new(builder.finish())
}

/// Attributes of a customer or traits of a person: the object of the mapped column, then the columns that no field reads.
fn attributes(typed: &Typed<'_>, field: usize, row: usize) -> Option<String> {
    let mut object = match typed.text(field, row).map(serde_json::from_str) {
        Some(Ok(serde_json::Value::Object(object))) => object,
        _ => serde_json::Map::new(),
    };
    for (column, name) in &typed.plan.attributes {
        let text = typed.chunk.cell(row, *column);
        if !crate::typed::is_empty(text) {
            object.insert(name.clone(), text.into());
        }
    }
    (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
}

impl Mapper for Direct {
    fn map(&mut self, typed: &mut Typed<'_>, out: &mut Output) {
        let status = self.status;
        typed.check_needs(|typed, group, row| {
            // What was cancelled has no price any more.
            group.contains(&"amount")
                && status.and_then(|field| typed.word(field, row)).is_some_and(|word| {
                    matches!(word, "canceled" | "incomplete" | "incomplete_expired" | "free")
                })
        });
        let mut money: Vec<Vec<Option<i64>>> = Vec::with_capacity(self.money.len());
        for amount in &self.money {
            money.push(self.amounts(typed, amount));
        }
        if self.table.name == CHANGES {
            for amount in &mut money[0] {
                amount.get_or_insert(0);
            }
        }
        self.check_decimals(typed);
        let good = typed.good();
        if good.is_empty() {
            return;
        }
        let columns: Vec<ArrayRef> = self
            .makes
            .iter()
            .zip(self.table.columns)
            .map(|(make, column)| self.column(make, column.ty, typed, &good, &money))
            .collect();
        match RecordBatch::try_new(content_schema(self.table), columns) {
            Ok(rows) => {
                let lines = good.iter().map(|row| typed.chunk.lines[*row as usize]).collect();
                out.batches.push(TableBatch { table: self.table, rows, lines });
            }
            Err(error) => good.iter().for_each(|row| typed.reject(*row as usize, error.to_string())),
        }
    }
}

impl Direct {
    fn check_decimals(&self, typed: &mut Typed<'_>) {
        for make in &self.makes {
            if let Make::Decimal(field) = make {
                for row in 0..typed.rows() {
                    let wide = |d: Dec| d.scaled(10).is_none_or(|v| v.unsigned_abs() >= 10u128.pow(30));
                    if typed.dec(*field, row).is_some_and(wide) {
                        let name = typed.shape().fields[*field].name;
                        typed.reject(row, format!("{name}: has more than ten decimals or is too large"));
                    }
                }
            }
            if let Make::Attributes(field) = make
                && typed.has(*field)
            {
                for row in 0..typed.rows() {
                    let text = typed.text(*field, row);
                    if text
                        .is_some_and(|t| !matches!(serde_json::from_str(t), Ok(serde_json::Value::Object(_))))
                    {
                        let name = typed.shape().fields[*field].name;
                        typed.reject(row, format!("{name}: is not a JSON object"));
                    }
                }
            }
        }
    }
}
