//! What a map is made of: one body a family, and which family a type belongs to.
//!
//! What bodies do is in their own files.

use super::hash::WhenFull;
use super::queue::Discipline;
use super::{
    ArrayMap, HashMap, LpmTrie, Map, MapOfMaps, MapOps, PerfEventArray, ProgArray, Queue, Ringbuf,
    Shape,
};
use crate::abi::MapType;
use crate::machine::{Machine, OutOfMemory};

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
    Lpm(LpmTrie),
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
}

impl Body {
    /// The body of a map of that type; none if the type is not supported.
    pub(super) fn new(
        machine: &Machine,
        map_type: MapType,
        shape: &Shape,
    ) -> Result<Option<Body>, OutOfMemory> {
        let memory = &machine.memory;
        let hash = |when_full| Body::Hash(Box::new(HashMap::new(shape, when_full)));
        Ok(Some(match map_type {
            MapType::Array | MapType::PercpuArray => Body::Array(ArrayMap::new(memory, shape)?),
            MapType::Hash | MapType::PercpuHash => hash(WhenFull::Refuse),
            MapType::LruHash | MapType::LruPercpuHash => hash(WhenFull::Evict),
            MapType::ProgArray => Body::Programs(ProgArray::new(memory, shape)?),
            MapType::PerfEventArray => Body::Perf(PerfEventArray::new(shape, machine.cpus)),
            MapType::Ringbuf => Body::Ringbuf(Ringbuf::new(shape)),
            MapType::ArrayOfMaps => Body::Maps(MapOfMaps::array(memory, shape)?),
            MapType::HashOfMaps => Body::Maps(MapOfMaps::hash(shape)),
            MapType::Queue => Body::Queue(Queue::new(memory, shape, Discipline::Queue)?),
            MapType::Stack => Body::Queue(Queue::new(memory, shape, Discipline::Stack)?),
            MapType::LpmTrie => Body::Lpm(LpmTrie::new(shape)),
            MapType::Unspec
            | MapType::StackTrace
            | MapType::CgroupArray
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
            | MapType::UserRingbuf
            | MapType::CgrpStorage
            | MapType::Arena => return Ok(None),
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
            Body::Lpm(lpm) => lpm,
        }
    }
}
