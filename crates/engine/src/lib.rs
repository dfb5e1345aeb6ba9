//! The engine: the lake where records are kept, and the only crate that speaks DataFusion and Delta Lake.
//!
//! | module | what it holds |
//! |---|---|
//! | [`lake`] | durable tables of records, read as ordered buckets |

pub mod lake;
