//! A row of a spill in bytes.
//!
//! ```text
//! who u32   at i64   id u64   number u64   which u32   event u16   [received_at i64]   [line u32]   codes   lengths
//! ```
//!
//! `number` counts the rows of the import, bit `i` of `which` says that the `i`-th text column has a value here. A length is
//! one byte, or 255 and four bytes. The codes are the bytes that they take, u16, and for each hot dimension with a value its
//! place, a byte, and the code, 1 to 5 bytes of 7 bits each, the lowest first; all but the last have their highest bit set.

/// Bytes before the optional parts of a row.
const FIXED: usize = 34;
/// Number of an event's name that stands for none.
pub(super) const NAMELESS: u16 = u16::MAX;
/// Bit of a row that has a time of arrival.
pub(super) const RECEIVED: u32 = 1 << 31;
/// Bit of a row whose source is that of the first row of all.
pub(super) const SAME_SOURCE: u32 = 1 << 30;
/// Bit of a row whose origin is that of the first row of all but for the line.
pub(super) const SAME_FILE: u32 = 1 << 29;
/// Bits of the text columns.
pub(super) const TEXT_BITS: u32 = SAME_FILE - 1;

/// A row as it is written.
pub(super) struct Row<'a> {
    pub who: u32,
    pub at: i64,
    pub id: u64,
    pub number: u64,
    pub which: u32,
    pub event: u16,
    /// Where `which` says that there is one.
    pub received_at: i64,
    /// Where `which` says that there is one.
    pub line: u32,
    pub codes: &'a [u8],
    pub lengths: &'a [u8],
    /// Bytes of its texts; known of a row that was read.
    pub text_bytes: usize,
    /// Where it ends; known of a row that was read.
    pub end: usize,
}

impl<'a> Row<'a> {
    /// The row at a place; `None` when it is cut off.
    #[inline]
    pub fn read(bytes: &'a [u8], place: usize) -> Option<Self> {
        let fixed: &[u8; FIXED] = bytes.get(place..)?.first_chunk()?;
        let who = u32::from_le_bytes(*fixed.first_chunk()?);
        let at = i64::from_le_bytes(*fixed.get(4..)?.first_chunk()?);
        let id = u64::from_le_bytes(*fixed.get(12..)?.first_chunk()?);
        let number = u64::from_le_bytes(*fixed.get(20..)?.first_chunk()?);
        let which = u32::from_le_bytes(*fixed.get(28..)?.first_chunk()?);
        let event = u16::from_le_bytes(*fixed.get(32..)?.first_chunk()?);
        let mut start = place + FIXED;
        let (mut received_at, mut line) = (0, 0);
        if which & RECEIVED != 0 {
            received_at = i64::from_le_bytes(*bytes.get(start..)?.first_chunk()?);
            start += 8;
        }
        if which & SAME_FILE != 0 {
            line = u32::from_le_bytes(*bytes.get(start..)?.first_chunk()?);
            start += 4;
        }
        let size = usize::from(u16::from_le_bytes(*bytes.get(start..)?.first_chunk()?));
        let codes = bytes.get(start + 2..start + 2 + size)?;
        start += 2 + size;
        let (mut end, mut text_bytes) = (start, 0usize);
        for _ in 0..(which & TEXT_BITS).count_ones() {
            let (length, next) = length(bytes, end)?;
            text_bytes += length;
            end = next;
        }
        let lengths = bytes.get(start..end)?;
        Some(Self { who, at, id, number, which, event, received_at, line, codes, lengths, text_bytes, end })
    }

    /// Writes the row; its codes are shorter than 64 KiB.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut fixed = [0; FIXED];
        fixed[..4].copy_from_slice(&self.who.to_le_bytes());
        fixed[4..12].copy_from_slice(&self.at.to_le_bytes());
        fixed[12..20].copy_from_slice(&self.id.to_le_bytes());
        fixed[20..28].copy_from_slice(&self.number.to_le_bytes());
        fixed[28..32].copy_from_slice(&self.which.to_le_bytes());
        fixed[32..].copy_from_slice(&self.event.to_le_bytes());
        // With the time of arrival and the line, which most rows have.
        out.reserve(FIXED + 12 + 2 + self.codes.len() + self.lengths.len());
        out.extend_from_slice(&fixed);
        if self.which & RECEIVED != 0 {
            out.extend_from_slice(&self.received_at.to_le_bytes());
        }
        if self.which & SAME_FILE != 0 {
            out.extend_from_slice(&self.line.to_le_bytes());
        }
        out.extend_from_slice(&(self.codes.len() as u16).to_le_bytes());
        out.extend_from_slice(self.codes);
        out.extend_from_slice(self.lengths);
    }

    /// The hot dimensions with a value, by place, and its code.
    #[inline]
    pub fn codes(&self) -> impl Iterator<Item = (usize, u32)> + 'a {
        let mut rest = self.codes.iter();
        std::iter::from_fn(move || {
            let dim = usize::from(*rest.next()?);
            let (mut code, mut shift) = (0, 0);
            for byte in rest.by_ref() {
                code |= u32::from(byte & 0x7f) << shift;
                shift += 7;
                if *byte < 0x80 || shift > 28 {
                    break;
                }
            }
            Some((dim, code))
        })
    }
}

/// Writes the codes that are not 0, each behind its place.
pub(super) fn pack_codes(codes: &[u32], out: &mut Vec<u8>) {
    for (dim, code) in (0u8..).zip(codes).filter(|(_, code)| **code != 0) {
        out.push(dim);
        let mut rest = *code;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }
}

/// Writes the length of a text; an Arrow text is shorter than 2 GiB.
#[inline]
pub(super) fn push_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < 255 => out.push(short),
        _ => {
            out.push(255);
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
    }
}

/// A length and where the next one stands.
#[inline]
pub(super) fn length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match *bytes.get(at)? {
        255 => Some((u32::from_le_bytes(*bytes.get(at + 1..)?.first_chunk()?) as usize, at + 5)),
        short => Some((usize::from(short), at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_comes_back(
            (who, at, id, number) in any::<(u32, i64, u64, u64)>(),
            (which, event, received_at, line) in any::<(u32, u16, i64, u32)>(),
            codes in proptest::collection::vec(prop_oneof![Just(0), 1u32..300, any::<u32>()], 0..64),
            cut in 1usize..200,
        ) {
            let mut packed = Vec::new();
            pack_codes(&codes, &mut packed);
            let texts = (which & TEXT_BITS).count_ones();
            let lengths: Vec<u8> = (0..texts).map(|text| (text * 8) as u8).collect();
            let row = Row {
                who, at, id, number, which, event, received_at, line,
                codes: &packed, lengths: &lengths, text_bytes: 0, end: 0,
            };
            let mut bytes = b"before".to_vec();
            row.write(&mut bytes);
            let end = bytes.len();
            prop_assert!(Row::read(&bytes[..end.saturating_sub(cut)], 6).is_none());
            bytes.extend_from_slice(b"behind");
            let back = Row::read(&bytes, 6).expect("whole");
            prop_assert_eq!((back.who, back.at, back.id, back.number), (who, at, id, number));
            prop_assert_eq!((back.which, back.event, back.end, back.lengths), (which, event, end, lengths.as_slice()));
            prop_assert_eq!(back.received_at, if which & RECEIVED != 0 { received_at } else { 0 });
            prop_assert_eq!(back.line, if which & SAME_FILE != 0 { line } else { 0 });
            prop_assert_eq!(back.text_bytes, lengths.iter().map(|length| usize::from(*length)).sum::<usize>());
            let there: Vec<(usize, u32)> = codes.into_iter().enumerate().filter(|(_, code)| *code != 0).collect();
            prop_assert_eq!(back.codes().collect::<Vec<_>>(), there);
        }
    }
}
