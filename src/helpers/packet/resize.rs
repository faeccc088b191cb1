//! Making an skb larger or smaller.

use super::bytes::ETHERNET;
use super::frame::Field;
use crate::helpers::map::status;
use crate::helpers::{Call, Entry, Reply};
use crate::machine::{Errno, Memory, SkBuff};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(31, "bpf_skb_change_proto", skb_change_proto),
    Entry::new(38, "bpf_skb_change_tail", skb_change_tail),
    Entry::new(43, "bpf_skb_change_head", skb_change_head),
    Entry::new(50, "bpf_skb_adjust_room", skb_adjust_room),
];

/// Longest packet (`BPF_SKB_MAX_LEN`: four pages less what the kernel keeps at their ends).
const MAX_LEN: u32 = 4 * 4096 - 320;

/// Flags of `bpf_skb_adjust_room` that Linux 6.12 knows.
const ADJUST_FLAGS: u64 = 0xff | 0xff << 56 | 1 << 8;

/// Those that say what the new room is for, and so are refused when room goes.
const ENCAPSULATE: u64 = 0b1_1110;

/// Most bytes that `bpf_skb_adjust_room` adds or takes.
const MAX_ADJUSTMENT: u32 = 0xfff;

/// `ETH_P_IP` and `ETH_P_IPV6` as the protocol field holds them.
const IPV4: u32 = 0x0800_u16.to_be() as u32;
const IPV6: u32 = 0x86dd_u16.to_be() as u32;

/// `long bpf_skb_change_tail(struct sk_buff *skb, u32 len, u64 flags)`
fn skb_change_tail(call: &mut Call<'_>) -> Reply {
    let [_, len, flags, ..] = call.args;
    Ok(status(call.skb()?.change_tail(
        call.memory(),
        len as u32,
        flags,
    )))
}

/// `long bpf_skb_change_head(struct sk_buff *skb, u32 len, u64 flags)`
fn skb_change_head(call: &mut Call<'_>) -> Reply {
    let [_, len, flags, ..] = call.args;
    Ok(status(call.skb()?.change_head(
        call.memory(),
        len as u32,
        flags,
    )))
}

/// `long bpf_skb_change_proto(struct sk_buff *skb, __be16 proto, u64 flags)`: room for the other
/// version's header, which the program fills.
fn skb_change_proto(call: &mut Call<'_>) -> Reply {
    let [_, protocol, flags, ..] = call.args;
    if flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    Ok(status(change_proto(
        call.skb()?,
        call.memory(),
        u32::from(protocol as u16),
    )))
}

fn change_proto(skb: &SkBuff, memory: &Memory, new: u32) -> Result<(), Errno> {
    /// How much longer an IPv6 header is.
    const DIFFERENCE: u32 = 20;
    match (Field::Protocol.get(skb, memory), new) {
        (IPV4, IPV6) => skb.insert(memory, ETHERNET, DIFFERENCE)?,
        (IPV6, IPV4) => skb.remove(memory, ETHERNET, DIFFERENCE)?,
        _ => return Err(Errno::ENOTSUPP),
    }
    Field::Protocol.set(skb, memory, new);
    Field::Hash.set(skb, memory, 0);
    Ok(())
}

/// `long bpf_skb_adjust_room(struct sk_buff *skb, s32 len_diff, u32 mode, u64 flags)`: room after
/// the network header (mode 0) or after the link-layer header (mode 1).
fn skb_adjust_room(call: &mut Call<'_>) -> Reply {
    let [_, diff, mode, flags, _] = call.args;
    let (skb, diff) = (call.skb()?, diff as i32);
    if flags & !ADJUST_FLAGS != 0 || (diff < 0 && flags & ENCAPSULATE != 0) {
        return Ok(Errno::EINVAL.as_return());
    }
    Ok(status(adjust_room(skb, call.memory(), diff, mode as u32)))
}

fn adjust_room(skb: &SkBuff, memory: &Memory, diff: i32, mode: u32) -> Result<(), Errno> {
    let len = diff.unsigned_abs();
    if len > MAX_ADJUSTMENT {
        return Err(Errno::EFAULT);
    }
    let network = match Field::Protocol.get(skb, memory) {
        IPV4 => 20,
        IPV6 => 40,
        _ => return Err(Errno::ENOTSUPP),
    };
    let least = ETHERNET + network;
    let off = match mode {
        0 => least,
        1 => ETHERNET,
        _ => return Err(Errno::ENOTSUPP),
    };
    match skb.len().checked_add_signed(diff) {
        Some(left) if diff < 0 && left >= least => skb.remove(memory, off, len),
        Some(grown) if diff >= 0 && grown <= MAX_LEN => skb.insert(memory, off, len),
        _ => Err(Errno::ENOTSUPP),
    }
}
