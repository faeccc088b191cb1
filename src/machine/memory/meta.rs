//! What every object's id stands for, as the check of an access needs it.
//!
//! One cache line an object: bounds for reads and writes by programs, the stride, and what the
//! simulator's own accesses need. Names and owners are elsewhere.
//!
//! Rules:
//! - Row 0 stands for "no object" and refuses everything.
//! - Rows are read without a lock while other threads change them: a program that races with the
//!   end of an object's life may still reach its bytes, which stay mapped, as on a real machine.

#![expect(unsafe_code, reason = "rows and shadow live in raw mappings")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::region::{Place, Region};
use super::{ObjectKind, ProgramAccess, Stride};

/// Bytes that share one shadow entry.
pub(super) const GRANULE: u64 = 8;

/// How many objects can exist at once.
pub(super) const MAX_OBJECTS: u32 = 1 << 24;

const ROW: u64 = size_of::<Meta>() as u64;
const LIVE: u64 = 1 << 8;

/// Set where elements do not fill their granules.
const PADDED: u64 = 1 << 9;

/// The row of an object.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Meta {
    lo: AtomicU64,
    read_end: AtomicU64,
    write_end: AtomicU64,
    /// 2^64 / granules in a stride, rounded up; 0 without stride.
    magic: AtomicU64,
    /// Granules in a stride in the upper half, element bytes in the lower.
    stride: AtomicU64,
    base: AtomicU64,
    len: AtomicU64,
    /// The kind's number, [`LIVE`] and [`PADDED`].
    state: AtomicU64,
}

impl Meta {
    /// Whether a program may read `len` bytes at `addr`.
    #[inline(always)]
    pub(super) fn allows_read(&self, addr: u64, len: u32) -> bool {
        self.allows(addr, len, self.read_end.load(Ordering::Relaxed))
    }

    /// Whether a program may write `len` bytes at `addr`.
    #[inline(always)]
    pub(super) fn allows_write(&self, addr: u64, len: u32) -> bool {
        self.allows(addr, len, self.write_end.load(Ordering::Relaxed))
    }

    /// Whether a program may read the `len` aligned bytes at `addr`, an address of the arena; it is not asked where
    /// elements are padded.
    #[inline(always)]
    pub(super) fn allows_plain_read(&self, addr: u64, len: u32) -> bool {
        self.allows_plain(addr, len, self.read_end.load(Ordering::Relaxed))
    }

    /// As [`Meta::allows_plain_read`], for a write.
    #[inline(always)]
    pub(super) fn allows_plain_write(&self, addr: u64, len: u32) -> bool {
        self.allows_plain(addr, len, self.write_end.load(Ordering::Relaxed))
    }

    /// The sum cannot wrap, since no address of the arena is so high.
    #[inline(always)]
    fn allows_plain(&self, addr: u64, len: u32, end: u64) -> bool {
        addr >= self.lo.load(Ordering::Relaxed)
            && addr.wrapping_add(u64::from(len)) <= end
            && self.state.load(Ordering::Relaxed) & PADDED == 0
    }

    #[inline(always)]
    fn allows(&self, addr: u64, len: u32, end: u64) -> bool {
        let magic = self.magic.load(Ordering::Relaxed);
        addr >= self.lo.load(Ordering::Relaxed)
            && addr.saturating_add(u64::from(len)) <= end
            && (magic == 0 || self.is_within_element(addr, len, magic))
    }

    /// Whether the access stays inside the bytes of one element.
    ///
    /// The remainder by multiplication (Lemire, Kaser, Kurz 2019) is exact because granule counts
    /// fit 32 bits: objects are smaller than 2^35 bytes.
    #[inline]
    fn is_within_element(&self, addr: u64, len: u32, magic: u64) -> bool {
        let stride = self.stride.load(Ordering::Relaxed);
        let offset = addr.wrapping_sub(self.base.load(Ordering::Relaxed));
        let fraction = magic.wrapping_mul(offset / GRANULE);
        let granule = ((u128::from(fraction) * u128::from(stride >> 32)) >> 64) as u64;
        granule * GRANULE + offset % GRANULE + u64::from(len) <= stride & 0xffff_ffff
    }

    /// Whether `len` bytes at `addr` lie inside the object while it lives.
    pub(super) fn holds(&self, addr: u64, len: u64) -> bool {
        let base = self.base();
        self.is_live()
            && addr >= base
            && (addr - base)
                .checked_add(len)
                .is_some_and(|end| end <= self.len())
    }

    /// Whether the object lives.
    pub(super) fn is_live(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LIVE != 0
    }

    /// Its kind.
    pub(super) fn kind(&self) -> ObjectKind {
        ObjectKind::from_number(self.state.load(Ordering::Relaxed) as u8)
    }

    /// Its first address.
    pub(super) fn base(&self) -> u64 {
        self.base.load(Ordering::Relaxed)
    }

    /// Its length.
    pub(super) fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Its stride, if it is an array.
    pub(super) fn stride(&self) -> Option<Stride> {
        Stride::of(self.stride.load(Ordering::Relaxed) as u32)
    }

    /// First address programs may access, and the ends for reads and writes (0: never).
    pub(super) fn bounds(&self) -> (u64, u64, u64) {
        (
            self.lo.load(Ordering::Relaxed),
            self.read_end.load(Ordering::Relaxed),
            self.write_end.load(Ordering::Relaxed),
        )
    }

    /// Starts an object's life.
    pub(super) fn begin(&self, base: u64, len: u64, kind: ObjectKind, stride: Option<Stride>) {
        self.base.store(base, Ordering::Relaxed);
        self.len.store(len, Ordering::Relaxed);
        let (granules, elem) = stride.map_or((0, 0), |s| (s.stride() / GRANULE as u32, s.elem()));
        self.stride.store(
            u64::from(granules) << 32 | u64::from(elem),
            Ordering::Relaxed,
        );
        let magic = match granules {
            0 => 0,
            // One granule a stride: every granule starts an element, and 2^64 / 1 does not fit.
            1 => u64::MAX,
            _ => u64::MAX / u64::from(granules) + 1,
        };
        self.magic.store(magic, Ordering::Relaxed);
        let padded = match u64::from(elem) % GRANULE {
            0 => 0,
            _ => PADDED,
        };
        let state = u64::from(kind as u8) | LIVE | padded;
        self.state.store(state, Ordering::Relaxed);
    }

    /// Says which of its addresses programs may access, and how.
    pub(super) fn open(&self, lo: u64, end: u64, access: ProgramAccess) {
        let (read_end, write_end) = match access {
            ProgramAccess::None => (0, 0),
            ProgramAccess::ReadOnly => (end, 0),
            ProgramAccess::WriteOnly => (0, end),
            ProgramAccess::ReadWrite => (end, end),
        };
        self.lo.store(lo, Ordering::Relaxed);
        self.read_end.store(read_end, Ordering::Relaxed);
        self.write_end.store(write_end, Ordering::Relaxed);
    }

    /// Moves what programs may access, and leaves how they may.
    pub(super) fn slide(&self, lo: u64, end: u64) {
        self.lo.store(lo, Ordering::Relaxed);
        for bound in [&self.read_end, &self.write_end] {
            if bound.load(Ordering::Relaxed) != 0 {
                bound.store(end, Ordering::Relaxed);
            }
        }
    }

    /// Ends the object's life: nothing may be accessed any more.
    pub(super) fn end(&self) {
        self.open(u64::MAX, 0, ProgramAccess::None);
        self.state.fetch_and(!LIVE, Ordering::Relaxed);
    }
}

/// Shadow and rows.
#[derive(Debug)]
pub(super) struct Tables {
    shadow: Region,
    rows: Region,
}

impl Tables {
    /// Tables for an arena of that many bytes.
    pub(super) fn new(arena_len: u64) -> std::io::Result<Tables> {
        let shadow = Region::reserve(Place::Anywhere, arena_len / GRANULE * 4)?;
        let rows = Region::reserve(Place::Anywhere, u64::from(MAX_OBJECTS) * ROW)?;
        rows.commit(ROW)?;
        let tables = Tables { shadow, rows };
        tables.row(0).end();
        Ok(tables)
    }

    /// Makes the shadow of the arena's first `end` bytes accessible.
    pub(super) fn commit_shadow(&self, end: u64) -> std::io::Result<()> {
        self.shadow.commit(end.div_ceil(GRANULE) * 4)
    }

    /// Makes row `id` accessible.
    pub(super) fn commit_row(&self, id: u32) -> std::io::Result<()> {
        self.rows.commit((u64::from(id) + 1) * ROW)
    }

    /// Which object the granule at arena offset `off` belongs to.
    ///
    /// # Safety
    /// The shadow of `off` is committed.
    #[inline(always)]
    pub(super) unsafe fn id_at(&self, off: u64) -> u32 {
        // SAFETY: as the caller promises.
        unsafe { self.entry(off) }.load(Ordering::Relaxed)
    }

    /// Gives `len` bytes at arena offset `off` to an object, as far as the shadow is committed.
    pub(super) fn claim(&self, off: u64, len: u64, id: u32) {
        let end = (off + len).min(self.shadow.committed() / 4 * GRANULE);
        for granule in (off..end).step_by(GRANULE as usize) {
            // SAFETY: bounded by what is committed.
            unsafe { self.entry(granule) }.store(id, Ordering::Release);
        }
    }

    /// The row of an id that [`Tables::id_at`] gave; row 0 of any other.
    #[inline(always)]
    pub(super) fn row(&self, id: u32) -> &Meta {
        let off = u64::from(id) * ROW;
        debug_assert!(
            off < self.rows.committed(),
            "ids are claimed after their row is committed"
        );
        let ptr = std::ptr::with_exposed_provenance::<Meta>((self.rows.base() + off) as usize);
        // SAFETY: ids in the shadow and in the heap are those whose row was committed; any bytes
        // are a valid row, and it is only changed through its atomics.
        unsafe { &*ptr }
    }

    /// # Safety
    /// The shadow of `off` is committed.
    #[inline(always)]
    unsafe fn entry(&self, off: u64) -> &AtomicU32 {
        let entry = self.shadow.base() + off / GRANULE * 4;
        let ptr = std::ptr::with_exposed_provenance::<AtomicU32>(entry as usize);
        // SAFETY: inside the committed part of the mapping, as the caller promises, and aligned.
        unsafe { &*ptr }
    }
}
