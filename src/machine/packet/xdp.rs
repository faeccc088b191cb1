//! Packets as XDP programs see them: `xdp_md` and a frame of one page.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ETH_HLEN, PacketError, SHARED_INFO, checked_len};
use crate::isa::Size;
use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec, Owner, ProgramAccess};

/// Bytes of the buffer.
const FRAME: u32 = 4096;

/// Bytes before the packet when it arrives (`XDP_PACKET_HEADROOM`).
const HEADROOM: u32 = 256;

/// What the kernel may put at the start of the buffer (`struct xdp_frame`).
const FRAME_HEADER: u32 = 40;

/// End of the bytes that a packet may take.
const FRAME_END: u32 = FRAME - SHARED_INFO;

/// Longest metadata that `skb_shared_info` can describe.
const MAX_META: u32 = 255;

/// Bytes of the guest context.
const CTX_LEN: u64 = 64;
const INGRESS_IFINDEX: i64 = 12;
const RX_QUEUE_INDEX: i64 = 16;
const EGRESS_IFINDEX: i64 = 20;
const DATA: i64 = 24;
const DATA_END: i64 = 32;
const DATA_META: i64 = 40;
const DATA_HARD_START: i64 = 48;
const FRAME_END_FIELD: i64 = 56;

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpQueue {
    /// Index of the receiving interface.
    pub ingress_ifindex: u32,
    /// Index of its queue.
    pub rx_queue_index: u32,
    /// Index of the sending interface, for programs in a device map.
    pub egress_ifindex: u32,
}

impl Default for XdpQueue {
    /// The first queue of the first interface, as in the kernel's test runs.
    fn default() -> XdpQueue {
        XdpQueue {
            ingress_ifindex: 1,
            rx_queue_index: 0,
            egress_ifindex: 0,
        }
    }
}

/// A packet for an XDP program.
#[derive(Debug)]
pub struct XdpFrame {
    ctx: Addr,
    buffer: Addr,
    place: Mutex<Place>,
}

/// Offsets in the buffer: metadata, packet, its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    meta: u32,
    data: u32,
    end: u32,
}

impl Place {
    /// Where a packet of that length lies when it arrives.
    fn on_arrival(len: u32) -> Place {
        Place {
            meta: HEADROOM,
            data: HEADROOM,
            end: HEADROOM + len,
        }
    }
}

impl XdpFrame {
    /// A context and a buffer with those bytes.
    pub fn new(memory: &Memory, bytes: &[u8], queue: XdpQueue) -> Result<XdpFrame, PacketError> {
        let len = checked_len(bytes, ETH_HLEN, FRAME_END - HEADROOM)?;
        let ctx = ObjectSpec::new(ObjectKind::Context, "xdp_md", Owner::Kernel)
            .with_access(ProgramAccess::ReadOnly);
        let ctx = memory.allocate(CTX_LEN, &ctx)?;
        let buffer = ObjectSpec::new(ObjectKind::Packet, "XDP frame", Owner::Kernel);
        let buffer = match memory.allocate(u64::from(FRAME), &buffer) {
            Ok(buffer) => buffer,
            Err(refusal) => {
                memory.free(ctx);
                return Err(refusal.into());
            }
        };
        let place = Place::on_arrival(len);
        let frame = XdpFrame {
            ctx,
            buffer,
            place: Mutex::new(place),
        };
        frame.put(memory, DATA_HARD_START, buffer.0);
        frame.put(memory, FRAME_END_FIELD, buffer.0 + u64::from(FRAME_END));
        for (field, value) in [
            (INGRESS_IFINDEX, queue.ingress_ifindex),
            (RX_QUEUE_INDEX, queue.rx_queue_index),
            (EGRESS_IFINDEX, queue.egress_ifindex),
        ] {
            let written = memory.poke_uint(ctx.offset(field), Size::W, u64::from(value));
            debug_assert!(written.is_ok(), "fields lie in the context: {written:?}");
        }
        frame.fill(memory, place, bytes);
        Ok(frame)
    }

    /// Gives the same frame other bytes, as if it had just arrived.
    pub fn reset(&mut self, memory: &Memory, bytes: &[u8]) -> Result<(), PacketError> {
        let len = checked_len(bytes, ETH_HLEN, FRAME_END - HEADROOM)?;
        let place = Place::on_arrival(len);
        *self.place.get_mut().unwrap_or_else(PoisonError::into_inner) = place;
        self.fill(memory, place, bytes);
        Ok(())
    }

    /// Frees context and buffer.
    pub fn free(self, memory: &Memory) {
        memory.free(self.ctx);
        memory.free(self.buffer);
    }

    /// The context's address.
    pub fn ctx(&self) -> Addr {
        self.ctx
    }

    /// The index of the device it arrived at.
    pub fn ingress_ifindex(&self, memory: &Memory) -> u32 {
        let field = memory.peek_uint(self.ctx.offset(INGRESS_IFINDEX), Size::W);
        field.map_or(0, |index| index as u32)
    }

    /// The packet's address.
    pub fn data(&self) -> Addr {
        self.at(self.lock().data)
    }

    /// Bytes of the packet.
    pub fn len(&self) -> u32 {
        let place = self.lock();
        place.end - place.data
    }

    /// Whether the packet has no bytes: it never has fewer than an Ethernet header.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packet's bytes.
    pub fn bytes(&self, memory: &Memory) -> Vec<u8> {
        memory.peek_vec(self.data(), self.len()).unwrap_or_default()
    }

    /// The bytes of its metadata.
    pub fn meta(&self, memory: &Memory) -> Vec<u8> {
        let place = *self.lock();
        memory
            .peek_vec(self.at(place.meta), place.data - place.meta)
            .unwrap_or_default()
    }

    /// `bpf_xdp_adjust_head`: moves the start of the packet, and its metadata along.
    pub fn adjust_head(&self, memory: &Memory, delta: i32) -> Result<(), Errno> {
        let mut place = self.lock();
        let meta_len = place.data - place.meta;
        let data = place.data.checked_add_signed(delta).ok_or(Errno::EINVAL)?;
        if data < FRAME_HEADER + meta_len || data + ETH_HLEN > place.end {
            return Err(Errno::EINVAL);
        }
        let meta = memory
            .peek_vec(self.at(place.meta), meta_len)
            .map_err(|_| Errno::EFAULT)?;
        *place = Place {
            meta: data - meta_len,
            data,
            end: place.end,
        };
        memory
            .poke(self.at(place.meta), &meta)
            .map_err(|_| Errno::EFAULT)?;
        self.publish(memory, *place);
        Ok(())
    }

    /// `bpf_xdp_adjust_tail`: moves the end of the packet; new bytes are zero.
    pub fn adjust_tail(&self, memory: &Memory, delta: i32) -> Result<(), Errno> {
        let mut place = self.lock();
        let end = place.end.checked_add_signed(delta).ok_or(Errno::EINVAL)?;
        if end > FRAME_END || end < place.data + ETH_HLEN {
            return Err(Errno::EINVAL);
        }
        let zeros = vec![0; end.saturating_sub(place.end) as usize];
        memory
            .poke(self.at(place.end), &zeros)
            .map_err(|_| Errno::EFAULT)?;
        place.end = end;
        self.publish(memory, *place);
        Ok(())
    }

    /// `bpf_xdp_adjust_meta`: moves the start of the metadata before the packet.
    pub fn adjust_meta(&self, memory: &Memory, delta: i32) -> Result<(), Errno> {
        let mut place = self.lock();
        let meta = place.meta.checked_add_signed(delta).ok_or(Errno::EINVAL)?;
        if meta < FRAME_HEADER || meta > place.data {
            return Err(Errno::EINVAL);
        }
        let len = place.data - meta;
        if !len.is_multiple_of(4) || len > MAX_META {
            return Err(Errno::EACCES);
        }
        place.meta = meta;
        self.publish(memory, *place);
        Ok(())
    }

    /// `bpf_xdp_load_bytes`.
    pub fn load(&self, memory: &Memory, off: u32, buf: &mut [u8]) -> Result<(), Errno> {
        memory
            .peek(self.range(off, buf.len())?, buf)
            .map_err(|_| Errno::EFAULT)
    }

    /// `bpf_xdp_store_bytes`.
    pub fn store(&self, memory: &Memory, off: u32, bytes: &[u8]) -> Result<(), Errno> {
        memory
            .poke(self.range(off, bytes.len())?, bytes)
            .map_err(|_| Errno::EFAULT)
    }

    /// Where `len` bytes at an offset of the packet lie, if it has them.
    fn range(&self, off: u32, len: usize) -> Result<Addr, Errno> {
        let place = self.lock();
        let end = u64::from(off) + len as u64;
        match end <= u64::from(place.end - place.data) {
            true => Ok(self.at(place.data + off)),
            false => Err(Errno::EINVAL),
        }
    }

    fn fill(&self, memory: &Memory, place: Place, bytes: &[u8]) {
        let written = memory.poke(self.at(place.data), bytes);
        debug_assert!(written.is_ok(), "the length was checked: {written:?}");
        self.publish(memory, place);
    }

    /// Lets context and window follow the packet's place.
    fn publish(&self, memory: &Memory, place: Place) {
        memory.set_window(self.buffer, u64::from(place.meta)..u64::from(place.end));
        self.put(memory, DATA, self.at(place.data).0);
        self.put(memory, DATA_END, self.at(place.end).0);
        self.put(memory, DATA_META, self.at(place.meta).0);
    }

    fn put(&self, memory: &Memory, field: i64, value: u64) {
        let written = memory.poke_uint(self.ctx.offset(field), Size::DW, value);
        debug_assert!(written.is_ok(), "fields lie in the context: {written:?}");
    }

    fn at(&self, off: u32) -> Addr {
        self.buffer.offset(i64::from(off))
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
