//! Guest memory: one reserved arena of host addresses, and a shadow that knows whose every byte is.
//!
//! It is not a model of virtual memory: guest addresses are host addresses, so that native code
//! runs at full speed, and what stands between a program and the host is [`Memory::check`].
//!
//! Rules:
//! - Every byte that a program may touch belongs to an object: base, length, kind, name, owner, access.
//! - Between objects lie red zones; what is freed stays in quarantine for a while. An access to
//!   either is a [`Fault`] that names the object.
//! - Accesses as a program's (`check`, `load`, `store`, `atomic`, `read`, `write`) heed the object's
//!   access, window and stride. The simulator's own (`peek`, `poke`) heed only its bounds and life.
//! - User memory is reached only by `copy_from_user` and its kin, which reach nothing else.
//! - The arena stays mapped as long as the [`Memory`] lives, and every access is a relaxed atomic:
//!   threads that race get some bytes, never undefined behaviour. [`Memory::atomic`] is
//!   sequentially consistent.
//! - The arena lies at a preferred address if that is free, so that addresses are the same in every run.

#![expect(unsafe_code, reason = "this module owns guest memory")]

mod arena;
mod bytes;
mod fault;
mod heap;
mod meta;
mod object;
mod page_set;
mod plain;
mod region;
mod strings;
#[cfg(test)]
mod tests;
mod user;

use std::ops::Range;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use arena::{ARENA_PAGE, Arena, ArenaError, ArenaPlace, MAX_ARENA_PAGES, PAGE_PRESENT};
pub use fault::{Fault, FaultReason};
pub use object::{ObjectInfo, ObjectKind, ObjectSpec, Owner, ProgramAccess, Stride};

use crate::isa::{AtomicOp, Size, Width};
use heap::{Heap, History};
use meta::{Meta, Tables};
use region::{Place, Region};

/// An address in guest memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(pub u64);

impl Addr {
    /// The null pointer.
    pub const NULL: Addr = Addr(0);

    /// The address `off` bytes further, wrapping.
    pub fn offset(self, off: i64) -> Addr {
        Addr(self.0.wrapping_add_signed(off))
    }

    /// Whether it is the null pointer.
    pub fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for Addr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It reads.
    Read,
    /// It writes, or does both.
    Write,
}

/// How large guest memory may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryConfig {
    /// Addresses to reserve. Where the host refuses, a quarter of it is tried, down to the budget.
    pub arena: u64,
    /// Bytes that objects may take at once, red zones and quarantine included.
    pub budget: u64,
    /// Bytes of freed objects that are kept from reuse.
    pub quarantine: u64,
}

impl Default for MemoryConfig {
    /// 64 GiB of addresses, 4 GiB of memory, 1 MiB of quarantine.
    fn default() -> MemoryConfig {
        MemoryConfig {
            arena: 64 << 30,
            budget: 4 << 30,
            quarantine: 1 << 20,
        }
    }
}

/// Guest memory could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The host refused the addresses or the tables beside them.
    #[error("cannot reserve {len} bytes of addresses for guest memory")]
    Reserve {
        /// How many were asked for last.
        len: u64,
        /// What the host said.
        source: std::io::Error,
    },
}

/// An object does not fit the budget or the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of guest memory: {wanted} bytes wanted with {used} of {budget} in use")]
pub struct OutOfMemory {
    /// Bytes wanted.
    pub wanted: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes allowed.
    pub budget: u64,
}

/// Largest object: element arithmetic counts granules in 32 bits.
const MAX_OBJECT: u64 = 1 << 34;

/// Where the arena is put if the host lets us: clear of where Linux puts programs, libraries,
/// stacks and the shadows of sanitizers. Several memories in one process take one each.
const PREFERRED: u64 = 0x2000_0000_0000;
const PREFERRED_STEP: u64 = 0x0100_0000_0000;
const PREFERRED_COUNT: u64 = 16;

/// Used blocks from this size on are emptied by giving their pages back to the host.
const DISCARD_FROM: u64 = 256 << 10;
const PAGE: u64 = 4096;

/// Guest memory.
#[derive(Debug)]
pub struct Memory {
    arena: Region,
    tables: Tables,
    heap: Mutex<Heap>,
    budget: u64,
}

impl Memory {
    /// Reserves the arena.
    pub fn new(config: MemoryConfig) -> Result<Memory, MemoryError> {
        let mut len = config.arena.clamp(1 << 20, 1 << 44).next_multiple_of(PAGE);
        loop {
            match Memory::with_arena(len, &config) {
                Ok(memory) => return Ok(memory),
                Err(_) if len / 4 >= config.budget.max(1 << 20) => len /= 4,
                Err(source) => return Err(MemoryError::Reserve { len, source }),
            }
        }
    }

    fn with_arena(len: u64, config: &MemoryConfig) -> std::io::Result<Memory> {
        let arena = (0..PREFERRED_COUNT)
            .map(|i| PREFERRED + i * PREFERRED_STEP)
            .find_map(|addr| Region::reserve(Place::At(addr), len).ok())
            .map_or_else(|| Region::reserve(Place::Anywhere, len), Ok)?;
        let tables = Tables::new(len)?;
        let heap = Mutex::new(Heap::new(len, config.budget, config.quarantine));
        Ok(Memory {
            arena,
            tables,
            heap,
            budget: config.budget,
        })
    }

    /// Allocates a zeroed object, aligned to 32 bytes.
    pub fn allocate(&self, len: u64, spec: &ObjectSpec) -> Result<Addr, OutOfMemory> {
        let mut heap = self.heap();
        let refusal = OutOfMemory {
            wanted: len,
            used: heap.counted(),
            budget: self.budget,
        };
        let slot = (len <= MAX_OBJECT)
            .then(|| heap.take(len, spec))
            .flatten()
            .ok_or(refusal)?;
        let base = self.arena.base() + slot.off;
        match slot.history {
            History::Fresh if self.commit(slot.off + slot.size, slot.id).is_err() => {
                heap.abandon(slot);
                return Err(refusal);
            }
            History::Fresh => self.tables.claim(slot.off, slot.size, slot.id),
            History::Used => self.clear(slot.off, len),
        }
        let row = self.tables.row(slot.id);
        row.begin(base, len, spec.kind, spec.stride);
        self.open(row, base, base + len, spec.access);
        // Whoever learns the address through guest memory finds shadow and row in place.
        fence(Ordering::Release);
        Ok(Addr(base))
    }

    /// Ends the life of the object that starts at `addr`; nothing happens if none does.
    pub fn free(&self, addr: Addr) {
        let mut heap = self.heap();
        if let Some(id) = self.object_at_base(addr) {
            self.tables.row(id).end();
            heap.give_back(id);
        }
    }

    /// Changes how programs may access the object that starts at `addr`, and its window to all of it.
    pub fn set_access(&self, addr: Addr, access: ProgramAccess) {
        let mut heap = self.heap();
        if let Some(id) = self.object_at_base(addr) {
            heap.set_access(id, access);
            let row = self.tables.row(id);
            self.open(row, row.base(), row.base() + row.len(), access);
        }
    }

    /// Leaves only a part of the object that starts at `base` accessible to programs.
    pub fn set_window(&self, base: Addr, window: Range<u64>) {
        let Some(id) = self.object_at_base(base) else {
            return;
        };
        let row = self.tables.row(id);
        let end = window.end.min(row.len());
        let start = window.start.min(end);
        row.slide(row.base() + start, row.base() + end);
    }

    /// Whether a program may access `len` bytes at `addr`.
    #[inline(always)]
    pub fn check(&self, addr: Addr, len: u32, access: Access) -> Result<(), Fault> {
        let row = self.tables.row(self.id_at(addr));
        let allowed = match access {
            Access::Read => row.allows_read(addr.0, len),
            Access::Write => row.allows_write(addr.0, len),
        };
        match allowed {
            true => Ok(()),
            false => Err(self.explain(addr, u64::from(len), access)),
        }
    }

    /// Loads as a program would, zero-extended.
    #[inline(always)]
    pub fn load(&self, addr: Addr, size: Size) -> Result<u64, Fault> {
        self.check(addr, size.bytes(), Access::Read)?;
        // SAFETY: a checked address lies in a live object, whose block is committed.
        Ok(unsafe { bytes::load(addr.0, size) })
    }

    /// Stores the low bytes of `value` as a program would.
    #[inline(always)]
    pub fn store(&self, addr: Addr, size: Size, value: u64) -> Result<(), Fault> {
        self.check(addr, size.bytes(), Access::Write)?;
        // SAFETY: a checked address lies in a live object, whose block is committed.
        unsafe { bytes::store(addr.0, size, value) };
        Ok(())
    }

    /// Performs an atomic operation as a program would, and returns the old value, zero-extended.
    ///
    /// [`AtomicOp::Cmpxchg`] compares with `expected_r0`, of which [`Width::W32`] takes the low half.
    pub fn atomic(
        &self,
        addr: Addr,
        op: AtomicOp,
        width: Width,
        operand: u64,
        expected_r0: u64,
    ) -> Result<u64, Fault> {
        let len = match width {
            Width::W32 => 4,
            Width::W64 => 8,
        };
        self.check(addr, len, Access::Write)?;
        if !addr.0.is_multiple_of(u64::from(len)) {
            let access = (Access::Write, addr, u64::from(len));
            return Err(Fault::new(
                access,
                FaultReason::Misaligned,
                self.describe(addr),
            ));
        }
        // SAFETY: a checked address lies in a live object, whose block is committed; it is aligned.
        Ok(unsafe { bytes::atomic(addr.0, op, width, operand, expected_r0) })
    }

    /// Reads bytes as a program would.
    pub fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        self.check_slice(addr, buf.len(), Access::Read)?;
        // SAFETY: checked addresses lie in a live object, whose block is committed.
        unsafe { bytes::copy_out(addr.0, buf) };
        Ok(())
    }

    /// Writes bytes as a program would.
    pub fn write(&self, addr: Addr, buf: &[u8]) -> Result<(), Fault> {
        self.check_slice(addr, buf.len(), Access::Write)?;
        // SAFETY: checked addresses lie in a live object, whose block is committed.
        unsafe { bytes::copy_in(addr.0, buf) };
        Ok(())
    }

    /// Reads `len` bytes as a program would.
    pub fn read_vec(&self, addr: Addr, len: u32) -> Result<Vec<u8>, Fault> {
        self.check(addr, len, Access::Read)?;
        let mut buf = vec![0; len as usize];
        self.read(addr, &mut buf)?;
        Ok(buf)
    }

    /// Reads for the simulator itself: any bytes of a live object.
    pub fn peek(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        self.check_own(addr, buf.len() as u64, Access::Read)?;
        // SAFETY: the bytes lie in a live object, whose block is committed.
        unsafe { bytes::copy_out(addr.0, buf) };
        Ok(())
    }

    /// Reads a number for the simulator itself.
    pub fn peek_uint(&self, addr: Addr, size: Size) -> Result<u64, Fault> {
        self.check_own(addr, u64::from(size.bytes()), Access::Read)?;
        // SAFETY: the bytes lie in a live object, whose block is committed.
        Ok(unsafe { bytes::load(addr.0, size) })
    }

    /// Reads `len` bytes for the simulator itself.
    pub fn peek_vec(&self, addr: Addr, len: u32) -> Result<Vec<u8>, Fault> {
        self.check_own(addr, u64::from(len), Access::Read)?;
        let mut buf = vec![0; len as usize];
        self.peek(addr, &mut buf)?;
        Ok(buf)
    }

    /// Writes for the simulator itself: any bytes of a live object.
    pub fn poke(&self, addr: Addr, buf: &[u8]) -> Result<(), Fault> {
        self.check_own(addr, buf.len() as u64, Access::Write)?;
        // SAFETY: the bytes lie in a live object, whose block is committed.
        unsafe { bytes::copy_in(addr.0, buf) };
        Ok(())
    }

    /// Writes a number for the simulator itself.
    pub fn poke_uint(&self, addr: Addr, size: Size, value: u64) -> Result<(), Fault> {
        self.check_own(addr, u64::from(size.bytes()), Access::Write)?;
        // SAFETY: the bytes lie in a live object, whose block is committed.
        unsafe { bytes::store(addr.0, size, value) };
        Ok(())
    }

    /// Whether the bytes at `addr` are these, for the simulator itself.
    pub fn peek_equals(&self, addr: Addr, bytes: &[u8]) -> bool {
        // SAFETY: the bytes lie in a live object, whose block is committed.
        self.check_own(addr, bytes.len() as u64, Access::Read)
            .is_ok()
            && unsafe { bytes::equals(addr.0, bytes) }
    }

    /// The object whose block `addr` lies in, living or in quarantine, and the place in it.
    pub fn describe(&self, addr: Addr) -> Option<ObjectInfo> {
        let heap = self.heap();
        let id = self.nearest(&heap, addr);
        let block = heap.block(id)?;
        let row = self.tables.row(id);
        Some(ObjectInfo {
            kind: block.spec.kind,
            name: block.spec.name.clone(),
            owner: block.spec.owner.clone(),
            base: Addr(row.base()),
            len: row.len(),
            offset: addr.0.wrapping_sub(row.base()) as i64,
            stride: row.stride(),
            live: row.is_live(),
        })
    }

    /// Bytes that objects take, red zones and quarantine included.
    pub fn used(&self) -> u64 {
        self.heap().counted()
    }

    /// Counts bytes that lie elsewhere towards the budget, if it allows.
    fn charge(&self, bytes: u64) -> bool {
        self.heap().charge(bytes)
    }

    /// Undoes a [`Memory::charge`].
    fn discharge(&self, bytes: u64) {
        self.heap().discharge(bytes);
    }

    fn refusal(&self, wanted: u64) -> OutOfMemory {
        OutOfMemory {
            wanted,
            used: self.used(),
            budget: self.budget,
        }
    }

    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline(always)]
    fn id_at(&self, addr: Addr) -> u32 {
        let off = addr.0.wrapping_sub(self.arena.base());
        if off >= self.arena.committed() {
            return 0;
        }
        // SAFETY: the shadow is committed before the arena is, and at least as far.
        unsafe { self.tables.id_at(off) }
    }

    /// The id of the live object that starts at `addr`.
    fn object_at_base(&self, addr: Addr) -> Option<u32> {
        let id = self.id_at(addr);
        let row = self.tables.row(id);
        (row.is_live() && row.base() == addr.0).then_some(id)
    }

    /// The id of the block `addr` is in, or of the next block if its start is nearer than the end
    /// of this one's object.
    fn nearest(&self, heap: &Heap, addr: Addr) -> u32 {
        let id = self.id_at(addr);
        let Some(block) = heap.block(id) else {
            return id;
        };
        let row = self.tables.row(id);
        let next = self.arena.base() + block.off + block.size;
        let behind = (addr.0 + 1).saturating_sub(row.base() + row.len());
        match self.id_at(Addr(next)) {
            following if following != 0 && behind > next - addr.0 => following,
            _ => id,
        }
    }

    fn commit(&self, end: u64, id: u32) -> std::io::Result<()> {
        self.tables.commit_row(id)?;
        let chunk_end = end.next_multiple_of(1 << 20).min(self.arena.len());
        self.tables.commit_shadow(chunk_end)?;
        self.arena.commit(end)
    }

    fn clear(&self, off: u64, len: u64) {
        let (mut from, end) = (off, off + len.next_multiple_of(8));
        if len >= DISCARD_FROM {
            let (start, stop) = (off.next_multiple_of(PAGE), end - end % PAGE);
            if self.arena.discard(start, stop - start).is_ok() {
                // SAFETY: a block that was carved is committed.
                unsafe { bytes::zero(self.arena.base() + from, start - from) };
                from = stop;
            }
        }
        // SAFETY: a block that was carved is committed.
        unsafe { bytes::zero(self.arena.base() + from, end - from) };
    }

    fn open(&self, row: &Meta, lo: u64, end: u64, access: ProgramAccess) {
        match row.kind() {
            ObjectKind::UserMemory => row.open(lo, end, ProgramAccess::None),
            _ => row.open(lo, end, access),
        }
    }

    fn check_slice(&self, addr: Addr, len: usize, access: Access) -> Result<(), Fault> {
        match u32::try_from(len) {
            Ok(len) => self.check(addr, len, access),
            Err(_) => Err(self.explain(addr, len as u64, access)),
        }
    }

    /// Checks an access of the simulator itself.
    fn check_own(&self, addr: Addr, len: u64, access: Access) -> Result<(), Fault> {
        match self.tables.row(self.id_at(addr)).holds(addr.0, len) {
            true => Ok(()),
            false => Err(self.explain(addr, len, access)),
        }
    }

    /// Why an access was refused.
    #[cold]
    fn explain(&self, addr: Addr, len: u64, access: Access) -> Fault {
        let object = self.describe(addr);
        let reason = match &object {
            _ if addr.0 < fault::NULL_PAGE => FaultReason::Null,
            None => FaultReason::Wild,
            Some(object) => self.reason(object, len, access),
        };
        Fault::new((access, addr, len), reason, object)
    }

    fn reason(&self, object: &ObjectInfo, len: u64, access: Access) -> FaultReason {
        let Ok(offset) = u64::try_from(object.offset) else {
            return FaultReason::Before {
                by: object.offset.unsigned_abs(),
            };
        };
        let past_end = offset.saturating_add(len).saturating_sub(object.len);
        let (lo, read_end, write_end) = self.tables.row(self.id_at(object.base)).bounds();
        let end = match access {
            Access::Read => read_end,
            Access::Write => write_end,
        };
        if !object.live {
            FaultReason::Freed
        } else if past_end > 0 {
            FaultReason::PastEnd { by: past_end }
        } else if object.kind == ObjectKind::UserMemory {
            FaultReason::UserMemory
        } else if end == 0 {
            FaultReason::Forbidden
        } else if object.base.offset(object.offset).0 < lo || offset + len > offset_in(object, end)
        {
            FaultReason::OutsideWindow {
                start: offset_in(object, lo),
                end: offset_in(object, end),
            }
        } else {
            FaultReason::CrossesElement
        }
    }
}

/// The offset of `addr` in the object, 0 if it lies before.
fn offset_in(object: &ObjectInfo, addr: u64) -> u64 {
    addr.saturating_sub(object.base.0)
}
