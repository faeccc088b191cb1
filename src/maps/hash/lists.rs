//! Lists of a map's elements, linked through their nodes' numbers: each is in at most one of them.
//!
//! What the lists are for is `lru`'s affair.

use crate::maps::nodes::Node;

/// The number of a list.
pub(super) type List = u32;

/// Lists with constant-time changes anywhere. The head is where nodes are added, the tail where the oldest are.
#[derive(Debug)]
pub(super) struct Lists {
    /// First an entry for each list, which stands before its head and behind its tail; then the nodes'.
    links: Vec<Link>,
    /// How many nodes each has.
    lens: Box<[u32]>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// Towards the head.
    before: u32,
    /// Towards the tail.
    behind: u32,
    /// Only right for a node that is in a list.
    list: List,
}

impl Lists {
    pub(super) fn new(count: u32) -> Lists {
        let empty = |list| Link {
            before: list,
            behind: list,
            list,
        };
        Lists {
            links: (0..count).map(empty).collect(),
            lens: vec![0; count as usize].into(),
        }
    }

    /// How many nodes are in a list.
    pub(super) fn len(&self, list: List) -> u32 {
        self.lens[list as usize]
    }

    /// The node that is in a list for the longest time.
    pub(super) fn tail(&self, list: List) -> Option<Node> {
        self.node(self.links[list as usize].before)
    }

    /// The node that was added to a list after another.
    pub(super) fn before(&self, node: Node) -> Option<Node> {
        self.node(self.links[self.index(node)].before)
    }

    /// The list that a node is in.
    pub(super) fn list_of(&self, node: Node) -> List {
        self.links[self.index(node)].list
    }

    /// Adds a node that is in no list at the head of one.
    #[inline]
    pub(super) fn add(&mut self, list: List, node: Node) {
        let index = self.index(node);
        if index >= self.links.len() {
            self.grow(index);
        }
        let behind = self.links[list as usize].behind;
        self.links[index] = Link {
            before: list,
            behind,
            list,
        };
        self.links[list as usize].behind = index as u32;
        self.links[behind as usize].before = index as u32;
        self.lens[list as usize] += 1;
    }

    /// Takes a node out of the list that it is in, and says which that was.
    #[inline]
    pub(super) fn remove(&mut self, node: Node) -> List {
        let Link {
            before,
            behind,
            list,
        } = self.links[self.index(node)];
        self.links[before as usize].behind = behind;
        self.links[behind as usize].before = before;
        self.lens[list as usize] -= 1;
        list
    }

    #[cold]
    fn grow(&mut self, index: usize) {
        let none = Link {
            before: 0,
            behind: 0,
            list: 0,
        };
        self.links.resize(index + 1, none);
    }

    fn index(&self, node: Node) -> usize {
        self.lens.len() + node as usize - 1
    }

    fn node(&self, index: u32) -> Option<Node> {
        (index + 1)
            .checked_sub(self.lens.len() as u32)
            .filter(|node| *node != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_tail(lists: &Lists, list: List) -> Vec<Node> {
        std::iter::successors(lists.tail(list), |node| lists.before(*node)).collect()
    }

    #[test]
    fn lists_keep_the_sequence_through_changes() {
        let mut lists = Lists::new(2);
        (1..=4).for_each(|node| lists.add(1, node));
        assert_eq!(from_tail(&lists, 1), [1, 2, 3, 4]);
        for (node, list) in [(2, 0), (1, 0), (3, 1)] {
            assert_eq!(lists.remove(node), 1);
            lists.add(list, node);
        }
        assert_eq!(from_tail(&lists, 0), [2, 1]);
        assert_eq!(from_tail(&lists, 1), [4, 3]);
        assert_eq!([lists.len(0), lists.len(1)], [2, 2]);
        assert_eq!([2, 3].map(|node| lists.remove(node)), [0, 1]);
        assert_eq!([lists.len(0), lists.len(1)], [1, 1]);
    }
}
