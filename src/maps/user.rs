//! What the system call does with a map: lookups, updates, deletions, in batches too, and freezing.
//!
//! Error numbers are those of Linux 6.12. Readers of the library get a little more than user space
//! does: [`Map::lookup_user`] and [`Map::entries`] also tell what the kernel keeps to itself.

use std::sync::atomic::Ordering;

use super::managed::{Locking, split_lock};
use super::{BPF_F_LOCK, Body, Map, MapEnv, RedirectKind, check};
use crate::abi::MapType;
use crate::machine::{Addr, CpuId, Errno, ProgramAccess};

/// What the system call wants to do to a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Read,
    Write,
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// What `BPF_MAP_LOOKUP_BATCH` gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Keys and values.
    pub pairs: Vec<Pair>,
    /// Where the next batch begins; none when this is the last one.
    pub next: Option<Vec<u8>>,
}

/// Why a batch ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{errno} after {done} elements")]
pub struct BatchError {
    /// How many elements were done before.
    pub done: usize,
    /// The error number.
    pub errno: Errno,
}

impl Map {
    /// Puts a map into this map of maps.
    pub fn insert_map(&self, key: &[u8], inner: &Map, flags: u64) -> Result<(), Errno> {
        self.check_user(key, Request::Write)?;
        let maps = self.maps().ok_or(Errno::EINVAL)?;
        let template = self.spec.inner.as_ref().ok_or(Errno::EINVAL)?;
        if !check::is_same_shape(template, &inner.spec) {
            return Err(Errno::EINVAL);
        }
        maps.insert(&self.env(), key, inner.handle, flags)
    }

    /// The value of a key: of a per-CPU map the values of all CPUs in order, each padded to 8
    /// bytes; of a map of programs or maps an id.
    pub fn lookup_user(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.check_user(key, Request::Read).ok()?;
        self.ops().lookup_user(&self.env(), key)
    }

    /// `BPF_MAP_LOOKUP_ELEM`: as [`Map::lookup_user`], with the kernel's error number.
    pub fn read_user(&self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.check_user(key, Request::Read)?;
        match self.unreadable() {
            Some(errno) => Err(errno),
            None => self
                .ops()
                .lookup_user(&self.env(), key)
                .ok_or(Errno::ENOENT),
        }
    }

    /// `BPF_MAP_LOOKUP_ELEM` with flags: with `BPF_F_LOCK` the value is copied under its lock.
    pub fn read_user_with(&self, key: &[u8], flags: u64) -> Result<Vec<u8>, Errno> {
        if flags & !BPF_F_LOCK != 0 {
            return Err(Errno::EINVAL);
        }
        self.check_user(key, Request::Read)?;
        let (Locking::Yes, _) = split_lock(self.managed.as_ref(), flags)? else {
            return self.read_user(key);
        };
        let place = self.ops().place_user(&self.env(), key);
        let place = place.ok_or(Errno::ENOENT)?;
        let managed = self.managed.as_ref().ok_or(Errno::EINVAL)?;
        managed.read_locked(&self.memory, place)
    }

    /// Where the value of a key lies, if it has one for all CPUs.
    pub fn element_user(&self, key: &[u8]) -> Option<Addr> {
        match self.spec.map_type.is_per_cpu() {
            true => None,
            false => self.ops().place_user(&self.env(), key),
        }
    }

    /// Sets the value of a key, as the system call does. Into a map of maps, use
    /// [`MapTable::update_user`](super::MapTable::update_user) or [`Map::insert_map`].
    pub fn update_user(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.check_user(key, Request::Write)?;
        self.ops().update_user(&self.env(), key, value, flags)
    }

    /// Deletes a key, as the system call does.
    pub fn delete_user(&self, key: &[u8]) -> Result<(), Errno> {
        self.check_user(key, Request::Write)?;
        self.ops().delete(&self.env(), key)
    }

    /// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`: takes a value out; of a queue or stack the next one.
    pub fn take_user(&self, key: &[u8], flags: u64) -> Result<Vec<u8>, Errno> {
        if flags & !BPF_F_LOCK != 0 {
            return Err(Errno::EINVAL);
        }
        self.check_user(key, Request::Read)?;
        self.check_user(key, Request::Write)?;
        match &self.body {
            Body::Queue(_) if flags != 0 => Err(Errno::EINVAL),
            Body::Queue(queue) => queue.pop(&self.memory),
            Body::Hash(_) => {
                let value = self.read_user_with(key, flags)?;
                self.ops().delete(&self.env(), key)?;
                Ok(value)
            }
            _ => Err(Errno::ENOTSUPP),
        }
    }

    /// `BPF_MAP_GET_NEXT_KEY`: the key after `key`, or the first one without `key` or when it is
    /// not in the map.
    pub fn next_key_user(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        if let Some(key) = key {
            self.check_user(key, Request::Read)?;
        }
        match &self.body {
            Body::Local(_) | Body::Ringbuf(_) | Body::UserRing(_) => Err(Errno::ENOTSUPP),
            Body::Bloom(_) | Body::Arena(_) => Err(Errno::EOPNOTSUPP),
            Body::Queue(_) => Err(Errno::EINVAL),
            _ => self.ops().next_key(&self.env(), key).ok_or(Errno::ENOENT),
        }
    }

    /// `BPF_MAP_LOOKUP_BATCH`: up to `count` elements, from where an earlier batch ended.
    ///
    /// The kernel gives the elements of a hash by buckets; ours go on after the last key, or from
    /// the start when that is gone.
    pub fn lookup_batch(&self, from: Option<&[u8]>, count: usize) -> Result<Batch, Errno> {
        self.check_request(Request::Read)?;
        match &self.body {
            Body::Array(_) | Body::Hash(_) | Body::Lpm(_) | Body::Maps(_) => {
                Ok(self.batch(from, count))
            }
            _ => Err(Errno::ENOTSUPP),
        }
    }

    /// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`: as [`Map::lookup_batch`], and what is given is deleted.
    pub fn take_batch(&self, count: usize) -> Result<Batch, Errno> {
        self.check_request(Request::Read)?;
        self.check_request(Request::Write)?;
        if !matches!(self.body, Body::Hash(_)) {
            return Err(Errno::ENOTSUPP);
        }
        let batch = self.batch(None, count);
        for (key, _) in &batch.pairs {
            // A program may have deleted it meanwhile.
            let _gone: Result<(), Errno> = self.ops().delete(&self.env(), key);
        }
        Ok(batch)
    }

    /// `BPF_MAP_UPDATE_BATCH`: all of them, up to the first that is refused.
    pub fn update_batch(&self, pairs: &[Pair]) -> Result<(), BatchError> {
        let has = matches!(self.body, Body::Array(_) | Body::Hash(_) | Body::Lpm(_));
        self.each(has, pairs.iter(), |(key, value)| {
            self.update_user(key, value, super::BPF_ANY)
        })
    }

    /// `BPF_MAP_DELETE_BATCH`: all of them, up to the first that is refused.
    pub fn delete_batch(&self, keys: &[Vec<u8>]) -> Result<(), BatchError> {
        let has = matches!(self.body, Body::Hash(_) | Body::Lpm(_))
            || self.spec.map_type == MapType::HashOfMaps;
        self.each(has, keys.iter(), |key| self.delete_user(key))
    }

    /// Does something to each element, if the type does that in batches.
    fn each<T>(
        &self,
        has: bool,
        elements: impl Iterator<Item = T>,
        then: impl Fn(T) -> Result<(), Errno>,
    ) -> Result<(), BatchError> {
        let failed = |done, errno| BatchError { done, errno };
        self.check_request(Request::Write)
            .map_err(|errno| failed(0, errno))?;
        if !has {
            return Err(failed(0, Errno::ENOTSUPP));
        }
        for (done, element) in elements.enumerate() {
            then(element).map_err(|errno| failed(done, errno))?;
        }
        Ok(())
    }

    fn batch(&self, from: Option<&[u8]>, count: usize) -> Batch {
        let env = self.env();
        let mut batch = Batch::default();
        let mut next = self.ops().next_key(&env, from);
        while let Some(key) = next {
            if batch.pairs.len() == count {
                batch.next = batch.pairs.last().map(|(last, _)| last.clone());
                return batch;
            }
            next = self.ops().next_key(&env, Some(&key));
            if let Some(value) = self.ops().lookup_user(&env, &key) {
                batch.pairs.push((key, value));
            }
        }
        batch
    }

    /// All keys and values as [`Map::lookup_user`] gives them, in the map's order; those of hash maps by rising key,
    /// read as a little-endian number.
    pub fn entries(&self) -> Vec<Pair> {
        let env = self.env();
        let first = self.ops().next_key(&env, None);
        let keys = std::iter::successors(first, |key| self.ops().next_key(&env, Some(key)));
        let pairs =
            keys.filter_map(|key| self.ops().lookup_user(&env, &key).map(|value| (key, value)));
        let mut pairs: Vec<_> = pairs.collect();
        if self.spec.map_type.is_hash() {
            pairs.sort_by(|(one, _), (other, _)| one.iter().rev().cmp(other.iter().rev()));
        }
        pairs
    }

    /// `BPF_MAP_FREEZE`: as [`Map::freeze`], with the kernel's error number.
    pub fn freeze_user(&self) -> Result<(), Errno> {
        match &self.body {
            Body::StructOps(_) => Err(Errno::ENOTSUPP),
            // A frozen map is one that may not be written, of which that is asked first.
            _ => {
                self.check_request(Request::Write)?;
                self.freeze();
                Ok(())
            }
        }
    }

    /// Lets the system call change it no more; programs still may.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    /// Whether the system call may change it no more.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }

    /// The error of every lookup, of types that user space cannot read.
    fn unreadable(&self) -> Option<Errno> {
        match &self.body {
            Body::Perf(_) | Body::Cgroups(_) | Body::Ringbuf(_) | Body::UserRing(_) => {
                Some(Errno::ENOTSUPP)
            }
            Body::Redirect(targets) if targets.kind() == RedirectKind::Sockets => {
                Some(Errno::EOPNOTSUPP)
            }
            Body::Bloom(_) => Some(Errno::EOPNOTSUPP),
            Body::Arena(_) => Some(Errno::EINVAL),
            // A socket's cookie has 8 bytes.
            Body::Sockets(_) if self.spec.value_size < 8 => Some(Errno::ENOSPC),
            _ => None,
        }
    }

    fn env(&self) -> MapEnv<'_> {
        MapEnv::outside(&self.memory, CpuId(0))
    }

    fn check_user(&self, key: &[u8], request: Request) -> Result<(), Errno> {
        self.check_request(request)?;
        match key.len() as u64 == u64::from(self.spec.key_size) {
            true => Ok(()),
            false => Err(Errno::EINVAL),
        }
    }

    fn check_request(&self, request: Request) -> Result<(), Errno> {
        let allowed = match (request, check::user_access(&self.spec)) {
            (Request::Read, access) => access != ProgramAccess::WriteOnly,
            (Request::Write, access) => access != ProgramAccess::ReadOnly && !self.is_frozen(),
        };
        match allowed {
            true => Ok(()),
            false => Err(Errno::EPERM),
        }
    }
}
