//! The engine's integration tests: one binary, since linking DataFusion is what hurts.

mod events;
mod lake;
mod queries;
