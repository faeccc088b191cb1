//! Packets in guest memory: a buffer, a context object that describes it, and what helpers do to both.
//!
//! No helper lives here, and no protocol: bytes are moved, never understood, but for the EtherType.
//!
//! Rules:
//! - Where the packet lies in its buffer is kept here, out of programs' reach. After each change the
//!   context's pointers and the accessible window of the buffer follow, so that a pointer that a
//!   program kept from before faults when it no longer points into the packet.
//! - Limits and error numbers are those of Linux 6.12 for its test runs on the loopback device.
//! - Everything is linear: there are no fragments.
//!
//! Guest contexts begin with the structure of `linux/bpf.h`, whose own 32-bit pointers stay zero;
//! the 64-bit ones follow behind it.

mod skb;
#[cfg(test)]
mod tests;
mod xdp;

pub use skb::{SkBuff, SkbLayer, TunnelInfo};
pub use xdp::{XdpFrame, XdpQueue};

use super::OutOfMemory;

/// Length of an Ethernet header.
const ETH_HLEN: u32 = 14;

/// What the kernel keeps at the end of a packet's buffer (`struct skb_shared_info`).
const SHARED_INFO: u32 = 320;

/// A packet that cannot be put in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// It is shorter than an Ethernet header.
    #[error("packet of {len} bytes is too short: at least {min} are needed")]
    TooShort {
        /// Its length.
        len: usize,
        /// The least length.
        min: u32,
    },
    /// It does not fit one buffer.
    #[error("packet of {len} bytes is too long: at most {max} fit a linear buffer")]
    TooLong {
        /// Its length.
        len: usize,
        /// The greatest length.
        max: u32,
    },
    /// There is no guest memory left.
    #[error("no guest memory for a packet")]
    Memory(#[from] OutOfMemory),
}

/// The length of a packet, if it is within limits.
fn checked_len(bytes: &[u8], min: u32, max: u32) -> Result<u32, PacketError> {
    match u32::try_from(bytes.len()) {
        Ok(len) if len < min => Err(PacketError::TooShort {
            len: bytes.len(),
            min,
        }),
        Ok(len) if len <= max => Ok(len),
        _ => Err(PacketError::TooLong {
            len: bytes.len(),
            max,
        }),
    }
}
