//! Dynptrs: pointers that know how much they point to, in 16 bytes of a program's stack.
//!
//! Rules:
//! - What is in the 16 bytes is the kernel's: address, size with kind and access above it, offset.
//!   A dynptr without an address points to nothing.
//! - Those of packets are not made yet.

use super::{Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, Memory};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(197, "bpf_dynptr_from_mem", dynptr_from_mem),
    Entry::new(198, "bpf_ringbuf_reserve_dynptr", ringbuf_reserve_dynptr),
    Entry::new(199, "bpf_ringbuf_submit_dynptr", ringbuf_submit_dynptr),
    Entry::new(200, "bpf_ringbuf_discard_dynptr", ringbuf_discard_dynptr),
    Entry::new(201, "bpf_dynptr_read", dynptr_read),
    Entry::new(202, "bpf_dynptr_write", dynptr_write),
    Entry::new(203, "bpf_dynptr_data", dynptr_data),
];

/// The most that one can point to.
const MAX_SIZE: u32 = 0xff_ffff;
/// Above the size: it may not be written.
const READ_ONLY: u32 = 1 << 31;
/// Above the size: the kind.
const KIND_SHIFT: u32 = 28;

/// What a dynptr points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DynptrKind {
    /// Memory of the program's.
    Local,
    /// A reserved record of a ring buffer, or a sample.
    Ringbuf,
}

/// A dynptr as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dynptr {
    data: u64,
    /// Size, kind and access.
    size: u32,
    offset: u32,
}

impl Dynptr {
    const NOTHING: Dynptr = Dynptr {
        data: 0,
        size: 0,
        offset: 0,
    };

    /// One to that many bytes, which may be written.
    pub(super) fn new(kind: DynptrKind, data: Addr, size: u32) -> Dynptr {
        let kind = match kind {
            DynptrKind::Local => 1,
            DynptrKind::Ringbuf => 2,
        };
        Dynptr {
            data: data.0,
            size: size & MAX_SIZE | kind << KIND_SHIFT,
            offset: 0,
        }
    }

    /// The same, not to be written.
    pub(super) fn read_only(self) -> Dynptr {
        let size = self.size | READ_ONLY;
        Dynptr { size, ..self }
    }

    fn load(memory: &Memory, at: u64) -> Result<Dynptr, HelperError> {
        let rest = memory.load(Addr(at).offset(8), Size::DW)?;
        Ok(Dynptr {
            data: memory.load(Addr(at), Size::DW)?,
            size: rest as u32,
            offset: (rest >> 32) as u32,
        })
    }

    fn store(self, memory: &Memory, at: u64) -> Result<(), HelperError> {
        memory.write(Addr(at), &self.to_bytes())?;
        Ok(())
    }

    /// Its 16 bytes.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let words = [u128::from(self.data), self.size.into(), self.offset.into()];
        let [data, size, offset] = words;
        (data | size << 64 | offset << 96).to_le_bytes()
    }

    fn len(self) -> u32 {
        self.size & MAX_SIZE
    }

    fn is_read_only(self) -> bool {
        self.size & READ_ONLY != 0
    }

    /// Where a part of what it points to lies.
    fn part(self, offset: u32, len: u32) -> Result<Addr, Errno> {
        match self.len().checked_sub(len) {
            Some(most) if offset <= most => {
                let from = u64::from(self.offset) + u64::from(offset);
                Ok(Addr(self.data.wrapping_add(from)))
            }
            Some(_) | None => Err(Errno::E2BIG),
        }
    }
}

/// `long bpf_dynptr_from_mem(void *data, u32 size, u64 flags, struct bpf_dynptr *ptr)`
fn dynptr_from_mem(call: &mut Call<'_>) -> Reply {
    let [data, size, flags, ptr, _] = call.args;
    let size = size as u32;
    let made = match (size, flags) {
        (size, _) if size > MAX_SIZE => Err(Errno::E2BIG),
        (_, 0) => Ok(Dynptr::new(DynptrKind::Local, Addr(data), size)),
        (_, _) => Err(Errno::EINVAL),
    };
    finish(call, ptr, made)
}

/// `long bpf_ringbuf_reserve_dynptr(void *ringbuf, u32 size, u64 flags, struct bpf_dynptr *ptr)`
fn ringbuf_reserve_dynptr(call: &mut Call<'_>) -> Reply {
    let [map, size, flags, ptr, _] = call.args;
    let size = size as u32;
    let map = call.map(map)?;
    let ringbuf = map
        .ringbuf()
        .ok_or(HelperError::Refused("the map is no ring buffer"))?;
    let made = match flags {
        0 if size > MAX_SIZE => Err(Errno::E2BIG),
        0 => ringbuf
            .reserve(call.memory(), u64::from(size), 0)
            .map(|record| Dynptr::new(DynptrKind::Ringbuf, record, size))
            .ok_or(Errno::EINVAL),
        _ => Err(Errno::EINVAL),
    };
    finish(call, ptr, made)
}

/// Writes what was made, or nothing.
fn finish(call: &Call<'_>, ptr: u64, made: Result<Dynptr, Errno>) -> Reply {
    let dynptr = made.unwrap_or(Dynptr::NOTHING);
    dynptr.store(call.memory(), ptr)?;
    Ok(made.map_or_else(Errno::as_return, |_| 0))
}

/// `void bpf_ringbuf_submit_dynptr(struct bpf_dynptr *ptr, u64 flags)`
fn ringbuf_submit_dynptr(call: &mut Call<'_>) -> Reply {
    settle(call, super::output::submit)
}

/// `void bpf_ringbuf_discard_dynptr(struct bpf_dynptr *ptr, u64 flags)`
fn ringbuf_discard_dynptr(call: &mut Call<'_>) -> Reply {
    settle(call, super::output::discard)
}

fn settle(call: &mut Call<'_>, then: fn(&Call<'_>, Addr) -> Reply) -> Reply {
    let ptr = call.args[0];
    let dynptr = Dynptr::load(call.memory(), ptr)?;
    if dynptr.data == 0 {
        return Ok(0);
    }
    then(call, Addr(dynptr.data))?;
    Dynptr::NOTHING.store(call.memory(), ptr)?;
    Ok(0)
}

/// `long bpf_dynptr_read(void *dst, u32 len, const struct bpf_dynptr *src, u32 offset, u64 flags)`
fn dynptr_read(call: &mut Call<'_>) -> Reply {
    let [to, len, ptr, offset, flags] = call.args;
    let dynptr = Dynptr::load(call.memory(), ptr)?;
    if dynptr.data == 0 || flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    match dynptr.part(offset as u32, len as u32) {
        Ok(from) => copy(call.memory(), Addr(to), from, len as u32),
        Err(errno) => Ok(errno.as_return()),
    }
}

/// `long bpf_dynptr_write(const struct bpf_dynptr *dst, u32 offset, void *src, u32 len, u64 flags)`
fn dynptr_write(call: &mut Call<'_>) -> Reply {
    let [ptr, offset, from, len, flags] = call.args;
    let dynptr = Dynptr::load(call.memory(), ptr)?;
    if dynptr.data == 0 || dynptr.is_read_only() {
        return Ok(Errno::EINVAL.as_return());
    }
    match dynptr.part(offset as u32, len as u32) {
        Ok(_) if flags != 0 => Ok(Errno::EINVAL.as_return()),
        Ok(to) => copy(call.memory(), to, Addr(from), len as u32),
        Err(errno) => Ok(errno.as_return()),
    }
}

/// Copies, even where the places overlap.
fn copy(memory: &Memory, to: Addr, from: Addr, len: u32) -> Reply {
    if len > 0 {
        let bytes = memory.read_vec(from, len)?;
        memory.write(to, &bytes)?;
    }
    Ok(0)
}

/// `void *bpf_dynptr_data(const struct bpf_dynptr *ptr, u32 offset, u32 len)`
fn dynptr_data(call: &mut Call<'_>) -> Reply {
    let [ptr, offset, len, ..] = call.args;
    let dynptr = Dynptr::load(call.memory(), ptr)?;
    if dynptr.data == 0 || dynptr.is_read_only() {
        return Ok(0);
    }
    let part = dynptr.part(offset as u32, len as u32);
    Ok(part.map_or(0, |addr| addr.0))
}
