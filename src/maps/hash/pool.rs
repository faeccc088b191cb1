//! The nodes of a hash map that are not in use, by CPU, and how many are.
//!
//! Rules:
//! - What a CPU gave back last it takes first; only if it has none, and enough were made, it takes from another.
//! - The node apart of a CPU is for whoever has the CPU to itself: no lock guards it.
//! - Nodes are made when they are needed, several at a time, so that neighbours are one CPU's. More than the map's
//!   elements and one for each CPU are made only while others have theirs in hand.

use std::sync::atomic::{AtomicU32, Ordering};

use spin::mutex::SpinMutex;
use spin::relax::Yield;

use crate::machine::{CpuId, Errno, OutOfMemory};
use crate::maps::nodes::Node;

/// Most nodes that are made at a time: their values of eight bytes fill sixteen cache lines.
const MOST_AT_A_TIME: u32 = 128;

/// Of the nodes that a CPU would have if each had as many, such a part is made at a time.
const PART: u32 = 4;

/// What a CPU has; no two share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shelf {
    /// Nodes that may be used, the next one last.
    free: SpinMutex<Vec<Node>, Yield>,
    /// The node that was replaced last, if the map keeps that apart; 0 stands for none.
    apart: AtomicU32,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Pool {
    shelves: Box<[Shelf]>,
    /// Nodes that were ever in use.
    made: SpinMutex<u32, Yield>,
    /// As many as are enough, but for those that are in somebody's hand.
    enough: u32,
    /// How many are made at a time.
    batch: u32,
    /// How many elements the map has, and may have.
    elements: AtomicU32,
    capacity: u32,
}

impl Pool {
    pub(super) fn new(capacity: u32, cpus: u32) -> Pool {
        let cpus = cpus.max(1);
        Pool {
            shelves: (0..cpus).map(|_| Shelf::default()).collect(),
            made: SpinMutex::new(0),
            enough: capacity.saturating_add(cpus),
            batch: (capacity / cpus / PART).clamp(1, MOST_AT_A_TIME),
            elements: AtomicU32::new(0),
            capacity,
        }
    }

    /// How many elements the map has.
    pub(super) fn elements(&self) -> u32 {
        self.elements.load(Ordering::Relaxed)
    }

    /// How many nodes were ever in use: those from 1 on.
    pub(super) fn made(&self) -> u32 {
        *self.made.lock()
    }

    /// Counts one element more, if there is room for it.
    #[inline(always)]
    pub(super) fn count_in(&self) -> Result<(), Errno> {
        let more = |count: u32| (count < self.capacity).then_some(count + 1);
        let counted = self
            .elements
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, more);
        counted.map(drop).map_err(|_| Errno::E2BIG)
    }

    /// Counts one element less; its node was given back before.
    #[inline(always)]
    pub(super) fn count_out(&self) {
        self.elements.fetch_sub(1, Ordering::Release);
    }

    /// A node that is not in use; `make` makes the one of that number, and says up to which others were made with it.
    #[inline(always)]
    pub(super) fn take(
        &self,
        cpu: CpuId,
        make: impl Fn(Node) -> Result<Node, OutOfMemory>,
    ) -> Result<Node, Errno> {
        match self.shelf(cpu).and_then(|shelf| shelf.free.lock().pop()) {
            Some(node) => Ok(node),
            None => self.take_elsewhere(cpu, make),
        }
    }

    /// Gives a node back: to the first CPU, if the map does not know that one.
    #[inline(always)]
    pub(super) fn give(&self, cpu: CpuId, node: Node) {
        if let Some(shelf) = self.shelf(cpu).or(self.shelves.first()) {
            shelf.free.lock().push(node);
        }
    }

    /// Takes the node apart of a CPU that the caller has to itself.
    #[inline(always)]
    pub(super) fn take_apart(&self, cpu: CpuId) -> Option<Node> {
        let apart = &self.shelf(cpu)?.apart;
        let node = apart.load(Ordering::Relaxed);
        apart.store(0, Ordering::Relaxed);
        Some(node).filter(|node| *node != 0)
    }

    /// Puts a node apart where none is, on a CPU that the caller has to itself.
    #[inline(always)]
    pub(super) fn put_apart(&self, cpu: CpuId, node: Node) {
        match self.shelf(cpu) {
            Some(shelf) => shelf.apart.store(node, Ordering::Relaxed),
            None => self.give(cpu, node),
        }
    }

    #[cold]
    fn take_elsewhere(
        &self,
        cpu: CpuId,
        make: impl Fn(Node) -> Result<Node, OutOfMemory>,
    ) -> Result<Node, Errno> {
        if let Some(node) = self.make(cpu, self.enough, &make)? {
            return Ok(node);
        }
        let mut free = self.shelves.iter().map(|shelf| shelf.free.lock().pop());
        match free.find_map(|node| node) {
            Some(node) => Ok(node),
            None => self.make(cpu, u32::MAX, &make)?.ok_or(Errno::ENOMEM),
        }
    }

    /// Makes nodes, if there are fewer than `enough`: gives the first, and the others to a CPU.
    fn make(
        &self,
        cpu: CpuId,
        enough: u32,
        make: &impl Fn(Node) -> Result<Node, OutOfMemory>,
    ) -> Result<Option<Node>, Errno> {
        let mut made = self.made.lock();
        if *made >= enough {
            return Ok(None);
        }
        let first = *made + 1;
        let there = make(first).map_err(|_| Errno::ENOMEM)?;
        let batch = made.saturating_add(self.batch).min(self.enough);
        let last = batch.min(there).max(first);
        *made = last;
        (first + 1..=last)
            .rev()
            .for_each(|node| self.give(cpu, node));
        Ok(Some(first))
    }

    fn shelf(&self, cpu: CpuId) -> Option<&Shelf> {
        self.shelves.get(cpu.index())
    }
}
