//! Which blocks of the arena are in use, in quarantine, or free.
//!
//! A block is carved once, keeps its object id for good, and is handed out again whole to objects
//! of the same size class: the shadow is written only when it is carved.
//!
//! Rules:
//! - A block is larger than its object by a red zone of at least [`MIN_RED_ZONE`] bytes.
//! - What is freed first is reused last: the oldest in quarantine leave it once it is too large.
//! - The budget counts blocks in use and in quarantine, and the pages of arenas. Free blocks are never merged.

use std::collections::{BTreeMap, VecDeque};

use super::meta::MAX_OBJECTS;
use super::{ObjectSpec, ProgramAccess};

/// Least bytes between an object and the next.
pub(super) const MIN_RED_ZONE: u64 = 32;

/// Most bytes between an object and the next that are there on purpose.
const MAX_RED_ZONE: u64 = 2048;

/// Size classes are no coarser than this.
const MAX_CLASS_STEP: u64 = 64 << 10;

/// A block of the arena.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Where, from the arena's start.
    pub(super) off: u64,
    /// How many bytes.
    pub(super) size: u64,
    /// What was last allocated there.
    pub(super) spec: ObjectSpec,
}

/// A block to allocate in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) id: u32,
    pub(super) off: u64,
    pub(super) size: u64,
    pub(super) history: History,
}

/// Whether a block was in use before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// It is new: zero, and unknown to the shadow.
    Fresh,
    /// It holds a former object's bytes.
    Used,
}

/// The blocks of an arena.
#[derive(Debug)]
pub(super) struct Heap {
    limit: u64,
    budget: u64,
    quarantine_limit: u64,
    end: u64,
    counted: u64,
    quarantined: u64,
    /// By id, from 1.
    blocks: Vec<Block>,
    free: BTreeMap<u64, Vec<u32>>,
    quarantine: VecDeque<u32>,
}

impl Heap {
    /// A heap in an arena of `limit` bytes.
    pub(super) fn new(limit: u64, budget: u64, quarantine_limit: u64) -> Heap {
        Heap {
            limit,
            budget,
            quarantine_limit,
            // The first bytes stay free, so that the first object has a red zone before it.
            end: MIN_RED_ZONE,
            counted: 0,
            quarantined: 0,
            blocks: Vec::new(),
            free: BTreeMap::new(),
            quarantine: VecDeque::new(),
        }
    }

    /// Takes a block for `len` bytes, if budget and arena allow.
    pub(super) fn take(&mut self, len: u64, spec: &ObjectSpec) -> Option<Slot> {
        let size = class_of(len)?;
        while self
            .counted
            .checked_add(size)
            .is_none_or(|sum| sum > self.budget)
        {
            self.release_oldest()?;
        }
        let slot = match self.reuse(size) {
            Some(slot) => slot,
            None => self.carve(size, spec)?,
        };
        self.counted += size;
        if let Some(block) = self.block_mut(slot.id) {
            block.spec = spec.clone();
        }
        Some(slot)
    }

    /// Counts bytes that are no block's, if the budget allows.
    pub(super) fn charge(&mut self, bytes: u64) -> bool {
        while self
            .counted
            .checked_add(bytes)
            .is_none_or(|sum| sum > self.budget)
        {
            if self.release_oldest().is_none() {
                return false;
            }
        }
        self.counted += bytes;
        true
    }

    /// Counts them no more.
    pub(super) fn discharge(&mut self, bytes: u64) {
        self.counted = self.counted.saturating_sub(bytes);
    }

    /// Puts a block that is in use into quarantine.
    pub(super) fn give_back(&mut self, id: u32) {
        let Some(size) = self.block(id).map(|block| block.size) else {
            return;
        };
        self.quarantine.push_back(id);
        self.quarantined += size;
        while self.quarantined > self.quarantine_limit && self.release_oldest().is_some() {}
    }

    /// Undoes a [`Heap::take`] whose block could not be made accessible.
    pub(super) fn abandon(&mut self, slot: Slot) {
        self.counted -= slot.size;
        self.end = slot.off;
        self.blocks.pop();
    }

    /// The block of that id.
    pub(super) fn block(&self, id: u32) -> Option<&Block> {
        self.blocks.get((id as usize).checked_sub(1)?)
    }

    /// Notes how programs may access the object in a block.
    pub(super) fn set_access(&mut self, id: u32, access: ProgramAccess) {
        if let Some(block) = self.block_mut(id) {
            block.spec.access = access;
        }
    }

    /// Bytes in use and in quarantine.
    pub(super) fn counted(&self) -> u64 {
        self.counted
    }

    fn block_mut(&mut self, id: u32) -> Option<&mut Block> {
        self.blocks.get_mut((id as usize).checked_sub(1)?)
    }

    fn reuse(&mut self, size: u64) -> Option<Slot> {
        let id = self.free.get_mut(&size)?.pop()?;
        let off = self.block(id)?.off;
        Some(Slot {
            id,
            off,
            size,
            history: History::Used,
        })
    }

    fn carve(&mut self, size: u64, spec: &ObjectSpec) -> Option<Slot> {
        let off = self.end;
        let end = off.checked_add(size).filter(|end| *end <= self.limit)?;
        let id = u32::try_from(self.blocks.len() + 1)
            .ok()
            .filter(|id| *id < MAX_OBJECTS)?;
        self.blocks.push(Block {
            off,
            size,
            spec: spec.clone(),
        });
        self.end = end;
        Some(Slot {
            id,
            off,
            size,
            history: History::Fresh,
        })
    }

    fn release_oldest(&mut self) -> Option<()> {
        let id = self.quarantine.pop_front()?;
        let size = self.block(id)?.size;
        self.quarantined -= size;
        self.counted -= size;
        self.free.entry(size).or_default().push(id);
        Some(())
    }
}

/// The size of the block for an object of `len` bytes: a multiple of 32.
fn class_of(len: u64) -> Option<u64> {
    let red_zone = (len / 4).clamp(MIN_RED_ZONE, MAX_RED_ZONE);
    let need = len.checked_add(red_zone)?;
    let step = (1u64 << need.ilog2()) / 8;
    need.checked_next_multiple_of(step.clamp(32, MAX_CLASS_STEP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_of_any_length_leaves_a_red_zone_and_wastes_little() {
        for len in (0..5000).chain([1 << 20, (1 << 20) + 1, 1 << 30]) {
            let class = class_of(len).unwrap();
            assert!(class >= len + MIN_RED_ZONE, "{len}");
            assert!(class <= len + len / 2 + 96, "{len}");
            assert_eq!(class % 32, 0, "{len}");
        }
        assert_eq!(class_of(u64::MAX), None);
    }
}
