//! What a map is made of: one body a family, and which family a type belongs to.
//!
//! What bodies do is in their own files.

use super::hash::{Allocation, Sharing, WhenFull};
use super::queue::Discipline;
use super::{
    ArenaMap, ArrayMap, BloomFilter, CgroupArray, CgroupStorage, HashMap, LocalStorage, LpmTrie,
    Map, MapOfMaps, MapOps, PerfEventArray, ProgArray, Queue, RedirectMap, Ringbuf, Shape,
    SocketMap, StackTraces, StructOpsMap, UserRingbuf,
};
use super::{local, redirect};
use crate::abi::MapType;
use crate::machine::{Machine, MapId, OutOfMemory};
use crate::object::MapSpec;

/// What a map is made of, by family.
#[derive(Debug)]
pub enum Body {
    /// `array`, `percpu_array`.
    Array(ArrayMap),
    /// `hash`, `percpu_hash`, `lru_hash`, `lru_percpu_hash`.
    Hash(Box<HashMap>),
    /// `prog_array`.
    Programs(ProgArray),
    /// `perf_event_array`.
    Perf(PerfEventArray),
    /// `ringbuf`.
    Ringbuf(Ringbuf),
    /// `array_of_maps`, `hash_of_maps`.
    Maps(MapOfMaps),
    /// `queue`, `stack`.
    Queue(Queue),
    /// `lpm_trie`.
    Lpm(Box<LpmTrie>),
    /// `sk_storage`, `inode_storage`, `task_storage`, `cgrp_storage`.
    Local(LocalStorage),
    /// `cgroup_storage`, `percpu_cgroup_storage`.
    Cgroup(CgroupStorage),
    /// `stack_trace`.
    Stacks(StackTraces),
    /// `bloom_filter`.
    Bloom(BloomFilter),
    /// `user_ringbuf`.
    UserRing(UserRingbuf),
    /// `devmap`, `devmap_hash`, `cpumap`, `xskmap`.
    Redirect(RedirectMap),
    /// `sockmap`, `sockhash`, `reuseport_sockarray`.
    Sockets(SocketMap),
    /// `cgroup_array`.
    Cgroups(CgroupArray),
    /// `struct_ops`.
    StructOps(StructOpsMap),
    /// `arena`.
    Arena(ArenaMap),
}

/// A method of [`Map`] for each body: the map as that, if it is one.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($part:ty),)*) => {
        impl Map {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> Option<&$part> {
                    if let Body::$variant(part) = &self.body {
                        Some(part)
                    } else {
                        None
                    }
                }
            )*
        }
    };
}

parts! {
    /// The map as an array.
    array: Array(ArrayMap),
    /// The map as a program array.
    programs: Programs(ProgArray),
    /// The map as a perf event array.
    perf: Perf(PerfEventArray),
    /// The map as a ring buffer.
    ringbuf: Ringbuf(Ringbuf),
    /// The map as a map of maps.
    maps: Maps(MapOfMaps),
    /// The map as a queue or stack.
    queue: Queue(Queue),
    /// The map as storage of tasks, inodes, sockets or cgroups.
    local: Local(LocalStorage),
    /// The map as the older storage of cgroups.
    cgroup: Cgroup(CgroupStorage),
    /// The map as a keeper of stacks.
    stacks: Stacks(StackTraces),
    /// The map as a bloom filter.
    bloom: Bloom(BloomFilter),
    /// The map as a user ring buffer.
    user_ringbuf: UserRing(UserRingbuf),
    /// The map as a list of where packets may be sent.
    redirect: Redirect(RedirectMap),
    /// The map as a map of sockets.
    sockets: Sockets(SocketMap),
    /// The map as an arena.
    arena: Arena(ArenaMap),
    /// The map as an array of cgroups.
    cgroups: Cgroups(CgroupArray),
}

impl Body {
    /// The body of a map; none of a type that is none.
    pub(super) fn new(
        machine: &Machine,
        id: MapId,
        spec: &MapSpec,
        shape: &Shape,
    ) -> Result<Option<Body>, OutOfMemory> {
        let memory = &machine.memory;
        let allocation = Allocation::of(spec.flags);
        let hash = |when_full| Body::Hash(Box::new(HashMap::new(shape, when_full, allocation)));
        Ok(Some(match spec.map_type {
            MapType::Array | MapType::PercpuArray => Body::Array(ArrayMap::new(memory, shape)?),
            MapType::Hash | MapType::PercpuHash => hash(WhenFull::Refuse),
            MapType::LruHash | MapType::LruPercpuHash => {
                hash(WhenFull::Evict(Sharing::of(spec.flags)))
            }
            MapType::ProgArray => {
                Body::Programs(ProgArray::new(memory, shape, machine.capabilities)?)
            }
            MapType::PerfEventArray => Body::Perf(PerfEventArray::new(shape, machine.cpus)),
            MapType::Ringbuf => Body::Ringbuf(Ringbuf::new(shape)),
            MapType::ArrayOfMaps => Body::Maps(MapOfMaps::array(memory, shape)?),
            MapType::HashOfMaps => Body::Maps(MapOfMaps::hash(shape, allocation)),
            MapType::Queue => Body::Queue(Queue::new(memory, shape, Discipline::Queue)?),
            MapType::Stack => Body::Queue(Queue::new(memory, shape, Discipline::Stack)?),
            MapType::LpmTrie => Body::Lpm(Box::new(LpmTrie::new(shape))),
            MapType::SkStorage
            | MapType::InodeStorage
            | MapType::TaskStorage
            | MapType::CgrpStorage => {
                Body::Local(LocalStorage::new(shape, local::holder_kind(spec.map_type)))
            }
            MapType::CgroupStorage | MapType::PercpuCgroupStorage => {
                Body::Cgroup(CgroupStorage::new(shape))
            }
            MapType::StackTrace => Body::Stacks(StackTraces::new(shape)),
            MapType::BloomFilter => Body::Bloom(BloomFilter::new(memory, shape, spec.extra)?),
            MapType::UserRingbuf => Body::UserRing(UserRingbuf::new(shape)),
            MapType::Devmap | MapType::DevmapHash | MapType::Cpumap | MapType::Xskmap => {
                let kind = redirect::kind(spec.map_type);
                Body::Redirect(RedirectMap::new(shape, kind, &machine.network))
            }
            MapType::Sockmap | MapType::Sockhash | MapType::ReuseportSockarray => {
                Body::Sockets(SocketMap::new(shape, spec.map_type, &machine.sockets))
            }
            MapType::CgroupArray => Body::Cgroups(CgroupArray::new(shape)),
            MapType::StructOps => Body::StructOps(StructOpsMap::new(shape, &spec.initial)),
            MapType::Arena => Body::Arena(ArenaMap::new(memory, id, spec)?),
            MapType::Unspec => return Ok(None),
        }))
    }

    pub(super) fn ops(&self) -> &dyn MapOps {
        match self {
            Body::Array(array) => array,
            Body::Hash(hash) => hash.as_ref(),
            Body::Programs(programs) => programs,
            Body::Perf(perf) => perf,
            Body::Ringbuf(ringbuf) => ringbuf,
            Body::Maps(maps) => maps,
            Body::Queue(queue) => queue,
            Body::Lpm(lpm) => lpm.as_ref(),
            Body::Local(storage) => storage,
            Body::Cgroup(storage) => storage,
            Body::Stacks(stacks) => stacks,
            Body::Bloom(bloom) => bloom,
            Body::UserRing(ring) => ring,
            Body::Redirect(targets) => targets,
            Body::Sockets(sockets) => sockets,
            Body::Cgroups(cgroups) => cgroups,
            Body::StructOps(table) => table,
            Body::Arena(arena) => arena,
        }
    }
}
