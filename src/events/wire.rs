//! A packet in guest memory: its buffer, and the context that says where in it the packet is.
//!
//! Helpers move the packet within its buffer and keep the context's pointers; what they say is
//! read back here. Places are those of [`crate::abi::context::guest`].

use crate::abi::context::guest;
use crate::isa::Size;
use crate::machine::{Addr, Memory, ObjectKind, ObjectSpec, Owner, ProgramAccess};

use super::event::Direction;
use super::{EventError, Scene};

/// Bytes of an Ethernet header.
const ETHERNET: u64 = 14;
/// Room before a packet that arrives (`XDP_PACKET_HEADROOM`).
const HEADROOM: u64 = 256;
/// Room behind it.
const TAILROOM: u64 = 320;
/// The buffer of a packet that is not larger.
const PAGE: u64 = 4096;
/// Largest packet: what a length field of 16 bits counts, and a link header.
const LONGEST: u64 = 65_535 + ETHERNET;

/// Offsets in `__sk_buff`.
mod skb {
    pub(super) const LEN: u32 = 0;
    pub(super) const PACKET_TYPE: u32 = 4;
    pub(super) const PROTOCOL: u32 = 16;
    pub(super) const INGRESS_IFINDEX: u32 = 36;
    pub(super) const IFINDEX: u32 = 40;
    pub(super) const WIRE_LEN: u32 = 160;
    /// End of the fields that go with the packet.
    pub(super) const FIELDS_END: u32 = 192;
}
/// Offsets in `xdp_md`.
mod xdp {
    pub(super) const INGRESS_IFINDEX: u32 = 12;
    pub(super) const RX_QUEUE: u32 = 16;
}
/// `PACKET_OUTGOING`.
const OUTGOING: u64 = 4;

/// Who sees a packet, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// As a frame, `xdp_md`.
    Frame,
    /// As a socket buffer from the Ethernet header on.
    Link,
    /// As a socket buffer from the network header on.
    Network,
}

/// A packet in guest memory.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    view: View,
    ctx: Addr,
    /// The Ethernet header, while the network layer has the packet.
    link: Vec<u8>,
}

/// Where a context keeps its pointers: buffer, its end, metadata, packet, its end.
fn places(view: View) -> [u32; 5] {
    match view {
        View::Frame => [
            guest::XDP_HARD_START,
            guest::XDP_FRAME_END,
            guest::XDP_DATA_META,
            guest::XDP_DATA,
            guest::XDP_DATA_END,
        ],
        View::Link | View::Network => [
            guest::SKB_HEAD,
            guest::SKB_END,
            guest::SKB_DATA_META,
            guest::SKB_DATA,
            guest::SKB_DATA_END,
        ],
    }
}

impl Scene<'_> {
    /// The context in which a hook sees the event's packet.
    pub(super) fn packet_context(&mut self, view: View) -> Result<Addr, EventError> {
        match self.wire.take() {
            Some(wire) if wire.view == view => {
                let ctx = wire.ctx;
                self.wire = Some(wire);
                Ok(ctx)
            }
            Some(wire) => {
                let memory = &self.machine.memory;
                let (meta, bytes) = (wire.meta(memory), wire.bytes(memory));
                let fields = wire.fields(memory);
                let ctx = self.make_wire(view, &bytes, &meta)?;
                self.put_bytes(ctx, u64::from(skb::PACKET_TYPE), &fields);
                Ok(ctx)
            }
            None => {
                let bytes = self.packet.as_ref().map(|packet| packet.bytes.clone());
                self.make_wire(view, &bytes.unwrap_or_default(), &[])
            }
        }
    }

    /// The event's packet as it is now, from the Ethernet header on.
    pub fn packet_bytes(&self) -> Option<Vec<u8>> {
        let now = self
            .wire
            .as_ref()
            .map(|wire| wire.bytes(&self.machine.memory));
        now.or_else(|| self.packet.as_ref().map(|packet| packet.bytes.clone()))
    }

    fn make_wire(&mut self, view: View, bytes: &[u8], meta: &[u8]) -> Result<Addr, EventError> {
        let len = bytes.len() as u64;
        if !(ETHERNET..=LONGEST).contains(&len) {
            return Err(EventError::Packet {
                len,
                least: ETHERNET,
                most: LONGEST,
            });
        }
        let room = (HEADROOM + len + TAILROOM).max(PAGE);
        let buffer = ObjectSpec::new(ObjectKind::Packet, "packet", Owner::Kernel);
        let buffer = self.allocate(room, &buffer)?;
        self.put_bytes(buffer, HEADROOM - meta.len() as u64, meta);
        self.put_bytes(buffer, HEADROOM, bytes);
        let (name, size, access) = match view {
            View::Frame => ("xdp_md", guest::XDP_SIZE, ProgramAccess::ReadOnly),
            View::Link | View::Network => ("__sk_buff", guest::SKB_SIZE, ProgramAccess::ReadWrite),
        };
        let spec = ObjectSpec::new(ObjectKind::Context, name, Owner::Kernel).with_access(access);
        let ctx = self.allocate(u64::from(size), &spec)?;
        let hidden = if view == View::Network { ETHERNET } else { 0 };
        let start = HEADROOM + hidden;
        let from = if view == View::Network {
            start
        } else {
            HEADROOM - meta.len() as u64
        };
        let offsets = [0, room - TAILROOM, from, start, HEADROOM + len];
        for (place, off) in places(view).into_iter().zip(offsets) {
            self.put(ctx, u64::from(place), Size::DW, buffer.0 + off);
        }
        self.machine.memory.set_window(buffer, from..HEADROOM + len);
        self.fill_packet_context(view, ctx, bytes, len - hidden);
        let link = bytes.get(..hidden as usize).unwrap_or_default().to_vec();
        self.wire = Some(Wire { view, ctx, link });
        Ok(ctx)
    }

    fn fill_packet_context(&self, view: View, ctx: Addr, bytes: &[u8], len: u64) {
        let Some(packet) = &self.packet else { return };
        let put = |off: u32, value: u64| self.put(ctx, u64::from(off), Size::W, value);
        let (ifindex, queue) = (u64::from(packet.ifindex), u64::from(packet.queue));
        match view {
            View::Frame => {
                put(xdp::INGRESS_IFINDEX, ifindex);
                put(xdp::RX_QUEUE, queue);
            }
            View::Link | View::Network => {
                put(skb::LEN, len);
                put(skb::WIRE_LEN, bytes.len() as u64);
                put(skb::IFINDEX, ifindex);
                let protocol = bytes.get(12..14).and_then(|two| two.try_into().ok());
                put(
                    skb::PROTOCOL,
                    protocol.map_or(0, |two| u64::from(u16::from_ne_bytes(two))),
                );
                match packet.direction {
                    Direction::Ingress => put(skb::INGRESS_IFINDEX, ifindex),
                    Direction::Egress => put(skb::PACKET_TYPE, OUTGOING),
                }
            }
        }
    }
}

impl Wire {
    /// The packet from the Ethernet header on.
    fn bytes(&self, memory: &Memory) -> Vec<u8> {
        let [_, _, _, data, end] = places(self.view);
        let mut bytes = self.link.clone();
        bytes.extend(self.between(memory, data, end));
        bytes
    }

    /// What programs and helpers left in the fields behind `len`, if it is a socket buffer's.
    fn fields(&self, memory: &Memory) -> Vec<u8> {
        let from = self.ctx.offset(i64::from(skb::PACKET_TYPE));
        match self.view {
            View::Frame => Vec::new(),
            View::Link | View::Network => memory
                .peek_vec(from, skb::FIELDS_END - skb::PACKET_TYPE)
                .unwrap_or_default(),
        }
    }

    /// The metadata in front of it.
    fn meta(&self, memory: &Memory) -> Vec<u8> {
        let [_, _, meta, data, _] = places(self.view);
        self.between(memory, meta, data)
    }

    /// The bytes between the addresses at two places of the context.
    fn between(&self, memory: &Memory, from: u32, to: u32) -> Vec<u8> {
        let at = |place: u32| {
            memory
                .peek_uint(self.ctx.offset(i64::from(place)), Size::DW)
                .ok()
        };
        let bytes = at(from).zip(at(to)).and_then(|(from, to)| {
            let len = u32::try_from(to.checked_sub(from)?).ok()?;
            memory.peek_vec(Addr(from), len).ok()
        });
        bytes.unwrap_or_default()
    }
}
