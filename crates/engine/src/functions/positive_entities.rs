//! `positive_entities(entity, at, amount ORDER BY entity, at)`: change in each span of the number of entities whose
//! own running total is above zero. For the planner only.
//!
//! Rows arrive by entity and time, so one running total per group is enough: when the total of the present entity
//! rises above zero the span of that row gets +1, when it falls back −1. Within a span both cancel, so the sum of the
//! changes up to a span is the number of entities above zero at its end. The state is one number per span, and as
//! buckets hold whole entities, states of buckets add up.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::{as_string_view_array, as_timestamp_microsecond_array};
use datafusion::logical_expr::{AggregateUDF, EmitTo, GroupsAccumulator};

use super::major::whole_or_decimal;
use super::span_aggregate::{self, OverSpans, add_lists, emitted, emitted_early, list_type, lists, spans};
use super::span_index::find;

/// The aggregate over the spans between `bounds` (ascending, µs UTC). Gives a list with one integer per span.
pub fn udaf(bounds: Arc<[i64]>) -> AggregateUDF {
    span_aggregate::udaf::<Changes>(bounds)
}

/// Tells whether rows that arrive by entity belong to the same entity as the row before, across batches.
#[derive(Debug, Default)]
pub(crate) struct Ordinals {
    current: Option<String>,
    number: Option<u64>,
    /// The present one; 0 before the first row.
    pub(crate) ordinal: u64,
}

impl Ordinals {
    /// The ordinal of the next id, where ids are numbers.
    pub(crate) fn next(&mut self, id: u64) -> u64 {
        if self.number != Some(id) {
            self.number = Some(id);
            self.ordinal += 1;
        }
        self.ordinal
    }

    /// Calls `each(row, ordinal)` for every row; the ordinal changes with the entity and is never 0.
    pub(crate) fn walk(
        &mut self,
        entities: &StringViewArray,
        mut each: impl FnMut(usize, u64) -> Result<()>,
    ) -> Result<()> {
        let rows = entities.len();
        if rows == 0 {
            return Ok(());
        }
        let views = entities.views();
        if self.current.as_deref() != Some(entities.value(0)) {
            self.ordinal += 1;
        }
        each(0, self.ordinal)?;
        for row in 1..rows {
            let same = views[row] == views[row - 1]
                || (views[row] as u32 == views[row - 1] as u32
                    && views[row] as u32 > 12
                    && entities.value(row) == entities.value(row - 1));
            if !same {
                self.ordinal += 1;
            }
            each(row, self.ordinal)?;
        }
        let last = entities.value(rows - 1);
        if self.current.as_deref() != Some(last) {
            self.current = Some(last.to_owned());
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Running {
    entity: u64,
    total: i128,
}

#[derive(Debug)]
struct Changes {
    bounds: Arc<[i64]>,
    ordinals: Ordinals,
    running: Vec<Running>,
    /// `spans` numbers for each group.
    changes: Vec<i64>,
    emitted: bool,
}

impl Changes {
    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        let spans = spans(&self.bounds);
        let groups = emitted(emit_to, self.running.len());
        // Rows of emitted groups may only follow when those were complete, which the present entity's are not.
        let present = self.ordinals.ordinal;
        self.emitted |= matches!(emit_to, EmitTo::All)
            || (present > 0 && self.running[..groups].iter().any(|running| running.entity == present));
        let rest = self.changes.split_off(groups * spans);
        let values = std::mem::replace(&mut self.changes, rest);
        self.running.drain(..groups);
        lists(values, groups, spans)
    }
}

impl OverSpans for Changes {
    const NAME: &'static str = "positive_entities";
    const ARGUMENTS: usize = 3;
    const ORDERED: bool = true;

    fn result_type() -> DataType {
        list_type()
    }

    fn over(bounds: Arc<[i64]>) -> Self {
        Self { bounds, ordinals: Ordinals::default(), running: vec![], changes: vec![], emitted: false }
    }

    fn grow(&mut self, groups: usize) {
        self.running.resize(groups, Running::default());
        self.changes.resize(groups * spans(&self.bounds), 0);
    }
}

impl GroupsAccumulator for Changes {
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
        let entities = as_string_view_array(&values[0])?;
        let times: &TimestampMicrosecondArray = as_timestamp_microsecond_array(&values[1])?;
        let (amounts, _): (Decimal128Array, u32) = whole_or_decimal(&values[2])?;
        let spans = spans(&self.bounds);
        let Self { bounds, ordinals, running, changes, .. } = self;
        let mut hint = 0;
        let (times_raw, amounts_raw) = (times.values(), amounts.values());
        let plain = times.null_count() == 0 && amounts.null_count() == 0 && opt_filter.is_none();
        ordinals.walk(entities, |row, entity| {
            let counts = plain
                || (times.is_valid(row)
                    && amounts.is_valid(row)
                    && opt_filter.is_none_or(|f| f.is_valid(row) && f.value(row)));
            if !counts {
                return Ok(());
            }
            let group = group_indices[row];
            let state = &mut running[group];
            if state.entity != entity {
                *state = Running { entity, total: 0 };
            }
            let was = state.total > 0;
            state.total += amounts_raw[row];
            let is = state.total > 0;
            if was != is
                && let Some(span) = find(bounds, times_raw[row], hint)
            {
                hint = span;
                changes[group * spans + span] += if is { 1 } else { -1 };
            }
            Ok(())
        })
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
        let changes = &mut self.changes;
        add_lists(&values[0], group_indices, spans(&self.bounds), |cell, change| changes[cell] += change)
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Err(emitted_early(Self::NAME))
    }

    fn size(&self) -> usize {
        self.changes.capacity() * size_of::<i64>() + self.running.capacity() * size_of::<Running>()
    }
}
