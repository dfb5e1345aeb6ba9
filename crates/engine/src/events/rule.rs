//! Which identifiers links make one person.

use std::collections::{HashMap, HashSet};

/// How two identifiers were linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An anonymous identifier turned out to be a user.
    Identify,
    /// An earlier identifier of a user.
    Alias,
}

/// One link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub kind: Kind,
    pub at: i64,
}

/// What links come to.
#[derive(Debug, Default)]
pub(crate) struct Decided<'a> {
    parent: HashMap<&'a str, &'a str>,
}

impl<'a> Decided<'a> {
    /// The main identifier of the person of an identifier; `None` for identifiers without links.
    pub fn main(&self, identifier: &str) -> Option<&'a str> {
        let mut at = *self.parent.get(identifier)?;
        while let Some(next) = self.parent.get(at) {
            at = next;
        }
        Some(at)
    }
}

/// Decides about links: an identifier that is a user's is never merged away, and an anonymous one stays with the user
/// who had it first.
pub(crate) fn persons<'a>(links: &[Link<'a>]) -> Decided<'a> {
    let identified: HashSet<&str> = links.iter().map(|link| link.to).collect();
    let mut sorted = links.to_vec();
    sorted.sort_by_key(|link| (link.at, link.from, link.to));
    let mut decided = Decided::default();
    for link in sorted {
        if link.from != link.to && !identified.contains(link.from) {
            decided.parent.entry(link.from).or_insert(link.to);
        }
    }
    decided
}
