//! Maps: the storage that programs share with each other and with whoever reads them.
//!
//! No helper lives here, and no map reaches memory but through `machine`.
//!
//! Rules:
//! - Values live in guest memory and never move; keys and bookkeeping are out of programs' reach.
//! - What a map refuses it refuses with the error number of Linux 6.12.
//! - Every map may be used by any number of threads; an element is updated as atomically as in the
//!   kernel.
//! - Keys are listed in a fixed order, which each family states.
//!
//! To add a type: its checks in `check`, its operations in a file of its own, a variant of [`Body`] in `body`.

mod arena;
mod array;
mod bloom;
mod body;
mod cgroup;
mod check;
mod hash;
mod jenkins;
mod kernel_tables;
mod local;
mod lpm;
mod managed;
mod nested;
mod nodes;
mod ops;
mod perf;
mod prefix;
mod programs;
mod queue;
mod redirect;
mod ringbuf;
mod sockets;
mod stacks;
mod support;
mod table;
#[cfg(test)]
mod tests;
mod user;
mod user_ring;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use arena::{ArenaMap, Casts};
pub use array::ArrayMap;
pub use bloom::BloomFilter;
pub use body::Body;
pub use cgroup::{CgroupPlace, CgroupStorage};
pub use hash::HashMap;
pub use kernel_tables::StructOpsMap;
pub use local::{LocalStorage, WhenMissing};
pub use lpm::LpmTrie;
pub use managed::layout_of;
pub use nested::MapOfMaps;
pub use ops::{BPF_ANY, BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, MapEnv, MapOps};
pub use perf::{PerfEventArray, PerfRecord};
pub use programs::ProgArray;
pub use queue::Queue;
pub use redirect::{RedirectKind, RedirectMap};
pub use ringbuf::Ringbuf;
pub use sockets::{CgroupArray, SocketMap};
pub use stacks::StackTraces;
pub use support::{Support, support};
pub use table::MapTable;
pub use user::{Batch, BatchError, Pair};
pub use user_ring::{Drain, UserRingbuf};

use crate::abi::MapType;
use crate::abi::map_type::cpu_part;
use crate::isa::Size;
use crate::machine::{
    Addr, ArenaError, Awaited, Errno, Fault, Machine, MapId, Memory, ObjectKind, ObjectSpec,
    OutOfMemory, Owner, ProgramAccess, Timers,
};
use crate::object::{Initial, MapSpec, Origin};

use managed::Managed;

/// Bytes of the object that stands for a map: its id, and from [`SHOWN`] on what programs may read of it.
const HANDLE_LEN: u64 = 64;

/// The bytes of `struct bpf_map` that programs may read here: its sizes and flags.
const SHOWN: std::ops::Range<u64> = 24..52;

/// Where these lie in Linux 6.12: type, sizes of keys and values, the number of entries, flags.
const TYPE_AT: i64 = 24;
const KEY_SIZE_AT: i64 = 28;
const VALUE_SIZE_AT: i64 = 32;
const MAX_ENTRIES_AT: i64 = 36;
const EXTRA_AT: i64 = 40;
const FLAGS_AT: i64 = 48;

/// A map.
pub struct Map {
    /// Its id.
    pub id: MapId,
    /// The address that programs hold: the kernel's `struct bpf_map *`. It begins with the id.
    pub handle: Addr,
    /// What it was declared as.
    pub spec: MapSpec,
    memory: Arc<Memory>,
    body: Body,
    /// What its values hold beside data.
    managed: Option<Managed>,
    frozen: AtomicBool,
}

/// Why a map could not be created.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The kernel would refuse it.
    #[error("cannot create map {map}: {reason} ({errno})")]
    Refused {
        /// The map's name.
        map: String,
        /// The kernel's error number.
        errno: Errno,
        /// What is wrong.
        reason: &'static str,
    },
    /// It does not fit guest memory.
    #[error("cannot create map {map}: there is no memory for it (ENOMEM)")]
    OutOfMemory {
        /// The map's name.
        map: String,
        /// How much was wanted.
        source: OutOfMemory,
    },
    /// The initial contents of an arena do not fit it, or guest memory.
    #[error("cannot create map {map}")]
    Arena {
        /// The map's name.
        map: String,
        /// Why.
        source: ArenaError,
    },
    /// Its initial contents do not fit it.
    #[error("cannot create map {map}: {len} bytes of data for a value of {value_size}")]
    Data {
        /// The map's name.
        map: String,
        /// Bytes given.
        len: usize,
        /// Bytes of the value.
        value_size: u32,
    },
}

impl MapError {
    /// The error number with which the kernel would refuse the map.
    pub fn errno(&self) -> Errno {
        match self {
            MapError::Refused { errno, .. } => *errno,
            MapError::OutOfMemory { .. } | MapError::Arena { .. } => Errno::ENOMEM,
            MapError::Data { .. } => Errno::EINVAL,
        }
    }
}

impl Map {
    /// Creates a map of a machine, with the data of its section if it is one's, and frozen if that
    /// is read-only. Programs and inner maps are put in by whoever has them.
    ///
    /// A perf event array declared with no entries gets one for each CPU, as from libbpf.
    pub fn create(machine: &Machine, spec: &MapSpec) -> Result<Arc<Map>, MapError> {
        let mut spec = spec.clone();
        if spec.map_type == MapType::PerfEventArray && spec.max_entries == 0 {
            spec.max_entries = machine.cpus.count();
        }
        check::check(&spec)?;
        if let Some(inner) = &spec.inner {
            check::check(inner)?;
        }
        if matches!(spec.map_type, MapType::LruHash | MapType::LruPercpuHash) {
            let sharing = hash::Sharing::of(spec.flags);
            spec.max_entries = hash::capacity(sharing, spec.max_entries, machine.cpus.count());
        }
        let map = Map::build(machine, spec)?;
        map.fill()?;
        Ok(Arc::new(map))
    }

    fn build(machine: &Machine, spec: MapSpec) -> Result<Map, MapError> {
        let memory = machine.memory.clone();
        let id = machine.registry.next_map();
        let failed = |source| MapError::OutOfMemory {
            map: spec.name.clone(),
            source,
        };
        let shape = Shape {
            name: spec.name.as_str().into(),
            owner: Owner::Map(id),
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            access: match spec.origin {
                Origin::ReadOnlyData => ProgramAccess::ReadOnly,
                Origin::Declared | Origin::Data | Origin::StructOps { .. } => {
                    check::program_access(&spec)
                }
            },
            per_cpu: check::per_cpu(spec.map_type),
            cpus: machine.cpus.count(),
            timers: Arc::clone(&machine.timers),
            awaited: machine.grace.awaited().clone(),
            managed: spec
                .fields
                .fit(spec.map_type, spec.flags)
                .then(|| Managed::of(&spec, &machine.objects))
                .flatten(),
        };
        let body = Body::new(machine, id, &spec, &shape).map_err(failed)?;
        let Some(body) = body else {
            return Err(MapError::Refused {
                map: spec.name.clone(),
                errno: Errno::EINVAL,
                reason: "the type is none",
            });
        };
        let handle = ObjectSpec::new(ObjectKind::MapHandle, shape.name, shape.owner)
            .with_access(ProgramAccess::ReadOnly);
        let handle = match memory.allocate(HANDLE_LEN, &handle) {
            Ok(handle) => handle,
            Err(refusal) => {
                body.ops().release(&memory);
                return Err(failed(refusal));
            }
        };
        let named = memory.poke_uint(handle, Size::W, u64::from(id.0));
        debug_assert!(named.is_ok(), "a handle has room for the id: {named:?}");
        show(&memory, handle, &spec);
        Ok(Map {
            id,
            handle,
            spec,
            memory,
            body,
            managed: shape.managed,
            frozen: AtomicBool::new(false),
        })
    }

    fn fill(&self) -> Result<(), MapError> {
        if let (Body::Arena(arena), Initial::Data(data)) = (&self.body, &self.spec.initial) {
            return arena
                .pages()
                .write(0, data)
                .map_err(|error| MapError::Arena {
                    map: self.spec.name.clone(),
                    source: error,
                });
        }
        if let Initial::Data(data) = &self.spec.initial {
            let refusal = || MapError::Data {
                map: self.spec.name.clone(),
                len: data.len(),
                value_size: self.spec.value_size,
            };
            let fits = data.len() as u64 <= u64::from(self.spec.value_size);
            let value = self.array().filter(|_| fits).and_then(ArrayMap::base);
            let value = value.ok_or_else(refusal)?;
            self.memory.poke(value, data).map_err(|_| refusal())?;
        }
        if self.spec.origin == Origin::ReadOnlyData {
            self.freeze();
        }
        Ok(())
    }

    /// Its operations.
    pub fn ops(&self) -> &dyn MapOps {
        self.body.ops()
    }

    /// The value of an array or hash that an address lies in, and its key.
    pub fn around(&self, addr: Addr) -> Option<(Vec<u8>, Addr)> {
        match &self.body {
            Body::Array(array) => array.around(addr),
            Body::Hash(hash) => hash.around(&self.memory, addr),
            _ => None,
        }
    }

    /// What it is made of.
    pub fn body(&self) -> &Body {
        &self.body
    }
}

/// Lays out what programs may read of a map.
fn show(memory: &Memory, handle: Addr, spec: &MapSpec) {
    let fields = [
        (TYPE_AT, Size::W, u64::from(spec.map_type.number())),
        (KEY_SIZE_AT, Size::W, u64::from(spec.key_size)),
        (VALUE_SIZE_AT, Size::W, u64::from(spec.value_size)),
        (MAX_ENTRIES_AT, Size::W, u64::from(spec.max_entries)),
        (EXTRA_AT, Size::DW, spec.extra),
        (FLAGS_AT, Size::W, u64::from(spec.flags)),
    ];
    for (at, size, value) in fields {
        let shown = memory.poke_uint(handle.offset(at), size, value);
        debug_assert!(shown.is_ok(), "a handle has room for its fields: {shown:?}");
    }
    memory.set_window(handle, SHOWN);
}

impl Drop for Map {
    fn drop(&mut self) {
        self.body.ops().release(&self.memory);
        self.memory.free(self.handle);
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "map {} {} ({})",
            self.id, self.spec.name, self.spec.map_type
        )
    }
}

/// Values of at most so many bytes are copied in one go.
const SMALL_VALUE: usize = 64;

/// Whether each CPU has its own value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PerCpu {
    No,
    Yes,
}

impl PerCpu {
    /// Bytes of a part of a value as the system call sees it: of the only one, or of each CPU's.
    fn part(self, value_size: u32) -> usize {
        match self {
            PerCpu::No => value_size as usize,
            PerCpu::Yes => cpu_part(value_size),
        }
    }
}

/// What the families need to know of a map.
#[derive(Clone, Debug)]
struct Shape {
    name: Arc<str>,
    owner: Owner,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    access: ProgramAccess,
    per_cpu: PerCpu,
    cpus: u32,
    /// Where timers in its values are known.
    timers: Arc<Timers>,
    /// Where those note it who keep values until runs have ended.
    awaited: Awaited,
    /// What its values hold beside data.
    managed: Option<Managed>,
}

impl Shape {
    /// How many values each key has.
    fn copies(&self) -> usize {
        match self.per_cpu {
            PerCpu::No => 1,
            PerCpu::Yes => self.cpus as usize,
        }
    }

    /// How many bytes a value has, if those are few and nothing but data.
    fn small_value(&self) -> Option<u32> {
        let size = Some(self.value_size).filter(|size| *size as usize <= SMALL_VALUE);
        size.filter(|_| self.managed.is_none())
    }

    /// Reads the value of an update, as [`Shape::small_value`] allows it, where a program has it; nothing of another.
    #[inline(always)]
    fn read_small<'a>(
        &self,
        memory: &Memory,
        value: Addr,
        room: &'a mut [u8; SMALL_VALUE],
    ) -> Result<Option<&'a [u8]>, Fault> {
        let Some(bytes) = room.get_mut(..self.value_size as usize) else {
            return Ok(None);
        };
        memory.read(value, bytes)?;
        Ok(Some(bytes))
    }

    /// The names of the objects that hold the values: one, or one for each CPU.
    fn value_names(&self) -> Vec<Arc<str>> {
        match self.per_cpu {
            PerCpu::No => vec![self.name.clone()],
            PerCpu::Yes => (0..self.cpus)
                .map(|cpu| format!("{}@cpu{cpu}", self.name).into())
                .collect(),
        }
    }
}

impl Shape {
    /// Writes a value beside what it holds.
    #[inline(always)]
    fn write(&self, memory: &Memory, addr: Addr, value: &[u8]) -> Result<(), Errno> {
        match &self.managed {
            None => copy_value(memory, addr, value, self.value_size),
            Some(_) if value.len() != self.value_size as usize => Err(Errno::EINVAL),
            Some(managed) => managed.write(memory, addr, value),
        }
    }

    /// Hides what values hold in copies of them: of one, or of each CPU's.
    fn hide(&self, values: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut values = values?;
        if let Some(managed) = &self.managed {
            let copies = values.chunks_mut(self.per_cpu.part(self.value_size).max(1));
            copies.for_each(|copy| managed.hide(copy));
        }
        Some(values)
    }

    /// Releases what a value holds, timers included.
    fn release(&self, addr: Addr) {
        self.timers.release([addr], self.value_size);
        if let Some(managed) = &self.managed {
            managed.release(addr);
        }
    }
}

/// Writes a value of exactly that size.
fn copy_value(memory: &Memory, addr: Addr, value: &[u8], size: u32) -> Result<(), Errno> {
    match value.len() as u64 == u64::from(size) {
        true => memory.poke(addr, value).map_err(|_| Errno::EFAULT),
        false => Err(Errno::EINVAL),
    }
}

/// The values at those places as the system call gives them: one, or all CPUs' padded to 8 bytes.
fn gather(
    memory: &Memory,
    places: impl Iterator<Item = Option<Addr>>,
    size: u32,
    per_cpu: PerCpu,
) -> Option<Vec<u8>> {
    let mut values = Vec::new();
    for place in places {
        let end = values.len().saturating_add(per_cpu.part(size));
        values.extend(memory.peek_vec(place?, size).ok()?);
        values.resize(end, 0);
    }
    Some(values)
}

/// The parts of a value as the system call gives it: one, or one for each CPU.
fn scatter(value: &[u8], size: u32, per_cpu: PerCpu, copies: usize) -> Result<Vec<&[u8]>, Errno> {
    let (size, stride) = (size as usize, per_cpu.part(size));
    if stride == 0 || stride.checked_mul(copies) != Some(value.len()) {
        return Err(Errno::EINVAL);
    }
    Ok(value
        .chunks_exact(stride)
        .map(|part| part.get(..size).unwrap_or(part))
        .collect())
}
