//! Accesses of programs for those who ask somebody else what is wrong with a refused one.
//!
//! They are no other check: what is done here, [`Memory::load`] and [`Memory::store`] would do. The plain ones leave out
//! what costs time and is seldom needed, and refuse where it would be.
//!
//! A plain access is aligned, so that it lies in one granule; where elements have no bytes of padding, elements consist
//! of whole granules, and the bounds of the object are all there is to check.

#![expect(unsafe_code, reason = "this module is part of guest memory")]

use super::{Addr, Memory, bytes};
use crate::isa::Size;

impl Memory {
    /// Loads, zero-extended, if the access is plain and allowed.
    #[inline(always)]
    pub fn load_plain(&self, addr: Addr, size: Size) -> Option<u64> {
        let row = self.tables.row(self.plain_id_at(addr, size)?);
        // SAFETY: a checked address lies in a live object, whose block is committed; it is aligned.
        row.allows_plain_read(addr.0, size.bytes())
            .then(|| unsafe { bytes::load_aligned(addr.0, size) })
    }

    /// Stores the low bytes of `value`, if the access is plain and allowed.
    #[inline(always)]
    pub fn store_plain(&self, addr: Addr, size: Size, value: u64) -> Option<()> {
        let row = self.tables.row(self.plain_id_at(addr, size)?);
        // SAFETY: a checked address lies in a live object, whose block is committed; it is aligned.
        row.allows_plain_write(addr.0, size.bytes())
            .then(|| unsafe { bytes::store_aligned(addr.0, size, value) })
    }

    /// Loads, zero-extended, if that is allowed.
    #[inline]
    pub fn load_allowed(&self, addr: Addr, size: Size) -> Option<u64> {
        let row = self.tables.row(self.id_at(addr));
        // SAFETY: a checked address lies in a live object, whose block is committed.
        row.allows_read(addr.0, size.bytes())
            .then(|| unsafe { bytes::load(addr.0, size) })
    }

    /// Stores the low bytes of `value`, if that is allowed.
    #[inline]
    pub fn store_allowed(&self, addr: Addr, size: Size, value: u64) -> Option<()> {
        let row = self.tables.row(self.id_at(addr));
        // SAFETY: a checked address lies in a live object, whose block is committed.
        row.allows_write(addr.0, size.bytes())
            .then(|| unsafe { bytes::store(addr.0, size, value) })
    }

    /// The id at an aligned address in the arena.
    #[inline(always)]
    fn plain_id_at(&self, addr: Addr, size: Size) -> Option<u32> {
        let off = addr.0.wrapping_sub(self.arena.base());
        let is_inside = off < self.arena.committed();
        // SAFETY: the shadow is committed before the arena is, and at least as far.
        (is_inside && bytes::is_aligned(addr.0, size)).then(|| unsafe { self.tables.id_at(off) })
    }
}
