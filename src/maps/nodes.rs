//! The elements of a hash map: numbered nodes that never move, each with a key and its values.
//!
//! Storage only: which nodes are in use is the hash map's affair.
//!
//! Rules:
//! - Nodes are numbered from 1; they come in segments, each twice as large as the one before.
//! - Keys and values lie in guest memory: values one object a segment (and CPU), keys another.
//! - What a lookup needs is read without a lock; a segment is made once and stays.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::machine::{
    Addr, CpuId, Memory, ObjectKind, ObjectSpec, OutOfMemory, ProgramAccess, Stride,
};

use super::{PerCpu, Shape};

/// No more segments than doublings of a 32-bit count.
const SEGMENTS: usize = 32;

/// The number of a node; 0 stands for none.
pub(super) type Node = u32;

/// What a lookup reads of a node.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// The next node of the same bucket.
    pub(super) next: AtomicU32,
    /// The key's hash.
    pub(super) hash: AtomicU32,
    /// Whether a program used the element since it was last considered for eviction.
    pub(super) referenced: AtomicBool,
}

#[derive(Debug)]
struct Segment {
    cells: Box<[Cell]>,
    keys: Addr,
    /// The object of values, or that of each CPU.
    values: Vec<Addr>,
}

/// All nodes of a map.
#[derive(Debug)]
pub(super) struct Nodes {
    segments: [OnceLock<Segment>; SEGMENTS],
    /// The first segment has 2^`shift` nodes.
    shift: u32,
    shape: Shape,
    key_stride: u32,
    value_stride: u32,
}

impl Nodes {
    pub(super) fn new(shape: Shape) -> Nodes {
        let key_stride = Stride::of(shape.key_size).map_or(0, Stride::stride);
        let value_stride = Stride::of(shape.value_size).map_or(0, Stride::stride);
        let bytes = u64::from(key_stride) + u64::from(value_stride);
        let first = (16_384 / bytes.max(1))
            .clamp(1, 64)
            .min(u64::from(shape.max_entries).max(1));
        Nodes {
            segments: [const { OnceLock::new() }; SEGMENTS],
            shift: first.ilog2(),
            shape,
            key_stride,
            value_stride,
        }
    }

    /// What a lookup reads of a node.
    pub(super) fn cell(&self, node: Node) -> Option<&Cell> {
        let (segment, slot) = self.place(node)?;
        segment.cells.get(slot as usize)
    }

    /// Whether the node's key is this one.
    pub(super) fn key_is(&self, memory: &Memory, node: Node, key: &[u8]) -> bool {
        self.key_addr(node)
            .is_some_and(|addr| memory.peek_equals(addr, key))
    }

    /// The node's key.
    pub(super) fn key(&self, memory: &Memory, node: Node) -> Option<Vec<u8>> {
        memory
            .peek_vec(self.key_addr(node)?, self.shape.key_size)
            .ok()
    }

    /// Where the node's value on a CPU is.
    pub(super) fn value(&self, node: Node, cpu: CpuId) -> Option<Addr> {
        let (segment, slot) = self.place(node)?;
        let base = match self.shape.per_cpu {
            PerCpu::No => segment.values.first(),
            PerCpu::Yes => segment.values.get(cpu.index()),
        };
        Some(base?.offset(i64::from(slot) * i64::from(self.value_stride)))
    }

    /// Where all values of the node are: one, or one for each CPU.
    pub(super) fn values(&self, node: Node) -> impl Iterator<Item = Addr> {
        let place = self.place(node);
        let slot = place.map_or(0, |(_, slot)| slot);
        let bases = place.map_or(&[][..], |(segment, _)| &segment.values);
        let stride = i64::from(self.value_stride);
        bases
            .iter()
            .map(move |base| base.offset(i64::from(slot) * stride))
    }

    /// Gives a node that is not in use a key.
    pub(super) fn set_key(&self, memory: &Memory, node: Node, key: &[u8], hash: u32) {
        let Some(cell) = self.cell(node) else { return };
        cell.hash.store(hash, Ordering::Relaxed);
        cell.referenced.store(false, Ordering::Relaxed);
        if let Some(addr) = self.key_addr(node) {
            let written = memory.poke(addr, key);
            debug_assert!(written.is_ok(), "keys have the key size: {written:?}");
        }
    }

    /// Makes the segment of a node, if it is not there yet; one thread at a time.
    pub(super) fn ensure(&self, memory: &Memory, node: Node) -> Result<(), OutOfMemory> {
        let (segment, _) = self.split(node);
        let Some(lock) = self.segments.get(segment as usize) else {
            return Err(OutOfMemory {
                wanted: u64::MAX,
                used: 0,
                budget: 0,
            });
        };
        if lock.get().is_none() {
            let made = self.make(memory, 1u64 << (segment + self.shift))?;
            let _: &Segment = lock.get_or_init(|| made);
        }
        Ok(())
    }

    /// Frees the objects of all segments.
    pub(super) fn release(&self, memory: &Memory) {
        for segment in self.segments.iter().filter_map(OnceLock::get) {
            segment
                .values
                .iter()
                .chain([&segment.keys])
                .for_each(|addr| memory.free(*addr));
        }
    }

    fn make(&self, memory: &Memory, count: u64) -> Result<Segment, OutOfMemory> {
        let keys = ObjectSpec::new(
            ObjectKind::KernelObject,
            format!("keys of {}", self.shape.name),
            self.shape.owner.clone(),
        )
        .with_access(ProgramAccess::None);
        let keys = memory.allocate(count * u64::from(self.key_stride), &keys)?;
        let mut values = Vec::new();
        for name in self.shape.value_names() {
            let spec = ObjectSpec::new(ObjectKind::MapValue, name, self.shape.owner.clone())
                .with_access(self.shape.access)
                .with_stride(Stride::of(self.shape.value_size));
            match memory.allocate(count * u64::from(self.value_stride), &spec) {
                Ok(base) => values.push(base),
                Err(refusal) => {
                    values
                        .iter()
                        .chain([&keys])
                        .for_each(|addr| memory.free(*addr));
                    return Err(refusal);
                }
            }
        }
        let cells = (0..count).map(|_| Cell::default()).collect();
        Ok(Segment {
            cells,
            keys,
            values,
        })
    }

    fn key_addr(&self, node: Node) -> Option<Addr> {
        let (segment, slot) = self.place(node)?;
        Some(
            segment
                .keys
                .offset(i64::from(slot) * i64::from(self.key_stride)),
        )
    }

    fn place(&self, node: Node) -> Option<(&Segment, u32)> {
        let (segment, slot) = self.split(node);
        Some((self.segments.get(segment as usize)?.get()?, slot))
    }

    /// The segment a node is in, and its place there; of node 0 none that exists.
    fn split(&self, node: Node) -> (u32, u32) {
        let Some(index) = node.checked_sub(1) else {
            return (u32::MAX, 0);
        };
        let segment = ((index >> self.shift) + 1).ilog2();
        let before = ((1u64 << segment) - 1) << self.shift;
        (segment, (u64::from(index) - before) as u32)
    }
}
