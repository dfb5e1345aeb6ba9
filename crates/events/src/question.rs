//! A question apart from its kernel: which rows count as what.

use std::sync::Arc;

use burgeon_core::behaviour::step::Step;

/// Name under which the event's own name serves as a dimension of breakdowns and filters.
pub const EVENT: &str = "event";

/// Which rows a kernel sees and how they are classed. `Default` is every row, no condition, no groups.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// At most 64 conditions; bit `i` of a row's mask is set when the row meets one of the steps of condition `i`.
    ///
    /// The class of a row is the number of its event name ([`crate::Snapshot::texts`] of [`EVENT`]) unless a step on
    /// that event has a condition on a property; rows of such events get classes from 60,000 on, whose events are in
    /// [`crate::Snapshot::classes`].
    pub conditions: Vec<Vec<Step>>,
    /// How rows are divided into groups.
    pub by: Breakdown,
    /// Rows that do not meet all of these are not there for the kernel.
    pub filters: Vec<Filter>,
    /// Half-open span of time, µs UTC; rows outside are not there for the kernel.
    pub span: Option<(i64, i64)>,
    /// Bits by person number; persons whose bit is not set (or lies beyond the end) are not there for the kernel.
    pub persons: Option<Arc<[u64]>>,
}

/// How rows are divided into groups.
#[derive(Debug, Clone, Default)]
pub enum Breakdown {
    /// All rows are in group 0.
    #[default]
    None,
    /// The group is the code of the row's value in this dimension (0 = no value), see [`crate::Snapshot::texts`].
    Dimension(String),
    /// The codes of some dimensions as one number, then translated: with the codes `a` and `b` of two dimensions, of which the
    /// second has `n` codes, the group is `groups[a * n + b]`. It is `other` beyond the end, and where a code is none of its
    /// dimension's.
    Mapped {
        /// The dimensions, and how many codes each of them has here.
        dimensions: Vec<(String, u32)>,
        /// The group of each number.
        groups: Arc<[u32]>,
        /// The group of all else.
        other: u32,
    },
    /// The group of each person, by the person's number; beyond the end it is 0.
    PersonCodes(Arc<[u32]>),
}

/// A condition on one dimension that every row must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The dimension, or [`EVENT`].
    pub dimension: String,
    /// Values that match; `None` is "no value".
    pub values: Vec<Option<String>>,
    /// Whether the rows that match are those to leave out.
    pub negated: bool,
}
