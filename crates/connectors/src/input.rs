//! Where the bytes come from: a file or memory, opened as often as needed.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

/// Bytes of a file that may be read several times, from any place, by several threads.
#[derive(Debug, Clone)]
pub struct Input {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Path(PathBuf),
    Bytes(Bytes),
}

/// What can be read and positioned.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

impl Input {
    /// A file on disk. Its name is the last part of the path.
    pub fn path(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        Self { name, kind: Kind::Path(path.to_owned()) }
    }

    /// Bytes in memory under a name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { name: name.into(), kind: Kind::Bytes(bytes.into()) }
    }

    /// The same bytes under another name, for uploads that lie in temporary files.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The name, for messages and for the format's recognition by its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens the bytes from the beginning.
    pub fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        Ok(match &self.kind {
            Kind::Path(path) => Box::new(File::open(path)?),
            Kind::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }

    /// The size in bytes.
    pub fn size(&self) -> io::Result<u64> {
        Ok(match &self.kind {
            Kind::Path(path) => std::fs::metadata(path)?.len(),
            Kind::Bytes(bytes) => bytes.len() as u64,
        })
    }

    /// Size in bytes and time of the last change, where there is one: others when somebody has written to the file since.
    pub fn state(&self) -> io::Result<(u64, Option<SystemTime>)> {
        Ok(match &self.kind {
            Kind::Path(path) => {
                let found = std::fs::metadata(path)?;
                (found.len(), found.modified().ok())
            }
            Kind::Bytes(bytes) => (bytes.len() as u64, None),
        })
    }

    /// The first `limit` bytes, fewer when the file ends before.
    pub fn head(&self, limit: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open()?.take(limit).read_to_end(&mut head)?;
        Ok(head)
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        self.size().unwrap_or(0)
    }
}

impl ChunkReader for Input {
    type T = BufReader<Box<dyn ReadSeek>>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut reader = self.open()?;
        reader.seek(io::SeekFrom::Start(start))?;
        Ok(BufReader::new(reader))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if let Kind::Bytes(bytes) = &self.kind {
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            return match start.checked_add(length) {
                Some(end) if end <= bytes.len() => Ok(bytes.slice(start..end)),
                _ => Err(ParquetError::EOF("the file ends too early".to_owned())),
            };
        }
        let mut out = Vec::new();
        let read = self.get_read(start)?.take(length as u64).read_to_end(&mut out)?;
        if read < length {
            Err(ParquetError::EOF("the file ends too early".to_owned()))
        } else {
            Ok(out.into())
        }
    }
}
