//! What is wrong with a data directory, in words.

use serde::Serialize;

/// One thing that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// lake, log, state, definitions, settings or data.
    pub part: &'static str,
    /// Whether figures or records are affected; else it is only worth knowing.
    pub severe: bool,
    /// What is wrong, and the mend.
    pub text: String,
}
