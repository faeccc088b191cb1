//! Storage that hangs on tasks, inodes, sockets and cgroups: a value for each that has one.
//!
//! In the kernel user space names a holder by a descriptor of it; here a key is the holder's
//! number, cut to the key's 4 bytes: the pid, the inode's number, the cgroup's id.
//!
//! Rules:
//! - Only programs make values by asking for them; the system call may too.
//! - A value lives as long as its holder, the map, or until it is deleted; a deleted one keeps its
//!   place until all runs of that time have ended.
//! - The kernel lists no keys of these maps. Readers here may, by rising number.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Shape;
use super::managed::{Locking, split_lock};
use super::ops::{Existence, MapEnv, MapOps, check_existence, check_update_flags};
use crate::abi::MapType;
use crate::machine::{
    Addr, Errno, Grace, Holder, HolderKind, Limbo, Memory, ObjectKind, ObjectSpec, Waiting,
};

/// `sk_storage`, `inode_storage`, `task_storage`, `cgrp_storage`.
#[derive(Debug)]
pub struct LocalStorage {
    kind: HolderKind,
    value: ObjectSpec,
    shape: Shape,
    /// Whether deleted values wait for the end of runs.
    waiting: Waiting,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Values by their holder's number.
    values: BTreeMap<u64, Addr>,
    /// Deleted values that a program may still hold.
    limbo: Limbo<Addr>,
}

/// Whether a value that is not there is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenMissing<'a> {
    /// It is not.
    Leave,
    /// It is made of zeros.
    Zero,
    /// It is made of these bytes.
    Fill(&'a [u8]),
}

impl LocalStorage {
    pub(super) fn new(shape: &Shape, kind: HolderKind) -> LocalStorage {
        let (name, owner) = (shape.name.clone(), shape.owner.clone());
        LocalStorage {
            kind,
            value: ObjectSpec::new(ObjectKind::MapValue, name, owner).with_access(shape.access),
            shape: shape.clone(),
            waiting: Waiting::new(&shape.awaited),
            inner: Mutex::default(),
        }
    }

    /// What its values hang on.
    pub fn kind(&self) -> HolderKind {
        self.kind
    }

    /// `bpf_…_storage_get`: the value of a holder, which may be made.
    pub fn get(&self, memory: &Memory, holder: Holder, missing: WhenMissing<'_>) -> Option<Addr> {
        let mut inner = self.lock();
        if holder.kind != self.kind {
            return None;
        }
        let found = inner.values.get(&holder.number).copied();
        let init = match missing {
            _ if found.is_some() => return found,
            WhenMissing::Leave => return None,
            WhenMissing::Zero => None,
            WhenMissing::Fill(bytes) => Some(bytes),
        };
        let made = self.make(memory, init).ok()?;
        inner.values.insert(holder.number, made);
        Some(made)
    }

    /// `bpf_…_storage_delete`.
    pub fn forget(&self, holder: Holder) -> Result<(), Errno> {
        let mut inner = self.lock();
        let of_kind = (holder.kind == self.kind).then_some(holder.number);
        let value = of_kind.and_then(|number| inner.values.remove(&number));
        let value = value.ok_or(Errno::ENOENT)?;
        self.shape.release(value);
        self.put_away(&mut inner, value);
        Ok(())
    }

    /// Keeps a value until nobody can hold it.
    fn put_away(&self, inner: &mut Inner, value: Addr) {
        inner.limbo.push(value);
        self.waiting.note();
    }

    fn make(&self, memory: &Memory, init: Option<&[u8]>) -> Result<Addr, Errno> {
        let size = u64::from(self.shape.value_size);
        let made = memory
            .allocate(size, &self.value)
            .map_err(|_| Errno::ENOMEM)?;
        if let Some(bytes) = init
            && let Err(errno) = self.shape.write(memory, made, bytes)
        {
            memory.free(made);
            return Err(errno);
        }
        Ok(made)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number that a key of the system call is.
    fn number(key: &[u8]) -> Option<u64> {
        key.try_into().ok().map(u32::from_le_bytes).map(u64::from)
    }
}

/// What the values of a map of that type hang on.
pub(super) fn holder_kind(map_type: MapType) -> HolderKind {
    match map_type {
        MapType::InodeStorage => HolderKind::Inode,
        MapType::CgrpStorage => HolderKind::Cgroup,
        MapType::SkStorage => HolderKind::Socket,
        _ => HolderKind::Task,
    }
}

impl MapOps for LocalStorage {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let number = LocalStorage::number(key).ok_or(Errno::EINVAL)?;
        let kind = self.kind;
        self.forget(Holder { kind, number })
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let inner = self.lock();
        let known = key
            .and_then(LocalStorage::number)
            .filter(|key| inner.values.contains_key(key));
        let from = known.map_or(0, |key| key + 1);
        let (next, _) = inner.values.range(from..).next()?;
        Some((*next as u32).to_le_bytes().to_vec())
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let number = LocalStorage::number(key)?;
        let addr = *self.lock().values.get(&number)?;
        let value = env.memory.peek_vec(addr, self.shape.value_size);
        self.shape.hide(value.ok())
    }

    fn place_user(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        let number = LocalStorage::number(key)?;
        self.lock().values.get(&number).copied()
    }

    /// As in the kernel, a value that is replaced gets another place.
    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let (locking, flags) = split_lock(self.shape.managed.as_ref(), flags)?;
        check_update_flags(flags)?;
        let number = LocalStorage::number(key).ok_or(Errno::EINVAL)?;
        let mut inner = self.lock();
        let existence = match inner.values.contains_key(&number) {
            true => Existence::Present,
            false => Existence::Absent,
        };
        check_existence(flags, existence)?;
        if let (Locking::Yes, Some(managed), Some(addr)) =
            (locking, &self.shape.managed, inner.values.get(&number))
        {
            return managed.write_locked(env.memory, *addr, value);
        }
        let made = self.make(env.memory, Some(value))?;
        let old = inner.values.insert(number, made);
        if let Some(old) = old {
            self.shape.release(old);
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

    fn holder_gone(&self, holder: Holder) {
        // It may never have had a value.
        let _had: Result<(), Errno> = self.forget(holder);
    }

    fn release(&self, memory: &Memory) {
        let inner = self.lock();
        let values = inner.values.values();
        values.for_each(|addr| self.shape.release(*addr));
        let all = inner.values.values().chain(inner.limbo.iter());
        all.for_each(|addr| memory.free(*addr));
    }
}
