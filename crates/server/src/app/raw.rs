//! Files as they came, kept for ever: compressed, named by the SHA-256 of their content.

use super::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// The folder of kept files.
#[derive(Debug, Clone)]
pub struct Raw {
    folder: PathBuf,
}

/// A kept file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Bytes of the content.
    pub bytes: u64,
}

impl Kept {
    /// The pointer in records: the first 16 digits.
    pub fn short(&self) -> &str {
        &self.sha256[..16]
    }
}

/// What is noted beside a kept file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Name of the file as it was given.
    pub name: String,
    /// Table or shape that it was read as.
    pub table: Option<String>,
    /// Which column feeds which field.
    pub mapping: serde_json::Value,
    /// When it was imported last, RFC 3339.
    pub imported_at: String,
}

impl Raw {
    /// The folder, made when it is missing.
    pub fn open(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, &error))?;
        Ok(Self { folder })
    }

    /// Keeps the file at `path`; a file with the same content is kept once. Blocking.
    pub fn keep(&self, path: &Path) -> Result<Kept> {
        let kept = digest(path)?;
        let place = self.folder.join(format!("{}.zst", kept.sha256));
        if place.exists() {
            return Ok(kept);
        }
        // Written beside and renamed, so that a crash leaves no half file under the name.
        let beside = self.folder.join(format!("{}.part", kept.sha256));
        let wrong = |error: std::io::Error| Error::io(&beside, &error);
        let mut source = File::open(path).map_err(|error| Error::io(path, &error))?;
        let target = File::create(&beside).map_err(wrong)?;
        let mut encoder = zstd::Encoder::new(BufWriter::new(target), 3).map_err(wrong)?;
        std::io::copy(&mut source, &mut encoder).map_err(wrong)?;
        let mut writer = encoder.finish().map_err(wrong)?;
        writer.flush().map_err(wrong)?;
        writer.get_ref().sync_all().map_err(wrong)?;
        std::fs::rename(&beside, &place).map_err(|error| Error::io(&place, &error))?;
        Ok(kept)
    }

    /// Notes how a kept file was read.
    pub fn note(&self, sha256: &str, note: &Note) -> Result<()> {
        let path = self.folder.join(format!("{sha256}.json"));
        let text = serde_json::to_vec_pretty(note).map_err(|error| Error::internal(error.to_string()))?;
        std::fs::write(&path, text).map_err(|error| Error::io(&path, &error))
    }

    /// The kept file whose SHA-256 begins with `short`, with its note.
    pub fn find(&self, short: &str) -> Result<Option<(PathBuf, Option<Note>)>> {
        if short.len() < 16 || !short.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let entries = std::fs::read_dir(&self.folder).map_err(|error| Error::io(&self.folder, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| Error::io(&self.folder, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(short) && name.ends_with(".zst") {
                let note = std::fs::read(path.with_extension("json"))
                    .ok()
                    .and_then(|text| serde_json::from_slice(&text).ok());
                return Ok(Some((path, note)));
            }
        }
        Ok(None)
    }

    /// The content of a kept file. Blocking.
    pub fn read(path: &Path) -> Result<Box<dyn Read>> {
        let wrong = |error: std::io::Error| Error::io(path, &error);
        let file = File::open(path).map_err(wrong)?;
        Ok(Box::new(zstd::Decoder::new(file).map_err(wrong)?))
    }

    /// Unpacks a kept file into `target`. Blocking.
    pub fn unpack(path: &Path, target: &Path) -> Result<()> {
        let mut file = File::create(target).map_err(|error| Error::io(target, &error))?;
        std::io::copy(&mut Self::read(path)?, &mut file).map_err(|error| Error::io(target, &error))?;
        Ok(())
    }

    /// The row of a text file that begins at `line` (from 1), with the lines that belong to its quotes. Blocking.
    pub fn line(path: &Path, line: u64) -> Result<Option<String>> {
        let wrong = |error: std::io::Error| Error::io(path, &error);
        let mut reader = BufReader::new(Self::read(path)?);
        let mut number = 1;
        while number < line {
            if reader.skip_until(b'\n').map_err(wrong)? == 0 {
                return Ok(None);
            }
            number += 1;
        }
        let mut row = Vec::new();
        // At most a few lines more: a broken quote must not read the whole file.
        for _ in 0..1_000 {
            if reader.read_until(b'\n', &mut row).map_err(wrong)? == 0 {
                break;
            }
            if row.iter().filter(|byte| **byte == b'"').count() % 2 == 0 || row.first() == Some(&b'{') {
                break;
            }
        }
        while matches!(row.last(), Some(b'\n' | b'\r')) {
            row.pop();
        }
        Ok((!row.is_empty()).then(|| String::from_utf8_lossy(&row).into_owned()))
    }
}

/// SHA-256 and size of a file. Blocking.
pub fn digest(path: &Path) -> Result<Kept> {
    let wrong = |error: std::io::Error| Error::io(path, &error);
    let mut file = File::open(path).map_err(wrong)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0u64);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer).map_err(wrong)?;
        if read == 0 {
            return Ok(Kept { sha256: crate::web::hex(&hash.finalize()), bytes });
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_once_and_its_rows_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let raw = Raw::open(folder.path().join("raw")).unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "id,text\n1,\"two\nlines\"\n2,x\n").unwrap();
        let kept = raw.keep(&path).unwrap();
        assert_eq!(raw.keep(&path).unwrap(), kept);
        let note =
            Note { name: "a.csv".into(), table: None, mapping: serde_json::json!({}), imported_at: "now".into() };
        raw.note(&kept.sha256, &note).unwrap();
        let (place, found) = raw.find(kept.short()).unwrap().unwrap();
        assert_eq!(found, Some(note));
        assert_eq!(Raw::line(&place, 2).unwrap().as_deref(), Some("1,\"two\nlines\""));
        assert_eq!(Raw::line(&place, 4).unwrap().as_deref(), Some("2,x"));
        assert_eq!(Raw::line(&place, 9).unwrap(), None);
        assert!(raw.find("0123456789abcdef").unwrap().is_none());
    }
}
