//! The older storage of cgroups: a value for each cgroup and kind of hook that a program is
//! attached to.
//!
//! Rules:
//! - A value is made when a program that uses the map is attached, or first runs there; nobody else
//!   makes or deletes one.
//! - A key of 16 bytes is a cgroup's id and the hook's number; one of 8 bytes the id alone, and all
//!   hooks of the cgroup share the value.
//! - Keys are listed in their order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::managed::{Locking, split_lock};
use super::ops::{BPF_EXIST, MapEnv, MapOps};
use super::{PerCpu, Shape};
use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec};

/// Bytes of a key that is a cgroup's id alone.
const SHARED_KEY: u32 = 8;

/// Where in the tree of cgroups a program is attached, and to which kind of hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CgroupPlace {
    /// The cgroup's id.
    pub cgroup: u64,
    /// The hook's number (`enum bpf_attach_type`).
    pub hook: u32,
}

/// `cgroup_storage`, `percpu_cgroup_storage`.
#[derive(Debug)]
pub struct CgroupStorage {
    shape: Shape,
    /// The value of a place, or that of each CPU.
    values: Mutex<BTreeMap<CgroupPlace, Vec<Addr>>>,
}

impl CgroupStorage {
    pub(super) fn new(shape: &Shape) -> CgroupStorage {
        CgroupStorage {
            shape: shape.clone(),
            values: Mutex::default(),
        }
    }

    /// `bpf_get_local_storage` of a program that is attached there; none when memory is out.
    pub fn get(&self, env: &MapEnv<'_>, place: CgroupPlace) -> Option<Addr> {
        let place = match self.shape.key_size {
            SHARED_KEY => CgroupPlace { hook: 0, ..place },
            _ => place,
        };
        let mut values = self.lock();
        let of_cpu = match self.shape.per_cpu {
            PerCpu::No => 0,
            PerCpu::Yes => env.cpu.index(),
        };
        if let Some(found) = values.get(&place) {
            return found.get(of_cpu).copied();
        }
        let made = self.make(env.memory)?;
        let own = made.get(of_cpu).copied();
        values.insert(place, made);
        own
    }

    fn make(&self, memory: &Memory) -> Option<Vec<Addr>> {
        let mut made = Vec::new();
        for name in self.shape.value_names() {
            let spec = ObjectSpec::new(ObjectKind::MapValue, name, self.shape.owner.clone());
            let spec = spec.with_access(self.shape.access);
            match memory.allocate(u64::from(self.shape.value_size), &spec) {
                Ok(addr) => made.push(addr),
                Err(_) => {
                    made.iter().for_each(|addr| memory.free(*addr));
                    return None;
                }
            }
        }
        Some(made)
    }

    fn place(&self, key: &[u8]) -> Option<CgroupPlace> {
        let (cgroup, rest) = key.split_first_chunk::<8>()?;
        let hook = match self.shape.key_size {
            SHARED_KEY => 0,
            _ => u32::from_le_bytes(*rest.first_chunk::<4>()?),
        };
        let cgroup = u64::from_le_bytes(*cgroup);
        Some(CgroupPlace { cgroup, hook })
    }

    fn key(&self, place: CgroupPlace) -> Vec<u8> {
        let mut key = place.cgroup.to_le_bytes().to_vec();
        key.extend(place.hook.to_le_bytes());
        key.resize(self.shape.key_size as usize, 0);
        key
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CgroupPlace, Vec<Addr>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for CgroupStorage {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let values = self.lock();
        let mut places = values.keys();
        if let Some(key) = key {
            let place = self.place(key)?;
            // The kernel ends the list at a key that is not in it.
            places.by_ref().find(|known| **known == place)?;
        }
        places.next().map(|place| self.key(*place))
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let values = self.lock();
        let places = values.get(&self.place(key)?)?.iter().copied().map(Some);
        let size = self.shape.value_size;
        let values = super::gather(env.memory, places, size, self.shape.per_cpu);
        self.shape.hide(values)
    }

    fn place_user(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.lock().get(&self.place(key)?)?.first().copied()
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let Shape {
            value_size,
            per_cpu,
            ..
        } = self.shape;
        let (locking, flags) = split_lock(self.shape.managed.as_ref(), flags)?;
        if flags & !BPF_EXIST != 0 {
            return Err(Errno::EINVAL);
        }
        let values = self.lock();
        let place = self.place(key).ok_or(Errno::EINVAL)?;
        let places = values.get(&place).ok_or(Errno::ENOENT)?;
        let parts = super::scatter(value, value_size, per_cpu, self.shape.copies())?;
        let mut places = places.iter().zip(parts);
        places.try_for_each(|(addr, part)| match (locking, &self.shape.managed) {
            (Locking::Yes, Some(managed)) => managed.write_locked(env.memory, *addr, part),
            (Locking::Yes | Locking::No, _) => self.shape.write(env.memory, *addr, part),
        })
    }

    fn release(&self, memory: &Memory) {
        let values = self.lock();
        values
            .values()
            .flatten()
            .for_each(|addr| memory.free(*addr));
    }
}
