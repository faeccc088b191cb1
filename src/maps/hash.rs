//! Hash maps: plain, per CPU, and those that evict the least recently used element.
//!
//! Rules:
//! - Lookups take no lock; updates and deletions take the map's.
//! - As in the kernel, an update of a plain map puts a new element in the place of the old one, so
//!   that readers see the old value or the new one and never half of each; a per-CPU map is
//!   written in place. Values never move.
//! - Elements are reused at once, as in the kernel: the one that was given back last is the next that is taken. A
//!   preallocated map keeps the one that was replaced last apart: it is the next that replaces another. Whoever
//!   still holds an element's address finds the new value there, and what it does to a timer there is done to the new
//!   element's.
//! - Keys are listed in the order in which they were inserted; the kernel promises no order.
//! - A full LRU map evicts one element for each that is inserted: the first in the order whose
//!   turn has come and that no program looked up or updated since its last turn. The kernel evicts
//!   in batches and from per-CPU lists, so that it may evict earlier; ours is the same in each run.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use spin::mutex::{SpinMutex, SpinMutexGuard};
use spin::relax::Yield;

use crate::abi::map_type::flag::NO_PREALLOC;
use crate::machine::{Addr, CpuId, Errno, Fault, Memory};

use super::keys::{Key, SHORT, Sought};
use super::managed::{Locking, split_lock};
use super::nodes::{Found, Keys, Node, Nodes};
use super::ops::{Existence, MapEnv, MapOps, check_existence, check_update_flags};
use super::order::Order;
use super::{PerCpu, Shape};

/// More buckets than this are not made: chains get longer instead.
const MAX_BUCKETS: u32 = 1 << 18;

/// Values of at most so many bytes are copied in one go.
const SMALL_VALUE: usize = 64;

/// What a lookup reads of a node.
#[derive(Debug, Default)]
struct Cell {
    /// The next node of the same bucket.
    next: AtomicU32,
    /// The key's hash.
    hash: AtomicU32,
    /// The key, if it is short.
    key: [AtomicU64; 2],
    /// Whether a program used the element since it was last considered for eviction.
    referenced: AtomicBool,
}

/// A node of a map.
type Place<'a> = Found<'a, Cell>;

/// What happens when a full map is given another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// The update is refused.
    Refuse,
    /// An element is evicted.
    Evict,
}

/// When the kernel allocates elements: it decides which one is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allocation {
    /// When the map is made.
    Ahead,
    /// When they are inserted.
    OnDemand,
}

impl Allocation {
    /// As the flags of a map have it.
    pub(super) fn of(flags: u32) -> Allocation {
        match flags & NO_PREALLOC {
            0 => Allocation::Ahead,
            _ => Allocation::OnDemand,
        }
    }
}

/// `hash`, `percpu_hash`, `lru_hash`, `lru_percpu_hash`.
#[derive(Debug)]
pub struct HashMap {
    buckets: Box<[AtomicU32]>,
    nodes: Nodes<Cell>,
    shape: Shape,
    when_full: WhenFull,
    allocation: Allocation,
    /// How often a node was reused: a lookup that missed meanwhile looks again.
    reuses: AtomicU64,
    writer: SpinMutex<Writer, Yield>,
}

#[derive(Debug, Default)]
struct Writer {
    order: Order,
    /// Nodes that may be used, the next one last.
    free: Vec<Node>,
    /// The node that was replaced last, if the map is preallocated.
    replaced: Option<Node>,
    /// Nodes that were ever in use.
    made: u32,
}

impl HashMap {
    pub(super) fn new(shape: &Shape, when_full: WhenFull, allocation: Allocation) -> HashMap {
        let buckets = shape.max_entries.clamp(1, MAX_BUCKETS).next_power_of_two();
        HashMap {
            buckets: (0..buckets).map(|_| AtomicU32::new(0)).collect(),
            nodes: Nodes::new(
                shape.clone(),
                match shape.key_size <= SHORT {
                    true => Keys::Elsewhere,
                    false => Keys::InMemory,
                },
            ),
            shape: shape.clone(),
            when_full,
            allocation,
            reuses: AtomicU64::new(0),
            writer: SpinMutex::default(),
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

    /// As [`MapOps::lookup`], of a key of at most 16 bytes as two numbers in little-endian order; 0
    /// stands for none.
    #[inline(always)]
    pub fn lookup_short(&self, env: &MapEnv<'_>, key: [u64; 2]) -> u64 {
        let [low, high] = key;
        let key = Sought::of_words(key);
        let before = self.reuses.load(Ordering::Acquire);
        let found = match self.find(env.memory, &key) {
            Some(found) => {
                self.mark(&found);
                self.nodes.value(&found, env.cpu)
            }
            None if self.reuses.load(Ordering::Acquire) == before => None,
            None => self.look_up_again(env.memory, env.cpu, (low, high)),
        };
        found.map_or(0, |addr| addr.0)
    }

    /// As [`MapOps::update`], of such a key and a value as [`HashMap::small_value`] allows, where
    /// a program has it.
    ///
    /// # Errors
    /// The program must not read the value.
    pub fn update_short(
        &self,
        env: &MapEnv<'_>,
        key: [u64; 2],
        value: Addr,
        flags: u64,
    ) -> Result<Result<(), Errno>, Fault> {
        let mut room = [0; SMALL_VALUE];
        let Some(bytes) = room.get_mut(..self.shape.value_size as usize) else {
            return Ok(Err(Errno::EINVAL));
        };
        env.memory.read(value, bytes)?;
        Ok(
            self.put(env, &Sought::of_words(key), flags, |node, filling| {
                self.fill_one(env, node, bytes, filling)
            }),
        )
    }

    /// As [`MapOps::delete`], of such a key.
    ///
    /// # Errors
    /// The key is not there.
    pub fn delete_short(&self, env: &MapEnv<'_>, key: [u64; 2]) -> Result<(), Errno> {
        self.remove(env, &Sought::of_words(key))
    }

    /// How many bytes a key has, if it has at most 16.
    pub fn short_key(&self) -> Option<u32> {
        Some(self.shape.key_size).filter(|size| *size <= SHORT)
    }

    /// How many bytes a value has, if [`HashMap::update_short`] takes it.
    pub fn small_value(&self) -> Option<u32> {
        let size = Some(self.shape.value_size).filter(|size| *size as usize <= SMALL_VALUE);
        size.filter(|_| self.shape.managed.is_none())
    }

    /// The value that an address lies in, and its key.
    pub fn around(&self, memory: &Memory, addr: Addr) -> Option<(Vec<u8>, Addr)> {
        let found = self.nodes.around(addr)?;
        let value = self.nodes.values(&found).next()?;
        Some((self.key_of(memory, &found)?, value))
    }

    /// Inserts or replaces; `fill` writes the values of the node it is given.
    #[inline(always)]
    fn put(
        &self,
        env: &MapEnv<'_>,
        key: &Sought<'_>,
        flags: u64,
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (locking, flags) = split_lock(self.shape.managed.as_ref(), flags)?;
        check_update_flags(flags)?;
        let mut writer = self.lock();
        match self.find(env.memory, key) {
            Some(old) => {
                check_existence(flags, Existence::Present)?;
                if locking == Locking::Yes {
                    return fill(&old, Filling::Locked);
                }
                self.replace(&mut writer, env.memory, key, &old, fill)
            }
            None => {
                check_existence(flags, Existence::Absent)?;
                self.insert(&mut writer, env.memory, key, fill)
            }
        }
    }

    fn remove(&self, env: &MapEnv<'_>, key: &Sought<'_>) -> Result<(), Errno> {
        let mut writer = self.lock();
        let found = self.find(env.memory, key).ok_or(Errno::ENOENT)?;
        self.unlink(&found);
        writer.order.remove(found.node);
        self.retire(&mut writer, found.node);
        Ok(())
    }

    fn look_up(&self, env: &MapEnv<'_>, key: &Sought<'_>) -> Option<Addr> {
        let found = self.node(env.memory, key)?;
        self.mark(&found);
        self.nodes.value(&found, env.cpu)
    }

    /// After a search that a reused node may have led astray.
    #[cold]
    #[inline(never)]
    fn look_up_again(&self, memory: &Memory, cpu: CpuId, (low, high): (u64, u64)) -> Option<Addr> {
        self.look_up(&MapEnv { memory, cpu }, &Sought::of_words([low, high]))
    }

    /// The node of a key.
    fn node(&self, memory: &Memory, key: &Sought<'_>) -> Option<Place<'_>> {
        let before = self.reuses.load(Ordering::Acquire);
        let found = self.find(memory, key);
        if found.is_none() && self.reuses.load(Ordering::Acquire) != before {
            // A reused node may have led the search astray.
            let _writer = self.lock();
            return self.find(memory, key);
        }
        found
    }

    /// Writers hold it for some nanoseconds, and letting go of it takes no atomic exchange.
    #[inline(always)]
    fn lock(&self) -> SpinMutexGuard<'_, Writer, Yield> {
        self.writer.lock()
    }

    fn bucket(&self, hash: u32) -> Option<&AtomicU32> {
        self.buckets.get(hash as usize & (self.buckets.len() - 1))
    }

    #[inline(always)]
    fn find(&self, memory: &Memory, key: &Sought<'_>) -> Option<Place<'_>> {
        let mut node = self.bucket(key.hash)?.load(Ordering::Acquire);
        loop {
            let found = self.nodes.at(node)?;
            if self.is_key(memory, &found, key) {
                return Some(found);
            }
            node = found.cell.next.load(Ordering::Acquire);
        }
    }

    #[inline(always)]
    fn is_key(&self, memory: &Memory, found: &Place<'_>, key: &Sought<'_>) -> bool {
        let Cell { hash, key: own, .. } = found.cell;
        match key.key {
            Key::Short(words) => own
                .iter()
                .zip(words)
                .all(|(own, word)| own.load(Ordering::Relaxed) == word),
            Key::Long(bytes) => {
                let key_is = |addr| memory.peek_equals(addr, bytes);
                hash.load(Ordering::Relaxed) == key.hash
                    && self.nodes.key(found).is_some_and(key_is)
            }
        }
    }

    /// Gives a node that is not in use a key.
    #[inline(always)]
    fn set_key(&self, memory: &Memory, place: &Place<'_>, key: &Sought<'_>) {
        place.cell.hash.store(key.hash, Ordering::Relaxed);
        place.cell.referenced.store(false, Ordering::Relaxed);
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
    fn key_of(&self, memory: &Memory, place: &Place<'_>) -> Option<Vec<u8>> {
        let size = self.shape.key_size;
        if let Some(addr) = self.nodes.key(place) {
            return memory.peek_vec(addr, size).ok();
        }
        let words = place.cell.key.iter();
        let bytes = words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        Some(bytes.take(size as usize).collect())
    }

    fn insert(
        &self,
        writer: &mut Writer,
        memory: &Memory,
        key: &Sought<'_>,
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if writer.order.len() >= self.shape.max_entries as usize {
            match self.when_full {
                WhenFull::Refuse => return Err(Errno::E2BIG),
                WhenFull::Evict => self.evict(writer),
            }
        }
        let node = self.take(writer, memory)?;
        let place = self.make(writer, memory, key, (node, fill))?;
        self.link(&place, key.hash);
        writer.order.push_back(place.node);
        Ok(())
    }

    #[inline(always)]
    fn replace(
        &self,
        writer: &mut Writer,
        memory: &Memory,
        key: &Sought<'_>,
        old: &Place<'_>,
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if self.shape.per_cpu == PerCpu::Yes {
            self.mark(old);
            return fill(old, Filling::InPlace);
        }
        let node = match writer.replaced.take() {
            Some(node) => self.used_again(node),
            None => self.take(writer, memory)?,
        };
        let place = self.make(writer, memory, key, (node, fill))?;
        self.mark(&place);
        self.link(&place, key.hash);
        self.unlink(old);
        writer.order.replace(old.node, place.node);
        self.release_values(old.node);
        match (self.allocation, self.when_full) {
            (Allocation::Ahead, WhenFull::Refuse) => writer.replaced = Some(old.node),
            (Allocation::Ahead, WhenFull::Evict) | (Allocation::OnDemand, _) => {
                writer.free.push(old.node);
            }
        }
        Ok(())
    }

    /// Gives a node that is not in use a key and values.
    #[inline(always)]
    fn make(
        &self,
        writer: &mut Writer,
        memory: &Memory,
        key: &Sought<'_>,
        (node, fill): (Node, impl Fn(&Place<'_>, Filling) -> Result<(), Errno>),
    ) -> Result<Place<'_>, Errno> {
        let place = self.nodes.at(node).ok_or(Errno::ENOMEM)?;
        self.set_key(memory, &place, key);
        if let Err(errno) = fill(&place, Filling::New) {
            writer.free.push(node);
            return Err(errno);
        }
        Ok(place)
    }

    /// Gives back a node that was unlinked.
    fn retire(&self, writer: &mut Writer, node: Node) {
        self.release_values(node);
        writer.free.push(node);
    }

    /// Releases what the values of a node hold.
    #[inline]
    fn release_values(&self, node: Node) {
        if self.shape.managed.is_some() || self.shape.timers.any() {
            self.release_held(node);
        }
    }

    #[cold]
    fn release_held(&self, node: Node) {
        if let Some(place) = self.nodes.at(node) {
            let values = self.nodes.values(&place);
            values.for_each(|addr| self.shape.release(addr));
        }
    }

    /// A node that is not in use.
    #[inline(always)]
    fn take(&self, writer: &mut Writer, memory: &Memory) -> Result<Node, Errno> {
        if let Some(node) = writer.free.pop() {
            return Ok(self.used_again(node));
        }
        let next = writer.made.checked_add(1).ok_or(Errno::ENOMEM)?;
        let made = self.nodes.ensure(memory, next);
        made.map_err(|_| Errno::ENOMEM)?;
        writer.made = next;
        Ok(next)
    }

    /// Counts the reuse of a node; only one thread at a time does.
    fn used_again(&self, node: Node) -> Node {
        let reuses = self.reuses.load(Ordering::Relaxed);
        self.reuses.store(reuses.wrapping_add(1), Ordering::Release);
        // Whoever sees what is done to the node afterwards sees that it is reused.
        fence(Ordering::Release);
        node
    }

    fn evict(&self, writer: &mut Writer) {
        // Each turn clears a mark, so that the second round finds one without.
        for _ in 0..=2 * writer.order.len() {
            let Some(node) = writer.order.pop_front() else {
                return;
            };
            let Some(found) = self.nodes.at(node) else {
                return;
            };
            if !found.cell.referenced.swap(false, Ordering::Relaxed) {
                self.unlink(&found);
                return self.retire(writer, node);
            }
            writer.order.push_back(node);
        }
    }

    /// Notes that a program used an element.
    #[inline(always)]
    fn mark(&self, found: &Place<'_>) {
        let referenced = &found.cell.referenced;
        if self.when_full == WhenFull::Evict && !referenced.load(Ordering::Relaxed) {
            referenced.store(true, Ordering::Relaxed);
        }
    }

    fn link(&self, place: &Place<'_>, hash: u32) {
        if let Some(bucket) = self.bucket(hash) {
            let next = bucket.load(Ordering::Relaxed);
            place.cell.next.store(next, Ordering::Relaxed);
            bucket.store(place.node, Ordering::Release);
        }
    }

    /// Takes a node out of its chain; its own link stays, for searches that stand on it.
    fn unlink(&self, found: &Place<'_>) {
        let Some(mut link) = self.bucket(found.cell.hash.load(Ordering::Relaxed)) else {
            return;
        };
        loop {
            match link.load(Ordering::Relaxed) {
                0 => return,
                node if node == found.node => break,
                other => match self.nodes.cell(other) {
                    Some(cell) => link = &cell.next,
                    None => return,
                },
            }
        }
        link.store(found.cell.next.load(Ordering::Relaxed), Ordering::Release);
    }

    /// Writes the value of the CPU at work; in a new element the other CPUs' values are zero.
    fn fill_one(
        &self,
        env: &MapEnv<'_>,
        place: &Place<'_>,
        value: &[u8],
        filling: Filling,
    ) -> Result<(), Errno> {
        if self.shape.per_cpu == PerCpu::Yes && filling == Filling::New {
            let zeros = vec![0; self.shape.value_size as usize];
            for addr in self.nodes.values(place) {
                super::copy_value(env.memory, addr, &zeros, self.shape.value_size)?;
            }
        }
        let addr = self.nodes.value(place, env.cpu).ok_or(Errno::EINVAL)?;
        self.write(env.memory, addr, value, filling)
    }

    /// Writes one value; what it held before is released where it stays in its place.
    #[inline(always)]
    fn write(
        &self,
        memory: &Memory,
        addr: Addr,
        value: &[u8],
        filling: Filling,
    ) -> Result<(), Errno> {
        match (&self.shape.managed, filling) {
            (None, _) | (Some(_), Filling::New) => self.shape.write(memory, addr, value),
            (Some(managed), Filling::Locked) => managed.write_locked(memory, addr, value),
            (Some(_), Filling::InPlace) => {
                let written = self.shape.write(memory, addr, value);
                self.shape.release(addr);
                written
            }
        }
    }
}

/// Where a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filling {
    /// Into an element that nobody sees yet.
    New,
    /// Over the one that is there.
    InPlace,
    /// The same, under its lock.
    Locked,
}

impl MapOps for HashMap {
    fn lookup(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.look_up(env, &Sought::of(key))
    }

    fn lookup_on(&self, env: &MapEnv<'_>, key: &[u8], cpu: CpuId) -> Option<Addr> {
        match self.shape.per_cpu {
            PerCpu::No => None,
            PerCpu::Yes => self.lookup(&MapEnv { cpu, ..*env }, key),
        }
    }

    fn update(&self, env: &MapEnv<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.put(env, &Sought::of(key), flags, |place, filling| {
            self.fill_one(env, place, value, filling)
        })
    }

    fn delete(&self, env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        self.remove(env, &Sought::of(key))
    }

    fn next_key(&self, env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let writer = self.lock();
        let found = key.and_then(|key| self.find(env.memory, &Sought::of(key)));
        let next = writer.order.after(found.map(|found| found.node))?;
        self.key_of(env.memory, &self.nodes.at(next)?)
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.node(env.memory, &Sought::of(key))?;
        let values = self.nodes.values(&found).map(Some);
        let values = super::gather(
            env.memory,
            values,
            self.shape.value_size,
            self.shape.per_cpu,
        );
        self.shape.hide(values)
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
        self.put(env, &Sought::of(key), flags, |place, filling| {
            let mut places = self.nodes.values(place).zip(&parts);
            places.try_for_each(|(addr, part)| self.write(env.memory, addr, part, filling))
        })
    }

    fn release(&self, memory: &Memory) {
        if self.shape.managed.is_some() {
            let made = self.lock().made;
            (1..=made).for_each(|node| self.release_held(node));
        }
        self.nodes.release(memory);
    }
}
