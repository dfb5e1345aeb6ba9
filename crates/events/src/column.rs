//! Columns of a block file: little-endian arrays, narrowed to the width that their values need.

use serde::{Deserialize, Serialize};

/// Where a column lies and how its numbers are stored: value = `base` + `unit` × stored number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub name: String,
    /// Position in the file.
    pub offset: u64,
    pub values: u64,
    /// Bytes of a stored number: 1, 2, 4 or 8.
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
        matches!(self.width, 1 | 2 | 4 | 8) && self.unit > 0
    }
}

/// A column ready to be written.
pub(crate) struct Packed {
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
                return Self { width: 4, base, unit, bytes: bytemuck::cast_slice(&narrow).to_vec() };
            }
        }
        Self { width: 8, base: 0, unit: 1, bytes: bytemuck::cast_slice(at).to_vec() }
    }

    /// Codes of a dictionary, as narrow as the highest allows.
    pub fn codes(codes: &[u32]) -> Self {
        let most = codes.iter().copied().max().unwrap_or(0);
        let (width, bytes) = if most <= u32::from(u8::MAX) {
            (1, codes.iter().map(|c| *c as u8).collect())
        } else if most <= u32::from(u16::MAX) {
            let narrow: Vec<u16> = codes.iter().map(|c| *c as u16).collect();
            (2, bytemuck::cast_slice(&narrow).to_vec())
        } else {
            (4, bytemuck::cast_slice(codes).to_vec())
        };
        Self { width, base: 0, unit: 1, bytes }
    }

    /// Numbers of event names, in one byte where that is enough.
    pub fn names(names: &[u16]) -> Self {
        if names.iter().any(|name| *name > u16::from(u8::MAX)) {
            return Self::plain(names);
        }
        Self { width: 1, base: 0, unit: 1, bytes: names.iter().map(|name| *name as u8).collect() }
    }

    /// Numbers as they are.
    pub fn plain<T: bytemuck::Pod>(values: &[T]) -> Self {
        let bytes = bytemuck::cast_slice(values).to_vec();
        Self { width: size_of::<T>() as u8, base: 0, unit: 1, bytes }
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

/// Gives the values at some positions.
pub(crate) fn pick(column: &Column, raw: &[u64], places: &[u32], mut give: impl FnMut(i64)) {
    let (base, unit) = (column.base, i64::from(column.unit));
    let value = |stored: i64| base.wrapping_add(stored.wrapping_mul(unit));
    match column.width {
        1 => {
            let narrow: &[u8] = bytemuck::cast_slice(raw);
            places.iter().for_each(|at| give(value(i64::from(narrow[*at as usize]))));
        }
        2 => {
            let narrow: &[u16] = bytemuck::cast_slice(raw);
            places.iter().for_each(|at| give(value(i64::from(narrow[*at as usize]))));
        }
        4 => {
            let narrow: &[u32] = bytemuck::cast_slice(raw);
            places.iter().for_each(|at| give(value(i64::from(narrow[*at as usize]))));
        }
        _ => places.iter().for_each(|at| give(value(raw[*at as usize] as i64))),
    }
}

/// Rows that are passed over together.
const GROUP: usize = 64;

/// Positions among the first `n` whose instants lie in `[start, end)`.
pub(crate) fn within(column: &Column, raw: &[u64], n: usize, (start, end): (i64, i64), out: &mut Vec<u32>) {
    out.clear();
    if column.width == 4 {
        // The bounds as stored numbers, so that none has to be widened.
        let unit = u64::from(column.unit);
        let bound = |at: i64| match at.checked_sub(column.base) {
            Some(offset) if offset > 0 => (offset as u64).div_ceil(unit).min(1 << 32),
            Some(_) => 0,
            None if at < column.base => 0,
            None => 1 << 32,
        };
        let (first, last) = (bound(start), bound(end));
        // How far the last number that counts lies from the first.
        let Some(most) = last.saturating_sub(first).checked_sub(1) else { return };
        let (first, most) = (first as u32, most as u32);
        let narrow: &[u32] = &bytemuck::cast_slice(raw)[..n];
        for (part, stored) in narrow.chunks(GROUP).enumerate() {
            // Rows of a person lie near each other in time, so most groups have none; that is seen faster than which.
            let any = |any, stored: &u32| any | u32::from(stored.wrapping_sub(first) <= most);
            if stored.iter().fold(0, any) == 0 {
                continue;
            }
            let mut found = out.len();
            out.resize(found + stored.len(), 0);
            for (at, stored) in stored.iter().enumerate() {
                out[found] = (part * GROUP + at) as u32;
                // No branch that depends on the instant.
                found += usize::from(stored.wrapping_sub(first) <= most);
            }
            out.truncate(found);
        }
    } else {
        let instants = raw[..n].iter().enumerate();
        out.extend(instants.filter(|(_, at)| (start..end).contains(&(**at as i64))).map(|(at, _)| at as u32));
    }
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
            low in any::<i64>(), high in 0i64..5_000_000_000_000,
            unit in prop::sample::select(vec![1i64, 1000, 1_000_000]),
        ) {
            let near: Vec<i64> = near.iter().map(|t| t * unit - 7).collect();
            for values in [at, near.clone()] {
                let packed = Packed::instants(&values);
                let mut out = vec![0; values.len()];
                widen_instants(&column(&packed, values.len()), &raw(&packed), &mut out);
                prop_assert_eq!(&out, &values);
                let bounds = [i64::MIN, i64::MAX, low, high, values.first().copied().unwrap_or(0)];
                for (start, end) in bounds.iter().flat_map(|a| bounds.iter().map(|b| (*a, *b))) {
                    let column = column(&packed, values.len());
                    let (mut places, mut picked) = (vec![], vec![]);
                    within(&column, &raw(&packed), values.len(), (start, end), &mut places);
                    pick(&column, &raw(&packed), &places, |at| picked.push(at));
                    let plain: Vec<i64> = values.iter().copied().filter(|at| start <= *at && *at < end).collect();
                    prop_assert_eq!(picked, plain, "{} to {}", start, end);
                }
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
        fn codes_come_back(codes in prop::collection::vec(any::<u32>(), 0..20), shift in 0u32..32) {
            let codes: Vec<u32> = codes.iter().map(|c| c >> shift).collect();
            let packed = Packed::codes(&codes);
            let mut out = vec![0; codes.len()];
            widen_codes(&column(&packed, codes.len()), &raw(&packed), &mut out);
            prop_assert_eq!(&out, &codes);
            let places: Vec<u32> = (0..codes.len() as u32).filter(|at| at % 3 != 1).collect();
            let mut picked = vec![];
            pick(&column(&packed, codes.len()), &raw(&packed), &places, |code| picked.push(code as u32));
            prop_assert_eq!(picked, places.iter().map(|at| codes[*at as usize]).collect::<Vec<_>>());
        }
    }
}
