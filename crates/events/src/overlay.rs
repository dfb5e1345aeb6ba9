//! What differs from the blocks: persons with recent rows, and persons whose identifiers changed.

use std::sync::Arc;

use crate::view::View;

/// A recent row by person and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub person: u32,
    pub at: i64,
    pub position: u32,
}

/// Recent rows by person and time.
#[derive(Debug, Default)]
pub(crate) struct Order {
    generation: u64,
    identity: u64,
    len: usize,
    pub keys: Vec<Key>,
}

/// Everything that differs from the blocks.
#[derive(Debug)]
pub(crate) struct Overlay {
    pub order: Arc<Order>,
    /// Persons whose rows differ from those in the blocks, ascending.
    pub touched: Vec<u32>,
    /// Those of them whose rows in the block are not all theirs, ascending.
    pub unsettled: Vec<u32>,
    /// (person, identifier, person under whom its rows lie), ascending.
    pub incoming: Vec<(u32, u32, u32)>,
}

impl Order {
    /// The order of the view's recent rows, from an earlier one where it fits.
    fn of(view: &View, earlier: Option<&Order>) -> Self {
        let recents = &view.recents;
        let mut kept = Vec::new();
        let mut fresh = Vec::new();
        let mut from = 0;
        if let Some(earlier) = earlier.filter(|e| e.generation == recents.generation && e.len <= recents.len)
        {
            from = earlier.len;
            if earlier.identity == view.identity {
                kept = earlier.keys.clone();
            } else {
                kept.reserve(earlier.keys.len());
                for key in &earlier.keys {
                    let (chunk, at) = recents.place(key.position as usize);
                    let person = view.root(chunk.who[at]);
                    if person == key.person {
                        kept.push(*key);
                    } else {
                        fresh.push(Key { person, ..*key });
                    }
                }
            }
        }
        for position in from..recents.len {
            let (chunk, at) = recents.place(position);
            fresh.push(Key { person: view.root(chunk.who[at]), at: chunk.at[at], position: position as u32 });
        }
        fresh.sort_unstable();
        let keys = if kept.is_empty() {
            fresh
        } else if fresh.is_empty() {
            kept
        } else {
            let mut keys = Vec::with_capacity(kept.len() + fresh.len());
            let mut rest = kept.as_slice();
            for key in fresh {
                let n = rest.partition_point(|k| *k < key);
                keys.extend_from_slice(&rest[..n]);
                keys.push(key);
                rest = &rest[n..];
            }
            keys.extend_from_slice(rest);
            keys
        };
        Self { generation: recents.generation, identity: view.identity, len: recents.len, keys }
    }

    pub fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<Key>()
    }

    /// Recent rows of a person.
    pub fn of_person(&self, person: u32) -> &[Key] {
        let from = self.keys.partition_point(|key| key.person < person);
        let n = self.keys[from..].partition_point(|key| key.person == person);
        &self.keys[from..from + n]
    }
}

impl Overlay {
    pub fn of(view: &View) -> Self {
        let order = {
            let mut last = view.last_order.lock();
            let fits = |o: &&Arc<Order>| {
                o.generation == view.recents.generation
                    && o.identity == view.identity
                    && o.len == view.recents.len
            };
            if let Some(order) = last.as_ref().filter(fits) {
                order.clone()
            } else {
                let order = Arc::new(Order::of(view, last.as_deref()));
                // An older view must not throw away the order of a newer one.
                let newer = last.as_ref().is_some_and(|last| last.generation > order.generation);
                if !newer {
                    *last = Some(order.clone());
                }
                order
            }
        };
        let mut unsettled: Vec<u32> =
            view.ranges.iter().flat_map(|range| range.left.iter().map(|(_, person)| *person)).collect();
        let mut incoming = Vec::with_capacity(view.displaced.len());
        for who in &view.displaced {
            let (person, from) = (view.root(*who), view.placed.get(*who).unwrap_or(*who));
            unsettled.push(from);
            incoming.push((person, *who, from));
        }
        incoming.sort_unstable();
        let mut touched: Vec<u32> = unsettled.clone();
        touched.extend(incoming.iter().map(|(person, ..)| *person));
        let mut last = None;
        for key in &order.keys {
            if last != Some(key.person) {
                touched.push(key.person);
                last = Some(key.person);
            }
        }
        for list in [&mut touched, &mut unsettled] {
            list.sort_unstable();
            list.dedup();
        }
        Self { order, touched, unsettled, incoming }
    }

    /// Identifiers (and where their rows lie) that a person has from elsewhere.
    pub fn incoming(&self, person: u32) -> &[(u32, u32, u32)] {
        let from = self.incoming.partition_point(|(p, ..)| *p < person);
        let n = self.incoming[from..].partition_point(|(p, ..)| *p == person);
        &self.incoming[from..from + n]
    }
}
