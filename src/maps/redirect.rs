//! Where XDP programs send packets: devices, CPUs, sockets.
//!
//! Rules:
//! - A device is one of the machine's. Any number but 0 is a socket, since the machine does not model those.
//! - An element that is replaced or deleted keeps its place until all runs of that time have ended.
//! - Programs for packets that arrive at an element are refused, as none can be attached there.
//! - `devmap_hash` lists its keys in rising order; the kernel promises none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shape;
use super::ops::{
    BPF_EXIST, BPF_NOEXIST, Existence, MapEnv, MapOps, check_existence, index_of, next_index,
};
use crate::abi::MapType;
use crate::isa::Size;
use crate::machine::{
    Addr, Errno, Grace, Limbo, Memory, Network, ObjectKind, ObjectSpec, ProgramAccess, Waiting,
};

/// The longest queue of a CPU.
const MAX_QUEUE: u32 = 16_384;
/// Bytes of an element with its program, whether it has one or not.
const ELEMENT: u64 = 8;

/// `devmap`, `devmap_hash`, `cpumap`, `xskmap`.
#[derive(Debug)]
pub struct RedirectMap {
    kind: RedirectKind,
    max_entries: u32,
    value_size: u32,
    cpus: u32,
    element: ObjectSpec,
    /// Whose devices those are.
    network: Arc<Network>,
    /// Whether elements wait for the end of runs.
    waiting: Waiting,
    inner: Mutex<Inner>,
}

/// What a map leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// Devices by index.
    Devices,
    /// Devices by key.
    DevicesByKey,
    /// CPUs by their number.
    Cpus,
    /// Sockets of user space, by the queue that they are bound to.
    Sockets,
}

#[derive(Debug, Default)]
struct Inner {
    elements: BTreeMap<u32, Addr>,
    /// Elements out of use that a program may still hold.
    limbo: Limbo<Addr>,
}

impl RedirectMap {
    pub(super) fn new(shape: &Shape, kind: RedirectKind, network: &Arc<Network>) -> RedirectMap {
        let object = match kind {
            RedirectKind::Sockets => ObjectKind::KernelObject,
            RedirectKind::Devices | RedirectKind::DevicesByKey | RedirectKind::Cpus => {
                ObjectKind::MapValue
            }
        };
        let element = ObjectSpec::new(object, shape.name.clone(), shape.owner.clone());
        RedirectMap {
            kind,
            max_entries: shape.max_entries,
            value_size: shape.value_size,
            cpus: shape.cpus,
            element: element.with_access(ProgramAccess::ReadOnly),
            network: Arc::clone(network),
            waiting: Waiting::new(&shape.awaited),
            inner: Mutex::default(),
        }
    }

    /// What it leads to.
    pub fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// The number that stands under a key: a device's, the length of a CPU's queue, a socket's.
    pub fn target(&self, memory: &Memory, index: u32) -> Option<u32> {
        let element = *self.lock().elements.get(&index)?;
        let number = memory.peek_uint(element, Size::W).ok()?;
        u32::try_from(number).ok()
    }

    /// All of them by rising key.
    pub fn targets(&self, memory: &Memory) -> Vec<u32> {
        let keys: Vec<u32> = self.lock().elements.keys().copied().collect();
        let target = |key: &u32| self.target(memory, *key);
        keys.iter().filter_map(target).collect()
    }

    /// Whether a value may stand under a key, and whether one shall.
    fn check(&self, key: u32, number: u32, flags: u64) -> Result<(), Errno> {
        if flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        let beyond = key >= self.max_entries;
        match self.kind {
            // The kernel takes every index for one that is there.
            RedirectKind::Devices | RedirectKind::Cpus if beyond => Err(Errno::E2BIG),
            RedirectKind::Devices | RedirectKind::Cpus if flags == BPF_NOEXIST => {
                Err(Errno::EEXIST)
            }
            RedirectKind::Cpus if number > MAX_QUEUE => Err(Errno::EOVERFLOW),
            RedirectKind::Cpus if key >= self.cpus => Err(Errno::ENODEV),
            RedirectKind::DevicesByKey if number == 0 => Err(Errno::EINVAL),
            RedirectKind::Sockets if beyond => Err(Errno::E2BIG),
            RedirectKind::Sockets if number == 0 => Err(Errno::EBADF),
            RedirectKind::Devices
            | RedirectKind::DevicesByKey
            | RedirectKind::Cpus
            | RedirectKind::Sockets => Ok(()),
        }
    }

    /// Checks what is there already, and that a device is.
    fn check_others(
        &self,
        inner: &Inner,
        (key, number): (u32, u32),
        flags: u64,
    ) -> Result<(), Errno> {
        let existence = match inner.elements.contains_key(&key) {
            true => Existence::Present,
            false => Existence::Absent,
        };
        match (self.kind, existence) {
            (RedirectKind::DevicesByKey, Existence::Present) if flags == BPF_NOEXIST => {
                Err(Errno::EEXIST)
            }
            (RedirectKind::Devices | RedirectKind::DevicesByKey, _)
                if number != 0 && self.network.device(number).is_none() =>
            {
                Err(Errno::EINVAL)
            }
            (RedirectKind::DevicesByKey, Existence::Absent)
                if inner.elements.len() >= self.max_entries as usize =>
            {
                Err(Errno::E2BIG)
            }
            (RedirectKind::Sockets, existence) => check_existence(flags, existence),
            (
                RedirectKind::Devices | RedirectKind::DevicesByKey | RedirectKind::Cpus,
                Existence::Present | Existence::Absent,
            ) => Ok(()),
        }
    }

    /// Takes out what stands under a key.
    fn remove(&self, inner: &mut Inner, key: u32) -> Option<Addr> {
        let old = inner.elements.remove(&key)?;
        self.put_away(inner, old);
        Some(old)
    }

    /// Keeps an element until nobody can hold it.
    fn put_away(&self, inner: &mut Inner, element: Addr) {
        inner.limbo.push(element);
        self.waiting.note();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a map of that type leads to.
pub(super) fn kind(map_type: MapType) -> RedirectKind {
    match map_type {
        MapType::DevmapHash => RedirectKind::DevicesByKey,
        MapType::Cpumap => RedirectKind::Cpus,
        MapType::Xskmap => RedirectKind::Sockets,
        _ => RedirectKind::Devices,
    }
}

impl MapOps for RedirectMap {
    fn lookup(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.lock().elements.get(&index_of(key)?).copied()
    }

    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let key = index_of(key).ok_or(Errno::EINVAL)?;
        let removed = self.remove(&mut self.lock(), key);
        match self.kind {
            RedirectKind::DevicesByKey => removed.map(|_| ()).ok_or(Errno::ENOENT),
            _ if key >= self.max_entries => Err(Errno::EINVAL),
            RedirectKind::Devices | RedirectKind::Cpus | RedirectKind::Sockets => Ok(()),
        }
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        if self.kind != RedirectKind::DevicesByKey {
            return next_index(key, self.max_entries);
        }
        let inner = self.lock();
        let known = key
            .and_then(index_of)
            .filter(|key| inner.elements.contains_key(key));
        let from = match known {
            Some(key) => key.checked_add(1)?,
            None => 0,
        };
        let (next, _) = inner.elements.range(from..).next()?;
        Some(next.to_le_bytes().to_vec())
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let element = self.lookup(env, key)?;
        env.memory.peek_vec(element, self.value_size).ok()
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let key = index_of(key).ok_or(Errno::EINVAL)?;
        let (number, program) = value.split_first_chunk::<4>().ok_or(Errno::EINVAL)?;
        let number = u32::from_le_bytes(*number);
        // A descriptor of a program is 0 or negative where there is none.
        let program = program.first_chunk::<4>();
        if program.is_some_and(|program| i32::from_le_bytes(*program) > 0) {
            return Err(Errno::EINVAL);
        }
        self.check(key, number, flags)?;
        let mut inner = self.lock();
        self.check_others(&inner, (key, number), flags)?;
        if number == 0 {
            self.remove(&mut inner, key);
            return Ok(());
        }
        let memory = env.memory;
        let made = memory
            .allocate(ELEMENT, &self.element)
            .map_err(|_| Errno::ENOMEM)?;
        let shown = match self.kind {
            // Programs see of a socket the queue that it is bound to.
            RedirectKind::Sockets => key,
            RedirectKind::Devices | RedirectKind::DevicesByKey | RedirectKind::Cpus => number,
        };
        let written = memory.poke_uint(made, Size::W, u64::from(shown));
        debug_assert!(written.is_ok(), "an element has room: {written:?}");
        let old = inner.elements.insert(key, made);
        if let Some(old) = old {
            self.put_away(&mut inner, old);
        }
        Ok(())
    }

    fn end_of_run(&self, memory: &Memory, grace: &Grace) {
        if !self.waiting.is_noted() {
            return;
        }
        let mut inner = self.lock();
        let gone = inner.limbo.settle(grace);
        gone.for_each(|addr| memory.free(addr));
        self.waiting.note_left(&inner.limbo);
    }

    fn release(&self, memory: &Memory) {
        let inner = self.lock();
        let all = inner.elements.values().chain(inner.limbo.iter());
        all.for_each(|addr| memory.free(*addr));
    }
}
