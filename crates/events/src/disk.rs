//! Writing files so that a crash at any moment leaves either the old or the new state.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::{HotError, Result};

#[cfg(target_endian = "big")]
compile_error!("hot files are little-endian and are read without conversion");

/// The folder of a store and every way to write in it.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub dir: PathBuf,
    /// Tests: writes left before every write fails.
    fault: Option<Arc<AtomicI64>>,
}

impl Disk {
    pub fn new(dir: &Path, fault: Option<Arc<AtomicI64>>) -> Self {
        Self { dir: dir.into(), fault }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn step(&self) -> io::Result<()> {
        match &self.fault {
            Some(left) if left.fetch_sub(1, Ordering::SeqCst) <= 0 => {
                Err(io::Error::other("the test lets every write fail from here on"))
            }
            _ => Ok(()),
        }
    }

    /// Opens a file for reading and writing, made if it is not there.
    pub fn open(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(HotError::io(&path))
    }

    /// Makes a new file; what stood under the name is gone.
    pub fn create(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(HotError::io(&path))
    }

    pub fn write(&self, name: &str, file: &File, bytes: &[u8], at: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.step() {
            // A write that a crash cuts short.
            let _ = file.write_all_at(&bytes[..bytes.len() / 2], at);
            return Err(HotError::Io { path: self.path(name), source: error });
        }
        file.write_all_at(bytes, at).map_err(HotError::io(&self.path(name)))
    }

    pub fn sync(&self, name: &str, file: &File) -> Result<()> {
        self.step().and_then(|()| file.sync_data()).map_err(HotError::io(&self.path(name)))
    }

    /// Puts `bytes` under `name` in one step.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let fresh = format!("{name}.new");
        let file = self.create(&fresh)?;
        self.write(&fresh, &file, bytes, 0)?;
        self.sync(&fresh, &file)?;
        self.step()
            .and_then(|()| std::fs::rename(self.path(&fresh), self.path(name)))
            .map_err(HotError::io(&self.path(name)))?;
        self.sync_folder()
    }

    /// Makes names of new files durable.
    pub fn sync_folder(&self) -> Result<()> {
        let open = || File::open(&self.dir)?.sync_all();
        self.step().and_then(|()| open()).map_err(HotError::io(&self.dir))
    }

    /// Removes a file that nothing refers to any more; that it stays is no harm, opening removes it.
    pub fn remove(&self, name: &str) {
        if self.step().is_ok() {
            let _ = std::fs::remove_file(self.path(name));
        }
    }
}
