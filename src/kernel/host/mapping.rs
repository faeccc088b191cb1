//! Memory that is shared with the kernel: ring buffers, perf buffers and arenas.
//!
//! It does not attach anything. What programs sent is taken out once, at the end.

#![expect(unsafe_code, reason = "shared memory and system calls")]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sys::{SysResult, last_error};

/// Size of a page.
pub(super) const PAGE: usize = 4096;
/// Data pages of a perf buffer, a power of two.
const PERF_PAGES: usize = 16;
/// Where a perf buffer's first page has `data_head` and `data_tail`.
const PERF_HEAD: usize = 1024;
const PERF_TAIL: usize = 1032;
/// `PERF_RECORD_SAMPLE`.
const PERF_SAMPLE: u32 = 9;
/// In the length of a ring buffer's record: it is not committed, it was discarded.
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// Bytes before a ring buffer's record.
const RECORD_HEAD: usize = 8;

/// What may be done to pages.
#[derive(Clone, Copy, Debug)]
enum Protection {
    Read,
    ReadWrite,
}

/// Pages of a descriptor.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn new(fd: &OwnedFd, offset: usize, len: usize, protection: Protection) -> SysResult<Mapping> {
        Mapping::near(0, fd, offset, len, protection)
    }

    /// Pages at an address, if nothing is there; anywhere for 0.
    fn near(
        address: usize,
        fd: &OwnedFd,
        offset: usize,
        len: usize,
        protection: Protection,
    ) -> SysResult<Mapping> {
        let protection = match protection {
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        };
        let offset = i64::try_from(offset).map_err(|_| libc::EINVAL)?;
        let fd = fd.as_raw_fd();
        let hint = std::ptr::without_provenance_mut(address);
        // SAFETY: a new mapping is made where nothing is: the address is only a wish.
        let start = unsafe { libc::mmap(hint, len, protection, libc::MAP_SHARED, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(last_error());
        }
        let start = NonNull::new(start.cast()).ok_or(libc::ENOMEM)?;
        Ok(Mapping { start, len })
    }

    /// A word that the kernel changes.
    fn atomic(&self, offset: usize) -> Option<&AtomicU64> {
        let inside = offset.checked_add(8)? <= self.len && offset.is_multiple_of(8);
        if !inside {
            return None;
        }
        // SAFETY: the offset lies inside of the mapping.
        let word = unsafe { self.start.add(offset) };
        // SAFETY: the word is aligned, mapped as long as `self` lives, and only used atomically.
        Some(unsafe { AtomicU64::from_ptr(word.cast().as_ptr()) })
    }

    /// Writes bytes at the start; none if they do not fit.
    fn write(&self, bytes: &[u8]) {
        if bytes.len() > self.len {
            return;
        }
        // SAFETY: the mapping is writable and has room for all of it, and nothing borrows it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr(), bytes.len()) };
    }

    /// A copy of bytes that the kernel has finished writing.
    fn copy(&self, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return bytes;
        }
        // SAFETY: the offset lies inside of the mapping.
        let from = unsafe { self.start.add(offset) };
        // SAFETY: so does the end, and the copy has room for all of it.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), bytes.as_mut_ptr(), len) };
        bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this start and length, and nothing borrows it any more.
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert_eq!(result, 0, "a mapping is unmapped as it was mapped");
    }
}

/// Gives an arena of that many pages its place in user space, the one asked for if it is not 0, which it
/// keeps, and its first bytes.
pub(super) fn fill_arena(fd: &OwnedFd, address: u64, pages: u32, bytes: &[u8]) -> SysResult<()> {
    let len = (pages as usize).saturating_mul(PAGE);
    let address = usize::try_from(address).map_err(|_| libc::EINVAL)?;
    Mapping::near(address, fd, 0, len, Protection::ReadWrite)?.write(bytes);
    Ok(())
}

/// All bytes of an arena of that many pages.
pub(super) fn read_arena(fd: &OwnedFd, address: u64, pages: u32) -> SysResult<Vec<u8>> {
    let len = (pages as usize).saturating_mul(PAGE);
    let address = usize::try_from(address).map_err(|_| libc::EINVAL)?;
    let mapping = Mapping::near(address, fd, 0, len, Protection::ReadWrite)?;
    Ok(mapping.copy(0, len))
}

/// Takes all records out of a ring buffer of that many bytes.
pub(super) fn drain_ringbuf(fd: &OwnedFd, size: usize) -> SysResult<Vec<Vec<u8>>> {
    let consumer = Mapping::new(fd, 0, PAGE, Protection::ReadWrite)?;
    // The data is mapped twice in a row, so that no record is cut.
    let producer = Mapping::new(fd, PAGE, PAGE + 2 * size, Protection::Read)?;
    let (Some(consumed), Some(produced)) = (consumer.atomic(0), producer.atomic(0)) else {
        return Ok(Vec::new());
    };
    let (mut at, end) = (
        consumed.load(Ordering::Acquire),
        produced.load(Ordering::Acquire),
    );
    let mut records = Vec::new();
    while at < end {
        let offset = PAGE + usize::try_from(at).unwrap_or(0) % size.max(1);
        let Some(head) = producer.atomic(offset) else {
            break;
        };
        let head = head.load(Ordering::Acquire) as u32;
        if head & BUSY != 0 {
            break;
        }
        let len = (head & !(BUSY | DISCARDED)) as usize;
        if head & DISCARDED == 0 {
            records.push(producer.copy(offset + RECORD_HEAD, len));
        }
        at = at.saturating_add((RECORD_HEAD + len).next_multiple_of(8) as u64);
    }
    consumed.store(at, Ordering::Release);
    Ok(records)
}

/// The attributes of perf_event_open(2), as far as they are used (`PERF_ATTR_SIZE_VER1`).
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct PerfAttr {
    pub(super) kind: u32,
    pub(super) size: u32,
    pub(super) config: u64,
    pub(super) sample_period: u64,
    pub(super) sample_type: u64,
    pub(super) read_format: u64,
    pub(super) flags: u64,
    pub(super) wakeup_events: u32,
    pub(super) bp_type: u32,
    /// The name of a function, for a kprobe.
    pub(super) config1: u64,
    /// The offset into it.
    pub(super) config2: u64,
}

/// Which task and CPU a perf event is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct PerfScope {
    /// -1 for every task.
    pub(super) pid: i32,
    pub(super) cpu: i32,
}

/// Opens a perf event.
///
/// # Safety
/// A pointer in the attributes points to text that ends in a NUL.
pub(super) unsafe fn perf_event_open(attr: &PerfAttr, scope: PerfScope) -> SysResult<OwnedFd> {
    /// `PERF_FLAG_FD_CLOEXEC`.
    const CLOEXEC: u64 = 8;
    let attr = PerfAttr {
        size: u32::try_from(size_of::<PerfAttr>()).unwrap_or(0),
        ..PerfAttr { ..*attr }
    };
    let (number, group) = (libc::SYS_perf_event_open, -1);
    // SAFETY: the attributes are as long as they say; a pointer in them is the caller's duty.
    let fd = unsafe {
        libc::syscall(
            number,
            &raw const attr,
            scope.pid,
            scope.cpu,
            group,
            CLOEXEC,
        )
    };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0);
    let fd = fd.ok_or_else(last_error)?;
    // SAFETY: the kernel has just given this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Starts a perf event.
pub(super) fn perf_enable(event: &OwnedFd) -> SysResult<()> {
    const PERF_EVENT_IOC_ENABLE: libc::c_ulong = 0x2400;
    // SAFETY: the request takes a number.
    match unsafe { libc::ioctl(event.as_raw_fd(), PERF_EVENT_IOC_ENABLE, 0) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// The buffer that programs send to from one CPU.
#[derive(Debug)]
pub(super) struct PerfBuffer {
    event: OwnedFd,
    mapping: Mapping,
}

impl PerfBuffer {
    /// A buffer for what programs send from that CPU.
    pub(super) fn open(cpu: u32) -> SysResult<PerfBuffer> {
        const SOFTWARE: u32 = 1;
        const BPF_OUTPUT: u64 = 10;
        const RAW: u64 = 1 << 10;
        let attr = PerfAttr {
            kind: SOFTWARE,
            config: BPF_OUTPUT,
            sample_period: 1,
            sample_type: RAW,
            wakeup_events: 1,
            ..PerfAttr::default()
        };
        let scope = PerfScope {
            pid: -1,
            cpu: i32::try_from(cpu).map_err(|_| libc::EINVAL)?,
        };
        // SAFETY: these attributes hold no pointers.
        let event = unsafe { perf_event_open(&attr, scope) }?;
        let len = (1 + PERF_PAGES) * PAGE;
        let mapping = Mapping::new(&event, 0, len, Protection::ReadWrite)?;
        perf_enable(&event)?;
        Ok(PerfBuffer { event, mapping })
    }

    /// Its descriptor, to be put into the map.
    pub(super) fn number(&self) -> i32 {
        self.event.as_raw_fd()
    }

    /// Takes all records out. Each is padded so that it and its length fill 8 bytes.
    pub(super) fn drain(&self) -> Vec<Vec<u8>> {
        let (Some(head), Some(tail)) = (
            self.mapping.atomic(PERF_HEAD),
            self.mapping.atomic(PERF_TAIL),
        ) else {
            return Vec::new();
        };
        let (mut at, end) = (tail.load(Ordering::Relaxed), head.load(Ordering::Acquire));
        let mut records = Vec::new();
        while at < end {
            let head = self.bytes(at, 8);
            let (kind, size) = match *head.as_slice() {
                [a, b, c, d, _, _, e, f] => {
                    (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]))
                }
                _ => break,
            };
            if size < 8 {
                break;
            }
            if kind == PERF_SAMPLE {
                let body = self.bytes(at.saturating_add(8), usize::from(size) - 8);
                if let Some((len, data)) = body.split_first_chunk::<4>() {
                    let len = u32::from_le_bytes(*len) as usize;
                    records.push(data.get(..len).unwrap_or(data).to_vec());
                }
            }
            at = at.saturating_add(size.into());
        }
        tail.store(end, Ordering::Release);
        records
    }

    /// Bytes of the ring, which may go round its end.
    fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let ring = PERF_PAGES * PAGE;
        let start = usize::try_from(at).unwrap_or(0) % ring;
        let first = len.min(ring - start);
        let mut bytes = self.mapping.copy(PAGE + start, first);
        bytes.extend(self.mapping.copy(PAGE, len - first));
        bytes
    }
}
