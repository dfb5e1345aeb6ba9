//! `before_cut_off(at)`: whether a row counts yet. For the planner only.
//!
//! The cut-off moves with every query ("now"), but the answer of a bucket changes only when the cut-off passes a row. So
//! the moment is not part of a cached result's key: while a partition is computed, the function (and the fold, for its
//! `scheduled` column) notes the nearest instants on both sides, and the result holds for every cut-off between.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{Array, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_timestamp_microsecond_array;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The nearest instants on both sides of a moment that were seen while computing.
#[derive(Debug)]
pub struct Nearest {
    before: AtomicI64,
    after: AtomicI64,
}

impl Default for Nearest {
    fn default() -> Self {
        Self { before: AtomicI64::new(i64::MIN), after: AtomicI64::new(i64::MAX) }
    }
}

impl Nearest {
    /// Notes the latest instant before the moment and the earliest at or after it, of one batch.
    pub fn note(&self, before: i64, after: i64) {
        self.before.fetch_max(before, Ordering::Relaxed);
        self.after.fetch_min(after, Ordering::Relaxed);
    }

    /// Notes what another one knows.
    fn join(&self, other: &Nearest) {
        self.note(other.before.load(Ordering::Relaxed), other.after.load(Ordering::Relaxed));
    }

    /// Whether the same rows lie before `moment` as did when this was noted.
    pub fn holds(&self, moment: i64) -> bool {
        self.before.load(Ordering::Relaxed) < moment && moment <= self.after.load(Ordering::Relaxed)
    }
}

/// What was seen around the two moments of a query while one partition was computed.
#[derive(Debug, Default)]
pub struct Seen {
    /// Around `now` + 1 µs: rows at or after it are scheduled.
    pub now: Nearest,
    /// Around the query's cut-off.
    pub cut_off: Nearest,
}

impl Seen {
    /// Notes what was seen while another part was computed.
    pub fn join(&self, other: &Seen) {
        self.now.join(&other.now);
        self.cut_off.join(&other.cut_off);
    }
}

/// The moments of a query; in the session's configuration while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// Rows later than this are scheduled (µs UTC).
    pub now: i64,
    /// Rows at or after this do not count (µs UTC).
    pub cut_off: i64,
}

impl Moments {
    /// The moments of the query that `context` runs; the end of time when it has none.
    pub fn of(context: &TaskContext) -> Moments {
        let set = context.session_config().get_extension::<Moments>();
        set.map_or(Moments { now: i64::MAX - 1, cut_off: i64::MAX }, |m| *m)
    }
}

tokio::task_local! {
    /// Set while a cached partition is computed.
    pub static SEEN: Arc<Seen>;
}

/// `before_cut_off(at)`: `at < cut_off`.
pub fn udf(cut_off: i64) -> ScalarUDF {
    ScalarUDF::new_from_impl(BeforeCutOff {
        cut_off,
        of_now: false,
        signature: Signature::any(1, Volatility::Immutable),
    })
}

/// `until_now(at)`: `at <= now`.
pub fn until_now(now: i64) -> ScalarUDF {
    ScalarUDF::new_from_impl(BeforeCutOff {
        cut_off: now.saturating_add(1),
        of_now: true,
        signature: Signature::any(1, Volatility::Immutable),
    })
}

#[derive(PartialEq, Eq)]
struct BeforeCutOff {
    cut_off: i64,
    of_now: bool,
    signature: Signature,
}

/// Without the moment, on purpose: see the module's documentation.
impl std::fmt::Debug for BeforeCutOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.of_now { "UntilNow" } else { "BeforeCutOff" })
    }
}

impl Hash for BeforeCutOff {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cut_off.hash(state);
    }
}

impl ScalarUDFImpl for BeforeCutOff {
    fn name(&self) -> &str {
        if self.of_now { "until_now" } else { "before_cut_off" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let input = args.args[0].to_array(args.number_rows)?;
        let at = as_timestamp_microsecond_array(&input)?;
        let (mut before, mut after) = (i64::MIN, i64::MAX);
        let cut_off = self.cut_off;
        for at in at.iter().flatten() {
            if at < cut_off {
                before = before.max(at);
            } else {
                after = after.min(at);
            }
        }
        let _ = SEEN.try_with(|seen| {
            let nearest = if self.of_now { &seen.now } else { &seen.cut_off };
            nearest.note(before, after);
        });
        let out: BooleanArray = if after == i64::MAX && at.null_count() == 0 {
            BooleanArray::from(vec![true; at.len()])
        } else {
            at.iter().map(|at| Some(at.is_some_and(|at| at < cut_off))).collect()
        };
        Ok(ColumnarValue::Array(Arc::new(out)))
    }
}

#[cfg(test)]
mod tests {
    use super::Nearest;

    #[test]
    fn a_result_holds_between_the_nearest_rows() {
        let seen = Nearest::default();
        seen.note(5, 20);
        seen.note(9, i64::MAX);
        assert!(!seen.holds(9));
        assert!(seen.holds(10));
        assert!(seen.holds(20));
        assert!(!seen.holds(21));
    }
}
