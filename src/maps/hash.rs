//! Hash maps: plain, per CPU, and those that evict the least recently used element.
//!
//! Rules:
//! - Lookups take no lock; updates and deletions take the map's.
//! - As in the kernel, an update of a plain map puts a new element in the place of the old one, so
//!   that readers see the old value or the new one and never half of each; a per-CPU map is
//!   written in place. Values never move.
//! - An element that was replaced or deleted is reused only after the run ends, or when more than
//!   [`LIMBO`] others were after it: a program may still hold its address, which stays valid, as
//!   under RCU.
//! - Keys are listed in the order in which they were inserted; the kernel promises no order.
//! - A full LRU map evicts one element for each that is inserted: the first in the order whose
//!   turn has come and that no program looked up or updated since its last turn. The kernel evicts
//!   in batches and from per-CPU lists, so that it may evict earlier; ours is the same in each run.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{Addr, CpuId, Errno, Memory};

use super::nodes::{Node, Nodes};
use super::ops::{Existence, MapEnv, MapOps, check_existence, check_update_flags};
use super::order::Order;
use super::{PerCpu, Shape};

/// How many elements wait for the end of the run before the oldest of them is reused.
const LIMBO: usize = 4096;

/// More buckets than this are not made: chains get longer instead.
const MAX_BUCKETS: u32 = 1 << 18;

/// What happens when a full map is given another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// The update is refused.
    Refuse,
    /// An element is evicted.
    Evict,
}

/// `hash`, `percpu_hash`, `lru_hash`, `lru_percpu_hash`.
#[derive(Debug)]
pub struct HashMap {
    buckets: Box<[AtomicU32]>,
    nodes: Nodes,
    shape: Shape,
    when_full: WhenFull,
    /// How often a node was reused: a lookup that missed meanwhile looks again.
    reuses: AtomicU64,
    writer: Mutex<Writer>,
}

#[derive(Debug, Default)]
struct Writer {
    order: Order,
    /// Nodes out of use that nobody can hold.
    free: Vec<Node>,
    /// Nodes out of use, the oldest first.
    limbo: VecDeque<Node>,
    /// Nodes that were ever in use.
    made: u32,
}

impl HashMap {
    pub(super) fn new(shape: &Shape, when_full: WhenFull) -> HashMap {
        let buckets = shape.max_entries.clamp(1, MAX_BUCKETS).next_power_of_two();
        HashMap {
            buckets: (0..buckets).map(|_| AtomicU32::new(0)).collect(),
            nodes: Nodes::new(shape.clone()),
            shape: shape.clone(),
            when_full,
            reuses: AtomicU64::new(0),
            writer: Mutex::default(),
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.lock().order.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Inserts or replaces; `fill` writes the values of the node it is given.
    fn put(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        flags: u64,
        fill: impl Fn(Node, Existence) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        check_update_flags(flags)?;
        let hash = hash_of(key);
        let mut writer = self.lock();
        match self.find(env.memory, key, hash) {
            Some(old) => {
                check_existence(flags, Existence::Present)?;
                self.replace(&mut writer, env.memory, (key, hash), old, fill)
            }
            None => {
                check_existence(flags, Existence::Absent)?;
                self.insert(&mut writer, env.memory, (key, hash), fill)
            }
        }
    }

    /// The node of a key.
    fn node(&self, memory: &Memory, key: &[u8]) -> Option<Node> {
        let hash = hash_of(key);
        let before = self.reuses.load(Ordering::Acquire);
        let found = self.find(memory, key, hash);
        if found.is_none() && self.reuses.load(Ordering::Acquire) != before {
            // A reused node may have led the search astray.
            let _writer = self.lock();
            return self.find(memory, key, hash);
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket(&self, hash: u32) -> Option<&AtomicU32> {
        self.buckets.get(hash as usize & (self.buckets.len() - 1))
    }

    fn find(&self, memory: &Memory, key: &[u8], hash: u32) -> Option<Node> {
        let mut node = self.bucket(hash)?.load(Ordering::Acquire);
        loop {
            let cell = self.nodes.cell(node)?;
            if cell.hash.load(Ordering::Relaxed) == hash && self.nodes.key_is(memory, node, key) {
                return Some(node);
            }
            node = cell.next.load(Ordering::Acquire);
        }
    }

    fn insert(
        &self,
        writer: &mut Writer,
        memory: &Memory,
        (key, hash): (&[u8], u32),
        fill: impl Fn(Node, Existence) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if writer.order.len() >= self.shape.max_entries as usize {
            match self.when_full {
                WhenFull::Refuse => return Err(Errno::E2BIG),
                WhenFull::Evict => self.evict(writer),
            }
        }
        let node = self.take(writer, memory)?;
        self.nodes.set_key(memory, node, key, hash);
        if let Err(errno) = fill(node, Existence::Absent) {
            writer.free.push(node);
            return Err(errno);
        }
        self.link(node, hash);
        writer.order.push_back(node);
        Ok(())
    }

    fn replace(
        &self,
        writer: &mut Writer,
        memory: &Memory,
        (key, hash): (&[u8], u32),
        old: Node,
        fill: impl Fn(Node, Existence) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if self.shape.per_cpu == PerCpu::Yes {
            self.mark(old);
            return fill(old, Existence::Present);
        }
        let node = self.take(writer, memory)?;
        self.nodes.set_key(memory, node, key, hash);
        if let Err(errno) = fill(node, Existence::Absent) {
            writer.free.push(node);
            return Err(errno);
        }
        self.mark(node);
        self.link(node, hash);
        self.unlink(old);
        writer.order.replace(old, node);
        writer.limbo.push_back(old);
        Ok(())
    }

    /// A node that is not in use.
    fn take(&self, writer: &mut Writer, memory: &Memory) -> Result<Node, Errno> {
        if let Some(node) = writer.free.pop() {
            self.reuses.fetch_add(1, Ordering::Release);
            return Ok(node);
        }
        let next = writer.made.checked_add(1).ok_or(Errno::ENOMEM)?;
        let overflows = writer.limbo.len() > LIMBO;
        if !overflows && self.nodes.ensure(memory, next).is_ok() {
            writer.made = next;
            return Ok(next);
        }
        let node = writer.limbo.pop_front().ok_or(Errno::ENOMEM)?;
        self.reuses.fetch_add(1, Ordering::Release);
        Ok(node)
    }

    fn evict(&self, writer: &mut Writer) {
        // Each turn clears a mark, so that the second round finds one without.
        for _ in 0..=2 * writer.order.len() {
            let Some(node) = writer.order.pop_front() else {
                return;
            };
            let marked = self
                .nodes
                .cell(node)
                .is_some_and(|cell| cell.referenced.swap(false, Ordering::Relaxed));
            if !marked {
                self.unlink(node);
                writer.limbo.push_back(node);
                return;
            }
            writer.order.push_back(node);
        }
    }

    /// Notes that a program used an element.
    fn mark(&self, node: Node) {
        if self.when_full == WhenFull::Evict
            && let Some(cell) = self.nodes.cell(node)
            && !cell.referenced.load(Ordering::Relaxed)
        {
            cell.referenced.store(true, Ordering::Relaxed);
        }
    }

    fn link(&self, node: Node, hash: u32) {
        if let (Some(bucket), Some(cell)) = (self.bucket(hash), self.nodes.cell(node)) {
            cell.next
                .store(bucket.load(Ordering::Relaxed), Ordering::Relaxed);
            bucket.store(node, Ordering::Release);
        }
    }

    /// Takes a node out of its chain; its own link stays, for searches that stand on it.
    fn unlink(&self, node: Node) {
        let Some(cell) = self.nodes.cell(node) else {
            return;
        };
        let Some(mut link) = self.bucket(cell.hash.load(Ordering::Relaxed)) else {
            return;
        };
        loop {
            match link.load(Ordering::Relaxed) {
                0 => return,
                found if found == node => break,
                other => match self.nodes.cell(other) {
                    Some(cell) => link = &cell.next,
                    None => return,
                },
            }
        }
        link.store(cell.next.load(Ordering::Relaxed), Ordering::Release);
    }

    /// Writes the value of the CPU at work; in a new element the other CPUs' values are zero.
    fn fill_one(
        &self,
        env: &MapEnv<'_>,
        node: Node,
        value: &[u8],
        old: Existence,
    ) -> Result<(), Errno> {
        if self.shape.per_cpu == PerCpu::Yes && old == Existence::Absent {
            let zeros = vec![0; self.shape.value_size as usize];
            for addr in self.nodes.values(node) {
                super::copy_value(env.memory, addr, &zeros, self.shape.value_size)?;
            }
        }
        let addr = self.nodes.value(node, env.cpu).ok_or(Errno::EINVAL)?;
        super::copy_value(env.memory, addr, value, self.shape.value_size)
    }
}

impl MapOps for HashMap {
    fn lookup(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        let node = self.node(env.memory, key)?;
        self.mark(node);
        self.nodes.value(node, env.cpu)
    }

    fn lookup_on(&self, env: &MapEnv<'_>, key: &[u8], cpu: CpuId) -> Option<Addr> {
        match self.shape.per_cpu {
            PerCpu::No => None,
            PerCpu::Yes => self.lookup(&MapEnv { cpu, ..*env }, key),
        }
    }

    fn update(&self, env: &MapEnv<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.put(env, key, flags, |node, old| {
            self.fill_one(env, node, value, old)
        })
    }

    fn delete(&self, env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let mut writer = self.lock();
        let node = self
            .find(env.memory, key, hash_of(key))
            .ok_or(Errno::ENOENT)?;
        self.unlink(node);
        writer.order.remove(node);
        writer.limbo.push_back(node);
        Ok(())
    }

    fn next_key(&self, env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let writer = self.lock();
        let node = key.and_then(|key| self.find(env.memory, key, hash_of(key)));
        self.nodes.key(env.memory, writer.order.after(node)?)
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let node = self.node(env.memory, key)?;
        let values = self.nodes.values(node).map(Some);
        super::gather(
            env.memory,
            values,
            self.shape.value_size,
            self.shape.per_cpu,
        )
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let size = self.shape.value_size;
        let count = self.shape.copies();
        let parts = super::scatter(value, size, self.shape.per_cpu, count)?;
        self.put(env, key, flags, |node, _| {
            let mut places = self.nodes.values(node).zip(&parts);
            places.try_for_each(|(addr, part)| super::copy_value(env.memory, addr, part, size))
        })
    }

    fn end_of_run(&self, _env: &MapEnv<'_>) {
        let mut writer = self.lock();
        let Writer { free, limbo, .. } = &mut *writer;
        free.extend(limbo.drain(..).rev());
    }

    fn release(&self, memory: &Memory) {
        self.nodes.release(memory);
    }
}

/// A hash of a key, the same on every host: multiply and fold, word by word.
fn hash_of(key: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = key.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let words = words
        .iter()
        .chain([&last])
        .map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(key.len() as u64, |hash, word| {
        let product = u128::from(hash ^ word ^ FACTOR) * u128::from(FACTOR);
        (product as u64) ^ (product >> 64) as u64
    });
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_small_numbers_spreads_over_buckets() {
        let buckets: std::collections::BTreeSet<u32> = (0u32..1024)
            .map(|n| hash_of(&n.to_le_bytes()) & 1023)
            .collect();
        assert!(buckets.len() > 550, "{}", buckets.len());
    }
}
