//! The SQL functions of Burgeon, one file each, registered from the lists here.
//!
//! | function | what it gives |
//! |---|---|
//! | [`mrr_movements_fold()`](movements_fold) | the movements of recurring revenue, a streaming fold over `subscription_changes` |
//! | [`visits_fold()`](visits_fold) | visits of persons, streamed out of the events |
//! | [`period_start(at, grain)`](period_start) | first date of the period that holds `at`, in the workspace's zone |
//! | [`convert(amount, currency, at)`](convert) | the amount in the display currency, at the rate of the day of `at` |
//! | [`major(parts, currency)`](major) | parts as major units |
//! | [`now()`](now) | the moment of the query by the workspace's clock |
//! | [`json_text(json, key)`](json_text) | the value of a key as text |
//! | [`spread_days(amount, from, to)`](spread_days) | an amount shared out over days, exactly |
//! | [`term_ends(anchor, interval, interval_count, after, until)`](term_ends) | when paid terms end |
//! | [`monthly_parts(amount, interval, interval_count)`](term_ends) | a price by the month, in parts |
//!
//! For the planner: [`standing`], [`among`]. Aggregates for the planner: [`span_sums`], [`span_distinct`], [`positive_entities`], [`cohort_takes`].

pub mod among;
pub mod cohort_takes;
pub mod convert;
pub mod cut_off;
pub mod instant;
pub mod json_text;
pub mod major;
pub mod movements_fold;
pub mod now;
pub mod period_start;
pub mod positive_entities;
mod single;
mod span_aggregate;
pub mod span_distinct;
pub mod span_index;
pub mod span_sums;
pub mod spread_days;
pub mod standing;
pub mod term_ends;
pub mod visits_fold;

use std::sync::Arc;

use burgeon_core::currency::Currency;
use burgeon_core::time::Zone;
use datafusion::logical_expr::ScalarUDF;

use crate::exec::RateBook;

/// The scalar functions of a workspace.
pub fn scalar_functions(zone: &Zone, rates: &Arc<RateBook>, display: Currency) -> Vec<ScalarUDF> {
    vec![
        period_start::udf(zone.clone()),
        convert::udf(Arc::clone(rates), display),
        major::udf(),
        json_text::udf(),
        spread_days::udf(zone.clone()),
        term_ends::udf(zone.clone()),
        term_ends::monthly_parts(),
    ]
}
