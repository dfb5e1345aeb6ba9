//! What customers paid for over time, for dimensions that rows have by their customer: plan, interval, MRR band and cohort.
//!
//! A row has what held at its own moment: use in March counts for the plan of March, whatever the customer pays for today.
//! Before the first payment and after the loss there is nothing. The ledger of a question is small, one entry for each change of a
//! customer, so it is made anew from the (cached) movements and looked up row by row, without a join.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DataType, Int64Type};
use burgeon_core::currency::Currency;
use burgeon_metrics::base::Standing;
use datafusion::common::DataFusionError;
use datafusion::common::cast::as_decimal128_array;
use datafusion::prelude::SessionContext;

use super::engine::Engine;
use super::error::EngineError;
use super::groups::band;
use crate::exec::rates::{RATE_ONE, Rates};
use crate::functions::standing::{Ledger, Payer};

/// Parts of a minor unit.
const PARTS: i128 = burgeon_core::PARTS;

/// What was paid for in one segment at a moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    plan: Option<String>,
    interval: Option<String>,
    currency: Currency,
}

/// A change of one segment.
#[derive(Debug)]
struct Change {
    at: i64,
    segment: Segment,
    parts: i128,
}

impl Engine {
    /// The ledger of what customers paid for; of `None` it says only when they first paid.
    pub(super) async fn ledger(
        &self,
        session: &SessionContext,
        of: Option<Standing>,
    ) -> Result<Arc<Ledger>, EngineError> {
        let sql = "SELECT customer_id, CAST(first_paid_at AS BIGINT) AS paid, CAST(at AS BIGINT) AS at, plan, \"interval\", \
                   currency, sum(amount_parts) AS parts FROM mrr_movements_fold() \
                   GROUP BY customer_id, first_paid_at, at, plan, \"interval\", currency";
        let mut payers: BTreeMap<String, (i64, Vec<Change>)> = BTreeMap::new();
        for batch in session.sql(sql).await?.collect().await? {
            let text = |column: usize| cast_array(batch.column(column), &DataType::Utf8View);
            let (ids, plans) = (text(0).map_err(arrow)?, text(3).map_err(arrow)?);
            let (intervals, currencies) = (text(4).map_err(arrow)?, text(5).map_err(arrow)?);
            let (paid, at) =
                (batch.column(1).as_primitive::<Int64Type>(), batch.column(2).as_primitive::<Int64Type>());
            let parts = as_decimal128_array(batch.column(6))?;
            let value = |array: &arrow::array::ArrayRef, row: usize| {
                let array = array.as_string_view();
                array.is_valid(row).then(|| array.value(row).to_owned())
            };
            for row in 0..batch.num_rows() {
                let currency = value(&currencies, row).as_deref().and_then(Currency::from_code);
                let (Some(id), Some(currency)) = (value(&ids, row), currency) else { continue };
                let segment =
                    Segment { plan: value(&plans, row), interval: value(&intervals, row), currency };
                let (_, changes) = payers.entry(id).or_insert_with(|| (paid.value(row), vec![]));
                if of.is_some() {
                    changes.push(Change { at: at.value(row), segment, parts: parts.value(row) });
                }
            }
        }
        let rates = self.rates().await?;
        let (mut texts, mut places) = (vec![], HashMap::new());
        let mut customers = Vec::with_capacity(payers.len());
        for (customer, (first_paid_at, mut changes)) in payers {
            changes.sort_by(|a, b| (a.at, &a.segment).cmp(&(b.at, &b.segment)));
            let mut payer = Payer { customer, first_paid_at, changes: vec![] };
            let mut balances: BTreeMap<&Segment, i128> = BTreeMap::new();
            for moment in changes.chunk_by(|a, b| a.at == b.at) {
                for change in moment {
                    *balances.entry(&change.segment).or_default() += change.parts;
                }
                balances.retain(|_, parts| *parts != 0);
                let at = moment[0].at;
                let held = of.map(|of| self.held(of, &balances, at, &rates)).transpose()?.flatten();
                let place = held.map(|text| {
                    *places.entry(text).or_insert_with_key(|text: &String| {
                        texts.push(text.clone());
                        u32::try_from(texts.len() - 1).unwrap_or(u32::MAX)
                    })
                });
                if payer.changes.last().map(|(_, before)| *before) != Some(place) {
                    payer.changes.push((at, place));
                }
            }
            customers.push(payer);
        }
        Ok(Arc::new(Ledger::new(customers, texts)))
    }

    /// What holds under these balances: of several plans the one with the most MRR, at the rates of the day of the change.
    fn held(
        &self,
        of: Standing,
        balances: &BTreeMap<&Segment, i128>,
        at: i64,
        rates: &Rates,
    ) -> Result<Option<String>, EngineError> {
        let display = self.options.display;
        // In parts of the display currency with the decimals of a rate. One segment alone needs no rate to be the largest.
        let worth = |segment: &Segment, parts: i128| {
            if of != Standing::MrrBand && balances.len() == 1 {
                return Ok(parts);
            }
            let (from, ten) = (segment.currency, |exponent: u32| 10_i128.pow(exponent));
            let curve = rates.curve(from, display);
            let (_, rate) = curve.at(at, 0).ok_or_else(|| rates.missing(from, display, at))?;
            Ok::<_, EngineError>(parts * rate * ten(display.exponent()) / ten(from.exponent()))
        };
        let (mut sum, mut largest, mut found) = (0, 0, None);
        for (segment, parts) in balances {
            let worth = worth(segment, *parts)?;
            sum += worth;
            if worth > largest {
                (largest, found) = (worth, Some(*segment));
            }
        }
        Ok(match of {
            Standing::Plan => found.and_then(|segment| segment.plan.clone()),
            Standing::Interval => found.and_then(|segment| segment.interval.clone()),
            Standing::MrrBand => (sum > 0).then(|| {
                let major = PARTS * RATE_ONE * 10_i128.pow(display.exponent());
                band(i64::try_from(sum / major).unwrap_or(i64::MAX))
            }),
        })
    }
}

fn arrow(error: arrow::error::ArrowError) -> EngineError {
    DataFusionError::from(error).into()
}
