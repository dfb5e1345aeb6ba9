//! The pure heart of Burgeon: time, money, the shapes of records, workspace settings and the revenue fold.
//!
//! Nothing here reads a file, a clock or a random number, and no amount of money is ever a float on its
//! way: integers of minor units in records, integers of [`PARTS`] in facts, exact fractions afterwards.
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`] | time zone, grains, half-open periods, the clock as a value |
//! | [`behaviour`] | what persons do: identity, channels, meanings, and the kernels over their histories |
//! | [`currency`] | ISO 4217 codes and their decimals |
//! | [`exact`] | exact fractions for everything computed from sums of money |
//! | [`json`] | a reader of JSON that copies nothing, for events |
//! | [`records`] | the canonical tables and their Arrow schemas, row keys |
//! | [`revenue`] | the fold from subscription changes to movements of recurring revenue |
//! | [`settings`] | the settings of a workspace, `burgeon.toml` |
//! | [`text`] | nearest-name help for error messages |

pub mod behaviour;
pub mod currency;
pub mod exact;
pub mod json;
pub mod records;
pub mod revenue;
pub mod settings;
pub mod text;
pub mod time;

/// Recurring amounts inside facts count this many parts to one minor unit of their currency, per month.
///
/// 720 720 is the least common multiple of 1 to 16, so that a year, a half-year, a quarter and any term
/// up to 16 months normalise to a month without a remainder.
pub const PARTS: i128 = 720_720;
