//! Which element of a map goes when there is no room for another: active and inactive elements, as in the kernel.
//!
//! What a node holds is the map's affair; whoever calls holds the map's lock.
//!
//! Rules, those of the kernel's documentation (map_hash.rst of Linux 6.12) as its maps show them:
//! - A set of nodes has free ones, inactive elements and active ones. A common map has one set; with
//!   BPF_F_NO_COMMON_LRU each CPU has one, with its part of the nodes, and takes none from elsewhere.
//! - Each CPU of a common map keeps free nodes of its own. The elements that it puts in stay pending there until those
//!   are used up. Then the pending ones join the set, the set is rotated, and a batch of nodes is taken from it: free ones
//!   first, and elements are evicted for those that lack. A batch is half of a CPU's part of the nodes, or less.
//! - Where each CPU has a set, elements join it at once, each update rotates it, and a batch is evicted when no node is
//!   free.
//! - Elements join the inactive ones, or if they were used the active ones. Rotating moves inactive ones that were used
//!   to the active ones, and while these are more, active ones that were not used to the inactive ones. Moving forgets
//!   that an element was used.
//! - Evicting goes from the oldest of the inactive elements on and passes over those that were used; if that yields
//!   nothing, the oldest goes, used or not.
//! - A CPU that finds no node in the set takes one from another CPU: a free one, or one that is pending.

use crate::abi::map_type::flag::NO_COMMON_LRU;
use crate::machine::{CpuId, Errno};
use crate::maps::nodes::Node;

use super::lists::{List, Lists};

/// Most nodes that a CPU of a common map takes at a time, and most elements that are looked at for it.
const COMMON: u32 = 128;

/// The same where each CPU has a set.
const OWN: u32 = 4;

/// What CPUs share of a map that evicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::maps) enum Sharing {
    /// All of it.
    Common,
    /// Nothing: each has its part.
    Own,
}

impl Sharing {
    /// As the flags of a map have it.
    pub(in crate::maps) fn of(flags: u32) -> Sharing {
        match flags & NO_COMMON_LRU {
            0 => Sharing::Common,
            _ => Sharing::Own,
        }
    }
}

/// The elements, as the lists see them.
pub(super) trait Elements {
    /// Whether one was used; that is forgotten.
    fn take_used(&self, node: Node) -> bool;

    /// The same, without forgetting it.
    fn is_used(&self, node: Node) -> bool;

    /// Makes the node of a number: the numbers rise from 1.
    fn make(&self, node: Node) -> Result<(), Errno>;

    /// Takes an element out of the map; its node is free then.
    fn evict(&self, node: Node);
}

/// The nodes of a map that evicts.
#[derive(Debug)]
pub(super) struct Lru {
    /// The elements: of each set the active ones and the inactive ones, then of each CPU of a common map those that
    /// are pending.
    lists: Lists,
    /// Free nodes, the next one last: of each set, then of each CPU of a common map.
    free: Box<[Vec<Node>]>,
    sets: Box<[Set]>,
    sharing: Sharing,
    cpus: u32,
    /// Which CPU each asks first for a node, if there is none in the set.
    asks: Box<[u32]>,
    /// How many nodes were made, of all sets.
    made: u32,
    /// Most nodes that are taken at a time.
    batch: u32,
    /// Most elements that are looked at at a time.
    scans: u32,
}

/// What is known of a set beside its lists.
#[derive(Debug)]
struct Set {
    number: u32,
    /// Free nodes that were not made yet.
    unmade: u32,
    /// The inactive element that rotating looks at next; none stands for the oldest.
    hand: Option<Node>,
}

impl Set {
    const LISTS: u32 = 2;

    fn active(&self) -> List {
        self.number * Set::LISTS
    }

    fn inactive(&self) -> List {
        self.active() + 1
    }

    /// Moves the hand on from an element that leaves the list.
    #[inline]
    fn let_go(&mut self, lists: &Lists, node: Node) {
        if self.hand == Some(node) {
            self.hand = lists.before(node);
        }
    }
}

/// How many elements a map has that is declared with so many: as many for each CPU, where each has its part.
pub(in crate::maps) fn capacity(sharing: Sharing, max_entries: u32, cpus: u32) -> u32 {
    match sharing {
        Sharing::Common => max_entries,
        Sharing::Own => {
            let cpus = cpus.max(1);
            let up = max_entries.checked_next_multiple_of(cpus);
            up.unwrap_or(max_entries - max_entries % cpus)
        }
    }
}

impl Lru {
    /// Of that many nodes.
    pub(super) fn new(sharing: Sharing, capacity: u32, cpus: u32) -> Lru {
        let (sets, locals, batch, scans) = match sharing {
            Sharing::Common => (1, cpus, (capacity / cpus / 2).clamp(1, COMMON), COMMON),
            Sharing::Own => (cpus, 0, OWN, OWN),
        };
        let set = |number| Set {
            number,
            unmade: capacity / sets,
            hand: None,
        };
        Lru {
            lists: Lists::new(Set::LISTS * sets + locals),
            free: (0..sets + locals).map(|_| Vec::new()).collect(),
            sets: (0..sets).map(set).collect(),
            sharing,
            cpus,
            asks: (0..cpus).collect(),
            made: 0,
            batch,
            scans,
        }
    }

    /// How many nodes are in use.
    pub(super) fn elements(&self) -> u32 {
        let free: usize = self.free.iter().map(Vec::len).sum();
        self.made - free as u32
    }

    /// How many nodes were ever in use: those from 1 on.
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// A node for an element that a CPU puts in.
    #[inline]
    pub(super) fn take(&mut self, cpu: CpuId, elements: &impl Elements) -> Result<Node, Errno> {
        let cpu = (cpu.index() as u32).min(self.cpus - 1);
        let (node, list) = match self.sharing {
            Sharing::Common => (self.take_common(cpu, elements)?, pending(cpu)),
            Sharing::Own => (
                self.take_own(cpu, elements)?,
                self.sets[cpu as usize].inactive(),
            ),
        };
        self.lists.add(list, node);
        Ok(node)
    }

    /// Gives a node back whose element was taken out.
    pub(super) fn give(&mut self, node: Node) {
        let from = self.lists.list_of(node);
        let (set, to) = match self.sharing {
            Sharing::Own => (from / Set::LISTS, from / Set::LISTS),
            // The free nodes of the set, or of the CPU that the element was pending on.
            Sharing::Common => (0, (from + 1).saturating_sub(Set::LISTS)),
        };
        self.sets[set as usize].let_go(&self.lists, node);
        self.lists.remove(node);
        self.free[to as usize].push(node);
    }

    fn take_own(&mut self, cpu: u32, elements: &impl Elements) -> Result<Node, Errno> {
        self.rotate(cpu, elements);
        let free = cpu as usize;
        if self.free[free].is_empty() {
            self.make(cpu, free, 1, elements)?;
        }
        if self.free[free].is_empty() {
            self.shrink(cpu, free, self.batch, elements);
        }
        self.free[free].pop().ok_or(Errno::ENOMEM)
    }

    #[inline]
    fn take_common(&mut self, cpu: u32, elements: &impl Elements) -> Result<Node, Errno> {
        match self.free[local(cpu)].pop() {
            Some(node) => Ok(node),
            None => self.refill(cpu, elements),
        }
    }

    /// Lets what is pending on a CPU join the set, and takes a batch of free nodes from there; gives one of them.
    #[cold]
    fn refill(&mut self, cpu: u32, elements: &impl Elements) -> Result<Node, Errno> {
        while let Some(node) = self.lists.tail(pending(cpu)) {
            let to = match elements.take_used(node) {
                true => self.sets[0].active(),
                false => self.sets[0].inactive(),
            };
            self.lists.remove(node);
            self.lists.add(to, node);
        }
        self.rotate(0, elements);
        let own = local(cpu);
        let shared = self.free[SHARED].len();
        let moved = shared.min(self.batch as usize);
        let nodes = self.free[SHARED].split_off(shared - moved);
        self.free[own].extend(nodes);
        let made = self.make(0, own, self.lacking(own), elements);
        if self.free[own].is_empty() {
            made?;
        }
        match self.lacking(own) {
            0 => {}
            lacking => self.shrink(0, own, lacking, elements),
        }
        let node = self.free[own].pop().or_else(|| self.steal(cpu, elements));
        node.ok_or(Errno::ENOMEM)
    }

    /// How many free nodes a CPU's batch lacks.
    fn lacking(&self, local: usize) -> u32 {
        self.batch.saturating_sub(self.free[local].len() as u32)
    }

    /// Makes nodes of a set that were not made yet, as many as there are of those that are wanted.
    fn make(
        &mut self,
        set: u32,
        to: usize,
        wanted: u32,
        elements: &impl Elements,
    ) -> Result<(), Errno> {
        let set = &mut self.sets[set as usize];
        for _ in 0..wanted.min(set.unmade) {
            elements.make(self.made + 1)?;
            self.made += 1;
            set.unmade -= 1;
            self.free[to].push(self.made);
        }
        Ok(())
    }

    fn rotate(&mut self, set: u32, elements: &impl Elements) {
        let of = &self.sets[set as usize];
        if self.lists.len(of.inactive()) < self.lists.len(of.active()) {
            self.rotate_active(set, elements);
        }
        self.rotate_inactive(set, elements);
    }

    /// Looks at the oldest of the active elements.
    fn rotate_active(&mut self, set: u32, elements: &impl Elements) {
        let (active, inactive) = {
            let set = &self.sets[set as usize];
            (set.active(), set.inactive())
        };
        for _ in 0..self.scans.min(self.lists.len(active)) {
            let Some(node) = self.lists.tail(active) else {
                return;
            };
            let to = match elements.take_used(node) {
                true => active,
                false => inactive,
            };
            self.lists.remove(node);
            self.lists.add(to, node);
        }
    }

    /// Looks at inactive elements, each time at those behind the last.
    fn rotate_inactive(&mut self, set: u32, elements: &impl Elements) {
        let (active, inactive) = {
            let set = &self.sets[set as usize];
            (set.active(), set.inactive())
        };
        let mut hand = self.sets[set as usize].hand;
        for _ in 0..self.scans.min(self.lists.len(inactive)) {
            let Some(node) = hand.or(self.lists.tail(inactive)) else {
                break;
            };
            hand = self.lists.before(node);
            if elements.take_used(node) {
                self.lists.remove(node);
                self.lists.add(active, node);
            }
        }
        self.sets[set as usize].hand = hand;
    }

    /// Evicts the oldest inactive elements that were not used, or the oldest of all.
    fn shrink(&mut self, set: u32, to: usize, wanted: u32, elements: &impl Elements) {
        let (active, inactive) = {
            let set = &self.sets[set as usize];
            (set.active(), set.inactive())
        };
        let mut evicted = 0;
        let mut next = self.lists.tail(inactive);
        for _ in 0..self.scans {
            let Some(node) = next.filter(|_| evicted < wanted) else {
                break;
            };
            next = self.lists.before(node);
            self.sets[set as usize].let_go(&self.lists, node);
            self.lists.remove(node);
            if elements.take_used(node) {
                self.lists.add(active, node);
            } else {
                elements.evict(node);
                self.free[to].push(node);
                evicted += 1;
            }
        }
        let oldest = self.lists.tail(inactive).or(self.lists.tail(active));
        if let Some(node) = oldest.filter(|_| evicted == 0) {
            self.sets[set as usize].let_go(&self.lists, node);
            self.lists.remove(node);
            elements.evict(node);
            self.free[to].push(node);
        }
    }

    /// Takes a node from another CPU: first asks the one behind that which it asked last.
    fn steal(&mut self, cpu: u32, elements: &impl Elements) -> Option<Node> {
        for _ in 0..self.cpus {
            let other = self.asks[cpu as usize];
            self.asks[cpu as usize] = (other + 1) % self.cpus;
            let free = self.free[local(other)].pop();
            let node = free.or_else(|| self.evict_pending(pending(other), elements));
            if node.is_some() {
                return node;
            }
        }
        None
    }

    /// The oldest pending element that was not used, or the oldest; it is evicted.
    fn evict_pending(&mut self, list: List, elements: &impl Elements) -> Option<Node> {
        let oldest = self.lists.tail(list)?;
        let mut nodes = std::iter::successors(Some(oldest), |node| self.lists.before(*node));
        let unused = nodes.find(|node| !elements.is_used(*node));
        let node = unused.unwrap_or(oldest);
        self.lists.remove(node);
        elements.evict(node);
        Some(node)
    }
}

/// Where the free nodes of a common map's set are.
const SHARED: usize = 0;

/// Where the free nodes of one of its CPUs are.
fn local(cpu: u32) -> usize {
    cpu as usize + 1
}

/// The elements that a CPU put in and that did not join the set yet.
fn pending(cpu: u32) -> List {
    Set::LISTS + cpu
}
