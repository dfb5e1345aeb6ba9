//! Movements as columns; only those asked for are built.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Builder, Int64Builder, RecordBatch, StringViewBuilder,
    TimestampMicrosecondBuilder, UInt64Builder,
};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema, SchemaRef, TimeUnit};
use burgeon_core::revenue::{Movement, Sink};
use datafusion::common::Result;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let parts = || DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);
    Arc::new(Schema::new(vec![
        Field::new("customer_id", DataType::Utf8View, false),
        Field::new("subscription_id", DataType::Utf8View, false),
        Field::new("at", instant(), false),
        Field::new("movement", DataType::Utf8View, false),
        Field::new("currency", DataType::Utf8View, false),
        Field::new("amount_parts", parts(), false),
        Field::new("list_parts", parts(), false),
        Field::new("discount_parts", parts(), false),
        Field::new("plan", DataType::Utf8View, true),
        Field::new("interval", DataType::Utf8View, false),
        Field::new("reason", DataType::Utf8View, true),
        Field::new("scheduled", DataType::Boolean, false),
        Field::new("is_transfer", DataType::Boolean, false),
        Field::new("movement_id", DataType::UInt64, false),
        Field::new("first_paid_at", instant(), false),
        Field::new("change_key", DataType::UInt64, false),
        Field::new("quantity", DataType::Int64, false),
        Field::new("cause", DataType::Utf8View, false),
    ]))
});

/// All columns of `mrr_movements_fold()`.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The builder of one column.
#[derive(Debug)]
enum Column {
    Customer(StringViewBuilder),
    Subscription(StringViewBuilder),
    At(TimestampMicrosecondBuilder),
    Class(StringViewBuilder),
    Currency(StringViewBuilder),
    Amount(Decimal128Builder),
    List(Decimal128Builder),
    Discount(Decimal128Builder),
    Plan(StringViewBuilder),
    Interval(StringViewBuilder),
    Reason(StringViewBuilder),
    Scheduled(BooleanBuilder),
    Transfer(BooleanBuilder),
    MovementId(UInt64Builder),
    FirstPaidAt(TimestampMicrosecondBuilder),
    ChangeKey(UInt64Builder),
    Quantity(Int64Builder),
    Cause(StringViewBuilder),
}

/// Collects movements into columns.
#[derive(Debug)]
pub(super) struct Columns {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

impl Columns {
    /// Builders for the fields of `schema`, a projection of [`schema`], with room for `rows`.
    pub(super) fn new(schema: SchemaRef, rows: usize) -> Self {
        let text = || StringViewBuilder::with_capacity(rows);
        let instant = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        let parts = || {
            let data_type = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);
            Decimal128Builder::with_capacity(rows).with_data_type(data_type)
        };
        let columns = schema
            .fields()
            .iter()
            .map(|field| match field.name().as_str() {
                "customer_id" => Column::Customer(text()),
                "subscription_id" => Column::Subscription(text()),
                "at" => Column::At(instant()),
                "movement" => Column::Class(text()),
                "currency" => Column::Currency(text()),
                "amount_parts" => Column::Amount(parts()),
                "list_parts" => Column::List(parts()),
                "discount_parts" => Column::Discount(parts()),
                "plan" => Column::Plan(text()),
                "interval" => Column::Interval(text()),
                "reason" => Column::Reason(text()),
                "scheduled" => Column::Scheduled(BooleanBuilder::with_capacity(rows)),
                "is_transfer" => Column::Transfer(BooleanBuilder::with_capacity(rows)),
                "movement_id" => Column::MovementId(UInt64Builder::with_capacity(rows)),
                "first_paid_at" => Column::FirstPaidAt(instant()),
                "change_key" => Column::ChangeKey(UInt64Builder::with_capacity(rows)),
                "cause" => Column::Cause(text()),
                _ => Column::Quantity(Int64Builder::with_capacity(rows)),
            })
            .collect();
        Self { schema, columns, rows: 0 }
    }

    /// Rows collected since the last batch.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The rows collected so far as a batch; the builders are empty afterwards.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(finish).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

fn finish(column: &mut Column) -> ArrayRef {
    match column {
        Column::Customer(b)
        | Column::Subscription(b)
        | Column::Class(b)
        | Column::Currency(b)
        | Column::Plan(b)
        | Column::Interval(b)
        | Column::Reason(b)
        | Column::Cause(b) => Arc::new(b.finish()),
        Column::At(b) | Column::FirstPaidAt(b) => Arc::new(b.finish()),
        Column::Amount(b) | Column::List(b) | Column::Discount(b) => Arc::new(b.finish()),
        Column::Scheduled(b) | Column::Transfer(b) => Arc::new(b.finish()),
        Column::MovementId(b) | Column::ChangeKey(b) => Arc::new(b.finish()),
        Column::Quantity(b) => Arc::new(b.finish()),
    }
}

#[inline]
fn or_null(builder: &mut StringViewBuilder, text: &str) {
    match text {
        "" => builder.append_null(),
        text => builder.append_value(text),
    }
}

impl Sink for Columns {
    #[inline]
    fn movement(&mut self, row: &Movement<'_>) {
        self.rows += 1;
        for column in &mut self.columns {
            match column {
                Column::Customer(b) => b.append_value(row.customer_id),
                Column::Subscription(b) => b.append_value(row.subscription_id),
                Column::At(b) => b.append_value(row.at),
                Column::Class(b) => b.append_value(row.class.as_str()),
                Column::Currency(b) => b.append_value(row.currency.code()),
                Column::Amount(b) => b.append_value(row.amount_parts),
                Column::List(b) => b.append_value(row.list_parts),
                Column::Discount(b) => b.append_value(row.discount_parts),
                Column::Plan(b) => or_null(b, row.plan),
                Column::Interval(b) => b.append_value(row.term.label()),
                Column::Reason(b) => or_null(b, row.reason),
                Column::Scheduled(b) => b.append_value(row.scheduled),
                Column::Transfer(b) => b.append_value(row.is_transfer),
                Column::MovementId(b) => b.append_value(row.movement_id),
                Column::FirstPaidAt(b) => b.append_value(row.first_paid_at),
                Column::ChangeKey(b) => b.append_value(row.change_key),
                Column::Quantity(b) => b.append_value(row.quantity),
                Column::Cause(b) => b.append_value(row.cause.table()),
            }
        }
    }
}
