//! The persons behind a figure. Every bar opens its people: the same rules that count them list them.

use super::bag::Bag;
use super::{Kernel, Rows};

/// Chooses persons by their history.
pub trait Select: Sync {
    /// Calls `chosen` once with each person of `rows` who belongs.
    fn select(&self, rows: &Rows<'_>, chosen: &mut dyn FnMut(u32));
}

/// The list of the chosen persons as a kernel, so that lists are kept and corrected as figures are.
/// [`Bag::sorted`] of the answer is their numbers, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<S>(pub S);

impl<S: Select> Kernel for Members<S> {
    type Partial = Bag;

    fn empty(&self) -> Bag {
        Bag::default()
    }

    fn add(&self, rows: &Rows<'_>, out: &mut Bag) {
        self.0.select(rows, &mut |person| out.push(person));
    }
}
