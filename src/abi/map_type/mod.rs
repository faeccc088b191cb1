//! Map types: number, name, first release, creation flags; what helpers may take.
//!
//! No map lives here, nor what the kernel demands of a new one: that is `maps`.

mod compatible;
pub mod flag;
#[cfg(test)]
mod tests;

pub use compatible::{map_func_compatible, may_update_sockmap};

use super::Version;

/// Bytes of each CPU's part of a value as the system call sees it: the value, padded to 8 bytes.
pub fn cpu_part(value_size: u32) -> usize {
    (value_size as usize).next_multiple_of(8)
}

/// A map type (`enum bpf_map_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapType {
    /// `unspec`, since 3.18.
    Unspec,
    /// `hash`, since 3.19.
    Hash,
    /// `array`, since 3.19.
    Array,
    /// `prog_array`, since 4.2.
    ProgArray,
    /// `perf_event_array`, since 4.3.
    PerfEventArray,
    /// `percpu_hash`, since 4.6.
    PercpuHash,
    /// `percpu_array`, since 4.6.
    PercpuArray,
    /// `stack_trace`, since 4.6.
    StackTrace,
    /// `cgroup_array`, since 4.8.
    CgroupArray,
    /// `lru_hash`, since 4.10.
    LruHash,
    /// `lru_percpu_hash`, since 4.10.
    LruPercpuHash,
    /// `lpm_trie`, since 4.11.
    LpmTrie,
    /// `array_of_maps`, since 4.12.
    ArrayOfMaps,
    /// `hash_of_maps`, since 4.12.
    HashOfMaps,
    /// `devmap`, since 4.14.
    Devmap,
    /// `sockmap`, since 4.14.
    Sockmap,
    /// `cpumap`, since 4.15.
    Cpumap,
    /// `xskmap`, since 4.18.
    Xskmap,
    /// `sockhash`, since 4.18.
    Sockhash,
    /// `cgroup_storage`, since 4.19.
    CgroupStorage,
    /// `reuseport_sockarray`, since 4.19.
    ReuseportSockarray,
    /// `percpu_cgroup_storage`, since 4.20.
    PercpuCgroupStorage,
    /// `queue`, since 4.20.
    Queue,
    /// `stack`, since 4.20.
    Stack,
    /// `sk_storage`, since 5.2.
    SkStorage,
    /// `devmap_hash`, since 5.4.
    DevmapHash,
    /// `struct_ops`, since 5.6.
    StructOps,
    /// `ringbuf`, since 5.8.
    Ringbuf,
    /// `inode_storage`, since 5.10.
    InodeStorage,
    /// `task_storage`, since 5.11.
    TaskStorage,
    /// `bloom_filter`, since 5.16.
    BloomFilter,
    /// `user_ringbuf`, since 6.1.
    UserRingbuf,
    /// `cgrp_storage`, since 6.2.
    CgrpStorage,
    /// `arena`, since 6.9.
    Arena,
}

/// Variant, name and first release, by number.
#[rustfmt::skip]
const TABLE: [(MapType, &str, Version); 34] = [
    (MapType::Unspec, "unspec", Version::new(3, 18)),
    (MapType::Hash, "hash", Version::new(3, 19)),
    (MapType::Array, "array", Version::new(3, 19)),
    (MapType::ProgArray, "prog_array", Version::new(4, 2)),
    (MapType::PerfEventArray, "perf_event_array", Version::new(4, 3)),
    (MapType::PercpuHash, "percpu_hash", Version::new(4, 6)),
    (MapType::PercpuArray, "percpu_array", Version::new(4, 6)),
    (MapType::StackTrace, "stack_trace", Version::new(4, 6)),
    (MapType::CgroupArray, "cgroup_array", Version::new(4, 8)),
    (MapType::LruHash, "lru_hash", Version::new(4, 10)),
    (MapType::LruPercpuHash, "lru_percpu_hash", Version::new(4, 10)),
    (MapType::LpmTrie, "lpm_trie", Version::new(4, 11)),
    (MapType::ArrayOfMaps, "array_of_maps", Version::new(4, 12)),
    (MapType::HashOfMaps, "hash_of_maps", Version::new(4, 12)),
    (MapType::Devmap, "devmap", Version::new(4, 14)),
    (MapType::Sockmap, "sockmap", Version::new(4, 14)),
    (MapType::Cpumap, "cpumap", Version::new(4, 15)),
    (MapType::Xskmap, "xskmap", Version::new(4, 18)),
    (MapType::Sockhash, "sockhash", Version::new(4, 18)),
    (MapType::CgroupStorage, "cgroup_storage", Version::new(4, 19)),
    (MapType::ReuseportSockarray, "reuseport_sockarray", Version::new(4, 19)),
    (MapType::PercpuCgroupStorage, "percpu_cgroup_storage", Version::new(4, 20)),
    (MapType::Queue, "queue", Version::new(4, 20)),
    (MapType::Stack, "stack", Version::new(4, 20)),
    (MapType::SkStorage, "sk_storage", Version::new(5, 2)),
    (MapType::DevmapHash, "devmap_hash", Version::new(5, 4)),
    (MapType::StructOps, "struct_ops", Version::new(5, 6)),
    (MapType::Ringbuf, "ringbuf", Version::new(5, 8)),
    (MapType::InodeStorage, "inode_storage", Version::new(5, 10)),
    (MapType::TaskStorage, "task_storage", Version::new(5, 11)),
    (MapType::BloomFilter, "bloom_filter", Version::new(5, 16)),
    (MapType::UserRingbuf, "user_ringbuf", Version::new(6, 1)),
    (MapType::CgrpStorage, "cgrp_storage", Version::new(6, 2)),
    (MapType::Arena, "arena", Version::new(6, 9)),
];

impl MapType {
    /// The type of that number.
    pub fn from_number(number: u32) -> Option<MapType> {
        let index = usize::try_from(number).ok()?;
        TABLE.get(index).map(|row| row.0)
    }

    /// The type of that name, as bpftool spells it.
    pub fn from_name(name: &str) -> Option<MapType> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Its name, as bpftool spells it.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The release that brought it.
    pub fn since(self) -> Version {
        TABLE[self as usize].2
    }

    /// Bytes of a value as the system call sees it: of maps with a value for each CPU, a part for each.
    pub fn user_value_size(self, value_size: u32, cpus: u32) -> usize {
        match self.is_per_cpu() {
            true => cpu_part(value_size).saturating_mul(cpus as usize),
            false => value_size as usize,
        }
    }

    /// Whether each key has a value for each CPU.
    pub fn is_per_cpu(self) -> bool {
        matches!(
            self,
            MapType::PercpuArray
                | MapType::PercpuHash
                | MapType::LruPercpuHash
                | MapType::PercpuCgroupStorage
        )
    }

    /// Whether it is a hash table, plain, per CPU, evicting or of maps.
    pub fn is_hash(self) -> bool {
        matches!(
            self,
            MapType::Hash
                | MapType::PercpuHash
                | MapType::LruHash
                | MapType::LruPercpuHash
                | MapType::HashOfMaps
        )
    }

    /// All of them, by number, `Unspec` aside.
    pub fn all() -> impl Iterator<Item = MapType> {
        TABLE.iter().skip(1).map(|row| row.0)
    }
}

impl std::fmt::Display for MapType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
