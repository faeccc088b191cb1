//! Checks of storage that hangs on objects of the kernel: tasks, inodes, sockets, cgroups.

use super::{ACCESS, Check, check_flags, ensure};
use crate::abi::MapType;
use crate::abi::map_type::flag::{CLONE, NO_PREALLOC, NUMA_NODE};
use crate::machine::Errno;
use crate::object::MapSpec;

/// Largest value (`BPF_LOCAL_STORAGE_MAX_VALUE_SIZE` on x86-64).
const MAX_VALUE: u32 = u16::MAX as u32 - 128;

/// Largest value of the old cgroup storage with one for each CPU.
const MAX_PER_CPU_VALUE: u32 = 32 << 10;

/// `sk_storage`, `inode_storage`, `task_storage`, `cgrp_storage`.
pub(super) fn check_local(spec: &MapSpec) -> Check {
    check_flags(spec, NO_PREALLOC | CLONE)?;
    ensure(
        spec.flags & NO_PREALLOC != 0,
        Errno::EINVAL,
        "BPF_F_NO_PREALLOC is missing",
    )?;
    check_no_entries(spec)?;
    ensure(spec.key_size == 4, Errno::EINVAL, "key size is not 4")?;
    ensure(spec.value_size != 0, Errno::EINVAL, "value size is 0")?;
    ensure(
        spec.key_type.is_some() && spec.value_type.is_some(),
        Errno::EINVAL,
        "key and value have no type",
    )?;
    ensure(
        spec.value_size <= MAX_VALUE,
        Errno::E2BIG,
        "value size is above 65407",
    )
}

/// `cgroup_storage`, `percpu_cgroup_storage`.
pub(super) fn check_cgroup(spec: &MapSpec) -> Check {
    let is_key = matches!(spec.key_size, 8 | 16);
    ensure(is_key, Errno::EINVAL, "key size is not 8 or 16")?;
    ensure(spec.value_size != 0, Errno::EINVAL, "value size is 0")?;
    let limit = match spec.map_type {
        MapType::PercpuCgroupStorage => MAX_PER_CPU_VALUE,
        _ => MAX_VALUE,
    };
    ensure(
        spec.value_size <= limit,
        Errno::E2BIG,
        "value size is above 65407, or 32768 of a per-CPU map",
    )?;
    check_flags(spec, NUMA_NODE | ACCESS)?;
    check_no_entries(spec)
}

fn check_no_entries(spec: &MapSpec) -> Check {
    ensure(
        spec.max_entries == 0,
        Errno::EINVAL,
        "max_entries is not 0, though elements come with what they hang on",
    )
}
