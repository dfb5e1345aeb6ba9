//! Row keys: one 64-bit hash over the values of the key columns.

use twox_hash::XxHash3_64;

/// One value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPart<'a> {
    /// Text, hashed as its bytes.
    Text(&'a str),
    /// A whole number, an instant in µs or a date in days since 1970, hashed as decimal text.
    Int(i64),
    /// No value, hashed as empty text.
    Null,
}

/// Computes `_key`: XXH3-64 over the key columns' values, joined by the byte 0x1f. Keeps one buffer for
/// all rows.
///
/// ```
/// use burgeon_core::records::{KeyHasher, KeyPart};
/// let mut hasher = KeyHasher::default();
/// let one = hasher.hash([KeyPart::Text("cus_1"), KeyPart::Int(5)]);
/// assert_eq!(one, hasher.hash([KeyPart::Text("cus_1"), KeyPart::Text("5")]));
/// assert_ne!(one, hasher.hash([KeyPart::Text("cus_15"), KeyPart::Null]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct KeyHasher {
    buffer: Vec<u8>,
}

impl KeyHasher {
    /// The key of a row from the values of its key columns in the order of the key.
    pub fn hash<'a>(&mut self, parts: impl IntoIterator<Item = KeyPart<'a>>) -> u64 {
        self.buffer.clear();
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                self.buffer.push(0x1f);
            }
            match part {
                KeyPart::Text(text) => self.buffer.extend_from_slice(text.as_bytes()),
                KeyPart::Int(value) => push_int(&mut self.buffer, value),
                KeyPart::Null => {}
            }
        }
        XxHash3_64::oneshot(&self.buffer)
    }
}

/// Appends the decimal text of a number without the machinery of formatting.
fn push_int(buffer: &mut Vec<u8>, value: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        buffer.push(b'-');
    }
    buffer.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hash_as_their_text() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN, 1_764_000_000_000_000] {
            let mut buffer = Vec::new();
            push_int(&mut buffer, value);
            assert_eq!(buffer, value.to_string().as_bytes());
        }
    }

    #[test]
    fn keys_never_change() {
        // Stored rows carry these numbers: a change here orphans every lake.
        let mut hasher = KeyHasher::default();
        assert_eq!(hasher.hash([KeyPart::Null]), 3_244_421_341_483_603_138);
        assert_eq!(hasher.hash([KeyPart::Text("a"), KeyPart::Null]), XxHash3_64::oneshot(b"a\x1f"));
        assert_eq!(hasher.hash([KeyPart::Text("a"), KeyPart::Int(-7)]), XxHash3_64::oneshot(b"a\x1f-7"));
    }
}
