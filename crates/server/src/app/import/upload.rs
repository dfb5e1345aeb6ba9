//! A file on its way in, in the data directory until it is imported.

use crate::app::{Error, Result, Workspace};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file that is being received.
#[derive(Debug)]
pub struct Upload {
    file: File,
    place: Place,
    name: String,
    bytes: u64,
}

/// A file that was received; removed from the disk when dropped.
#[derive(Debug)]
pub struct Uploaded {
    place: Place,
    name: String,
}

/// Removes the file when it is no longer needed.
#[derive(Debug)]
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), "a temporary upload could not be removed: {error}");
        }
    }
}

impl Upload {
    /// Appends bytes.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.bytes += chunk.len() as u64;
        self.file.write_all(chunk).await.map_err(|error| Error::io(&self.place.0, &error))
    }

    /// Bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All bytes were received.
    pub async fn finish(mut self) -> Result<Uploaded> {
        self.file.flush().await.map_err(|error| Error::io(&self.place.0, &error))?;
        Ok(Uploaded { place: self.place, name: self.name })
    }
}

impl Uploaded {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.place.0
    }

    /// Its name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Workspace {
    /// Begins to receive a file under the name that the client gives.
    pub async fn upload(&self, name: &str) -> Result<Upload> {
        // Only the last part of a name is of use, and it never becomes a path.
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name).trim();
        let name = if name.is_empty() { "upload" } else { name };
        let folder = self.folder().join("uploads");
        tokio::fs::create_dir_all(&folder).await.map_err(|error| Error::io(&folder, &error))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}.part", std::process::id()));
        let file = File::create(&path).await.map_err(|error| Error::io(&path, &error))?;
        Ok(Upload { file, place: Place(path), name: name.chars().take(200).collect(), bytes: 0 })
    }
}
