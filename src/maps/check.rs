//! The checks that creating a map passes, and what each failure is called.
//!
//! The rules and error numbers are those of `BPF_MAP_CREATE` in Linux 6.12, asked of a real kernel.
//! The limits of one machine's memory are not checked here.

mod kernel;
mod storage;

use crate::abi::MapType;
use crate::abi::map_type::flag::*;
use crate::machine::{Errno, ProgramAccess};
use crate::object::MapSpec;

use super::{MapError, PerCpu};

const ACCESS: u32 = RDONLY | WRONLY | RDONLY_PROG | WRONLY_PROG;

/// Largest allocation of the kernel's `kmalloc`.
const KMALLOC_MAX: u64 = 4 << 20;

/// Bookkeeping of a hash element before its key.
const HASH_ELEM: u64 = 48;

/// Largest value of a per-CPU map.
const PER_CPU_MAX: u64 = 32 << 10;

/// The kernel's page size on x86-64 and most of arm64.
const PAGE: u32 = 4096;

/// Checks what a map is declared as.
pub(super) fn check(spec: &MapSpec) -> Result<(), MapError> {
    let checked = check_any(spec).and_then(|()| match spec.map_type {
        MapType::Array | MapType::PercpuArray => check_array(spec),
        MapType::Hash | MapType::PercpuHash | MapType::LruHash | MapType::LruPercpuHash => {
            check_hash(spec)
        }
        MapType::ProgArray | MapType::PerfEventArray => check_fd_array(spec),
        MapType::ArrayOfMaps => check_fd_array(spec).and_then(|()| check_inner(spec)),
        MapType::HashOfMaps => check_hash_of_maps(spec),
        MapType::Ringbuf => check_ringbuf(spec),
        MapType::Queue | MapType::Stack => check_queue(spec),
        MapType::LpmTrie => check_lpm(spec),
        MapType::StackTrace => kernel::check_stack_trace(spec),
        MapType::CgroupArray => check_fd_array(spec),
        MapType::Devmap | MapType::DevmapHash | MapType::Cpumap | MapType::Xskmap => {
            kernel::check_redirect(spec)
        }
        MapType::Sockmap | MapType::Sockhash | MapType::ReuseportSockarray => {
            kernel::check_sockets(spec)
        }
        MapType::CgroupStorage | MapType::PercpuCgroupStorage => storage::check_cgroup(spec),
        MapType::SkStorage
        | MapType::InodeStorage
        | MapType::TaskStorage
        | MapType::CgrpStorage => storage::check_local(spec),
        MapType::BloomFilter => kernel::check_bloom(spec),
        MapType::UserRingbuf => check_ringbuf(spec),
        MapType::StructOps => kernel::check_struct_ops(spec),
        MapType::Arena => kernel::check_arena(spec),
        MapType::Unspec => Err((Errno::EINVAL, "the type is none")),
    });
    checked.map_err(|(errno, reason)| MapError::Refused {
        map: spec.name.clone(),
        errno,
        reason,
    })
}

/// How programs may access the map's values.
pub(super) fn program_access(spec: &MapSpec) -> ProgramAccess {
    if spec.flags & RDONLY_PROG != 0 {
        ProgramAccess::ReadOnly
    } else if spec.flags & WRONLY_PROG != 0 {
        ProgramAccess::WriteOnly
    } else {
        ProgramAccess::ReadWrite
    }
}

/// How the system call may access the map's values.
pub(super) fn user_access(spec: &MapSpec) -> ProgramAccess {
    if spec.flags & RDONLY != 0 {
        ProgramAccess::ReadOnly
    } else if spec.flags & WRONLY != 0 {
        ProgramAccess::WriteOnly
    } else {
        ProgramAccess::ReadWrite
    }
}

/// Whether a map may stand where the template of a map of maps was declared.
pub(super) fn is_same_shape(template: &MapSpec, map: &MapSpec) -> bool {
    let same_entries = match template.map_type {
        MapType::Array => {
            template.flags & INNER_MAP != 0 || template.max_entries == map.max_entries
        }
        _ => true,
    };
    template.map_type == map.map_type
        && template.key_size == map.key_size
        && template.value_size == map.value_size
        && template.flags == map.flags
        && same_entries
}

/// Whether the map keeps a value for each CPU.
pub(super) fn per_cpu(map_type: MapType) -> PerCpu {
    match map_type.is_per_cpu() {
        true => PerCpu::Yes,
        false => PerCpu::No,
    }
}

type Check = Result<(), (Errno, &'static str)>;

fn ensure(condition: bool, errno: Errno, reason: &'static str) -> Check {
    condition.then_some(()).ok_or((errno, reason))
}

fn check_flags(spec: &MapSpec, allowed: u32) -> Check {
    ensure(
        spec.flags & !allowed == 0,
        Errno::EINVAL,
        "a flag is not valid for the type",
    )?;
    let both = |one, other| spec.flags & one != 0 && spec.flags & other != 0;
    ensure(
        !both(RDONLY_PROG, WRONLY_PROG),
        Errno::EINVAL,
        "flags forbid programs to read and to write",
    )
}

fn check_sizes(spec: &MapSpec) -> Check {
    ensure(spec.max_entries != 0, Errno::EINVAL, "max_entries is 0")?;
    ensure(spec.key_size != 0, Errno::EINVAL, "key size is 0")?;
    ensure(spec.value_size != 0, Errno::EINVAL, "value size is 0")
}

fn check_per_cpu_value(spec: &MapSpec) -> Check {
    let size = u64::from(spec.value_size).next_multiple_of(8);
    let fits = per_cpu(spec.map_type) == PerCpu::No || size <= PER_CPU_MAX;
    ensure(
        fits,
        Errno::E2BIG,
        "value size of a per-CPU map is above 32768",
    )
}

/// What the kernel checks of every type, and first.
fn check_any(spec: &MapSpec) -> Check {
    ensure(
        spec.flags & RDONLY == 0 || spec.flags & WRONLY == 0,
        Errno::EINVAL,
        "flags forbid reading and writing",
    )?;
    ensure(
        spec.extra == 0 || matches!(spec.map_type, MapType::BloomFilter | MapType::Arena),
        Errno::EINVAL,
        "map_extra is not valid for the type",
    )
}

fn check_index_key(spec: &MapSpec) -> Check {
    check_sizes(spec)?;
    ensure(
        spec.key_size == 4,
        Errno::EINVAL,
        "key size of an array is not 4",
    )
}

fn check_array(spec: &MapSpec) -> Check {
    let more = if spec.map_type == MapType::Array {
        MMAPABLE | INNER_MAP
    } else {
        0
    };
    check_index_key(spec)?;
    check_flags(spec, NUMA_NODE | ACCESS | more)?;
    let numa = per_cpu(spec.map_type) == PerCpu::Yes && spec.flags & NUMA_NODE != 0;
    ensure(!numa, Errno::EINVAL, "a per-CPU map has no NUMA node")?;
    ensure(
        spec.value_size <= i32::MAX as u32,
        Errno::E2BIG,
        "value size is above 2147483647",
    )?;
    check_per_cpu_value(spec)
}

fn check_fd_array(spec: &MapSpec) -> Check {
    check_index_key(spec)?;
    ensure(spec.value_size == 4, Errno::EINVAL, "value size is not 4")?;
    let more = if spec.map_type == MapType::PerfEventArray {
        PRESERVE_ELEMS
    } else {
        0
    };
    check_flags(spec, NUMA_NODE | RDONLY | WRONLY | more)
}

fn check_hash(spec: &MapSpec) -> Check {
    let lru = matches!(spec.map_type, MapType::LruHash | MapType::LruPercpuHash);
    check_flags(
        spec,
        NO_PREALLOC | NO_COMMON_LRU | NUMA_NODE | ACCESS | ZERO_SEED,
    )?;
    let has = |flag| spec.flags & flag != 0;
    ensure(
        lru || !has(NO_COMMON_LRU),
        Errno::EINVAL,
        "BPF_F_NO_COMMON_LRU is for LRU maps only",
    )?;
    ensure(
        !lru || !has(NO_PREALLOC),
        Errno::ENOTSUPP,
        "an LRU map must be preallocated",
    )?;
    let numa = has(NUMA_NODE) && (per_cpu(spec.map_type) == PerCpu::Yes || has(NO_COMMON_LRU));
    ensure(!numa, Errno::EINVAL, "a per-CPU map has no NUMA node")?;
    check_sizes(spec)?;
    let size = u64::from(spec.key_size) + u64::from(spec.value_size);
    ensure(
        size < KMALLOC_MAX - HASH_ELEM,
        Errno::E2BIG,
        "key and value are above 4 MiB together",
    )?;
    check_per_cpu_value(spec)?;
    ensure(
        spec.max_entries <= 1 << 31,
        Errno::E2BIG,
        "max_entries is above 2147483648",
    )
}

fn check_hash_of_maps(spec: &MapSpec) -> Check {
    ensure(spec.value_size == 4, Errno::EINVAL, "value size is not 4")?;
    check_hash(spec)?;
    check_inner(spec)
}

fn check_inner(spec: &MapSpec) -> Check {
    let inner = spec
        .inner
        .as_ref()
        .ok_or((Errno::EINVAL, "inner map is not declared"))?;
    match inner.map_type {
        MapType::ArrayOfMaps | MapType::HashOfMaps => {
            Err((Errno::EINVAL, "inner map is a map of maps itself"))
        }
        MapType::ProgArray
        | MapType::CgroupStorage
        | MapType::PercpuCgroupStorage
        | MapType::StructOps => Err((Errno::ENOTSUPP, "inner map is of a type that cannot be one")),
        _ => Ok(()),
    }
}

fn check_ringbuf(spec: &MapSpec) -> Check {
    check_flags(spec, NUMA_NODE)?;
    ensure(
        spec.key_size == 0 && spec.value_size == 0,
        Errno::EINVAL,
        "a ring buffer has no keys or values",
    )?;
    let size = spec.max_entries;
    let valid = size.is_power_of_two() && size.is_multiple_of(PAGE);
    ensure(
        valid,
        Errno::EINVAL,
        "size is not a power of two and a multiple of the page size",
    )
}

fn check_queue(spec: &MapSpec) -> Check {
    ensure(spec.max_entries != 0, Errno::EINVAL, "max_entries is 0")?;
    ensure(spec.key_size == 0, Errno::EINVAL, "a queue has no keys")?;
    ensure(spec.value_size != 0, Errno::EINVAL, "value size is 0")?;
    check_flags(spec, NUMA_NODE | ACCESS)?;
    ensure(
        u64::from(spec.value_size) <= KMALLOC_MAX,
        Errno::E2BIG,
        "value size is above 4 MiB",
    )
}

fn check_lpm(spec: &MapSpec) -> Check {
    check_sizes(spec)?;
    ensure(
        spec.flags & NO_PREALLOC != 0,
        Errno::EINVAL,
        "BPF_F_NO_PREALLOC is missing",
    )?;
    check_flags(spec, NO_PREALLOC | NUMA_NODE | ACCESS)?;
    ensure(
        (5..=260).contains(&spec.key_size),
        Errno::EINVAL,
        "key size is not 5 to 260",
    )?;
    let limit = KMALLOC_MAX - 256 - 40;
    ensure(
        u64::from(spec.value_size) <= limit,
        Errno::EINVAL,
        "value size is above 4 MiB",
    )
}
