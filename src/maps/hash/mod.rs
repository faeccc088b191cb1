//! Hash maps: plain, per CPU, and those that evict the least recently used element.
//!
//! Rules:
//! - Lookups take no lock; updates and deletions take the bucket's, those of a map that evicts the map's.
//! - As in the kernel, an update of a plain map puts a new element in the place of the old one, so
//!   that a lookup finds the old value or the new one, whole; a per-CPU map is
//!   written in place. Values never move.
//! - Elements are reused at once, as in the kernel: of a plain map the one that a CPU gave back last is the next that it
//!   takes. A preallocated one keeps the one that a run replaced last apart: it is the next that replaces another there. Whoever
//!   still holds an element's address finds the new value there, and what it does to a timer there is done to the new
//!   element's.
//! - Keys are listed bucket by bucket, as in the kernel, but in an order that is the same in each run.
//! - An update of a map that evicts takes a node before it looks for the key, as in the kernel: it may evict an element
//!   though the key is there, and even the key's. `lru` says which element goes.

mod keys;
mod lists;
mod lru;
mod pool;
mod table;

use std::sync::atomic::Ordering;

use spin::mutex::{SpinMutex, SpinMutexGuard};
use spin::relax::Yield;

use crate::abi::map_type::flag::NO_PREALLOC;
use crate::machine::{Addr, CpuId, Errno, Fault, Memory};

use super::managed::{Locking, split_lock};
use super::nodes::Node;
use super::ops::{
    BPF_EXIST, Caller, Existence, MapEnv, MapOps, check_existence, check_update_flags,
};
use super::{PerCpu, SMALL_VALUE, Shape};
use keys::{SHORT, Sought};
use lru::{Elements, Lru};
pub(super) use lru::{Sharing, capacity};
use pool::Pool;
use table::{Held, Place, Table};

/// How often a search without a lock is tried.
const GLANCES: u32 = 8;

/// What happens when a full map is given another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// The update is refused.
    Refuse,
    /// Elements are evicted.
    Evict(Sharing),
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
    table: Table,
    supply: Supply,
    shape: Shape,
    allocation: Allocation,
}

/// Where nodes for elements come from.
#[derive(Debug)]
enum Supply {
    /// From those that are not in use, as long as there are some.
    Pool(Pool),
    /// From elements that are evicted, if need be; who changes such a map holds this.
    Lru(Box<SpinMutex<Lru, Yield>>),
}

/// What keeps a key's chain as it is: the key's bucket is held, or the whole map.
struct Hold<'a> {
    _bucket: Option<Held<'a>>,
    _map: Option<SpinMutexGuard<'a, Lru, Yield>>,
}

impl HashMap {
    pub(super) fn new(shape: &Shape, when_full: WhenFull, allocation: Allocation) -> HashMap {
        let (shape, cpus) = (shape.clone(), shape.cpus.max(1));
        let supply = match when_full {
            WhenFull::Refuse => Supply::Pool(Pool::new(shape.max_entries, cpus)),
            WhenFull::Evict(sharing) => {
                let lru = Lru::new(sharing, shape.max_entries, cpus);
                Supply::Lru(Box::new(SpinMutex::new(lru)))
            }
        };
        HashMap {
            table: Table::new(&shape),
            supply,
            shape,
            allocation,
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        let elements = match &self.supply {
            Supply::Pool(pool) => pool.elements(),
            Supply::Lru(lru) => lru.lock().elements(),
        };
        elements as usize
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`MapOps::lookup`], of a key of at most 16 bytes as two numbers in little-endian order; 0
    /// stands for none.
    #[inline(always)]
    pub fn lookup_short(&self, env: &MapEnv<'_>, key: [u64; 2]) -> u64 {
        let found = self.look_up(env, &Sought::of_words(key));
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
        let Some(bytes) = self.shape.read_small(env.memory, value, &mut room)? else {
            return Ok(Err(Errno::EINVAL));
        };
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
        self.shape.small_value()
    }

    /// The value that an address lies in, and its key.
    pub fn around(&self, memory: &Memory, addr: Addr) -> Option<(Vec<u8>, Addr)> {
        let found = self.table.nodes.around(addr)?;
        let value = self.table.nodes.values(&found).next()?;
        Some((self.table.key_of(memory, &found)?, value))
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
        match &self.supply {
            Supply::Pool(pool) => self.put_pooled(pool, env, (key, locking, flags), fill),
            Supply::Lru(lru) => self.put_evicting(&mut lru.lock(), env, (key, flags), fill),
        }
    }

    #[inline(always)]
    fn put_pooled(
        &self,
        pool: &Pool,
        env: &MapEnv<'_>,
        (key, locking, flags): (&Sought<'_>, Locking, u64),
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let _bucket = self.table.hold(key.hash);
        match self.table.find(env.memory, key) {
            Some(old) => {
                check_existence(flags, Existence::Present)?;
                match (locking, self.shape.per_cpu) {
                    (Locking::Yes, _) => fill(&old, Filling::Locked),
                    (Locking::No, PerCpu::No) => self.replace(pool, env, (key, &old), fill),
                    (Locking::No, PerCpu::Yes) => fill(&old, Filling::InPlace),
                }
            }
            None => {
                check_existence(flags, Existence::Absent)?;
                self.insert(pool, env, key, fill)
            }
        }
    }

    /// The same of a map that evicts: none of these has a lock in its values.
    fn put_evicting(
        &self,
        lru: &mut Lru,
        env: &MapEnv<'_>,
        (key, flags): (&Sought<'_>, u64),
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if self.shape.per_cpu == PerCpu::Yes && flags == BPF_EXIST {
            let old = self.table.find(env.memory, key).ok_or(Errno::ENOENT)?;
            self.mark(&old);
            return fill(&old, Filling::InPlace);
        }
        let node = lru.take(env.cpu, &Evicting { map: self, env })?;
        let free = match self.table.find(env.memory, key) {
            Some(old) => check_existence(flags, Existence::Present)
                .and_then(|()| self.put_over(env, key, (node, &old), fill))
                .map(Some),
            None => check_existence(flags, Existence::Absent)
                .and_then(|()| self.make(env, key, (node, fill)))
                .map(|place| {
                    self.table.link(&place);
                    None
                }),
        };
        if let Some(free) = free.unwrap_or(Some(node)) {
            lru.give(free);
        }
        free.map(drop)
    }

    /// Puts a value in the place of another, in a node that was taken for it, or writes over it; gives the node that is
    /// free then.
    fn put_over(
        &self,
        env: &MapEnv<'_>,
        key: &Sought<'_>,
        (node, old): (Node, &Place<'_>),
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<Node, Errno> {
        if self.shape.per_cpu == PerCpu::Yes {
            self.mark(old);
            return fill(old, Filling::InPlace).map(|()| node);
        }
        let place = self.make(env, key, (node, fill))?;
        self.mark(&place);
        self.table.replace(old, &place);
        self.release_values(old);
        Ok(old.node)
    }

    fn remove(&self, env: &MapEnv<'_>, key: &Sought<'_>) -> Result<(), Errno> {
        match &self.supply {
            Supply::Pool(pool) => {
                let _bucket = self.table.hold(key.hash);
                let node = self.take_out(env, key)?;
                pool.give(env.cpu, node);
                pool.count_out();
            }
            Supply::Lru(lru) => {
                let mut lru = lru.lock();
                lru.give(self.take_out(env, key)?);
            }
        }
        Ok(())
    }

    /// Takes a key's element out of the map; gives the node.
    fn take_out(&self, env: &MapEnv<'_>, key: &Sought<'_>) -> Result<Node, Errno> {
        let found = self.table.find(env.memory, key).ok_or(Errno::ENOENT)?;
        self.table.unlink(&found);
        self.release_values(&found);
        Ok(found.node)
    }

    #[inline(always)]
    fn look_up(&self, env: &MapEnv<'_>, key: &Sought<'_>) -> Option<Addr> {
        let found = self.find(env.memory, key)?;
        self.mark(&found);
        self.table.nodes.value(&found, env.cpu)
    }

    /// The node of a key, for whoever holds nothing.
    #[inline(always)]
    fn find(&self, memory: &Memory, key: &Sought<'_>) -> Option<Place<'_>> {
        match self.table.glance(memory, key) {
            Ok(found) => found,
            Err(_) => self.find_again(memory, key),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_again(&self, memory: &Memory, key: &Sought<'_>) -> Option<Place<'_>> {
        let found = (0..GLANCES).find_map(|_| self.table.glance(memory, key).ok());
        found.unwrap_or_else(|| {
            let _hold = self.hold(key.hash);
            self.table.find(memory, key)
        })
    }

    /// Holds a key's chain as it is.
    fn hold(&self, hash: u32) -> Hold<'_> {
        match &self.supply {
            Supply::Pool(_) => Hold {
                _bucket: self.table.hold(hash),
                _map: None,
            },
            Supply::Lru(lru) => Hold {
                _bucket: None,
                _map: Some(lru.lock()),
            },
        }
    }

    fn insert(
        &self,
        pool: &Pool,
        env: &MapEnv<'_>,
        key: &Sought<'_>,
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        pool.count_in()?;
        let place = self
            .take(pool, env)
            .and_then(|node| self.make_pooled(pool, env, key, (node, fill)));
        let place = place.inspect_err(|_| pool.count_out())?;
        self.table.link(&place);
        Ok(())
    }

    #[inline(always)]
    fn replace(
        &self,
        pool: &Pool,
        env: &MapEnv<'_>,
        (key, old): (&Sought<'_>, &Place<'_>),
        fill: impl Fn(&Place<'_>, Filling) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let apart = self.keeps_apart(env);
        let node = match apart.then(|| pool.take_apart(env.cpu)).flatten() {
            Some(node) => node,
            None => self.take(pool, env)?,
        };
        let place = self.make_pooled(pool, env, key, (node, fill))?;
        self.table.replace(old, &place);
        self.release_values(old);
        match apart {
            true => pool.put_apart(env.cpu, old.node),
            false => pool.give(env.cpu, old.node),
        }
        Ok(())
    }

    /// Whether a node that is replaced is kept apart: by runs, which have their CPUs to themselves.
    #[inline(always)]
    fn keeps_apart(&self, env: &MapEnv<'_>) -> bool {
        self.allocation == Allocation::Ahead && env.caller == Caller::Run
    }

    /// Gives a node that is not in use a key and values.
    #[inline(always)]
    fn make(
        &self,
        env: &MapEnv<'_>,
        key: &Sought<'_>,
        (node, fill): (Node, impl Fn(&Place<'_>, Filling) -> Result<(), Errno>),
    ) -> Result<Place<'_>, Errno> {
        let place = self.table.nodes.at(node).ok_or(Errno::ENOMEM)?;
        self.table.set_key(env.memory, &place, key);
        fill(&place, Filling::New)?;
        Ok(place)
    }

    /// The same with one of the pool, which goes back there if that fails.
    #[inline(always)]
    fn make_pooled(
        &self,
        pool: &Pool,
        env: &MapEnv<'_>,
        key: &Sought<'_>,
        (node, fill): (Node, impl Fn(&Place<'_>, Filling) -> Result<(), Errno>),
    ) -> Result<Place<'_>, Errno> {
        match self.make(env, key, (node, fill)) {
            Ok(place) => Ok(place),
            Err(errno) => {
                pool.give(env.cpu, node);
                Err(errno)
            }
        }
    }

    /// A node that is not in use.
    #[inline(always)]
    fn take(&self, pool: &Pool, env: &MapEnv<'_>) -> Result<Node, Errno> {
        let make = |node| self.table.nodes.ensure(env.memory, node);
        pool.take(env.cpu, make)
    }

    /// Releases what the values of a node hold.
    #[inline(always)]
    fn release_values(&self, found: &Place<'_>) {
        if self.shape.managed.is_some() || self.shape.timers.any() {
            self.release_held(found);
        }
    }

    #[cold]
    fn release_held(&self, found: &Place<'_>) {
        let values = self.table.nodes.values(found);
        values.for_each(|addr| self.shape.release(addr));
    }

    /// Notes that a program used an element.
    #[inline(always)]
    fn mark(&self, found: &Place<'_>) {
        let referenced = &found.cell.referenced;
        if matches!(self.supply, Supply::Lru(_)) && !referenced.load(Ordering::Relaxed) {
            referenced.store(true, Ordering::Relaxed);
        }
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
            for addr in self.table.nodes.values(place) {
                super::copy_value(env.memory, addr, &zeros, self.shape.value_size)?;
            }
        }
        let addr = self.table.nodes.value(place, env.cpu);
        let addr = addr.ok_or(Errno::EINVAL)?;
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

/// The elements of a map that evicts some.
struct Evicting<'a> {
    map: &'a HashMap,
    env: &'a MapEnv<'a>,
}

impl Elements for Evicting<'_> {
    fn take_used(&self, node: Node) -> bool {
        let cell = self.map.table.nodes.cell(node);
        cell.is_some_and(|cell| {
            let used = cell.referenced.load(Ordering::Relaxed);
            if used {
                cell.referenced.store(false, Ordering::Relaxed);
            }
            used
        })
    }

    fn is_used(&self, node: Node) -> bool {
        let cell = self.map.table.nodes.cell(node);
        cell.is_some_and(|cell| cell.referenced.load(Ordering::Relaxed))
    }

    fn make(&self, node: Node) -> Result<(), Errno> {
        let made = self.map.table.nodes.ensure(self.env.memory, node);
        made.map(drop).map_err(|_| Errno::ENOMEM)
    }

    fn evict(&self, node: Node) {
        if let Some(place) = self.map.table.nodes.at(node) {
            self.map.table.unlink(&place);
            self.map.release_values(&place);
        }
    }
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
        let own = key.map(Sought::of).and_then(|key| {
            let _hold = self.hold(key.hash);
            let found = self.table.find(env.memory, &key)?;
            let next = self.table.after(&found);
            Some((
                key.hash,
                next.map(|next| self.table.key_of(env.memory, &next)),
            ))
        });
        if let Some((_, Some(next))) = own {
            return next;
        }
        let mut buckets = self.table.occupied(own.map(|(hash, _)| hash));
        buckets.find_map(|hash| {
            let _hold = self.hold(hash);
            self.table.key_of(env.memory, &self.table.first(hash)?)
        })
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.find(env.memory, &Sought::of(key))?;
        let values = self.table.nodes.values(&found).map(Some);
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
            let mut places = self.table.nodes.values(place).zip(&parts);
            places.try_for_each(|(addr, part)| self.write(env.memory, addr, part, filling))
        })
    }

    fn release(&self, memory: &Memory) {
        if self.shape.managed.is_some() {
            let made = match &self.supply {
                Supply::Pool(pool) => pool.made(),
                Supply::Lru(lru) => lru.lock().made(),
            };
            let places = (1..=made).map_while(|node| self.table.nodes.at(node));
            places.for_each(|place| self.release_held(&place));
        }
        self.table.nodes.release(memory);
    }
}
