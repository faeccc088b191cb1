//! Packets: reading, changing, resizing and sending them.
//!
//! Where a packet lies and how its ends move is [`crate::machine`]'s; here is which helper does what,
//! and what it answers.

mod bytes;
mod checksum;
mod encap;
mod frame;
mod mark;
mod meta;
mod redirect;
mod resize;
mod route;
mod socket;
mod syncookie;
mod tunnel;
mod vlan;
mod xdp;

use super::Entry;

pub use bytes::legacy_load;
pub use frame::Packet;
pub use redirect::{Redirect, SentCopy, Way};

pub(super) const FAMILIES: &[&[Entry]] = &[
    bytes::ROWS,
    checksum::ROWS,
    encap::ROWS,
    mark::ROWS,
    meta::ROWS,
    redirect::ROWS,
    resize::ROWS,
    route::ROWS,
    socket::ROWS,
    syncookie::ROWS,
    tunnel::ROWS,
    vlan::ROWS,
    xdp::ROWS,
];
