//! Where a packet is, as its context says.

use crate::abi::ProgType;
use crate::abi::context::guest;
use crate::helpers::{Call, HelperError, World};
use crate::isa::Size;
use crate::machine::{Addr, Fault, Memory};

/// A packet in its buffer; all are guest addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::helpers) struct Frame {
    kind: Kind,
    ctx: Addr,
    /// Start of the buffer.
    pub(in crate::helpers) head: u64,
    /// End of the buffer.
    pub(in crate::helpers) end: u64,
    /// Start of the metadata; the packet's own start where there is none.
    pub(in crate::helpers) meta: u64,
    /// Start of the packet.
    pub(in crate::helpers) data: u64,
    /// End of the packet.
    pub(in crate::helpers) data_end: u64,
}

/// Which structure the context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Xdp,
    Skb,
}

/// Where a context keeps each pointer.
struct Places {
    head: u32,
    end: u32,
    meta: u32,
    data: u32,
    data_end: u32,
}

const XDP: Places = Places {
    head: guest::XDP_HARD_START,
    end: guest::XDP_FRAME_END,
    meta: guest::XDP_DATA_META,
    data: guest::XDP_DATA,
    data_end: guest::XDP_DATA_END,
};

const SKB: Places = Places {
    head: guest::SKB_HEAD,
    end: guest::SKB_END,
    meta: guest::SKB_DATA_META,
    data: guest::SKB_DATA,
    data_end: guest::SKB_DATA_END,
};

/// Largest buffer of a packet.
const MAX_BUFFER: u64 = 1 << 20;

/// Guest addresses lie far below, so that nothing overflows.
const HIGHEST: u64 = 1 << 62;

/// Offset of `len` in `__sk_buff`.
const SKB_LEN: i64 = 0;

impl Kind {
    fn of(prog_type: ProgType) -> Option<Kind> {
        match prog_type {
            ProgType::Xdp => Some(Kind::Xdp),
            ProgType::SocketFilter
            | ProgType::SchedCls
            | ProgType::SchedAct
            | ProgType::CgroupSkb
            | ProgType::LwtIn
            | ProgType::LwtOut
            | ProgType::LwtXmit
            | ProgType::LwtSeg6local
            | ProgType::SkSkb => Some(Kind::Skb),
            _ => None,
        }
    }

    fn places(self) -> Places {
        match self {
            Kind::Xdp => XDP,
            Kind::Skb => SKB,
        }
    }
}

impl Frame {
    /// The packet of a call, if its program has one.
    pub(in crate::helpers) fn of(call: &Call<'_>) -> Option<Frame> {
        Frame::at(call.world, call.ctx)
    }

    /// The packet of a context, if it is one's.
    pub(in crate::helpers) fn at(world: &World<'_>, ctx: Addr) -> Option<Frame> {
        let kind = Kind::of(world.prog_type)?;
        let places = kind.places();
        let memory = &world.machine.memory;
        let get = |off: u32| memory.peek_uint(ctx.offset(i64::from(off)), Size::DW).ok();
        let data = get(places.data)?;
        let frame = Frame {
            kind,
            ctx,
            head: get(places.head)?,
            end: get(places.end)?,
            meta: get(places.meta).filter(|meta| *meta != 0).unwrap_or(data),
            data,
            data_end: get(places.data_end)?,
        };
        frame.is_sane().then_some(frame)
    }

    /// The packet of a call, or the reason why the helper cannot run.
    pub(in crate::helpers) fn need(call: &Call<'_>) -> Result<Frame, HelperError> {
        Frame::of(call).ok_or(HelperError::Refused("this run has no packet"))
    }

    /// Whether the pointers are in order, and near enough to each other for a buffer. A program that
    /// nobody judged may have written anything there.
    fn is_sane(&self) -> bool {
        let order = [self.head, self.meta, self.data, self.data_end, self.end];
        let in_order = self.head != 0 && order.is_sorted();
        in_order && self.end - self.head <= MAX_BUFFER && self.end < HIGHEST
    }

    /// Bytes of the packet.
    pub(in crate::helpers) fn len(&self) -> u64 {
        self.data_end - self.data
    }

    /// The address of `len` bytes at an offset, if the packet has them.
    pub(in crate::helpers) fn slice(&self, off: u64, len: u64) -> Option<Addr> {
        let end = off.checked_add(len)?;
        (end <= self.len()).then(|| Addr(self.data + off))
    }

    /// Writes the pointers back, and lets programs access exactly metadata and packet.
    pub(in crate::helpers) fn store(&self, memory: &Memory) -> Result<(), Fault> {
        let places = self.kind.places();
        for (off, value) in [
            (places.meta, self.meta),
            (places.data, self.data),
            (places.data_end, self.data_end),
        ] {
            memory.poke_uint(self.ctx.offset(i64::from(off)), Size::DW, value)?;
        }
        if self.kind == Kind::Skb {
            memory.poke_uint(self.ctx.offset(SKB_LEN), Size::W, self.len())?;
        }
        memory.set_window(
            Addr(self.head),
            self.meta - self.head..self.data_end - self.head,
        );
        Ok(())
    }

    /// Makes the packet larger at its front, by zeros; whether there was room.
    pub(in crate::helpers) fn push(&mut self, memory: &Memory, len: u64) -> Result<bool, Fault> {
        let Some(data) = self.data.checked_sub(len).filter(|data| *data >= self.head) else {
            return Ok(false);
        };
        memory.poke(Addr(data), &vec![0; len as usize])?;
        // What was metadata may be packet now.
        (self.data, self.meta) = (data, data);
        self.store(memory)?;
        Ok(true)
    }

    /// Inserts zeros at an offset, by moving what is before; whether there was room.
    pub(in crate::helpers) fn insert(
        &mut self,
        memory: &Memory,
        off: u64,
        len: u64,
    ) -> Result<bool, Fault> {
        let before = memory.peek_vec(Addr(self.data), off as u32)?;
        if !self.push(memory, len)? {
            return Ok(false);
        }
        memory.poke(Addr(self.data), &before)?;
        memory.poke(Addr(self.data + off), &vec![0; len as usize])?;
        Ok(true)
    }

    /// Removes bytes at an offset, by moving what is before.
    pub(in crate::helpers) fn remove(
        &mut self,
        memory: &Memory,
        off: u64,
        len: u64,
    ) -> Result<(), Fault> {
        let before = memory.peek_vec(Addr(self.data), off as u32)?;
        memory.poke(Addr(self.data + len), &before)?;
        (self.data, self.meta) = (self.data + len, self.data + len);
        self.store(memory)
    }

    /// A number in the context's user-visible structure.
    pub(in crate::helpers) fn field(&self, memory: &Memory, field: SkbField) -> Result<u32, Fault> {
        let at = self.ctx.offset(field as i64);
        Ok(memory.peek_uint(at, Size::W)? as u32)
    }

    /// Sets a number in the context's user-visible structure.
    pub(in crate::helpers) fn set_field(
        &self,
        memory: &Memory,
        field: SkbField,
        value: u32,
    ) -> Result<(), Fault> {
        memory.poke_uint(self.ctx.offset(field as i64), Size::W, u64::from(value))
    }
}

/// Fields of `__sk_buff` that helpers read and change, by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::helpers) enum SkbField {
    PacketType = 4,
    /// In network order.
    Protocol = 16,
    VlanPresent = 20,
    VlanTci = 24,
    /// In network order.
    VlanProtocol = 28,
    Hash = 68,
}
