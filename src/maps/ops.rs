//! What every map can be asked, by programs and by the system call.
//!
//! Keys have the map's key size when they arrive here; values are checked where their size depends
//! on who asks.

use std::fmt::Debug;

use crate::machine::{Addr, CpuId, Errno, Grace, Holder, Memory};

/// Where an operation on a map happens.
#[derive(Clone, Copy, Debug)]
pub struct MapEnv<'a> {
    /// Guest memory.
    pub memory: &'a Memory,
    /// The CPU whose values a per-CPU map answers with.
    pub cpu: CpuId,
    /// Who asks.
    pub(super) caller: Caller,
}

/// Who does something with a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A program's run: it has its CPU to itself.
    Run,
    /// Anybody else, at any time.
    Outside,
}

impl<'a> MapEnv<'a> {
    /// Of a program's run on a CPU, which has that CPU to itself until it ends.
    pub(crate) fn of_run(memory: &'a Memory, cpu: CpuId) -> MapEnv<'a> {
        MapEnv {
            memory,
            cpu,
            caller: Caller::Run,
        }
    }

    /// Of anybody else, on any thread.
    pub fn outside(memory: &'a Memory, cpu: CpuId) -> MapEnv<'a> {
        MapEnv {
            memory,
            cpu,
            caller: Caller::Outside,
        }
    }
}

/// Create or overwrite (`BPF_ANY`).
pub const BPF_ANY: u64 = 0;
/// Create only (`BPF_NOEXIST`).
pub const BPF_NOEXIST: u64 = 1;
/// Overwrite only (`BPF_EXIST`).
pub const BPF_EXIST: u64 = 2;

/// Write the value under its lock (`BPF_F_LOCK`).
pub const BPF_F_LOCK: u64 = 4;

/// The operations of a map, as the kernel's `struct bpf_map_ops` has them.
///
/// What a type does not have answers as the kernel does for it.
pub trait MapOps: Send + Sync + Debug {
    /// `bpf_map_lookup_elem` of a program: the address of the value, or of the inner map's handle.
    fn lookup(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Addr> {
        None
    }

    /// `bpf_map_lookup_percpu_elem`: the value of another CPU.
    fn lookup_on(&self, _env: &MapEnv<'_>, _key: &[u8], _cpu: CpuId) -> Option<Addr> {
        None
    }

    /// `bpf_map_update_elem` of a program; `value` has the value size.
    fn update(&self, env: &MapEnv<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno>;

    /// `bpf_map_delete_elem`, by program or system call.
    fn delete(&self, env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno>;

    /// The key after `key`, or the first one without `key` or when it is not in the map.
    fn next_key(&self, _env: &MapEnv<'_>, _key: Option<&[u8]>) -> Option<Vec<u8>> {
        None
    }

    /// `BPF_MAP_LOOKUP_ELEM` of the system call: a per-CPU map answers with the values of all CPUs
    /// in order, each padded to 8 bytes.
    fn lookup_user(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// `BPF_MAP_UPDATE_ELEM` of the system call; a per-CPU map wants the values of all CPUs.
    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno>;

    /// Where the value lies that user space finds under a key.
    fn place_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.lookup(env, key)
    }

    /// A run has ended: elements that were deleted go, if no other run may hold a pointer into them.
    fn end_of_run(&self, _memory: &Memory, _grace: &Grace) {}

    /// A task, inode, socket or cgroup is gone, and what hangs on it with it.
    fn holder_gone(&self, _holder: Holder) {}

    /// Frees the map's objects; nothing is asked of it afterwards.
    fn release(&self, memory: &Memory);
}

/// Checks the flags of an update, that for the lock aside: existence only.
pub(super) fn check_update_flags(flags: u64) -> Result<(), Errno> {
    match flags {
        BPF_ANY | BPF_NOEXIST | BPF_EXIST => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

/// Whether an update may go on, given whether the key exists.
pub(super) fn check_existence(flags: u64, existence: Existence) -> Result<(), Errno> {
    match (flags, existence) {
        (BPF_NOEXIST, Existence::Present) => Err(Errno::EEXIST),
        (BPF_EXIST, Existence::Absent) => Err(Errno::ENOENT),
        _ => Ok(()),
    }
}

/// Whether a key is in a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existence {
    /// It is.
    Present,
    /// It is not.
    Absent,
}

/// The index that an array's key is.
pub(super) fn index_of(key: &[u8]) -> Option<u32> {
    key.try_into().ok().map(u32::from_le_bytes)
}

/// The index that follows `key` in an array of `count` elements.
pub(super) fn next_index(key: Option<&[u8]>, count: u32) -> Option<Vec<u8>> {
    let next = match key.and_then(index_of) {
        Some(index) if index < count => index + 1,
        Some(_) | None => 0,
    };
    (next < count).then(|| next.to_le_bytes().to_vec())
}
