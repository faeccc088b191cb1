//! The chains of a hash map: read without a lock, changed under the bucket's.
//!
//! Rules:
//! - Whoever changes a chain holds its bucket, or what the map has in place of that. When a node has left a chain, that
//!   is counted, before the node may be used again: whoever finds nothing while the count moved may have been led
//!   astray, or past what it looks for, and looks again.
//! - A replaced node's successor takes its place in the chain: who walks the keys while others replace their values
//!   meets each of them once. In Linux it may meet a key again, as the successor becomes the head of the chain.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use spin::mutex::{SpinMutex, SpinMutexGuard};
use spin::relax::Yield;

use crate::machine::Memory;
use crate::maps::Shape;
use crate::maps::nodes::{Found, Keys, Node, Nodes};

use super::keys::{Key, SHORT, Sought};

/// More buckets than this are not made: chains get longer instead.
const MAX_BUCKETS: u32 = 1 << 18;

/// What a lookup reads of a node, in one cache line.
#[derive(Debug, Default)]
#[repr(align(32))]
pub(super) struct Cell {
    /// The next node of the same bucket.
    next: AtomicU32,
    /// The key's hash.
    hash: AtomicU32,
    /// The key, if it is short.
    key: [AtomicU64; 2],
    /// Whether a program used the element since it was last moved to where it is (`lru`).
    pub(super) referenced: AtomicBool,
}

/// A node of a map.
pub(super) type Place<'a> = Found<'a, Cell>;

/// A chain, in one cache line.
#[derive(Debug, Default)]
#[repr(align(16))]
struct Bucket {
    first: AtomicU32,
    /// How many nodes have left the chain.
    left: AtomicU32,
    /// Writers hold it for some nanoseconds, and letting go of it takes no atomic exchange.
    lock: SpinMutex<(), Yield>,
}

/// A search may have missed what is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Astray;

/// A bucket that is held.
pub(super) type Held<'a> = SpinMutexGuard<'a, (), Yield>;

/// The buckets and the nodes that hang on them.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    pub(super) nodes: Nodes<Cell>,
    key_size: u32,
}

impl Table {
    pub(super) fn new(shape: &Shape) -> Table {
        let buckets = shape.max_entries.clamp(1, MAX_BUCKETS).next_power_of_two();
        let keys = match shape.key_size <= SHORT {
            true => Keys::Elsewhere,
            false => Keys::InMemory,
        };
        Table {
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
            nodes: Nodes::new(shape.clone(), keys),
            key_size: shape.key_size,
        }
    }

    /// Takes hold of the bucket of a hash.
    #[inline(always)]
    pub(super) fn hold(&self, hash: u32) -> Option<Held<'_>> {
        Some(self.bucket(hash)?.lock.lock())
    }

    /// The node of a key, for whoever holds its bucket.
    #[inline(always)]
    pub(super) fn find(&self, memory: &Memory, key: &Sought<'_>) -> Option<Place<'_>> {
        let mut node = self.bucket(key.hash)?.first.load(Ordering::Acquire);
        loop {
            let found = self.nodes.at(node)?;
            if self.is_key(memory, &found, key) {
                return Some(found);
            }
            node = found.cell.next.load(Ordering::Acquire);
        }
    }

    /// The node of a key, for whoever holds nothing.
    ///
    /// # Errors
    /// It is not found, and nodes have left the chain meanwhile.
    #[inline(always)]
    pub(super) fn glance(
        &self,
        memory: &Memory,
        key: &Sought<'_>,
    ) -> Result<Option<Place<'_>>, Astray> {
        let Some(Bucket { left, .. }) = self.bucket(key.hash) else {
            return Ok(None);
        };
        let before = left.load(Ordering::Acquire);
        if let Some(found) = self.find(memory, key) {
            return Ok(Some(found));
        }
        fence(Ordering::Acquire);
        match left.load(Ordering::Relaxed) == before {
            true => Ok(None),
            false => Err(Astray),
        }
    }

    /// Gives a node that is in no chain a key.
    #[inline(always)]
    pub(super) fn set_key(&self, memory: &Memory, place: &Place<'_>, key: &Sought<'_>) {
        // Whoever sees what is written from here on sees that the node has left its chain.
        fence(Ordering::Release);
        place.cell.hash.store(key.hash, Ordering::Relaxed);
        place.cell.referenced.store(false, Ordering::Relaxed);
        // Whoever sees a word of the key sees the hash, and does not take half a key for another.
        fence(Ordering::Release);
        match key.key {
            Key::Short(words) => {
                for (own, word) in place.cell.key.iter().zip(words) {
                    own.store(word, Ordering::Relaxed);
                }
            }
            Key::Long(bytes) => {
                if let Some(addr) = self.nodes.key(place) {
                    let written = memory.poke(addr, bytes);
                    debug_assert!(written.is_ok(), "keys have the key size: {written:?}");
                }
            }
        }
    }

    /// The key of a node in use.
    pub(super) fn key_of(&self, memory: &Memory, place: &Place<'_>) -> Option<Vec<u8>> {
        if let Some(addr) = self.nodes.key(place) {
            return memory.peek_vec(addr, self.key_size).ok();
        }
        let words = place.cell.key.iter();
        let bytes = words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        Some(bytes.take(self.key_size as usize).collect())
    }

    /// Puts a node at the head of its chain.
    #[inline(always)]
    pub(super) fn link(&self, place: &Place<'_>) {
        if let Some(bucket) = self.bucket(place.cell.hash.load(Ordering::Relaxed)) {
            let next = bucket.first.load(Ordering::Relaxed);
            place.cell.next.store(next, Ordering::Relaxed);
            bucket.first.store(place.node, Ordering::Release);
        }
    }

    /// Puts a node in the place of another with the same key.
    #[inline(always)]
    pub(super) fn replace(&self, old: &Place<'_>, new: &Place<'_>) {
        let next = old.cell.next.load(Ordering::Relaxed);
        new.cell.next.store(next, Ordering::Relaxed);
        self.point(old, new.node);
    }

    /// Takes a node out of its chain; its own link stays, for searches that stand on it.
    pub(super) fn unlink(&self, found: &Place<'_>) {
        self.point(found, found.cell.next.load(Ordering::Relaxed));
    }

    /// Lets what points to a node point elsewhere, and counts that it has left; only one thread at a time does.
    #[inline(always)]
    fn point(&self, from: &Place<'_>, to: Node) {
        let Some(bucket) = self.bucket(from.cell.hash.load(Ordering::Relaxed)) else {
            return;
        };
        let mut link = &bucket.first;
        loop {
            match link.load(Ordering::Relaxed) {
                node if node == from.node => break,
                other => match self.nodes.cell(other) {
                    Some(cell) => link = &cell.next,
                    None => return,
                },
            }
        }
        link.store(to, Ordering::Release);
        // Whoever begins with the new count no longer gets to the node.
        let left = bucket.left.load(Ordering::Relaxed).wrapping_add(1);
        bucket.left.store(left, Ordering::Release);
    }

    /// The node after another in its chain.
    pub(super) fn after(&self, found: &Place<'_>) -> Option<Place<'_>> {
        self.nodes.at(found.cell.next.load(Ordering::Acquire))
    }

    /// The hashes that stand for the buckets behind that of a hash, or for all of them; without those that are empty.
    pub(super) fn occupied(&self, behind: Option<u32>) -> impl Iterator<Item = u32> {
        let first = behind.map_or(0, |hash| self.number(hash) as usize + 1);
        let buckets = self.buckets.iter().enumerate().skip(first);
        let occupied = buckets.filter(|(_, bucket)| bucket.first.load(Ordering::Relaxed) != 0);
        occupied.map(|(number, _)| number as u32)
    }

    /// The first node in the bucket of a hash.
    pub(super) fn first(&self, hash: u32) -> Option<Place<'_>> {
        self.nodes
            .at(self.bucket(hash)?.first.load(Ordering::Acquire))
    }

    #[inline(always)]
    fn bucket(&self, hash: u32) -> Option<&Bucket> {
        self.buckets.get(self.number(hash) as usize)
    }

    #[inline(always)]
    fn number(&self, hash: u32) -> u32 {
        (hash as usize & (self.buckets.len() - 1)) as u32
    }

    #[inline(always)]
    fn is_key(&self, memory: &Memory, found: &Place<'_>, key: &Sought<'_>) -> bool {
        let Cell { hash, key: own, .. } = found.cell;
        match key.key {
            Key::Short(words) => {
                let mut pairs = own.iter().zip(words);
                let same = pairs.all(|(own, word)| own.load(Ordering::Relaxed) == word);
                fence(Ordering::Acquire);
                same && hash.load(Ordering::Relaxed) == key.hash
            }
            Key::Long(bytes) => {
                let key_is = |addr| memory.peek_equals(addr, bytes);
                hash.load(Ordering::Relaxed) == key.hash
                    && self.nodes.key(found).is_some_and(key_is)
            }
        }
    }
}
