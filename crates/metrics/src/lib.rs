//! Metric definitions, queries and their results: pure, no I/O, no engine.

pub mod base;
