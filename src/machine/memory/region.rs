//! A reserved range of host addresses whose pages are committed from the front.
//!
//! It is not an allocator: it knows how far it is committed and nothing of what lies inside.
//!
//! Rules:
//! - Bytes below [`Region::committed`] are mapped readable and writable until the region drops.
//! - The committed part only grows, under the owner's lock.

#![expect(unsafe_code, reason = "this module owns mappings of host memory")]

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// How finely memory is committed.
const CHUNK: u64 = 256 << 10;

/// A reserved range of host addresses.
#[derive(Debug)]
pub(super) struct Region {
    base: u64,
    len: u64,
    committed: AtomicU64,
}

/// Where to reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Exactly there, or not at all.
    At(u64),
    /// Where the host likes.
    Anywhere,
}

impl Region {
    /// Reserves `len` bytes of addresses without any memory behind them.
    pub(super) fn reserve(place: Place, len: u64) -> io::Result<Region> {
        let length = to_usize(len)?;
        let (hint, fixed) = match place {
            Place::At(addr) => (to_usize(addr)?, libc::MAP_FIXED_NOREPLACE),
            Place::Anywhere => (0, 0),
        };
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | fixed;
        // SAFETY: an anonymous mapping that replaces none: MAP_FIXED_NOREPLACE fails instead, and
        // kernels that do not know the flag treat the address as a hint.
        let mapped = unsafe {
            libc::mmap(
                std::ptr::without_provenance_mut(hint),
                length,
                libc::PROT_NONE,
                flags,
                -1,
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let region = Region {
            base: mapped.expose_provenance() as u64,
            len,
            committed: AtomicU64::new(0),
        };
        match place {
            Place::At(addr) if addr != region.base => Err(io::ErrorKind::AddrInUse.into()),
            Place::At(_) | Place::Anywhere => Ok(region),
        }
    }

    /// First address.
    #[inline]
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Reserved bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes from the front that are mapped and may be accessed.
    #[inline]
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Makes the first `end` bytes accessible; new ones are zero.
    pub(super) fn commit(&self, end: u64) -> io::Result<()> {
        let from = self.committed();
        if end <= from {
            return Ok(());
        }
        let to = end
            .checked_next_multiple_of(CHUNK)
            .map_or(self.len, |to| to.min(self.len));
        if end > to {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.protect(from, to - from)?;
        self.committed.store(to, Ordering::Release);
        Ok(())
    }

    /// Gives the memory behind `len` bytes at `off` back; they read zero afterwards.
    ///
    /// Only whole pages can be given back: both must be multiples of the page size.
    pub(super) fn discard(&self, off: u64, len: u64) -> io::Result<()> {
        if off
            .checked_add(len)
            .is_none_or(|end| end > self.committed())
        {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (start, length) = (to_usize(self.base + off)?, to_usize(len)?);
        let start = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the range lies inside this mapping, and its bytes are only ever read and written
        // as atomics, for which any value is valid.
        match unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Asks the host for small pages, where it would give large ones to whoever touches a byte.
    pub(super) fn use_small_pages(&self) {
        let start = std::ptr::with_exposed_provenance_mut(self.base as usize);
        // SAFETY: the range is this mapping, and the advice changes no byte of it. A host that has no large
        // pages refuses, which is as good.
        unsafe { libc::madvise(start, self.len as usize, libc::MADV_NOHUGEPAGE) };
    }

    fn protect(&self, off: u64, len: u64) -> io::Result<()> {
        let (start, length) = (to_usize(self.base + off)?, to_usize(len)?);
        let start = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the range lies inside this mapping, which nothing else knows of yet.
        match unsafe { libc::mprotect(start, length, libc::PROT_READ | libc::PROT_WRITE) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let start = std::ptr::with_exposed_provenance_mut(self.base as usize);
        // SAFETY: the mapping is ours, and whoever borrowed from it borrowed from `self`.
        unsafe { libc::munmap(start, self.len as usize) };
    }
}

fn to_usize(value: u64) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::ErrorKind::OutOfMemory.into())
}
