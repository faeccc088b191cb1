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

/// Flags of `bpf_skb_adjust_room`.
mod adjust {
    /// `BPF_F_ADJ_ROOM_FIXED_GSO`
    pub(super) const FIXED_GSO: u64 = 1;
    /// `BPF_F_ADJ_ROOM_ENCAP_L3_IPV4`
    pub(super) const ENCAP_IPV4: u64 = 1 << 1;
    /// `BPF_F_ADJ_ROOM_ENCAP_L3_IPV6`
    pub(super) const ENCAP_IPV6: u64 = 1 << 2;
    /// `BPF_F_ADJ_ROOM_ENCAP_L4_GRE`
    pub(super) const ENCAP_GRE: u64 = 1 << 3;
    /// `BPF_F_ADJ_ROOM_ENCAP_L4_UDP`
    pub(super) const ENCAP_UDP: u64 = 1 << 4;
    /// `BPF_F_ADJ_ROOM_NO_CSUM_RESET`
    pub(super) const NO_CSUM_RESET: u64 = 1 << 5;
    /// `BPF_F_ADJ_ROOM_ENCAP_L2_ETH`
    pub(super) const ENCAP_ETHERNET: u64 = 1 << 6;
    /// `BPF_F_ADJ_ROOM_DECAP_L3_IPV4`
    pub(super) const DECAP_IPV4: u64 = 1 << 7;
    /// `BPF_F_ADJ_ROOM_DECAP_L3_IPV6`
    pub(super) const DECAP_IPV6: u64 = 1 << 8;
    /// Where the length of the link-layer header within stands.
    pub(super) const LINK_LEN_SHIFT: u32 = 56;

    /// What a packet that is enclosed is enclosed in.
    pub(super) const ENCAP: u64 = ENCAP_IPV4 | ENCAP_IPV6;
    /// What it was enclosed in.
    pub(super) const DECAP: u64 = DECAP_IPV4 | DECAP_IPV6;
    /// Those that say something where room goes.
    pub(super) const SHRINK: u64 = FIXED_GSO | NO_CSUM_RESET | DECAP;
    /// All that Linux 6.12 knows.
    pub(super) const ALL: u64 =
        SHRINK | ENCAP | ENCAP_GRE | ENCAP_UDP | ENCAP_ETHERNET | 0xff << LINK_LEN_SHIFT;
}

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
        (IPV4, IPV6) => skb.insert(memory, skb.network(), DIFFERENCE)?,
        (IPV6, IPV4) => skb.remove(memory, skb.network(), DIFFERENCE)?,
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
    let adjustment = Adjustment {
        diff: diff as i32,
        mode: mode as u32,
        flags,
    };
    Ok(status(adjustment.apply(call.skb()?, call.memory())))
}

/// What `bpf_skb_adjust_room` is asked for.
struct Adjustment {
    diff: i32,
    mode: u32,
    flags: u64,
}

impl Adjustment {
    /// The checks are in the order of Linux 6.18's, by the errors that it answers with.
    fn apply(&self, skb: &SkBuff, memory: &Memory) -> Result<(), Errno> {
        let len = self.diff.unsigned_abs();
        if self.flags & !adjust::ALL != 0 {
            return Err(Errno::EINVAL);
        }
        if len > MAX_ADJUSTMENT {
            return Err(Errno::EFAULT);
        }
        let network = network_len(Field::Protocol.get(skb, memory))?;
        let header = skb.network();
        let off = match self.mode {
            0 => header + network,
            1 => header,
            _ => return Err(Errno::ENOTSUPP),
        };
        let least = header + self.decapsulated()?.map_or(Ok(network), network_len)?;
        match skb.len().checked_add_signed(self.diff) {
            Some(left) if self.diff < 0 && left >= least => self.shrink(skb, memory, off),
            Some(grown) if self.diff >= 0 && grown <= MAX_LEN => self.grow(skb, memory, off),
            _ => Err(Errno::ENOTSUPP),
        }
    }

    /// The protocol of what was enclosed, if that is said.
    fn decapsulated(&self) -> Result<Option<u32>, Errno> {
        match self.flags & adjust::DECAP {
            0 => Ok(None),
            _ if self.diff >= 0 => Err(Errno::EINVAL),
            adjust::DECAP_IPV4 => Ok(Some(IPV4)),
            adjust::DECAP_IPV6 => Ok(Some(IPV6)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn shrink(&self, skb: &SkBuff, memory: &Memory, off: u32) -> Result<(), Errno> {
        if self.flags & !adjust::SHRINK != 0 {
            return Err(Errno::EINVAL);
        }
        skb.remove(memory, off, self.diff.unsigned_abs())?;
        if let Some(protocol) = self.decapsulated()? {
            Field::Protocol.set(skb, memory, protocol);
        }
        Ok(())
    }

    fn grow(&self, skb: &SkBuff, memory: &Memory, off: u32) -> Result<(), Errno> {
        let encapsulates = self.flags & adjust::ENCAP != 0;
        if encapsulates {
            self.check_encapsulation(skb)?;
        }
        skb.insert(memory, off, self.diff.unsigned_abs())?;
        if encapsulates {
            skb.set_encapsulated();
            let is_ipv6 = self.flags & adjust::ENCAP_IPV6 != 0;
            Field::Protocol.set(skb, memory, if is_ipv6 { IPV6 } else { IPV4 });
        }
        Ok(())
    }

    /// A packet is enclosed once, in one header of each layer, with room for the one within.
    fn check_encapsulation(&self, skb: &SkBuff) -> Result<(), Errno> {
        let has_both = |both: u64| self.flags & both == both;
        let link = (self.flags >> adjust::LINK_LEN_SHIFT) as u32;
        let needs_link = self.flags & adjust::ENCAP_ETHERNET != 0;
        if has_both(adjust::ENCAP)
            || has_both(adjust::ENCAP_GRE | adjust::ENCAP_UDP)
            || (needs_link && link < ETHERNET)
        {
            return Err(Errno::EINVAL);
        }
        if skb.is_encapsulated() {
            return Err(Errno::EALREADY);
        }
        if link > self.diff.unsigned_abs() {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }
}

fn network_len(protocol: u32) -> Result<u32, Errno> {
    match protocol {
        IPV4 => Ok(20),
        IPV6 => Ok(40),
        _ => Err(Errno::ENOTSUPP),
    }
}
