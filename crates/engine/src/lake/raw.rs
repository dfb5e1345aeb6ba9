//! Source files as they came: kept whole but for persons who were removed, compressed, named by the hash of their content.
//!
//! `DATA/raw/<sha256>.lz4` is the file, `DATA/raw/<sha256>.json` says what it was. Rows point to it by the first 16
//! digits of the hash and the line, `<16 hex>:<line>`. [What was taken out](removed) of it stands in a note beside it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_64;

use super::error::{LakeError, Result};

mod removed;

pub use removed::{Holds, Removed, Taken, removed, take_out, verify};

/// Digits of the hash that rows carry.
pub const SHORT: usize = 16;
/// Bytes that are read and compressed at once.
const PIECE: usize = 1 << 20;

/// What a kept file was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawMeta {
    /// Name of the file as it was given.
    pub name: String,
    /// The record table or shape it was imported as.
    pub table: String,
    /// How its columns were read; whatever the importer wants to remember.
    pub mapping: serde_json::Value,
    /// When, µs UTC.
    pub imported_at: i64,
}

/// What tells the content of a file from any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 in hex: the name under which it is kept.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
    /// A sum that costs next to nothing: whoever reads the content once more tells by it that nothing changed meanwhile.
    sum: u64,
}

/// Reads a file's content once, to know it again.
///
/// # Errors
/// When it cannot be read.
pub fn content(from: impl Read) -> std::io::Result<Content> {
    let mut hash = Sha256::new();
    let (bytes, sum) = pieces(from, |piece| {
        hash.update(piece);
        Ok(())
    })?;
    Ok(Content { sha256: hex(&hash.finalize()), bytes, sum })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// Keeps a file, compressed, in `DATA/raw`, durable at return. The same content is kept once, and without the rows that
/// were taken out of it; what is said about it is that of the last time. `false`, and nothing is kept, when the file is
/// not any more what `content` says.
///
/// # Errors
/// [`LakeError::DiskFull`] when there is no space: then nothing is left behind.
pub fn keep(data: &Path, from: impl Read, content: &Content, meta: &RawMeta) -> Result<bool> {
    let dir = data.join("raw");
    fs::create_dir_all(&dir).map_err(|error| LakeError::io(&dir, error))?;
    let about = serde_json::to_vec_pretty(meta).map_err(|error| LakeError::Internal(error.to_string()))?;
    let describe = || {
        write_beside(&dir.join(format!("{}.json", content.sha256)), &about)?;
        super::files::sync_dir(&dir)
    };
    let known = (content.bytes, content.sum);
    if removed(data, &content.sha256)?.is_some() {
        let found = pieces(from, |_| Ok(())).map_err(|error| LakeError::io(&dir, error))?;
        return if found == known { describe().map(|()| true) } else { Ok(false) };
    }
    let part = temporary(data);
    let result = compress(&part, from, |_| ()).and_then(|found| {
        if found != known {
            return Ok(false);
        }
        let path = file(data, &content.sha256);
        fs::rename(&part, &path).map_err(|error| LakeError::io(&path, error))?;
        describe()?;
        Ok(true)
    });
    if !matches!(result, Ok(true)) {
        fs::remove_file(&part).ok();
    }
    result
}

/// A name in `DATA/raw` that nothing has.
fn temporary(data: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    data.join("raw").join(format!("tmp-{}-{number}.part", std::process::id()))
}

/// Removes what a crash left half-written and packs anew what an earlier version packed with zstd. What cannot be packed
/// anew stays as it was.
pub(crate) fn tidy(data: &Path) {
    for entry in fs::read_dir(data.join("raw")).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("part") => drop(fs::remove_file(&path)),
            Some("zst") => {
                if let Err(error) = repack(data, &path) {
                    tracing::warn!(file = %path.display(), "a kept source file cannot be packed anew: {error}");
                }
            }
            _ => {}
        }
    }
}

fn repack(data: &Path, path: &Path) -> Result<()> {
    let fail = |error| LakeError::io(path, error);
    let from = zstd::stream::read::Decoder::new(File::open(path).map_err(fail)?).map_err(fail)?;
    let part = temporary(data);
    compress(&part, from, |_| ()).inspect_err(|_| drop(fs::remove_file(&part)))?;
    fs::rename(&part, path.with_extension("lz4")).map_err(fail)?;
    super::files::sync_dir(&data.join("raw"))?;
    fs::remove_file(path).map_err(fail)
}

/// Writes the content as an LZ4 frame, which costs half of what zstd does: files are kept with every import and read when
/// somebody looks a row up. `each` sees every piece.
fn compress(path: &Path, from: impl Read, mut each: impl FnMut(&[u8])) -> Result<(u64, u64)> {
    let fail = |error| LakeError::io(path, error);
    let info = FrameInfo::new().block_size(BlockSize::Max1MB).block_mode(BlockMode::Independent);
    let mut out = FrameEncoder::with_frame_info(info, File::create(path).map_err(fail)?);
    let found = pieces(from, |piece| {
        each(piece);
        out.write_all(piece)
    });
    let found = found.map_err(fail)?;
    let out = out.finish().map_err(|error| fail(error.into()))?;
    out.sync_all().map_err(fail)?;
    Ok(found)
}

/// Hands the content on in pieces of the same length; gives its length and its sum.
fn pieces(
    mut from: impl Read,
    mut each: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<(u64, u64)> {
    let (mut bytes, mut sum) = (0, 0);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let read = from.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if read == 0 {
            return Ok((bytes, sum));
        }
        bytes += read as u64;
        sum = XxHash3_64::oneshot_with_seed(sum, &piece);
        each(&piece)?;
    }
}

/// Writes a small file so that it is there whole or as it was.
fn write_beside(path: &Path, text: &[u8]) -> Result<()> {
    let part = temporary(path.parent().and_then(Path::parent).unwrap_or(path));
    let fail = |error| LakeError::io(path, error);
    let mut out = File::create(&part).map_err(fail)?;
    out.write_all(text).and_then(|()| out.sync_all()).map_err(fail)?;
    fs::rename(&part, path).map_err(fail)
}

fn file(data: &Path, sha: &str) -> PathBuf {
    data.join("raw").join(format!("{sha}.lz4"))
}

/// The full hash of a kept file from its first digits (at least 8), also of one that was given up since; `None` when
/// there was no such file.
pub fn resolve(data: &Path, short: &str) -> Option<String> {
    if short.len() < 8 || !short.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    kept(data).into_iter().find(|sha| sha.starts_with(short))
}

/// The hashes of all files that were ever kept, ascending.
pub fn kept(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("raw")).into_iter().flatten().flatten();
    let mut all: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let sha = name.strip_suffix(".lz4").or_else(|| name.strip_suffix(".json"))?;
            (sha.len() == 64).then(|| sha.to_owned())
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What is known about a kept file, by its hash or the first digits of it.
pub fn meta(data: &Path, sha: &str) -> Option<RawMeta> {
    let sha = resolve(data, sha)?;
    serde_json::from_slice(&fs::read(data.join("raw").join(format!("{sha}.json"))).ok()?).ok()
}

/// The content of a kept file, by its hash or the first digits of it.
///
/// # Errors
/// [`LakeError::Damaged`] when there is no such file.
pub fn open(data: &Path, sha: &str) -> Result<impl BufRead + use<>> {
    let path = match resolve(data, sha) {
        Some(sha) => file(data, &sha),
        None => return Err(LakeError::reading(&file(data, sha), "there is no such raw file")),
    };
    let input = File::open(&path).map_err(|error| LakeError::reading(&path, error))?;
    Ok(BufReader::new(FrameDecoder::new(input)))
}

/// Line `number` (from 1) of a kept file without its line end; `None` when the file has fewer lines.
///
/// # Errors
/// [`LakeError::Damaged`] when the file is missing or damaged.
pub fn line(data: &Path, sha: &str, number: u64) -> Result<Option<Vec<u8>>> {
    let mut input = open(data, sha)?;
    let mut line = Vec::new();
    for _ in 0..number {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .map_err(|error| LakeError::reading(&file(data, sha), error))?;
        if read == 0 {
            return Ok(None);
        }
    }
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        line.pop();
    }
    Ok(Some(line))
}
