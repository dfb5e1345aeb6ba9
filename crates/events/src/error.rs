//! What can go wrong, in words.

use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T, E = HotError> = std::result::Result<T, E>;

/// An error of the hot columns.
#[derive(Debug, thiserror::Error)]
pub enum HotError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error(
        "{path}: {what}; the hot columns can be rebuilt from the lake: remove this folder and start again",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A question names a property that has no hot column.
    #[error("the property {name} has no hot column; these have one: {known}")]
    UnknownDimension {
        /// The property.
        name: String,
        /// The hot dimensions, separated by commas.
        known: String,
    },
    /// A dimension got more different values than are kept apart.
    #[error("the property {name} has more than {limit} different values, too many for a hot column")]
    TooManyValues {
        /// The dimension.
        name: String,
        /// Values that are kept apart.
        limit: usize,
    },
    /// A question that cannot be asked.
    #[error("{0}")]
    Question(String),
    /// Rows that do not fit together.
    #[error("{0}")]
    Rows(String),
}

impl HotError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.into(), source }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), what: what.into() }
    }
}
