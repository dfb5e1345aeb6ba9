//! Texts and their dense numbers: an append-only pair of files and a hash table in memory.
//!
//! `<name>.text` holds the texts one after the other, `<name>.ends` the position after each (u64). How many of them
//! count is said by the manifest; what stands behind is left over from before a crash and is cut off.
//! Identifiers keep a hash of 95 bits each in memory and no text (about 18 bytes an identifier), so that of a thousand
//! million two are taken for one with a probability of 1 in 10¹⁰; small dictionaries keep their texts.

use std::fs::File;
use std::os::unix::fs::FileExt;

use twox_hash::XxHash3_64;

use crate::disk::Disk;
use crate::error::{HotError, Result};

const SECOND_SEED: u64 = 0x9e37_79b9_7f4a_7c15;
/// Fills the place of a removed text; no UTF-8 contains it.
const REMOVED: u8 = 0xff;

/// Texts by number and numbers by text.
#[derive(Debug)]
pub(crate) struct Dictionary {
    disk: Disk,
    names: [String; 2],
    text: File,
    ends: File,
    /// Whether all texts are in `kept`.
    resident: bool,
    /// Resident: all texts. Else those that are not written yet.
    kept: Vec<u8>,
    kept_ends: Vec<u64>,
    /// Texts that are in the files, and their bytes.
    stored: u32,
    stored_bytes: u64,
    unsynced: bool,
    count: u32,
    bytes: u64,
    hashes: Vec<Hash>,
    /// Number + 1 by hash, open addressing; 0 is free.
    slots: Vec<u32>,
}

/// The hash of a text: 64 bits that find it and are 0 for one that was removed, and 32 more by which it is told from
/// others. Resident: these are 0, since the text can be compared.
#[derive(Debug, Clone, Copy)]
struct Hash([u32; 3]);

impl Hash {
    const REMOVED: Self = Self([0; 3]);

    fn new(first: u64, second: u32) -> Self {
        Self([first as u32, (first >> 32) as u32, second])
    }

    fn first(self) -> u64 {
        u64::from(self.0[1]) << 32 | u64::from(self.0[0])
    }

    fn second(self) -> u32 {
        self.0[2]
    }
}

impl Dictionary {
    /// Opens the first `count` texts.
    pub fn open(disk: &Disk, name: &str, resident: bool, count: u32) -> Result<Self> {
        let names = [format!("{name}.text"), format!("{name}.ends")];
        let (text, ends) = (disk.open(&names[0])?, disk.open(&names[1])?);
        let mut all = Self {
            disk: disk.clone(),
            names,
            text,
            ends,
            resident,
            kept: Vec::new(),
            kept_ends: Vec::new(),
            stored: 0,
            stored_bytes: 0,
            unsynced: false,
            count: 0,
            bytes: 0,
            hashes: Vec::new(),
            slots: vec![0; 64],
        };
        all.load(count)?;
        Ok(all)
    }

    fn load(&mut self, count: u32) -> Result<()> {
        let path = self.disk.path(&self.names[1]);
        let short =
            |_| HotError::damaged(&path, format!("shorter than the {count} texts that it should have"));
        self.grow_to(count as usize);
        self.hashes.reserve_exact(count as usize);
        let mut start = 0u64;
        let mut ends = vec![0u64; 0];
        let mut texts = Vec::new();
        while self.count < count {
            let n = (count - self.count).min(65_536) as usize;
            ends.resize(n, 0);
            let at = u64::from(self.count) * 8;
            self.ends.read_exact_at(bytemuck::cast_slice_mut(&mut ends), at).map_err(short)?;
            let last = ends[n - 1];
            if last < start
                || ends.windows(2).any(|w| w[0] > w[1])
                || ends[0] < start
                || last - start > 1 << 32
            {
                return Err(HotError::damaged(&path, "ends of texts do not ascend"));
            }
            texts.resize((last - start) as usize, 0);
            self.text
                .read_exact_at(&mut texts, start)
                .map_err(|_| HotError::damaged(&self.disk.path(&self.names[0]), "shorter than its texts"))?;
            let mut from = start;
            for end in &ends {
                let text = &texts[(from - start) as usize..(*end - start) as usize];
                from = *end;
                self.insert(text, text.first() == Some(&REMOVED));
                self.bytes = *end;
            }
            if self.resident {
                self.kept.extend_from_slice(&texts);
                self.kept_ends.extend_from_slice(&ends);
            }
            start = last;
        }
        self.stored = count;
        self.stored_bytes = start;
        // Texts of before a crash may belong to somebody who is deleted later.
        for (file, name, bytes) in [(&self.text, 0, start), (&self.ends, 1, 8 * u64::from(count))] {
            file.set_len(bytes).map_err(HotError::io(&self.disk.path(&self.names[name])))?;
        }
        Ok(())
    }

    /// Number of texts, the removed ones included.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether the text of a number was removed.
    pub fn is_removed(&self, number: u32) -> bool {
        self.hashes.get(number as usize).is_some_and(|hash| hash.first() == 0)
    }

    /// Bytes in memory and in files.
    pub fn sizes(&self) -> (u64, u64) {
        let memory = self.kept.capacity()
            + 8 * self.kept_ends.capacity()
            + size_of::<Hash>() * self.hashes.capacity()
            + 4 * self.slots.capacity();
        (memory as u64, self.stored_bytes + 8 * u64::from(self.stored))
    }

    /// Makes room for so many texts, which then fill two thirds of the slots.
    fn grow_to(&mut self, count: usize) {
        let size = count + count / 2 + 64;
        if size <= self.slots.len() {
            return;
        }
        self.slots = vec![0; size];
        for number in 0..self.hashes.len() {
            let hash = self.hashes[number].first();
            if hash != 0 {
                let at = self.free(hash);
                self.slots[at] = number as u32 + 1;
            }
        }
    }

    /// The slot where the search for a hash begins: its bits as a fraction of all slots, since these are as many as are
    /// needed, not a power of two. Without the highest bit, which is always set.
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash << 1) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn free(&self, hash: u64) -> usize {
        let mut at = self.home(hash);
        while self.slots[at] != 0 {
            at = self.after(at);
        }
        at
    }

    fn insert(&mut self, text: &[u8], removed: bool) {
        if (self.count as usize + 1) * 4 > self.slots.len() * 3 {
            self.grow_to(self.slots.len());
        }
        let hash = if removed { 0 } else { first(text) };
        self.hashes.push(Hash::new(hash, if self.resident { 0 } else { second(text) }));
        if !removed {
            let at = self.free(hash);
            self.slots[at] = self.count + 1;
        }
        self.count += 1;
    }

    /// The number of a text.
    pub fn get(&self, text: &str) -> Option<u32> {
        self.find(text, first(text.as_bytes()))
    }

    fn find(&self, text: &str, hash: u64) -> Option<u32> {
        self.find_from(text, hash, self.home(hash))
    }

    fn find_from(&self, text: &str, hash: u64, mut at: usize) -> Option<u32> {
        loop {
            let number = self.slots[at].checked_sub(1)?;
            if self.is(number, text, hash) {
                return Some(number);
            }
            at = self.after(at);
        }
    }

    fn is(&self, number: u32, text: &str, hash: u64) -> bool {
        let known = self.hashes[number as usize];
        known.first() == hash
            && if self.resident {
                self.kept_text(number) == Some(text.as_bytes())
            } else {
                known.second() == second(text.as_bytes())
            }
    }

    /// The numbers of many texts. In passes, so that the processor waits for many places in memory at once rather than
    /// for one after the other.
    pub fn get_all(&self, texts: &[&str]) -> Vec<Option<u32>> {
        let hashes: Vec<u64> = texts.iter().map(|text| first(text.as_bytes())).collect();
        let slots: Vec<u32> = hashes.iter().map(|hash| self.slots[self.home(*hash)]).collect();
        let places = texts.iter().zip(&hashes).zip(&slots);
        places
            .map(|((text, hash), slot)| {
                let number = slot.checked_sub(1)?;
                if self.is(number, text, *hash) {
                    return Some(number);
                }
                self.find_from(text, *hash, self.after(self.home(*hash)))
            })
            .collect()
    }

    /// The number of a text, a new one if need be; `None` when there are `limit` already.
    pub fn get_or_add(&mut self, text: &str, limit: u32) -> Option<u32> {
        if let Some(number) = self.get(text) {
            return Some(number);
        }
        if self.count >= limit {
            return None;
        }
        let number = self.count;
        self.insert(text.as_bytes(), false);
        self.kept.extend_from_slice(text.as_bytes());
        self.bytes += text.len() as u64;
        self.kept_ends.push(self.bytes);
        Some(number)
    }

    fn kept_text(&self, number: u32) -> Option<&[u8]> {
        let (first, offset) = if self.resident { (0, 0) } else { (self.stored, self.stored_bytes) };
        let at = number.checked_sub(first)? as usize;
        let end = *self.kept_ends.get(at)?;
        let start = if at == 0 { offset } else { self.kept_ends[at - 1] };
        self.kept.get((start - offset) as usize..(end - offset) as usize)
    }

    /// The text of a number in a dictionary that keeps them.
    pub fn resident(&self, number: u32) -> Option<&str> {
        self.kept_text(number).and_then(|text| std::str::from_utf8(text).ok())
    }

    /// The text of a number; `None` when there is none or it was removed.
    pub fn text(&self, number: u32) -> Result<Option<String>> {
        if number >= self.count || self.is_removed(number) {
            return Ok(None);
        }
        if let Some(text) = self.kept_text(number) {
            return Ok(Some(String::from_utf8_lossy(text).into_owned()));
        }
        let (start, end) = self.place(number)?;
        let mut text = vec![0; (end - start) as usize];
        self.text.read_exact_at(&mut text, start).map_err(HotError::io(&self.disk.path(&self.names[0])))?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    fn place(&self, number: u32) -> Result<(u64, u64)> {
        let path = self.disk.path(&self.names[1]);
        let mut pair = [0u64; 2];
        if number == 0 {
            self.ends.read_exact_at(bytemuck::cast_slice_mut(&mut pair[1..]), 0)
        } else {
            self.ends.read_exact_at(bytemuck::cast_slice_mut(&mut pair), u64::from(number - 1) * 8)
        }
        .map_err(HotError::io(&path))?;
        if pair[1] < pair[0] || pair[1] - pair[0] > 1 << 32 {
            return Err(HotError::damaged(&path, format!("text {number} has no length")));
        }
        Ok((pair[0], pair[1]))
    }

    /// All texts of a dictionary that keeps them.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        (0..self.count).map(|number| self.resident(number).unwrap_or_default())
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> u64 {
        self.bytes - self.stored_bytes
    }

    /// Writes what is new, without making it durable.
    pub fn write(&mut self) -> Result<()> {
        if self.stored == self.count {
            return Ok(());
        }
        let (skip, skip_ends) =
            if self.resident { (self.stored_bytes as usize, self.stored as usize) } else { (0, 0) };
        self.unsynced = true;
        self.disk.write(&self.names[0], &self.text, &self.kept[skip..], self.stored_bytes)?;
        let ends = bytemuck::cast_slice(&self.kept_ends[skip_ends..]);
        self.disk.write(&self.names[1], &self.ends, ends, u64::from(self.stored) * 8)?;
        self.stored = self.count;
        self.stored_bytes = self.bytes;
        if !self.resident {
            self.kept = Vec::new();
            self.kept_ends = Vec::new();
        }
        Ok(())
    }

    /// Makes all texts durable.
    pub fn sync(&mut self) -> Result<()> {
        self.write()?;
        if self.unsynced {
            self.disk.sync(&self.names[0], &self.text)?;
            self.disk.sync(&self.names[1], &self.ends)?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Removes texts for good: memory forgets them now, the bytes in the file are written over.
    pub fn remove(&mut self, numbers: &[u32]) -> Result<()> {
        self.sync()?;
        for number in numbers.iter().filter(|n| **n < self.count) {
            let (start, end) = self.place(*number)?;
            let blank = vec![REMOVED; (end - start) as usize];
            self.disk.write(&self.names[0], &self.text, &blank, start)?;
            self.hashes[*number as usize] = Hash::REMOVED;
        }
        self.disk.sync(&self.names[0], &self.text)
    }
}

/// Never 0: that marks a removed text.
fn first(text: &[u8]) -> u64 {
    XxHash3_64::oneshot(text) | 1 << 63
}

fn second(text: &[u8]) -> u32 {
    XxHash3_64::oneshot_with_seed(SECOND_SEED, text) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_there_again_as_far_as_they_count() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path(), None);
        for resident in [false, true] {
            let name = if resident { "a" } else { "b" };
            let mut all = Dictionary::open(&disk, name, resident, 0).unwrap();
            for i in 0..1000 {
                assert_eq!(all.get_or_add(&format!("text {i}"), 5000), Some(i));
                assert_eq!(all.get_or_add(&format!("text {}", i / 2), 5000), Some(i / 2));
                if i == 300 {
                    all.sync().unwrap();
                }
            }
            assert_eq!(all.get_or_add("more", 1000), None);
            assert_eq!(all.get_all(&["text 7", "more", "text 999"]), [Some(7), None, Some(999)]);
            assert_eq!(all.text(999).unwrap().as_deref(), Some("text 999"));
            assert_eq!(all.text(3).unwrap().as_deref(), Some("text 3"));
            all.sync().unwrap();
            let mut again = Dictionary::open(&disk, name, resident, 900).unwrap();
            assert_eq!((again.get("text 899"), again.get("text 900")), (Some(899), None));
            assert_eq!(again.get_or_add("other", 5000), Some(900));
            again.sync().unwrap();
            let again = Dictionary::open(&disk, name, resident, 901).unwrap();
            assert_eq!(again.text(900).unwrap().as_deref(), Some("other"));
            assert_eq!(again.text(0).unwrap().as_deref(), Some("text 0"));
        }
    }

    #[test]
    fn a_removed_text_is_in_no_file_and_comes_back_as_another() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path(), None);
        let mut all = Dictionary::open(&disk, "i", false, 0).unwrap();
        for text in ["anna", "berta", "carla"] {
            all.get_or_add(text, 9);
        }
        all.remove(&[1]).unwrap();
        assert_eq!((all.get("berta"), all.text(1).unwrap()), (None, None));
        assert_eq!(all.get("carla"), Some(2));
        let bytes = std::fs::read(dir.path().join("i.text")).unwrap();
        assert!(!bytes.windows(5).any(|w| w == b"berta"));
        assert_eq!(all.get_or_add("berta", 9), Some(3));
        all.sync().unwrap();
        let again = Dictionary::open(&disk, "i", false, 4).unwrap();
        assert_eq!((again.get("berta"), again.text(1).unwrap()), (Some(3), None));
    }
}
