//! Maps of sockets and of cgroups.
//!
//! Rules:
//! - Where the kernel wants a socket's descriptor, the cookie of an open socket of the machine stands for it; of
//!   anything else it says that it is none (`ENOTSOCK`).
//! - Readers get cookies, as those of the kernel's maps with values of 8 bytes do.
//! - Where it wants a cgroup's descriptor, the cgroup's id stands for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shape;
use super::ops::{
    BPF_ANY, BPF_EXIST, Existence, MapEnv, MapOps, check_existence, index_of, next_index,
};
use crate::abi::MapType;
use crate::machine::{Addr, Errno, Memory, OpenSocket, ROOT_CGROUP, Sockets};

/// `sockmap`, `sockhash`, `reuseport_sockarray`.
#[derive(Debug)]
pub struct SocketMap {
    kind: SocketKind,
    max_entries: u32,
    value_size: u32,
    /// The machine's sockets.
    open: Arc<Sockets>,
    /// Those that are in it, by key.
    held: Mutex<BTreeMap<Vec<u8>, OpenSocket>>,
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
    pub(super) fn new(shape: &Shape, map_type: MapType, open: &Arc<Sockets>) -> SocketMap {
        let kind = match map_type {
            MapType::Sockhash => SocketKind::Key,
            MapType::ReuseportSockarray => SocketKind::Reuseport,
            _ => SocketKind::Index,
        };
        SocketMap {
            kind,
            max_entries: shape.max_entries,
            value_size: shape.value_size,
            open: Arc::clone(open),
            held: Mutex::default(),
        }
    }

    /// The socket at a key.
    pub fn socket(&self, key: &[u8]) -> Option<OpenSocket> {
        self.lock().get(key).copied()
    }

    /// Puts the socket at a place of guest memory in.
    ///
    /// # Errors
    /// There is no such socket (`EOPNOTSUPP`), no room, or the flags forbid it.
    pub fn put(&self, key: &[u8], socket: Addr, flags: u64) -> Result<(), Errno> {
        let socket = self.open.at(socket).ok_or(Errno::EOPNOTSUPP)?;
        self.insert(key, socket, flags)
    }

    fn insert(&self, key: &[u8], socket: OpenSocket, flags: u64) -> Result<(), Errno> {
        if flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        if self.beyond(key) {
            return Err(Errno::E2BIG);
        }
        let mut held = self.lock();
        let existence = match held.contains_key(key) {
            true => Existence::Present,
            false => Existence::Absent,
        };
        check_existence(flags, existence)?;
        if existence == Existence::Absent && held.len() >= self.max_entries as usize {
            return Err(Errno::E2BIG);
        }
        held.insert(key.to_vec(), socket);
        Ok(())
    }

    fn beyond(&self, key: &[u8]) -> bool {
        self.kind != SocketKind::Key && index_of(key).is_none_or(|index| index >= self.max_entries)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, OpenSocket>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for SocketMap {
    fn lookup(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.socket(key).map(|socket| socket.at)
    }

    /// Programs give a socket, not bytes: [`SocketMap::put`].
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        match self.lock().remove(key) {
            Some(_) => Ok(()),
            None => Err(match self.kind {
                SocketKind::Index => Errno::EINVAL,
                SocketKind::Key => Errno::ENOENT,
                SocketKind::Reuseport if self.beyond(key) => Errno::E2BIG,
                SocketKind::Reuseport => Errno::ENOENT,
            }),
        }
    }

    /// Keys of a hash are listed by rising bytes.
    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        match self.kind {
            SocketKind::Index | SocketKind::Reuseport => next_index(key, self.max_entries),
            SocketKind::Key => {
                let held = self.lock();
                let mut keys = held.keys();
                match key.filter(|key| held.contains_key(*key)) {
                    Some(key) => keys.find(|one| one.as_slice() > key).cloned(),
                    None => keys.next().cloned(),
                }
            }
        }
    }

    fn lookup_user(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let mut value = self.socket(key)?.cookie.to_le_bytes().to_vec();
        value.truncate(self.value_size as usize);
        Some(value)
    }

    fn update_user(
        &self,
        _env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        if flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        if self.kind == SocketKind::Reuseport && self.beyond(key) {
            return Err(Errno::E2BIG);
        }
        let bytes = value.iter().take(8).rev();
        let cookie = bytes.fold(0, |cookie, byte| cookie << 8 | u64::from(*byte));
        let socket = self.open.by_cookie(cookie).ok_or(Errno::ENOTSOCK)?;
        self.insert(key, socket, flags)
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
