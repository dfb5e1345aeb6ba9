//! The lake as a source of records.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result};

use super::RecordSource;
use crate::events::EventStore;
use crate::lake::Lake;

impl RecordSource for Lake {
    fn provider(&self, table: &str) -> Result<Arc<dyn TableProvider>> {
        Lake::provider(self, table).map_err(|error| DataFusionError::External(Box::new(error)))
    }

    fn bucket_version(&self, table: &str, bucket: usize) -> u64 {
        Lake::bucket_version(self, table, bucket)
    }

    fn buckets(&self) -> usize {
        Lake::buckets(self, "customers")
    }

    fn events(&self) -> Option<EventStore> {
        Some(Lake::events(self))
    }

    fn partitions(&self, table: &str) -> usize {
        Lake::buckets(self, table)
    }
}
