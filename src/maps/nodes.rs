//! The elements of a map: numbered nodes that never move, each with a cell and its values.
//!
//! Storage only: which nodes are in use, and what their cells say, is the map's affair.
//!
//! Rules:
//! - Nodes are numbered from 1; they come in segments, each twice as large as the one before.
//! - Values lie in guest memory, one object a segment (and CPU); so do keys that are too long for a
//!   cell, in another.
//! - What a lookup needs is read without a lock; a segment is made once and stays.

use std::sync::OnceLock;

use crate::machine::{
    Addr, CpuId, Memory, ObjectKind, ObjectSpec, OutOfMemory, ProgramAccess, Stride,
};

use super::{PerCpu, Shape};

/// No more segments than doublings of a 32-bit count.
const SEGMENTS: usize = 32;

/// The first segment has at most so many bytes of keys and values, unless one node has more, and at
/// most so many nodes.
const FIRST_BYTES: u64 = 64 << 10;
const FIRST_NODES: u64 = 2048;

/// The number of a node; 0 stands for none.
pub(super) type Node = u32;

/// Where the keys of nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// In the cells, or nowhere.
    Elsewhere,
    /// In guest memory.
    InMemory,
}

#[derive(Debug)]
struct Segment<C> {
    cells: Box<[C]>,
    keys: Option<Addr>,
    /// The first object of values.
    first: Addr,
    /// The objects of the other CPUs.
    others: Vec<Addr>,
}

/// A node, found.
#[derive(Debug)]
pub(super) struct Found<'a, C> {
    pub(super) node: Node,
    pub(super) cell: &'a C,
    segment: &'a Segment<C>,
    slot: u32,
}

/// All nodes of a map.
#[derive(Debug)]
pub(super) struct Nodes<C> {
    segments: [OnceLock<Segment<C>>; SEGMENTS],
    /// The first segment has 2^`shift` nodes.
    shift: u32,
    first: u32,
    shape: Shape,
    keys: Keys,
    key_stride: u32,
    value_stride: u32,
}

impl<C: Default> Nodes<C> {
    pub(super) fn new(shape: Shape, keys: Keys) -> Nodes<C> {
        let key_stride = Stride::of(shape.key_size).map_or(0, Stride::stride);
        let value_stride = Stride::of(shape.value_size).map_or(0, Stride::stride);
        let bytes = u64::from(key_stride) + u64::from(value_stride);
        let first = (FIRST_BYTES / bytes.max(1))
            .clamp(1, FIRST_NODES)
            .min(u64::from(shape.max_entries).max(1));
        Nodes {
            segments: [const { OnceLock::new() }; SEGMENTS],
            shift: first.ilog2(),
            first: 1 << first.ilog2(),
            shape,
            keys,
            key_stride,
            value_stride,
        }
    }

    /// A node whose segment was made.
    #[inline(always)]
    pub(super) fn at(&self, node: Node) -> Option<Found<'_, C>> {
        // Most are in the first segment; that this is guessed right saves waiting for the number.
        let index = node.wrapping_sub(1);
        let (segment, slot) = match index < self.first {
            true => (0, index),
            false => self.split(node)?,
        };
        let segment = self.segments.get(segment as usize)?.get()?;
        Some(Found {
            node,
            cell: segment.cells.get(slot as usize)?,
            segment,
            slot,
        })
    }

    /// The cells of the first nodes: of node 1 and those that follow.
    #[inline(always)]
    pub(super) fn first_cells(&self) -> &[C] {
        let first = self.segments.first().and_then(OnceLock::get);
        first.map_or(&[], |segment| &segment.cells)
    }

    /// What a lookup reads of a node.
    #[inline]
    pub(super) fn cell(&self, node: Node) -> Option<&C> {
        Some(self.at(node)?.cell)
    }

    /// Where a node's key is in guest memory.
    pub(super) fn key(&self, found: &Found<'_, C>) -> Option<Addr> {
        let keys = found.segment.keys?;
        Some(keys.offset(i64::from(found.slot) * i64::from(self.key_stride)))
    }

    /// Where a node's value on a CPU is.
    #[inline(always)]
    pub(super) fn value(&self, found: &Found<'_, C>, cpu: CpuId) -> Option<Addr> {
        let base = match (self.shape.per_cpu, cpu.index().checked_sub(1)) {
            (PerCpu::No, _) | (PerCpu::Yes, None) => found.segment.first,
            (PerCpu::Yes, Some(other)) => *found.segment.others.get(other)?,
        };
        Some(base.offset(i64::from(found.slot) * i64::from(self.value_stride)))
    }

    /// Where all values of a node are: one, or one for each CPU.
    pub(super) fn values(&self, found: &Found<'_, C>) -> impl Iterator<Item = Addr> {
        let off = i64::from(found.slot) * i64::from(self.value_stride);
        let bases = [&found.segment.first]
            .into_iter()
            .chain(&found.segment.others);
        bases.map(move |base| base.offset(off))
    }

    /// The node whose only value an address lies in.
    pub(super) fn around(&self, addr: Addr) -> Option<Found<'_, C>> {
        let mut first = 1;
        for segment in self.segments.iter().map_while(OnceLock::get) {
            let count = segment.cells.len() as u64;
            let off = addr.0.checked_sub(segment.first.0);
            let slot = off.and_then(|off| off.checked_div(u64::from(self.value_stride)));
            if let Some(slot) = slot.filter(|slot| *slot < count) {
                return self.at(u32::try_from(slot).ok()?.checked_add(first)?);
            }
            first = first.checked_add(u32::try_from(count).ok()?)?;
        }
        None
    }

    /// Makes the segment of a node, if it is not there yet, and gives its last node; one thread at a time.
    pub(super) fn ensure(&self, memory: &Memory, node: Node) -> Result<Node, OutOfMemory> {
        let segment = self.split(node).map(|(segment, _)| segment);
        let lock =
            segment.and_then(|segment| Some((segment, self.segments.get(segment as usize)?)));
        let Some((segment, lock)) = lock else {
            return Err(OutOfMemory {
                wanted: u64::MAX,
                used: 0,
                budget: 0,
            });
        };
        if lock.get().is_none() {
            let made = self.make(memory, 1u64 << (segment + self.shift))?;
            let _: &Segment<C> = lock.get_or_init(|| made);
        }
        let last = ((2u64 << segment) - 1) << self.shift;
        Ok(Node::try_from(last).unwrap_or(Node::MAX))
    }

    /// Frees the objects of all segments.
    pub(super) fn release(&self, memory: &Memory) {
        for segment in self.segments.iter().filter_map(OnceLock::get) {
            let values = [&segment.first].into_iter().chain(&segment.others);
            values
                .chain(&segment.keys)
                .for_each(|addr| memory.free(*addr));
        }
    }

    fn make(&self, memory: &Memory, count: u64) -> Result<Segment<C>, OutOfMemory> {
        let mut made = Vec::new();
        match self.allocate(memory, count, &mut made) {
            Ok((keys, first)) => Ok(Segment {
                cells: (0..count).map(|_| C::default()).collect(),
                keys,
                first,
                others: made.split_off(made.len() + 1 - self.shape.copies()),
            }),
            Err(refusal) => {
                made.iter().for_each(|addr| memory.free(*addr));
                Err(refusal)
            }
        }
    }

    /// Allocates the objects of a segment: keys, then values; gives the first of each.
    fn allocate(
        &self,
        memory: &Memory,
        count: u64,
        made: &mut Vec<Addr>,
    ) -> Result<(Option<Addr>, Addr), OutOfMemory> {
        let owner = &self.shape.owner;
        let keys = match self.keys {
            Keys::Elsewhere => None,
            Keys::InMemory => {
                let name = format!("keys of {}", self.shape.name);
                let spec = ObjectSpec::new(ObjectKind::KernelObject, name, owner.clone())
                    .with_access(ProgramAccess::None);
                let keys = memory.allocate(count * u64::from(self.key_stride), &spec)?;
                made.push(keys);
                Some(keys)
            }
        };
        let mut first = None;
        for name in self.shape.value_names() {
            let spec = ObjectSpec::new(ObjectKind::MapValue, name, owner.clone())
                .with_access(self.shape.access)
                .with_stride(Stride::of(self.shape.value_size));
            let values = memory.allocate(count * u64::from(self.value_stride), &spec)?;
            made.push(values);
            first.get_or_insert(values);
        }
        Ok((keys, first.unwrap_or_default()))
    }

    /// The segment a node is in, and its place there; of node 0 none.
    fn split(&self, node: Node) -> Option<(u32, u32)> {
        let index = u64::from(node.checked_sub(1)?);
        let segment = ((index >> self.shift) + 1).ilog2();
        let before = ((1u64 << segment) - 1) << self.shift;
        Some((segment, (index - before) as u32))
    }
}
