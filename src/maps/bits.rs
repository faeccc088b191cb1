//! A binary tree over the bits of prefixes, for finding the longest that a key lies in.
//!
//! It holds addresses of values and knows no keys: those, and their order, are the map's affair.
//!
//! Rules:
//! - A node stands for the bits on the way to it; bit 0 is the highest of the first byte.
//! - Nodes are never taken out. Whoever takes many values out builds the tree anew.

use crate::machine::Addr;

/// One node.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// The nodes that one bit more leads to; 0 stands for none.
    next: [u32; 2],
    /// The value of the prefix, or null.
    value: Addr,
}

/// The tree.
#[derive(Debug)]
pub(super) struct BitTree {
    nodes: Vec<Node>,
}

impl Default for BitTree {
    fn default() -> BitTree {
        BitTree {
            nodes: vec![Node::default()],
        }
    }
}

impl BitTree {
    /// The value of the longest prefix of the first `len` bits.
    pub(super) fn longest(&self, address: &[u8], len: u32) -> Option<Addr> {
        let mut node = self.nodes.first()?;
        let mut found = node.value;
        for bit in bits(address, len) {
            let next = *node.next.get(bit)?;
            if next == 0 {
                break;
            }
            node = self.nodes.get(next as usize)?;
            if !node.value.is_null() {
                found = node.value;
            }
        }
        (!found.is_null()).then_some(found)
    }

    /// Gives a prefix a value; null takes it away.
    pub(super) fn set(&mut self, address: &[u8], len: u32, value: Addr) {
        let mut at = 0;
        for bit in bits(address, len) {
            let made = u32::try_from(self.nodes.len()).unwrap_or(0);
            let next = self
                .nodes
                .get_mut(at)
                .and_then(|node| node.next.get_mut(bit));
            let Some(next) = next else { return };
            if *next == 0 {
                *next = made;
                at = made as usize;
                self.nodes.push(Node::default());
            } else {
                at = *next as usize;
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.value = value;
        }
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// The first `len` bits, as indices.
fn bits(address: &[u8], len: u32) -> impl Iterator<Item = usize> {
    let bytes = address
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
    bytes.take(len as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_prefix_of_a_key_wins_until_it_is_taken_away() {
        let mut tree = BitTree::default();
        assert_eq!(tree.longest(&[10, 1], 16), None);
        tree.set(&[10, 0], 8, Addr(8));
        tree.set(&[10, 128], 9, Addr(9));
        tree.set(&[0, 0], 0, Addr(1));
        assert_eq!(tree.longest(&[10, 129], 16), Some(Addr(9)));
        assert_eq!(
            tree.longest(&[10, 129], 8),
            Some(Addr(8)),
            "the key itself is shorter"
        );
        assert_eq!(tree.longest(&[10, 1], 16), Some(Addr(8)));
        assert_eq!(tree.longest(&[11, 1], 16), Some(Addr(1)));
        tree.set(&[10, 128], 9, Addr::NULL);
        assert_eq!(tree.longest(&[10, 129], 16), Some(Addr(8)));
    }
}
