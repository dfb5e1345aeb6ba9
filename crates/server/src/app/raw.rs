//! Rows of kept files, found again by their line.

use super::{Error, Result};
use burgeon_engine::lake::{LakeError, raw};
use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// A broken quote must not read the whole file: a row has at most this many lines.
const MOST_LINES: usize = 1_000;

/// The row of a text file that begins at `line` (from 1), with the lines that belong to its quotes; `None` past the
/// end. `sha` is the hash or its first digits. Blocking.
pub fn row(data: &Path, sha: &str, line: u64) -> Result<Option<String>> {
    let wrong = |error: std::io::Error| LakeError::Io { path: format!("raw file {sha}"), source: error };
    let mut reader = raw::open(data, sha)?;
    for _ in 1..line {
        if reader.skip_until(b'\n').map_err(wrong)? == 0 {
            return Ok(None);
        }
    }
    let mut row = Vec::new();
    for _ in 0..MOST_LINES {
        if reader.read_until(b'\n', &mut row).map_err(wrong)? == 0 || is_whole(&row) {
            break;
        }
    }
    while matches!(row.last(), Some(b'\n' | b'\r')) {
        row.pop();
    }
    Ok((!row.is_empty()).then(|| String::from_utf8_lossy(&row).into_owned()))
}

/// Whether no quote is open at the end of these lines; a JSON object is one line.
fn is_whole(row: &[u8]) -> bool {
    row.first() == Some(&b'{') || row.iter().filter(|byte| **byte == b'"').count() % 2 == 0
}

/// A kept file, unpacked for as long as this is held. Blocking.
#[derive(Debug)]
pub struct Copy(PathBuf);

impl Copy {
    /// Unpacks a kept file; `purpose` keeps two of them apart.
    pub fn of(data: &Path, sha: &str, purpose: &str) -> Result<Self> {
        let folder = data.join("uploads");
        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, &error))?;
        let copy = Self(folder.join(format!("{purpose}-{}.part", &sha[..raw::SHORT])));
        let mut content = raw::open(data, sha)?;
        let mut file = File::create(&copy.0).map_err(|error| Error::io(&copy.0, &error))?;
        std::io::copy(&mut content, &mut file).map_err(|error| Error::io(&copy.0, &error))?;
        Ok(copy)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_quoted_lines_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let meta = raw::RawMeta {
            name: "a.csv".into(),
            table: "customers".into(),
            mapping: serde_json::Value::Null,
            imported_at: 0,
        };
        let bytes = "id,text\n1,\"two\nlines\"\n2,x\n".as_bytes();
        let content = raw::content(bytes).unwrap();
        assert!(raw::keep(folder.path(), bytes, &content, &meta).unwrap());
        let sha = content.sha256;
        let read = |line| row(folder.path(), &sha[..16], line).unwrap();
        assert_eq!(read(2).as_deref(), Some("1,\"two\nlines\""));
        assert_eq!(read(4).as_deref(), Some("2,x"));
        assert_eq!(read(9), None);
        assert!(row(folder.path(), "0123456789abcdef", 1).is_err());
    }
}
