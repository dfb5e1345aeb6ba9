//! `span_distinct(at, id ORDER BY entity, at)`: the number of distinct ids in each span. For the planner only.
//!
//! The same figure as `count(DISTINCT id)`, but without a set of values: equal ids stand next to each other (an entity's
//! own id, or the id of its movement), so a group counts one in a span whenever the id differs from the last one that
//! it saw there. Buckets hold whole entities, so counts of buckets add up.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::{
    as_int64_array, as_list_array, as_string_view_array, as_timestamp_microsecond_array, as_uint64_array,
};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::positive_entities::{Ordinals, emitted_early};
use super::single::Single;
use super::span_index::find;

/// The aggregate over the spans between `bounds` (ascending, µs UTC). Gives a list with one integer per span. The id is
/// text or a `UInt64`; no id may stand in two partitions.
pub fn udaf(bounds: Arc<[i64]>) -> AggregateUDF {
    AggregateUDF::new_from_impl(SpanDistinct { bounds, signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SpanDistinct {
    bounds: Arc<[i64]>,
    signature: Signature,
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Int64, false))
}

impl AggregateUDFImpl for SpanDistinct {
    fn name(&self) -> &str {
        "span_distinct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[counts]", args.name), DataType::List(item()), true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let mut counts = Counts::new(Arc::clone(&self.bounds));
        counts.grow(1);
        Ok(Box::new(Single::new(counts)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Counts::new(Arc::clone(&self.bounds))))
    }
}

#[derive(Debug)]
struct Counts {
    bounds: Arc<[i64]>,
    ordinals: Ordinals,
    /// For each group and span the ordinal of the last id, 0 at first, and the count.
    cells: Vec<(u64, i64)>,
    groups: usize,
    emitted: bool,
}

impl Counts {
    fn new(bounds: Arc<[i64]>) -> Self {
        Self { bounds, ordinals: Ordinals::default(), cells: vec![], groups: 0, emitted: false }
    }

    fn spans(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    fn grow(&mut self, groups: usize) {
        self.groups = groups;
        self.cells.resize(groups * self.spans(), (0, 0));
    }

    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let spans = self.spans();
        let groups = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n,
        };
        // Rows of emitted groups may only follow when those were complete, which the present entity's are not.
        let present = self.ordinals.ordinal;
        self.emitted |= matches!(emit_to, EmitTo::All)
            || (present > 0 && self.cells[..groups * spans].iter().any(|(last, _)| *last == present));
        self.groups -= groups;
        let values = self.cells.drain(..groups * spans).map(|(_, count)| count).collect::<Vec<_>>();
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(spans, groups));
        Arc::new(ListArray::new(item(), offsets, Arc::new(Int64Array::from(values)), None))
    }
}

impl GroupsAccumulator for Counts {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        if self.emitted {
            return Err(emitted_early("span_distinct"));
        }
        self.grow(total_num_groups);
        let times = as_timestamp_microsecond_array(&values[0])?;
        let ids = &values[1];
        let spans = self.spans();
        let Self { bounds, ordinals, cells, .. } = self;
        let mut hint = 0;
        let mut count = |row: usize, ordinal: u64| {
            let passes = opt_filter.is_none_or(|f| f.is_valid(row) && f.value(row));
            if passes
                && ids.is_valid(row)
                && times.is_valid(row)
                && let Some(span) = find(bounds, times.value(row), hint)
            {
                hint = span;
                let (last, count) = &mut cells[group_indices[row] * spans + span];
                if *last != ordinal {
                    *last = ordinal;
                    *count += 1;
                }
            }
            Ok(())
        };
        match ids.data_type() {
            DataType::Utf8View => ordinals.walk(as_string_view_array(ids)?, count),
            DataType::UInt64 => {
                let numbers = as_uint64_array(ids)?;
                (0..numbers.len()).try_for_each(|row| count(row, ordinals.next(numbers.value(row))))
            }
            other => exec_err!("span_distinct takes text or UInt64, not {other}"),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let spans = self.spans();
        let lists = as_list_array(&values[0])?;
        let numbers = as_int64_array(lists.values())?;
        for (row, &group) in group_indices.iter().enumerate() {
            if lists.is_null(row) {
                continue;
            }
            let from = lists.value_offsets()[row] as usize;
            let target = &mut self.cells[group * spans..(group + 1) * spans];
            for ((_, count), more) in target.iter_mut().zip(&numbers.values()[from..from + spans]) {
                *count += more;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Err(emitted_early("span_distinct"))
    }

    fn size(&self) -> usize {
        self.cells.capacity() * size_of::<(u64, i64)>()
    }
}
