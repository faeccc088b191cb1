//! The order in which a map's elements are evicted: a list linked through node numbers.

use crate::maps::nodes::Node;

/// An ordered set of nodes with constant-time changes anywhere.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By node; entry 0 is the head.
    links: Vec<Link>,
    len: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    prev: Node,
    next: Node,
}

impl Order {
    /// How many nodes are in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The node after another, or the first.
    pub(super) fn after(&self, node: Option<Node>) -> Option<Node> {
        Some(self.link(node.unwrap_or(0)).next).filter(|next| *next != 0)
    }

    /// Adds a node that is not in it at the end.
    pub(super) fn push_back(&mut self, node: Node) {
        self.insert_between(self.link(0).prev, node, 0);
    }

    /// Takes the first out.
    pub(super) fn pop_front(&mut self) -> Option<Node> {
        let first = self.after(None)?;
        self.remove(first);
        Some(first)
    }

    /// Takes a node that is in it out.
    pub(super) fn remove(&mut self, node: Node) {
        let Link { prev, next } = self.link(node);
        self.link_mut(prev).next = next;
        self.link_mut(next).prev = prev;
        self.len -= 1;
    }

    /// Puts a node that is not in it in the place of one that is.
    pub(super) fn replace(&mut self, old: Node, new: Node) {
        let link = self.link(old);
        *self.link_mut(new) = link;
        self.link_mut(link.prev).next = new;
        self.link_mut(link.next).prev = new;
    }

    fn insert_between(&mut self, prev: Node, node: Node, next: Node) {
        *self.link_mut(node) = Link { prev, next };
        self.link_mut(prev).next = node;
        self.link_mut(next).prev = node;
        self.len += 1;
    }

    fn link(&self, node: Node) -> Link {
        self.links.get(node as usize).copied().unwrap_or_default()
    }

    fn link_mut(&mut self, node: Node) -> &mut Link {
        let index = node as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, Link::default());
        }
        &mut self.links[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(order: &Order) -> Vec<Node> {
        std::iter::successors(order.after(None), |node| order.after(Some(*node))).collect()
    }

    #[test]
    fn order_keeps_the_sequence_through_changes() {
        let mut order = Order::default();
        (1..=4).for_each(|node| order.push_back(node));
        order.remove(2);
        order.replace(3, 7);
        assert_eq!(all(&order), [1, 7, 4]);
        assert_eq!(
            (order.pop_front(), order.after(Some(4)), order.len()),
            (Some(1), None, 2)
        );
        order.push_back(1);
        assert_eq!(all(&order), [7, 4, 1]);
    }
}
