//! What stops an import, and what stops a single row.

/// What stops a whole import before or while it runs. The text says what is wrong and the mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read.
    #[error("cannot read {name}: {cause}")]
    Io {
        /// The file's name.
        name: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is nothing in the file.
    #[error("{name} has no rows; a header line and at least one row are needed")]
    Empty {
        /// The file's name.
        name: String,
    },
    /// The header has more columns than the limit.
    #[error(
        "{name} has {columns} columns in line {line}, more than the limit of {limit}; is this the right file, and the right delimiter?"
    )]
    TooWide {
        /// The file's name.
        name: String,
        /// Columns found.
        columns: usize,
        /// Line of the widest row.
        line: u64,
        /// The most columns that are taken.
        limit: usize,
    },
    /// The file is not what its format says.
    #[error("{name} is damaged or not a {format} file: {what}")]
    Damaged {
        /// The file's name.
        name: String,
        /// The format that was tried.
        format: &'static str,
        /// What the reader of the format said.
        what: String,
    },
    /// A setting of the import is unknown or has an unknown value.
    #[error("{0}")]
    Option(String),
    /// A mapping names a field or a column that does not exist, or a literal that cannot be read.
    #[error("{0}")]
    Mapping(String),
    /// The table or shape is unknown, or none fits the header.
    #[error("{0}")]
    Shape(String),
    /// Something must be decided before the import can run; each text names the option that decides it.
    #[error("{}", .0.join("\n"))]
    Undecided(Vec<String>),
    /// A reader or worker stopped without saying why.
    #[error(
        "reading {name} stopped unexpectedly near line {line}; please report this with the file if you can share it"
    )]
    Stopped {
        /// The file's name.
        name: String,
        /// The last line known to be read.
        line: u64,
    },
}

/// A row that could not be taken, whole, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line in the file, from 1: the physical line where the row begins, the row of a sheet, the place of a JSON element.
    pub line: u64,
    /// What is wrong and how it is mended, beginning with the column where there is one.
    pub reason: String,
    /// The row as it came (text of other encodings as UTF-8; rows of sheets and Parquet as JSON objects).
    pub bytes: Vec<u8>,
}

impl Reject {
    /// A reject of a row given as bytes.
    pub fn new(line: u64, reason: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { line, reason: reason.into(), bytes: bytes.into() }
    }
}
