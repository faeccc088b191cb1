//! What the kernel demands of the attributes of a new map (`map_alloc_check`, 6.12).
//!
//! Whether there is memory for the map is not asked.

use super::MapType;
use super::flag::*;

/// Why a map cannot be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// `EINVAL`.
    #[error("invalid attributes for a {map_type} map")]
    Invalid {
        /// The map's type.
        map_type: MapType,
    },
    /// `E2BIG`.
    #[error("{map_type} map is too big")]
    TooBig {
        /// The map's type.
        map_type: MapType,
    },
    /// `ENOTSUPP`.
    #[error("flags are not supported by {map_type} maps")]
    NotSupported {
        /// The map's type.
        map_type: MapType,
    },
}

impl CreateError {
    /// The error number of bpf(2), positive.
    pub fn errno(self) -> i32 {
        match self {
            CreateError::Invalid { .. } => 22,
            CreateError::TooBig { .. } => 7,
            CreateError::NotSupported { .. } => 524,
        }
    }
}

/// The attributes of a map to be.
struct Attributes {
    map_type: MapType,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

const USER_ACCESS: u32 = RDONLY | WRONLY;
const PROG_ACCESS: u32 = RDONLY_PROG | WRONLY_PROG;
const ACCESS: u32 = USER_ACCESS | PROG_ACCESS;

/// The largest object that `kmalloc` gives on x86-64.
const KMALLOC_MAX: u64 = 1 << 22;
/// Size of a hash element's header.
const HASH_HEADER: u64 = 48;
/// Size of a trie node's header.
const TRIE_HEADER: u64 = 40;
/// The longest prefix of a trie, in bytes.
const TRIE_DATA_MAX: u32 = 256;
/// The largest value of per-cpu maps.
const PERCPU_MAX: u64 = 32768;
/// The unit in which ring buffers are made.
const PAGE_SIZE: u32 = 4096;

/// Judges the attributes of a map to be created by root, with `numa_node` 0 and, for maps of maps,
/// a proper inner map. Types whose rules are not known here are taken as they are.
///
/// # Errors
/// What bpf(2) would answer.
pub fn check_create(
    map_type: MapType,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
) -> Result<(), CreateError> {
    let attributes = Attributes {
        map_type,
        key_size,
        value_size,
        max_entries,
        flags,
    };
    match map_type {
        MapType::Hash | MapType::PercpuHash | MapType::LruHash | MapType::LruPercpuHash => {
            attributes.check_hash()
        }
        MapType::HashOfMaps => {
            attributes.require(value_size == 4)?;
            attributes.check_hash()
        }
        MapType::Array | MapType::PercpuArray => attributes.check_array(),
        MapType::ProgArray
        | MapType::PerfEventArray
        | MapType::CgroupArray
        | MapType::ArrayOfMaps => {
            attributes.require(value_size == 4 && flags & PROG_ACCESS == 0)?;
            attributes.check_array()
        }
        MapType::Ringbuf | MapType::UserRingbuf => attributes.check_ringbuf(),
        MapType::Queue | MapType::Stack => attributes.check_queue(),
        MapType::LpmTrie => attributes.check_trie(),
        MapType::Unspec => Err(CreateError::Invalid { map_type }),
        MapType::StackTrace
        | MapType::Devmap
        | MapType::Sockmap
        | MapType::Cpumap
        | MapType::Xskmap
        | MapType::Sockhash
        | MapType::CgroupStorage
        | MapType::ReuseportSockarray
        | MapType::PercpuCgroupStorage
        | MapType::SkStorage
        | MapType::DevmapHash
        | MapType::StructOps
        | MapType::InodeStorage
        | MapType::TaskStorage
        | MapType::BloomFilter
        | MapType::CgrpStorage
        | MapType::Arena => Ok(()),
    }
}

impl Attributes {
    fn require(&self, holds: bool) -> Result<(), CreateError> {
        if holds {
            Ok(())
        } else {
            Err(CreateError::Invalid {
                map_type: self.map_type,
            })
        }
    }

    fn fit(&self, fits: bool) -> Result<(), CreateError> {
        if fits {
            Ok(())
        } else {
            Err(CreateError::TooBig {
                map_type: self.map_type,
            })
        }
    }

    fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// No flags but these, and no access that excludes all access.
    fn allow_flags(&self, allowed: u32) -> Result<(), CreateError> {
        self.require(self.flags & !allowed == 0)?;
        self.require(!self.has(USER_ACCESS) && !self.has(PROG_ACCESS))
    }

    fn is_percpu(&self) -> bool {
        let types = [
            MapType::PercpuHash,
            MapType::LruPercpuHash,
            MapType::PercpuArray,
        ];
        types.contains(&self.map_type)
    }

    fn percpu_value_fits(&self) -> bool {
        !self.is_percpu() || u64::from(self.value_size).next_multiple_of(8) <= PERCPU_MAX
    }

    fn check_hash(&self) -> Result<(), CreateError> {
        let lru = matches!(self.map_type, MapType::LruHash | MapType::LruPercpuHash);
        self.allow_flags(NO_PREALLOC | NO_COMMON_LRU | NUMA_NODE | ACCESS | ZERO_SEED)?;
        self.require(lru || !self.has(NO_COMMON_LRU))?;
        if lru && self.has(NO_PREALLOC) {
            return Err(CreateError::NotSupported {
                map_type: self.map_type,
            });
        }
        let spread = self.is_percpu() || self.has(NO_COMMON_LRU);
        self.require(!(spread && self.has(NUMA_NODE)))?;
        self.require(self.max_entries > 0 && self.key_size > 0 && self.value_size > 0)?;
        let element = u64::from(self.key_size) + u64::from(self.value_size);
        self.fit(element < KMALLOC_MAX - HASH_HEADER)?;
        self.fit(self.percpu_value_fits())?;
        self.fit(self.max_entries <= 1 << 31)
    }

    fn check_array(&self) -> Result<(), CreateError> {
        self.require(self.max_entries > 0 && self.key_size == 4 && self.value_size > 0)?;
        self.allow_flags(NUMA_NODE | MMAPABLE | ACCESS | PRESERVE_ELEMS | INNER_MAP)?;
        self.require(!(self.is_percpu() && self.has(NUMA_NODE)))?;
        let plain = self.map_type == MapType::Array;
        self.require(plain || self.flags & (MMAPABLE | INNER_MAP) == 0)?;
        let events = self.map_type == MapType::PerfEventArray;
        self.require(events || !self.has(PRESERVE_ELEMS))?;
        self.fit(i32::try_from(self.value_size).is_ok())?;
        self.fit(self.percpu_value_fits())
    }

    fn check_ringbuf(&self) -> Result<(), CreateError> {
        self.allow_flags(NUMA_NODE)?;
        self.require(self.key_size == 0 && self.value_size == 0)?;
        self.require(self.max_entries.is_power_of_two() && self.max_entries >= PAGE_SIZE)
    }

    fn check_queue(&self) -> Result<(), CreateError> {
        self.require(self.max_entries > 0 && self.key_size == 0 && self.value_size > 0)?;
        self.allow_flags(NUMA_NODE | ACCESS)?;
        self.fit(u64::from(self.value_size) <= KMALLOC_MAX)
    }

    fn check_trie(&self) -> Result<(), CreateError> {
        self.allow_flags(NO_PREALLOC | NUMA_NODE | ACCESS)?;
        self.require(self.max_entries > 0 && self.has(NO_PREALLOC))?;
        self.require((5..=4 + TRIE_DATA_MAX).contains(&self.key_size))?;
        let largest = KMALLOC_MAX - u64::from(TRIE_DATA_MAX) - TRIE_HEADER;
        self.require(self.value_size > 0 && u64::from(self.value_size) <= largest)
    }
}
