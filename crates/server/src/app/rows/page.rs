//! The rows of a fact that a figure counts.

use super::{FactRow, RecordRef, Request, RowsPage};
use crate::app::cells;
use crate::app::sql::{TableColumn, type_name};
use crate::app::{Error, Result, Workspace};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use burgeon_core::currency::Currency;
use burgeon_core::exact::Exact;
use burgeon_metrics::plan::plan;
use burgeon_metrics::query::Query;
use serde_json::Value;

impl Workspace {
    /// The rows behind a figure, newest first, each with the record that it came from. Of a metric that is computed from
    /// others, the rows of its first part.
    pub async fn rows(&self, request: &Request) -> Result<RowsPage> {
        let catalog = self.catalog();
        let metric = catalog
            .get(&request.metric)
            .map_err(|error| Error::invalid("unknown_metric", error.to_string()).param("metric"))?;
        let leaf = if metric.kind.fact().is_some() {
            metric.name.clone()
        } else {
            // Depth first in the order of mention: what stands above the line comes first.
            let mut name = metric.name.clone();
            while let Some(part) = catalog.depends_on(&name).first() {
                name = (*part).to_owned();
            }
            name
        };
        let query =
            self.query_of(&leaf, &request.period, &request.filters, request.currency.as_deref()).await?;
        let plan = plan(&catalog, &query, &self.context_of(&query.filters).await?)?;
        let Some(base) = plan.bases.first() else {
            return Err(Error::internal(format!("{leaf} reads no fact")));
        };
        let found = self.engine().rows(base, request.limit, request.offset).await?;
        let answer = self.query(&query).await?;
        let sum = answer.series.first().and_then(|series| series.values.first().copied().flatten());
        let shown = Shown::of(&found.rows);
        let rows = (0..found.rows.num_rows()).map(|row| FactRow {
            values: shown.columns.iter().map(|column| column.value(row)).collect(),
            record: found.records.get(row).and_then(Option::as_ref).map(|record| RecordRef {
                table: record.table.clone(),
                entity: if record.entity.is_empty() { "-".to_owned() } else { record.entity.clone() },
                key: record.key.to_string(),
            }),
        });
        Ok(RowsPage {
            columns: shown.columns.iter().map(|column| column.head.clone()).collect(),
            rows: rows.collect(),
            total: found.total as u64,
            sum,
            metric: leaf,
        })
    }

    /// The query of one metric for one period with filters.
    pub(in crate::app) async fn query_of(
        &self,
        metric: &str,
        period: &str,
        filters: &[String],
        currency: Option<&str>,
    ) -> Result<Query> {
        let parsed = self.period(period, "period")?;
        let mut pairs: Vec<(String, String)> = [
            ("metrics", metric),
            ("grain", parsed.grain.as_str()),
            ("from", period),
            ("to", period),
            ("currency", currency.unwrap_or_default()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        pairs.extend(filters.iter().map(|filter| ("where".to_owned(), filter.clone())));
        let mut query = self.parse_query(&pairs).await?;
        // The figure is asked for undivided, whatever the definition's usual division is.
        query.by.clear();
        Ok(query)
    }
}

/// A fact's rows as readers see them: money in major units, technical columns left out.
struct Shown<'a> {
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    head: TableColumn,
    values: &'a ArrayRef,
    money: Option<Money<'a>>,
}

/// How an amount becomes major units.
struct Money<'a> {
    currencies: &'a ArrayRef,
    parts: bool,
}

impl<'a> Shown<'a> {
    fn of(rows: &'a RecordBatch) -> Self {
        let schema = rows.schema();
        let currencies = rows.column_by_name("currency");
        let mut columns = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            let name = field.name().as_str();
            // Keys are told by the link to the record.
            if name.ends_with("_key") {
                continue;
            }
            let values = rows.column(index);
            let (short, money) = match currencies {
                Some(currencies) => {
                    let money = |parts| Some(Money { currencies, parts });
                    match (name.strip_suffix("_parts"), name.strip_suffix("_minor")) {
                        (Some(short), _) => (short, money(true)),
                        (_, Some(short)) => (short, money(false)),
                        _ => (name, None),
                    }
                }
                None => (name, None),
            };
            let ty = if money.is_some() { "money".to_owned() } else { type_name(field.data_type()) };
            columns.push(Column { head: TableColumn { name: short.to_owned(), ty }, values, money });
        }
        Self { columns }
    }
}

impl Column<'_> {
    fn value(&self, row: usize) -> Value {
        let Some(money) = &self.money else {
            return cells::json(self.values, row);
        };
        money.major(self.values, row).map_or(Value::Null, Value::from)
    }
}

impl Money<'_> {
    fn major(&self, values: &ArrayRef, row: usize) -> Option<f64> {
        if values.is_null(row) {
            return None;
        }
        let currency = Currency::from_code(&cells::text(self.currencies, row)?)?;
        let (amount, scale) = match values.data_type() {
            DataType::Int64 => (i128::from(values.as_primitive::<Int64Type>().value(row)), 0),
            DataType::Decimal128(_, scale) => {
                (values.as_primitive::<Decimal128Type>().value(row), u32::try_from(*scale).unwrap_or(0))
            }
            _ => return None,
        };
        let exact = if self.parts {
            Exact::from_parts_decimal(amount, scale, currency)
        } else {
            Exact::from_decimal(amount, scale + currency.exponent())
        };
        exact.to_f64(currency.exponent())
    }
}
