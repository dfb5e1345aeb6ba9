//! The same answers, computed plainly from the rows of the fact.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use burgeon_engine::Engine;
use burgeon_engine::plan::sql::SqlLimits;
use burgeon_metrics::base::{BaseSeries, CohortTake, Span, share_out};

/// One movement.
#[derive(Debug, Clone)]
pub struct Row {
    pub customer: String,
    pub at: i64,
    pub amount: i128,
    pub currency: String,
    pub plan: Option<String>,
}

/// All movements that have happened.
pub async fn movements(engine: &Engine) -> Vec<Row> {
    let text = "SELECT customer_id, at, amount_parts, currency, plan FROM mrr_movements WHERE NOT scheduled";
    let result = engine.sql(text, SqlLimits { rows: usize::MAX, ..SqlLimits::default() }).await.unwrap();
    let mut rows = vec![];
    for batch in &result.batches {
        for i in 0..batch.num_rows() {
            let text = |c: usize| batch.column(c).as_string_view().value(i).to_owned();
            rows.push(Row {
                customer: text(0),
                at: batch.column(1).as_primitive::<TimestampMicrosecondType>().value(i),
                amount: batch.column(2).as_primitive::<Decimal128Type>().value(i),
                currency: text(3),
                plan: batch.column(4).is_valid(i).then(|| text(4)),
            });
        }
    }
    rows
}

/// Span, dimensions, currency → value; zeros left out.
pub type Answer = BTreeMap<(usize, Vec<Option<String>>, Option<String>), i128>;

/// An answer of the engine in the oracle's form.
pub fn of(series: &BaseSeries) -> Answer {
    let mut answer = Answer::new();
    for row in &series.rows {
        let currency = row.currency.map(|c| c.code().to_owned());
        *answer.entry((row.span, row.dims.clone(), currency)).or_default() += row.value;
    }
    answer.retain(|_, value| *value != 0);
    answer
}

fn tidy(mut answer: Answer) -> Answer {
    answer.retain(|_, value| *value != 0);
    answer
}

pub type By = fn(&Row) -> Vec<Option<String>>;

/// Sums by span, dimensions and currency.
pub fn sums(rows: &[Row], spans: &[Span], by: By) -> Answer {
    let mut answer = Answer::new();
    for (i, span) in spans.iter().enumerate() {
        for row in rows.iter().filter(|r| span.start <= r.at && r.at < span.end) {
            *answer.entry((i, by(row), Some(row.currency.clone()))).or_default() += row.amount;
        }
    }
    tidy(answer)
}

/// Change in each span of the number of customers whose balance in the group is above zero.
pub fn positive(rows: &[Row], spans: &[Span], by: By) -> Answer {
    let groups: BTreeSet<_> = rows.iter().map(by).collect();
    let customers: BTreeSet<_> = rows.iter().map(|r| &r.customer).collect();
    let mut answer = Answer::new();
    for group in groups {
        let count_at = |moment: i64| -> i128 {
            let above = |customer: &&String| {
                rows.iter()
                    .filter(|r| &r.customer == *customer && by(r) == group && r.at < moment)
                    .map(|r| r.amount)
                    .sum::<i128>()
                    > 0
            };
            customers.iter().filter(|c| above(c)).count() as i128
        };
        for (i, span) in spans.iter().enumerate() {
            answer.insert((i, group.clone(), None), count_at(span.end) - count_at(span.start));
        }
    }
    tidy(answer)
}

/// Balances at the start and the end of spans, for customers in one currency.
pub fn cohort(rows: &[Row], spans: &[Span], by: By, take: CohortTake) -> Answer {
    let customers: BTreeSet<_> = rows.iter().map(|r| &r.customer).collect();
    let mut answer = Answer::new();
    for (i, span) in spans.iter().enumerate() {
        for customer in &customers {
            let own: Vec<&Row> = rows.iter().filter(|r| &r.customer == *customer).collect();
            let currency = own[0].currency.clone();
            assert!(own.iter().all(|r| r.currency == currency));
            let mut start: BTreeMap<_, i128> = BTreeMap::new();
            for row in own.iter().filter(|r| r.at < span.start) {
                *start.entry(by(row)).or_default() += row.amount;
            }
            start.retain(|_, amount| *amount > 0);
            let end: i128 = own.iter().filter(|r| r.at < span.end).map(|r| r.amount).sum();
            let weights: Vec<i128> = start.values().copied().collect();
            let ends = share_out(end, &weights);
            let capped = share_out(end.min(weights.iter().sum()), &weights);
            for (at, (group, amount)) in start.into_iter().enumerate() {
                let value = match take {
                    CohortTake::StartAmount => amount,
                    CohortTake::EndAmount => ends[at],
                    CohortTake::CappedAmount => capped[at],
                    CohortTake::StartEntities => 1,
                    CohortTake::KeptEntities => i128::from(end > 0),
                };
                let currency = take.is_amount().then(|| currency.clone());
                *answer.entry((i, group, currency)).or_default() += value;
            }
        }
    }
    tidy(answer)
}
