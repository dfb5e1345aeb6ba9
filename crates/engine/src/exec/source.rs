//! Where records come from: the interface between planning and storage.

use std::fmt::Debug;
use std::sync::Arc;

use burgeon_core::records;
use datafusion::catalog::TableProvider;
use datafusion::common::Result;

use crate::events::EventStore;

/// A store of record tables that can be read bucket by bucket.
///
/// The provider of a table with an entity hands out one partition per bucket, in bucket order, each ordered by
/// (entity, time) and holding whole entities; every other table has one partition.
pub trait RecordSource: Debug + Send + Sync {
    /// The provider of `table`. Fails when the table is unknown or cannot be opened.
    fn provider(&self, table: &str) -> Result<Arc<dyn TableProvider>>;

    /// A number that is another one whenever the content of this bucket of `table` has changed.
    fn bucket_version(&self, table: &str, bucket: usize) -> u64;

    /// The number of buckets of tables with an entity.
    fn buckets(&self) -> usize;

    /// The store of events; `None` when this source has none.
    fn events(&self) -> Option<EventStore> {
        None
    }

    /// The number of partitions of `table`: the buckets, or 1 when it has no entity.
    fn partitions(&self, table: &str) -> usize {
        match records::table(table) {
            Some(t) if t.entity.is_some() => self.buckets(),
            _ => 1,
        }
    }
}
