//! Identity: which identifiers are one person.
//!
//! Clients say that two identifiers are the same person: *identify* when an anonymous visitor turns out to be a user, *alias* when
//! a person gets a further identifier. [`Graph`] keeps what was said and derives the persons from it.
//!
//! # Rules
//!
//! - What was said is taken in the order of (time, from, to, kind), identifiers compared as text; so the same links give the
//!   same persons in whichever order they arrive. A link that is said again counts from the first time it was said.
//! - The target of an *identify*, and an identifier of which it is said that it is a user's, is *identified* from there on.
//! - A link joins the person of `from` to that of `to`, unless that would merge an identified person away: refused is a link whose
//!   `from` is identified, or belongs to a person of whom another identifier is. So neither an alias nor a device that
//!   two users share makes one person of two.
//! - The *main* identifier of a person is the one that was identified first; where none is, the one that others were joined to.
//! - A link can be taken back; persons are then what they would be had it never been said.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

/// The text of an identifier by its number.
pub trait Names {
    /// The text; the empty text for a number that is not known.
    fn name(&self, number: u32) -> &str;
}

impl<T: AsRef<str>> Names for [T] {
    fn name(&self, number: u32) -> &str {
        self.get(number as usize).map_or("", AsRef::as_ref)
    }
}

/// How a link came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// An anonymous visitor turned out to be a user.
    Identify,
    /// A further identifier of the same person.
    Alias,
}

impl LinkKind {
    /// The word in the table `identity_links`: `identify` or `alias`.
    pub const fn as_str(self) -> &'static str {
        match self {
            LinkKind::Identify => "identify",
            LinkKind::Alias => "alias",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<LinkKind> {
        [LinkKind::Identify, LinkKind::Alias].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Two identifiers of one person, as a client said. An *identify* of an identifier with itself only says that it is a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link {
    /// Number of the identifier that joins the other's person.
    pub from: u32,
    /// Number of the identifier of the person.
    pub to: u32,
    /// How it came about.
    pub kind: LinkKind,
    /// When it was said, µs UTC.
    pub at: i64,
}

/// What becomes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It joins two persons.
    Joined,
    /// Both ends are one person without it, by what was said before.
    Already,
    /// Not followed: `from` was identified already, and a user is not merged into another by what a client says.
    RefusedUser,
    /// Not followed: `from` belongs to this user already, as on a device that several users share.
    RefusedOwned(u32),
}

impl Verdict {
    /// The reason of a refusal for people; `None` where the link is followed.
    pub fn reason(self, link: &Link, names: &(impl Names + ?Sized)) -> Option<String> {
        let (from, to) = (names.name(link.from), names.name(link.to));
        match self {
            Verdict::Joined | Verdict::Already => None,
            Verdict::RefusedUser => Some(format!(
                "\"{from}\" is an identified user and is not merged into \"{to}\"; to merge two users, delete what identifies one"
            )),
            Verdict::RefusedOwned(user) => Some(format!(
                "\"{from}\" belongs to the user \"{}\" already and is not merged into \"{to}\"; the device may be shared",
                names.name(user)
            )),
        }
    }
}

/// What a change of the graph did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether it changed what is known; false for a link that was said before, at this time or earlier, and so need not be kept.
    pub new: bool,
    /// Identifiers that have another main identifier now: identifier and main, in no order, each once.
    pub moved: Vec<(u32, u32)>,
}

const NONE: u32 = u32::MAX;

/// One identifier that some link names.
#[derive(Clone, Copy)]
struct Node {
    id: u32,
    /// Towards the node that stands for all that links connect, followed or not.
    above: u32,
    /// The node that heads the person.
    head: u32,
    /// The next identifier of the same person, round and round.
    next: u32,
    /// At the head of a person: the one that was identified first.
    user: u32,
    /// At the node that stands for what is connected: the last link of it, by the order of links.
    last: u32,
    identified: bool,
}

#[derive(Clone, Copy)]
struct Kept {
    link: Link,
    verdict: Verdict,
    /// Whether it was taken back.
    gone: bool,
}

/// The links, and the persons that follow from them, over numbers of identifiers.
///
/// Adding the latest link of its persons, as clients do, costs a few steps and the identifiers that move. One that comes late, or
/// is taken back, costs all that is connected with it.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    index: HashMap<u32, u32>,
    links: Vec<Kept>,
    by_ends: HashMap<(u32, u32), u32>,
    /// The links of each node.
    near: Vec<Vec<u32>>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({} identifiers, {} links)", self.nodes.len(), self.by_ends.len())
    }
}

impl Graph {
    /// The graph of many links at once, in any order.
    pub fn load(names: &(impl Names + ?Sized), links: impl IntoIterator<Item = Link>) -> Graph {
        let mut links: Vec<Link> = links.into_iter().collect();
        links.sort_by(|a, b| order(names, a, b));
        let mut graph = Graph::default();
        for link in links {
            graph.link(names, link);
        }
        graph
    }

    /// Adds a link. An alias of an identifier with itself says nothing and is not kept.
    pub fn link(&mut self, names: &(impl Names + ?Sized), link: Link) -> Change {
        if link.from == link.to && link.kind == LinkKind::Alias {
            return Change::default();
        }
        if let Some(place) = self.by_ends.get(&(link.from, link.to)).copied() {
            let known = &mut self.links[place as usize].link;
            if (known.at, known.kind) <= (link.at, link.kind) {
                return Change::default();
            }
            *known = link;
            let connected = self.connected(self.index[&link.from]);
            return Change { new: true, moved: self.derive(names, &connected) };
        }
        let (from, to) = (self.node(link.from), self.node(link.to));
        let place = self.links.len() as u32;
        self.links.push(Kept { link, verdict: Verdict::Already, gone: false });
        self.by_ends.insert((link.from, link.to), place);
        self.near[from as usize].push(place);
        if from != to {
            self.near[to as usize].push(place);
        }
        let is_last = [from, to].into_iter().all(|node| {
            let top = self.top(node);
            let last = self.nodes[top as usize].last;
            last == NONE || order(names, &self.links[last as usize].link, &link) == Ordering::Less
        });
        let moved = if is_last {
            let mut moved = Vec::new();
            self.follow(place, &mut moved);
            self.moved(moved)
        } else {
            let mut connected = self.connected(from);
            if self.top(from) != self.top(to) {
                connected.extend(self.connected(to));
                connected.sort_unstable();
                connected.dedup();
            }
            self.derive(names, &connected)
        };
        Change { new: true, moved }
    }

    /// Takes a link back.
    pub fn unlink(&mut self, names: &(impl Names + ?Sized), from: u32, to: u32) -> Change {
        let Some(place) = self.by_ends.remove(&(from, to)) else { return Change::default() };
        let connected = self.connected(self.index[&from]);
        self.links[place as usize].gone = true;
        for id in [from, to] {
            let node = self.index[&id] as usize;
            self.near[node].retain(|link| *link != place);
        }
        Change { new: true, moved: self.derive(names, &connected) }
    }

    /// The main identifier of an identifier's person: itself when no link names it.
    pub fn main(&self, id: u32) -> u32 {
        self.index.get(&id).map_or(id, |node| self.main_of(*node))
    }

    /// Whether an identifier is identified: a user's own.
    pub fn is_user(&self, id: u32) -> bool {
        self.index.get(&id).is_some_and(|node| self.nodes[*node as usize].identified)
    }

    /// All identifiers of an identifier's person, itself included, ascending.
    pub fn members(&self, id: u32) -> Vec<u32> {
        let Some(node) = self.index.get(&id) else { return vec![id] };
        let mut members: Vec<u32> = self.round(*node).map(|node| self.nodes[node as usize].id).collect();
        members.sort_unstable();
        members
    }

    /// The links that name an identifier, with what became of them, in the order in which they were added.
    pub fn links_of(&self, id: u32) -> impl Iterator<Item = (Link, Verdict)> {
        let near = self.index.get(&id).map_or(&[][..], |node| &self.near[*node as usize]);
        near.iter().map(|place| self.links[*place as usize]).map(|kept| (kept.link, kept.verdict))
    }

    /// All links, with what became of them, in the order in which they were added.
    pub fn links(&self) -> impl Iterator<Item = (Link, Verdict)> {
        self.links.iter().filter(|kept| !kept.gone).map(|kept| (kept.link, kept.verdict))
    }

    fn node(&mut self, id: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let node = *self.index.entry(id).or_insert(next);
        if node == next {
            self.nodes.push(Node::alone(id, node));
            self.near.push(Vec::new());
        }
        node
    }

    fn main_of(&self, node: u32) -> u32 {
        let head = &self.nodes[self.nodes[node as usize].head as usize];
        if head.user == NONE { head.id } else { self.nodes[head.user as usize].id }
    }

    /// The nodes of a node's person, from the node on.
    fn round(&self, node: u32) -> impl Iterator<Item = u32> {
        let mut next = Some(node);
        std::iter::from_fn(move || {
            let here = next?;
            let after = self.nodes[here as usize].next;
            next = (after != node).then_some(after);
            Some(here)
        })
    }

    /// The node that stands for all that is connected with a node.
    fn top(&mut self, mut node: u32) -> u32 {
        while self.nodes[node as usize].above != node {
            let above = self.nodes[node as usize].above;
            self.nodes[node as usize].above = self.nodes[above as usize].above;
            node = above;
        }
        node
    }

    /// Follows a link that is the last of all that is connected with it. Appends the nodes whose main identifier may have changed
    /// to `touched`, each with the one before.
    fn follow(&mut self, place: u32, touched: &mut Vec<(u32, u32)>) {
        let link = self.links[place as usize].link;
        let (from, to) = (self.index[&link.from], self.index[&link.to]);
        let (high, low) = (self.top(from), self.top(to));
        self.nodes[low as usize].above = high;
        self.nodes[high as usize].last = place;
        let (leaving, staying) = (self.nodes[from as usize].head, self.nodes[to as usize].head);
        let owner = self.nodes[leaving as usize].user;
        let verdict = if leaving == staying {
            Verdict::Already
        } else if self.nodes[from as usize].identified {
            Verdict::RefusedUser
        } else if owner != NONE {
            Verdict::RefusedOwned(self.nodes[owner as usize].id)
        } else {
            Verdict::Joined
        };
        self.links[place as usize].verdict = verdict;
        let becomes_user = link.kind == LinkKind::Identify && self.nodes[staying as usize].user == NONE;
        if becomes_user {
            let before = self.main_of(staying);
            touched.extend(self.round(staying).map(|node| (node, before)));
        }
        if verdict == Verdict::Joined {
            let before = self.main_of(leaving);
            let members: Vec<u32> = self.round(leaving).collect();
            for node in members {
                touched.push((node, before));
                self.nodes[node as usize].head = staying;
            }
            // Two rings become one when two of their members change successors.
            let after = self.nodes[leaving as usize].next;
            self.nodes[leaving as usize].next = self.nodes[staying as usize].next;
            self.nodes[staying as usize].next = after;
        }
        if link.kind == LinkKind::Identify {
            self.nodes[to as usize].identified = true;
            if becomes_user {
                self.nodes[staying as usize].user = to;
            }
        }
    }

    /// Of nodes with their main identifier from before, those that have another now.
    fn moved(&self, touched: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
        let now = touched
            .into_iter()
            .map(|(node, before)| (self.nodes[node as usize].id, before, self.main_of(node)));
        now.filter(|(_, before, main)| before != main).map(|(id, _, main)| (id, main)).collect()
    }

    /// All nodes that links connect with a node, ascending.
    fn connected(&self, node: u32) -> Vec<u32> {
        let mut seen = std::collections::HashSet::from([node]);
        let mut ahead = vec![node];
        while let Some(node) = ahead.pop() {
            for place in &self.near[node as usize] {
                let link = self.links[*place as usize].link;
                for id in [link.from, link.to] {
                    let other = self.index[&id];
                    if seen.insert(other) {
                        ahead.push(other);
                    }
                }
            }
        }
        let mut nodes: Vec<u32> = seen.into_iter().collect();
        nodes.sort_unstable();
        nodes
    }

    /// Derives the persons of some nodes and of nothing else from the links between them, from scratch.
    fn derive(&mut self, names: &(impl Names + ?Sized), nodes: &[u32]) -> Vec<(u32, u32)> {
        let before: Vec<(u32, u32)> = nodes.iter().map(|node| (*node, self.main_of(*node))).collect();
        let mut places: Vec<u32> = Vec::new();
        for node in nodes {
            let place = *node as usize;
            self.nodes[place] = Node::alone(self.nodes[place].id, *node);
            places.extend(&self.near[place]);
        }
        places.sort_unstable();
        places.dedup();
        places.sort_by(|a, b| order(names, &self.links[*a as usize].link, &self.links[*b as usize].link));
        let mut touched = Vec::new();
        for place in places {
            touched.clear();
            self.follow(place, &mut touched);
        }
        self.moved(before)
    }
}

impl Node {
    fn alone(id: u32, node: u32) -> Node {
        Node { id, above: node, head: node, next: node, user: NONE, last: NONE, identified: false }
    }
}

/// The order in which links are followed.
fn order(names: &(impl Names + ?Sized), a: &Link, b: &Link) -> Ordering {
    let name = |id: u32| names.name(id);
    (a.at.cmp(&b.at))
        .then_with(|| name(a.from).cmp(name(b.from)))
        .then_with(|| name(a.to).cmp(name(b.to)))
        .then_with(|| a.kind.cmp(&b.kind))
}

#[cfg(test)]
mod tests {
    use super::LinkKind::{Alias, Identify};
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    // The texts are in another order than the numbers.
    const NAMES: [&str; 8] = ["u7", "u3", "anon-b", "anon-a", "zed", "mia", "0", "x"];

    fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// The plain oracle: takes the links in order and keeps sets of texts.
    fn plain(links: &[Link]) -> BTreeMap<&'static str, (BTreeSet<&'static str>, &'static str)> {
        let mut first: BTreeMap<(u32, u32), (i64, LinkKind)> = BTreeMap::new();
        for link in links.iter().filter(|link| link.from != link.to || link.kind == Identify) {
            let said = first.entry((link.from, link.to)).or_insert((link.at, link.kind));
            *said = (*said).min((link.at, link.kind));
        }
        let mut said: Vec<(i64, &str, &str, LinkKind)> = first
            .into_iter()
            .map(|((from, to), (at, kind))| (at, NAMES[from as usize], NAMES[to as usize], kind))
            .collect();
        said.sort();
        let mut persons: Vec<(BTreeSet<&str>, &str)> =
            NAMES.iter().map(|name| (BTreeSet::from([*name]), *name)).collect();
        let mut users: Vec<&str> = Vec::new();
        for (_, from, to, kind) in said {
            let of = |name: &str| persons.iter().position(|(ids, _)| ids.contains(name)).unwrap();
            let (leaving, staying) = (of(from), of(to));
            if leaving != staying && !persons[leaving].0.iter().any(|id| users.contains(id)) {
                let (ids, _) = std::mem::take(&mut persons[leaving]);
                persons[staying].0.extend(ids);
            }
            if kind == Identify && !users.contains(&to) {
                users.push(to);
            }
        }
        let mut all = BTreeMap::new();
        for (ids, head) in persons {
            let main = users.iter().find(|user| ids.contains(*user)).copied().unwrap_or(head);
            for id in &ids {
                all.insert(*id, (ids.clone(), main));
            }
        }
        all
    }

    fn check(graph: &Graph, links: &[Link]) {
        let expected = plain(links);
        for id in 0..NAMES.len() as u32 {
            let (ids, main) = &expected[NAMES[id as usize]];
            let members: BTreeSet<&str> =
                graph.members(id).into_iter().map(|id| NAMES[id as usize]).collect();
            assert_eq!(&members, ids);
            assert_eq!(NAMES[graph.main(id) as usize], *main);
        }
    }

    fn link() -> impl Strategy<Value = Link> {
        let id = 0..NAMES.len() as u32;
        (id.clone(), id, prop::sample::select(vec![Identify, Identify, Alias]), 0i64..6)
            .prop_map(|(from, to, kind, at)| Link { from, to, kind, at })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn persons_are_those_of_the_plain_oracle(
            links in prop::collection::vec(link(), 0..14), back in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let mut graph = Graph::default();
            let mut mains: Vec<u32> = (0..NAMES.len() as u32).collect();
            let follow = |change: Change, mains: &mut Vec<u32>, graph: &Graph| {
                for (id, main) in change.moved {
                    assert_ne!(mains[id as usize], main, "told twice or for nothing");
                    mains[id as usize] = main;
                }
                // What changed was told, all of it.
                for (id, main) in mains.iter().enumerate() {
                    assert_eq!(graph.main(id as u32), *main);
                }
            };
            for (count, link) in links.iter().enumerate() {
                let before = plain(&links[..count]);
                let change = graph.link(names(), *link);
                if !change.new {
                    prop_assert_eq!(&before, &plain(&links[..=count]));
                }
                follow(change, &mut mains, &graph);
                check(&graph, &links[..=count]);
            }
            check(&Graph::load(names(), links.iter().copied()), &links);
            check(&Graph::load(names(), links.iter().rev().copied()), &links);
            // And back.
            let mut left = links.clone();
            for index in back {
                if left.is_empty() {
                    break;
                }
                let gone = left[index.index(left.len())];
                left.retain(|link| (link.from, link.to) != (gone.from, gone.to));
                let change = graph.unlink(names(), gone.from, gone.to);
                follow(change, &mut mains, &graph);
                check(&graph, &left);
                let fresh: Vec<(Link, Verdict)> = Graph::load(names(), left.iter().copied()).links().collect();
                prop_assert_eq!(graph.links().count(), fresh.len());
                prop_assert!(graph.links().all(|link| fresh.contains(&link)), "verdicts as well");
            }
        }

        #[test]
        fn two_users_are_never_made_one(links in prop::collection::vec(link(), 0..14)) {
            let graph = Graph::load(names(), links);
            for (link, verdict) in graph.links() {
                let refused = verdict.reason(&link, names()).is_some();
                prop_assert_eq!(refused, matches!(verdict, Verdict::RefusedUser | Verdict::RefusedOwned(_)));
                if !refused {
                    prop_assert_eq!(graph.main(link.from), graph.main(link.to));
                }
            }
            // Users who share a person were joined before the later of them was identified.
            for id in (0..NAMES.len() as u32).filter(|id| graph.is_user(*id)) {
                let identified: Vec<i64> = graph.links()
                    .filter(|(link, _)| link.to == id && link.kind == Identify).map(|(link, _)| link.at).collect();
                let since = *identified.iter().min().unwrap();
                let joined = graph.links().filter(|(link, v)| link.from == id && *v == Verdict::Joined);
                for (link, _) in joined {
                    prop_assert!(link.at <= since);
                }
            }
        }
    }

    #[test]
    fn a_shared_device_does_not_merge_two_users() {
        let (zed, mia, device) = (4, 5, 3);
        let mut graph = Graph::default();
        let first = Link { from: device, to: zed, kind: Identify, at: 1 };
        assert_eq!(graph.link(names(), first), Change { new: true, moved: vec![(device, zed)] });
        let second = Link { to: mia, at: 2, ..first };
        assert_eq!(graph.link(names(), second), Change { new: true, moved: vec![] });
        // Logging in again later changes nothing.
        assert_eq!(graph.link(names(), Link { at: 9, ..first }), Change::default());
        assert_eq!((graph.main(device), graph.main(mia)), (zed, mia));
        let (link, verdict) = graph.links_of(mia).next().unwrap();
        assert_eq!(verdict, Verdict::RefusedOwned(zed));
        assert!(verdict.reason(&link, names()).unwrap().contains("belongs to the user \"zed\" already"));
        // Taken back: the device is then mia's.
        assert_eq!(graph.unlink(names(), device, zed).moved, [(device, mia)]);
        assert_eq!(graph.unlink(names(), device, zed), Change::default());
        assert!(!graph.is_user(zed) && graph.is_user(mia));
    }

    #[test]
    fn an_alias_does_not_merge_a_user_away() {
        let (zed, mia, anon) = (4, 5, 2);
        let mut graph = Graph::default();
        graph.link(names(), Link { from: zed, to: zed, kind: Identify, at: 1 });
        graph.link(names(), Link { from: zed, to: mia, kind: Alias, at: 2 });
        assert_eq!(graph.main(zed), zed);
        assert_eq!(
            graph.links_of(mia).map(|(_, verdict)| verdict).collect::<Vec<_>>(),
            [Verdict::RefusedUser]
        );
        graph.link(names(), Link { from: anon, to: zed, kind: Alias, at: 3 });
        assert_eq!(graph.members(zed), [anon, zed]);
        // Known late: the alias came first after all.
        let early = graph.link(names(), Link { from: zed, to: mia, kind: Alias, at: 0 });
        assert!(early.new);
        assert_eq!((graph.members(zed), graph.main(mia)), (vec![anon, zed, mia], zed));
    }

    #[test]
    fn words() {
        assert_eq!(LinkKind::parse("alias"), Some(Alias));
        assert_eq!(LinkKind::parse(Identify.as_str()), Some(Identify));
        assert_eq!(LinkKind::parse("merge"), None);
    }
}
