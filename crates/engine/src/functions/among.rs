//! Whether a person, or a customer, is among some persons: `among(person_id)`, `among(customer_id)`. For the planner only.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{BooleanArray, StringViewArray};
use arrow::datatypes::DataType;
use burgeon_metrics::base::Among;
use datafusion::common::Result;
use datafusion::common::cast::as_string_view_array;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::events::{EventStore, Snapshot};

/// A function of a person's identifier (text).
pub fn persons(store: EventStore, who: &Arc<Among>) -> ScalarUDF {
    make(Some(store), who)
}

/// A function of a customer's name (text): whether one of their persons is among them.
pub fn customers(who: &Arc<Among>) -> ScalarUDF {
    make(None, who)
}

fn make(store: Option<EventStore>, who: &Arc<Among>) -> ScalarUDF {
    let mut hasher = DefaultHasher::new();
    (who, store.is_some()).hash(&mut hasher);
    ScalarUDF::new_from_impl(IsAmong {
        who: Arc::clone(who),
        content: hasher.finish(),
        snapshot: store.map(|store| store.snapshot()),
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
    })
}

struct IsAmong {
    who: Arc<Among>,
    /// Stands for who they are.
    content: u64,
    /// Who is behind an identifier; none where customers are asked about.
    snapshot: Option<Snapshot>,
    signature: Signature,
}

impl IsAmong {
    fn holds(&self, name: &str) -> bool {
        match &self.snapshot {
            None => self.who.customers.binary_search_by(|customer| customer.as_str().cmp(name)).is_ok(),
            Some(snapshot) => snapshot.person(name).is_some_and(|person| {
                let word = self.who.persons.get(person as usize / 64);
                word.is_some_and(|word| word >> (person % 64) & 1 == 1)
            }),
        }
    }

    fn all(&self, names: &StringViewArray) -> BooleanArray {
        // Neighbours are mostly the same one; nobody is called nothing.
        let mut last = ("", false);
        let mut holds = |name| {
            if last.0 != name {
                last = (name, self.holds(name));
            }
            last.1
        };
        names.iter().map(|name| name.map(&mut holds)).collect()
    }
}

/// Who they are is part of the key of stored results.
impl fmt::Debug for IsAmong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IsAmong({}, {:016x})", self.who.text, self.content)
    }
}

impl PartialEq for IsAmong {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl Eq for IsAmong {}

impl Hash for IsAmong {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.content.hash(state);
    }
}

impl ScalarUDFImpl for IsAmong {
    fn name(&self) -> &str {
        "among"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        Ok(ColumnarValue::Array(Arc::new(self.all(as_string_view_array(&arrays[0])?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_found_by_name_and_nothing_stays_nothing() {
        let who = Among {
            text: "did:signup".into(),
            persons: Arc::from([]),
            customers: Arc::from(["acme".to_owned(), "bolt".to_owned()]),
        };
        let function = |who: &Among| IsAmong {
            who: Arc::new(who.clone()),
            content: 0,
            snapshot: None,
            signature: Signature::any(1, Volatility::Immutable),
        };
        let names =
            StringViewArray::from_iter([Some("bolt"), Some("bolt"), Some("corp"), None, Some("acme")]);
        let found: Vec<Option<bool>> = function(&who).all(&names).iter().collect();
        assert_eq!(found, [Some(true), Some(true), Some(false), None, Some(true)]);
    }
}
