//! What can go wrong between a question and its answer.

use burgeon_metrics::base::MissingRate;
use datafusion::common::DataFusionError;

use crate::facts::FactError;
use crate::lake::LakeError;

/// An error of the engine; its text names what is wrong and the mend.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A fact file is wrong.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// There is no such fact.
    #[error("unknown fact \"{0}\"; facts are the files of definitions/facts")]
    UnknownFact(String),
    /// A rate of exchange is not known.
    #[error(transparent)]
    MissingRate(#[from] MissingRate),
    /// The request cannot be answered from this fact.
    #[error("{fact}: {wrong}; {mend}")]
    Request {
        /// Name of the fact.
        fact: String,
        /// What is wrong.
        wrong: String,
        /// What to do.
        mend: String,
    },
    /// A statement that is no plain query.
    #[error("only SELECT is allowed here, not {0}; records change by import or POST /api/v1/records")]
    ReadOnly(String),
    /// The query took too long.
    #[error("the query took longer than {0} s; ask for fewer rows or raise the limit")]
    Timeout(u64),
    /// The query needs more memory than it may use.
    #[error("the query needs more memory than it may use: {0}")]
    Memory(String),
    /// The SQL does not plan or failed while it ran.
    #[error("{0}")]
    Query(String),
    /// The store could not be read.
    #[error("reading records failed: {0}")]
    Store(#[source] DataFusionError),
}

impl From<LakeError> for EngineError {
    fn from(error: LakeError) -> Self {
        match error {
            // A question that cannot be asked, in words.
            LakeError::Hot { what } => EngineError::Query(what),
            error => EngineError::Store(error.into()),
        }
    }
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        if let Some(missing) = find_missing_rate(&error) {
            return EngineError::MissingRate(missing);
        }
        match error.find_root() {
            DataFusionError::ResourcesExhausted(text) => EngineError::Memory(text.clone()),
            DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_) => EngineError::Store(error),
            _ => EngineError::Query(error.strip_backtrace()),
        }
    }
}

/// A missing rate travels through DataFusion as an external error, possibly shared and wrapped.
fn find_missing_rate(error: &DataFusionError) -> Option<MissingRate> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(missing) = error.downcast_ref::<MissingRate>() {
            return Some(missing.clone());
        }
        next = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            _ => error.source(),
        };
    }
    None
}
