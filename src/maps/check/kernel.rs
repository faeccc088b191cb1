//! Checks of maps that hold what the kernel has: devices, CPUs, sockets, cgroups, stacks,
//! structures of functions; and of bloom filters and arenas.

use super::{ACCESS, Check, PAGE, check_flags, check_index_key, check_sizes, ensure};
use crate::abi::MapType;
use crate::abi::map_type::flag::{
    LINK, MMAPABLE, NO_USER_CONV, NUMA_NODE, RDONLY, SEGV_ON_FAULT, STACK_BUILD_ID,
    VTYPE_BTF_OBJ_FD, WRONLY, ZERO_SEED,
};
use crate::machine::Errno;
use crate::object::MapSpec;

/// The deepest stack (`kernel.perf_event_max_stack`).
const MAX_STACK: u32 = 127;
/// Bytes of `struct bpf_stack_build_id`.
const BUILD_ID: u32 = 32;
/// CPUs that a kernel can have (`NR_CPUS`).
const MAX_CPUS: u32 = 8192;
/// The largest key that fits a program's stack.
const MAX_KEY: u32 = 512;
/// Largest allocation of the kernel's `kmalloc`.
const KMALLOC_MAX: u32 = 4 << 20;
/// The most entries whose number can be rounded up to a power of two.
const MAX_BUCKETS: u32 = 1 << 31;
/// The most pages of an arena: 4 GiB.
const MAX_PAGES: u64 = 1 << 20;

/// `stack_trace`.
pub(super) fn check_stack_trace(spec: &MapSpec) -> Check {
    check_flags(spec, NUMA_NODE | RDONLY | WRONLY | STACK_BUILD_ID)?;
    check_index_key(spec)?;
    let frame = if spec.flags & STACK_BUILD_ID == 0 {
        8
    } else {
        BUILD_ID
    };
    ensure(
        spec.value_size >= 8 && spec.value_size.is_multiple_of(frame),
        Errno::EINVAL,
        "value size is no number of frames",
    )?;
    ensure(
        spec.value_size / frame <= MAX_STACK,
        Errno::EINVAL,
        "value size is above that of 127 frames",
    )
}

/// `devmap`, `devmap_hash`, `cpumap`, `xskmap`.
pub(super) fn check_redirect(spec: &MapSpec) -> Check {
    check_index_key(spec)?;
    match spec.map_type {
        MapType::Xskmap => ensure(spec.value_size == 4, Errno::EINVAL, "value size is not 4"),
        _ => check_word_or_two(spec),
    }?;
    if spec.map_type == MapType::Cpumap {
        check_flags(spec, NUMA_NODE)?;
        return ensure(
            spec.max_entries <= MAX_CPUS,
            Errno::E2BIG,
            "max_entries is above the number of CPUs",
        );
    }
    check_flags(spec, NUMA_NODE | RDONLY | WRONLY)
}

/// `sockmap`, `sockhash`, `reuseport_sockarray`.
pub(super) fn check_sockets(spec: &MapSpec) -> Check {
    let flags = match spec.map_type {
        MapType::ReuseportSockarray => NUMA_NODE | ACCESS,
        _ => NUMA_NODE | RDONLY | WRONLY,
    };
    check_word_or_two(spec)?;
    check_flags(spec, flags)?;
    if spec.map_type == MapType::Sockhash {
        check_sizes(spec)?;
        ensure(
            spec.key_size <= MAX_KEY,
            Errno::E2BIG,
            "key size is above 512",
        )?;
        return ensure(
            spec.max_entries <= MAX_BUCKETS,
            Errno::EINVAL,
            "max_entries is above 2147483648",
        );
    }
    check_index_key(spec)
}

/// `bloom_filter`.
pub(super) fn check_bloom(spec: &MapSpec) -> Check {
    ensure(
        spec.value_size <= KMALLOC_MAX,
        Errno::E2BIG,
        "value size is above 4 MiB",
    )?;
    ensure(
        spec.key_size == 0,
        Errno::EINVAL,
        "a bloom filter has no keys",
    )?;
    ensure(spec.value_size != 0, Errno::EINVAL, "value size is 0")?;
    ensure(spec.max_entries != 0, Errno::EINVAL, "max_entries is 0")?;
    check_flags(spec, NUMA_NODE | ZERO_SEED | ACCESS)?;
    ensure(
        spec.extra <= 15,
        Errno::EINVAL,
        "map_extra is above 15 hash functions",
    )
}

/// `struct_ops`.
pub(super) fn check_struct_ops(spec: &MapSpec) -> Check {
    ensure(spec.key_size == 4, Errno::EINVAL, "key size is not 4")?;
    ensure(spec.max_entries == 1, Errno::EINVAL, "max_entries is not 1")?;
    check_flags(spec, LINK | VTYPE_BTF_OBJ_FD)
}

/// `arena`.
pub(super) fn check_arena(spec: &MapSpec) -> Check {
    ensure(
        spec.key_size == 0 && spec.value_size == 0,
        Errno::EINVAL,
        "an arena has no keys or values",
    )?;
    ensure(spec.max_entries != 0, Errno::EINVAL, "max_entries is 0")?;
    check_flags(spec, MMAPABLE | SEGV_ON_FAULT | NO_USER_CONV)?;
    ensure(
        spec.flags & MMAPABLE != 0,
        Errno::EINVAL,
        "BPF_F_MMAPABLE is missing",
    )?;
    let page = u64::from(PAGE);
    ensure(
        spec.extra.is_multiple_of(page),
        Errno::EINVAL,
        "map_extra is no address of a page",
    )?;
    let pages = u64::from(spec.max_entries);
    ensure(pages <= MAX_PAGES, Errno::E2BIG, "it is above 4 GiB")?;
    let last = spec.extra.wrapping_add(pages * page - 1);
    ensure(
        spec.extra >> 32 == last >> 32,
        Errno::ERANGE,
        "it crosses a border of 4 GiB",
    )
}

fn check_word_or_two(spec: &MapSpec) -> Check {
    ensure(
        matches!(spec.value_size, 4 | 8),
        Errno::EINVAL,
        "value size is not 4 or 8",
    )
}
