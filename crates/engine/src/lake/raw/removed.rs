//! Rows taken out of kept files, since the person in them was removed.
//!
//! A file keeps its name, the hash of what once came, because rows point to it by that name. What was taken out, and the
//! hash of what it holds now, stand in a note beside it, `DATA/raw/<sha256>.removed.json`. The note says no word about who
//! it was.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Content, compress, content, file, hex, open, temporary, write_beside};
use crate::lake::error::{LakeError, Result};
use crate::lake::files::sync_dir;
use sha2::{Digest, Sha256};

/// What was taken out of a kept file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// By removal, the oldest first.
    pub taken: Vec<Taken>,
    /// What the file holds now; nothing when it was given up as a whole.
    pub holds: Option<Holds>,
}

/// Rows that one removal took out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Names the removal.
    pub removal: String,
    /// When, µs UTC.
    pub at: i64,
    /// First and last line of each row, ascending and apart; places of rows in a file without lines.
    pub lines: Vec<(u64, u64)>,
}

/// What tells the present content of a file from any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// SHA-256 in hex.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
}

impl Removed {
    /// When the row of this line was taken out; `None` when it was not.
    pub fn at(&self, line: u64) -> Option<i64> {
        let holds = |taken: &&Taken| {
            let next = taken.lines.partition_point(|(first, _)| *first <= line);
            next > 0 && line <= taken.lines[next - 1].1
        };
        self.taken.iter().find(holds).map(|taken| taken.at)
    }

    /// When the whole file was given up; `None` when it is there.
    pub fn given_up(&self) -> Option<i64> {
        self.holds.is_none().then(|| self.taken.last().map_or(0, |taken| taken.at))
    }

    /// Whether one removal took something out.
    pub fn has(&self, removal: &str) -> bool {
        self.taken.iter().any(|taken| taken.removal == removal)
    }

    /// Rows that one removal took out.
    pub fn rows(&self, removal: &str) -> u64 {
        let mine = self.taken.iter().filter(|taken| taken.removal == removal);
        mine.map(|taken| taken.lines.len() as u64).sum()
    }

    /// Adds rows; those of a removal that was cut off and is repeated are one entry.
    fn add(&mut self, new: &Taken) {
        let Some(known) = self.taken.iter_mut().find(|taken| taken.removal == new.removal) else {
            return self.taken.push(new.clone());
        };
        known.lines.extend(&new.lines);
        join(&mut known.lines);
    }
}

/// Sorts rows; what overlaps is one.
fn join(lines: &mut Vec<(u64, u64)>) {
    lines.sort_unstable();
    lines.dedup_by(|next, before| {
        let over = next.0 <= before.1;
        if over {
            before.1 = before.1.max(next.1);
        }
        over
    });
}

fn note(data: &Path, sha: &str) -> PathBuf {
    data.join("raw").join(format!("{sha}.removed.json"))
}

/// What was taken out of a kept file, by its full hash; `None` when it is as it came.
///
/// # Errors
/// [`LakeError::Damaged`] when the note cannot be read.
pub fn removed(data: &Path, sha: &str) -> Result<Option<Removed>> {
    let path = note(data, sha);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| LakeError::reading(&path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LakeError::io(&path, error)),
    }
}

/// Takes rows out of a kept file, durable at return: their lines, ended by `terminator`, become empty, so that every other
/// line stays where it was. Without a `terminator` the file is given up as a whole. It may be repeated.
///
/// # Errors
/// When it cannot be read or written; the file is then as it was.
pub fn take_out(data: &Path, sha: &str, rows: &Taken, terminator: Option<u8>) -> Result<()> {
    let path = file(data, sha);
    let mut rows = rows.clone();
    join(&mut rows.lines);
    let mut after = removed(data, sha)?.unwrap_or_default();
    let known = !after.taken.is_empty();
    after.add(&rows);
    let gone = known && after.holds.is_none();
    let Some(terminator) = terminator.filter(|_| !gone) else {
        after.holds = None;
        write_note(data, sha, &after)?;
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LakeError::io(&path, error)),
            _ => sync_dir(&data.join("raw")),
        };
    };
    let part = temporary(data);
    let mut hash = Sha256::new();
    let from = Blanked { from: open(data, sha)?, lines: &rows.lines, line: 1, terminator };
    let (bytes, _) =
        compress(&part, from, |piece| hash.update(piece)).inspect_err(|_| drop(fs::remove_file(&part)))?;
    after.holds = Some(Holds { sha256: hex(&hash.finalize()), bytes });
    // The note comes first: a crash in between leaves a file with more in it than the note says, and the removal is
    // then repeated.
    write_note(data, sha, &after)?;
    fs::rename(&part, &path).map_err(|error| LakeError::io(&path, error))?;
    sync_dir(&data.join("raw"))
}

fn write_note(data: &Path, sha: &str, removed: &Removed) -> Result<()> {
    let text = serde_json::to_vec(removed).map_err(|error| LakeError::Internal(error.to_string()))?;
    write_beside(&note(data, sha), &text)?;
    sync_dir(&data.join("raw"))
}

/// A text whose lines are partly emptied.
struct Blanked<'a, R> {
    from: R,
    /// Lines to empty, ascending; those that are done are cut off.
    lines: &'a [(u64, u64)],
    line: u64,
    terminator: u8,
}

impl<R: BufRead> Read for Blanked<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let piece = self.from.fill_buf()?;
            let take = piece.len().min(out.len());
            let (mut at, mut written) = (0, 0);
            while at < take {
                let end =
                    piece[at..take].iter().position(|byte| *byte == self.terminator).map(|hop| at + hop);
                let stop = end.unwrap_or(take);
                if self.lines.first().is_none_or(|(first, _)| self.line < *first) {
                    out[written..written + stop - at].copy_from_slice(&piece[at..stop]);
                    written += stop - at;
                }
                at = stop;
                if end.is_some() {
                    out[written] = self.terminator;
                    (written, at, self.line) = (written + 1, at + 1, self.line + 1);
                    while self.lines.first().is_some_and(|(_, last)| *last < self.line) {
                        self.lines = &self.lines[1..];
                    }
                }
            }
            self.from.consume(take);
            if written > 0 || take == 0 {
                return Ok(written);
            }
        }
    }
}

/// Kept files that do not hold what their name or note says, each with what is wrong. Reads all of them.
///
/// # Errors
/// When the directory cannot be read.
pub fn verify(data: &Path) -> Result<Vec<(PathBuf, String)>> {
    let dir = data.join("raw");
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| LakeError::io(&dir, error))?,
    };
    let mut wrong = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| LakeError::io(&dir, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(sha) = name.strip_suffix(".lz4") else { continue };
        let expected = match removed(data, sha) {
            Ok(None) => sha.to_owned(),
            Ok(Some(Removed { holds: Some(holds), .. })) => holds.sha256,
            Ok(Some(_)) => {
                wrong.push((path, "it should have been removed together with a person in it".to_owned()));
                continue;
            }
            Err(error) => {
                wrong.push((path, error.to_string()));
                continue;
            }
        };
        let found = open(data, sha).map_err(|error| error.to_string());
        match found.and_then(|text| content(text).map_err(|error| error.to_string())) {
            Ok(Content { sha256, .. }) if sha256 == expected => {}
            Ok(_) => wrong.push((path, "its content is not the one that its name stands for".to_owned())),
            Err(error) => wrong.push((path, error)),
        }
    }
    wrong.sort();
    Ok(wrong)
}
