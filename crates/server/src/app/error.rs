//! What can go wrong in a use case, in the words that a person or a script gets.

use std::fmt;

/// The class of a failure; the HTTP status and the exit code follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong: an unknown name, a date that cannot be read (HTTP 400).
    Invalid,
    /// No token, or a wrong one (HTTP 401).
    Unauthorized,
    /// A page of another site, or a wrong host name, asked (HTTP 403).
    Forbidden,
    /// What is asked for does not exist (HTTP 404).
    NotFound,
    /// It contradicts the present state, or another process holds the data directory (HTTP 409).
    Conflict,
    /// The data directory is held by another process (HTTP 409, exit code 3).
    Busy,
    /// The request is larger than the server takes (HTTP 413).
    TooLarge,
    /// It was read, and its content cannot be used (HTTP 422).
    Unprocessable,
    /// Too many requests at once (HTTP 429).
    TooMany,
    /// It took longer than the server allows (HTTP 504).
    Timeout,
    /// The disk is full (HTTP 507).
    Full,
    /// A fault of the program or of the machine (HTTP 500).
    Internal,
}

/// A failure of a use case: what is wrong, and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The class.
    pub kind: Kind,
    /// A stable word for scripts, such as `unknown_metric`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it, when known.
    pub mend: Option<String>,
    /// The parameter or field at fault, when there is one.
    pub param: Option<String>,
}

impl Error {
    /// A failure of `kind` with a stable `code` and a message.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), mend: None, param: None }
    }

    /// A wrong request.
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, message)
    }

    /// Something that does not exist.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, code, message)
    }

    /// A fault of the program or of the machine.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "internal", message)
    }

    /// A failed file operation on `path`; a full disk is told apart.
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::new(Kind::Full, "disk_full", message)
                .mend("free some space on that disk; nothing that was acknowledged is lost"),
            std::io::ErrorKind::NotFound => Self::not_found("no_such_file", message),
            _ => Self::new(Kind::Internal, "io", message),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// Adds the parameter or field at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.mend {
            Some(mend) => write!(f, "\n  {mend}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Tells a full disk from the texts that libraries wrap it in.
pub(crate) fn storage(text: String) -> Error {
    let lower = text.to_lowercase();
    if lower.contains("no space left") || lower.contains("storage full") || lower.contains("os error 28") {
        Error::new(Kind::Full, "disk_full", text)
            .mend("free some space on that disk; nothing that was acknowledged is lost")
    } else {
        Error::internal(text)
    }
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

impl From<burgeon_state::StateError> for Error {
    fn from(error: burgeon_state::StateError) -> Self {
        match &error {
            burgeon_state::StateError::NotFound { .. } => Self::not_found("not_found", error.to_string()),
            _ => storage(error.to_string()),
        }
    }
}

impl From<burgeon_engine::lake::LakeError> for Error {
    fn from(error: burgeon_engine::lake::LakeError) -> Self {
        use burgeon_engine::lake::LakeError as L;
        let text = error.to_string();
        match error {
            L::Busy { .. } => Self::new(Kind::Busy, "data_directory_busy", text),
            L::DiskFull { .. } => Self::new(Kind::Full, "disk_full", text),
            L::UnknownTable(_) => Self::not_found("unknown_table", text),
            L::Pressure { .. } => Self::new(Kind::TooMany, "too_many_events", text)
                .mend("send the same again after the seconds of Retry-After; nothing is stored twice"),
            L::Rows { .. } => Self::new(Kind::Unprocessable, "bad_rows", text),
            _ => storage(text),
        }
    }
}

impl From<burgeon_connectors::Error> for Error {
    fn from(error: burgeon_connectors::Error) -> Self {
        use burgeon_connectors::Error as C;
        let text = error.to_string();
        match error {
            C::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound => {
                Self::not_found("no_such_file", text)
            }
            C::Io { .. } => storage(text),
            C::Option(_) | C::Mapping(_) => Self::invalid("bad_option", text),
            C::Stopped { .. } => Self::internal(text),
            _ => Self::new(Kind::Unprocessable, "unreadable_file", text),
        }
    }
}

impl From<burgeon_engine::EngineError> for Error {
    fn from(error: burgeon_engine::EngineError) -> Self {
        use burgeon_engine::EngineError as E;
        let text = error.to_string();
        match error {
            E::MissingRate(_) => Self::new(Kind::Unprocessable, "missing_rate", text),
            E::Fact(_) | E::UnknownFact(_) | E::Request { .. } => Self::invalid("bad_definition", text),
            E::ReadOnly(_) => Self::invalid("read_only", text),
            // The planner's own faults are none of who asked.
            E::Query(_) if text.starts_with("Internal error") => Self::internal(text),
            E::Query(_) => Self::invalid("bad_query", text),
            E::Timeout(_) => Self::new(Kind::Timeout, "timeout", text),
            E::Memory(_) => Self::new(Kind::Unprocessable, "out_of_memory", text)
                .mend("ask for a shorter range or fewer dimensions"),
            E::Store(_) => storage(text),
        }
    }
}
