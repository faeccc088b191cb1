//! The event's packet in guest memory, in the form in which the hook at hand sees it.
//!
//! What packets are and what helpers do to them is [`crate::machine::packet`]'s; here one form
//! becomes the next as the packet goes its way.

use crate::helpers;
use crate::isa::Size;
use crate::machine::{Addr, Machine, Memory, SkBuff, SkbLayer, XdpFrame, XdpQueue};

use super::event::{Direction, Packet};
use super::{EventError, Scene, SkbFields};

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

/// Offsets in `__sk_buff`.
mod skb {
    pub(super) const PACKET_TYPE: u32 = 4;
    pub(super) const INGRESS_IFINDEX: u32 = 36;
    pub(super) const IFINDEX: u32 = 40;
    pub(super) const WIRE_LEN: u32 = 160;
    pub(super) const SK: u32 = 168;
    /// End of the fields that go with the packet.
    pub(super) const FIELDS_END: u32 = 192;
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
#[derive(Debug)]
pub(super) enum Wire {
    Frame(XdpFrame),
    Buffer {
        skb: SkBuff,
        view: View,
        /// The Ethernet header, while the network layer has the packet.
        link: Vec<u8>,
        /// The socket it belongs to.
        socket: Option<Addr>,
    },
}

impl Scene<'_> {
    /// The context in which a hook sees the event's packet.
    pub(super) fn packet_context(&mut self, view: View) -> Result<Addr, EventError> {
        if let Some(wire) = self.wire.as_ref().filter(|wire| wire.view() == view) {
            return Ok(wire.ctx());
        }
        let memory = &self.machine.memory;
        let bytes = self.packet_bytes().unwrap_or_default();
        let fields = self.wire.as_ref().and_then(|wire| wire.fields(memory));
        self.put_on_wire(view, &bytes, fields)
    }

    /// Puts another packet in the place of the event's, as if it had just arrived at the hook that saw the last one,
    /// and gives the context in which that hook sees it.
    ///
    /// # Errors
    /// No hook has seen a packet; this one is too short or too long.
    pub fn arrive(&mut self, bytes: &[u8]) -> Result<Addr, EventError> {
        let memory = &self.machine.memory;
        let view = match &mut self.wire {
            Some(Wire::Frame(frame)) => {
                frame.reset(memory, bytes)?;
                return Ok(frame.ctx());
            }
            Some(Wire::Buffer { view, .. }) => *view,
            None => return Err(EventError::NoPacket),
        };
        self.put_on_wire(view, bytes, None)
    }

    /// Lays a packet out in place of the last one, which is freed, and gives its context.
    fn put_on_wire(
        &mut self,
        view: View,
        bytes: &[u8],
        fields: Option<Vec<u8>>,
    ) -> Result<Addr, EventError> {
        let wire = self.make_wire(view, bytes, fields)?;
        let ctx = wire.ctx();
        if let Some(old) = self.wire.replace(wire) {
            old.free(self.machine);
        }
        Ok(ctx)
    }

    /// The event's packet as it is now, from the Ethernet header on.
    pub fn packet_bytes(&self) -> Option<Vec<u8>> {
        let now = self
            .wire
            .as_ref()
            .map(|wire| wire.bytes(&self.machine.memory));
        now.or_else(|| self.packet.as_ref().map(|packet| packet.bytes.clone()))
    }

    /// What XDP programs left before the packet, if it is still a frame.
    pub fn packet_metadata(&self) -> Option<Vec<u8>> {
        match self.wire.as_ref()? {
            Wire::Frame(frame) => Some(frame.meta(&self.machine.memory)),
            Wire::Buffer { .. } => None,
        }
    }

    /// What the packet carries beside its bytes now, if it is a socket buffer.
    pub fn packet_fields(&self) -> Option<SkbFields> {
        let fields = self.wire.as_ref()?.fields(&self.machine.memory)?;
        let before = vec![0; skb::PACKET_TYPE as usize];
        Some(SkbFields::of(&[before, fields].concat()))
    }

    /// The packet as helpers reach it.
    pub fn packet(&self) -> Option<helpers::Packet<'_>> {
        Some(match self.wire.as_ref()? {
            Wire::Frame(frame) => helpers::Packet::Xdp(frame),
            Wire::Buffer { skb, .. } => helpers::Packet::Skb(skb),
        })
    }

    fn make_wire(
        &self,
        view: View,
        bytes: &[u8],
        fields: Option<Vec<u8>>,
    ) -> Result<Wire, EventError> {
        let memory = &self.machine.memory;
        let layer = match view {
            View::Frame => {
                let queue = self.packet.as_ref().map(queue_of).unwrap_or_default();
                return Ok(Wire::Frame(XdpFrame::new(memory, bytes, queue)?));
            }
            View::Link => SkbLayer::Link,
            View::Network => SkbLayer::Network,
        };
        let skb = SkBuff::new(memory, bytes, layer)?;
        match fields {
            Some(fields) => self.put_bytes(skb.ctx(), u64::from(skb::PACKET_TYPE), &fields),
            None => self.fill_fields(&skb),
        }
        let hidden = if view == View::Network { ETHERNET } else { 0 };
        let link = bytes.get(..hidden).unwrap_or_default().to_vec();
        let socket = match self.packet_socket(view, bytes) {
            Ok(socket) => socket,
            Err(error) => {
                skb.free(memory);
                return Err(error);
            }
        };
        let sk = socket.unwrap_or(Addr::NULL).0;
        skb.set_field(memory, skb::SK, Size::DW, sk);
        Ok(Wire::Buffer {
            skb,
            view,
            link,
            socket,
        })
    }

    fn fill_fields(&self, skb: &SkBuff) {
        let Some(packet) = &self.packet else { return };
        let set = |off, value| skb.set_field(&self.machine.memory, off, Size::W, value);
        let ifindex = u64::from(packet.ifindex);
        set(skb::IFINDEX, ifindex);
        set(skb::WIRE_LEN, u64::from(skb.len()));
        match packet.direction {
            Direction::Ingress => set(skb::INGRESS_IFINDEX, ifindex),
            Direction::Egress => set(skb::PACKET_TYPE, OUTGOING),
        }
        for (off, size, value) in packet.fields.given() {
            skb.set_field(&self.machine.memory, off, size, value);
        }
    }
}

fn queue_of(packet: &Packet) -> XdpQueue {
    XdpQueue {
        ingress_ifindex: packet.ifindex,
        rx_queue_index: packet.queue,
        ..XdpQueue::default()
    }
}

impl Wire {
    /// Frees it.
    pub(super) fn free(self, machine: &Machine) {
        match self {
            Wire::Frame(frame) => frame.free(&machine.memory),
            Wire::Buffer { skb, socket, .. } => {
                skb.free(&machine.memory);
                if let Some(socket) = socket {
                    machine.holders.remove(socket);
                    machine.memory.free(socket);
                }
            }
        }
    }

    fn view(&self) -> View {
        match self {
            Wire::Frame(_) => View::Frame,
            Wire::Buffer { view, .. } => *view,
        }
    }

    fn ctx(&self) -> Addr {
        match self {
            Wire::Frame(frame) => frame.ctx(),
            Wire::Buffer { skb, .. } => skb.ctx(),
        }
    }

    /// The packet from the Ethernet header on.
    fn bytes(&self, memory: &Memory) -> Vec<u8> {
        match self {
            Wire::Frame(frame) => frame.bytes(memory),
            Wire::Buffer { skb, link, .. } => [link.as_slice(), &skb.bytes(memory)].concat(),
        }
    }

    /// What programs and helpers left in the fields behind `len` of a socket buffer.
    fn fields(&self, memory: &Memory) -> Option<Vec<u8>> {
        let Wire::Buffer { skb, .. } = self else {
            return None;
        };
        let from = skb.ctx().offset(i64::from(skb::PACKET_TYPE));
        memory
            .peek_vec(from, skb::FIELDS_END - skb::PACKET_TYPE)
            .ok()
    }
}
