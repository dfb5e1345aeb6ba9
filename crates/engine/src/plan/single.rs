//! Distinct counts, smallest and largest values: one plain SQL aggregate for each request.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Int32Type};
use burgeon_core::currency::Currency;
use burgeon_metrics::base::{Aggregate, BaseMeasure, BaseRequest, BaseRow, BaseSeries, Money};
use datafusion::functions_aggregate::expr_fn::{count_distinct, max, min};
use datafusion::logical_expr::{Expr, lit};

use super::engine::Engine;
use super::error::EngineError;
use super::frame::{Dim, Frame, column, value_of};
use crate::functions::{convert, span_index};

/// Runs one request whose spans touch; rows are grouped by span, dimensions and, for native money, currency.
pub(super) async fn run(engine: &Engine, request: &BaseRequest) -> Result<BaseSeries, EngineError> {
    let wrong = |wrong: &str, mend: &str| EngineError::Request {
        fact: request.fact.clone(),
        wrong: wrong.to_owned(),
        mend: mend.to_owned(),
    };
    let BaseMeasure::Aggregate { function, expr: Some(expr) } = &request.measure else {
        return Err(wrong(
            "the spans of the request overlap or leave gaps",
            "ask for periods that touch each other",
        ));
    };
    let zone = &engine.options.zone;
    let session = engine.session(request.cut_off);
    let frame = Frame::new(engine, &session, request).await?;
    let mut keep = frame.in_time(&request.spans, request.cut_off, true);
    for filter in &request.filters {
        keep = keep.and(frame.condition(filter, zone));
    }
    if let Some(filter) = &request.filter {
        keep = frame.definition_filter(engine, request, filter)?.and(keep);
    }
    let first = request.spans.iter().map(|s| s.start).take(1);
    let bounds: Arc<[i64]> = first.chain(request.spans.iter().map(|s| s.end)).collect();
    let dims: Vec<Dim> = request.by.iter().map(|d| frame.dim(d)).collect();
    let span = span_index::udf(bounds).call(vec![frame.time.clone()]).alias("__span");
    let currency: Expr = match request.money {
        Some(Money::Native { .. }) => column("currency"),
        _ => lit(datafusion::common::ScalarValue::Utf8View(None)),
    };
    let mut keys = vec![span, currency.alias("__currency")];
    keys.extend(dims.iter().enumerate().map(|(i, dim)| dim.expr.clone().alias(format!("__dim_{i}"))));
    let mut value = frame.sql(request, expr)?;
    if let Some(Money::Flow { display, .. }) = request.money {
        let convert = convert::udf(Arc::clone(&engine.rates), display);
        value = convert.call(vec![value, column("currency"), frame.time.clone()]);
    }
    let aggregate = match function {
        Aggregate::CountDistinct => count_distinct(value),
        Aggregate::Min => min(value),
        Aggregate::Max => max(value),
        Aggregate::Sum | Aggregate::Count => {
            return Err(wrong(
                "the spans of the request overlap or leave gaps",
                "ask for periods that touch each other",
            ));
        }
    };
    let names: Vec<Expr> = ["__span", "__currency"]
        .into_iter()
        .map(str::to_owned)
        .chain((0..dims.len()).map(|i| format!("__dim_{i}")))
        .map(|name| column(&name))
        .collect();
    let mut select = names;
    select.push(column("__value"));
    let batches = frame
        .rows
        .clone()
        .filter(keep)?
        .aggregate(keys, vec![aggregate.alias("__value")])?
        .select(select)?
        .collect()
        .await?;

    let mut series = BaseSeries::default();
    for batch in &batches {
        let spans = batch.column(0).as_primitive::<Int32Type>();
        let codes = batch.column(1).as_string_view();
        let array = batch.column(2 + dims.len());
        let scale = match array.data_type() {
            DataType::Decimal128(_, scale) => u8::try_from(*scale).unwrap_or(0),
            t if t.is_integer() => 0,
            DataType::Float32 | DataType::Float64 => 10,
            other => {
                return Err(wrong(
                    &format!("the measure is {other}, not a number"),
                    "mend the metric's measure",
                ));
            }
        };
        let values = cast_array(
            array,
            &DataType::Decimal128(DECIMAL128_MAX_PRECISION, i8::try_from(scale).unwrap_or(0)),
        )
        .map_err(datafusion::common::DataFusionError::from)?;
        let values = values.as_primitive::<Decimal128Type>();
        for row in 0..batch.num_rows() {
            if spans.is_null(row) || values.is_null(row) {
                continue;
            }
            let dims = dims
                .iter()
                .enumerate()
                .map(|(i, dim)| {
                    let text = batch.column(2 + i).as_string_view_opt();
                    value_of(dim, text.and_then(|t| t.is_valid(row).then(|| t.value(row))), zone)
                })
                .collect();
            let currency = codes.is_valid(row).then(|| codes.value(row)).and_then(Currency::from_code);
            let span = usize::try_from(spans.value(row)).unwrap_or(0);
            series.rows.push(BaseRow { span, dims, currency, value: values.value(row), scale });
        }
    }
    Ok(series)
}
