//! Raw loads, stores and copies of guest memory at addresses that were checked before.
//!
//! Nothing here checks anything. Guest programs may race on the same bytes, so every access is a
//! relaxed atomic of its own size when aligned, and bytewise when not: what a racing reader sees is
//! what hardware would show it, never undefined behaviour.

#![expect(unsafe_code, reason = "guest memory is raw host memory")]

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use crate::isa::{AtomicOp, Size, Width};

macro_rules! cell {
    ($type:ty, $addr:expr) => {{
        let ptr = std::ptr::with_exposed_provenance::<$type>($addr as usize);
        // SAFETY: the caller of this module's functions promises mapped memory that lives for the
        // call, and the address was tested or promised to be aligned.
        unsafe { &*ptr }
    }};
}

/// Loads, zero-extended.
///
/// # Safety
/// The bytes are committed guest memory.
#[inline(always)]
pub(super) unsafe fn load(addr: u64, size: Size) -> u64 {
    if is_aligned(addr, size) {
        // SAFETY: as the caller promises, and tested.
        return unsafe { load_aligned(addr, size) };
    }
    let mut bytes = [0; 8];
    for (i, byte) in (0..u64::from(size.bytes())).zip(&mut bytes) {
        *byte = cell!(AtomicU8, addr + i).load(Ordering::Relaxed);
    }
    u64::from_le_bytes(bytes)
}

/// Loads, zero-extended.
///
/// # Safety
/// The bytes are committed guest memory, and `addr` is a multiple of the size.
#[inline(always)]
pub(super) unsafe fn load_aligned(addr: u64, size: Size) -> u64 {
    match size {
        Size::B => u64::from(cell!(AtomicU8, addr).load(Ordering::Relaxed)),
        Size::H => u64::from(cell!(AtomicU16, addr).load(Ordering::Relaxed)),
        Size::W => u64::from(cell!(AtomicU32, addr).load(Ordering::Relaxed)),
        Size::DW => cell!(AtomicU64, addr).load(Ordering::Relaxed),
    }
}

/// Stores the low bytes of `value`.
///
/// # Safety
/// The bytes are committed guest memory.
#[inline(always)]
pub(super) unsafe fn store(addr: u64, size: Size, value: u64) {
    if is_aligned(addr, size) {
        // SAFETY: as the caller promises, and tested.
        return unsafe { store_aligned(addr, size, value) };
    }
    for (i, byte) in (0..u64::from(size.bytes())).zip(value.to_le_bytes()) {
        cell!(AtomicU8, addr + i).store(byte, Ordering::Relaxed);
    }
}

/// Stores the low bytes of `value`.
///
/// # Safety
/// The bytes are committed guest memory, and `addr` is a multiple of the size.
#[inline(always)]
pub(super) unsafe fn store_aligned(addr: u64, size: Size, value: u64) {
    match size {
        Size::B => cell!(AtomicU8, addr).store(value as u8, Ordering::Relaxed),
        Size::H => cell!(AtomicU16, addr).store(value as u16, Ordering::Relaxed),
        Size::W => cell!(AtomicU32, addr).store(value as u32, Ordering::Relaxed),
        Size::DW => cell!(AtomicU64, addr).store(value, Ordering::Relaxed),
    }
}

/// Whether an address is a multiple of a size.
#[inline(always)]
pub(super) fn is_aligned(addr: u64, size: Size) -> bool {
    addr & u64::from(size.bytes() - 1) == 0
}

/// Performs an atomic operation, sequentially consistent, and returns the old value, zero-extended.
///
/// # Safety
/// The bytes are committed guest memory and `addr` is a multiple of the width.
pub(super) unsafe fn atomic(
    addr: u64,
    op: AtomicOp,
    width: Width,
    operand: u64,
    expected: u64,
) -> u64 {
    macro_rules! perform {
        ($atomic:ty, $int:ty) => {{
            let cell = cell!($atomic, addr);
            let operand = operand as $int;
            u64::from(match op {
                AtomicOp::Add(_) => cell.fetch_add(operand, Ordering::SeqCst),
                AtomicOp::Or(_) => cell.fetch_or(operand, Ordering::SeqCst),
                AtomicOp::And(_) => cell.fetch_and(operand, Ordering::SeqCst),
                AtomicOp::Xor(_) => cell.fetch_xor(operand, Ordering::SeqCst),
                AtomicOp::Xchg => cell.swap(operand, Ordering::SeqCst),
                AtomicOp::Cmpxchg => cell
                    .compare_exchange(
                        expected as $int,
                        operand,
                        Ordering::SeqCst,
                        Ordering::SeqCst,
                    )
                    .unwrap_or_else(|old| old),
            })
        }};
    }
    match width {
        Width::W32 => perform!(AtomicU32, u32),
        Width::W64 => perform!(AtomicU64, u64),
    }
}

/// Copies guest memory out, word by word where it is aligned.
///
/// # Safety
/// The bytes are committed guest memory.
pub(super) unsafe fn copy_out(mut addr: u64, buf: &mut [u8]) {
    let (head, words, tail) = split(addr, buf.len());
    let (front, rest) = buf.split_at_mut(head);
    let (middle, back) = rest.split_at_mut(words);
    for byte in front {
        *byte = cell!(AtomicU8, addr).load(Ordering::Relaxed);
        addr += 1;
    }
    for word in middle.chunks_exact_mut(8) {
        word.copy_from_slice(&cell!(AtomicU64, addr).load(Ordering::Relaxed).to_ne_bytes());
        addr += 8;
    }
    debug_assert_eq!(back.len(), tail);
    for byte in back {
        *byte = cell!(AtomicU8, addr).load(Ordering::Relaxed);
        addr += 1;
    }
}

/// Copies into guest memory, word by word where it is aligned.
///
/// # Safety
/// The bytes are committed guest memory.
pub(super) unsafe fn copy_in(mut addr: u64, buf: &[u8]) {
    let (head, words, _) = split(addr, buf.len());
    let (front, rest) = buf.split_at(head);
    let (middle, back) = rest.split_at(words);
    for byte in front {
        cell!(AtomicU8, addr).store(*byte, Ordering::Relaxed);
        addr += 1;
    }
    let (middle, _) = middle.as_chunks::<8>();
    for word in middle {
        cell!(AtomicU64, addr).store(u64::from_ne_bytes(*word), Ordering::Relaxed);
        addr += 8;
    }
    for byte in back {
        cell!(AtomicU8, addr).store(*byte, Ordering::Relaxed);
        addr += 1;
    }
}

/// Whether guest memory holds these bytes.
///
/// # Safety
/// The bytes are committed guest memory.
pub(super) unsafe fn equals(mut addr: u64, buf: &[u8]) -> bool {
    let (words, rest) = match addr % 8 {
        0 => buf.as_chunks::<8>(),
        _ => (&[][..], buf),
    };
    for word in words {
        if cell!(AtomicU64, addr).load(Ordering::Relaxed) != u64::from_ne_bytes(*word) {
            return false;
        }
        addr += 8;
    }
    rest.iter()
        .zip(addr..)
        .all(|(byte, at)| cell!(AtomicU8, at).load(Ordering::Relaxed) == *byte)
}

/// Sets guest memory to zero.
///
/// # Safety
/// The bytes are committed guest memory, and `addr` is a multiple of 8.
pub(super) unsafe fn zero(addr: u64, len: u64) {
    for word in (addr..addr + len).step_by(8) {
        cell!(AtomicU64, word).store(0, Ordering::Relaxed);
    }
}

/// Bytes before the first aligned word, bytes in whole words, bytes after.
fn split(addr: u64, len: usize) -> (usize, usize, usize) {
    let head = ((addr.wrapping_neg() & 7) as usize).min(len);
    let words = (len - head) & !7;
    (head, words, len - head - words)
}
