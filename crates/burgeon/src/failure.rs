//! What a verb can fail with, and the exit code that scripts see.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use burgeon_server::app::{Error, Kind};

/// Exit code: something failed.
pub const FAILED: u8 = 1;
/// Exit code: the command line or a name in it is wrong.
pub const USAGE: u8 = 2;
/// Exit code: another process works on the data directory.
pub const BUSY: u8 = 3;
/// Exit code: `import --strict` met rows that it could not read.
pub const ROWS_REJECTED: u8 = 4;

/// Why a verb did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// A use case refused or failed.
    App(Error),
    /// The words of the command line do not fit together.
    Usage(String),
    /// There is no data directory where one must be.
    NoData(PathBuf),
    /// The system gives no random bytes.
    Random(getrandom::Error),
    /// Standard output cannot be written, other than by a reader that left.
    Output(std::io::Error),
}

impl Failure {
    /// The code for this failure.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::App(error) => match error.kind {
                Kind::Busy => BUSY,
                Kind::Invalid => USAGE,
                _ => FAILED,
            },
            Self::Usage(_) => USAGE,
            Self::NoData(_) | Self::Random(_) => FAILED,
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => FAILED,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "{error}"),
            Self::Usage(text) => f.write_str(text),
            Self::NoData(path) => write!(
                f,
                "there is no data directory {0}\n  name another with --data, or make this one with \
                 `burgeon --data {0} import FILE…` or `burgeon --data {0} demo`",
                path.display()
            ),
            Self::Random(error) => write!(f, "the system gives no random bytes: {error}"),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::App(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}
