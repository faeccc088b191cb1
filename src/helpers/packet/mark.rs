//! What a packet says of its way: congestion, and when it shall leave.

use super::frame::Field;
use crate::helpers::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(97, "bpf_skb_ecn_set_ce", ecn_set_ce),
    Entry::new(151, "bpf_skb_cgroup_classid", cgroup_classid),
    Entry::new(192, "bpf_skb_set_tstamp", set_tstamp),
];

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
/// Congestion was experienced: both bits.
const CE: u8 = 3;
/// Offsets of `tstamp` and `tstamp_type` in `struct __sk_buff`.
const TSTAMP: u32 = 152;
const TSTAMP_TYPE: u32 = 180;

/// `long bpf_skb_ecn_set_ce(struct sk_buff *skb)`: whether the packet says now that there is
/// congestion, which only one may say whose sender can be told.
fn ecn_set_ce(call: &mut Call<'_>) -> Reply {
    let skb = call.skb()?;
    let memory = call.memory();
    let protocol = (Field::Protocol.get(skb, memory) as u16).swap_bytes();
    let header = call.network_header();
    let least = match protocol {
        ETH_P_IP => 20,
        ETH_P_IPV6 => 40,
        _ => return Ok(0),
    };
    let end = skb.data().offset(i64::from(skb.len()));
    if skb.len() < least || header.offset(i64::from(least)) > end {
        return Ok(0);
    }
    Ok(u64::from(match protocol {
        ETH_P_IP => mark_ipv4(call, header)?,
        _ => mark_ipv6(call, header)?,
    }))
}

/// Marks an IPv4 header, whose checksum follows (RFC 1624).
fn mark_ipv4(call: &Call<'_>, header: Addr) -> Result<bool, crate::helpers::HelperError> {
    let memory = call.memory();
    let service = header.offset(1);
    let before = memory.peek_uint(service, Size::B)? as u8;
    match before & CE {
        0 => return Ok(false),
        CE => return Ok(true),
        _ => {}
    }
    let place = header.offset(10);
    let checksum = (memory.peek_uint(place, Size::H)? as u16).swap_bytes();
    let more = u32::from(CE - (before & CE));
    let sum = u32::from(checksum) + (0xffff - more);
    let sum = ((sum & 0xffff) + (sum >> 16)) as u16;
    memory.poke_uint(place, Size::H, u64::from(sum.swap_bytes()))?;
    memory.poke_uint(service, Size::B, u64::from(before | CE))?;
    Ok(true)
}

fn mark_ipv6(call: &Call<'_>, header: Addr) -> Result<bool, crate::helpers::HelperError> {
    let memory = call.memory();
    // The traffic class begins in the first byte's lower half.
    let place = header.offset(1);
    let before = memory.peek_uint(place, Size::B)? as u8;
    if before >> 4 & CE == 0 {
        return Ok(false);
    }
    memory.poke_uint(place, Size::B, u64::from(before | CE << 4))?;
    Ok(true)
}

/// `u64 bpf_skb_cgroup_classid(struct sk_buff *skb)`: the machine has no net_cls.
fn cgroup_classid(call: &mut Call<'_>) -> Reply {
    call.skb()?;
    Ok(0)
}

/// `long bpf_skb_set_tstamp(struct sk_buff *skb, u64 tstamp, u32 tstamp_type)`
fn set_tstamp(call: &mut Call<'_>) -> Reply {
    /// `BPF_SKB_CLOCK_REALTIME`, and the highest, `BPF_SKB_CLOCK_TAI`.
    const DATE: u32 = 0;
    const LAST: u32 = 2;
    let [_, tstamp, kind, ..] = call.args;
    let (skb, memory, kind) = (call.skb()?, call.memory(), kind as u32);
    let protocol = (Field::Protocol.get(skb, memory) as u16).swap_bytes();
    if protocol != ETH_P_IP && protocol != ETH_P_IPV6 {
        return Ok(Errno::EOPNOTSUPP.as_return());
    }
    if kind > LAST || (kind != DATE && tstamp == 0) {
        return Ok(Errno::EINVAL.as_return());
    }
    skb.set_field(memory, TSTAMP, Size::DW, tstamp);
    skb.set_field(memory, TSTAMP_TYPE, Size::B, u64::from(kind));
    Ok(0)
}
