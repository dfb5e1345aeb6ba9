//! An aggregate over groups, used where there is only one group.

use std::fmt::Debug;

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// The one group of a [`GroupsAccumulator`] as an [`Accumulator`].
#[derive(Debug)]
pub(crate) struct Single<G> {
    groups: G,
    zeros: Vec<usize>,
}

impl<G: GroupsAccumulator + Debug + Sync> Single<G> {
    /// Wraps an accumulator that has seen nothing and already holds its one group.
    pub(crate) fn new(groups: G) -> Self {
        Self { groups, zeros: vec![] }
    }

    fn zeros(&mut self, rows: usize) {
        if self.zeros.len() < rows {
            self.zeros.resize(rows, 0);
        }
    }
}

impl<G: GroupsAccumulator + Debug + Sync> Accumulator for Single<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values[0].len();
        self.zeros(rows);
        self.groups.update_batch(values, &self.zeros[..rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.groups.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.groups.size() + self.zeros.capacity() * size_of::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.groups.state(EmitTo::All)?.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states[0].len();
        self.zeros(rows);
        self.groups.merge_batch(states, &self.zeros[..rows], 1)
    }
}
