//! Maps of sockets and of cgroups, as far as the machine has them: it has cgroups by their ids, and
//! no sockets.
//!
//! Rules:
//! - Where the kernel wants a socket's descriptor there is none (`ENOTSOCK`), so that these maps
//!   stay empty and lookups find nothing.
//! - Where it wants a cgroup's, the cgroup's id stands for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Shape;
use super::ops::{BPF_ANY, BPF_EXIST, MapEnv, MapOps, index_of, next_index};
use crate::abi::MapType;
use crate::machine::{Addr, Errno, Memory, ROOT_CGROUP};

/// `sockmap`, `sockhash`, `reuseport_sockarray`.
#[derive(Debug)]
pub struct SocketMap {
    kind: SocketKind,
    max_entries: u32,
}

/// How sockets are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketKind {
    /// `sockmap`.
    Index,
    /// `sockhash`.
    Key,
    /// `reuseport_sockarray`.
    Reuseport,
}

impl SocketMap {
    pub(super) fn new(shape: &Shape, map_type: MapType) -> SocketMap {
        let kind = match map_type {
            MapType::Sockhash => SocketKind::Key,
            MapType::ReuseportSockarray => SocketKind::Reuseport,
            _ => SocketKind::Index,
        };
        SocketMap {
            kind,
            max_entries: shape.max_entries,
        }
    }

    fn beyond(&self, key: &[u8]) -> bool {
        self.kind != SocketKind::Key && index_of(key).is_none_or(|index| index >= self.max_entries)
    }
}

impl MapOps for SocketMap {
    fn lookup(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Addr> {
        None
    }

    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        Err(match self.kind {
            SocketKind::Index => Errno::EINVAL,
            SocketKind::Key => Errno::ENOENT,
            SocketKind::Reuseport if self.beyond(key) => Errno::E2BIG,
            SocketKind::Reuseport => Errno::ENOENT,
        })
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        match self.kind {
            SocketKind::Index | SocketKind::Reuseport => next_index(key, self.max_entries),
            SocketKind::Key => None,
        }
    }

    fn lookup_user(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn update_user(
        &self,
        _env: &MapEnv<'_>,
        key: &[u8],
        _value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        Err(match self.kind {
            _ if flags > BPF_EXIST => Errno::EINVAL,
            SocketKind::Reuseport if self.beyond(key) => Errno::E2BIG,
            SocketKind::Index | SocketKind::Key | SocketKind::Reuseport => Errno::ENOTSOCK,
        })
    }

    fn release(&self, _memory: &Memory) {}
}

/// `cgroup_array`.
#[derive(Debug)]
pub struct CgroupArray {
    max_entries: u32,
    /// Cgroups' ids by index.
    cgroups: Mutex<BTreeMap<u32, u64>>,
}

impl CgroupArray {
    pub(super) fn new(shape: &Shape) -> CgroupArray {
        CgroupArray {
            max_entries: shape.max_entries,
            cgroups: Mutex::default(),
        }
    }

    /// `bpf_current_task_under_cgroup` of a task in a cgroup: every cgroup but the root is one
    /// level below it.
    pub fn is_under(&self, index: u32, cgroup: u64) -> Result<bool, Errno> {
        if index >= self.max_entries {
            return Err(Errno::E2BIG);
        }
        let above = *self.lock().get(&index).ok_or(Errno::EAGAIN)?;
        Ok(above == cgroup || above == ROOT_CGROUP)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.cgroups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for CgroupArray {
    fn lookup(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Addr> {
        None
    }

    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let index = index_of(key).ok_or(Errno::EINVAL)?;
        match self.lock().remove(&index) {
            _ if index >= self.max_entries => Err(Errno::E2BIG),
            Some(_) => Ok(()),
            None => Err(Errno::ENOENT),
        }
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        next_index(key, self.max_entries)
    }

    /// The kernel tells nobody; readers here get the id.
    fn lookup_user(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let id = *self.lock().get(&index_of(key)?)?;
        Some((id as u32).to_le_bytes().to_vec())
    }

    fn update_user(
        &self,
        _env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let index = index_of(key).ok_or(Errno::EINVAL)?;
        let id = index_of(value).ok_or(Errno::EINVAL)?;
        match id {
            _ if flags != BPF_ANY => Err(Errno::EINVAL),
            _ if index >= self.max_entries => Err(Errno::E2BIG),
            0 => Err(Errno::EBADF),
            id => {
                self.lock().insert(index, u64::from(id));
                Ok(())
            }
        }
    }

    fn release(&self, _memory: &Memory) {}
}
