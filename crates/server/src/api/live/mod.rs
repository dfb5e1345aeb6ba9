//! `/live`.

pub mod stream;
