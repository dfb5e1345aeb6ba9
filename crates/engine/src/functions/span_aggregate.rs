//! What the aggregates over spans of time have in common: the DataFusion side of a groups accumulator that was made for
//! the bounds of its spans, and states that are a list with one number for each span.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::{as_int64_array, as_list_array};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::single::Single;

/// An aggregate over spans of time. Its state is of the same type as its result.
pub(crate) trait OverSpans: GroupsAccumulator + fmt::Debug + Sync + 'static {
    /// The function's name.
    const NAME: &'static str;
    /// The number of its arguments.
    const ARGUMENTS: usize;
    /// Whether the order of the rows matters.
    const ORDERED: bool;

    /// The type of the result.
    fn result_type() -> DataType;

    /// An accumulator without groups for the spans between `bounds` (ascending, µs UTC).
    fn over(bounds: Arc<[i64]>) -> Self;

    /// Makes room for so many groups.
    fn grow(&mut self, groups: usize);
}

/// The aggregate function of `S` for the spans between `bounds`.
pub(crate) fn udaf<S: OverSpans>(bounds: Arc<[i64]>) -> AggregateUDF {
    let signature = Signature::any(S::ARGUMENTS, Volatility::Immutable);
    AggregateUDF::new_from_impl(Function::<S> { bounds, signature, kind: PhantomData })
}

struct Function<S> {
    bounds: Arc<[i64]>,
    signature: Signature,
    kind: PhantomData<fn() -> S>,
}

/// Name and bounds tell two functions apart, also in the key of a stored result.
impl<S: OverSpans> fmt::Debug for Function<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", S::NAME, self.bounds)
    }
}

impl<S> PartialEq for Function<S> {
    fn eq(&self, other: &Self) -> bool {
        self.bounds == other.bounds
    }
}

impl<S> Eq for Function<S> {}

impl<S> Hash for Function<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bounds.hash(state);
    }
}

impl<S: OverSpans> AggregateUDFImpl for Function<S> {
    fn name(&self) -> &str {
        S::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(S::result_type())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        if S::ORDERED {
            AggregateOrderSensitivity::HardRequirement
        } else {
            AggregateOrderSensitivity::Insensitive
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[spans]", args.name), S::result_type(), true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let mut one = S::over(Arc::clone(&self.bounds));
        one.grow(1);
        Ok(Box::new(Single::new(one)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(S::over(Arc::clone(&self.bounds))))
    }
}

/// Number of spans between bounds.
pub(crate) fn spans(bounds: &[i64]) -> usize {
    bounds.len().saturating_sub(1)
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, false))
}

/// The type of a list with one number for each span.
pub(crate) fn list_type() -> DataType {
    DataType::List(item())
}

/// `spans` numbers for each of `groups` groups.
pub(crate) fn lists(numbers: Vec<i64>, groups: usize, spans: usize) -> ArrayRef {
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(spans, groups));
    Arc::new(ListArray::new(item(), offsets, Arc::new(Int64Array::from(numbers)), None))
}

/// Calls `add(cell, number)` for every number of a state, where `cell` is group × spans + span.
pub(crate) fn add_lists(
    state: &ArrayRef,
    group_indices: &[usize],
    spans: usize,
    mut add: impl FnMut(usize, i64),
) -> Result<()> {
    let lists = as_list_array(state)?;
    let numbers = as_int64_array(lists.values())?;
    for (row, &group) in group_indices.iter().enumerate() {
        if lists.is_valid(row) {
            let from = lists.value_offsets()[row] as usize;
            for (span, number) in numbers.values()[from..from + spans].iter().enumerate() {
                add(group * spans + span, *number);
            }
        }
    }
    Ok(())
}

/// How many of `all` groups are handed out.
pub(crate) fn emitted(emit_to: EmitTo, all: usize) -> usize {
    match emit_to {
        EmitTo::All => all,
        EmitTo::First(n) => n,
    }
}

/// An error instead of a wrong figure when a partial aggregate had to hand out its state before its input ended.
pub(crate) fn emitted_early(name: &str) -> DataFusionError {
    DataFusionError::ResourcesExhausted(format!(
        "{name} needs more memory than the query may use; ask for fewer dimensions or raise the memory limit"
    ))
}
