//! Headers that a route puts before a packet.

use crate::helpers::map::status;
use crate::helpers::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[Entry::new(73, "bpf_lwt_push_encap", lwt_push_encap)];

/// `BPF_LWT_ENCAP_IP`; those of segment routing come before it.
const IP: u32 = 2;
/// The longest header (`LWT_BPF_MAX_HEADROOM`).
const MAX: u32 = 256;
/// Offset of `protocol` in `struct __sk_buff`.
const PROTOCOL: u32 = 16;

/// `long bpf_lwt_push_encap(struct sk_buff *skb, u32 type, void *hdr, u32 len)`
fn lwt_push_encap(call: &mut Call<'_>) -> Reply {
    let [_, kind, header, len, _] = call.args;
    let (skb, len) = (call.skb()?, len as u32);
    if kind as u32 != IP {
        return Ok(Errno::EINVAL.as_return());
    }
    let bytes = call.memory().read_vec(Addr(header), len)?;
    let first = bytes.first().copied().unwrap_or(0);
    // The header must be whole, and of the length that it says.
    let (least, protocol) = match first >> 4 {
        4 => ((u32::from(first & 15) * 4).max(20), 0x0800_u16),
        6 => (40, 0x86dd),
        _ => return Ok(Errno::EINVAL.as_return()),
    };
    if len < least || len > MAX {
        return Ok(Errno::EINVAL.as_return());
    }
    let memory = call.memory();
    let pushed = skb
        .insert(memory, 0, len)
        .and_then(|()| skb.store(memory, 0, &bytes));
    if pushed.is_ok() {
        skb.set_field(memory, PROTOCOL, Size::W, u64::from(protocol.to_be()));
    }
    Ok(status(pushed))
}
