//! Columns of a block file: little-endian arrays, narrowed to the width that their values need. A column of one value has
//! no array.

use serde::{Deserialize, Serialize};

/// Where a column lies and how its numbers are stored: value = `base` + `unit` × stored number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    /// Position in the file.
    pub offset: u64,
    pub values: u64,
    /// Bytes of a stored number: 1, 2, 4 or 8; 0 where all values are `base`.
    pub width: u8,
    pub base: i64,
    pub unit: u32,
    /// Hash of the stored bytes.
    pub hash: u64,
}

impl Column {
    pub fn bytes(&self) -> u64 {
        self.values * u64::from(self.width)
    }

    pub fn fits(&self) -> bool {
        matches!(self.width, 0 | 1 | 2 | 4 | 8) && self.unit > 0
    }
}

/// A column ready to be written.
#[derive(Clone)]
pub(crate) struct Packed {
    pub values: usize,
    pub width: u8,
    pub base: i64,
    pub unit: u32,
    pub bytes: Vec<u8>,
}

impl Packed {
    /// Instants: as offsets from the first one in the largest of second, millisecond and microsecond that divides them
    /// all, where these fit 32 bits.
    pub fn instants(at: &[i64]) -> Self {
        let base = at.iter().copied().min().unwrap_or(0);
        let most = at.iter().copied().max().unwrap_or(0).abs_diff(base);
        for unit in [1_000_000u32, 1000, 1] {
            let wide = u64::from(unit);
            if most / wide <= u64::from(u32::MAX) && at.iter().all(|t| t.abs_diff(base) % wide == 0) {
                let narrow: Vec<u32> = at.iter().map(|t| (t.abs_diff(base) / wide) as u32).collect();
                return Self { base, unit, ..Self::plain(&narrow) };
            }
        }
        Self::plain(at)
    }

    /// Codes of a dictionary, as narrow as the highest allows.
    pub fn codes(codes: &[u32]) -> Self {
        let most = codes.iter().copied().max().unwrap_or(0);
        if codes.iter().all(|code| *code == most) {
            return Self::constant(most, codes.len());
        }
        if most <= u32::from(u8::MAX) {
            Self::plain(&codes.iter().map(|c| *c as u8).collect::<Vec<_>>())
        } else if most <= u32::from(u16::MAX) {
            Self::plain(&codes.iter().map(|c| *c as u16).collect::<Vec<_>>())
        } else {
            Self::plain(codes)
        }
    }

    /// The same code again and again.
    pub fn constant(code: u32, values: usize) -> Self {
        Self { values, width: 0, base: i64::from(code), unit: 1, bytes: Vec::new() }
    }

    /// Numbers of event names, in one byte where that is enough.
    pub fn names(names: &[u16]) -> Self {
        if names.iter().any(|name| *name > u16::from(u8::MAX)) {
            return Self::plain(names);
        }
        Self::plain(&names.iter().map(|name| *name as u8).collect::<Vec<_>>())
    }

    /// Numbers as they are.
    pub fn plain<T: bytemuck::Pod>(values: &[T]) -> Self {
        let bytes = bytemuck::cast_slice(values).to_vec();
        Self { values: values.len(), width: size_of::<T>() as u8, base: 0, unit: 1, bytes }
    }
}

/// Widens stored instants.
pub(crate) fn widen_instants(column: &Column, raw: &[u64], out: &mut [i64]) {
    let n = out.len();
    let (base, unit) = (column.base, u64::from(column.unit));
    if column.width == 4 {
        let narrow: &[u32] = &bytemuck::cast_slice(raw)[..n];
        for (to, from) in out.iter_mut().zip(narrow) {
            *to = base.wrapping_add((u64::from(*from) * unit) as i64);
        }
    } else {
        out.copy_from_slice(&bytemuck::cast_slice(raw)[..n]);
    }
}

/// Widens stored codes.
pub(crate) fn widen_codes(column: &Column, raw: &[u64], out: &mut [u32]) {
    let n = out.len();
    match column.width {
        0 => out.fill(column.base as u32),
        1 => {
            let narrow: &[u8] = &bytemuck::cast_slice(raw)[..n];
            out.iter_mut().zip(narrow).for_each(|(to, from)| *to = u32::from(*from));
        }
        2 => {
            let narrow: &[u16] = &bytemuck::cast_slice(raw)[..n];
            out.iter_mut().zip(narrow).for_each(|(to, from)| *to = u32::from(*from));
        }
        _ => out.copy_from_slice(&bytemuck::cast_slice(raw)[..n]),
    }
}

/// Widens stored numbers of event names.
pub(crate) fn widen_names(raw: &[u64], out: &mut [u16]) {
    let narrow: &[u8] = &bytemuck::cast_slice(raw)[..out.len()];
    out.iter_mut().zip(narrow).for_each(|(to, from)| *to = u16::from(*from));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn column(packed: &Packed, values: usize) -> Column {
        Column {
            name: String::new(),
            offset: 0,
            values: values as u64,
            width: packed.width,
            base: packed.base,
            unit: packed.unit,
            hash: 0,
        }
    }

    fn raw(packed: &Packed) -> Vec<u64> {
        let mut raw = vec![0u64; packed.bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut(&mut raw)[..packed.bytes.len()].copy_from_slice(&packed.bytes);
        raw
    }

    proptest! {
        #[test]
        fn instants_come_back(
            at in prop::collection::vec(any::<i64>(), 0..20),
            near in prop::collection::vec(0i64..4_000_000_000, 0..200),
            unit in prop::sample::select(vec![1i64, 1000, 1_000_000]),
        ) {
            let near: Vec<i64> = near.iter().map(|t| t * unit - 7).collect();
            for values in [at, near.clone()] {
                let packed = Packed::instants(&values);
                let mut out = vec![0; values.len()];
                widen_instants(&column(&packed, values.len()), &raw(&packed), &mut out);
                prop_assert_eq!(&out, &values);
            }
            prop_assert_eq!(Packed::instants(&near).width, 4);
        }

        #[test]
        fn names_come_back(names in prop::collection::vec(any::<u16>(), 0..20), shift in 0u32..16) {
            let names: Vec<u16> = names.iter().map(|name| name >> shift).collect();
            let packed = Packed::names(&names);
            let mut out = vec![0; names.len()];
            match packed.width {
                1 => widen_names(&raw(&packed), &mut out),
                _ => out.copy_from_slice(bytemuck::cast_slice(&packed.bytes)),
            }
            prop_assert_eq!(out, names);
        }

        #[test]
        fn codes_come_back(codes in prop::collection::vec(any::<u32>(), 0..20), shift in 0u32..=32) {
            let codes: Vec<u32> = codes.iter().map(|c| c.checked_shr(shift).unwrap_or(7)).collect();
            let packed = Packed::codes(&codes);
            let mut out = vec![0; codes.len()];
            widen_codes(&column(&packed, codes.len()), &raw(&packed), &mut out);
            prop_assert_eq!(&out, &codes);
        }
    }
}
