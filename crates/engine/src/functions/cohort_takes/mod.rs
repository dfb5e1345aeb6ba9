//! `cohort_takes(entity, at, amount, currency, counts, dim… ORDER BY entity, at)`: each entity's balance at the start of
//! a span against its balance at the end. For the planner only.
//!
//! `counts` says whether a row counts for the balance at the start (all filters of the query hold); the balance at the
//! end is the whole entity's. One pass over rows by entity and time: the rows of one entity are kept until the next
//! entity begins, then its figures are added to sums by (group, currency, span), and only those sums leave the
//! aggregate. All five [figures](burgeon_metrics::base::CohortTake) come out of the same pass.

mod entity;
mod sums;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use burgeon_core::currency::Currency;
use burgeon_metrics::base::Span;
use datafusion::common::cast::{
    as_binary_array, as_boolean_array, as_string_view_array, as_timestamp_microsecond_array,
};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

pub use sums::{CohortSums, GroupKey, Takes};

use super::major::whole_or_decimal;
use super::span_aggregate::emitted_early;
use crate::exec::rates::RateBook;
use entity::{EntityRow, Scratch};

/// What the aggregate compares and how it converts entities with several currencies.
#[derive(Debug)]
pub struct CohortSpans {
    /// The spans; they may overlap.
    pub spans: Vec<Span>,
    /// For each span an instant of the day whose rate counts (µs UTC), cut to whole days.
    pub rate_at: Vec<i64>,
    /// The currency in which entities with several currencies are answered.
    pub display: Currency,
    /// The rates.
    pub rates: Arc<RateBook>,
}

/// The aggregate over `spans`. Gives [`CohortSums`] as bytes.
pub fn udaf(spans: Arc<CohortSpans>) -> AggregateUDF {
    AggregateUDF::new_from_impl(CohortTakes {
        spans,
        signature: Signature::variadic_any(Volatility::Immutable),
    })
}

#[derive(Debug)]
struct CohortTakes {
    spans: Arc<CohortSpans>,
    signature: Signature,
}

impl PartialEq for CohortTakes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.spans, &other.spans)
    }
}

impl Eq for CohortTakes {}

impl Hash for CohortTakes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spans.spans.hash(state);
    }
}

impl AggregateUDFImpl for CohortTakes {
    fn name(&self) -> &str {
        "cohort_takes"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[sums]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(CohortAccumulator {
            arguments: args.exprs.len(),
            scratch: Scratch::new(&self.spans),
            spans: Arc::clone(&self.spans),
            current: None,
            rows: vec![],
            sums: CohortSums::new(self.spans.spans.len()),
            last_group: None,
            emitted: false,
        }))
    }
}

#[derive(Debug)]
struct CohortAccumulator {
    /// Number of arguments; the columns of the declared order come behind them.
    arguments: usize,
    spans: Arc<CohortSpans>,
    scratch: Scratch,
    /// The entity whose rows are being collected.
    current: Option<String>,
    rows: Vec<EntityRow>,
    sums: CohortSums,
    last_group: Option<u32>,
    emitted: bool,
}

impl CohortAccumulator {
    fn finish_entity(&mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.scratch.add(&self.rows, &self.spans, &mut self.sums)?;
            self.rows.clear();
        }
        Ok(())
    }

    fn group_of(&mut self, dims: &[&StringViewArray], row: usize) -> u32 {
        let value = |dim: &StringViewArray| dim.is_valid(row).then(|| dim.value(row).to_owned());
        if let Some(last) = self.last_group {
            let same = self
                .sums
                .group(last)
                .iter()
                .zip(dims)
                .all(|(known, dim)| known.as_deref() == dim.is_valid(row).then(|| dim.value(row)));
            if same {
                return last;
            }
        }
        let group = self.sums.intern(dims.iter().map(|dim| value(dim)).collect());
        self.last_group = Some(group);
        group
    }
}

impl Accumulator for CohortAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.emitted {
            return Err(emitted_early("cohort_takes"));
        }
        if self.arguments < 5 || values.len() < self.arguments {
            return exec_err!("cohort_takes takes entity, at, amount, currency, counts and dimensions");
        }
        let entities = as_string_view_array(&values[0])?;
        let times = as_timestamp_microsecond_array(&values[1])?;
        let (amounts, _) = whole_or_decimal(&values[2])?;
        let currencies = as_string_view_array(&values[3])?;
        let counts = as_boolean_array(&values[4])?;
        let dims = values[5..self.arguments]
            .iter()
            .map(|dim| as_string_view_array(dim))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..entities.len() {
            if entities.is_null(row) || times.is_null(row) || amounts.is_null(row) {
                continue;
            }
            let entity = entities.value(row);
            if self.current.as_deref() != Some(entity) {
                self.finish_entity()?;
                let current = self.current.get_or_insert_default();
                current.clear();
                current.push_str(entity);
            }
            let code = currencies.value(row);
            let Some(currency) = Currency::from_code(code) else {
                return exec_err!("unknown currency \"{code}\"; write an ISO 4217 code such as USD");
            };
            let group = (counts.is_valid(row) && counts.value(row)).then(|| self.group_of(&dims, row));
            self.rows.push(EntityRow { at: times.value(row), amount: amounts.value(row), currency, group });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.finish_entity()?;
        Ok(ScalarValue::Binary(Some(self.sums.encode())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.emitted = true;
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in as_binary_array(&states[0])?.iter().flatten() {
            self.sums.merge(bytes)?;
        }
        Ok(())
    }
}
