//! Parts of a bucket: runs of whole entities, so that what is computed anew after a change is smaller than a bucket.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringViewArray};
use datafusion::execution::TaskContext;

use super::files::{Group, lower_bound};

/// The entities from one (included) to another (left out), in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slice {
    from: Option<Arc<str>>,
    to: Option<Arc<str>>,
}

impl Slice {
    /// The slices that lie between these entities, which must be sorted and different; one more than there are.
    pub fn between(cuts: &[Arc<str>]) -> Vec<Slice> {
        let from = std::iter::once(None).chain(cuts.iter().cloned().map(Some));
        let to = cuts.iter().cloned().map(Some).chain([None]);
        from.zip(to).map(|(from, to)| Slice { from, to }).collect()
    }

    /// The context in which scans that were [asked to](super::LakeScanExec::execute_slice) read this slice only.
    pub fn within(self: &Arc<Self>, context: &TaskContext) -> TaskContext {
        // Operators have their functions already; the context's are for reading plans.
        TaskContext::new(
            context.task_id(),
            context.session_id(),
            context.session_config().clone().with_extension(Arc::clone(self)),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            context.runtime_env(),
        )
    }

    /// The slice that is read in this context; `None` where whole buckets are.
    pub fn of(context: &TaskContext) -> Option<Arc<Slice>> {
        context.session_config().get_extension::<Slice>()
    }

    /// The slice as a range of entities.
    pub(crate) fn range(&self) -> (Bound<&str>, Bound<&str>) {
        let from = self.from.as_deref().map_or(Bound::Unbounded, Bound::Included);
        (from, self.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded))
    }

    /// Whether a row group may hold entities of the slice.
    pub(crate) fn meets(&self, group: &Group) -> bool {
        let Some((min, max)) = &group.entity else { return true };
        self.from.as_ref().is_none_or(|from| max.as_slice() >= from.as_bytes())
            && self.to.as_ref().is_none_or(|to| min.as_slice() < to.as_bytes())
    }

    /// Whether a row group holds entities of the slice only.
    pub(crate) fn covers(&self, group: &Group) -> bool {
        let Some((min, max)) = &group.entity else { return self.from.is_none() && self.to.is_none() };
        self.from.as_ref().is_none_or(|from| min.as_slice() >= from.as_bytes())
            && self.to.as_ref().is_none_or(|to| max.as_slice() < to.as_bytes())
    }

    /// The rows of a batch whose entity is in the slice; `names` are its entities, sorted.
    pub(crate) fn cut(&self, batch: &RecordBatch, names: &StringViewArray) -> RecordBatch {
        let start = self.from.as_ref().map_or(0, |from| lower_bound(names, 0, from));
        let end = self.to.as_ref().map_or(names.len(), |to| lower_bound(names, start, to));
        batch.slice(start, end - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_slice() {
        let names = StringViewArray::from_iter_values(["a", "b", "b", "ca", "d"]);
        let batch = RecordBatch::try_from_iter([("n", Arc::new(names.clone()) as _)]).unwrap();
        let rows = |cuts: &[&str]| -> Vec<usize> {
            let cuts: Vec<Arc<str>> = cuts.iter().map(|cut| Arc::from(*cut)).collect();
            Slice::between(&cuts).iter().map(|slice| slice.cut(&batch, &names).num_rows()).collect()
        };
        assert_eq!(rows(&[]), [5]);
        assert_eq!(rows(&["b", "c"]), [1, 2, 2]);
        assert_eq!(rows(&["0", "a", "z"]), [0, 0, 5, 0]);
    }

    #[test]
    fn row_groups_are_left_out_by_their_bounds() {
        let group = |min: &str, max: &str| Group {
            rows: 1,
            entity: Some((min.as_bytes().to_vec(), max.as_bytes().to_vec())),
            time: None,
        };
        let middle = &Slice::between(&["c".into(), "f".into()])[1];
        assert!(!middle.meets(&group("a", "b")) && middle.meets(&group("a", "c")));
        assert!(middle.meets(&group("e", "z")) && !middle.meets(&group("f", "z")));
        assert!(middle.covers(&group("c", "e")) && !middle.covers(&group("c", "f")));
        assert!(!middle.covers(&group("b", "e")));
    }
}
