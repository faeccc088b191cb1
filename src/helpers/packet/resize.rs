//! Making an skb larger or smaller.

use super::bytes::ETHERNET;
use super::frame::{Frame, SkbField};
use crate::helpers::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(31, "bpf_skb_change_proto", skb_change_proto),
    Entry::new(38, "bpf_skb_change_tail", skb_change_tail),
    Entry::new(43, "bpf_skb_change_head", skb_change_head),
    Entry::new(50, "bpf_skb_adjust_room", skb_adjust_room),
];

/// Longest packet (`BPF_SKB_MAX_LEN`: four pages less what the kernel keeps at their ends).
const MAX_LEN: u64 = 4 * 4096 - 320;

/// Flags of `bpf_skb_adjust_room` that Linux 6.12 knows.
const ADJUST_FLAGS: u64 = 0xff | 0xff << 56 | 1 << 8;

/// Those that say what the new room is for, and so are refused when room goes.
const ENCAPSULATE: u64 = 0b1_1110;

/// Most bytes that `bpf_skb_adjust_room` adds or takes.
const MAX_ADJUSTMENT: u64 = 0xfff;

/// `ETH_P_IP` and `ETH_P_IPV6` as the protocol field holds them.
const IPV4: u32 = 0x0800_u16.to_be() as u32;
const IPV6: u32 = 0x86dd_u16.to_be() as u32;

/// `long bpf_skb_change_tail(struct sk_buff *skb, u32 len, u64 flags)`
fn skb_change_tail(call: &mut Call<'_>) -> Reply {
    let [_, len, flags, ..] = call.args;
    let mut frame = Frame::need(call)?;
    let len = u64::from(len as u32);
    if flags != 0 || !(ETHERNET..=MAX_LEN).contains(&len) {
        return Ok(Errno::EINVAL.as_return());
    }
    let end = frame.data + len;
    if end > frame.end {
        return Ok(Errno::ENOMEM.as_return());
    }
    let grown = end.saturating_sub(frame.data_end);
    call.memory()
        .poke(Addr(frame.data_end), &vec![0; grown as usize])?;
    frame.data_end = end;
    frame.store(call.memory())?;
    Ok(0)
}

/// `long bpf_skb_change_head(struct sk_buff *skb, u32 len, u64 flags)`
fn skb_change_head(call: &mut Call<'_>) -> Reply {
    let [_, len, flags, ..] = call.args;
    let mut frame = Frame::need(call)?;
    let len = u64::from(len as u32);
    if flags != 0 || frame.len() + len > MAX_LEN {
        return Ok(Errno::EINVAL.as_return());
    }
    Ok(done(frame.push(call.memory(), len)?))
}

/// `long bpf_skb_change_proto(struct sk_buff *skb, __be16 proto, u64 flags)`: room for the other
/// version's header, which the program fills.
fn skb_change_proto(call: &mut Call<'_>) -> Reply {
    /// How much longer an IPv6 header is.
    const DIFFERENCE: u64 = 20;
    let [_, protocol, flags, ..] = call.args;
    let mut frame = Frame::need(call)?;
    if flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let memory = call.memory();
    let new = u32::from(protocol as u16);
    let reply = match (frame.field(memory, SkbField::Protocol)?, new) {
        (IPV4, IPV6) if frame.len() >= ETHERNET => {
            done(frame.insert(memory, ETHERNET, DIFFERENCE)?)
        }
        (IPV6, IPV4) if frame.len() >= ETHERNET + DIFFERENCE => {
            frame.remove(memory, ETHERNET, DIFFERENCE)?;
            0
        }
        _ => Errno::ENOTSUPP.as_return(),
    };
    if reply == 0 {
        frame.set_field(memory, SkbField::Protocol, new)?;
        frame.set_field(memory, SkbField::Hash, 0)?;
    }
    Ok(reply)
}

/// `long bpf_skb_adjust_room(struct sk_buff *skb, s32 len_diff, u32 mode, u64 flags)`: room after
/// the network header (mode 0) or after the link-layer header (mode 1).
fn skb_adjust_room(call: &mut Call<'_>) -> Reply {
    let [_, diff, mode, flags, _] = call.args;
    let mut frame = Frame::need(call)?;
    let diff = i64::from(diff as i32);
    if flags & !ADJUST_FLAGS != 0 || (diff < 0 && flags & ENCAPSULATE != 0) {
        return Ok(Errno::EINVAL.as_return());
    }
    let len = diff.unsigned_abs();
    if len > MAX_ADJUSTMENT {
        return Ok(Errno::EFAULT.as_return());
    }
    let network = match frame.field(call.memory(), SkbField::Protocol)? {
        IPV4 => 20,
        IPV6 => 40,
        _ => return Ok(Errno::ENOTSUPP.as_return()),
    };
    let off = match mode as u32 {
        0 => ETHERNET + network,
        1 => ETHERNET,
        _ => return Ok(Errno::ENOTSUPP.as_return()),
    };
    adjust(call, &mut frame, off, diff, ETHERNET + network)
}

/// Makes or takes room at an offset; a packet keeps at least `least` bytes.
fn adjust(
    call: &Call<'_>,
    frame: &mut Frame,
    off: u64,
    diff: i64,
    least: u64,
) -> Result<u64, HelperError> {
    let len = diff.unsigned_abs();
    if diff < 0 {
        if frame.len().checked_sub(len).is_none_or(|left| left < least) {
            return Ok(Errno::ENOTSUPP.as_return());
        }
        frame.remove(call.memory(), off, len)?;
        return Ok(0);
    }
    if frame.len() + len > MAX_LEN || off > frame.len() {
        return Ok(Errno::ENOTSUPP.as_return());
    }
    Ok(done(frame.insert(call.memory(), off, len)?))
}

/// `r0` of an operation that needs room in the buffer.
fn done(had_room: bool) -> u64 {
    if had_room {
        0
    } else {
        Errno::ENOMEM.as_return()
    }
}
