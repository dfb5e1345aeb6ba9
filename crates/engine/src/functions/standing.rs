//! What a customer paid for at the moment of a row: `standing(customer_id, at)`. For the planner only.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewBuilder, TimestampMicrosecondBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use burgeon_metrics::base::Standing;
use datafusion::common::Result;
use datafusion::common::cast::{as_string_view_array, as_timestamp_microsecond_array};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What every customer paid for, from each change on.
#[derive(Debug, Default, Hash)]
pub struct Ledger {
    /// Customers in the order of their names.
    customers: Vec<Payer>,
    /// The texts that [`Payer::changes`] name.
    texts: Vec<String>,
}

/// One customer.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct Payer {
    /// Name.
    pub customer: String,
    /// Time of the first payment, µs UTC.
    pub first_paid_at: i64,
    /// What holds from a moment (µs UTC, ascending) until the next: place of the text, or nothing.
    pub changes: Vec<(i64, Option<u32>)>,
}

impl Ledger {
    /// A ledger of customers in ascending order of their names.
    pub fn new(customers: Vec<Payer>, texts: Vec<String>) -> Self {
        Self { customers, texts }
    }

    fn payer(&self, customer: &str) -> Option<&Payer> {
        let place = self.customers.binary_search_by(|payer| payer.customer.as_str().cmp(customer));
        place.ok().map(|place| &self.customers[place])
    }

    /// What held for a payer at a moment; nothing before the first change.
    fn text_at(&self, payer: &Payer, at: i64) -> Option<&str> {
        let place = payer.changes.partition_point(|(from, _)| *from <= at).checked_sub(1)?;
        self.texts.get(payer.changes[place].1? as usize).map(String::as_str)
    }
}

/// A function of a customer and a moment that gives the text of `of` which the ledger was made for.
pub fn udf(ledger: Arc<Ledger>, of: Standing) -> ScalarUDF {
    make(ledger, Some(of))
}

/// A function of a customer (and a moment, which does not matter) that gives the time of the first payment.
pub fn first_paid_at(ledger: Arc<Ledger>) -> ScalarUDF {
    make(ledger, None)
}

fn make(ledger: Arc<Ledger>, of: Option<Standing>) -> ScalarUDF {
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    ledger.hash(&mut hasher);
    let content = hasher.finish();
    ScalarUDF::new_from_impl(StandingAt {
        ledger,
        content,
        of,
        signature: Signature::any(2, Volatility::Immutable),
    })
}

struct StandingAt {
    ledger: Arc<Ledger>,
    /// Stands for what the ledger says.
    content: u64,
    of: Option<Standing>,
    signature: Signature,
}

/// What the ledger says is part of the key of stored results.
impl fmt::Debug for StandingAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StandingAt({:?}, {:016x})", self.of, self.content)
    }
}

impl PartialEq for StandingAt {
    fn eq(&self, other: &Self) -> bool {
        self.of == other.of && self.content == other.content
    }
}

impl Eq for StandingAt {}

impl Hash for StandingAt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.of, self.content).hash(state);
    }
}

impl ScalarUDFImpl for StandingAt {
    fn name(&self) -> &str {
        "standing"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.of {
            Some(_) => DataType::Utf8View,
            None => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let customers = cast(&arrays[0], &DataType::Utf8View)?;
        let customers = as_string_view_array(&customers)?;
        // Neighbours are mostly of one customer.
        let mut last: (&str, Option<&Payer>) = ("", None);
        let mut payer = |row: usize| {
            let name = customers.is_valid(row).then(|| customers.value(row))?;
            if last.0 != name {
                last = (name, self.ledger.payer(name));
            }
            last.1
        };
        let out: ArrayRef = match self.of {
            None => {
                let mut out =
                    TimestampMicrosecondBuilder::with_capacity(customers.len()).with_timezone("UTC");
                for row in 0..customers.len() {
                    out.append_option(payer(row).map(|payer| payer.first_paid_at));
                }
                Arc::new(out.finish())
            }
            Some(_) => {
                let at = as_timestamp_microsecond_array(&arrays[1])?;
                let mut out = StringViewBuilder::with_capacity(customers.len()).with_deduplicate_strings();
                for row in 0..customers.len() {
                    let at = at.is_valid(row).then(|| at.value(row));
                    let text = payer(row).zip(at).and_then(|(payer, at)| self.ledger.text_at(payer, at));
                    out.append_option(text);
                }
                Arc::new(out.finish())
            }
        };
        Ok(ColumnarValue::Array(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_holds_from_its_moment_on() {
        let changes = vec![(10, Some(0)), (20, Some(1)), (30, None)];
        let payer = Payer { customer: "acme".into(), first_paid_at: 10, changes };
        let ledger = Ledger::new(vec![payer], vec!["Pro".into(), "Team".into()]);
        let at = |at| ledger.text_at(ledger.payer("acme").unwrap(), at);
        assert_eq!(
            [9, 10, 19, 20, 29, 30].map(at),
            [None, Some("Pro"), Some("Pro"), Some("Team"), Some("Team"), None]
        );
        assert!(ledger.payer("bolt").is_none());
    }
}
