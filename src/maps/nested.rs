//! Maps of maps: what a program finds in them is the handle of another map.
//!
//! They keep handles, not maps: an inner map lives as long as the machine's table of maps.

use crate::isa::Size;
use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec, OutOfMemory, ProgramAccess};

use super::hash::{Allocation, HashMap, WhenFull};
use super::ops::{BPF_ANY, MapEnv, MapOps, index_of, next_index};
use super::{PerCpu, Shape};

/// A handle's size.
const HANDLE: u32 = 8;

/// `array_of_maps` and `hash_of_maps`.
#[derive(Debug)]
pub struct MapOfMaps {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Handles by index; null where there is none.
    Array { table: Addr, count: u32 },
    /// Handles by key.
    Hash(Box<HashMap>),
}

impl MapOfMaps {
    pub(super) fn array(memory: &Memory, shape: &Shape) -> Result<MapOfMaps, OutOfMemory> {
        let name = format!("maps of {}", shape.name);
        let spec = ObjectSpec::new(ObjectKind::KernelObject, name, shape.owner.clone())
            .with_access(ProgramAccess::None);
        let count = shape.max_entries;
        let table = memory.allocate(u64::from(count) * u64::from(HANDLE), &spec)?;
        Ok(MapOfMaps {
            kind: Kind::Array { table, count },
        })
    }

    pub(super) fn hash(shape: &Shape, allocation: Allocation) -> MapOfMaps {
        let access = ProgramAccess::None;
        let shape = Shape {
            value_size: HANDLE,
            per_cpu: PerCpu::No,
            access,
            ..shape.clone()
        };
        MapOfMaps {
            kind: Kind::Hash(Box::new(HashMap::new(&shape, WhenFull::Refuse, allocation))),
        }
    }

    /// Puts the map of that handle under a key.
    pub(super) fn insert(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        handle: Addr,
        flags: u64,
    ) -> Result<(), Errno> {
        match &self.kind {
            Kind::Array { .. } if flags != BPF_ANY => Err(Errno::EINVAL),
            Kind::Array { .. } => {
                let entry = self.entry(key).ok_or(Errno::E2BIG)?;
                env.memory
                    .poke_uint(entry, Size::DW, handle.0)
                    .map_err(|_| Errno::EFAULT)
            }
            Kind::Hash(hash) => hash.update(env, key, &handle.0.to_le_bytes(), flags),
        }
    }

    /// Where an array keeps the handle of an index.
    fn entry(&self, key: &[u8]) -> Option<Addr> {
        match &self.kind {
            Kind::Array { table, count } => {
                let index = index_of(key).filter(|index| index < count)?;
                Some(table.offset(i64::from(index) * i64::from(HANDLE)))
            }
            Kind::Hash(_) => None,
        }
    }
}

impl MapOps for MapOfMaps {
    fn lookup(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        let entry = match &self.kind {
            Kind::Array { .. } => self.entry(key)?,
            Kind::Hash(hash) => hash.lookup(env, key)?,
        };
        let handle = env.memory.peek_uint(entry, Size::DW).ok()?;
        Some(Addr(handle)).filter(|handle| !handle.is_null())
    }

    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        if let Kind::Hash(hash) = &self.kind {
            return hash.delete(env, key);
        }
        let entry = self.entry(key).ok_or(Errno::E2BIG)?;
        self.lookup(env, key).ok_or(Errno::ENOENT)?;
        env.memory
            .poke_uint(entry, Size::DW, 0)
            .map_err(|_| Errno::EFAULT)
    }

    fn next_key(&self, env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        match &self.kind {
            Kind::Array { count, .. } => next_index(key, *count),
            Kind::Hash(hash) => hash.next_key(env, key),
        }
    }

    /// The inner map's id, as its handle begins with it.
    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        env.memory.peek_vec(self.lookup(env, key)?, 4).ok()
    }

    fn update_user(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn release(&self, memory: &Memory) {
        match &self.kind {
            Kind::Array { table, .. } => memory.free(*table),
            Kind::Hash(hash) => hash.release(memory),
        }
    }
}
