//! Dynptrs: pointers that know how much they point to, in 16 bytes of a program's stack.
//!
//! Rules:
//! - What is in the 16 bytes is the kernel's: address, size with kind and access above it, offset.
//!   A dynptr without an address points to nothing.
//! - Those of packets have the context for their address; the packet is the run's.
//!
//! Kernel functions on them are in [`super::kfunc`].

use super::map::status;
use super::packet::Packet;
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

/// `BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH`.
const SKB_STORE_FLAGS: u64 = 3;
/// The furthest offset and greatest length in an XDP program's packet.
const MAX_XDP_OFFSET: u32 = 0xffff;

/// What a dynptr points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DynptrKind {
    /// Memory of the program's, or a sample.
    Local = 1,
    /// A reserved record of a ring buffer.
    Ringbuf = 2,
    /// A socket buffer's packet.
    Skb = 3,
    /// An XDP program's packet.
    Xdp = 4,
}

/// Where a part of what a dynptr points to is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// In memory, there.
    Memory(Addr),
    /// In the packet, at that offset.
    Packet(u32),
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
    pub(super) const NOTHING: Dynptr = Dynptr {
        data: 0,
        size: 0,
        offset: 0,
    };

    /// One to that many bytes, which may be written.
    pub(super) fn new(kind: DynptrKind, data: Addr, size: u32) -> Dynptr {
        Dynptr {
            data: data.0,
            size: size & MAX_SIZE | (kind as u32) << KIND_SHIFT,
            offset: 0,
        }
    }

    /// The same, not to be written.
    pub(super) fn read_only(self) -> Dynptr {
        let size = self.size | READ_ONLY;
        Dynptr { size, ..self }
    }

    pub(super) fn load(memory: &Memory, at: u64) -> Result<Dynptr, HelperError> {
        let rest = memory.load(Addr(at).offset(8), Size::DW)?;
        Ok(Dynptr {
            data: memory.load(Addr(at), Size::DW)?,
            size: rest as u32,
            offset: (rest >> 32) as u32,
        })
    }

    pub(super) fn store(self, memory: &Memory, at: u64) -> Result<(), HelperError> {
        memory.write(Addr(at), &self.to_bytes())?;
        Ok(())
    }

    /// Its 16 bytes.
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let words = [u128::from(self.data), self.size.into(), self.offset.into()];
        let [data, size, offset] = words;
        (data | size << 64 | offset << 96).to_le_bytes()
    }

    pub(super) fn len(self) -> u32 {
        self.size & MAX_SIZE
    }

    pub(super) fn is_read_only(self) -> bool {
        self.size & READ_ONLY != 0
    }

    /// Whether it points to nothing.
    pub(super) fn is_null(self) -> bool {
        self.data == 0
    }

    fn is_packet(self) -> bool {
        let kind = self.size >> KIND_SHIFT & 7;
        kind == DynptrKind::Skb as u32 || kind == DynptrKind::Xdp as u32
    }

    /// The same, for the bytes from `start` up to `end` alone.
    pub(super) fn narrowed(self, start: u32, end: u32) -> Option<Dynptr> {
        (start <= end && end <= self.len()).then(|| Dynptr {
            size: self.size & !MAX_SIZE | (end - start),
            offset: self.offset.wrapping_add(start),
            ..self
        })
    }

    /// Where a part of what it points to is.
    pub(super) fn part(self, offset: u32, len: u32) -> Result<Part, Errno> {
        match self.len().checked_sub(len) {
            Some(most) if offset <= most => {
                let from = self.offset.wrapping_add(offset);
                Ok(match self.is_packet() {
                    true => Part::Packet(from),
                    false => Part::Memory(Addr(self.data.wrapping_add(u64::from(from)))),
                })
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
        Ok(Part::Memory(from)) => copy(call.memory(), Addr(to), from, len as u32),
        Ok(Part::Packet(from)) => read_packet(call, from, to, len as u32),
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
        Ok(Part::Packet(to)) => write_packet(call, to, from, len as u32, flags),
        Ok(Part::Memory(_)) if flags != 0 => Ok(Errno::EINVAL.as_return()),
        Ok(Part::Memory(to)) => copy(call.memory(), to, Addr(from), len as u32),
        Err(errno) => Ok(errno.as_return()),
    }
}

/// The packet of the run.
pub(super) fn packet<'a>(call: &Call<'a>) -> Result<Packet<'a>, HelperError> {
    let refused = HelperError::Refused("this run has no packet");
    call.world.packet.ok_or(refused)
}

/// Copies out of a packet. It may have shrunk since: a socket buffer yields zeros then, an XDP program's nothing.
fn read_packet(call: &Call<'_>, from: u32, to: u64, len: u32) -> Reply {
    call.check_room(to, len as usize)?;
    let mut bytes = vec![0; len as usize];
    let (memory, packet) = (call.memory(), packet(call)?);
    let result = match packet {
        Packet::Skb(skb) => skb
            .load(memory, from, &mut bytes)
            .map_err(|_| Errno::EFAULT),
        Packet::Xdp(_) if is_too_far(from, len) => Err(Errno::EFAULT),
        Packet::Xdp(frame) => frame.load(memory, from, &mut bytes),
    };
    if len > 0 && (result.is_ok() || matches!(packet, Packet::Skb(_))) {
        memory.write(Addr(to), &bytes)?;
    }
    Ok(status(result))
}

fn write_packet(call: &Call<'_>, to: u32, from: u64, len: u32, flags: u64) -> Reply {
    let (memory, packet) = (call.memory(), packet(call)?);
    let known = match packet {
        Packet::Skb(_) => SKB_STORE_FLAGS,
        Packet::Xdp(_) => 0,
    };
    if flags & !known != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let bytes = match len {
        0 => Vec::new(),
        len => memory.read_vec(Addr(from), len)?,
    };
    Ok(status(match packet {
        Packet::Skb(skb) => skb.store(memory, to, &bytes).map_err(|_| Errno::EFAULT),
        Packet::Xdp(_) if is_too_far(to, len) => Err(Errno::EFAULT),
        Packet::Xdp(frame) => frame.store(memory, to, &bytes),
    }))
}

/// Whether XDP programs are not let there.
pub(super) fn is_too_far(offset: u32, len: u32) -> bool {
    offset > MAX_XDP_OFFSET || len > MAX_XDP_OFFSET
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
    // Parts of packets are what `bpf_dynptr_slice` is for.
    match dynptr.part(offset as u32, len as u32) {
        Ok(Part::Memory(addr)) => Ok(addr.0),
        Ok(Part::Packet(_)) | Err(_) => Ok(0),
    }
}
