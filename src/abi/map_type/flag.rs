//! Map creation flags (`BPF_F_*` of `include/uapi/linux/bpf.h`, 6.12).
//!
//! What each type of map makes of them is not said here.

/// Elements are allocated when inserted.
pub const NO_PREALLOC: u32 = 1 << 0;
/// Every CPU has its own list of recently used elements.
pub const NO_COMMON_LRU: u32 = 1 << 1;
/// Memory comes from a given NUMA node.
pub const NUMA_NODE: u32 = 1 << 2;
/// User space may only read.
pub const RDONLY: u32 = 1 << 3;
/// User space may only write.
pub const WRONLY: u32 = 1 << 4;
/// The hash seed is zero.
pub const ZERO_SEED: u32 = 1 << 6;
/// Programs may only read.
pub const RDONLY_PROG: u32 = 1 << 7;
/// Programs may only write.
pub const WRONLY_PROG: u32 = 1 << 8;
/// User space may map the values.
pub const MMAPABLE: u32 = 1 << 10;
/// Perf events stay when the map that owns them is closed.
pub const PRESERVE_ELEMS: u32 = 1 << 11;
/// Inner maps may have another number of entries.
pub const INNER_MAP: u32 = 1 << 12;
