//! Packets: reading, changing, resizing and sending them.
//!
//! The context in guest memory is the only truth about a packet: where its buffer begins and ends,
//! where its bytes are, which tag and hash it has ([`crate::abi::context::guest`]). [`Frame`] reads
//! the pointers from there and writes them back, and keeps the buffer's window in step.

mod bytes;
mod checksum;
mod frame;
mod meta;
mod redirect;
mod resize;
mod vlan;
mod xdp;

use super::Entry;

pub use bytes::legacy_load;
pub(super) use frame::Frame;
pub use redirect::{Redirect, SentCopy, Way};

pub(super) const FAMILIES: &[&[Entry]] = &[
    bytes::ROWS,
    checksum::ROWS,
    meta::ROWS,
    redirect::ROWS,
    resize::ROWS,
    vlan::ROWS,
    xdp::ROWS,
];
