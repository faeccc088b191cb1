//! The memory of a BPF arena: a window of 4 GiB in which some pages are there.
//!
//! It is no object of guest memory, and knows no map. Programs reach it with pointers of 32 bits and an offset; user
//! space, which is whoever uses the library, with the same low half and an upper half of its own.
//!
//! Rules:
//! - The whole window, and a guard on both sides for offsets, is mapped readable and writable: no access can go wrong, so
//!   that native code loads without asking. It holds zeros wherever there is no page, for nobody writes there.
//! - A page is there when its byte in the table is [`PAGE_PRESENT`]. Whoever writes asks before; an access of which not every
//!   byte is on such a page reads zero and writes nothing, as in the kernel.
//! - Pages count towards the budget of guest memory; the host gives memory to those that are written.
//! - A thread that writes to a page while another frees it leaves bytes there that may be read until the page is taken
//!   again: then it is emptied once more.

#![expect(unsafe_code, reason = "this module owns the memory of arenas")]

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::page_set::PageSet;
use super::region::{Place, Region};
use super::{Memory, OutOfMemory, bytes};
use crate::isa::{AtomicOp, Size, Width};

/// Bytes of a page.
pub const ARENA_PAGE: u64 = 4096;

/// The most pages of an arena.
pub const MAX_ARENA_PAGES: u32 = 1 << 20;

/// Bytes of the window.
const WINDOW: u64 = 1 << 32;

/// Bytes before and behind it that offsets of 16 bits may reach.
const GUARD: u64 = 64 << 10;

/// What the table says of a page that is there; of others it says 0.
pub const PAGE_PRESENT: u8 = 1;

/// The memory of an arena.
#[derive(Debug)]
pub struct Arena {
    memory: Arc<Memory>,
    window: Region,
    /// A byte for each page, guards included.
    table: Region,
    /// Where user space has its first page.
    user: u64,
    /// How many pages there may be.
    limit: u32,
    pages: Mutex<Pages>,
}

/// User space cannot reach what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArenaError {
    /// It lies outside.
    #[error("{len} bytes at {off} of an arena of {size}")]
    Outside {
        /// The first byte.
        off: u64,
        /// How many.
        len: usize,
        /// Bytes that the arena may have.
        size: u64,
    },
    /// The pages for it do not fit guest memory.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
}

#[derive(Debug)]
struct Pages {
    free: PageSet,
    /// No page from here on was ever there.
    used: u32,
}

impl Arena {
    /// An arena of up to so many pages, the first at this address of user space.
    ///
    /// # Errors
    /// The host does not give the addresses.
    pub fn new(memory: &Arc<Memory>, user: u64, limit: u32) -> Result<Arena, OutOfMemory> {
        let limit = limit.min(MAX_ARENA_PAGES);
        let refusal = |_| memory.refusal(WINDOW);
        let reserve = |len: u64| {
            let region = Region::reserve(Place::Anywhere, len).map_err(refusal)?;
            region.commit(len).map_err(refusal)?;
            Ok(region)
        };
        let window = reserve(WINDOW + 2 * GUARD)?;
        // Else the host might give 2 MiB to a page of 4 KiB.
        window.use_small_pages();
        Ok(Arena {
            memory: Arc::clone(memory),
            window,
            table: reserve((WINDOW + 2 * GUARD) / ARENA_PAGE)?,
            user,
            limit,
            pages: Mutex::new(Pages {
                free: PageSet::new(limit),
                used: 0,
            }),
        })
    }

    /// Where user space has its first page.
    pub fn user(&self) -> u64 {
        self.user
    }

    /// The upper half of pointers of user space.
    pub fn user_base(&self) -> u64 {
        self.user & !u64::from(u32::MAX)
    }

    /// How many pages there may be.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The host's address of the window.
    pub fn window(&self) -> u64 {
        self.window.base() + GUARD
    }

    /// The host's address of the byte that says whether the first page of the window is there.
    pub fn table(&self) -> u64 {
        self.table.base() + GUARD / ARENA_PAGE
    }

    /// Takes pages, the first that are free or those at an address, and gives the address of user space of the first. They
    /// are zero.
    pub fn allocate(&self, at: Option<u64>, count: u32) -> Option<u64> {
        if count == 0 || count > self.limit {
            return None;
        }
        let mut pages = self.pages();
        if !self.memory.charge(u64::from(count) * ARENA_PAGE) {
            return None;
        }
        let start = match at {
            None => pages.free.take(count),
            Some(at) => self.range_at(at, count).and_then(|range| {
                let start = range.start;
                pages.free.take_at(range).then_some(start)
            }),
        };
        let Some(start) = start else {
            self.memory.discharge(u64::from(count) * ARENA_PAGE);
            return None;
        };
        self.open(&mut pages, start..start + count);
        Some(self.address_of(start))
    }

    /// Frees the pages from an address on that are there; those elsewhere are left alone.
    pub fn free(&self, at: u64, count: u32) {
        let mut pages = self.pages();
        // Pages before the first have high numbers, and so lie behind the last.
        let start = self.page_at(at);
        if start >= self.limit {
            return;
        }
        let end = start.saturating_add(count).min(self.limit);
        for run in pages.free.taken(start..end) {
            self.mark(run.clone(), 0);
            self.empty(run.clone());
            let len = u64::from(run.end - run.start) * ARENA_PAGE;
            pages.free.give_back(run);
            self.memory.discharge(len);
        }
    }

    /// The pages that are there, as ranges of their numbers.
    pub fn present(&self) -> Vec<Range<u32>> {
        self.pages().free.taken(0..self.limit)
    }

    /// Reads as user space does, from the start of the arena: pages that are not there read zero, and stay away.
    ///
    /// # Errors
    /// The bytes lie outside.
    pub fn read(&self, off: u64, buf: &mut [u8]) -> Result<(), ArenaError> {
        let at = self.inside(off, buf.len())?;
        // SAFETY: the window is mapped, and these bytes are within it.
        unsafe { bytes::copy_out(self.window() + at, buf) };
        Ok(())
    }

    /// Writes as user space does: pages that are not there come.
    ///
    /// # Errors
    /// The bytes lie outside, or guest memory has no room for their pages.
    pub fn write(&self, off: u64, buf: &[u8]) -> Result<(), ArenaError> {
        let at = self.inside(off, buf.len())?;
        if let Some(more) = (buf.len() as u64).checked_sub(1) {
            let (first, last) = (off / ARENA_PAGE, (off + more) / ARENA_PAGE);
            self.bring(first as u32..last as u32 + 1)?;
        }
        // SAFETY: the window is mapped, and these bytes are within it.
        unsafe { bytes::copy_in(self.window() + at, buf) };
        Ok(())
    }

    /// Loads as a program does, zero-extended.
    #[inline]
    pub fn load(&self, place: ArenaPlace, size: Size) -> u64 {
        match self.host(place, size) {
            // SAFETY: the place is in the window or a guard, which are mapped.
            Some(addr) => unsafe { bytes::load(addr, size) },
            None => 0,
        }
    }

    /// Stores as a program does.
    #[inline]
    pub fn store(&self, place: ArenaPlace, size: Size, value: u64) {
        if let Some(addr) = self.host(place, size) {
            // SAFETY: the place is in the window or a guard, which are mapped.
            unsafe { bytes::store(addr, size, value) };
        }
    }

    /// Performs an atomic operation as a program does, and gives the old value; nothing where there is no page.
    ///
    /// One that is not aligned is no more atomic than its parts: the host may not have such operations.
    pub fn atomic(
        &self,
        place: ArenaPlace,
        (op, width): (AtomicOp, Width),
        operand: u64,
        expected_r0: u64,
    ) -> Option<u64> {
        let size = match width {
            Width::W32 => Size::W,
            Width::W64 => Size::DW,
        };
        let addr = self.host(place, size)?;
        if addr.is_multiple_of(u64::from(size.bytes())) {
            // SAFETY: the place is in the window or a guard, which are mapped, and aligned.
            return Some(unsafe { bytes::atomic(addr, op, width, operand, expected_r0) });
        }
        let old = self.load(place, size);
        if let Some(new) = combine(op, size, [old, operand, expected_r0]) {
            self.store(place, size, new);
        }
        Some(old)
    }

    /// Whether there is a page at a place.
    pub fn has(&self, place: ArenaPlace) -> bool {
        self.is_present(place.0)
    }

    /// Whether all bytes are on pages that are there: then their first one's address.
    #[inline]
    fn host(&self, place: ArenaPlace, size: Size) -> Option<u64> {
        let first = place.0;
        let last = first + i64::from(size.bytes()) - 1;
        (self.is_present(first) && (first >> 12 == last >> 12 || self.is_present(last)))
            .then(|| self.window().wrapping_add_signed(first))
    }

    #[inline]
    fn is_present(&self, at: i64) -> bool {
        // SAFETY: a place, and what lies eight bytes behind one, is in the window or a guard, and the table covers these.
        unsafe {
            bytes::load(self.table().wrapping_add_signed(at >> 12), Size::B)
                == u64::from(PAGE_PRESENT)
        }
    }

    /// The number of the page at an address of user space, of which the low half counts.
    fn page_at(&self, at: u64) -> u32 {
        (at as u32).wrapping_sub(self.user as u32) / ARENA_PAGE as u32
    }

    /// The pages at an address, if that is one's and they are within the arena.
    fn range_at(&self, at: u64, count: u32) -> Option<Range<u32>> {
        let start = self.page_at(at);
        let end = start.checked_add(count)?;
        (at.is_multiple_of(ARENA_PAGE) && end <= self.limit).then_some(start..end)
    }

    fn address_of(&self, page: u32) -> u64 {
        self.user_base() | u64::from((self.user as u32).wrapping_add(page * ARENA_PAGE as u32))
    }

    /// Where in the window these bytes of the arena lie.
    fn inside(&self, off: u64, len: usize) -> Result<u64, ArenaError> {
        let size = u64::from(self.limit) * ARENA_PAGE;
        match off.checked_add(len as u64).filter(|end| *end <= size) {
            Some(_) => Ok(u64::from(self.user as u32) + off),
            None => Err(ArenaError::Outside { off, len, size }),
        }
    }

    /// Makes pages come that are not there.
    fn bring(&self, wanted: Range<u32>) -> Result<(), OutOfMemory> {
        let mut pages = self.pages();
        for page in wanted {
            if !pages.free.take_at(page..page + 1) {
                continue;
            }
            if !self.memory.charge(ARENA_PAGE) {
                pages.free.give_back(page..page + 1);
                return Err(self.memory.refusal(ARENA_PAGE));
            }
            self.open(&mut pages, page..page + 1);
        }
        Ok(())
    }

    /// Lets pages be there, empty.
    fn open(&self, pages: &mut Pages, range: Range<u32>) {
        if range.start < pages.used {
            self.empty(range.start..range.end.min(pages.used));
        }
        pages.used = pages.used.max(range.end);
        self.mark(range, PAGE_PRESENT);
    }

    fn mark(&self, range: Range<u32>, state: u8) {
        let first = u64::from(self.user as u32) / ARENA_PAGE;
        for page in range {
            let byte = self.table() + first + u64::from(page);
            // SAFETY: pages of the arena are in the window, and the table covers it.
            unsafe { bytes::store(byte, Size::B, u64::from(state)) };
        }
    }

    fn empty(&self, range: Range<u32>) {
        let first = u64::from(self.user as u32) + u64::from(range.start) * ARENA_PAGE;
        let len = u64::from(range.end - range.start) * ARENA_PAGE;
        if self.window.discard(GUARD + first, len).is_err() {
            // SAFETY: pages of the arena are in the window, which is mapped.
            unsafe { bytes::zero(self.window() + first, len) };
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for run in self.present() {
            self.memory
                .discharge(u64::from(run.end - run.start) * ARENA_PAGE);
        }
    }
}

/// Where a program accesses an arena: in the window, or so little beside it as an offset reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaPlace(i64);

/// How far an offset reaches.
const REACH: i64 = 1 << 15;

impl ArenaPlace {
    /// What a pointer and the offset of an instruction lead to: of the pointer the low half counts.
    #[inline]
    pub fn new(pointer: u64, off: i32) -> ArenaPlace {
        ArenaPlace(i64::from(pointer as u32) + i64::from(off as i16))
    }

    /// What a number leads to that is already the sum of both, if it can be one.
    pub fn of_sum(sum: u64) -> Option<ArenaPlace> {
        let sum = sum.cast_signed();
        (-REACH..WINDOW as i64 + REACH)
            .contains(&sum)
            .then_some(ArenaPlace(sum))
    }
}

/// What an atomic operation on the old value, with an operand and `r0`, leaves behind.
fn combine(op: AtomicOp, size: Size, [old, operand, expected]: [u64; 3]) -> Option<u64> {
    let mask = u64::MAX >> (64 - 8 * size.bytes());
    Some(match op {
        AtomicOp::Add(_) => old.wrapping_add(operand),
        AtomicOp::Or(_) => old | operand,
        AtomicOp::And(_) => old & operand,
        AtomicOp::Xor(_) => old ^ operand,
        AtomicOp::Xchg => operand,
        AtomicOp::Cmpxchg if old == expected & mask => operand,
        AtomicOp::Cmpxchg => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Fetch;
    use crate::machine::MemoryConfig;

    const USER: u64 = (1 << 44) | 0xffff_e000;

    fn arena(user: u64, limit: u32) -> Arena {
        let memory = Memory::new(MemoryConfig::default()).expect("addresses");
        Arena::new(&Arc::new(memory), user, limit).expect("addresses")
    }

    #[test]
    fn pages_come_and_go_and_are_empty_when_they_come_again() {
        let arena = arena(USER, 2);
        let place = |page: u64| ArenaPlace::new(USER + page * ARENA_PAGE, 8);
        arena.store(place(0), Size::DW, 7);
        assert_eq!(arena.load(place(0), Size::DW), 0);
        assert_eq!(arena.allocate(None, 1), Some(USER));
        assert_eq!(arena.allocate(None, 1), Some(USER + ARENA_PAGE));
        assert_eq!(arena.allocate(None, 1), None);
        arena.store(place(1), Size::DW, 7);
        assert_eq!(arena.load(place(1), Size::DW), 7);
        assert_eq!(arena.memory.used(), 2 * ARENA_PAGE);
        arena.free(USER + ARENA_PAGE, u32::MAX);
        assert_eq!(
            (arena.load(place(1), Size::DW), arena.memory.used()),
            (0, ARENA_PAGE)
        );
        assert_eq!(
            arena.allocate(Some(USER + ARENA_PAGE), 1),
            Some(USER + ARENA_PAGE)
        );
        assert_eq!(arena.load(place(1), Size::DW), 0);
        assert_eq!(arena.allocate(Some(USER + ARENA_PAGE), 1), None);
    }

    #[test]
    fn access_that_crosses_into_a_missing_page_is_none_at_all() {
        let arena = arena(USER, 2);
        arena.allocate(None, 1);
        let edge = ArenaPlace::new(USER, 4092);
        arena.store(edge, Size::W, u64::MAX);
        assert_eq!(arena.load(edge, Size::W), u64::from(u32::MAX));
        arena.store(edge, Size::DW, 0);
        assert_eq!(arena.load(edge, Size::DW), 0);
        assert_eq!(arena.load(edge, Size::W), u64::from(u32::MAX));
        let add = (AtomicOp::Add(Fetch::Yes), Width::W64);
        assert_eq!(arena.atomic(edge, add, 1, 0), None);
        arena.allocate(None, 1);
        assert_eq!(arena.atomic(edge, add, 1, 0), Some(u64::from(u32::MAX)));
        assert_eq!(arena.load(edge, Size::DW), 1 << 32);
    }

    #[test]
    fn offsets_reach_beside_the_window_and_find_nothing() {
        let arena = arena(0, MAX_ARENA_PAGES);
        arena.allocate(None, 1);
        arena.allocate(Some(u64::from(u32::MAX - 4095)), 1);
        for place in [
            ArenaPlace::new(0, -1),
            ArenaPlace::new(0, -32768),
            ArenaPlace::new(u64::MAX, 32767),
        ] {
            arena.store(place, Size::DW, 5);
            assert_eq!(arena.load(place, Size::DW), 0);
        }
        let last = ArenaPlace::new(u64::from(u32::MAX - 7), 0);
        arena.store(last, Size::DW, 5);
        assert_eq!(arena.load(last, Size::DW), 5);
    }

    #[test]
    fn arena_larger_than_the_budget_takes_only_what_its_pages_take() {
        let config = MemoryConfig {
            budget: 1 << 20,
            ..MemoryConfig::default()
        };
        let memory = Arc::new(Memory::new(config).expect("addresses"));
        let arena = Arena::new(&memory, 0, MAX_ARENA_PAGES).expect("addresses");
        assert_eq!(arena.allocate(None, MAX_ARENA_PAGES), None);
        assert_eq!(arena.allocate(None, 256), Some(0));
        assert_eq!(arena.allocate(None, 1), None);
        drop(arena);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn user_space_brings_pages_by_writing_and_not_by_reading() {
        let arena = arena(USER, 2);
        let mut buf = [1; 4];
        assert_eq!(arena.read(4094, &mut buf), Ok(()));
        assert_eq!((buf, arena.present()), ([0; 4], vec![]));
        assert_eq!(arena.write(4094, &[1, 2, 3, 4]), Ok(()));
        assert_eq!(arena.present(), std::slice::from_ref(&(0..2)));
        assert_eq!(
            arena.load(ArenaPlace::new(USER, 4094), Size::W),
            0x0403_0201
        );
        assert!(arena.write(8190, &[0; 4]).is_err());
        assert!(arena.read(u64::MAX, &mut buf).is_err());
    }
}
