//! Files of all kinds, turned into rows of record tables: bytes in, Arrow record batches and rejects out.
//!
//! [`Reader::open`] finds out the format, the encoding, the delimiter, the header, what the file holds (its
//! [`shape`](shape)) and which column is which field; iterating it gives [`Output`]s. [`Reader::preview`] tells all that
//! without importing. Nothing here knows a lake, a server or a clock.
//!
//! | stage | module | type that leaves it |
//! |---|---|---|
//! | bytes | [`input`] | [`Input`] |
//! | whole rows | [`rows`] | [`rows::Block`], then [`rows::Chunk`] of text cells |
//! | values | [`typed`], [`value`] | [`typed::Typed`]: one value for each field and row, or a reason |
//! | records | [`mod@shape`], [`table`] | [`Output`]: record batches by table, and rejects |
//!
//! What clients of event collectors send does not come as files but as bodies of requests: [`intake`] reads those.
//!
//! Which columns are read how is decided once for the file, by [`mapping`], and kept in a [`plan::Plan`].

pub mod error;
pub mod extent;
pub mod input;
pub mod intake;
pub mod mapping;
pub mod options;
pub mod plan;
pub mod preview;
pub mod reader;
pub mod rows;
pub mod shape;
pub mod table;
pub mod typed;
pub mod value;

pub use error::{Error, Reject};
pub use input::Input;
pub use options::{Format, Limits, Options};
pub use preview::Preview;
pub use reader::Reader;
pub use table::{Output, TableBatch, TableRows, Value};
