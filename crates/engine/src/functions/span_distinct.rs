//! `span_distinct(at, id ORDER BY entity, at)`: the number of distinct ids in each span. For the planner only.
//!
//! The same figure as `count(DISTINCT id)`, but without a set of values: equal ids stand next to each other (an entity's
//! own id, or the id of its movement), so a group counts one in a span whenever the id differs from the last one that
//! it saw there. Buckets hold whole entities, so counts of buckets add up.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::cast::{as_string_view_array, as_timestamp_microsecond_array, as_uint64_array};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{AggregateUDF, EmitTo, GroupsAccumulator};

use super::positive_entities::Ordinals;
use super::span_aggregate::{self, OverSpans, add_lists, emitted, emitted_early, list_type, lists, spans};
use super::span_index::find;

/// The aggregate over the spans between `bounds` (ascending, µs UTC). Gives a list with one integer per span. The id is
/// text or a `UInt64`; no id may stand in two partitions.
pub fn udaf(bounds: Arc<[i64]>) -> AggregateUDF {
    span_aggregate::udaf::<Counts>(bounds)
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
    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let spans = spans(&self.bounds);
        let groups = emitted(emit_to, self.groups);
        // Rows of emitted groups may only follow when those were complete, which the present entity's are not.
        let present = self.ordinals.ordinal;
        self.emitted |= matches!(emit_to, EmitTo::All)
            || (present > 0 && self.cells[..groups * spans].iter().any(|(last, _)| *last == present));
        self.groups -= groups;
        let values = self.cells.drain(..groups * spans).map(|(_, count)| count).collect::<Vec<_>>();
        lists(values, groups, spans)
    }
}

impl OverSpans for Counts {
    const NAME: &'static str = "span_distinct";
    const ARGUMENTS: usize = 2;
    const ORDERED: bool = true;

    fn result_type() -> DataType {
        list_type()
    }

    fn over(bounds: Arc<[i64]>) -> Self {
        Self { bounds, ordinals: Ordinals::default(), cells: vec![], groups: 0, emitted: false }
    }

    fn grow(&mut self, groups: usize) {
        self.groups = groups;
        self.cells.resize(groups * spans(&self.bounds), (0, 0));
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
            return Err(emitted_early(Self::NAME));
        }
        self.grow(total_num_groups);
        let times = as_timestamp_microsecond_array(&values[0])?;
        let ids = &values[1];
        let spans = spans(&self.bounds);
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
        let cells = &mut self.cells;
        add_lists(&values[0], group_indices, spans(&self.bounds), |cell, more| cells[cell].1 += more)
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Err(emitted_early(Self::NAME))
    }

    fn size(&self) -> usize {
        self.cells.capacity() * size_of::<(u64, i64)>()
    }
}
