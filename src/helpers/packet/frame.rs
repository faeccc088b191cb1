//! The packet of a run: which helpers may have it, and what they read and change of it.

use crate::helpers::{Call, HelperError};
use crate::isa::Size;
use crate::machine::{Addr, Memory, SkBuff, XdpFrame};

/// The packet that a program runs on.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// As XDP programs see it.
    Xdp(&'a XdpFrame),
    /// As programs on `__sk_buff` see it.
    Skb(&'a SkBuff),
}

impl Packet<'_> {
    /// Its address.
    pub fn data(self) -> Addr {
        match self {
            Packet::Xdp(frame) => frame.data(),
            Packet::Skb(skb) => skb.data(),
        }
    }

    /// How many bytes it has.
    pub fn len(self) -> u32 {
        match self {
            Packet::Xdp(frame) => frame.len(),
            Packet::Skb(skb) => skb.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl<'a> Call<'a> {
    /// Whether a packet is on its way in.
    pub(in crate::helpers) fn is_ingress(&self, skb: &SkBuff) -> bool {
        /// `PACKET_OUTGOING`.
        const OUTGOING: u32 = 4;
        Field::PacketType.get(skb, self.memory()) != OUTGOING
    }

    /// The packet, as an XDP program's.
    pub(super) fn xdp(&self) -> Result<&'a XdpFrame, HelperError> {
        match self.world.packet {
            Some(Packet::Xdp(frame)) => Ok(frame),
            Some(Packet::Skb(_)) | None => Err(HelperError::Refused("this run has no xdp_buff")),
        }
    }

    /// The packet, as that of a program on `__sk_buff`.
    pub(in crate::helpers) fn skb(&self) -> Result<&'a SkBuff, HelperError> {
        match self.world.packet {
            Some(Packet::Skb(skb)) => Ok(skb),
            Some(Packet::Xdp(_)) | None => Err(HelperError::Refused("this run has no sk_buff")),
        }
    }
}

/// Fields of `__sk_buff` that helpers read and change, by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    PacketType = 4,
    /// In network order.
    Protocol = 16,
    VlanPresent = 20,
    VlanTci = 24,
    /// In network order.
    VlanProtocol = 28,
    Hash = 68,
}

impl Field {
    pub(super) fn get(self, skb: &SkBuff, memory: &Memory) -> u32 {
        skb.field(memory, self as u32, Size::W) as u32
    }

    pub(super) fn set(self, skb: &SkBuff, memory: &Memory, value: u32) {
        skb.set_field(memory, self as u32, Size::W, u64::from(value));
    }
}
