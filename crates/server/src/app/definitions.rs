//! The built-in definitions, embedded, and what a workspace adds to them or puts in their place.

use super::{Error, Result};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(RustEmbed)]
#[folder = "../../definitions"]
#[allow_missing = true]
struct BuiltIn;

/// Files deeper than this under a workspace's `definitions/` are not looked at.
const DEPTH: usize = 6;
/// The largest definition file, bytes.
const LARGEST: u64 = 1 << 20;

/// One definition file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path inside `definitions/`, with forward slashes, such as `metrics/revenue/mrr.md`.
    pub path: String,
    /// Its content.
    pub text: String,
    /// Where it lies on the disk; `None` for a built-in one.
    pub origin: Option<PathBuf>,
}

impl File {
    /// The name that errors give: the file on the disk, or the built-in path.
    pub fn place(&self) -> String {
        match &self.origin {
            Some(path) => path.display().to_string(),
            None => format!("definitions/{}", self.path),
        }
    }
}

/// All definition files, by path.
#[derive(Debug, Clone, Default)]
pub struct Files(BTreeMap<String, File>);

impl Files {
    /// The built-in files.
    pub fn built_in() -> Result<Self> {
        let mut files = BTreeMap::new();
        for path in BuiltIn::iter() {
            let Some(file) = BuiltIn::get(&path) else { continue };
            let text = String::from_utf8(file.data.into_owned()).map_err(|error| {
                Error::internal(format!("the built-in definitions/{path} is not UTF-8: {error}"))
            })?;
            files.insert(path.to_string(), File { path: path.to_string(), text, origin: None });
        }
        Ok(Self(files))
    }

    /// The built-in files with those of a workspace's folder over them; a missing folder adds nothing.
    pub fn with_overrides(folder: &Path) -> Result<Self> {
        let mut files = Self::built_in()?;
        let mut folders = vec![(folder.to_owned(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && depth == 0 => break,
                Err(error) => return Err(Error::io(&folder, &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| Error::io(&folder, &error))?;
                let path = entry.path();
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                // Editors leave hidden files and backups beside.
                if name.starts_with('.') || name.ends_with('~') {
                    continue;
                }
                let meta = std::fs::metadata(&path).map_err(|error| Error::io(&path, &error))?;
                let inner = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                if meta.is_dir() {
                    if depth < DEPTH {
                        folders.push((path, inner, depth + 1));
                    }
                    continue;
                }
                files.add(inner, path, meta.len())?;
            }
        }
        Ok(files)
    }

    fn add(&mut self, inner: String, path: PathBuf, bytes: u64) -> Result<()> {
        if bytes > LARGEST {
            return Err(Error::invalid(
                "definition_too_large",
                format!("{}: {bytes} bytes; a definition has at most {LARGEST}", path.display()),
            ));
        }
        let raw = std::fs::read(&path).map_err(|error| Error::io(&path, &error))?;
        let text = String::from_utf8(raw).map_err(|error| {
            Error::invalid("bad_definition", format!("{}: not UTF-8: {error}", path.display()))
                .mend("save the file as UTF-8")
        })?;
        self.0.insert(inner.clone(), File { path: inner, text, origin: Some(path) });
        Ok(())
    }

    /// A file by its path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// The files under `folder/` with an extension, by path.
    pub fn under<'a>(&'a self, folder: &'a str, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.0.values().filter(move |file| {
            file.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
                && file.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_adds_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = folder.path().join("metrics/own");
        std::fs::create_dir_all(&metrics).unwrap();
        std::fs::write(metrics.join("mine.md"), "mine").unwrap();
        std::fs::write(metrics.join(".mine.md.swp"), [0xff]).unwrap();
        let files = Files::with_overrides(folder.path()).unwrap();
        let mine = files.under("metrics", "md").find(|file| file.path == "metrics/own/mine.md").unwrap();
        assert_eq!(mine.text, "mine");
        assert!(files.under("metrics", "md").count() > 1, "the built-in ones are there too");
        std::fs::write(metrics.join("bad.md"), [0xff, 0xfe]).unwrap();
        let error = Files::with_overrides(folder.path()).unwrap_err();
        assert!(error.message.contains("bad.md") && error.message.contains("UTF-8"), "{error}");
        assert!(Files::with_overrides(&folder.path().join("none")).is_ok());
    }
}
