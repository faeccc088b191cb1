//! Packets: reading, changing, resizing and sending them.
//!
//! Where a packet lies and how its ends move is [`crate::machine`]'s; here is which helper does what,
//! and what it answers.

mod bytes;
mod checksum;
mod frame;
mod meta;
mod redirect;
mod resize;
mod socket;
mod vlan;
mod xdp;

use super::Entry;

pub use bytes::legacy_load;
pub use frame::Packet;
pub use redirect::{Redirect, SentCopy, Way};

pub(super) const FAMILIES: &[&[Entry]] = &[
    bytes::ROWS,
    checksum::ROWS,
    meta::ROWS,
    redirect::ROWS,
    resize::ROWS,
    socket::ROWS,
    vlan::ROWS,
    xdp::ROWS,
];
