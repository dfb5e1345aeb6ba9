//! The revenue fold: from changes of subscriptions to movements of recurring revenue.
//!
//! [`Fold`] takes the rows of `subscription_changes` in the order (customer, `effective_at`, `_seq`), one
//! customer after the other, and gives the rows of the fact `mrr_movements`. It is pure: no clock, no I/O,
//! no float. It keeps one customer in memory, in buffers that it uses again for the next.
//!
//! ```
//! use burgeon_core::currency::Currency;
//! use burgeon_core::revenue::{Change, Fold, Movement, RevenueRules, Sink, Status, Term};
//!
//! #[derive(Default)]
//! struct Lines(Vec<String>);
//! impl Sink for Lines {
//!     fn movement(&mut self, row: &Movement<'_>) {
//!         self.0.push(format!("{} {}", row.class.as_str(), row.amount_parts / burgeon_core::PARTS));
//!     }
//! }
//!
//! let mut lines = Lines::default();
//! let mut fold = Fold::new(&RevenueRules::default(), i64::MAX);
//! let day = 86_400_000_000;
//! for (at, status, amount) in [(0, Status::Active, 5000), (day, Status::Canceled, 0), (2 * day, Status::Active, 5000)] {
//!     let change = Change::new("cus_1", "sub_1", at, status, amount, Currency::USD, Term::MONTH);
//!     fold.push(&change, &mut lines)?;
//! }
//! fold.finish(&mut lines);
//! assert_eq!(lines.0, ["new 5000", "churn -5000", "reactivation 5000"]);
//! # Ok::<(), burgeon_core::revenue::FoldError>(())
//! ```
//!
//! # What holds for the rows
//!
//! * For every customer, currency, plan, term and subscription, and at every instant, the sum of
//!   `amount_parts` up to then is the balance then. `list_parts`, `discount_parts` and `quantity` likewise.
//! * All rows of a customer at one netted instant share one `movement_id` and `at`; in one currency they
//!   share one class, which is the class of the customer's whole change. So a sum by any dimension adds up
//!   to the figure without it.
//! * Rows whose currency total does not change (another plan at the same price) are transfers: class
//!   `expansion`, sum zero, `is_transfer` set.
//! * A customer in several currencies is new, lost or back only as a whole; otherwise each currency's rows
//!   are expansion or contraction by the sign of that currency's change.
//!
//! # Which rules it applies
//!
//! *Counts*: active and past due subscriptions with a net price above zero (negative prices count as
//! zero). *Netting*: changes that take effect within the window after the first one that changes anything
//! count as one change, at the time of the last one that changes anything; a window never reaches across
//! `now`. *Labels*: a loss through unpaid, uncollectible, a lapsed past due or a cancellation while past
//! due is `involuntary`; through a pause `pause`; through a free plan or a price of zero `to_free`; any
//! other row carries the change's own reason. *Scheduled*: rows after `now` are flagged.
//!
//! # Coupons and usage
//!
//! Under their rules the fold also takes [`Coupon`]s and [`UsageLine`]s of a customer, in any order beside the customer's
//! changes. A coupon lowers what one subscription counts for the first term that is paid for at or after its start (or
//! until its own end), at most to zero. Usage counts as the mean of the three calendar months before: it is a segment of
//! its own, monthly and without units, that changes on the first instant of a month only, up to `now` (a mean to come is
//! no plan). It counts while the subscription that it names is live: active, past due or free, not lapsed and not asked
//! to end; usage that names none, while any is, or always for a customer without subscriptions. A step of usage never
//! joins a window that an earlier change opened, so that it draws no change into the next month.

mod customer;
mod extras;
mod fold;
mod rules;
mod term;

pub use extras::{Coupon, UsageLine};
pub use fold::{Cause, Change, Class, Fold, FoldError, Movement, Sink};
pub use rules::{AmountRule, ChurnDateRule, PauseRule, RevenueRules};
pub use term::{Interval, Status, Term};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
