//! Exact numbers on their way out.

use burgeon_core::exact::Exact;

/// The double nearest to a number, to six digits after the point.
pub(super) fn exact_f64(value: &Exact) -> f64 {
    value.to_f64(6).unwrap_or(0.0)
}
